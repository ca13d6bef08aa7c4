package hikvision

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"rekey"
)

// Resources of accounts.
const (
	pathUsers  = "/ISAPI/Security/users"
	pathOnline = "/ISAPI/Security/onlineUser"
	pathLock   = "/ISAPI/Security/illegalLoginLock"
)

// levelAdmin is the userLevel that holds every right.
const levelAdmin = "Administrator"

// Accounts lists the recorder's users. The group of an Administrator is "admin",
// of others the level as the recorder says it: Operator or Viewer.
func (s *session) Accounts(ctx context.Context) ([]rekey.Account, error) {
	list, err := s.get(ctx, pathUsers, "UserList")
	if err != nil {
		return nil, err
	}
	var accounts []rekey.Account
	for _, u := range list.all("User") {
		a := rekey.Account{Name: u.value("userName"), Group: u.value("userLevel")}
		if a.Name == "" {
			return nil, s.odd(pathUsers, "a user without a name")
		}
		if strings.EqualFold(a.Group, levelAdmin) {
			a.Group = "admin"
		}
		// The first user cannot be deleted.
		inherent, _ := u.on("attribute", "inherent")
		a.Reserved = inherent || u.exact("id") == "1"
		accounts = append(accounts, a)
	}
	if len(accounts) == 0 {
		return nil, s.odd(pathUsers, "no user in it")
	}
	return accounts, nil
}

// ActiveUsers lists who is logged in. What program they use is not told; clients
// by digest, this one among them, are often not listed.
func (s *session) ActiveUsers(ctx context.Context) ([]rekey.ActiveUser, error) {
	list, err := s.get(ctx, pathOnline, "OnlineUserList")
	if err != nil {
		return nil, err
	}
	users := []rekey.ActiveUser{}
	for _, u := range list.all("OnlineUser") {
		address := u.value("clientAddress", "ipAddress")
		if address == "" {
			address = u.value("clientAddress", "ipv6Address")
		}
		users = append(users, rekey.ActiveUser{Account: u.value("name"), Address: address})
	}
	return users, nil
}

// LockPolicy reads after how many wrong tries an account is locked. Firmware
// that tells no number is told as rekey.ErrUnsupported, unless the lock is off.
func (s *session) LockPolicy(ctx context.Context) (rekey.LockPolicy, error) {
	r, err := s.get(ctx, pathLock, "IllegalLoginLock")
	if err != nil {
		return rekey.LockPolicy{}, err
	}
	on, told := r.on("enabled")
	p := rekey.LockPolicy{Enabled: on}
	tries, hasTries := r.number(1000, "maxIllegalLoginTimes")
	if !told || (on && !hasTries) {
		return rekey.LockPolicy{}, fmt.Errorf("%w: %s does not tell after how many wrong tries it locks", rekey.ErrUnsupported, s.at.Address())
	}
	p.Tries = tries
	if seconds, ok := r.number(7*24*3600, "maxIllegalLoginLockTime"); ok {
		p.LockFor = time.Duration(seconds) * time.Second
	}
	return p, nil
}

// SetLockPolicy writes the lock policy; what else the recorder tells there stays.
func (s *session) SetLockPolicy(ctx context.Context, p rekey.LockPolicy) error {
	w, err := s.web(ctx)
	if err != nil {
		return err
	}
	doc, err := w.getExactly(ctx, pathLock, "IllegalLoginLock")
	if err != nil {
		return err
	}
	var edits []edit
	for _, want := range []struct {
		name, text string
		must       bool
	}{
		{"enabled", strconv.FormatBool(p.Enabled), true},
		{"maxIllegalLoginTimes", strconv.Itoa(p.Tries), p.Enabled},
		{"maxIllegalLoginLockTime", strconv.Itoa(int(p.LockFor / time.Second)), false},
	} {
		n := doc.root.find(want.name)
		if n == nil && want.must {
			return fmt.Errorf("%w: %s lets %s not be set", rekey.ErrUnsupported, s.at.Address(), want.name)
		}
		if n != nil {
			edits = append(edits, doc.set(n, want.text))
		}
	}
	return waiting(w.put(ctx, pathLock, doc.apply(edits...)))
}

// odd is an answer at the session's door that cannot be understood.
func (s *session) odd(what, why string) error {
	return &oddAnswer{host: s.at.Address(), what: what, why: why}
}

// sameAccount compares names as recorders do.
func sameAccount(a, b string) bool { return strings.EqualFold(a, b) }

var (
	_ rekey.AccountLister    = (*session)(nil)
	_ rekey.ActiveUserLister = (*session)(nil)
	_ rekey.LockPolicyReader = (*session)(nil)
	_ rekey.LockPolicySetter = (*session)(nil)
)
