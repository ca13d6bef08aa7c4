package lan

import (
	"errors"

	"rekey"
)

// The accounts that ONVIF has for itself, as RPC2 changes them. Assumed: their
// passwords come in the envelope or over HTTPS; readable over plain HTTP they
// are refused, as are those of the recorder; and a name that is not on the list
// gets 268632070, user not valid, and costs no try: an admin may read the list.

func rpcONVIFUsers(c *rpcCall) (any, any, error) {
	return true, map[string]any{"users": rpcListed(c.box.ONVIFAccounts())}, nil
}

// covered reads the parameters of a call that holds a password.
func (c *rpcCall) covered(v any) (reply func(any) any, err error) {
	covered, reply, err := c.either(v)
	if err == nil && !covered {
		c.readable(c.r, c.account(), c.from)
		return nil, errNeedsEnvelope
	}
	return reply, err
}

// rpcONVIFModifyPassword is userManager.onvifmodifyPassword{name,pwd,pwdOld}. A
// wrong old password costs a login try.
func rpcONVIFModifyPassword(c *rpcCall) (any, any, error) {
	var p struct{ Name, Pwd, PwdOld string }
	reply, err := c.covered(&p)
	if err != nil {
		return nil, nil, err
	}
	if p.Name == "" || p.Pwd == "" || p.PwdOld == "" {
		return nil, nil, errParameter
	}
	err = c.changes(func() error {
		return c.box.ChangeONVIFPassword(c.account(), p.Name, rekey.NewSecret(p.PwdOld), rekey.NewSecret(p.Pwd), c.from)
	})
	if errors.Is(err, rekey.ErrNotFound) {
		return nil, nil, fault(codeUser, "Component error: user not valid!")
	}
	if err != nil {
		return nil, nil, err
	}
	return true, reply(nil), nil
}

// rpcONVIFAddUser is userManager.onvifaddUser{user}. The manager is an admin of
// the ONVIF list by the same name.
func rpcONVIFAddUser(c *rpcCall) (any, any, error) {
	var p struct {
		User struct{ Name, Password, Group, Memo string }
	}
	reply, err := c.covered(&p)
	if err != nil {
		return nil, nil, err
	}
	a := rekey.Account{Name: p.User.Name, Group: p.User.Group, Memo: p.User.Memo}
	if err := c.box.AddONVIFAccount(c.account(), a, rekey.NewSecret(p.User.Password), c.from); err != nil {
		return nil, nil, err
	}
	return true, reply(nil), nil
}

func rpcONVIFDeleteUser(c *rpcCall) (any, any, error) {
	var p struct{ Name string }
	if err := c.params(&p); err != nil {
		return nil, nil, err
	}
	if err := c.box.DeleteONVIFAccount(c.account(), p.Name, c.from); err != nil {
		return nil, nil, err
	}
	return true, nil, nil
}
