package desk_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/staff"
	"rekey/recovery"
)

// TestHandOver: the next agent goes on where the last one stopped; who gave the
// case away is out, and can never approve it.
func TestHandOver(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	if err := p.desk.AddAgent(t.Context(), desk.Operator(), "lea", staff.RoleSupervisor, desk.StepUp{}); err != nil {
		t.Fatal(err)
	}
	lea := person("lea", staff.RoleSupervisor)
	c := p.openCase(lea, b, "+49301")
	p.add(lea, c.Number, desk.EvidenceAddress)
	for to, kind := range map[string]error{"lea": rekey.ErrConflict, "nobody": rekey.ErrNotFound, "otto": rekey.ErrConflict, "carol": rekey.ErrConflict} {
		_, err := p.desk.HandOver(t.Context(), lea, c.Number, to)
		wantKind(t, err, kind)
	}
	if c, err := p.desk.HandOver(t.Context(), lea, c.Number, "bob"); err != nil || c.WorkedBy != "bob" || c.OpenedBy != "lea" {
		t.Fatalf("%+v: %v", c, err)
	}
	_, err := p.desk.AddEvidence(t.Context(), lea, c.Number, desk.Given{Kind: desk.EvidenceCallback, Note: rightNote})
	wantKind(t, err, rekey.ErrDenied)
	p.add(bob(), c.Number, desk.EvidenceCallback)
	_, err = p.approve(lea, c.Number) // a part is for good
	wantKind(t, err, rekey.ErrDenied)
	if _, err := p.approve(sue(), c.Number); err != nil {
		t.Fatal(err)
	}
	_, err = p.desk.HandOver(t.Context(), bob(), c.Number, "sue") // who approved never works it
	wantKind(t, err, rekey.ErrDenied)
	ch := b.challenge(t, recovery.PurposePassword)
	_, err = p.reveal(lea, c.Number, ch.String())
	wantKind(t, err, rekey.ErrDenied)
	if got, err := p.reveal(bob(), c.Number, ch.String()); err != nil || p.whole(c.Number, got) != b.answer(t, "admin", ch) {
		t.Error(err)
	}
	p.wantEvent("lea case.approve refused")
}

// TestTakers: a case is offered to those to whom it may be given, and to nobody else.
func TestTakers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.openCase(ann(), b, "+49301")
	takers := func(who desk.Agent) []string {
		t.Helper()
		f, err := p.desk.CaseFile(t.Context(), who, c.Number)
		if err != nil || f.Case.Number != c.Number || f.Recorder.DeviceID != b.id {
			t.Fatalf("%+v: %v", f, err)
		}
		return f.Takers
	}
	if got := takers(ann()); !slices.Equal(got, []string{"bob", "sue"}) {
		t.Errorf("at first %q", got)
	}
	if got := takers(carol()); got != nil {
		t.Errorf("to who can hand nothing over: %q", got)
	}
	p.add(ann(), c.Number, desk.EvidenceAddress)
	p.add(ann(), c.Number, desk.EvidenceCallback)
	if _, err := p.approve(sue(), c.Number); err != nil {
		t.Fatal(err)
	}
	if got := takers(ann()); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("after sue has approved: %q", got)
	}
	if _, err := p.desk.HandOver(t.Context(), ann(), c.Number, "bob"); err != nil {
		t.Fatal(err)
	}
	if got := takers(bob()); !slices.Equal(got, []string{"ann"}) {
		t.Errorf("back to who had it: %q", got)
	}
	if _, err := p.desk.DisableAgent(t.Context(), desk.Operator(), "ann"); err != nil {
		t.Fatal(err)
	}
	if got := takers(bob()); got != nil {
		t.Errorf("after ann was disabled: %q", got)
	}
}

