// Package page is the recorder's own web page on the network, which is its app on
// a phone, too: log in, live view, recordings, users, security, services, log.
//
// Nothing here leads to the challenge of a temporary password or takes its
// answer: those are the local seat's, and the page only says the way there. An
// activation code, with which one admin helps another user, is taken here, too:
// it stands for an admin's act and not for being at the box, it opens the one
// door of that user's new password, and who is helped often has a phone only.
//
// Every page works without a script and is also there as JSON (Accept:
// application/json); the types named ...View are its contract. Passwords and
// codes come in bodies of POST only, and are never sent back.
package page

//go:generate go tool templ generate

import (
	"embed"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/a-h/templ"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/live"
	"rekey/internal/web"
)

// Options says how the page is run.
type Options struct {
	Footage Footage         // must be set
	HTTPS   int             // port of HTTPS, to which plain HTTP is sent on; 0 = there is none
	Off     <-chan struct{} // closed when the recorder is switched off: pictures end; nil = never
	Log     *slog.Logger    // nil = none
}

//go:embed static
var files embed.FS

const style = "/static/page.css"

// Bounds of what all clients together may take.
const (
	maxViewers   = 16 // moving pictures
	maxTransfers = 8  // recordings on their way
	maxForm      = 64 << 10
)

// How long a log-in lasts.
const (
	loginIdle = 10 * time.Minute
	loginMax  = 12 * time.Hour
	halfMax   = 10 * time.Minute
)

type page struct {
	box       *recorder.Box
	o         Options
	sessions  *web.Sessions[*session]
	halves    *web.Sessions[*half] // log-ins that wait for their code
	doors     *web.Sessions[*door] // by activation code
	limits    *limits
	pairing   sync.Mutex // of phones, one at a time: the newest on the list is the one
	pictures  *live.Pictures
	transfers chan struct{}
}

// Handler is the web page of one box, for its HTTP and its HTTPS port both.
func Handler(box *recorder.Box, o Options) http.Handler {
	p := &page{
		box:       box,
		o:         o,
		sessions:  web.NewSessions[*session](web.SessionOptions{Name: "rekey_page", Idle: loginIdle, Max: loginMax, Now: box.Now}),
		halves:    web.NewSessions[*half](web.SessionOptions{Name: "rekey_page_half", Idle: halfMax, Max: halfMax, Now: box.Now}),
		doors:     web.NewSessions[*door](web.SessionOptions{Name: "rekey_page_door", Idle: halfMax, Max: halfMax, Now: box.Now}),
		limits:    newLimits(box.Now),
		pictures:  live.New(box, maxViewers, o.Off),
		transfers: make(chan struct{}, maxTransfers),
	}
	return web.Logged(o.Log, web.Secure(p.ownHost(http.MaxBytesHandler(p.encrypted(p.routes()), maxForm))))
}

// nowhere is the pattern of all addresses that are not there.
const nowhere = "/"

func (p *page) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /static/", web.Static())
	mux.Handle("GET "+style, web.StaticOf(files))
	mux.Handle("GET "+live.Style, live.Static())
	mux.HandleFunc("GET /{$}", p.start)
	mux.HandleFunc("POST /{$}", onlyLook)
	mux.HandleFunc("GET /forgot", p.forgot)
	mux.HandleFunc("GET /login", p.showLogin)
	mux.HandleFunc("POST /login", p.logIn)
	mux.HandleFunc("GET /login/code", p.withHalf(p.showCode))
	mux.HandleFunc("POST /login/code", p.withHalf(p.finish))
	mux.HandleFunc("GET /newpassword", p.withDoor(p.showDoor))
	mux.HandleFunc("POST /newpassword", p.withDoor(p.throughDoor))
	mux.HandleFunc("POST /logout", p.logOut)
	mux.HandleFunc("GET /notices", p.in(p.notices))
	mux.HandleFunc("POST /notices", p.in(p.noticesSeen))
	mux.HandleFunc("GET /live", p.may(p.live, recorder.RightLive))
	mux.HandleFunc("GET /live/stream", p.may(p.stream, recorder.RightLive))
	mux.HandleFunc("GET /live/still", p.may(p.still, recorder.RightLive))
	p.recordingRoutes(mux)
	p.settingsRoutes(mux)
	mux.HandleFunc(nowhere, func(w http.ResponseWriter, r *http.Request) {
		web.Fail(w, r, fmt.Errorf("%w: there is no such page", rekey.ErrNotFound))
	})
	return mux
}

