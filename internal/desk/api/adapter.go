package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"rekey"
	"rekey/internal/desk"
)

// call is one request, of who made it.
type call struct {
	rt  route
	who desk.Agent // nobody on the routes that begin a session
	w   http.ResponseWriter
	r   *http.Request
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// adapter puts huma's operations on the mux, each behind the limits, the
// session and the idempotency key.
type adapter struct{ s *server }

// Handle implements huma.Adapter.
func (a adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	rt, _ := op.Metadata[routeKey].(route)
	a.s.mux.HandleFunc(op.Method+" "+Path+op.Path, func(w http.ResponseWriter, r *http.Request) {
		c := &call{rt: rt, w: w, r: r}
		if err := a.s.admit(c); err != nil {
			a.s.refuse(w, r, err)
			return
		}
		a.s.once(c, func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Accept", "application/json") // there is nothing else to choose
			c.w, c.r = w, r.WithContext(context.WithValue(r.Context(), callKey{}, c))
			handler(&humaContext{innerContext: humago.NewContext(op, c.r, c.w)})
		})
	})
}

// ServeHTTP implements huma.Adapter.
func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.s.mux.ServeHTTP(w, r) }

type innerContext huma.Context

// humaContext lets huma's own refusals leave with the status that the rest of rekey has for them.
type humaContext struct {
	innerContext
	instead int // status; 0 = as huma says
}

// Unwrap is for huma.
func (c *humaContext) Unwrap() huma.Context { return c.innerContext }

// SetStatus implements huma.Context.
func (c *humaContext) SetStatus(code int) {
	if c.instead != 0 {
		code = c.instead
	}
	c.innerContext.SetStatus(code)
}

// admit lets a request in: not too many, from somebody, with a JSON body where
// it has one. It reads the body whole.
func (s *server) admit(c *call) (err error) {
	if err := s.limits.address(c.r); err != nil {
		return err
	}
	if !c.rt.open {
		if c.who, err = s.whose(c); err != nil {
			// Not recorded: whoever has no session could otherwise fill the security
			// log. What ends a session that was taken elsewhere is, by staff.
			if slow := s.limits.stranger(c.r); slow != nil {
				return slow
			}
			return err
		}
		if err := s.limits.agent(c.who); err != nil {
			return err
		}
	} else if err := s.limits.stranger(c.r); err != nil {
		return err
	}
	if c.r.Method != http.MethodPost {
		return nil
	}
	if err := readBody(c); err != nil {
		return s.unusable(c, err)
	}
	return nil
}

// whose is who made a request. One that a browser makes by itself, with nobody
// there, does not count as use of the session.
func (s *server) whose(c *call) (desk.Agent, error) {
	if c.rt.alone {
		return s.desk.Staff().Still(c.r)
	}
	return s.desk.Staff().Who(c.r)
}

// unusable is the answer to a request that never comes to its act, for why: who
// may not do the act hears that, and it is recorded, as if the request were well formed.
func (s *server) unusable(c *call, why error) error {
	if c.rt.open || c.rt.act == "" {
		return why
	}
	number, err := strconv.ParseInt(c.r.PathValue("number"), 10, 64)
	if err != nil || number < 1 {
		number = 0
	}
	return s.desk.Unusable(c.r.Context(), c.who, c.rt.act, number, strings.TrimPrefix(c.r.URL.Path, Path), why)
}

// bodyTime is how long the body of a request may take.
const bodyTime = 20 * time.Second

// readBody reads the body, which must say that it is JSON: what a page of
// another site can send without asking first never says so.
func readBody(c *call) error {
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return fmt.Errorf("%w: Content-Type: expected application/json", rekey.ErrInput)
	}
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(bodyTime)) // a test's recorder has none
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, mostBody))
	if err != nil {
		return fmt.Errorf("%w: the body could not be read: %w", rekey.ErrInput, err)
	}
	c.r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}
