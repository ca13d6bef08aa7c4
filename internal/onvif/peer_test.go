package onvif

import (
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
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
	testPassword = "Right-Pass<1>&'x'"
	newPassword  = `N3w-<"&pa ss]]>`
	testRealm    = "ONVIF of 0123"
)

type peerUser struct{ name, password, level string }

// peer is a device service made by hand from the Core Specification: it checks
// the login of every operation that is not open, and tells replays, requests
// without namespaces and a SetUser without a password.
type peer struct {
	wantToken, wantDigest bool // neither: the token
	challenge             bool // it offers a digest beside the token, and looks at the token alone
	offset                time.Duration
	prefix                string // of SOAP in its answers
	status                int    // HTTP status of NotAuthorized; 0: 400
	said                  string // the fault's text
	html                  bool   // refuses by HTTP alone
	open                  []string
	answers               map[string]http.HandlerFunc // once the login is right, or open
	refuse                http.HandlerFunc            // in place of its refusals
	users                 []peerUser
	clearOK               bool // SetUser may come over plain HTTP

	t      *testing.T
	mu     sync.Mutex
	asked  []string // operations, with "*" where a login came with it
	tries  int      // requests with a login
	wrong  int
	seen   map[string]bool // nonces
	raw    []string
	listen *httptest.Server
}

type soapRequest struct {
	Token *struct {
		Username string
		Password struct {
			Type string `xml:"Type,attr"`
			Text string `xml:",chardata"`
		}
		Nonce   string
		Created string
	} `xml:"Header>Security>UsernameToken"`
	Body struct {
		Operation struct {
			XMLName xml.Name
			Inner   string `xml:",innerxml"`
			Users   []struct {
				Username  string
				Password  *string
				UserLevel string
			} `xml:"User"`
			Protocols []struct {
				Name    string
				Enabled bool
				Port    []int
			} `xml:"NetworkProtocols"`
			SearchToken string
			MaxResults  int
		} `xml:",any"`
	} `xml:"Body"`
}

// reads is what a handler sees of the request.
func reads(t *testing.T, r *http.Request) (q soapRequest) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	if err := xml.Unmarshal(body, &q); err != nil {
		t.Errorf("no XML: %v", err)
	}
	return q
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := reads(p.t, r)
	name := q.Body.Operation.XMLName
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	p.mu.Lock()
	asked := name.Local
	if q.Token != nil || r.Header.Get("Authorization") != "" {
		asked += "*"
		p.tries++
	}
	p.asked = append(p.asked, asked)
	head := fmt.Sprint(r.Method, r.RequestURI, r.Header)
	p.raw = append(p.raw, head, string(body))
	if name.Local == "SetUser" && (r.TLS != nil || p.clearOK) {
		p.raw[len(p.raw)-1] = ""
	}
	p.mu.Unlock()
	if !strings.HasPrefix(name.Space, "http://www.onvif.org/ver10/") {
		p.t.Errorf("%s is of no service", name.Local)
	}
	free := slices.Contains([]string{"GetSystemDateAndTime", "GetServices", "GetServiceCapabilities"}, name.Local) || slices.Contains(p.open, name.Local)
	if slices.Contains(p.open, "-"+name.Local) {
		free = false
	}
	if !free && !p.authorised(r, q) {
		p.deny(w, r)
		return
	}
	if answer, is := p.answers[name.Local]; is {
		answer(w, r)
		return
	}
	p.serve(w, q)
}

// authorised checks what it asks for, and that nothing comes twice.
func (p *peer) authorised(r *http.Request, q soapRequest) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	token, digest := p.rightToken(q), p.rightDigest(r)
	ok := (token || (p.wantDigest && !p.wantToken)) && (digest || !p.wantDigest)
	if !ok && (q.Token != nil || r.Header.Get("Authorization") != "") {
		p.wrong++
	}
	return ok
}

func (p *peer) password(name string) (string, bool) {
	for _, u := range p.users {
		if u.name == name {
			return u.password, true
		}
	}
	return "", false
}

