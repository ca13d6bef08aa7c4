package desk

import (
	"context"
	"database/sql"
	"errors"
	"time"
	"unicode"
	"unicode/utf8"

	"rekey"
	"rekey/internal/store"
	"rekey/recovery"
)

// Stage is where a case stands. It is worked out from what is known of the
// case, never stored.
type Stage string

// The stages, in the order in which a case goes through them.
const (
	StageEvidence  Stage = "evidence"  // evidence is missing
	StageApproval  Stage = "approval"  // a second person must approve
	StageHold      Stage = "hold"      // approved, and must wait
	StageChallenge Stage = "challenge" // the caller may read out the challenge
	StageAnswered  Stage = "answered"  // the answer was issued
	StageRefused   Stage = "refused"   // the rules allow no answer
	StageClosed    Stage = "closed"
)

// caseLife is how long after its opening a case can lead to an answer.
const caseLife = 7 * 24 * time.Hour

const expired = "expired"

// Case is one caller's wish for an answer for one recorder, account and purpose.
type Case struct {
	Number     int64             `json:"number"`
	DeviceID   recovery.DeviceID `json:"device_id"`
	Model      string            `json:"model"`
	Account    string            `json:"account"`
	Purpose    string            `json:"purpose"` // "password", "release" or "unseal"
	OpenedBy   string            `json:"opened_by"`
	OpenedAt   time.Time         `json:"opened_at"`
	Stage      Stage             `json:"stage"`
	Level      string            `json:"level"`
	Reasons    []string          `json:"reasons"`  // why the level is what it is
	Missing    []string          `json:"missing"`  // evidence, in words
	Evidence   []Proof           `json:"evidence"` // what was given
	TwoPeople  bool              `json:"two_people"`
	ApprovedBy string            `json:"approved_by,omitempty"`
	ApprovedAt time.Time         `json:"approved_at,omitzero"`
	HoldUntil  time.Time         `json:"hold_until,omitzero"`
	AnsweredAt time.Time         `json:"answered_at,omitzero"`
	ClosedBy   string            `json:"closed_by,omitempty"`
	ClosedAt   time.Time         `json:"closed_at,omitzero"`
	Outcome    string            `json:"outcome,omitempty"`
	Addresses  []string          `json:"addresses,omitempty"` // of the owner; only for who gathers the evidence, while they do
	// QRChallenge is the challenge of the QR code that was given as evidence,
	// while it proves that the caller is at the recorder now.
	QRChallenge string `json:"qr_challenge,omitempty"`

	purpose       recovery.Purpose
	caller        string
	counterBehind bool
	unvouched     bool // a challenge was given that no fresh QR code vouches for
	facts         Facts
	approvedLevel Level
	decision      Decision
}

// Proof is one piece of evidence in a case.
type Proof struct {
	Kind  Evidence  `json:"kind"`
	Title string    `json:"title"`
	Note  string    `json:"note"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`

	qr string
}

// challengeLife is how long a recorder keeps a challenge.
const challengeLife = 10 * time.Minute

// purposes are the names of the purposes in the API.
var purposeNames = [...]string{
	recovery.PurposePassword: "password",
	recovery.PurposeRelease:  "release",
	recovery.PurposeUnseal:   "unseal",
}

// ParsePurpose reads password, release or unseal; empty is password.
func ParsePurpose(s string) (recovery.Purpose, error) {
	for p, name := range purposeNames {
		if s == name || s == "" {
			return recovery.Purpose(p), nil //nolint:gosec // an index of three
		}
	}
	return 0, refuse(rekey.ErrInput, "purpose %q: expected password, release or unseal", clip(s))
}

// NewCase is what a case is opened with.
type NewCase struct {
	DeviceID recovery.DeviceID
	Account  string
	Purpose  recovery.Purpose
	Caller   string // telephone number as shown, or Withheld
}

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

