package desk_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/courier"
	"rekey/internal/mail"
	"rekey/internal/rekeytest/mailbox"
	"rekey/recovery"
)

// reopen opens the desk's folder once more, as a restart would.
func (p *place) reopen(change func(*desk.Options)) {
	p.t.Helper()
	if err := p.desk.Close(); err != nil {
		p.t.Fatal(err)
	}
	p.desk = p.another(change)
}

// another is one more process that has the folder open.
func (p *place) another(change func(*desk.Options)) *desk.Desk {
	p.t.Helper()
	o := p.options()
	change(&o)
	d, err := desk.Open(p.t.Context(), p.dir, o)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = d.Close() })
	return d
}

func (p *place) halves() []courier.Message { return append(p.mail.Of("half"), p.sms.Of("half")...) }

// groupsOf are the groups of the recorder's own answer.
func groupsOf(t *testing.T, b *box, ch recovery.Challenge) []string {
	t.Helper()
	return strings.Split(b.answer(t, "admin", ch), "-")
}

func texts(groups []desk.Group) (all []string) {
	for _, g := range groups {
		all = append(all, g.Text)
	}
	return all
}

// TestAnswerIsSplit: the agent gets groups 1 and 2, the owner 3 and 4.
func TestAnswerIsSplit(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49 171 5550123")
	ch := b.challenge(t, recovery.PurposePassword)
	want := groupsOf(t, b, ch)
	out, err := p.reveal(ann(), c.Number, ch.String())
	if err != nil {
		t.Fatal(err)
	}
	if got := texts(out.Groups); !out.Split || len(got) != 2 || got[0] != want[0] || got[1] != want[1] || out.SentTo != "mailto:p***@example.org" {
		t.Errorf("%d groups, split %v, sent to %s", len(out.Groups), out.Split, out.SentTo)
	}
	if halves := p.halves(); len(halves) != 1 || halves[0].To != "mailto:petra@example.org" || !strings.Contains(halves[0].Text, want[2]+"-"+want[3]) || strings.Contains(halves[0].Text, want[0]) {
		t.Errorf("%d messages with a half", len(halves))
	}
	if p.recorded(0, "code.reveal", "ok") != 1 || p.recorded(0, "half.sent", "ok") != 1 {
		t.Error("not recorded")
	}
	p.flush()
	if got := p.seen(ann(), c.Number); got.Stage != desk.StageAnswered || len(p.mail.Of("notice.reveal")) != 1 || len(p.sms.Of("notice.reveal")) != 1 {
		t.Errorf("stage %s, %d notices", got.Stage, len(p.mail.Of("notice.reveal")))
	}
	if _, err := p.reveal(ann(), c.Number, b.challenge(t, recovery.PurposePassword).String()); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("a second answer: %v", err)
	}
}

// TestMailDownAtOpen: the case waits until the owner is told.
func TestMailDownAtOpen(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.mail.SetDown(true)
	p.sms.SetDown(true)
	b := p.enrol(ownerOfAll())
	c := p.openCase(ann(), b, "+49 171 5550123")
	p.flush()
	p.mail.SetDown(false)
	if _, err := p.desk.SendCode(t.Context(), ann(), c.Number, byMail); err != nil {
		t.Fatal(err)
	}
	if err := p.readOut(c.Number, codeIn(p.mail.Of("code")[0].Text)); err != nil {
		t.Fatal(err)
	}
	p.add(ann(), c.Number, desk.EvidenceCallback)
	if _, err := p.approve(carol(), c.Number); err != nil {
		t.Fatal(err)
	}
	got := p.seen(ann(), c.Number)
	if got.Stage != desk.StageTelling || len(got.Told) != 2 || got.Told[0].Waiting != 2 {
		t.Fatalf("stage %s, told %+v", got.Stage, got.Told)
	}
	ch := b.challenge(t, recovery.PurposePassword).String()
	if _, err := p.reveal(ann(), c.Number, ch); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("an answer before the owner is told: %v", err)
	}
	p.clock.Add(10 * time.Second)
	p.flush()
	if got = p.seen(ann(), c.Number); got.Stage != desk.StageChallenge {
		t.Fatalf("stage %s, told %+v", got.Stage, got.Told)
	}
	if _, err := p.reveal(ann(), c.Number, ch); err != nil {
		t.Errorf("the challenge was spent before: %v", err)
	}
}

