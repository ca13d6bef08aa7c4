package missions

import (
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
)

// TestAnotherAdminHelps is the makers' software way where the owner is not the
// only admin: the other one makes an activation code with password and code, and
// chooses no password; who forgot comes in with it, once, sets a new password, and
// is asked for the second factor all the same.
func TestAnotherAdminHelps(t *testing.T) {
	t.Parallel()
	const forgotten = "Anns-Old-One-5"
	h := build(t, plan{})
	must(t, h.Box().AddAccount("admin", rekey.Account{Name: "ann", Group: recorder.GroupAdmin}, rekey.NewSecret(forgotten), recorder.AtSeat()))
	anns := h.authenticatorOf("ann", forgotten)
	s := h.sitDown()
	s.logIn("admin", lost)
	admins, _ := s.switchOnSecond(lost)
	h.pass(31 * time.Second)

	s.logIn("admin", lost)
	s.typeCode(admins)
	s.Press("System > Account > User")
	s.Press("Edit ann")
	s.Wants("Nobody but ann sets the password of ann")
	s.Press("Make an activation code")
	s.TypeByMouse("#password", lost)
	s.TypeByMouse("#code", "000000")
	s.Press("Make the code")
	s.Wants("Nothing was changed")
	h.pass(31 * time.Second)
	s.TypeByMouse("#password", lost)
	h.stop() // a code counts for a minute at most, and the look takes what it takes
	s.TypeByMouse("#code", admins.code())
	s.looks("help-with-code")
	s.Press("Make the code")
	h.goOn()
	s.Wants("Activation code for ann", "It is shown this once", "a code of the second factor, which stays")
	s.looks("activation-code")
	code := s.readGroups(4)
	s.Press("It is handed over")
	s.Press("Log out")

	s.logIn("ann", mistype(code, 1))
	s.Wants("Group 1", "Nothing was spent")
	s.fillLogin("ann", code)
	s.at(users)
	s.Wants("You came in with an activation code", "nothing else is open")
	for _, path := range []string{"/menu", "/menu/log", users + "/admin", users + "/admin/code"} {
		s.Open(h.Ready().Seat + path)
		s.at(users)
	}
	s.setNew("ann", code, fresh)
	s.logIn("ann", code)
	s.Wants("Wrong user name or password")
	h.pass(31 * time.Second)
	s.fillLogin("ann", fresh)
	s.typeCode(anns)
	s.Wants("Since you were last here", "activation code was made")
	s.looks("menu-told")
	s.Press("I have read this")
	s.Wants("Logged in as ann")
	h.opensWith("ann", fresh, forgotten)
	if again := h.visitor(); again.logIn("ann", code, false) {
		t.Error("the activation code opens the web page after its use")
	}
	h.wantRecords(map[string]int{"user.code": 1, "password.set": 1, "notices.seen": 1})
	if got := h.records("user.code"); len(got) == 1 && got[0].Detail["step_up"] != "password and code" {
		t.Errorf("on record is the step-up %q", got[0].Detail["step_up"])
	}
	h.logsHold(code, fresh, forgotten)
}

// typeCode is the second step of a log-in. Time stands meanwhile.
func (s seat) typeCode(a phoneApp) {
	s.t.Helper()
	s.at("/login/code")
	s.h.stop()
	s.TypeByMouse("#code", a.code())
	s.Press("Log in")
	s.h.goOn()
}

// authenticatorOf switches on the second factor of somebody who is not part of the
// play.
func (h *house) authenticatorOf(account, password string) phoneApp {
	h.t.Helper()
	offer, err := h.Box().OfferSecond(account, rekey.NewSecret(password), recorder.AtSeat())
	must(h.t, err)
	a := phoneApp{strings.ReplaceAll(offer.Key().Reveal(), " ", ""), h}
	_, _, err = h.Box().ConfirmSecond(offer, rekey.NewSecret(a.code()), recorder.AtSeat())
	must(h.t, err)
	return a
}
