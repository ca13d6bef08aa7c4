package seat

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/say"
	"rekey/internal/web"
	"rekey/recovery"
)

// login is one account that is logged in at the seat.
type login struct {
	account string
	epoch   uint64                         // of the account when it began; dead when it has risen
	door    door                           // not nil: may only set a new password
	closed  func()                         // tells the box that it is over
	idle    *time.Timer                    // does so when nobody is there any more
	offer   atomic.Pointer[recorder.Offer] // a key for an authenticator that waits for its first code
}

// LoginView is the log-in to the Main Menu: POST /login, fields account and
// password. While a challenge is open, password takes the temporary one, too, and
// while an activation code waits for the account, that code. An account with a
// second factor goes on at /login/code: see CodeView.
type LoginView struct {
	Page          string `json:"page"` // "login"
	Account       string `json:"account"`
	ChallengeOpen bool   `json:"challenge_open"`
	TriesLeft     int    `json:"tries_left"`             // -1 = not told
	LockedSeconds int    `json:"locked_seconds"`         // 0 = not locked
	AttemptsLeft  int    `json:"attempts_left"`          // of the challenge; 0 without one
	Error         string `json:"error,omitempty"`        // for a person
	WrongGroups   []int  `json:"wrong_groups,omitempty"` // of a mistyped temporary password, from 1
}

func (s *seat) showLogin(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.current(r); ok {
		http.Redirect(w, r, "/menu", http.StatusSeeOther)
		return
	}
	s.respondLogin(w, r, recorder.AdminAccount, nil)
}

// logIn takes the account's password, or a code that opens one door.
func (s *seat) logIn(w http.ResponseWriter, r *http.Request) {
	if !web.ParseForm(w, r) {
		return
	}
	account, pw := r.PostForm.Get("account"), web.FormSecret(r, "password")
	if account == "" || pw.IsZero() {
		s.respondLogin(w, r, account, &say.BadForm{Text: "Type a user name and a password."})
		return
	}
	if d, tried, err := s.byCode(account, pw); err != nil {
		s.respondLogin(w, r, account, err)
		return
	} else if tried {
		s.openDoor(w, r, account, d)
		return
	}
	epoch, half, err := s.box.LogIn(account, pw, recorder.AtSeat())
	if refused, ok := errors.AsType[*rekey.LoginError](err); ok && say.LooksLikeCode(pw) {
		err = noCodeWaits{refused}
	}
	if err != nil {
		s.respondLogin(w, r, account, err)
		return
	}
	if half != nil {
		s.askCode(w, r, half)
		return
	}
	if s.begin(w, r, &login{account: account, epoch: epoch}) {
		http.Redirect(w, r, "/menu", http.StatusSeeOther)
	}
}

// byCode takes the temporary password where a challenge is open for the account,
// and the activation code where one waits. That it is a code shows in its check
// symbols, so that neither code nor password costs a try of the other. Where both
// are waited for, what is not the one may be the other.
func (s *seat) byCode(account string, pw rekey.Secret) (d door, tried bool, err error) {
	if !say.LooksLikeCode(pw) {
		return nil, false, nil
	}
	state, err := s.box.GuardState()
	if err != nil {
		return nil, false, err
	}
	challenged := forPassword(state) && state.Account == account
	if _, waits := s.box.ActivationCode(account); waits {
		grant, err := s.box.SubmitActivationCode(account, pw.Reveal(), recorder.AtSeat())
		if err == nil {
			return byAdmin{s.box, grant}, true, nil
		}
		if !challenged || errors.Is(err, rekey.ErrInput) {
			return nil, true, ofActivation{err}
		}
	}
	if !challenged {
		return nil, false, nil
	}
	grant, err := s.box.SubmitAnswer(account, pw.Reveal())
	return byDesk{s.box, grant}, true, err
}

// forPassword tells whether the open challenge is for a new password. The answer
// to any other opens no account.
func forPassword(s recovery.State) bool {
	return s.Open && s.Challenge.Purpose == recovery.PurposePassword
}

// openOneDoor begins the session that a right answer gives.
func (s *seat) openOneDoor(w http.ResponseWriter, r *http.Request, grant *recovery.Grant) {
	s.openDoor(w, r, grant.Account, byDesk{s.box, grant})
}

func (s *seat) openDoor(w http.ResponseWriter, r *http.Request, account string, d door) {
	if s.begin(w, r, &login{account: account, epoch: s.box.Epoch(account), door: d}) {
		http.Redirect(w, r, s.users.address(), http.StatusSeeOther)
	}
}

