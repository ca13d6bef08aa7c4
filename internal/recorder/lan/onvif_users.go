package lan

import (
	"strings"

	"rekey"
	"rekey/internal/recorder"
)

// Levels of ONVIF for the groups of the recorder. Assumed: that the group user
// is User and not Operator.
const (
	levelAdmin    = "Administrator"
	levelOperator = "Operator"
	levelUser     = "User"
)

func levelOf(group string) string {
	if group == recorder.GroupAdmin {
		return levelAdmin
	}
	return levelUser
}

func onvifUsers(c *onvifCall) (string, error) {
	users := ""
	for _, a := range c.box.ONVIFAccounts() {
		users += nest("tds:User", tag("tt:Username", a.Name), tag("tt:UserLevel", levelOf(a.Group)))
	}
	return users, nil
}

// onvifUser is one user of a request.
type onvifUser struct {
	name, level string
	password    *string // nil = the element was not there
}

// users are those of the request. Assumed: one at a time, so that "all or
// nothing" is kept.
func (c *onvifCall) user() (u onvifUser, err error) {
	var all []*element
	for _, e := range c.ask.children {
		if e.name.Local == "User" {
			all = append(all, e)
		}
	}
	switch {
	case len(all) == 0:
		return u, senderFault("Argument Value Invalid", "InvalidArgVal")
	case len(all) > 1:
		return u, receiverFault("One user at a time", "Action")
	}
	u.name, u.level = all[0].value("Username"), all[0].value("UserLevel")
	if p := all[0].child("Password"); p != nil {
		u.password = &p.text
		c.readable(c.r, c.account, c.from)
	}
	return u, nil
}

// onvifSetUser sets the password of one user. There is no old password in ONVIF.
// A request without a password means "clear it": refused as too weak, and
// recorded, since no careful client sends it.
func onvifSetUser(c *onvifCall) (string, error) {
	u, err := c.user()
	if err != nil {
		return "", err
	}
	var known *rekey.Account
	for _, a := range c.box.ONVIFAccounts() {
		if a.Name == u.name {
			known = &a
		}
	}
	switch {
	case known == nil:
		return "", senderFault("Username not recognized", "InvalidArgVal", "UsernameMissing")
	case u.password == nil || *u.password == "":
		c.mistake(u.name, "SetUser without a password, which would clear it", c.from)
		return "", senderFault("The password is not acceptable", "OperationProhibited", "PasswordTooWeak")
	case len(*u.password) > c.box.Policy().Max:
		return "", senderFault("The password is too long", "OperationProhibited", "PasswordTooLong")
	case u.level != levelOf(known.Group): // assumed: levels are changed at the recorder alone
		return "", senderFault("Username may not be changed", "InvalidArgVal", "FixedUser")
	}
	return "", c.changes(func() error {
		return c.box.ResetONVIFPassword(c.account, u.name, rekey.NewSecret(*u.password), c.from)
	})
}

func onvifCreateUsers(c *onvifCall) (string, error) {
	u, err := c.user()
	if err != nil {
		return "", err
	}
	accounts := c.box.ONVIFAccounts()
	for _, a := range accounts {
		if a.Name == u.name {
			return "", senderFault("Username already exists", "OperationProhibited", "UsernameClash")
		}
	}
	group := map[string]string{levelAdmin: recorder.GroupAdmin, levelOperator: recorder.GroupUser, levelUser: recorder.GroupUser}[u.level]
	switch {
	case len(accounts) >= recorder.MaxAccounts:
		return "", receiverFault("Maximum number of supported users exceeded", "Action", "TooManyUsers")
	case u.level == "Anonymous":
		return "", senderFault("User level anonymous is not allowed", "OperationProhibited", "AnonymousNotAllowed")
	case len(u.name) > recorder.MaxAccountName:
		return "", senderFault("The username is too long", "OperationProhibited", "UsernameTooLong")
	case u.name == "":
		return "", senderFault("The username is too short", "OperationProhibited", "UsernameTooShort")
	case u.password == nil:
		return "", senderFault("Too weak password", "OperationProhibited", "PasswordTooWeak")
	case len(*u.password) > c.box.Policy().Max:
		return "", senderFault("The password is too long", "OperationProhibited", "PasswordTooLong")
	}
	return "", c.box.AddONVIFAccount(c.account, rekey.Account{Name: u.name, Group: group}, rekey.NewSecret(*u.password), c.from)
}

func onvifDeleteUsers(c *onvifCall) (string, error) {
	var names []string
	for _, e := range c.ask.children {
		if e.name.Local == "Username" {
			names = append(names, strings.TrimSpace(e.text))
		}
	}
	if len(names) != 1 {
		return "", receiverFault("One user at a time", "Action")
	}
	for _, a := range c.box.ONVIFAccounts() {
		if a.Name == names[0] && (a.Reserved || a.Name == c.account) {
			return "", senderFault("Username may not be deleted", "InvalidArgVal", "FixedUser")
		}
	}
	return "", c.box.DeleteONVIFAccount(c.account, names[0], c.from)
}
