package page

import (
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"rekey/internal/recorder"
)

// kept is admin with a phone that stays logged in.
func (n *bench) kept(t *testing.T) *person {
	t.Helper()
	p := n.stranger(t)
	p.post("/login", "account", "admin", "password", adminPassword, "keep", "on").want(200, "live")
	return p
}

// TestLogOutOfAPhoneThatSlept: whoever presses Log out on a page that was left
// open is logged out, although the session had ended by itself.
func TestLogOutOfAPhoneThatSlept(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.kept(t)
	n.pass(loginIdle + time.Minute)
	p.post("/logout").want(200, "login")
	p.get("/settings").want(401, "no_session")
	if left := n.box.Phones("admin"); len(left) != 0 {
		t.Errorf("still paired: %+v", left)
	}
}

// TestPhoneWakesAtADownload: the session that the phone's token begins carries
// what was asked for to its end.
func TestPhoneWakesAtADownload(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.kept(t)
	n.pass(loginIdle + time.Minute)
	p.get("/recordings/zip?camera=0&from=2026-09-01T00:00&to=2026-09-30T00:00")
	if p.got.status != 200 || !strings.HasPrefix(p.got.body, "PK") || !strings.Contains(p.got.body, "SHA256SUMS") {
		t.Errorf("the ZIP file of a phone that woke up: %d, %d bytes", p.got.status, len(p.got.body))
	}
	n.pass(loginIdle + time.Minute)
	p.get("/").want(200, "live") // its start page is where it was
}

// TestOnePhoneIsOneSession: a token opens no sessions without number.
func TestOnePhoneIsOneSession(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.kept(t)
	token := p.cookie("__Host-rekey_phone")
	for range 5 {
		jar, err := cookiejar.New(nil)
		must(t, err)
		p.http.Jar = jar
		p.get("/settings", "Cookie", "__Host-rekey_phone="+token)
	}
	if open := n.box.Active(); len(open) != 1 {
		t.Errorf("%d sessions of one phone", len(open))
	}
}

// TestNinthPhone: who has too many phones is told what to do.
func TestNinthPhone(t *testing.T) {
	t.Parallel()
	n := owned(t)
	for range recorder.MaxPhones {
		n.kept(t)
		n.pass(time.Minute)
	}
	p := n.stranger(t)
	p.post("/login", "account", "admin", "password", adminPassword, "keep", "on").want(409, "login").says("without the tick", "under Settings")
	p.get("/settings").want(401, "no_session")
}
