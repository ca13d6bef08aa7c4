package page

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"rekey/internal/web"

	"rekey"
	"rekey/internal/recorder"
)

// UsersView is Settings > Users, for admins.
type UsersView struct {
	Page    string     `json:"page"` // "users"
	Account string     `json:"account"`
	Users   []UserView `json:"users"`
}

// UserView is one user.
type UserView struct {
	rekey.Account
	Own    bool             `json:"own"`    // who is logged in
	Rights []recorder.Right `json:"rights"` // of the group user; admins have all
	Second bool             `json:"second_factor"`
	// CodeUntil is until when an activation code waits for the user; zero = none does.
	CodeUntil time.Time `json:"code_until,omitzero"`
}

func (v UserView) rights() string {
	switch {
	case v.Group == recorder.GroupAdmin:
		return "may do everything"
	case len(v.Rights) == 0:
		return "may see nothing"
	}
	text := "may use"
	for i, right := range v.Rights {
		if i > 0 {
			text += ","
		}
		text += " " + rightName(right)
	}
	return text
}

func rightName(r recorder.Right) string {
	switch r {
	case recorder.RightLive:
		return "live view"
	case recorder.RightPlayback:
		return "playback"
	case recorder.RightBackup:
		return "downloads"
	}
	return string(r)
}

func (p *page) users(w http.ResponseWriter, r *http.Request, s *session) {
	v := UsersView{Page: "users", Account: s.account}
	for _, a := range p.box.Accounts() {
		one := UserView{Account: a, Own: a.Name == s.account, Rights: p.box.RightsOf(a.Name), Second: p.box.SecondFactor(a.Name).On}
		one.CodeUntil, _ = p.box.ActivationCode(a.Name)
		v.Users = append(v.Users, one)
	}
	p.respond(w, r, http.StatusOK, v, "Users", s, usersBody(v))
}

// InviteView makes a user with an activation code instead of a password: POST
// /settings/users/invite, fields name, group, right (several), memo, password
// and code. CodeShownView answers.
type InviteView struct {
	Page   string           `json:"page"` // "invite"
	Name   string           `json:"name"`
	Group  string           `json:"group"`
	Rights []recorder.Right `json:"rights"`
	Memo   string           `json:"memo"`
	Second bool             `json:"needs_code"` // of the second factor
	Error  string           `json:"error,omitempty"`
}

func (p *page) showInvite(w http.ResponseWriter, r *http.Request, s *session) {
	p.respondInvite(w, r, s, InviteView{Group: recorder.GroupUser, Rights: []recorder.Right{recorder.RightLive, recorder.RightPlayback}}, nil)
}

func (p *page) invite(w http.ResponseWriter, r *http.Request, s *session) {
	if !web.ParseForm(w, r) {
		return
	}
	v := InviteView{Name: r.PostForm.Get("name"), Group: r.PostForm.Get("group"), Memo: r.PostForm.Get("memo")}
	for _, right := range recorder.Rights() {
		if slices.Contains(r.PostForm["right"], string(right)) {
			v.Rights = append(v.Rights, right)
		}
	}
	code, err := p.box.Invite(s.account, rekey.Account{Name: v.Name, Group: v.Group, Memo: v.Memo}, v.Rights, typed(r), client(r))
	if err != nil {
		p.respondInvite(w, r, s, v, err)
		return
	}
	p.respondCodeShown(w, r, s, v.Name, code)
}

func (p *page) respondInvite(w http.ResponseWriter, r *http.Request, s *session, v InviteView, err error) {
	text, status, ok := refused(w, r, err, told)
	if !ok {
		return
	}
	v.Page, v.Error, v.Second = "invite", text, p.box.SecondFactor(s.account).On
	p.respond(w, r, status, v, "Invite a user", s, inviteBody(v))
}

// CodeShownView is an activation code. It is shown this once.
type CodeShownView struct {
	Page  string    `json:"page"` // "code_shown"
	User  string    `json:"user"`
	Code  string    `json:"code"`
	Until time.Time `json:"until"`
}

func (p *page) respondCodeShown(w http.ResponseWriter, r *http.Request, s *session, user string, code rekey.Secret) {
	v := CodeShownView{Page: "code_shown", User: user, Code: code.Reveal()}
	v.Until, _ = p.box.ActivationCode(user)
	p.respond(w, r, http.StatusOK, v, "Activation code", s, codeShownBody(v))
}

func (p *page) helpAct(r *http.Request, s *session) (act, error) {
	name := r.PathValue("name")
	if err := p.known(name); err != nil {
		return act{}, err
	}
	if name == s.account {
		return act{}, fmt.Errorf("%w: change your own password under Settings > Password", rekey.ErrConflict)
	}
	return act{
		title: "Help " + name, button: "Make the code", back: "/settings/users",
		text: "An activation code lets " + name + " in once, within 24 hours, to set a new password. You never learn it. The old password works until then.",
		do: func(w http.ResponseWriter, r *http.Request, by recorder.StepUp) error {
			code, err := p.box.NewActivationCode(s.account, name, by, client(r))
			if err == nil {
				p.respondCodeShown(w, r, s, name, code)
			}
			return err
		},
	}, nil
}

func (p *page) deleteAct(r *http.Request, s *session) (act, error) {
	name := r.PathValue("name")
	if err := p.known(name); err != nil {
		return act{}, err
	}
	return act{
		title: "Delete " + name, button: "Delete " + name, back: "/settings/users",
		text: "The user, its sessions and its phones are gone at once. That cannot be undone. Recordings stay.",
		do: func(w http.ResponseWriter, r *http.Request, by recorder.StepUp) error {
			if err := p.stepUp(s.account, by, client(r)); err != nil {
				return err
			}
			if err := p.box.DeleteAccount(s.account, name, client(r)); err != nil {
				return err
			}
			http.Redirect(w, r, "/settings/users", http.StatusSeeOther)
			return nil
		},
	}, nil
}

func (p *page) known(name string) error {
	if !slices.ContainsFunc(p.box.Accounts(), func(a rekey.Account) bool { return a.Name == name }) {
		return fmt.Errorf("%w: the recorder has no user of that name", rekey.ErrNotFound)
	}
	return nil
}
