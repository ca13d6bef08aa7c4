package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk/passkey"
	"rekey/internal/desk/staff"
	"rekey/internal/rekeytest/mailbox"
)

// edge is a reverse proxy that ends TLS in front of a desk, and appends to
// X-Forwarded-For where a request comes from. A request's header From has it come
// from there: all of loopback is one place.
type edge struct {
	*httptest.Server
	url, ca string // as people know it, and the file of its certificate
}

func (d *deskFolder) edge() *edge {
	d.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	config, ca := mailbox.SelfSigned(d.t, "localhost")
	e := &edge{ca: d.file("edge.pem", string(ca)), url: fmt.Sprintf("https://localhost:%d", listener.Addr().(*net.TCPAddr).Port)}
	e.Server = &httptest.Server{Listener: listener, TLS: config, Config: &http.Server{ErrorLog: log.New(d.t.Output(), "", 0), ReadHeaderTimeout: time.Minute}}
	d.t.Cleanup(func() { _ = listener.Close() })
	return e
}

// before has the proxy ask the desk that listens there, from now until the test ends.
func (e *edge) before(t *testing.T, listen string) {
	t.Helper()
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{
		Transport: transport, ErrorLog: log.New(t.Output(), "", 0),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: listen})
			p.Out.Host = p.In.Host
			p.Out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
			p.SetXForwarded() // appends
		},
	}
	e.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from := r.Header.Get("From"); from != "" {
			r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(from), 4000).String()
		}
		proxy.ServeHTTP(w, r)
	})
	e.StartTLS()
	t.Cleanup(func() {
		e.Close()
		transport.CloseIdleConnections()
	})
}

// visitor is somebody's browser before the proxy.
type visitor struct {
	t    *testing.T
	at   *edge
	http *http.Client
	from string
}

func (e *edge) visitor(t *testing.T, from string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &visitor{t, e, &http.Client{Transport: e.Client().Transport, Jar: jar, CheckRedirect: stay}, from}
}

// send sends a request; headers are pairs.
func (v *visitor) send(method, path, body string, headers ...string) (*http.Response, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.at.url+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("From", v.from)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := v.http.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return res, string(text)
}

// logIn begins a session by a passkey, and returns the desk's answer.
func (v *visitor) logIn(key *passkey.Key) *http.Response {
	v.t.Helper()
	_, text := v.send("POST", "/api/v1/login/begin", "", "Content-Type", "application/json")
	var begun staff.Ceremony
	if err := json.Unmarshal([]byte(text), &begun); err != nil {
		v.t.Fatalf("%v: %s", err, text)
	}
	assertion, err := key.Get(v.at.url, begun.Options)
	if err != nil {
		v.t.Fatal(err)
	}
	res, text := v.send("POST", "/api/v1/login", fmt.Sprintf(`{"id":%q,"assertion":%s}`, begun.ID, assertion), "Content-Type", "application/json")
	if res.StatusCode != http.StatusCreated {
		v.t.Fatalf("log in: %d %s", res.StatusCode, text)
	}
	return res
}

// TestDeskBehindAProxy: TLS ends at a proxy that the desk was told of. Passkeys,
// cookies and the guard against other sites go by the desk's URL, sessions by the
// sender that the proxy appended.
func TestDeskBehindAProxy(t *testing.T) {
	t.Parallel()
	d := newDeskFolder(t)
	e := d.edge()
	d.serve("--url", e.url, "--trusted-proxies", "127.0.0.1, ::1")
	e.before(t, d.listen)
	if d.url != e.url {
		t.Fatalf("the desk is at %s, and listens at %s", d.url, d.listen)
	}
	if _, err := runDesk(t.Context(), t, "join", "--desk", d.url, "--ca", e.ca, "--link-file", d.file("link-ann", ""),
		"--passkey", d.file("passkey-ann", ""), "--passphrase-file", d.phrase()); err != nil {
		t.Fatal(err)
	}
	_, err := verbs{d, "ann"}.try("case", "show", "1", "--ca", e.ca)
	wantRefused(t, "a case that is not there", err, rekey.ErrNotFound)

	sealed, err := os.ReadFile(d.file("passkey-ann", ""))
	if err != nil {
		t.Fatal(err)
	}
	key, err := passkey.Open(sealed, rekey.NewSecret(testPassphrase))
	if err != nil {
		t.Fatal(err)
	}
	const home = "198.51.100.7"
	ann := e.visitor(t, home)
	wantSafeCookies(t, ann.logIn(key))
	if res, text := ann.send("GET", "/account", ""); res.StatusCode != http.StatusOK || !strings.Contains(text, home) {
		t.Errorf("her account: %d, and the page names %s: %v", res.StatusCode, home, strings.Contains(text, home))
	}
	ann.wantGuarded()

	ann.logIn(key)
	ann.from = "203.0.113.66"
	if res, _ := ann.send("GET", "/account", "", "X-Forwarded-For", home); res.StatusCode != http.StatusSeeOther {
		t.Errorf("from another network, under a made-up sender: %d", res.StatusCode)
	}
	ann.from = home
	if res, _ := ann.send("GET", "/account", ""); res.StatusCode != http.StatusSeeOther {
		t.Errorf("the session lives after somebody tried it elsewhere: %d", res.StatusCode)
	}
}

func wantSafeCookies(t *testing.T, res *http.Response) {
	t.Helper()
	if res.Header.Get("Strict-Transport-Security") == "" {
		t.Error("browsers may come back without TLS")
	}
	if len(res.Cookies()) != 2 {
		t.Errorf("%d cookies", len(res.Cookies()))
	}
	for _, c := range res.Cookies() {
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("cookie %s: Secure %v, HttpOnly %v, SameSite %v, path %q, domain %q", c.Name, c.Secure, c.HttpOnly, c.SameSite, c.Path, c.Domain)
		}
	}
}

// wantGuarded ends the session by a form of the desk's own, after forms of other sites did not.
func (v *visitor) wantGuarded() {
	v.t.Helper()
	const form = "application/x-www-form-urlencoded"
	for _, headers := range [][]string{
		{"Origin", "https://evil.example"},
		{"Origin", "https://evil.example", "X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example"},
		{"Origin", v.at.url, "Sec-Fetch-Site", "cross-site"},
		{"Origin", "null"},
	} {
		if res, text := v.send("POST", "/logout", "", append(headers, "Content-Type", form)...); res.StatusCode != http.StatusForbidden {
			v.t.Errorf("%v: %d %s", headers, res.StatusCode, text)
		}
	}
	if res, _ := v.send("GET", "/account", ""); res.StatusCode != http.StatusOK {
		v.t.Errorf("another site ended the session: %d", res.StatusCode)
	}
	if res, text := v.send("POST", "/logout", "", "Origin", v.at.url, "Content-Type", form); res.StatusCode != http.StatusSeeOther {
		v.t.Errorf("the desk's own form: %d %s", res.StatusCode, text)
	}
	if res, _ := v.send("GET", "/account", ""); res.StatusCode != http.StatusSeeOther {
		v.t.Errorf("after the log-out: %d", res.StatusCode)
	}
}
