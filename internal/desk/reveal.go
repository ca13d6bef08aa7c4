package desk

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"rekey"
	"rekey/internal/store"
	"rekey/recovery"
)

// question is a challenge as it came to the desk: typed, or in a QR code.
type question struct {
	recovery.Challenge
	qr *recovery.QR
}

// parseQuestion reads a challenge as typed, or the text of a QR code.
func parseQuestion(text string) (question, error) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "://") {
		ch, err := recovery.ParseChallenge(text)
		if err != nil {
			return question{}, refuse(rekey.ErrInput, "%v", err)
		}
		return question{Challenge: ch}, nil
	}
	q, err := recovery.ParseQR(text)
	if err != nil {
		return question{}, refuse(rekey.ErrInput, "%v", err)
	}
	return question{Challenge: q.Challenge, qr: &q}, nil
}

// ShowFor is how long an answer stays on the agent's page.
const ShowFor = 120 * time.Second

// Group is one group of an answer or a challenge, with a word for each symbol.
type Group struct {
	Text  string   `json:"text"`
	Words []string `json:"words"`
}

// groupsOf spells a code, group by group.
func groupsOf(code string) (all []Group) {
	for text := range strings.SplitSeq(code, "-") {
		all = append(all, Group{text, recovery.Spell(text)})
	}
	return all
}

// Revealed is what leaves the desk at a reveal, once. Where Split is set the
// agent gets groups 1 and 2 alone; the owner has 3 and 4 at SentTo.
type Revealed struct {
	Groups  []Group   `json:"groups"`
	Split   bool      `json:"split"`
	SentTo  string    `json:"sent_to,omitempty"` // masked
	Seconds int       `json:"seconds"`           // how long it may be shown
	Until   time.Time `json:"until"`             // when the recorder's challenge is over at the latest
}

// Reveal gives the answer to a challenge, once. A mistyped challenge, or one
// for another purpose, recorder or key, costs nothing. Then, in this order: the
// challenge and the limits are spent in one transaction; the record of it gets
// into a signed checkpoint; the answer is worked out; the owner's half is handed
// to the mail server or the SMS provider; the agent's half is returned. It is stored
// nowhere but, sealed with the owner's link, the owner's half for ten minutes at most.
// Where anything fails the limits stay spent and nothing is returned: rekey.ErrUnreachable
// is the mail being down, after which the case takes a new challenge.
// The proof is begun for the challenge, as given here.
func (d *Desk) Reveal(ctx context.Context, who Agent, number int64, challenge string, proof StepUp) (out Revealed, err error) {
	t := target{object: "case", number: number, bound: challenge, proof: proof}
	err = d.perform(ctx, who, ActReveal, t, func() error {
		q, err := parseQuestion(challenge)
		if err != nil {
			return err
		}
		r, err := d.spend(ctx, who, number, q)
		if err != nil {
			return err
		}
		if out, err = d.issue(ctx, who, r); err != nil {
			return errors.Join(err, d.undelivered(ctx, r))
		}
		return nil
	})
	return out, err
}

// reveal is one challenge that was spent.
type reveal struct {
	c     Case
	q     question
	split bool
	half  link // stands in the message with the owner's half, where the answer is split
	at    time.Time
}

// issue does what comes after the limits are spent. What was spent is recorded
// even when the agent's browser is gone by now.
func (d *Desk) issue(ctx context.Context, who Agent, r reveal) (Revealed, error) {
	sure := context.WithoutCancel(ctx)
	if err := d.note(sure, who, eventReveal, r.record(), "ok"); err != nil {
		return Revealed{}, err
	}
	answer, err := d.answer(sure, r)
	if err != nil {
		return Revealed{}, err
	}
	out := Revealed{Groups: groupsOf(answer.Reveal()), Split: r.split, Seconds: int(ShowFor.Seconds()), Until: r.at.Add(challengeLife)}
	if !r.split {
		if err := d.delivered(sure, r, ""); err != nil {
			return Revealed{}, err
		}
		return out, nil
	}
	spoken, sent := answer.Halves()
	out.Groups, out.SentTo = groupsOf(spoken), r.half.masked
	if err := d.sendHalf(ctx, r, sent); err != nil {
		return Revealed{}, err
	}
	if err := d.delivered(sure, r, sent); err != nil {
		return Revealed{}, err
	}
	return out, nil
}

