package api_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rekey/internal/argon"
	"rekey/internal/desk"
	"rekey/internal/desk/api"
	"rekey/internal/desk/client"
	"rekey/internal/desk/courier"
	"rekey/internal/desk/passkey"
	"rekey/internal/rekeytest/office"
	"rekey/internal/web"
	"rekey/recovery"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// letters is a mail server that keeps what it carried.
type letters struct {
	mu  sync.Mutex
	all []courier.Message
}

// Carry keeps the message.
func (l *letters) Carry(_ context.Context, m courier.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, m)
	return nil
}

// last is the newest message of a kind about a case.
func (l *letters) last(kind string, number int64) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.all) - 1; i >= 0; i-- {
		if l.all[i].Kind == kind && l.all[i].Case == number {
			return l.all[i].Text
		}
	}
	return ""
}

// place is a desk that serves its API at http://localhost:PORT.
type place struct {
	t    *testing.T
	dir  string
	at   office.Door
	url  string
	mail *letters
	desk *desk.Desk
	now  func() time.Time // nil = time.Now
	of   web.Proxies      // whom the desk trusts
	keys map[string]*passkey.Key
	stop func()
}

func newPlace(t *testing.T) *place {
	t.Helper()
	return newPlaceAt(t, nil)
}

func newPlaceAt(t *testing.T, now func() time.Time) *place {
	t.Helper()
	return newPlaceBehind(t, now, nil)
}

// newPlaceBehind is a place behind proxies.
func newPlaceBehind(t *testing.T, now func() time.Time, of web.Proxies) *place {
	t.Helper()
	p := &place{t: t, now: now, of: of, dir: filepath.Join(t.TempDir(), "desk"), mail: new(letters), at: office.NewDoor(t)}
	p.url = p.at.URL()
	var err error
	if p.keys, err = office.Copy(p.dir); err != nil {
		t.Fatal(err)
	}
	p.serve()
	return p
}

func (p *place) options() desk.Options {
	return desk.Options{URL: p.url, Mail: p.mail, Argon: argon.Cheap(), Now: p.now}
}

// serve opens the desk and serves its API until the test ends or p.stop.
func (p *place) serve() {
	p.t.Helper()
	err := p.at.Open()
	if err != nil {
		p.t.Fatal(err)
	}
	if p.desk, err = desk.Open(p.t.Context(), p.dir, p.options()); err != nil {
		p.t.Fatal(err)
	}
	server := &http.Server{Handler: p.of.Handler(web.Secure(api.Handler(p.desk))), ReadHeaderTimeout: time.Minute, ReadTimeout: time.Minute, WriteTimeout: time.Minute}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		if err := server.Serve(p.at); !errors.Is(err, http.ErrServerClosed) {
			p.t.Error(err)
		}
	})
	all.Go(func() {
		if err := p.desk.Run(ctx); err != nil {
			p.t.Error(err)
		}
	})
	d := p.desk
	p.stop = sync.OnceFunc(func() {
		_ = server.Close()
		cancel()
		all.Wait()
		if err := d.Close(); err != nil {
			p.t.Error(err)
		}
	})
	p.t.Cleanup(p.stop)
}

// restart stops the desk and serves it again at the same address.
func (p *place) restart() {
	p.t.Helper()
	p.stop()
	p.serve()
}

func (p *place) stranger() *client.Client {
	p.t.Helper()
	c, err := client.New(p.url)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(c.HangUp)
	return c
}

// as is a session of somebody, who joins the first time.
func (p *place) as(name string) *client.Client {
	p.t.Helper()
	c := p.stranger()
	if p.keys[name] == nil {
		link, _, err := p.desk.Invite(p.t.Context(), desk.Operator(), name, false, desk.StepUp{})
		if err != nil {
			p.t.Fatal(err)
		}
		key, who, err := c.Join(p.t.Context(), link, "test")
		if err != nil || who.Name != name {
			p.t.Fatalf("join as %s: %+v, %v", name, who, err)
		}
		p.keys[name] = key
	}
	if who, err := c.LogIn(p.t.Context(), p.keys[name]); err != nil || who.Name != name || who.Role != office.People()[name] {
		p.t.Fatalf("log in as %s: %+v, %v", name, who, err)
	}
	return c
}

// box is a recorder as its maker knows it.
type box struct {
	id      recovery.DeviceID
	kDev    []byte
	keys    *recovery.Keys
	counter uint64
}

func newBox(t *testing.T) *box {
	t.Helper()
	r := office.NewRecorder(t)
	return &box{id: r.ID, kDev: r.KDev, keys: r.Keys}
}

func (b *box) recorder() office.Recorder {
	return office.Recorder{ID: b.id, KDev: b.kDev, Keys: b.keys}
}

func (p *place) enrolment(b *box) []byte {
	p.t.Helper()
	return b.recorder().Enrolment(p.t, p.dir, 0)
}

func ownerOfAll() api.Owner {
	return api.Owner{Name: "Petra Example", Since: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), Addresses: []string{"mailto:petra@example.org", "tel:+49301234567"}}
}

// enrol takes a new recorder into the registry.
func (p *place) enrol() *box {
	p.t.Helper()
	b, o := newBox(p.t), ownerOfAll()
	if _, err := p.desk.Enrol(p.t.Context(), desk.Operator(), p.enrolment(b), desk.Owner{Name: o.Name, Since: o.Since, Addresses: o.Addresses}); err != nil {
		p.t.Fatal(err)
	}
	return b
}

func (b *box) challenge(t *testing.T) recovery.Challenge {
	t.Helper()
	b.counter++
	ch, err := b.keys.NewChallenge(recovery.PurposePassword, 0, b.counter, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func (b *box) qr(t *testing.T, ch recovery.Challenge) string {
	t.Helper()
	return b.recorder().QR(t, "desk.example.org", ch)
}

// openCase opens a case about a recorder.
func (p *place) openCase(c *client.Client, b *box, caller string) int64 {
	p.t.Helper()
	of, err := c.OpenCase(p.t.Context(), api.OpenCase{DeviceID: b.id.String(), Account: "admin", Caller: caller})
	if err != nil {
		p.t.Fatal(err)
	}
	return of.Number
}

// code is the number that was sent for a case.
func (p *place) code(number int64) string {
	p.t.Helper()
	digits := regexp.MustCompile(`\b\d{4}[ -]?\d{4}\b`).FindString(p.mail.last("code", number))
	if digits == "" {
		p.t.Fatal("no number was sent")
	}
	return digits
}

// awaitStage waits until a case is at a stage: a notice is sent in the background.
func (p *place) awaitStage(c *client.Client, number int64, want desk.Stage) desk.Case {
	p.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		of, err := c.Case(p.t.Context(), number)
		if err != nil {
			p.t.Fatal(err)
		}
		if of.Stage == want {
			return of
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("stage %q, want %q", of.Stage, want)
		}
	}
}

func wantKind(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("error %v, want %v", err, kind)
	}
}

// filesWith are the files under a folder that hold a text.
func filesWith(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if bytes.Contains(b, []byte(text)) {
			found = append(found, e.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
