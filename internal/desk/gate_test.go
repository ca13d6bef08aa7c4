package desk_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/staff"
	"rekey/seclog"
)

// records are the security log's, oldest first.
func (p *place) records() (all []seclog.Record) {
	p.t.Helper()
	for rec, err := range seclog.Records(os.DirFS(filepath.Join(p.dir, desk.LogDir))) {
		if err != nil {
			p.t.Fatal(err)
		}
		all = append(all, rec)
	}
	return all
}

// recorded counts the records of an event with a result, since a place in the log.
func (p *place) recorded(since int, event, result string) (n int) {
	p.t.Helper()
	for _, rec := range p.records()[since:] {
		if rec.Event == event && (result == "" || rec.Result == result) {
			n++
		}
	}
	return n
}

func isKind(t *testing.T, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: %v, want %v", what, err, kind)
	}
}

// TestRecordBeforeTheAct: what was allowed is recorded once, before it is done,
// and a refusal is recorded once.
func TestRecordBeforeTheAct(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	begun := len(p.records())
	c := p.openCase(ann(), b, "+49301")
	if p.recorded(begun, "case.open", "allowed") != 1 || p.recorded(begun, "case.opened", "ok") != 1 {
		t.Errorf("records %+v", p.records()[begun:])
	}
	begun = len(p.records())
	_, err := p.desk.AddEvidence(t.Context(), bob(), c.Number, desk.Given{Kind: desk.EvidenceCallback, Note: rightNote})
	isKind(t, "evidence by bob", err, rekey.ErrDenied)
	if all := p.records()[begun:]; len(all) != 1 || all[0].Result != "refused" || all[0].Actor != "bob" || all[0].Detail["reason"] == "" {
		t.Errorf("records of a refusal: %+v", all)
	}
	begun = len(p.records())
	_, err = p.desk.BeginStepUp(t.Context(), ann(), desk.ActCaseApprove, c.Number, "approve")
	isKind(t, "step-up for an approval by an agent", err, rekey.ErrDenied)
	if all := p.records()[begun:]; len(all) != 1 || all[0].Event != "stepup.begin" || all[0].Result != "refused" || all[0].Object != "case.approve" {
		t.Errorf("records of a refused step-up: %+v", all)
	}
	_, err = p.desk.BeginStepUp(t.Context(), root(), desk.ActAgentList, 0, "")
	isKind(t, "step-up for what needs none", err, rekey.ErrInput)
}

// TestWhoseCase: who works a case now may go on with it, nobody else; who worked
// it once never approves it, and nobody judges twice.
func TestWhoseCase(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx, b := t.Context(), p.enrol(ownerOfAll())
	c := p.openCase(ann(), b, "+49301")
	given := desk.Given{Kind: desk.EvidenceCallback, Note: rightNote}
	_, err := p.desk.AddEvidence(ctx, sue(), c.Number, given)
	isKind(t, "a supervisor in ann's case", err, rekey.ErrDenied)
	if _, err := p.desk.HandOver(ctx, ann(), c.Number, "sue"); err != nil {
		t.Fatal(err)
	}
	_, err = p.desk.AddEvidence(ctx, ann(), c.Number, given)
	isKind(t, "ann after the hand-over", err, rekey.ErrDenied)
	if _, err := p.desk.AddEvidence(ctx, sue(), c.Number, given); err != nil {
		t.Error(err)
	}
	if _, err := p.desk.HandOver(ctx, sue(), c.Number, "ann"); err != nil {
		t.Fatal(err)
	}
	p.add(ann(), c.Number, desk.EvidenceAddress)
	_, err = p.approve(sue(), c.Number)
	isKind(t, "sue approves what she worked", err, rekey.ErrDenied)
	if _, err := p.approve(carol(), c.Number); err != nil {
		t.Error(err)
	}
}

