package seat

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/recorder"
	"rekey/internal/recorder/backup"
	"rekey/recovery"
	"rekey/seclog"
)

var cheap = &argon.Cost{Passes: 1, KiB: 64, Threads: 1}

const (
	lostPassword  = "Lost-And-Gone-77"
	freshPassword = "Brand-New-Key-42"
	phone         = "1-555-0100"

	userPath = "/settings/system/account/user" // on the usual generation of screens
)

// bench is a recorder whose local seat is served on loopback, and what a test
// knows of it.
type bench struct {
	box   *recorder.Box
	dir   string
	base  string
	token rekey.Secret
	keys  *recovery.Keys
	skew  atomic.Int64 // the box's clocks
	goes  atomic.Bool  // with real time, for what moves by itself
	begun time.Time
	log   *logBuffer
	off   chan struct{} // closed: the recorder is switched off

	footage backup.Footage // see withFootage
	backups *backup.Copier
	usb     string
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

// newBench makes a recorder with the admin password, or in factory state when
// it is empty, and serves its seat.
func newBench(t *testing.T, password string) *bench {
	t.Helper()
	return benchOf(t, recorder.Config{AdminPassword: rekey.NewSecret(password)})
}

// benchOf is newBench for a recorder of another make.
func benchOf(t *testing.T, c recorder.Config) *bench {
	t.Helper()
	n := &bench{dir: filepath.Join(t.TempDir(), "box"), token: NewToken(), log: &logBuffer{}, off: make(chan struct{})}
	desk := deskKey(t)
	c.DeskKey, c.Argon = desk.PublicKey(), cheap
	if _, err := recorder.Init(n.dir, c); err != nil {
		t.Fatal(err)
	}
	n.begun = time.Now()
	box, err := recorder.Open(n.dir, recorder.Options{
		Argon: cheap,
		Now:   func() time.Time { return n.begun.Add(n.elapsed()) },
		Clock: n.elapsed,
	})
	if err != nil {
		t.Fatal(err)
	}
	n.box = box
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Errorf("close the box: %v", err)
		}
	})
	n.keys = enrolledKeys(t, n.dir, desk)
	n.serve(t)
	return n
}

func deskKey(t *testing.T) hpke.PrivateKey {
	t.Helper()
	desk, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return desk
}

// enrolledKeys opens the enrolment, as the desk does.
func enrolledKeys(t *testing.T, dir string, desk hpke.PrivateKey) *recovery.Keys {
	t.Helper()
	data, err := os.ReadFile(recorder.EnrolmentFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	e, err := recovery.ParseEnrolment(data)
	if err != nil {
		t.Fatal(err)
	}
	kdev, err := e.Open(desk)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := recovery.NewKeys(kdev)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func (n *bench) serve(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.base = "http://" + l.Addr().String()
	h := Handler(n.box, Options{
		Entry: NewEntry(n.token, n.box.Now), SupportPhone: phone, Desk: "desk.example", Addresses: []string{"192.0.2.10"}, Off: n.off,
		Footage: n.footage, Backup: n.backups,
		Log: slog.New(slog.NewTextHandler(n.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		<-done
	})
}

// elapsed is the box's clock. It stands, however long the machine takes for what
// happens, and only pass moves it, unless the test lets it go.
func (n *bench) elapsed() time.Duration {
	passed := time.Duration(n.skew.Load())
	if n.goes.Load() {
		passed += time.Since(n.begun)
	}
	return passed
}

// pass lets time go by for the box.
func (n *bench) pass(d time.Duration) { n.skew.Add(int64(d)) }

// rightAnswer is what the desk would give out for the open challenge.
func (n *bench) rightAnswer(t *testing.T) string {
	t.Helper()
	state, err := n.box.GuardState()
	if err != nil || !state.Open {
		t.Fatalf("no open challenge: %v", err)
	}
	a, err := n.keys.Answer(n.box.DeviceID(), state.Account, state.Challenge)
	if err != nil {
		t.Fatal(err)
	}
	return a.Reveal()
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
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{MaxConnsPerHost: 32}
	t.Cleanup(tr.CloseIdleConnections)
	return &person{t: t, base: n.base, http: &http.Client{Jar: jar, Transport: tr}, json: true}
}

// owner has typed the seat token.
func (n *bench) owner(t *testing.T) *person {
	t.Helper()
	p := n.stranger(t)
	p.post("/enter", "token", n.token.Reveal()).want(200, "locked")
	return p
}

func (p *person) get(path string) *person { return p.send("GET", path, nil) }

// post sends a form; fields are names and values in turn.
func (p *person) post(path string, fields ...string) *person {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return p.send("POST", path, form)
}

func (p *person) send(method, path string, form url.Values, header ...string) *person {
	p.t.Helper()
	var err error
	if p.got, err = p.try(method, path, form, header...); err != nil {
		p.t.Fatal(err)
	}
	return p
}

// try is for many goroutines.
func (p *person) try(method, path string, form url.Values, header ...string) (reply, error) {
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return reply{}, err
	}
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
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Request.URL.Path, res.Header, string(b)}, err
}

// want fails unless the last answer has that status and is that page.
func (p *person) want(status int, page string) *person {
	p.t.Helper()
	var v struct{ Page, Code string }
	if err := json.Unmarshal([]byte(p.got.body), &v); err != nil {
		p.t.Fatalf("%s: status %d, not JSON: %v", p.got.path, p.got.status, err)
	}
	if p.got.status != status || v.Page+v.Code != page {
		p.t.Fatalf("%s: status %d, page %q; want %d, %q: %s", p.got.path, p.got.status, v.Page+v.Code, status, page, p.got.body)
	}
	return p
}

// read decodes the last answer.
func read[T any](p *person) T {
	p.t.Helper()
	var v T
	if err := json.Unmarshal([]byte(p.got.body), &v); err != nil {
		p.t.Fatal(err)
	}
	return v
}

// events counts the records of the security log by event.
func (n *bench) events(t *testing.T) map[string]int {
	t.Helper()
	count := map[string]int{}
	for r, err := range seclog.Records(os.DirFS(filepath.Join(n.dir, "log"))) {
		if err != nil {
			t.Fatal(err)
		}
		count[r.Event]++
	}
	return count
}

func secretOf(s string) rekey.Secret { return rekey.NewSecret(s) }