// TestDisabledAgentGetsNoCase: and a supervisor takes the case of one who is gone.
func TestDisabledAgentGetsNoCase(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.openCase(ann(), b, "+49301")
	if _, err := p.desk.DisableAgent(t.Context(), desk.Operator(), "bob"); err != nil {
		t.Fatal(err)
	}
	_, err := p.desk.HandOver(t.Context(), ann(), c.Number, "bob")
	wantKind(t, err, rekey.ErrConflict)
	if _, err := p.desk.DisableAgent(t.Context(), desk.Operator(), "ann"); err != nil {
		t.Fatal(err)
	}
	if c, err := p.desk.HandOver(t.Context(), sue(), c.Number, "sue"); err != nil || c.WorkedBy != "sue" {
		t.Errorf("%+v: %v", c, err)
	}
	p.add(sue(), c.Number, desk.EvidenceAddress)
}

// TestCaseOfAProgram: nobody works what a program opened until somebody takes it.
func TestCaseOfAProgram(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	crm := desk.Agent{Name: "crm", Role: staff.RoleProgram, Scopes: []staff.Scope{staff.ScopeOpenCases}, Browser: "the key of crm"}
	c := p.openCase(crm, b, "+49301")
	if c.WorkedBy != "" || c.OpenedBy != "crm" {
		t.Errorf("%+v", c)
	}
	if _, err := p.desk.AddNote(t.Context(), crm, c.Number, "ticket 4711"); err != nil {
		t.Error(err)
	}
	_, err := p.desk.AddEvidence(t.Context(), ann(), c.Number, desk.Given{Kind: desk.EvidenceCallback, Note: rightNote})
	wantKind(t, err, rekey.ErrDenied)
	_, err = p.desk.HandOver(t.Context(), ann(), c.Number, "bob")
	wantKind(t, err, rekey.ErrDenied)
	if _, err := p.desk.HandOver(t.Context(), ann(), c.Number, "ann"); err != nil {
		t.Fatal(err)
	}
	p.add(ann(), c.Number, desk.EvidenceAddress, desk.EvidenceCallback)
	_, err = p.desk.HandOver(t.Context(), bob(), c.Number, "bob") // not from under ann's hands
	wantKind(t, err, rekey.ErrDenied)
}

