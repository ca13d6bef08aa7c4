package onvif

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"rekey"
	"rekey/internal/transport"
)

// SetPassword changes the password of the account that is logged in, over HTTPS
// or where the risk of plain HTTP was accepted. ONVIF has no old password: being
// logged in is the proof, and old is only compared, never sent. It must be the
// password of this session; no fresh login is made with it. The account must be
// an administrator, as only those learn their own level, which has to be sent.
func (s *session) SetPassword(ctx context.Context, old, new rekey.Secret) error {
	own := s.main.account()
	switch {
	case old.IsZero():
		return fmt.Errorf("%w: the old password must not be empty", rekey.ErrInput)
	case old.Equal(new):
		return fmt.Errorf("%w: the new password is the old one", rekey.ErrInput)
	case !own.Password.Equal(old):
		return fmt.Errorf("%w: the old password is not the one that this login was made with; log in with it to change it", rekey.ErrInput)
	}
	return s.set(ctx, own.Account, new)
}

// ResetPassword sets another user's password as an administrator. The level
// stays as the device lists it.
func (s *session) ResetPassword(ctx context.Context, account string, new rekey.Secret) error {
	switch own := s.main.account().Account; {
	case account == "":
		return fmt.Errorf("%w: the account must not be empty", rekey.ErrInput)
	case strings.EqualFold(account, own):
		return fmt.Errorf("%w: %q is the account that is logged in; its own password is changed with the old one", rekey.ErrInput, account)
	}
	return s.set(ctx, account, new)
}

// SetOwnPassword is ResetPassword for the ONVIF users, which are the list that
// this session works on, and SetPassword for the account that is logged in.
func (s *session) SetOwnPassword(ctx context.Context, kind rekey.InterfaceKind, account string, old, new rekey.Secret) error {
	switch {
	case kind != rekey.InterfaceONVIF:
		return fmt.Errorf("%w: ONVIF tells nothing of a list of users that %q has for itself", rekey.ErrUnsupported, kind)
	case strings.EqualFold(account, s.main.account().Account) && !old.IsZero():
		return s.SetPassword(ctx, old, new)
	}
	return s.ResetPassword(ctx, account, new)
}

// set sends one SetUser, of one user. It always has a password: without one it
// would clear the user's.
func (s *session) set(ctx context.Context, account string, new rekey.Secret) error {
	if err := carried(new); err != nil {
		return err
	}
	e, err := s.safely(ctx)
	if err != nil {
		return unchanged(err)
	}
	if err := e.fits(ctx, account, new); err != nil {
		return unchanged(err)
	}
	u, err := e.find(ctx, account)
	if err != nil {
		return unchanged(err)
	}
	err = e.change(ctx, ofDevice("SetUser", `<tds:User>`+tag("tt:Username", u.name)+tag("tt:Password", new.Reveal())+tag("tt:UserLevel", u.level)+`</tds:User>`), new)
	return s.took(account, new, err)
}

// carried refuses what XML or the devices' digests may not carry unharmed,
// before anything is sent.
func carried(new rekey.Secret) error {
	text := new.Reveal()
	switch {
	case text == "":
		return fmt.Errorf("%w: the new password must not be empty: ONVIF would clear the account's", rekey.ErrInput)
	case strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsControl(r) }):
		return fmt.Errorf("%w: the new password holds characters other than the printable ones of ASCII, of which no ONVIF device says how it hashes them", rekey.ErrInput)
	case strings.TrimSpace(text) != text:
		return fmt.Errorf("%w: the new password begins or ends with a blank, which devices may drop from XML", rekey.ErrInput)
	}
	return nil
}

// change sends a request that carries a new password, once. An error is
// unchangedError, or leaves the change in doubt.
func (e *entrance) change(ctx context.Context, q question, new rekey.Secret) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.prepare(ctx); err != nil {
		return unchanged(err)
	}
	_, err := e.send(ctx, q)
	var exchange *transport.Error
	var refused *fault
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		sure, twice := refused.sure(), refused.twice()
		refused.without(new)
		switch {
		case sure:
			return unchanged(refused)
		case twice:
			return inDoubt(refused)
		}
	case errors.As(err, &exchange) && !exchange.Sent:
		return unchanged(err)
	}
	var login *rekey.LoginError
	if errors.As(err, &login) {
		login.Said = "" // it may repeat the request
		return inDoubt(login)
	}
	return err
}

