package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"rekey"
)

// verify proves by fresh logins, interface by interface, that the new password
// opens the recorder and the old one does not. The old one is tried just
// before the new one, whose success clears the recorder's count of wrong tries:
// so no more than one wrong try stands against the account. Where a door refuses
// the right password as well two stand for a moment, but not on a recorder that
// locks after three: there the count is cleared in between.
func (u *run) verify(ctx context.Context) error {
	u.login = rekey.Login{Account: u.plan.Account, Password: u.new}
	if !u.proved { // another process did: it may have been changed again since
		if did, err := u.settle(ctx); err != nil {
			return err
		} else if !did {
			return errFellBack
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
	if err := u.bring(ctx, doors); err != nil {
		return err
	}
	before := u.clock(ctx)
	proofs, err := u.proveAll(ctx, doors)
	if err := cmp.Or(ctx.Err(), err); err != nil { // what was not tried is not proved
		return err
	}
	u.left = unproved(proofs)
	u.locked = slices.ContainsFunc(proofs, func(p Proof) bool { return p.Locked })
	if err := u.record(ctx, "password.verified", u.plan.Account, result(u.left), proofDetail(proofs)); err != nil {
		return err
	}
	if err := u.j.append(line{Time: u.Now(), Proofs: &proofs}); err != nil {
		return err
	}
	if u.left != nil {
		u.tell(rekey.StepVerify, rekey.EventFailed, u.left.Error(), nil)
	} else {
		u.tell(rekey.StepVerify, rekey.EventDone, proofSummary(proofs), nil)
	}
	u.point("verified")
	if err := u.reconcile(proofs); err != nil {
		return err
	}
	return u.noteClock(ctx, before)
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
	return doors[:min(len(doors), mostDoors)], err
}

// mostDoors is how many doors are tried: more than any recorder has.
const mostDoors = 64

// proveAll goes from door to door. Where a door leaves a wrong try standing, or
// shows another state than the rest, the new password is tried again where it
// worked before: that clears the count. When it does not open that door either,
// or the account is locked, nothing more is tried.
func (u *run) proveAll(ctx context.Context, doors []rekey.Interface) (proofs []Proof, err error) {
	stop := ""
	for _, d := range doors {
		p := Proof{Interface: d, New: NotTried, Old: NotTried, Note: stop}
		if stop == "" {
			if p, stop, err = u.prove(ctx, d); err != nil {
				return proofs, err
			}
		}
		proofs = append(proofs, p)
		u.tell(rekey.StepVerify, rekey.EventProgress, p.words(), map[string]string{"interface": d.String(), "new": string(p.New), "old": string(p.Old)})
		u.point("proved " + string(d.Kind))
	}
	return proofs, nil
}

// prove tries old, then new, on one interface, and tells why no other may be
// tried after it. An error means that the new password is in force no more.
func (u *run) prove(ctx context.Context, d rekey.Interface) (p Proof, stop string, err error) {
	p, err = u.tryBoth(ctx, d)
	wrong, bookErr := u.tries.standing(u.plan.Account)
	door, noDoor := primary(u.plan.Recorder)
	switch {
	case errors.Is(err, rekey.ErrUnknown):
		return p, "", err
	case errors.Is(err, rekey.ErrLocked):
		p.Locked = true
		return p, "not tried: the account is locked; wait, without any login", nil
	case p.New == Opens || (bookErr == nil && wrong == 0 && p.Old != Opens):
		return p, "", nil
	case noDoor == nil && same(door, d) && p.New == Refused:
		return p, "", u.fellBack(ctx, d, err)
	}
	switch err := u.clear(ctx); {
	case errors.Is(err, rekey.ErrUnknown):
		return p, "", err
	case err != nil:
		p.Locked = errors.Is(err, rekey.ErrLocked)
		return p, "not tried after what " + d.String() + " said", nil
	}
	if p.New == Refused {
		p.Shut = p.Old == Dead && d.Kind != rekey.InterfaceONVIF // whose list of its own is to be mended
		p.Note = "the recorder took the same password elsewhere right after: this door has accounts of its own, or a fault in its login; look at it in the recorder's web page"
	}
	return p, "", nil
}

// tryBoth tries old, then new. The new one is not tried where the old one opens.
func (u *run) tryBoth(ctx context.Context, d rekey.Interface) (p Proof, err error) {
	p = Proof{Interface: d, New: NotTried, Old: NotTried}
	old := ""
	switch {
	case u.old.IsZero():
		old = "the old password is not known"
	case !u.mayTryOld():
		old = "the old password was not tried, as that could lock the account"
	default:
		err = u.check(ctx, d, u.old)
		p.Old, p.Note = verdict(err, Dead)
		if p.Old == Opens || errors.Is(err, rekey.ErrLocked) {
			return p, err
		}
	}
	if p.NoDriver = untriable(err); p.NoDriver {
		return p, err
	}
	if err := u.makeRoom(ctx, d); err != nil {
		p.Note = printable(err.Error(), longest)
		return p, err
	}
	err = u.proven(func() error { return u.check(ctx, d, u.new) })
	note := ""
	p.New, note = verdict(err, Refused)
	p.NoDriver = untriable(err)
	p.Note = cmp.Or(note, p.Note, old)
	return p, err
}

// makeRoom clears the count between the old password and the new one where the
// second refusal would leave none but the last try.
func (u *run) makeRoom(ctx context.Context, d rekey.Interface) error {
	const both = 2 // the new password, and the login that clears the count
	wrong, err := u.tries.standing(u.plan.Account)
	if err != nil {
		return err
	}
	room, err := u.tries.room(u.plan.Account)
	if door, noDoor := primary(u.plan.Recorder); err != nil || wrong == 0 || room >= both || noDoor != nil || same(door, d) {
		return err
	}
	return u.clear(ctx)
}

// verdict is what a login showed; what could not be tried says why.
func verdict(err error, refused Verdict) (Verdict, string) {
	switch {
	case err == nil:
		return Opens, ""
	case isRefusal(err) && errors.Is(err, rekey.ErrDenied):
		return refused, ""
	}
	return NotTried, printable(err.Error(), longest)
}

// unproved is what is left to say of proofs that are not as they should be.
func unproved(proofs []Proof) error {
	var errs []error
	for _, p := range proofs {
		switch {
		case p.Old == Opens && p.Interface.Kind == rekey.InterfaceONVIF:
			errs = append(errs, fmt.Errorf("%w: the old password still opens %s, which has accounts of its own: set it in that list, in the recorder's web page", rekey.ErrVerify, p.Interface))
		case p.Old == Opens:
			errs = append(errs, fmt.Errorf("%w: the old password still opens %s", rekey.ErrVerify, p.Interface))
		case p.New == Refused && !p.Shut:
			errs = append(errs, fmt.Errorf("%w: %s refuses the new password", rekey.ErrVerify, p.Interface))
		case p.New == NotTried && !p.NoDriver:
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

func (p Proof) words() string {
	s := fmt.Sprintf("%s at %s: ", p.Interface, p.Interface.Address())
	switch {
	case p.Old == Opens:
		return s + "the old password still opens it"
	case p.New == Opens && p.Old == Dead:
		return s + "the new password opens it, the old one is dead"
	case p.New == Opens:
		return s + "the new password opens it; " + p.Note
	case p.Shut:
		return s + "neither the new password nor the old one opens it"
	case p.New == Refused:
		return s + "the new password is refused"
	}
	return s + "not tried; " + p.Note
}

// proofSummary is told where nothing is left to say against the proofs.
func proofSummary(proofs []Proof) string {
	opens, dead, shut := 0, 0, 0
	for _, p := range proofs {
		switch {
		case p.Shut:
			shut++
			continue
		case p.New == Opens:
			opens++
		}
		if p.Old == Dead {
			dead++
		}
	}
	s := fmt.Sprintf("the new password opens all %d interfaces", opens)
	switch dead {
	case 0:
		s += "; the old one was not tried"
	case opens:
		s += " and the old one none"
	default:
		s += fmt.Sprintf("; the old one was tried on %d and is dead there", dead)
	}
	if shut > 0 {
		s += fmt.Sprintf("; %d more take neither", shut)
	}
	if more := len(proofs) - opens - shut; more > 0 {
		s += fmt.Sprintf("; %d more cannot be tried", more)
	}
	return s
}

func proofDetail(proofs []Proof) map[string]string {
	d := map[string]string{}
	for _, p := range proofs {
		d[p.Interface.String()+" at "+p.Interface.Address()] = fmt.Sprintf("new %s, old %s", p.New, p.Old)
	}
	return d
}