// TestHalfThatCannotBeSent: nothing is shown, nothing goes whole instead, the
// limits and the challenge stay spent, and the case takes a new challenge.
func TestHalfThatCannotBeSent(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49 171 5550123")
	p.mail.SetDown(true)
	p.sms.SetDown(true)
	ch := b.challenge(t, recovery.PurposePassword).String()
	out, err := p.reveal(ann(), c.Number, ch)
	if !errors.Is(err, rekey.ErrUnreachable) || len(out.Groups) != 0 {
		t.Fatalf("%d groups, %v", len(out.Groups), err)
	}
	for _, group := range groupsOf(t, b, mustParse(t, ch)) {
		if strings.Contains(err.Error(), group) {
			t.Error("the refusal holds a group of the answer")
		}
	}
	if p.recorded(0, "half.sent", "failed") != 1 || p.seen(ann(), c.Number).Stage != desk.StageChallenge {
		t.Errorf("stage %s", p.seen(ann(), c.Number).Stage)
	}
	p.mail.SetDown(false)
	next := b.challenge(t, recovery.PurposePassword).String()
	_, err = p.reveal(ann(), c.Number, next)
	isKind(t, "at once", err, rekey.ErrBudget)
	p.clock.Add(16 * time.Minute)
	_, err = p.reveal(ann(), c.Number, ch)
	isKind(t, "the old challenge", err, rekey.ErrConflict)
	out, err = p.reveal(ann(), c.Number, next)
	if err != nil || !out.Split || len(out.Groups) != 2 {
		t.Errorf("%d groups, %v", len(out.Groups), err)
	}
}

func mustParse(t *testing.T, text string) recovery.Challenge {
	t.Helper()
	ch, err := recovery.ParseChallenge(text)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// TestRealCarriersThatFail: a mail server that breaks off after the message,
// and an SMS provider in all its moods. The agent gets nothing each time.
func TestRealCarriersThatFail(t *testing.T) {
	t.Parallel()
	server, provider := mailbox.Serve(t), mailbox.ServeSMS(t)
	server.Have(mailbox.DropsAfterData)
	moods := map[string]func(hungUp func()){
		"mail breaks off": func(func()) {},
		"500":             func(func()) { provider.Answer(status(500)) },
		"redirect":        func(func()) { provider.Answer(status(307)) },
		"hangs": func(hungUp func()) { // the agent's browser goes while it does
			provider.Answer(func(w http.ResponseWriter, r *http.Request) { hungUp(); hang(w, r) })
		},
	}
	for name, mood := range moods {
		p := newPlace(t)
		b := p.enrol(ownerOfAll())
		c := p.ready(b, "+49 171 5550123")
		target := bySMS
		if name == "mail breaks off" {
			target = byMail
		}
		if c, err := p.desk.SetSendTo(t.Context(), ann(), c.Number, target); err != nil || c.Stage != desk.StageApproval && target != byMail {
			t.Fatalf("stage %q: %v", c.Stage, err)
		}
		if target != byMail { // the half goes elsewhere than the second person has seen
			if _, err := p.approve(carol(), c.Number); err != nil {
				t.Fatal(err)
			}
			p.flush()
		}
		p.reopen(func(o *desk.Options) {
			o.Mail = courier.Mail{SMTP: mail.SMTP{Server: server.Addr, From: "desk@example.net"}}
			o.SMS = courier.SMS{URL: provider.URL, Key: rekey.NewSecret(provider.Key)}
		})
		ctx, cancel := context.WithCancel(t.Context())
		mood(cancel)
		ch := b.challenge(t, recovery.PurposePassword).String()
		proof := p.proof(ann(), desk.ActReveal, c.Number, ch)
		out, err := p.desk.Reveal(ctx, ann(), c.Number, ch, proof)
		cancel()
		if !errors.Is(err, rekey.ErrUnreachable) || len(out.Groups) != 0 || p.seen(ann(), c.Number).Stage != desk.StageChallenge {
			t.Errorf("%s: %d groups, %v", name, len(out.Groups), err)
		}
	}
	if len(server.All()) != 1 {
		t.Errorf("%d letters", len(server.All()))
	}
}

// TestRealCarriers carry a whole case, from the notices to both halves.
func TestRealCarriers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49 171 5550123")
	server, provider := mailbox.Serve(t), mailbox.ServeSMS(t)
	p.reopen(func(o *desk.Options) {
		o.Mail = courier.Mail{SMTP: mail.SMTP{Server: server.Addr, From: "desk@example.net"}}
		o.SMS = courier.SMS{URL: provider.URL, Key: rekey.NewSecret(provider.Key)}
	})
	ch := b.challenge(t, recovery.PurposePassword)
	if _, err := p.reveal(ann(), c.Number, ch.String()); err != nil {
		t.Fatal(err)
	}
	want := groupsOf(t, b, ch)
	server.Until(want[2] + "-" + want[3])
	p.flush()
	if got := provider.To("+49301234567"); len(got) != 1 || len(got[0].Text) >= 300 {
		t.Errorf("texts %v", got)
	}
}

