package front

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/web"
)

// ownerRoutes are the pages of owners, who come by a link and have no session.
// A GET changes nothing: mail programs open links on their own.
func (f *front) ownerRoutes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /o/{token}":          f.ownerPage,
		"POST /o/{token}/confirm": f.ownerConfirm,
		"POST /o/{token}/half":    f.ownerHalf,
		"GET /o/{token}/not-me":   f.ownerAskNotMe,
		"POST /o/{token}/not-me":  f.ownerNotMe,

		// A form leaves its own address in the browser, which may open it again.
		"GET /o/{token}/confirm": f.ownerAgain,
		"GET /o/{token}/half":    f.ownerAgain,
	}
}

// forOwners lets a form of an owner's page through whose browser says only that
// it comes from nowhere: older ones do on a page with no referrer, and say no more.
// The page has no cookie that another site could ride on: its address is all.
func forOwners(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/o/") && r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "null" {
			r.Header.Del("Origin")
		}
		next.ServeHTTP(w, r)
	})
}

// ownerCall is one request of an owner.
type ownerCall struct {
	w     http.ResponseWriter
	r     *http.Request
	token rekey.Secret
	path  string // of the owner's page
}

func ownerOf(w http.ResponseWriter, r *http.Request) ownerCall {
	token := r.PathValue("token")
	return ownerCall{w, r, rekey.NewSecret(token), "/o/" + token}
}

// show writes a page that no search engine keeps and whose address no other
// site hears of.
func (o ownerCall) show(status int, title string, body templ.Component) {
	o.w.Header().Set("Referrer-Policy", "no-referrer")
	o.w.Header().Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	site := web.Site{Name: "Technical support", Home: "#main", Styles: []string{ownerStyle}}
	show(o.w, o.r, status, site.Page(title, body))
}

// fail says the same of every link that leads nowhere. Of a link that holds it
// shows the case again, with what was wrong.
func (f *front) ownerFailed(o ownerCall, err error) {
	p := web.ProblemOf(err)
	switch v, gone := f.desk.OwnerRead(o.r.Context(), o.token); {
	case errors.Is(err, rekey.ErrNotFound) && gone != nil, errors.Is(gone, rekey.ErrNotFound):
		o.show(http.StatusNotFound, "This link is over", ownerGone())
	case gone != nil:
		web.Fail(o.w, o.r, gone)
	case p.Status >= http.StatusInternalServerError:
		web.Fail(o.w, o.r, err)
	default:
		o.page(p.Status, v, sentence(p.Detail))
	}
}

func (o ownerCall) page(status int, v desk.OwnerView, problem string) {
	o.show(status, "Your recorder "+v.Model, ownerCasePage(o.path, v, problem))
}

func (f *front) ownerPage(w http.ResponseWriter, r *http.Request) {
	o := ownerOf(w, r)
	v, err := f.desk.OwnerRead(r.Context(), o.token)
	if err != nil {
		f.ownerFailed(o, err)
		return
	}
	o.page(http.StatusOK, v, "")
}

func (f *front) ownerAgain(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/o/"+url.PathEscape(r.PathValue("token")), http.StatusSeeOther)
}

func (f *front) ownerConfirm(w http.ResponseWriter, r *http.Request) {
	o := ownerOf(w, r)
	if _, err := f.desk.OwnerConfirm(r.Context(), o.token); err != nil {
		f.ownerFailed(o, err)
		return
	}
	http.Redirect(w, r, o.path, http.StatusSeeOther)
}

// ownerHalf answers with the half itself: it stands on no page that a GET shows.
func (f *front) ownerHalf(w http.ResponseWriter, r *http.Request) {
	o := ownerOf(w, r)
	groups, err := f.desk.OwnerHalf(r.Context(), o.token)
	if err != nil {
		f.ownerFailed(o, err)
		return
	}
	v, err := f.desk.OwnerRead(r.Context(), o.token)
	if err != nil {
		f.ownerFailed(o, err)
		return
	}
	o.show(http.StatusOK, "Your half of the temporary password", ownerHalfPage(o.path, v, groups))
}

func (f *front) ownerAskNotMe(w http.ResponseWriter, r *http.Request) {
	o := ownerOf(w, r)
	v, err := f.desk.OwnerRead(r.Context(), o.token)
	if err != nil {
		f.ownerFailed(o, err)
		return
	}
	o.show(http.StatusOK, "Was this not you?", ownerNotMePage(o.path, v))
}

func (f *front) ownerNotMe(w http.ResponseWriter, r *http.Request) {
	o := ownerOf(w, r)
	v, err := f.desk.OwnerNotMe(r.Context(), o.token)
	if err != nil {
		f.ownerFailed(o, err)
		return
	}
	o.show(http.StatusOK, "Everything is stopped", ownerStopped(o.path, v))
}
