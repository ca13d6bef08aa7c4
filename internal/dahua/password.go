package dahua

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"rekey"
)

// SetPassword changes the password of the account that is logged in: by the RSA
// and AES envelope where the recorder has it, else by CGI over HTTPS. Afterwards
// the recorder may have ended this session; log in again to go on.
func (s *session) SetPassword(ctx context.Context, old, new rekey.Secret) error {
	if err := settable(old, new); err != nil {
		return err
	}
	c := s.claim(old, new)
	err := s.setPassword(ctx, c)
	if err == nil {
		s.changedTo(new)
		err = c.done()
	}
	return s.outcome(c.account, s.rulesOut(ctx, err))
}

// outcome lets an error be that leaves no doubt; any other makes the outcome unknown.
func (s *session) outcome(account string, err error) error {
	if err == nil || sure(err) || errors.Is(err, rekey.ErrUnknown) {
		return err
	}
	return s.unknown(account, err)
}

// settable refuses what no recorder would take, before anything is sent.
func settable(old, new rekey.Secret) error {
	switch {
	case old.IsZero() || new.IsZero():
		return fmt.Errorf("%w: the old and the new password must not be empty", rekey.ErrInput)
	case old.Equal(new):
		return fmt.Errorf("%w: the new password is the old one", rekey.ErrInput)
	}
	if err := carried("old password", old.Reveal()); err != nil {
		return err
	}
	return carried("new password", new.Reveal())
}

// claim is a change whose old password must be booked as a try, unless this
// session was opened with it.
func (s *session) claim(old, new rekey.Secret) *change {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &change{account: s.login.Account, old: old, new: new, tries: s.tries, unproved: !s.login.Password.Equal(old)}
}

func (s *session) setPassword(ctx context.Context, c *change) error {
	if s.rpc != nil {
		err := s.byEnvelope(ctx, c)
		if !lacks(err) {
			return err
		}
	}
	web, err := s.safely(ctx)
	if err == nil {
		err = c.spend()
	}
	if err != nil {
		return unsent(err)
	}
	err = web.change(ctx, userModule, "action", "modifyPassword", "name", c.account, "pwd", c.new.Reveal(), "pwdOld", c.old.Reveal())
	if wordless(err) && !web.holds(ctx) {
		return &doubtError{err}
	}
	return err
}

// wordless: the CGI says no and not why, or that the login is not right, so it may
// be that the old password is not right any more.
func wordless(err error) bool {
	var refused *refusedError
	return errors.As(err, &refused) && (errors.Is(err, rekey.ErrInput) && refused.said != saidTooWeak || refused.said == saidNoLogin)
}

func (s *session) byEnvelope(ctx context.Context, c *change) error {
	info, err := s.rpc.encryptInfo(ctx)
	if lacks(err) {
		return err
	}
	if err != nil {
		return unsent(err)
	}
	sealed, err := info.seal(map[string]string{"name": c.account, "pwd": c.new.Reveal(), "pwdOld": c.old.Reveal()}, rand.Reader)
	if err != nil {
		return unsent(err)
	}
	return s.deliver(ctx, "Security.modifyPasswordPlain", sealed, c)
}

// ResetPassword sets another account's password as its manager, by CGI over
// HTTPS. Two spellings of the request are in the field; the second is sent only
// when the first was answered as a bad request.
func (s *session) ResetPassword(ctx context.Context, account string, new rekey.Secret) error {
	s.mu.Lock()
	manager := s.login
	s.mu.Unlock()
	switch {
	case account == "" || new.IsZero():
		return fmt.Errorf("%w: the account and the new password must not be empty", rekey.ErrInput)
	case sameAccount(account, manager.Account):
		return fmt.Errorf("%w: %q is the account that is logged in; its own password is changed with the old one", rekey.ErrInput, account)
	}
	if err := errors.Join(carried("account name", account), carried("new password", new.Reveal())); err != nil {
		return err
	}
	c, err := s.safely(ctx)
	if err != nil {
		return unsent(err)
	}
	const action = "modifyPasswordByManager"
	err = c.change(ctx, userModule, "action", action, "name", account, "pwd", new.Reveal(),
		"managerName", manager.Account, "managerPwd", manager.Password.Reveal())
	if badRequest(err) {
		err = c.change(ctx, userModule, "action", action, "userName", account, "pwd", new.Reveal(),
			"managerName", manager.Account, "managerPwd", manager.Password.Reveal(), "accountType", "0")
	}
	return s.outcome(account, s.rulesOut(ctx, err))
}

// userModule is the CGI module of the accounts.
const userModule = "userManager.cgi"

// badRequest: the recorder says in so many words that it did not understand the
// request. A bare "Error" may be about a password, and so may all else.
func badRequest(err error) bool {
	var refused *refusedError
	return errors.As(err, &refused) && refused.said == saidBadRequest
}

// safely is the CGI at a door where passwords may travel: HTTPS, or plain HTTP
// when that risk was accepted by name.
func (s *session) safely(ctx context.Context) (*cgi, error) {
	if s.at.TLS {
		return s.webBeforeChange(ctx, s.at)
	}
	at, found, err := s.secureDoor(ctx)
	switch {
	case err != nil:
		return nil, err
	case found:
		return s.webBeforeChange(ctx, at)
	case s.driver.clearPassword:
		return s.webBeforeChange(ctx, s.at)
	}
	return nil, fmt.Errorf("%w: %s: %s offers neither an encrypted call nor HTTPS, so the new password would cross the network in the clear; switch HTTPS on, or accept the risk by this name",
		rekey.ErrRisk, rekey.RiskClearPassword, s.at.Address())
}

// webBeforeChange logs in by a harmless request just before a password goes out,
// so that the request with the password is sent once, signed, and not first
// without a login to fetch a challenge.
func (s *session) webBeforeChange(ctx context.Context, at rekey.Interface) (*cgi, error) {
	s.mu.Lock()
	slot := &s.cgi
	if at.TLS != s.at.TLS {
		slot = &s.safe
	}
	at.Kind = rekey.InterfaceCGI
	c, err := s.proved(ctx, slot, at)
	s.mu.Unlock()
	if err == nil {
		err = c.prove(ctx)
	}
	return c, err
}

// secureDoor finds the CGI over HTTPS.
func (s *session) secureDoor(ctx context.Context) (rekey.Interface, bool, error) {
	if i, ok := door(s.id, rekey.InterfaceCGI); ok && i.TLS {
		return s.pinned(ctx, i), true, nil
	}
	t, port, err := s.port(ctx, "Https", "Port")
	if err != nil || port == 0 || !t.on() {
		return rekey.Interface{}, false, err
	}
	return s.pinned(ctx, rekey.Interface{Kind: rekey.InterfaceCGI, Host: s.at.Host, Port: port, TLS: true}), true, nil
}

// unknown says that nobody knows which password is in force, and stops every
// further login by this session: any might be a wrong try.
func (s *session) unknown(account string, cause error) error {
	err := fmt.Errorf("%w: the password of account %q at %s may or may not have been changed: %v; resume finds out", rekey.ErrUnknown, account, s.at.Address(), cause)
	s.mu.Lock()
	defer s.mu.Unlock()
	if sameAccount(account, s.login.Account) {
		s.forget()
		s.over = err
	}
	return err
}

// changedTo makes later CGI logins of this session use the new password.
func (s *session) changedTo(new rekey.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.login.Password, s.taken = new, false
	s.forget()
}

var (
	_ rekey.PasswordSetter   = (*session)(nil)
	_ rekey.PasswordResetter = (*session)(nil)
)