// tripped is a carrier that does something before the half leaves.
type tripped struct {
	courier.Carrier
	before func()
}

func (c tripped) Carry(ctx context.Context, m courier.Message) error {
	if m.Kind == "half" {
		c.before()
	}
	return c.Carrier.Carry(ctx, m)
}

// TestKilledBeforeTheHalf: a process that dies after the limits are spent leaves
// no answer, and a case that takes a new challenge.
func TestKilledBeforeTheHalf(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49 171 5550123")
	p.reopen(func(o *desk.Options) { o.Mail = tripped{p.mail, func() { panic("killed") }} })
	ch := b.challenge(t, recovery.PurposePassword).String()
	func() {
		defer func() { _ = recover() }()
		_, err := p.reveal(ann(), c.Number, ch)
		t.Errorf("the process went on: %v", err)
	}()
	p.reopen(func(*desk.Options) {})
	if len(p.halves()) != 0 {
		t.Error("a half was sent")
	}
	p.clock.Add(16 * time.Minute)
	_, err := p.reveal(ann(), c.Number, ch)
	isKind(t, "the same challenge", err, rekey.ErrConflict)
	out, err := p.reveal(ann(), c.Number, b.challenge(t, recovery.PurposePassword).String())
	if err != nil || len(out.Groups) != 2 {
		t.Errorf("%d groups, %v", len(out.Groups), err)
	}
}

// failing breaks the desk's folder when the reveal draws its link: after the
// limits are spent, before the record.
type failing struct {
	once  sync.Once
	armed chan struct{}
	do    func()
}

func (f *failing) Read(b []byte) (int, error) {
	select {
	case <-f.armed:
		f.once.Do(f.do)
	default:
	}
	for i := range b {
		b[i] = byte(time.Now().UnixNano() >> (i % 8)) //nolint:gosec // a test's
	}
	return len(b), nil
}

