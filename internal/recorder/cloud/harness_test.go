package cloud_test

import (
	"context"
	"crypto/ed25519"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/mail"
	"rekey/internal/recorder"
	"rekey/internal/recorder/cloud"
	"rekey/internal/recorder/link"
	"rekey/internal/rekeytest/browser"
	"rekey/internal/rekeytest/mailbox"
	"rekey/recovery"
)

// chromium is the browser of all tests here.
var chromium browser.Shared

func TestMain(m *testing.M) { goleak.VerifyTestMain(chromium.Around(m)) }

const (
	ownerAddress  = "petra@example.org"
	ownerPassword = "four words that she likes"
	guestAddress  = "gast@example.org"
	boxPassword   = "first-Pass-1"
)

var (
	codeForm   = regexp.MustCompile(`\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b`)
	answerForm = regexp.MustCompile(`\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b`)
	mailedForm = regexp.MustCompile(`asked, within 30 minutes: [0-9A-Z-]{14}\b`)
)

// place is a cloud that is served, with its mail server and its clock.
type place struct {
	t     *testing.T
	dir   string
	base  string
	mail  *mailbox.Server
	cloud *cloud.Cloud
	begun time.Time
	ahead atomic.Int64 // nanoseconds that have gone by
}

// now is the cloud's clock. It stands, however long the machine takes for what
// happens, and only later moves it.
func (p *place) now() time.Time { return p.begun.Add(time.Duration(p.ahead.Load())) }

func newPlace(t *testing.T) *place {
	t.Helper()
	return placeWith(t, func(m cloud.Mailer) cloud.Mailer { return m })
}

