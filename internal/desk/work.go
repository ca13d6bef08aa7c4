package desk

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"rekey"
	"rekey/internal/store"
	"rekey/recovery"
)

// maxNote bounds the note of an agent, in characters.
const maxNote = 500

// AddEvidence records one piece of evidence. E1 is the text of the recorder's
// QR code, which the desk checks; of the others the agent says in the note what
// was checked. A later QR code takes the place of an earlier one, as it proves
// who is at the recorder for ten minutes only; of the others the error wraps
// rekey.ErrConflict where the case has that kind already.
func (d *Desk) AddEvidence(ctx context.Context, who Agent, number int64, kind Evidence, note, qr string) (c Case, err error) {
	t := target{object: "case", number: number, detail: map[string]string{"kind": string(kind)}}
	err = d.perform(ctx, who, ActEvidenceAdd, t, func() error {
		if err := checkNote(kind, note, qr); err != nil {
			return err
		}
		var held error // refused, but what was learnt from it must last
		err := d.db.Tx(ctx, func(tx *sql.Tx) error {
			if c, err = d.readCase(ctx, tx, number); err != nil {
				return err
			}
			if err := c.mustBe(StageEvidence, StageApproval, StageHold, StageChallenge); err != nil {
				return err
			}
			if held, err = d.checkEvidence(ctx, tx, &c, kind, qr); held != nil || err != nil {
				return err
			}
			if err := d.putEvidence(ctx, tx, who, number, kind, note, qr); err != nil {
				return err
			}
			c, err = d.readCase(ctx, tx, number)
			return err
		})
		return errors.Join(err, held)
	})
	return c.seenBy(who), err
}

