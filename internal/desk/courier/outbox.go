package courier

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"rekey"
	"rekey/internal/store"
)

const (
	firstPause = 10 * time.Second
	lastPause  = time.Hour
	tryFor     = 24 * time.Hour
	claimFor   = time.Minute // longer than any try
)

// row is one message or event of the outbox that a process has claimed.
type row struct {
	id, claim string
	via       channel
	hook      int64
	number    int64
	kind      string
	sealed    string
	tries     int
	queued    time.Time
}

// Queue puts a message into the outbox as part of tx. It is tried at once and
// then with growing pauses for a day; then it is given up, and that is recorded.
// Messages of one case to one address keep their order.
func (c *Courier) Queue(ctx context.Context, tx *sql.Tx, m Message) error {
	carrier, via := c.carrier(m.To)
	if carrier == nil {
		return fmt.Errorf("%w: this desk has no way to send to that address", rekey.ErrInput)
	}
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return c.put(ctx, tx, row{id: rand.Text(), via: via, number: m.Case, kind: m.Kind}, c.lineOf(m.Case, m.To), body)
}

func (c *Courier) put(ctx context.Context, tx *sql.Tx, r row, line string, body []byte) error {
	sealed, err := c.seal(r.id, body)
	if err != nil {
		return err
	}
	now := store.Micros(c.o.Now())
	_, err = tx.ExecContext(ctx, `INSERT INTO outbox
		(id, turn, line, via, hook, case_number, kind, sealed, state, tries, queued_at, next_at, claim, claimed_to, settled_at)
		VALUES ($1, (SELECT COALESCE(MAX(turn), 0) + 1 FROM outbox), $2, $3, $4, $5, $6, $7, 'waits', 0, $8, $8, '', 0, 0)`,
		r.id, line, r.via, r.hook, r.number, r.kind, sealed, now)
	if err != nil {
		return fmt.Errorf("%w: queue a message: %w", rekey.ErrStorage, err)
	}
	select {
	case c.wake[r.via] <- struct{}{}: // Run cannot look before tx is committed: it needs the write lock
	default:
	}
	return nil
}

// Told counts, of the queued messages of one case and kind, those that were
// handed over, those that wait, and those that were given up.
func (c *Courier) Told(ctx context.Context, tx *sql.Tx, caseNumber int64, kind string) (over, waiting, givenUp int, err error) {
	err = tx.QueryRowContext(ctx, `SELECT COUNT(CASE WHEN state = 'over' THEN 1 END), COUNT(CASE WHEN state = 'waits' THEN 1 END),
		COUNT(CASE WHEN state = 'given up' THEN 1 END) FROM outbox WHERE case_number = $1 AND kind = $2 AND hook = 0`, caseNumber, kind).
		Scan(&over, &waiting, &givenUp)
	return over, waiting, givenUp, err
}

// due is what may be tried now: it waits, its pause is over, nobody has claimed
// it, and nothing of its line waits before it. Times that are too far ahead are
// of a clock that was set back since.
const due = ` FROM outbox o WHERE o.state = 'waits' AND (o.next_at <= $1 OR o.next_at > $2) AND (o.claimed_to <= $1 OR o.claimed_to > $3)
	AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.line = o.line AND e.state = 'waits' AND e.turn < o.turn)`

func dueAt(now time.Time) []any {
	return []any{store.Micros(now), store.Micros(now.Add(lastPause)), store.Micros(now.Add(claimFor))}
}

// isDue tells whether a channel has something to do. It takes no lock.
func (c *Courier) isDue(ctx context.Context, via channel) (yes bool, err error) {
	err = c.db.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1`+due+` AND o.via = $4)`, append(dueAt(c.o.Now()), via)...).Scan(&yes)
	})
	return yes, err
}

// claim takes what is due first, so that no other process carries it meanwhile.
// What was never tried goes before what has failed: an address that cannot be
// reached does not hold up the others.
func (c *Courier) claim(ctx context.Context, via channel) (r row, ok bool, err error) {
	err = c.db.Tx(ctx, func(tx *sql.Tx) error {
		now := c.o.Now()
		var queued int64
		err := tx.QueryRowContext(ctx, `SELECT o.id, o.via, o.hook, o.case_number, o.kind, o.sealed, o.tries, o.queued_at`+due+
			` AND o.via = $4 ORDER BY o.tries, o.turn LIMIT 1`, append(dueAt(now), via)...).
			Scan(&r.id, &r.via, &r.hook, &r.number, &r.kind, &r.sealed, &r.tries, &queued)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		r.claim, r.queued, ok = rand.Text(), store.Time(queued), true
		_, err = tx.ExecContext(ctx, `UPDATE outbox SET claim = $1, claimed_to = $2 WHERE id = $3`,
			r.claim, store.Micros(now.Add(claimFor)), r.id)
		return err
	})
	return r, ok && err == nil, err
}

// state is how a row stands after a try.
type state string

const (
	waits   state = "waits"
	over    state = "over"
	givenUp state = "given up"
)

// after is how a row stands after a try that ended with failed, and when the
// next one is due.
func (r row) after(failed error, now time.Time) (state, time.Time) {
	switch age := now.Sub(r.queued); {
	case failed == nil:
		return over, time.Time{}
	case errors.Is(failed, rekey.ErrInput), errors.Is(failed, rekey.ErrVerify), age >= tryFor:
		return givenUp, time.Time{}
	}
	pause := firstPause << min(r.tries, 16)
	return waits, now.Add(min(pause, lastPause))
}

// settle writes down how a try went. What is settled for good keeps no text.
func (c *Courier) settle(ctx context.Context, r row, failed error) (s state, err error) {
	now := c.o.Now()
	s, next := r.after(failed, now)
	sealed, settled := r.sealed, time.Time{}
	if s != waits {
		sealed, settled = "", now
	}
	err = c.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE outbox SET state = $1, sealed = $2, tries = tries + 1, next_at = $3, claim = '', claimed_to = 0, settled_at = $4
			WHERE id = $5 AND claim = $6`, s, sealed, store.Micros(next), store.Micros(settled), r.id, r.claim)
		return err
	})
	return s, err
}

// Forget deletes what was settled before a time.
func (c *Courier) Forget(ctx context.Context, before time.Time) error {
	return c.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM outbox WHERE state <> 'waits' AND settled_at < $1`, store.Micros(before))
		return err
	})
}
