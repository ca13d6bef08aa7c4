package desk

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"rekey"
	"rekey/internal/desk/staff"
	"rekey/recovery"
)

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

	WorkedBy    string    `json:"worked_by"`        // who goes on with it; after a hand-over not who opened it; empty = nobody yet
	Caller      string    `json:"caller"`           // same value = same telephone number, within 30 days; not the number
	CallerIs    string    `json:"caller_is"`        // "owner" or "dealer"
	Dealer      string    `json:"dealer,omitempty"` // the vetted account of a dealer or installer
	Targets     []Target  `json:"targets"`          // the registered addresses
	SendTo      int       `json:"send_to"`          // the target that gets the owner's half; -1 = none can
	Split       bool      `json:"split"`            // the agent will get groups 1 and 2 alone
	Told        []Telling `json:"told"`             // how far the owner is told
	Notes       []Note    `json:"notes,omitempty"`  // oldest first
	PausedAt    time.Time `json:"paused_at,omitzero"`
	PausedWhy   string    `json:"paused_why,omitempty"`
	FrozenAt    time.Time `json:"frozen_at,omitzero"`
	FrozenBy    string    `json:"frozen_by,omitempty"` // "owner" by a link
	FrozenWhy   string    `json:"frozen_why,omitempty"`
	PasswordSet string    `json:"password_set,omitempty"` // yes, no or unknown, from the end of the call
	CallerIn    string    `json:"caller_in,omitempty"`    // yes, no or unknown: did the caller get in?
	CodeUntil   time.Time `json:"code_until,omitzero"`    // a number was sent (E2) and counts until then

	// QRChallenge is the challenge of the QR code that was given as evidence,
	// while it proves that the caller is at the recorder now.
	QRChallenge string `json:"qr_challenge,omitempty"`

	purpose       recovery.Purpose
	counterBehind bool
	unvouched     bool // a challenge was given that no fresh QR code vouches for
	facts         Facts
	approvedLevel Level
	approvedHold  time.Duration
	approvedRules []string      // of the level high, by name; nil = not kept
	outdated      bool          // owner or addresses were changed after the approval
	lapsed        bool          // no address that was confirmed is registered now
	jumped        time.Duration // by the wall clock since the approval
	decision      Decision
	sendTo        string // the one that was chosen; empty = none
	untold        bool   // a notice to the owner waits for the mail
}

// Target is a registered address of the owner, by its index.
type Target struct {
	Index     int    `json:"index"`
	Address   string `json:"address"` // masked
	Kind      string `json:"kind"`    // "mail" or "sms"
	Reachable bool   `json:"reachable"`
	Confirmed bool   `json:"confirmed"` // in this case

	address string
}

// Note is what somebody wrote down about a case.
type Note struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Text string    `json:"text"`
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
	Dealer   string // the vetted account, where a dealer or installer asks; empty = the owner does
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

// CaseFile is a case with what is looked up beside it.
type CaseFile struct {
	Case     Case
	Recorder Recorder // as the registry has it
	Takers   []string // the agents who may take the case over, by name; for who may hand it over
}

// CaseFile is one case's, for who may read the case and its recorder. It is one
// act, and one record.
func (d *Desk) CaseFile(ctx context.Context, who Agent, number int64) (f CaseFile, err error) {
	act := ActCaseRead
	if !May(who, ActRecorderRead) {
		act = ActRecorderRead // which is refused
	}
	err = d.perform(ctx, who, act, target{object: "case and recorder", number: number}, func() error {
		all, err := d.staff.Agents(ctx)
		if err != nil {
			return err
		}
		return d.db.Read(ctx, func(tx *sql.Tx) (err error) {
			if f.Case, err = d.readCase(ctx, tx, number); err != nil {
				return err
			}
			if f.Recorder, err = readRecorder(ctx, tx, f.Case.DeviceID); err != nil {
				return err
			}
			if f.Recorder.Answers, err = readAnswers(ctx, tx, f.Case.DeviceID); err != nil || !May(who, ActCaseHandOver) {
				return err
			}
			f.Takers, err = takers(ctx, tx, &f.Case, all)
			return err
		})
	})
	f.Case = f.Case.seenBy(who)
	return f, err
}

// seenBy is the case as somebody's role may know it: who works it with a caller
// on the line, and programs, read the quiet reasons only.
func (c Case) seenBy(who Agent) Case {
	if who.Role == staff.RoleAgent || who.Role == staff.RoleProgram {
		c.Reasons = c.decision.Shown
	}
	return c
}

// lasting is a refusal after which the transaction commits all the same: what
// was learnt, or spent, must last.
type lasting struct{ error }

// changeCase does an act that changes a case: see inCase.
func (d *Desk) changeCase(ctx context.Context, who Agent, act Act, t target, fn func(*sql.Tx, *Case) error) (c Case, err error) {
	err = d.perform(ctx, who, act, t, func() error {
		c, err = d.inCase(ctx, t.number, fn)
		return err
	})
	return c.seenBy(who), err
}

// inCase runs fn on a case in one transaction, and returns the case as it is
// then. Where fn returns a lasting error, what it wrote stands.
func (d *Desk) inCase(ctx context.Context, number int64, fn func(*sql.Tx, *Case) error) (c Case, err error) {
	var held lasting
	err = d.db.Tx(ctx, func(tx *sql.Tx) error {
		if c, err = d.readCase(ctx, tx, number); err != nil {
			return err
		}
		if err := fn(tx, &c); err != nil && !errors.As(err, &held) {
			return err
		}
		c, err = d.readCase(ctx, tx, number)
		return err
	})
	if err != nil {
		return Case{}, err
	}
	d.changed()
	return c, held.error
}
