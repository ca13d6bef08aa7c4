package hikvision

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"rekey"
)

// SetPassword changes the password of the account that is logged in. ISAPI asks
// for no old one, so old must be the one of this login.
func (s *session) SetPassword(ctx context.Context, old, new rekey.Secret) error {
	s.mu.Lock()
	l := s.login
	s.mu.Unlock()
	switch {
	case old.IsZero():
		return fmt.Errorf("%w: the old password must not be empty", rekey.ErrInput)
	case old.Equal(new):
		return fmt.Errorf("%w: the new password is the old one", rekey.ErrInput)
	case !old.Equal(l.Password):
		return fmt.Errorf("%w: the old password of %q is not the one that this login was made with; nothing was sent", rekey.ErrInput, l.Account)
	}
	err := s.set(ctx, l.Account, new)
	if err == nil {
		s.changedTo(new)
	}
	return err
}

// ResetPassword sets another account's password, as an administrator.
func (s *session) ResetPassword(ctx context.Context, account string, new rekey.Secret) error {
	s.mu.Lock()
	own := s.login.Account
	s.mu.Unlock()
	switch {
	case account == "":
		return fmt.Errorf("%w: the account must not be empty", rekey.ErrInput)
	case sameAccount(account, own):
		return fmt.Errorf("%w: %q is the account that is logged in; its own password is changed with the old one", rekey.ErrInput, account)
	}
	return s.set(ctx, account, new)
}

// set reads the user, and writes it back with the password in it.
func (s *session) set(ctx context.Context, account string, new rekey.Secret) error {
	if err := carried(new); err != nil {
		return err
	}
	w, err := s.safely(ctx)
	if err != nil {
		return unsent(err)
	}
	c := &change{web: w, new: new}
	if err := c.prepare(ctx, account); err != nil {
		return unsent(err)
	}
	if err := c.send(ctx); err != nil && !sure(err) {
		return s.unknown(account, err)
	} else if err != nil {
		return err
	}
	return nil
}

// carried refuses what digest, XML and this firmware cannot carry alike: digest
// names no character set, and blanks at the ends are lost in XML.
func carried(p rekey.Secret) error {
	text := p.Reveal()
	switch {
	case text == "":
		return fmt.Errorf("%w: the new password must not be empty", rekey.ErrInput)
	case strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r > 0x7e }):
		return fmt.Errorf("%w: the new password may hold letters, digits, blanks and signs of ASCII alone on this family", rekey.ErrInput)
	case strings.TrimSpace(text) != text:
		return fmt.Errorf("%w: the new password may not begin or end with a blank on this family", rekey.ErrInput)
	}
	return nil
}

// change is one new password on its way.
type change struct {
	web  *web
	new  rekey.Secret
	path string   // of the user
	user document // as the recorder tells it
}

// prepare reads all that is needed, the last of it just before the password goes
// out: so that request is sent once, signed, and not first without a login to
// fetch a challenge.
func (c *change) prepare(ctx context.Context, account string) error {
	if err := c.fits(ctx); err != nil {
		return err
	}
	list, err := c.web.get(ctx, pathUsers, "UserList")
	if err != nil {
		return err
	}
	id := ""
	for _, u := range list.all("User") {
		if sameAccount(u.exact("userName"), account) {
			id = u.exact("id")
		}
	}
	if !userID.MatchString(id) {
		return fmt.Errorf("%w: %s lists no account %q with a number of its own", rekey.ErrInput, c.web.host(), account)
	}
	c.path = pathUsers + "/" + id
	if c.user, err = c.web.getExactly(ctx, c.path, "User"); err != nil {
		return err
	}
	if r := c.user.root; r.exact("id") != id || !sameAccount(r.exact("userName"), account) {
		return fmt.Errorf("%w: %s tells another user at %s than its list does", rekey.ErrUnsupported, c.web.host(), c.path)
	}
	return nil
}

// userID is a user's number.
var userID = regexp.MustCompile(`^[0-9]{1,9}$`)

// fits refuses what is shorter or longer than the recorder says it takes: some
// firmware cuts a password off and says nothing.
func (c *change) fits(ctx context.Context) error {
	least, most, err := c.web.lengths(ctx)
	if err != nil {
		return err
	}
	if n := len(c.new.Reveal()); n < least || (most > 0 && n > most) {
		return fmt.Errorf("%w: %s takes passwords of %d to %d characters, and the new one has %d", rekey.ErrInput, c.web.host(), least, most, n)
	}
	return nil
}

