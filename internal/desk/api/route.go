package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/staff"
)

// route is one operation of the API.
type route struct {
	id      string // operation id
	method  string
	path    string
	tag     string
	summary string
	about   string
	act     desk.Act // what package desk calls it; empty = whoever has a session may
	open    bool     // without a session
	status  int      // 0 = 200, or 204 where nothing is answered
	keyed   bool     // takes an Idempotency-Key
	alone   bool     // browsers ask by themselves, with nobody there
	secret  bool     // what it answers is told once: it is not kept for a repeat
}

const routeKey = "rekey"

// output is an answer with a body.
type output[O any] struct{ Body O }

// add puts an operation that answers something on the API.
func add[I, O any](s *server, rt route, do func(ctx context.Context, c *call, in *I) (O, error)) {
	huma.Register(s.huma, s.operation(rt), func(ctx context.Context, in *I) (*output[O], error) {
		c := callOf(ctx)
		out, err := do(ctx, c, in)
		if err != nil {
			return nil, s.refused(c, err)
		}
		return &output[O]{out}, nil
	})
}

// addQuiet puts an operation that answers nothing on the API.
func addQuiet[I any](s *server, rt route, do func(ctx context.Context, c *call, in *I) error) {
	huma.Register(s.huma, s.operation(rt), func(ctx context.Context, in *I) (*struct{}, error) {
		c := callOf(ctx)
		if err := do(ctx, c, in); err != nil {
			return nil, s.refused(c, err)
		}
		return nil, nil
	})
}

// refused is how an operation ends that failed. What a handler could not read
// may not have come to its act, which would have said who may not do it.
func (s *server) refused(c *call, err error) *problem {
	if errors.Is(err, rekey.ErrInput) {
		err = s.unusable(c, err)
	}
	return s.refusal(c.w, c.r, err)
}

// operation is what the document says of a route.
func (s *server) operation(rt route) huma.Operation {
	op := huma.Operation{
		OperationID: rt.id, Method: rt.method, Path: rt.path, Summary: rt.summary, Description: rt.about,
		Tags: []string{rt.tag}, DefaultStatus: rt.status, MaxBodyBytes: 2 * mostBody, BodyReadTimeout: -1,
		Metadata: map[string]any{routeKey: rt}, Responses: map[string]*huma.Response{}, RejectUnknownQueryParameters: true,
	}
	for _, status := range rt.refusals() {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + responseName(status)}
	}
	if rt.open {
		op.Security = []map[string][]string{{}}
		return op
	}
	op.Security = []map[string][]string{{"session": {}}}
	if len(rt.scopes()) > 0 || rt.act == "" {
		op.Security = append(op.Security, map[string][]string{"key": {}})
	}
	if rt.act != "" {
		op.Extensions = map[string]any{"x-rekey-act": map[string]any{
			"act": rt.act, "roles": rt.roles(), "scopes": rt.scopes(), "step_up": desk.NeedsStepUp(rt.act),
		}}
	}
	if rt.keyed {
		op.Parameters = append(op.Parameters, idempotencyKey())
	}
	return op
}

// roles are the roles that may do what the route does at all, as package desk grants it.
func (rt route) roles() []staff.Role {
	return slices.DeleteFunc(staff.Roles(), func(r staff.Role) bool { return !desk.May(desk.Agent{Role: r}, rt.act) })
}

// scopes are the scopes of API keys that may.
func (rt route) scopes() []staff.Scope {
	return slices.DeleteFunc(staff.Scopes(), func(s staff.Scope) bool {
		return !desk.May(desk.Agent{Role: staff.RoleProgram, Scopes: []staff.Scope{s}}, rt.act)
	})
}

// refusals are the statuses that a route can refuse with.
func (rt route) refusals() []int {
	all := map[int]bool{http.StatusBadRequest: true, http.StatusForbidden: true, http.StatusTooManyRequests: true,
		http.StatusInternalServerError: true, http.StatusInsufficientStorage: true}
	if !rt.open {
		all[http.StatusUnauthorized] = true
	}
	if rt.act != "" {
		all[http.StatusNotFound] = true
	}
	if rt.method == http.MethodPost {
		all[http.StatusRequestEntityTooLarge] = true
		all[http.StatusConflict] = true
		all[http.StatusUnprocessableEntity] = true
	}
	switch rt.act {
	case desk.ActReveal, desk.ActCodeSend:
		all[http.StatusBadGateway] = true
	}
	return slices.Sorted(maps.Keys(all))
}
