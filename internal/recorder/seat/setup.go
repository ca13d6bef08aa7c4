package seat

import (
	"net/http"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/web"
)

// SetupView is the first set-up: POST /setup, fields new and confirm. There is
// no default password.
type SetupView struct {
	Page    string            `json:"page"` // "setup"
	Account string            `json:"account"`
	Policy  []string          `json:"policy"`           // the password rule in words
	Errors  map[string]string `json:"errors,omitempty"` // by field

	rule rekey.PasswordRule
}

func (s *seat) showSetup(w http.ResponseWriter, r *http.Request) {
	if s.box.Initialised() {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	s.respondSetup(w, r, http.StatusOK, nil)
}

func (s *seat) firstSetup(w http.ResponseWriter, r *http.Request) {
	if !web.ParseForm(w, r) {
		return
	}
	if wrong := checkNew(r); wrong != nil {
		s.respondSetup(w, r, http.StatusBadRequest, wrong)
		return
	}
	err := s.box.FirstSetup(recorder.AdminAccount, web.FormSecret(r, "new"), recorder.AtSeat())
	if text, told := words(err); told && !s.box.Initialised() {
		s.respondSetup(w, r, web.ProblemOf(err).Status, map[string]string{"new": text})
		return
	}
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/?notice=setup", http.StatusSeeOther)
}

func (s *seat) respondSetup(w http.ResponseWriter, r *http.Request, status int, wrong map[string]string) {
	v := SetupView{Page: "setup", Account: recorder.AdminAccount, Policy: policyWords(s.box.Policy()), Errors: wrong, rule: s.box.Policy()}
	web.Respond(w, r, status, v, s.site(toPanel).Page("First set-up", setupBody(v)))
}

// checkNew looks at a new password and its repetition, before anything is
// asked of the box.
func checkNew(r *http.Request) map[string]string {
	typed, again := web.FormSecret(r, "new"), web.FormSecret(r, "confirm")
	switch {
	case typed.IsZero():
		return map[string]string{"new": "Type the new password."}
	case !typed.Equal(again):
		return map[string]string{"confirm": "This is not the same as the new password. Nothing was changed."}
	}
	return nil
}
