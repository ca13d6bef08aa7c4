package recorder

import (
	"fmt"
	"slices"
	"strings"

	"rekey"
	"rekey/seclog"
)

// Right is what an account of the group user may do. Admins may do everything.
type Right string

// The rights.
const (
	RightLive     Right = "live"     // see the cameras
	RightPlayback Right = "playback" // see recordings
	RightBackup   Right = "backup"   // take recordings away
)

// Rights are all rights, in the order of the screen.
func Rights() []Right { return []Right{RightLive, RightPlayback, RightBackup} }

func (a account) may(r Right) bool { return a.Group == GroupAdmin || !slices.Contains(a.Denied, r) }

// RightsOf are the rights of an account; none where there is no such account.
func (b *Box) RightsOf(name string) []Right {
	return slices.DeleteFunc(Rights(), func(r Right) bool { return !b.May(name, r) })
}

// May tells whether the account has the right.
func (b *Box) May(name string, r Right) bool {
	a, known := b.state().Accounts[name]
	return known && slices.Contains(Rights(), r) && a.may(r)
}

// without is what an account is denied that has these rights. An admin is denied nothing.
func without(group string, rights ...Right) []Right {
	if group == GroupAdmin {
		return nil
	}
	return slices.DeleteFunc(Rights(), func(r Right) bool { return slices.Contains(rights, r) })
}

func checkRights(rights []Right) error {
	for _, r := range rights {
		if !slices.Contains(Rights(), r) {
			return fmt.Errorf("%w: right %q; expected live, playback or backup", rekey.ErrInput, clip(string(r)))
		}
	}
	return nil
}

// ModifyAccount changes group, memo and rights of an account. The last admin
// stays an admin (rekey.ErrConflict). Who loses a right loses all sessions with it.
func (b *Box) ModifyAccount(manager, name, group, memo string, rights []Right, from Client) error {
	if err := CheckProfile(group, memo); err != nil {
		return err
	}
	if err := checkRights(rights); err != nil {
		return err
	}
	b.tries.Lock() // no try on it is under way
	defer b.tries.Unlock()
	return b.commit(func(next *state) ([]seclog.Record, error) {
		if err := next.mustBeAdmin(mainList, manager); err != nil {
			return nil, err
		}
		a, known := next.Accounts[name]
		if !known {
			return nil, unknownAccount(name)
		}
		before := a
		a.Group, a.Memo, a.Denied = group, memo, without(group, rights...)
		records := []seclog.Record{profileRecord(from.record(manager, "user.modify", name, "ok"), a)}
		next.Accounts[name] = a
		if a.mayLessThan(before) {
			next.put(mainList, name, a)
			records = append(records, from.record("recorder", "sessions.revoked", name, "ok"))
		}
		if manager != name {
			next.tell(name, b.notice("user.modify", manager))
		}
		return records, next.keepAnAdmin()
	})
}

func (a account) mayLessThan(before account) bool {
	return before.Group == GroupAdmin && a.Group != GroupAdmin ||
		slices.ContainsFunc(Rights(), func(r Right) bool { return before.may(r) && !a.may(r) })
}

func profileRecord(r seclog.Record, a account) seclog.Record {
	var rights []string
	for _, one := range Rights() {
		if a.may(one) {
			rights = append(rights, string(one))
		}
	}
	r.Detail["group"], r.Detail["rights"] = a.Group, strings.Join(rights, ",")
	return r
}

// keepAnAdmin refuses a state in which nobody can manage the recorder. An admin
// whose password was never set is none yet.
func (s *state) keepAnAdmin() error {
	for _, a := range s.Accounts {
		if a.Group == GroupAdmin && !a.Unset {
			return nil
		}
	}
	return fmt.Errorf("%w: this is the last admin; make another account an admin first", rekey.ErrConflict)
}
