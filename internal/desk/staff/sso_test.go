package staff_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk/staff"
)

// issuer is a small identity provider: code flow, PKCE, RS256, keys at an
// address. What it says can be spoilt.
type issuer struct {
	t      *testing.T
	server *httptest.Server
	key    *rsa.PrivateKey
	signer *rsa.PrivateKey // what it signs with
	clock  *clock

	mu     sync.Mutex
	claims map[string]any           // over the right ones; nil = left out
	back   func(url.Values)         // changes what comes back to the desk
	codes  map[string]authorisation // drawn and not used
	tries  int                      // at the token endpoint
}

type authorisation struct{ challenge, nonce, redirect string }

const clientID, clientSecret = "rekey", "s e/c+ret"

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{t: t, key: key, signer: key, claims: map[string]any{}, codes: map[string]authorisation{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		i.write(w, map[string]any{"issuer": i.server.URL, "authorization_endpoint": i.server.URL + "/authorize", "token_endpoint": i.server.URL + "/token",
			"jwks_uri": i.server.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		i.write(w, map[string]any{"keys": []any{map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1",
			"n": b64(i.key.N.Bytes()), "e": b64(big.NewInt(int64(i.key.E)).Bytes())}}})
	})
	mux.HandleFunc("GET /authorize", i.authorize)
	mux.HandleFunc("POST /token", i.token)
	i.server = httptest.NewTLSServer(mux)
	t.Cleanup(i.server.Close)
	return i
}

func (i *issuer) write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (i *issuer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != clientID || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" ||
		len(q.Get("code_challenge")) != 43 || len(q.Get("state")) < 22 || len(q.Get("nonce")) < 22 || !strings.Contains(q.Get("scope"), "openid") {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	code := rand.Text()
	i.codes[code] = authorisation{q.Get("code_challenge"), q.Get("nonce"), q.Get("redirect_uri")}
	back := url.Values{"code": {code}, "state": {q.Get("state")}}
	if i.back != nil {
		i.back(back)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tries++
	id, secret, _ := r.BasicAuth()
	secret, _ = url.QueryUnescape(secret)
	a, known := i.codes[r.FormValue("code")]
	delete(i.codes, r.FormValue("code"))
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if id != clientID || secret != clientSecret || !known || b64(sum[:]) != a.challenge || r.FormValue("redirect_uri") != a.redirect {
		w.WriteHeader(http.StatusBadRequest)
		i.write(w, map[string]any{"error": "invalid_grant"})
		return
	}
	claims := map[string]any{"iss": i.server.URL, "sub": "1", "aud": clientID, "nonce": a.nonce, "email": "ann@example.com", "email_verified": true,
		"iat": i.clock.Now().Unix(), "exp": i.clock.Now().Add(time.Minute).Unix()}
	maps.Copy(claims, i.claims)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	i.write(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": i.sign(claims)})
}

func (i *issuer) sign(claims map[string]any) string {
	header, _ := json.Marshal(map[string]any{"alg": "RS256", "kid": "1"})
	payload, err := json.Marshal(claims)
	if err != nil {
		i.t.Error(err)
	}
	text := b64(header) + "." + b64(payload)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.signer, crypto.SHA256, sum[:])
	if err != nil {
		i.t.Error(err)
	}
	return text + "." + b64(signature)
}

func (i *issuer) ca() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.server.Certificate().Raw})
}

// withIssuer is a place with that identity provider, at which ann is known.
func withIssuer(t *testing.T, i *issuer) *place {
	t.Helper()
	p := newPlace(t, func(o *staff.Options) {
		o.SSO = &staff.SSO{Issuer: i.server.URL, ClientID: clientID, Secret: rekey.NewSecret(clientSecret), CA: i.ca()}
	})
	i.clock = p.clock
	p.add("ann", staff.RoleAgent)
	p.add("bob", staff.RoleAgent)
	if _, err := p.staff.SetSSO(t.Context(), "ann", "Ann@example.com"); err != nil {
		t.Fatal(err)
	}
	return p
}