// TestNoRightsAnyMore: what a request is allowed is what its agent may now, not
// what they could when they logged in.
func TestNoRightsAnyMore(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx := t.Context()
	if _, err := p.desk.DisableAgent(ctx, desk.Operator(), "otto"); err != nil {
		t.Fatal(err)
	}
	_, err := p.desk.VerifyLog(ctx, otto())
	isKind(t, "a disabled auditor", err, rekey.ErrDenied)
	if _, err := p.desk.EnableAgent(ctx, desk.Operator(), "otto", desk.StepUp{}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.desk.VerifyLog(ctx, otto()); err != nil {
		t.Error(err)
	}
	if _, err := p.desk.SetAgentRole(ctx, desk.Operator(), "sue", staff.RoleAgent, desk.StepUp{}); err != nil {
		t.Fatal(err)
	}
	_, err = p.desk.Alarms(ctx, sue(), true)
	isKind(t, "a supervisor of before", err, rekey.ErrDenied)
	_, err = p.desk.Agents(ctx, person("mallory", staff.RoleAdministrator))
	isKind(t, "somebody who is no agent", err, rekey.ErrDenied)
}

// TestSessionsOfOthers: only for administrator and supervisor.
func TestSessionsOfOthers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx := t.Context()
	for _, who := range []desk.Agent{ann(), carol(), otto()} {
		if _, err := p.desk.Sessions(ctx, who, who.Name, nil); err != nil {
			t.Errorf("%s's own: %v", who.Name, err)
		}
		for _, of := range []string{"bob", ""} {
			_, err := p.desk.Sessions(ctx, who, of, nil)
			isKind(t, who.Name+" looks at "+of, err, rekey.ErrDenied)
		}
		isKind(t, who.Name+" ends bob's", p.desk.EndSession(ctx, who, "bob", "x"), rekey.ErrDenied)
	}
	for _, who := range []desk.Agent{root(), sue()} {
		for _, of := range []string{"bob", ""} {
			if _, err := p.desk.Sessions(ctx, who, of, nil); err != nil {
				t.Errorf("%s looks at %q: %v", who.Name, of, err)
			}
		}
		isKind(t, who.Name+" ends one that is not there", p.desk.EndSession(ctx, who, "bob", "x"), rekey.ErrNotFound)
	}
}

// TestLogDown: nothing is done, read or begun without a record, and nothing is spent.
func TestLogDown(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx, b := t.Context(), p.enrol(ownerOfAll())
	c := p.ready(b, "+49301")
	ch := b.challenge(t, 0)
	proof := p.proof(ann(), desk.ActReveal, c.Number, ch.String())
	away := filepath.Join(p.dir, "away")
	if err := os.Rename(filepath.Join(p.dir, desk.LogDir), away); err != nil {
		t.Fatal(err)
	}
	for what, act := range map[string]func() error{
		"reveal":      func() error { _, err := p.desk.Reveal(ctx, ann(), c.Number, ch.String(), proof); return err },
		"read a case": func() error { _, err := p.desk.Case(ctx, ann(), c.Number); return err },
		"step-up": func() error {
			_, err := p.desk.BeginStepUp(ctx, ann(), desk.ActReveal, c.Number, ch.String())
			return err
		},
		"refusal":  func() error { _, err := p.desk.Alarms(ctx, ann(), false); return err },
		"agents":   func() error { _, err := p.desk.Agents(ctx, root()); return err },
		"news":     func() error { _, err := p.desk.News(ctx, ann()); return err },
		"the log":  func() error { _, err := p.desk.VerifyLog(ctx, otto()); return err },
		"operator": func() error { _, err := p.desk.DisableAgent(ctx, desk.Operator(), "ann"); return err },
	} {
		isKind(t, what, act(), rekey.ErrStorage)
	}
	if err := os.Rename(away, filepath.Join(p.dir, desk.LogDir)); err != nil {
		t.Fatal(err)
	}
	if got := p.seen(ann(), c.Number); got.Stage != desk.StageChallenge {
		t.Errorf("stage %q after it", got.Stage)
	}
	if _, err := p.reveal(ann(), c.Number, ch.String()); err != nil {
		t.Errorf("with the log again: %v", err)
	}
}
