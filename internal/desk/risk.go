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
	Reachable         bool // a message gets to one of them, so that the answer can be split
	Stolen            bool // somebody reported the recorder stolen
	Frozen            bool // somebody stopped all answers for the recorder
	OwnerChanged      bool // less than 30 days ago
	AddressesChanged  bool // less than 30 days ago, after the recorder was enrolled
	ManyResets        bool // more than 2 answers in 30 days
	CounterBehind     bool // the recorder's counter was lower than one seen before
	Duress            bool // the owner's duress word was said
	Dealer            bool // a dealer or installer asks
	DealerVetted      bool // whose account counts now
	DealerPhone       bool // from the number that is registered for it
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
	Why   string // for whoever may know; see Quiet
	Level Level
	Hold  time.Duration // between approval and answer
	Needs [][]Evidence  // one of each line, beside what the level asks for
	Quiet bool          // who works the case reads QuietWhy in its place
	Holds func(Facts) bool
}

// QuietWhy stands for every reason that a caller must not learn from the
// agent's voice. It is the same for changes in the registry, which are common,
// and for the duress word, so that it gives none away.
const QuietWhy = "the desk asks for more care with this recorder at present"

// Rules are the desk's risk rules, in the order in which reasons are named.
func Rules() []Rule {
	const wait = 24 * time.Hour
	return []Rule{
		{Name: "stolen", Why: "the recorder is reported stolen", Level: LevelRefuse,
			Holds: func(f Facts) bool { return f.Stolen }},
		{Name: "frozen", Why: "the recorder is frozen", Level: LevelRefuse,
			Holds: func(f Facts) bool { return f.Frozen }},
		{Name: "no address", Why: "no address of the owner is registered", Level: LevelHigh, Hold: wait,
			Holds: func(f Facts) bool { return !f.RegisteredAddress }},
		{Name: "not reachable", Why: "the desk reaches no address of the owner, so the answer cannot be split", Level: LevelHigh, Hold: wait,
			Holds: func(f Facts) bool { return f.RegisteredAddress && !f.Reachable }},
		// The quiet rules stand together, so that no place in the list tells which one it is.
		{Name: "duress", Why: "the owner said the duress word", Level: LevelHigh, Hold: wait, Quiet: true,
			Holds: func(f Facts) bool { return f.Duress }},
		{Name: "new owner", Why: "the owner changed less than 30 days ago", Level: LevelHigh, Quiet: true,
			Holds: func(f Facts) bool { return f.OwnerChanged }},
		// A new address is worth no more than none, or it would end the hold at once.
		{Name: "new address", Why: "the registered addresses changed less than 30 days ago", Level: LevelHigh, Hold: wait, Quiet: true,
			Holds: func(f Facts) bool { return f.AddressesChanged }},
		{Name: "many resets", Why: "the recorder had more than 2 answers in 30 days", Level: LevelHigh, Quiet: true,
			Holds: func(f Facts) bool { return f.ManyResets }},
		{Name: "counter behind", Why: "the recorder's counter is lower than one seen before", Level: LevelHigh,
			Holds: func(f Facts) bool { return f.CounterBehind }},
		{Name: "purpose", Why: "the answer does more than set a new password", Level: LevelHigh,
			Holds: func(f Facts) bool { return f.Purpose != recovery.PurposePassword }},
		{Name: "voice only", Why: "no QR code proves that the caller is at the recorder now", Level: LevelRaised,
			Holds: func(f Facts) bool { return !f.AtRecorder }},
		{Name: "dealer", Why: "a dealer or installer asks: the owner must agree by a registered address, and gets their half", Needs: [][]Evidence{{EvidenceAddress}},
			Holds: func(f Facts) bool { return f.Dealer }},
		{Name: "dealer not vetted", Why: "the dealer's account does not count, or no longer", Level: LevelRefuse,
			Holds: func(f Facts) bool { return f.Dealer && !f.DealerVetted }},
		{Name: "dealer, owner not reachable", Why: "a dealer asks, and the desk reaches no address of the owner", Level: LevelRefuse,
			Holds: func(f Facts) bool { return f.Dealer && (!f.RegisteredAddress || !f.Reachable) }},
		// A number can be shown falsely: it is worth a look, and proves nothing.
		{Name: "dealer's number", Why: "the call comes from the number that is registered for the dealer; that proves nothing",
			Holds: func(f Facts) bool { return f.Dealer && f.DealerPhone }},
		{Name: "not the dealer's number", Why: "the call does not come from the number that is registered for the dealer",
			Holds: func(f Facts) bool { return f.Dealer && !f.DealerPhone }},
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
	Reasons []string     // all of them
	Shown   []string     // as who works the case reads them
	Missing [][]Evidence // one of each line is still needed
	Approve bool         // a second person must approve
	Hold    time.Duration

	grave []string // the names of the rules of the level high
}

// Decide applies the rules. It is a pure function of the facts.
func Decide(f Facts) Decision {
	var d Decision
	var needs [][]Evidence
	for _, r := range Rules() {
		if !r.Holds(f) {
			continue
		}
		d.Level = max(d.Level, r.Level)
		d.Hold = max(d.Hold, r.Hold)
		needs = append(needs, r.Needs...)
		d.say(r)
	}
	if d.Level == LevelRefuse {
		return Decision{Level: LevelRefuse, Reasons: d.Reasons, Shown: d.Shown}
	}
	d.Approve = d.Level >= LevelRaised
	for _, anyOf := range append(d.Level.Needs(), needs...) {
		if !slices.ContainsFunc(anyOf, f.has) && !slices.ContainsFunc(d.Missing, func(m []Evidence) bool { return slices.Equal(m, anyOf) }) {
			d.Missing = append(d.Missing, anyOf)
		}
	}
	return d
}

func (d *Decision) say(r Rule) {
	if r.Level == LevelHigh {
		d.grave = append(d.grave, r.Name)
	}
	d.Reasons = append(d.Reasons, r.Why)
	shown := r.Why
	if r.Quiet {
		shown = QuietWhy
	}
	if !slices.Contains(d.Shown, shown) {
		d.Shown = append(d.Shown, shown)
	}
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
