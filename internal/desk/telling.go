package desk

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"

	"rekey/internal/desk/courier"
	"rekey/internal/store"
)

// Telling is how far the owner is told of one thing.
type Telling struct {
	Kind    string `json:"kind"`    // open, approve, reveal, use
	Over    int    `json:"over"`    // messages that were handed over
	Waiting int    `json:"waiting"` // that wait
	GivenUp int    `json:"given_up"`
}

// The kinds of notice, each with the event that hooks are told.
const (
	tellOpen    = "open"
	tellApprove = "approve"
	tellReveal  = "reveal"
	tellUse     = "use"
)

func eventOf(kind string) string {
	return map[string]string{tellOpen: "case.opened", tellApprove: "case.approved", tellReveal: "case.answered", tellUse: "password.used"}[kind]
}

// tellOwner queues a notice of the kind (open, approve, reveal, use) to all
// addresses of the case's recorder, and to those of before, each with a link of
// its own, and tells the hooks.
func (d *Desk) tellOwner(ctx context.Context, tx *sql.Tx, c *Case, kind string) error {
	if err := errors.Join(d.tellAddresses(ctx, tx, c, kind), d.tellFormer(ctx, tx, c, kind)); err != nil {
		return err
	}
	return d.tellHooks(ctx, tx, c, eventOf(kind))
}

func (d *Desk) tellAddresses(ctx context.Context, tx *sql.Tx, c *Case, kind string) error {
	r, err := readRecorder(ctx, tx, c.DeviceID)
	if err != nil {
		return err
	}
	return d.tellEach(ctx, tx, c, r.addresses, func(l link) courier.Message { return ownerNotice(c, l, kind) })
}

// tellEach queues a message to each address that can be reached, with a link of
// its own.
func (d *Desk) tellEach(ctx context.Context, tx *sql.Tx, c *Case, addresses []string, write func(l link) courier.Message) error {
	for _, address := range addresses {
		if !d.courier.Reaches(address) {
			continue
		}
		l, err := d.newLink(ctx, tx, c.Number, address)
		if err != nil {
			return err
		}
		if err := d.courier.Queue(ctx, tx, write(l)); err != nil {
			return err
		}
	}
	return nil
}

// tellHooks tells programs of a case: never who called, or who owns the recorder.
func (d *Desk) tellHooks(ctx context.Context, tx *sql.Tx, c *Case, event string) error {
	data, err := json.Marshal(map[string]string{"device_id": c.DeviceID.String(), "purpose": purposeNames[c.purpose]})
	if err != nil {
		return err
	}
	return d.courier.Tell(ctx, tx, courier.Event{Kind: event, At: d.now(), Case: c.Number, Data: data})
}

// told reads how far the owner is told, and mayGoOn whether that is enough to
// go on: of each kind so far one message at least was handed over. Without any
// address that can be reached nothing is asked.
func (d *Desk) told(ctx context.Context, tx *sql.Tx, c *Case) (all []Telling, mayGoOn bool, err error) {
	all, mayGoOn = []Telling{}, true
	for _, kind := range []string{tellOpen, tellApprove, tellReveal, tellUse} {
		t := Telling{Kind: kind}
		if t.Over, t.Waiting, t.GivenUp, err = d.courier.Told(ctx, tx, c.Number, noticeKind(kind)); err != nil {
			return nil, false, err
		}
		if t.Over+t.Waiting+t.GivenUp > 0 {
			all = append(all, t)
		}
		mayGoOn = mayGoOn && (!c.dueTo(kind) || t.Over > 0)
	}
	if mayGoOn {
		return all, true, nil
	}
	r, err := readRecorder(ctx, tx, c.DeviceID)
	for _, address := range r.addresses {
		if d.courier.Reaches(address) {
			return all, false, err
		}
	}
	return all, true, err
}

// dueTo tells whether the owner must have been told of the kind before a
// challenge is taken.
func (c *Case) dueTo(kind string) bool {
	return kind == tellOpen || (kind == tellApprove && c.ApprovedBy != "")
}

// tellLate queues the notices of open cases of which none was handed over and
// none waits: there was no address that could be reached at the time, and there
// is one now; all were given up after a day; or the case is of a desk of before,
// which told nobody.
func (d *Desk) tellLate(ctx context.Context) error {
	return d.db.Tx(ctx, func(tx *sql.Tx) error {
		numbers, err := store.All(ctx, tx, func(scan store.Scan) (n int64, err error) { return n, scan(&n) },
			`SELECT number FROM cases WHERE closed_at = 0 AND opened_at > $1`, store.Micros(d.now().Add(-caseLife)))
		if err != nil {
			return err
		}
		for _, number := range numbers {
			c, err := d.readCase(ctx, tx, number)
			if err != nil {
				return err
			}
			if !c.untold || !c.AnsweredAt.IsZero() {
				continue
			}
			for _, kind := range []string{tellOpen, tellApprove} {
				queued := slices.ContainsFunc(c.Told, func(t Telling) bool { return t.Kind == kind && t.Over+t.Waiting > 0 })
				if !c.dueTo(kind) || queued {
					continue
				}
				if err := d.tellAddresses(ctx, tx, &c, kind); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func noticeKind(kind string) string { return "notice." + kind }
