package missions

import (
	"testing"
	"time"

	"github.com/pquerna/otp/hotp"

	"strings"
)

// toPanel goes to the front of the recorder.
func (s seat) toPanel() {
	s.t.Helper()
	s.Press("Front panel")
	s.Await("#reset:not([disabled])")
}

// holds holds the recessed button by mouse for so long.
func (s seat) holds(d time.Duration, seen ...string) {
	s.t.Helper()
	s.MouseDown("#reset")
	s.AwaitText("The button is held.")
	s.h.pass(d)
	for _, text := range seen {
		s.AwaitText(text)
	}
	s.MouseUp("#reset")
}

// confirms is the second press, with which the recorder is reset. Time goes on again.
func (s seat) confirms() {
	s.t.Helper()
	s.MouseDown("#reset")
	s.AwaitText("Let go now, and the recorder is reset.")
	s.MouseUp("#reset")
	s.AwaitText("The recorder was reset.")
	s.h.goOn()
}

// reset is the whole of it, from the live view to what the monitor shows then.
func (s seat) reset() {
	s.t.Helper()
	s.toPanel()
	s.h.stop()
	s.holds(12*time.Second, "Let go now to arm the reset.")
	s.AwaitText("Armed.")
	s.confirms()
	s.Press("Monitor")
}

// firstSetup chooses the admin's password, in the factory state.
func (s seat) firstSetup(password string) {
	s.t.Helper()
	s.at("/setup")
	s.TypeByMouse("#new", password)
	s.TypeByMouse("#confirm", password)
	s.ok()
	s.Wants("The recorder is set up")
}

// TestButtonGivesTheRecorderBack is the makers' hardware way: short, warned and
// too long presses change nothing, 10 to 15 seconds and a second press reset; the
// first set-up wants a new password; recordings wait, sealed, for who had one.
func TestButtonGivesTheRecorderBack(t *testing.T) {
	t.Parallel()
	h := build(t, plan{})
	if n, err := h.recordings(lost); n == 0 || err != nil {
		t.Fatalf("%d recordings: %v", n, err)
	}
	s := h.sitDown()
	s.toPanel()
	s.looks("panel")
	s.pressesThatDoNothing()
	h.opensWith("admin", lost, "")
	s.h.stop()
	s.holds(11*time.Second, "Let go now to arm the reset.")
	s.AwaitText("10 s left for the second press.")
	s.looks("panel-armed")
	s.confirms()
	h.wantRecords(map[string]int{"button.warn": 1, "button.cancel": 2, "button.armed": 2, "button.reset": 1, "footage.sealed": 1, "activation.locked": 0})

	s.Press("Monitor")
	s.Wants("no default one")
	for _, path := range []string{"/", "/menu", "/login", "/recovery"} {
		s.Open(h.Ready().Seat + path)
		s.at("/setup")
	}
	for _, weak := range []string{"admin123", "short1"} {
		s.TypeByMouse("#new", weak)
		s.TypeByMouse("#confirm", weak)
		s.ok()
		s.at("/setup")
	}
	s.looks("setup-refused")
	s.firstSetup(fresh)
	h.opensWith("admin", fresh, lost)
	h.sealedOnTheNetwork(fresh)

	s.logIn("admin", fresh)
	s.Wants("Look through the recorder")
	s.unsealByPassword()
	if n, err := h.recordings(fresh); n == 0 || err != nil {
		t.Errorf("after they were opened: %d recordings: %v", n, err)
	}
	h.wantRecords(map[string]int{"setup.done": 2, "footage.refused": 1, "footage.unsealed": 1})
	h.logsHold(fresh, lost)
}

// pressesThatDoNothing are those that are too short, a little too short, too long,
// and one that nobody confirms in time.
func (s seat) pressesThatDoNothing() {
	s.t.Helper()
	s.h.stop()
	s.holds(2*time.Second, "Reset held for 2 s.")
	s.AwaitText("Let go within 5 seconds: nothing happened.")
	s.holds(7*time.Second, "Warning: hold on to reset.")
	s.looks("panel-warned")
	s.holds(16*time.Second, "Held too long, so cancelled")
	s.holds(12*time.Second, "Let go now to arm the reset.")
	s.AwaitText("Armed.")
	s.MouseDown("#reset")
	s.AwaitText("Let go now, and the recorder is reset.")
	s.h.pass(6 * time.Second) // no short press
	s.AwaitText("Held too long for the second press")
	s.h.goOn()
	s.MouseUp("#reset")
	s.AwaitText("Held too long, so cancelled")
	if !s.h.Box().Initialised() {
		s.t.Fatal("a press that should do nothing reset the recorder")
	}
}

// sealedOnTheNetwork fails unless recordings are refused there to who has the
// password of now.
func (h *house) sealedOnTheNetwork(password string) {
	h.t.Helper()
	if n, err := h.recordings(password); n != 0 || err == nil {
		h.t.Errorf("the network gives out %d sealed recordings: %v", n, err)
	}
	v := h.visitor()
	if !v.logIn("admin", password, false) {
		h.t.Fatal("the new admin is not let in")
	}
	if v.get("/recordings"); v.status != 403 || !strings.Contains(v.body, "sealed") {
		h.t.Errorf("the web page says nothing of the seal: status %d", v.status)
	}
	if v.get("/recordings/zip?camera=1"); v.status < 400 {
		h.t.Errorf("the web page gives sealed recordings: status %d", v.status)
	}
}

