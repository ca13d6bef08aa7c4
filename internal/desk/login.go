package desk

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/store"
)

// ThrottledError refuses a log-in that was not even looked at, because too many
// failed before. It reads the same whether or not there is such an agent.
type ThrottledError struct{ Left time.Duration }

// Error tells how long to wait.
func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many failed log-ins; try again in %s", e.Left.Round(time.Second))
}

// Unwrap returns rekey.ErrLocked.
func (e *ThrottledError) Unwrap() error { return rekey.ErrLocked }

// throttle is how failed log-ins slow down the next: free tries, then a wait
// that doubles with each, up to most. A day without failures forgets them.
type throttle struct {
	free        int
	first, most time.Duration
}

// An address may stand for many agents behind one router, so it gets more.
// The longest wait is short enough that nobody can lock an agent out for a
// working day.
func throttles() (agent, address throttle) {
	const first, most = 15 * time.Second, 15 * time.Minute
	return throttle{free: 5, first: first, most: most}, throttle{free: 20, first: first, most: most}
}

const forgetFails = 24 * time.Hour

// wait is how long nobody may try after so many failures in a row.
func (t throttle) wait(fails int) time.Duration {
	over := fails - t.free
	if over < 0 {
		return 0
	}
	return min(t.first<<min(over, 20), t.most)
}

var errLogin = refuse(rekey.ErrDenied, "name or password is wrong")

// LogIn checks an agent's password once. Where it does not fit, the error is
// the same, and takes the same time, whether the name or the password is wrong
// or the agent is disabled.
// A try is charged to the name and to the address, durably, before the password
// is looked at; a right one takes the name's charges back.
func (d *Desk) LogIn(ctx context.Context, name string, password rekey.Secret, from netip.Addr) (Agent, error) {
	byName, byAddress := d.subject("name", clip(name)), d.subject("address", prefix(from).String())
	if err := d.charge(ctx, byName, byAddress); err != nil {
		return Agent{}, err
	}
	who, err := d.checkLogin(ctx, name, password)
	// A name that no agent has is not recorded: now and then it is a password.
	t := target{object: who.Name, detail: map[string]string{"from": from.String()}}
	if err != nil {
		if noted := d.note(ctx, Agent{}, "agent.login", t, "refused"); noted != nil {
			return Agent{}, noted
		}
		return Agent{}, err
	}
	if err := d.note(ctx, who, "agent.login", t, "ok"); err != nil {
		return Agent{}, err
	}
	return who, d.forgive(ctx, byName, byAddress)
}

// checkLogin returns the agent of that name, also where the password is wrong.
func (d *Desk) checkLogin(ctx context.Context, name string, password rekey.Secret) (Agent, error) {
	who, hash, err := d.agent(ctx, name)
	known := err == nil
	if !known && !errors.Is(err, rekey.ErrNotFound) {
		return Agent{}, err
	}
	if !known {
		hash = d.dummy
	}
	select {
	case d.hashing <- struct{}{}:
		defer func() { <-d.hashing }()
	case <-ctx.Done():
		return Agent{}, ctx.Err()
	}
	if len(password.Reveal()) > 4*maxPassword {
		password = rekey.Secret{}
	}
	right, err := argon.Fits(hash, password)
	if err == nil && (!known || !right || who.disabled()) {
		err = errLogin
	}
	return who, err
}

// subject hides whom a throttle is about from a reader of the database; what
// people type as a name is now and then a password.
func (d *Desk) subject(kind, what string) string {
	mac := hmac.New(sha256.New, d.keys.caller)
	mac.Write([]byte("throttle\x00" + kind + "\x00" + what))
	return hex.EncodeToString(mac.Sum(nil))
}

// prefix is what one sender can hardly change: an IPv4 address, or the /64 of
// an IPv6 address.
func prefix(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}

// charge counts one failed try for both subjects, or refuses when either must wait.
func (d *Desk) charge(ctx context.Context, byName, byAddress string) error {
	now := d.now()
	ofAgent, ofAddress := throttles()
	return d.db.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM throttles WHERE last_at < $1 AND blocked_to < $2`,
			store.Micros(now.Add(-forgetFails)), store.Micros(now)); err != nil {
			return err
		}
		for _, s := range []struct {
			subject string
			rule    throttle
		}{{byName, ofAgent}, {byAddress, ofAddress}} {
			if err := chargeOne(ctx, tx, s.subject, s.rule, now); err != nil {
				return err
			}
		}
		return nil
	})
}

func chargeOne(ctx context.Context, tx *sql.Tx, subject string, rule throttle, now time.Time) error {
	var fails int
	var blocked int64
	err := tx.QueryRowContext(ctx, `SELECT fails, blocked_to FROM throttles WHERE subject = $1`, subject).Scan(&fails, &blocked)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if left := store.Time(blocked).Sub(now); blocked != 0 && left > 0 {
		// After the clock was set back a wait is never longer than the rule's own.
		return &ThrottledError{min(left, rule.most)}
	}
	fails++
	_, err = tx.ExecContext(ctx, `INSERT INTO throttles (subject, fails, last_at, blocked_to) VALUES ($1, $2, $3, $4)
		ON CONFLICT (subject) DO UPDATE SET fails = excluded.fails, last_at = excluded.last_at, blocked_to = excluded.blocked_to`,
		subject, fails, store.Micros(now), store.Micros(now.Add(rule.wait(fails))))
	return err
}

// forgive takes the name's failures back after a right password, and one from
// the address: knowing one password must not open an address for guessing others.
func (d *Desk) forgive(ctx context.Context, byName, byAddress string) error {
	return d.db.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM throttles WHERE subject = $1`, byName); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE throttles SET fails = fails - 1, blocked_to = $1 WHERE subject = $2 AND fails > 0`,
			store.Micros(d.now()), byAddress)
		return err
	})
}
