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

const crook = "mailto:crook@example.net"

// setOwner changes a registration, as a crooked administrator does: with their own
// passkey.
func (p *place) setOwner(b *box, owner desk.Owner) error {
	p.t.Helper()
	return p.desk.SetOwner(p.t.Context(), root(), b.id, owner, p.proof(root(), desk.ActRecorderUpdate, 0, desk.OwnerProof(b.id, owner)))
}

// setAddresses changes the registered addresses in this way.
func (p *place) setAddresses(b *box, addresses ...string) {
	p.t.Helper()
	if err := p.setOwner(b, desk.Owner{Addresses: addresses}); err != nil {
		p.t.Fatal(err)
	}
}

// TestFormerAddressHears: who has the addresses replaced and then asks for an
// answer gets it a day later, with two people; the owner's address of before
// hears of every step. Its link follows the case, confirms nothing, gets no half,
// and stops everything.
func TestFormerAddressHears(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.openCase(ann(), b, "+49301") // before the change
	p.flush()
	before := p.token(p.mail.Of("notice.open")[0])
	p.setAddresses(b, crook)
	p.add(ann(), c.Number, desk.EvidenceDocument, desk.EvidenceIdentity)
	if _, err := p.approve(carol(), c.Number); err != nil {
		t.Fatal(err)
	}
	p.clock.Add(day)
	ch := b.challenge(t, recovery.PurposePassword)
	if _, err := p.reveal(ann(), c.Number, ch.String()); err != nil {
		t.Fatal(err)
	}
	p.flush()
	var heard []string
	for _, m := range slices.Concat(p.mail.Of("former.approve"), p.mail.Of("former.reveal"), p.sms.Of("former.reveal")) {
		heard = append(heard, m.To)
	}
	if want := []string{"mailto:petra@example.org", "mailto:petra@example.org", "tel:+49301234567"}; !slices.Equal(heard, want) {
		t.Errorf("told %v, want %v", heard, want)
	}
	for _, m := range p.mail.Of("half") {
		if m.To != crook {
			t.Errorf("a half went to %s", m.To)
		}
	}
	for _, token := range []rekey.Secret{before, p.token(p.mail.Of("former.reveal")[0])} {
		v, err := p.desk.OwnerRead(t.Context(), token)
		if err != nil || !v.Former || v.HalfReady || v.Asks || v.Case != c.Number {
			t.Errorf("%+v: %v", v, err)
		}
		if _, err := p.desk.OwnerHalf(t.Context(), token); err == nil {
			t.Error("an address of before got the half")
		}
	}
	if v, err := p.desk.OwnerNotMe(t.Context(), before); err != nil || !v.Frozen {
		t.Errorf("%+v: %v", v, err)
	}
	if all := p.alarms("notme"); len(all) != 1 || !strings.Contains(all[0].Words, "look at who had it changed") {
		t.Errorf("%+v", all)
	}
}

// TestFormerAddressConfirmsNothing: a number that was sent before the address was
// taken away is worth nothing after, read out or confirmed by the link.
func TestFormerAddressConfirmsNothing(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.openCase(ann(), b, "+49301")
	number := p.code(ann(), c.Number, byMail)
	token := p.token(p.mail.Of("code")[0])
	p.setAddresses(b, crook)
	_, err := p.desk.OwnerConfirm(t.Context(), token)
	wantKind(t, err, rekey.ErrConflict)
	_, err = p.desk.AddEvidence(t.Context(), ann(), c.Number, desk.Given{Kind: desk.EvidenceAddress, Code: number})
	wantKind(t, err, rekey.ErrConflict)
}

// TestDealerNeedsAnAddressOfNow: the owner's evidence lapses with their address.
func TestDealerNeedsAnAddressOfNow(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	p.addDealer("alarm-smith", 30*day)
	c := p.dealerCase(b, "+49 89 555")
	p.add(ann(), c.Number, desk.EvidenceAddress, desk.EvidenceDocument, desk.EvidenceIdentity)
	p.setAddresses(b, crook)
	if c := p.seen(ann(), c.Number); c.Stage != desk.StageEvidence {
		t.Errorf("stage %q: E2 was of an address that is gone", c.Stage)
	}
}

// TestFormerAddressIsForgotten after 30 days, and is none when it comes back.
func TestFormerAddressIsForgotten(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	addresses := ownerOfAll().Addresses
	p.setAddresses(b, crook)
	if n := p.count(`SELECT COUNT(*) FROM former_addresses`); n != len(addresses) {
		t.Errorf("%d former addresses", n)
	}
	p.setAddresses(b, addresses...)
	if n := p.count(`SELECT COUNT(*) FROM former_addresses WHERE address <> $1`, crook); n != 0 {
		t.Errorf("%d are registered and former", n)
	}
	p.clock.Add(30*day - time.Minute)
	p.openCase(ann(), b, "+49301")
	p.flush()
	p.clock.Add(time.Minute)
	p.openCase(ann(), b, "+49301")
	p.flush()
	if n := len(p.mail.Of("former.open")); n != 1 {
		t.Errorf("%d messages", n)
	}
	if err := p.desk.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := p.count(`SELECT COUNT(*) FROM former_addresses`); n != 0 {
		t.Errorf("%d former addresses are kept", n)
	}
}

// TestApprovalIsOfWhatWasSeen: what changes after the approval takes another one,
// though the level stays what it was.
func TestApprovalIsOfWhatWasSeen(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(p *place, b *box, number int64) error{
		"other addresses": func(p *place, b *box, _ int64) error {
			return p.setOwner(b, desk.Owner{Addresses: []string{crook}})
		},
		"another owner": func(p *place, b *box, _ int64) error {
			return p.setOwner(b, desk.Owner{Name: "Mallory"})
		},
		"another address for the half": func(p *place, _ *box, number int64) error {
			_, err := p.desk.SetSendTo(p.t.Context(), ann(), number, bySMS)
			return err
		},
		"another grave reason": func(p *place, _ *box, number int64) error {
			return p.edit(`UPDATE cases SET counter_behind = 1 WHERE number = $1`, number)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			b := p.enrol(ownerOfAll())
			c, err := p.desk.OpenCase(t.Context(), ann(), desk.NewCase{DeviceID: b.id, Account: "admin", Purpose: recovery.PurposeRelease, Caller: "+49301"})
			if err != nil {
				t.Fatal(err)
			}
			p.add(ann(), c.Number, desk.EvidenceDocument, desk.EvidenceIdentity)
			if _, err := p.approve(carol(), c.Number); err != nil {
				t.Fatal(err)
			}
			p.flush()
			p.wantStage(c.Number, desk.StageChallenge, "high")
			if err := change(p, b, c.Number); err != nil {
				t.Fatal(err)
			}
			p.wantStage(c.Number, desk.StageApproval, "high")
			_, err = p.reveal(ann(), c.Number, b.challenge(t, recovery.PurposeRelease).String())
			wantKind(t, err, rekey.ErrConflict)
			if _, err := p.approve(carol(), c.Number); err != nil {
				t.Errorf("once more: %v", err)
			}
		})
	}
}
