// Package front is the desk's pages: for agents, approvers, supervisors,
// auditors and administrators, and for owners who came by a link. With the API
// under /api/v1 it is the desk's whole web front.
//
// A page reads what was sent, calls package desk, and shows what came back; it
// decides nothing. Pages work without script, but for passkeys and the camera,
// which browsers have in script alone.
package front

//go:generate go tool templ generate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/api"
	"rekey/internal/web"
)

// Handler is the desk's web front.
func Handler(d *desk.Desk) http.Handler {
	f := &front{desk: d, scans: make(chan struct{}, scansAtOnce)}
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", api.Handler(d))
	mux.Handle("GET /static/", static())
	for _, routes := range []map[string]http.HandlerFunc{f.doorRoutes(), f.ownerRoutes()} {
		for pattern, h := range routes {
			mux.HandleFunc(pattern, h)
		}
	}
	for _, routes := range []map[string]route{f.agentRoutes(), f.leadRoutes()} {
		for pattern, rt := range routes {
			mux.HandleFunc(pattern, f.serve(rt))
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		web.Fail(w, r, refuse(rekey.ErrNotFound, "there is nothing at %s", clip(r.URL.Path)))
	})
	// web.Secure refuses what another site sends before anybody is asked who they
	// are: it is not recorded, as any page in the world could fill the log with it.
	return web.Logged(d.Log(), strictTransport(d.URL(), forPrograms(forOwners(web.Secure(mux)))))
}

// strictTransport tells browsers, where the desk's URL is https, to come in no
// other way for two years (RFC 6797).
func strictTransport(address string, next http.Handler) http.Handler {
	if !strings.HasPrefix(address, "https:") {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=63072000")
		next.ServeHTTP(w, r)
	})
}

// forPrograms has whatever refuses a request of the API before it comes there
// answer as the API does, in JSON (RFC 9457): a script of another site accepts anything.
func forPrograms(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, api.Path+"/") {
			r.Header.Set("Accept", "application/json")
		}
		next.ServeHTTP(w, r)
	})
}

type front struct {
	desk  *desk.Desk
	scans chan struct{} // bounds how many pictures are looked at at a time
}

// call is one request of somebody who is logged in.
type call struct {
	w   http.ResponseWriter
	r   *http.Request
	who desk.Agent
}

// reply is how a call ends: with a page, with the page to go to, or with a view
// in JSON for a script of ours.
type reply struct {
	status   int // 0 = 200
	title    string
	page     templ.Component
	location string
	view     any
	camera   bool // the page may use the camera
}

type handler func(*call) (reply, error)

// route is one page, or what one form does. Whose role never may is refused
// before the handler runs, in the desk's own gate, so that it is recorded and
// counted; the handler's own calls are authorised there again, with all that the
// gate looks at. What a page leaves out for a role is no refusal: nobody asked
// for it.
type route struct {
	act desk.Act // what package desk calls it; empty = whoever has a session may
	do  handler
}

// byItself is a header of what a page asks for with nobody there: it does not
// count as use of the session.
const byItself = "Rekey-By-Itself"

// serve runs a route for whoever is logged in. A handler that fails may give
// a page with its error, such as the form again with what was wrong above it;
// else the problem is a page of its own.
func (f *front) serve(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{w: w, r: r}
		who := f.desk.Staff().Who
		if r.Header.Get(byItself) != "" {
			who = f.desk.Staff().Still
		}
		var err error
		if c.who, err = who(r); r.Context().Err() != nil {
			return // whoever asked has gone
		} else if err != nil {
			f.logInFirst(c, err)
			return
		}
		out, err := f.run(c, rt)
		if err != nil && r.Context().Err() != nil {
			return // whoever asked has gone
		}
		if err != nil {
			out.status = web.ProblemOf(err).Status
		}
		if err != nil && (out.page == nil || out.status >= http.StatusInternalServerError && !errors.Is(err, rekey.ErrUnreachable)) {
			web.Fail(w, r, err)
			return
		}
		c.answer(out)
	}
}

// run does what a route does. Input that cannot be used may not have come to its
// act, which would have said who may not do it.
func (f *front) run(c *call, rt route) (reply, error) {
	if rt.act != "" && !desk.May(c.who, rt.act) {
		return reply{}, f.unusable(c, rt.act, nil)
	}
	if err := c.r.ParseForm(); err != nil {
		return reply{}, f.unusable(c, rt.act, badForm(err))
	}
	out, err := rt.do(c)
	if !errors.Is(err, rekey.ErrInput) {
		return out, err
	}
	if told := f.unusable(c, rt.act, err); !errors.Is(told, rekey.ErrInput) {
		return reply{}, told
	}
	return out, err
}

