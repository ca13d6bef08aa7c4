package dahua

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rekey"
	"rekey/internal/transport"
)

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "16") // a test waits for answers that do not come most of the time; -parallel says otherwise
	goleak.VerifyTestMain(m)
}

const (
	testRealm    = "Login to 0123456789ABCDEF0123456789ABCDEF"
	testPassword = "right-Pass1"
)

// peer is a scripted recorder. What a test does not script is answered as
// firmware answers what it does not have.
type peer struct {
	t        *testing.T
	session  string // JSON of the session of the first answer; the second one is "second"
	noRPC    bool
	rpc      map[string]func(call) string // by method; the text is the whole answer
	cgi      map[string]func(*http.Request) (int, string)
	raw      map[string]http.HandlerFunc // by RPC method, where the answer is none of RPC
	change   http.HandlerFunc            // userManager.cgi, once the login is right
	file     http.HandlerFunc            // downloads
	onvif    http.HandlerFunc
	password string
	broken   bool // the CGI refuses every password

	mu     sync.Mutex
	logins int // RPC logins that carried a password
	signed int // CGI requests that carried one
	calls  []call
	asked  []string // CGI requests that carried a password: module?query
}

type call struct {
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Session json.RawMessage `json:"session"`
	Object  json.RawMessage `json:"object"`
	ID      int             `json:"id"`
	path    string
	cookie  string
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/cgi-bin/RPC_Loadfile"):
		if p.authorised(w, r) {
			p.file(w, r)
		}
	case strings.HasPrefix(r.URL.Path, "/RPC_Loadfile"):
		if p.file == nil {
			http.NotFound(w, r)
			return
		}
		p.file(w, r)
	case strings.HasPrefix(r.URL.Path, "/cgi-bin/"):
		if p.authorised(w, r) {
			p.serveCGI(w, r)
		}
	case r.URL.Path == "/onvif/device_service" && p.onvif != nil:
		p.onvif(w, r)
	case r.Method == http.MethodPost && !p.noRPC && r.URL.Path != "/onvif/device_service":
		p.serveRPC(w, r)
	default:
		http.NotFound(w, r)
	}
}

func md5hex(s string) string { x := md5.Sum([]byte(s)); return hex.EncodeToString(x[:]) }

func (p *peer) authorised(w http.ResponseWriter, r *http.Request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := r.Header.Get("Authorization")
	if a != "" {
		p.signed++
		p.asked = append(p.asked, strings.TrimPrefix(r.URL.Path, "/cgi-bin/")+"?"+r.URL.RawQuery)
		v := map[string]string{}
		for _, kv := range strings.Split(strings.TrimPrefix(a, "Digest "), ", ") {
			k, x, _ := strings.Cut(kv, "=")
			v[k] = strings.Trim(x, `"`)
		}
		ha1 := md5hex("admin:" + testRealm + ":" + p.password)
		if !p.broken && v["response"] == md5hex(ha1+":"+v["nonce"]+":"+v["nc"]+":"+v["cnonce"]+":auth:"+md5hex(r.Method+":"+r.RequestURI)) {
			return true
		}
	}
	w.Header().Set("WWW-Authenticate", `Digest realm="`+testRealm+`", qop="auth", nonce="abc", opaque="", stale="false"`)
	w.WriteHeader(http.StatusUnauthorized)
	fmt.Fprint(w, "Invalid Authority!\r\n")
	return false
}

func (p *peer) serveCGI(w http.ResponseWriter, r *http.Request) {
	if p.change != nil && strings.HasSuffix(r.URL.Path, "/userManager.cgi") {
		p.change(w, r)
		return
	}
	action := r.URL.Query().Get("action")
	answer, is := p.cgi[action]
	switch {
	case is:
		status, body := answer(r)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	case action == "getCurrentTime":
		fmt.Fprint(w, "result=2026-9-9 6:24:26\r\n")
	default:
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, "Error\r\nBad Request!\r\n")
	}
}

