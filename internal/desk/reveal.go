package desk

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"rekey"
	"rekey/internal/store"
	"rekey/recovery"
)

// ShowFor is how long an answer stays on the agent's page.
const ShowFor = 120 * time.Second

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

// Reveal gives the answer to a challenge, once. A mistyped challenge, or one
// for another purpose, recorder or key, costs nothing. Then, in this order: the
// challenge and the limits are spent in one transaction; the record of it gets
// into a signed checkpoint; the answer is worked out and returned. It is stored
// nowhere. Where the record fails, the limits stay spent and there is no answer.
func (d *Desk) Reveal(ctx context.Context, who Agent, number int64, text string) (answer recovery.Answer, err error) {
	err = d.perform(ctx, who, ActReveal, target{object: "case", number: number}, func() error {
		q, err := parseQuestion(text)
		if err != nil {
			return err
		}
		c, keys, err := d.spend(ctx, who, number, q)
		if err != nil {
			return err
		}
		// What was spent is recorded even when the agent's browser is gone by now.
		if err := d.note(context.WithoutCancel(ctx), who, "code.reveal", revealed(c, q), "ok"); err != nil {
			return err
		}
		answer, err = d.answer(c, keys, q)
		return err
	})
	return answer, err
}

// spend checks the question against the case and spends the challenge and the
// limits, all in one transaction.
func (d *Desk) spend(ctx context.Context, who Agent, number int64, q question) (c Case, keys *recovery.Keys, err error) {
	var held error // refused, but what was learnt from it must last
	var reached *Limit
	err = d.db.Tx(ctx, func(tx *sql.Tx) error {
		if c, err = d.readCase(ctx, tx, number); err != nil {
			return err
		}
		due := []Stage{StageChallenge}
		if c.promises(q) {
			due = append(due, StageApproval)
		}
		if err := c.mustBe(due...); err != nil {
			return err
		}
		r, err := readRecorder(ctx, tx, c.DeviceID)
		if err != nil {
			return err
		}
		if err := c.fits(q.Challenge, r.Epoch); err != nil {
			return err
		}
		if keys, err = d.questionKeys(ctx, tx, &c, q); err != nil {
			return err
		}
		if held, err = d.weigh(ctx, tx, &c, r, q); held != nil || err != nil {
			return err
		}
		now := d.now()
		if reached, err = checkLimits(ctx, tx, spent{c.DeviceID.String(), c.caller, who.Name}, now); err != nil {
			return err
		}
		return putReveal(ctx, tx, who, c, q, now)
	})
	if reached != nil {
		err = d.noteLimit(ctx, who, c, *reached, err)
	}
	if err == nil {
		err = held
	}
	return c, keys, err
}

func (d *Desk) noteLimit(ctx context.Context, who Agent, c Case, l Limit, refused error) error {
	t := target{object: c.DeviceID.String(), number: c.Number, detail: map[string]string{"limit": l.String()}}
	if err := d.note(ctx, who, "limit.refused", t, "refused"); err != nil {
		return err
	}
	return refused
}

// questionKeys opens the recorder's keys and checks the QR code where there is
// one. Suite 2 needs no key of the recorder, but what only the QR code carries.
func (d *Desk) questionKeys(ctx context.Context, tx *sql.Tx, c *Case, q question) (*recovery.Keys, error) {
	if q.qr != nil && q.qr.DeviceID != c.DeviceID {
		return nil, refuse(rekey.ErrInput, "the QR code is of another recorder than the case: nothing was spent")
	}
	if q.Suite == recovery.SuiteHPKE {
		if q.qr == nil {
			return nil, refuse(rekey.ErrInput, "this recorder's challenge (suite 2) is answered from its QR code only; ask for the text of the QR code")
		}
		return nil, nil
	}
	keys, err := d.recorderKeys(ctx, tx, c.DeviceID)
	if err != nil {
		return nil, err
	}
	if q.qr != nil && keys.VerifyQR(*q.qr) != nil {
		return nil, refuse(rekey.ErrInput, "%v: nothing was spent", recovery.ErrQRForged)
	}
	return keys, nil
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

// putReveal burns the challenge and the case: both columns are unique.
func putReveal(ctx context.Context, tx *sql.Tx, who Agent, c Case, q question, now time.Time) error {
	var approver any
	if c.ApprovedBy != "" {
		approver = c.ApprovedBy
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO reveals (challenge, case_number, device_id, account, purpose, caller, agent, approver, evidence, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		hashOf(q.Challenge), c.Number, c.DeviceID.String(), c.Account, c.purpose, c.caller, who.Name, approver, c.kinds(), store.Micros(now))
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

// revealed is what the record of an answer holds: everything but the answer.
func revealed(c Case, q question) target {
	return target{object: c.DeviceID.String(), number: c.Number, detail: map[string]string{
		"account":          c.Account,
		"purpose":          c.purpose.String(),
		"challenge_sha256": hashOf(q.Challenge),
		"evidence":         c.kinds(),
		"level":            c.Level,
		"approved_by":      c.ApprovedBy,
	}}
}

func (d *Desk) answer(c Case, keys *recovery.Keys, q question) (recovery.Answer, error) {
	if q.Suite == recovery.SuiteHPKE {
		return recovery.DeskAnswer(d.keys.enrol, q.qr.Enc, c.DeviceID, c.Account, q.Challenge)
	}
	return keys.Answer(c.DeviceID, c.Account, q.Challenge)
}
