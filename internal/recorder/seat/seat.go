// Package seat is the recorder's local seat: the pages that stand for its
// monitor and mouse. Locked screen, Info, log-in, Forgot password, and the menu
// behind it, on a listener of their own that is not the LAN's.
//
// The challenge of a temporary password is shown here and its answer is taken
// here, and nowhere else. Who wants to sit here types the seat token, which was
// printed where the recorder was started: that stands for standing in front of
// the box. Every page is also there as JSON (Accept: application/json); the
// types named ...View are its contract.
//
// Passwords and codes come in bodies of POST only, and are never sent back.
package seat

//go:generate go tool templ generate

import (
	"crypto/rand"
	"embed"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/web"
)

// Options says how the seat is run.
type Options struct {
	Token        rekey.Secret    // what NewToken gave; must be set
	SupportPhone string          // shown beside a challenge
	Desk         string          // host of the support desk, inside the QR code; "" = no QR code
	Addresses    []string        // where the LAN side is reached, shown by Info
	Log          *slog.Logger    // nil = none
	Cloud        Pairer          // for the page Cloud link; nil = none
	Off          <-chan struct{} // closed when the recorder is switched off: the live view ends; nil = never
}

//go:embed static
var files embed.FS

// How long a log-in lasts, and the seat itself.
const (
	loginIdle = 10 * time.Minute
	loginMax  = time.Hour
	seatIdle  = 12 * time.Hour
	seatMax   = 24 * time.Hour
)

// NewToken draws a seat token of 80 bits, in four groups to be typed. Case,
// blanks and dashes do not matter when it is typed.
func NewToken() rekey.Secret {
	t := rand.Text()
	return rekey.NewSecret(t[0:4] + "-" + t[4:8] + "-" + t[8:12] + "-" + t[12:16])
}

type seat struct {
	box     *recorder.Box
	o       Options
	entered *web.Sessions[struct{}]
	logins  *web.Sessions[*login]
	halves  *web.Sessions[*recorder.Half] // log-ins that wait for their code
	tries   *rate.Limiter                 // of the seat token
	users   menuPath                      // to the list of users
}

// Handler is the local seat of one box. It answers only requests that name its
// own address in Host, and none but the entry page without the seat token.
func Handler(box *recorder.Box, o Options) http.Handler {
	s := &seat{
		box:     box,
		o:       o,
		entered: web.NewSessions[struct{}](web.SessionOptions{Name: "rekey_seat", Idle: seatIdle, Max: seatMax, Now: box.Now}),
		halves:  web.NewSessions[*recorder.Half](web.SessionOptions{Name: "rekey_seat_half", Idle: loginIdle, Max: loginMax, Now: box.Now}),
		logins:  web.NewSessions[*login](web.SessionOptions{Name: "rekey_seat_login", Idle: loginIdle, Max: loginMax, Now: box.Now}),
		tries:   rate.NewLimiter(rate.Every(time.Minute/triesPerMinute), triesPerMinute),
		users:   box.Traits().Screen.Accounts,
	}
	mux := http.NewServeMux()
	mux.Handle("GET /static/", web.Static())
	own := web.StaticOf(files)
	mux.Handle("GET "+style, own)
	mux.Handle("GET "+script, own)
	mux.HandleFunc("GET /enter", s.showEntry)
	mux.HandleFunc("POST /enter", s.enter)
	mux.Handle("/", s.inFront(s.setUp(s.oneDoor(s.screens()))))
	return web.Logged(o.Log, web.Secure(ownHost(mux)))
}

// screens are all pages behind the entry.
func (s *seat) screens() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.locked)
	mux.HandleFunc("GET /live", s.live)
	mux.HandleFunc("GET /live.jpg", s.still)
	mux.HandleFunc("GET /info", s.info)
	mux.HandleFunc("GET /label", s.label)
	mux.HandleFunc("GET /label.svg", s.labelSVG)
	mux.HandleFunc("GET /label.pdf", s.labelPDF)
	mux.HandleFunc("GET /setup", s.showSetup)
	mux.HandleFunc("POST /setup", s.firstSetup)
	mux.HandleFunc("GET /login", s.showLogin)
	mux.HandleFunc("POST /login", s.logIn)
	mux.HandleFunc("GET /login/code", s.withHalf(s.showCode))
	mux.HandleFunc("POST /login/code", s.withHalf(s.finish))
	mux.HandleFunc("POST /logout", s.logOut)
	mux.HandleFunc("GET /recovery", s.showForgot)
	mux.HandleFunc("POST /recovery", s.newChallenge)
	mux.HandleFunc("POST /recovery/answer", s.answer)
	mux.HandleFunc("GET /menu", s.withLogin(s.menu))
	mux.HandleFunc("POST /menu/support", s.withLogin(s.allowSupport))
	mux.HandleFunc("POST /menu/review", s.withLogin(s.reviewed))
	mux.HandleFunc("GET /menu/log", s.withLogin(s.securityLog))
	s.securityScreens(mux)
	s.cloudScreens(mux)
	mux.HandleFunc("GET "+s.users.address(), s.withLogin(s.showUsers))
	mux.HandleFunc("GET "+s.users.edit("{name}"), s.withLogin(s.showEdit))
	mux.HandleFunc("POST "+s.users.edit("{name}"), s.withLogin(s.edit))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		web.Fail(w, r, fmt.Errorf("%w: there is no such screen", rekey.ErrNotFound))
	})
	return mux
}

// inFront lets in who has typed the seat token.
func (s *seat) inFront(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := s.entered.Get(r); ok {
			next.ServeHTTP(w, r)
			return
		}
		turnAway(w, r, "/enter", fmt.Errorf("%w: type the seat token first, at /enter", rekey.ErrDenied))
	})
}

// setUp lets nothing but the first set-up be used in the factory state.
func (s *seat) setUp(next http.Handler) http.Handler {
	open := []string{"/setup", "/info", "/label", "/label.svg", "/label.pdf"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.box.Initialised() || slices.Contains(open, r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		turnAway(w, r, "/setup", fmt.Errorf("%w: the recorder is in factory state; make its first set-up, at /setup", rekey.ErrConflict))
	})
}

// turnAway sends a person who only looks to where they can go on, and refuses
// everybody who wants to do something.
func turnAway(w http.ResponseWriter, r *http.Request, to string, err error) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	web.Fail(w, r, err)
}

// site frames the screens of this recorder.
func (s *seat) site(nav ...web.Link) web.Site {
	return web.Site{Name: s.box.Info().Name, Nav: nav, Styles: []string{style}, Scripts: []string{script}}
}

// The seat's own files.
const (
	style  = "/static/seat.css"
	script = "/static/seat.js"
)

// parseForm reads the form of a POST, or answers with what is wrong with it.
func parseForm(w http.ResponseWriter, r *http.Request) bool {
	if err := r.ParseForm(); err != nil {
		web.Fail(w, r, fmt.Errorf("%w: read the form: %w", rekey.ErrInput, err))
		return false
	}
	return true
}

func secret(r *http.Request, field string) rekey.Secret {
	return rekey.NewSecret(r.PostForm.Get(field))
}