func (p *peer) rightToken(q soapRequest) bool {
	if q.Token == nil {
		return false
	}
	nonce, err := base64.StdEncoding.DecodeString(q.Token.Nonce)
	created, failed := time.Parse("2006-01-02T15:04:05.000Z", q.Token.Created)
	if err != nil || failed != nil || len(nonce) < 16 || strings.Contains(string(nonce), "\x00") || !strings.HasSuffix(q.Token.Password.Type, "#PasswordDigest") {
		p.t.Errorf("no token: %v %v", err, failed)
		return false
	}
	if p.seen[q.Token.Nonce] {
		p.t.Error("a nonce of the token came twice")
	}
	p.seen[q.Token.Nonce] = true
	password, known := p.password(q.Token.Username)
	sum := sha1.Sum(append(nonce, q.Token.Created+password...))
	off := created.Sub(time.Now().Add(p.offset)).Abs()
	return known && off < 5*time.Minute && base64.StdEncoding.EncodeToString(sum[:]) == q.Token.Password.Text
}

func md5hex(s string) string { x := md5.Sum([]byte(s)); return hex.EncodeToString(x[:]) }

func (p *peer) rightDigest(r *http.Request) bool {
	a := r.Header.Get("Authorization")
	if a == "" {
		return false
	}
	v := map[string]string{}
	for _, kv := range strings.Split(strings.TrimPrefix(a, "Digest "), ", ") {
		k, x, _ := strings.Cut(kv, "=")
		v[k] = strings.Trim(x, `"`)
	}
	if p.seen[v["nonce"]+v["nc"]] {
		p.t.Error("a digest came twice")
	}
	p.seen[v["nonce"]+v["nc"]] = true
	password, known := p.password(v["username"])
	ha1 := md5hex(v["username"] + ":" + testRealm + ":" + password)
	return known && v["response"] == md5hex(ha1+":"+v["nonce"]+":"+v["nc"]+":"+v["cnonce"]+":auth:"+md5hex(r.Method+":"+r.RequestURI))
}

