package desk_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/recovery"
)

// TestFreezeAndThaw: whoever freezes a case stops its recorder in every case.
// Only a supervisor without a part in it lets it go on.
func TestFreezeAndThaw(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49301")
	other := p.openCase(bob(), b, "+49302")
	ch := b.challenge(t, recovery.PurposePassword).String()
	if c, err := p.desk.Freeze(t.Context(), bob(), c.Number, "the voice is not the owner's"); err != nil || c.Stage != desk.StageFrozen || c.FrozenBy != "bob" {
		t.Fatalf("%+v: %v", c, err)
	}
	_, err := p.reveal(ann(), c.Number, ch)
	wantKind(t, err, rekey.ErrConflict)
	if err == nil || !strings.Contains(err.Error(), desk.SayNoAnswer) {
		t.Errorf("not the words for every refusal: %v", err)
	}
	p.wantStage(other.Number, desk.StageRefused, "refused")
	if r, err := p.desk.Recorder(t.Context(), ann(), b.id); err != nil || r.FrozenBy != "bob" || r.FrozenAt.IsZero() {
		t.Errorf("%+v: %v", r, err)
	}
	thaw := func(who desk.Agent) error {
		_, err := p.desk.Thaw(t.Context(), who, c.Number, "called the owner back", p.proof(who, desk.ActCaseThaw, c.Number, fmt.Sprint(c.Number)))
		return err
	}
	wantKind(t, thaw(ann()), rekey.ErrDenied)
	wantKind(t, thaw(carol()), rekey.ErrDenied)
	if err := thaw(sue()); err != nil {
		t.Fatal(err)
	}
	p.wantStage(other.Number, desk.StageEvidence, "raised")
	if _, err := p.reveal(ann(), c.Number, ch); err != nil {
		t.Errorf("after the thaw: %v", err)
	}
	var notes []string
	for _, n := range p.seen(otto(), c.Number).Notes {
		notes = append(notes, n.By+" "+n.Text)
	}
	if got := strings.Join(notes, "; "); got != "bob frozen: the voice is not the owner's; sue thawed: called the owner back" {
		t.Errorf("notes: %s", got)
	}
}

// TestThawOfOneOfTwo: two people stopped two cases of one recorder. Who thaws the
// one does not overrule who stopped the other.
func TestThawOfOneOfTwo(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	first, second := p.ready(b, "+49301"), p.openCase(bob(), b, "+49302")
	for _, number := range []int64{first.Number, second.Number} {
		if _, err := p.desk.Freeze(t.Context(), bob(), number, "looks wrong"); err != nil {
			t.Fatal(err)
		}
	}
	thaw := func(number int64) {
		t.Helper()
		if _, err := p.desk.Thaw(t.Context(), sue(), number, "called the owner", p.proof(sue(), desk.ActCaseThaw, number, fmt.Sprint(number))); err != nil {
			t.Fatal(err)
		}
	}
	thaw(first.Number)
	p.wantStage(first.Number, desk.StageRefused, "refused")
	thaw(second.Number)
	p.wantStage(first.Number, desk.StageChallenge, "raised")
}

// TestThawNeedsAnotherPerson: a supervisor who works the case does not thaw it,
// nor its recorder once the case is closed.
func TestThawNeedsAnotherPerson(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.openCase(sue(), b, "+49301")
	if _, err := p.desk.Freeze(t.Context(), ann(), c.Number, "looks wrong"); err != nil {
		t.Fatal(err)
	}
	_, err := p.desk.Thaw(t.Context(), sue(), c.Number, "it is fine", p.proof(sue(), desk.ActCaseThaw, c.Number, fmt.Sprint(c.Number)))
	wantKind(t, err, rekey.ErrDenied)
	thaw := func(who desk.Agent) error {
		_, err := p.desk.ThawRecorder(t.Context(), who, b.id, "called the owner", p.proof(who, desk.ActRecorderThaw, 0, b.id.String()))
		return err
	}
	wantKind(t, thaw(sue()), rekey.ErrConflict) // the case is to be thawed
	if _, err := p.desk.CloseCase(t.Context(), sue(), c.Number, desk.Ending{Outcome: "suspicious"}); err != nil {
		t.Fatal(err)
	}
	wantKind(t, thaw(sue()), rekey.ErrDenied)
	p.wantStage(p.openCase(ann(), b, "+49302").Number, desk.StageRefused, "refused")
	p.clock.Add(8 * day)
	wantKind(t, thaw(sue()), rekey.ErrDenied) // patience does not help
	if err := p.desk.AddAgent(t.Context(), desk.Operator(), "lea", "supervisor", desk.StepUp{}); err != nil {
		t.Fatal(err)
	}
	if err := thaw(person("lea", "supervisor")); err != nil {
		t.Error(err)
	}
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49301")
	_, err := p.desk.Pause(t.Context(), bob(), c.Number, "not mine")
	wantKind(t, err, rekey.ErrDenied)
	if c, err = p.desk.Pause(t.Context(), ann(), c.Number, "looks for the key of the cabinet"); err != nil || c.Stage != desk.StagePaused || c.PausedWhy == "" {
		t.Fatalf("%+v: %v", c, err)
	}
	ch := b.challenge(t, recovery.PurposePassword).String()
	_, err = p.reveal(ann(), c.Number, ch)
	wantKind(t, err, rekey.ErrConflict)
	if c, err = p.desk.Resume(t.Context(), sue(), c.Number); err != nil || c.Stage != desk.StageChallenge || !c.PausedAt.IsZero() || len(c.Notes) != 1 {
		t.Fatalf("%+v: %v", c, err)
	}
	if _, err := p.reveal(ann(), c.Number, ch); err != nil {
		t.Error(err)
	}
	_, err = p.desk.Pause(t.Context(), ann(), c.Number, "too late")
	wantKind(t, err, rekey.ErrConflict)
}

