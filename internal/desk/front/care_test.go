package front_test

import (
	"strings"
	"testing"
	"time"

	"rekey/internal/desk"
	"rekey/internal/desk/staff"
	"rekey/internal/rekeytest/browser"
)

func agent(name string, role staff.Role) desk.Agent {
	return desk.Agent{Name: name, Role: role, Browser: "the browser of " + name}
}

// caseFor opens a case of an agent's for a recorder.
func (h *house) caseFor(who desk.Agent, b *box) desk.Case {
	h.t.Helper()
	c, err := h.desk.OpenCase(h.t.Context(), who, desk.NewCase{DeviceID: b.id, Account: "admin", Caller: "+493012345"})
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// TestAnswerGoes: after two minutes the answer is gone from the page, and the
// case is there again. The page's clock is set ahead instead of waiting.
func TestAnswerGoes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.enrol(petra())
	ann := h.person("ann")
	ann.Open(h.base + "/?find=" + b.id.String())
	ann.Type("#caller", "+493012345")
	ann.Go()
	ann.Press("Send a number to p***@example.org")
	ann.Type("#code", h.codeRead())
	ann.Press("Check the number")
	ch := b.challenge(t)
	ann.Type("#qr", b.qr(t, h, ch))
	ann.Press("Check the code")
	ann.Await("#challenge")
	ann.passkey.Verify(false)
	ann.Tick("form.challenge button")
	ann.AwaitText("The passkey was not used. Nothing was done")
	ann.picture("not-verified")
	ann.passkey.Verify(true)
	ann.Press("Show the answer")
	want := b.answer(t, ch)
	ann.Wants(want[0])
	ann.Eval(`(() => { const now = performance.now.bind(performance); performance.now = () => now() + 119000; return ""; })()`)
	ann.Until(`location.pathname === "/cases/1"`)
	ann.AwaitText("cannot be shown again")
	if text := ann.Text("main"); strings.Contains(text, want[0]) {
		t.Error("the answer is still there")
	}
}

// TestSessionOver: whose session ends in the middle of a call is told that what
// they sent was not done, and comes back to the case after the log-in.
func TestSessionOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.enrol(petra())
	h.caseFor(agent("ann", staff.RoleAgent), b)
	ann := h.person("ann")
	ann.Open(h.base + "/cases/1")
	ann.Type("#text", "the caller looks for the sheet")
	ann.Eval(`(window.fetch = () => new Promise(() => {}), "")`) // so that the page does not leave by itself
	bob := h.person("bob")
	bob.Open(h.base + "/cases/1")
	h.ahead(16 * time.Minute)
	ann.Press("Save note")
	ann.Wants("Your session is over. What you sent was not done.")
	ann.look("session-over")
	ann.Press("Log in with a passkey")
	ann.Wants("Case 1")
	if ann.Path() != "/cases/1" {
		t.Errorf("after the log-in one is at %s", ann.Path())
	}
	if text := ann.Text("main"); strings.Contains(text, "looks for the sheet") {
		t.Error("the note was saved without a session")
	}
	if _, err := h.desk.AddNote(t.Context(), agent("ann", staff.RoleAgent), 1, "something new"); err != nil {
		t.Fatal(err)
	}
	bob.Until(`location.pathname === "/login"`) // nobody touched the page
}

// TestStolenAndFrozen: whatever the reason, the agent says the same words.
func TestStolenAndFrozen(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	stolen, frozen := h.enrol(petra()), h.enrol(petra())
	if err := h.desk.SetStolen(t.Context(), desk.Operator(), stolen.id, true, desk.StepUp{}); err != nil {
		t.Fatal(err)
	}
	ann := h.person("ann")
	ann.Type("#find", stolen.id.String())
	ann.Go()
	ann.Wants("Reported stolen")
	ann.look("stolen-recorder")
	ann.Type("#caller", "+493012345")
	ann.Go()
	ann.Wants("There is no answer", desk.SayNoAnswer)
	ann.picture("stolen")

	ann.Open(h.base + "/?find=" + frozen.id.String())
	ann.Type("#caller", "+493012345")
	ann.Go()
	ann.Eval(`(document.activeElement.blur(), "")`)
	ann.Key("z", false)
	ann.Until(`document.activeElement.id === "freeze-why"`)
	ann.Key("the voice did not fit the name", false)
	ann.Go()
	ann.Wants("Frozen", "the voice did not fit the name", desk.SayNoAnswer)
	ann.look("frozen")

	sue := h.person("sue")
	sue.Open(h.base + "/cases/2")
	sue.Type("#why", "spoken to the owner at the registered number")
	sue.look("thaw")
	sue.Press("Thaw case and recorder")
	sue.Wants("gathers the evidence")
}

