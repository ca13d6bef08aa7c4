package harden

import (
	"context"
	"fmt"
	"slices"

	"rekey"
)

const adminGroup = "admin"

func checkAccounts(ctx context.Context, s rekey.Session, in CheckInput) ([]Finding, error) {
	lister, err := can[rekey.AccountLister](s)
	if err != nil {
		return nil, err
	}
	accounts, err := lister.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	var found []Finding
	admins := 0
	for _, a := range accounts {
		if a.Group == adminGroup {
			admins++
		}
		found = append(found, checkAccount(a, in)...)
	}
	if admins == 1 {
		found = append(found, Finding{
			ID: NoSecondAdmin, Severity: Info, Certainty: rekey.Verified,
			Title: "there is only one administrator",
			Why:   "when its password is lost, nobody can set a new one from inside",
			Do:    "add a second account in the group admin, with a password of its own that is kept elsewhere",
		})
	}
	return found, nil
}

// checkAccount looks at one account. The account in use is the one whose
// password has just been changed.
func checkAccount(a rekey.Account, in CheckInput) []Finding {
	if a.Name == in.Account {
		return nil
	}
	var found []Finding
	known := slices.Contains(in.Known, a.Name)
	switch {
	case a.Group == adminGroup && !known:
		found = append(found, Finding{
			ID: ExtraAdmin, Subject: a.Name, Severity: High, Certainty: rekey.Verified,
			Title: fmt.Sprintf("%q is an administrator too", a.Name),
			Why:   "whoever has that login can undo all that was done here",
			Do:    "find out whose it is; delete it, or set a new password for it",
		})
	case !known && !a.Reserved:
		found = append(found, Finding{
			ID: UnknownAccount, Subject: a.Name, Severity: Medium, Certainty: rekey.Verified,
			Title: fmt.Sprintf("the account %q was not named by the owner", a.Name),
			Why:   "an account that nobody remembers may be somebody else's",
			Do:    "find out whose it is; delete it, or set a new password for it",
		})
	}
	if age := in.Now.Sub(a.Changed); !a.Changed.IsZero() && age > in.PasswordAge {
		found = append(found, Finding{
			ID: OldPassword, Subject: a.Name, Severity: Low, Certainty: rekey.Verified,
			Title: fmt.Sprintf("the password of %q is from %s", a.Name, a.Changed.Format("2006-01-02")),
			Why:   "who knew it then still knows it",
			Do:    "set a new one",
		})
	}
	return found
}

// localSeat is how the monitor and mouse show up in the list of logins.
const localSeat = "GUI"

func checkActiveUsers(ctx context.Context, s rekey.Session, in CheckInput) ([]Finding, error) {
	lister, err := can[rekey.ActiveUserLister](s)
	if err != nil {
		return nil, err
	}
	users, err := lister.ActiveUsers(ctx)
	if err != nil {
		return nil, err
	}
	var found []Finding
	seen := map[string]bool{}
	for _, u := range Others(users, in.Account) {
		subject := fmt.Sprintf("%s at %s", u.Account, u.Address)
		if seen[subject] {
			continue
		}
		seen[subject] = true
		found = append(found, Finding{
			ID: SomebodyLoggedIn, Subject: subject, Severity: Medium, Certainty: certaintyOf(u, in),
			Title: fmt.Sprintf("%q is logged in from %s (%s)", u.Account, u.Address, u.Client),
			Why:   "a login from before the change may go on without the new password",
			Do:    "find out who it is; restarting the recorder ends all logins",
		})
	}
	return found, nil
}

// Others are who is logged in besides rekey, which is logged in as account, as
// far as that can be told.
func Others(users []rekey.ActiveUser, account string) []rekey.ActiveUser {
	return slices.DeleteFunc(slices.Clone(users), func(u rekey.ActiveUser) bool { return mayBeUs(u, users, account) })
}

// mayBeUs: the recorder does not mark our own login. It is of the account in
// use and not at the local seat; where such logins come from several
// addresses, only one of them can be ours, and which one is not known.
func mayBeUs(u rekey.ActiveUser, all []rekey.ActiveUser, account string) bool {
	if u.Account != account || u.Client == localSeat {
		return false
	}
	return !slices.ContainsFunc(all, func(o rekey.ActiveUser) bool {
		return o.Account == u.Account && o.Client != localSeat && o.Address != u.Address
	})
}

func certaintyOf(u rekey.ActiveUser, in CheckInput) rekey.Certainty {
	if u.Account == in.Account && u.Client != localSeat {
		return rekey.Inferred
	}
	return rekey.Verified
}

// checkSeparate tells of lists of accounts that an interface has for itself.
func checkSeparate(_ context.Context, _ rekey.Session, in CheckInput) ([]Finding, error) {
	var found []Finding
	for _, kind := range in.Separate {
		found = append(found, Finding{
			ID: SeparateAccounts, Subject: string(kind), Severity: Low, Certainty: rekey.Verified,
			Title: fmt.Sprintf("%s has accounts of its own", kind),
			Why:   "a password that is changed in one list stays as it was in the other, and opens that door still",
			Do:    "look through both lists in the recorder's web page, delete what nobody uses, and change passwords in both",
		})
	}
	return found, nil
}
