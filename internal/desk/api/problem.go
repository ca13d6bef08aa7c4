package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"rekey"
	"rekey/internal/desk/staff"
	"rekey/internal/web"
)

// problem is a refusal on its way through huma.
type problem struct{ web.Problem }

// Error is the detail.
func (p *problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// waitOf is how long an error asks to wait; 0 = it does not say.
func waitOf(err error) time.Duration {
	var often *tooManyError
	var failed *staff.ThrottledError
	switch {
	case errors.As(err, &often):
		return often.wait
	case errors.As(err, &failed):
		return failed.Left
	}
	return 0
}

// refusal turns an error into what a client may know of it. What the client may
// not know goes to the log.
func (s *server) refusal(w http.ResponseWriter, r *http.Request, err error) *problem {
	p := web.ProblemOf(err)
	p.Title = http.StatusText(p.Status)
	if p.Status >= http.StatusInternalServerError {
		s.desk.Log().Error("request failed", "method", r.Method, "path", r.URL.Path, "status", p.Status, "error", err)
	}
	if wait := waitOf(err); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Cookie, Bearer realm="rekey desk"`)
	}
	return &problem{p}
}

// refuse answers with a problem, outside of huma.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := s.refusal(w, r, err)
	writeProblem(w, p.Problem)
}

func writeProblem(w http.ResponseWriter, p web.Problem) {
	p.Title = http.StatusText(p.Status)
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may be gone
}

// noSuchPath answers whatever no operation answers.
func (s *server) noSuchPath(w http.ResponseWriter, r *http.Request) {
	var allow []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := s.mux.Handler(other); strings.HasPrefix(pattern, method+" ") {
			allow = append(allow, method)
		}
	}
	if len(allow) == 0 {
		writeProblem(w, web.Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "there is no such operation; see " + Path + "/openapi.json"})
		return
	}
	w.Header().Set("Allow", strings.Join(allow, ", "))
	writeProblem(w, web.Problem{Status: http.StatusMethodNotAllowed, Code: "method", Detail: "expected " + strings.Join(allow, " or ")})
}

// ourProblem turns what huma found wrong with a request into a problem of ours.
// huma repeats what was sent; this does not.
func (s *server) ourProblem(ctx huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := web.Problem{Status: http.StatusBadRequest, Title: http.StatusText(http.StatusBadRequest), Code: "input", Detail: whatIsWrong(model)}
	if model.Status >= http.StatusInternalServerError {
		p = web.Problem{Status: model.Status, Title: http.StatusText(model.Status), Code: "internal", Detail: "internal error"}
	}
	if c := callOf(ctx.Context()); c != nil && p.Status == http.StatusBadRequest {
		if err := s.unusable(c, nil); err != nil {
			p = s.refusal(c.w, c.r, err).Problem
		}
	}
	if c, ok := ctx.(*humaContext); ok {
		c.instead = p.Status
	}
	return p, nil
}

// whatIsWrong says it in words that are ours or the document's.
func whatIsWrong(model *huma.ErrorModel) string {
	const most = 3
	var all []string
	for _, e := range model.Errors {
		if len(all) < most {
			all = append(all, detail(e))
		}
	}
	if len(all) == 0 {
		return "the body is missing; expected one JSON object"
	}
	return strings.Join(slices.Compact(all), "; ")
}

func detail(e *huma.ErrorDetail) string {
	switch {
	case e.Message == validation.MsgUnexpectedProperty:
		return "the body has a field that this operation does not know" // its name was sent, so it is not repeated
	case e.Message == "unknown query parameter":
		return "there is a query parameter that this operation does not know"
	case strings.HasPrefix(e.Message, "invalid value"):
		return e.Location + ": not of the expected form"
	}
	return e.Location + ": " + e.Message
}

func problemSchema(schemas huma.Registry) *huma.Schema {
	return schemas.Schema(reflect.TypeFor[web.Problem](), true, "Problem")
}

// exampleProblem is a problem as the document shows it.
func exampleProblem(status int) web.Problem {
	kinds := map[int]error{
		http.StatusBadRequest: rekey.ErrInput, http.StatusUnauthorized: web.ErrNoSession, http.StatusForbidden: rekey.ErrDenied,
		http.StatusNotFound: rekey.ErrNotFound, http.StatusConflict: rekey.ErrConflict, http.StatusTooManyRequests: &tooManyError{3 * time.Second},
		http.StatusUnprocessableEntity: rekey.ErrVerify, http.StatusBadGateway: rekey.ErrUnreachable, http.StatusInsufficientStorage: rekey.ErrStorage,
		http.StatusRequestEntityTooLarge: &http.MaxBytesError{},
	}
	err := kinds[status]
	if err == nil {
		err = fmt.Errorf("unknown kind")
	}
	p := web.ProblemOf(err)
	p.Title = http.StatusText(p.Status)
	return p
}
