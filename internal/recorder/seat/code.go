package seat

import (
	"errors"
	"net/http"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/web"
)

// CodeView is the second step of a log-in, where the account has a second
// factor: POST /login/code, field code, takes a code of the authenticator or of
// the recovery sheet.
type CodeView struct {
	Page      string `json:"page"` // "code"
	Account   string `json:"account"`
	SheetLeft int    `json:"sheet_left"`      // codes of the recovery sheet
	TriesLeft int    `json:"tries_left"`      // -1 = not told
	Error     string `json:"error,omitempty"` // for a person
}

// askCode begins the second step, under an id of its own: half a log-in is no
// log-in, and neither id is ever worth what the other is.
func (s *seat) askCode(w http.ResponseWriter, r *http.Request, half *recorder.Half) {
	if err := s.halves.Start(w, r, half); err != nil {
		web.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/login/code", http.StatusSeeOther)
}

// withHalf gives the handler the log-in that waits for its code, or leads back
// to the first step.
func (s *seat) withHalf(next func(http.ResponseWriter, *http.Request, *recorder.Half)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		half, ok := s.halves.Get(r)
		if !ok || !s.box.HalfOpen(half) {
			s.halves.End(w, r)
			turnAway(w, r, "/login", recorder.ErrHalfOver)
			return
		}
		next(w, r, half)
	}
}

func (s *seat) showCode(w http.ResponseWriter, r *http.Request, half *recorder.Half) {
	s.respondCode(w, r, half, nil)
}

func (s *seat) finish(w http.ResponseWriter, r *http.Request, half *recorder.Half) {
	if !web.ParseForm(w, r) {
		return
	}
	epoch, err := s.box.Finish(half, web.FormSecret(r, "code"))
	if err != nil && !s.box.HalfOpen(half) {
		s.halves.End(w, r)
		s.respondLogin(w, r, half.Account(), err)
		return
	}
	if err != nil {
		s.respondCode(w, r, half, err)
		return
	}
	s.halves.End(w, r)
	if s.begin(w, r, &login{account: half.Account(), epoch: epoch}) {
		http.Redirect(w, r, "/menu", http.StatusSeeOther)
	}
}

func (s *seat) respondCode(w http.ResponseWriter, r *http.Request, half *recorder.Half, err error) {
	v := CodeView{Page: "code", Account: half.Account(), SheetLeft: s.box.SecondFactor(half.Account()).SheetLeft, TriesLeft: -1}
	status := http.StatusOK
	if err != nil {
		var told bool
		if v.Error, told = codeWords(err); !told {
			web.Fail(w, r, err)
			return
		}
		status = web.ProblemOf(err).Status
	}
	if refused, ok := errors.AsType[*rekey.LoginError](err); ok {
		v.TriesLeft = refused.TriesLeft
	}
	web.Respond(w, r, status, v, s.site(web.Link{Text: "Cancel", Href: "/logout", Post: true}).Page("Code", codeBody(v)))
}