// ssoBrowse is a browser that also goes to the identity provider.
func (p *place) ssoBrowse(i *issuer) *browse {
	p.t.Helper()
	b := p.browse()
	pool := x509.NewCertPool()
	pool.AddCert(i.server.Certificate())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	p.t.Cleanup(transport.CloseIdleConnections)
	b.c.Transport = transport
	return b
}

func TestSSO(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	p := withIssuer(t, i)
	if !p.staff.HasSSO() {
		t.Error("no identity provider")
	}
	b := p.ssoBrowse(i)
	for range 2 {
		if status, body := b.send("GET", "/sso", ""); status != http.StatusOK || body != "ann agent 64" || b.who() != "ann" {
			t.Fatalf("%d %s, then %s", status, body, b.who())
		}
	}
	p.wantRecord("ann agent.login ann ok")
	if a, b := b.thief(sessionName), b.thief(sessionName, browserName); a.who() != "401" || b.who() != "401" {
		t.Error("the session is not bound to the browser")
	}
	if _, err := p.staff.BeginStepUp(t.Context(), staff.Agent{Name: "ann"}, "x"); err == nil {
		t.Error("a step-up without a passkey")
	}
}

// TestSSORefusals: what the identity provider says must be about a verified
// person, made for this desk and this log-in, and hold now. The answer is the
// same for every reason, and is recorded.
func TestSSORefusals(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	p := withIssuer(t, i)
	n := 0
	say := func(claim string, value any) func(*issuer, *place) {
		return func(i *issuer, _ *place) { i.claims[claim] = value }
	}
	back := func(change func(url.Values)) func(*issuer, *place) {
		return func(i *issuer, _ *place) { i.back = change }
	}
	for name, spoil := range map[string]func(*issuer, *place){
		"another nonce":        say("nonce", "another"),
		"no nonce":             say("nonce", nil),
		"unverified":           say("email_verified", false),
		"verified in words":    say("email_verified", "true"),
		"nothing of verified":  say("email_verified", nil),
		"another audience":     say("aud", "another"),
		"others, too":          say("aud", []string{clientID, "another"}),
		"another issuer":       say("iss", "https://idp.example.com"),
		"expired":              say("exp", time.Date(2026, 3, 1, 8, 59, 59, 0, time.UTC).Unix()),
		"no address":           say("email", nil),
		"nobody here":          say("email", "eve@example.com"),
		"looks like her":       say("email", "\u00c5nn@example.com"),
		"nobody's":             say("email", ""),
		"another state":        back(func(q url.Values) { q.Set("state", strings.Repeat("A", 43)) }),
		"no state":             back(func(q url.Values) { q.Del("state") }),
		"another code":         back(func(q url.Values) { q.Set("code", "x") }),
		"no code":              back(func(q url.Values) { q.Del("code") }),
		"an error":             back(func(q url.Values) { q.Set("error", "access_denied") }),
		"a code of long ago":   back(func(q url.Values) { q.Set("code", strings.Repeat("x", 5000)) }),
		"disabled":             func(_ *issuer, p *place) { _, _ = p.staff.Disable(t.Context(), "ann") },
		"another's signature":  func(i *issuer, _ *place) { i.signer, _ = rsa.GenerateKey(rand.Reader, 2048) },
		"too late with cookie": func(i *issuer, p *place) { i.back = func(url.Values) { p.clock.Add(5 * time.Minute) } },
	} {
		n++
		i.claims, i.back, i.signer = map[string]any{}, nil, i.key
		if _, err := p.staff.Enable(t.Context(), "ann"); err != nil {
			t.Fatal(err)
		}
		spoil(i, p)
		b := p.ssoBrowse(i)
		b.from = fmt.Sprintf("198.51.100.%d", n) // none waits
		status, body := b.send("GET", "/sso", "")
		if status != http.StatusForbidden || !strings.Contains(body, "the log-in by the identity provider was refused; try again, or use your passkey") || b.who() != "401" {
			t.Errorf("%s: %d %s", name, status, body)
		}
		if got := p.log.count(" agent.login"); got != n {
			t.Errorf("%s: %d records of %d", name, got, n)
		}
	}
}