// TestTwoPeopleAtOneBrowser: one person with two names approves their own case
// from the browser that they work it from. It is refused, recorded, and an alarm;
// the other way about, too.
func TestTwoPeopleAtOneBrowser(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.openCase(ann(), b, "+49301")
	p.add(ann(), c.Number, desk.EvidenceAddress, desk.EvidenceCallback)
	elsewhere := ann()
	elsewhere.Browser = "a second browser of ann"
	if _, err := p.desk.AddNote(t.Context(), elsewhere, c.Number, "goes on at home"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.desk.SetSendTo(t.Context(), elsewhere, c.Number, bySMS); err != nil {
		t.Fatal(err)
	}
	for _, browser := range []string{ann().Browser, elsewhere.Browser} {
		as := carol()
		as.Browser = browser
		_, err := p.approve(as, c.Number)
		wantKind(t, err, rekey.ErrDenied)
	}
	p.wantEvent("carol case.approve failed")
	alarms, err := p.desk.Alarms(t.Context(), sue(), true)
	if err != nil || len(alarms) == 0 || alarms[0].Kind != "browser" || alarms[0].Case != c.Number {
		t.Errorf("alarms %+v: %v", alarms, err)
	}
	if c := p.seen(ann(), c.Number); c.Stage != desk.StageApproval || c.ApprovedBy != "" {
		t.Errorf("stage %q, approved by %q", c.Stage, c.ApprovedBy)
	}
	if _, err := p.approve(carol(), c.Number); err != nil {
		t.Fatal(err)
	}
	there := ann()
	there.Browser = carol().Browser
	_, err = p.reveal(there, c.Number, b.challenge(t, recovery.PurposePassword).String())
	wantKind(t, err, rekey.ErrDenied)
	if err := p.edit(`INSERT INTO case_browsers (case_number, browser, part) VALUES ($1, $2, 'approves')`, c.Number, ann().Browser); err == nil {
		t.Error("the database took one browser for two parts")
	}
}

// TestInsiderEditsTheDatabase: whoever can write to the database, but not take
// its constraints away, cannot make one person two.
func TestInsiderEditsTheDatabase(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.openCase(ann(), b, "+49301")
	p.add(ann(), c.Number, desk.EvidenceAddress, desk.EvidenceCallback)
	for what, query := range map[string]string{
		"requester approves":          `UPDATE cases SET approved_by = opened_by, approved_at = 1, approved_level = 3 WHERE number = 1`,
		"approver without a part":     `UPDATE cases SET approved_by = 'carol', approved_at = 1, approved_level = 3 WHERE number = 1`,
		"two parts":                   `INSERT INTO case_parts (case_number, agent, part, at) VALUES (1, 'ann', 'approves', 1)`,
		"worker becomes approver":     `UPDATE case_parts SET part = 'approves' WHERE case_number = 1 AND agent = 'ann'`,
		"the part is gone":            `DELETE FROM case_parts WHERE case_number = 1`,
		"worker without a part":       `UPDATE cases SET worked_by = 'bob' WHERE number = 1`,
		"approver as worker":          `UPDATE cases SET approved_as = 'works', approved_by = 'ann', opened_by = 'bob' WHERE number = 1`,
		"a part of nobody":            `INSERT INTO case_parts (case_number, agent, part, at) VALUES (1, 'mallory', 'approves', 1)`,
		"a part of another kind":      `INSERT INTO case_parts (case_number, agent, part, at) VALUES (1, 'carol', 'both', 1)`,
		"sixth try":                   `UPDATE cases SET phrase_tries = 6 WHERE number = 1`,
		"an answer of the approver's": `INSERT INTO reveals (challenge, case_number, device_id, account, purpose, caller, agent, approver, evidence, at, delivered, split) SELECT 'x', number, device_id, account, 0, caller, 'carol', 'carol', '', 1, 'yes', 0 FROM cases WHERE number = 1`,
	} {
		if err := p.edit(query); err == nil {
			t.Errorf("%s: the database took it", what)
		} else if !strings.Contains(err.Error(), "constraint failed") {
			t.Errorf("%s: %v", what, err)
		}
	}
	p.wantStage(c.Number, desk.StageApproval, "raised")
}

// TestAgentsRace: two supervisors approve, two agents take one case, and the
// worker hands it over meanwhile. Whatever happens first, one works it, one
// approves it, and they are two.
func TestAgentsRace(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	p.key(sue())
	p.key(carol())
	for round := range 3 {
		p.clock.Add(24 * time.Hour)
		c := p.openCase(ann(), b, fmt.Sprintf("+49 30 200%d", round))
		p.add(ann(), c.Number, desk.EvidenceAddress, desk.EvidenceCallback)
		proofs := map[string]desk.StepUp{}
		for _, who := range []desk.Agent{sue(), carol()} {
			proofs[who.Name] = p.proof(who, desk.ActCaseApprove, c.Number, "approve")
		}
		var wg sync.WaitGroup
		approve := func(who desk.Agent) {
			_, err := p.desk.Approve(t.Context(), who, c.Number, true, proofs[who.Name])
			if err != nil && !errors.Is(err, rekey.ErrConflict) && !errors.Is(err, rekey.ErrDenied) {
				t.Errorf("%s: %v", who.Name, err)
			}
		}
		wg.Go(func() { approve(sue()) })
		wg.Go(func() { approve(carol()) })
		for _, to := range []string{"bob", "sue"} {
			wg.Go(func() {
				_, err := p.desk.HandOver(t.Context(), ann(), c.Number, to)
				if err != nil && !errors.Is(err, rekey.ErrConflict) && !errors.Is(err, rekey.ErrDenied) {
					t.Errorf("to %s: %v", to, err)
				}
			})
		}
		wg.Wait()
		c = p.seen(otto(), c.Number)
		if c.ApprovedBy == "" || c.ApprovedBy == c.WorkedBy {
			t.Errorf("worked by %q, approved by %q", c.WorkedBy, c.ApprovedBy)
		}
		if n := p.count(`SELECT COUNT(*) FROM case_parts WHERE case_number = $1 AND part = 'approves'`, c.Number); n != 1 {
			t.Errorf("%d approvals", n)
		}
	}
}
