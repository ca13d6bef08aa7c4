package dahua

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"rekey"
	"rekey/internal/transport"
)

const (
	actionGroups = "getGroupInfoAll"
	mostGroups   = 256
	// builtInAdmin is the family's own group of administrators.
	builtInAdmin = "admin"
)

// Groups lists the groups of accounts with their rights, in the recorder's order.
func (s *session) Groups(ctx context.Context) ([]rekey.Group, error) {
	var rows []map[string]string
	err := s.either(ctx,
		func(r *rpc) (err error) {
			rows, err = s.groupsByRPC(ctx, r)
			return err
		},
		func(c *cgi) error {
			l, err := c.values(ctx, userModule, actionGroups)
			if err != nil {
				return err
			}
			if rows = flatRowsOf(l, "group", mostGroups); len(rows) == 0 {
				rows = flatRowsOf(l, "groups", mostGroups)
			}
			return nil
		})
	if err == nil && len(rows) == 0 {
		err = untold(s.at.Address(), actionGroups, "no group in it")
	}
	if err != nil {
		return nil, s.plainly(err, "its groups of accounts")
	}
	groups := make([]rekey.Group, 0, len(rows))
	for _, row := range rows {
		g := readGroup(row)
		if g.Name == "" {
			return nil, untold(s.at.Address(), actionGroups, "a group without a name")
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// groupsByRPC takes both forms in the field: the list beside other params, and
// params that are the list.
func (s *session) groupsByRPC(ctx context.Context, r *rpc) ([]map[string]string, error) {
	var told any
	if err := r.get(ctx, "userManager."+actionGroups, nil, &told); err != nil {
		return nil, err
	}
	list, _ := listIn(told, "group", "groups")
	return s.flatRows(list, mostGroups, actionGroups)
}

// groupRight is the path of a right in the row of a group.
var groupRight = regexp.MustCompile(`^authoritylist\[(\d{1,4})\]$`)

// rightToAccounts are the names of the right to change accounts. Three are known
// from clients of several firmwares: AuthUserMag, UserManage and System_Account.
// The other spellings of the same are assumed; a name that is not of them is not
// taken for that right.
var rightToAccounts = regexp.MustCompile(`(?i)^(auth_?)?(user_?(mag|mng|manage|manager|management|mgr)|(system_)?accounts?(_?(mag|manage|manager|management))?)$`)

// readGroup reads one row. The built-in group of administrators holds every right,
// by whatever names.
func readGroup(row map[string]string) rekey.Group {
	g := rekey.Group{Name: transport.Printable(row["name"]), Rights: []string{}}
	g.Admin = strings.EqualFold(g.Name, builtInAdmin)
	byIndex := map[int64]string{}
	for path, value := range row {
		if m := groupRight.FindStringSubmatch(path); m != nil && value != "" {
			n, _ := whole(m[1])
			byIndex[n] = value
		}
	}
	for _, n := range slices.Sorted(maps.Keys(byIndex)) {
		right := byIndex[n]
		g.Rights = append(g.Rights, transport.Printable(right))
		g.Admin = g.Admin || rightToAccounts.MatchString(right)
	}
	return g
}

var _ rekey.GroupLister = (*session)(nil)
