package rekeytest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"rekey"
)

// lacks are the abilities that a face may lack, and what is asked for all the same.
var lacks = map[string]func(*testing.T, rekey.Driver, Box, rekey.Session) error{
	"who is logged in": func(t *testing.T, _ rekey.Driver, _ Box, s rekey.Session) error {
		return ask(s, func(a rekey.ActiveUserLister) error { _, err := a.ActiveUsers(t.Context()); return err })
	},
	"lock policy": func(t *testing.T, _ rekey.Driver, _ Box, s rekey.Session) error {
		policy := rekey.LockPolicy{Enabled: true, Tries: 4, LockFor: 10 * time.Minute}
		return both(
			ask(s, func(a rekey.LockPolicyReader) error { _, err := a.LockPolicy(t.Context()); return err }),
			ask(s, func(a rekey.LockPolicySetter) error { return a.SetLockPolicy(t.Context(), policy) }))
	},
	"recordings": func(t *testing.T, _ rekey.Driver, b Box, s rekey.Session) error {
		return ask(s, func(a rekey.RecordingLister) error {
			return a.Recordings(t.Context(), b.From, b.To, func(rekey.Recording) error { return nil })
		})
	},
	"channels": func(t *testing.T, _ rekey.Driver, b Box, s rekey.Session) error {
		return both(
			ask(s, func(a rekey.ChannelLister) error { _, err := a.Channels(t.Context()); return err }),
			ask(s, func(a rekey.ChannelLoginSetter) error { return a.SetChannelLogin(t.Context(), 1, b.Second) }))
	},
	"logins log": func(t *testing.T, _ rekey.Driver, _ Box, s rekey.Session) error {
		return ask(s, func(a rekey.LoginLogReader) error {
			return a.Logins(t.Context(), time.Now().UTC().AddDate(0, 0, -1), func(rekey.LoginRecord) error { return nil })
		})
	},
	"own accounts": func(t *testing.T, d rekey.Driver, b Box, s rekey.Session) error {
		defer open(t, d, b.HTTP, b.Admin) // nothing has changed
		return ask(s, func(a rekey.OwnAccountsSetter) error {
			return a.SetOwnPassword(t.Context(), rekey.InterfaceONVIF, b.Admin.Account, b.Admin.Password, rekey.NewSecret(b.Password))
		})
	},
	"recovery description": func(t *testing.T, d rekey.Driver, b Box, _ rekey.Session) error {
		return ask(d, func(a rekey.RecoveryReader) error {
			_, err := a.Recovery(t.Context(), look(t, d, b.HTTP), b.Admin.Account)
			return err
		})
	},
	"password rule": func(t *testing.T, _ rekey.Driver, _ Box, s rekey.Session) error {
		return ask(s, func(a rekey.PasswordRuleReader) error { _, err := a.PasswordRule(t.Context()); return err })
	},
	"reset password": func(t *testing.T, d rekey.Driver, b Box, _ rekey.Session) error {
		// In a session of its own, since it may cost a try at the door that is broken.
		s, err := d.Open(t.Context(), look(t, d, b.HTTP), b.Admin, &Book{})
		if err != nil {
			return err
		}
		defer func() { _ = s.Close(t.Context()) }()
		return ask(s, func(a rekey.PasswordResetter) error {
			return a.ResetPassword(t.Context(), b.Second.Account, rekey.NewSecret(b.Password))
		})
	},
	"services": func(t *testing.T, _ rekey.Driver, _ Box, s rekey.Session) error {
		return ask(s, func(a rekey.ServiceSwitcher) error { return a.SwitchService(t.Context(), "rtsp", false) })
	},
	"storage": func(t *testing.T, _ rekey.Driver, _ Box, s rekey.Session) error {
		return ask(s, func(a rekey.StorageReader) error { _, err := a.Storage(t.Context()); return err })
	},
	"upgrading": func(t *testing.T, _ rekey.Driver, _ Box, s rekey.Session) error {
		return ask(s, func(a rekey.UpgradeReader) error { _, _, err := a.Upgrading(t.Context()); return err })
	},
	"groups": func(t *testing.T, _ rekey.Driver, _ Box, s rekey.Session) error {
		return ask(s, func(a rekey.GroupLister) error { _, err := a.Groups(t.Context()); return err })
	},
	"stream door": func(t *testing.T, d rekey.Driver, b Box, s rekey.Session) error {
		if slices.ContainsFunc(tried(t, d, b, doors(t, s)), isStream) {
			return nil
		}
		return rekey.ErrUnsupported
	},
}

// ask asks for an ability. Who has it not says so, too.
func ask[A any](of any, do func(A) error) error {
	a, is := of.(A)
	if !is {
		return rekey.ErrUnsupported
	}
	return do(a)
}

// both is ErrUnsupported where both are.
func both(one, other error) error {
	if errors.Is(one, rekey.ErrUnsupported) {
		return other
	}
	return one
}

// lacking tests that a session says what it cannot do.
func lacking(name string) func(*testing.T, rekey.Driver, Box) {
	return func(t *testing.T, d rekey.Driver, b Box) {
		try := lacks[name]
		if try == nil {
			t.Fatalf("nobody may lack %q", name)
		}
		if err := try(t, d, b, open(t, d, b.HTTP, b.Admin)); !errors.Is(err, rekey.ErrUnsupported) {
			t.Errorf("%s, which it has not: %v", name, err)
		}
	}
}
