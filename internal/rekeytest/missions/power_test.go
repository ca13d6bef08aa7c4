package missions

import (
	"strings"
	"testing"
	"time"
)

// cut pulls the plug at the front and puts it back; the monitor is the live view
// then, whatever it was before.
func (s seat) cut() {
	s.t.Helper()
	s.Open(s.h.Ready().Seat + "/panel")
	s.Await("#plug:not([disabled])")
	s.Tick("#plug")
	s.AwaitText("The power is cut")
	s.Press("Monitor")
	s.Wants("No signal")
	s.Press("Front panel")
	s.Tick("#switch")
	s.AwaitText("Switched on.")
	s.Press("Monitor")
	s.Wants("Live view")
}

// TestPowerPulledInTheMiddle: the power goes between challenge and answer, and
// again between answer and new password. Nothing has happened then: the old
// password works, the temporary one is worth nothing, and a new challenge can be
// had after a wait.
func TestPowerPulledInTheMiddle(t *testing.T) {
	t.Parallel()
	h := build(t, plan{})
	id := h.Box().Info().DeviceID
	s := h.sitDown()
	s.choose("Forgot password")
	first := h.desk.call(id, "admin").answer(s.challenge())
	s.cut()
	s.picture("after-the-cut")
	s.choose("Main Menu")
	if strings.Contains(s.Text("main"), "A challenge is open") {
		t.Error("the challenge outlived the power")
	}
	s.fillLogin("admin", first)
	s.Wants("Wrong user name or password")
	h.opensWith("admin", lost, "")

	h.pass(16 * time.Minute) // the desk's pause between two answers, and the recorder's
	call := h.desk.call(id, "admin")
	s.Press("Back to the screen")
	s.choose("Forgot password")
	second := call.answer(s.challenge())
	s.TypeByMouse("#answer", second)
	s.Press("OK")
	s.at(users)
	s.cut()
	s.Open(h.Ready().Seat + users)
	s.at("/login") // the one door is shut
	s.fillLogin("admin", second)
	s.Wants("Wrong user name or password", "it was used, or it is over")
	h.opensWith("admin", lost, "")
	h.wantRecords(map[string]int{"challenge.shown": 2, "answer.ok": 1, "password.set": 0})

	h.pass(16 * time.Minute)
	call = h.desk.call(id, "admin")
	s.Press("Forgot password")
	third := call.answer(s.challenge())
	s.TypeByMouse("#answer", third)
	s.Press("OK")
	s.setNew("admin", third, fresh)
	s.cut() // once it was said, it is so
	h.opensWith("admin", fresh, lost)
	s.logIn("admin", fresh)
	s.Wants("Logged in as admin")
	h.wantRecords(map[string]int{"challenge.shown": 3, "answer.ok": 2, "answer.wrong": 0, "password.set": 1})
	h.logsHold(first, second, third, fresh, lost)
}
