package cloud

import (
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"

	"rekey"
	"rekey/internal/recorder/cloud/wire"
	"rekey/internal/web"
)

//go:generate go tool templ generate

//go:embed cloud.css
var styles embed.FS

// session is who is logged in. The owner is looked up at every request, so that
// a new password ends it.
type session struct {
	address string
	epoch   int64
}

type front struct{ cloud *Cloud }

// Handler is the whole service: the pages of owners, and what recorders call.
func (c *Cloud) Handler() http.Handler {
	f := &front{c}
	mux := http.NewServeMux()
	mux.Handle("GET /static/", web.Static())
	mux.Handle("GET /cloud.css", http.FileServerFS(styles))
	f.boxRoutes(mux)
	mux.HandleFunc("GET /login", f.showLogin)
	mux.HandleFunc("POST /login", f.logIn)
	mux.HandleFunc("POST /logout", f.logOut)
	mux.HandleFunc("GET /account", f.showAccount)
	mux.HandleFunc("POST /account", f.askForAccount)
	mux.HandleFunc("POST /account/confirm", f.confirm)
	mux.HandleFunc("GET "+notMePath, f.showNotMe)
	mux.HandleFunc("POST "+notMePath, f.notMe)
	mux.HandleFunc("GET /security", f.asOwner(f.showSecurity))
	mux.HandleFunc("POST /security/offer", f.asOwner(f.offer))
	mux.HandleFunc("POST /security/on", f.asOwner(f.switchOn))
	mux.HandleFunc("POST /security/off", f.asOwner(f.switchOff))
	mux.HandleFunc("GET /{$}", f.asOwner(f.recorders))
	mux.HandleFunc("POST /recorders", f.asOwner(f.pair))
	mux.HandleFunc("GET /recorders/{id}", f.asOwner(f.recorder))
	mux.HandleFunc("GET /recorders/{id}/password", f.asOwner(f.showForgot))
	mux.HandleFunc("POST /recorders/{id}/password", f.asOwner(f.forgot))
	mux.HandleFunc("POST /recorders/{id}/share", f.asOwner(f.share))
	mux.HandleFunc("POST /recorders/{id}/unshare", f.asOwner(f.unshare))
	mux.HandleFunc("GET /recorders/{id}/unlink", f.asOwner(f.showUnlink))
	mux.HandleFunc("POST /recorders/{id}/unlink", f.asOwner(f.unlink))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		web.Fail(w, r, refuse(rekey.ErrNotFound, "there is nothing here"))
	})
	return web.Logged(c.opt.Log, strictTransport(web.Secure(mux)))
}

// strictTransport tells a browser that came over TLS to come in no other way
// for two years (RFC 6797).
func strictTransport(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil {
			w.Header().Set("Strict-Transport-Security", "max-age=63072000")
		}
		next.ServeHTTP(w, r)
	})
}

// sender is the address that a request came from.
func sender(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.IPv4Unspecified()
	}
	return at.Addr()
}

// page answers with a page; problem stands above it and decides the status.
func (f *front) page(w http.ResponseWriter, r *http.Request, who *Owner, title string, body templ.Component, problem error) {
	status := http.StatusOK
	if problem != nil {
		if status = web.ProblemOf(problem).Status; status == http.StatusInternalServerError || status == http.StatusInsufficientStorage || status == http.StatusNotFound {
			web.Fail(w, r, problem)
			return
		}
	}
	if web.PrefersJSON(r) { // the pages are for people; a program gets the outcome
		if problem != nil {
			web.Fail(w, r, problem)
			return
		}
		web.Respond(w, r, status, map[string]string{"page": title}, nil)
		return
	}
	site := web.Site{Name: "Recorder cloud"}
	if who != nil {
		site.Nav = []web.Link{{Text: "My recorders", Href: "/", Current: r.URL.Path == "/"}, {Text: "Account", Href: "/security", Current: strings.HasPrefix(r.URL.Path, "/security")}, {Text: "Log out", Href: "/logout", Post: true}}
	}
	web.Respond(w, r, status, nil, site.Page(title, body))
}

