package page

import (
	"errors"
	"fmt"
	"net/http"

	"rekey/internal/recorder/say"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/web"
)

// half is a log-in that waits for its code.
type half struct {
	*recorder.Half
	keep bool
}

// LoginView is the log-in: POST /login, fields account, password and, by HTTPS,
// keep (on) for a phone that stays logged in. password takes an activation code,
// too. An account with a second factor goes on at /login/code: see CodeView.
type LoginView struct {
	Page    string `json:"page"` // "login"
	Account string `json:"account"`
	Notice  string `json:"notice,omitempty"`
	Error   string `json:"error,omitempty"` // for a person

	keeps bool
}

// told after something ended at the log-in page; the address names one by its key.
var loginNotices = map[string]string{
	"changed": "The new password is set. All sessions of the user are closed and its phones logged out; log in with the new password.",
	"out":     "You are logged out.",
}

func (p *page) showLogin(w http.ResponseWriter, r *http.Request) {
	if s, ok := p.current(r); ok {
		http.Redirect(w, r, p.home(s), http.StatusSeeOther)
		return
	}
	if p.byPhone(w, r) {
		return
	}
	if !p.box.Initialised() {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	p.respondLogin(w, r, LoginView{Account: recorder.AdminAccount, Notice: loginNotices[r.URL.Query().Get("notice")]}, nil)
}

func (p *page) respondLogin(w http.ResponseWriter, r *http.Request, v LoginView, err error) {
	text, status, ok := refused(w, r, err, told)
	if !ok {
		return
	}
	v.Page, v.Error, v.keeps = "login", text, r.TLS != nil
	p.respond(w, r, status, v, "Log in", nil, loginBody(v))
}

var errTooFast = fmt.Errorf("%w: too many tries from your address; wait a minute, then try again", rekey.ErrBudget)

// logIn takes the password, or the activation code that waits for the user. What
// could be a code and does not fit is tried as the password, whether one waits or
// not: a stranger on the network does not learn from the answer who waits for one.
func (p *page) logIn(w http.ResponseWriter, r *http.Request) {
	if !web.ParseForm(w, r) {
		return
	}
	v := LoginView{Account: r.PostForm.Get("account")}
	pw, keep := web.FormSecret(r, "password"), r.PostForm.Get("keep") != "" && r.TLS != nil
	switch {
	case v.Account == "" || pw.IsZero():
		p.respondLogin(w, r, v, &say.BadForm{Text: "Type a user name and a password."})
		return
	case !p.limits.allow(addressOf(r)):
		p.respondLogin(w, r, v, errTooFast)
		return
	}
	grant, noCode, err := p.byCode(r, v.Account, pw)
	if err != nil {
		p.respondLogin(w, r, v, err)
		return
	}
	if grant != nil {
		p.openDoor(w, r, grant)
		return
	}
	epoch, waiting, err := p.box.LogIn(v.Account, pw, client(r))
	switch refusal, ok := errors.AsType[*rekey.LoginError](err); {
	case ok && noCode != nil:
		p.respondLogin(w, r, v, &neither{refusal, noCode})
	case err != nil:
		p.respondLogin(w, r, v, err)
	case waiting != nil:
		p.askCode(w, r, &half{waiting, keep})
	default:
		p.enter(w, r, &session{account: v.Account, epoch: epoch}, keep)
	}
}

// enter begins the session of a log-in that is complete.
func (p *page) enter(w http.ResponseWriter, r *http.Request, s *session, keep bool) {
	if keep {
		if err := p.keep(w, r, s); err != nil {
			p.respondLogin(w, r, LoginView{Account: s.account}, err)
			return
		}
	}
	if p.begin(w, r, s) {
		http.Redirect(w, r, p.home(s), http.StatusSeeOther)
	}
}

// home is the first page of who is logged in.
func (p *page) home(s *session) string {
	switch {
	case len(p.box.Notices(s.account)) > 0:
		return "/notices"
	case p.box.May(s.account, recorder.RightLive):
		return "/live"
	}
	return "/settings"
}

func (p *page) logOut(w http.ResponseWriter, r *http.Request) {
	if s, ok := p.current(r); ok {
		s.end()
	}
	p.halves.End(w, r)
	p.doors.End(w, r)
	p.sessions.End(w, r)
	if err := p.forgetPhone(w, r); err != nil {
		web.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/login?notice=out", http.StatusSeeOther)
}

// CodeView is the second step of a log-in, where the account has a second
// factor: POST /login/code, field code, takes a code of the authenticator or of
// the recovery sheet.
type CodeView struct {
	Page      string `json:"page"` // "code"
	Account   string `json:"account"`
	SheetLeft int    `json:"sheet_left"`      // codes of the recovery sheet
	Error     string `json:"error,omitempty"` // for a person
}

// askCode begins the second step, under an id of its own: half a log-in is no
// log-in.
func (p *page) askCode(w http.ResponseWriter, r *http.Request, h *half) {
	if err := p.halves.Start(w, r, h); err != nil {
		web.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/login/code", http.StatusSeeOther)
}

// withHalf gives the handler the log-in that waits for its code, or leads back
// to the first step.
func (p *page) withHalf(next func(http.ResponseWriter, *http.Request, *half)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h, ok := p.halves.Get(r)
		switch {
		case ok && p.box.HalfOpen(h.Half):
			next(w, r, h)
		case r.Method == http.MethodPost:
			p.respondLogin(w, r, LoginView{Account: recorder.AdminAccount}, recorder.ErrHalfOver)
		default:
			http.Redirect(w, r, "/login", http.StatusSeeOther)
		}
	}
}

func (p *page) showCode(w http.ResponseWriter, r *http.Request, h *half) {
	p.respondCode(w, r, h, nil)
}

func (p *page) finish(w http.ResponseWriter, r *http.Request, h *half) {
	if !web.ParseForm(w, r) {
		return
	}
	if !p.limits.allow(addressOf(r)) {
		p.respondCode(w, r, h, errTooFast)
		return
	}
	epoch, err := p.box.Finish(h.Half, web.FormSecret(r, "code"))
	if err != nil && p.box.HalfOpen(h.Half) {
		p.respondCode(w, r, h, err)
		return
	}
	p.halves.End(w, r)
	if err != nil {
		p.respondLogin(w, r, LoginView{Account: h.Account()}, err)
		return
	}
	p.enter(w, r, &session{account: h.Account(), epoch: epoch}, h.keep)
}

func (p *page) respondCode(w http.ResponseWriter, r *http.Request, h *half, err error) {
	text, status, ok := refused(w, r, err, codeTold)
	if !ok {
		return
	}
	v := CodeView{Page: "code", Account: h.Account(), SheetLeft: p.box.SecondFactor(h.Account()).SheetLeft, Error: text}
	p.respond(w, r, status, v, "Code", nil, codeBody(v))
}
