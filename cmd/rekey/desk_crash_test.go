package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/desk"
	"rekey/internal/desk/courier"
	"rekey/internal/mail"
	"rekey/internal/rekeytest/mailbox"
	"rekey/internal/rekeytest/office"
	"rekey/recovery"
	"rekey/seclog"
)

// The promise of the support desk, under kill -9: whatever left the desk of an
// answer is on record and has spent its limits; there is no second answer; none
// goes whole instead; and the case goes on, or says why it does not.

// TestKilledDesk kills the desk at each step of an answer.
func TestKilledDesk(t *testing.T) {
	t.Parallel()
	before := newDeskBefore(t)
	kill := func(name string, of called, cut func(s *deskCrash)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newDeskCrash(t, before, of)
			cut(s)
			s.cutOff()
			s.checkComesBack()
		})
	}
	for i, step := range revealSteps() {
		kill(step.name, before.voice, func(s *deskCrash) { s.leadTo(revealSteps()[:i+1]) })
		if i%2 == 1 { // it takes the same steps
			kill("by QR code, "+step.name, before.qr, func(s *deskCrash) { s.leadTo(revealSteps()[:i+1]) })
		}
	}
	for _, at := range []struct {
		step mailbox.Step
		says string // of the letter; nothing is known of the first one yet
	}{
		{mailbox.Connected, ""}, {"MAIL", ""}, {"DATA", ""}, {mailbox.Taken, saysHalf}, {mailbox.Received, saysIssued}, {mailbox.Taken, saysIssued},
	} {
		kill(fmt.Sprintf("the mail is %s, %q", at.step, at.says), before.voice, func(s *deskCrash) { s.killInTheMail(at.step, at.says) })
	}
	kill("a text message is sent", before.voice, (*deskCrash).killInAText)
	for n := 2; n <= 6; n++ {
		kill(fmt.Sprintf("record %d is written", n), before.voice, func(s *deskCrash) {
			s.ask()
			s.until("the log grows", func() bool { return len(s.events()) >= len(s.before)+n })
		})
	}
	for n := range 6 {
		kill(fmt.Sprintf("at any time, %d", n), before.voice, func(s *deskCrash) {
			s.ask()
			select {
			case <-time.After(time.Duration(n) * 8 * time.Millisecond):
			case <-s.replied:
			}
		})
	}
}

// killInTheMail has the mail server kill the desk.
func (s *deskCrash) killInTheMail(at mailbox.Step, words string) {
	process := s.process
	s.mail.Watch(func(step mailbox.Step, l mailbox.Letter) {
		if step == at && says(l, words) {
			process.kill()
		}
	})
	s.ask()
	waitUntil(s.t, "the desk is killed", func() bool { return happened(process.dead)() || s.gaveUp() })
}

// killInAText has the provider of text messages kill it.
func (s *deskCrash) killInAText() {
	process := s.process
	s.sms.Answer(func(http.ResponseWriter, *http.Request) { process.kill() })
	s.ask()
	waitUntil(s.t, "the desk is killed", func() bool { return happened(process.dead)() || s.gaveUp() })
	s.sms.Answer(nil)
}

// inSteps is a reveal that the test leads from one effect to the next, by holding
// what the desk needs for the one after.
type inSteps struct {
	proved        int64         // when ann last proved her presence before
	offered, left chan struct{} // the mail server has the half; the desk has heard so and hangs up
	begun         chan struct{} // ann may give her proof
	goOn          chan struct{} // the mail server may say that it has it
	log, database func()        // let go of them
}

// leadTo leads a reveal through the steps. Where the desk is too slow for them it
// gives up by itself; what must hold then is the same.
func (s *deskCrash) leadTo(steps []revealStep) {
	s.t.Helper()
	r := s.begin()
	for _, step := range steps {
		step.to(s, r)
	}
	got, want := s.row(s.ch), steps[len(steps)-1].row
	if s.gaveUp() {
		s.t.Logf("the desk gave up by itself: %v", s.failed)
	} else if got != want {
		s.t.Errorf("the desk is killed with the answer's row %q, not %q", got, want)
	}
}

// gaveUp reports that the reveal was over before it was cut off.
func (s *deskCrash) gaveUp() bool { return happened(s.replied)() && s.failed != nil }

