package lan

import (
	"encoding/json"

	"rekey"
)

type rpcUser struct {
	Anonymous            bool
	AuthorityList        []string
	Group                string
	ID                   int `json:"Id"`
	Memo                 string
	Name                 string
	Password             string
	PasswordModifiedTime string
	Reserved             bool
	Sharable             bool
}

func rpcUsers(c *rpcCall) (any, any, error) {
	users := rpcListed(c.box.Accounts())
	for i := range users {
		users[i].AuthorityList = c.authorities(users[i].Name)
	}
	return true, map[string]any{"users": users}, nil
}

func rpcListed(accounts []rekey.Account) []rpcUser {
	users := []rpcUser{}
	for i, a := range accounts {
		users = append(users, rpcUser{
			Group: a.Group, ID: i + 1, Memo: a.Memo, Name: a.Name, Password: masked,
			PasswordModifiedTime: changedAt(a.Changed), Reserved: a.Reserved, Sharable: true,
		})
	}
	return users
}

type rpcActiveUser struct {
	ClientAddress, ClientType, Group string
	ID                               int `json:"Id"`
	Name                             string
}

func rpcActiveUsers(c *rpcCall) (any, any, error) {
	users := []rpcActiveUser{}
	for i, u := range c.box.Active() {
		users = append(users, rpcActiveUser{ClientAddress: u.Address, ClientType: u.Client, Group: c.groupOf(u.Account), ID: i + 1, Name: u.Account})
	}
	return true, map[string]any{"users": users}, nil
}

func rpcGroups(*rpcCall) (any, any, error) {
	return true, map[string]any{"group": groups()}, nil
}

// rpcGroup tells of one group. Assumed: that RPC2 has it, as CGI does.
func rpcGroup(c *rpcCall) (any, any, error) {
	var p struct{ Name string }
	if err := c.params(&p); err != nil {
		return nil, nil, err
	}
	g, known := groupNamed(p.Name)
	if !known {
		return nil, nil, errParameter
	}
	return true, map[string]group{"group": g}, nil
}

func rpcDeleteUser(c *rpcCall) (any, any, error) {
	var p struct{ Name string }
	if err := c.params(&p); err != nil {
		return nil, nil, err
	}
	if err := c.box.DeleteAccount(c.account(), p.Name, c.from); err != nil {
		return nil, nil, err
	}
	return true, nil, nil
}

// rpcNeedsEnvelope refuses passwords, readable or as the realm hash, outside of
// the encrypted envelope: the hash is as good as the password to a listener, and
// the box could not check the password rule on it. Error 611 says so;
// Security.modifyPasswordPlain and Security.addUserPlain are the way.
func rpcNeedsEnvelope(c *rpcCall) (any, any, error) {
	c.readable(c.r, c.account(), c.from)
	return nil, nil, errNeedsEnvelope
}

var errNeedsEnvelope = fault(codeEnvelope, "Component error: password must be sent in the encrypted envelope!")

// rpcModifyPassword is Security.modifyPasswordPlain: {name, pwd, pwdOld} in the
// encrypted envelope. A wrong old password costs a login try, which the box counts.
func rpcModifyPassword(c *rpcCall) (any, any, error) {
	payload, reply, err := c.open()
	if err != nil {
		return nil, nil, err
	}
	var p struct{ Name, Pwd, PwdOld string }
	if json.Unmarshal(payload, &p) != nil || p.Name == "" || p.Pwd == "" || p.PwdOld == "" {
		return nil, nil, errParameter
	}
	err = c.changes(func() error {
		return c.box.SetPassword(c.account(), p.Name, rekey.NewSecret(p.PwdOld), rekey.NewSecret(p.Pwd), c.from)
	})
	if err != nil {
		return nil, nil, err
	}
	return true, reply(), nil
}

// rpcAddUser is Security.addUserPlain: {user:{Name, Password, Group, Memo}} in
// the encrypted envelope.
func rpcAddUser(c *rpcCall) (any, any, error) {
	payload, reply, err := c.open()
	if err != nil {
		return nil, nil, err
	}
	var p struct {
		User struct{ Name, Password, Group, Memo string }
	}
	if json.Unmarshal(payload, &p) != nil {
		return nil, nil, errParameter
	}
	a := rekey.Account{Name: p.User.Name, Group: p.User.Group, Memo: p.User.Memo}
	if err := c.box.AddAccount(c.account(), a, rekey.NewSecret(p.User.Password), c.from); err != nil {
		return nil, nil, err
	}
	return true, reply(), nil
}
