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
	"rekey/internal/recorder/backup"
	"rekey/internal/recorder/live"
	"rekey/internal/web"
)

// Options says how the seat is run.
type Options struct {
	Entry        *Entry          // must be set
	SupportPhone string          // shown beside a challenge
	Desk         string          // host of the support desk, inside the QR code; "" = no QR code
	Addresses    []string        // where the LAN side is reached, shown by Info
	Log          *slog.Logger    // nil = none
	Cloud        Pairer          // for the page Cloud link; nil = none
	Off          <-chan struct{} // closed when the recorder is switched off: the live view ends; nil = never
	Footage      backup.Footage  // the recordings; nil = the seat has no pages for them
	Backup       *backup.Copier  // to its USB drive; nil = no page Backup
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
	box    *recorder.Box
	o      Options
	logins *web.Sessions[*login]
	halves *web.Sessions[*recorder.Half] // log-ins that wait for their code
	users  menuPath                      // to the list of users
	checks *rate.Limiter                 // of looks at an answer that is being typed
	drawn  *rate.Limiter                 // of passphrases

	pictures *live.Pictures // of the cameras
}

// Handler is the local seat of one box. It answers only requests that name its
// own address in Host, and none but the entry page without the seat token.
func Handler(box *recorder.Box, o Options) http.Handler {
	s := &seat{
		box:    box,
		o:      o,
		halves: web.NewSessions[*recorder.Half](web.SessionOptions{Name: "rekey_seat_half", Idle: loginIdle, Max: loginMax, Now: box.Now}),
		logins: web.NewSessions[*login](web.SessionOptions{Name: "rekey_seat_login", Idle: loginIdle, Max: loginMax, Now: box.Now}),
		users:  box.Traits().Screen.Accounts,
		checks: rate.NewLimiter(checksPerSecond, 2*checksPerSecond),
		drawn:  rate.NewLimiter(rate.Every(time.Minute/passphrasesPerMinute), passphrasesPerMinute),

		pictures: live.New(box, maxViewers, o.Off),
	}
	mux := http.NewServeMux()
	mux.Handle("GET /static/", Static())
	mux.Handle("/enter", o.Entry.Page(s.name, func() error { return box.Record("seat.refused", "local seat", "seat token", "wrong", nil) }))
	mux.Handle("/", o.Entry.Behind(s.setUp(s.oneDoor(s.screens()))))
	return web.Logged(o.Log, web.Secure(OwnHost(mux)))
}

// Static serves the files of the seat's pages under /static/.
func Static() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /static/", web.Static())
	own := web.StaticOf(files)
	for _, path := range slices.Concat(styles, scripts) {
		mux.Handle("GET "+path, own)
	}
	mux.Handle("GET "+progressScript, own)
	mux.Handle("GET "+SignalScript, own)
	mux.Handle("GET "+recordingsStyle, own)
	mux.Handle("GET "+live.Style, live.Static())
	return mux
}

// screens are all pages behind the entry.
func (s *seat) screens() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.locked)
	mux.HandleFunc("GET /live", s.live)
	mux.HandleFunc("GET /live.jpg", s.pictures.Still)
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
	mux.HandleFunc("POST /recovery/check", s.check)
	mux.HandleFunc("GET "+passphrasePath, s.showPassphrase)
	mux.HandleFunc("POST "+passphrasePath, s.passphrase)
	s.menuScreens(mux)
	s.securityScreens(mux)
	s.cloudScreens(mux)
	s.backupScreens(mux)
	s.recordingScreens(mux)
	s.activateScreens(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		web.Fail(w, r, fmt.Errorf("%w: there is no such screen", rekey.ErrNotFound))
	})
	return mux
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
func (s *seat) site(nav ...web.Link) web.Site { return Frame(s.name(), nav...) }

func (s *seat) name() string { return s.box.Info().Name }

// Frame frames the screens of the recorder of that name. Its files are those of
// Static.
func Frame(name string, nav ...web.Link) web.Site {
	return web.Site{Name: name, Nav: nav, Styles: append([]string{live.Style}, styles...), Scripts: scripts}
}

// SignalScript is for pages that show whether there is power; see panel.SignalView.
const SignalScript = "/static/signal.js"

// The seat's own files, on every page.
var (
	styles  = []string{"/static/seat.css", "/static/keyboard.css"}
	scripts = []string{"/static/seat.js", "/static/keyboard.js", "/static/challenge.js", "/static/password.js"}
)
