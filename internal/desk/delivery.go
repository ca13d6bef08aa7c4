package desk

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"rekey"
	"rekey/internal/desk/courier"
	"rekey/internal/store"
)

const (
	codeLife  = 10 * time.Minute
	codeTries = 5
	codeSends = 5 // for one case in an hour
)

// tokenMAC is how a secret that somebody else holds is kept.
func (d *Desk) tokenMAC(what, secret string) string {
	mac := hmac.New(sha256.New, d.keys.tokens)
	mac.Write([]byte(what + "\x00" + secret))
	return hex.EncodeToString(mac.Sum(nil))
}

// addressMAC names an address in tables that need not know it.
func (d *Desk) addressMAC(address string) string { return d.tokenMAC("address", address) }

// readTargets fills in the registered addresses, whether they are confirmed in
// this case, and until when a number that was sent counts.
func (d *Desk) readTargets(ctx context.Context, tx *sql.Tx, c *Case, addresses []string) error {
	confirmed, err := store.All(ctx, tx, func(scan store.Scan) (mac string, err error) { return mac, scan(&mac) },
		`SELECT address FROM confirmed_addresses WHERE case_number = $1`, c.Number)
	if err != nil {
		return err
	}
	c.Targets = []Target{}
	for i, a := range addresses {
		kind := "mail"
		if strings.HasPrefix(a, "tel:") {
			kind = "sms"
		}
		c.Targets = append(c.Targets, Target{Index: i, Address: mask(a), Kind: kind, Reachable: d.courier.Reaches(a),
			Confirmed: slices.Contains(confirmed, d.addressMAC(a)), address: a})
	}
	c.lapsed = len(confirmed) > 0 && !slices.ContainsFunc(c.Targets, func(t Target) bool { return t.Confirmed })
	code, err := d.openCode(ctx, tx, c.Number)
	c.CodeUntil = code.until
	return err
}

// target is a registered address of the case by its index.
func (c *Case) target(index int) (Target, error) {
	if index < 0 || index >= len(c.Targets) {
		return Target{}, refuse(rekey.ErrInput, "address %d: recorder %s has %d registered addresses, counted from 0", index, c.DeviceID, len(c.Targets))
	}
	return c.Targets[index], nil
}

// sentCode is a number that was sent and still counts.
type sentCode struct {
	turn          int64
	address, hash string
	masked        string
	tries         int
	until         time.Time
}

// openCode is the number that counts now; until is zero where none does.
func (d *Desk) openCode(ctx context.Context, tx *sql.Tx, number int64) (sentCode, error) {
	var code sentCode
	var sent int64
	err := tx.QueryRowContext(ctx, `SELECT turn, address, masked, code, tries, sent_at FROM codes
		WHERE case_number = $1 AND code <> '' AND tries > 0 ORDER BY turn DESC LIMIT 1`, number).
		Scan(&code.turn, &code.address, &code.masked, &code.hash, &code.tries, &sent)
	if errors.Is(err, sql.ErrNoRows) {
		return sentCode{}, nil
	}
	at, now := store.Time(sent), d.now()
	if err != nil || now.Before(at) || !now.Before(at.Add(codeLife)) {
		return sentCode{}, err
	}
	code.until = at.Add(codeLife)
	return code, nil
}

// SendCode sends a number of eight digits to a registered address of the case's
// recorder, by its index in Case.Targets. It counts for ten minutes and five
// tries; an earlier one is over. The case gets evidence E2 when the caller reads it out
// (AddEvidence), or confirms at the link that stands beside it (OwnerConfirm).
// The error wraps rekey.ErrUnreachable where the mail or the SMS provider is
// down, and rekey.ErrBudget after five numbers in an hour.
func (d *Desk) SendCode(ctx context.Context, who Agent, number int64, target int) (c Case, err error) {
	t := targetOf(number, map[string]string{"target": strconv.Itoa(target)})
	err = d.perform(ctx, who, ActCodeSend, t, func() error {
		var code string
		var l link
		err := d.db.Tx(ctx, func(tx *sql.Tx) (err error) {
			if c, err = d.readCase(ctx, tx, number); err != nil {
				return err
			}
			code, l, err = d.drawCode(ctx, tx, &c, target)
			return err
		})
		if err != nil {
			return err
		}
		if err := d.courier.Send(ctx, codeNotice(&c, l, code)); err != nil {
			return d.dropCode(ctx, number, err)
		}
		return d.db.Read(ctx, func(tx *sql.Tx) (err error) {
			c, err = d.readCase(ctx, tx, number)
			return err
		})
	})
	return c.seenBy(who), err
}

// targetOf is a target that is a case.
func targetOf(number int64, detail map[string]string) target {
	return target{object: "case", number: number, detail: detail}
}

