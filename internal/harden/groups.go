package harden

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rekey"
)

// checkGroups looks for accounts that may change accounts without being in the
// group of the administrators. A recorder without groups has no such accounts:
// there the list of accounts tells all.
func checkGroups(ctx context.Context, s rekey.Session, in CheckInput) ([]Finding, error) {
	lister, has := s.(rekey.GroupLister)
	if !has {
		return nil, nil
	}
	accounts, err := can[rekey.AccountLister](s)
	if err != nil {
		return nil, err
	}
	groups, err := lister.Groups(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(groups, hidden) {
		return nil, nil
	}
	all, err := accounts.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, g := range groups {
		if names := strangers(all, g.Name, in); hidden(g) && len(names) > 0 {
			found = append(found, mayChangeAccounts(g.Name, names))
		}
	}
	return found, nil
}

// hidden is a group of administrators by another name.
func hidden(g rekey.Group) bool { return g.Admin && !strings.EqualFold(g.Name, adminGroup) }

// strangers are the accounts of a group that the owner did not tell of.
func strangers(all []rekey.Account, group string, in CheckInput) []string {
	var names []string
	for _, a := range all {
		if a.Group == group && a.Name != in.Account && !slices.Contains(in.Known, a.Name) {
			names = append(names, fmt.Sprintf("%q", a.Name))
		}
	}
	return names
}

func mayChangeAccounts(group string, names []string) Finding {
	return Finding{
		ID: GroupMayChangeAccounts, Subject: group, Severity: High, Certainty: rekey.Verified,
		Title: fmt.Sprintf("whoever is in the group %q may change accounts: %s", group, strings.Join(names, ", ")),
		Why:   "whoever has such a login can make itself an administrator and undo all that was done here",
		Do:    "take that right from the group, or find out whose the accounts are; delete them, or set new passwords for them",
	}
}