func (d *Desk) putEvidence(ctx context.Context, tx *sql.Tx, who Agent, number int64, kind Evidence, note, qr string) error {
	if kind == EvidenceQR {
		if _, err := tx.ExecContext(ctx, `DELETE FROM evidence WHERE case_number = $1 AND kind = $2`, number, kind); err != nil {
			return err
		}
		if err := markUnvouched(ctx, tx, number, false); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO evidence (case_number, kind, note, qr, added_by, added_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		number, kind, note, qr, who.Name, store.Micros(d.now()))
	if store.IsDuplicate(err) {
		return refuse(rekey.ErrConflict, "case %d has %s already", number, kind)
	}
	return err
}

func checkNote(kind Evidence, note, qr string) error {
	if kind == EvidenceQR {
		if qr == "" {
			return refuse(rekey.ErrInput, "E1 needs the text of the QR code")
		}
		return nil
	}
	n := utf8.RuneCountInString(strings.TrimSpace(note))
	if qr != "" || n < 3 || n > maxNote || !utf8.ValidString(note) {
		return refuse(rekey.ErrInput, "%s needs a note of 3 to %d characters that says what was checked, and no QR text", kind, maxNote)
	}
	return nil
}

// checkEvidence checks what the desk itself can check. held is a refusal after
// which the transaction must commit all the same.
func (d *Desk) checkEvidence(ctx context.Context, tx *sql.Tx, c *Case, kind Evidence, qr string) (held, err error) {
	isTel := func(a string) bool { return strings.HasPrefix(a, "tel:") }
	switch {
	case kind == EvidenceQR:
		return d.checkQR(ctx, tx, c, qr)
	case kind == EvidenceAddress && len(c.Addresses) == 0:
		return nil, refuse(rekey.ErrInput, "E2 needs a registered address; recorder %s has none", c.DeviceID)
	case kind == EvidenceCallback && !slices.ContainsFunc(c.Addresses, isTel):
		return nil, refuse(rekey.ErrInput, "E6 needs a registered telephone number; recorder %s has none", c.DeviceID)
	}
	return nil, nil
}

// checkQR takes a QR code as proof that the caller is at the recorder now: the
// recorder's own MAC, and a counter that the desk has not seen before.
func (d *Desk) checkQR(ctx context.Context, tx *sql.Tx, c *Case, text string) (held, err error) {
	q, err := d.openQR(ctx, tx, c, text)
	if err != nil {
		return nil, err
	}
	r, err := readRecorder(ctx, tx, c.DeviceID)
	if err != nil {
		return nil, err
	}
	if err := c.fits(q.Challenge, r.Epoch); err != nil {
		return nil, err
	}
	switch r.place(q.Challenge) {
	case counterBehind:
		held = refuse(rekey.ErrConflict, "the recorder made this QR code before another one that the desk has seen; the case is handled more carefully now")
		return held, markBehind(ctx, tx, c.Number)
	case counterSame:
		return nil, refuse(rekey.ErrConflict, "this QR code was used before; ask the caller for a new one")
	}
	return nil, seen(ctx, tx, c.DeviceID, q.Challenge)
}

// openQR reads a QR text of suite 1 and checks the recorder's MAC.
func (d *Desk) openQR(ctx context.Context, tx *sql.Tx, c *Case, text string) (recovery.QR, error) {
	q, err := recovery.ParseQR(strings.TrimSpace(text))
	if err != nil {
		return q, refuse(rekey.ErrInput, "%v", err)
	}
	if q.DeviceID != c.DeviceID {
		return q, refuse(rekey.ErrInput, "the QR code is of another recorder than the case")
	}
	if q.Challenge.Suite != recovery.SuiteOCRA {
		return q, refuse(rekey.ErrInput, "the QR code carries no proof of the recorder (suite 2); enter it as the challenge, and take other evidence")
	}
	keys, err := d.recorderKeys(ctx, tx, c.DeviceID)
	if err != nil {
		return q, err
	}
	if err := keys.VerifyQR(q); err != nil {
		return q, refuse(rekey.ErrInput, "%v", err)
	}
	return q, nil
}

// recorderKeys opens the keys of one recorder.
func (d *Desk) recorderKeys(ctx context.Context, tx *sql.Tx, id recovery.DeviceID) (*recovery.Keys, error) {
	var w wrappedKey
	var epoch uint8
	err := tx.QueryRowContext(ctx, `SELECT epoch, wrapped, sealed FROM recorder_keys WHERE device_id = $1`, id.String()).Scan(&epoch, &w.wrapped, &w.sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, refuse(rekey.ErrNotFound, "the desk has no key of recorder %s", id)
	}
	if err != nil {
		return nil, err
	}
	return d.keys.unwrap(id, epoch, w)
}

// fits refuses a challenge that is not for what the case is about.
func (c *Case) fits(ch recovery.Challenge, epoch uint8) error {
	switch {
	case ch.Purpose != c.purpose:
		return refuse(rekey.ErrInput, "the challenge is to %s, the case to %s: nothing was spent", ch.Purpose, c.purpose)
	case ch.Epoch != epoch&3:
		return refuse(rekey.ErrInput, "the challenge was made with another key than the desk has (epoch %d, expected %d): nothing was spent", ch.Epoch, epoch&3)
	}
	return nil
}

type counterPlace int

const (
	counterAhead counterPlace = iota
	counterSame
	counterBehind
)

// place compares the counter of a challenge, which wraps at 65 536, with the
// last that was seen. The same counter with other randomness is a recorder that
// was set back.
func (r Recorder) place(ch recovery.Challenge) counterPlace {
	if r.lastCounter < 0 {
		return counterAhead
	}
	switch step := ch.Counter - uint16(r.lastCounter); { //nolint:gosec // the table holds 0..65535
	case step == 0 && hashOf(ch) == r.lastChallenge:
		return counterSame
	case step == 0 || step >= 1<<15:
		return counterBehind
	}
	return counterAhead
}

func hashOf(ch recovery.Challenge) string {
	h := ch.Hash()
	return hex.EncodeToString(h[:])
}

// seen remembers the newest challenge of a recorder.
func seen(ctx context.Context, tx *sql.Tx, id recovery.DeviceID, ch recovery.Challenge) error {
	_, err := tx.ExecContext(ctx, `UPDATE recorders SET last_counter = $1, last_challenge = $2 WHERE device_id = $3`,
		ch.Counter, hashOf(ch), id.String())
	return err
}

func markBehind(ctx context.Context, tx *sql.Tx, number int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE cases SET counter_behind = 1 WHERE number = $1`, number)
	return err
}

// markUnvouched remembers that a challenge was given that no fresh QR code
// vouches for, until there is one again.
func markUnvouched(ctx context.Context, tx *sql.Tx, number int64, yes bool) error {
	mark := 0
	if yes {
		mark = 1
	}
	_, err := tx.ExecContext(ctx, `UPDATE cases SET unvouched = $1 WHERE number = $2`, mark, number)
	return err
}

// Approve approves a case that waits for a second person, or turns it down,
// which closes it.
func (d *Desk) Approve(ctx context.Context, who Agent, number int64, approve bool) (c Case, err error) {
	decision := map[bool]string{true: "approve", false: "deny"}[approve]
	t := target{object: "case", number: number, detail: map[string]string{"decision": decision}}
	err = d.perform(ctx, who, ActCaseApprove, t, func() error {
		return d.db.Tx(ctx, func(tx *sql.Tx) error {
			if c, err = d.readCase(ctx, tx, number); err != nil {
				return err
			}
			if err := c.mustBe(StageApproval); err != nil {
				return err
			}
			if approve {
				_, err = tx.ExecContext(ctx, `UPDATE cases SET approved_by = $1, approved_at = $2, approved_level = $3 WHERE number = $4`,
					who.Name, store.Micros(d.now()), c.decision.Level, number)
			} else {
				err = d.closeCase(ctx, tx, who, number, "turned down")
			}
			if store.IsCheck(err) {
				return refuse(rekey.ErrDenied, "case %d is your own; somebody else must approve it", number)
			}
			if err != nil {
				return err
			}
			c, err = d.readCase(ctx, tx, number)
			return err
		})
	})
	return c.seenBy(who), err
}

// Outcomes are how a case may end, in the words that are kept.
func Outcomes() []string { return []string{"solved", "not solved", "given up", "suspicious"} }

// CloseCase ends a case.
func (d *Desk) CloseCase(ctx context.Context, who Agent, number int64, outcome string) (c Case, err error) {
	if !slices.Contains(Outcomes(), outcome) {
		return Case{}, refuse(rekey.ErrInput, "outcome %q: expected %s", clip(outcome), strings.Join(Outcomes(), ", "))
	}
	t := target{object: "case", number: number, detail: map[string]string{"outcome": outcome}}
	err = d.perform(ctx, who, ActCaseClose, t, func() error {
		return d.db.Tx(ctx, func(tx *sql.Tx) error {
			if c, err = d.readCase(ctx, tx, number); err != nil {
				return err
			}
			if !c.ClosedAt.IsZero() {
				return c.mustBe()
			}
			if err := d.closeCase(ctx, tx, who, number, outcome); err != nil {
				return err
			}
			c, err = d.readCase(ctx, tx, number)
			return err
		})
	})
	return c.seenBy(who), err
}

func (d *Desk) closeCase(ctx context.Context, tx *sql.Tx, who Agent, number int64, outcome string) error {
	_, err := tx.ExecContext(ctx, `UPDATE cases SET closed_by = $1, closed_at = $2, outcome = $3 WHERE number = $4`,
		who.Name, store.Micros(d.now()), outcome, number)
	return err
}
