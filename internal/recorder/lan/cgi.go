package lan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"time"
	"unicode"

	"rekey"
	"rekey/internal/recorder"
)

const cgiPrefix = "/cgi-bin/"

// cgiCall is one CGI request by somebody who has logged in.
type cgiCall struct {
	*lan
	r       *http.Request
	q       query
	account string
	from    recorder.Client
	out     bytes.Buffer
}

// line writes one line of an answer: path=value. What strangers sent may be in
// the value, so a sign that could begin another line does not stay one.
func (c *cgiCall) line(path string, value any) {
	fmt.Fprintf(&c.out, "%s=%s\r\n", path, strings.Map(visible, fmt.Sprint(value)))
}

func visible(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return '?'
}

// ok is the body of a write that was made.
func (c *cgiCall) ok() { c.out.WriteString("OK\r\n") }

// cgiError is a refusal: status and body as recorders of the family give them.
type cgiError struct {
	status int
	body   string
}

func (e *cgiError) Error() string { return strings.ReplaceAll(e.body, "\r\n", ": ") }

// The refusals that are the same everywhere.
var (
	errBadRequest  = &cgiError{http.StatusBadRequest, "Error\r\nBad Request!\r\n"}
	errInvalid     = &cgiError{http.StatusBadRequest, "Error\r\nErrorID=2, Detail=Invalid Request!\r\n"}
	errNoModule    = &cgiError{http.StatusNotFound, "Error\r\nNot Found!\r\n"}
	errAuthority   = &cgiError{http.StatusForbidden, `{"error":{"code":403,"message":"Authority:check failure."},"result":false}` + "\r\n"}
	errWeak        = &cgiError{http.StatusBadRequest, "Error\r\nPassword Too Weak!\r\n"}
	errOldPassword = &cgiError{http.StatusBadRequest, "Error\r\nInvalid Authority!\r\n"}
	errBusy        = &cgiError{http.StatusServiceUnavailable, "Error\r\nResource is limited!\r\n"}
	// errHTTPSOnly: passwords stand in the query of these actions, so over plain
	// HTTP they would cross the network readable. Real recorders let that happen;
	// this one does not.
	errHTTPSOnly = &cgiError{http.StatusBadRequest, "Error\r\nHTTPS only\r\n"}
)

// action is one CGI action: MODULE.action in the table of actions.
type action struct {
	admin bool                       // only for accounts of the group admin
	right recorder.Right             // that an account of the group user must have; empty = none
	on    func(recorder.Traits) bool // the recorders that have it; nil = all
	do    func(*cgiCall) error
}

// serveCGI answers one request below /cgi-bin/.
func (l *lan) serveCGI(w http.ResponseWriter, r *http.Request) {
	l.tidy()
	from := client(r, recorder.Client{Via: rekey.InterfaceCGI, Type: "CGI"})
	module := strings.TrimPrefix(r.URL.Path, cgiPrefix)
	if wantsChallenge(module + "?" + r.URL.Query().Get("action")) {
		l.refuseChallenge(r.Context(), module, from)
	}
	if crossSite(r) {
		writeCGI(w, errAuthority.status, errAuthority.body)
		return
	}
	if api, ok := strings.CutPrefix(module, "api/"); ok && l.traits.RPC2.CameraState {
		l.serveAPI(w, r, api, from)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		writeCGI(w, http.StatusNotImplemented, "Error\r\nNot Implemented!\r\n")
		return
	}
	account, no := l.enter(r, l.cgiDoor(), from)
	if no != nil {
		refuseCGI(w, no)
		return
	}
	if path, ok := strings.CutPrefix(module, "RPC_Loadfile/"); ok {
		l.serveFile(w, r, account, path)
		return
	}
	q, err := parseQuery(r.URL.RawQuery)
	c := &cgiCall{lan: l, r: r, q: q, account: account, from: from}
	if err == nil {
		err = c.run(module)
	}
	if err != nil {
		e := cgiErrorOf(err)
		if e.status == http.StatusInternalServerError {
			l.log.ErrorContext(r.Context(), "CGI request failed", "module", module, "error", err)
		}
		writeCGI(w, e.status, e.body)
		return
	}
	writeCGI(w, http.StatusOK, c.out.String())
}

// crossSite tells that a page of another site sent the request. All of CGI is
// GET, writes too, and a browser that knows the login signs it by itself.
func crossSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none": // no browser, or an old one; a page of ours; typed by a person
		return false
	}
	return true
}

// run finds the action and the right to it.
func (c *cgiCall) run(module string) error {
	actions, known := cgiModules[module]
	if !known {
		return errNoModule
	}
	a, known := actions[c.q["action"]]
	if !known || a.on != nil && !a.on(c.traits) {
		return errInvalid
	}
	if a.admin && !c.isAdmin(c.account) || a.right != "" && !c.may(c.account, a.right) {
		return errAuthority
	}
	return a.do(c)
}

func (l *lan) isAdmin(account string) bool {
	for _, a := range l.box.Accounts() {
		if a.Name == account {
			return a.Group == recorder.GroupAdmin
		}
	}
	return false
}

// cgiErrorOf turns an error of the box into what goes over the wire.
func cgiErrorOf(err error) *cgiError {
	var e *cgiError
	var login *rekey.LoginError
	var policy *recorder.PolicyError
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &login):
		if errors.Is(login.Kind, rekey.ErrLocked) {
			return lockedError(login)
		}
		return errOldPassword
	case errors.As(err, &policy):
		return errWeak
	case errors.Is(err, rekey.ErrDenied):
		return errAuthority
	case errors.Is(err, rekey.ErrStorage):
		return &cgiError{http.StatusInternalServerError, "Error\r\nInternal Error!\r\n"}
	}
	return errBadRequest
}

func lockedError(e *rekey.LoginError) *cgiError {
	return &cgiError{http.StatusForbidden, fmt.Sprintf(
		`{"ErrorCode":%d,"Result":false,"RmLock":%d,"RmLogin":%d}`+"\r\n", codeLocked, wholeSeconds(e.LockedFor), max(0, e.TriesLeft))}
}

// wholeSeconds rounds up: who waits that long finds the lock gone.
func wholeSeconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// writeCGI sends a text answer with the headers that recorders of the family
// send, the odd cookie included. They close the connection after each one.
func writeCGI(w http.ResponseWriter, status int, body string) {
	h := w.Header()
	h.Set("X-XSS-Protection", "1; mode=block")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Content-Security-Policy", "script-src 'self' 'unsafe-inline' 'unsafe-eval'")
	h.Set("Strict-Transport-Security", "max-age=604800; includeSubDomains")
	h.Set("Content-Type", "text/plain;charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Connection", "close")
	h.Set("Set-Cookie", "secure; HttpOnly")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) //nolint:gosec // plain text; a client that went away is no concern
}

// refuseCGI writes the answer to a request that was not let in.
func refuseCGI(w http.ResponseWriter, no *refusal) {
	if no.header != "" {
		w.Header().Set("WWW-Authenticate", no.header)
	}
	writeCGI(w, no.status, no.body)
}

// tidy forgets what is too old, so that the list of active users is true.
func (l *lan) tidy() {
	l.nonces.tidy()
	l.sessions.tidy()
	l.visits.tidy()
}
