package staff

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"rekey"
	"rekey/internal/store"
)

// ThrottledError refuses somebody who failed too often from their address. Who
// has a passkey, a link or a key that counts is not held up by it.
type ThrottledError struct{ Left time.Duration }

// Error tells how long to wait.
func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many failed tries; try again in %s", e.Left.Round(time.Second))
}

// Unwrap returns rekey.ErrLocked.
func (e *ThrottledError) Unwrap() error { return rekey.ErrLocked }

// An address may fail freeFails times, then it waits; the wait doubles with each
// failure up to mostWait. A day without failures forgets them. What waits is
// that the desk records failures of that address: nobody can fill the security
// log by failing, and nobody can lock out who shares their address.
const (
	freeFails   = 20
	firstWait   = 15 * time.Second
	mostWait    = 15 * time.Minute
	forgetFails = 24 * time.Hour
)

func waitAfter(fails int) time.Duration {
	over := fails - freeFails
	if over < 0 {
		return 0
	}
	return min(firstWait<<min(over, 20), mostWait)
}

// source is what one sender can hardly change: an IPv4 address, or the /64 of
// an IPv6 address.
func source(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a
	}
	return netip.PrefixFrom(a, 64).Masked().Addr()
}

// charged counts a failure of an address and returns why it failed, or that the
// address must wait: then the failure changes nothing.
func (s *Staff) charged(ctx context.Context, from netip.Addr, why error) error {
	if err := s.waits(ctx, from); err != nil {
		return err
	}
	subject, now := s.hash("throttle", source(from).String()), s.now()
	err := s.db.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM throttles WHERE last_at < $1 AND blocked_to < $2`,
			store.Micros(now.Add(-forgetFails)), store.Micros(now)); err != nil {
			return err
		}
		fails, blocked, err := readThrottle(ctx, tx, subject)
		if err != nil {
			return err
		}
		if left := blocked.Sub(now); left > 0 { // another one failed meanwhile
			return waiting(left)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO throttles (subject, fails, last_at, blocked_to) VALUES ($1, $2, $3, $4)
			ON CONFLICT (subject) DO UPDATE SET fails = excluded.fails, last_at = excluded.last_at, blocked_to = excluded.blocked_to`,
			subject, fails+1, store.Micros(now), store.Micros(now.Add(waitAfter(fails+1))))
		return err
	})
	if err != nil {
		return err
	}
	return why
}

// waiting is never longer than the longest wait, also after the clock was set back.
func waiting(left time.Duration) error { return &ThrottledError{min(left, mostWait)} }

// waits refuses an address that must wait.
func (s *Staff) waits(ctx context.Context, from netip.Addr) error {
	return s.db.Read(ctx, func(tx *sql.Tx) error {
		_, blocked, err := readThrottle(ctx, tx, s.hash("throttle", source(from).String()))
		if err != nil {
			return err
		}
		if left := blocked.Sub(s.now()); left > 0 {
			return waiting(left)
		}
		return nil
	})
}

func readThrottle(ctx context.Context, tx *sql.Tx, subject string) (fails int, blocked time.Time, err error) {
	var micros int64
	err = tx.QueryRowContext(ctx, `SELECT fails, blocked_to FROM throttles WHERE subject = $1`, subject).Scan(&fails, &micros)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, time.Time{}, nil
	}
	return fails, store.Time(micros), err
}

// refused charges a refusal to the address, records it, and returns what may be
// told of it. Where the address must wait, nothing is recorded.
// The record has no actor: who fails has not shown who they are.
func (s *Staff) refused(ctx context.Context, from netip.Addr, event, object string, detail map[string]string, why, told error) error {
	if err := s.charged(ctx, from, nil); err != nil {
		return err
	}
	detail["reason"] = reason(why)
	if err := s.o.Log.Note(ctx, "", event, object, "refused", detail); err != nil {
		return err
	}
	return told
}
