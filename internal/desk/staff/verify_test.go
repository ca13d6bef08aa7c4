package staff

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"rekey"
	"rekey/internal/desk/passkey"
)

const testOrigin = "http://localhost:8080"

// bare is a staff without a database: enough for what is checked before it. Its
// clock stands still, so that no second ends between two looks at it.
func bare(t testing.TB) *Staff {
	t.Helper()
	address, party, err := relyingParty(testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCeremonies(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 9, 0, 0, 123456789, time.UTC)
	return &Staff{o: Options{Key: make([]byte, 32), Now: func() time.Time { return now }, Rand: rand.Reader}, url: address, passkeys: party, ceremonies: c}
}

// FuzzCredential: whatever comes as a new passkey, nothing but a refusal comes of it.
func FuzzCredential(f *testing.F) {
	s := bare(f)
	who := user{name: "ann", handle: []byte("ann")}
	id, challenge, err := s.ceremonies.begin(s.o.Rand, s.now(), kindJoin, "another link")
	if err != nil {
		f.Fatal(err)
	}
	options, _, err := s.passkeys.BeginRegistration(who, func(o *protocol.PublicKeyCredentialCreationOptions) error { o.Challenge = challenge; return nil })
	if err != nil {
		f.Fatal(err)
	}
	text, err := json.Marshal(options)
	if err != nil {
		f.Fatal(err)
	}
	_, credential, err := passkey.Create(testOrigin, text, rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(id, []byte(credential))
	f.Add("", []byte(`null`))
	f.Add(strings.Repeat("_", 32), []byte(`{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA"}}`))
	f.Fuzz(func(t *testing.T, id string, answer []byte) {
		if _, err := s.verifyNew(id, invitation{token: "x"}, who, answer); !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("got %v", err)
		}
	})
}

// FuzzAssertion: the same for the answer to a log-in or a step-up.
func FuzzAssertion(f *testing.F) {
	s := bare(f)
	id, challenge, err := s.ceremonies.begin(s.o.Rand, s.now(), kindStepUp, "ann", "browser", "another subject")
	if err != nil {
		f.Fatal(err)
	}
	handle := mac(s.o.Key, "user handle", "ann")
	create := `{"publicKey":{"rp":{"id":"localhost"},"user":{"id":"` + protocol.URLEncodedBase64(handle).String() + `"},"challenge":"` + challenge.String() + `","pubKeyCredParams":[{"alg":-7}]}}`
	k, credential, err := passkey.Create(testOrigin, json.RawMessage(create), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(credential)
	if err != nil {
		f.Fatal(err)
	}
	made, err := webauthn.NewCredential(nil, parsed)
	if err != nil {
		f.Fatal(err)
	}
	assertion, err := k.Get(testOrigin, json.RawMessage(`{"publicKey":{"rpId":"localhost","challenge":"`+challenge.String()+`"}}`))
	if err != nil {
		f.Fatal(err)
	}
	who := user{name: "ann", handle: handle, credentials: []webauthn.Credential{*made}}
	if _, err := s.verifyPresence(who, []string{"ann", "browser", "another subject"}, StepUp{ID: id, Assertion: assertion}); err != nil {
		f.Fatal(err) // the seed is a good one, but for its subject
	}
	f.Add(id, []byte(assertion))
	f.Add("", []byte(`{}`))
	f.Add(strings.Repeat("A", 32), []byte(`{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"","signature":""}}`))
	f.Fuzz(func(t *testing.T, id string, answer []byte) {
		if _, err := s.verifyPresence(who, []string{"ann", "browser", "x"}, StepUp{ID: id, Assertion: answer}); !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("got %v", err)
		}
	})
}

// FuzzFlow: no cookie that somebody makes up is a log-in that was begun.
func FuzzFlow(f *testing.F) {
	s := bare(f)
	sealed, err := s.sealFlow(flow{State: "x", Began: s.now().Add(-time.Hour)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/sso/back", nil)
		r.Header.Set("Cookie", flowCookie+"="+value)
		if _, err := s.openFlow(r); !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("got %v", err)
		}
	})
}

