package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"rekey"
)

// Problem is the body of a refusal, RFC 9457 (application/problem+json) with
// type about:blank and one extension, code.
type Problem struct {
	Title  string `json:"title"` // the phrase of the status
	Status int    `json:"status"`
	Code   string `json:"code"`             // stable word for programs, e.g. "locked"
	Detail string `json:"detail,omitempty"` // for a person
}

var internalProblem = Problem{Status: http.StatusInternalServerError, Code: "internal", Detail: "internal error"}

// statuses is the one map from the kinds of failure to HTTP. Where tell is
// false the error's words stay in the log, because they name files of this
// machine.
var statuses = []struct {
	kind   error
	status int
	code   string
	tell   bool
}{
	{rekey.ErrInput, http.StatusBadRequest, "input", true},
	{rekey.ErrLocked, http.StatusTooManyRequests, "locked", true},
	{rekey.ErrBudget, http.StatusTooManyRequests, "budget", true},
	{rekey.ErrDenied, http.StatusForbidden, "denied", true},
	{rekey.ErrNotFound, http.StatusNotFound, "not_found", true},
	{rekey.ErrConflict, http.StatusConflict, "conflict", true},
	{rekey.ErrWaiting, http.StatusConflict, "waiting", true},
	{rekey.ErrFindings, http.StatusConflict, "findings", true},
	{rekey.ErrRisk, http.StatusPreconditionRequired, "risk", true},
	{rekey.ErrVerify, http.StatusUnprocessableEntity, "verify", true},
	{rekey.ErrUnsupported, http.StatusNotImplemented, "unsupported", true},
	{rekey.ErrUnreachable, http.StatusBadGateway, "unreachable", true},
	{rekey.ErrNotRecorder, http.StatusBadGateway, "not_recorder", true},
	{rekey.ErrUnknown, http.StatusBadGateway, "unknown", true},
	{rekey.ErrStorage, http.StatusInsufficientStorage, "storage", false},
}

// ErrNoSession refuses a call that needs a session and has none that lives. It
// is a rekey.ErrDenied, but its status is 401: to log in helps, as it does not
// where somebody is logged in and may not do the thing (403).
var ErrNoSession = fmt.Errorf("%w: log in first", rekey.ErrDenied)

// ProblemOf turns an error into what a client may know of it.
func ProblemOf(err error) Problem {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return Problem{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Detail: "the request is too large; at most 1 MiB is taken"}
	}
	if errors.Is(err, ErrNoSession) {
		return Problem{Status: http.StatusUnauthorized, Code: "no_session", Detail: "log in first"}
	}
	for _, s := range statuses {
		if !errors.Is(err, s.kind) {
			continue
		}
		p := Problem{Status: s.status, Code: s.code, Detail: s.kind.Error()}
		if s.tell {
			p.Detail = err.Error()
		}
		return p
	}
	return internalProblem
}

// Fail answers with the error as a problem in JSON or as a page. An error of no
// known kind says "internal error" only; its words go to the log.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	p := ProblemOf(err)
	if p.Status >= http.StatusInternalServerError {
		logger(r).Error("request failed", "method", r.Method, "path", r.URL.Path, "status", p.Status, "error", err)
	}
	if login, ok := errors.AsType[*rekey.LoginError](err); ok && login.LockedFor > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(login.LockedFor.Seconds()))))
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Cookie") // RFC 9110 asks for a challenge; browsers ignore this one
	}
	writeProblem(w, r, p)
}

func writeProblem(w http.ResponseWriter, r *http.Request, p Problem) {
	p.Title = http.StatusText(p.Status)
	w.Header().Set("Vary", "Accept")
	var body bytes.Buffer
	var err error
	if PrefersJSON(r) {
		w.Header().Set("Content-Type", "application/problem+json")
		err = json.NewEncoder(&body).Encode(p)
	} else {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		err = Page(p.Title, problem(p)).Render(r.Context(), &body)
	}
	if err != nil {
		logger(r).Error("render problem", "error", err)
	}
	w.WriteHeader(p.Status)
	if _, err := w.Write(body.Bytes()); err != nil {
		logger(r).Debug("client went away", "path", r.URL.Path, "error", err)
	}
}
