package dahua

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"rekey"
	"rekey/internal/transport"
)

// Accounts lists the recorder's users.
func (s *session) Accounts(ctx context.Context) ([]rekey.Account, error) {
	rows, err := s.users(ctx, "getUserInfoAll")
	if err != nil {
		return nil, err
	}
	accounts := make([]rekey.Account, 0, len(rows))
	for _, u := range rows {
		a := rekey.Account{Name: transport.Printable(u["Name"]), Group: transport.Printable(u["Group"]), Memo: transport.Printable(u["Memo"]), Reserved: u["Reserved"] == "true"}
		if t, err := parseStamp(u["PasswordModifiedTime"]); err == nil && t.Year() > 1990 {
			a.Changed = t
		}
		accounts = append(accounts, a)
	}
	return accounts, nil
}

// ActiveUsers lists who is logged in. A login at the CGI need not be among them:
// to some firmware it is none.
func (s *session) ActiveUsers(ctx context.Context) ([]rekey.ActiveUser, error) {
	rows, err := s.users(ctx, "getActiveUserInfoAll")
	if err != nil {
		return nil, err
	}
	users := make([]rekey.ActiveUser, 0, len(rows))
	for _, u := range rows {
		users = append(users, rekey.ActiveUser{Account: transport.Printable(u["Name"]), Address: transport.Printable(u["ClientAddress"]), Client: transport.Printable(u["ClientType"])})
	}
	return users, nil
}

// users reads a list of userManager; each row by its keys, nested ones left out.
func (s *session) users(ctx context.Context, method string) ([]map[string]string, error) {
	var rows []map[string]string
	err := s.either(ctx,
		func(r *rpc) error {
			var told struct {
				Users []map[string]any `json:"users"`
			}
			if err := r.get(ctx, "userManager."+method, nil, &told); err != nil {
				return err
			}
			for _, u := range told.Users {
				rows = append(rows, plainFields(u))
			}
			if len(rows) == 0 { // the one who asks is always in it
				return s.odd(method, "no user in it")
			}
			return s.named(method, rows)
		},
		func(c *cgi) error {
			l, err := c.get(ctx, userModule, "action", method)
			if err != nil {
				return err
			}
			rows = l.rows("users")
			if len(rows) == 0 && (len(l) > 0 || method == "getUserInfoAll") {
				return s.odd(method, "no user in it")
			}
			return s.named(method, rows)
		})
	return rows, err
}

func plainFields(u map[string]any) map[string]string {
	row := map[string]string{}
	for key, value := range u {
		switch value.(type) {
		case string, bool, json.Number:
			row[key] = fmt.Sprint(value)
		}
	}
	return row
}

// named refuses a list with a user that it does not name.
func (s *session) named(method string, rows []map[string]string) error {
	for _, row := range rows {
		if row["Name"] == "" {
			return s.odd(method, "a user without a name")
		}
	}
	return nil
}

func (s *session) odd(what, why string) error {
	return &oddAnswer{host: s.at.Address(), what: what, why: why}
}

// Keys of the table "General" that make the lock policy.
const (
	keyLockOn    = "LockLoginEnable"
	keyLockTries = "LockLoginTimes"
	keyLockFor   = "LoginFailLockTime" // seconds
)

// LockPolicy reads after how many wrong tries an account is locked.
func (s *session) LockPolicy(ctx context.Context) (rekey.LockPolicy, error) {
	t, err := s.table(ctx, "General")
	if err != nil {
		return rekey.LockPolicy{}, err
	}
	tries, okTries := whole(t.flat[keyLockTries])
	seconds, okFor := whole(t.flat[keyLockFor])
	on, okOn := t.flat[keyLockOn]
	if !okTries || !okFor || !okOn || tries < 0 || seconds < 0 || seconds > 1<<31 {
		return rekey.LockPolicy{}, &refusedError{kind: rekey.ErrUnsupported, host: s.at.Address(), what: "the lock policy", said: "not told in its settings"}
	}
	return rekey.LockPolicy{Enabled: on == "true", Tries: int(tries), LockFor: time.Duration(seconds) * time.Second}, nil
}

// SetLockPolicy writes the lock policy; the rest of the table stays.
func (s *session) SetLockPolicy(ctx context.Context, p rekey.LockPolicy) error {
	t, err := s.table(ctx, "General")
	if err != nil {
		return err
	}
	return s.write(ctx, t, map[string]string{
		keyLockOn: strconv.FormatBool(p.Enabled), keyLockTries: strconv.Itoa(p.Tries),
		keyLockFor: strconv.Itoa(int(p.LockFor / time.Second)),
	})
}

// sameAccount compares names as recorders do.
func sameAccount(a, b string) bool { return strings.EqualFold(a, b) }

var (
	_ rekey.AccountLister    = (*session)(nil)
	_ rekey.ActiveUserLister = (*session)(nil)
	_ rekey.LockPolicyReader = (*session)(nil)
	_ rekey.LockPolicySetter = (*session)(nil)
)
