package missions

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rekey/internal/desk"
	"rekey/recovery"
)

// forgot is when the caller is asked for the challenge, and not before.
const forgot = "Please press Forgot password at the recorder now"

// screenshot is the recorder's screen as a file, as the caller sends it.
func (s seat) screenshot() string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "screen.png")
	must(s.t, os.WriteFile(path, s.Picture(), 0o600))
	return path
}

// readsID goes to Info and back, and gives the Device ID as it stands there.
func (s seat) readsID() string {
	s.t.Helper()
	s.choose("Info")
	id := s.Text(".facts strong.code")
	s.Press("Back to the screen")
	return id
}

// setsPassword types the temporary password by mouse, sets a new one and logs in with it.
func (s seat) setsPassword(answer string) {
	s.t.Helper()
	s.TypeByMouse("#answer", strings.ReplaceAll(answer, "-", ""))
	s.AwaitText("All groups are typed right.")
	s.Press("OK")
	s.at(users)
	s.Wants("Main Menu > Settings > System > Account > User")
	s.setNew("admin", answer, fresh)
	s.logIn("admin", fresh)
	s.Wants("Logged in as admin")
}

// takes types the challenge as it is heard, one group wrong, and again.
func (p *worker) takes(challenge string) {
	p.t.Helper()
	groups, heard := strings.Split(strings.ToLower(challenge), "-"), strings.Split(strings.ToLower(mistype(challenge, 3)), "-")
	p.has("#challenge")
	p.replace(heard[0] + heard[1] + heard[2])
	p.AwaitText("Group 3 is mistyped. Ask for it again; nothing was spent.")
	p.looks("challenge-mistyped")
	p.has("#challenge")
	p.strike(strings.Repeat("\b", 4) + groups[2] + groups[3] + groups[4])
	p.AwaitText("All groups check.")
	if n := len(p.o.records("code.reveal")); n != 0 {
		p.t.Errorf("a mistyped group led to %d reveals", n)
	}
}

// spoken is the agent's half, which the page shows once.
func (p *worker) spoken() string {
	p.t.Helper()
	p.Wants("cannot be shown again", "Groups 3 and 4 went to p***@example.org", "Type all four at the recorder")
	var groups []string
	for _, n := range []string{"1", "2"} {
		group := p.Text("#answer li:nth-child(" + n + ") .code")
		if got, want := p.Text("#answer li:nth-child("+n+") .words"), strings.Join(recovery.Spell(group), " "); got != want {
			p.t.Errorf("group %s is spelled %q, not %q", n, got, want)
		}
		groups = append(groups, group)
	}
	return strings.Join(groups, "-")
}

// seesHalf is the owner's half as the owner's page shows it.
func (p owner) seesHalf() string {
	p.t.Helper()
	p.Press("See my half")
	p.Wants("Group 3", "Group 4", "Tell these groups to nobody")
	return p.Text("ol.half li:nth-child(1) .symbols") + "-" + p.Text("ol.half li:nth-child(2) .symbols")
}

// keptTo fails where the answer is anywhere but where it belongs: the agent's half on
// one page of the desk, the owner's on none, both in no file and no log.
func (h *house) keptTo(spoken, sent string) {
	h.t.Helper()
	if n, of := h.desk.pages.with(strings.Split(spoken, "-")[0], spoken); n != 1 || of < 20 {
		h.t.Errorf("%d of %d pages of the desk show the agent's half", n, of)
	}
	for _, group := range strings.Split(sent, "-") {
		if n, of := h.desk.pages.with(group, sent); n != 0 {
			h.t.Errorf("%d of %d pages of the desk show a group of the owner's half", n, of)
		}
	}
	h.desk.filesLack(spoken+"-"+sent, spoken, sent, fresh, lost)
	h.logsHold(spoken+"-"+sent, spoken, sent, fresh, lost)
}