func (s *deskCrash) begin() *inSteps {
	r := &inSteps{proved: s.proved(), offered: make(chan struct{}), left: make(chan struct{}), begun: make(chan struct{}), goOn: make(chan struct{})}
	offer, leave := sync.OnceFunc(func() { close(r.offered) }), sync.OnceFunc(func() { close(r.left) })
	process := s.process
	s.mail.Watch(func(step mailbox.Step, l mailbox.Letter) {
		switch {
		case step == mailbox.Received && says(l, saysHalf):
			offer()
			select {
			case <-r.goOn:
			case <-process.dead:
			}
		case step == "QUIT":
			leave()
		}
	})
	s.askAfter(func() { <-r.begun })
	return r
}

func happened(event chan struct{}) func() bool {
	return func() bool {
		select {
		case <-event:
			return true
		default:
			return false
		}
	}
}

type revealStep struct {
	name string
	row  string // of the answer, in the database
	to   func(s *deskCrash, r *inSteps)
}

// revealSteps are the effects of a reveal, in their order.
func revealSteps() []revealStep {
	return []revealStep{
		{"the proof is begun", "", func(s *deskCrash, r *inSteps) {
			s.recorded(string(desk.ActStepUp))
			r.log = s.holdLog()
			close(r.begun)
		}},
		{"the proof is used up", "", func(s *deskCrash, r *inSteps) {
			s.until("the passkey is used", func() bool { return s.proved() > r.proved })
			r.database = s.holdDatabase()
		}},
		{"the act is recorded", "", func(s *deskCrash, r *inSteps) {
			r.log()
			s.recorded(string(desk.ActReveal))
		}},
		{"the limits are spent", "pending", func(s *deskCrash, r *inSteps) {
			if s.qr { // the key is used for the QR code in the same transaction, and that is recorded
				r.database()
				s.noted("key.use")
				r.log = s.holdLog()
			} else {
				r.log = s.holdLog()
				r.database()
			}
			s.until("the limits are spent", func() bool { return s.row(s.ch) != "" })
		}},
		{"the answer is recorded", "pending", func(s *deskCrash, r *inSteps) {
			r.database = s.holdDatabase()
			r.log()
			s.recorded("code.reveal")
		}},
		{"the half is at the mail server", "pending", func(s *deskCrash, r *inSteps) {
			s.until("the half is offered", happened(r.offered))
		}},
		{"the mail server has taken the half", "pending", func(s *deskCrash, r *inSteps) {
			r.log = s.holdLog()
			close(r.goOn)
			s.until("the half is taken", happened(r.left))
		}},
		{"the half is recorded", "pending", func(s *deskCrash, r *inSteps) {
			r.log()
			s.recorded("half.sent")
		}},
		{"the answer is delivered", "yes", func(s *deskCrash, r *inSteps) {
			r.database()
			s.until("it is delivered", func() bool { return s.row(s.ch) == "yes" })
		}},
		{"the answer is shown", "yes", func(s *deskCrash, _ *inSteps) { s.until("it is shown", func() bool { return false }) }},
		{"the owner is told", "yes", func(s *deskCrash, _ *inSteps) {
			waitUntil(s.t, "the owner is told", func() bool { return s.letters(saysIssued) > 0 || s.gaveUp() })
		}},
	}
}

// What letters say, by which they are known.
const (
	saysHalf   = "Groups 3 and 4 of the temporary password"
	saysIssued = "a temporary password for your recorder was issued"
)

func says(l mailbox.Letter, words string) bool {
	return strings.Contains(strings.ToLower(strings.Join(strings.Fields(l.Body), " ")), strings.ToLower(words))
}

// letters counts those to the owner that say so.
func (s *deskCrash) letters(words string) int {
	return len(slices.DeleteFunc(s.mail.To(ownersMail), func(l mailbox.Letter) bool { return !says(l, words) }))
}

// cutOff kills the desk in the reveal, and counts what ann got of it.
func (s *deskCrash) cutOff() {
	s.t.Helper()
	s.process.kill()
	s.mail.Watch(nil)
	s.letGo()
	<-s.replied
	s.takes(s.ch, s.reply, s.failed)
}

