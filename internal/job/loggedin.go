package job

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rekey"
	"rekey/internal/harden"
)

// look reads, for the plan, who is logged in and how the cameras are, as far as
// the recorder tells. One that cannot be asked is changed all the same.
func (u *run) look(ctx context.Context) {
	var err error
	if u.plan.LoggedIn, err = u.activeUsers(ctx); err != nil {
		u.unread = append(u.unread, fmt.Sprintf("who is logged in could not be read (%v): look in the recorder's web page", err))
	}
	if u.plan.Channels, err = u.channels(ctx); err != nil && !errors.Is(err, rekey.ErrUnsupported) {
		u.unread = append(u.unread, fmt.Sprintf("the state of the cameras could not be read (%v): look at the recorder's screen which are dark", err))
	}
}

// activeUsers are none where the recorder does not tell, or not to this account.
func (u *run) activeUsers(ctx context.Context) ([]rekey.ActiveUser, error) {
	lister, ok := u.session.(rekey.ActiveUserLister)
	if !ok {
		return nil, nil
	}
	users, err := lister.ActiveUsers(ctx)
	if errors.Is(err, rekey.ErrUnsupported) {
		err = nil
	}
	users = slices.Clone(users[:min(len(users), mostUsers)])
	for n, a := range users {
		users[n] = rekey.ActiveUser{Account: clip(a.Account), Address: clip(a.Address), Client: clip(a.Client)}
	}
	return users, err
}

// mostUsers is how many are listed of those who are logged in.
const mostUsers = 100

// tellLoggedIn says, just before the change, who is logged in besides rekey.
func (u *run) tellLoggedIn(ctx context.Context) {
	users, err := u.activeUsers(ctx)
	if err != nil {
		u.tell(rekey.StepChange, rekey.EventProgress, fmt.Sprintf("who is logged in right now could not be read: %v", err), nil)
	}
	for _, a := range harden.Others(users, u.login.Account) {
		u.tell(rekey.StepChange, rekey.EventProgress, "logged in right now: "+userWords(a), map[string]string{"account": a.Account, "address": a.Address, "client": a.Client})
	}
}

// loggedInNotes are what the plan says of who is logged in besides rekey.
func (u *run) loggedInNotes() []string {
	notes := slices.Clone(u.unread)
	for _, a := range harden.Others(u.plan.LoggedIn, u.login.Account) {
		note := "logged in now: " + userWords(a) + "; stop it before the change"
		if a.Account == u.plan.Account {
			note += ", or give it the new password right after: its tries with the old one would lock the account"
		}
		notes = append(notes, note)
	}
	return notes
}

func userWords(a rekey.ActiveUser) string {
	if a.Client == "" {
		return fmt.Sprintf("%q from %s", a.Account, a.Address)
	}
	return fmt.Sprintf("%q from %s (%s)", a.Account, a.Address, a.Client)
}