// TestCareByKeys: note, putting aside, handing over and the list of keys, all by
// keyboard, and no key works while somebody types.
func TestCareByKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.enrol(petra())
	h.caseFor(agent("ann", staff.RoleAgent), b)
	ann := h.person("ann")
	ann.Open(h.base + "/cases/1")
	ann.Key(browser.Escape, false)
	ann.Eval(`(document.activeElement.blur(), "")`)
	ann.Key("n", false)
	ann.Until(`document.activeElement.id === "text"`)
	ann.Key("phone number? c h p z", false) // letters that are keys elsewhere
	if got := ann.Value("#text"); got != "phone number? c h p z" {
		t.Errorf("the note reads %q", got)
	}
	ann.Press("Save note")
	ann.Wants("phone number? c h p z")
	ann.Eval(`(document.activeElement.blur(), "")`)
	ann.Key("?", false)
	ann.Await("#keys")
	ann.look("keys")
	for _, want := range []string{"Put aside", "Hand over", "Freeze", "Write a note"} {
		if !strings.Contains(ann.Text("#keys"), want) {
			t.Errorf("the list of keys lacks %q", want)
		}
	}
	ann.Key(browser.Escape, false)
	ann.Key("p", false)
	ann.Until(`document.activeElement.name === "why"`)
	ann.Key("calls again tomorrow", false)
	ann.Go()
	ann.Wants("Put aside", "calls again tomorrow")
	ann.look("paused")
	ann.Go() // the button that goes on has the keyboard
	ann.Wants("Control of a registered address")
	ann.Eval(`(document.activeElement.blur(), "")`)
	ann.Key("h", false)
	ann.Until(`document.activeElement.id === "to"`)
	ann.look("handover")
	if got := ann.Eval(`[...document.querySelector("#to").options].map((o) => o.value).join(" ")`); got != " bob sue" {
		t.Errorf("the colleagues offered are %q", got)
	}
	ann.Eval(`(document.querySelector("#to").focus(), "")`) // where a picture was taken, it is elsewhere
	ann.Key("b", false)                                     // as in any list: by the first letter
	ann.Until(`document.activeElement.value === "bob"`)
	ann.Key("\t", false)
	ann.Until(`document.activeElement.textContent === "Hand over"`)
	ann.Go()
	ann.Wants("bob gathers the evidence")
	ann.picture("handed-over")
	ann.Open(h.base + "/cases?worked_by=bob")
	ann.Wants("Case 1")
	ann.look("cases")
	ann.Open(h.base + "/")
	ann.Type("#find", "+49 30 12345")
	ann.Go()
	ann.Wants("Case 1")
	ann.picture("found-by-caller")
	ann.Open(h.base + "/?find=N841")
	ann.Wants(b.id.String())
	ann.Open(h.base + "/?find=nothing-at-all")
	ann.Wants("Nothing was found")
}

// TestMailDown: while the owner cannot be told, the case waits and asks for no
// challenge, whatever else is given; once the mail is back the page goes on by
// itself.
func TestMailDown(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.mail.SetDown(true)
	b := h.enrol(desk.Owner{Name: "Petra Example", Since: petra().Since, Addresses: []string{"mailto:petra@example.org"}})
	ann := h.person("ann")
	ann.Open(h.base + "/?find=" + b.id.String())
	ann.Type("#caller", "+493012345")
	ann.Go()
	ann.AwaitText("that a case was opened: 1 waiting to be sent") // the first try has failed
	ann.Press("Send a number to p***@example.org")
	ann.Wants("The number could not be sent", "Control of a registered address")
	ann.picture("mail-down")

	h.mail.Refuse("notice.open") // which the desk tries again at any moment
	h.mail.SetDown(false)
	ann.Press("Send a number to p***@example.org")
	ann.Type("#code", h.codeRead())
	ann.Press("Check the number")
	ann.Type("#qr", b.qr(t, h, b.challenge(t)))
	ann.Press("Check the code")
	ann.Wants("The owner is told before anything else", "Please hold the line")
	ann.wantsNot("Forgot password", "Show the answer")
	ann.picture("telling")

	h.mail.Refuse("")
	h.ahead(2 * time.Minute) // the pause before the next try is over
	ann.Await("#challenge")
	ann.AwaitText("that a case was opened: 1 sent")
	if got := h.mail.newest(t, "notice.open"); got.To != "mailto:petra@example.org" {
		t.Errorf("the owner was told at %s", got.To)
	}
}
