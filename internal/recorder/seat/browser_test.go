package seat

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/rekeytest/browser"
	"rekey/internal/scan"
	"rekey/recovery"
)

// chromium is the browser of all tests here.
var chromium browser.Shared

func TestMain(m *testing.M) { os.Exit(chromium.Around(m).Run()) }

// looks are those under which every page must be good.
var looks = []browser.Look{browser.Desktop, browser.DesktopDark, browser.Phone, browser.PhoneDark}

// show checks the page under every look and, where REKEY_PICTURES names a
// folder, leaves pictures of it there.
func show(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	tab.Axe(looks...)
	keepPicture(t, tab, name)
}

func keepPicture(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	if dir := os.Getenv("REKEY_PICTURES"); dir != "" {
		for suffix, l := range map[string]browser.Look{"desktop": looks[0], "desktop-dark": looks[1], "phone": looks[2], "phone-dark": looks[3]} {
			tab.Look(l)
			if err := os.WriteFile(filepath.Join(dir, name+"-"+suffix+".png"), tab.Picture(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	tab.Look(browser.Desktop)
}

// typeAnswer types a temporary password and waits for its marks, which move what
// is below.
func typeAnswer(tab *browser.Tab, code string) {
	tab.Type("#answer", code)
	tab.AwaitText("All groups are typed right.")
}

// scanned is the QR code on the page from the screen, as a telephone does.
func scanned(t *testing.T, tab *browser.Tab) string {
	t.Helper()
	return scanPicture(t, tab.PictureOf("svg.qr"))
}

func scanPicture(t *testing.T, taken []byte) string {
	t.Helper()
	screen, err := png.Decode(bytes.NewReader(taken))
	if err != nil {
		t.Fatal(err)
	}
	text := scan.QR(screen)
	if text == "" {
		t.Fatal("the QR code cannot be read")
	}
	return text
}

// TestByMouse is the owner's way back in, by mouse and typing in Chromium, with
// axe-core on every page.
func TestByMouse(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	if err := n.box.AddAccount("admin", rekey.Account{Name: "ann", Group: recorder.GroupUser}, rekey.NewSecret("Ann-Was-Here-1"), recorder.AtSeat()); err != nil {
		t.Fatal(err)
	}
	tab := chromium.Tab(t)

	tab.Open(n.base + "/")
	show(t, tab, "enter")
	tab.Type("#token", "AAAA")
	tab.Press("Enter")
	tab.Wants("That is not the seat token")
	show(t, tab, "enter-wrong")
	tab.Type("#token", n.token.Reveal())
	tab.Press("Enter")
	tab.Wants("Live view", n.box.Info().Name)
	show(t, tab, "locked")

	tab.Press("Info")
	tab.Wants(n.box.Info().DeviceID, n.box.Info().Serial, "not the Device ID", "192.0.2.10")
	show(t, tab, "info")
	if got := scanned(t, tab); got != n.box.Info().DeviceID {
		t.Errorf("the QR code of the Device ID reads %q", got)
	}
	tab.Press("Back to the screen")

	tab.Press("Main Menu")
	tab.Type("#password", "Not-The-One-1")
	tab.Press("Log in")
	tab.Wants("Wrong user name or password. 4 tries left")
	show(t, tab, "login-wrong")

	tab.Press("Forgot password")
	tab.Wants("Get a challenge here", phone)
	show(t, tab, "forgot")
	tab.Press("Get a challenge")
	tab.Wants(phone, "Valid for", "5 attempts left")
	show(t, tab, "challenge")
	if q, err := recovery.ParseQR(scanned(t, tab)); err != nil || n.keys.VerifyQR(q) != nil {
		t.Errorf("the QR code of the challenge does not hold: %v", err)
	}
	code := n.rightAnswer(t)
	tab.Type("#answer", mistype(code))
	tab.AwaitText("Group 4 ✓ right") // what marks it moves the button
	tab.Press("OK")
	tab.Wants("Group 2 is mistyped. Nothing was spent", "5 attempts left")
	show(t, tab, "challenge-mistyped")
	typeAnswer(tab, code)
	tab.Press("OK")

	tab.Wants("Main Menu > Settings > System > Account > User", "nothing else is open")
	show(t, tab, "users-one-door")
	tab.Open(n.base + "/menu/log")
	if tab.Path() != userPath {
		t.Errorf("from the one-door session one reaches %s", tab.Path())
	}
	tab.Press("Edit admin")
	show(t, tab, "edit-one-door")
	tab.Tick("#modify")
	tab.Type("#old", code)
	tab.Type("#new", "short")
	tab.Type("#confirm", "short")
	tab.Press("OK")
	tab.Wants("The password was not changed", "must have 8 to 32 characters")
	show(t, tab, "edit-wrong")
	tab.Type("#old", code)
	tab.Type("#new", freshPassword)
	tab.Type("#confirm", freshPassword)
	tab.Press("OK")
	tab.Wants("The new password is set")
	show(t, tab, "locked-changed")

	tab.Press("Main Menu")
	show(t, tab, "login")
	tab.Type("#password", freshPassword)
	tab.Press("Log in")
	tab.Wants("Logged in as admin", "Look through the recorder")
	show(t, tab, "menu-review")
	tab.Press("Look through the recorder")
	tab.Wants("10 of 10 left", "Recovery sheet")
	show(t, tab, "review")
	tab.Press("Skip: Recordings")
	tab.Press("Done: Users")
	tab.Wants("8 of 10 left", "Skipped by admin", "Done by admin")
	show(t, tab, "review-begun")
	tab.Press("Main Menu")
	tab.Wants("8 things left")
	show(t, tab, "menu")
	tab.Press("System > Account > User")
	show(t, tab, "users")
	tab.Press("Edit admin")
	show(t, tab, "edit")
	tab.Press("Main Menu")
	tab.Press("What happened, in words")
	tab.Wants("A new password was set for user \"admin\".")
	show(t, tab, "log")
	tab.Press("Log out")
	tab.Wants("Live view")

	tab.Press("Forgot password")
	n.pass(31 * time.Second)
	tab.Press("Get a challenge")
	for _, a := range n.wrongAnswers(t, 5) {
		typeAnswer(tab, a)
		tab.Press("OK")
	}
	tab.Wants("it was the last attempt")
	tab.Open(n.base + "/recovery")
	tab.Wants("Too many wrong temporary passwords")
	show(t, tab, "penalty")
	tab.Open(n.base + "/nowhere")
	tab.Wants("there is no such screen")
	show(t, tab, "nowhere")
}

// TestFirstSetupByMouse starts with a box from the factory.
func TestFirstSetupByMouse(t *testing.T) {
	t.Parallel()
	n := newBench(t, "")
	tab := chromium.Tab(t)
	tab.Open(n.base + "/")
	tab.Type("#token", n.token.Reveal())
	tab.Press("Enter")
	tab.Wants("no default one")
	show(t, tab, "setup")
	tab.Type("#new", "admin1234")
	tab.Type("#confirm", "admin1234")
	tab.Press("OK")
	tab.Wants("tries first")
	show(t, tab, "setup-wrong")
	tab.Type("#new", freshPassword)
	tab.Type("#confirm", freshPassword)
	tab.Press("OK")
	tab.Wants("The recorder is set up")
}
