package page

import (
	"errors"
	"fmt"
	"net/http"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/say"
	"rekey/internal/web"
	"rekey/recovery"
)

// door is a session that came in by an activation code. It is a store of its own:
// nothing but the new password is open to it.
type door struct{ grant *recorder.CodeGrant }

// DoorView is where the one new password is set: POST /newpassword, fields new
// and confirm.
type DoorView struct {
	Page        string   `json:"page"` // "newpassword"
	Account     string   `json:"account"`
	SecondsLeft int      `json:"seconds_left"`
	Policy      []string `json:"policy"`
	Error       string   `json:"error,omitempty"`
}

// byCode takes what looks like an activation code. noCode is why it is none, where
// it may still be the password.
func (p *page) byCode(r *http.Request, account string, typed rekey.Secret) (grant *recorder.CodeGrant, noCode, err error) {
	if !say.LooksLikeCode(typed) {
		return nil, nil, nil
	}
	grant, err = p.box.SubmitActivationCode(account, typed.Reveal(), client(r))
	if errors.Is(err, recorder.ErrCodeRefused) || errors.Is(err, rekey.ErrInput) {
		return nil, err, nil
	}
	return grant, nil, err
}

// neither is the refusal of what is neither the password nor the code.
type neither struct {
	*rekey.LoginError
	code error
}

func (e *neither) Unwrap() error { return e.LoginError }

func (e *neither) words() string {
	text := say.Login(e.LoginError) + " If it was an activation code: "
	if m, ok := errors.AsType[*recovery.MistypedError](e.code); ok && len(m.Groups) > 0 {
		return text + fmt.Sprintf("group %d is mistyped.", m.Groups[0])
	}
	return text + "it is wrong, was used, or is over. An admin can make a new one."
}

func (p *page) openDoor(w http.ResponseWriter, r *http.Request, grant *recorder.CodeGrant) {
	if err := p.doors.Start(w, r, &door{grant}); err != nil {
		web.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/newpassword", http.StatusSeeOther)
}

func (p *page) withDoor(next func(http.ResponseWriter, *http.Request, *door)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		d, ok := p.doors.Get(r)
		switch {
		case ok && p.box.CodeGrantLeft(d.grant) > 0:
			next(w, r, d)
		case r.Method == http.MethodPost || web.PrefersJSON(r):
			web.Fail(w, r, web.ErrNoSession)
		default:
			http.Redirect(w, r, "/login", http.StatusSeeOther)
		}
	}
}

func (p *page) showDoor(w http.ResponseWriter, r *http.Request, d *door) { p.respondDoor(w, r, d, nil) }

func (p *page) throughDoor(w http.ResponseWriter, r *http.Request, d *door) {
	if !web.ParseForm(w, r) {
		return
	}
	fresh, err := newPassword(r)
	if err == nil && d.grant.IsCode(fresh.Reveal()) {
		err = &say.BadForm{Text: "The activation code cannot be the new password."}
	}
	if err == nil {
		err = p.box.SetPasswordByCode(d.grant, fresh, client(r))
	}
	if err != nil {
		p.respondDoor(w, r, d, err)
		return
	}
	p.doors.End(w, r)
	http.Redirect(w, r, "/login?notice=changed", http.StatusSeeOther)
}

func (p *page) respondDoor(w http.ResponseWriter, r *http.Request, d *door, err error) {
	text, status, ok := refused(w, r, err, told)
	if !ok {
		return
	}
	v := DoorView{Page: "newpassword", Account: d.grant.Account(), SecondsLeft: say.Seconds(p.box.CodeGrantLeft(d.grant)), Policy: say.Policy(p.box.Policy()), Error: text}
	p.respond(w, r, status, v, "New password", nil, doorBody(v))
}

// newPassword reads the fields new and confirm.
func newPassword(r *http.Request) (rekey.Secret, error) {
	fresh := web.FormSecret(r, "new")
	if fresh.IsZero() {
		return fresh, &say.BadForm{Text: "Type the new password."}
	}
	if !fresh.Equal(web.FormSecret(r, "confirm")) {
		return fresh, &say.BadForm{Text: "The two passwords are not the same."}
	}
	return fresh, nil
}

// PasswordView is where somebody who is logged in changes the own password: POST
// /settings/password, fields old, new and confirm.
type PasswordView struct {
	Page    string   `json:"page"` // "password"
	Account string   `json:"account"`
	Policy  []string `json:"policy"`
	Error   string   `json:"error,omitempty"`
}

func (p *page) showPassword(w http.ResponseWriter, r *http.Request, s *session) {
	p.respondPassword(w, r, s, nil)
}

func (p *page) changePassword(w http.ResponseWriter, r *http.Request, s *session) {
	if !web.ParseForm(w, r) {
		return
	}
	fresh, err := newPassword(r)
	if err == nil && web.FormSecret(r, "old").IsZero() {
		err = &say.BadForm{Text: "Type the old password."}
	}
	if err == nil {
		err = p.box.SetPassword(s.account, s.account, web.FormSecret(r, "old"), fresh, client(r))
	}
	if err != nil {
		p.respondPassword(w, r, s, err)
		return
	}
	s.end()
	p.sessions.End(w, r)
	http.Redirect(w, r, "/login?notice=changed", http.StatusSeeOther)
}

func (p *page) respondPassword(w http.ResponseWriter, r *http.Request, s *session, err error) {
	text, status, ok := refused(w, r, err, oldTold)
	if !ok {
		return
	}
	v := PasswordView{Page: "password", Account: s.account, Policy: say.Policy(p.box.Policy()), Error: text}
	p.respond(w, r, status, v, "Password", s, passwordBody(v))
}

// oldTold is told where a refused log-in is the wrong old password.
func oldTold(err error) (string, bool) {
	if e, is := errors.AsType[*rekey.LoginError](err); is && errors.Is(e.Kind, rekey.ErrDenied) && e.TriesLeft > 0 {
		return "The old password is wrong. " + triesLeft(e.TriesLeft), true
	}
	return told(err)
}

func triesLeft(n int) string {
	if n == 1 {
		return "1 try left before the user is locked."
	}
	return fmt.Sprintf("%d tries left before the user is locked.", n)
}
