package api_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/api"
	"rekey/internal/desk/staff"
	"rekey/internal/rekeytest/office"
)

// TestCallFromDeviceIDToAnswer is the call itself, over the API: the owner reads
// the QR code to the agent and the number from their mail, the agent gets half
// of the answer and the owner the other half.
func TestCallFromDeviceIDToAnswer(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol()
	ctx := t.Context()
	agent := p.as("ann")

	if r, err := agent.Recorder(ctx, b.id); err != nil || r.Model != "N841" || r.Addresses[0] != "mailto:p***@example.org" {
		t.Fatalf("recorder %+v: %v", r, err)
	}
	c, err := agent.OpenCase(ctx, api.OpenCase{DeviceID: b.id.String(), Account: "admin", Caller: "+49 30 1234567"})
	if err != nil || c.Stage != desk.StageEvidence || len(c.Targets) != 2 || !c.Targets[0].Reachable {
		t.Fatalf("case %+v: %v", c, err)
	}
	ch := b.challenge(t)
	if _, err = agent.AddEvidence(ctx, c.Number, api.Evidence{Kind: "E1", QR: b.qr(t, ch)}); err != nil {
		t.Fatal(err)
	}
	if _, err = agent.SendCode(ctx, c.Number, 0); err != nil {
		t.Fatal(err)
	}
	if _, err = agent.AddEvidence(ctx, c.Number, api.Evidence{Kind: "E2", Code: p.code(c.Number)}); err != nil {
		t.Fatal(err)
	}
	if c = p.awaitStage(agent, c.Number, desk.StageChallenge); !c.Split || c.TwoPeople {
		t.Fatalf("case %+v", c)
	}
	got, err := agent.Reveal(ctx, c.Number, c.QRChallenge)
	if err != nil || !got.Split || len(got.Groups) != 2 {
		t.Fatalf("revealed %d groups, split %v: %v", len(got.Groups), got.Split, err)
	}
	answer, err := b.keys.Answer(b.id, "admin", ch)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(answer.Reveal(), "-")
	if got.Groups[0].Text != want[0] || got.Groups[1].Text != want[1] {
		t.Fatal("the agent's half does not fit the recorder")
	}
	if mail := p.mail.last("half", c.Number); !strings.Contains(mail, want[2]) || !strings.Contains(mail, want[3]) || strings.Contains(mail, want[0]) {
		t.Fatal("the owner's half is not in their mail, or more is")
	}
	if _, err = agent.Reveal(ctx, c.Number, c.QRChallenge); err == nil {
		t.Fatal("a second answer")
	}
	if c, err = agent.Close(ctx, c.Number, desk.Ending{Outcome: "solved", PasswordSet: "yes", CallerIn: "yes"}); err != nil || c.Stage != desk.StageClosed {
		t.Fatalf("case %+v: %v", c, err)
	}
	if err := agent.LogOut(ctx); err != nil {
		t.Fatal(err)
	}
	_, err = agent.Case(ctx, c.Number)
	wantKind(t, err, rekey.ErrDenied)
	if report, err := p.as("otto").VerifyLog(ctx); err != nil || report.Problem != "" || len(report.Last) == 0 {
		t.Fatalf("log: %v %s", err, report.Problem)
	}
}