// unsealByPassword opens them with the password of before, after a wrong one.
func (s seat) unsealByPassword() {
	s.t.Helper()
	s.Press("What is on the disk")
	s.Wants("The recordings are sealed since", "Password of before")
	s.looks("sealed")
	s.TypeByMouse("#password", fresh)
	s.Press("Open by password")
	s.Wants("This does not fit. 4 tries left")
	s.TypeByMouse("#password", lost)
	s.Press("Open by password")
	s.Wants("The recordings are open again")
	s.looks("unsealed")
}

// phoneApp is the owner's authenticator.
type phoneApp struct {
	key string
	h   *house
}

func (a phoneApp) code() string {
	a.h.t.Helper()
	code, err := hotp.GenerateCode(a.key, uint64(a.h.now().Unix()/30)) // #nosec G115 -- of this century
	must(a.h.t, err)
	return code
}

// switchOnSecond switches the second factor on by mouse, from the Main Menu on,
// and gives the authenticator and the codes of the sheet. It is logged out again.
func (s seat) switchOnSecond(password string) (app phoneApp, sheet []string) {
	s.t.Helper()
	s.Press("Second factor and recovery sheet")
	s.TypeByMouse("#password", password)
	s.Press("Switch on")
	s.Wants("Scan the picture, or type the key")
	app = phoneApp{strings.ReplaceAll(s.Text(".keytext"), " ", ""), s.h}
	if !strings.Contains(s.scan("svg.qr"), "secret="+app.key) {
		s.t.Error("the QR code has another key than the text beside it")
	}
	s.h.stop()
	s.TypeByMouse("#code", app.code())
	s.Press("Switch on")
	s.h.goOn()
	s.Wants("shown this once")
	for n := range 8 {
		sheet = append(sheet, s.Text(".sheet li:nth-child("+string(rune('1'+n))+")"))
	}
	s.Press("I have it")
	s.Press("Log out")
	return app, sheet
}

// TestButtonOnAClaimedRecorder: whose owner has a recovery sheet comes back
// locked; a code of the sheet releases it, another opens the recordings.
func TestButtonOnAClaimedRecorder(t *testing.T) {
	t.Parallel()
	h := build(t, plan{})
	s := h.sitDown()
	s.logIn("admin", lost)
	_, sheet := s.switchOnSecond(lost)
	s.reset()
	s.at("/activate")
	s.Wants("This recorder waits for its owner", "Recovery sheet", h.Box().Info().DeviceID)
	s.looks("waits-for-owner")
	for _, path := range []string{"/", "/setup", "/menu", "/login"} {
		s.Open(h.Ready().Seat + path)
		s.at("/activate")
	}
	if v := h.visitor(); v.logIn("admin", lost, false) || v.logIn("admin", fresh, false) {
		t.Error("somebody logs in at a recorder that is locked")
	}
	s.TypeByMouse("#code", sheet[0][:9])
	s.Press("Release")
	s.Wants("Nothing was spent")
	s.TypeByMouse("#code", sheet[0])
	s.Press("Release")
	s.firstSetup(fresh)
	h.opensWith("admin", fresh, lost)
	h.sealedOnTheNetwork(fresh)

	s.logIn("admin", fresh)
	s.Press("What is on the disk")
	s.TypeByMouse("#code", sheet[0]) // was used
	s.Press("Open by sheet")
	s.Wants("4 tries left")
	s.TypeByMouse("#code", sheet[3])
	s.Press("Open by sheet")
	s.Wants("The recordings are open again")
	h.wantRecords(map[string]int{"activation.locked": 1, "activation.released": 1, "footage.sealed": 1, "footage.unsealed": 1, "button.reset": 1})
	h.logsHold(fresh, lost, sheet[0], sheet[3])
}

// TestEraseAfterTheButton: who has nothing of before can still use the disk anew,
// by an act of its own that is asked twice and is on record.
func TestEraseAfterTheButton(t *testing.T) {
	t.Parallel()
	h := build(t, plan{})
	s := h.sitDown()
	s.reset()
	s.firstSetup(fresh)
	s.logIn("admin", fresh)
	s.Press("What is on the disk")
	s.Press("Erase all recordings")
	s.Wants("This is for good", "the sealed ones from before the reset, too")
	s.looks("erase")
	s.TypeByMouse("#password", fresh)
	s.Press("Erase all recordings") // not ticked
	s.Wants("Nothing was erased")
	s.Tick("#sure")
	s.TypeByMouse("#password", fresh)
	s.Press("Erase all recordings")
	s.Wants("All recordings are erased, for good", "There are no recordings")
	if n, err := h.recordings(fresh); n != 0 || err != nil {
		t.Errorf("after the erasing: %d recordings: %v", n, err)
	}
	h.wantRecords(map[string]int{"footage.erased": 1, "footage.unsealed": 0, "backup.skipped": 1})
	if got := h.records("footage.erased"); len(got) == 1 && (got[0].Actor != "admin" || got[0].Detail["sealed"] != "true") {
		t.Errorf("on record is %+v", got[0])
	}
	h.logsHold(fresh, lost)
}
