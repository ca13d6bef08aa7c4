package desk

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rekey/recovery"
)

// Facts are all that the risk rules look at.
type Facts struct {
	Purpose           recovery.Purpose
	Evidence          []Evidence
	RegisteredAddress bool // the registry has an address of the owner
	Stolen            bool // somebody reported the recorder stolen
	OwnerChanged      bool // less than 30 days ago
	AddressesChanged  bool // less than 30 days ago, after the recorder was enrolled
	ManyResets        bool // more than 2 answers in 30 days
	CounterBehind     bool // the recorder's counter was lower than one seen before
	AtRecorder        bool // a QR code proves that the caller is at the recorder now
}

func (f Facts) has(e Evidence) bool { return slices.Contains(f.Evidence, e) }

// Level is how careful a case must be handled. A higher one includes the lower.
type Level int

// The levels.
const (
	LevelNormal Level = iota // the agent alone
	LevelRaised              // a second person approves
	LevelHigh                // documents, and a second person approves
	LevelRefuse              // no answer
)

// String is the level in words.
func (l Level) String() string {
	return [...]string{"normal", "raised", "high", "refused"}[l]
}

// Rule is one line of the desk's policy: when it holds, the case is handled at
// least at its level.
type Rule struct {
	Name  string
	Why   string // for the agent
	Level Level
	Hold  time.Duration // between approval and answer
	Holds func(Facts) bool
}

// Rules are the desk's risk rules. Their order does not matter.
func Rules() []Rule {
	return []Rule{
		{"stolen", "the recorder is reported stolen", LevelRefuse, 0,
			func(f Facts) bool { return f.Stolen }},
		{"no address", "no address of the owner is registered", LevelHigh, 24 * time.Hour,
			func(f Facts) bool { return !f.RegisteredAddress }},
		{"new owner", "the owner changed less than 30 days ago", LevelHigh, 0,
			func(f Facts) bool { return f.OwnerChanged }},
		// A new address is worth no more than none, or it would end the hold at once.
		{"new address", "the registered addresses changed less than 30 days ago", LevelHigh, 24 * time.Hour,
			func(f Facts) bool { return f.AddressesChanged }},
		{"many resets", "the recorder had more than 2 answers in 30 days", LevelHigh, 0,
			func(f Facts) bool { return f.ManyResets }},
		{"counter behind", "the recorder's counter is lower than one seen before", LevelHigh, 0,
			func(f Facts) bool { return f.CounterBehind }},
		{"purpose", "the answer does more than set a new password", LevelHigh, 0,
			func(f Facts) bool { return f.Purpose != recovery.PurposePassword }},
		{"voice only", "no QR code proves that the caller is at the recorder now", LevelRaised, 0,
			func(f Facts) bool { return !f.AtRecorder }},
	}
}

// Needs is the evidence that a level asks for: one of each line.
func (l Level) Needs() [][]Evidence {
	switch l {
	case LevelNormal, LevelRaised:
		return [][]Evidence{{EvidenceAddress}, {EvidenceQR, EvidenceCallback, EvidencePhrase}}
	case LevelHigh:
		return [][]Evidence{{EvidenceDocument}, {EvidenceIdentity}}
	}
	return nil
}

// Decision is what the rules say of a case.
type Decision struct {
	Level   Level
	Reasons []string
	Missing [][]Evidence // one of each line is still needed
	Approve bool         // a second person must approve
	Hold    time.Duration
}

// Decide applies the rules. It is a pure function of the facts.
func Decide(f Facts) Decision {
	var d Decision
	for _, r := range Rules() {
		if !r.Holds(f) {
			continue
		}
		d.Level = max(d.Level, r.Level)
		d.Hold = max(d.Hold, r.Hold)
		d.Reasons = append(d.Reasons, r.Why)
	}
	if d.Level == LevelRefuse {
		return Decision{Level: LevelRefuse, Reasons: d.Reasons}
	}
	d.Approve = d.Level >= LevelRaised
	for _, anyOf := range d.Level.Needs() {
		if !slices.ContainsFunc(anyOf, f.has) {
			d.Missing = append(d.Missing, anyOf)
		}
	}
	return d
}

// MissingWords says what is missing, for the agent.
func (d Decision) MissingWords() (words []string) {
	for _, anyOf := range d.Missing {
		var titles []string
		for _, e := range anyOf {
			titles = append(titles, fmt.Sprintf("%s (%s)", e.Title(), e))
		}
		words = append(words, strings.Join(titles, " or "))
	}
	return words
}
