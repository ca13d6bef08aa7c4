package rekey

import (
	"errors"
	"fmt"
	"time"
)

// The kinds of failure. Every error that leaves a package wraps one of them or
// is an internal fault. cmd/rekey maps them to exit codes and internal/web to
// HTTP statuses, each in one place.
var (
	// ErrInput: what was asked for is malformed or impossible. Nothing was sent or changed.
	ErrInput = errors.New("bad input")
	// ErrUnreachable: no usable answer came from the recorder, or it broke off before anything changed.
	ErrUnreachable = errors.New("recorder unreachable")
	// ErrNotRecorder: something answered that rekey does not know as a recorder.
	ErrNotRecorder = errors.New("not a known recorder")
	// ErrDenied: the recorder refused the login or the right to act.
	ErrDenied = errors.New("login refused")
	// ErrLocked: the account or this address is locked for a time.
	ErrLocked = errors.New("account locked")
	// ErrBudget: rekey refused to spend a login try that might lock the account.
	ErrBudget = errors.New("login budget spent")
	// ErrUnsupported: this recorder or driver cannot do that.
	ErrUnsupported = errors.New("not supported by this recorder")
	// ErrRisk: the plan may lose something and the risk was not accepted by name.
	ErrRisk = errors.New("risk not accepted")
	// ErrWaiting: the next step needs hands at the recorder or at the vendor; resume continues.
	ErrWaiting = errors.New("waiting for hands")
	// ErrUnknown: the change may or may not have happened; resume settles it.
	ErrUnknown = errors.New("outcome unknown")
	// ErrVerify: a proof, a manifest, a log or a password check did not hold.
	ErrVerify = errors.New("verification failed")
	// ErrStorage: a local folder or file cannot be read, written or is full.
	ErrStorage = errors.New("storage failed")
	// ErrNotFound: the named recorder, run, case or record does not exist.
	ErrNotFound = errors.New("not found")
	// ErrConflict: somebody else holds it, or it is in another state by now.
	ErrConflict = errors.New("conflict")
	// ErrFindings: a check ended well and found something to mend.
	ErrFindings = errors.New("findings remain")
)

// LoginError is how a recorder refused a login. It wraps ErrDenied or ErrLocked.
type LoginError struct {
	Kind      error         // ErrDenied or ErrLocked
	Interface InterfaceKind // where it was tried
	Account   string
	TriesLeft int           // as the recorder said; -1 when it did not say
	LockedFor time.Duration // as the recorder said; 0 when it did not say
	Said      string        // the recorder's own words, free of secrets
}

// Error tells what the recorder said and what to do about it.
func (e *LoginError) Error() string {
	where := fmt.Sprintf("account %q on %s", e.Account, e.Interface)
	if e.Said != "" {
		where += fmt.Sprintf(" (it said %q)", e.Said)
	}
	if errors.Is(e.Kind, ErrLocked) {
		if e.LockedFor > 0 {
			return fmt.Sprintf("%v: %s for %s more; wait, without any other login, then run again", e.Kind, where, e.LockedFor.Round(time.Second))
		}
		return fmt.Sprintf("%v: %s; wait 30 minutes without any other login, then run again", e.Kind, where)
	}
	left := "how many tries are left the recorder does not say"
	if e.TriesLeft >= 0 {
		left = fmt.Sprintf("%d tries left before it locks", e.TriesLeft)
	}
	return fmt.Sprintf("%v: %s; %s; rekey does not try again", e.Kind, where, left)
}

// Unwrap returns the kind, ErrDenied or ErrLocked.
func (e *LoginError) Unwrap() error { return e.Kind }
