package job

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"rekey"
	"rekey/internal/catalog"
	"rekey/internal/vault"
)

// wantedPassword takes the password that was asked for, or makes one.
func (u *run) wantedPassword() error {
	if !u.new.IsZero() {
		return nil
	}
	secret, err := catalog.NewPassword(u.rule, rand.Reader)
	u.new = secret
	return err
}

// propose vaults the new password. A crash between the vault and the journal
// leaves a proposal of this run behind; it is taken up again, not doubled.
func (u *run) propose(ctx context.Context) (vault.Entry, error) {
	key := u.plan.Recorder.Key(u.req.Target)
	all, err := u.Vault.List(ctx)
	if err != nil {
		return vault.Entry{}, err
	}
	for _, e := range all {
		if e.Run == u.j.ID && e.Recorder == key && e.Account == u.plan.Account && e.State == vault.Proposed {
			u.new, err = u.Vault.Reveal(ctx, e.ID)
			return e, err
		}
	}
	return u.Vault.Propose(ctx, vault.Entry{
		Recorder: key, Address: u.req.Target.String(), Model: u.plan.Recorder.Model, Account: u.plan.Account, Run: u.j.ID,
	}, u.new)
}

// change sets the password. Where an earlier process may have set it already,
// that is settled first.
func (u *run) change(ctx context.Context) error {
	if u.j.Outcome == rekey.Changed {
		return nil
	}
	if u.j.Changing && !u.plan.Way.ByHand() {
		did, err := u.didChange(ctx)
		if err != nil {
			return err
		}
		if did {
			return u.changed(ctx)
		}
	}
	if !u.plan.Way.ByHand() {
		if err := u.open(ctx, u.plan.Recorder); err != nil {
			return u.notOpened(err)
		}
	}
	if err := u.changing(true); err != nil {
		return err
	}
	u.point("changing")
	u.tell(rekey.StepChange, rekey.EventStarted, "setting the new password by the way "+string(u.plan.Way.ID), nil)
	err := u.set(ctx)
	u.point("set")
	switch {
	case err == nil:
		return u.changed(ctx)
	case u.plan.Way.ByHand(): // what the person did nobody knows but the person
		return waiting(err)
	case settled(err):
		return u.unchanged(err)
	}
	if !errors.Is(err, rekey.ErrUnknown) {
		err = fmt.Errorf("%w: %w", rekey.ErrUnknown, err)
	}
	return err
}

func waiting(err error) error {
	if errors.Is(err, rekey.ErrWaiting) {
		return err
	}
	return fmt.Errorf("%w: %w", rekey.ErrWaiting, err)
}

func (u *run) set(ctx context.Context) error {
	switch u.plan.Way.ID {
	case rekey.WayKnownPassword:
		s, ok := u.session.(rekey.PasswordSetter)
		if !ok {
			return fmt.Errorf("%w: the driver cannot set a password", rekey.ErrUnsupported)
		}
		return s.SetPassword(ctx, u.old, u.new)
	case rekey.WayAnotherAdmin:
		s, ok := u.session.(rekey.PasswordResetter)
		if !ok {
			return fmt.Errorf("%w: the driver cannot set another account's password", rekey.ErrUnsupported)
		}
		return s.ResetPassword(ctx, u.plan.Account, u.new)
	}
	return u.Hands.Change(ctx, u.plan, u.new)
}

// didChange settles an unknown: the new password is tried once. A refusal
// means that the change did not happen, and the recorder is as it was.
func (u *run) didChange(ctx context.Context) (bool, error) {
	door, err := primary(u.plan.Recorder)
	if err != nil {
		return false, err
	}
	u.tell(rekey.StepChange, rekey.EventStarted, "it is not known whether the password was changed: trying the new one, once", nil)
	err = u.driver.Check(ctx, door, rekey.Login{Account: u.plan.Account, Password: u.new}, u.tries)
	if recErr := u.record(ctx, "password.settled", u.plan.Account, result(err), nil); recErr != nil {
		return false, recErr
	}
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, rekey.ErrDenied):
		u.tell(rekey.StepChange, rekey.EventProgress, "the new password does not open the recorder: it was not changed", nil)
		return false, nil
	}
	return false, fmt.Errorf("%w: could not try the new password: %w", rekey.ErrUnknown, err)
}

func (u *run) changed(ctx context.Context) error {
	by := "ok"
	if u.plan.Way.ByHand() {
		by = "said by the person"
	}
	if err := u.record(ctx, "password.changed", u.plan.Account, by, map[string]string{"vault": u.j.VaultID}); err != nil {
		return err
	}
	done := rekey.Changed
	if err := u.j.append(line{Time: u.Now(), Outcome: &done}); err != nil {
		return err
	}
	u.tell(rekey.StepChange, rekey.EventDone, "the password was changed; now it has to be proved", nil)
	u.point("changed")
	u.logOut(ctx) // what follows logs in afresh, with the new password
	return nil
}

// notOpened tells a refusal before the first change, which leaves everything as
// it was, from one after a change that nobody could settle.
func (u *run) notOpened(why error) error {
	if u.j.Changing && errors.Is(why, rekey.ErrDenied) {
		return fmt.Errorf("%w: neither the new password nor the old one opens the recorder: %w", rekey.ErrUnknown, why)
	}
	return why
}

// unchanged settles that the recorder refused and nothing happened.
func (u *run) unchanged(why error) error {
	if err := u.changing(false); err != nil {
		return errors.Join(why, err)
	}
	u.tell(rekey.StepChange, rekey.EventFailed, "the password was not changed", nil)
	return why
}

// changing writes whether a change may be under way.
func (u *run) changing(yes bool) error { return u.j.append(line{Time: u.Now(), Changing: &yes}) }

// primary is the door that settles questions: the one that the recorder's own
// web page uses, else CGI, else the first.
func primary(id rekey.Identity) (rekey.Interface, error) {
	for _, kind := range []rekey.InterfaceKind{rekey.InterfaceRPC2, rekey.InterfaceCGI} {
		if i, ok := id.Interface(kind); ok {
			return i, nil
		}
	}
	if len(id.Interfaces) > 0 {
		return id.Interfaces[0], nil
	}
	return rekey.Interface{}, fmt.Errorf("%w: the recorder offers no interface to log in at", rekey.ErrUnsupported)
}
