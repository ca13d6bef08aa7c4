package lan

import (
	"fmt"
	"slices"
	"time"

	"rekey"
	"rekey/internal/recorder"
)

// Every listed password is this.
const masked = "******"

// group is a group of accounts and what it may do.
type group struct {
	Name          string   `json:"Name"`
	ID            int      `json:"Id"`
	Memo          string   `json:"Memo"`
	AuthorityList []string `json:"AuthorityList"`
}

func groups() []group {
	view := []string{"Monitor_01", "Replay_01"}
	return []group{
		{recorder.GroupAdmin, 1, "administrator group", append([]string{"AuthUserMag", "AuthSysCfg", "AuthSysInfo", "AuthBackup"}, view...)},
		{recorder.GroupUser, 2, "user group", view},
	}
}

func groupNamed(name string) (group, bool) {
	all := groups()
	i := slices.IndexFunc(all, func(g group) bool { return g.Name == name })
	if i < 0 {
		return group{}, false
	}
	return all[i], true
}

// changedAt prints when a password was last set; the zero time for never.
func changedAt(t time.Time) string { return t.Format(timeLayout) }

func cgiUsers(c *cgiCall) error {
	for i, a := range c.box.Accounts() {
		at := func(field string) string { return fmt.Sprintf("users[%d].%s", i, field) }
		c.line(at("Group"), a.Group)
		c.line(at("ID"), i+1)
		c.line(at("Memo"), a.Memo)
		c.line(at("Name"), a.Name)
		c.line(at("Password"), masked)
		c.line(at("PasswordModifiedTime"), changedAt(a.Changed))
		c.line(at("Reserved"), a.Reserved)
		c.line(at("Sharable"), true)
	}
	return nil
}

func cgiActiveUsers(c *cgiCall) error {
	for i, u := range c.box.Active() {
		at := func(field string) string { return fmt.Sprintf("users[%d].%s", i, field) }
		c.line(at("ClientAddress"), u.Address)
		c.line(at("ClientType"), u.Client)
		c.line(at("Group"), c.groupOf(u.Account))
		c.line(at("Id"), i+1)
		c.line(at("Name"), u.Account)
	}
	return nil
}

func (l *lan) groupOf(account string) string {
	if l.isAdmin(account) {
		return recorder.GroupAdmin
	}
	return recorder.GroupUser
}

func cgiGroups(c *cgiCall) error {
	for i, g := range groups() {
		c.group(fmt.Sprintf("group[%d]", i), g)
	}
	return nil
}

func cgiGroup(c *cgiCall) error {
	g, known := groupNamed(c.q["name"])
	if !known {
		return errBadRequest
	}
	c.group("group", g)
	return nil
}

// group prints one group below at.
func (c *cgiCall) group(at string, g group) {
	c.line(at+".Name", g.Name)
	c.line(at+".Id", g.ID)
	c.line(at+".Memo", g.Memo)
	for i, right := range g.AuthorityList {
		c.line(fmt.Sprintf("%s.AuthorityList[%d]", at, i), right)
	}
}

// takesPassword refuses a password in the query over plain HTTP where the
// recorder has HTTPS for it.
func (c *cgiCall) takesPassword() error {
	c.readable(c.r, c.account, c.from)
	if c.r.TLS == nil && c.traits.CGI.Passwords == recorder.PasswordsByHTTPS {
		return errHTTPSOnly
	}
	return nil
}

func cgiAddUser(c *cgiCall) error {
	if err := c.takesPassword(); err != nil {
		return err
	}
	v, err := c.q.need("user.Name", "user.Password", "user.Group")
	if err != nil {
		return err
	}
	a := rekey.Account{Name: v[0], Group: v[2], Memo: c.q["user.Memo"]}
	if err := c.box.AddAccount(c.account, a, rekey.NewSecret(v[1]), c.from); err != nil {
		return err
	}
	c.ok()
	return nil
}

func cgiDeleteUser(c *cgiCall) error {
	v, err := c.q.need("name")
	if err != nil {
		return err
	}
	if err := c.box.DeleteAccount(c.account, v[0], c.from); err != nil {
		return err
	}
	c.ok()
	return nil
}

// cgiModifyPassword: a wrong old password costs a login try, which the box counts.
func cgiModifyPassword(c *cgiCall) error {
	if err := c.takesPassword(); err != nil {
		return err
	}
	v, err := c.q.need("name", "pwd", "pwdOld")
	if err != nil {
		return err
	}
	err = c.changes(func() error {
		return c.box.SetPassword(c.account, v[0], rekey.NewSecret(v[2]), rekey.NewSecret(v[1]), c.from)
	})
	if err != nil {
		return err
	}
	c.ok()
	return nil
}

// cgiModifyPasswordByManager has one of two spellings, and refuses the other as
// a bad request. The manager's password is asked for once more and is a login
// try, which a new password that breaks the rule does not cost.
func cgiModifyPasswordByManager(c *cgiCall) error {
	if err := c.takesPassword(); err != nil {
		return err
	}
	name := "name"
	if c.traits.CGI.Manager == recorder.ManagerLive {
		name = "userName"
		if c.q["accountType"] != "0" {
			return errBadRequest
		}
	}
	v, err := c.q.need(name, "pwd", "managerName", "managerPwd")
	if err != nil {
		return err
	}
	new := rekey.NewSecret(v[1])
	if err := c.box.CheckPassword(v[0], new); err != nil {
		return err
	}
	err = c.changes(func() error {
		if _, err := c.box.Password(v[2], rekey.NewSecret(v[3]), c.from); err != nil {
			return err
		}
		return c.box.ResetPassword(v[2], v[0], new, c.from)
	})
	if err != nil {
		return err
	}
	c.ok()
	return nil
}
