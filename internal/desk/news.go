package desk

import (
	"context"
	"database/sql"
	"sync"
	"time"
)

// pollEvery is how often changes at other processes are looked for.
const pollEvery = 2 * time.Second

// news wakes those who wait for a change. All share one channel, so that their
// number costs nothing.
type news struct {
	mu      sync.Mutex
	next    chan struct{} // nil = nobody waits
	counted int64         // the changes seen so far
}

func (n *news) wait() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next == nil {
		n.next = make(chan struct{})
	}
	return n.next
}

func (n *news) wake() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next != nil {
		close(n.next)
		n.next = nil
	}
}

// saw takes the counter of changes, and reports whether it is another than before.
func (n *news) saw(counted int64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.counted
	n.counted = counted
	return counted != before
}

// News returns a channel that is closed at the next change of a case or an
// alarm at this process, and, while Run runs, within five seconds of one at another.
func (d *Desk) News(ctx context.Context, who Agent) (next <-chan struct{}, err error) {
	err = d.perform(ctx, who, ActWatch, target{object: "news"}, func() error {
		next = d.news.wait()
		return nil
	})
	return next, err
}

// MoreNews is such a channel again, for somebody whom News let in: what is
// recorded is that they watch, not each thing that they see.
func (d *Desk) MoreNews() <-chan struct{} { return d.news.wait() }

// changed wakes those who wait for News at this process.
func (d *Desk) changed() { d.news.wake() }

// countChange tells all processes that something was changed.
func (d *Desk) countChange(ctx context.Context) {
	err := d.db.Tx(ctx, func(tx *sql.Tx) error { return bumpChange(ctx, tx) })
	if err != nil { // what was changed stays so
		d.opt.Log.Warn("other processes are not told of a change", "error", err)
	}
	d.changed()
}

func bumpChange(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `UPDATE changes SET counted = counted + 1`)
	return err
}

// lookForNews wakes those who wait where another process changed something.
func (d *Desk) lookForNews(ctx context.Context) error {
	var counted int64
	err := d.db.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT counted FROM changes`).Scan(&counted)
	})
	if err == nil && d.news.saw(counted) {
		d.changed()
	}
	return err
}
