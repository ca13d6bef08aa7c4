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
	"rekey/recovery"
)

// HelpView is an act of an admin on another user that wants the admin's password
// once more, and a code where the admin has a second factor: fields password and
// code. POST to path/code of the user's page gives an activation code; path/second,
// with the field reason, removes the second factor; path/delete, with the field
// sure, deletes the user and asks for no password.
type HelpView struct {
	Page   string            `json:"page"` // "help", "remove" or "delete"
	Path   []string          `json:"path"`
	User   string            `json:"user"`
	Second bool              `json:"second"`           // a code is asked for
	Errors map[string]string `json:"errors,omitempty"` // by field

	actor, act, back, title string
	reason                  string // as typed
	group, memo             string // of a new user, as typed
	rights                  []recorder.Right
}

// InviteView is where an admin adds a user: POST to the same path, fields name,
// group, memo, right (as often as there are any), password and code.
type InviteView struct {
	HelpView // Page is "add"
}

// CodeGivenView is an activation code. It is shown this once.
type CodeGivenView struct {
	Page     string     `json:"page"` // "given"
	Path     []string   `json:"path"`
	User     string     `json:"user"`
	Code     string     `json:"activation_code"` // four groups of four
	Groups   []string   `json:"groups"`          // the same, a group each
	Spelling [][]string `json:"spelling"`        // a word for each symbol of each group
	Until    string     `json:"until"`
	Second   bool       `json:"second"` // a code of the second factor is asked for as well

	users menuPath
}

func (s *seat) userScreens(mux *http.ServeMux) {
	one := s.users.edit("{name}")
	mux.HandleFunc("GET "+s.users.address(), s.withLogin(s.showUsers))
	mux.HandleFunc("GET "+s.users.add(), s.withAdmin(s.showInvite))
	mux.HandleFunc("POST "+s.users.add(), s.withAdmin(s.invite))
	mux.HandleFunc("GET "+one, s.withLogin(s.showEdit))
	mux.HandleFunc("POST "+one, s.withLogin(s.edit))
	mux.HandleFunc("POST "+one+"/phones", s.withLogin(s.unpair))
	mux.HandleFunc("POST "+one+"/rights", s.withAdmin(s.modify))
	for path, act := range map[string]act{
		"/code":   {view: helpView, do: (*seat).giveCode},
		"/second": {view: removeView, do: (*seat).removeSecond},
		"/delete": {view: deleteView, do: (*seat).deleteUser},
	} {
		mux.HandleFunc("GET "+one+path, s.withAdmin(s.showAct(act)))
		mux.HandleFunc("POST "+one+path, s.withAdmin(s.doAct(act)))
	}
}

// act is one act of an admin on another user, with the page that asks for it.
type act struct {
	view func(*HelpView)
	do   func(*seat, http.ResponseWriter, *http.Request, *login, HelpView) error // has answered when it returns nil
}

func helpView(v *HelpView) { v.Page, v.act, v.title = "help", "/code", "Forgotten password" }
func removeView(v *HelpView) {
	v.Page, v.act, v.title = "remove", "/second", "Remove the second factor"
}
func deleteView(v *HelpView) { v.Page, v.act, v.title = "delete", "/delete", "Delete" }

// actOn is the page for an act on the account that the address names. Nobody
// helps himself.
func (s *seat) actOn(w http.ResponseWriter, r *http.Request, l *login, a act) (v HelpView, ok bool) {
	user, ok := s.editable(w, r, l)
	if !ok {
		return v, false
	}
	if user.Name == l.account {
		web.Fail(w, r, fmt.Errorf("%w: this is for other users; for yourself see Edit %s and Security", rekey.ErrConflict, l.account))
		return v, false
	}
	v = s.helpView(l, user.Name)
	a.view(&v)
	v.title += ": " + user.Name
	v.back = s.users.edit(user.Name)
	v.act = v.back + v.act
	return v, true
}

func (s *seat) helpView(l *login, user string) HelpView {
	return HelpView{Path: s.users.onScreen(), User: user, actor: l.account, Second: s.box.SecondFactor(l.account).On, Errors: map[string]string{}}
}