func (p *peer) deny(w http.ResponseWriter, r *http.Request) {
	if p.refuse != nil {
		p.refuse(w, r)
		return
	}
	status := p.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	if p.wantDigest || p.challenge {
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Digest realm="%s", qop="auth", nonce="%d", algorithm=MD5`, testRealm, time.Now().UnixNano()))
	}
	if p.html {
		http.Error(w, "<html>no</html>", status)
		return
	}
	p.fault(w, status, p.said, "Sender", "NotAuthorized")
}

// fault writes SOAP 1.2 with the peer's own prefix.
func (p *peer) fault(w http.ResponseWriter, status int, said string, codes ...string) {
	e := p.prefix
	code := ""
	for i, c := range slices.Backward(codes) {
		name := "Subcode"
		if i == 0 {
			name = "Code"
		}
		code = fmt.Sprintf("<%s:%s><%s:Value>odd:%s</%s:Value>%s</%s:%s>", e, name, e, c, e, code, e, name)
	}
	w.WriteHeader(status)
	p.write(w, fmt.Sprintf(`<%s:Fault>%s<%s:Reason><%s:Text xml:lang="en">%s</%s:Text></%s:Reason></%s:Fault>`, e, code, e, e, inText(said), e, e, e))
}

func (p *peer) write(w io.Writer, body string) {
	e := p.prefix
	fmt.Fprintf(w, `<?xml version="1.0"?><%s:Envelope xmlns:%s="http://www.w3.org/2003/05/soap-envelope" xmlns:odd="http://www.onvif.org/ver10/device/wsdl" xmlns:sch="http://www.onvif.org/ver10/schema"><%s:Body>%s</%s:Body></%s:Envelope>`, e, e, e, body, e, e)
}

// says answers <operation>Response with that in it.
func (p *peer) says(operation, inner string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		p.write(w, "<odd:"+operation+"Response>"+inner+"</odd:"+operation+"Response>")
	}
}

func dateTime(name string, at time.Time) string {
	return fmt.Sprintf(`<sch:%s><sch:Time><sch:Hour>%d</sch:Hour><sch:Minute>%d</sch:Minute><sch:Second>%d</sch:Second></sch:Time><sch:Date><sch:Year>%d</sch:Year><sch:Month>%d</sch:Month><sch:Day>%d</sch:Day></sch:Date></sch:%s>`,
		name, at.Hour(), at.Minute(), at.Second(), at.Year(), at.Month(), at.Day(), name)
}

func (p *peer) serve(w http.ResponseWriter, q soapRequest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	op := q.Body.Operation
	inner := ""
	switch op.XMLName.Local {
	case "GetSystemDateAndTime":
		utc := time.Now().UTC().Add(p.offset)
		inner = `<odd:SystemDateAndTime><sch:TimeZone><sch:TZ>EST5EDT,M3.2.0,M11.1.0</sch:TZ></sch:TimeZone>` + dateTime("UTCDateTime", utc) + dateTime("LocalDateTime", utc.Add(-5*time.Hour)) + `</odd:SystemDateAndTime>`
	case "GetDeviceInformation":
		inner = `<odd:Manufacturer>X</odd:Manufacturer><odd:Model>Y</odd:Model><odd:FirmwareVersion>4.0, Build Date 2020-11-17</odd:FirmwareVersion>`
	case "GetUsers":
		for _, u := range p.users {
			inner += "<odd:User>" + tag("sch:Username", u.name) + tag("sch:UserLevel", u.level) + "</odd:User>"
		}
	case "SetUser":
		for _, u := range op.Users {
			p.setUser(u.Username, u.Password, u.UserLevel)
		}
	default:
		p.fault(w, http.StatusInternalServerError, "Optional Action Not Implemented", "Receiver", "ActionNotSupported")
		return
	}
	p.says(op.XMLName.Local, inner)(w, nil)
}

func (p *peer) setUser(name string, password *string, level string) {
	if password == nil || *password == "" {
		p.t.Errorf("SetUser of %q without a password would clear it", name)
		return
	}
	for i, u := range p.users {
		if u.name == name {
			p.users[i] = peerUser{name, *password, level}
			return
		}
	}
	p.t.Errorf("SetUser of %q, who is not there", name)
}

// start serves the peer and tells its identity. At the end it looks for
// passwords in all that came in.
func (p *peer) start(t *testing.T, tls bool) rekey.Identity {
	t.Helper()
	p.t, p.seen = t, map[string]bool{}
	if !p.wantDigest {
		p.wantToken = true
	}
	if p.prefix == "" {
		p.prefix = "env"
	}
	if p.users == nil {
		p.users = []peerUser{{"admin", testPassword, "Administrator"}, {"guard", "Guards-Pass-2", "Operator"}}
	}
	if p.said == "" {
		p.said = "Sender not authorized"
	}
	s := httptest.NewUnstartedServer(p)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	p.listen = s
	t.Cleanup(func() {
		s.Close()
		p.noPasswords()
	})
	target := targetOf(t, s, tls)
	return rekey.Identity{Family: family, Interfaces: []rekey.Interface{{Kind: rekey.InterfaceONVIF, Host: target.Host, Port: target.Port, TLS: tls}}}
}

func (p *peer) noPasswords() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, password := range []string{testPassword, newPassword, "Guards-Pass-2"} {
		for _, form := range []string{password, inText(password), url.QueryEscape(password), base64.StdEncoding.EncodeToString([]byte(password)), base64.StdEncoding.EncodeToString([]byte("admin:" + password)), md5hex(password)} {
			if slices.ContainsFunc(p.raw, func(s string) bool { return strings.Contains(s, form) }) {
				p.t.Error("a request carries a password in the clear")
			}
		}
	}
}

// operations are what it was asked, in order, with "*" where a login came with it.
func (p *peer) operations() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

func (p *peer) counts() (tries, wrong int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tries, p.wrong
}

// times is how often an operation was asked with a login.
func (p *peer) times(operation string) (n int) {
	for _, o := range p.operations() {
		if o == operation+"*" {
			n++
		}
	}
	return n
}

// book is a login budget that writes down what it is told.
type book struct {
	mu      sync.Mutex
	spent   int
	given   int
	room    int // 0: no end
	refused []*rekey.LoginError
}

func (b *book) Spend(string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.room != 0 && b.spent >= b.room {
		return rekey.ErrBudget
	}
	b.spent++
	return nil
}

func (b *book) Settle(_ string, result error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var e *rekey.LoginError
	switch {
	case errors.As(result, &e):
		b.refused = append(b.refused, e)
	case result == nil:
		b.given++
	}
	return nil
}

// driver leaves room for a busy machine.
func driver(options ...Option) *Driver {
	const long = time.Minute
	return New(slog.New(slog.DiscardHandler), append([]Option{func(d *Driver) {
		d.limits, d.pause = transport.Limits{Connect: long, Header: long, Whole: long}, time.Millisecond
	}}, options...)...)
}

func loginOf(account, password string) rekey.Login {
	return rekey.Login{Account: account, Password: rekey.NewSecret(password)}
}

// opened is a session on the peer; it is closed with the test.
func opened(t *testing.T, p *peer, tls bool, options ...Option) (*session, *book) {
	t.Helper()
	b := &book{}
	s, err := driver(options...).Open(t.Context(), p.start(t, tls), loginOf("admin", testPassword), b)
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
