package desk_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rekey"
	"rekey/internal/desk"
	"rekey/recovery"
)

// order is a case and what a model of the procedure thinks of it.
type order struct {
	p        *place
	b        *box
	number   int64
	evidence []desk.Evidence
	approved bool
	raised   bool // a challenge was tried that no QR code vouches for
	answered bool
	closed   bool
	paused   bool
	sent     int // numbers, of which an hour has five
}

func (o *order) has(e desk.Evidence) bool { return slices.Contains(o.evidence, e) }

func (o *order) complete() bool {
	return o.has("E2") && (o.has("E1") || o.has("E3") || o.has("E6"))
}

// due reports whether the next step is the challenge.
func (o *order) due() bool {
	return o.complete() && (o.atRecorder() || o.approved) && o.goesOn()
}

// atRecorder reports whether a QR code makes the second person unnecessary.
func (o *order) atRecorder() bool { return o.has("E1") && !o.raised }

func (o *order) open() bool { return !o.answered && !o.closed }

// goesOn reports whether evidence, approval and answer are due at all.
func (o *order) goesOn() bool { return o.open() && !o.paused }

func (o *order) addVouched(t *rapid.T) {
	kind := rapid.SampledFrom([]desk.Evidence{"E4", "E5", "E6"}).Draw(t, "kind")
	_, err := o.p.desk.AddEvidence(o.p.t.Context(), ann(), o.number, desk.Given{Kind: kind, Note: rightNote})
	o.expect(t, err, o.goesOn() && !o.has(kind))
	if err == nil {
		o.evidence = append(o.evidence, kind)
	}
}

// addAddress has a number sent and reads it out, once wrongly.
func (o *order) addAddress(t *rapid.T) {
	if o.sent == 5 {
		return
	}
	_, err := o.p.desk.SendCode(o.p.t.Context(), ann(), o.number, byMail)
	o.expect(t, err, o.goesOn())
	if err != nil {
		return
	}
	o.sent++
	all := o.p.mail.Of("code")
	right := regexp.MustCompile(`\d{4} \d{4}`).FindString(all[len(all)-1].Text)
	wrong := string('0'+('9'-right[0])) + right[1:] // x to 9-x is never the same
	for digits, fits := range map[string]bool{wrong: false, right: true} {
		given := desk.Given{Kind: desk.EvidenceAddress, Code: rekey.NewSecret(digits)}
		if _, err := o.p.desk.AddEvidence(o.p.t.Context(), ann(), o.number, given); !fits && err == nil {
			t.Fatal("another number was taken")
		}
	}
	o.evidence = append(o.evidence, desk.EvidenceAddress)
}

func (o *order) addQR(t *rapid.T) {
	_, err := o.p.desk.AddEvidence(o.p.t.Context(), ann(), o.number, desk.Given{Kind: desk.EvidenceQR, QR: o.b.qr(o.p.t, o.b.challenge(o.p.t, 0))})
	o.expect(t, err, o.goesOn()) // a later one takes the place of an earlier
	if err == nil {
		o.evidence, o.raised = append(o.evidence, "E1"), false
	}
}

func (o *order) approve(t *rapid.T) {
	who := rapid.SampledFrom([]desk.Agent{ann(), bob(), carol(), sue()}).Draw(t, "who")
	_, err := o.p.approve(who, o.number)
	may := who.Name == "carol" || who.Name == "sue"
	o.expect(t, err, may && o.goesOn() && o.complete() && !o.atRecorder() && !o.approved)
	o.approved = o.approved || err == nil
}

func (o *order) reveal(t *rapid.T) {
	who := rapid.SampledFrom([]desk.Agent{ann(), bob(), carol(), sue()}).Draw(t, "who")
	answer, err := o.p.reveal(who, o.number, o.b.challenge(o.p.t, recovery.PurposePassword).String())
	o.expect(t, err, who.Name == "ann" && o.due() && o.approved)
	if who.Name == "ann" && o.due() {
		o.raised = o.raised || !o.approved
	}
	o.finish(t, answer, err)
}

// revealQR asks with the text of a fresh QR code.
func (o *order) revealQR(t *rapid.T) {
	answer, err := o.p.reveal(ann(), o.number, o.b.qr(o.p.t, o.b.challenge(o.p.t, recovery.PurposePassword)))
	o.expect(t, err, o.complete() && o.goesOn())
	o.finish(t, answer, err)
}

func (o *order) finish(t *rapid.T, answer desk.Revealed, err error) {
	if (err == nil) == (len(answer.Groups) == 0) {
		t.Fatalf("answer and error do not go together: %v", err)
	}
	o.answered = o.answered || err == nil
}

func (o *order) close(t *rapid.T) {
	_, err := o.p.desk.CloseCase(o.p.t.Context(), ann(), o.number, desk.Ending{Outcome: "given up"})
	o.expect(t, err, !o.closed)
	o.closed = o.closed || err == nil
}

// pause puts the case aside, or goes on with it.
func (o *order) pause(t *rapid.T) {
	var err error
	if again := rapid.Bool().Draw(t, "go on"); again {
		_, err = o.p.desk.Resume(o.p.t.Context(), ann(), o.number)
		o.expect(t, err, o.open() && o.paused)
	} else {
		_, err = o.p.desk.Pause(o.p.t.Context(), ann(), o.number, "calls back later")
		o.expect(t, err, o.goesOn())
	}
	if err == nil {
		o.paused = !o.paused
	}
}

func (o *order) expect(t *rapid.T, err error, want bool) {
	t.Helper()
	if (err == nil) != want {
		t.Fatalf("%+v: got %v, expected to work: %v", *o, err, want)
	}
	if err != nil && !errors.Is(err, rekey.ErrConflict) && !errors.Is(err, rekey.ErrDenied) {
		t.Fatalf("refused with %v", err)
	}
}

func (o *order) check(t *rapid.T) {
	o.p.flush()
	c, err := o.p.desk.Case(o.p.t.Context(), carol(), o.number)
	if err != nil {
		t.Fatal(err)
	}
	want := desk.StageEvidence
	switch {
	case o.closed:
		want = desk.StageClosed
	case o.answered:
		want = desk.StageAnswered
	case o.paused:
		want = desk.StagePaused
	case o.due():
		want = desk.StageChallenge
	case o.complete():
		want = desk.StageApproval
	}
	if c.Stage != want {
		t.Fatalf("stage %q, want %q", c.Stage, want)
	}
}

// TestOrder: whatever people try in whatever order, the server's order holds.
func TestOrder(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		p.clock.Add(2 * time.Hour) // the agent's limits are not what this is about
		b := p.enrol(ownerOfAll())
		o := &order{p: p, b: b, number: p.openCase(ann(), b, fmt.Sprintf("+49 30 %06d", n)).Number}
		rt.Repeat(map[string]func(*rapid.T){
			"vouched": o.addVouched, "address": o.addAddress, "pause": o.pause, "qr": o.addQR, "approve": o.approve, "reveal": o.reveal, "reveal qr": o.revealQR, "close": o.close, "": o.check,
		})
	})
}
