package front_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/staff"
)

// waitingCase is a case by voice alone that waits for a second person.
func (h *house) waitingCase(b *box, caller string) desk.Case {
	h.t.Helper()
	ann := atDesk("ann", staff.RoleAgent)
	c := h.openCase(b, caller)
	if _, err := h.desk.SendCode(h.t.Context(), ann, c.Number, mailTarget(c)); err != nil {
		h.t.Fatal(err)
	}
	for _, given := range []desk.Given{
		{Kind: desk.EvidenceAddress, Code: rekey.NewSecret(h.codeRead())},
		{Kind: desk.EvidenceCallback, Note: "called the registered number at 10:40; she knew of the call"},
	} {
		var err error
		if c, err = h.desk.AddEvidence(h.t.Context(), ann, c.Number, given); err != nil {
			h.t.Fatal(err)
		}
	}
	if c.Stage != desk.StageApproval {
		h.t.Fatalf("case %d stands at %s", c.Number, c.Stage)
	}
	return c
}

func mailTarget(c desk.Case) int {
	for _, t := range c.Targets {
		if t.Kind == "mail" {
			return t.Index
		}
	}
	return -1
}

// TestApprovals: what waits is there with its evidence, the oldest first, and is
// approved or turned down in place, by keyboard.
func TestApprovals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.waitingCase(h.enrol(petra()), "+493012345")
	h.waitingCase(h.enrol(petra()), "+493012346")
	carol := h.person("carol")
	carol.Wants("Approvals", "Case 1", "Case 2", "Control of a registered address", "called the registered number at 10:40", "no QR code proves")
	carol.look("approvals")
	carol.Focus(`form[action="/approvals/1"] button[value="approve"]`)
	carol.Go()
	carol.Wants("Case 1 is approved")
	carol.wantsNot("Case 1:")
	carol.Press("Turn down Case 2")
	carol.Wants("Case 2 is turned down and closed", "No case waits for a second person")
	carol.picture("approvals-none")
	for number, want := range map[int64]desk.Stage{1: desk.StageChallenge, 2: desk.StageClosed} {
		eventually(t, "the owner is told", func() bool {
			c, err := h.desk.Case(t.Context(), atDesk("otto", staff.RoleAuditor), number)
			return err == nil && c.Stage == want
		})
	}

	h.waitingCase(h.enrol(petra()), "+493012347")
	carol.AwaitText("Case 3:") // by itself
	if got := carol.status("POST", "/approvals/3"); got != "403" {
		t.Errorf("an approval without a passkey: status %s", got)
	}
}

// TestSupervisor looks after alarms, frozen cases, people and figures.
func TestSupervisor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.enrol(petra())
	h.openCase(b, "+493012345")
	owner := h.telephone()
	owner.Open(h.link("notice.open") + "/not-me")
	owner.Press("That was not me: stop everything")
	h.waitingCase(h.enrol(petra()), "+493012346")
	bob := h.person("bob")

	sue := h.person("sue")
	sue.Press("Alarms")
	sue.Wants("An owner said: not me", "Call the owner at the registered number", "Frozen by owner")
	sue.look("alarms")
	sue.Type(`form[action="/alarms/1"] input[name="note"]`, "called her at 10:50: it was her son")
	sue.Press("Settle")
	sue.Wants("No alarm is open", "called her at 10:50", "Settled")
	sue.Type("#why-1", "called her at 10:50: it was her son")
	sue.Press("Thaw Case 1")
	sue.Wants("Case 1")
	sue.Open(h.base + "/alarms")
	sue.Wants("No case is frozen")
	sue.picture("alarms-none")

	sue.Press("Team")
	sue.Wants("Open cases", "ann", "Case 1", "Case 2", "Logged in", "bob")
	sue.look("team")
	sue.Pick(`form[action="/team/1"] select`, "bob")
	sue.Follow(`form[action="/team/1"] button`)
	eventually(t, "case 1 is bob's", func() bool {
		c, err := h.desk.Case(t.Context(), atDesk("otto", staff.RoleAuditor), 1)
		return err == nil && c.WorkedBy == "bob"
	})
	sue.Open(h.base + "/team")
	sue.Follow(`button[aria-label="End the session of bob"]`)
	eventually(t, "bob's session is over", func() bool { return len(h.desk.Staff().Sessions("bob", nil)) == 0 })
	bob.Open(h.base + "/cases")
	if bob.Path() != "/login" {
		t.Errorf("bob is still at %s", bob.Path())
	}

	sue.Open(h.base + "/figures")
	sue.Wants("Now", "1 wait for approval", "Over time", "2 opened", "owners said: not me", "By agent", "Export")
	sue.look("figures")
	sue.Press("92 days")
	sue.Wants("2 cases opened")
	sue.picture("figures-quarter")
	for _, format := range []string{"csv", "json"} {
		got := sue.fetchHere("/api/v1/export?format=" + format + "&since=" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339) + "&until=" + time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		if !strings.Contains(got, b.id.String()) || strings.Contains(got, "Petra") || strings.Contains(got, "3012345") { // longer than the microseconds of a time
			t.Errorf("the export as %s: %s", format, got)
		}
	}
	sue.Open(h.base + "/figures?from=2026-01-05&to=2026-01-01")
	sue.Wants("A span needs two dates")
	sue.Open(h.base + "/figures?from=2020-01-01&to=2026-01-01")
	sue.Wants("92 days")
}

// fetchHere is a page as this person's browser gets it.
func (p *person) fetchHere(path string) string {
	p.t.Helper()
	return p.Eval(`(() => { const call = new XMLHttpRequest(); call.open("` + http.MethodGet + `", "` + path + `", false); call.send(); return call.responseText; })()`)
}
