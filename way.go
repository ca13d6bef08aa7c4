package rekey

import "time"

// WayID names a way back in.
type WayID string

// The ways, from the gentlest to the last: what the owner can do alone stands
// before what needs somebody else, and what erases stands at the end.
const (
	WayKnownPassword     WayID = "known-password"
	WayAnotherAdmin      WayID = "another-admin"
	WaySecurityQuestions WayID = "security-questions"
	WayRecoveryFile      WayID = "recovery-file" // a file that the recorder gave out earlier
	WayVendorApp         WayID = "vendor-app"
	WayVendorWebsite     WayID = "vendor-website"
	WayTemporaryPassword WayID = "temporary-password"
	WayHardwareReset     WayID = "hardware-reset"
)

// Risk names what may be lost or exposed. It is accepted by this name, never by a bare force.
type Risk string

// The risks that a plan may name.
const (
	RiskLoseFootage    Risk = "lose-footage"    // the way may erase recordings
	RiskLoseSettings   Risk = "lose-settings"   // the way erases settings and accounts
	RiskSkipFootage    Risk = "skip-footage"    // go on without saving the footage first
	RiskLockAccount    Risk = "lock-account"    // a login try that may lock the account if the password is wrong
	RiskLeaveUnknown   Risk = "leave-unknown"   // close a run although nobody knows which password is in force
	RiskClearPassword  Risk = "clear-password"  // the new password would cross the network unencrypted
	RiskBasicLogin     Risk = "basic-login"     // the password of the login crosses the network readable: the recorder knows nothing else
	RiskNewCertificate Risk = "new-certificate" // the recorder shows another certificate than before
)

// Certainty tells how sure a fact of the catalogue is.
type Certainty string

// Marks of certainty.
const (
	Verified   Certainty = "verified"   // read in the cited source
	Inferred   Certainty = "inferred"   // carried over from the series or generation
	Unverified Certainty = "unverified" // somebody says so
)

// Way is a way back in, for one recorder: what it needs, what it costs, what to press.
type Way struct {
	ID        WayID     `json:"id"`
	Title     string    `json:"title"`
	Needs     []string  `json:"needs"`
	Cost      string    `json:"cost"`            // what is lost, in words
	Time      string    `json:"time"`            // how long it takes and how long what is issued stays valid
	Hands     []string  `json:"hands,omitempty"` // what a person presses or says, in order; empty = rekey does it alone
	Ready     []string  `json:"ready,omitempty"` // what to have at hand before calling or starting
	Pitfalls  []string  `json:"pitfalls,omitempty"`
	Cannot    []string  `json:"cannot_promise,omitempty"` // what nobody can promise of this way
	Tries     int       `json:"tries"`                    // login tries that it costs at most where something is mistyped
	Risks     []Risk    `json:"risks,omitempty"`          // must be accepted by name
	Keeps     bool      `json:"keeps_footage"`            // footage is known to stay
	Certainty Certainty `json:"certainty"`
	Sources   []string  `json:"sources,omitempty"`
}

// ByHand reports whether a person must do the change: rekey then proposes the
// password, says what to press, waits, and verifies.
func (w Way) ByHand() bool { return len(w.Hands) > 0 }

// PasswordRule is what a model accepts as a password.
type PasswordRule struct {
	Min        int    `json:"min"`
	Max        int    `json:"max"`
	Classes    int    `json:"classes"`   // of lower, upper, digit, special: at least so many
	Forbidden  string `json:"forbidden"` // characters that the model refuses
	DigitsOnly bool   `json:"digits_only"`
}

// StepKind names a step of the main job, in the order of the job.
type StepKind string

// The steps of a run.
const (
	StepFind   StepKind = "find"
	StepWays   StepKind = "ways"
	StepOpen   StepKind = "open"
	StepPlan   StepKind = "plan"
	StepAgree  StepKind = "agree"
	StepKeep   StepKind = "keep"
	StepIntend StepKind = "intend"
	StepChange StepKind = "change"
	StepVerify StepKind = "verify"
	StepHarden StepKind = "harden"
	StepWatch  StepKind = "watch" // who still comes with the old password, and which cameras went dark
	StepRecord StepKind = "record"
)

// Step is one thing that a run will do.
type Step struct {
	Kind StepKind `json:"kind"`
	What string   `json:"what"`
}

// Plan is what a run will do to one recorder, and what may be lost by it.
type Plan struct {
	Recorder Identity `json:"recorder"`
	Account  string   `json:"account"`
	Way      Way      `json:"way"`
	Steps    []Step   `json:"steps"`
	Risks    []Risk   `json:"risks,omitempty"`
	Notes    []string `json:"notes,omitempty"`
	// LoggedIn is who was logged in when the plan was made, and Channels how the
	// cameras were, as far as the recorder tells.
	LoggedIn []ActiveUser `json:"logged_in,omitempty"`
	Channels []Channel    `json:"channels,omitempty"`
}

// Outcome is how a change ended.
type Outcome string

// The three outcomes. Unknown stops a run and is settled by resume.
const (
	Changed   Outcome = "changed"
	Unchanged Outcome = "unchanged"
	Unknown   Outcome = "unknown"
)

// EventState says where in a step an event stands.
type EventState string

// States of a step in the stream of events.
const (
	EventStarted  EventState = "started"
	EventProgress EventState = "progress"
	EventDone     EventState = "done"
	EventFailed   EventState = "failed"
)

// Event is one line of what a run tells while it goes on. It holds no secret.
type Event struct {
	Time    time.Time         `json:"time"`
	Run     string            `json:"run,omitempty"`
	Step    StepKind          `json:"step"`
	State   EventState        `json:"state"`
	Message string            `json:"message"`
	Fields  map[string]string `json:"fields,omitempty"`
}
