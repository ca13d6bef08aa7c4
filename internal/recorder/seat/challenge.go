package seat

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/web"
	"rekey/recovery"
)

// asking says what a page asks a temporary password for. The page takes a POST
// to path for a new challenge, and to path + "/answer", field answer.
type asking struct {
	purpose recovery.Purpose
	path    string
	offer   string // the first sentence, while no challenge is open
	then    string // heading of the step after the temporary password
	after   string // and what is told there
}

// ChallengeView is a challenge that waits for its answer, or the way to one, on
// every page that takes a temporary password.
type ChallengeView struct {
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
	Other          bool       `json:"other"`                  // a challenge for something else is open; a new one takes its place
	Error          string     `json:"error,omitempty"`        // for a person
	WrongGroups    []int      `json:"wrong_groups,omitempty"` // of a mistyped answer, from 1

	ask      asking
	code     picture // of QR
	device   string  // the recorder's name
	cloud    bool    // the owner can get it by e-mail, too
	only     string  // the cloud whose owner gets it, and nobody else
	own      bool    // support is a desk of the owner's
	ofAnswer bool    // Error is about the answer that was typed
}

// challengeView is where things stand for what is asked.
func (s *seat) challengeView(a asking) (ChallengeView, error) {
	state, qr, err := s.request()
	if err != nil {
		return ChallengeView{}, err
	}
	v := ChallengeView{
		DeviceID: s.box.Info().DeviceID, SupportPhone: s.supportPhone(), Account: recorder.AdminAccount,
		AttemptsLeft: state.AttemptsLeft, WaitSeconds: seconds(state.Wait), PenaltySeconds: seconds(state.Penalty), Disabled: state.Disabled,
		ask: a, device: s.box.Info().Name, cloud: s.cloudLinked(), own: s.box.Support() == recorder.SupportOwn,
	}
	if state.Open && state.Challenge.Purpose != a.purpose {
		v.Other = true
		return v, nil
	}
	v.Account = cmp.Or(state.Account, v.Account)
	if !state.Open {
		return v, nil
	}
	v.Open, v.SecondsLeft, v.QR = true, seconds(state.Left), qr
	v.Challenge = state.Challenge.String()
	v.Groups = strings.Split(v.Challenge, "-")
	for _, g := range v.Groups {
		v.Spelling = append(v.Spelling, recovery.Spell(g))
	}
	if qr != "" {
		if v.code, err = qrPicture(qr); err != nil {
			return v, fmt.Errorf("draw the QR code of the challenge: %w", err)
		}
	}
	return v, nil
}

// request is where things stand and the text of the QR code that belongs to it.
// The two are asked for in turn, and somebody else may end or replace the
// challenge in between: then it looks again. A new challenge can be had every 30
// seconds only, so this ends.
func (s *seat) request() (recovery.State, string, error) {
	for {
		state, err := s.box.GuardState()
		desk := s.deskHost()
		if err != nil || !state.Open || desk == "" {
			return state, "", err
		}
		text, err := s.box.RequestQR(desk)
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

// refuse tells why it went no further, and the status that says so. It is false
// for a fault of the recorder, which is not for the screen.
func (v *ChallengeView) refuse(r *http.Request, err error) (status int, told bool) {
	if v.Error, told = words(err); !told {
		return 0, false
	}
	v.WrongGroups = wrongGroups(err)
	v.ofAnswer = v.Open && r.URL.Path == v.ask.path+"/answer"
	return web.ProblemOf(err).Status, true
}

// openChallenge shows a new challenge for the account.
func (s *seat) openChallenge(a asking, account string) error {
	if a.purpose != recovery.PurposePassword {
		_, err := s.box.NewChallengeFor(a.purpose, account)
		return err
	}
	_, err := s.box.NewChallenge(account)
	return err
}

// takeAnswer tries what was typed. An answer to a challenge that was asked for
// something else is not looked at.
func (s *seat) takeAnswer(a asking, typed rekey.Secret) (*recovery.Grant, error) {
	state, err := s.box.GuardState()
	if err != nil {
		return nil, err
	}
	if state.Open && state.Challenge.Purpose != a.purpose {
		return nil, fmt.Errorf("%w: %w", rekey.ErrConflict, recovery.ErrNoChallenge)
	}
	return s.box.SubmitAnswer(state.Account, typed.Reveal())
}

// CheckView says of each group of an answer that is being typed whether it can
// be right: POST /recovery/check, field answer. It comes from the check symbols
// alone, which everybody can compute; the box is not asked and nothing is spent.
type CheckView struct {
	Page    string   `json:"page"`    // "check"
	Groups  []string `json:"groups"`  // right, mistyped or unfinished
	Symbols int      `json:"symbols"` // how many were typed; an answer has 16
}

// checksPerSecond bounds what somebody who hammers costs the recorder.
const checksPerSecond = 20

// check looks at an answer while it is typed. Several people's fingers fit into
// the limit, a program that hammers does not.
func (s *seat) check(w http.ResponseWriter, r *http.Request) {
	if !web.ParseForm(w, r) {
		return
	}
	if !s.checks.AllowN(s.box.Now(), 1) {
		w.Header().Set("Retry-After", "1")
		web.Fail(w, r, fmt.Errorf("%w: too many looks at a temporary password at once; wait a second", rekey.ErrBudget))
		return
	}
	v := checked(r.PostForm.Get("answer"))
	web.Respond(w, r, http.StatusOK, v, s.site(backToScreen).Page("Temporary password", checkBody(v)))
}

func checked(typed string) CheckView {
	v := CheckView{Page: "check", Symbols: recovery.FormAnswer.Groups() * 4}
	for _, g := range recovery.FormAnswer.GroupStates(typed) {
		v.Groups = append(v.Groups, [...]string{recovery.GroupOpen: "unfinished", recovery.GroupRight: "right", recovery.GroupWrong: "mistyped"}[g])
	}
	_, err := recovery.ParseAnswer(typed)
	if e, ok := errors.AsType[*recovery.MistypedError](err); ok {
		v.Symbols = e.Symbols
	}
	return v
}