// TestTwoPeople is a case by voice: another person approves it, and nobody
// with a part in it.
func TestTwoPeople(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol()
	ctx := t.Context()
	agent, approver := p.as("ann"), p.as("carol")
	number := p.openCase(agent, b, "+49 30 1234567")
	if _, err := agent.SendCode(ctx, number, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := agent.AddEvidence(ctx, number, api.Evidence{Kind: "E2", Code: p.code(number)}); err != nil {
		t.Fatal(err)
	}
	if c, err := agent.AddEvidence(ctx, number, api.Evidence{Kind: "E6", Note: "called the registered number at ten"}); err != nil || c.Stage != desk.StageApproval {
		t.Fatalf("case %+v: %v", c, err)
	}
	_, err := agent.Decide(ctx, number, "approve")
	wantKind(t, err, rekey.ErrDenied)
	if waiting, err := approver.Cases(ctx, desk.Search{Stage: desk.StageApproval, Open: true, Before: number + 1, Most: 5}); err != nil || len(waiting) != 1 {
		t.Fatalf("%d cases wait: %v", len(waiting), err)
	}
	if c, err := approver.Decide(ctx, number, "approve"); err != nil || c.ApprovedBy != "carol" {
		t.Fatalf("case %+v: %v", c, err)
	}
	p.awaitStage(agent, number, desk.StageChallenge)
	_, err = approver.Reveal(ctx, number, b.challenge(t).String())
	wantKind(t, err, rekey.ErrDenied)
	if got, err := agent.Reveal(ctx, number, b.challenge(t).String()); err != nil || len(got.Groups) != 2 {
		t.Fatalf("%d groups: %v", len(got.Groups), err)
	}
}

// TestCareOfACase is what else happens to a case.
func TestCareOfACase(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol()
	ctx := t.Context()
	ann, bob, sue := p.as("ann"), p.as("bob"), p.as("sue")
	number := p.openCase(ann, b, "withheld")
	if c, err := ann.AddNote(ctx, number, "rings again at noon"); err != nil || len(c.Notes) != 1 || c.Notes[0].By != "ann" {
		t.Fatalf("notes %+v: %v", c.Notes, err)
	}
	if c, err := ann.Pause(ctx, number, "drives to the recorder"); err != nil || c.Stage != desk.StagePaused {
		t.Fatalf("stage %q: %v", c.Stage, err)
	}
	if c, err := ann.Resume(ctx, number); err != nil || c.Stage != desk.StageEvidence {
		t.Fatalf("stage %q: %v", c.Stage, err)
	}
	if c, err := ann.HandOver(ctx, number, "bob"); err != nil || c.WorkedBy != "bob" {
		t.Fatalf("worked by %q: %v", c.WorkedBy, err)
	}
	if c, err := bob.SetSendTo(ctx, number, 0); err != nil || c.SendTo != 0 {
		t.Fatalf("send to %d: %v", c.SendTo, err)
	}
	if c, err := bob.Freeze(ctx, number, "the voice changed"); err != nil || c.Stage != desk.StageFrozen {
		t.Fatalf("stage %q: %v", c.Stage, err)
	}
	if c, err := sue.Thaw(ctx, number, "it was the owner's son"); err != nil || c.Stage != desk.StageEvidence {
		t.Fatalf("stage %q: %v", c.Stage, err)
	}
	if found, err := sue.Cases(ctx, desk.Search{Text: "noon"}); err != nil || len(found) != 1 {
		t.Fatalf("found %d: %v", len(found), err)
	}
	_, err := ann.Case(ctx, 4711)
	wantKind(t, err, rekey.ErrNotFound)
}

// TestAdministration is what an administrator does, each act with a step-up.
func TestAdministration(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx := t.Context()
	root := p.as("root")
	if err := root.AddAgent(ctx, "dora", staff.RoleAgent); err != nil {
		t.Fatal(err)
	}
	link, until, err := root.Invite(ctx, "dora", false)
	if err != nil || time.Until(until) < 23*time.Hour {
		t.Fatalf("until %v: %v", until, err)
	}
	key, who, err := p.stranger().Join(ctx, link, "dora's")
	if err != nil || who.Name != "dora" {
		t.Fatalf("%+v: %v", who, err)
	}
	if _, _, err = p.stranger().Join(ctx, link, "again"); err == nil {
		t.Fatal("the link counted twice")
	}
	dora := p.stranger()
	if _, err := dora.LogIn(ctx, key); err != nil {
		t.Fatal(err)
	}
	if sessions, err := root.Sessions(ctx, "dora"); err != nil || len(sessions) != 1 {
		t.Fatalf("%d sessions: %v", len(sessions), err)
	} else if err := root.EndSession(ctx, "dora", sessions[0].ID); err != nil {
		t.Fatal(err)
	}
	_, err = dora.Who(ctx)
	wantKind(t, err, rekey.ErrDenied)
	if a, err := root.SetRole(ctx, "dora", staff.RoleApprover); err != nil || a.Role != staff.RoleApprover {
		t.Fatalf("%+v: %v", a, err)
	}
	if a, err := root.SetSSO(ctx, "dora", "dora@example.com"); err != nil || a.SSO != "dora@example.com" {
		t.Fatalf("%+v: %v", a, err)
	}
	if a, err := root.DisableAgent(ctx, "dora"); err != nil || a.DisabledAt.IsZero() {
		t.Fatalf("%+v: %v", a, err)
	}
	if a, err := root.EnableAgent(ctx, "dora"); err != nil || !a.DisabledAt.IsZero() {
		t.Fatalf("%+v: %v", a, err)
	}
	if all, err := root.Agents(ctx); err != nil || len(all) != len(office.People())+1 {
		t.Fatalf("%d agents: %v", len(all), err)
	}
}

// TestProgram is a production line and a registration system with API keys.
func TestProgram(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx := t.Context()
	root := p.as("root")
	secret, err := root.MakeKey(ctx, "line-1", []staff.Scope{staff.ScopeEnrol, staff.ScopeOwners, staff.ScopeRecorders}, time.Now().Add(time.Hour))
	if err != nil || !strings.HasPrefix(secret.Reveal(), "rekey_") {
		t.Fatalf("no key: %v", err)
	}
	line, b := p.stranger(), newBox(t)
	line.UseKey(secret)
	if who, err := line.Who(ctx); err != nil || who.Role != staff.RoleProgram || who.Name != "key:line-1" {
		t.Fatalf("%+v: %v", who, err)
	}
	if done, err := line.Enrol(ctx, p.enrolment(b), ownerOfAll()); err != nil || done.DeviceID != b.id {
		t.Fatalf("%v", err)
	}
	if err := line.SetOwner(ctx, b.id, api.Owner{Addresses: []string{"mailto:p@example.net"}}); err != nil {
		t.Fatal(err)
	}
	if err := line.SetStolen(ctx, b.id, true); err != nil {
		t.Fatal(err)
	}
	if err := line.SetPhrases(ctx, b.id, desk.Phrases{Support: rekey.NewSecret("seven quiet tables"), Duress: rekey.NewSecret("eight loud chairs")}); err != nil {
		t.Fatal(err)
	}
	if all, err := line.Recorders(ctx, "Petra"); err != nil || len(all) != 1 || !all[0].Stolen {
		t.Fatalf("%+v: %v", all, err)
	}
	_, err = line.OpenCase(ctx, api.OpenCase{DeviceID: b.id.String(), Account: "admin", Caller: "withheld"})
	wantKind(t, err, rekey.ErrDenied)
	if keys, err := root.Keys(ctx); err != nil || len(keys) != 1 || keys[0].UsedAt.IsZero() {
		t.Fatalf("%+v: %v", keys, err)
	}
	if err := root.RevokeKey(ctx, "line-1"); err != nil {
		t.Fatal(err)
	}
	_, err = line.Who(ctx)
	wantKind(t, err, rekey.ErrDenied)
}

// TestRegistration is kept by an administrator, whose client touches the passkey where
// it is needed.
func TestRegistration(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx, root, b := t.Context(), p.as("root"), p.enrol()
	moved := api.Owner{Name: "Paul Example", Since: time.Now().AddDate(-1, 0, 0), Addresses: []string{" mailto:paul@example.org", "TEL:+49 30 7654321"}}
	err := errors.Join(root.SetOwner(ctx, b.id, moved), root.SetOwner(ctx, b.id, api.Owner{Name: "Pat Example"}), root.SetStolen(ctx, b.id, true), root.SetStolen(ctx, b.id, false),
		root.SetPhrases(ctx, b.id, desk.Phrases{Support: rekey.NewSecret("seven quiet tables")}), root.SetPhrases(ctx, b.id, desk.Phrases{}))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := root.Recorder(ctx, b.id); err != nil || r.Owner != "Pat Example" || r.Stolen || !slices.Equal(r.Addresses, []string{"mailto:p***@example.org", "tel:***321"}) {
		t.Errorf("%+v: %v", r, err)
	}
}

// TestHooksAndDealers are registered, listed and removed.
func TestHooksAndDealers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx := t.Context()
	root := p.as("root")
	hook, secret, err := root.AddHook(ctx, "https://crm.example.com/rekey", nil)
	if err != nil || secret.IsZero() {
		t.Fatal(err)
	}
	if hooks, err := root.Hooks(ctx); err != nil || len(hooks) != 1 || hooks[0].URL != hook.URL {
		t.Fatalf("%+v: %v", hooks, err)
	}
	if err := root.RemoveHook(ctx, hook.ID); err != nil {
		t.Fatal(err)
	}
	wantKind(t, root.RemoveHook(ctx, hook.ID), rekey.ErrNotFound)
	smith := desk.Dealer{Name: "alarm-smith", Company: "Alarm Smith", Phone: "+49 30 7654321", Until: time.Now().Add(time.Hour).UTC().Truncate(time.Second)}
	if err := root.AddDealer(ctx, smith); err != nil {
		t.Fatal(err)
	}
	if all, err := root.Dealers(ctx); err != nil || len(all) != 1 || all[0].Company != smith.Company {
		t.Fatalf("%+v: %v", all, err)
	}
	if err := root.EndDealer(ctx, smith.Name); err != nil {
		t.Fatal(err)
	}
}

