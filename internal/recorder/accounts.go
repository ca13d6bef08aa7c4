package recorder

import (
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rekey"
	"rekey/seclog"
)

// Groups of accounts.
const (
	GroupAdmin = "admin"
	GroupUser  = "user"
)

// AdminAccount is the account that the first set-up makes.
const AdminAccount = "admin"

// nobodyName cannot be typed as an account: the hash behind it only takes time.
const nobodyName = "\x00nobody"

func ha1Context(name string) string { return "recorder HA1\x00" + name }

// HA1 is the digest secret that the LAN protocols of this family ask for, MD5
// and all: the lower-hex MD5(account:realm:password).
func HA1(account, realm, password string) string {
	sum := md5.Sum([]byte(account + ":" + realm + ":" + password))
	return hex.EncodeToString(sum[:])
}

func sealedContext(name string) string { return "recorder password\x00" + name }

// withPassword gives an account a new password: all forms of it, or none. The
// password itself is among them because recorders cannot do without: ONVIF's
// token, SHA-256 digests and logins at cameras are made of nothing less. The
// second factor stays, and with it the wrong codes. An activation code and paired
// phones go: they were part of the password before.
func (b *Box) withPassword(a account, name string, pw rekey.Secret) (account, error) {
	phc, err := b.argon.Hash(pw, b.rand)
	if err != nil {
		return a, storageError("hash the password", err)
	}
	ha1, err := b.seal.seal([]byte(HA1(name, b.id.Realm, pw.Reveal())), ha1Context(name))
	if err != nil {
		return a, storageError("seal the digest secret", err)
	}
	sealed, err := b.seal.seal([]byte(pw.Reveal()), sealedContext(name))
	if err != nil {
		return a, storageError("seal the password", err)
	}
	a.Hash, a.HA1, a.Sealed, a.Fails, a.Changed = phc, ha1, sealed, a.wrongCodes(), b.now().UTC().Truncate(1e9)
	a.Unset, a.Code, a.Phones = false, nil, nil
	return a, nil
}

// withoutPassword gives an account a password that nobody knows: no source tells it.
func (b *Box) withoutPassword(a account, name string) (account, error) {
	a, err := b.withPassword(a, name, randomPassword())
	a.Unset = true
	return a, err
}

// Initialised tells whether the first set-up has been made.
func (b *Box) Initialised() bool { return len(b.state().Accounts) > 0 }

// FirstSetup makes the first account, in the group admin. It is refused with
// rekey.ErrConflict once there is an account: there is no default password and
// no second first time, but by the button; and with rekey.ErrLocked while the
// recorder is activation-locked.
func (b *Box) FirstSetup(name string, pw rekey.Secret, from Client) error {
	if err := checkNewAccount(b.traits.Rule, name, pw); err != nil {
		return err
	}
	setUp, err := b.setUp(name, pw)
	if err != nil {
		return err
	}
	err = b.commit(func(next *state) ([]seclog.Record, error) {
		if len(next.Accounts) > 0 {
			return nil, fmt.Errorf("%w: the recorder is set up already; log in instead", rekey.ErrConflict)
		}
		if err := next.mayActivate(); err != nil {
			return nil, err
		}
		setUp(next)
		return []seclog.Record{from.record(name, "setup.done", name, "ok"), from.record(name, "password.set", name, "ok")}, nil
	})
	if errors.Is(err, rekey.ErrLocked) {
		return b.refuseSetup(name, err, from)
	}
	return err
}

// setUp prepares the first set-up: the admin on every list, the accounts that
// such a recorder comes with, and the cameras that take the admin's password.
func (b *Box) setUp(name string, pw rekey.Secret) (func(*state), error) {
	admin, err := b.withPassword(account{Group: GroupAdmin, Memo: name + " 's account", Reserved: true}, name, pw)
	if err != nil {
		return nil, err
	}
	preset := map[string]account{}
	for _, p := range b.traits.Preset {
		if preset[p.Name], err = b.withoutPassword(account{Group: p.Group, Memo: p.Memo, Reserved: true, Denied: without(p.Group, RightLive)}, p.Name); err != nil {
			return nil, err
		}
	}
	return func(next *state) {
		next.put(mainList, name, admin)
		for other, a := range preset {
			if other != name {
				next.put(mainList, other, a)
			}
		}
		if b.traits.ONVIF == ONVIFOwn {
			next.put(onvifList, name, admin)
		}
		next.pairCameras(admin.Sealed, name)
	}, nil
}

func randomPassword() rekey.Secret { return rekey.NewSecret(rand.Text()) }

// list is one of the box's lists of accounts.
type list int

const (
	mainList  list = iota
	onvifList      // of security baseline 2
)

// listOf is the list that a door logs in.
func (b *Box) listOf(via rekey.InterfaceKind) list {
	if via == rekey.InterfaceONVIF && b.traits.ONVIF == ONVIFOwn {
		return onvifList
	}
	return mainList
}

