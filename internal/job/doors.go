package job

import (
	"context"
	"errors"
	"fmt"

	"rekey"
)

// onvifFamily is the driver that tries the doors of kind ONVIF, of its own and
// of every other family's recorders.
const onvifFamily = "onvif"

// primary is the door that settles questions. It is the one that a login was
// made at: of the kinds that a driver logs in at, those of a recorder's own web
// page before ONVIF, and the encrypted door before the plain one. A stream, the
// maker's own client and the local seat settle nothing.
func primary(id rekey.Identity) (rekey.Interface, error) {
	for _, kind := range []rekey.InterfaceKind{rekey.InterfaceRPC2, rekey.InterfaceCGI, rekey.InterfaceISAPI, rekey.InterfaceONVIF} {
		if d, ok := safest(id, kind); ok {
			return d, nil
		}
	}
	return rekey.Interface{}, fmt.Errorf("%w: the recorder offers no interface that rekey logs in at", rekey.ErrUnsupported)
}

// safest is the encrypted door of that kind, else the plain one.
func safest(id rekey.Identity, kind rekey.InterfaceKind) (rekey.Interface, bool) {
	for _, d := range id.Interfaces {
		if d.Kind == kind && d.TLS {
			return d, true
		}
	}
	return id.Interface(kind)
}

// others are the doors beside that one at which its driver logs in, one of each
// kind. An ONVIF door may have accounts of its own, and tells nothing of these.
func others(doors []rekey.Interface, at rekey.Interface) []rekey.Interface {
	var all []rekey.Interface
	for _, kind := range []rekey.InterfaceKind{rekey.InterfaceRPC2, rekey.InterfaceCGI, rekey.InterfaceISAPI, rekey.InterfaceRTSP} {
		if d, ok := safest(rekey.Identity{Interfaces: doors}, kind); ok && kind != at.Kind {
			all = append(all, d)
		}
	}
	return all
}

// same tells whether two answers speak of one door.
func same(a, b rekey.Interface) bool {
	return a.Kind == b.Kind && a.TLS == b.TLS && a.Address() == b.Address()
}

// prover is the driver that tries a password at such a door.
func (u *run) prover(kind rekey.InterfaceKind) (rekey.Driver, error) {
	if kind != rekey.InterfaceONVIF || u.driver.Family() == onvifFamily {
		return u.driver, nil
	}
	for _, d := range u.Drivers(u.req.Accept) {
		if d.Family() == onvifFamily {
			return d, nil
		}
	}
	return nil, fmt.Errorf("%w: no driver for %s is at hand", rekey.ErrUnsupported, kind)
}

// check tries a password of the plan's account at one door, once.
func (u *run) check(ctx context.Context, d rekey.Interface, password rekey.Secret) error {
	by, err := u.prover(d.Kind)
	if err != nil {
		return err
	}
	if d, err = u.trusted(d); err != nil {
		return err
	}
	if err := by.Check(ctx, d, rekey.Login{Account: u.plan.Account, Password: password}, u.tries); err != nil {
		return err
	}
	return u.trust(d)
}

// proven makes a login with a password that opened a door a moment ago, where
// there is one: it is worth the last try of the budget.
func (u *run) proven(login func() error) error {
	if !u.proved {
		return login()
	}
	had := u.tries.last
	u.tries.last = true
	err := login()
	u.tries.last = u.tries.last && (had || err == nil) // one that was used up is back when the login succeeded
	return err
}

// clear logs in once more with the new password where it is known to work. That
// clears the recorder's count of wrong tries, and shows that a door that refused
// it has a reason of its own. Where it is refused there, too, the outcome is
// unknown from then on.
func (u *run) clear(ctx context.Context) error {
	door, err := primary(u.plan.Recorder)
	if err != nil {
		return err
	}
	err = u.proven(func() error { return u.check(ctx, door, u.new) })
	if isRefusal(err) && errors.Is(err, rekey.ErrDenied) {
		return u.fellBack(ctx, door, err)
	}
	return err
}

// fellBack: the new password was proved at that door and is refused there now.
func (u *run) fellBack(ctx context.Context, d rekey.Interface, why error) error {
	u.proved = false
	if err := u.record(ctx, "password.settled", u.plan.Account, result(why), map[string]string{"interface": d.String()}); err != nil {
		return err
	}
	if err := u.inDoubt(refusals{New: true}); err != nil {
		return err
	}
	u.tell(rekey.StepVerify, rekey.EventFailed, "the new password does not open the recorder any more", nil)
	return errFellBack
}

var errFellBack = fmt.Errorf("%w: the new password, proved before, is refused now: somebody set another one, or the recorder fell back to its old state", rekey.ErrUnknown)

// inDoubt writes down that nobody knows which password is in force, and which
// were refused, at once: half of it would keep resume from settling it.
func (u *run) inDoubt(refused refusals) error {
	unknown := rekey.Unknown
	return u.j.append(line{Time: u.Now(), Refused: &refused, Outcome: &unknown})
}

// untriable: nobody can try that door, and nothing was spent on it; or only by
// a risk that was not accepted.
func untriable(err error) bool {
	var other *certificateError
	return !errors.As(err, &other) && !isRefusal(err) && (errors.Is(err, rekey.ErrUnsupported) || errors.Is(err, rekey.ErrRisk))
}