// TestFiguresAndExport are what a supervisor and an auditor look at.
func TestFiguresAndExport(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol()
	ctx := t.Context()
	p.openCase(p.as("ann"), b, "withheld")
	sue, since, until := p.as("sue"), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if f, err := sue.Figures(ctx, since, until); err != nil || f.Opened != 1 {
		t.Fatalf("%+v: %v", f, err)
	}
	if r, err := sue.Reconcile(ctx, since, until); err != nil || len(r.Problems) != 0 {
		t.Fatalf("%+v: %v", r, err)
	}
	if _, err := sue.Alarms(ctx, true); err != nil {
		t.Fatal(err)
	}
	_, err := sue.SettleAlarm(ctx, 4711, "nothing there")
	wantKind(t, err, rekey.ErrNotFound)
	for _, format := range []string{"csv", "json"} {
		var out bytes.Buffer
		if err := sue.Export(ctx, &out, format, since, until); err != nil || !strings.Contains(out.String(), b.id.String()) {
			t.Errorf("export as %s: %d bytes, %v", format, out.Len(), err)
		}
	}
	var out bytes.Buffer
	wantKind(t, sue.Export(ctx, &out, "xml", since, until), rekey.ErrInput)
	err = p.as("ann").Export(ctx, &out, "csv", since, until)
	wantKind(t, err, rekey.ErrDenied)
	if out.Len() != 0 {
		t.Errorf("%d bytes for somebody who may not", out.Len())
	}
}
