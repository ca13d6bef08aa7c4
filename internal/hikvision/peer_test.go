package hikvision

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rekey"
	"rekey/internal/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testRealm    = "0a1b2c3d4e5f60718293a4b5"
	testPassword = "right-Pass1"
	newPassword  = `New <&"'>% 1`
	hikvisionNS  = "http://www.hikvision.com/ver20/XMLSchema"
	isapiNS      = "http://www.isapi.org/ver20/XMLSchema"
	standardNS   = "http://www.std-cgi.com/ver20/XMLSchema"
)

// user is an account of a peer.
type user struct{ id, name, level, password string }

// peer is a small recorder of the family. What a test does not script is
// answered as firmware answers what it does not have.
type peer struct {
	t       *testing.T
	ns      string
	locks   int    // wrong tries after which it locks; 0: it counts none and tells none
	limits  string // what it tells of the length of passwords
	open    map[string]http.HandlerFunc
	scripts map[string]http.HandlerFunc // by "METHOD path", once the login is right

	mu     sync.Mutex
	users  []user
	wrong  int
	signed int      // requests that carried a login
	asked  []string // METHOD path
	bodies map[string]string
	urls   []string
}

func newPeer() *peer {
	return &peer{
		ns: isapiNS, scripts: map[string]http.HandlerFunc{}, open: map[string]http.HandlerFunc{}, bodies: map[string]string{},
		users: []user{{"1", "admin", "Administrator", testPassword}, {"2", "second", "Operator", "second-Pass1"}},
	}
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	key := r.Method + " " + r.URL.Path
	p.mu.Lock()
	defer p.mu.Unlock()
	p.urls = append(p.urls, r.RequestURI)
	if r.Header.Get("Authorization") == "" {
		if answer, is := p.open[r.URL.Path]; is {
			answer(w, r)
			return
		}
		if strings.Contains(string(raw), "assword>") {
			p.t.Errorf("%s: a password before the login", key)
		}
		p.refuse(w)
		return
	}
	p.signed++
	p.asked = append(p.asked, key)
	p.bodies[key] = string(raw)
	if !p.right(r) {
		p.wrong++
		p.refuse(w)
		return
	}
	p.wrong = 0
	p.serve(w, r, key, raw)
}

func (p *peer) serve(w http.ResponseWriter, r *http.Request, key string, raw []byte) {
	answer, is := p.scripts[key]
	switch {
	case is:
		answer(w, r)
	case key == "GET /ISAPI/Security/userCheck":
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><userCheck version="2.0" xmlns=%q><statusValue>200</statusValue><statusString>OK</statusString></userCheck>`, p.ns)
	case key == "GET /ISAPI/Security/users":
		fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<UserList version=\"1.0\" xmlns=%q>", p.ns)
		for _, u := range p.users {
			fmt.Fprint(w, u.xml(""))
		}
		fmt.Fprint(w, "</UserList>\n")
	case strings.HasPrefix(key, "GET /ISAPI/Security/users/"):
		for _, u := range p.users {
			if strings.HasSuffix(key, "/"+u.id) {
				fmt.Fprint(w, "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n", u.xml(p.ns))
			}
		}
	case strings.HasPrefix(key, "PUT /ISAPI/Security/users/"):
		p.take(w, raw)
	case key == "GET /ISAPI/Security/capabilities" && p.limits != "":
		fmt.Fprintf(w, `<SecurityCap xmlns=%q><SecurityLimits>%s</SecurityLimits></SecurityCap>`, p.ns, p.limits)
	default:
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, status("notSupport"))
	}
}

// xml is a user with an element that nobody knows.
func (u user) xml(ns string) string {
	if ns != "" {
		ns = fmt.Sprintf(" version=\"1.0\" xmlns=%q", ns)
	}
	return fmt.Sprintf("<User%s>\n<id>%s</id><userName>%s</userName><odd:mark xmlns:odd=\"urn:x\" a='1'>kept &amp; whole</odd:mark><userLevel>%s</userLevel></User>", ns, u.id, u.name, u.level)
}

// take sets a password as the firmware's rule allows it.
func (p *peer) take(w http.ResponseWriter, raw []byte) {
	var told struct {
		XMLName  xml.Name `xml:"User"`
		ID       string   `xml:"id"`
		Name     string   `xml:"userName"`
		Password string   `xml:"password"`
		Mark     string   `xml:"mark"`
	}
	if err := xml.Unmarshal(raw, &told); err != nil || told.Mark != "kept & whole" {
		p.t.Errorf("the user came back changed: %v", err)
	}
	if len(told.Password) < 8 {
		fmt.Fprint(w, said(4, "Invalid Operation", "riskPassword"))
		return
	}
	for i, u := range p.users {
		if u.id == told.ID && u.name == told.Name {
			p.users[i].password = told.Password
			fmt.Fprint(w, said(1, "OK", "ok"))
		}
	}
}

func said(code int, words, sub string) string {
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8" ?><ResponseStatus version="1.0" xmlns="%s"><requestURL>/ISAPI/x</requestURL><statusCode>%d</statusCode><statusString>%s</statusString><subStatusCode>%s</subStatusCode></ResponseStatus>`, hikvisionNS, code, words, sub)
}

