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
	u.tries.last = true
	err := login()
	u.tries.last = u.tries.accepted
	return err
}

// clear logs in once more with the new password where it is known to work. That
// clears the recorder's count of wrong tries, and shows that a door that refused
// it has a reason of its own.
func (u *run) clear(ctx context.Context) error {
	door, err := primary(u.plan.Recorder)
	if err != nil {
		return err
	}
	return u.proven(func() error { return u.check(ctx, door, u.new) })
}

// untriable: nobody can try that door, and nothing was spent on it; or only by
// a risk that was not accepted.
func untriable(err error) bool {
	var other *certificateError
	return !errors.As(err, &other) && !isRefusal(err) && (errors.Is(err, rekey.ErrUnsupported) || errors.Is(err, rekey.ErrRisk))
}