func (s *state) accounts(l list) map[string]account {
	if l == onvifList {
		return s.ONVIF
	}
	return s.Accounts
}

// put stores an account under a new epoch, which ends every session it had.
func (s *state) put(l list, name string, a account) {
	s.Epoch++
	a.Epoch = s.Epoch
	if l == onvifList && s.ONVIF == nil {
		s.ONVIF = map[string]account{}
	}
	s.accounts(l)[name] = a
}

// Accounts lists the accounts by name. Passwords are never listed.
func (b *Box) Accounts() []rekey.Account { return listed(b.state().Accounts) }

func listed(accounts map[string]account) []rekey.Account {
	var all []rekey.Account
	for _, name := range slices.Sorted(maps.Keys(accounts)) {
		a := accounts[name]
		all = append(all, rekey.Account{Name: name, Group: a.Group, Memo: a.Memo, Reserved: a.Reserved, Changed: a.Changed})
	}
	return all
}

// Epoch rises when the account's password changes or it is made anew: sessions
// of an older epoch are dead. 0 = no such account.
func (b *Box) Epoch(name string) uint64 { return b.state().Accounts[name].Epoch }

// SetPassword changes a password by one who knows the old one. The new one is
// checked first and costs nothing when it breaks the rule (*PolicyError); then
// the old one is tried, which is a login try as any other. actor, who is logged
// in, is the account itself or an admin.
func (b *Box) SetPassword(actor, name string, old, new rekey.Secret, from Client) error {
	return b.changePassword(mainList, actor, name, old, new, from)
}

func (b *Box) changePassword(l list, actor, name string, old, new rekey.Secret, from Client) error {
	if err := b.CheckPassword(name, new); err != nil {
		return err
	}
	if old.Equal(new) {
		return &PolicyError{"same", "must not be the old one"}
	}
	if actor != name {
		if err := b.state().mustBeAdmin(mainList, actor); err != nil {
			return err
		}
	}
	b.tries.Lock()
	defer b.tries.Unlock()
	if _, err := b.try(l, name, from, matches(old)); err != nil {
		return err
	}
	return b.setPassword(l, actor, name, new, from, passwordWay{wayOwn, besides(actor, name)})
}

// ResetPassword sets another's password by an admin who is logged in.
func (b *Box) ResetPassword(manager, name string, new rekey.Secret, from Client) error {
	return b.resetPassword(mainList, manager, name, new, from)
}

func (b *Box) resetPassword(l list, manager, name string, new rekey.Secret, from Client) error {
	if err := b.CheckPassword(name, new); err != nil {
		return err
	}
	b.tries.Lock()
	defer b.tries.Unlock()
	if err := b.state().mustBeAdmin(l, manager); err != nil {
		return err
	}
	return b.setPassword(l, manager, name, new, from, passwordWay{wayAdmin, besides(manager, name)})
}

// How a password was set, as the record has it.
const (
	wayOwn       = "own"
	wayAdmin     = "admin"
	wayTemporary = "temporary password"
	wayCode      = "activation code"
)

// passwordWay is how a password was set, and the accounts that are told of it.
type passwordWay struct {
	name string
	tell []string
}

// besides is the account where somebody else acts on it.
func besides(actor, name string) []string {
	if actor == name {
		return nil
	}
	return []string{name}
}

// setPassword is the one transaction by which a password changes: both hashes,
// the counter, the epoch and the record. It ends a recovery of the account that
// is under way. The caller holds tries, so that no try is under way.
func (b *Box) setPassword(l list, actor, name string, pw rekey.Secret, from Client, way passwordWay) error {
	a, known := b.state().accounts(l)[name]
	if !known {
		return unknownAccount(name)
	}
	made, err := b.withPassword(a, name, pw)
	if err != nil {
		return err
	}
	err = b.commit(func(next *state) ([]seclog.Record, error) {
		if next.accounts(l)[name].Epoch != a.Epoch {
			return nil, fmt.Errorf("%w: account %q was changed by somebody else meanwhile", rekey.ErrConflict, name)
		}
		next.put(l, name, made)
		set := from.record(actor, l.event("password.set"), name, "ok")
		set.Detail["way"] = way.name
		if l != mainList {
			return []seclog.Record{set}, nil
		}
		records := []seclog.Record{set, from.record("recorder", "sessions.revoked", name, "ok")}
		if way.name == wayTemporary {
			records = append(records, next.mistrust(name, from)...)
		}
		for _, who := range way.tell {
			next.tell(who, b.notice("password.set", actor))
		}
		return records, nil
	})
	if err != nil || l != mainList {
		return err
	}
	return b.cancelSupport(name, "password set")
}

// event names an event on another list than the recorder's own.
func (l list) event(name string) string {
	if l == onvifList {
		return "onvif." + name
	}
	return name
}

