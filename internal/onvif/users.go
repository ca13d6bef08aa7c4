package onvif

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"rekey"
	"rekey/internal/transport"
)

// user is one of the device's ONVIF users, in its own writing.
type user struct{ name, level string }

// Accounts lists the ONVIF users. Where a recorder keeps them apart from its
// other accounts, these are not those. Which one cannot be deleted is not told.
func (s *session) Accounts(ctx context.Context) ([]rekey.Account, error) {
	users, err := s.main.users(ctx)
	if err != nil {
		return nil, err
	}
	accounts := make([]rekey.Account, 0, len(users))
	for _, u := range users {
		accounts = append(accounts, rekey.Account{Name: transport.Printable(u.name), Group: groupOf(u.level)})
	}
	return accounts, nil
}

// groupOf is the level in the word of rekey.Account.
func groupOf(level string) string {
	if level == "Administrator" {
		return "admin"
	}
	return transport.Printable(strings.ToLower(level))
}

func (e *entrance) users(ctx context.Context) ([]user, error) {
	const operation = "GetUsers"
	q := ofDevice(operation, "")
	q.long = true
	told, err := e.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	users, err := usersOf(told)
	if err != nil {
		return nil, e.odd(operation, err)
	}
	return users, nil
}

// usersOf refuses a list that names nobody.
func usersOf(told *element) ([]user, error) {
	var users []user
	for _, u := range told.named("User") {
		name, level := u.exact("Username"), u.exact("UserLevel")
		if name == "" || level == "" {
			return nil, errors.New("a user without a name or level")
		}
		users = append(users, user{name, level})
	}
	if len(users) == 0 {
		return nil, errors.New("no user in it")
	}
	return users, nil
}

// writable are the levels that can be written back just as they were read.
// Extended has rights beside it, of which rekey does not know whether they would stay.
var writable = map[string]bool{"Administrator": true, "Operator": true, "User": true}

// find returns the user of that name, as it is spelt or but for capitals.
func (e *entrance) find(ctx context.Context, account string) (user, error) {
	users, err := e.users(ctx)
	if err != nil {
		return user{}, err
	}
	var like []user
	for _, u := range users {
		if u.name == account {
			like = []user{u}
			break
		}
		if strings.EqualFold(u.name, account) {
			like = append(like, u)
		}
	}
	switch {
	case len(like) != 1:
		return user{}, fmt.Errorf("%w: account %q is not in the list of ONVIF users at %s", rekey.ErrNotFound, account, e.host())
	case !writable[like[0].level]:
		return user{}, fmt.Errorf("%w: account %q has the level %q at %s, which rekey could not give back as it is", rekey.ErrUnsupported, account, transport.Printable(like[0].level), e.host())
	}
	return like[0], nil
}

var _ rekey.AccountLister = (*session)(nil)