func (s *seat) showAct(a act) func(http.ResponseWriter, *http.Request, *login) {
	return func(w http.ResponseWriter, r *http.Request, l *login) {
		if v, ok := s.actOn(w, r, l, a); ok {
			s.respondHelp(w, r, v, http.StatusOK)
		}
	}
}

func (s *seat) doAct(a act) func(http.ResponseWriter, *http.Request, *login) {
	return func(w http.ResponseWriter, r *http.Request, l *login) {
		if !web.ParseForm(w, r) {
			return
		}
		v, ok := s.actOn(w, r, l, a)
		if !ok {
			return
		}
		if err := a.do(s, w, r, l, v); err != nil {
			s.refuseHelp(w, r, v, err)
		}
	}
}

// refuseHelp shows the page again with what was wrong.
func (s *seat) refuseHelp(w http.ResponseWriter, r *http.Request, v HelpView, err error) {
	field, text, told := helpWords(err)
	if !told {
		web.Fail(w, r, err)
		return
	}
	v.Errors[field] = text
	s.respondHelp(w, r, v, web.ProblemOf(err).Status)
}

func (s *seat) respondHelp(w http.ResponseWriter, r *http.Request, v HelpView, status int) {
	site := s.site(nav(s.users.address())...)
	if v.Page == "add" {
		web.Respond(w, r, status, InviteView{v}, site.Page(v.title, inviteBody(v)))
		return
	}
	web.Respond(w, r, status, v, site.Page(v.title, helpBody(v)))
}

// helpWords says which field is wrong, and what is.
func helpWords(err error) (field, text string, told bool) {
	if e, ok := errors.AsType[*fieldError](err); ok {
		return e.field, e.text, true
	}
	return bothWords(err)
}

// fieldError is what is wrong with one field, in the words of the screen.
type fieldError struct {
	field, text string
	kind        error
}

func wrongField(field, text string) error { return &fieldError{field, text, rekey.ErrInput} }

func (e *fieldError) Error() string { return e.text }
func (e *fieldError) Unwrap() error { return e.kind }

func stepUp(r *http.Request) recorder.StepUp {
	return recorder.StepUp{Password: web.FormSecret(r, "password"), Code: web.FormSecret(r, "code")}
}

func (s *seat) giveCode(w http.ResponseWriter, r *http.Request, l *login, v HelpView) error {
	code, err := s.box.NewActivationCode(l.account, v.User, stepUp(r), recorder.AtSeat())
	if err == nil {
		s.respondGiven(w, r, v.User, code)
	}
	return err
}

func (s *seat) respondGiven(w http.ResponseWriter, r *http.Request, user string, code rekey.Secret) {
	v := CodeGivenView{Page: "given", Path: s.users.onScreen(), User: user, Code: code.Reveal(), Groups: strings.Split(code.Reveal(), "-"), Second: s.box.SecondFactor(user).On, users: s.users}
	for _, g := range v.Groups {
		v.Spelling = append(v.Spelling, recovery.Spell(g))
	}
	if until, waits := s.box.ActivationCode(user); waits {
		v.Until = clockWords(until)
	}
	web.Respond(w, r, http.StatusOK, v, s.site(nav(s.users.address())...).Page("Activation code for "+user, givenBody(v)))
}

func (s *seat) removeSecond(w http.ResponseWriter, r *http.Request, l *login, v HelpView) error {
	reason := strings.TrimSpace(r.PostForm.Get("reason"))
	if reason == "" {
		return wrongField("reason", "Say why. It goes into the security log.")
	}
	err := s.box.RemoveSecond(l.account, v.User, reason, stepUp(r), recorder.AtSeat())
	if err == nil {
		http.Redirect(w, r, v.back+"?notice=second", http.StatusSeeOther)
	}
	return err
}

func (s *seat) deleteUser(w http.ResponseWriter, r *http.Request, l *login, v HelpView) error {
	if r.PostForm.Get("sure") == "" {
		return wrongField("sure", "Tick this to delete the user.")
	}
	err := s.box.DeleteAccount(l.account, v.User, recorder.AtSeat())
	if errors.Is(err, rekey.ErrConflict) {
		return &fieldError{"sure", "This user belongs to the recorder and cannot be deleted.", err}
	}
	if err == nil {
		http.Redirect(w, r, s.users.address()+"?notice=deleted", http.StatusSeeOther)
	}
	return err
}

