package page

import (
	"strings"
	"testing"
	"time"

	"rekey/internal/recorder"
)

// TestSealedFootage: after a reset by the button the recordings are closed to
// whoever sets the recorder up anew.
func TestSealedFootage(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.admin(t)
	p.get("/recordings?camera=1").want(200, "recordings")
	one := read[RecordingsView](p).Clips[0]
	for _, held := range []time.Duration{12 * time.Second, time.Second} {
		_, err := n.box.Press(held)
		must(t, err)
	}
	p.get("/recordings").want(401, "no_session")
	person := n.stranger(t)
	person.json = false
	person.get("/").says("Recordings of before the reset are sealed", "at the recorder itself")
	must(t, n.box.FirstSetup("admin", secretOf(freshPassword), recorder.AtSeat()))
	thief := n.user(t, "admin", freshPassword)
	thief.get("/recordings").want(403, "recordings").says(`"sealed":true`)
	for _, path := range []string{one.Play, one.Download, strings.Replace(one.Play, "play", "file", 1)} {
		thief.get(path).want(403, "denied").says("sealed")
	}
	thief.get("/recordings/zip?camera=0&from=2026-09-01T00:00&to=2026-09-30T00:00").want(403, "recordings")
}

// TestPlainIsSentOn: with HTTPS nothing is shown by plain HTTP but what this is.
func TestPlainIsSentOn(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.stranger(t).stays()
	p.base, p.json = n.http, false
	for _, path := range []string{"/login", "/forgot", "/settings?x=1", "/live/stream"} {
		p.get(path)
		if p.got.status != 302 || p.got.header.Get("Location") != n.https+path {
			t.Errorf("%s: %d to %s", path, p.got.status, p.got.header.Get("Location"))
		}
	}
	p.get("/", "Upgrade-Insecure-Requests", "1")
	if p.got.status != 302 || p.got.header.Get("Location") != n.https+"/" {
		t.Errorf("a browser: %d to %s", p.got.status, p.got.header.Get("Location"))
	}
	p.get("/").says("<title>WEB SERVICE", n.https)
	if p.get("/recovery"); p.got.status != 404 {
		t.Errorf("what is not there: %d", p.got.status)
	}
	for _, path := range []string{"/login", "/", "/logout"} {
		p.post(path, "account", "admin", "password", adminPassword)
		if p.got.status != 405 {
			t.Errorf("POST %s by plain HTTP: %d", path, p.got.status)
		}
	}
	if len(n.events(t)) == 0 || n.events(t)["login"] != 0 {
		t.Errorf("records: %v", n.events(t))
	}
}

// TestNobodyLearnsWhoWaitsForACode: an answer is the same whether an activation
// code waits for the user or not, and whether there is such a user.
func TestNobodyLearnsWhoWaitsForACode(t *testing.T) {
	t.Parallel()
	n := owned(t)
	n.addUser(t, "ann", annPassword)
	n.addUser(t, "bob", annPassword)
	admin := n.admin(t)
	admin.post("/settings/users/bob/help", "password", adminPassword).want(200, "code_shown")
	admin.post("/settings/users/ann/help", "password", adminPassword).want(200, "code_shown")
	code := read[CodeShownView](admin).Code
	for _, typed := range []string{code, mistype(code)} {
		var said []string
		for _, name := range []string{"admin", "bob", "nobody"} {
			p := n.stranger(t)
			p.post("/login", "account", name, "password", typed).want(403, "login")
			said = append(said, read[LoginView](p).Error)
		}
		if said[0] != said[1] || said[1] != said[2] {
			t.Errorf("%q", said)
		}
	}
	n.stranger(t).post("/login", "account", "ann", "password", code).want(200, "newpassword")
}

// TestLockedAfterReset: a recorder that its owner has claimed comes back locked;
// the page says so and offers neither a set-up nor a release.
func TestLockedAfterReset(t *testing.T) {
	t.Parallel()
	n := owned(t)
	n.switchOn(t, n.admin(t), adminPassword)
	for _, held := range []time.Duration{12 * time.Second, time.Second} {
		_, err := n.box.Press(held)
		must(t, err)
	}
	p := n.stranger(t)
	p.get("/").want(200, "start").says(`"activation_locked":true`, `"initialised":false`)
	p.get("/login").want(200, "start")
	p.get("/forgot").want(200, "forgot").says(`"activation_locked":true`)
	for _, path := range []string{"/setup", "/activate", "/release", "/unlock"} {
		p.post(path, "code", "x", "new", freshPassword, "confirm", freshPassword).want(404, "not_found")
	}
	p.post("/login", "account", "admin", "password", adminPassword).want(403, "login")
	p.json = false
	p.get("/").says("locked until its owner is known again", "at the recorder itself")
}
