package desk

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"rekey"
	"rekey/internal/store"
)

// Alarm is something that a supervisor must look at.
type Alarm struct {
	ID        int64     `json:"id"`
	Kind      string    `json:"kind"` // "volume", "keys", "caller", "notme", "duress", "clock", "browser", "undelivered"
	At        time.Time `json:"at"`
	Words     string    `json:"words"`
	Case      int64     `json:"case,omitempty"`
	SettledBy string    `json:"settled_by,omitempty"`
	SettledAt time.Time `json:"settled_at,omitzero"`
	Note      string    `json:"note,omitempty"`
}

// What makes an alarm of a figure.
const (
	volumeTimes     = 3  // so many times the usual answers of the hour
	volumeLeast     = 10 // but no alarm below so many
	callerRefusals  = 5  // for one caller within a day
	alarmsAreAlike  = 24 * time.Hour
	mostAlarmWords  = 1000
	mostAlarmListed = 500
)

// Alarms lists alarms, newest first; only open ones where open is set.
func (d *Desk) Alarms(ctx context.Context, who Agent, open bool) (all []Alarm, err error) {
	err = d.perform(ctx, who, ActAlarmList, target{object: "alarms"}, func() error {
		return d.db.Read(ctx, func(tx *sql.Tx) error {
			where := ""
			if open {
				where = " WHERE settled_at = 0"
			}
			all, err = store.All(ctx, tx, scanAlarm, `SELECT `+alarmColumns+` FROM alarms`+where+` ORDER BY id DESC LIMIT $1`, mostAlarmListed)
			return err
		})
	})
	return all, err
}

const alarmColumns = `id, kind, at, words, case_number, settled_by, settled_at, note`

func scanAlarm(scan store.Scan) (a Alarm, err error) {
	var at, settled int64
	err = scan(&a.ID, &a.Kind, &at, &a.Words, &a.Case, &a.SettledBy, &settled, &a.Note)
	a.At, a.SettledAt = store.Time(at), store.Time(settled)
	return a, err
}

// SettleAlarm says in a note what was found. It takes somebody who had no part in
// the case that it is about. Where the alarm is "clock", the
// clock is taken to be right from now on.
func (d *Desk) SettleAlarm(ctx context.Context, who Agent, id int64, note string) (a Alarm, err error) {
	note = strings.TrimSpace(note)
	if n := utf8.RuneCountInString(note); n < 3 || n > maxNote || !utf8.ValidString(note) {
		return Alarm{}, d.unusable(ctx, who, ActAlarmSettle, target{object: fmt.Sprintf("alarm %d", id)},
			refuse(rekey.ErrInput, "an alarm is settled with a note of 3 to %d characters that says what was found", maxNote))
	}
	err = d.perform(ctx, who, ActAlarmSettle, target{object: fmt.Sprintf("alarm %d", id)}, func() error {
		return d.db.Tx(ctx, func(tx *sql.Tx) error {
			if a, err = readAlarm(ctx, tx, id); err != nil {
				return err
			}
			if !a.SettledAt.IsZero() {
				return refuse(rekey.ErrConflict, "alarm %d was settled by %s", id, a.SettledBy)
			}
			if has, err := partOf(ctx, tx, a.Case, who.Name); err != nil || has != "" {
				return errors.Join(err, ownCase(a.Case))
			}
			a.SettledBy, a.SettledAt, a.Note = who.Name, d.now(), note
			if a.Kind == "clock" {
				if err := d.acceptClock(ctx, tx); err != nil {
					return err
				}
			}
			_, err := tx.ExecContext(ctx, `UPDATE alarms SET settled_by = $1, settled_at = $2, note = $3 WHERE id = $4`,
				a.SettledBy, store.Micros(a.SettledAt), a.Note, id)
			return err
		})
	})
	return a, err
}

