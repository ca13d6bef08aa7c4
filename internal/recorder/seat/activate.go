package seat

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/web"
	"rekey/recovery"
)

const (
	activatePath = "/activate"
	releasePath  = activatePath + "/support"
)

// ActivateView is the screen of a claimed recorder after a reset by the button,
// before the first set-up. POST /activate/sheet, field code, releases it by a
// recovery sheet of before the reset; /activate/support, see ReleaseView, by a
// temporary password of support or of the cloud.
type ActivateView struct {
	Page          string            `json:"page"` // "activate"
	Device        string            `json:"device"`
	DeviceID      string            `json:"device_id"`
	Sheet         bool              `json:"sheet"`
	Support       bool              `json:"support"`
	Cloud         string            `json:"cloud,omitempty"` // whose owner can release it
	TriesLeft     int               `json:"tries_left"`      // of codes of the sheet
	LockedSeconds int               `json:"locked_seconds"`
	Errors        map[string]string `json:"errors,omitempty"` // by field

	supportPhone string
	own          bool // support is a desk of the owner's
}

func (v ActivateView) locked() time.Duration { return time.Duration(v.LockedSeconds) * time.Second }

func (s *seat) activateScreens(mux *http.ServeMux) {
	mux.HandleFunc("GET "+activatePath, s.whileLocked(s.showActivate))
	mux.HandleFunc("POST "+activatePath+"/sheet", s.whileLocked(s.releaseBySheet))
	mux.HandleFunc("GET "+releasePath, s.whileLocked(s.showRelease))
	mux.HandleFunc("POST "+releasePath, s.whileLocked(s.askToRelease))
	mux.HandleFunc("POST "+releasePath+"/answer", s.whileLocked(s.releaseByAnswer))
}

// setUp lets nothing but the first set-up be used in the factory state, and not
// even that while the recorder waits for its owner.
func (s *seat) setUp(next http.Handler) http.Handler {
	always := []string{"/info", "/label", "/label.svg", "/label.pdf"}
	release := []string{activatePath, activatePath + "/sheet", releasePath, releasePath + "/answer", "/recovery/check"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		locked := s.box.Activation().Locked
		switch {
		case slices.Contains(always, r.URL.Path), locked && slices.Contains(release, r.URL.Path):
			next.ServeHTTP(w, r)
		case locked:
			turnAway(w, r, activatePath, fmt.Errorf("%w: the recorder waits for its owner since it was reset by the button; release it first, at %s", rekey.ErrConflict, activatePath))
		case s.box.Initialised(), r.URL.Path == "/setup", r.URL.Path == passphrasePath:
			next.ServeHTTP(w, r)
		default:
			turnAway(w, r, "/setup", fmt.Errorf("%w: the recorder is in factory state; make its first set-up, at /setup", rekey.ErrConflict))
		}
	})
}

// whileLocked leads on once the recorder is released.
func (s *seat) whileLocked(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.box.Activation().Locked {
			turnAway(w, r, "/", fmt.Errorf("%w: the recorder is not activation-locked", rekey.ErrConflict))
			return
		}
		next(w, r)
	}
}

func (s *seat) showActivate(w http.ResponseWriter, r *http.Request) {
	s.respondActivate(w, r, http.StatusOK, nil)
}

func (s *seat) respondActivate(w http.ResponseWriter, r *http.Request, status int, wrong map[string]string) {
	a, i := s.box.Activation(), s.box.Info()
	v := ActivateView{
		Page: "activate", Device: i.Name, DeviceID: i.DeviceID, Sheet: a.Sheet, Support: a.Support, Cloud: a.Cloud,
		TriesLeft: a.TriesLeft, LockedSeconds: seconds(a.LockedFor), Errors: wrong, supportPhone: s.supportPhone(), own: s.box.Support() == recorder.SupportOwn,
	}
	web.Respond(w, r, status, v, s.recordingsSite(toPanel).Page("Waiting for its owner", activateBody(v)))
}

func (s *seat) releaseBySheet(w http.ResponseWriter, r *http.Request) {
	if !web.ParseForm(w, r) {
		return
	}
	err := s.box.ReleaseBySheet(web.FormSecret(r, "code"), recorder.AtSeat())
	if err == nil {
		http.Redirect(w, r, "/setup", http.StatusSeeOther)
		return
	}
	text, told := closedWords(err)
	if !told {
		web.Fail(w, r, err)
		return
	}
	s.respondActivate(w, r, web.ProblemOf(err).Status, map[string]string{"code": text})
}

// ReleaseView is the page where a temporary password releases the recorder: POST
// to the same path shows a challenge, POST to path/answer, field answer, takes
// the temporary password.
type ReleaseView struct {
	Page string `json:"page"` // "release"
	ChallengeView

	of string // the cloud whose owner gets one, too
}

var releasing = asking{
	purpose: recovery.PurposeRelease,
	path:    releasePath,
	offer:   "With a temporary password for this one recorder its owner releases it.",
	then:    "Make the first set-up",
	after:   "The first set-up opens next, with a new password of your own.",
}

func (s *seat) showRelease(w http.ResponseWriter, r *http.Request) { s.respondRelease(w, r, nil) }

func (s *seat) askToRelease(w http.ResponseWriter, r *http.Request) {
	if err := s.openChallenge(releasing, recorder.AdminAccount); err != nil {
		s.respondRelease(w, r, err)
		return
	}
	http.Redirect(w, r, releasePath, http.StatusSeeOther)
}

func (s *seat) releaseByAnswer(w http.ResponseWriter, r *http.Request) {
	if !web.ParseForm(w, r) {
		return
	}
	grant, err := s.takeAnswer(releasing, web.FormSecret(r, "answer"))
	if err == nil {
		err = s.box.ReleaseByGrant(grant)
	}
	if err != nil {
		s.respondRelease(w, r, err)
		return
	}
	http.Redirect(w, r, "/setup", http.StatusSeeOther)
}

func (s *seat) respondRelease(w http.ResponseWriter, r *http.Request, refused error) {
	c, err := s.challengeView(releasing)
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
	v := ReleaseView{Page: "release", ChallengeView: c, of: s.box.Activation().Cloud}
	if !s.box.Activation().Support {
		v.only = v.of
	}
	web.Respond(w, r, status, v, s.recordingsSite(web.Link{Text: "Other ways", Href: activatePath}).Page("Release the recorder", releaseBody(v)))
}
