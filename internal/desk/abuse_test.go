package desk_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/rekeytest/office"
	"rekey/recovery"
)

func TestAgentApprovesOwnCase(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.openCase(sue(), b, "+49301")
	p.add(sue(), c.Number, desk.EvidenceAddress, desk.EvidenceCallback)
	_, err := p.approve(sue(), c.Number)
	wantKind(t, err, rekey.ErrDenied)
	p.wantEvent("sue case.approve refused")
	// The database refuses it, too, whoever writes.
	if err := p.edit(`UPDATE cases SET approved_by = 'sue', approved_at = 1, approved_level = 3 WHERE number = $1`, c.Number); err == nil {
		t.Error("the database took a case that its requester approved")
	}
	if _, err := p.approve(carol(), c.Number); err != nil {
		t.Error(err)
	}
}

func TestChallengeBeforeItIsDue(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.openCase(ann(), b, "+49301")
	ask := func() error {
		_, err := p.reveal(ann(), c.Number, b.challenge(t, recovery.PurposePassword).String())
		return err
	}
	wantKind(t, ask(), rekey.ErrConflict) // no evidence
	p.add(ann(), c.Number, desk.EvidenceAddress, desk.EvidenceCallback)
	wantKind(t, ask(), rekey.ErrConflict) // no approval
	p.wantEvent("ann challenge.answer failed")
	if _, err := p.approve(carol(), c.Number); err != nil {
		t.Fatal(err)
	}
	if err := ask(); err != nil {
		t.Error(err)
	}
	wantKind(t, ask(), rekey.ErrConflict) // one answer in the life of a case
}

func TestReplayedChallenge(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	ch := b.challenge(t, recovery.PurposePassword).String()
	if _, err := p.reveal(ann(), p.ready(b, "+49301").Number, ch); err != nil {
		t.Fatal(err)
	}
	p.clock.Add(time.Hour)
	c := p.ready(b, "+49301")
	_, err := p.reveal(ann(), c.Number, ch)
	wantKind(t, err, rekey.ErrConflict)
	if _, err := p.reveal(ann(), c.Number, b.challenge(t, recovery.PurposePassword).String()); err != nil {
		t.Errorf("a fresh one after the replay: %v", err)
	}
}

func TestReplayedAndForgedQR(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b, other := p.enrol(ownerOfAll()), p.enrol(ownerOfAll())
	qr := b.qr(t, b.challenge(t, recovery.PurposePassword))
	n := 0
	give := func(text string) error {
		n++
		c := p.openCase([]desk.Agent{ann(), bob()}[n%2], b, fmt.Sprintf("+49 30 100%d", n))
		_, err := p.desk.AddEvidence(t.Context(), []desk.Agent{ann(), bob()}[n%2], c.Number, desk.Given{Kind: desk.EvidenceQR, QR: text})
		return err
	}
	if err := give(qr); err != nil {
		t.Fatal(err)
	}
	wantKind(t, give(qr), rekey.ErrConflict)                                           // the same again
	wantKind(t, give(other.qr(t, other.challenge(t, 0))), rekey.ErrInput)              // another recorder's
	forged := box{id: b.id, keys: other.keys, counter: 9}                              // another recorder's key under this Device ID
	wantKind(t, give(forged.qr(t, forged.challenge(t, 0))), rekey.ErrInput)            //
	wantKind(t, give(b.qr(t, b.challenge(t, recovery.PurposeUnseal))), rekey.ErrInput) // another purpose
	wantKind(t, give(b.qr(t, b.challenge(t, 0))[:60]), rekey.ErrInput)                 // cut short
	if err := give(b.qr(t, b.challenge(t, recovery.PurposePassword))); err != nil {    // and the true one
		t.Error(err)
	}
}

