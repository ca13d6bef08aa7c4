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
		return Case{}, err
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

// Thaw lets a frozen case and its recorder go on, with the reason. It takes somebody
// who had no part in the case. The proof is begun for the case's number in digits.
func (d *Desk) Thaw(ctx context.Context, who Agent, number int64, why string, proof StepUp) (Case, error) {
	why, err := checkText(why, "why the case is thawed")
	if err != nil {
		return Case{}, err
	}
	t := target{object: "case", number: number, bound: strconv.FormatInt(number, 10), proof: proof}
	return d.changeCase(ctx, who, ActCaseThaw, t, func(tx *sql.Tx, c *Case) error {
		if err := c.mustBe(StageFrozen); err != nil {
			return err
		}
		if err := thawRecorder(ctx, tx, c.DeviceID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE cases SET frozen_at = 0, frozen_by = '', frozen_why = '' WHERE number = $1`, number); err != nil {
			return err
		}
		return d.putNote(ctx, tx, who.Name, number, "thawed: "+why)
	})
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
		return Recorder{}, err
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
	var number int64
	err := tx.QueryRowContext(ctx, `SELECT number FROM cases WHERE device_id = $1 AND frozen_at <> 0 AND closed_at = 0 AND opened_at > $2 ORDER BY number LIMIT 1`,
		r.DeviceID.String(), store.Micros(d.now().Add(-caseLife))).Scan(&number)
	if err == nil {
		return refuse(rekey.ErrConflict, "case %d of the recorder is frozen; thaw that", number)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return err
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