func (p *peer) serveRPC(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c := call{path: r.URL.Path, cookie: r.Header.Get("Cookie")}
	if err := json.Unmarshal(body, &c); err != nil {
		p.t.Errorf("not JSON: %s", body)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, c)
	method := c.Method
	if method == "global.login" {
		var told struct{ UserName, Password string }
		_ = json.Unmarshal(c.Params, &told)
		if told.Password != "" {
			p.logins++
			method = "second"
		} else {
			method = "first"
		}
	}
	if answer, is := p.raw[method]; is {
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer(w, r)
		return
	}
	if answer, is := p.rpc[method]; is {
		fmt.Fprint(w, strings.ReplaceAll(answer(c), "$ID", strconv.Itoa(c.ID)))
		return
	}
	switch method {
	case "first":
		session := p.session
		if session == "" {
			session = `"first"`
		}
		fmt.Fprintf(w, `{"error":{"code":268632079,"message":"Component error: login challenge!"},"id":%d,"params":{"encryption":"Default","mac":"m","random":"1172275829","realm":"%s"},"result":false,"session":%s}`, c.ID, testRealm, session)
	case "second":
		p.second(w, c)
	case "global.logout", "global.keepAlive":
		fmt.Fprintf(w, `{"id":%d,"params":{"timeout":60},"result":true,"session":"second"}`, c.ID)
	default:
		fmt.Fprintf(w, `{"id":%d,"result":false,"error":{"code":268894210,"message":"method not found"}}`, c.ID)
	}
}

func (p *peer) second(w http.ResponseWriter, c call) {
	var told struct{ Password string }
	_ = json.Unmarshal(c.Params, &told)
	a := strings.ToUpper(md5hex("admin:" + testRealm + ":" + p.password))
	if told.Password != strings.ToUpper(md5hex("admin:1172275829:"+a)) {
		fmt.Fprintf(w, `{"error":{"code":268632085,"message":"Component error: User or password not valid!"},"id":%d,"params":{"remainLockSecond":0,"remainLoginTimes":2},"result":false,"session":2147483643}`, c.ID)
		return
	}
	w.Header().Add("Set-Cookie", "WebClientHttpSessionID=kept; path=/")
	fmt.Fprintf(w, `{"id":%d,"params":{"keepAliveInterval":2},"result":true,"session":"second"}`, c.ID)
}

// methods are the RPC methods that were called, in their order.
func (p *peer) methods() (names []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.calls {
		names = append(names, c.Method)
	}
	return names
}

func (p *peer) spent() (logins, signed int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.logins, p.signed
}

// start serves the peer and tells its identity.
func (p *peer) start(t *testing.T, tls bool) rekey.Identity {
	t.Helper()
	p.t = t
	if p.password == "" {
		p.password = testPassword
	}
	s := httptest.NewUnstartedServer(p)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return identityAt(t, s.Listener.Addr().String(), tls)
}

func identityAt(t *testing.T, address string, tls bool) rekey.Identity {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	at := rekey.Interface{Kind: rekey.InterfaceRPC2, Host: host, Port: n, TLS: tls}
	web := at
	web.Kind = rekey.InterfaceCGI
	return rekey.Identity{Family: family, Channels: 2, Interfaces: []rekey.Interface{at, web}}
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

// driver knows no usual ports: something else may listen there on this machine.
func driver(options ...Option) *Driver {
	return New(slog.New(slog.DiscardHandler), append([]Option{func(d *Driver) { d.limits, d.ports = testLimits(), ports{} }}, options...)...)
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

// says is an RPC answer without regard to the question.
func says(answer string) func(call) string { return func(call) string { return answer } }

// body is a CGI answer with status 200.
func body(text string) func(*http.Request) (int, string) {
	return func(*http.Request) (int, string) { return http.StatusOK, text }
}
