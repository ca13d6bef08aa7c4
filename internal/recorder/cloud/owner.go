package cloud

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/mail"
	"rekey/internal/recorder/cloud/wire"
	"rekey/internal/store"
)

// Owner is somebody with an account: a confirmed e-mail address and a password.
type Owner struct {
	ID      string // in the security log instead of the address
	Address string
	epoch   int64
	frozen  int64 // see NotMe; 0 = it is not
	second  bool  // has a second factor
}

const (
	minPassword = 12
	maxPassword = 128
	confirmLife = 30 * time.Minute
	confirmMost = 5 // codes typed for one confirmation
)

// parseAddress reads an owner's e-mail address.
func parseAddress(typed string) (string, error) {
	a, err := mail.ParseAddress(typed)
	if err != nil {
		return "", refuse(rekey.ErrInput, "that is no e-mail address; expected NAME@HOST")
	}
	return a, nil
}

// mask leaves of an address what is enough for its owner to recognise it.
func mask(address string) string {
	_, host, _ := strings.Cut(address, "@")
	return address[:1] + "***@" + host
}

func checkPassword(p rekey.Secret) error {
	if n := len(p.Reveal()); n < minPassword || n > maxPassword {
		return refuse(rekey.ErrInput, "the password must have %d to %d characters", minPassword, maxPassword)
	}
	return nil
}

