package missions

import (
	"context"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey/internal/argon"
	"rekey/internal/mail"
	"rekey/internal/recorder/cloud"
	"rekey/internal/rekeytest/browser"
)

const (
	ownerMail = "petra@example.org"
	guestMail = "gast@example.org"
	appsOwn   = "four words that she likes" // password at the cloud
)

// mailbox takes the cloud's messages.
type mailbox struct {
	mu  sync.Mutex
	all map[string][]string // by address
}

// Send keeps the message.
func (m *mailbox) Send(_ context.Context, to string, msg mail.Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all[to] = append(m.all[to], msg.Text)
	return nil
}

// last is the newest code of that form that went to an address.
func (m *mailbox) last(to string, form *regexp.Regexp) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.all[to]); n > 0 {
		return form.FindString(m.all[to][n-1])
	}
	return ""
}

var threeGroups = regexp.MustCompile(`\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b`)

// openCloud serves a cloud until the test ends.
func openCloud(t *testing.T, now func() time.Time) (base string, mail *mailbox) {
	t.Helper()
	mail = &mailbox{all: map[string][]string{}}
	ctx, stop := context.WithCancel(context.Background())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	base = "http://" + l.Addr().String()
	c, err := cloud.Open(ctx, t.TempDir(), cloud.Options{Mail: mail, URL: base, Argon: argon.Cheap(), Now: now})
	must(t, err)
	server, served := &http.Server{Handler: c.Handler(), ReadHeaderTimeout: time.Minute}, make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		stop()
		must(t, server.Close())
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		must(t, c.Close())
	})
	return base, mail
}

// app is the cloud's pages on somebody's phone, which has a keyboard.
type app struct {
	*browser.Tab
	t    *testing.T
	base string
	mail *mailbox
}

// signUp makes an account by e-mail.
func signUp(t *testing.T, base string, mail *mailbox, address string) app {
	t.Helper()
	a := app{chromium.Tab(t), t, base, mail}
	a.Look(browser.Phone)
	a.Open(base + "/")
	a.Press("Make an account, or set a new password for the one you have")
	a.Type("#address", address)
	a.Type("#password", appsOwn)
	a.Press("Send the code")
	a.Type("#code", mail.last(address, threeGroups))
	a.Press("OK")
	return a
}

// TestOwnerUsesTheApp is the way by the maker's app: link once, at the monitor and
// on the phone; later, with the password lost, challenge at the monitor, message to
// the owner, new password. Somebody with whom the recorder is shared cannot.
func TestOwnerUsesTheApp(t *testing.T) {
	t.Parallel()
	h := build(t, plan{})
	base, mail := openCloud(t, h.now)
	s := h.sitDown()
	phone := signUp(t, base, mail, ownerMail)
	phone.Wants("No recorder is linked to " + ownerMail + " yet")
	s.link(phone)
	phone.Type("#address", guestMail)
	phone.Press("Share")
	phone.Wants(guestMail)

	s.choose("Forgot password")
	s.Wants("Get a challenge here")
	challenge := s.challenge()
	s.Wants("as its owner, do not call", "Device password")
	s.looks("challenge-cloud")
	guest := signUp(t, base, mail, guestMail)
	guest.Wants("Shop", "shared with you")
	guest.Follow("main a[href^='/recorders/']")
	guest.Wants("Forgot device password is for the owner alone")
	guest.Open(base + guest.Path() + "/password")
	guest.Wants("Only the owner of the recorder can ask")

	answer := phone.forgot(challenge)
	s.TypeByMouse("#answer", answer)
	s.AwaitText("All groups are typed right.")
	s.Press("OK")
	s.at(users)
	s.setNew("admin", answer, fresh)
	s.logIn("admin", fresh)
	s.Wants("Logged in as admin", "Look through the recorder")
	h.opensWith("admin", fresh, lost)
	if ok := h.records("answer.ok"); len(ok) != 1 || ok[0].Result != "second desk" {
		t.Errorf("on record is %+v", ok)
	}
	if got := mail.last(guestMail, fourGroups); got != "" {
		t.Error("the guest got a temporary password")
	}
	h.wantRecords(map[string]int{"cloud.link": 1, "password.set": 1, "sessions.revoked": 1})
	h.logsHold(answer, fresh, lost)
}

// link pairs recorder and cloud, at the monitor and on the phone, and leaves the
// monitor at the live view.
func (s seat) link(phone app) {
	s.t.Helper()
	s.logIn("admin", lost)
	s.Press("Linked, or off")
	s.Wants("it calls nobody")
	s.TypeByMouse("#cloud", phone.base)
	s.TypeByMouse("#password", lost)
	s.looks("cloud-off")
	s.Press("Get a pairing code")
	s.Wants("It counts for 10 minutes, and once")
	s.picture("cloud-pairing")
	phone.Type("#code", s.Text("p.code.big"))
	phone.Press("Add")
	phone.Wants("Shop", s.h.Box().Info().DeviceID, "You ("+ownerMail+")")
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if l, is, err := s.h.Box().CloudLink(); err == nil && is && l.Linked {
			break
		}
		if time.Now().After(end) {
			s.t.Fatal("the recorder does not hear that it is linked")
		}
	}
	s.Press("Look whether it is linked")
	s.Wants("The recorder is linked", "p***@example.org")
	s.looks("cloud-linked")
	s.Press("Log out")
}

// forgot asks for a temporary password on the phone, and gives what comes by mail.
func (a app) forgot(challenge string) string {
	a.t.Helper()
	a.Follow("main a[href$='/password']")
	a.Wants("Forgot device password", "Go to the recorder")
	a.Type("#challenge", challenge)
	a.Press("Send the temporary password")
	a.Wants("It is on its way to " + ownerMail)
	keep(a.t, a.Tab, "app-sent", browser.Phone, browser.PhoneDark)
	answer := a.mail.last(ownerMail, fourGroups)
	if answer == "" || strings.Contains(a.Text("body"), answer) {
		a.t.Fatal("the temporary password does not come by mail alone")
	}
	return answer
}
