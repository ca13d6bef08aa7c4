package desk

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"rekey"
	"rekey/internal/store"
	"rekey/recovery"
)

// OwnerView is what an owner sees by the link in a message.
type OwnerView struct {
	Case      int64     `json:"case"`
	DeviceID  string    `json:"device_id"`
	Model     string    `json:"model"`
	Account   string    `json:"account"`
	Purpose   string    `json:"purpose"`
	Address   string    `json:"address"` // masked: where the link was sent to
	Former    bool      `json:"former"`  // it is not registered any more: the link follows the case and can stop it
	OpenedAt  time.Time `json:"opened_at"`
	Stage     Stage     `json:"stage"`
	HoldUntil time.Time `json:"hold_until,omitzero"`
	Frozen    bool      `json:"frozen"`
	Asks      bool      `json:"asks"`      // the desk waits for this address to be confirmed
	Confirmed bool      `json:"confirmed"` // it was
	HalfReady bool      `json:"half_ready"`
	HalfUntil time.Time `json:"half_until,omitzero"`
	Answered  bool      `json:"answered"`
	Closed    bool      `json:"closed"`
	Outcome   string    `json:"outcome,omitempty"`

	PasswordSet string `json:"password_set,omitempty"` // with the answer, as the caller said: yes, no or unknown; empty = not closed
}

// OwnerRead is what a link shows. The error wraps rekey.ErrNotFound, in the same
// words whether the link never was or is over.
func (d *Desk) OwnerRead(ctx context.Context, token rekey.Secret) (v OwnerView, err error) {
	err = d.byLink(ctx, token, ActOwnerRead, func(link) error {
		v, err = d.ownerView(ctx, token)
		return err
	})
	return v, err
}

// byLink performs an act of the owner. A token that is none is not recorded:
// anybody could fill the log with them.
func (d *Desk) byLink(ctx context.Context, token rekey.Secret, act Act, fn func(l link) error) error {
	var l link
	err := d.db.Read(ctx, func(tx *sql.Tx) (err error) {
		l, _, err = d.findLink(ctx, tx, token)
		return err
	})
	if err != nil {
		return err
	}
	return d.perform(ctx, owner(), act, targetOf(l.number, map[string]string{"address": l.masked}), func() error { return fn(l) })
}

func (d *Desk) ownerView(ctx context.Context, token rekey.Secret) (v OwnerView, err error) {
	err = d.db.Read(ctx, func(tx *sql.Tx) error {
		l, c, err := d.findLink(ctx, tx, token)
		if err != nil {
			return err
		}
		v = OwnerView{Case: c.Number, DeviceID: c.DeviceID.String(), Model: c.Model, Account: c.Account, Purpose: c.Purpose, Address: l.masked, Former: l.former,
			OpenedAt: c.OpenedAt, Stage: c.Stage, HoldUntil: c.HoldUntil, Answered: !c.AnsweredAt.IsZero(),
			Closed: c.Stage == StageClosed, Outcome: c.Outcome, PasswordSet: c.PasswordSet}
		if v.Asks, err = d.asks(ctx, tx, &c, l); err != nil {
			return err
		}
		if v.Confirmed, err = isConfirmed(ctx, tx, l); err != nil {
			return err
		}
		if v.Frozen, err = isFrozen(ctx, tx, c.DeviceID); err != nil {
			return err
		}
		_, v.HalfUntil, err = d.readHalf(ctx, tx, l, &c)
		v.HalfReady = !v.HalfUntil.IsZero()
		return err
	})
	return v, err
}

// takesCodes are the stages in which an address may be confirmed.
func takesCodes() []Stage {
	return []Stage{StageEvidence, StageApproval, StageHold, StageTelling, StageChallenge}
}

// asks tells whether a number that was sent to the link's address counts now.
func (d *Desk) asks(ctx context.Context, tx *sql.Tx, c *Case, l link) (bool, error) {
	code, err := d.openCode(ctx, tx, c.Number)
	return c.mustBe(takesCodes()...) == nil && !l.former && !code.until.IsZero() && code.address == l.address, err
}