// takes looks at what ann got: nothing, or her half and no more.
func (s *deskCrash) takes(ch recovery.Challenge, out desk.Revealed, err error) {
	s.t.Helper()
	if err != nil {
		if len(out.Groups) != 0 {
			s.t.Errorf("%d groups came with a refusal", len(out.Groups))
		}
		return
	}
	s.shown++
	spoken, sent := s.halves(ch)
	var got []string
	for _, g := range out.Groups {
		got = append(got, g.Text)
	}
	if !out.Split || strings.Join(got, "-") != spoken {
		s.t.Errorf("ann got %d groups, split %v, that are not her half", len(got), out.Split)
	}
	if s.letters(sent) == 0 {
		s.t.Error("ann has her half, and the owner has none")
	}
}

// checkComesBack starts the desk again and holds it to the promise: now, and
// when the limits are over.
func (s *deskCrash) checkComesBack() {
	s.t.Helper()
	s.checkTrace()
	s.serve()
	s.checkTrace()
	s.checkNow()
	s.process.kill()
	s.checkLater()
	s.holdsNoHalf()
	if s.shown > 1 {
		s.t.Errorf("ann got %d answers", s.shown)
	}
}

// checkTrace: what left of an answer is on record, and has spent its challenge
// before that.
func (s *deskCrash) checkTrace() {
	s.t.Helper()
	for _, ch := range s.asked {
		_, sent := s.halves(ch)
		row, halves, answers := s.row(ch), s.letters(sent), len(s.records("code.reveal", ch))
		uses := len(slices.DeleteFunc(s.records("key.use", ch), func(rec seclog.Record) bool { return rec.Detail["why"] != "answer" }))
		told := fmt.Sprintf("row %q, %d records of the answer, %d uses of the key, %d halves sent, %d shown", row, answers, uses, halves, s.shown)
		switch {
		case answers > 1 || halves > 1 || uses > 1:
			s.t.Errorf("more than one: %s", told)
		case halves > answers || uses > answers:
			s.t.Errorf("the answer was in use before its record: %s", told)
		case answers > 0 && row == "":
			s.t.Errorf("recorded, and nothing is spent: %s", told)
		case row == "yes" && (halves == 0 || len(s.records("half.sent", ch)) == 0):
			s.t.Errorf("delivered, and the owner has no half: %s", told)
		}
	}
	var delivered int
	if err := s.look(&delivered, `SELECT COUNT(*) FROM reveals WHERE delivered = 'yes'`); err != nil || s.shown > delivered || delivered > 1 {
		s.t.Errorf("%d answers delivered, %d shown: %v", delivered, s.shown, err)
	}
}

// records are those of an event that are about a challenge.
func (s *deskCrash) records(event string, ch recovery.Challenge) (all []seclog.Record) {
	s.t.Helper()
	for rec, err := range seclog.Records(os.DirFS(filepath.Join(s.dir, desk.LogDir))) {
		if err == nil && rec.Event == event && rec.Detail["challenge_sha256"] == hashOf(ch) {
			all = append(all, rec)
		}
	}
	return all
}

// checkNow: ann asks again at once. Where something was spent she gets nothing,
// neither for the same challenge nor for a new one; else the case goes on.
func (s *deskCrash) checkNow() {
	s.t.Helper()
	row := s.row(s.ch)
	want := desk.StageChallenge
	switch {
	case row == "yes":
		want = desk.StageAnswered
	case s.qr:
		want = desk.StageApproval // but for a QR code
	}
	if c, err := s.ann.Case(s.t.Context(), s.number); err != nil || c.Stage != want {
		s.t.Errorf("with the row %q the case is at the stage %q: %v", row, c.Stage, err)
	}
	ask := func(ch recovery.Challenge) (desk.Revealed, error) {
		return s.ann.Reveal(s.t.Context(), s.number, s.said(ch))
	}
	s.wants(ask, s.ch, row == "")
	s.wants(ask, s.challenge(), false)
	s.checkTrace()
	out, err := runDesk(s.t.Context(), s.t, "verify", "--json", "--dir", s.dir)
	fine(s.t, err)
	var r desk.LogReport
	fine(s.t, json.Unmarshal([]byte(out), &r))
	s.checkLog(r)
}

