package job

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"rekey"
	"rekey/internal/catalog"
	"rekey/internal/vault"
)

// intend puts the new password into the vault before anything changes. A crash
// between the vault and the journal leaves a proposal of this run behind; it is
// taken up again, not doubled.
func (u *run) intend(ctx context.Context) error {
	e, ok, err := u.proposal(ctx)
	if err != nil {
		return err
	}
	if !ok && u.j.VaultID != "" {
		return fmt.Errorf("%w: the vault has lost the password of run %s (%s)", rekey.ErrStorage, u.j.ID, u.j.VaultID)
	}
	if ok {
		if u.new, err = u.Vault.Reveal(ctx, e.ID); err != nil {
			return err
		}
	} else if e, err = u.propose(ctx); err != nil {
		return err
	}
	if u.j.VaultID != "" {
		return nil
	}
	u.point("proposed")
	if err := u.record(ctx, "password.intended", u.plan.Account, "ok", map[string]string{"vault": e.ID}); err != nil {
		return err
	}
	if err := u.j.append(line{Time: u.Now(), Intent: &e.ID}); err != nil {
		return err
	}
	u.tell(rekey.StepIntend, rekey.EventDone, "the new password is sealed in the vault, before anything changes", map[string]string{"vault": e.ID})
	u.point("intended")
	return nil
}

// propose vaults the password that was asked for, or one that is made.
func (u *run) propose(ctx context.Context) (e vault.Entry, err error) {
	if u.new.IsZero() {
		if u.new, err = u.makePassword(ctx); err != nil {
			return e, err
		}
	}
	return u.Vault.Propose(ctx, vault.Entry{
		Recorder: u.key, Address: u.req.Target.String(), Model: u.plan.Recorder.Model, Account: u.plan.Account, Run: u.j.ID,
	}, u.new)
}

// makePassword draws one that fits what the recorder tells of itself, too.
func (u *run) makePassword(ctx context.Context) (rekey.Secret, error) {
	if !u.plan.Way.ByHand() {
		if err := u.open(ctx); err != nil {
			return rekey.Secret{}, err
		}
		u.readRule(ctx)
	}
	return catalog.NewPassword(u.made, rand.Reader)
}

// proposal is the vault's entry of this run, if there is one.
func (u *run) proposal(ctx context.Context) (vault.Entry, bool, error) {
	all, err := u.Vault.OfAccount(ctx, u.key, u.plan.Account)
	if err != nil {
		return vault.Entry{}, false, err
	}
	i := slices.IndexFunc(all, func(e vault.Entry) bool { return e.Run == u.j.ID })
	if i < 0 {
		return vault.Entry{}, false, nil
	}
	return all[i], true, nil
}

// change sets the password. Where an earlier process may have set it already,
// that is settled first, by trying the new one once.
func (u *run) change(ctx context.Context) error {
	if u.j.Outcome == rekey.Changed {
		return nil
	}
	if u.j.Changing && !u.plan.Way.ByHand() {
		if did, err := u.settle(ctx); did || err != nil {
			return err
		}
	}
	if err := u.ready(ctx); err != nil {
		return err
	}
	u.tellLoggedIn(ctx)
	if err := u.changing(true); err != nil {
		return err
	}
	u.point("changing")
	u.tell(rekey.StepChange, rekey.EventStarted, "setting the new password by the way "+string(u.plan.Way.ID), nil)
	err := u.set(ctx)
	u.point("set")
	switch {
	case err == nil:
		return u.taken(ctx)
	case u.plan.Way.ByHand(): // what the person did nobody knows but the person
		return kind(rekey.ErrWaiting, err)
	case settled(err):
		u.tell(rekey.StepChange, rekey.EventFailed, "the recorder refused: the password was not changed", nil)
		return errors.Join(err, u.changing(false))
	}
	return kind(rekey.ErrUnknown, err)
}

// ready opens the recorder for the change, and refuses one that could not be
// proved afterwards.
func (u *run) ready(ctx context.Context) error {
	if u.plan.Way.ByHand() {
		return nil
	}
	if u.j.Refused.Old {
		return fmt.Errorf("%w: the recorder refused the new password, and a login with the old one or a second change did not help; nothing is sent again on its own. --accept-risk %s sends the new one once more; 'rekey resume %s --abandon --accept-risk %s' closes the run, with both in the vault", rekey.ErrUnknown, rekey.RiskLockAccount, u.j.ID, rekey.RiskLeaveUnknown)
	}
	if err := u.open(ctx); err != nil {
		if !u.j.Changing || !isRefusal(err) || !errors.Is(err, rekey.ErrDenied) {
			return err
		}
		err = fmt.Errorf("%w: neither the new password nor the login as %q opens the recorder: %w", rekey.ErrUnknown, u.login.Account, err)
		return errors.Join(err, u.inDoubt(refusals{New: u.j.Refused.New, Old: true}))
	}
	if err := u.notUpgrading(ctx); err != nil {
		return err
	}
	return u.provable()
}