// AskForAccount mails a code to the address, with which the password becomes
// that of its account: a new one, or one whose password is lost. It goes the
// same way whether there is such an account or not. The id belongs into the
// browser that asked: with it and the code Confirm makes the account.
func (c *Cloud) AskForAccount(ctx context.Context, typed string, password rekey.Secret, from netip.Addr) (id string, err error) {
	address, err := parseAddress(typed)
	if err != nil {
		return "", err
	}
	if err := checkPassword(password); err != nil {
		return "", err
	}
	// The limit comes before the hash, or floods would keep others from logging in.
	err = c.db.Tx(ctx, func(tx *sql.Tx) error { return c.spend(ctx, tx, map[limit]string{limits().mailFrom: prefix(from)}) })
	if err != nil {
		return "", err // not recorded: it would fill the log
	}
	hash, err := c.hash(ctx, password)
	if err != nil {
		return "", err
	}
	id = rand.Text()
	code := wire.NewCode()
	hashed, _ := wire.HashCode(code)
	silent := false
	err = c.db.Tx(ctx, func(tx *sql.Tx) error {
		var limited *LimitError
		if err := c.spend(ctx, tx, map[limit]string{limits().mailTo: address}); errors.As(err, &limited) {
			silent = true // to tell would tell that others ask for this address
			return nil
		} else if err != nil {
			return err
		}
		now := c.now()
		if _, err := tx.ExecContext(ctx, `DELETE FROM confirmations WHERE at < $1`, store.Micros(now.Add(-confirmLife))); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO confirmations (id, address, password, code, tries, at) VALUES ($1, $2, $3, $4, 0, $5)`,
			id, address, hash, hashed, store.Micros(now))
		return err
	})
	if err = c.noted(ctx, nobody, "account.ask", "account", map[string]string{"from": from.String()}, err); err != nil || silent {
		return id, err
	}
	if err := c.opt.Mail.Send(ctx, address, confirmMessage(code)); err != nil {
		c.opt.Log.Error("code for an account was not sent", "error", err)
		return id, refuse(rekey.ErrUnreachable, "the message could not be sent; try again later")
	}
	return id, nil
}

var errConfirm = refuse(rekey.ErrDenied, "the code does not fit; take it from the newest message, within %d minutes, or ask for a new one", int(confirmLife/time.Minute))

// Confirm makes the account, or gives it its new password, and ends its sessions.
// A frozen account thaws; a second factor stays.
func (c *Cloud) Confirm(ctx context.Context, id, typed string) (Owner, error) {
	hashed, ok := wire.HashCode(typed)
	if !ok {
		return Owner{}, refuse(rekey.ErrInput, "the code has three groups of four symbols; nothing was spent")
	}
	var o Owner
	fits := false
	err := c.db.Tx(ctx, func(tx *sql.Tx) error {
		var address, password, code string
		err := tx.QueryRowContext(ctx, `SELECT address, password, code FROM confirmations WHERE id = $1 AND at > $2 AND tries < $3`,
			id, store.Micros(c.now().Add(-confirmLife)), confirmMost).Scan(&address, &password, &code)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if fits = subtle.ConstantTimeCompare([]byte(code), []byte(hashed)) == 1; !fits {
			_, err = tx.ExecContext(ctx, `UPDATE confirmations SET tries = tries + 1 WHERE id = $1`, id)
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM confirmations WHERE address = $1`, address); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO owners (id, address, password, epoch) VALUES ($1, $2, $3, 1)
			ON CONFLICT (address) DO UPDATE SET password = excluded.password, epoch = owners.epoch + 1, frozen_at = 0`, "o-"+rand.Text()[:12], address, password)
		if err != nil {
			return err
		}
		o, _, err = readOwner(ctx, tx, address)
		return err
	})
	if err == nil && !fits {
		err = errConfirm
	}
	actor := nobody
	if err == nil {
		actor = o.ID
		c.sessions.EndWhere(func(s session) bool { return s.address == o.Address })
	}
	return o, c.noted(ctx, actor, "account.confirm", "account", nil, err)
}

func readOwner(ctx context.Context, tx *sql.Tx, address string) (o Owner, hash string, err error) {
	err = tx.QueryRowContext(ctx, `SELECT id, address, password, epoch, frozen_at, totp <> '' FROM owners WHERE address = $1`, address).
		Scan(&o.ID, &o.Address, &hash, &o.epoch, &o.frozen, &o.second)
	return o, hash, err
}

var (
	errLogin  = refuse(rekey.ErrDenied, "address, password or code is wrong")
	errFrozen = refuse(rekey.ErrDenied, "the account is frozen, because its owner said in answer to a message that it was somebody else; set a new password by e-mail")
)

// LogIn checks a password once and, where the account has a second factor, a
// code. Where they do not fit, the error is the same whether or not there is such
// an account, and the time is as long as the password is wrong. A try is charged
// before anything is looked at.
func (c *Cloud) LogIn(ctx context.Context, typed string, password rekey.Secret, code string, from netip.Addr) (Owner, error) {
	address, err := parseAddress(typed)
	if err != nil {
		return Owner{}, err
	}
	l, pair := limits(), prefix(from)+" "+address
	o, hash := Owner{}, c.dummy
	err = c.db.Tx(ctx, func(tx *sql.Tx) error {
		if err := c.spend(ctx, tx, map[limit]string{l.loginFrom: prefix(from), l.loginPair: pair, l.loginOf: address}); err != nil {
			return err
		}
		found, h, err := readOwner(ctx, tx, address)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		o, hash = found, h
		return err
	})
	if err != nil {
		return Owner{}, err // what a limit refuses is not recorded: it would fill the log
	}
	fits, err := c.fits(ctx, hash, password)
	if err != nil {
		return Owner{}, err
	}
	wrong := errLogin
	switch {
	case !fits || o.ID == "":
	case o.second:
		if wrong = c.second(ctx, o, code); wrong == nil && o.frozen != 0 {
			wrong = errFrozen
		}
	case o.frozen != 0:
		wrong = errFrozen
	default:
		wrong = nil
	}
	if wrong != nil {
		actor := o.ID
		if actor == "" {
			actor = nobody
		}
		return Owner{}, c.noted(ctx, actor, "login", "account", map[string]string{"from": from.String()}, wrong)
	}
	if err := c.noted(ctx, o.ID, "login", "account", map[string]string{"from": from.String()}, nil); err != nil {
		return Owner{}, err
	}
	return o, errors.Join(c.forgive(ctx, l.loginPair, pair), c.forgive(ctx, l.loginOf, address))
}

func (c *Cloud) hash(ctx context.Context, p rekey.Secret) (hash string, err error) {
	return hash, c.hashed(ctx, func() (err error) {
		hash, err = c.opt.Argon.Hash(p, rand.Reader)
		return err
	})
}

func (c *Cloud) fits(ctx context.Context, hash string, p rekey.Secret) (ok bool, err error) {
	if len(p.Reveal()) > maxPassword {
		p = rekey.Secret{}
	}
	return ok, c.hashed(ctx, func() (err error) {
		ok, err = argon.Fits(hash, p)
		return err
	})
}

// hashed bounds how many passwords are hashed at a time.
func (c *Cloud) hashed(ctx context.Context, do func() error) error {
	select {
	case c.hashing <- struct{}{}:
		defer func() { <-c.hashing }()
		return do()
	case <-ctx.Done():
		return fmt.Errorf("%w: too many log-ins at a time", rekey.ErrConflict)
	}
}

// owner is who has the address, as long as the password is the one of the session.
func (c *Cloud) owner(ctx context.Context, s session) (o Owner, err error) {
	err = c.db.Read(ctx, func(tx *sql.Tx) error {
		o, _, err = readOwner(ctx, tx, s.address)
		return err
	})
	if err == nil && (o.epoch != s.epoch || o.frozen != 0) {
		err = sql.ErrNoRows
	}
	return o, err
}