// sendHalf hands the owner's half over. An agent whose browser is gone cannot
// read out the other one, so then nothing is sent.
func (d *Desk) sendHalf(ctx context.Context, r reveal, half string) error {
	t := target{object: r.c.DeviceID.String(), number: r.c.Number, detail: map[string]string{"to": r.half.masked, "challenge_sha256": hashOf(r.q.Challenge)}}
	sure, result := context.WithoutCancel(ctx), "ok"
	failed := d.courier.Send(ctx, halfNotice(&r.c, r.half, half))
	if failed != nil {
		result = "failed"
		d.opt.Log.Warn("an owner's half could not be handed over", "error", failed)
		failed = refuse(rekey.ErrUnreachable, "the owner's half could not be sent, so there is no answer: the mail server or the SMS provider cannot be reached now. The limits stay spent; ask the caller for a new challenge later")
	}
	return errors.Join(failed, d.note(sure, system(), "half.sent", t, result))
}

// delivered closes the reveal: the owner's half, where there is one, lies sealed
// for the owner's page, and every address is told. Where somebody has frozen the
// recorder meanwhile nothing is delivered.
func (d *Desk) delivered(ctx context.Context, r reveal, half string) error {
	return d.db.Tx(ctx, func(tx *sql.Tx) error {
		if frozen, err := isFrozen(ctx, tx, r.c.DeviceID); err != nil || frozen {
			return errors.Join(err, noAnswer(rekey.ErrConflict))
		}
		if err := settleReveal(ctx, tx, r, "yes"); err != nil {
			return err
		}
		if err := d.tellOwner(ctx, tx, &r.c, tellReveal); err != nil || half == "" {
			return err
		}
		return d.keepHalf(ctx, tx, &r.c, half)
	})
}

// undelivered writes down that nobody got an answer to a challenge that is
// spent, so that the case takes a new one.
func (d *Desk) undelivered(ctx context.Context, r reveal) error {
	ctx = context.WithoutCancel(ctx)
	return d.db.Tx(ctx, func(tx *sql.Tx) error { return settleReveal(ctx, tx, r, "no") })
}

func settleReveal(ctx context.Context, tx *sql.Tx, r reveal, delivered string) error {
	done, err := tx.ExecContext(ctx, `UPDATE reveals SET delivered = $1 WHERE challenge = $2 AND delivered = 'pending'`, delivered, hashOf(r.q.Challenge))
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return errors.Join(refuse(rekey.ErrConflict, "the answer took too long; ask the caller for a new challenge"), err)
	}
	return nil
}

// spend checks the question against the case and spends the challenge and the
// limits, all in one transaction.
func (d *Desk) spend(ctx context.Context, who Agent, number int64, q question) (r reveal, err error) {
	var held error // refused, but what was learnt from it must last
	var reached *Limit
	err = d.db.Tx(ctx, func(tx *sql.Tx) error {
		c, err := d.readCase(ctx, tx, number)
		if err != nil {
			return err
		}
		r = reveal{c: c, q: q, at: d.now()}
		due := []Stage{StageChallenge}
		if c.promises(q) {
			due = append(due, StageApproval)
		}
		if err := c.mustBe(due...); err != nil {
			return err
		}
		if held, err = d.checkQuestion(ctx, tx, &r.c, q); held != nil || err != nil {
			return err
		}
		if r.split, err = r.c.splits(); err != nil {
			return err
		}
		if reached, err = checkLimits(ctx, tx, spent{c.DeviceID.String(), c.Caller, who.Name}, r.at); err != nil {
			return err
		}
		if r.split {
			if r.half, err = d.newLink(ctx, tx, number, r.c.Targets[r.c.SendTo].address); err != nil {
				return err
			}
		}
		return putReveal(ctx, tx, who, r)
	})
	if reached != nil {
		err = d.noteLimit(ctx, who, r.c, *reached, err)
	}
	if err == nil {
		err = held
	}
	return r, err
}

