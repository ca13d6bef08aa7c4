package recovery

import "time"

// Record is what a guard keeps through power cuts. It is written whole.
type Record struct {
	Counter      uint64 `json:"counter"`        // challenges ever shown
	Fails        int    `json:"fails"`          // answers compared since the last right one
	Burned       int    `json:"burned"`         // challenges burned since the last right answer
	LastEventSeq uint64 `json:"last_event_seq"` // see Event.Seq
}

// Store keeps the record. The whole promise of the guard rests on it:
//
// Save returns nil only when the record is on stable storage, whole, so that a
// power cut at any instant leaves the old record or the new one: temporary
// file, fsync, rename, fsync of the folder; better two copies, and the counter
// mirrored in a TPM or RPMB where there is one.
//
// Load returns what the last Save kept. A recorder that was never saved gives
// the zero Record and nil; a record that cannot be read is an error and never
// the zero Record, or whoever damages it would win 100 new attempts.
type Store interface {
	Load() (Record, error)
	Save(Record) error
}

// EventKind names what happened, as the security log spells it.
type EventKind string

// What a guard reports.
const (
	EventShown   EventKind = "challenge.shown"
	EventExpired EventKind = "challenge.expired" // Detail: "10 minutes", "replaced", "closed" or why it was cancelled
	EventBurned  EventKind = "challenge.burned"  // Detail: the penalty
	EventWrong   EventKind = "answer.wrong"      // one answer compared
	EventDup     EventKind = "answer.dup"        // the same wrong answer again, not compared
	EventOK      EventKind = "answer.ok"         // one answer compared; Detail: "second desk" where that one gave it
	EventLost    EventKind = "grant.lost"        // Detail: "10 minutes", "replaced", "closed", "not saved" or why it was cancelled
	EventSupport EventKind = "support.mode"      // Detail: "disabled" or "enabled"
)

// Event is one thing for the security log. It holds no secret.
type Event struct {
	// Seq rises by one with each event. Record.LastEventSeq is the Seq of the
	// last event handed over before the record was saved: a log that knows
	// fewer was cut, or the power went before it was written. Numbers after it
	// may come again after a power cut.
	Seq       uint64
	Kind      EventKind
	BootTime  time.Duration
	DeviceID  DeviceID
	Account   string   // empty for EventSupport
	Purpose   Purpose  // of the challenge or grant
	Challenge [32]byte // Challenge.Hash; zero for EventSupport
	Detail    string
}
