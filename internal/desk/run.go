package desk

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"rekey/internal/store"
)

// Run does the desk's work in the background until ctx ends: messages, alarms,
// reconciliation, forgetting what is over.
func (d *Desk) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	works := []func(context.Context) error{d.courier.Run, d.watch, d.tidying}
	errs := make([]error, len(works))
	var all sync.WaitGroup
	for i, work := range works {
		all.Go(func() {
			defer stop() // one that cannot go on ends the others
			errs[i] = work(ctx)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// tidying tells what could not be told before and forgets what is over, at once
// and every minute.
func (d *Desk) tidying(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		if err := errors.Join(d.tellLate(ctx), d.forget(ctx)); err != nil && ctx.Err() == nil {
			d.opt.Log.Error("what is late could not be told, or what is over not be forgotten", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// outboxMemory is how long the courier remembers that a message was handed over.
const outboxMemory = 30 * 24 * time.Hour

// longOver are the cases whose links no longer count.
const longOver = `SELECT number FROM cases WHERE (closed_at > 0 AND closed_at <= $1) OR (closed_at = 0 AND opened_at <= $2)`

// forget deletes the owner's halves and links that no longer count, and the
// traces of old messages.
func (d *Desk) forget(ctx context.Context) error {
	now := d.now()
	err := d.db.Tx(ctx, func(tx *sql.Tx) error {
		// A half whose end is too far ahead is of a clock that was set back.
		if _, err := tx.ExecContext(ctx, `DELETE FROM owner_halves WHERE until <= $1 OR until > $2`,
			store.Micros(now), store.Micros(now.Add(halfLife))); err != nil {
			return err
		}
		ended, opened := store.Micros(now.Add(-linkLife)), store.Micros(now.Add(-linkLife-caseLife))
		if _, err := tx.ExecContext(ctx, `DELETE FROM owner_links WHERE case_number IN (`+longOver+`)`, ended, opened); err != nil {
			return err
		}
		if err := forgetFormer(ctx, tx, now); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM codes WHERE case_number IN (`+longOver+`)`, ended, opened)
		return err
	})
	return errors.Join(err, d.courier.Forget(ctx, now.Add(-outboxMemory)))
}
