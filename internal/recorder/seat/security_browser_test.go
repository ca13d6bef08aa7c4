package seat

import (
	"strings"
	"testing"
	"time"
)

// TestSecondFactorByMouse switches the second factor on, uses it and takes it
// off again in Chromium: by mouse and typing, the second step of a log-in by the
// keyboard alone.
func TestSecondFactorByMouse(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	tab := chromium.Tab(t)
	tab.Open(n.base + "/")
	tab.Type("#token", n.token.Reveal())
	tab.Press("Enter")
	tab.Open(n.base + "/login")
	tab.Type("#password", lostPassword)
	tab.Press("Log in")
	tab.Press("Second factor and recovery sheet")
	tab.Wants("Second factor of admin", "It protects this screen and the recorder's web page", "maker's support desk can give out")
	show(t, tab, "security-off")
	tab.Type("#password", lostPassword)
	tab.Press("Switch on")
	tab.Wants("Scan the picture, or type the key")
	show(t, tab, "security-offer")
	a := newAuthenticator(t, n, scanned(t, tab))
	tab.Type("#code", a.wrong(t))
	tab.Press("Switch on")
	tab.Wants("does not fit the key")
	show(t, tab, "security-offer-wrong")
	tab.Type("#code", a.code(t, 0))
	tab.Press("Switch on")
	tab.Wants("shown this once", "Device ID")
	show(t, tab, "security-sheet")
	sheetCode := tab.Text(".sheet li:nth-child(2)")
	tab.Press("I have it")
	tab.Wants("The second factor is on", "8 of 8")
	show(t, tab, "security-on")
	tab.Press("Log out")

	n.pass(31 * time.Second)
	tab.Open(n.base + "/login")
	tab.Type("#password", lostPassword)
	tab.Go()
	tab.Wants("Now the code from the authenticator")
	show(t, tab, "code")
	tab.Type("#code", a.wrong(t)) // autofocused; typed and sent by the keyboard
	tab.Go()
	tab.Wants("Wrong code. 4 tries left")
	show(t, tab, "code-wrong")
	tab.Type("#code", a.code(t, 0))
	tab.Go()
	tab.Wants("Logged in as admin")
	tab.Press("Second factor and recovery sheet")
	tab.Press("New recovery sheet")
	tab.Wants("Eight new one-time codes")
	show(t, tab, "security-new-sheet")
	tab.Press("Back to Security")
	tab.Press("Switch off")
	tab.Type("#password", lostPassword)
	tab.Type("#code", a.wrong(t))
	tab.Press("Switch off")
	tab.Wants("Nothing was changed", "Wrong code")
	show(t, tab, "security-switch-off-wrong")
	tab.Type("#password", lostPassword)
	tab.Type("#code", sheetCode)
	tab.Press("Switch off")
	tab.Wants("With it this screen and the web page ask for a code")

	tab.Wants("Recovery sheet of admin", "You have none")
	tab.Press("New recovery sheet")
	if tab.Eval(`String(document.querySelector("#code"))`) != "null" {
		t.Error("without a second factor a code is asked for")
	}
	show(t, tab, "security-sheet-alone-ask")
	tab.Type("#password", lostPassword)
	tab.Press("Make a new sheet")
	tab.Wants("shown this once", "After a reset by the button")
	if text := tab.Text("main"); strings.Contains(text, "authenticator") {
		t.Error("the sheet speaks of an authenticator that there is not")
	}
	show(t, tab, "security-sheet-alone")
	tab.Press("I have it")
	tab.Wants("8 of 8", "With it this screen")
	show(t, tab, "security-sheet-alone-on")
}
