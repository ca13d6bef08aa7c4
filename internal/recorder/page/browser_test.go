package page

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rekey/internal/recorder"
	"rekey/internal/rekeytest/browser"
)

var looks = []browser.Look{{Width: 1280, Height: 800}, {Width: 1280, Height: 800, Dark: true}, browser.Phone, browser.PhoneDark}

// show checks the page on every screen and, where REKEY_PICTURES names a
// folder, leaves pictures of it there.
func show(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	tab.Axe(looks...)
	if dir := os.Getenv("REKEY_PICTURES"); dir != "" {
		for suffix, l := range map[string]browser.Look{"desktop": looks[0], "desktop-dark": looks[1], "phone": looks[2], "phone-dark": looks[3]} {
			tab.Look(l)
			must(t, os.WriteFile(filepath.Join(dir, name+"-"+suffix+".png"), tab.Picture(), 0o600))
		}
	}
	tab.Look(browser.Phone)
}

// TestBrowser shows every page in Chromium, with axe-core on each. One browser
// is enough for all.
func TestBrowser(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	for name, day := range map[string]func(*testing.T, *browser.Tab){"as an app": asAnApp, "settings": settingsByPhone, "old recorder": oldRecorder} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			day(t, b.Tab(t))
		})
	}
}

// asAnApp is the owner's day with the page on a phone.
func asAnApp(t *testing.T, tab *browser.Tab) {
	n := newBench(t, recorder.Config{AdminPassword: secretOf(adminPassword), Channels: 8})
	tab.Trust()
	tab.Look(browser.Phone)

	tab.Open(n.http + "/")
	if tab.Path() != "/" {
		t.Errorf("plain HTTP leads to %s", tab.Path())
	}
	show(t, tab, "start")
	tab.Press("Forgot password")
	tab.Wants("Device ID", "takes no temporary password")
	show(t, tab, "forgot")
	tab.Press("Back to the log-in")
	tab.Type("#password", "Not-The-One-1")
	tab.Press("Log in")
	tab.Wants("4 tries left")
	show(t, tab, "login-wrong")
	tab.Type("#password", adminPassword)
	tab.Tick("#keep")
	tab.Moving = true
	tab.Look(browser.Phone)
	tab.Press("Log in")

	tab.Wants("Live view")
	if got := tab.Source(".monitor img"); got != "/live/stream?camera=1&view=9" {
		t.Errorf("the pictures come from %s", got)
	}
	tab.Moving = false
	show(t, tab, "live")
	tab.Press("Camera 3")
	tab.Wants("back to all cameras")
	show(t, tab, "live-one")

	tab.Press("Recordings")
	tab.Wants("Download a stretch of time")
	show(t, tab, "recordings")
	tab.Press("Play")
	tab.Plays("video")
	show(t, tab, "play")
}

// settingsByPhone are the pages behind Settings, and the doors by code and by
// activation code.
func settingsByPhone(t *testing.T, tab *browser.Tab) {
	n := newBench(t, recorder.Config{AdminPassword: secretOf(adminPassword), Channels: 8})
	tab.Trust()
	tab.Look(browser.Phone)
	tab.Open(n.http + "/login")
	tab.Type("#password", adminPassword)
	tab.Tick("#keep")
	tab.Press("Log in")
	tab.Press("Settings")
	show(t, tab, "settings")
	tab.Press("Device Info")
	tab.Wants(n.box.Info().DeviceID, n.box.Info().Serial, "not the Device ID")
	show(t, tab, "info")
	tab.Press("Settings")
	tab.Press("Users")
	tab.Press("Invite a user")
	show(t, tab, "invite")
	tab.Type("#name", "ann")
	tab.Type("#password", adminPassword)
	tab.Press("Make the activation code")
	tab.Wants("It is shown this once")
	show(t, tab, "code")
	code := tab.Text("strong.code")
	tab.Press("I have passed it on")
	tab.Wants("an activation code waits until")
	show(t, tab, "users")
	tab.Open(n.https + "/settings/users/ann/delete")
	show(t, tab, "delete")
	tab.Press("Leave it as it is")
	tab.Press("Settings")
	tab.Press("Services")
	show(t, tab, "services")
	tab.Press("Settings")
	tab.Press("Password")
	show(t, tab, "password")
	tab.Press("Settings")
	tab.Press("Security log")
	tab.Wants("was added")
	show(t, tab, "log")
	tab.Press("Settings")
	tab.Press("Security")
	tab.Wants("Linux computer")
	show(t, tab, "security")
	tab.Type("#password", adminPassword)
	tab.Press("Switch on")
	show(t, tab, "offer")
	a := &authenticator{withoutBlanks(tab.Text(".keytext")), n.box}
	tab.Type("#code", a.code(t, 0))
	tab.Press("Switch on")
	tab.Wants("shown this once")
	show(t, tab, "sheet")
	tab.Press("Log out")
	n.pass(30 * time.Second)
	tab.Type("#password", adminPassword)
	tab.Press("Log in")
	tab.Wants("Now the code")
	show(t, tab, "second")
	tab.Type("#code", a.code(t, 0))
	tab.Press("Log in")
	tab.Wants("Live view")
	tab.Open(n.https + "/nowhere")
	show(t, tab, "nowhere")
	tab.Open(n.https + "/settings")
	tab.Press("Log out")

	tab.Type("#account", backspaces+"ann")
	tab.Type("#password", code)
	tab.Press("Log in")
	tab.Wants("New password for ann")
	show(t, tab, "door")
}

const backspaces = browser.End + "\b\b\b\b\b" // over the name that stands there

func withoutBlanks(s string) string { return strings.ReplaceAll(s, " ", "") }

// oldRecorder: a recorder without HTTPS says what that means.
func oldRecorder(t *testing.T, tab *browser.Tab) {
	n := newBench(t, recorder.Config{Face: recorder.FaceBasic2014, AdminPassword: secretOf("abc123")})
	tab.Look(browser.Phone)
	tab.Open(n.http + "/")
	tab.Wants("can be read by others")
	show(t, tab, "plain-start")
	tab.Press("Log in")
	tab.Wants("can be read by others")
	tab.Type("#password", "abc123")
	tab.Press("Log in")
	tab.Wants("Live view")
}