// both are a registered mail address and telephone.
func both() []string { return []string{"mailto:" + ownerMail, "tel:" + ownerTel} }

// TestCallFromDeviceIDToNewPassword is the support desk's normal call, all of it: an
// agent who has no mouse, an owner before a recorder who has no keyboard, and the
// owner's letters. The agent never has the whole temporary password.
func TestCallFromDeviceIDToNewPassword(t *testing.T) {
	t.Parallel()
	h := build(t, plan{owner: both()})
	s := h.sitDown()
	kim := h.desk.staffed().agent
	id := s.readsID()
	kim.looks("desk")

	began := time.Now()
	kim.strokes, h.desk.looking = 0, 0
	kim.opens(id, ownerTel)
	kim.Wants("N841", "Control of a registered address")
	phone := h.desk.owner()
	phone.Wants("Your recorder N841", "The agent is checking that the caller is really you")
	kim.asksForNumber()
	kim.Wants("Please press Forgot password on the recorder")
	kim.looks("evidence")
	s.choose("Forgot password")
	challenge := s.challenge()
	kim.has("#qr")
	kim.scans(s.screenshot())
	if got := kim.Value("#challenge"); got != challenge {
		t.Error("the challenge of the picture is not in its field")
	}
	before := kim.strokes
	kim.takes(challenge)
	typing := kim.strokes - before
	kim.enter()
	spoken := kim.spoken()
	kim.looks("answer")
	kim.has(`main a[role="button"]`)
	kim.enter()
	kim.Wants("did it work?", "cannot be shown again")

	sent := h.desk.letter("Groups 3 and 4 of the temporary password", half)
	phone.Press("Look again")
	phone.Wants("The second half is here")
	if phone.seesHalf() != sent {
		t.Error("the owner's page shows another half than the letter")
	}
	phone.looks("owner-half")
	sat := time.Now()
	s.setsPassword(spoken + "-" + sent)
	byMouse := time.Since(sat)
	kim.looks("answered")
	kim.closes()
	t.Logf("from Device ID to closed, of which no person's time is part: %d keystrokes, %d of them to type the challenge with one group wrong, which the QR code makes needless; %.1f s, %.1f s of them by mouse at the recorder",
		kim.strokes, typing, (time.Since(began) - h.desk.looking).Seconds(), byMouse.Seconds())
	kim.looks("closed")
	phone.Press("Back to the case")
	phone.Wants("The case is closed", "Done: You set a new password at the recorder")
	phone.looks("owner-closed")

	h.opensWith("admin", fresh, lost)
	h.wantRecords(map[string]int{"challenge.shown": 1, "answer.ok": 1, "answer.wrong": 0, "password.set": 1})
	if n := len(h.desk.records("code.reveal")); n != 1 {
		t.Errorf("the desk has %d records of the answer", n)
	}
	h.keptTo(spoken, sent)
}

// TestCallByVoiceTakesTwo is a call without a QR code: the agent calls back, a second
// person approves with a passkey of their own, and the supervisor's page shows it by itself.
func TestCallByVoiceTakesTwo(t *testing.T) {
	t.Parallel()
	h := build(t, plan{owner: both()})
	s := h.sitDown()
	people := h.desk.staffed()
	kim, noor, sam := people.agent, people.approver, people.supervisor
	sam.Open(h.desk.url + "/figures")
	sam.Wants("0 wait for approval")
	sam.stays()
	kim.opens(s.readsID(), ownerTel)
	kim.asksForNumber()
	kim.callsBack()
	kim.AwaitText("A second person must approve")
	if strings.Contains(kim.Text("main"), forgot) {
		t.Error("the challenge is asked for before the approval")
	}
	kim.stays()
	kim.looks("waiting")
	sam.AwaitText("1 wait for approval")
	sam.looks("figures")

	noor.AwaitText("Case 1:")
	noor.Wants("Control of a registered address", "the owner answered at the registered number", "no QR code proves")
	noor.looks("approvals")
	noor.tabTo(`form[action="/approvals/1"] button[value="approve"]`)
	noor.enter()
	noor.Wants("Case 1 is approved")
	sam.AwaitText("0 wait for approval")
	sam.stayed()

	kim.Await("#challenge")
	kim.stayed()
	kim.Wants(forgot)
	s.choose("Forgot password")
	kim.takes(s.challenge())
	kim.enter()
	spoken := kim.spoken()
	kim.has(`main a[role="button"]`)
	kim.enter()
	sent := h.desk.letter("Groups 3 and 4 of the temporary password", half)
	s.setsPassword(spoken + "-" + sent)
	kim.closes()
	h.opensWith("admin", fresh, lost)
	if got := h.desk.records("case.approve"); len(got) != 1 || got[0].Actor != "noor" {
		t.Errorf("on record are the approvals %+v", got)
	}
	h.keptTo(spoken, sent)
}