// TestClose: how the call ended is kept, and the owner is told when a password was set.
func TestClose(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49301")
	for _, bad := range []desk.Ending{{}, {Outcome: "turned down"}, {Outcome: "solved", PasswordSet: "perhaps"}, {Outcome: "solved", CallerIn: "YES"}} {
		_, err := p.desk.CloseCase(t.Context(), ann(), c.Number, bad)
		wantKind(t, err, rekey.ErrInput)
	}
	if _, err := p.reveal(ann(), c.Number, b.challenge(t, 0).String()); err != nil {
		t.Fatal(err)
	}
	c, err := p.desk.CloseCase(t.Context(), ann(), c.Number, desk.Ending{Outcome: "solved", PasswordSet: "yes"})
	if err != nil || c.Stage != desk.StageClosed || c.PasswordSet != "yes" || c.CallerIn != "unknown" || c.ClosedBy != "ann" {
		t.Errorf("%+v: %v", c, err)
	}
	p.flush()
	if told := len(p.mail.Of("notice.use")) + len(p.sms.Of("notice.use")); told != 2 {
		t.Errorf("%d notices, want one to each address", told)
	}
	_, err = p.desk.CloseCase(t.Context(), ann(), c.Number, desk.Ending{Outcome: "solved"})
	wantKind(t, err, rekey.ErrConflict)
	if _, err := p.desk.AddNote(t.Context(), ann(), c.Number, "they sent cake"); err != nil {
		t.Errorf("a note after the end: %v", err)
	}
	// Without an answer there is nothing to be used.
	c = p.openCase(ann(), b, "+49302")
	if _, err := p.desk.CloseCase(t.Context(), ann(), c.Number, desk.Ending{Outcome: "given up", PasswordSet: "yes"}); err != nil {
		t.Fatal(err)
	}
	p.flush()
	if told := len(p.mail.Of("notice.use")); told != 1 {
		t.Errorf("%d notices of a use", told)
	}
}

// TestOwnersAddressStaysInside: nothing that anybody reads of a case or a
// recorder holds an address in full, but the number to call back, which is recorded.
func TestOwnersAddressStaysInside(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.openCase(ann(), b, "+49301")
	got, err := p.desk.ShowAddress(t.Context(), ann(), c.Number, bySMS)
	if err != nil || got != "+49301234567" {
		t.Errorf("%q: %v", got, err)
	}
	p.wantEvent("ann address.show allowed")
	_, err = p.desk.ShowAddress(t.Context(), ann(), c.Number, byMail)
	wantKind(t, err, rekey.ErrInput)
	for _, index := range []int{-1, 2} {
		_, err = p.desk.ShowAddress(t.Context(), ann(), c.Number, index)
		wantKind(t, err, rekey.ErrInput)
	}
	for _, who := range []desk.Agent{bob(), carol(), otto()} {
		_, err = p.desk.ShowAddress(t.Context(), who, c.Number, bySMS)
		wantKind(t, err, rekey.ErrDenied)
	}
	for _, who := range []desk.Agent{ann(), carol(), sue(), otto()} {
		found, err := p.desk.SearchCases(t.Context(), who, desk.Search{})
		if err != nil {
			t.Fatal(err)
		}
		recorders, err := p.desk.SearchRecorders(t.Context(), who, "")
		if err != nil {
			t.Fatal(err)
		}
		all, err := json.Marshal([]any{p.seen(who, c.Number), found, recorders})
		if err != nil || strings.Contains(string(all), "petra") || strings.Contains(string(all), "1234567") {
			t.Errorf("%s reads %s (%v)", who.Name, all, err)
		}
	}
	if _, err := p.desk.CloseCase(t.Context(), ann(), c.Number, desk.Ending{Outcome: "given up"}); err != nil {
		t.Fatal(err)
	}
	_, err = p.desk.ShowAddress(t.Context(), ann(), c.Number, bySMS)
	wantKind(t, err, rekey.ErrConflict)
}

