package front

import (
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/web"
	"rekey/recovery"
)

// doorRoutes are the pages before a log-in.
func (f *front) doorRoutes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /login":       f.showLogIn,
		"GET /join":        f.showJoin,
		"GET /sso":         f.beginSSO,
		"GET /sso/back":    f.endSSO,
		"GET /R/{payload}": readOut,
		"GET /r/{payload}": readOut,
	}
}

// outside is a page for whoever has no session.
func outside(w http.ResponseWriter, r *http.Request, status int, title string, page templ.Component) {
	show(w, r, status, frame(desk.Agent{}, "").Page(title, page))
}

func (f *front) showLogIn(w http.ResponseWriter, r *http.Request) {
	if who, err := f.desk.Staff().Who(r); err == nil {
		http.Redirect(w, r, home(who), http.StatusSeeOther)
		return
	}
	f.logInPage(w, r, http.StatusOK, r.URL.Query().Get("to"), "")
}

func (f *front) logInPage(w http.ResponseWriter, r *http.Request, status int, to, problem string) {
	outside(w, r, status, "Log in", logInPage(inside(to), f.desk.Staff().HasSSO(), problem))
}

// inside is a path of this desk to go on to, or the start: a link into the desk
// leads nowhere else.
func inside(to string) string {
	if len(to) > 500 || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return to
}

// showJoin is the page behind a one-time link. The link's token stands in the
// fragment, which no browser sends; passkey.js takes it from there.
func (f *front) showJoin(w http.ResponseWriter, r *http.Request) {
	outside(w, r, http.StatusOK, "Register a passkey", joinPage())
}

func (f *front) beginSSO(w http.ResponseWriter, r *http.Request) {
	to, err := f.desk.Staff().BeginSSO(w, r)
	if err != nil {
		f.logInPage(w, r, web.ProblemOf(err).Status, "", told(err))
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // the identity provider's address is of the desk's own configuration
}

// endSSO takes who comes back from the identity provider. A redirect would still
// count as that site's, and the new session's strict cookie would stay behind: so
// a page of the desk's own goes on.
func (f *front) endSSO(w http.ResponseWriter, r *http.Request) {
	who, err := f.desk.Staff().FinishSSO(w, r)
	if err != nil {
		f.logInPage(w, r, web.ProblemOf(err).Status, "", told(err))
		return
	}
	w.Header().Set("Refresh", "0;url="+home(who))
	outside(w, r, http.StatusOK, "Logged in", loggedInPage(who))
}

// readOut is the page behind a recorder's QR code. A telephone opens it, and so
// does whatever makes previews of links, so it does nothing: it asks for no
// log-in, looks nothing up and records nothing. It gives the caller the text
// that the agent asks for, which came with the request.
func readOut(w http.ResponseWriter, r *http.Request) {
	text := strings.ToUpper("https://" + r.Host + "/R/" + r.PathValue("payload"))
	if _, err := recovery.ParseQR(text); err != nil {
		web.Fail(w, r, refuse(rekey.ErrInput, "this is not the whole text of a recorder's QR code; please scan it again"))
		return
	}
	outside(w, r, http.StatusOK, "Your recorder's code", readOutPage(text))
}
