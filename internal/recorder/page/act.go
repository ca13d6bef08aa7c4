package page

import (
	"net/http"

	"rekey/internal/recorder"
	"rekey/internal/web"
)

// act is something of weight: it is said first what it does, and who does it
// types the password once more.
type act struct {
	title, text, button string
	to                  string // what is switched: on or off; empty = nothing is
	back                string // where it is given up
	// do has answered when it returns nil.
	do func(http.ResponseWriter, *http.Request, recorder.StepUp) error
}

// ActView asks for the password before an act: POST to the same path, fields
// password, where needs_code is true code, and to where that is here.
type ActView struct {
	Page    string `json:"page"` // "act"
	Title   string `json:"title"`
	Text    string `json:"text"`
	Account string `json:"account"`
	Second  bool   `json:"needs_code"`   // of the second factor
	To      string `json:"to,omitempty"` // on or off
	Error   string `json:"error,omitempty"`

	act act
	at  string
}

type actOf func(*http.Request, *session) (act, error)

func (p *page) showAct(of actOf) screen {
	return func(w http.ResponseWriter, r *http.Request, s *session) {
		a, err := of(r, s)
		if err != nil {
			web.Fail(w, r, err)
			return
		}
		p.respondAct(w, r, s, a, nil)
	}
}

func (p *page) do(of actOf) screen {
	return func(w http.ResponseWriter, r *http.Request, s *session) {
		a, err := of(r, s)
		if err != nil {
			web.Fail(w, r, err)
			return
		}
		if !web.ParseForm(w, r) {
			return
		}
		if err := a.do(w, r, typed(r)); err != nil {
			p.respondAct(w, r, s, a, err)
		}
	}
}

// typed is what somebody types before an act.
func typed(r *http.Request) recorder.StepUp {
	return recorder.StepUp{Password: web.FormSecret(r, "password"), Code: web.FormSecret(r, "code")}
}

func (p *page) respondAct(w http.ResponseWriter, r *http.Request, s *session, a act, err error) {
	text, status, ok := refused(w, r, err, told)
	if !ok {
		return
	}
	v := ActView{Page: "act", Title: a.title, Text: a.text, Account: s.account, Second: p.box.SecondFactor(s.account).On, To: a.to, Error: text, act: a, at: r.URL.Path}
	p.respond(w, r, status, v, a.title, s, actBody(v))
}
