package dahua

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"rekey"
)

// onvifPassword is in one public client, with name, pwd and pwdOld; not verified
// on recorders of Lorex.
const onvifPassword = "userManager.onvifmodifyPassword"

// SetOwnPassword sets the password of an ONVIF account, in the list that newer
// firmware keeps for ONVIF alone. With old it is sent as the old password and
// booked as a try, whichever password this session was opened with; without, none
// is sent, and the recorder may want one.
func (s *session) SetOwnPassword(ctx context.Context, kind rekey.InterfaceKind, account string, old, new rekey.Secret) error {
	switch {
	case kind != rekey.InterfaceONVIF:
		return fmt.Errorf("%w: of this family only ONVIF has accounts of its own, not %q", rekey.ErrUnsupported, kind)
	case account == "" || new.IsZero():
		return fmt.Errorf("%w: the account and the new password must not be empty", rekey.ErrInput)
	case old.Equal(new):
		return fmt.Errorf("%w: the new password is the old one", rekey.ErrInput)
	case s.rpc == nil:
		return fmt.Errorf("%w: %s has no RPC2, by which ONVIF accounts are set; %s", rekey.ErrUnsupported, s.at.Address(), adviceOwn)
	}
	err := errors.Join(carried("account name", account), carried("new password", new.Reveal()), carried("old password", old.Reveal()))
	if err != nil {
		return err
	}
	if err := s.hasOnvifList(ctx); err != nil {
		return err
	}
	if err := s.hasAccount(ctx, account); err != nil {
		return err
	}
	c := &change{account: account, old: old, new: new, tries: s.tries, door: rekey.InterfaceONVIF, unproved: !old.IsZero()}
	err = s.setOwn(ctx, c)
	if err == nil {
		err = c.done()
	}
	if err == nil || sure(err) || errors.Is(err, rekey.ErrUnknown) {
		return err
	}
	return fmt.Errorf("%w: the password of ONVIF account %q at %s may or may not have been changed: %v", rekey.ErrUnknown, account, s.at.Address(), err)
}

// adviceOwn is what to do where rekey cannot set it.
const adviceOwn = "set it in its web page or at its screen, at Network > ONVIF or the ONVIF user page"

// hasOnvifList asks which methods there are, and where that is not told, asks
// for the change with nothing in it, which sets nothing.
func (s *session) hasOnvifList(ctx context.Context) error {
	none := fmt.Errorf("%w: %s has no list of ONVIF accounts; there ONVIF takes the accounts of the recorder", rekey.ErrUnsupported, s.at.Address())
	var told struct {
		Method []string `json:"method"`
	}
	err := s.rpc.get(ctx, "userManager.listMethod", nil, &told)
	if err == nil && len(told.Method) > 0 {
		if slices.ContainsFunc(told.Method, func(m string) bool { return m == onvifPassword || "userManager."+m == onvifPassword }) {
			return nil
		}
		return none
	}
	if err != nil && !absent(err) {
		return unsent(err)
	}
	_, err = s.rpc.do(ctx, question{path: pathRPC, method: onvifPassword, once: true})
	var refused *refusedError
	switch {
	case lacks(err):
		return none
	case errors.As(err, &refused) && slices.Contains([]int64{codeParse, codeRequest, codeParameter, codeUser, codePassword, codeUserOrPassword, codeNoCode, codeClearPassword}, refused.code):
		return nil
	case err == nil:
		return &oddAnswer{host: s.at.Address(), what: onvifPassword, why: "it accepts a change with nothing in it"}
	}
	return unsent(err)
}

// hasAccount keeps a mistyped name from costing a try: some firmware answers it
// like a wrong password. The list of ONVIF accounts is not told here, but it
// begins as a copy of the recorder's own, which is asked for where it is told.
func (s *session) hasAccount(ctx context.Context, account string) error {
	var told struct {
		Users []struct{ Name string } `json:"users"`
	}
	err := s.rpc.get(ctx, "userManager.getUserInfoAll", nil, &told)
	switch {
	case absent(err):
		return nil
	case err != nil:
		return unsent(err)
	case len(told.Users) == 0 || slices.ContainsFunc(told.Users, func(u struct{ Name string }) bool { return sameAccount(u.Name, account) }):
		return nil
	}
	return fmt.Errorf("%w: %s has no account %q, so no password was sent for it; one that only ONVIF has is set in its web page, at Network > ONVIF or the ONVIF user page", rekey.ErrNotFound, s.at.Address(), account)
}

// setOwn sends it in the envelope, or plain over TLS where the recorder does not
// understand the envelope there.
func (s *session) setOwn(ctx context.Context, c *change) error {
	params := map[string]string{"name": c.account, "pwd": c.new.Reveal()}
	if !c.old.IsZero() {
		params["pwdOld"] = c.old.Reveal()
	}
	plain := s.at.TLS || s.driver.clearPassword
	info, err := s.rpc.encryptInfo(ctx)
	switch {
	case err == nil:
		sealed, err := info.seal(params, rand.Reader)
		if err == nil {
			err = s.deliver(ctx, onvifPassword, sealed, c)
		} else {
			err = unsent(err)
		}
		if !plain || !notUnderstood(err) {
			return s.ownRefusal(c, err)
		}
		c.booked = false // the old password is sent again, which is a try again
	case !lacks(err):
		return unsent(err)
	}
	if !plain {
		return unsent(fmt.Errorf("%w: %s: %s has no encrypted call for it, so the new password would cross the network in the clear; come in by HTTPS, or accept the risk by this name",
			rekey.ErrRisk, rekey.RiskClearPassword, s.at.Address()))
	}
	return s.ownRefusal(c, s.deliver(ctx, onvifPassword, params, c))
}

// notUnderstood: the form was refused, and nothing is said of a password.
func notUnderstood(err error) bool {
	var refused *refusedError
	return errors.As(err, &refused) && slices.Contains([]int64{codeParse, codeRequest, codeParameter}, refused.code)
}

// ownRefusal puts the codes into words that are about this list.
func (s *session) ownRefusal(c *change, err error) error {
	var refused *refusedError
	switch {
	case !errors.As(err, &refused):
	case refused.code == codeUser:
		refused.kind, refused.said = rekey.ErrNotFound, fmt.Sprintf("there is no ONVIF account %q", c.account)
	case c.old.IsZero() && (notUnderstood(err) || slices.Contains([]int64{codePassword, codeUserOrPassword}, refused.code)):
		refused.kind, refused.said = rekey.ErrUnsupported, "it seems to want the old password of the ONVIF account, which was not given"
		refused.advice = "give it, or " + adviceOwn
	}
	return err
}

var _ rekey.OwnAccountsSetter = (*session)(nil)
