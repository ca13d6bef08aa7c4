package api

import (
	"context"
	"net/http"
	"time"

	"rekey/internal/desk"
	"rekey/internal/desk/staff"
)

// AddAgent is the body of POST /agents.
type AddAgent struct {
	Name   string     `json:"name" example:"ann" maxLength:"100"`
	Role   staff.Role `json:"role" enum:"agent,approver,supervisor,auditor,administrator" example:"agent"`
	StepUp Proof      `json:"step_up,omitzero" doc:"Begun for the name and the role, a line each."`
}

// SetRole is the body of POST /agents/{name}/role.
type SetRole struct {
	Role   staff.Role `json:"role" enum:"agent,approver,supervisor,auditor,administrator" example:"approver"`
	StepUp Proof      `json:"step_up,omitzero" doc:"Begun for the name and the role, a line each."`
}

// Confirmed is the body of a request that says nothing but who is there.
type Confirmed struct {
	StepUp Proof `json:"step_up,omitzero" doc:"Begun for the name."`
}

// Invite is the body of POST /agents/{name}/invite.
type Invite struct {
	Fresh  bool  `json:"fresh,omitempty" doc:"Remove the agent's earlier passkeys when the link is used."`
	StepUp Proof `json:"step_up,omitzero" doc:"Begun for the name."`
}

// Invitation is the answer: the link is told once.
type Invitation struct {
	Link  string    `json:"link" doc:"Opens once; give it to nobody but the agent."`
	Until time.Time `json:"until"`
}

// SetSSO is the body of POST /agents/{name}/sso.
type SetSSO struct {
	Email  string `json:"email" doc:"Verified address at the identity provider; empty = none." example:"ann@example.com" maxLength:"254"`
	StepUp Proof  `json:"step_up,omitzero" doc:"Begun for the name and the address, a line each."`
}

// Agents is the answer of GET /agents.
type Agents struct {
	Agents []desk.Agent `json:"agents"`
}

// Named is the path of an agent, a key or a dealer.
type Named struct {
	Name string `path:"name" maxLength:"100"`
}

func (s *server) agentRoutes() {
	add(s, route{id: "listAgents", method: http.MethodGet, path: "/agents", tag: tagAgents, act: desk.ActAgentList,
		summary: "List agents", about: "By name."},
		func(ctx context.Context, c *call, _ *struct{}) (Agents, error) {
			all, err := s.desk.Agents(ctx, c.who)
			return Agents{some(all)}, err
		})
	add(s, route{id: "addAgent", method: http.MethodPost, path: "/agents", tag: tagAgents, act: desk.ActAgentAdd, status: http.StatusCreated, keyed: true,
		summary: "Add an agent", about: "They need a one-time link to come in: POST /agents/{name}/invite."},
		func(ctx context.Context, c *call, in *struct{ Body AddAgent }) (desk.Agent, error) {
			b := in.Body
			return desk.Agent{Name: b.Name, Role: b.Role}, s.desk.AddAgent(ctx, c.who, b.Name, b.Role, b.StepUp)
		})
	add(s, route{id: "setRole", method: http.MethodPost, path: "/agents/{name}/role", tag: tagAgents, act: desk.ActAgentRole, keyed: true,
		summary: "Give an agent another role", about: "Their sessions are over at once."},
		func(ctx context.Context, c *call, in *struct {
			Named
			Body SetRole
		}) (desk.Agent, error) {
			return s.desk.SetAgentRole(ctx, c.who, in.Name, in.Body.Role, in.Body.StepUp)
		})
	add(s, route{id: "disableAgent", method: http.MethodPost, path: "/agents/{name}/disable", tag: tagAgents, act: desk.ActAgentDisable, keyed: true,
		summary: "Take an agent's rights away", about: "Their sessions are over at once."},
		func(ctx context.Context, c *call, in *struct {
			Named
			Body *Nothing
		}) (desk.Agent, error) {
			return s.desk.DisableAgent(ctx, c.who, in.Name)
		})
	s.returnRoutes()
}

// returnRoutes let an agent in, or in again.
func (s *server) returnRoutes() {
	add(s, route{id: "enableAgent", method: http.MethodPost, path: "/agents/{name}/enable", tag: tagAgents, act: desk.ActAgentEnable, keyed: true,
		summary: "Give an agent their rights back"},
		func(ctx context.Context, c *call, in *struct {
			Named
			Body Confirmed
		}) (desk.Agent, error) {
			return s.desk.EnableAgent(ctx, c.who, in.Name, in.Body.StepUp)
		})
	add(s, route{id: "inviteAgent", method: http.MethodPost, path: "/agents/{name}/invite", tag: tagAgents, act: desk.ActAgentInvite, status: http.StatusCreated, keyed: true, secret: true,
		summary: "Draw a one-time link that registers a passkey", about: "It counts for a day and once; an earlier one is worth nothing then. It is told once."},
		func(ctx context.Context, c *call, in *struct {
			Named
			Body Invite
		}) (Invitation, error) {
			link, until, err := s.desk.Invite(ctx, c.who, in.Name, in.Body.Fresh, in.Body.StepUp)
			return Invitation{link.Reveal(), until}, err
		})
	add(s, route{id: "setSSO", method: http.MethodPost, path: "/agents/{name}/sso", tag: tagAgents, act: desk.ActAgentSSO, keyed: true,
		summary: "Say who an agent is at the identity provider"},
		func(ctx context.Context, c *call, in *struct {
			Named
			Body SetSSO
		}) (desk.Agent, error) {
			return s.desk.SetAgentSSO(ctx, c.who, in.Name, in.Body.Email, in.Body.StepUp)
		})
}
