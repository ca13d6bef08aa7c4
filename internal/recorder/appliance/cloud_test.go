package appliance

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/mail"
	"rekey/internal/recorder"
	"rekey/internal/recorder/cloud"
	"rekey/internal/rekeytest/browser"
)

// letterBox keeps what the cloud sends to its one owner.
type letterBox struct {
	mu   sync.Mutex
	last string
}

func (l *letterBox) Send(_ context.Context, _ string, m mail.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = m.Text
	return nil
}

// read finds what it looks for in the newest message.
func (l *letterBox) read(t *testing.T, form string) string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	found := regexp.MustCompile(`(?m)^ *(` + form + `)$`).FindStringSubmatch(l.last)
	if found == nil {
		t.Fatal("the newest message does not hold it")
	}
	return found[1]
}

const group = `[0-9A-Z]{4}`

func newCloud(t *testing.T) (url string, mail *letterBox) {
	t.Helper()
	mail = &letterBox{}
	ctx, stop := context.WithCancel(context.Background())
	c, err := cloud.Open(ctx, t.TempDir(), cloud.Options{Mail: mail, Argon: argon.Cheap()})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(c.Handler())
	t.Cleanup(func() {
		stop()
		s.Close()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.URL, mail
}

// shown holds a page against axe-core and, where REKEY_PICTURES names a folder,
// leaves pictures of it there.
func shown(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	tab.Axe(browser.Desktop, browser.PhoneDark)
	if dir := os.Getenv("REKEY_PICTURES"); dir != "" {
		for suffix, l := range map[string]browser.Look{"desktop": browser.Desktop, "desktop-dark": browser.DesktopDark, "phone": browser.Phone} {
			tab.Look(l)
			if err := os.WriteFile(filepath.Join(dir, "seat-"+name+"-"+suffix+".png"), tab.Picture(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	tab.Look(browser.Desktop)
}

// TestAppWay is the app way of the makers' procedures, at two screens: the
// recorder is linked at its seat, the password is lost, the owner asks on a
// phone for the challenge that the seat shows, and types what came by e-mail.
func TestAppWay(t *testing.T) {
	t.Parallel()
	url, mail := newCloud(t)
	r := start(t, made(t), Options{})
	chromium := browser.Start(t)

	phone := chromium.Tab(t)
	phone.Look(browser.Phone)
	phone.Open(url + "/account")
	phone.Type("#address", "petra@example.org")
	phone.Type("#password", "four words that she likes")
	phone.Press("Send the code")
	phone.Type("#code", mail.read(t, group+"-"+group+"-"+group))
	phone.Press("OK")

	seat := chromium.Tab(t)
	seat.Open(r.Ready().Seat + "/")
	seat.Type("#token", r.SeatToken().Reveal())
	seat.Press("Enter")
	seat.Open(r.Ready().Seat + "/login")
	seat.Type("#password", password)
	seat.Press("Log in")
	seat.Press("Linked, or off")
	seat.Wants("The recorder is linked with no cloud: it calls nobody")
	seat.Type("#cloud", "http://192.0.2.1")
	seat.Type("#password", password)
	seat.Press("Get a pairing code")
	seat.Wants("begins with https://")
	seat.Open(r.Ready().Seat + "/menu/cloud")
	seat.Type("#cloud", url)
	seat.Type("#password", "another-Pass-9")
	seat.Press("Get a pairing code")
	seat.Wants("Wrong user name or password")
	shown(t, seat, "cloud-off")
	seat.Open(r.Ready().Seat + "/menu/cloud")
	seat.Type("#cloud", url)
	seat.Type("#password", password)
	seat.Press("Get a pairing code")
	shown(t, seat, "cloud-code")
	code := regexp.MustCompile(group + "-" + group + "-" + group).FindString(seat.Text("main"))
	phone.Type("#code", code)
	phone.Press("Add")
	phone.Wants(r.Info.DeviceID)
	untilLinked(t, r.Box())
	seat.Press("Look whether it is linked")
	seat.Wants("The recorder is linked", "p***@example.org")
	shown(t, seat, "cloud-linked")
	seat.Press("Log out")

	seat.Open(r.Ready().Seat + "/recovery")
	seat.Press("Get a challenge")
	seat.Wants("as its owner, do not call")
	challenge := regexp.MustCompile(group + "(-" + group + "){4}")
	state, err := r.Box().GuardState()
	if err != nil {
		t.Fatal(err)
	}
	phone.Open(url + phone.Path() + "/password")
	phone.Type("#challenge", challenge.FindString(state.Challenge.String()))
	phone.Press("Send the temporary password")
	phone.Wants("It is on its way")
	seat.Type("#answer", mail.read(t, group+"-"+group+"-"+group+"-"+group))
	seat.Press("OK")
	if got := seat.Text("h1"); got == "Forgot password" {
		t.Errorf("the temporary password opened nothing: %s", seat.Path())
	}
}

func untilLinked(t *testing.T, b *recorder.Box) {
	t.Helper()
	over := time.After(time.Minute)
	for {
		changed := b.CloudChanged()
		if l, ok, err := b.CloudLink(); err != nil || ok && l.Linked {
			return
		}
		select {
		case <-changed:
		case <-over:
			t.Fatal("the recorder was not linked in time")
		}
	}
}

// TestLinkByControl: the back of the box links for an admin with the right
// password alone.
func TestLinkByControl(t *testing.T) {
	t.Parallel()
	url, _ := newCloud(t)
	dir := made(t)
	right := rekey.NewSecret(password)
	if _, err := Link(t.Context(), dir, recorder.CloudAddress{URL: url}, "admin", right); !errors.Is(err, rekey.ErrNotFound) {
		t.Errorf("switched off: %v", err)
	}
	r := start(t, dir, Options{})
	if err := r.Box().AddAccount("admin", rekey.Account{Name: "ann", Group: recorder.GroupUser}, rekey.NewSecret("Ann-Was-Here-1"), recorder.AtSeat()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		account, password, cloud string
		want                     error
	}{
		"wrong password": {"admin", "not-the-One-1", url, rekey.ErrDenied},
		"no admin":       {"ann", "Ann-Was-Here-1", url, rekey.ErrDenied},
		"clear text":     {"admin", password, "http://192.0.2.1", rekey.ErrInput},
		"nobody there":   {"admin", password, "http://127.0.0.1:1", rekey.ErrUnreachable},
	} {
		if _, err := Link(t.Context(), dir, recorder.CloudAddress{URL: c.cloud}, c.account, rekey.NewSecret(c.password)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	code, err := Link(t.Context(), dir, recorder.CloudAddress{URL: url}, "admin", right)
	if err != nil || code.IsZero() {
		t.Fatalf("no code: %v", err)
	}
	for _, nowhere := range []string{"", " "} {
		if _, err := Link(t.Context(), dir, recorder.CloudAddress{URL: nowhere}, "admin", right); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("link with %q: %v", nowhere, err)
		}
	}
	if _, err := command(t.Context(), dir, controlRequest{Account: "admin", Password: password}); !errors.Is(err, rekey.ErrInput) && !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("an order that says neither: %v", err)
	}
	if _, is, err := r.Box().CloudLink(); err != nil || !is {
		t.Fatalf("an empty address ended the link: %v", err)
	}
	if err := Unlink(t.Context(), dir, "admin", right); err != nil {
		t.Error(err)
	}
	if err := Unlink(t.Context(), dir, "admin", right); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("nothing to unlink: %v", err)
	}
}
