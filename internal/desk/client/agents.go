package client

import (
	"context"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/api"
	"rekey/internal/desk/courier"
	"rekey/internal/desk/staff"
)

// Agents lists the agents by name.
func (c *Client) Agents(ctx context.Context) ([]desk.Agent, error) {
	var out api.Agents
	err := c.get(ctx, &out, nil, "agents")
	return out.Agents, err
}

// AddAgent makes a new agent, who needs a link (Invite) to come in.
func (c *Client) AddAgent(ctx context.Context, name string, role staff.Role) error {
	proof, err := c.stepUp(ctx, desk.ActAgentAdd, 0, desk.RoleProof(name, role))
	if err != nil {
		return err
	}
	return c.post(ctx, api.AddAgent{Name: name, Role: role, StepUp: proof}, nil, "agents")
}

// SetRole gives an agent another role.
func (c *Client) SetRole(ctx context.Context, name string, role staff.Role) (who desk.Agent, err error) {
	proof, err := c.stepUp(ctx, desk.ActAgentRole, 0, desk.RoleProof(name, role))
	if err != nil {
		return who, err
	}
	return who, c.post(ctx, api.SetRole{Role: role, StepUp: proof}, &who, "agents", name, "role")
}

// DisableAgent takes an agent's rights away: their sessions are over at once.
func (c *Client) DisableAgent(ctx context.Context, name string) (who desk.Agent, err error) {
	return who, c.post(ctx, nil, &who, "agents", name, "disable")
}

// EnableAgent gives them back.
func (c *Client) EnableAgent(ctx context.Context, name string) (who desk.Agent, err error) {
	proof, err := c.stepUp(ctx, desk.ActAgentEnable, 0, name)
	if err != nil {
		return who, err
	}
	return who, c.post(ctx, api.Confirmed{StepUp: proof}, &who, "agents", name, "enable")
}

// Invite draws a one-time link that registers a passkey of the agent; with
// fresh, their earlier ones are removed when it is used.
func (c *Client) Invite(ctx context.Context, name string, fresh bool) (link rekey.Secret, until time.Time, err error) {
	proof, err := c.stepUp(ctx, desk.ActAgentInvite, 0, name)
	if err != nil {
		return link, until, err
	}
	var out api.Invitation
	err = c.post(ctx, api.Invite{Fresh: fresh, StepUp: proof}, &out, "agents", name, "invite")
	return rekey.NewSecret(out.Link), out.Until, err
}

// SetSSO says who an agent is at the identity provider.
func (c *Client) SetSSO(ctx context.Context, name, email string) (who desk.Agent, err error) {
	proof, err := c.stepUp(ctx, desk.ActAgentSSO, 0, desk.SSOProof(name, email))
	if err != nil {
		return who, err
	}
	return who, c.post(ctx, api.SetSSO{Email: email, StepUp: proof}, &who, "agents", name, "sso")
}

// Keys lists the API keys.
func (c *Client) Keys(ctx context.Context) ([]staff.Key, error) {
	var out api.Keys
	err := c.get(ctx, &out, nil, "keys")
	return out.Keys, err
}

// MakeKey draws an API key; it is told once.
func (c *Client) MakeKey(ctx context.Context, name string, scopes []staff.Scope, until time.Time) (rekey.Secret, error) {
	proof, err := c.stepUp(ctx, desk.ActKeyMake, 0, desk.KeyProof(name, scopes, until))
	if err != nil {
		return rekey.Secret{}, err
	}
	var out api.MadeKey
	err = c.post(ctx, api.MakeKey{Name: name, Scopes: scopes, Until: until, StepUp: proof}, &out, "keys")
	return rekey.NewSecret(out.Key), err
}

// RevokeKey ends an API key at once.
func (c *Client) RevokeKey(ctx context.Context, name string) error {
	return c.remove(ctx, "keys", name)
}

// Hooks lists the webhooks.
func (c *Client) Hooks(ctx context.Context) ([]courier.Hook, error) {
	var out api.Hooks
	err := c.get(ctx, &out, nil, "hooks")
	return out.Hooks, err
}

// AddHook registers an address for events; no events = all. The secret, for the
// check of each delivery, is told once.
func (c *Client) AddHook(ctx context.Context, address string, events []string) (courier.Hook, rekey.Secret, error) {
	proof, err := c.stepUp(ctx, desk.ActHookAdd, 0, address)
	if err != nil {
		return courier.Hook{}, rekey.Secret{}, err
	}
	var out api.AddedHook
	err = c.post(ctx, api.AddHook{URL: address, Events: events, StepUp: proof}, &out, "hooks")
	return out.Hook, rekey.NewSecret(out.Secret), err
}

// RemoveHook removes one.
func (c *Client) RemoveHook(ctx context.Context, hook int64) error {
	return c.remove(ctx, "hooks", id(hook))
}
