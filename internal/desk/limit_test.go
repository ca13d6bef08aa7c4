package desk_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/recovery"
)

// oneMore asks for one answer in a new case of ann's that is ready for it.
func (p *place) oneMore(b *box, caller string) error {
	p.t.Helper()
	c := p.openCase(ann(), b, caller)
	if _, err := p.desk.AddEvidence(p.t.Context(), ann(), c.Number, desk.Given{Kind: desk.EvidenceQR, QR: b.qr(p.t, b.challenge(p.t, 0))}); err != nil {
		p.t.Fatal(err)
	}
	p.add(ann(), c.Number, desk.EvidenceAddress, desk.EvidenceDocument, desk.EvidenceIdentity)
	c, err := p.desk.Case(p.t.Context(), ann(), c.Number)
	if err == nil && c.Stage == desk.StageApproval {
		_, err = p.approve(carol(), c.Number)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	_, err = p.reveal(ann(), c.Number, b.qr(p.t, b.challenge(p.t, 0)))
	return err
}

func TestDeviceLimits(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	n := 0
	ask := func(wait time.Duration, want error) {
		t.Helper()
		p.clock.Add(wait)
		n++
		if err := p.oneMore(b, fmt.Sprintf("+49 30 %04d", n)); !errors.Is(err, want) {
			t.Fatalf("answer %d: got %v, want %v", n, err, want)
		}
	}
	const quarter, day = 15 * time.Minute, 24 * time.Hour
	ask(0, nil)
	ask(quarter-time.Microsecond, rekey.ErrBudget)
	p.wantEvent("ann limit.refused refused")
	ask(time.Microsecond, nil)
	ask(quarter, nil)
	ask(quarter, rekey.ErrBudget)   // 3 in 24 h
	ask(day-quarter-2*quarter, nil) // 24 h after the first: the 4th
	ask(day, nil)                   // the 5th
	ask(day, rekey.ErrBudget)       // 5 in 30 d
	ask(26*day, rekey.ErrBudget)
	ask(day+time.Hour, nil)
}

// TestCallerLimit: one caller with many recorders; the number is written in
// several ways.
func TestCallerLimit(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for i, number := range []string{"+49 30 1234567", "+49-30-123 45 67", "+4930/1234567"} {
		if err := p.oneMore(p.enrol(ownerOfAll()), number); err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
	}
	wantKind(t, p.oneMore(p.enrol(ownerOfAll()), "(+4930) 1234567"), rekey.ErrBudget)
	if err := p.oneMore(p.enrol(ownerOfAll()), "+49 30 1234568"); err != nil {
		t.Errorf("another number: %v", err)
	}
	p.clock.Add(24 * time.Hour)
	if err := p.oneMore(p.enrol(ownerOfAll()), "+49301234567"); err != nil {
		t.Errorf("a day later: %v", err)
	}
}

// TestAgentLimitIsExactUnderConcurrency: ann has given 14 answers within the hour,
// of which she has 20; then 10 ready cases are answered at once.
func TestAgentLimitIsExactUnderConcurrency(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	const before, cases, most = 14, 10, 20
	p.history(p.enrol(ownerOfAll()), many(p.clock.Now().Add(-30*time.Minute), before)...)
	numbers, texts, proofs := make([]int64, cases), make([]string, cases), make([]desk.StepUp, cases)
	for i := range cases {
		b := p.enrol(ownerOfAll())
		numbers[i] = p.ready(b, fmt.Sprintf("+49 30 %04d", i)).Number
		texts[i] = b.challenge(t, recovery.PurposePassword).String()
		proofs[i] = p.proof(ann(), desk.ActReveal, numbers[i], texts[i])
	}
	var given atomic.Int32
	var wg sync.WaitGroup
	for i := range cases {
		wg.Go(func() {
			switch _, err := p.desk.Reveal(t.Context(), ann(), numbers[i], texts[i], proofs[i]); {
			case err == nil:
				given.Add(1)
			case !errors.Is(err, rekey.ErrBudget):
				t.Errorf("got %v, want the limit", err)
			}
		})
	}
	wg.Wait()
	if before+given.Load() != most {
		t.Errorf("%d answers in an hour, want %d", before+given.Load(), most)
	}
}

// TestLogBreaksAtAnyMoment breaks the security log at the n-th time that the
// desk looks at its clock during a reveal, for every n. There is never an
// answer without its record, and a challenge that was spent stays spent.
func TestLogBreaksAtAnyMoment(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	var left atomic.Int64
	checkpoint := filepath.Join(p.dir, desk.LogDir, "checkpoint")
	var kept []byte
	o := p.options()
	o.Now = func() time.Time {
		if left.Add(-1) == 0 {
			// Another file at the place of the checkpoint: appending cannot go on.
			kept, _ = os.ReadFile(checkpoint)
			_ = os.WriteFile(checkpoint, []byte("broken\n"), 0o600)
		}
		return p.clock.Now()
	}
	d, err := desk.Open(t.Context(), p.dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	spentWithoutAnswer := false
	var b *box
	var c desk.Case
	for n := int64(1); ; n++ {
		if b == nil {
			b = p.enrol(ownerOfAll())
			c = p.ready(b, fmt.Sprintf("+49 30 %04d", n))
		} // else nothing was spent in the case, and it takes another challenge
		ch := b.challenge(t, recovery.PurposePassword).String()
		p.clock.Add(time.Hour) // the agent's limit is not what this is about
		proof := p.proofAt(d, ann(), desk.ActReveal, c.Number, ch)
		p.flush()
		kept = nil
		left.Store(n)
		answer, failed := d.Reveal(t.Context(), ann(), c.Number, ch, proof)
		left.Store(0)
		if kept == nil {
			if failed != nil {
				t.Fatal(failed)
			}
			break // the reveal looks at the clock less than n times
		}
		if failed != nil && len(answer.Groups) > 0 {
			t.Fatalf("moment %d: an answer came with the error %v", n, failed)
		}
		if broken, err := os.ReadFile(checkpoint); err != nil || string(broken) == "broken\n" {
			if err := os.WriteFile(checkpoint, kept, 0o600); err != nil {
				t.Fatal(err)
			}
		} // else the last record's own checkpoint took its place
		if p.count(`SELECT COUNT(*) FROM reveals WHERE case_number = $1`, c.Number) == 0 {
			continue
		}
		if failed != nil {
			spentWithoutAnswer = true
			_, err := p.reveal(ann(), c.Number, ch)
			wantAny(t, err, rekey.ErrConflict, rekey.ErrBudget)
		}
		b = nil
	}
	if !spentWithoutAnswer {
		t.Error("no moment between the limits and the record was hit")
	}
}
