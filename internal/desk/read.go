package desk

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"rekey"
	"rekey/internal/store"
	"rekey/recovery"
)

// caseColumns are of cases c, and of the reveal r that was delivered.
const caseColumns = `c.device_id, c.account, c.purpose, c.caller, COALESCE(c.dealer, ''), c.dealer_phone,
	c.opened_by, c.opened_at, COALESCE(c.worked_by, ''), c.send_to, c.counter_behind, c.unvouched, c.duress,
	COALESCE(c.approved_by, ''), c.approved_at, c.approved_level, c.approved_hold, c.approved_rules,
	COALESCE((SELECT jumped FROM clock), 0) - c.approved_jumped,
	c.paused_at, c.paused_why, c.frozen_at, c.frozen_by, c.frozen_why,
	COALESCE(c.closed_by, ''), c.closed_at, c.outcome, c.password_set, c.caller_in, COALESCE(r.at, 0)`

// readCase reads a case and works out where it stands. The error wraps rekey.ErrNotFound.
func (d *Desk) readCase(ctx context.Context, tx *sql.Tx, number int64) (Case, error) {
	c := Case{Number: number}
	var id, rules string
	var opened, approved, hold, jumped, paused, frozen, closed, answered int64
	err := tx.QueryRowContext(ctx, `SELECT `+caseColumns+`
		FROM cases c LEFT JOIN reveals r ON r.case_number = c.number AND r.delivered = 'yes' WHERE c.number = $1`, number).
		Scan(&id, &c.Account, &c.purpose, &c.Caller, &c.Dealer, &c.facts.DealerPhone,
			&c.OpenedBy, &opened, &c.WorkedBy, &c.sendTo, &c.counterBehind, &c.unvouched, &c.facts.Duress,
			&c.ApprovedBy, &approved, &c.approvedLevel, &hold, &rules, &jumped,
			&paused, &c.PausedWhy, &frozen, &c.FrozenBy, &c.FrozenWhy,
			&c.ClosedBy, &closed, &c.Outcome, &c.PasswordSet, &c.CallerIn, &answered)
	if errors.Is(err, sql.ErrNoRows) {
		return c, refuse(rekey.ErrNotFound, "there is no case %d", number)
	}
	if err != nil {
		return c, err
	}
	c.OpenedAt, c.ApprovedAt, c.PausedAt, c.FrozenAt = store.Time(opened), store.Time(approved), store.Time(paused), store.Time(frozen)
	c.ClosedAt, c.AnsweredAt = store.Time(closed), store.Time(answered)
	c.approvedHold, c.jumped = time.Duration(hold)*time.Microsecond, time.Duration(jumped)*time.Microsecond
	if rules != "" {
		c.approvedRules = strings.Split(rules, ";")
	}
	c.Purpose, c.CallerIs = purposeNames[c.purpose], "owner"
	if c.Dealer != "" {
		c.CallerIs = "dealer"
	}
	if c.DeviceID, err = recovery.ParseDeviceID(id); err != nil {
		return c, err
	}
	return c, d.settle(ctx, tx, &c)
}

// settle reads what the rules look at, applies them, and finds the stage.
func (d *Desk) settle(ctx context.Context, tx *sql.Tx, c *Case) error {
	r, err := readRecorder(ctx, tx, c.DeviceID)
	if err != nil {
		return err
	}
	c.Model = r.Model
	c.outdated = r.ownerChanged.After(c.ApprovedAt) || r.addressesChanged.After(c.ApprovedAt)
	if c.Evidence, err = readEvidence(ctx, tx, c.Number); err != nil {
		return err
	}
	if c.Notes, err = readNotes(ctx, tx, c.Number); err != nil {
		return err
	}
	if err := d.readTargets(ctx, tx, c, r.addresses); err != nil {
		return err
	}
	c.aim()
	goOn := false
	if c.Told, goOn, err = d.told(ctx, tx, c); err != nil {
		return err
	}
	c.untold = !goOn
	facts, err := d.facts(ctx, tx, c, r)
	if err != nil {
		return err
	}
	c.decide(facts, d.now())
	return nil
}

func readEvidence(ctx context.Context, tx *sql.Tx, number int64) ([]Proof, error) {
	all, err := store.All(ctx, tx, func(scan store.Scan) (p Proof, err error) {
		var at int64
		err = scan(&p.Kind, &p.Note, &p.qr, &p.By, &at)
		p.At, p.Title = store.Time(at), p.Kind.Title()
		return p, err
	}, `SELECT kind, note, qr, added_by, added_at FROM evidence WHERE case_number = $1 ORDER BY kind`, number)
	return append([]Proof{}, all...), err
}

// aim finds where the owner's half goes: to the address that was chosen, or else
// to one that is known to be in the owner's hands, or else to the first that can
// be reached.
func (c *Case) aim() {
	best := 0
	c.SendTo = -1
	for i, t := range c.Targets {
		worth := 1
		switch {
		case !t.Reachable:
			continue
		case t.address == c.sendTo:
			worth = 3
		case t.Confirmed:
			worth = 2
		}
		if worth > best {
			best, c.SendTo = worth, i
		}
	}
	c.Split = c.SendTo >= 0
}

// facts gathers what the rules look at.
func (d *Desk) facts(ctx context.Context, tx *sql.Tx, c *Case, r Recorder) (Facts, error) {
	now := d.now()
	var answers int
	err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM reveals WHERE device_id = $1 AND case_number <> $2 AND at > $3 AND delivered <> 'no'`,
		c.DeviceID.String(), c.Number, store.Micros(now.Add(-30*24*time.Hour))).Scan(&answers)
	if err != nil {
		return Facts{}, err
	}
	facts := c.facts // duress and the dealer's number are of the case's own row
	facts.Purpose = c.purpose
	facts.RegisteredAddress, facts.Reachable = len(c.Targets) > 0, c.Split
	facts.Stolen, facts.Frozen = r.Stolen, !r.FrozenAt.IsZero()
	facts.OwnerChanged = recent(r.OwnedSince, now) || recent(r.ownerChanged, now)
	facts.AddressesChanged = recent(r.addressesChanged, now)
	facts.ManyResets = answers > 2
	facts.CounterBehind = c.counterBehind
	for _, p := range c.Evidence {
		if p.Kind != EvidenceAddress || !c.lapsed {
			facts.Evidence = append(facts.Evidence, p.Kind)
		}
		age := now.Sub(p.At) // negative after the clock was set back
		if q, err := recovery.ParseQR(p.qr); err == nil && age >= 0 && age < challengeLife {
			c.QRChallenge = q.Challenge.String()
		}
	}
	facts.AtRecorder = c.QRChallenge != "" && !c.unvouched
	if facts.Dealer = c.Dealer != ""; facts.Dealer {
		dealer, err := readDealer(ctx, tx, c.Dealer)
		if err != nil {
			return Facts{}, err
		}
		facts.DealerVetted = dealer.counts(now)
	}
	return facts, nil
}

// recent reports whether a change of a recorder's owner is still a risk.
func recent(change, now time.Time) bool {
	return !change.IsZero() && now.Sub(change) < 30*24*time.Hour
}
