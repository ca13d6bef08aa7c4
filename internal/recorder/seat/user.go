package seat

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/web"
)

// menuPath is a way through the menus, from the Main Menu on.
type menuPath []string

// onScreen is the way as the vendor's procedure names it.
func (p menuPath) onScreen() []string { return append([]string{"Main Menu"}, p...) }

// address is where the way leads, such as /settings/system/account/user.
func (p menuPath) address() string { return "/" + strings.ToLower(strings.Join(p, "/")) }

// edit is where a password is changed; names of accounts hold nothing that a
// path would need to escape.
func (p menuPath) edit(account string) string { return p.address() + "/" + account }

// add is where an admin adds a user; no account has a name with a plus.
func (p menuPath) add() string { return p.address() + "/+add" }

// UsersView is the list of users, at Main Menu > Settings > System > Account >
// User and its like on other generations. An admin sees all.
type UsersView struct {
	Page     string     `json:"page"` // "users"
	Path     []string   `json:"path"`
	Account  string     `json:"account"`        // who is logged in
	Admin    bool       `json:"admin"`          // and may look after all of them
	OneDoor  bool       `json:"one_door"`       // by a code: only the new password can be set
	Door     string     `json:"door,omitempty"` // "temporary password" or "activation code"
	Notice   string     `json:"notice,omitempty"`
	Accounts []UserLine `json:"accounts"`

	users menuPath
}

// UserLine is one user as the list has it.
type UserLine struct {
	rekey.Account
	Rights    []recorder.Right `json:"rights"`
	Second    bool             `json:"second_factor"`
	Phones    int              `json:"phones"`
	New       bool             `json:"new,omitempty"`        // has set no password yet
	CodeUntil string           `json:"code_until,omitempty"` // an activation code waits for its use
}

func (s *seat) userLine(a rekey.Account) UserLine {
	line := UserLine{Account: a, Rights: s.box.RightsOf(a.Name), Second: s.box.SecondFactor(a.Name).On, Phones: len(s.box.Phones(a.Name)), New: s.box.NoPassword(a.Name)}
	if until, waits := s.box.ActivationCode(a.Name); waits {
		line.CodeUntil = clockWords(until)
	}
	return line
}

// userNotices are what the list of users may say; the address names one by its key.
var userNotices = map[string]string{
	"saved":   "Saved. The user is told at the next log-in.",
	"deleted": "The user is deleted; all sessions are closed.",
	"second":  "The second factor is removed. The user is told at the next log-in.",
	"phone":   "The phone is logged out.",
}

func (s *seat) showUsers(w http.ResponseWriter, r *http.Request, l *login) {
	v := UsersView{Page: "users", Path: s.users.onScreen(), users: s.users, Account: l.account, Notice: userNotices[r.URL.Query().Get("notice")]}
	if l.door != nil {
		v.OneDoor, v.Door = true, l.door.name()
	}
	v.Admin = l.door == nil && s.isAdmin(l.account)
	for _, a := range s.box.Accounts() {
		if v.Admin || a.Name == l.account {
			v.Accounts = append(v.Accounts, s.userLine(a))
		}
	}
	web.Respond(w, r, http.StatusOK, v, s.site(s.nav(l)...).Page(s.users[len(s.users)-1], usersBody(v)))
}

// EditView is the page of one user: the own one, or, for an admin, any. POST to
// the same path, fields modify (on), old, new and confirm, changes the own
// password; after a log-in by a code that one is the old one. POST to
// path/rights, fields group, memo and right (as often as there are any), is for
// admins; path/phones, field id, logs a phone out. See HelpView for the rest.
type EditView struct {
	Page        string            `json:"page"` // "edit"
	Path        []string          `json:"path"`
	User        string            `json:"user"`
	Own         bool              `json:"own"`
	Admin       bool              `json:"admin"` // who looks is one
	OneDoor     bool              `json:"one_door"`
	Door        string            `json:"door,omitempty"`
	SecondsLeft int               `json:"seconds_left"`     // to set the password, when one_door
	Policy      []string          `json:"policy,omitempty"` // the password rule in words, of the own password
	Line        *UserLine         `json:"line,omitempty"`   // none when one_door
	Phones      []PhoneLine       `json:"phones,omitempty"`
	Stays       string            `json:"stays,omitempty"` // why the user cannot be deleted
	Notice      string            `json:"notice,omitempty"`
	Errors      map[string]string `json:"errors,omitempty"` // by field

	users  menuPath
	rule   rekey.PasswordRule
	modify string // what the box to tick is called
}

// ofProfile tells whether what is wrong is about group, memo and rights.
func (v EditView) ofProfile() bool { return v.Errors["group"] != "" || v.Errors["memo"] != "" }

