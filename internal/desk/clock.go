package desk

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"rekey"
	"rekey/internal/store"
)

const (
	// jumpOver is how far wall clock and time since boot may come apart before it
	// is a jump. It counts over many small steps as over one.
	jumpOver = 5 * time.Minute
	// clockSlack is how far the clock may be behind the last record, as it may be
	// where it is set by the network in small steps.
	clockSlack = 5 * time.Second
	// clockEvery is how often what the clock shows is kept.
	clockEvery = time.Second
)

// reading is what the two clocks show at one time.
type reading struct {
	boot  string // which boot since counts from
	since time.Duration
	wall  time.Time
}

// clockState is what the desk remembers of the clocks. Two readings of one boot
// show a jump: since cannot be set by anybody.
type clockState struct {
	reading               // compared with; the first of a boot, or after a jump
	last    time.Time     // the wall clock's newest reading
	mark    time.Time     // its latest: no record is later
	jumped  time.Duration // by all jumps together; back counts down. Holds are counted with what it grew since
}

// step takes a reading, and tells how far the wall clock has jumped since the
// one before; 0 = it has not.
func (c clockState) step(r reading) (next clockState, jump time.Duration) {
	next = c
	switch {
	case c.mark.IsZero():
		next.reading = r
	case r.boot == c.boot && r.since >= c.since:
		if drift := r.wall.Sub(c.wall) - (r.since - c.since); drift.Abs() > jumpOver {
			jump = drift
		}
	default: // another boot: only that the clock goes back can be seen
		next.reading = r
		if back := r.wall.Sub(c.last); back < -jumpOver {
			jump = back
		}
	}
	if jump != 0 {
		next.reading = r
		next.jumped += jump
	}
	next.last = r.wall
	if r.wall.After(next.mark) {
		next.mark = r.wall
	}
	return next, jump
}

// fresh reports whether what is kept is near enough to r.
func (c clockState) fresh(r reading) bool {
	next, jump := c.step(r)
	return jump == 0 && next.reading == c.reading && r.wall.Sub(c.last).Abs() < clockEvery
}

func (d *Desk) reading() reading {
	return reading{d.boot, d.opt.Boot().Truncate(time.Microsecond), d.now()}
}

// tick looks at the clock. A jump is recorded and raises the alarm "clock".
func (d *Desk) tick(ctx context.Context) error {
	var c clockState
	err := d.db.Read(ctx, func(tx *sql.Tx) (err error) {
		c, err = readClock(ctx, tx)
		return err
	})
	if err != nil || !c.mark.IsZero() && c.fresh(d.reading()) {
		return err
	}
	return d.db.Tx(ctx, func(tx *sql.Tx) error {
		if c, err = readClock(ctx, tx); err != nil {
			return err
		}
		next, jump := c.step(d.reading())
		if jump != 0 {
			if err := d.noteJump(ctx, tx, c, next, jump); err != nil {
				return err
			}
		}
		return putClock(ctx, tx, next)
	})
}

func (d *Desk) noteJump(ctx context.Context, tx *sql.Tx, before, after clockState, jump time.Duration) error {
	from, to := before.last.Format(time.RFC3339), after.last.Format(time.RFC3339)
	t := target{object: "clock", detail: map[string]string{"by": jump.Round(time.Second).String(), "from": from, "to": to}}
	if err := d.note(ctx, system(), "clock.jump", t, "ok"); err != nil {
		return err
	}
	words := "The desk's clock was set forward by " + jump.Round(time.Second).String() + ". No hold gets shorter by it."
	if jump < 0 {
		words = "The desk's clock was set back by " + (-jump).Round(time.Second).String() + ". Nothing is approved or answered until it is right again, or this alarm is settled."
	}
	return d.raiseIn(ctx, tx, "clock", from+" to "+to, words, 0)
}

// clockRight refuses while the wall clock is behind the last record.
func (d *Desk) clockRight(ctx context.Context) error {
	var c clockState
	err := d.db.Read(ctx, func(tx *sql.Tx) (err error) {
		c, err = readClock(ctx, tx)
		return err
	})
	if err == nil && d.now().Add(clockSlack).Before(c.mark) {
		return refuse(rekey.ErrConflict, "the desk's clock is behind its last record (%s); nothing is approved or answered until it is right, or a supervisor has settled the alarm \"clock\"",
			c.mark.Format(time.RFC3339))
	}
	return err
}

// latest is the time, or that of the last record where the clock is behind it:
// nobody dates a change of the registry back by setting the clock back.
func (d *Desk) latest(ctx context.Context, tx *sql.Tx) (time.Time, error) {
	c, err := readClock(ctx, tx)
	if now := d.now(); now.After(c.mark) {
		return now, err
	}
	return c.mark, err
}

// acceptClock makes the time of now the latest, however much later a record is.
func (d *Desk) acceptClock(ctx context.Context, tx *sql.Tx) error {
	c, err := readClock(ctx, tx)
	if err != nil {
		return err
	}
	c.last, c.mark = d.now(), d.now()
	return putClock(ctx, tx, c)
}

// readClock reads what is kept; nothing yet is the zero state.
func readClock(ctx context.Context, tx *sql.Tx) (c clockState, err error) {
	var since, wall, last, mark, jumps int64
	err = tx.QueryRowContext(ctx, `SELECT boot, since, wall, last, mark, jumped FROM clock`).Scan(&c.boot, &since, &wall, &last, &mark, &jumps)
	if errors.Is(err, sql.ErrNoRows) {
		return clockState{}, nil
	}
	c.since, c.jumped = time.Duration(since)*time.Microsecond, time.Duration(jumps)*time.Microsecond
	c.wall, c.last, c.mark = store.Time(wall), store.Time(last), store.Time(mark)
	return c, err
}

func putClock(ctx context.Context, tx *sql.Tx, c clockState) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO clock (id, boot, since, wall, last, mark, jumped) VALUES (1, $1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO UPDATE SET boot = excluded.boot, since = excluded.since, wall = excluded.wall,
			last = excluded.last, mark = excluded.mark, jumped = excluded.jumped`,
		c.boot, c.since.Microseconds(), store.Micros(c.wall), store.Micros(c.last), store.Micros(c.mark), c.jumped.Microseconds())
	return err
}