// unusable is the answer to a request that may not come to its act, for why: who
// may not do the act hears that instead, and it is recorded.
func (f *front) unusable(c *call, act desk.Act, why error) error {
	if act == "" {
		return why
	}
	number, err := c.number()
	if err != nil {
		number = 0
	}
	return f.desk.Unusable(c.r.Context(), c.who, act, number, c.r.Method+" "+c.r.URL.Path, why)
}

// badForm says what is wrong without repeating what was sent.
func badForm(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge
	}
	return refuse(rekey.ErrInput, "the form cannot be read; open the page again")
}

func (c *call) answer(out reply) {
	switch {
	case out.location != "":
		http.Redirect(c.w, c.r, out.location, http.StatusSeeOther)
	case out.page == nil:
		c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
		write(c.w, c.r, out.status, func(b *bytes.Buffer) error { return json.NewEncoder(b).Encode(out.view) })
	default:
		if out.camera {
			c.w.Header().Set("Permissions-Policy", "camera=(self), geolocation=(), microphone=(), payment=(), usb=()")
		}
		show(c.w, c.r, out.status, frame(c.who, c.r.URL.Path).Page(out.title, out.page))
	}
}

// show writes a page.
func show(w http.ResponseWriter, r *http.Request, status int, page templ.Component) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	write(w, r, status, func(b *bytes.Buffer) error { return page.Render(r.Context(), b) })
}

// write renders a whole body before its first byte is sent, so that a fault is a clean 500.
func write(w http.ResponseWriter, r *http.Request, status int, render func(*bytes.Buffer) error) {
	var body bytes.Buffer
	if err := render(&body); r.Context().Err() != nil {
		return // whoever asked has gone
	} else if err != nil {
		web.Fail(w, r, fmt.Errorf("render %s: %w", r.URL.Path, err))
		return
	}
	w.WriteHeader(max(status, http.StatusOK))
	_, _ = w.Write(body.Bytes()) // whoever asked is gone when this fails
}

// logInFirst is not recorded in the security log: whoever has no session could
// otherwise fill it. (A session that came from elsewhere, and so was ended, is on
// record: staff.Who.) Who only looks is led back after the log-in; who sent a form
// is told that nothing was done.
func (f *front) logInFirst(c *call, err error) {
	switch {
	case !errors.Is(err, web.ErrNoSession):
		web.Fail(c.w, c.r, err)
	case web.PrefersJSON(c.r):
		web.Fail(c.w, c.r, err)
	case c.r.Method == http.MethodGet || c.r.Method == http.MethodHead:
		http.Redirect(c.w, c.r, "/login?to="+url.QueryEscape(c.r.URL.RequestURI()), http.StatusSeeOther)
	default:
		back := ""
		if n, err := c.number(); err == nil {
			back = caseURL(n)
		}
		f.logInPage(c.w, c.r, http.StatusUnauthorized, back, "Your session is over. What you sent was not done.")
	}
}

// number is the case that the path names.
func (c *call) number() (int64, error) {
	n, err := strconv.ParseInt(c.r.PathValue("number"), 10, 64)
	if err != nil || n < 1 {
		return 0, refuse(rekey.ErrNotFound, "there is no case %q", clip(c.r.PathValue("number")))
	}
	return n, nil
}

// field is a field of the form that was sent, without blanks around it.
func (c *call) field(name string) string { return strings.TrimSpace(c.r.PostForm.Get(name)) }

// secret is a field that holds a password, a phrase or a number for one use.
func (c *call) secret(name string) rekey.Secret { return rekey.NewSecret(c.field(name)) }

// stepUp is the fresh proof of presence that stepup.js put into the form; see
// the template stepUp. Where there is none, the desk refuses.
func (c *call) stepUp() (desk.StepUp, error) {
	var proof desk.StepUp
	text := c.r.PostForm.Get("step_up")
	if text == "" {
		return proof, nil
	}
	if json.Unmarshal([]byte(text), &proof) != nil {
		return proof, refuse(rekey.ErrInput, "the proof of presence cannot be read; send the form again")
	}
	return proof, nil
}

// refusal is an error of one of rekey's kinds in words of its own, for a person.
type refusal struct {
	kind error
	text string
}

func refuse(kind error, format string, args ...any) error {
	return &refusal{kind, fmt.Sprintf(format, args...)}
}

func (r *refusal) Error() string { return r.text }

// Unwrap returns the kind.
func (r *refusal) Unwrap() error { return r.kind }

// clip bounds what somebody typed before it is shown again.
func clip(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}
