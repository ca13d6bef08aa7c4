package hikvision

import (
	"errors"
	"fmt"

	"rekey"
	"rekey/internal/transport"
)

// unsentError is why a change was not even asked for. It wraps its cause, and
// rekey.ErrUnreachable where the cause is of no kind that says as much.
type unsentError struct{ cause error }

// Error says that nothing was changed.
func (e *unsentError) Error() string { return e.cause.Error() + "; nothing was changed" }

// Unwrap returns the cause and the kind.
func (e *unsentError) Unwrap() []error {
	for _, kind := range []error{rekey.ErrDenied, rekey.ErrLocked, rekey.ErrBudget, rekey.ErrInput, rekey.ErrUnsupported, rekey.ErrRisk, rekey.ErrConflict, rekey.ErrVerify, rekey.ErrStorage, rekey.ErrNotFound} {
		if errors.Is(e.cause, kind) {
			return []error{e.cause}
		}
	}
	return []error{e.cause, rekey.ErrUnreachable}
}

// unsent marks an error that came before a change was sent. What was in doubt
// before stays so.
func unsent(err error) error {
	var already *unsentError
	if err == nil || errors.Is(err, rekey.ErrUnknown) || errors.As(err, &already) {
		return err
	}
	return &unsentError{err}
}

// lost sorts an exchange that brought no answer to a change: it was not sent, or
// nobody knows what became of it. What is neither of the line nor a redirect
// came from booking or signing the login that goes with it, before anything was sent.
func lost(host, what string, err error) error {
	var exchange *transport.Error
	var moved *transport.RedirectError
	switch {
	case errors.As(err, &exchange) && exchange.Sent:
		return exchange
	case errors.As(err, &moved):
		return &oddAnswer{host: host, what: what, why: "it points elsewhere"}
	}
	return unsent(err)
}

// silenced takes the recorder's own words out of a refused login: they may
// repeat the new password that the request carried.
func silenced(err error, v verdict) error {
	var refused *rekey.LoginError
	if errors.As(err, &refused) {
		refused.Said = phrase(v)
	}
	var full *fullError
	if errors.As(err, &full) {
		return &fullError{host: full.host, said: phrase(v)}
	}
	return err
}

// rebootError: the recorder took a change and puts it in force when it restarts.
type rebootError struct{ host, what string }

// Error says what to do.
func (e *rebootError) Error() string {
	return fmt.Sprintf("%s took %s and says that it must be restarted before that is in force; restart it at its own screen", e.host, e.what)
}

// sure reports whether err leaves no doubt that nothing was changed: it was not
// sent, or the recorder said why it does not do that. An odd answer is neither, nor
// is what a recorder says to a request that arrives a second time, after it did
// what the first one asked: that the login is not right, or that it is busy.
func sure(err error) bool {
	var unsent *unsentError
	var refused *refusedError
	return errors.As(err, &unsent) || (errors.As(err, &refused) && !refused.twice())
}
