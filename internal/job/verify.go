package job

import (
	"context"
	"errors"
	"fmt"

	"rekey"
)

// verify proves by fresh logins, interface by interface, that the new password
// opens the recorder and the old one does not. The old one is tried just
// before the new one, whose success clears the recorder's count of wrong tries:
// so no more than one wrong try ever stands against the account.
func (u *run) verify(ctx context.Context) error {
	u.login = rekey.Login{Account: u.plan.Account, Password: u.new}
	if !u.proved { // another process did: it may have been changed again since
		if did, err := u.settle(ctx); err != nil {
			return err
		} else if !did {
			return fmt.Errorf("%w: the new password, proved before, is refused now: somebody set another one, or the recorder fell back to its old state", rekey.ErrUnknown)
		}
	}
	if u.j.Verified {
		u.left = unproved(u.j.Proofs)
		return nil
	}
	u.tell(rekey.StepVerify, rekey.EventStarted, "logging in afresh on every interface", nil)
	doors, err := u.doors(ctx)
	if err != nil {
		return err
	}
	proofs := u.proveAll(ctx, doors)
	if err := ctx.Err(); err != nil { // what was not tried is not proved
		return err
	}
	u.left = unproved(proofs)
	if err := u.record(ctx, "password.verified", u.plan.Account, result(u.left), proofDetail(proofs)); err != nil {
		return err
	}
	if err := u.j.append(line{Time: u.Now(), Proofs: &proofs}); err != nil {
		return err
	}
	if u.left != nil {
		u.tell(rekey.StepVerify, rekey.EventFailed, u.left.Error(), nil)
	} else {
		u.tell(rekey.StepVerify, rekey.EventDone, fmt.Sprintf("the new password opens all %d interfaces%s", len(proofs), oldSummary(proofs)), nil)
	}
	u.point("verified")
	return nil
}

// doors are all interfaces, with the ports that the recorder itself tells once
// somebody is logged in.
func (u *run) doors(ctx context.Context) ([]rekey.Interface, error) {
	if err := u.open(ctx); err != nil {
		return nil, err
	}
	l, ok := u.session.(rekey.InterfaceLister)
	if !ok {
		return u.plan.Recorder.Interfaces, nil
	}
	doors, err := l.Interfaces(ctx)
	if errors.Is(err, rekey.ErrUnsupported) {
		return u.plan.Recorder.Interfaces, nil
	}
	return doors, err
}

// proveAll goes from door to door. A door that cannot be reached is noted; after
// a refused new password, or an old one that still opens, no more is tried.
func (u *run) proveAll(ctx context.Context, doors []rekey.Interface) []Proof {
	proofs := make([]Proof, 0, len(doors))
	stop := ""
	for _, d := range doors {
		p := Proof{Interface: d, New: NotTried, Old: NotTried, Note: stop}
		if stop == "" {
			p = u.prove(ctx, d)
			if p.New == Refused || p.Old == Opens {
				stop = "not tried after what " + d.String() + " said"
			}
		}
		proofs = append(proofs, p)
		u.tell(rekey.StepVerify, rekey.EventProgress, p.words(), map[string]string{"interface": d.String(), "new": string(p.New), "old": string(p.Old)})
		u.point("proved " + string(d.Kind))
	}
	return proofs
}

// prove tries old, then new, on one interface.
func (u *run) prove(ctx context.Context, d rekey.Interface) Proof {
	p := Proof{Interface: d, New: NotTried, Old: NotTried}
	switch {
	case u.old.IsZero():
		p.Note = "the old password is not known"
	case !u.mayTryOld():
		p.Note = "the old password was not tried, as that could lock the account"
	default:
		p.Old, p.Note = verdict(u.check(ctx, d, u.old), Dead)
		if p.Old == Opens {
			return p
		}
	}
	note := ""
	if p.New, note = verdict(u.proven(func() error { return u.check(ctx, d, u.new) }), Refused); note != "" {
		p.Note = note
	}
	return p
}

// proven makes a login with a password that opened a door a moment ago, where
// there is one: it is worth the last try of the budget.
func (u *run) proven(login func() error) error {
	if !u.proved {
		return login()
	}
	u.tries.last = true
	err := login()
	u.tries.last = u.tries.accepted
	return err
}

// verdict is what a login showed; what could not be tried says why.
func verdict(err error, refused Verdict) (Verdict, string) {
	switch {
	case err == nil:
		return Opens, ""
	case isRefusal(err) && errors.Is(err, rekey.ErrDenied):
		return refused, ""
	}
	return NotTried, err.Error()
}

// unproved is what is left to say of proofs that are not as they should be.
func unproved(proofs []Proof) error {
	var errs []error
	for _, p := range proofs {
		switch {
		case p.Old == Opens:
			errs = append(errs, fmt.Errorf("%w: the old password still opens %s", rekey.ErrVerify, p.Interface))
		case p.New == Refused:
			errs = append(errs, fmt.Errorf("%w: %s refuses the new password", rekey.ErrVerify, p.Interface))
		case p.New != Opens:
			errs = append(errs, fmt.Errorf("%w: the new password could not be tried on %s: %s", rekey.ErrVerify, p.Interface, p.Note))
		}
	}
	return errors.Join(errs...)
}

// mayTryOld leaves room for the new password after the old one.
func (u *run) mayTryOld() bool {
	const both = 2
	room, err := u.tries.room(u.plan.Account)
	return err == nil && room >= both
}

func (u *run) check(ctx context.Context, d rekey.Interface, password rekey.Secret) error {
	return u.driver.Check(ctx, d, rekey.Login{Account: u.plan.Account, Password: password}, u.tries)
}

func (p Proof) words() string {
	s := fmt.Sprintf("%s at %s: ", p.Interface, p.Interface.Address())
	switch {
	case p.Old == Opens:
		return s + "the old password still opens it"
	case p.New == Opens && p.Old == Dead:
		return s + "the new password opens it, the old one is dead"
	case p.New == Opens:
		return s + "the new password opens it; " + p.Note
	case p.New == Refused:
		return s + "the new password is refused"
	}
	return s + "not tried; " + p.Note
}

func oldSummary(proofs []Proof) string {
	dead := 0
	for _, p := range proofs {
		if p.Old == Dead {
			dead++
		}
	}
	switch dead {
	case 0:
		return "; the old one was not tried"
	case len(proofs):
		return " and the old one none"
	}
	return fmt.Sprintf("; the old one was tried on %d and is dead there", dead)
}

func proofDetail(proofs []Proof) map[string]string {
	d := map[string]string{}
	for _, p := range proofs {
		d[p.Interface.String()+" at "+p.Interface.Address()] = fmt.Sprintf("new %s, old %s", p.New, p.Old)
	}
	return d
}
