package api

import (
	"context"
	"encoding/json"
	"net/http"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/staff"
	"rekey/internal/web"
)

// Proof is the answer to a ceremony: what navigator.credentials gave, in the
// JSON form of WebAuthn.
type Proof = staff.StepUp

// Nothing is the body of a request that says nothing.
type Nothing struct{}

// LogIn is the body of POST /login.
type LogIn struct {
	ID        string          `json:"id" doc:"Of the ceremony, from POST /login/begin." maxLength:"200"`
	Assertion json.RawMessage `json:"assertion" doc:"What navigator.credentials.get() gave, as JSON."`
}

// JoinBegin is the body of POST /join/begin.
type JoinBegin struct {
	Token string `json:"token" doc:"What stands behind # in the one-time link." maxLength:"200"`
}

// Join is the body of POST /join.
type Join struct {
	Token      string          `json:"token" doc:"What stands behind # in the one-time link." maxLength:"200"`
	ID         string          `json:"id" doc:"Of the ceremony, from POST /join/begin." maxLength:"200"`
	Credential json.RawMessage `json:"credential" doc:"What navigator.credentials.create() gave, as JSON."`
	Label      string          `json:"label" doc:"A name for the passkey." example:"security key on my ring" maxLength:"200"`
}

// Joining is the answer of POST /join/begin.
type Joining struct {
	Agent    desk.Agent     `json:"agent"`
	Ceremony staff.Ceremony `json:"ceremony"`
}

// BeginStepUp is the body of POST /step-up.
type BeginStepUp struct {
	Act    desk.Act `json:"act" doc:"The act that the proof is for, as x-rekey-act names it." example:"challenge.answer" maxLength:"100"`
	Case   int64    `json:"case,omitempty" doc:"Its number, where the act is about a case." example:"7"`
	Object string   `json:"object,omitempty" doc:"What the act is done to: the agent's, key's or dealer's name, the hook's URL, the Device ID, the challenge as it will be sent, the decision, or the case's number in digits. Where a new value counts as well, the operation says so: then it is one value a line, such as ann, and under it approver."`
}

// Sessions is the answer of GET /sessions.
type Sessions struct {
	Sessions []staff.Session `json:"sessions"`
}

func (s *server) loginRoutes() {
	add(s, route{id: "beginLogIn", method: http.MethodPost, path: "/login/begin", tag: tagSession, open: true,
		summary: "Begin a log-in by passkey", about: "The passkey says who it is. The ceremony counts for a few minutes, once."},
		func(ctx context.Context, c *call, _ *struct{ Body *Nothing }) (staff.Ceremony, error) {
			return s.desk.Staff().BeginLogIn(ctx, web.Sender(c.r))
		})
	add(s, route{id: "logIn", method: http.MethodPost, path: "/login", tag: tagSession, open: true, status: http.StatusCreated,
		summary: "Begin a session", about: "Sets the session's cookie. Every refusal is in the same words."},
		func(_ context.Context, c *call, in *struct{ Body LogIn }) (desk.Agent, error) {
			return s.desk.Staff().FinishLogIn(c.w, c.r, in.Body.ID, in.Body.Assertion)
		})
	add(s, route{id: "beginJoin", method: http.MethodPost, path: "/join/begin", tag: tagSession, open: true,
		summary: "Begin to register a passkey by a one-time link", about: "Does not use the link up."},
		func(ctx context.Context, c *call, in *struct{ Body JoinBegin }) (j Joining, err error) {
			j.Ceremony, j.Agent, err = s.desk.Staff().BeginPasskey(ctx, rekey.NewSecret(in.Body.Token), web.Sender(c.r))
			return j, err
		})
	add(s, route{id: "join", method: http.MethodPost, path: "/join", tag: tagSession, open: true, status: http.StatusCreated,
		summary: "Register a passkey by a one-time link", about: "Uses the link up. It does not log in."},
		func(ctx context.Context, c *call, in *struct{ Body Join }) (desk.Agent, error) {
			return s.desk.Staff().FinishPasskey(ctx, rekey.NewSecret(in.Body.Token), web.Sender(c.r), in.Body.ID, in.Body.Credential, in.Body.Label)
		})
	s.sessionRoutes()
}

func (s *server) sessionRoutes() {
	add(s, route{id: "whoAmI", method: http.MethodGet, path: "/session", tag: tagSession,
		summary: "Who am I", about: "The agent of the session, or the program of the key."},
		func(_ context.Context, c *call, _ *struct{}) (desk.Agent, error) { return c.who, nil })
	addQuiet(s, route{id: "logOut", method: http.MethodDelete, path: "/session", tag: tagSession, act: desk.ActLogOut,
		summary: "End the session"},
		func(_ context.Context, c *call, _ *struct{}) error { return s.desk.LogOut(c.w, c.r, c.who) })
	add(s, route{id: "listSessions", method: http.MethodGet, path: "/sessions", tag: tagSession, act: desk.ActSessionList,
		summary: "List sessions", about: "Of others only for administrator and supervisor."},
		func(ctx context.Context, c *call, in *struct {
			Of string `query:"of" doc:"An agent; empty = everybody." maxLength:"100"`
		}) (Sessions, error) {
			all, err := s.desk.Sessions(ctx, c.who, in.Of, c.r)
			return Sessions{some(all)}, err
		})
	addQuiet(s, route{id: "endSession", method: http.MethodDelete, path: "/sessions/{agent}/{id}", tag: tagSession, act: desk.ActSessionEnd,
		summary: "End one session of an agent"},
		func(ctx context.Context, c *call, in *struct {
			Agent string `path:"agent" maxLength:"100"`
			ID    string `path:"id" maxLength:"100"`
		}) error {
			return s.desk.EndSession(ctx, c.who, in.Agent, in.ID)
		})
	add(s, route{id: "beginStepUp", method: http.MethodPost, path: "/step-up", tag: tagSession,
		summary: "Begin a fresh proof of presence for one act", about: "By one of the agent's own passkeys. It counts for that act, case and object alone, once, for two minutes."},
		func(ctx context.Context, c *call, in *struct{ Body BeginStepUp }) (staff.Ceremony, error) {
			return s.desk.BeginStepUp(ctx, c.who, in.Body.Act, in.Body.Case, in.Body.Object)
		})
}

// some is a list that is written as [], not null, when it is empty.
func some[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}
