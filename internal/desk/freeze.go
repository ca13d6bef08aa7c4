package desk

import (
	"context"
	"database/sql"
	"errors"
	"strconv"

	"rekey"
	"rekey/internal/store"
	"rekey/recovery"
)

// Freeze stops a case and its recorder: nobody gets an answer for the recorder, in no
// case, until it is thawed.
func (d *Desk) Freeze(ctx context.Context, who Agent, number int64, why string) (Case, error) {
	why, err := checkText(why, "why the case is frozen")
	if err != nil {
		return Case{}, d.unusable(ctx, who, ActCaseFreeze, targetOf(number, nil), err)
	}
	return d.changeCase(ctx, who, ActCaseFreeze, target{object: "case", number: number}, func(tx *sql.Tx, c *Case) error {
		if c.Stage == StageFrozen {
			return refuse(rekey.ErrConflict, "case %d is frozen already", number)
		}
		return d.freeze(ctx, tx, c, who.Name, why)
	})
}

// freeze stops the recorder, and the case where it is not over, and takes away an
// owner's half and a number that count still. What is frozen already stays as it is.
func (d *Desk) freeze(ctx context.Context, tx *sql.Tx, c *Case, by, why string) error {
	now := store.Micros(d.now())
	_, err := tx.ExecContext(ctx, `UPDATE recorders SET frozen_at = $1, frozen_by = $2, frozen_why = $3 WHERE device_id = $4 AND frozen_at = 0`,
		now, by, why, c.DeviceID.String())
	if err != nil || c.Stage == StageFrozen {
		return err
	}
	if c.Stage != StageClosed {
		_, err = tx.ExecContext(ctx, `UPDATE cases SET frozen_at = $1, frozen_by = $2, frozen_why = $3 WHERE number = $4`, now, by, why, c.Number)
		if err != nil {
			return err
		}
	}
	if err := errors.Join(dropHalves(ctx, tx, c.Number), closeCodes(ctx, tx, c.Number)); err != nil {
		return err
	}
	if err := d.putNote(ctx, tx, by, c.Number, "frozen: "+why); !errors.Is(err, rekey.ErrBudget) {
		return err
	}
	return nil // no number of notes keeps a case from being frozen
}

// Thaw lets a frozen case and its recorder go on, with the reason; the recorder
// only when none of its other cases is frozen. It takes somebody who had no part in
// the case. The proof is begun for the case's number in digits.
func (d *Desk) Thaw(ctx context.Context, who Agent, number int64, why string, proof StepUp) (Case, error) {
	why, err := checkText(why, "why the case is thawed")
	if err != nil {
		return Case{}, d.unusable(ctx, who, ActCaseThaw, targetOf(number, nil), err)
	}
	t := target{object: "case", number: number, detail: seat(who, map[string]string{}), bound: strconv.FormatInt(number, 10), proof: proof}
	var c Case
	err = d.perform(ctx, who, ActCaseThaw, t, func() error {
		c, err = d.inCase(ctx, number, func(tx *sql.Tx, c *Case) error { return d.thaw(ctx, tx, who, c, why) })
		if errors.Is(err, errSameBrowser) {
			return d.oneBrowser(ctx, who, number)
		}
		return err
	})
	return c.seenBy(who), err
}

func (d *Desk) thaw(ctx context.Context, tx *sql.Tx, who Agent, c *Case, why string) error {
	if err := errors.Join(c.mustBe(StageFrozen), worksHere(ctx, tx, who, c.Number)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE cases SET frozen_at = 0, frozen_by = '', frozen_why = '' WHERE number = $1`, c.Number); err != nil {
		return err
	}
	other, err := d.frozenCase(ctx, tx, c.DeviceID)
	if err != nil {
		return err
	}
	if other == 0 { // else the recorder stays frozen: somebody else stopped it, too
		if err := thawRecorder(ctx, tx, c.DeviceID); err != nil {
			return err
		}
	}
	return d.putNote(ctx, tx, who.Name, c.Number, "thawed: "+why)
}

func thawRecorder(ctx context.Context, tx *sql.Tx, id recovery.DeviceID) error {
	_, err := tx.ExecContext(ctx, `UPDATE recorders SET frozen_at = 0, frozen_by = '', frozen_why = '' WHERE device_id = $1`, id.String())
	return err
}

// ThawRecorder lets a frozen recorder go on, where its case is closed. It takes
// somebody who never worked a case of the recorder that is closed no longer than
// a case lives. The proof is begun for the Device ID as text.
func (d *Desk) ThawRecorder(ctx context.Context, who Agent, id recovery.DeviceID, reason string, proof StepUp) (r Recorder, err error) {
	why, err := checkText(reason, "why the recorder is thawed")
	if err != nil {
		return Recorder{}, d.unusable(ctx, who, ActRecorderThaw, target{object: id.String()}, err)
	}
	t := target{object: id.String(), bound: id.String(), proof: proof}
	err = d.perform(ctx, who, ActRecorderThaw, t, func() error {
		return d.db.Tx(ctx, func(tx *sql.Tx) error {
			if r, err = readRecorder(ctx, tx, id); err != nil {
				return err
			}
			if r.FrozenAt.IsZero() {
				return refuse(rekey.ErrConflict, "recorder %s is not frozen", id)
			}
			if err := d.mayThaw(ctx, tx, who, r); err != nil {
				return err
			}
			if err := thawRecorder(ctx, tx, id); err != nil {
				return err
			}
			if err := d.noteThaw(ctx, tx, who, id, why); err != nil {
				return err
			}
			r, err = readRecorder(ctx, tx, id)
			return err
		})
	})
	return r, err
}

// frozenCase is the first case of a recorder that is frozen and not over; 0 = none.
func (d *Desk) frozenCase(ctx context.Context, tx *sql.Tx, id recovery.DeviceID) (number int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT COALESCE(MIN(number), 0) FROM cases WHERE device_id = $1 AND frozen_at <> 0 AND closed_at = 0 AND opened_at > $2`,
		id.String(), store.Micros(d.now().Add(-caseLife))).Scan(&number)
	return number, err
}

// noteThaw writes the reason into the recorder's newest case: there is one, as a
// recorder is frozen out of a case only.
func (d *Desk) noteThaw(ctx context.Context, tx *sql.Tx, who Agent, id recovery.DeviceID, why string) error {
	var number int64
	err := tx.QueryRowContext(ctx, `SELECT MAX(number) FROM cases WHERE device_id = $1`, id.String()).Scan(&number)
	if err != nil {
		return err
	}
	return d.putNote(ctx, tx, who.Name, number, "the recorder is thawed: "+why)
}

// mayThaw refuses while a case of the recorder is frozen, which is thawed by
// itself, and refuses who had a part in the case that was frozen with it.
func (d *Desk) mayThaw(ctx context.Context, tx *sql.Tx, who Agent, r Recorder) error {
	number, err := d.frozenCase(ctx, tx, r.DeviceID)
	if err != nil {
		return err
	}
	if number != 0 {
		return refuse(rekey.ErrConflict, "case %d of the recorder is frozen; thaw that", number)
	}
	err = tx.QueryRowContext(ctx, `SELECT c.number FROM cases c JOIN case_parts p ON p.case_number = c.number
		WHERE c.device_id = $1 AND p.agent = $2 AND c.opened_at > $3 ORDER BY c.number LIMIT 1`,
		r.DeviceID.String(), who.Name, store.Micros(r.FrozenAt.Add(-caseLife))).Scan(&number)
	if err == nil {
		return refuse(rekey.ErrDenied, "you had a part in case %d of the recorder; somebody else must thaw it", number)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return nil
}