// checkQuestion looks whether the question is one of this case and its recorder,
// and weighs it. held is as of weigh.
func (d *Desk) checkQuestion(ctx context.Context, tx *sql.Tx, c *Case, q question) (held, err error) {
	r, err := readRecorder(ctx, tx, c.DeviceID)
	if err != nil {
		return nil, err
	}
	if err := c.fits(q.Challenge, r.Epoch); err != nil {
		return nil, err
	}
	if err := d.checkCarried(ctx, tx, c, q); err != nil {
		return nil, err
	}
	return d.weigh(ctx, tx, c, r, q)
}

// splits tells whether the answer is split: whenever a registered address can
// be reached. Whole it leaves only where none can be, and where the rules have
// asked for documents, two people and a day's wait because of that.
func (c *Case) splits() (bool, error) {
	for _, t := range c.Targets {
		if !t.Reachable {
			continue
		}
		if c.SendTo < 0 || c.SendTo >= len(c.Targets) || !c.Targets[c.SendTo].Reachable {
			return false, refuse(rekey.ErrUnreachable, "the owner's half cannot go to the chosen address; choose %s", t.Address)
		}
		return true, nil
	}
	if c.decision.Level < LevelHigh || !c.decision.Approve || c.decision.Hold < 24*time.Hour || len(c.decision.Missing) > 0 {
		return false, noAnswer(rekey.ErrConflict)
	}
	return false, nil
}

func (d *Desk) noteLimit(ctx context.Context, who Agent, c Case, l Limit, refused error) error {
	t := target{object: c.DeviceID.String(), number: c.Number, detail: map[string]string{"limit": l.String()}}
	if err := d.note(ctx, who, "limit.refused", t, "refused"); err != nil {
		return err
	}
	return refused
}

// checkCarried checks the QR code where the question came with one. Suite 2
// needs it, for what only the QR code carries.
func (d *Desk) checkCarried(ctx context.Context, tx *sql.Tx, c *Case, q question) error {
	switch {
	case q.qr == nil && q.Suite == recovery.SuiteHPKE:
		return refuse(rekey.ErrInput, "this recorder's challenge (suite 2) is answered from its QR code only; ask for the text of the QR code")
	case q.qr == nil:
		return nil
	case q.qr.DeviceID != c.DeviceID:
		return refuse(rekey.ErrInput, "the QR code is of another recorder than the case: nothing was spent")
	case q.Suite == recovery.SuiteHPKE:
		return nil
	}
	keys, err := d.recorderKeys(ctx, tx, c, q.Challenge, keyForQR)
	if err == nil && keys.VerifyQR(*q.qr) != nil {
		err = refuse(rekey.ErrInput, "%v: nothing was spent", recovery.ErrQRForged)
	}
	return err
}

// promises reports whether the question may prove by itself that the caller is
// at the recorder now: it carries a QR code, or is the one of the QR code that
// was given as evidence, while that is fresh. In suite 2 nothing proves that.
func (c *Case) promises(q question) bool {
	return q.Suite == recovery.SuiteOCRA && (q.qr != nil || q.String() == c.QRChallenge)
}

// weigh applies the rules once more, now to the question itself; its QR code,
// where it has one, is verified by now. A QR code vouches for its own challenge
// only, when it is given for the first time and for ten minutes after: any other
// challenge makes the case one by voice. Where the rules ask for more than the
// case has, it is held: nothing is spent, and the case is handled more carefully
// from now on.
func (d *Desk) weigh(ctx context.Context, tx *sql.Tx, c *Case, r Recorder, q question) (held, err error) {
	facts, place := c.facts, r.place(q.Challenge)
	facts.AtRecorder = c.promises(q) && (place == counterAhead || q.String() == c.QRChallenge)
	why := "no fresh QR code of the recorder vouches for this challenge"
	switch {
	case place == counterBehind:
		facts.CounterBehind, why = true, "the recorder's counter is lower than one seen before"
		err = markBehind(ctx, tx, c.Number)
	case facts.AtRecorder:
		// Only then: a made-up challenge must not make the recorder's true ones look old.
		err = seen(ctx, tx, c.DeviceID, q.Challenge)
	}
	if err != nil {
		return nil, err
	}
	if c.decide(facts, d.now()); c.Stage == StageChallenge {
		return nil, nil
	}
	if !facts.AtRecorder {
		err = markUnvouched(ctx, tx, c.Number, true)
	}
	return refuse(rekey.ErrConflict, "%s: nothing was spent; the case is handled more carefully now", why), err
}