func md5hex(s string) string { x := md5.Sum([]byte(s)); return hex.EncodeToString(x[:]) }

// right checks the digest (RFC 7616, MD5, qop auth).
func (p *peer) right(r *http.Request) bool {
	v := map[string]string{}
	for _, kv := range strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Digest "), ", ") {
		k, x, _ := strings.Cut(kv, "=")
		v[k] = strings.Trim(x, `"`)
	}
	if p.locks > 0 && p.wrong >= p.locks {
		return false
	}
	for _, u := range p.users {
		ha1 := md5hex(u.name + ":" + testRealm + ":" + u.password)
		if v["username"] == u.name && v["response"] == md5hex(ha1+":"+v["nonce"]+":"+v["nc"]+":"+v["cnonce"]+":auth:"+md5hex(r.Method+":"+r.RequestURI)) {
			return true
		}
	}
	return false
}

// refuse is a 401 with the state of the lock, where it tells that.
func (p *peer) refuse(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Digest qop="auth", realm="`+testRealm+`", nonce="4e5459794f", stale="FALSE"`)
	w.WriteHeader(http.StatusUnauthorized)
	state := ""
	if p.locks > 0 && p.wrong >= p.locks {
		state = "<lockStatus>lock</lockStatus><unlockTime>1700</unlockTime><retryLoginTime>0</retryLoginTime>"
	} else if p.locks > 0 {
		state = fmt.Sprintf("<lockStatus>unlock</lockStatus><unlockTime>0</unlockTime><retryLoginTime>%d</retryLoginTime>", p.locks-p.wrong)
	}
	fmt.Fprint(w, userCheck(state))
}

func (p *peer) logins() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.signed
}

func (p *peer) body(key string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bodies[key]
}

func (p *peer) passwordOf(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range p.users {
		if u.name == name {
			return u.password
		}
	}
	return ""
}

// noSecretInURL fails the test where an address held a password.
func (p *peer) noSecretInURL() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range p.urls {
		for _, secret := range []string{testPassword, "New", "assword="} {
			if strings.Contains(u, secret) {
				p.t.Errorf("a password in the address %s", u)
			}
		}
	}
}

// start serves the peer and tells its identity.
func (p *peer) start(t *testing.T, tls bool) rekey.Identity {
	t.Helper()
	p.t = t
	s := httptest.NewUnstartedServer(p)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	t.Cleanup(p.noSecretInURL)
	at := targetOf(t, s, tls)
	return rekey.Identity{Family: family, Interfaces: []rekey.Interface{{Kind: rekey.InterfaceISAPI, Host: at.Host, Port: at.Port, TLS: tls}}}
}

// book is a login budget that writes down what it is told.
type book struct {
	mu      sync.Mutex
	spent   int
	given   int // settled with nil
	refused []*rekey.LoginError
	empty   bool
}

func (b *book) Spend(string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.empty {
		return rekey.ErrBudget
	}
	b.spent++
	return nil
}

func (b *book) Settle(_ string, result error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var e *rekey.LoginError
	if errors.As(result, &e) {
		b.refused = append(b.refused, e)
	} else if result == nil {
		b.given++
	}
	return nil
}

// testLimits leave room for a busy machine; only the size is small.
func testLimits() transport.Limits {
	const long = time.Minute
	return transport.Limits{Connect: long, Header: long, Whole: long, Idle: long, Body: 64 << 10}
}

func driver(options ...Option) *Driver {
	return New(slog.New(slog.DiscardHandler), append([]Option{func(d *Driver) { d.limits = testLimits() }}, options...)...)
}

func login(password string) rekey.Login {
	return rekey.Login{Account: "admin", Password: rekey.NewSecret(password)}
}

// opened is a session on the peer; it is closed with the test.
func opened(t *testing.T, p *peer, tls bool, options ...Option) (*session, *book) {
	t.Helper()
	b := &book{}
	s, err := driver(options...).Open(t.Context(), p.start(t, tls), login(testPassword), b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s.(*session), b
}

// says is an answer without regard to the question.
func says(code int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprint(w, text)
	}
}

// cut breaks the line without an answer.
func cut(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