func readAlarm(ctx context.Context, tx *sql.Tx, id int64) (Alarm, error) {
	a, err := scanAlarm(tx.QueryRowContext(ctx, `SELECT `+alarmColumns+` FROM alarms WHERE id = $1`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return a, refuse(rekey.ErrNotFound, "there is no alarm %d", id)
	}
	return a, err
}

// counted are the kinds that a figure raises, which stays high when the alarm is settled.
const counted = `('volume', 'keys', 'caller', 'undelivered')`

// raise raises an alarm, and records it: once for the same kind and subject within
// a day, but for something that happened again after the alarm was settled. It is called by whatever part of the desk sees the cause, never in
// a transaction; there it is raiseIn.
func (d *Desk) raise(ctx context.Context, kind, subject, words string, caseNumber int64) error {
	err := d.db.Tx(ctx, func(tx *sql.Tx) error { return d.raiseIn(ctx, tx, kind, subject, words, caseNumber) })
	d.changed()
	return err
}

// raiseIn is raise as part of a transaction.
func (d *Desk) raiseIn(ctx context.Context, tx *sql.Tx, kind, subject, words string, caseNumber int64) error {
	var alike int
	now := d.now()
	err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM alarms WHERE kind = $1 AND subject = $2 AND at > $3
			AND (settled_at = 0 OR kind IN `+counted+`)`,
		kind, subject, store.Micros(now.Add(-alarmsAreAlike))).Scan(&alike)
	if err != nil || alike > 0 {
		return err
	}
	if err := d.note(ctx, system(), "alarm.raised", target{object: kind, number: caseNumber}, "ok"); err != nil {
		return err
	}
	words = strings.ToValidUTF8(words[:min(len(words), mostAlarmWords)], "?")
	_, err = tx.ExecContext(ctx, `INSERT INTO alarms (id, kind, subject, at, words, case_number, settled_by, settled_at, note)
		VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM alarms), $1, $2, $3, $4, $5, '', 0, '')`,
		kind, subject, store.Micros(now), words, caseNumber)
	if err != nil {
		return err
	}
	return bumpChange(ctx, tx)
}

// isRefusal tells failures of rules, limits and checks of what a caller gave
// from mistakes in typing and faults of the desk.
func isRefusal(act Act, err error) bool {
	kinds := []error{rekey.ErrDenied, rekey.ErrConflict, rekey.ErrBudget, rekey.ErrVerify}
	about := []Act{ActEvidenceAdd, ActReveal, ActCodeSend, ActCaseOpen}
	return slices.Contains(about, act) && slices.ContainsFunc(kinds, func(k error) bool { return errors.Is(err, k) })
}

// countRefusal keeps a refusal about a case, and raises the alarm "caller" where
// one caller is refused often.
func (d *Desk) countRefusal(ctx context.Context, who Agent, act Act, number int64, byGate bool) error {
	if number == 0 {
		return nil
	}
	return d.db.Tx(ctx, func(tx *sql.Tx) error {
		now, gate := d.now(), 0
		if byGate {
			gate = 1
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO refusals (id, case_number, agent, act, by_gate, at)
			VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM refusals), $1, $2, $3, $4, $5)`, number, who.Name, act, gate, store.Micros(now))
		if err != nil || byGate {
			return err
		}
		return d.watchCaller(ctx, tx, number, now)
	})
}

func (d *Desk) watchCaller(ctx context.Context, tx *sql.Tx, number int64, now time.Time) error {
	var caller string
	var refused int
	err := tx.QueryRowContext(ctx, `SELECT this.caller, (SELECT COUNT(*) FROM refusals r JOIN cases c ON c.number = r.case_number
			WHERE c.caller = this.caller AND r.by_gate = 0 AND r.at > $1)
		FROM cases this WHERE this.number = $2`, store.Micros(now.Add(-24*time.Hour)), number).Scan(&caller, &refused)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil || refused < callerRefusals {
		return err
	}
	words := fmt.Sprintf("One caller (%s) was refused %d times within 24 hours, last in case %d. It may be somebody who tries to pass as the owner, or to lock the owner out.",
		caller, refused, number)
	return d.raiseIn(ctx, tx, "caller", caller, words, number)
}

// watchVolume raises the alarm "volume" where this hour has far more answers than usual.
func (d *Desk) watchVolume(ctx context.Context) error {
	return d.db.Tx(ctx, func(tx *sql.Tx) error {
		hour := d.now().Truncate(time.Hour)
		counts, err := hourly(ctx, tx, answersByHour, hour.Add(-usualSpan), hour.Add(time.Hour))
		if err != nil {
			return err
		}
		n, usual := counts[hour], usualIn(counts, hour)
		if n < volumeLeast || float64(n) < volumeTimes*usual {
			return nil
		}
		words := fmt.Sprintf("%d answers were issued in the hour from %s UTC; usual are %.1f (the same hour of the last four weeks).",
			n, hour.Format("2006-01-02 15:04"), usual)
		return d.raiseIn(ctx, tx, "volume", hour.Format(time.RFC3339), words, 0)
	})
}

// watch looks for what raises alarms and reconciles once a day, until ctx ends.
func (d *Desk) watch(ctx context.Context) error {
	poll, minute, day := time.NewTicker(pollEvery), time.NewTicker(time.Minute), time.NewTicker(24*time.Hour)
	defer poll.Stop()
	defer minute.Stop()
	defer day.Stop()
	d.look(ctx, d.lookDaily)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-poll.C:
			d.look(ctx, d.lookForNews)
		case <-minute.C:
			d.look(ctx, d.tick, d.watchVolume)
		case <-day.C:
			d.look(ctx, d.lookDaily)
		}
	}
}

// look runs what looks for something; where it cannot, the operator is told.
func (d *Desk) look(ctx context.Context, all ...func(context.Context) error) {
	for _, one := range all {
		if err := one(ctx); err != nil && ctx.Err() == nil {
			d.opt.Log.Error("the desk cannot watch itself", "error", err)
		}
	}
}

// lookDaily reconciles the last two days, so that none is left out when the desk was down over night.
func (d *Desk) lookDaily(ctx context.Context) error {
	now := d.now()
	_, err := d.reconcile(ctx, now.Add(-48*time.Hour), now)
	result := "ok"
	if err != nil {
		result = "failed"
	}
	return errors.Join(err, d.note(ctx, system(), string(ActReconcile), target{object: "answers"}, result))
}