// begin starts the session, under a new id, and ends the one before. It has
// answered when it returns false.
func (s *seat) begin(w http.ResponseWriter, r *http.Request, l *login) bool {
	if before, ok := s.logins.Get(r); ok {
		before.end()
	}
	_, closed := s.box.SessionOpened(l.account, recorder.AtSeat())
	l.closed = sync.OnceFunc(closed)
	l.idle = time.AfterFunc(loginIdle, l.closed)
	if err := s.logins.Start(w, r, l); err != nil {
		l.end()
		web.Fail(w, r, err)
		return false
	}
	return true
}

func (l *login) end() {
	l.idle.Stop()
	l.closed()
}

// current is the request's live log-in. It is over when the account got a new
// password, wherever that was done, or when the time of its one door has run out.
func (s *seat) current(r *http.Request) (*login, bool) {
	l, ok := s.logins.Get(r)
	if !ok {
		return nil, false
	}
	if s.box.Epoch(l.account) != l.epoch || (l.door != nil && l.door.left() == 0) {
		s.logins.EndWhere(func(o *login) bool { return o == l })
		l.end()
		return nil, false
	}
	l.idle.Reset(loginIdle)
	return l, true
}

// withLogin gives the handler the log-in, or leads to the log-in page.
func (s *seat) withLogin(next func(http.ResponseWriter, *http.Request, *login)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		l, ok := s.current(r)
		if !ok {
			turnAway(w, r, "/login", fmt.Errorf("%w: log in first, at /login", rekey.ErrDenied))
			return
		}
		next(w, r, l)
	}
}

// withAdmin is withLogin for what only admins may look at or do.
func (s *seat) withAdmin(next func(http.ResponseWriter, *http.Request, *login)) http.HandlerFunc {
	return s.withLogin(func(w http.ResponseWriter, r *http.Request, l *login) {
		if s.isAdmin(l.account) {
			next(w, r, l)
			return
		}
		s.refuse(w, r, l, "for admins only", fmt.Errorf("%w: this is for accounts of the group admin", rekey.ErrDenied))
	})
}

// oneDoor keeps a session that came in by a code to the page where it sets a new
// password. Looking elsewhere leads back there; doing anything elsewhere is
// refused and recorded.
func (s *seat) oneDoor(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l, ok := s.current(r)
		if !ok || l.door == nil || r.URL.Path == "/logout" || r.URL.Path == passphrasePath || r.URL.Path == s.users.address() || r.URL.Path == s.users.edit(l.account) {
			next.ServeHTTP(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			if err := s.box.Record("access.refused", l.account, "beyond the new password", "refused", nil); err != nil {
				web.Fail(w, r, err)
				return
			}
		}
		turnAway(w, r, s.users.address(), fmt.Errorf("%w: set the new password first; nothing else is open with a %s", rekey.ErrDenied, l.door.name()))
	})
}

func (s *seat) logOut(w http.ResponseWriter, r *http.Request) {
	if l, ok := s.logins.Get(r); ok {
		l.end()
	}
	s.halves.End(w, r)
	s.logins.End(w, r)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *seat) respondLogin(w http.ResponseWriter, r *http.Request, account string, err error) {
	state, e := s.box.GuardState()
	if e != nil {
		web.Fail(w, r, e)
		return
	}
	v := LoginView{Page: "login", Account: account, ChallengeOpen: forPassword(state), TriesLeft: -1}
	if v.ChallengeOpen {
		v.AttemptsLeft = state.AttemptsLeft
	}
	status := http.StatusOK
	if err != nil {
		var told bool
		if v.Error, told = loginRefusal(err); !told {
			web.Fail(w, r, err)
			return
		}
		status = web.ProblemOf(err).Status
		v.WrongGroups = wrongGroups(err)
	}
	if refused, ok := errors.AsType[*rekey.LoginError](err); ok {
		v.TriesLeft, v.LockedSeconds = refused.TriesLeft, seconds(refused.LockedFor)
	}
	web.Respond(w, r, status, v, s.site(backToScreen).Page("Log in", loginBody(v)))
}

var backToScreen = web.Link{Text: "Back to the screen", Href: "/"}

// toPanel leads to the front of the box, which is on the same listener.
var toPanel = web.Link{Text: "Front panel", Href: "/panel"}
