package desk_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/recovery"
)

func (p *place) addDealer(name string, until time.Duration) {
	p.t.Helper()
	dealer := desk.Dealer{Name: name, Company: "Alarm Smith Ltd", Phone: "+49 89 555", Until: p.clock.Now().Add(until)}
	if err := p.desk.AddDealer(p.t.Context(), root(), dealer, p.proof(root(), desk.ActDealerAdd, 0, name)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) dealerCase(b *box, caller string) desk.Case {
	p.t.Helper()
	c, err := p.desk.OpenCase(p.t.Context(), ann(), desk.NewCase{DeviceID: b.id, Account: "admin", Caller: caller, Dealer: "alarm-smith"})
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// TestDealerNeedsTheOwner: a vetted dealer stands at the recorder. Without the
// owner's address there is no answer, and its second half goes to the owner.
func TestDealerNeedsTheOwner(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	p.addDealer("alarm-smith", 30*day)
	c := p.dealerCase(b, "0049 89 555")
	if c.CallerIs != "dealer" || c.Dealer != "alarm-smith" || !slices.ContainsFunc(c.Reasons, func(r string) bool { return strings.Contains(r, "proves nothing") }) {
		t.Errorf("%+v", c)
	}
	ch := b.challenge(t, recovery.PurposePassword)
	c, err := p.desk.AddEvidence(t.Context(), ann(), c.Number, desk.Given{Kind: desk.EvidenceQR, QR: b.qr(t, ch)})
	if err != nil || c.Stage != desk.StageEvidence || len(c.Missing) != 1 {
		t.Fatalf("%+v: %v", c, err)
	}
	p.add(ann(), c.Number, desk.EvidenceAddress)
	got, err := p.reveal(ann(), c.Number, ch.String())
	if err != nil || !got.Split || got.SentTo != "mailto:p***@example.org" || p.whole(c.Number, got) != b.answer(t, "admin", ch) {
		t.Errorf("split %v, sent to %q: %v", got.Split, got.SentTo, err)
	}
	other := p.dealerCase(p.enrol(ownerOfAll()), "+49301")
	if !slices.ContainsFunc(other.Reasons, func(r string) bool { return strings.Contains(r, "does not come from the number") }) {
		t.Errorf("reasons %q", other.Reasons)
	}
}

// TestDealerWhoDoesNotCount: never vetted, no longer, or ended in the middle of a case.
func TestDealerWhoDoesNotCount(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	_, err := p.desk.OpenCase(t.Context(), ann(), desk.NewCase{DeviceID: b.id, Account: "admin", Caller: "+49301", Dealer: "alarm-smith"})
	wantKind(t, err, rekey.ErrNotFound)
	p.addDealer("alarm-smith", 2*day)
	c := p.dealerCase(b, "+49301")
	p.wantStage(c.Number, desk.StageEvidence, "raised")
	p.clock.Add(2 * day)
	p.wantStage(c.Number, desk.StageRefused, "refused")
	p.addDealer("alarm-smith", 2*day) // renewed
	p.wantStage(c.Number, desk.StageEvidence, "raised")
	if err := p.desk.EndDealer(t.Context(), root(), "alarm-smith"); err != nil {
		t.Fatal(err)
	}
	_, err = p.desk.AddEvidence(t.Context(), ann(), c.Number, desk.Given{Kind: desk.EvidenceQR, QR: b.qr(t, b.challenge(t, 0))})
	wantKind(t, err, rekey.ErrConflict)
	if err == nil || !strings.Contains(err.Error(), desk.SayNoAnswer) {
		t.Errorf("not the words for every refusal: %v", err)
	}
	all, err := p.desk.Dealers(t.Context(), ann())
	if err != nil || len(all) != 1 || all[0].EndedAt.IsZero() || all[0].Phone != "+4989555" {
		t.Errorf("%+v: %v", all, err)
	}
	wantKind(t, p.desk.AddDealer(t.Context(), ann(), desk.Dealer{Name: "me", Company: "me", Phone: "+49301", Until: p.clock.Now().Add(day)}, desk.StepUp{}), rekey.ErrDenied)
	wantKind(t, p.desk.AddDealer(t.Context(), root(), desk.Dealer{Name: "me", Company: "me", Phone: "withheld", Until: p.clock.Now().Add(day)}, desk.StepUp{}), rekey.ErrInput)
	wantKind(t, p.desk.AddDealer(t.Context(), root(), desk.Dealer{Name: "me", Company: "me", Phone: "+49301", Until: p.clock.Now()}, desk.StepUp{}), rekey.ErrInput)
}