// notUpgrading refuses to change anything while firmware is being written. One
// that does not tell is changed all the same.
func (u *run) notUpgrading(ctx context.Context) error {
	reader, ok := u.session.(rekey.UpgradeReader)
	if !ok {
		return nil
	}
	if yes, said, err := reader.Upgrading(ctx); err == nil && yes {
		return fmt.Errorf("%w: the recorder is writing firmware (it says %q); leave its power on, wait until it has started again, and run again", rekey.ErrConflict, printable(said, longest))
	}
	return nil
}

// provable refuses where a login with the new password might be the try that locks.
func (u *run) provable() error {
	if u.policy.Enabled && u.policy.Tries <= keptBack && !slices.Contains(u.req.Accept, rekey.RiskLockAccount) {
		return fmt.Errorf("%w: the recorder locks after %d wrong try, so the change could not be proved without that risk: --accept-risk %s", rekey.ErrRisk, u.policy.Tries, rekey.RiskLockAccount)
	}
	return u.roomToProve()
}

// roomToProve refuses a change whose proof the login budget would refuse. By hand
// it is made all the same: whoever needs that way has often spent the tries.
func (u *run) roomToProve() error {
	room, err := u.tries.room(u.plan.Account)
	if err != nil || room > 0 || u.plan.Way.ByHand() || slices.Contains(u.req.Accept, rekey.RiskLockAccount) {
		return err
	}
	return fmt.Errorf("%w: so many wrong tries stand against %q that the change could not be proved without the last one, which is yours: --accept-risk %s", rekey.ErrBudget, u.plan.Account, rekey.RiskLockAccount)
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

// taken: the recorder, or the person, says that it is done. Believed is only a
// fresh login with the new password.
func (u *run) taken(ctx context.Context) error {
	u.tell(rekey.StepChange, rekey.EventProgress, "said to be changed; now it has to be proved", nil)
	if u.plan.Way.ByHand() {
		if err := u.meetAgain(ctx); err != nil {
			return err
		}
	}
	if u.plan.Way.ID == rekey.WayHardwareReset { // its locks are gone with its accounts
		if err := u.tries.lift(u.plan.Account); err != nil {
			return err
		}
	}
	did, err := u.settle(ctx)
	if err != nil || did {
		return err
	}
	if u.plan.Way.ByHand() {
		return fmt.Errorf("%w: the change was taken, but the new password is refused; rekey does not try again before 'rekey resume %s --done': look whether it was typed as 'rekey vault show %s' shows it", rekey.ErrUnknown, u.j.ID, u.j.VaultID)
	}
	return u.stillOld(ctx)
}

// stillOld: the recorder took the change and refuses the new password. The old
// one is tried once, where it is known: when it opens every door, nothing was
// changed. Where it is not known resume sends the change once more, and then no more.
func (u *run) stillOld(ctx context.Context) error {
	if u.old.IsZero() {
		err := fmt.Errorf("%w: the change was taken, but the new password is refused; rekey does not try again", rekey.ErrUnknown)
		if u.j.Sent > 1 {
			err = errors.Join(err, u.inDoubt(refusals{New: true, Old: true}))
		}
		return err
	}
	door, err := primary(u.plan.Recorder)
	if err != nil {
		return err
	}
	u.tell(rekey.StepChange, rekey.EventProgress, "trying whether the old password still opens it, once", nil)
	err = u.check(ctx, door, u.old)
	if recErr := u.record(ctx, "password.settled", u.plan.Account, result(err), map[string]string{"interface": door.String(), "password": "old"}); recErr != nil {
		return recErr
	}
	switch {
	case err == nil:
		if err := u.nowhereNew(ctx, door); err != nil {
			return err
		}
		u.tell(rekey.StepChange, rekey.EventFailed, "the recorder said that it changed the password and did not", nil)
		return errors.Join(fmt.Errorf("%w: the recorder accepted the change and did nothing: the old password still opens it and the new one does not; nothing is changed. Set it in its web page or at the local seat, or look for newer firmware", rekey.ErrVerify), u.changing(false))
	case isRefusal(err) && errors.Is(err, rekey.ErrDenied):
		return errors.Join(fmt.Errorf("%w: the change was taken, and neither the new password nor the old one opens the recorder: %w", rekey.ErrUnknown, err), u.inDoubt(refusals{New: true, Old: true}))
	}
	return fmt.Errorf("%w: the change was taken, but the new password is refused, and the old one could not be tried: %w", rekey.ErrUnknown, err)
}

// nowhereNew makes sure that the old password, which opens that door, opens the
// others as well: a change that was taken in part is not called unchanged.
func (u *run) nowhereNew(ctx context.Context, at rekey.Interface) error {
	for _, d := range others(u.plan.Recorder.Interfaces, at) {
		if !u.mayTryOld() || !isRefusal(u.check(ctx, d, u.old)) {
			continue
		}
		opens, err := u.opensNew(ctx, d, func() error { return u.check(ctx, at, u.old) })
		if err != nil {
			return fmt.Errorf("%w: the change was taken; the old password opened %s and not %s, and more could not be tried: %w", rekey.ErrUnknown, at, d, err)
		}
		if opens {
			return fmt.Errorf("%w: the change was taken in part: %s opens with the old password, %s with the new one; 'rekey resume %s' sets it once more", rekey.ErrUnknown, at, d, u.j.ID)
		}
	}
	return nil
}

// opensNew tries the new password at a door that refused the old one. clear is a
// login that clears the count of wrong tries, before and after. A door that
// refuses both has a fault of its own.
func (u *run) opensNew(ctx context.Context, d rekey.Interface, clear func() error) (bool, error) {
	if err := clear(); err != nil {
		return false, err
	}
	err := u.check(ctx, d, u.new)
	if isRefusal(err) {
		return false, clear()
	}
	return err == nil, err
}

// meetAgain asks anew what the recorder is, without a login: hands were on it,
// and its reset button leaves it in factory state or with another certificate.
func (u *run) meetAgain(ctx context.Context) error {
	key := u.key
	id, err := u.find(ctx, u.req.Target)
	switch {
	case errors.Is(err, rekey.ErrWaiting):
		return err
	case err != nil:
		return fmt.Errorf("%w: the recorder cannot be asked what it is now: %w", rekey.ErrWaiting, err)
	case u.key != key:
		found := u.key
		u.key = key
		return fmt.Errorf("%w: at %s is another recorder now, %s (%s)", rekey.ErrConflict, u.req.Target, describe(id), found)
	}
	u.plan.Recorder, err = u.meet(id)
	return err
}

// settle tries the new password once. Where it was refused already, it is sent
// again only when the old one was refused, too, and the risk was accepted. When it
// opens the recorder the outcome is changed and the vault has its current password.
func (u *run) settle(ctx context.Context) (did bool, err error) {
	if u.j.Refused.New && (!u.j.Refused.Old || !u.tries.accepted) {
		return false, nil
	}
	door, err := primary(u.plan.Recorder)
	if err != nil {
		return false, err
	}
	u.tell(rekey.StepChange, rekey.EventStarted, "trying the new password, once", nil)
	err = u.check(ctx, door, u.new)
	if recErr := u.record(ctx, "password.settled", u.plan.Account, result(err), map[string]string{"interface": door.String()}); recErr != nil {
		return false, recErr
	}
	switch {
	case err == nil:
		return true, u.changed(ctx)
	case isRefusal(err) && errors.Is(err, rekey.ErrDenied):
		u.tell(rekey.StepChange, rekey.EventProgress, "the new password does not open the recorder", nil)
		return false, u.inDoubt(refusals{New: true, Old: u.j.Refused.Old})
	}
	return false, fmt.Errorf("could not try the new password: %w", kind(rekey.ErrUnknown, err))
}

// changed is known by a login: the vault's proposal is the current password.
func (u *run) changed(ctx context.Context) error {
	u.proved = true
	if u.j.Outcome == rekey.Changed {
		return nil // by an earlier process; this one only made sure
	}
	u.point("proved")
	if err := u.Vault.Confirm(ctx, u.j.VaultID); err != nil {
		return err
	}
	u.point("confirmed")
	if err := u.record(ctx, "password.changed", u.plan.Account, "ok", map[string]string{"vault": u.j.VaultID}); err != nil {
		return err
	}
	done := rekey.Changed
	if err := u.j.append(line{Time: u.Now(), Refused: &refusals{}, Outcome: &done}); err != nil {
		return err
	}
	u.tell(rekey.StepChange, rekey.EventDone, "changed: a fresh login with the new password opens the recorder", nil)
	u.point("changed")
	u.logOut(ctx) // what follows logs in afresh, with the new password
	return nil
}

// changing writes whether a change may be under way.
func (u *run) changing(yes bool) error { return u.j.append(line{Time: u.Now(), Changing: &yes}) }

// isRefusal tells a refused login from everything else that failed.
func isRefusal(err error) bool {
	var refused *rekey.LoginError
	return errors.As(err, &refused)
}

// kind makes err an error of that kind, too.
func kind(k, err error) error {
	if errors.Is(err, k) {
		return err
	}
	return fmt.Errorf("%w: %w", k, err)
}