// TestSSOOtherBrowser: what one browser began no other can finish, nor the same
// one twice; a code that was intercepted is worth nothing without the verifier.
func TestSSOOtherBrowser(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	p := withIssuer(t, i)
	victim, attacker := p.ssoBrowse(i), p.ssoBrowse(i)
	var intercepted string
	victim.c.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/sso/back" {
			intercepted = "/sso/back?" + r.URL.RawQuery
			return http.ErrUseLastResponse
		}
		return nil
	}
	victim.send("GET", "/sso", "")
	if intercepted == "" {
		t.Fatal("nobody came back")
	}
	if status, _ := attacker.send("GET", intercepted, ""); status != http.StatusForbidden {
		t.Errorf("without the cookie: %d", status)
	}
	// With a log-in of their own the state is another one; with its state put in,
	// the code is of another verifier.
	attacker.c.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/sso/back" {
			q := r.URL.Query()
			stolen, _ := url.Parse(intercepted)
			q.Set("code", stolen.Query().Get("code"))
			r.URL.RawQuery = q.Encode()
		}
		return nil
	}
	if status, _ := attacker.send("GET", "/sso", ""); status != http.StatusForbidden || attacker.who() != "401" {
		t.Errorf("with the code: %d", status)
	}
	if i.tries == 0 {
		t.Error("the identity provider did not get to check the verifier")
	}
	victim.c.CheckRedirect = nil
	if status, _ := victim.send("GET", "/sso", ""); status != http.StatusOK {
		t.Errorf("the victim themselves: %d", status)
	}
	if status, _ := victim.send("GET", intercepted, ""); status != http.StatusForbidden {
		t.Errorf("once more: %d", status)
	}
}

// TestSSOThrottle: an address that fails often waits, before the provider is asked.
func TestSSOThrottle(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.claims["email"] = "eve@example.com"
	p := withIssuer(t, i)
	b := p.ssoBrowse(i)
	for range 20 {
		b.send("GET", "/sso", "")
	}
	before := i.tries
	if status, _ := b.send("GET", "/sso", ""); status != http.StatusTooManyRequests || i.tries != before {
		t.Errorf("status %d, asked %d times more", status, i.tries-before)
	}
	if got := p.log.count(" agent.login"); got != 20 {
		t.Errorf("%d records", got)
	}
}

// TestSSODown: a provider that does not answer, or whom the desk does not trust,
// is left alone for a while; the desk starts without it.
func TestSSODown(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	p := newPlace(t, func(o *staff.Options) { o.SSO = &staff.SSO{Issuer: i.server.URL, ClientID: clientID} })
	b := p.browse()
	if status, body := b.send("GET", "/sso", ""); status != http.StatusBadGateway || !strings.Contains(body, "passkey") {
		t.Errorf("%d %s", status, body)
	}
	none := newPlace(t)
	if status, _ := none.browse().send("GET", "/sso", ""); status != http.StatusNotImplemented || none.staff.HasSSO() {
		t.Errorf("without one: %d", status)
	}
	for _, bad := range []staff.SSO{{}, {Issuer: "http://idp.example.com", ClientID: "x"}, {Issuer: "https://idp.example.com"}, {Issuer: "https://idp.example.com", ClientID: "x", CA: []byte("x")}} {
		o := none.o
		o.SSO = &bad
		_, err := staff.New(none.db, o)
		wantKind(t, err, rekey.ErrInput)
	}
}

// TestSSOBegunElsewhere: a page of another site sends an agent to the log-in. Their
// browser keeps its name, and they their session.
func TestSSOBegunElsewhere(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	p := withIssuer(t, i)
	for site, refused := range map[string]bool{"cross-site": true, "same-origin": false, "none": false, "": false} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/sso", nil)
		r.Header.Set("Sec-Fetch-Site", site)
		w := httptest.NewRecorder()
		_, err := p.staff.BeginSSO(w, r)
		if errors.Is(err, rekey.ErrDenied) != refused || (len(w.Result().Cookies()) == 0) != refused {
			t.Errorf("from %q: %v, cookies %v", site, err, w.Result().Cookies())
		}
	}
}