// TestLogDownBetweenSpendAndRecord: no record, no answer, no half.
func TestLogDownBetweenSpendAndRecord(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49 171 5550123")
	logDir := filepath.Join(p.dir, desk.LogDir)
	f := &failing{armed: make(chan struct{}), do: func() {
		if err := os.Rename(logDir, logDir+".gone"); err != nil {
			panic(err)
		}
	}}
	p.reopen(func(o *desk.Options) { o.Rand = f })
	ch := b.challenge(t, recovery.PurposePassword).String()
	proof := p.proof(ann(), desk.ActReveal, c.Number, ch)
	close(f.armed)
	out, err := p.desk.Reveal(t.Context(), ann(), c.Number, ch, proof)
	if err == nil || len(out.Groups) != 0 || len(p.halves()) != 0 {
		t.Fatalf("%d groups, %d halves, %v", len(out.Groups), len(p.halves()), err)
	}
	if err := os.RemoveAll(logDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if err := os.Rename(logDir+".gone", logDir); err != nil {
		t.Fatal(err)
	}
	if p.recorded(0, "code.reveal", "ok") != 0 {
		t.Error("it was recorded")
	}
	p.clock.Add(16 * time.Minute)
	_, err = p.reveal(ann(), c.Number, ch)
	isKind(t, "the same challenge", err, rekey.ErrConflict)
	if _, err := p.reveal(ann(), c.Number, b.challenge(t, recovery.PurposePassword).String()); err != nil {
		t.Errorf("the next challenge: %v", err)
	}
}

// TestFrozenWhileItIsSent: "not me" in the last moment stops the agent's half.
func TestFrozenWhileItIsSent(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49 171 5550123")
	token := p.token(p.mail.Of("notice.open")[0])
	p.reopen(func(o *desk.Options) {
		o.Mail = tripped{p.mail, func() {
			if _, err := p.desk.OwnerNotMe(t.Context(), token); err != nil {
				t.Error(err)
			}
		}}
	})
	out, err := p.reveal(ann(), c.Number, b.challenge(t, recovery.PurposePassword).String())
	if !errors.Is(err, rekey.ErrConflict) || len(out.Groups) != 0 {
		t.Errorf("%d groups, %v", len(out.Groups), err)
	}
	if got := p.seen(ann(), c.Number); got.Stage != desk.StageFrozen {
		t.Errorf("stage %s", got.Stage)
	}
}

// race has one process each ask with its own challenge, all at the same time.
func (p *place) race(desks []*desk.Desk, ask func(d *desk.Desk, i int) (desk.Revealed, error)) (good int, errs []error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for i, d := range desks {
		all.Go(func() {
			out, err := ask(d, i)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && len(out.Groups) == 2 {
				good++
			} else {
				errs = append(errs, err)
			}
		})
	}
	all.Wait()
	return good, errs
}

// TestParallelRevealsOfOneCase at two processes: one agent gets one half.
func TestParallelRevealsOfOneCase(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49 171 5550123")
	desks := []*desk.Desk{p.desk, p.desk, p.another(func(*desk.Options) {}), nil}
	desks[3] = desks[2]
	challenges, proofs := make([]string, len(desks)), make([]desk.StepUp, len(desks))
	for i, d := range desks {
		challenges[i] = b.challenge(t, recovery.PurposePassword).String()
		at := *p
		at.desk = d
		proofs[i] = at.proof(ann(), desk.ActReveal, c.Number, challenges[i])
	}
	good, errs := p.race(desks, func(d *desk.Desk, i int) (desk.Revealed, error) {
		return d.Reveal(t.Context(), ann(), c.Number, challenges[i], proofs[i])
	})
	if good != 1 || len(p.halves()) != 1 {
		t.Errorf("%d answers, %d halves: %v", good, len(p.halves()), errs)
	}
	for _, err := range errs {
		if !errors.Is(err, rekey.ErrConflict) && !errors.Is(err, rekey.ErrBudget) {
			t.Errorf("refused with %v", err)
		}
	}
}

// TestParallelRevealsOfManyCases: each gets its own.
func TestParallelRevealsOfManyCases(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	const n = 4
	boxes, numbers := make([]*box, n), make([]int64, n)
	challenges, proofs, desks := make([]recovery.Challenge, n), make([]desk.StepUp, n), make([]*desk.Desk, n)
	for i := range n {
		boxes[i], desks[i] = p.enrol(ownerOfAll()), p.desk
		numbers[i] = p.ready(boxes[i], fmt.Sprintf("+49 171 555012%d", i)).Number
		challenges[i] = boxes[i].challenge(t, recovery.PurposePassword)
		proofs[i] = p.proof(ann(), desk.ActReveal, numbers[i], challenges[i].String())
	}
	good, errs := p.race(desks, func(d *desk.Desk, i int) (desk.Revealed, error) {
		out, err := d.Reveal(t.Context(), ann(), numbers[i], challenges[i].String(), proofs[i])
		if want := groupsOf(t, boxes[i], challenges[i]); err == nil && (out.Groups[0].Text != want[0] || out.Groups[1].Text != want[1]) {
			t.Error("another case's answer")
		}
		return out, err
	})
	if good != n || len(p.halves()) != n {
		t.Errorf("%d answers, %d halves: %v", good, len(p.halves()), errs)
	}
}

// TestWholeAnswer leaves only where no address can be reached, after documents,
// two people and a day: because none is registered, or because the desk has no
// carrier for any.
func TestWholeAnswer(t *testing.T) {
	t.Parallel()
	for name, owner := range map[string]desk.Owner{"none registered": {Name: "Petra Example", Since: ownerOfAll().Since}, "no carrier": ownerOfAll()} {
		p := newPlace(t)
		p.reopen(func(o *desk.Options) { o.Mail, o.SMS = nil, nil })
		b := p.enrol(owner)
		c := p.openCase(ann(), b, "+49 171 5550123")
		p.add(ann(), c.Number, desk.EvidenceDocument, desk.EvidenceIdentity)
		if _, err := p.approve(carol(), c.Number); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ch := b.challenge(t, recovery.PurposePassword)
		_, err := p.reveal(ann(), c.Number, ch.String())
		isKind(t, name+", during the hold", err, rekey.ErrConflict)
		p.clock.Add(24 * time.Hour)
		out, err := p.reveal(ann(), c.Number, ch.String())
		if want := groupsOf(t, b, ch); err != nil || out.Split || strings.Join(texts(out.Groups), "-") != strings.Join(want, "-") {
			t.Errorf("%s: %d groups, %v", name, len(out.Groups), err)
		}
	}
}
