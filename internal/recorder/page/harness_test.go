package page

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base32"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/hotp"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/recorder"
	"rekey/internal/recorder/clips"
	"rekey/seclog"
)

var cheap = &argon.Cost{Passes: 1, KiB: 64, Threads: 1}

const (
	adminPassword = "Admin-Has-This-7"
	freshPassword = "Brand-New-Key-42"
	annPassword   = "Ann-Was-Here-1"
)

var footageEnds = time.Date(2026, 9, 9, 10, 30, 0, 0, time.UTC)

// bench is a recorder whose web page is served on loopback.
type bench struct {
	box         *recorder.Box
	clips       *clips.Store
	dir         string
	http, https string       // base URLs
	skew        atomic.Int64 // the box's clocks
	begun       time.Time
	log         *logBuffer
	handler     http.Handler
	off         context.CancelFunc
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func secretOf(s string) rekey.Secret { return rekey.NewSecret(s) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newBench makes a recorder with the admin password, or in factory state when
// there is none, and serves its page.
func newBench(t *testing.T, c recorder.Config) *bench {
	t.Helper()
	n := &bench{dir: t.TempDir(), log: &logBuffer{}}
	c.Argon = cheap
	if c.Channels == 0 {
		c.Channels = 2
	}
	_, err := recorder.Init(n.dir, c)
	must(t, err)
	n.begun = time.Now()
	n.box, err = recorder.Open(n.dir, recorder.Options{
		Argon: cheap,
		Now:   func() time.Time { return n.begun.Add(n.elapsed()) },
		Clock: n.elapsed,
	})
	must(t, err)
	t.Cleanup(func() { must(t, n.box.Close()) })
	key, err := n.box.FootageKey()
	must(t, err)
	must(t, clips.Make(recorder.FootageDir(n.dir), clips.Spec{Channels: c.Channels, Days: 2, ClipSeconds: 2, Now: footageEnds}, key))
	n.clips, err = clips.Open(recorder.FootageDir(n.dir), n.box)
	must(t, err)
	t.Cleanup(func() { must(t, n.clips.Close()) })
	n.serve(t)
	return n
}

func owned(t *testing.T) *bench {
	t.Helper()
	return newBench(t, recorder.Config{AdminPassword: rekey.NewSecret(adminPassword)})
}

func (n *bench) serve(t *testing.T) {
	t.Helper()
	var ctx context.Context
	ctx, n.off = context.WithCancel(t.Context())
	o := Options{Footage: n.clips, Off: ctx.Done(), Log: slog.New(slog.NewTextHandler(n.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	plain := listen(t)
	n.http = "http://" + plain.Addr().String()
	var safe net.Listener
	if n.box.Traits().HTTPS {
		safe = listen(t)
		n.https = "https://" + safe.Addr().String()
		o.HTTPS = safe.Addr().(*net.TCPAddr).Port
		safe = tls.NewListener(safe, &tls.Config{Certificates: []tls.Certificate{n.box.Certificate()}, MinVersion: tls.VersionTLS12})
	}
	n.handler = Handler(n.box, o)
	for _, l := range []net.Listener{plain, safe} {
		if l != nil {
			serve(t, l, n.handler)
		}
	}
}

func serve(t *testing.T, l net.Listener, h http.Handler) {
	t.Helper()
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		must(t, srv.Close())
		<-done
	})
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	return l
}

// elapsed is the box's clock. It stands, however long the machine takes for what
// happens, and only pass moves it.
func (n *bench) elapsed() time.Duration { return time.Duration(n.skew.Load()) }

// pass lets time go by for the box.
func (n *bench) pass(d time.Duration) { n.skew.Add(int64(d)) }

// addUser makes a user of the group user with those rights.
func (n *bench) addUser(t *testing.T, name, password string, rights ...recorder.Right) {
	t.Helper()
	must(t, n.box.AddAccount("admin", rekey.Account{Name: name, Group: recorder.GroupUser}, rekey.NewSecret(password), recorder.Client{}))
	must(t, n.box.ModifyAccount("admin", name, recorder.GroupUser, "", rights, recorder.Client{}))
}

// person is somebody with a browser that follows links; got is the last page.
type person struct {
	t    *testing.T
	base string
	http *http.Client
	json bool
	got  reply
}

type reply struct {
	status int
	path   string
	header http.Header
	body   string
}

func (n *bench) stranger(t *testing.T) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxConnsPerHost: 64}
	t.Cleanup(tr.CloseIdleConnections)
	base := n.https
	if base == "" {
		base = n.http
	}
	return &person{t: t, base: base, http: &http.Client{Jar: jar, Transport: tr}, json: true}
}

// user is logged in.
func (n *bench) user(t *testing.T, name, password string) *person {
	t.Helper()
	p := n.stranger(t)
	p.post("/login", "account", name, "password", password)
	if p.got.status != 200 || p.got.path == "/login" {
		t.Fatalf("log in as %s: %d at %s: %s", name, p.got.status, p.got.path, p.got.body)
	}
	return p
}

func (n *bench) admin(t *testing.T) *person {
	t.Helper()
	return n.user(t, "admin", adminPassword)
}

// stays does not follow links.
func (p *person) stays() *person {
	p.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return p
}

func (p *person) get(path string, header ...string) *person {
	p.t.Helper()
	return p.send("GET", path, nil, header...)
}

// post sends a form; fields are names and values in turn.
func (p *person) post(path string, fields ...string) *person {
	p.t.Helper()
	return p.send("POST", path, formOf(fields...))
}

func formOf(fields ...string) url.Values {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return form
}

func (p *person) send(method, path string, form url.Values, header ...string) *person {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, strings.NewReader(form.Encode()))
	must(p.t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if p.json {
		req.Header.Set("Accept", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Set(header[i], header[i+1])
	}
	res, err := p.http.Do(req)
	must(p.t, err)
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	must(p.t, err)
	p.got = reply{res.StatusCode, res.Request.URL.Path, res.Header, string(b)}
	return p
}

// want fails unless the last answer has that status and is that page.
func (p *person) want(status int, page string) *person {
	p.t.Helper()
	var v struct{ Page, Code string }
	if err := json.Unmarshal([]byte(p.got.body), &v); err != nil {
		p.t.Fatalf("%s: status %d, not JSON: %v", p.got.path, p.got.status, err)
	}
	got := v.Page
	if got == "" {
		got = v.Code
	}
	if p.got.status != status || got != page {
		p.t.Fatalf("%s: status %d, page %q; want %d, %q: %s", p.got.path, p.got.status, got, status, page, p.got.body)
	}
	return p
}

// says fails unless the last answer holds each text.
func (p *person) says(texts ...string) *person {
	p.t.Helper()
	for _, text := range texts {
		if !strings.Contains(p.got.body, text) {
			p.t.Fatalf("%s does not say %q: %s", p.got.path, text, p.got.body)
		}
	}
	return p
}

// read decodes the last answer.
func read[T any](p *person) T {
	p.t.Helper()
	var v T
	must(p.t, json.Unmarshal([]byte(p.got.body), &v))
	return v
}

// cookies are those of the person, as sent.
func (p *person) cookies() []*http.Cookie {
	p.t.Helper()
	u, err := url.Parse(p.base)
	must(p.t, err)
	return p.http.Jar.Cookies(u)
}

// events counts the records of the security log by event.
func (n *bench) events(t *testing.T) map[string]int {
	t.Helper()
	count := map[string]int{}
	for r, err := range seclog.Records(os.DirFS(recorder.LogDir(n.dir))) {
		must(t, err)
		count[r.Event]++
	}
	return count
}

// authenticator is the owner's telephone: it got the key by its camera.
type authenticator struct {
	key string
	box *recorder.Box
}

func newAuthenticator(t *testing.T, n *bench, text string) *authenticator {
	t.Helper()
	u, err := url.Parse(text)
	must(t, err)
	if _, err := base32.StdEncoding.DecodeString(u.Query().Get("secret")); err != nil || u.Scheme != "otpauth" {
		t.Fatal("the QR code is not that of an authenticator's key")
	}
	return &authenticator{u.Query().Get("secret"), n.box}
}

// code is the one shown so many steps from now.
func (a *authenticator) code(t *testing.T, steps int64) string {
	t.Helper()
	code, err := hotp.GenerateCode(a.key, uint64(a.box.Now().Unix()/30+steps))
	must(t, err)
	return code
}

// switchOn gives the person a second factor by way of the pages.
func (n *bench) switchOn(t *testing.T, p *person, password string) (*authenticator, []string) {
	t.Helper()
	p.post("/settings/security/on", "password", password).want(200, "offer")
	a := newAuthenticator(t, n, read[OfferView](p).URL)
	p.post("/settings/security/confirm", "code", a.code(t, 0)).want(200, "sheet")
	return a, read[SheetView](p).Codes
}