// AddAccount makes an account. Of a, the fields Name, Group and Memo count.
func (b *Box) AddAccount(manager string, a rekey.Account, pw rekey.Secret, from Client) error {
	return b.addAccount(mainList, manager, a, pw, from)
}

func (b *Box) addAccount(l list, manager string, a rekey.Account, pw rekey.Secret, from Client) error {
	if err := checkNewAccount(b.traits.Rule, a.Name, pw); err != nil {
		return err
	}
	if err := CheckProfile(a.Group, a.Memo); err != nil {
		return err
	}
	if err := b.state().mustBeAdmin(l, manager); err != nil {
		return err
	}
	made, err := b.withPassword(account{Group: a.Group, Memo: a.Memo}, a.Name, pw)
	if err != nil {
		return err
	}
	return b.commit(func(next *state) ([]seclog.Record, error) {
		if err := next.mustBeAdmin(l, manager); err != nil {
			return nil, err
		}
		if err := next.add(l, a.Name, made); err != nil {
			return nil, err
		}
		return []seclog.Record{from.record(manager, l.event("user.add"), a.Name, "ok")}, nil
	})
}

// CheckProfile refuses what cannot be the group and the memo of an account.
func CheckProfile(group, memo string) error {
	if group != GroupAdmin && group != GroupUser {
		return fmt.Errorf("%w: group %q; expected admin or user", rekey.ErrInput, clip(group))
	}
	if len(memo) > maxValue || !printable(memo) {
		return fmt.Errorf("%w: the memo must have at most %d printable characters", rekey.ErrInput, maxValue)
	}
	return nil
}

// mayAdd refuses a name that is taken, and more accounts than there may be.
func (s *state) mayAdd(l list, name string) error {
	if _, taken := s.accounts(l)[name]; taken || len(s.accounts(l)) >= MaxAccounts {
		return fmt.Errorf("%w: account %q exists already, or there are %d accounts", rekey.ErrConflict, name, MaxAccounts)
	}
	return nil
}

func (s *state) add(l list, name string, a account) error {
	if err := s.mayAdd(l, name); err != nil {
		return err
	}
	s.put(l, name, a)
	return nil
}

// DeleteAccount removes an account that is not reserved and not the manager's
// own, and ends a recovery of it that is under way.
func (b *Box) DeleteAccount(manager, name string, from Client) error {
	return b.deleteAccount(mainList, manager, name, from)
}

func (b *Box) deleteAccount(l list, manager, name string, from Client) error {
	b.tries.Lock() // no try on it is under way
	defer b.tries.Unlock()
	err := b.commit(func(next *state) ([]seclog.Record, error) {
		if err := next.mustBeAdmin(l, manager); err != nil {
			return nil, err
		}
		a, known := next.accounts(l)[name]
		switch {
		case !known:
			return nil, unknownAccount(name)
		case a.Reserved || name == manager:
			return nil, fmt.Errorf("%w: account %q is reserved or your own and cannot be deleted", rekey.ErrConflict, name)
		}
		delete(next.accounts(l), name)
		records := []seclog.Record{from.record(manager, l.event("user.delete"), name, "ok")}
		if l != mainList {
			return records, nil
		}
		if a.asksCode() { // an account of that name made anew has none
			records = append(records, from.record(manager, "2fa.off", name, "account deleted"))
		}
		return append(records, from.record("recorder", "sessions.revoked", name, "ok")), next.keepAnAdmin()
	})
	if err != nil || l != mainList {
		return err
	}
	return b.cancelSupport(name, "account deleted")
}

func (s *state) mustBeAdmin(l list, name string) error {
	if a, known := s.accounts(l)[name]; !known || a.Group != GroupAdmin {
		return fmt.Errorf("%w: account %q has no right to do that; an account of the group admin has", rekey.ErrDenied, clip(name))
	}
	return nil
}

func unknownAccount(name string) error {
	return fmt.Errorf("%w: the recorder has no account %q", rekey.ErrNotFound, clip(name))
}

// Bounds of every list of accounts.
const (
	MaxAccounts    = 64
	MaxAccountName = 31 // characters
)

func checkNewAccount(rule rekey.PasswordRule, name string, pw rekey.Secret) error {
	if err := CheckName(name); err != nil {
		return err
	}
	return checkPassword(rule, name, pw.Reveal())
}

// CheckName refuses what cannot be the name of an account.
func CheckName(name string) error {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_-.@", c)
	}
	if name == "" || name == "." || name == ".." || len(name) > MaxAccountName || strings.ContainsFunc(name, func(c rune) bool { return !plain(c) }) {
		return fmt.Errorf("%w: account name %q; expected 1 to %d letters, digits or _ - . @ (not . or .. alone)", rekey.ErrInput, clip(name), MaxAccountName)
	}
	return nil
}