// wants asks for an answer, which is given or refused with a reason.
func (s *deskCrash) wants(ask func(recovery.Challenge) (desk.Revealed, error), ch recovery.Challenge, given bool) {
	s.t.Helper()
	out, err := ask(ch)
	s.takes(ch, out, err)
	refused := errors.Is(err, rekey.ErrConflict) || errors.Is(err, rekey.ErrBudget)
	if given && err != nil || !given && !refused {
		s.t.Errorf("an answer is due: %v; the desk says %v", given, err)
	}
}

// checkLog: the whole log verifies, with nothing in it that does not fit; where
// the end of it had to be mended, it says so.
func (s *deskCrash) checkLog(r desk.LogReport) {
	s.t.Helper()
	if r.Problem != "" || len(r.Findings) != 0 {
		s.t.Errorf("the log: %s %v", r.Problem, r.Findings)
	}
	mended := strings.Contains(strings.Join(r.Proves, " "), "stopped in the middle of a record")
	if want := slices.Contains(s.events(), seclog.EventRecovered); mended != want {
		s.t.Errorf("the log was mended: %v, it tells: %v", want, mended)
	}
	for _, a := range r.Answers {
		if !a.Covered || len(a.Missing) != 0 {
			s.t.Errorf("the answer's record: covered %v, missing %v", a.Covered, a.Missing)
		}
	}
}

// checkLater: sixteen minutes later, at a desk that was started once more, a case
// without an answer gets one, one with an answer none, and it can be closed. The
// owner is told of the answer at each address.
func (s *deskCrash) checkLater() {
	t, ctx := s.t, s.t.Context()
	t.Helper()
	later := func() time.Time { return time.Now().Add(16 * time.Minute) }
	d, err := desk.Open(ctx, s.dir, desk.Options{URL: office.At, Argon: argon.Cheap(), Now: later,
		Mail: courier.Mail{SMTP: mail.SMTP{Server: s.mail.Addr, From: "desk@example.net"}},
		SMS:  courier.SMS{URL: s.sms.URL, Key: rekey.NewSecret(s.sms.Key)}})
	fine(t, err)
	defer func() { _ = d.Close() }()
	ask := func(ch recovery.Challenge) (out desk.Revealed, err error) {
		proof, err := proveAt(ctx, d, s.keys["ann"], annAtDesk(), desk.ActReveal, s.number, s.said(ch))
		if err != nil {
			return out, err
		}
		return d.Reveal(ctx, annAtDesk(), s.number, s.said(ch), proof)
	}
	answered := s.row(s.ch) == "yes"
	s.wants(ask, s.ch, false)
	s.wants(ask, s.challenge(), !answered)
	s.wants(ask, s.challenge(), false)
	s.checkTrace()
	if c, err := d.CloseCase(ctx, annAtDesk(), s.number, desk.Ending{Outcome: "solved"}); err != nil || c.Stage != desk.StageClosed {
		t.Errorf("the case is at the stage %q: %v", c.Stage, err)
	}
	letTell(t, d, func() bool {
		text := func(m mailbox.Text) bool { return strings.Contains(m.Text, saysIssued) }
		return s.letters(saysIssued) > 0 && slices.ContainsFunc(s.sms.To(ownersPhone), text)
	})
	r, err := d.Reconcile(ctx, desk.Operator(), later().Add(-time.Hour), later().Add(time.Hour))
	if err != nil || len(r.Problems) != 0 {
		t.Errorf("answers, records and uses of keys: %v %v", err, r.Problems)
	}
	report, err := d.VerifyLog(ctx, desk.Operator())
	fine(t, err)
	s.checkLog(report)
}

// holdsNoHalf: neither half of any answer lies in a file of the desk, nor in one
// letter with the other.
func (s *deskCrash) holdsNoHalf() {
	s.t.Helper()
	d := deskFolder{t: s.t, dir: s.dir}
	for _, ch := range s.asked {
		spoken, sent := s.halves(ch)
		d.holdsNoSecret(spoken, sent)
		if s.letters(spoken) != 0 {
			s.t.Error("the owner was sent the agent's half")
		}
	}
}