// pendingFor is how long a reveal may be under way: longer than it ever takes.
const pendingFor = 2 * time.Minute

// putReveal burns the challenge, and takes the one place that a case has for a
// reveal that is under way or delivered. What a process that died has left is
// undelivered.
func putReveal(ctx context.Context, tx *sql.Tx, who Agent, r reveal) error {
	c := r.c
	_, err := tx.ExecContext(ctx, `UPDATE reveals SET delivered = 'no' WHERE case_number = $1 AND delivered = 'pending' AND at < $2`,
		c.Number, store.Micros(r.at.Add(-pendingFor)))
	if err != nil {
		return err
	}
	var others int
	err = tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM reveals WHERE case_number = $1 AND delivered IN ('pending', 'yes')`, c.Number).Scan(&others)
	if err != nil {
		return err
	}
	if others > 0 {
		return refuse(rekey.ErrConflict, "an answer for case %d is under way already, or was given", c.Number)
	}
	var approver any
	if c.ApprovedBy != "" {
		approver = c.ApprovedBy
	}
	split := 0
	if r.split {
		split = 1
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO reveals (challenge, case_number, device_id, account, purpose, caller, agent, approver, evidence, at, delivered, split)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'pending', $11)`,
		hashOf(r.q.Challenge), c.Number, c.DeviceID.String(), c.Account, c.purpose, c.Caller, who.Name, approver, c.kinds(), store.Micros(r.at), split)
	switch {
	case store.IsDuplicate(err):
		return refuse(rekey.ErrConflict, "this challenge was answered before; ask the caller for a new one")
	case store.IsCheck(err):
		return refuse(rekey.ErrDenied, "who approved a case cannot get its answer")
	}
	return err
}

// kinds are the kinds of evidence in the case, by commas.
func (c *Case) kinds() string {
	kinds := make([]string, len(c.Evidence))
	for i, p := range c.Evidence {
		kinds[i] = string(p.Kind)
	}
	return strings.Join(kinds, ",")
}

// record is what the record of an answer holds: everything but the answer.
func (r reveal) record() target {
	c, delivery := r.c, "whole"
	if r.split {
		delivery = "split"
	}
	return target{object: c.DeviceID.String(), number: c.Number, detail: map[string]string{
		"account":          c.Account,
		"purpose":          c.purpose.String(),
		"challenge_sha256": hashOf(r.q.Challenge),
		"evidence":         c.kinds(),
		"level":            c.Level,
		"approved_by":      c.ApprovedBy,
		"delivery":         delivery,
	}}
}

// answer works the answer out. Suite 2 takes the desk's own key, suite 1 the recorder's.
func (d *Desk) answer(ctx context.Context, r reveal) (answer recovery.Answer, err error) {
	c, q := r.c, r.q
	if q.Suite == recovery.SuiteHPKE {
		if err := d.noteKeyUse(ctx, &c, q.Challenge, keyForAnswer); err != nil {
			return answer, err
		}
		return recovery.DeskAnswer(d.keys.enrol, q.qr.Enc, c.DeviceID, c.Account, q.Challenge)
	}
	err = d.db.Read(ctx, func(tx *sql.Tx) error {
		keys, err := d.recorderKeys(ctx, tx, &c, q.Challenge, keyForAnswer)
		if err != nil {
			return err
		}
		answer, err = keys.Answer(c.DeviceID, c.Account, q.Challenge)
		return err
	})
	return answer, err
}