// TestCounterBehind: a recorder that was set back, or a code photographed long
// ago, makes the case a high one.
func TestCounterBehind(t *testing.T) {
	t.Parallel()
	for name, say := range map[string]func(*box, recovery.Challenge) string{
		"typed": func(_ *box, ch recovery.Challenge) string { return ch.String() },
		"QR":    func(b *box, ch recovery.Challenge) string { return b.qr(t, ch) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testCounterBehind(t, say)
		})
	}
}

func testCounterBehind(t *testing.T, say func(*box, recovery.Challenge) string) {
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	old := b.challenge(t, recovery.PurposePassword)
	c := p.openCase(ann(), b, "+49301")
	if _, err := p.desk.AddEvidence(t.Context(), ann(), c.Number, desk.Given{Kind: desk.EvidenceQR, QR: b.qr(t, b.challenge(t, 0))}); err != nil {
		t.Fatal(err)
	}
	p.add(ann(), c.Number, desk.EvidenceAddress)
	_, err := p.reveal(ann(), c.Number, say(b, old))
	wantKind(t, err, rekey.ErrConflict)
	c, err = p.desk.Case(t.Context(), ann(), c.Number)
	if err != nil || c.Stage != desk.StageEvidence || c.Level != "high" {
		t.Fatalf("stage %q, level %s: %v", c.Stage, c.Level, err)
	}
	p.add(ann(), c.Number, desk.EvidenceDocument, desk.EvidenceIdentity)
	if _, err := p.approve(carol(), c.Number); err != nil {
		t.Fatal(err)
	}
	if _, err := p.reveal(ann(), c.Number, say(b, old)); err != nil {
		t.Errorf("with documents and a second person: %v", err)
	}
}

// TestAnswerFitsOneRecorderAccountAndPurpose: what the desk gives out for one
// case opens nothing else.
func TestAnswerFitsOneRecorderAccountAndPurpose(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b, other := p.enrol(ownerOfAll()), p.enrol(ownerOfAll())
	ch := b.challenge(t, recovery.PurposePassword)
	c := p.ready(other, "+49301") // the liar's own recorder, the challenge of the victim's
	got, err := p.reveal(ann(), c.Number, ch.String())
	if err != nil {
		t.Fatal(err)
	}
	if p.whole(c.Number, got) == b.answer(t, "admin", ch) {
		t.Error("an answer for one Device ID opens another")
	}
	p.clock.Add(time.Hour)
	c = p.ready(b, "+49301")
	unseal := b.challenge(t, recovery.PurposeUnseal)
	_, err = p.reveal(ann(), c.Number, unseal.String())
	wantKind(t, err, rekey.ErrInput)
	_, err = p.reveal(ann(), c.Number, other.qr(t, other.challenge(t, 0)))
	wantKind(t, err, rekey.ErrInput)
	ch = b.challenge(t, recovery.PurposePassword)
	if got, err = p.reveal(ann(), c.Number, ch.String()); err != nil {
		t.Fatal(err)
	}
	if whole := p.whole(c.Number, got); whole == b.answer(t, "viewer", ch) || whole != b.answer(t, "admin", ch) {
		t.Error("an answer for admin opens another account, or none")
	}
}

// TestKeysCopiedToAnotherDeviceID: an insider with the database, but without
// the desk's key, puts a recorder's key under a Device ID of their own.
func TestKeysCopiedToAnotherDeviceID(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	victim, own := p.enrol(ownerOfAll()), p.enrol(ownerOfAll())
	err := p.edit(`UPDATE recorder_keys SET wrapped = (SELECT wrapped FROM recorder_keys WHERE device_id = $1),
		sealed = (SELECT sealed FROM recorder_keys WHERE device_id = $1) WHERE device_id = $2`, victim.id.String(), own.id.String())
	if err != nil {
		t.Fatal(err)
	}
	c := p.ready(own, "+49301")
	_, err = p.reveal(ann(), c.Number, own.challenge(t, 0).String())
	wantKind(t, err, rekey.ErrVerify)
	p.wantEvent("ann challenge.answer failed")
	// Nothing was spent: the limit of the device is still free.
	if got, err := p.desk.Recorder(t.Context(), ann(), own.id); err != nil || len(got.Answers) != 0 {
		t.Errorf("%d answers: %v", len(got.Answers), err)
	}
	// The same for a row whose epoch was changed, and for a changed byte.
	if err := p.edit(`UPDATE recorder_keys SET epoch = 1 WHERE device_id = $1`, victim.id.String()); err != nil {
		t.Fatal(err)
	}
	c = p.ready(victim, "+49302")
	_, err = p.reveal(ann(), c.Number, victim.challenge(t, 0).String())
	wantKind(t, err, rekey.ErrVerify)
}

