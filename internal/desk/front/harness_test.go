package front_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey/internal/argon"
	"rekey/internal/desk"
	"rekey/internal/desk/courier"
	"rekey/internal/desk/front"
	"rekey/internal/desk/staff"
	"rekey/internal/rekeytest/browser"
	"rekey/internal/rekeytest/office"
	"rekey/recovery"
)

var chromium browser.Shared

func TestMain(m *testing.M) {
	code := m.Run()
	if err := chromium.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// mailbag carries what the desk sends.
type mailbag struct{ office.Bag }

// newest is the newest message of a kind.
func (m *mailbag) newest(t testing.TB, kind string) courier.Message {
	t.Helper()
	all := m.Of(kind)
	if len(all) == 0 {
		t.Fatalf("no message %q was carried", kind)
	}
	return all[len(all)-1]
}

var eightDigits = regexp.MustCompile(`\b\d{4} ?\d{4}\b`)

// house is a desk behind its pages, at http://localhost, with its work in the
// background, agents, and recorders that can be made.
type house struct {
	t         *testing.T
	dir, base string
	mail, sms *mailbag
	desk      *desk.Desk
	ahead     func(time.Duration) // lets time go by on the desk's clock
}

func newHouse(t *testing.T, also ...func(*desk.Options)) *house {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	h := &house{t: t, dir: filepath.Join(t.TempDir(), "desk"), base: "http://localhost:" + port, mail: new(mailbag), sms: new(mailbag)}
	var mu sync.Mutex
	var extra time.Duration
	passed := func() time.Duration { mu.Lock(); defer mu.Unlock(); return extra }
	h.ahead = func(d time.Duration) { mu.Lock(); defer mu.Unlock(); extra += d }
	began := time.Now()
	o := desk.Options{
		URL: h.base, Mail: h.mail, SMS: h.sms, Argon: argon.Cheap(),
		Now:  func() time.Time { return time.Now().Add(passed()) },
		Boot: func() time.Duration { return time.Hour + time.Since(began) + passed() },
		Log:  slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	for _, change := range also {
		change(&o)
	}
	// Made here and not copied: in these tests people register their passkeys in the browser.
	if _, err := desk.Init(t.Context(), h.dir, "root", o); err != nil {
		t.Fatal(err)
	}
	if h.desk, err = desk.Open(t.Context(), h.dir, o); err != nil {
		t.Fatal(err)
	}
	for name, role := range office.People() {
		if role == staff.RoleAdministrator {
			continue // Init made root
		}
		if err := h.desk.AddAgent(t.Context(), desk.Operator(), name, role, desk.StepUp{}); err != nil {
			t.Fatal(err)
		}
	}
	h.serve(l)
	return h
}

func (h *house) serve(l net.Listener) {
	ctx, stop := context.WithCancel(context.Background())
	srv := &http.Server{Handler: front.Handler(h.desk), ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return ctx }}
	var all sync.WaitGroup
	all.Go(func() { _ = srv.Serve(l) })
	all.Go(func() { _ = h.desk.Run(ctx) })
	h.t.Cleanup(func() {
		stop()
		_ = srv.Close()
		all.Wait()
		_ = h.desk.Close()
	})
}

// box is a recorder as the desk knows it: its Device ID, key and counter.
type box struct {
	id      recovery.DeviceID
	kDev    []byte
	keys    *recovery.Keys
	counter uint64
}

func petra() desk.Owner {
	return desk.Owner{Name: "Petra Example", Since: time.Now().AddDate(-1, 0, 0), Addresses: []string{"mailto:petra@example.org", "tel:+49 30 1234567"}}
}

// enrol makes a recorder and enrols it.
func (h *house) enrol(owner desk.Owner) *box {
	h.t.Helper()
	b, file := h.newBox()
	if _, err := h.desk.Enrol(h.t.Context(), desk.Operator(), file, owner); err != nil {
		h.t.Fatal(err)
	}
	return b
}

// newBox makes a recorder, and the file that enrols it.
func (h *house) newBox() (*box, []byte) {
	h.t.Helper()
	r := office.NewRecorder(h.t)
	return &box{id: r.ID, kDev: r.KDev, keys: r.Keys}, r.Enrolment(h.t, h.dir, 0)
}

// challenge is the next challenge of the recorder.
func (b *box) challenge(t *testing.T) recovery.Challenge {
	t.Helper()
	b.counter++
	ch, err := b.keys.NewChallenge(recovery.PurposePassword, 0, b.counter, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// qr is the QR text of a challenge.
func (b *box) qr(t *testing.T, h *house, ch recovery.Challenge) string {
	t.Helper()
	return office.Recorder{ID: b.id, KDev: b.kDev, Keys: b.keys}.QR(t, strings.TrimPrefix(h.base, "http://"), ch)
}

// answer is the recorder's own, in groups.
func (b *box) answer(t *testing.T, ch recovery.Challenge) []string {
	t.Helper()
	a, err := b.keys.Answer(b.id, "admin", ch)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(a.Reveal(), "-")
}

// codeRead is the number that the owner reads out of the newest message.
func (h *house) codeRead() string {
	h.t.Helper()
	return strings.ReplaceAll(eightDigits.FindString(h.mail.newest(h.t, "code").Text), " ", "")
}

// person is somebody at a browser of their own, with a passkey in it.
type person struct {
	*browser.Tab
	t       *testing.T
	h       *house
	passkey *browser.Authenticator
	strokes int // keys that were struck
}

// person joins by a one-time link and logs in.
func (h *house) person(name string) *person {
	h.t.Helper()
	p := h.stranger()
	p.comeIn(name)
	return p
}

func (p *person) comeIn(name string) {
	p.t.Helper()
	link, _, err := p.h.desk.Invite(p.t.Context(), desk.Operator(), name, false, desk.StepUp{})
	if err != nil {
		p.t.Fatal(err)
	}
	p.Open(link.Reveal())
	p.Tick("#join button")
	p.Await("#joined")
	p.Press("Log in")
	p.Press("Log in with a passkey")
}

// stranger is somebody with a browser and no passkey.
func (h *house) stranger() *person {
	p := &person{Tab: chromium.Tab(h.t), t: h.t, h: h}
	p.passkey = p.Passkeys()
	p.Look(wide)
	return p
}

var wide = browser.Look{Width: 1280, Height: 800}

// look holds the page against axe-core, in both layouts and both colour schemes,
// and keeps pictures of it.
func (p *person) look(name string) {
	p.t.Helper()
	p.Axe(wide, browser.PhoneDark)
	p.Look(wide)
	p.picture(name)
}

// picture leaves pictures of the page where REKEY_PICTURES names a folder.
func (p *person) picture(name string) {
	p.t.Helper()
	dir := os.Getenv("REKEY_PICTURES")
	if dir == "" {
		return
	}
	for screen, l := range map[string]browser.Look{
		"wide": wide, "wide-dark": {Width: 1280, Height: 800, Dark: true}, "full": {Width: 1920, Height: 1080},
		"phone": browser.Phone, "phone-dark": browser.PhoneDark,
	} {
		p.Look(l)
		if err := os.WriteFile(filepath.Join(dir, name+"-"+screen+".png"), p.Picture(), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	p.Look(wide)
}

// strike types into whatever has the keyboard, and counts.
func (p *person) strike(text string) {
	p.t.Helper()
	p.Key(text, false)
	p.strokes += len([]rune(text))
}

// enter strikes Enter and waits for the page that follows.
func (p *person) enter() {
	p.t.Helper()
	p.Go()
	p.strokes++
}
