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
	"rekey/internal/web"
	"rekey/recovery"
)

// login is one account that is logged in at the seat.
type login struct {
	account string
	epoch   uint64                         // of the account when it began; dead when it has risen
	grant   *recovery.Grant                // not nil: came in by a temporary password, may only set a new one
	closed  func()                         // tells the box that it is over
	idle    *time.Timer                    // does so when nobody is there any more
	offer   atomic.Pointer[recorder.Offer] // a key for an authenticator that waits for its first code
}

// LoginView is the log-in to the Main Menu: POST /login, fields account and
// password. While a challenge is open, password takes the temporary one, too. An
// account with a second factor goes on at /login/code: see CodeView.
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

// logIn takes the account's password or, while a challenge is open for the
// account, the temporary one. Which of the two was typed shows in its check
// symbols, so that neither costs a try of the other.
func (s *seat) logIn(w http.ResponseWriter, r *http.Request) {
	if !parseForm(w, r) {
		return
	}
	account, pw := r.PostForm.Get("account"), secret(r, "password")
	if account == "" || pw.IsZero() {
		s.respondLogin(w, r, account, &badForm{"Type a user name and a password."})
		return
	}
	state, err := s.box.GuardState()
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	if state.Open && state.Account == account && looksLikeAnswer(pw) {
		grant, err := s.box.SubmitAnswer(account, pw.Reveal())
		if err != nil {
			s.respondLogin(w, r, account, err)
			return
		}
		s.openOneDoor(w, r, grant)
		return
	}
	epoch, half, err := s.box.LogIn(account, pw, recorder.AtSeat())
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

// looksLikeAnswer: three groups of four have fitting check symbols. A password
// does by chance once in 8,000, and then only if it has 16 symbols; an answer
// still does with one group mistyped.
func looksLikeAnswer(pw rekey.Secret) bool {
	right := 0
	for _, g := range recovery.FormAnswer.GroupStates(pw.Reveal()) {
		if g == recovery.GroupRight {
			right++
		}
	}
	return right >= 3
}

// openOneDoor begins the session that a right answer gives.
func (s *seat) openOneDoor(w http.ResponseWriter, r *http.Request, grant *recovery.Grant) {
	if s.begin(w, r, &login{account: grant.Account, epoch: s.box.Epoch(grant.Account), grant: grant}) {
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
// password, wherever that was done, or when the time of its grant has run out.
func (s *seat) current(r *http.Request) (*login, bool) {
	l, ok := s.logins.Get(r)
	if !ok {
		return nil, false
	}
	if s.box.Epoch(l.account) != l.epoch || (l.grant != nil && s.grantLeft() == 0) {
		s.logins.EndWhere(func(o *login) bool { return o == l })
		l.end()
		return nil, false
	}
	l.idle.Reset(loginIdle)
	return l, true
}

func (s *seat) grantLeft() time.Duration {
	state, err := s.box.GuardState()
	if err != nil {
		return 0 // no log, no rights
	}
	return state.GrantLeft
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

// oneDoor keeps a session that came in by a temporary password to the page
// where it sets a new one. Looking elsewhere leads back there; doing anything
// elsewhere is refused and recorded.
func (s *seat) oneDoor(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l, ok := s.current(r)
		if !ok || l.grant == nil || r.URL.Path == "/logout" || r.URL.Path == s.users.address() || r.URL.Path == s.users.edit(l.account) {
			next.ServeHTTP(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			if err := s.box.Record("access.refused", l.account, "beyond the new password", "refused", nil); err != nil {
				web.Fail(w, r, err)
				return
			}
		}
		turnAway(w, r, s.users.address(), fmt.Errorf("%w: set the new password first; nothing else is open with a temporary one", rekey.ErrDenied))
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
	v := LoginView{Page: "login", Account: account, ChallengeOpen: state.Open, TriesLeft: -1}
	if state.Open {
		v.AttemptsLeft = state.AttemptsLeft
	}
	status := http.StatusOK
	if err != nil {
		var told bool
		if v.Error, told = words(err); !told {
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
