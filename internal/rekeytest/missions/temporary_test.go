package missions

import (
	"bytes"
	"fmt"
	"image/png"
	"strings"
	"testing"
	"time"

	"rekey/internal/recorder"
	"rekey/internal/scan"
	"rekey/recovery"
)

const users = "/settings/system/account/user" // on the screen of an N841

// scan reads a QR code from the screen, as a telephone does.
func (s seat) scan(css string) string {
	s.t.Helper()
	taken, err := png.Decode(bytes.NewReader(s.PictureOf(css)))
	must(s.t, err)
	text := scan.QR(taken)
	if text == "" {
		s.t.Fatalf("the QR code of %s cannot be read", css)
	}
	return text
}

// TestLockedOutOwnerCallsSupport is the makers' temporary-password way, all of it:
// the owner guesses until the lock, reads out the Device ID, calls, reads out the
// challenge, types the temporary password, sets a new one, logs in, and looks
// through the recorder.
func TestLockedOutOwnerCallsSupport(t *testing.T) {
	t.Parallel()
	h := build(t, plan{})
	browsing, phone := h.visitor(), h.visitor()
	if !browsing.logIn("admin", lost, false) || !phone.logIn("admin", lost, true) || len(h.Box().Phones("admin")) != 1 {
		t.Fatal("the owner's own devices are not logged in")
	}
	h.pass(time.Minute) // the web page counts log-ins by address
	s := h.sitDown()
	s.Wants("Live view", "Shop")
	s.looks("live")

	s.guessUntilLocked()
	id := s.readInfo()
	call := h.desk.call(id, "admin")
	challenge := s.askForChallenge()
	answer := call.answer(challenge)
	s.typeWithOneSlip(answer)
	s.oneDoorOnly()
	s.setNewAfterSlips(answer)
	call.solved()

	s.logIn("admin", fresh)
	s.Wants("Logged in as admin", "Look through the recorder", "10 things left")
	s.looks("menu-review-due")
	s.lookThrough()
	if browsing.inside() || phone.inside() || len(h.Box().Phones("admin")) != 0 {
		t.Error("who was logged in before still is")
	}
	h.opensWith("admin", fresh, lost)
	h.wantRecords(map[string]int{
		"account.locked": 1, "challenge.shown": 1, "answer.ok": 1, "answer.wrong": 0, "password.set": 1, "sessions.revoked": 1,
		"review.opened": 1, "review.item": 10, "review.done": 1, "grant.lost": 0,
	})
	if got := h.desk.records("code.reveal"); len(got) != 1 {
		t.Errorf("the desk has %d records of the answer", len(got))
	}
	h.logsHold(answer, fresh, lost)
}

// guessUntilLocked tries five passwords, waits the lock out, and tries another.
func (s seat) guessUntilLocked() {
	s.t.Helper()
	s.choose("Main Menu")
	for left := 4; left >= 0; left-- {
		s.fillLogin("admin", fmt.Sprint(left))
		if left > 1 {
			s.Wants(fmt.Sprintf("%d tries left", left))
		}
	}
	s.Wants("now locked for 30 min", "You can try again in", "A temporary password from support does not wait for that")
	s.looks("locked")
	s.h.pass(31 * time.Minute)
	s.fillLogin("admin", "x")
	s.Wants("4 tries left")
	s.Press("Back to the screen")
}

// readInfo goes to Info and label, and gives the Device ID as it is read there.
func (s seat) readInfo() string {
	s.t.Helper()
	info := s.h.Box().Info()
	s.choose("Info")
	id := s.Text(".facts strong.code")
	s.Wants(info.Serial, "not the Device ID", info.Model, info.Firmware, s.h.Ready().HTTPS)
	if id != info.DeviceID || id == info.Serial || s.scan("svg.qr") != id {
		s.t.Errorf("Info shows the Device ID %q", id)
	}
	s.looks("info")
	s.Press("label")
	s.at("/label")
	if got := s.scan("img.label"); got != id {
		s.t.Errorf("the QR code of the label reads %q", got)
	}
	s.looks("label")
	s.Press("Back to the screen")
	return id
}

// askForChallenge goes to Forgot password, and gives the challenge as it is read.
func (s seat) askForChallenge() string {
	s.t.Helper()
	s.choose("Forgot password")
	s.Wants("Get a challenge here", support)
	s.looks("forgot")
	challenge := s.challenge()
	q, err := recovery.ParseQR(s.scan("svg.qr"))
	if err != nil || q.Challenge.String() != challenge || q.DeviceID != s.h.Box().DeviceID() {
		s.t.Errorf("the QR code of the challenge is another: %v", err)
	}
	s.looks("challenge")
	return challenge
}

// typeWithOneSlip types the temporary password with one wrong symbol first.
func (s seat) typeWithOneSlip(answer string) {
	s.t.Helper()
	s.TypeByMouse("#answer", strings.ReplaceAll(mistype(answer, 2), "-", "")) // the dashes come by themselves
	s.Await(".marks .mistyped")
	s.Wants("Group 2 is mistyped. Nothing was spent.")
	s.looks("mistyped")
	s.Press("OK")
	s.Wants("Group 2 is mistyped. Nothing was spent", "5 attempts left")
	s.TypeByMouse("#answer", answer)
	s.AwaitText("All groups are typed right.")
	s.Press("OK")
}

// oneDoorOnly tries to get elsewhere from the session of a temporary password.
func (s seat) oneDoorOnly() {
	s.t.Helper()
	s.at(users)
	s.Wants("Main Menu > Settings > System > Account > User", "temporary password", "nothing else is open")
	s.looks("one-door")
	for _, path := range []string{"/menu", "/menu/log", "/menu/backup", "/", "/settings/system/account/user/+add"} {
		s.Open(s.h.Ready().Seat + path)
		s.at(users)
	}
}