// TestSendTo: the owner's half goes to the first address that can be reached,
// then to the one that was confirmed, then to the one that was chosen.
func TestSendTo(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.openCase(ann(), b, "+49301")
	if c.SendTo != byMail || !c.Split {
		t.Errorf("send to %d, split %v", c.SendTo, c.Split)
	}
	c, err := p.desk.AddEvidence(t.Context(), ann(), c.Number, desk.Given{Kind: desk.EvidenceAddress, Code: p.code(ann(), c.Number, bySMS)})
	if err != nil || c.SendTo != bySMS || !c.Targets[bySMS].Confirmed || c.Targets[byMail].Confirmed {
		t.Errorf("%+v: %v", c.Targets, err)
	}
	if c, err = p.desk.SetSendTo(t.Context(), ann(), c.Number, byMail); err != nil || c.SendTo != byMail {
		t.Errorf("send to %d: %v", c.SendTo, err)
	}
	_, err = p.desk.SetSendTo(t.Context(), ann(), c.Number, 7)
	wantKind(t, err, rekey.ErrInput)
	_, err = p.desk.SetSendTo(t.Context(), carol(), c.Number, bySMS)
	wantKind(t, err, rekey.ErrDenied)
	p.add(ann(), c.Number, desk.EvidenceCallback)
	if _, err := p.approve(carol(), c.Number); err != nil {
		t.Fatal(err)
	}
	ch := b.challenge(t, recovery.PurposePassword)
	got, err := p.reveal(ann(), c.Number, ch.String())
	if err != nil || len(p.mail.Of("half")) != 1 || len(p.sms.Of("half")) != 0 || p.whole(c.Number, got) != b.answer(t, "admin", ch) {
		t.Errorf("%v: %d by mail, %d by SMS", err, len(p.mail.Of("half")), len(p.sms.Of("half")))
	}
}

// TestToldOnceMore: the mail was down until the notices were given up. The case
// does not wait for them for ever: they are queued again.
func TestToldOnceMore(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.mail.SetDown(true)
	p.sms.SetDown(true)
	c := p.openCase(ann(), p.enrol(ownerOfAll()), "+49301")
	for range 2 {
		p.flush()
		p.clock.Add(25 * time.Hour)
	}
	p.flush()
	if c := p.seen(ann(), c.Number); len(c.Told) != 1 || c.Told[0].GivenUp != 2 || c.Told[0].Waiting != 0 {
		t.Fatalf("%+v", c.Told)
	}
	p.mail.SetDown(false)
	for range 2 {
		if err := p.desk.TellLate(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.flush()
	}
	if c := p.seen(ann(), c.Number); c.Told[0].Over != 1 || len(p.mail.Of("notice.open")) != 1 {
		t.Errorf("%+v, %d messages", c.Told, len(p.mail.Of("notice.open")))
	}
}

// TestNothingGoesOnUntold: while no notice got to the owner there is no answer.
func TestNothingGoesOnUntold(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	p.mail.SetDown(true)
	p.sms.SetDown(true)
	c := p.openCase(ann(), b, "+49301")
	ch := b.challenge(t, recovery.PurposePassword)
	for _, given := range []desk.Given{{Kind: desk.EvidenceQR, QR: b.qr(t, ch)}, {Kind: desk.EvidenceCallback, Note: rightNote}} {
		if _, err := p.desk.AddEvidence(t.Context(), ann(), c.Number, given); err != nil {
			t.Fatal(err)
		}
	}
	_, err := p.desk.SendCode(t.Context(), ann(), c.Number, byMail)
	wantKind(t, err, rekey.ErrUnreachable)
	p.sms.SetDown(false)
	p.clock.Add(time.Hour)
	if _, err := p.desk.AddEvidence(t.Context(), ann(), c.Number, desk.Given{Kind: desk.EvidenceAddress, Code: p.codeUnflushed(c.Number)}); err != nil {
		t.Fatal(err)
	}
	fresh := b.challenge(t, recovery.PurposePassword)
	if _, err := p.desk.AddEvidence(t.Context(), ann(), c.Number, desk.Given{Kind: desk.EvidenceQR, QR: b.qr(t, fresh)}); err != nil {
		t.Fatal(err)
	}
	p.wantStage(c.Number, desk.StageTelling, "normal")
	_, err = p.desk.Reveal(t.Context(), ann(), c.Number, fresh.String(), p.proof(ann(), desk.ActReveal, c.Number, fresh.String()))
	wantKind(t, err, rekey.ErrConflict)
	p.flush()
	p.wantStage(c.Number, desk.StageChallenge, "normal")
	if _, err := p.reveal(ann(), c.Number, fresh.String()); err != nil {
		t.Error(err)
	}
}

// codeUnflushed has a number sent by SMS and reads it, while notices wait.
func (p *place) codeUnflushed(number int64) rekey.Secret {
	p.t.Helper()
	if _, err := p.desk.SendCode(p.t.Context(), ann(), number, bySMS); err != nil {
		p.t.Fatal(err)
	}
	return digitsOf(p.t, p.sms.Of("code"))
}
