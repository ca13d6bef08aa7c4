package seat

import (
	"bytes"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/rekeytest/browser"
)

// sitDown opens the recorder's screen.
func (n *bench) sitDown(t *testing.T) *browser.Tab {
	t.Helper()
	tab := chromium.Tab(t)
	tab.Open(n.base + "/")
	tab.Type("#token", n.token.Reveal())
	tab.Press("Enter")
	tab.Wants("Live view")
	return tab
}

// TestContextMenu is the way in of the makers' procedures: right click, Main
// Menu. It also works without a mouse, and tells a screen reader what it is.
func TestContextMenu(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	tab := n.sitDown(t)
	const menu = "#screen-menu"
	if tab.Shown(menu) {
		t.Error("the menu is open before anybody asked for it")
	}
	tab.RightClick(".monitor")
	if !tab.Shown(menu) || tab.Focused() != "Main Menu" {
		t.Fatalf("a right click opens nothing; the keyboard is at %q", tab.Focused())
	}
	tab.Axe(looks...) // a new size of the window does not close it
	tab.Look(browser.Desktop)
	tab.Choose("Main Menu")
	if tab.Path() != "/login" {
		t.Errorf("Main Menu leads to %s", tab.Path())
	}
	tab.Press("Back to the screen")

	for name, open := range map[string]func(){
		"Shift+F10":    func() { tab.Key(browser.F10, true) },
		"the menu key": func() { tab.Key(browser.MenuKey, false) },
		"the button":   func() { tab.Tick("#screen-menu-button") },
	} {
		if open(); !tab.Shown(menu) || tab.Focused() != "Main Menu" {
			t.Errorf("%s opens no menu; the keyboard is at %q", name, tab.Focused())
		}
		if tab.Key(browser.Escape, false); tab.Shown(menu) {
			t.Errorf("after %s Escape does not close the menu", name)
		}
	}
	if got := tab.Focused(); got != "Menu" {
		t.Errorf("after Escape the keyboard is at %q, not where the menu was opened", got)
	}

	tab.RightClick(".monitor")
	tab.Tick("h1")
	if tab.Shown(menu) {
		t.Error("a click beside the menu does not close it")
	}
	tab.Key(browser.F10, true)
	for _, step := range []struct{ key, at string }{
		{browser.Down, "Info"}, {browser.Up, "Main Menu"}, {browser.Up, "Hold pictures still"}, {browser.Down, "Main Menu"}, {browser.End, "Hold pictures still"}, {"f", "Forgot password"},
	} {
		if tab.Key(step.key, false); tab.Focused() != step.at {
			t.Errorf("the keyboard is at %q, not %q", tab.Focused(), step.at)
		}
	}
	tab.Go()
	tab.Wants("Get a challenge here")
}

// TestLiveView: the pictures move, unless the person wants none that do; each
// camera can be looked at alone; the screen divides as the menu says.
func TestLiveView(t *testing.T) {
	t.Parallel()
	n := benchOf(t, recorder.Config{AdminPassword: rekey.NewSecret(lostPassword), Channels: 20})
	tab := n.sitDown(t)
	if got := tab.Source(".monitor img"); !strings.HasPrefix(got, "/live.jpg?") {
		t.Errorf("with reduced motion the screen shows %s", got)
	}
	show(t, tab, "live-16")
	tab.Press("More cameras")
	tab.Wants("Camera 17", "Camera 20")
	show(t, tab, "live-more")
	tab.RightClick(".monitor")
	tab.Choose("View 4")
	tab.Press("Camera 18")
	show(t, tab, "live-1")
	tab.Press("Camera 18, back to all cameras")
	tab.Wants("Camera 17")
	tab.RightClick(".monitor")
	keepPicture(t, tab, "context-menu")
	tab.Key(browser.Escape, false)

	n.goes.Store(true)
	tab.Moving = true
	tab.Look(browser.Desktop)
	tab.Open(n.base + "/?view=1&camera=2")
	if got := tab.Source(".monitor img"); !strings.HasPrefix(got, "/live?") {
		t.Errorf("the screen shows %s", got)
	}
	const screen = ".monitor img"
	first := tab.PictureOf(screen)
	eventually(t, "the pictures move", func() bool { return !bytes.Equal(first, tab.PictureOf(screen)) })
	tab.Press("Hold pictures still")
	if got := tab.Source(".monitor img"); !strings.HasPrefix(got, "/live.jpg?") {
		t.Errorf("held still, the screen shows %s", got)
	}
	if !bytes.Equal(tab.PictureOf(screen), tab.PictureOf(screen)) {
		t.Error("pictures that are held still move")
	}
}

// TestLabelOnScreen: the label is found from Info, looks right and scans.
func TestLabelOnScreen(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	tab := n.sitDown(t)
	tab.RightClick(".monitor")
	tab.Choose("Info")
	tab.Wants("Certificate (SHA-256)")
	tab.Press("label")
	show(t, tab, "label")
	if got := scanPicture(t, tab.PictureOf("img.label")); got != n.box.Info().DeviceID {
		t.Errorf("the label's QR code reads %q", got)
	}
}

// TestOtherScreens goes the owner's way by mouse on the generations whose menus
// are not those of the N841.
func TestOtherScreens(t *testing.T) {
	t.Parallel()
	for face, way := range map[recorder.Face]string{
		recorder.FaceBaseline2: "ACCOUNT > User",
		recorder.FaceNewScreen: "Users > User",
	} {
		t.Run(string(face), func(t *testing.T) {
			t.Parallel()
			n := benchOf(t, recorder.Config{Face: face, AdminPassword: rekey.NewSecret(lostPassword)})
			tab := n.sitDown(t)
			tab.RightClick(".monitor")
			tab.Choose("Forgot password")
			tab.Press("Get a challenge")
			code := n.rightAnswer(t)
			tab.Press("Back to the screen")
			tab.RightClick(".monitor")
			tab.Choose("Main Menu")
			tab.Type("#password", code)
			tab.Press("Log in")
			tab.Wants("Main Menu > "+way, "nothing else is open")
			tab.Press("Edit admin")
			tab.Wants("Modify Password")
			tab.Tick("#modify")
			tab.Type("#old", code)
			tab.Type("#new", freshPassword)
			tab.Type("#confirm", freshPassword)
			tab.Press("OK")
			tab.Wants("The new password is set")
			tab.RightClick(".monitor")
			tab.Choose("Main Menu")
			tab.Type("#password", freshPassword)
			tab.Press("Log in")
			show(t, tab, "menu-"+string(face))
			tab.Press("User")
			tab.Wants("Main Menu > " + way)
			show(t, tab, "users-"+string(face))
		})
	}
}