// setNewAfterSlips sets the new password after two that are refused.
func (s seat) setNewAfterSlips(answer string) {
	s.t.Helper()
	s.Press("Edit admin")
	for _, try := range []struct{ new, confirm, told string }{
		{"short1", "short1", "8 to 32 characters"},
		{fresh, fresh[:len(fresh)-1], "not the same"}, // its line comes when the mouse leaves the field for OK
	} {
		if s.Eval(`String(document.querySelector("#modify").checked)`) == "false" {
			s.Tick("#modify")
		}
		s.TypeByMouse("#old", answer)
		s.TypeByMouse("#new", try.new)
		s.TypeByMouse("#confirm", try.confirm)
		s.ok()
		s.Wants("The password was not changed", try.told)
	}
	s.looks("new-password-refused")
	s.TypeByMouse("#old", answer)
	s.TypeByMouse("#new", fresh)
	s.TypeByMouse("#confirm", fresh)
	s.ok()
	s.Wants("The new password is set")
	s.looks("live-changed")
}

// lookThrough works the review off, item by item: to each page and back again.
func (s seat) lookThrough() {
	s.t.Helper()
	s.Press("Look through the recorder")
	s.Wants("10 of 10 left")
	s.looks("review")
	for n := 1; n <= 10; n++ {
		line := fmt.Sprintf("ol.rows > li:nth-child(%d) ", n)
		if s.Eval(fmt.Sprintf(`String(Boolean(document.querySelector(%q)))`, line+"a[role=button]")) == "true" {
			s.Follow(line + "a[role=button]")
			s.Press("Main Menu")
			s.Press("What to look at now")
		}
		mark := "button[type=submit]"
		if n == 1 {
			mark = "form:last-child button" // skipped: there is no USB drive
		}
		s.Follow(line + mark)
		if n < 10 {
			s.Wants(fmt.Sprintf("%d of 10 left", 10-n))
		}
	}
	s.Wants("Nothing is left to review")
	s.looks("review-over")
	if s.h.Box().ReviewDue() {
		s.t.Error("the review is still due")
	}
}

// TestTemporaryPasswordAtTheLogIn is the makers' procedure to the letter: log in
// as admin with the temporary password, then Main Menu > Settings > System >
// Account > User. Old and wrong ones do not open.
func TestTemporaryPasswordAtTheLogIn(t *testing.T) {
	t.Parallel()
	h := build(t, plan{})
	s := h.sitDown()
	s.choose("Forgot password")
	challenge := s.challenge()
	answer := h.desk.call(h.Box().Info().DeviceID, "admin").answer(challenge)
	s.Press("Back to the screen")

	s.choose("Main Menu")
	s.Wants("A challenge is open", "with the user name admin", "5 attempts left")
	s.looks("login-challenge-open")
	s.fillLogin("admin", mistype(answer, 3))
	s.Wants("Group 3", "Nothing was spent")
	s.fillLogin("admin", answer)
	s.at(users)
	s.setNew("admin", answer, fresh)
	s.choose("Main Menu")
	s.fillLogin("admin", answer) // once and never again
	s.Wants("Wrong user name or password", "it was used, or it is over")
	s.fillLogin("admin", fresh)
	s.Wants("Logged in as admin")
	h.opensWith("admin", fresh, lost)
	h.wantRecords(map[string]int{"challenge.shown": 1, "answer.ok": 1, "answer.wrong": 0, "password.set": 1})
	h.logsHold(answer, fresh, lost)
}

// TestEveryGenerationOfScreens: the way to the user's page and the change, with
// the temporary password and then with the known one, as each generation's
// procedure has it.
func TestEveryGenerationOfScreens(t *testing.T) {
	t.Parallel()
	for _, g := range []struct {
		face             recorder.Face
		way, modify      string
		old, first, next string
	}{
		{recorder.FaceN841, "Settings > System > Account > User", "Password", lost, fresh, "Plum-43-Bay"},
		{recorder.FaceBaseline2, "ACCOUNT > User", "Modify Password", lost, fresh, "Plum-43-Bay"},
		{recorder.FaceNewScreen, "Users > User", "Modify Password", lost, fresh, "Plum-43-Bay"},
		{recorder.FaceLNR400, "Setting > Account", "Modify Password", "lost77", "kiwi42", "plum43"},
	} {
		t.Run(string(g.face), func(t *testing.T) {
			t.Parallel()
			h := build(t, plan{face: g.face, password: g.old})
			s := h.sitDown()
			s.choose("Forgot password")
			challenge := s.challenge()
			answer := h.desk.call(h.Box().Info().DeviceID, "admin").answer(challenge)
			s.TypeByMouse("#answer", answer)
			s.Press("OK")
			s.at("/" + strings.ToLower(strings.ReplaceAll(g.way, " > ", "/")))
			s.Wants("Main Menu > "+g.way, "nothing else is open")
			s.Press("Edit admin")
			s.Wants(g.modify)
			s.picture("generation-" + string(g.face))
			s.changePassword(answer, g.first)

			s.logIn("admin", g.first)
			_, link, _ := strings.Cut(g.way, " > ")
			s.Press(link)
			s.Wants("Main Menu > " + g.way)
			s.Press("Edit admin")
			s.changePassword(g.first, g.next)
			h.opensWith("admin", g.next, g.first)
			h.wantRecords(map[string]int{"password.set": 2, "answer.ok": 1})
			h.logsHold(answer, g.first, g.next)
		})
	}
}