// inDoubt is a refusal that is not believed.
func inDoubt(refusal error) error {
	return fmt.Errorf("%w; a request that arrives twice is refused like that the second time", refusal)
}

// took notes how a change ended: later requests use the new password, or none
// are made where nobody knows which one is in force.
func (s *session) took(account string, new rekey.Secret, err error) error {
	var surely *unchangedError
	if errors.As(err, &surely) {
		return err
	}
	if err != nil {
		err = fmt.Errorf("%w: the password of account %q at %s may or may not have been changed: %v; resume finds out", rekey.ErrUnknown, account, s.host(), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range []*entrance{s.main, s.safe} {
		if e != nil {
			e.became(account, new, err)
		}
	}
	return err
}

// became takes over the own new password, unproved, or stops every further login.
func (e *entrance) became(account string, new rekey.Secret, unknown error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !strings.EqualFold(account, e.login.Account) {
		return
	}
	if unknown != nil {
		e.over = unknown
		return
	}
	e.login.Password, e.digest, e.proved = new, nil, false
}

func (e *entrance) account() rekey.Login {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.login
}

// safely is a door where a password may travel: HTTPS, or plain HTTP when that
// risk was accepted by name. At an HTTPS door found only now the password is
// proved once more; its certificate is taken as it is shown.
func (s *session) safely(ctx context.Context) (*entrance, error) {
	at := s.main.http.At()
	if at.TLS {
		return s.main, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.safe != nil || s.shut != nil {
		return s.safe, s.shut
	}
	doors, err := s.Interfaces(ctx)
	if err != nil && !errors.Is(err, rekey.ErrUnsupported) {
		return nil, err
	}
	for _, d := range doors {
		if d.Kind == rekey.InterfaceONVIF && d.TLS {
			s.safe, err = s.driver.enter(ctx, d, s.id.Interfaces, s.main.account(), s.main.tries)
			var refused *rekey.LoginError
			if errors.As(err, &refused) {
				s.shut = err
			}
			return s.safe, err
		}
	}
	if s.driver.clearPassword {
		return s.main, nil
	}
	return nil, fmt.Errorf("%w: %s: %s offers ONVIF without HTTPS only, so the new password would cross the network in the clear; switch HTTPS on, or accept the risk by this name",
		rekey.ErrRisk, rekey.RiskClearPassword, at.Address())
}

// unchangedError is a clear no to a change, or why it was not even asked for. It
// wraps its cause, and where that is of no kind that says as much, another.
type unchangedError struct{ cause error }

// Error says that nothing was changed.
func (e *unchangedError) Error() string { return e.cause.Error() + "; nothing was changed" }

// Unwrap returns the cause and the kind.
func (e *unchangedError) Unwrap() []error {
	for _, kind := range []error{rekey.ErrDenied, rekey.ErrLocked, rekey.ErrBudget, rekey.ErrInput, rekey.ErrUnsupported, rekey.ErrRisk, rekey.ErrUnknown} {
		if errors.Is(e.cause, kind) {
			return []error{e.cause}
		}
	}
	var refused *fault
	switch {
	case errors.Is(e.cause, rekey.ErrNotFound):
		return []error{e.cause, rekey.ErrInput}
	case errors.As(e.cause, &refused):
		return []error{e.cause, rekey.ErrDenied}
	}
	return []error{e.cause, rekey.ErrUnreachable}
}

// unchanged marks an error that left everything as it was. What was in doubt
// before stays so.
func unchanged(err error) error {
	if errors.Is(err, rekey.ErrUnknown) {
		return err
	}
	return &unchangedError{err}
}

var (
	_ rekey.PasswordSetter    = (*session)(nil)
	_ rekey.PasswordResetter  = (*session)(nil)
	_ rekey.OwnAccountsSetter = (*session)(nil)
)