// told is what a refusal says on a page.
func told(err error) string {
	if err == nil {
		return ""
	}
	detail := web.ProblemOf(err).Detail
	return strings.ToUpper(detail[:1]) + detail[1:]
}

type ownerHandler func(http.ResponseWriter, *http.Request, Owner)

// asOwner lets in who is logged in.
func (f *front) asOwner(h ownerHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, ok := f.cloud.sessions.Get(r)
		var who Owner
		err := sql.ErrNoRows
		if ok {
			who, err = f.cloud.owner(r.Context(), s)
		}
		switch {
		case errors.Is(err, sql.ErrNoRows) && r.Method == http.MethodGet && !web.PrefersJSON(r):
			http.Redirect(w, r, "/login", http.StatusSeeOther)
		case errors.Is(err, sql.ErrNoRows):
			web.Fail(w, r, web.ErrNoSession)
		case err != nil:
			web.Fail(w, r, err)
		default:
			h(w, r, who)
		}
	}
}

func (f *front) showLogin(w http.ResponseWriter, r *http.Request) {
	f.page(w, r, nil, "Log in", loginBody("", "", ""), nil)
}

func (f *front) logIn(w http.ResponseWriter, r *http.Request) {
	address := r.PostFormValue("address")
	who, err := f.cloud.LogIn(r.Context(), address, rekey.NewSecret(r.PostFormValue("password")), clip(r.PostFormValue("code")), sender(r))
	if err != nil {
		f.page(w, r, nil, "Log in", loginBody(clip(address), told(err), ""), err)
		return
	}
	f.enter(w, r, who)
}

