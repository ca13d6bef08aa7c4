package desk_test

import (
	"errors"
	"regexp"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
)

func (p *place) readOut(number int64, code string) error {
	p.t.Helper()
	_, err := p.desk.AddEvidence(p.t.Context(), ann(), number, desk.Given{Kind: desk.EvidenceAddress, Code: rekey.NewSecret(code)})
	return err
}

// wrong is a number of eight digits that is not the code.
func wrong(code string) string {
	digits := []byte(regexp.MustCompile(`\D`).ReplaceAllString(code, ""))
	digits[7] = '0' + (digits[7]-'0'+1)%10
	return string(digits)
}

// TestCodeCountsOnce, for ten minutes and five tries, in its own case; a later
// one ends it.
func TestCodeCountsOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.openCase(ann(), b, "+49 171 5550123")
	other := p.openCase(ann(), p.enrol(ownerOfAll()), "+49 171 5550124")
	if err := p.readOut(c.Number, "12345678"); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("before one was sent: %v", err)
	}
	first := p.code(ann(), c.Number, byMail).Reveal()
	p.clock.Add(time.Minute)
	second := p.code(ann(), c.Number, bySMS).Reveal()
	if first != second { // else they are one number by chance
		isKind(t, "the earlier one", p.readOut(c.Number, first), rekey.ErrDenied)
	}
	p.code(ann(), other.Number, byMail)
	isKind(t, "another case's", p.readOut(other.Number, second), rekey.ErrDenied)
	for _, bad := range []string{"", "1234567", "123456789", "1234567a", "１２３４５６７８"} {
		isKind(t, bad, p.readOut(c.Number, bad), rekey.ErrInput)
	}
	for range 3 {
		isKind(t, "a wrong one", p.readOut(c.Number, wrong(second)), rekey.ErrDenied)
	}
	if err := p.readOut(c.Number, " "+second+" "); err != nil {
		t.Fatalf("at the fifth try: %v", err)
	}
	got := p.seen(ann(), c.Number)
	if got.Targets[byMail].Confirmed || !got.Targets[bySMS].Confirmed || got.SendTo != bySMS || !got.CodeUntil.IsZero() {
		t.Errorf("targets %+v, send to %d, until %s", got.Targets, got.SendTo, got.CodeUntil)
	}
	if err := p.readOut(c.Number, second); err == nil {
		t.Error("it counted twice")
	}
}

func TestCodeIsOver(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	c := p.openCase(ann(), p.enrol(ownerOfAll()), "+49 171 5550123")
	code := p.code(ann(), c.Number, byMail).Reveal()
	for range 5 {
		isKind(t, "a wrong one", p.readOut(c.Number, wrong(code)), rekey.ErrDenied)
	}
	isKind(t, "after five tries", p.readOut(c.Number, code), rekey.ErrConflict)

	code = p.code(ann(), c.Number, byMail).Reveal()
	p.clock.Add(10 * time.Minute)
	isKind(t, "after ten minutes", p.readOut(c.Number, code), rekey.ErrConflict)
	for range 3 {
		p.code(ann(), c.Number, byMail)
	}
	_, err := p.desk.SendCode(t.Context(), ann(), c.Number, byMail)
	isKind(t, "a sixth in the hour", err, rekey.ErrBudget)
	p.clock.Add(time.Hour)
	p.code(ann(), c.Number, byMail)
}

// TestCodeThatCannotBeSent counts for nothing, and goes only to addresses of the registry.
func TestCodeThatCannotBeSent(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	c := p.openCase(ann(), p.enrol(ownerOfAll()), "+49 171 5550123")
	p.mail.SetDown(true)
	_, err := p.desk.SendCode(t.Context(), ann(), c.Number, byMail)
	isKind(t, "mail down", err, rekey.ErrUnreachable)
	if got := p.seen(ann(), c.Number); !got.CodeUntil.IsZero() {
		t.Error("a number that was not sent counts")
	}
	for _, target := range []int{-1, 2, 1 << 30} {
		_, err := p.desk.SendCode(t.Context(), ann(), c.Number, target)
		isKind(t, "no address", err, rekey.ErrInput)
	}
	_, err = p.desk.SendCode(t.Context(), bob(), c.Number, bySMS)
	isKind(t, "somebody else's case", err, rekey.ErrDenied)
}
