package dahua

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"rekey"
	"rekey/internal/transport"
)

// change is one new password on its way. What a recorder says to a request that
// carries it is told by numbers and known words only: it may repeat the request.
type change struct {
	account  string
	old, new rekey.Secret
	tries    rekey.Tries
	unproved bool // this session was opened with another password: sending the old one is a login try
	booked   bool
	door     rekey.InterfaceKind // whose list of accounts it is, where not that of the recorder
}

// spend books the old password, just before it is sent.
func (c *change) spend() error {
	if !c.unproved || c.booked {
		return nil
	}
	err := c.tries.Spend(c.account)
	c.booked = err == nil
	return err
}

// refused tells the budget of a wrong old password.
func (c *change) refused(e *rekey.LoginError) error {
	if !c.booked {
		if err := counted(c.tries, c.account); err != nil {
			return errors.Join(e, err)
		}
	}
	c.booked = false
	return settle(c.tries, c.account, e)
}

// compared reports whether a refusal with that code is about the old password, if
// one was told. In the list of one interface there may be no such account.
func (c *change) compared(code int64) bool {
	return !c.old.IsZero() && (c.door == "" || code != codeUser)
}

// twice reports whether a refusal with that code may be the answer to a second
// arrival of a change that the first one made: the session is gone, or the old
// password is refused that was right before. One that was never proved to be right
// in that list is believed to be wrong.
func (c *change) twice(code int64) bool {
	switch code {
	case codeNoSession, codeNoSession2:
		return !c.new.IsZero()
	case codeUserOrPassword, codeUser, codePassword, codeLocked, codeBlackList:
		return c.compared(code) && (!c.unproved || c.door != "")
	}
	return false
}

// done tells the budget that the old password was right.
func (c *change) done() error {
	if !c.booked {
		return nil
	}
	return settle(c.tries, c.account, nil)
}

// deliver sends a change that carries passwords, once. Its errors hold nothing of
// the answer but numbers; one that is not sure leaves the change in doubt.
func (s *session) deliver(ctx context.Context, method string, params any, c *change) error {
	if err := c.spend(); err != nil {
		return unsent(err)
	}
	host := s.at.Address()
	answer, res, err := s.rpc.ask(ctx, question{path: pathRPC, method: method, params: params, once: true})
	var odd *oddAnswer
	switch {
	case err != nil && res.Status == 0:
		return lost(host, method, err)
	case errors.As(err, &odd):
		return odd
	case res.Status != http.StatusOK:
		return &oddAnswer{host: host, what: method, why: fmt.Sprintf("HTTP status %d", res.Status)}
	case answer.ok():
		return nil
	case phrase([]byte(answer.Message)) == saidTooWeak:
		return &refusedError{kind: rekey.ErrInput, host: host, what: method, code: answer.Code, said: saidTooWeak}
	case !refusesChange(answer.Code):
		return &oddAnswer{host: host, what: method, why: fmt.Sprintf("error code %d", answer.Code)}
	}
	if e := answer.loginRefusal(c.account); e != nil && c.compared(answer.Code) {
		e.Said = fmt.Sprintf("code %d", answer.Code)
		if c.door != "" {
			e.Interface = c.door
		}
		return c.believed(answer.Code, c.refused(e))
	}
	return c.believed(answer.Code, &refusedError{kind: kindOf(answer.Code), host: host, what: method, code: answer.Code})
}

// believed is a refusal with that code, in doubt where it may be of a second arrival.
func (c *change) believed(code int64, refusal error) error {
	if c.twice(code) {
		return &doubtError{refusal}
	}
	return refusal
}

// doubtError is a refusal of a change that leaves it in doubt: a request may arrive
// twice, and the recorder refuses the second one because it did what the first one
// asked. It wraps nothing, so that nobody takes it for a clear no.
type doubtError struct{ cause error }

// Error tells the refusal and why it is not believed.
func (e *doubtError) Error() string {
	return e.cause.Error() + "; a request that arrives twice is refused like that the second time"
}

// unsentError is why a change was not even asked for. It wraps its cause, and
// rekey.ErrUnreachable where the cause is of no kind that says as much.
type unsentError struct{ cause error }

// Error says that nothing was changed.
func (e *unsentError) Error() string { return e.cause.Error() + "; nothing was changed" }

// Unwrap returns the cause and the kind.
func (e *unsentError) Unwrap() []error {
	for _, kind := range []error{
		rekey.ErrDenied, rekey.ErrLocked, rekey.ErrBudget, rekey.ErrInput, rekey.ErrUnsupported, rekey.ErrRisk, rekey.ErrConflict,
		rekey.ErrStorage, rekey.ErrVerify, rekey.ErrNotFound,
	} {
		if errors.Is(e.cause, kind) {
			return []error{e.cause}
		}
	}
	return []error{e.cause, rekey.ErrUnreachable}
}

// unsent marks an error that came before a change was sent. What was in doubt
// before stays so.
func unsent(err error) error {
	if err == nil || errors.Is(err, rekey.ErrUnknown) {
		return err
	}
	return &unsentError{err}
}

// lost sorts what brought no answer to a change: nobody knows what became of it,
// or it was not sent, as when the login that goes with it could not be made or booked.
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

// sure reports whether err leaves no doubt that nothing was changed: it was not
// sent, or the recorder said no to the first arrival of it. An odd answer is neither.
func sure(err error) bool {
	var unsent *unsentError
	var refused *refusedError
	var login *rekey.LoginError
	var doubt *doubtError
	return errors.As(err, &unsent) || (!errors.As(err, &doubt) && (errors.As(err, &refused) || errors.As(err, &login)))
}

// refusesChange reports whether the code of an RPC answer says clearly that the
// change was not made. Of others nobody knows.
func refusesChange(code int64) bool {
	switch code {
	case codeUserOrPassword, codeUser, codePassword, codeLocked, codeBlackList, codeNotInitialised, codeNoInterface, codeNoMethod,
		codeParse, codeRequest, codeParameter, codeAuthority, codeNoSession, codeNoSession2, codeClearPassword:
		return true
	}
	return false
}
