package harden

import (
	"context"
	"strings"
	"testing"

	"rekey"
)

// grouped is a device that tells its groups.
type grouped struct {
	*device
	groups []rekey.Group
	why    error
}

func (g grouped) Groups(context.Context) ([]rekey.Group, error) { return g.groups, g.why }

func TestCheckGroups(t *testing.T) {
	t.Parallel()
	admin, user := rekey.Group{Name: "admin", Admin: true}, rekey.Group{Name: "user"}
	helpers := rekey.Group{Name: "helpers", Rights: []string{"AuthUserMag"}, Admin: true}
	in := func(name string) rekey.Account { return rekey.Account{Name: name, Group: "helpers"} }
	for name, tc := range map[string]struct {
		groups   []rekey.Group
		accounts []rekey.Account
		why      error
		want     string
		named    string
	}{
		"usual":           {groups: []rekey.Group{admin, user}},
		"Admin":           {groups: []rekey.Group{{Name: "Admin", Admin: true}, user}},
		"empty":           {groups: []rekey.Group{admin, helpers}},
		"a stranger":      {groups: []rekey.Group{admin, helpers}, accounts: []rekey.Account{in("eve"), in("bob")}, want: "group-may-change-accounts helpers, unknown-account eve, unknown-account bob", named: `"eve", "bob"`},
		"a known account": {groups: []rekey.Group{helpers}, accounts: []rekey.Account{in("second")}},
		"the one in use":  {groups: []rekey.Group{helpers}, accounts: []rekey.Account{in("admin")}},
		"another group":   {groups: []rekey.Group{helpers}, accounts: []rekey.Account{{Name: "eve", Group: "user"}}, want: "unknown-account eve"},
		"untold":          {why: rekey.ErrUnsupported, want: "not-checked groups of accounts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := good()
			d.accounts = append(d.accounts, tc.accounts...)
			found := check(t, grouped{d, tc.groups, tc.why}, input())
			if got := ids(found); got != tc.want {
				t.Errorf("found %q, want %q", got, tc.want)
			}
			if tc.named != "" && (!strings.Contains(found[0].Title, tc.named) || found[0].Fixable || Safe(found[0])) {
				t.Errorf("%+v", found[0])
			}
		})
	}
}
