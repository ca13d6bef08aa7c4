package front_test

import (
	"strings"
	"testing"
	"time"

	"rekey/recovery"
)

// TestCallByKeyboard is the normal call, by keyboard alone: the recorder by its
// Device ID, a number sent to the owner, the phrase or the QR code, the
// challenge as it is heard, the answer, the end.
func TestCallByKeyboard(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.enrol(petra())
	ann := h.person("ann")
	ann.picture("desk-empty")
	began := time.Now()

	ann.strike(strings.ToLower(strings.ReplaceAll(b.id.String(), "-", "")))
	ann.enter()
	ann.Wants("N841", "Petra Example", "p***@example.org", "what the caller can try first", "Let another administrator set a new one")
	ann.strike("+493012345")
	ann.enter()
	ann.Wants("Case 1", "Control of a registered address", "I am sending a number")
	ann.enter() // the button that sends the number has the keyboard
	ann.Wants("Please read it to me")
	code := h.codeRead()
	ann.strike(code)
	ann.enter()
	ann.Wants("Recorder's QR code")
	ch := b.challenge(t)
	ann.Type("#qr", b.qr(t, h, ch)) // pasted: one stroke
	ann.strokes += 2
	ann.enter()
	ann.Await("#challenge")
	if got := ann.Value("#challenge"); got != ch.String() {
		t.Errorf("the challenge of the QR code is not in its field: %q", got)
	}
	ann.AwaitText("All groups check")
	ann.enter()
	want := b.answer(t, ch)
	ann.Wants(want[0], want[1], "p***@example.org", "Type all four")
	if text := ann.Text("main"); strings.Contains(text, want[2]) || strings.Contains(text, want[3]) {
		t.Error("the owner's half is on the agent's page")
	}
	ann.enter()
	ann.Wants("did it work?")
	ann.Until(`document.activeElement.id === "password_set"`)
	ann.strike("y\ty\t") // as the caller says
	ann.Until(`document.activeElement.textContent === "Close case"`)
	ann.enter()
	ann.Wants("This case is closed: solved")
	t.Logf("the normal call with a QR code: %d keystrokes, %.1f s without the people", ann.strokes, time.Since(began).Seconds())
}

// TestCallByVoice is a call without a QR code, in which a second person
// approves while the agent's page waits and goes on by itself.
func TestCallByVoice(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.enrol(petra())
	ann := h.person("ann")
	ann.Type("#find", b.id.String())
	ann.Go()
	ann.look("recorder")
	ann.Type("#caller", "4930123456")
	ann.Go()
	ann.Wants("expected + or 00, the country code and the number")
	ann.picture("open-refused")
	ann.Eval(`(document.querySelector("#caller").value = "", "")`)
	ann.Type("#caller", "+4930123456")
	ann.Go()
	ann.look("evidence")
	ann.Press("Send a number to p***@example.org")
	ann.Wants("Please read it to me")
	ann.Type("#code", "00000000")
	ann.Press("Check the number")
	ann.picture("code-wrong")
	ann.Type("#code", h.codeRead())
	ann.Press("Check the number")
	ann.picture("evidence-second")
	ann.Tick("details:has(#note-E6) summary")
	ann.Press("Show the number: telephone ***567")
	ann.Wants("+49301234567")
	ann.look("call-back")
	ann.Type("#note-E6", "called at 14:05, the owner answered")
	ann.Press("Add E6")
	ann.Wants("A second person must approve", "A colleague looks at this as well")
	ann.look("waiting")

	carol := h.person("carol")
	carol.Wants("Case 1")
	carol.picture("approvals-one")
	carol.Press("Case 1")
	carol.look("approve")
	carol.Press("Approve")
	carol.AwaitText("ann may enter the challenge now")

	ann.Await("#challenge") // the page goes on by itself
	ann.Wants("Please press Forgot password at the recorder now", "Groups 3 and 4 go to p***@example.org")
	ann.look("challenge")
	ch := b.challenge(t)
	mistyped := []byte(strings.ToLower(ch.String()))
	mistyped[10] ^= 1
	ann.Type("#challenge", string(mistyped))
	ann.AwaitText("Group 3 is mistyped. Ask for it again; nothing was spent.")
	ann.look("mistyped")
	ann.Press("Show the answer")
	ann.Wants("roup 3 of the challenge mistyped")
	if got := ann.Value("#challenge"); got != string(mistyped) {
		t.Errorf("what was typed is gone: %q", got)
	}
	ann.Eval(`(document.querySelector("#challenge").value = "", "")`)
	ann.Type("#challenge", strings.ToLower(strings.Join(recovery.Spell(ch.String()), " ")))
	ann.AwaitText("All groups check")
	ann.picture("words")
	ann.Press("Show the answer")
	want := b.answer(t, ch)
	ann.Wants(want[0], want[1], strings.Join(recovery.Spell(want[0]), " "))
	ann.look("answer")
	html := ann.Eval("document.documentElement.outerHTML")
	if strings.Contains(html, want[2]) || strings.Contains(html, want[3]) {
		t.Error("the owner's half is in the agent's page")
	}
	if half := h.mail.newest(t, "half").Text; !strings.Contains(half, want[2]) || !strings.Contains(half, want[3]) {
		t.Error("the owner did not get their half")
	}
	ann.Press("Done: back to the case")
	ann.Wants("cannot be shown again")
	ann.picture("answered")
	ann.Eval("(setTimeout(() => history.back()), '')") // the answer to this line comes before the page goes
	ann.Until(`location.pathname !== "/cases/1" && document.readyState === "complete"`)
	if got := ann.Eval("document.documentElement.outerHTML"); strings.Contains(got, want[0]) {
		t.Error("going back shows the answer")
	}
	ann.Open(h.base + "/cases/1")
	ann.Pick("#password_set", "yes")
	ann.Pick("#caller_in", "yes")
	ann.Press("Close case")
	ann.Wants("This case is closed: solved")
	ann.picture("closed")
}
