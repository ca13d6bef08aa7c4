package desk_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rekey/internal/desk"
	"rekey/internal/rekeytest/browser"
	"rekey/recovery"
)

// person is somebody at a browser of their own.
type person struct {
	*browser.Tab
	t    *testing.T
	base string
}

func (p *place) person(b *browser.Browser, base, name string) person {
	p.t.Helper()
	who := person{b.Tab(p.t), p.t, base}
	who.Open(base + "/")
	who.look("login")
	who.Type("#name", name)
	who.Type("#password", passwordOfAll)
	who.Press("Log in")
	return who
}

// look holds the page against axe-core, in both layouts and both colour schemes.
// Where REKEY_PICTURES names a folder it leaves pictures of all four there.
func (w person) look(name string) {
	w.t.Helper()
	wide := browser.Look{Width: 1280, Height: 800}
	w.Axe(wide, browser.PhoneDark)
	if dir := os.Getenv("REKEY_PICTURES"); dir != "" {
		dark := wide
		dark.Dark = true
		for screen, l := range map[string]browser.Look{"wide": wide, "wide-dark": dark, "phone": browser.Phone, "phone-dark": browser.PhoneDark} {
			w.Look(l)
			if err := os.WriteFile(filepath.Join(dir, name+"-"+screen+".png"), w.Picture(), 0o600); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	w.Look(wide)
}

// TestCallInTheBrowser is the agent's work in a call without a QR code, with a
// second agent who approves, as both see it.
func TestCallInTheBrowser(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	chromium := browser.Start(t)
	base := p.serve()
	agent := p.person(chromium, base, "ann")
	agent.look("cases-empty")
	agent.Type("#device_id", strings.ToLower(b.id.String()))
	agent.Press("Find recorder")
	agent.Wants("Model", "N841", "p***@example.org")
	agent.look("recorder")
	agent.Type("#caller", "4930123456")
	agent.Press("Open case")
	agent.Wants("expected + or 00, the country code and the number")
	agent.Type("#caller", "+") // before the digits that the form still shows
	agent.Press("Open case")
	agent.Wants("Case 1", "Evidence still needed", "mailto:petra@example.org")
	agent.look("evidence")
	agent.Type("#proof-E2", rightNote)
	agent.Press("Add E2")
	agent.look("evidence-second")
	agent.Tick("details:has(#proof-E3) summary")
	agent.Type("#proof-E3", "compared with the registry")
	agent.Press("Add E3")
	agent.Wants("A second person must approve", "A colleague looks at this as well")
	agent.look("waiting")

	approver := p.person(chromium, base, "carol")
	approver.look("cases-approver")
	approver.Press("Case 1")
	approver.look("approval")
	approver.Press("Approve")
	approver.Wants("ann may enter the challenge now")

	agent.Open(base + "/cases/1")
	agent.look("challenge")
	ch := b.challenge(t, recovery.PurposePassword)
	mistyped := []byte(ch.String())
	mistyped[10] ^= 1
	agent.Type("#challenge", string(mistyped))
	agent.Press("Show answer")
	agent.Wants("Group 3 of the challenge mistyped: nothing was spent")
	agent.look("mistyped")
	agent.Type("#challenge", ch.String())
	agent.Press("Show answer")
	want, err := b.keys.Answer(b.id, "admin", ch)
	if err != nil {
		t.Fatal(err)
	}
	for group := range strings.SplitSeq(want.Reveal(), "-") {
		agent.Wants(group, strings.Join(recovery.Spell(group), ", "))
	}
	agent.look("answer")
	agent.Press("Done: back to the case")
	agent.Wants("The answer was issued", "cannot be shown again")
	if got := agent.Text("main"); strings.Contains(got, want.Reveal()[:4]) {
		t.Error("the answer is still there")
	}
	agent.look("answered")
	agent.Press("Close case")
	agent.Wants("This case is closed", "solved")

	auditor := p.person(chromium, base, "otto")
	auditor.Press("Security log")
	auditor.Wants("records are whole, in order and signed", "code.reveal")
	auditor.look("log")
	auditor.Press("Recorders")
	auditor.look("recorders")
	auditor.Press("Log out otto")
	auditor.Wants("Log in to the support desk")
}

// TestQRCallInTheBrowser: with the text of the QR code the agent is alone, and
// its challenge need not be typed again.
func TestQRCallInTheBrowser(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.openCase(ann(), b, "+49301")
	p.add(ann(), c.Number, desk.EvidenceAddress)
	ch := b.challenge(t, recovery.PurposePassword)
	chromium := browser.Start(t)
	base := p.serve()
	owner := person{chromium.Tab(t), t, base} // who scans the code with a telephone
	_, path, _ := strings.Cut(b.qr(t, ch), strings.ToUpper(qrDesk))
	owner.Open(base + path)
	owner.Wants("read this text to the agent", path)
	owner.look("scanned")
	agent := p.person(chromium, base, "ann")
	agent.Open(agent.base + fmt.Sprintf("/cases/%d", c.Number))
	agent.Type("#proof-E1", b.qr(t, ch))
	agent.Press("Add E1")
	agent.look("challenge-from-qr")
	agent.Press("Show answer")
	want, err := b.keys.Answer(b.id, "admin", ch)
	if err != nil {
		t.Fatal(err)
	}
	agent.Wants(strings.Split(want.Reveal(), "-")...)
}
