package page

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/web"
)

// session is one account that is logged in by the web page.
type session struct {
	account string
	epoch   uint64       // of the account when it began; dead when it has risen
	phone   rekey.Secret // token of a phone that stays logged in; none = an ordinary log-in
	phoneID string
	closed  func()                         // tells the box that it is over
	idle    *time.Timer                    // does so when nobody is there any more
	offer   atomic.Pointer[recorder.Offer] // a key for an authenticator that waits for its first code
	taken   atomic.Pointer[string]         // the newest recording that was downloaded
}

// screen is a page for somebody who is logged in.
type screen func(http.ResponseWriter, *http.Request, *session)

// begin starts the session, under a new id, and ends the one before. It has
// answered when it returns false.
func (p *page) begin(w http.ResponseWriter, r *http.Request, s *session) bool {
	if before, ok := p.sessions.Get(r); ok {
		before.end()
	}
	_, closed := p.box.SessionOpened(s.account, client(r))
	s.closed = sync.OnceFunc(closed)
	s.idle = time.AfterFunc(loginIdle, s.closed)
	if err := p.sessions.Start(w, r, s); err != nil {
		s.end()
		web.Fail(w, r, err)
		return false
	}
	return true
}

func (s *session) end() {
	s.idle.Stop()
	s.closed()
}

// alive tells whether the account is still what it was, and the phone not ended.
func (p *page) alive(s *session) bool {
	if p.box.Epoch(s.account) != s.epoch {
		return false
	}
	if s.phone.IsZero() {
		return true
	}
	account, epoch, ok := p.box.Paired(s.phone)
	return ok && account == s.account && epoch == s.epoch
}

// current is the request's live session.
func (p *page) current(r *http.Request) (*session, bool) {
	s, ok := p.sessions.Get(r)
	if !ok {
		return nil, false
	}
	if !p.alive(s) {
		p.sessions.EndWhere(func(o *session) bool { return o == s })
		s.end()
		return nil, false
	}
	s.idle.Reset(loginIdle)
	return s, true
}

// watching tells whether the session still lives, for answers that go on with
// nobody there. It is no use of the session.
func (p *page) watching(r *http.Request, s *session, right recorder.Right) func() bool {
	return func() bool { return p.sessions.Open(r) && p.alive(s) && p.box.May(s.account, right) }
}

// in gives the screen the session, that of the phone if need be, or leads to the
// log-in.
func (p *page) in(next screen) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s, ok := p.current(r); ok {
			next(w, r, s)
			return
		}
		if p.byPhone(w, r) {
			return
		}
		if (r.Method == http.MethodGet || r.Method == http.MethodHead) && !web.PrefersJSON(r) {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		web.Fail(w, r, web.ErrNoSession)
	}
}

// may is in for who has all of the rights.
func (p *page) may(next screen, rights ...recorder.Right) http.HandlerFunc {
	return p.in(func(w http.ResponseWriter, r *http.Request, s *session) {
		for _, right := range rights {
			if !p.box.May(s.account, right) {
				web.Fail(w, r, fmt.Errorf("%w: user %s has not the right %s; an admin of the recorder can give it", rekey.ErrDenied, s.account, rightName(right)))
				return
			}
		}
		next(w, r, s)
	})
}

// admin is in for accounts of the group admin.
func (p *page) admin(next screen) http.HandlerFunc {
	return p.in(func(w http.ResponseWriter, r *http.Request, s *session) {
		if !p.isAdmin(s.account) {
			web.Fail(w, r, fmt.Errorf("%w: this page is for users of the group admin", rekey.ErrDenied))
			return
		}
		next(w, r, s)
	})
}

func (p *page) isAdmin(account string) bool {
	for _, a := range p.box.Accounts() {
		if a.Name == account {
			return a.Group == recorder.GroupAdmin
		}
	}
	return false
}

// phoneLife is how long the cookie of a phone lasts; the box decides.
const phoneLife = 30 * 24 * time.Hour

const phoneCookie = "__Host-rekey_phone"

// keep lets the phone stay logged in. It is offered by HTTPS only: by plain HTTP
// everybody on the network could read its token, for a month.
func (p *page) keep(w http.ResponseWriter, r *http.Request, s *session) error {
	p.pairing.Lock()
	defer p.pairing.Unlock()
	token, err := p.box.Pair(s.account, s.epoch, device(r.UserAgent()), client(r))
	if errors.Is(err, rekey.ErrConflict) {
		return fmt.Errorf("%w: %d phones of this user stay logged in already. Log in without the tick, and take one off the list under Settings > Security", rekey.ErrConflict, recorder.MaxPhones)
	}
	if err != nil {
		return err
	}
	s.phone = token
	if all := p.box.Phones(s.account); len(all) > 0 {
		s.phoneID = all[len(all)-1].ID // oldest first
	}
	setPhone(w, token.Reveal()+"."+s.phoneID, int(phoneLife/time.Second))
	return nil
}

// forgetPhone is part of logging out, which somebody may do whose session has
// ended meanwhile.
func (p *page) forgetPhone(w http.ResponseWriter, r *http.Request) error {
	token, id, ok := phoneOf(r)
	if !ok {
		return nil
	}
	setPhone(w, "", -1)
	account, _, ok := p.box.Paired(token)
	if !ok {
		return nil
	}
	return p.box.Unpair(account, account, id, client(r))
}

// phoneOf is the token and the id of the phone that the request comes from. By
// plain HTTP there is none.
func phoneOf(r *http.Request) (token rekey.Secret, id string, ok bool) {
	cookie, err := r.Cookie(phoneCookie)
	if r.TLS == nil || err != nil || cookie.Value == "" || len(cookie.Value) > 128 {
		return rekey.Secret{}, "", false
	}
	text, id, _ := strings.Cut(cookie.Value, ".")
	return rekey.NewSecret(text), id, true
}

func setPhone(w http.ResponseWriter, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{Name: phoneCookie, Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode})
}

// byPhone logs in a phone that stays logged in, and leads it to the same address
// with the session that it has now. Looking is enough for that; what changes
// something comes from a page that was looked at. A phone has one session: its
// token opens none without number.
func (p *page) byPhone(w http.ResponseWriter, r *http.Request) (answered bool) {
	token, id, ok := phoneOf(r)
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	account, epoch, ok := p.box.Paired(token)
	if !ok {
		setPhone(w, "", -1)
		return false
	}
	p.sessions.EndWhere(func(s *session) bool {
		same := s.phone.Equal(token)
		if same {
			s.end()
		}
		return same
	})
	if p.begin(w, r, &session{account: account, epoch: epoch, phone: token, phoneID: id}) {
		http.Redirect(w, r, r.URL.RequestURI(), http.StatusSeeOther) //nolint:gosec // a path of ours: the mux has matched it
	}
	return true
}

// device is a name for the phone out of a few fixed words.
func device(agent string) string {
	for _, d := range [][2]string{{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android phone"}, {"Windows", "Windows computer"}, {"Macintosh", "Mac"}, {"Linux", "Linux computer"}} {
		if strings.Contains(agent, d[0]) {
			return d[1]
		}
	}
	return "Phone"
}

// stepUp asks once more who somebody is, before an act of weight: whoever holds
// a phone that stays logged in does not know the password.
func (p *page) stepUp(account string, by recorder.StepUp, from recorder.Client) error {
	_, half, err := p.box.LogIn(account, by.Password, from)
	if err != nil || half == nil {
		return err
	}
	_, err = p.box.Finish(half, by.Code)
	return err
}
