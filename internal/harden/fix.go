package harden

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rekey"
)

// Safe is the usual answer to what Fix may mend: the findings whose fix no
// owner misses. It leaves out p2p-on, because the maker's app stops working
// from outside, and http-without-https, because the recorder may restart its
// web page.
func Safe(f Finding) bool {
	return slices.Contains([]string{LockPolicyOff, LockPolicyWeak, UPnPOn, TelnetOn, SSHOn, SNMPOn, MulticastOn, ONVIFOpen}, f.ID)
}

// Fix mends the fixable findings that allow agrees to, reads each back, and
// returns all findings, with Fixed set where it held. It sets the lock policy,
// switches services off that are better off, and switches HTTPS on; it never
// touches an account, and none of what it switches is a door that rekey comes
// through. A fix that did not hold is rekey.ErrVerify and does not keep it
// from the others; when the recorder is lost it stops.
func Fix(ctx context.Context, s rekey.Session, findings []Finding, allow func(Finding) bool) ([]Finding, error) {
	out := slices.Clone(findings)
	var failed []error
	for i, f := range out {
		if !f.Fixable || f.Fixed || !allow(f) {
			continue
		}
		err := fix(ctx, s, f.ID)
		out[i].Fixed = err == nil
		if err != nil {
			failed = append(failed, fmt.Errorf("fix %s: %w", f.ID, err))
		}
		if err != nil && !errors.Is(err, rekey.ErrVerify) && !cannotTell(err) {
			break
		}
	}
	return out, errors.Join(failed...)
}

func fix(ctx context.Context, s rekey.Session, id string) error {
	switch id {
	case LockPolicyOff, LockPolicyWeak:
		return fixLockPolicy(ctx, s)
	case PlainHTTP:
		return switchTo(ctx, s, serviceHTTPS, true)
	}
	for _, b := range betterOff() {
		if b.finding.ID == id {
			return switchTo(ctx, s, b.service, false)
		}
	}
	return fmt.Errorf("%w: there is no fix for it", rekey.ErrUnsupported)
}

func fixLockPolicy(ctx context.Context, s rekey.Session) error {
	setter, err := can[rekey.LockPolicySetter](s)
	if err != nil {
		return err
	}
	reader, err := can[rekey.LockPolicyReader](s)
	if err != nil {
		return err
	}
	if err := setter.SetLockPolicy(ctx, goodPolicy); err != nil {
		return err
	}
	now, err := reader.LockPolicy(ctx)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if weak(now) {
		return fmt.Errorf("%w: the recorder took the lock policy but still has %d tries, %s, enabled %v", rekey.ErrVerify, now.Tries, now.LockFor, now.Enabled)
	}
	return nil
}

func switchTo(ctx context.Context, s rekey.Session, service string, want bool) error {
	switcher, err := can[rekey.ServiceSwitcher](s)
	if err != nil {
		return err
	}
	lister, err := can[rekey.ServiceLister](s)
	if err != nil {
		return err
	}
	if err := switcher.SwitchService(ctx, service, want); err != nil {
		return err
	}
	services, err := lister.Services(ctx)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if on(services, service) != want {
		return fmt.Errorf("%w: the recorder took the change but %s is as before", rekey.ErrVerify, service)
	}
	return nil
}