// ofPassword tells whether it is about the password.
func (v EditView) ofPassword() bool { return len(v.Errors) > 0 && !v.ofProfile() }

// PhoneLine is a phone that stays logged in.
type PhoneLine struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Since string `json:"since"`
}

func (s *seat) showEdit(w http.ResponseWriter, r *http.Request, l *login) {
	if a, ok := s.editable(w, r, l); ok {
		s.respondEdit(w, r, l, a, http.StatusOK, nil)
	}
}

// editable is the account that the address names, where it is the own one or an
// admin asks. Who may not look is not told which names there are.
func (s *seat) editable(w http.ResponseWriter, r *http.Request, l *login) (a rekey.Account, ok bool) {
	name := r.PathValue("name")
	if name != l.account && !s.isAdmin(l.account) {
		web.Fail(w, r, errNotOwn)
		return a, false
	}
	all := s.box.Accounts()
	at := slices.IndexFunc(all, named(name))
	if at < 0 {
		web.Fail(w, r, fmt.Errorf("%w: there is no such user", rekey.ErrNotFound))
		return a, false
	}
	return all[at], true
}

func named(name string) func(rekey.Account) bool {
	return func(a rekey.Account) bool { return a.Name == name }
}

var errNotOwn = fmt.Errorf("%w: at the local seat everybody changes their own password only; an admin helps with an activation code", rekey.ErrDenied)

func (s *seat) edit(w http.ResponseWriter, r *http.Request, l *login) {
	if r.PathValue("name") != l.account {
		web.Fail(w, r, errNotOwn)
		return
	}
	a, ok := s.editable(w, r, l)
	if !ok || !web.ParseForm(w, r) {
		return
	}
	if wrong := checkEdit(r); wrong != nil {
		s.respondEdit(w, r, l, a, http.StatusBadRequest, wrong)
		return
	}
	field, err := s.change(l, web.FormSecret(r, "old"), web.FormSecret(r, "new"))
	if text, told := words(err); told {
		s.respondEdit(w, r, l, a, web.ProblemOf(err).Status, map[string]string{field: text})
		return
	}
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	l.end()
	s.logins.End(w, r)
	http.Redirect(w, r, "/?notice=changed", http.StatusSeeOther)
}

func checkEdit(r *http.Request) map[string]string {
	switch {
	case r.PostForm.Get("modify") == "":
		return map[string]string{"modify": "Tick this to change the password."}
	case web.FormSecret(r, "old").IsZero():
		return map[string]string{"old": "Type the old password."}
	}
	return checkNew(r)
}

// change sets the new password. When it is refused, field is the one to mend.
func (s *seat) change(l *login, old, new rekey.Secret) (field string, err error) {
	if l.door == nil {
		err = s.box.SetPassword(l.account, l.account, old, new, recorder.AtSeat())
	} else {
		err = setThrough(l.door, old, new)
	}
	if _, ok := errors.AsType[*recorder.PolicyError](err); ok {
		return "new", err
	}
	return "old", err
}

func (s *seat) respondEdit(w http.ResponseWriter, r *http.Request, l *login, a rekey.Account, status int, wrong map[string]string) {
	v := EditView{
		Page: "edit", Path: s.users.onScreen(), User: a.Name, Own: a.Name == l.account, Errors: wrong, Notice: userNotices[r.URL.Query().Get("notice")],
		users: s.users, rule: s.box.Policy(), modify: s.box.Traits().Screen.Modify,
	}
	if v.Own {
		v.Policy = policyWords(v.rule)
	}
	if l.door != nil {
		v.OneDoor, v.Door, v.SecondsLeft = true, l.door.name(), seconds(l.door.left())
	} else {
		line := s.userLine(a)
		v.Line, v.Admin, v.Stays = &line, s.isAdmin(l.account), stays(a, l.account)
		for _, p := range s.box.Phones(a.Name) {
			v.Phones = append(v.Phones, PhoneLine{p.ID, p.Name, clockWords(p.Since)})
		}
	}
	web.Respond(w, r, status, v, s.site(s.nav(l)...).Page("Edit "+v.User, editBody(v)))
}

// stays says why a user cannot be deleted by who is logged in; empty = it can.
func stays(a rekey.Account, manager string) string {
	switch {
	case a.Name == manager:
		return "Nobody deletes their own user; that way an admin is always left."
	case a.Reserved:
		return "This user belongs to the recorder and cannot be deleted."
	}
	return ""
}

// nav offers nothing but giving up while a code waits to be replaced.
func (s *seat) nav(l *login) []web.Link {
	if l.door != nil {
		return []web.Link{{Text: "Cancel", Href: "/logout", Post: true}}
	}
	return nav(s.users.address())
}
