package lan

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/recorder"
)

// browser is somebody with cookies who follows no links.
func (g *rig) browser() *rig {
	g.t.Helper()
	jar, err := cookiejar.New(nil)
	must(g.t, err)
	other := *g
	other.http = &http.Client{Jar: jar, Transport: g.http.Transport, Timeout: g.http.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &other
}

func (g *rig) postForm(path string, fields url.Values) answer {
	g.t.Helper()
	return g.fetch(http.MethodPost, g.urls(path), "", fields.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

// webLogin logs in by the web page.
func (g *rig) webLogin(who login) *rig {
	g.t.Helper()
	b := g.browser()
	if a := b.postForm("/login", url.Values{"account": {who.account}, "password": {who.password}}); a.status != http.StatusSeeOther || a.header.Get("Location") != "/live" {
		g.t.Fatalf("log in: %d to %q", a.status, a.header.Get("Location"))
	}
	return b
}

// TestPageGivesNoChallenge: whatever the page is asked for a challenge, with a
// log-in and without, answers as any address that is not there; each asking is
// on record, and none opens a challenge.
func TestPageGivesNoChallenge(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	in := g.webLogin(admin())
	paths := []string{
		"/challenge", "/recovery", "/recovery/answer", "/forgot/challenge", "/settings/challenge", "/login/challenge", "/Challenge.json", "/rrc/v1", "/api/recovery",
		"/answer", "/resetPassword", "/forgotPassword", "//challenge", "/%63hallenge", "/login/../recovery", "/settings/users/admin/challenge",
	}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
		for i, path := range paths {
			who := []*rig{in, g.browser()}[i%2]
			a := who.fetch(method, g.urls(path), "", "", "Accept", "application/json")
			clean := a.status >= 301 && a.status <= 308 && strings.HasPrefix(a.header.Get("Location"), "/") // to the clean path
			if a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed && !clean {
				t.Errorf("%s %s: %d %.100q", method, path, a.status, a.body)
			}
			other := who.fetch(method, g.urls("/nowhere"), "", "", "Accept", "application/json")
			if a.status == http.StatusNotFound && other.status == a.status && a.body != other.body {
				t.Errorf("%s %s differs from an address that is not there: %q", method, path, a.body)
			}
		}
	}
	if n := g.logged("challenge.refused"); n < 20 { // and then they are held down
		t.Errorf("%d records of refused challenges", n)
	}
	if s, err := g.box.GuardState(); err != nil || s.Open {
		t.Errorf("a challenge is open: %v", err)
	}
	for _, path := range []string{"/forgot", "/"} {
		if a := in.fetch(http.MethodGet, g.urls(path), "", ""); strings.Contains(a.body, "rrc") {
			t.Errorf("%s tells of a challenge", path)
		}
	}
}

// TestPageAndProgramsShareTheBox: tries at the page and by programs count on the
// same account, its log-in is on the list of active users, and a program's
// change of the password ends it.
func TestPageAndProgramsShareTheBox(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	b := g.webLogin(admin())
	if active := g.box.Active(); !slices.Contains(active, rekey.ActiveUser{Account: "admin", Address: "127.0.0.1", Client: "Web"}) {
		t.Errorf("active: %+v", active)
	}
	must(t, g.box.SetPassword("admin", "admin", rekey.NewSecret(adminPassword), rekey.NewSecret("Next-Passw0rd"), recorder.Client{}))
	if a := b.fetch(http.MethodGet, g.urls("/settings"), "", ""); a.status != http.StatusSeeOther || a.header.Get("Location") != "/login" {
		t.Errorf("after the change: %d to %q", a.status, a.header.Get("Location"))
	}
	for range 3 {
		b.postForm("/login", url.Values{"account": {"admin"}, "password": {"Wrong-Passw0rd"}})
	}
	g.cgi(login{"admin", "Wrong-Passw0rd"}, g.urls(""), "/cgi-bin/magicBox.cgi?action=getVendor")
	if a := b.postForm("/login", url.Values{"account": {"admin"}, "password": {"Wrong-Passw0rd"}}); !strings.Contains(a.body, "now locked") {
		t.Errorf("the fifth wrong try: %d %.200q", a.status, a.body)
	}
}

// TestProgramsAreNotSentOn: the redirect to HTTPS is for people.
func TestProgramsAreNotSentOn(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword).browser()
	for path, status := range map[string]int{
		"/":                               200,
		"/static/rekey.css":               200,
		"/cgi-bin/magicBox.cgi?action=x":  401,
		"/RPC2_Login":                     404,
		"/login":                          302,
		"/settings":                       302,
		"/cgi-bin/RPC_Loadfile/mnt/x.mp4": 401,
	} {
		a := g.fetch(http.MethodGet, g.url(path), "", "")
		if path == "/RPC2_Login" && a.status != 302 {
			continue
		}
		if a.status != status {
			t.Errorf("%s: %d to %q", path, a.status, a.header.Get("Location"))
		}
		if status == 302 && a.header.Get("Location") != g.urls(path) {
			t.Errorf("%s leads to %q", path, a.header.Get("Location"))
		}
	}
	old := newRigOf(t, recorder.Config{Face: recorder.FaceBasic2014, AdminPassword: rekey.NewSecret("abc123")}).browser()
	if a := old.fetch(http.MethodGet, old.url("/login"), "", ""); a.status != 200 || !strings.Contains(a.body, "can be read by others") {
		t.Errorf("a recorder without HTTPS: %d", a.status)
	}
}