// callsBack writes down that the owner was called at the registered number, which the
// page shows and records.
func (p *worker) callsBack() {
	p.t.Helper()
	p.has("#qr")
	p.leave()
	p.strike("6")
	p.has(`form[action$="/address"] button`)
	p.enter()
	p.Wants("Call " + strings.ReplaceAll(ownerTel, "-", ""))
	p.tabTo("#note-E6")
	p.strike("the owner answered at the registered number")
	p.enter()
}

// TestOwnerSaysNotMe is a call that the owner stops from a letter while the agent types
// the challenge: the agent's page freezes by itself, there is no answer, not even from
// the form of before, and a supervisor who had no part lets it go on.
func TestOwnerSaysNotMe(t *testing.T) {
	t.Parallel()
	h := build(t, plan{owner: both()})
	s := h.sitDown()
	people := h.desk.staffed()
	kim, sam := people.agent, people.supervisor
	kim.opens(s.readsID(), ownerTel)
	kim.asksForNumber()
	s.choose("Forgot password")
	challenge := s.challenge()
	kim.scans(s.screenshot())
	kim.takes(challenge)
	kim.stays()
	kim.Eval(`(window.before = document.querySelector("form.challenge"), "")`)
	sam.Open(h.desk.url + "/alarms")
	sam.Wants("No alarm is open")
	sam.stays()

	phone := h.desk.owner()
	phone.Press("That was not me")
	phone.Wants("Was this not you?")
	phone.looks("owner-not-me")
	phone.Press("That was not me: stop everything")
	phone.Wants("Everything is stopped", "No temporary password was given out")
	phone.looks("owner-stopped")

	kim.AwaitText("Frozen")
	kim.AwaitText(desk.SayNoAnswer)
	kim.stayed()
	if kim.Eval(`String(document.querySelector("form.challenge") === null)`) != "true" {
		t.Error("the frozen page still takes the challenge")
	}
	kim.looks("frozen")
	kim.Eval(`(document.querySelector("main").append(window.before), document.querySelector("#challenge").focus(), "")`)
	kim.enter()
	kim.Wants("Frozen", desk.SayNoAnswer)
	if n := len(h.desk.records("code.reveal")); n != 0 {
		t.Errorf("the desk has %d records of an answer", n)
	}
	kim.stays()

	sam.AwaitText("An owner said: not me")
	sam.AwaitText("Frozen by owner")
	sam.stayed()
	sam.looks("alarms")
	sam.tabTo(`form[action="/frozen/1"] input[name="why"]`)
	sam.strike("called the owner at the registered number: her son had asked")
	sam.enter()
	kim.Await("#challenge")
	kim.stayed()
	kim.has("#challenge")
	kim.enter()
	spoken := kim.spoken()
	sent := h.desk.letter("Groups 3 and 4 of the temporary password", half)
	s.setsPassword(spoken + "-" + sent)
	h.keptTo(spoken, sent)
}
