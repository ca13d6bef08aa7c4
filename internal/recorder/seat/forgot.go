package seat

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"rekey/internal/recorder"
	"rekey/internal/web"
	"rekey/recovery"
)

// ForgotView is the page Forgot password. POST /recovery, field account (admin
// when it is missing), shows a new challenge; POST /recovery/answer, field
// answer, takes the temporary password.
type ForgotView struct {
	Page           string     `json:"page"` // "forgot"
	Device         string     `json:"device"`
	DeviceID       string     `json:"device_id"`
	SupportPhone   string     `json:"support_phone,omitempty"`
	Account        string     `json:"account"`
	Open           bool       `json:"open"`                   // a challenge waits for its answer
	Challenge      string     `json:"challenge,omitempty"`    // e.g. 400R-0YG6-V5GS-YMWC-QV05
	Groups         []string   `json:"groups,omitempty"`       // the same, a group each
	Spelling       [][]string `json:"spelling,omitempty"`     // a word for each symbol of each group
	QR             string     `json:"qr,omitempty"`           // text of the QR code
	SecondsLeft    int        `json:"seconds_left"`           // of the open challenge
	AttemptsLeft   int        `json:"attempts_left"`          // before the next penalty
	WaitSeconds    int        `json:"wait_seconds"`           // until a new challenge may be had
	PenaltySeconds int        `json:"penalty_seconds"`        // of that, for wrong answers
	Disabled       bool       `json:"disabled"`               // after 100 wrong answers
	Error          string     `json:"error,omitempty"`        // for a person
	WrongGroups    []int      `json:"wrong_groups,omitempty"` // of a mistyped answer, from 1

	cloud    bool // the owner can get it by e-mail, too
	ofAnswer bool // Error is about the answer that was typed
}

func (s *seat) showForgot(w http.ResponseWriter, r *http.Request) { s.respondForgot(w, r, nil) }

func (s *seat) newChallenge(w http.ResponseWriter, r *http.Request) {
	if !parseForm(w, r) {
		return
	}
	account := cmp.Or(r.PostForm.Get("account"), recorder.AdminAccount)
	if _, err := s.box.NewChallenge(account); err != nil {
		s.respondForgot(w, r, err)
		return
	}
	http.Redirect(w, r, "/recovery", http.StatusSeeOther)
}

func (s *seat) answer(w http.ResponseWriter, r *http.Request) {
	if !parseForm(w, r) {
		return
	}
	state, err := s.box.GuardState()
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	grant, err := s.box.SubmitAnswer(state.Account, r.PostForm.Get("answer"))
	if err != nil {
		s.respondForgot(w, r, err)
		return
	}
	s.openOneDoor(w, r, grant)
}

func (s *seat) respondForgot(w http.ResponseWriter, r *http.Request, refused error) {
	state, qr, err := s.request()
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	v := s.forgotView(state)
	v.QR = qr
	status := http.StatusOK
	if refused != nil {
		var told bool
		if v.Error, told = words(refused); !told {
			web.Fail(w, r, refused)
			return
		}
		v.WrongGroups = wrongGroups(refused)
		v.ofAnswer = v.Open && r.URL.Path == "/recovery/answer"
		status = web.ProblemOf(refused).Status
	}
	var code picture
	if qr != "" {
		if code, err = qrPicture(qr); err != nil {
			web.Fail(w, r, fmt.Errorf("draw the QR code of the challenge: %w", err))
			return
		}
	}
	web.Respond(w, r, status, v, s.site(backToScreen).Page("Forgot password", forgotBody(v, code)))
}

// request is where things stand and the text of the QR code that belongs to it.
// The two are asked for in turn, and somebody else may end or replace the
// challenge in between: then it looks again. A new challenge can be had every 30
// seconds only, so this ends.
func (s *seat) request() (recovery.State, string, error) {
	for {
		state, err := s.box.GuardState()
		if err != nil || !state.Open || s.o.Desk == "" {
			return state, "", err
		}
		text, err := s.box.RequestQR(s.o.Desk)
		if errors.Is(err, recovery.ErrNoChallenge) {
			continue
		}
		if err != nil {
			return state, "", err
		}
		if q, err := recovery.ParseQR(text); err != nil || q.Challenge == state.Challenge {
			return state, text, err
		}
	}
}

func (s *seat) forgotView(state recovery.State) ForgotView {
	v := ForgotView{
		Page: "forgot", Device: s.box.Info().Name, DeviceID: s.box.Info().DeviceID, SupportPhone: s.o.SupportPhone,
		Account: cmp.Or(state.Account, recorder.AdminAccount), Open: state.Open,
		SecondsLeft: seconds(state.Left), AttemptsLeft: state.AttemptsLeft,
		WaitSeconds: seconds(state.Wait), PenaltySeconds: seconds(state.Penalty), Disabled: state.Disabled,
	}
	v.cloud = s.cloudLinked()
	if state.Open {
		v.Challenge = state.Challenge.String()
		v.Groups = strings.Split(v.Challenge, "-")
		for _, g := range v.Groups {
			v.Spelling = append(v.Spelling, recovery.Spell(g))
		}
	}
	return v
}