func (p *page) recordingRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /recordings", p.may(p.recordings, recorder.RightPlayback))
	mux.HandleFunc("GET /recordings/play", p.may(p.play, recorder.RightPlayback))
	mux.HandleFunc("GET /recordings/file", p.may(p.file, recorder.RightPlayback))
	mux.HandleFunc("GET /recordings/download", p.may(p.download, recorder.RightPlayback, recorder.RightBackup))
	mux.HandleFunc("GET /recordings/zip", p.may(p.zip, recorder.RightPlayback, recorder.RightBackup))
}

func (p *page) settingsRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /settings", p.in(p.settings))
	mux.HandleFunc("GET /settings/info", p.in(p.info))
	mux.HandleFunc("GET /settings/password", p.in(p.showPassword))
	mux.HandleFunc("POST /settings/password", p.in(p.changePassword))
	mux.HandleFunc("GET /settings/security", p.in(p.security))
	mux.HandleFunc("POST /settings/security/phones", p.in(p.unpair))
	mux.HandleFunc("GET /settings/security/on", p.in(p.showOffer))
	mux.HandleFunc("POST /settings/security/on", p.in(p.offer))
	mux.HandleFunc("POST /settings/security/confirm", p.in(p.confirm))
	mux.HandleFunc("GET /settings/security/off", p.in(p.showAct(p.offAct)))
	mux.HandleFunc("POST /settings/security/off", p.in(p.do(p.offAct)))
	mux.HandleFunc("GET /settings/users", p.admin(p.users))
	mux.HandleFunc("GET /settings/users/invite", p.admin(p.showInvite))
	mux.HandleFunc("POST /settings/users/invite", p.admin(p.invite))
	mux.HandleFunc("GET /settings/users/{name}/help", p.admin(p.showAct(p.helpAct)))
	mux.HandleFunc("POST /settings/users/{name}/help", p.admin(p.do(p.helpAct)))
	mux.HandleFunc("GET /settings/users/{name}/delete", p.admin(p.showAct(p.deleteAct)))
	mux.HandleFunc("POST /settings/users/{name}/delete", p.admin(p.do(p.deleteAct)))
	mux.HandleFunc("GET /settings/services", p.admin(p.services))
	mux.HandleFunc("GET /settings/services/{name}", p.admin(p.showAct(p.serviceAct)))
	mux.HandleFunc("POST /settings/services/{name}", p.admin(p.do(p.serviceAct)))
	mux.HandleFunc("GET /settings/log", p.admin(p.securityLog))
}

func onlyLook(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
}

// respond answers with the view or its page.
func (p *page) respond(w http.ResponseWriter, r *http.Request, status int, view any, title string, s *session, body templ.Component) {
	site := web.Site{Name: p.box.Info().Name, Styles: []string{live.Style, style}, Nav: p.nav(r, s)}
	web.Respond(w, r, status, view, site.Page(title, framed(r.TLS == nil, body)))
}

// nav is where somebody may go; nil = nobody is logged in.
func (p *page) nav(r *http.Request, s *session) []web.Link {
	if s == nil {
		return nil
	}
	var links []web.Link
	if p.box.May(s.account, recorder.RightLive) {
		links = append(links, web.Link{Text: "Live", Href: "/live"})
	}
	if p.box.May(s.account, recorder.RightPlayback) {
		links = append(links, web.Link{Text: "Recordings", Href: "/recordings"})
	}
	links = append(links, web.Link{Text: "Settings", Href: "/settings"})
	for i, l := range links {
		links[i].Current = r.URL.Path == l.Href
	}
	return append(links, web.Link{Text: "Log out", Href: "/logout", Post: true})
}