// send writes the user back. Newer firmware wants the caller's own password
// beside the new one; it gets it where its list of fields or its refusal says
// so, and over TLS alone.
func (c *change) send(ctx context.Context) error {
	err := c.web.put(ctx, c.path, c.body(false))
	var refused *refusedError
	if !errors.As(err, &refused) || !refused.wantsLogin {
		return err
	}
	if c.tellsLogin() {
		return twiceTold(err)
	}
	if !c.mayTellLogin() {
		return fmt.Errorf("%w; it wants the caller's password beside the new one, which rekey sends over HTTPS alone: switch its HTTPS on", err)
	}
	return twiceTold(c.web.put(ctx, c.path, c.body(true)))
}

// twiceTold: it got the caller's password, which was right a moment ago. That it is
// not right now may be said to a second arrival, after the change.
func twiceTold(err error) error {
	var refused *refusedError
	if errors.As(err, &refused) && refused.said == saidWrongLogin {
		return &oddAnswer{host: refused.host, what: refused.what, why: refused.said}
	}
	return err
}

// tellsLogin: the recorder's own list of fields has a place for it.
func (c *change) tellsLogin() bool {
	return c.mayTellLogin() && c.user.root.find("loginPassword") != nil
}

func (c *change) mayTellLogin() bool { return c.web.http.At().TLS }

// body is the user with the new password in it.
func (c *change) body(tellLogin bool) []byte {
	user := c.user
	edits := []edit{}
	name := user.root.find("userName")
	if n := user.root.find("password"); n != nil {
		edits = append(edits, user.set(n, c.new.Reveal()))
	} else {
		edits = append(edits, user.behind(name, "password", c.new.Reveal()))
	}
	own, last := user.root.find("loginPassword"), user.root.kids[len(user.root.kids)-1]
	switch {
	case own != nil && c.mayTellLogin():
		edits = append(edits, user.set(own, c.web.who.Password.Reveal()))
	case own == nil && tellLogin && last == name: // both stand at one place
		edits[0].with += user.behind(name, "loginPassword", c.web.who.Password.Reveal()).with
	case own == nil && tellLogin:
		edits = append(edits, user.behind(last, "loginPassword", c.web.who.Password.Reveal()))
	}
	return user.apply(edits...)
}

// safely is ISAPI at a door where passwords may travel: HTTPS, or plain HTTP
// when that risk was accepted by name.
func (s *session) safely(ctx context.Context) (*web, error) {
	if s.at.TLS {
		return s.web(ctx)
	}
	at, found, err := s.secureDoor(ctx)
	switch {
	case err != nil:
		return nil, err
	case found:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.proved(ctx, &s.safe, at)
	case s.driver.clearPassword:
		return s.web(ctx)
	}
	return nil, fmt.Errorf("%w: %s: %s offers no HTTPS, so the new password would cross the network in the clear; switch HTTPS on, or accept the risk by this name",
		rekey.ErrRisk, rekey.RiskClearPassword, s.at.Address())
}

// secureDoor finds ISAPI over HTTPS.
func (s *session) secureDoor(ctx context.Context) (rekey.Interface, bool, error) {
	if i, ok := door(s.id); ok && i.TLS {
		return i, true, nil
	}
	list, err := s.protocols(ctx)
	if absent(err) {
		return rekey.Interface{}, false, nil
	}
	if err != nil {
		return rekey.Interface{}, false, err
	}
	for _, p := range list {
		if strings.EqualFold(p.protocol, "HTTPS") && p.enabled && p.port != 0 {
			return s.pinned(ctx, rekey.Interface{Kind: rekey.InterfaceISAPI, Host: s.at.Host, Port: p.port, TLS: true}), true, nil
		}
	}
	return rekey.Interface{}, false, nil
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

// changedTo makes what this session asks later carry the new password.
func (s *session) changedTo(new rekey.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.login.Password = new
	s.forget()
}

var (
	_ rekey.PasswordSetter   = (*session)(nil)
	_ rekey.PasswordResetter = (*session)(nil)
)