// drawCode puts a new number down, by its hash, before it is sent.
func (d *Desk) drawCode(ctx context.Context, tx *sql.Tx, c *Case, index int) (code string, l link, err error) {
	if err := c.mustBe(StageEvidence, StageApproval, StageHold, StageTelling, StageChallenge); err != nil {
		return "", l, err
	}
	to, err := c.target(index)
	if err != nil {
		return "", l, err
	}
	if !to.Reachable {
		return "", l, refuse(rekey.ErrUnreachable, "this desk has no way to send to %s; take another address, or other evidence", to.Address)
	}
	var turn int64
	var sends int
	hour := store.Micros(d.now().Add(-time.Hour))
	err = tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(turn), 0) + 1, COUNT(CASE WHEN sent_at > $2 THEN 1 END) FROM codes WHERE case_number = $1`,
		c.Number, hour).Scan(&turn, &sends)
	if err != nil {
		return "", l, err
	}
	if sends >= codeSends {
		return "", l, refuse(rekey.ErrBudget, "%d numbers were sent for case %d in the last hour; wait, or take other evidence", sends, c.Number)
	}
	if l, err = d.newLink(ctx, tx, c.Number, to.address); err != nil {
		return "", l, err
	}
	n, err := rand.Int(d.opt.Rand, big.NewInt(100_000_000))
	if err != nil {
		return "", l, fmt.Errorf("draw a number: %w", err)
	}
	code = fmt.Sprintf("%08d", n)
	if err := closeCodes(ctx, tx, c.Number); err != nil {
		return "", l, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO codes (case_number, turn, sent_at, address, masked, code, tries) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		c.Number, turn, store.Micros(d.now()), d.addressMAC(to.address), to.Address, d.codeMAC(c.Number, code), codeTries)
	return code, l, err
}

// codeMAC is keyed, as eight digits are guessed from a plain hash in no time.
func (d *Desk) codeMAC(number int64, digits string) string {
	return d.tokenMAC("code "+strconv.FormatInt(number, 10), digits)
}

func closeCodes(ctx context.Context, tx *sql.Tx, number int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE codes SET code = '' WHERE case_number = $1`, number)
	return err
}

// dropCode takes back a number that may not have arrived.
func (d *Desk) dropCode(ctx context.Context, number int64, failed error) error {
	ctx = context.WithoutCancel(ctx)
	err := d.db.Tx(ctx, func(tx *sql.Tx) error { return closeCodes(ctx, tx, number) })
	d.opt.Log.Warn("a number could not be handed over", "error", failed) // what the mail server said is the operator's
	return errors.Join(refuse(rekey.ErrUnreachable, "the number could not be sent: the mail server or the SMS provider cannot be reached now; try again in a few minutes, or another registered address"), err)
}

// codeFits spends a try and tells whether the number is the one that was sent.
// held is a refusal after which the transaction must commit all the same. A
// number that was mistyped costs nothing.
func (d *Desk) codeFits(ctx context.Context, tx *sql.Tx, c *Case, typed rekey.Secret) (held, err error) {
	digits := strings.NewReplacer(" ", "", "-", "").Replace(typed.Reveal())
	if len(digits) != 8 || strings.Trim(digits, "0123456789") != "" {
		return nil, refuse(rekey.ErrInput, "the number has eight digits: nothing was spent")
	}
	code, err := d.openCode(ctx, tx, c.Number)
	if err != nil {
		return nil, err
	}
	if code.until.IsZero() || !d.registers(c, code.address) {
		return nil, refuse(rekey.ErrConflict, "no number counts for case %d now; send a new one", c.Number)
	}
	if !hmac.Equal([]byte(d.codeMAC(c.Number, digits)), []byte(code.hash)) {
		_, err = tx.ExecContext(ctx, `UPDATE codes SET tries = tries - 1 WHERE case_number = $1 AND turn = $2`, c.Number, code.turn)
		return refuse(rekey.ErrDenied, "that is not the number that was sent; %d tries are left", code.tries-1), err
	}
	return nil, d.confirmed(ctx, tx, c.Number, code.address, "number")
}

// confirmed remembers that an address is in the owner's hands, and how that was
// seen. The number is over.
func (d *Desk) confirmed(ctx context.Context, tx *sql.Tx, number int64, address, how string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO confirmed_addresses (case_number, address, how, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (case_number, address) DO UPDATE SET how = excluded.how, at = excluded.at`, number, address, how, store.Micros(d.now()))
	if err != nil {
		return err
	}
	return closeCodes(ctx, tx, number)
}

// settled hears from the courier what became of a message.
func (d *Desk) settled(ctx context.Context, s courier.Settled) {
	d.changed()
	if s.Over || s.Hook {
		return
	}
	words := fmt.Sprintf("a message (%s) about case %d could not be delivered for a day", s.Kind, s.Case)
	if err := d.raise(ctx, "undelivered", strconv.FormatInt(s.Case, 10), words, s.Case); err != nil {
		d.opt.Log.Error("an alarm could not be raised", "error", err)
	}
}
