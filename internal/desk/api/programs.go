package api

import (
	"context"
	"net/http"
	"time"

	"rekey/internal/desk"
	"rekey/internal/desk/courier"
	"rekey/internal/desk/staff"
)

// MakeKey is the body of POST /keys.
type MakeKey struct {
	Name   string        `json:"name" example:"production-line-2" maxLength:"100"`
	Scopes []staff.Scope `json:"scopes" enum:"recorders.enrol,recorders.read,recorders.owner,cases.read,cases.open,figures.read,log.read" minItems:"1" maxItems:"7" nullable:"false"`
	Until  time.Time     `json:"until" doc:"The key counts until then." example:"2027-01-01T00:00:00Z"`
	StepUp Proof         `json:"step_up,omitzero" doc:"Begun for the name, the scopes sorted with a blank between, and the day of the end in UTC, a line each."`
}

// MadeKey is the answer: the key is told once.
type MadeKey struct {
	Name string `json:"name"`
	Key  string `json:"key" doc:"For Authorization: Bearer. It is told once."`
}

// Keys is the answer of GET /keys.
type Keys struct {
	Keys []staff.Key `json:"keys"`
}

// AddHook is the body of POST /hooks.
type AddHook struct {
	URL    string   `json:"url" doc:"https, or http to this machine." example:"https://crm.example.com/rekey" maxLength:"2000"`
	Events []string `json:"events,omitempty" doc:"Empty = all." maxItems:"50" nullable:"false"`
	StepUp Proof    `json:"step_up,omitzero" doc:"Begun for the URL."`
}

// AddedHook is the answer: the secret is told once.
type AddedHook struct {
	Hook   courier.Hook `json:"hook"`
	Secret string       `json:"secret" doc:"For the check of Rekey-Signature. It is told once."`
}

// Hooks is the answer of GET /hooks.
type Hooks struct {
	Hooks []courier.Hook `json:"hooks"`
}

func (s *server) keyRoutes() {
	add(s, route{id: "listKeys", method: http.MethodGet, path: "/keys", tag: tagPrograms, act: desk.ActKeyList,
		summary: "List API keys", about: "Without what is secret of them."},
		func(ctx context.Context, c *call, _ *struct{}) (Keys, error) {
			all, err := s.desk.Keys(ctx, c.who)
			return Keys{some(all)}, err
		})
	add(s, route{id: "makeKey", method: http.MethodPost, path: "/keys", tag: tagPrograms, act: desk.ActKeyMake, status: http.StatusCreated, keyed: true, secret: true,
		summary: "Make an API key", about: "It is told once. No scope reveals, approves, thaws, or touches agents and keys."},
		func(ctx context.Context, c *call, in *struct{ Body MakeKey }) (MadeKey, error) {
			key, err := s.desk.MakeKey(ctx, c.who, in.Body.Name, in.Body.Scopes, in.Body.Until, in.Body.StepUp)
			return MadeKey{in.Body.Name, key.Reveal()}, err
		})
	addQuiet(s, route{id: "revokeKey", method: http.MethodDelete, path: "/keys/{name}", tag: tagPrograms, act: desk.ActKeyRevoke,
		summary: "End an API key at once"},
		func(ctx context.Context, c *call, in *Named) error { return s.desk.RevokeKey(ctx, c.who, in.Name) })
	s.hookRoutes()
}

func (s *server) hookRoutes() {
	add(s, route{id: "listHooks", method: http.MethodGet, path: "/hooks", tag: tagPrograms, act: desk.ActHookList,
		summary: "List webhooks"},
		func(ctx context.Context, c *call, _ *struct{}) (Hooks, error) {
			all, err := s.desk.Hooks(ctx, c.who)
			return Hooks{some(all)}, err
		})
	add(s, route{id: "addHook", method: http.MethodPost, path: "/hooks", tag: tagPrograms, act: desk.ActHookAdd, status: http.StatusCreated, keyed: true, secret: true,
		summary: "Register an address for events", about: "Each delivery carries Rekey-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of \"<t>.<body>\"> with the secret, which is told once."},
		func(ctx context.Context, c *call, in *struct{ Body AddHook }) (AddedHook, error) {
			hook, secret, err := s.desk.AddHook(ctx, c.who, in.Body.URL, in.Body.Events, in.Body.StepUp)
			return AddedHook{hook, secret.Reveal()}, err
		})
	addQuiet(s, route{id: "removeHook", method: http.MethodDelete, path: "/hooks/{id}", tag: tagPrograms, act: desk.ActHookRemove,
		summary: "Remove a webhook"},
		func(ctx context.Context, c *call, in *struct {
			ID int64 `path:"id" minimum:"1"`
		}) error {
			return s.desk.RemoveHook(ctx, c.who, in.ID)
		})
}
