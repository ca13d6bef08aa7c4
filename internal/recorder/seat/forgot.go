package seat

import (
	"cmp"
	"net/http"

	"rekey/internal/recorder"
	"rekey/internal/web"
	"rekey/recovery"
)

// ForgotView is the page Forgot password. POST /recovery, field account (admin
// when it is missing), shows a new challenge; POST /recovery/answer, field
// answer, takes the temporary password.
type ForgotView struct {
	Page   string `json:"page"` // "forgot"
	Device string `json:"device"`
	Off    bool   `json:"support_off"` // nobody gives out temporary passwords
	ChallengeView
}

// forgotten asks for a temporary password in the place of one that was lost.
var forgotten = asking{
	purpose: recovery.PurposePassword,
	path:    "/recovery",
	offer:   "Support can give you a temporary password for this one recorder. Your recordings and settings stay.",
	then:    "Set a new password",
	after:   "The page for a new password opens next, and nothing else does until it is set.",
}

func (s *seat) showForgot(w http.ResponseWriter, r *http.Request) { s.respondForgot(w, r, nil) }

func (s *seat) newChallenge(w http.ResponseWriter, r *http.Request) {
	if !web.ParseForm(w, r) {
		return
	}
	if err := s.openChallenge(forgotten, cmp.Or(r.PostForm.Get("account"), recorder.AdminAccount)); err != nil {
		s.respondForgot(w, r, err)
		return
	}
	http.Redirect(w, r, forgotten.path, http.StatusSeeOther)
}

func (s *seat) answer(w http.ResponseWriter, r *http.Request) {
	if !web.ParseForm(w, r) {
		return
	}
	grant, err := s.takeAnswer(forgotten, web.FormSecret(r, "answer"))
	if err != nil {
		s.respondForgot(w, r, err)
		return
	}
	s.openOneDoor(w, r, grant)
}

func (s *seat) respondForgot(w http.ResponseWriter, r *http.Request, refused error) {
	c, err := s.challengeView(forgotten)
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	status := http.StatusOK
	if refused != nil {
		var told bool
		if status, told = c.refuse(r, refused); !told {
			web.Fail(w, r, refused)
			return
		}
	}
	v := ForgotView{Page: "forgot", Device: c.device, Off: s.box.Support() == recorder.SupportOff, ChallengeView: c}
	web.Respond(w, r, status, v, s.site(backToScreen).Page("Forgot password", forgotBody(v)))
}