func (s *seat) unpair(w http.ResponseWriter, r *http.Request, l *login) {
	a, ok := s.editable(w, r, l)
	if !ok || !web.ParseForm(w, r) {
		return
	}
	if err := s.box.Unpair(l.account, a.Name, r.PostForm.Get("id"), recorder.AtSeat()); err != nil {
		web.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, s.users.edit(a.Name)+"?notice=phone", http.StatusSeeOther)
}

// modify changes group, memo and rights.
func (s *seat) modify(w http.ResponseWriter, r *http.Request, l *login) {
	a, ok := s.editable(w, r, l)
	if !ok || !web.ParseForm(w, r) {
		return
	}
	group, memo := r.PostForm.Get("group"), strings.TrimSpace(r.PostForm.Get("memo"))
	err := s.box.ModifyAccount(l.account, a.Name, group, memo, rightsOf(r), recorder.AtSeat())
	switch {
	case errors.Is(err, rekey.ErrConflict): // the one thing that it may conflict with
		s.respondEdit(w, r, l, a, http.StatusConflict, map[string]string{"group": "This is the last admin who has a password, and somebody has to look after the recorder. Make another user an admin first."})
	case errors.Is(err, rekey.ErrInput):
		s.respondEdit(w, r, l, a, http.StatusBadRequest, map[string]string{"memo": "Choose a group, and for the memo at most 256 printable characters."})
	case err != nil:
		web.Fail(w, r, err)
	default:
		http.Redirect(w, r, s.users.edit(a.Name)+"?notice=saved", http.StatusSeeOther)
	}
}

// rightsOf are the rights that are ticked.
func rightsOf(r *http.Request) []recorder.Right {
	var ticked []recorder.Right
	for _, one := range r.PostForm["right"] {
		ticked = append(ticked, recorder.Right(one))
	}
	return ticked
}

func (s *seat) showInvite(w http.ResponseWriter, r *http.Request, l *login) {
	v := s.inviteView(l, "")
	v.group, v.rights = recorder.GroupUser, recorder.Rights()
	s.respondHelp(w, r, v, http.StatusOK)
}

func (s *seat) inviteView(l *login, user string) HelpView {
	v := s.helpView(l, user)
	v.Page, v.title, v.act, v.back = "add", "Add a user", s.users.add(), s.users.address()
	return v
}

func (s *seat) invite(w http.ResponseWriter, r *http.Request, l *login) {
	if !web.ParseForm(w, r) {
		return
	}
	v := s.inviteView(l, strings.TrimSpace(r.PostForm.Get("name")))
	v.group, v.memo, v.rights = r.PostForm.Get("group"), strings.TrimSpace(r.PostForm.Get("memo")), rightsOf(r)
	if err := s.checkInvite(v); err != nil {
		s.refuseHelp(w, r, v, err)
		return
	}
	code, err := s.box.Invite(l.account, rekey.Account{Name: v.User, Group: v.group, Memo: v.memo}, v.rights, stepUp(r), recorder.AtSeat())
	if err != nil {
		s.refuseHelp(w, r, v, err)
		return
	}
	s.respondGiven(w, r, v.User, code)
}

// checkInvite looks at what can be seen to be wrong before the password is tried.
func (s *seat) checkInvite(v HelpView) error {
	all := s.box.Accounts()
	switch {
	case recorder.CheckName(v.User) != nil:
		return wrongField("name", fmt.Sprintf("Type 1 to %d letters, digits or _ - . @", recorder.MaxAccountName))
	case slices.ContainsFunc(all, named(v.User)):
		return wrongField("name", "There is a user of that name already.")
	case len(all) >= recorder.MaxAccounts:
		return wrongField("name", fmt.Sprintf("There are %d users, and there can be no more. Delete one first.", recorder.MaxAccounts))
	case v.group != recorder.GroupAdmin && v.group != recorder.GroupUser:
		return wrongField("group", "Choose a group.")
	case recorder.CheckProfile(v.group, v.memo) != nil:
		return wrongField("memo", "At most 256 printable characters.")
	case slices.ContainsFunc(v.rights, func(r recorder.Right) bool { return !slices.Contains(recorder.Rights(), r) }):
		return wrongField("group", "Choose among the rights of the list.")
	}
	return nil
}