// placeWith is newPlace with something between the cloud and its mail server.
func placeWith(t *testing.T, wrap func(cloud.Mailer) cloud.Mailer) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), mail: mailbox.Serve(t), begun: time.Now()}
	ctx, stop := context.WithCancel(context.Background())
	s := httptest.NewUnstartedServer(nil)
	c, err := cloud.Open(ctx, p.dir, cloud.Options{
		URL:   "http://" + s.Listener.Addr().String(),
		Mail:  wrap(mail.SMTP{Server: p.mail.Addr, From: "cloud@example.net"}),
		Argon: argon.Cheap(), Now: p.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Config.Handler = c.Handler()
	s.Start()
	t.Cleanup(func() {
		stop()
		s.Close()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	p.base, p.cloud = s.URL, c
	return p
}

func (p *place) later(d time.Duration) { p.ahead.Add(int64(d)) }

// person is somebody with a browser.
type person struct {
	t    *testing.T
	base string
	http *http.Client
}

func (p *place) person() person {
	p.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	transport := &http.Transport{}
	p.t.Cleanup(transport.CloseIdleConnections)
	return person{p.t, p.base, &http.Client{Jar: jar, Transport: transport}}
}

// reply is a page after redirects.
type reply struct {
	status int
	path   string
	body   string
}

func (w person) do(r *http.Request) reply {
	w.t.Helper()
	answer, err := w.http.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Request.URL.Path, string(body)}
}

func (w person) get(path string) reply {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.base+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.do(r)
}

func (w person) post(path string, fields ...string) reply {
	w.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.do(r)
}

// code is the next code that is mailed to an address for its account.
func (p *place) code(address string) string {
	p.t.Helper()
	_, found := p.mail.Take(address, mailedForm)
	return codeForm.FindString(found)
}

// answer is the next temporary password that is mailed to an address.
func (p *place) answer(address string) string {
	p.t.Helper()
	_, answer := p.mail.Take(address, answerForm)
	return answer
}

var hiddenID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// account makes an account by e-mail and is logged in.
func (p *place) account(address string) person {
	p.t.Helper()
	w := p.person()
	asked := w.post("/account", "address", address, "password", ownerPassword)
	id := hiddenID.FindStringSubmatch(asked.body)
	if asked.status != 200 || id == nil {
		p.t.Fatalf("no code was asked for: status %d", asked.status)
	}
	code := p.code(address)
	if got := w.post("/account/confirm", "id", id[1], "code", code); got.status != 200 || got.path != "/" {
		p.t.Fatalf("confirmation: status %d at %s", got.status, got.path)
	}
	return w
}

// box is a recorder that is on, with its cloud link running.
type box struct {
	*recorder.Box
	t      *testing.T
	client *link.Client
	clock  atomic.Int64
	stop   func()
	admin  recorder.StepUp // what the box's admin types once more
}

func newBox(t *testing.T, name string) *box {
	t.Helper()
	dir, cheap := t.TempDir(), argon.Cheap()
	if _, err := recorder.Init(dir, recorder.Config{Name: name, AdminPassword: rekey.NewSecret(boxPassword), Argon: &cheap}); err != nil {
		t.Fatal(err)
	}
	b := &box{t: t, admin: atBox}
	b.boot(dir)
	t.Cleanup(func() { b.stop() })
	return b
}

func (b *box) boot(dir string) {
	b.t.Helper()
	cheap := argon.Cheap()
	r, err := recorder.Open(dir, recorder.Options{Argon: &cheap, Clock: func() time.Duration { return time.Duration(b.clock.Load()) }})
	if err != nil {
		b.t.Fatal(err)
	}
	b.Box, b.client = r, link.New(r, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = b.client.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		<-done
		if err := r.Close(); err != nil {
			b.t.Error(err)
		}
	})
}

func (b *box) reboot() {
	b.t.Helper()
	b.stop()
	b.boot(b.Dir())
}

// until waits for a change of the link that brings what is wanted.
func (b *box) until(what string, is func(recorder.CloudLink, bool) bool) {
	b.t.Helper()
	over := time.After(time.Minute)
	for {
		changed := b.CloudChanged()
		l, ok, err := b.CloudLink()
		if err != nil {
			b.t.Fatal(err)
		}
		if is(l, ok) {
			return
		}
		select {
		case <-changed:
		case <-over:
			b.t.Fatalf("the box was not %s in time", what)
		}
	}
}

// atBox is what the admin of a new box types once more.
var atBox = recorder.StepUp{Password: rekey.NewSecret(boxPassword)}

// link pairs the box with the cloud for the owner and gives its page.
func (p *place) link(b *box, owner person) string {
	p.t.Helper()
	code, err := b.client.Pair(p.t.Context(), recorder.AdminAccount, p.base, b.admin, recorder.AtSeat())
	if err != nil {
		p.t.Fatal(err)
	}
	got := owner.post("/recorders", "code", strings.ToLower(code.Reveal()))
	if got.status != 200 || !strings.HasPrefix(got.path, "/recorders/") {
		p.t.Fatalf("pairing: status %d at %s", got.status, got.path)
	}
	b.until("linked", func(l recorder.CloudLink, ok bool) bool { return ok && l.Linked })
	return got.path
}

func (b *box) challenge() string {
	b.t.Helper()
	c, err := b.challengeFor(recovery.PurposePassword)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func (b *box) challengeFor(purpose recovery.Purpose) (string, error) {
	b.clock.Add(int64(time.Minute))
	c, err := b.NewChallengeFor(purpose, recorder.AdminAccount)
	return c.String(), err
}

// reset is the button, held, let go, and pressed again.
func (b *box) reset() {
	b.t.Helper()
	_, armed := b.Press(12 * time.Second)
	if _, err := b.Press(time.Second); armed != nil || err != nil || !b.Activation().Locked {
		b.t.Fatalf("the button did not reset: %v %v", armed, err)
	}
}

// release types a temporary password at the locked recorder.
func (b *box) release(answer string) {
	b.t.Helper()
	grant, err := b.SubmitAnswer(recorder.AdminAccount, answer)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.ReleaseByGrant(grant); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) key() ed25519.PrivateKey {
	b.t.Helper()
	l, ok, err := b.CloudLink()
	if err != nil || !ok {
		b.t.Fatalf("no link: %v", err)
	}
	return l.Key
}
