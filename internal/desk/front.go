package desk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"rekey"
	"rekey/internal/web"
	"rekey/recovery"
)

// apiPath is where the JSON API lives. The pages are the same handlers without it.
const apiPath = "/api/v1"

// Handler is the desk's web front: pages for people, and the same under
// /api/v1 in JSON for programs.
func (d *Desk) Handler() http.Handler {
	f := &front{d}
	mux := http.NewServeMux()
	mux.Handle("GET /static/", web.Static())
	mux.HandleFunc("GET /desk.css", styles)
	mux.HandleFunc("GET /login", f.showLogIn)
	mux.HandleFunc("POST /login", f.pageLogIn)
	mux.HandleFunc("POST "+apiPath+"/session", f.apiLogIn)
	for pattern, h := range f.routes() {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+apiPath+path, f.serve(h))
		if page := pagePath(path); method != http.MethodDelete {
			mux.HandleFunc(method+" "+page, f.serve(h))
		}
	}
	for _, pattern := range []string{"GET /R/{payload}", "GET /r/{payload}"} {
		mux.HandleFunc(pattern, readOut)
	}
	mux.HandleFunc("POST /logout", f.serve(f.logOut))
	mux.HandleFunc("GET /find", f.serve(f.find))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		web.Fail(w, r, refuse(rekey.ErrNotFound, "there is nothing at %s", r.URL.Path))
	})
	return web.Logged(d.opt.Log, strictTransport(web.Secure(answerInJSON(mux))))
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

// routes are the calls of the API, each of which is a page as well.
func (f *front) routes() map[string]handler {
	return map[string]handler{
		"GET /session":                   f.session,
		"DELETE /session":                f.logOut,
		"GET /recorders":                 f.recorders,
		"GET /recorders/{id}":            f.recorder,
		"GET /cases":                     f.cases,
		"POST /cases":                    f.openCase,
		"GET /cases/{number}":            f.caseOf,
		"POST /cases/{number}/evidence":  f.evidence,
		"POST /cases/{number}/approval":  f.approval,
		"POST /cases/{number}/challenge": f.challenge,
		"POST /cases/{number}/close":     f.close,
		"GET /log":                       f.log,
	}
}

// pagePath is where a page lives whose JSON is at path: the cases are the start.
func pagePath(path string) string {
	if path == "/session" {
		return "/{$}"
	}
	return path
}

// answerInJSON makes the API answer in JSON whatever the client says it accepts.
func answerInJSON(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isAPI(r) {
			r.Header.Set("Accept", "application/json")
		}
		next.ServeHTTP(w, r)
	})
}

func isAPI(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, apiPath+"/") }

type front struct{ desk *Desk }

// call is one request of somebody who is logged in.
type call struct {
	w   http.ResponseWriter
	r   *http.Request
	who Agent
}

// reply is how a call ends: a view for a program; for a person a page, or the
// page to go to.
type reply struct {
	status   int // 0 = 200
	view     any
	title    string
	page     templ.Component
	location string
}

type handler func(*call) (reply, error)

func (f *front) serve(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{w: w, r: r}
		var err error
		if c.who, err = f.desk.who(r); err != nil {
			f.logInFirst(c, err)
			return
		}
		out, err := h(c)
		switch {
		case err != nil:
			f.fail(c, err)
		case isAPI(r):
			web.Respond(w, r, max(out.status, http.StatusOK), out.view, nil)
		case out.location != "":
			http.Redirect(w, r, out.location, http.StatusSeeOther)
		default:
			web.Respond(w, r, http.StatusOK, out.view, frame(c.who, r.URL.Path).Page(out.title, out.page))
		}
	}
}

// logInFirst is not recorded in the security log: whoever has no session could
// otherwise fill it.
func (f *front) logInFirst(c *call, err error) {
	if !isAPI(c.r) && errors.Is(err, web.ErrNoSession) {
		http.Redirect(c.w, c.r, "/login", http.StatusSeeOther)
		return
	}
	web.Fail(c.w, c.r, err)
}

// fail shows a person the form again, with what was wrong above it.
func (f *front) fail(c *call, err error) {
	if isAPI(c.r) || c.r.Method != http.MethodPost {
		web.Fail(c.w, c.r, err)
		return
	}
	p := web.ProblemOf(err)
	back, title, gone := f.formAgain(c, p.Detail)
	if gone != nil || p.Status >= http.StatusInternalServerError {
		web.Fail(c.w, c.r, err)
		return
	}
	web.Respond(c.w, c.r, p.Status, p, frame(c.who, c.r.URL.Path).Page(title, back))
}

// formAgain is the page on which the failed form stands.
func (f *front) formAgain(c *call, problem string) (templ.Component, string, error) {
	if c.r.PathValue("number") != "" {
		number, err := c.number()
		if err != nil {
			return nil, "", err
		}
		of, err := f.desk.Case(c.r.Context(), c.who, number)
		return casePage(c.who, of, problem), caseTitle(of), err
	}
	id, err := recovery.ParseDeviceID(c.r.PostFormValue("device_id"))
	if err != nil {
		return nil, "", err
	}
	rec, err := f.desk.Recorder(c.r.Context(), c.who, id)
	return recorderPage(c.who, rec, c.r.PostForm, problem), recorderTitle(rec), err
}

// number is the case that the path names.
func (c *call) number() (int64, error) {
	n, err := strconv.ParseInt(c.r.PathValue("number"), 10, 64)
	if err != nil || n < 1 {
		return 0, refuse(rekey.ErrNotFound, "there is no case %q", clip(c.r.PathValue("number")))
	}
	return n, nil
}

// decode reads the body into a struct of strings: strict JSON from a program,
// or a form from a page. Unknown fields are refused in both.
func decode(r *http.Request, into any) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	want := "application/x-www-form-urlencoded"
	if isAPI(r) {
		want = "application/json"
	}
	if err != nil || kind != want {
		return refuse(rekey.ErrInput, "Content-Type: expected %s", want)
	}
	if isAPI(r) {
		return decodeJSON(r.Body, into)
	}
	if err := r.ParseForm(); err != nil {
		return badBody(err)
	}
	fields, err := formFields(r.PostForm)
	if err != nil {
		return err
	}
	return decodeJSON(bytes.NewReader(fields), into)
}

func formFields(form url.Values) ([]byte, error) {
	fields := map[string]string{}
	for name, values := range form {
		if len(values) != 1 {
			return nil, refuse(rekey.ErrInput, "field %q is given %d times", clip(name), len(values))
		}
		fields[name] = values[0]
	}
	return json.Marshal(fields)
}

func decodeJSON(body io.Reader, into any) error {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return badBody(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return refuse(rekey.ErrInput, "the body holds more than one JSON value")
	}
	return nil
}

// badBody says what is wrong without repeating what was sent, which may be a password.
func badBody(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return refuse(rekey.ErrInput, "field %q is of the wrong type, expected %s", wrong.Field, wrong.Type)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return refuse(rekey.ErrInput, "unknown field %s", clip(name))
	}
	return refuse(rekey.ErrInput, "the body is not one JSON object of the expected fields")
}

func caseURL(number int64) string { return fmt.Sprintf("/cases/%d", number) }
