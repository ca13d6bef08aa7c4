package desk

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"rekey/seclog"
)

// Edit changes the database behind the desk's back.
func (d *Desk) Edit(ctx context.Context, statement string, args ...any) error {
	return d.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	})
}

// WatchVolume looks once for many answers, as Run does every minute.
func (d *Desk) WatchVolume(ctx context.Context) error { return d.watchVolume(ctx) }

// LookDaily reconciles, as Run does every day.
func (d *Desk) LookDaily(ctx context.Context) error { return d.lookDaily(ctx) }

// LookForNews looks once for changes at other processes.
func (d *Desk) LookForNews(ctx context.Context) error { return d.lookForNews(ctx) }

// Raise raises an alarm.
func (d *Desk) Raise(ctx context.Context, kind, subject, words string, number int64) error {
	return d.raise(ctx, kind, subject, words, number)
}

// CountReveals counts the rows of answers.
func (d *Desk) CountReveals(ctx context.Context) (n int, err error) {
	err = d.db.Read(ctx, func(tx *sql.Tx) error { return tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM reveals`).Scan(&n) })
	return n, err
}

// Reconciled reconciles the last day without asking who wants it, as the log
// takes no record any more where it was changed.
func (d *Desk) Reconciled(ctx context.Context) (Reconciled, error) {
	now := d.now()
	return d.reconcile(ctx, now.Add(-24*time.Hour), now.Add(time.Minute))
}

// Acts are all acts.
func Acts() []Act { return slices.Collect(maps.Keys(grants())) }

// Explain explains records that no log holds.
func Explain(records ...seclog.Record) Explanation {
	e := newExplainer()
	for i, rec := range records {
		rec.Seq = int64(i)
		e.take(rec)
	}
	return e.explain(LogReport{})
}
