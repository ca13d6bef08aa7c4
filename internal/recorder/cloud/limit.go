package cloud

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"time"

	"rekey"
	"rekey/internal/store"
)

// limit is how often one subject may do a thing within a time.
type limit struct {
	name   string
	most   int
	within time.Duration
}

// The limits. They are kept in the database, in the transaction of what they
// limit, so neither a restart nor a crowd of requests gets more.
func limits() (l struct {
	loginFrom, loginPair, loginOf limit // a log-in, by sender; by sender and account; by account
	mailTo, mailFrom              limit // a code by e-mail, by address; by sender
	secondSoon, secondDay         limit // a code of the second factor after a right password, by owner
	pairFrom                      limit // a pairing begun, by sender
	codeBy                        limit // a pairing code typed, by owner
	boxSoon, boxDay, boxMonth     limit // a temporary password, by link
	ownerDay                      limit // the same, by owner
	shareDay, noticeDay           limit
}) {
	const quarter, day = 15 * time.Minute, 24 * time.Hour
	l.loginFrom, l.loginPair, l.loginOf = limit{"log-in from address", 50, quarter}, limit{"log-in", 5, quarter}, limit{"log-in to account", 100, day}
	l.mailTo, l.mailFrom = limit{"code to address", 5, day}, limit{"code from address", 20, time.Hour}
	l.secondSoon, l.secondDay = limit{"code", 5, quarter}, limit{"code, day", 30, day}
	l.pairFrom = limit{"pairing", 20, quarter}
	l.codeBy = limit{"pairing code", 10, quarter}
	l.boxSoon, l.boxDay, l.boxMonth = limit{"recorder, 10 minutes", 1, requestLife}, limit{"recorder, day", 3, day}, limit{"recorder, 30 days", 5, 30 * day}
	l.ownerDay = limit{"owner, day", 10, day}
	l.shareDay, l.noticeDay = limit{"share", 20, day}, limit{"notice", 5, day}
	return l
}

// LimitError refuses what was done too often.
type LimitError struct {
	Limit string
	Left  time.Duration
}

// Error tells how long to wait.
func (e *LimitError) Error() string {
	return fmt.Sprintf("too often; try again in %s", words(e.Left))
}

// Unwrap returns rekey.ErrLocked.
func (e *LimitError) Unwrap() error { return rekey.ErrLocked }

// words rounds up: who waits as long as told must not be refused again.
func words(d time.Duration) string {
	n, unit := int((d+time.Minute-1)/time.Minute), "minute"
	if n > 120 {
		n, unit = (n+59)/60, "hour"
	}
	if n > 48 && unit == "hour" {
		n, unit = (n+23)/24, "day"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}

// spend counts one use of each, or refuses and counts none.
func (c *Cloud) spend(ctx context.Context, tx *sql.Tx, of map[limit]string) error {
	now := c.now()
	if _, err := tx.ExecContext(ctx, `DELETE FROM uses WHERE at < $1`, store.Micros(now.Add(-31*24*time.Hour))); err != nil {
		return err
	}
	var refused *LimitError
	for l, subject := range of {
		left, err := c.left(ctx, tx, l, subject, now)
		if err != nil {
			return err
		}
		if left > 0 && (refused == nil || left > refused.Left) {
			refused = &LimitError{l.name, left}
		}
	}
	if refused != nil {
		return refused
	}
	for l, subject := range of {
		if _, err := tx.ExecContext(ctx, `INSERT INTO uses (kind, subject, at) VALUES ($1, $2, $3)`, l.name, c.keys.hide(l.name, subject), store.Micros(now)); err != nil {
			return err
		}
	}
	return nil
}

// left is how long the subject must wait: until enough of its uses are old.
func (c *Cloud) left(ctx context.Context, tx *sql.Tx, l limit, subject string, now time.Time) (time.Duration, error) {
	var n int
	var at int64
	err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM uses WHERE kind = $1 AND subject = $2 AND at > $3`,
		l.name, c.keys.hide(l.name, subject), store.Micros(now.Add(-l.within))).Scan(&n)
	if err != nil || n < l.most {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, `SELECT at FROM uses WHERE kind = $1 AND subject = $2 AND at > $3 ORDER BY at LIMIT 1 OFFSET $4`,
		l.name, c.keys.hide(l.name, subject), store.Micros(now.Add(-l.within)), n-l.most).Scan(&at)
	// After the clock was set back a wait is never longer than the limit's own.
	return min(max(store.Time(at).Add(l.within).Sub(now), time.Second), l.within), err
}

// forgive takes the uses of one subject back.
func (c *Cloud) forgive(ctx context.Context, l limit, subject string) error {
	return c.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM uses WHERE kind = $1 AND subject = $2`, l.name, c.keys.hide(l.name, subject))
		return err
	})
}

// prefix is what one sender can hardly change: an IPv4 address, or the /64 of
// an IPv6 address.
func prefix(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr().String()
		}
	}
	return a.String()
}