func (f *front) enter(w http.ResponseWriter, r *http.Request, who Owner) {
	if err := f.cloud.sessions.Start(w, r, session{who.Address, who.epoch}); err != nil {
		web.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (f *front) logOut(w http.ResponseWriter, r *http.Request) {
	f.cloud.sessions.End(w, r)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

func (f *front) showAccount(w http.ResponseWriter, r *http.Request) {
	f.page(w, r, nil, "Account", accountBody("", ""), nil)
}

func (f *front) askForAccount(w http.ResponseWriter, r *http.Request) {
	address := r.PostFormValue("address")
	id, err := f.cloud.AskForAccount(r.Context(), address, rekey.NewSecret(r.PostFormValue("password")), sender(r))
	if err != nil {
		f.page(w, r, nil, "Account", accountBody(clip(address), told(err)), err)
		return
	}
	f.page(w, r, nil, "Type the code", confirmBody(id, ""), nil)
}

func (f *front) confirm(w http.ResponseWriter, r *http.Request) {
	id := r.PostFormValue("id")
	who, err := f.cloud.Confirm(r.Context(), id, r.PostFormValue("code"))
	if err != nil {
		f.page(w, r, nil, "Type the code", confirmBody(clip(id), told(err)), err)
		return
	}
	if who.second { // the code of the message stands for the password only
		f.page(w, r, nil, "Log in", loginBody(who.Address, "", "The new password is set. Log in with it, and with a code of your second factor."), nil)
		return
	}
	f.enter(w, r, who)
}

func (f *front) recorders(w http.ResponseWriter, r *http.Request, who Owner) {
	f.showRecorders(w, r, who, nil)
}

func (f *front) showRecorders(w http.ResponseWriter, r *http.Request, who Owner, problem error) {
	all, err := f.cloud.Links(r.Context(), who)
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	f.page(w, r, &who, "My recorders", recordersBody(who, all, f.cloud.now(), told(problem)), problem)
}

func (f *front) pair(w http.ResponseWriter, r *http.Request, who Owner) {
	l, err := f.cloud.Pair(r.Context(), who, r.PostFormValue("code"))
	if err != nil {
		f.showRecorders(w, r, who, err)
		return
	}
	http.Redirect(w, r, linkURL(l.ID), http.StatusSeeOther)
}

func linkURL(id string) string { return "/recorders/" + id }

func (f *front) recorder(w http.ResponseWriter, r *http.Request, who Owner) {
	f.showRecorder(w, r, who, nil)
}

func (f *front) showRecorder(w http.ResponseWriter, r *http.Request, who Owner, problem error) {
	l, shares, err := f.cloud.Link(r.Context(), who, r.PathValue("id"))
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	f.page(w, r, &who, l.Name, recorderBody(l, shares, f.cloud.now(), told(problem)), problem)
}

func (f *front) showForgot(w http.ResponseWriter, r *http.Request, who Owner) {
	l, _, err := f.cloud.Link(r.Context(), who, r.PathValue("id"))
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	f.page(w, r, &who, l.forgotTitle(), forgotBody(l, "admin", "", ""), nil)
}

func (f *front) forgot(w http.ResponseWriter, r *http.Request, who Owner) {
	account, challenge := r.PostFormValue("account"), r.PostFormValue("challenge")
	l, err := f.cloud.ForgotPassword(r.Context(), who, r.PathValue("id"), account, challenge)
	if err != nil {
		f.page(w, r, &who, l.forgotTitle(), forgotBody(l, clip(account), clip(challenge), told(err)), err)
		return
	}
	f.page(w, r, &who, "Temporary password sent", sentBody(l), nil)
}

func (f *front) share(w http.ResponseWriter, r *http.Request, who Owner) {
	f.done(w, r, who, f.cloud.Share(r.Context(), who, r.PathValue("id"), r.PostFormValue("address")))
}

func (f *front) unshare(w http.ResponseWriter, r *http.Request, who Owner) {
	f.done(w, r, who, f.cloud.Unshare(r.Context(), who, r.PathValue("id"), r.PostFormValue("address")))
}

// done goes back to the recorder's page, with what was wrong above it.
func (f *front) done(w http.ResponseWriter, r *http.Request, who Owner, err error) {
	if err != nil {
		f.showRecorder(w, r, who, err)
		return
	}
	http.Redirect(w, r, linkURL(url.PathEscape(r.PathValue("id"))), http.StatusSeeOther) //nolint:gosec // a path of this front: linkURL leads in with one, and the id is one segment of it
}

func (f *front) showUnlink(w http.ResponseWriter, r *http.Request, who Owner) {
	l, _, err := f.cloud.Link(r.Context(), who, r.PathValue("id"))
	if err == nil && !l.Mine {
		err = refuse(rekey.ErrDenied, "only the owner of the recorder can do this")
	}
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	f.page(w, r, &who, "Unlink "+l.Name, unlinkBody(l), nil)
}

func (f *front) unlink(w http.ResponseWriter, r *http.Request, who Owner) {
	if err := f.cloud.Unlink(r.Context(), who, r.PathValue("id")); err != nil {
		f.showRecorder(w, r, who, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// clip keeps what was typed from filling a page.
func clip(s string) string {
	const most = 300
	return s[:min(len(s), most)]
}

// seen says when a recorder was last heard of.
func (l Link) seen(now time.Time) string {
	switch {
	case l.SeenAt.IsZero():
		return "Not heard of yet"
	case l.wasReset() && l.online(now):
		return "Online. Reset by its button, and locked"
	case l.wasReset():
		return "Reset by its button, and locked"
	case l.online(now):
		return "Online"
	}
	return fmt.Sprintf("Not heard of since %s UTC", l.SeenAt.Format("2006-01-02 15:04"))
}

func (l Link) title() string {
	if l.Name == "" {
		return l.DeviceID.String()
	}
	return l.Name
}

// wasReset tells whether the recorder has said that it was reset by its button.
func (l Link) wasReset() bool { return l.state == wire.Reset }

func (l Link) forgotTitle() string {
	if l.wasReset() {
		return "Release this recorder"
	}
	return "Forgot device password"
}

func codeMinutes() string { return fmt.Sprint(int(wire.CodeLife / time.Minute)) }

// leftWords tells how many codes of the sheet are left.
func leftWords(n int) string {
	if n == 1 {
		return "One code of your sheet is left."
	}
	return fmt.Sprintf("%d codes of your sheet are left.", n)
}
