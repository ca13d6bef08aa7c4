package desk

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"rekey"
	"rekey/internal/desk/staff"
	"rekey/internal/store"
	"rekey/recovery"
)

const maxAccount = 64

func (n NewCase) check() (number string, err error) {
	if n.Account == "" || len(n.Account) > maxAccount || !printable(n.Account) {
		return "", refuse(rekey.ErrInput, "account: expected 1 to %d printable characters, such as admin", maxAccount)
	}
	return parseCaller(n.Caller)
}

func printable(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return utf8.ValidString(s)
}

// How many cases for one recorder may be open at a time, of one caller and by
// one agent or program. An owner's own call is never refused because of what
// other callers opened, unless the owner withholds the number as they do.
const (
	mostOpenOfCaller = 3
	mostOpenByAgent  = 5
)

// OpenCase opens a case, and tells the owner. An agent works what they open;
// what a program opens waits for an agent to take it (HandOver).
func (d *Desk) OpenCase(ctx context.Context, who Agent, n NewCase) (c Case, err error) {
	number, err := n.check()
	if err != nil {
		return Case{}, d.unusable(ctx, who, ActCaseOpen, target{object: n.DeviceID.String()}, err)
	}
	detail := map[string]string{"account": n.Account, "purpose": n.Purpose.String()}
	if n.Dealer != "" {
		detail["dealer"] = clip(n.Dealer)
	}
	err = d.perform(ctx, who, ActCaseOpen, target{object: n.DeviceID.String(), detail: detail}, func() error {
		return d.db.Tx(ctx, func(tx *sql.Tx) error {
			if _, err := readRecorder(ctx, tx, n.DeviceID); err != nil {
				return err
			}
			opened, err := d.putCase(ctx, tx, who, n, number)
			if err != nil {
				return err
			}
			numbered := target{object: n.DeviceID.String(), number: opened}
			if err := d.note(ctx, who, "case.opened", numbered, "ok"); err != nil {
				return err
			}
			if c, err = d.readCase(ctx, tx, opened); err != nil {
				return err
			}
			if err := d.tellOwner(ctx, tx, &c, tellOpen); err != nil {
				return err
			}
			c, err = d.readCase(ctx, tx, opened)
			return err
		})
	})
	if err != nil {
		return Case{}, err
	}
	d.changed()
	return c.seenBy(who), nil
}

// putCase writes the rows of a new case and returns its number.
func (d *Desk) putCase(ctx context.Context, tx *sql.Tx, who Agent, n NewCase, phone string) (number int64, err error) {
	caller, keep, err := d.nameCaller(ctx, tx, phone)
	if err != nil {
		return 0, err
	}
	if err := d.refuseFlood(ctx, tx, n.DeviceID, who.Name, caller); err != nil {
		return 0, err
	}
	if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(number), 0) + 1 FROM cases`).Scan(&number); err != nil {
		return 0, err
	}
	var worker, dealer any
	fits := 0
	if n.Dealer != "" {
		account, err := readDealer(ctx, tx, n.Dealer)
		if err != nil {
			return 0, err
		}
		if dealer = account.Name; account.Phone == phone {
			fits = 1
		}
	}
	if who.Role != staff.RoleProgram {
		worker = who.Name
		if err := errors.Join(d.takePart(ctx, tx, number, who.Name, works), sitAt(ctx, tx, who, number, works)); err != nil {
			return 0, err
		}
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO cases (number, device_id, account, purpose, caller, dealer, dealer_phone,
			opened_by, opened_at, worked_by, counter_behind, approved_at, approved_level, closed_at, outcome)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, 0, 0, '')`,
		number, n.DeviceID.String(), n.Account, n.Purpose, caller, dealer, fits, who.Name, store.Micros(d.now()), worker)
	if err != nil {
		return 0, err
	}
	return number, keep(number)
}

// refuseFlood refuses a case more where one caller or one agent has many open
// for the recorder.
func (d *Desk) refuseFlood(ctx context.Context, tx *sql.Tx, id recovery.DeviceID, agent, caller string) error {
	for _, of := range []struct {
		column, name string
		most         int
		words        string
	}{{"caller", caller, mostOpenOfCaller, "this caller"}, {"opened_by", agent, mostOpenByAgent, agent}} {
		numbers, err := store.All(ctx, tx, func(scan store.Scan) (n int64, err error) { return n, scan(&n) },
			`SELECT number FROM cases c WHERE device_id = $1 AND `+of.column+` = $2 AND closed_at = 0 AND opened_at > $3
			AND NOT EXISTS (SELECT 1 FROM reveals r WHERE r.case_number = c.number AND r.delivered = 'yes') ORDER BY number LIMIT $4`,
			id.String(), of.name, store.Micros(d.now().Add(-caseLife)), of.most)
		if err != nil {
			return err
		}
		if len(numbers) >= of.most {
			return refuse(rekey.ErrBudget, "%s has %d open cases for this recorder: go on with one of them, or close one first: %s", of.words, len(numbers), fmt.Sprint(numbers))
		}
	}
	return nil
}
