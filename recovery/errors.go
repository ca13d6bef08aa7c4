package recovery

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// MistypedError says that a code cannot be right as typed. It never costs an
// attempt, and it never repeats what was typed.
type MistypedError struct {
	Form    Form
	Groups  []int // the wrong groups, from 1; after a wrong count only the first
	Symbols int   // symbols typed, separators not counted
}

// Error names the wrong groups.
func (e *MistypedError) Error() string {
	if e.Symbols != e.Form.symbols() {
		return fmt.Sprintf("the %s has %d symbols, expected %d (%d groups of %d)%s: nothing was spent, type it again",
			e.Form, e.Symbols, e.Form.symbols(), e.Form.Groups(), groupLen, e.firstWrong())
	}
	return fmt.Sprintf("%s of the %s mistyped: nothing was spent, check it and type it again", e.named(), e.Form)
}

func (e *MistypedError) firstWrong() string {
	if len(e.Groups) == 0 {
		return ""
	}
	return fmt.Sprintf(", group %d is the first that does not fit", e.Groups[0])
}

func (e *MistypedError) named() string {
	if len(e.Groups) == 1 {
		return fmt.Sprintf("group %d", e.Groups[0])
	}
	words := make([]string, len(e.Groups))
	for i, g := range e.Groups {
		words[i] = fmt.Sprint(g)
	}
	last := len(words) - 1
	return "groups " + strings.Join(words[:last], ", ") + " and " + words[last]
}

// What this package refuses, beside the typed errors.
var (
	// ErrReserved: the suite, purpose or version belongs to a later format.
	ErrReserved = errors.New("reserved in rrc/v1")
	// ErrAccount: the account name cannot be bound into an answer.
	ErrAccount = errors.New("account name must be 1 to 64 bytes of printable UTF-8")
	// ErrQRText: the text is not an rrc/v1 request.
	ErrQRText = errors.New("not the text of a recovery QR code")
	// ErrQRForged: the QR text does not come from the recorder that it names.
	ErrQRForged = errors.New("the QR code was not made by this recorder with this key")
	// ErrNoChallenge: nothing is open to be answered.
	ErrNoChallenge = errors.New("no challenge is open: ask the recorder for a new one")
	// ErrExpired: the open challenge outlived its ten minutes. It is also an ErrNoChallenge.
	ErrExpired = fmt.Errorf("the challenge is older than 10 minutes: %w", ErrNoChallenge)
	// ErrRepeated: this answer was wrong before; it was not counted again.
	ErrRepeated = errors.New("the same wrong answer again: nothing was spent")
	// ErrDisabled: 100 wrong answers since the last right one.
	ErrDisabled = errors.New("support codes are disabled after 100 wrong answers: an admin of the recorder must enable them again")
	// ErrNoGrant: the grant was used, is older than ten minutes, or is for another account or purpose.
	ErrNoGrant = errors.New("no grant for this account and purpose: get a new code from the desk")
	// ErrClosed: the guard was closed.
	ErrClosed = errors.New("the recovery guard is closed")
)

// WrongAnswerError says that a well-formed answer does not fit. It cost one attempt.
type WrongAnswerError struct {
	AttemptsLeft int           // on this challenge; 0 when it was burned
	Penalty      time.Duration // until the next challenge, when it was burned
}

// Error says what is left.
func (e *WrongAnswerError) Error() string {
	if e.AttemptsLeft == 0 {
		return fmt.Sprintf("wrong answer, the challenge is burned: ask for a new one in %s", seconds(e.Penalty))
	}
	return fmt.Sprintf("wrong answer, %d attempts left on this challenge", e.AttemptsLeft)
}

// WaitError refuses a new challenge for a while.
type WaitError struct {
	Left    time.Duration
	Penalty bool // a penalty for wrong answers; otherwise the 30 s between challenges
}

// Error says how long to wait.
func (e *WaitError) Error() string {
	if e.Penalty {
		return fmt.Sprintf("too many wrong answers: ask for a new challenge in %s, with the recorder left switched on", seconds(e.Left))
	}
	return fmt.Sprintf("a challenge was shown less than %s ago: ask again in %s", challengeGap, seconds(e.Left))
}

// seconds rounds up: who waits as long as told must not be refused again.
func seconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// StoreError says that the recorder's record could not be kept. Nothing was
// compared or shown.
type StoreError struct {
	Op  string // "load" or "save"
	Err error
}

// Error names what failed.
func (e *StoreError) Error() string { return fmt.Sprintf("%s the recovery record: %v", e.Op, e.Err) }

// Unwrap gives the store's own error.
func (e *StoreError) Unwrap() error { return e.Err }