// OpenCase opens a case.
func (d *Desk) OpenCase(ctx context.Context, who Agent, n NewCase) (c Case, err error) {
	number, err := n.check()
	if err != nil {
		return Case{}, err
	}
	t := target{object: n.DeviceID.String(), detail: map[string]string{"account": n.Account, "purpose": n.Purpose.String()}}
	err = d.perform(ctx, who, ActCaseOpen, t, func() error {
		return d.db.Tx(ctx, func(tx *sql.Tx) error {
			if _, err := readRecorder(ctx, tx, n.DeviceID); err != nil {
				return err
			}
			caller, keep, err := d.nameCaller(ctx, tx, number)
			if err != nil {
				return err
			}
			var opened int64
			err = tx.QueryRowContext(ctx, `INSERT INTO cases
				(number, device_id, account, purpose, caller, opened_by, opened_at, counter_behind, approved_at, approved_level, closed_at, outcome)
				VALUES ((SELECT COALESCE(MAX(number), 0) + 1 FROM cases), $1, $2, $3, $4, $5, $6, 0, 0, 0, 0, '') RETURNING number`,
				n.DeviceID.String(), n.Account, n.Purpose, caller, who.Name, store.Micros(d.now())).Scan(&opened)
			if err != nil {
				return err
			}
			if err := keep(opened); err != nil {
				return err
			}
			c, err = d.readCase(ctx, tx, opened)
			return err
		})
	})
	return c.seenBy(who), err
}

// Case is one case.
func (d *Desk) Case(ctx context.Context, who Agent, number int64) (c Case, err error) {
	err = d.perform(ctx, who, ActCaseRead, target{object: "case", number: number}, func() error {
		return d.db.Read(ctx, func(tx *sql.Tx) (err error) {
			c, err = d.readCase(ctx, tx, number)
			return err
		})
	})
	return c.seenBy(who), err
}

// Cases lists the newest cases.
func (d *Desk) Cases(ctx context.Context, who Agent) (all []Case, err error) {
	err = d.perform(ctx, who, ActCaseList, target{object: "cases"}, func() error {
		return d.db.Read(ctx, func(tx *sql.Tx) error {
			numbers, err := store.All(ctx, tx, func(scan store.Scan) (n int64, err error) { return n, scan(&n) },
				`SELECT number FROM cases ORDER BY number DESC LIMIT $1`, mostListed)
			if err != nil {
				return err
			}
			for _, n := range numbers {
				c, err := d.readCase(ctx, tx, n)
				if err != nil {
					return err
				}
				all = append(all, c.seenBy(Agent{}))
			}
			return nil
		})
	})
	return all, err
}

// seenBy leaves the owner's addresses to the agent who gathers evidence with them.
func (c Case) seenBy(who Agent) Case {
	if who.Name != c.OpenedBy || c.Stage != StageEvidence {
		c.Addresses = nil
	}
	return c
}