// TestRevealWhileLogIsDown: no record, no answer, and what was spent stays spent.
func TestRevealWhileLogIsDown(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49301")
	ch := b.challenge(t, 0).String()
	proof := p.proof(ann(), desk.ActReveal, c.Number, ch)
	checkpoint := filepath.Join(p.dir, desk.LogDir, "checkpoint")
	kept, err := os.ReadFile(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(checkpoint, []byte("gone\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := p.desk.Reveal(t.Context(), ann(), c.Number, ch, proof)
	wantKind(t, err, rekey.ErrVerify)
	if len(got.Groups) > 0 {
		t.Error("an answer left while the log was down")
	}
	if _, err := p.desk.Case(t.Context(), ann(), c.Number); err == nil {
		t.Error("a case was read while the log was down")
	}
	if _, err := desk.Open(t.Context(), p.dir, p.options()); err == nil {
		t.Error("a desk opened without its log")
	}
	if err := os.WriteFile(checkpoint, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.reveal(ann(), c.Number, b.challenge(t, 0).String()); err != nil {
		t.Errorf("with the log back: %v", err)
	}
}

// TestParallelReveals: two dozen at once, and one answer.
func TestParallelReveals(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49301")
	const n = 24
	texts, proofs := make([]string, 3), make([]desk.StepUp, n)
	for i := range texts {
		texts[i] = b.challenge(t, recovery.PurposePassword).String()
	}
	for i := range proofs {
		proofs[i] = p.proof(ann(), desk.ActReveal, c.Number, texts[i%3])
	}
	answers := make(chan desk.Revealed, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if a, err := p.desk.Reveal(t.Context(), ann(), c.Number, texts[i%3], proofs[i]); err == nil {
				answers <- a
			} else if !errors.Is(err, rekey.ErrConflict) && !errors.Is(err, rekey.ErrBudget) {
				t.Errorf("got %v, want a conflict or a limit", err)
			}
		})
	}
	wg.Wait()
	if len(answers) != 1 {
		t.Errorf("%d answers, want 1", len(answers))
	}
}

func TestHold(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(desk.Owner{Name: "Petra Example", Since: ownerOfAll().Since})
	c := p.openCase(ann(), b, "+49301")
	_, err := p.desk.AddEvidence(t.Context(), ann(), c.Number, desk.Given{Kind: desk.EvidenceAddress, Code: rekey.NewSecret("1234 5678")})
	wantKind(t, err, rekey.ErrInput) // there is no address to control
	p.add(ann(), c.Number, desk.EvidenceDocument, desk.EvidenceIdentity)
	if c, err = p.approve(carol(), c.Number); err != nil || c.Stage != desk.StageHold {
		t.Fatalf("stage %q: %v", c.Stage, err)
	}
	ask := func() error {
		_, err := p.reveal(ann(), c.Number, b.challenge(t, 0).String())
		return err
	}
	p.clock.Add(24*time.Hour - time.Second)
	wantKind(t, ask(), rekey.ErrConflict)
	p.clock.Jump(-48 * time.Hour) // a clock set back does not help
	wantKind(t, ask(), rekey.ErrConflict)
	p.clock.Jump(48 * time.Hour)
	p.clock.Add(time.Second)
	if err := ask(); err != nil {
		t.Error(err)
	}
}

func TestStolenAndExpired(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49301")
	if err := p.desk.SetStolen(t.Context(), desk.Operator(), b.id, true, desk.StepUp{}); err != nil {
		t.Fatal(err)
	}
	_, err := p.reveal(ann(), c.Number, b.challenge(t, 0).String())
	wantKind(t, err, rekey.ErrConflict)
	if !strings.Contains(err.Error(), desk.SayNoAnswer) {
		t.Errorf("not the words for every refusal: %v", err)
	}
	if err := p.desk.SetStolen(t.Context(), desk.Operator(), b.id, false, desk.StepUp{}); err != nil {
		t.Fatal(err)
	}
	p.clock.Add(7*24*time.Hour + time.Second)
	_, err = p.reveal(ann(), c.Number, b.challenge(t, 0).String())
	wantKind(t, err, rekey.ErrConflict)
	if c, err = p.desk.Case(t.Context(), ann(), c.Number); err != nil || c.Stage != desk.StageClosed || c.Outcome != "expired" {
		t.Errorf("stage %q, outcome %q: %v", c.Stage, c.Outcome, err)
	}
}

// TestSuite2: a recorder without a secret of its own is answered from its QR code.
func TestSuite2(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	text, err := os.ReadFile(filepath.Join(p.dir, desk.PublicKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	pk, err := recovery.ParseDeskKey(text)
	if err != nil {
		t.Fatal(err)
	}
	ch := b.challenge(t, recovery.PurposePassword)
	ch.Suite = recovery.SuiteHPKE
	enc, want, err := recovery.RecorderAnswer(pk, b.id, "admin", ch)
	if err != nil {
		t.Fatal(err)
	}
	qr, err := recovery.QR{Desk: qrDesk, DeviceID: b.id, Challenge: ch, Enc: enc}.Text()
	if err != nil {
		t.Fatal(err)
	}
	c := p.ready(b, "+49301")
	_, err = p.reveal(ann(), c.Number, ch.String())
	wantKind(t, err, rekey.ErrInput) // typed, without what only the QR code carries
	got, err := p.reveal(ann(), c.Number, qr)
	if err != nil || p.whole(c.Number, got) != want.Reveal() {
		t.Errorf("the answer does not fit: %v", err)
	}
}

func TestEnrolAgain(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	_, err := p.desk.Enrol(t.Context(), desk.Operator(), p.enrolment(b, 0), desk.Owner{})
	wantKind(t, err, rekey.ErrConflict)
	_, err = p.desk.Enrol(t.Context(), ann(), p.enrolment(b, 1), desk.Owner{})
	wantKind(t, err, rekey.ErrDenied)
	if _, err := p.desk.Enrol(t.Context(), desk.Operator(), p.enrolment(b, 1), desk.Owner{}); err != nil {
		t.Fatal(err)
	}
	c := p.ready(b, "+49301")
	_, err = p.reveal(ann(), c.Number, b.challenge(t, 0).String())
	wantKind(t, err, rekey.ErrInput) // made with the key of epoch 0
	_, err = p.desk.Enrol(t.Context(), desk.Operator(), []byte(`{"format":"rekey enrolment v1"}`), desk.Owner{})
	wantKind(t, err, rekey.ErrInput)
	strange := &place{t: t, dir: filepath.Join(t.TempDir(), "strange"), clock: newClock(), mail: new(office.Bag), sms: new(office.Bag)}
	if _, err := desk.Init(t.Context(), strange.dir, "root", strange.options()); err != nil {
		t.Fatal(err)
	}
	strange.open()
	_, err = strange.desk.Enrol(t.Context(), desk.Operator(), p.enrolment(b, 2), desk.Owner{})
	wantKind(t, err, rekey.ErrInput) // sealed to another desk
}
