package desk_test

import (
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/recovery"
)

// scanned is a case of ann's in which the owner sent the QR code of ch.
func (p *place) scanned(b *box, ch recovery.Challenge) desk.Case {
	p.t.Helper()
	c := p.openCase(ann(), b, "+49301")
	p.add(ann(), c.Number, desk.EvidenceAddress)
	return p.giveQR(b, c.Number, ch)
}

func (p *place) giveQR(b *box, number int64, ch recovery.Challenge) desk.Case {
	p.t.Helper()
	c, err := p.desk.AddEvidence(p.t.Context(), ann(), number, desk.Given{Kind: desk.EvidenceQR, QR: b.qr(p.t, ch)})
	if err != nil {
		p.t.Fatal(err)
	}
	if c.Stage != desk.StageChallenge || c.TwoPeople || c.QRChallenge != ch.String() {
		p.t.Fatalf("after the QR code: %+v", c)
	}
	return c
}

func (p *place) wantStage(number int64, want desk.Stage, level string) {
	p.t.Helper()
	if c, err := p.desk.Case(p.t.Context(), ann(), number); err != nil || c.Stage != want || c.Level != level {
		p.t.Errorf("stage %q, level %s (%v), want %q, %s", c.Stage, c.Level, err, want, level)
	}
}

// TestQRVouchesForItsOwnChallenge: the owner's code was scanned; then another
// voice reads out another challenge. Without a second person there is no answer
// to that, and the limits are not touched.
func TestQRVouchesForItsOwnChallenge(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.scanned(b, b.challenge(t, recovery.PurposePassword))
	another := b.challenge(t, recovery.PurposePassword)
	_, err := p.reveal(ann(), c.Number, another.String())
	wantKind(t, err, rekey.ErrConflict)
	p.wantStage(c.Number, desk.StageApproval, "raised")
	if r, err := p.desk.Recorder(t.Context(), ann(), b.id); err != nil || len(r.Answers) != 0 {
		t.Errorf("%d answers: %v", len(r.Answers), err)
	}
	if _, err := p.approve(carol(), c.Number); err != nil {
		t.Fatal(err)
	}
	if _, err := p.reveal(ann(), c.Number, another.String()); err != nil {
		t.Errorf("with a second person: %v", err)
	}
}

// TestQRIsOldAfterTenMinutes: for a week somebody could have used what the
// owner once sent. Now they need a second person, or a QR code of now: as
// evidence once more, or as the challenge itself.
func TestQRIsOldAfterTenMinutes(t *testing.T) {
	t.Parallel()
	const life = 10 * time.Minute
	for name, test := range map[string]struct {
		wait time.Duration
		ask  func(*place, *box, desk.Case, recovery.Challenge) string
		want error
	}{
		"typed in time":         {life - time.Microsecond, func(_ *place, _ *box, _ desk.Case, ch recovery.Challenge) string { return ch.String() }, nil},
		"typed late":            {life, func(_ *place, _ *box, _ desk.Case, ch recovery.Challenge) string { return ch.String() }, rekey.ErrConflict},
		"the clock set back":    {-time.Hour, func(_ *place, _ *box, _ desk.Case, ch recovery.Challenge) string { return ch.String() }, rekey.ErrConflict},
		"the same QR code late": {life, func(p *place, b *box, _ desk.Case, ch recovery.Challenge) string { return b.qr(p.t, ch) }, rekey.ErrConflict},
		"a QR code of now": {3 * day, func(p *place, b *box, _ desk.Case, _ recovery.Challenge) string {
			return b.qr(p.t, b.challenge(p.t, recovery.PurposePassword))
		}, nil},
		"evidence of now": {3 * day, func(p *place, b *box, c desk.Case, _ recovery.Challenge) string {
			ch := b.challenge(p.t, recovery.PurposePassword)
			p.giveQR(b, c.Number, ch)
			return ch.String()
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			b := p.enrol(ownerOfAll())
			ch := b.challenge(t, recovery.PurposePassword)
			c := p.scanned(b, ch)
			p.clock.Add(test.wait)
			if test.want != nil {
				p.wantStage(c.Number, desk.StageApproval, "raised")
			}
			_, err := p.reveal(ann(), c.Number, test.ask(p, b, c, ch))
			if test.want == nil && err != nil {
				t.Error(err)
			}
			if test.want != nil {
				wantKind(t, err, test.want)
			}
		})
	}
}

// TestQRAgainAfterAnotherChallenge: the case that a strange challenge raised is
// the agent's alone again once the recorder vouches for a new one.
func TestQRAgainAfterAnotherChallenge(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.scanned(b, b.challenge(t, recovery.PurposePassword))
	_, err := p.reveal(ann(), c.Number, b.challenge(t, recovery.PurposePassword).String())
	wantKind(t, err, rekey.ErrConflict)
	fresh := b.challenge(t, recovery.PurposePassword)
	p.giveQR(b, c.Number, fresh)
	if _, err := p.reveal(ann(), c.Number, fresh.String()); err != nil {
		t.Error(err)
	}
}

// TestMadeUpChallengeHarmsNobody: a caller who is at no recorder makes up a
// challenge with a high counter. The owner's true ones are not old by that.
func TestMadeUpChallengeHarmsNobody(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	liar := box{id: b.id, keys: b.keys, counter: 30_000} // the desk cannot tell: only an answer would fit nowhere
	if _, err := p.reveal(ann(), p.ready(b, "+49302").Number, liar.challenge(t, recovery.PurposePassword).String()); err != nil {
		t.Fatal(err)
	}
	p.clock.Add(time.Hour)
	ch := b.challenge(t, recovery.PurposePassword)
	c := p.scanned(b, ch)
	if _, err := p.reveal(ann(), c.Number, ch.String()); err != nil {
		t.Errorf("the owner, at the recorder: %v", err)
	}
}
