package seat

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/web"
	"rekey/recovery"
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

// UsersView is the list of users, at Main Menu > Settings > System > Account >
// User and its like on other generations.
type UsersView struct {
	Page     string          `json:"page"` // "users"
	Path     []string        `json:"path"`
	Account  string          `json:"account"`  // who is logged in
	OneDoor  bool            `json:"one_door"` // by a temporary password: only the new password can be set
	Accounts []rekey.Account `json:"accounts"`

	users menuPath
}

func (s *seat) showUsers(w http.ResponseWriter, r *http.Request, l *login) {
	v := UsersView{Page: "users", Path: s.users.onScreen(), users: s.users, Account: l.account, OneDoor: l.grant != nil}
	all := l.grant == nil && s.isAdmin(l.account)
	for _, a := range s.box.Accounts() {
		if all || a.Name == l.account {
			v.Accounts = append(v.Accounts, a)
		}
	}
	web.Respond(w, r, http.StatusOK, v, s.site(s.nav(l)...).Page(s.users[len(s.users)-1], usersBody(v)))
}

// EditView is where an account's password is changed: POST to the same path,
// fields modify (on), old, new and confirm. After a log-in by a temporary
// password that one is the old one.
type EditView struct {
	Page        string            `json:"page"` // "edit"
	Path        []string          `json:"path"`
	User        string            `json:"user"` // whose password
	OneDoor     bool              `json:"one_door"`
	SecondsLeft int               `json:"seconds_left"`     // to set it, when one_door
	Policy      []string          `json:"policy"`           // the password rule in words
	Errors      map[string]string `json:"errors,omitempty"` // by field

	users  menuPath
	modify string // what the box to tick is called
}

func (s *seat) showEdit(w http.ResponseWriter, r *http.Request, l *login) {
	if !l.mayEdit(r) {
		web.Fail(w, r, errNotOwn)
		return
	}
	s.respondEdit(w, r, l, http.StatusOK, nil)
}

var errNotOwn = fmt.Errorf("%w: at the local seat everybody changes their own password only", rekey.ErrDenied)

func (l *login) mayEdit(r *http.Request) bool { return r.PathValue("name") == l.account }

func (s *seat) edit(w http.ResponseWriter, r *http.Request, l *login) {
	if !l.mayEdit(r) {
		web.Fail(w, r, errNotOwn)
		return
	}
	if !parseForm(w, r) {
		return
	}
	if wrong := checkEdit(r); wrong != nil {
		s.respondEdit(w, r, l, http.StatusBadRequest, wrong)
		return
	}
	field, err := s.change(l, secret(r, "old"), secret(r, "new"))
	if text, told := words(err); told {
		s.respondEdit(w, r, l, web.ProblemOf(err).Status, map[string]string{field: text})
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
	case secret(r, "old").IsZero():
		return map[string]string{"old": "Type the old password."}
	}
	return checkNew(r)
}

// change sets the new password. When it is refused, field is the one to mend.
func (s *seat) change(l *login, old, new rekey.Secret) (field string, err error) {
	if l.grant == nil {
		err = s.box.SetPassword(l.account, l.account, old, new, recorder.AtSeat())
	} else if _, err = recovery.ParseAnswer(old.Reveal()); err != nil {
		return "old", fmt.Errorf("%w: %w", rekey.ErrInput, err)
	} else if !l.grant.IsCode(old.Reveal()) {
		// It costs nothing: who gets here has proved to know the right one.
		return "old", &badForm{"This is not the temporary password that you logged in with."}
	} else {
		err = s.box.SetPasswordByGrant(l.grant, l.account, new)
	}
	if _, ok := errors.AsType[*recorder.PolicyError](err); ok {
		return "new", err
	}
	return "old", err
}

func (s *seat) respondEdit(w http.ResponseWriter, r *http.Request, l *login, status int, wrong map[string]string) {
	v := EditView{
		Page: "edit", Path: s.users.onScreen(), User: l.account, OneDoor: l.grant != nil, Policy: policyWords(s.box.Policy()), Errors: wrong,
		users: s.users, modify: s.box.Traits().Screen.Modify,
	}
	if v.OneDoor {
		v.SecondsLeft = seconds(s.grantLeft())
	}
	web.Respond(w, r, status, v, s.site(s.nav(l)...).Page("Edit "+v.User, editBody(v)))
}

// nav offers nothing but giving up while a temporary password waits to be replaced.
func (s *seat) nav(l *login) []web.Link {
	if l.grant != nil {
		return []web.Link{{Text: "Cancel", Href: "/logout", Post: true}}
	}
	return nav(s.users.address())
}