func isConfirmed(ctx context.Context, tx *sql.Tx, l link) (bool, error) {
	var n int
	err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM confirmed_addresses WHERE case_number = $1 AND address = $2`, l.number, l.address).Scan(&n)
	return n > 0, err
}

// OwnerConfirm confirms the address of the link, while the desk waits for it:
// while a number that was sent to this address counts. The case has evidence E2 then.
func (d *Desk) OwnerConfirm(ctx context.Context, token rekey.Secret) (v OwnerView, err error) {
	err = d.byLink(ctx, token, ActOwnerConfirm, func(l link) error {
		err := d.db.Tx(ctx, func(tx *sql.Tx) error {
			_, c, err := d.findLink(ctx, tx, token)
			if err != nil {
				return err
			}
			if asks, err := d.asks(ctx, tx, &c, l); err != nil || !asks {
				if done, err := isConfirmed(ctx, tx, l); err != nil || done {
					return err // pressed twice
				}
				return refuse(rekey.ErrConflict, "support does not wait for this address to be confirmed now; ask them to send you a new number")
			}
			if err := d.confirmed(ctx, tx, c.Number, l.address, "link"); err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, `INSERT INTO evidence (case_number, kind, note, qr, added_by, added_at) VALUES ($1, $2, $3, '', $4, $5)
				ON CONFLICT (case_number, kind) DO NOTHING`,
				c.Number, EvidenceAddress, "confirmed at the link that was sent to "+l.masked, ownerName, store.Micros(d.now()))
			return err
		})
		if err != nil {
			return err
		}
		v, err = d.ownerView(ctx, token)
		return err
	})
	return v, err
}

// OwnerHalf is the owner's half of the answer, groups 3 and 4, while it counts: ten
// minutes, and no longer than the case goes on.
func (d *Desk) OwnerHalf(ctx context.Context, token rekey.Secret) (half []Group, err error) {
	err = d.byLink(ctx, token, ActOwnerHalf, func(link) error {
		raw, err := parseToken(token)
		if err != nil {
			return err
		}
		var l link
		var sealed []byte
		err = d.db.Read(ctx, func(tx *sql.Tx) error {
			var c Case
			if l, c, err = d.findLink(ctx, tx, token); err != nil {
				return err
			}
			var until time.Time
			sealed, until, err = d.readHalf(ctx, tx, l, &c)
			if err == nil && until.IsZero() {
				err = refuse(rekey.ErrConflict, "there is no half of a temporary password for you now; it is kept for ten minutes, and no longer than the case goes on")
			}
			return err
		})
		if err != nil {
			return err
		}
		half, err = openHalf(l, raw, sealed)
		return err
	})
	return half, err
}

const whyNotMe = `the owner said "that was not me"`

// OwnerNotMe freezes the case and its recorder: nobody gets an answer for it
// until a supervisor thaws it. Said again it changes nothing.
func (d *Desk) OwnerNotMe(ctx context.Context, token rekey.Secret) (v OwnerView, err error) {
	err = d.byLink(ctx, token, ActOwnerNotMe, func(link) error {
		err := d.db.Tx(ctx, func(tx *sql.Tx) error {
			l, c, err := d.findLink(ctx, tx, token)
			if err != nil {
				return err
			}
			return d.freezeByOwner(ctx, tx, &c, l)
		})
		if err != nil {
			return err
		}
		v, err = d.ownerView(ctx, token)
		return err
	})
	return v, err
}

// isFrozen tells whether a recorder is frozen, by whomever.
func isFrozen(ctx context.Context, tx *sql.Tx, id recovery.DeviceID) (frozen bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT frozen_at > 0 FROM recorders WHERE device_id = $1`, id.String()).Scan(&frozen)
	return frozen, err
}

// freezeByOwner freezes what is not frozen yet, of a case that is over the
// recorder alone, and raises the alarm in the same transaction.
func (d *Desk) freezeByOwner(ctx context.Context, tx *sql.Tx, c *Case, l link) error {
	frozen, err := isFrozen(ctx, tx, c.DeviceID)
	if err != nil || frozen && (c.Stage == StageFrozen || c.Stage == StageClosed) {
		return err
	}
	if err := d.freeze(ctx, tx, c, ownerName, whyNotMe); err != nil {
		return err
	}
	words := fmt.Sprintf("The owner of recorder %s said by the link in a message that case %d was not them.", c.DeviceID, c.Number)
	if l.former {
		words += " Their address was registered until less than 30 days before: look at who had it changed."
	}
	if err := d.raiseIn(ctx, tx, "notme", fmt.Sprintf("%s %d", c.DeviceID, c.Number), words, c.Number); err != nil {
		return err
	}
	return d.tellHooks(ctx, tx, c, "case.notme")
}