// TestCeremoniesAreBounded: what ended is remembered as long as it would count;
// failures are forgotten first, and when everything is full nobody gets through
// twice.
func TestCeremoniesAreBounded(t *testing.T) {
	t.Parallel()
	s := bare(t)
	now := s.now()
	wall := func() time.Time { return now }
	begin := func() string {
		id, _, err := s.ceremonies.begin(s.o.Rand, now, kindStepUp, "x")
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	run := func(id string, err error) error {
		return s.ceremonies.run(wall, id, kindStepUp, []string{"x"}, func(string) error { return err })
	}
	first := begin()
	if err := run(first, nil); err != nil {
		t.Fatal(err)
	}
	for range maxEnded + 5 {
		_ = run(begin(), errLogIn)
	}
	if n := len(s.ceremonies.ended[kindStepUp].failed); n > maxEnded {
		t.Errorf("%d failures are kept", n)
	}
	if err := run(first, nil); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("again: %v", err)
	}
	for range maxEnded - 1 {
		if err := run(begin(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(begin(), nil); !errors.Is(err, rekey.ErrLocked) {
		t.Errorf("when full: %v", err)
	}
	now = now.Add(StepUpLife)
	if err := run(begin(), nil); err != nil || len(s.ceremonies.ended[kindStepUp].held) != 1 {
		t.Errorf("after their time: %v, %d kept", err, len(s.ceremonies.ended[kindStepUp].held))
	}
}

// TestCookiesOverTLS: they are bound to the host and to TLS; those without the
// prefix are not looked at.
func TestCookiesOverTLS(t *testing.T) {
	t.Parallel()
	s := bare(t)
	s.url = "https://desk.example.com"
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", nil) // a proxy ended TLS: r.TLS is nil
	w := httptest.NewRecorder()
	if _, err := s.browser(w, r); err != nil {
		t.Fatal(err)
	}
	c := w.Result().Cookies()[0]
	if c.Name != "__Host-"+browserCookie || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge < 365*24*3600 {
		t.Errorf("%+v", c)
	}
	r.AddCookie(&http.Cookie{Name: browserCookie, Value: c.Value})
	if s.browserOf(r).hash != "" {
		t.Error("a cookie without the prefix is taken")
	}
	r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	if s.browserOf(r).hash == "" {
		t.Error("the one with the prefix is not")
	}
	if c := s.hostCookie(flowCookie, "x", ceremonyLife, http.SameSiteLaxMode); c.SameSite != http.SameSiteLaxMode || c.MaxAge != 300 || !c.Secure || c.Valid() != nil {
		t.Errorf("%+v", c)
	}
}

func TestBrowserWords(t *testing.T) {
	t.Parallel()
	for userAgent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:148.0) Gecko/20100101 Firefox/148.0":                                                           "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36":                      "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0":            "Edge on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15":            "Safari on macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile Safari/604.1": "Safari on iPhone",
		"Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36":                         "Chrome on Android",
		"rekey/1.0": "rekey", "Go-http-client/1.1": "a program", "": "a program",
	} {
		if got := browserWords(userAgent); got != want {
			t.Errorf("%q: %q, want %q", userAgent, got, want)
		}
	}
}

// TestBrowserNamedByItself: somebody with two agents' passkeys gives their
// browser another name, or an older one, than the desk gave it. Only the desk's
// own names count, and they say when the desk first saw the browser.
func TestBrowserNamedByItself(t *testing.T) {
	t.Parallel()
	s := bare(t)
	seen := func(value string) browser {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", nil)
		r.AddCookie(&http.Cookie{Name: browserCookie, Value: value})
		return s.browserOf(r)
	}
	w := httptest.NewRecorder()
	named, err := s.browser(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", nil))
	if err != nil {
		t.Fatal(err)
	}
	value := w.Result().Cookies()[0].Value
	if got := seen(value); got != named || !got.since.Equal(s.now().Truncate(time.Second)) {
		t.Errorf("%v, was named %v", got, named)
	}
	raw, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		t.Fatal(err)
	}
	for at := range raw { // a second earlier, another name, another MAC
		changed := slices.Clone(raw)
		changed[at] ^= 1
		if got := seen(base64.RawURLEncoding.EncodeToString(changed)); got != (browser{}) {
			t.Errorf("with byte %d changed: %v", at, got)
		}
	}
	if got := seen(strings.Repeat("A", len(value))); got != (browser{}) {
		t.Errorf("made up: %v", got)
	}
}