// readCase reads a case and works out where it stands. The error wraps rekey.ErrNotFound.
func (d *Desk) readCase(ctx context.Context, tx *sql.Tx, number int64) (Case, error) {
	c := Case{Number: number, Evidence: []Proof{}}
	var id string
	var opened, approved, closed, answered int64
	err := tx.QueryRowContext(ctx, `SELECT c.device_id, c.account, c.purpose, c.caller, c.opened_by, c.opened_at, c.counter_behind, c.unvouched,
			COALESCE(c.approved_by, ''), c.approved_at, c.approved_level, COALESCE(c.closed_by, ''), c.closed_at, c.outcome, COALESCE(r.at, 0)
		FROM cases c LEFT JOIN reveals r ON r.case_number = c.number WHERE c.number = $1`, number).
		Scan(&id, &c.Account, &c.purpose, &c.caller, &c.OpenedBy, &opened, &c.counterBehind, &c.unvouched,
			&c.ApprovedBy, &approved, &c.approvedLevel, &c.ClosedBy, &closed, &c.Outcome, &answered)
	if errors.Is(err, sql.ErrNoRows) {
		return c, refuse(rekey.ErrNotFound, "there is no case %d", number)
	}
	if err != nil {
		return c, err
	}
	c.OpenedAt, c.ApprovedAt, c.ClosedAt, c.AnsweredAt = store.Time(opened), store.Time(approved), store.Time(closed), store.Time(answered)
	c.Purpose = purposeNames[c.purpose]
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
	c.Model, c.Addresses = r.Model, r.addresses
	c.Evidence, err = store.All(ctx, tx, func(scan store.Scan) (p Proof, err error) {
		var at int64
		err = scan(&p.Kind, &p.Note, &p.qr, &p.By, &at)
		p.At, p.Title = store.Time(at), p.Kind.Title()
		return p, err
	}, `SELECT kind, note, qr, added_by, added_at FROM evidence WHERE case_number = $1 ORDER BY kind`, c.Number)
	if err != nil {
		return err
	}
	now := d.now()
	var answers int
	err = tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM reveals WHERE device_id = $1 AND case_number <> $2 AND at > $3`,
		c.DeviceID.String(), c.Number, store.Micros(now.Add(-30*24*time.Hour))).Scan(&answers)
	if err != nil {
		return err
	}
	facts := Facts{
		Purpose:           c.purpose,
		RegisteredAddress: len(r.addresses) > 0,
		Stolen:            r.Stolen,
		OwnerChanged:      recent(r.OwnedSince, now) || recent(r.ownerChanged, now),
		AddressesChanged:  recent(r.addressesChanged, now),
		ManyResets:        answers > 2,
		CounterBehind:     c.counterBehind,
	}
	for _, p := range c.Evidence {
		facts.Evidence = append(facts.Evidence, p.Kind)
		age := now.Sub(p.At) // negative after the clock was set back
		if q, err := recovery.ParseQR(p.qr); err == nil && age >= 0 && age < challengeLife {
			c.QRChallenge = q.Challenge.String()
		}
	}
	facts.AtRecorder = c.QRChallenge != "" && !c.unvouched
	c.decide(facts, now)
	return nil
}

// recent reports whether a change of a recorder's owner is still a risk.
func recent(change, now time.Time) bool {
	return !change.IsZero() && now.Sub(change) < 30*24*time.Hour
}

// decide applies the rules to the facts.
func (c *Case) decide(facts Facts, now time.Time) {
	decision := Decide(facts)
	c.facts, c.decision, c.HoldUntil = facts, decision, time.Time{}
	c.Level, c.Reasons, c.TwoPeople = decision.Level.String(), decision.Reasons, decision.Approve
	c.Missing = decision.MissingWords()
	if decision.Hold > 0 && c.approvedFor(decision) {
		c.HoldUntil = c.ApprovedAt.Add(decision.Hold)
	}
	if c.ClosedAt.IsZero() && c.AnsweredAt.IsZero() && now.Sub(c.OpenedAt) > caseLife {
		c.Outcome = expired
	}
	c.Stage = c.stage(now)
}

// approvedFor reports whether the case was approved at this level or a higher one.
func (c *Case) approvedFor(decision Decision) bool {
	return c.ApprovedBy != "" && c.approvedLevel >= decision.Level
}

func (c *Case) stage(now time.Time) Stage {
	switch {
	case !c.ClosedAt.IsZero() || c.Outcome == expired:
		return StageClosed
	case !c.AnsweredAt.IsZero():
		return StageAnswered
	case c.decision.Level == LevelRefuse:
		return StageRefused
	case len(c.decision.Missing) > 0:
		return StageEvidence
	case c.decision.Approve && !c.approvedFor(c.decision):
		return StageApproval
	case now.Before(c.HoldUntil):
		return StageHold
	}
	return StageChallenge
}

// mustBe refuses what is not due at this stage.
func (c *Case) mustBe(stages ...Stage) error {
	for _, s := range stages {
		if c.Stage == s {
			return nil
		}
	}
	switch c.Stage {
	case StageRefused:
		return noAnswer(rekey.ErrConflict)
	case StageHold:
		return refuse(rekey.ErrConflict, "case %d is on hold until %s", c.Number, c.HoldUntil.Format(time.RFC3339))
	}
	return refuse(rekey.ErrConflict, "case %d is at the stage %q; this is not due now", c.Number, c.Stage)
}
