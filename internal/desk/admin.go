package desk

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rekey"
	"rekey/internal/desk/courier"
	"rekey/internal/desk/staff"
)

// AddAgent makes a new agent, who needs a link (Invite) to come in. The proof is
// begun for RoleProof.
func (d *Desk) AddAgent(ctx context.Context, who Agent, name string, role staff.Role, proof StepUp) error {
	t := target{object: name, detail: map[string]string{"role": clip(string(role))}, bound: RoleProof(name, role), proof: proof}
	return d.perform(ctx, who, ActAgentAdd, t, func() error {
		switch strings.ToLower(name) {
		case operatorName, ownerName, systemName:
			return refuse(rekey.ErrInput, "the name %q is the desk's own; choose another", clip(name))
		}
		return d.staff.Add(ctx, name, role)
	})
}

// SetAgentRole gives an agent another role. The proof is begun for RoleProof.
func (d *Desk) SetAgentRole(ctx context.Context, who Agent, name string, role staff.Role, proof StepUp) (a Agent, err error) {
	t := target{object: name, detail: map[string]string{"role": clip(string(role))}, bound: RoleProof(name, role), proof: proof}
	err = d.perform(ctx, who, ActAgentRole, t, func() error {
		a, err = d.staff.SetRole(ctx, name, role)
		return err
	})
	return a, err
}

// DisableAgent takes an agent's rights away: their sessions are over at once.
func (d *Desk) DisableAgent(ctx context.Context, who Agent, name string) (a Agent, err error) {
	err = d.perform(ctx, who, ActAgentDisable, target{object: name}, func() error {
		a, err = d.staff.Disable(ctx, name)
		return err
	})
	return a, err
}

// EnableAgent gives them back. The proof is begun for the name.
func (d *Desk) EnableAgent(ctx context.Context, who Agent, name string, proof StepUp) (a Agent, err error) {
	err = d.perform(ctx, who, ActAgentEnable, target{object: name, bound: name, proof: proof}, func() error {
		a, err = d.staff.Enable(ctx, name)
		return err
	})
	return a, err
}

// SetAgentSSO says who an agent is at the identity provider. The proof is begun for SSOProof.
func (d *Desk) SetAgentSSO(ctx context.Context, who Agent, name, email string, proof StepUp) (a Agent, err error) {
	err = d.perform(ctx, who, ActAgentSSO, target{object: name, bound: SSOProof(name, email), proof: proof}, func() error {
		a, err = d.staff.SetSSO(ctx, name, email)
		return err
	})
	return a, err
}

// Invite draws a one-time link that registers a passkey of the agent; with
// fresh, their earlier ones are removed when it is used. The proof is begun for
// the name.
func (d *Desk) Invite(ctx context.Context, who Agent, name string, fresh bool, proof StepUp) (link rekey.Secret, until time.Time, err error) {
	t := target{object: name, bound: name, proof: proof}
	if fresh {
		t.detail = map[string]string{"earlier_passkeys": "removed when it is used"}
	}
	err = d.perform(ctx, who, ActAgentInvite, t, func() error {
		link, until, err = d.staff.Invite(ctx, name, fresh)
		return err
	})
	return link, until, err
}

// Agents lists the agents by name.
func (d *Desk) Agents(ctx context.Context, who Agent) (all []Agent, err error) {
	err = d.perform(ctx, who, ActAgentList, target{object: "agents"}, func() error {
		all, err = d.staff.Agents(ctx)
		return err
	})
	return all, err
}

// LogOut ends the request's session.
func (d *Desk) LogOut(w http.ResponseWriter, r *http.Request, who Agent) error {
	return d.perform(r.Context(), who, ActLogOut, target{object: who.Name}, func() error {
		d.staff.LogOut(w, r)
		return nil
	})
}

// Sessions lists an agent's sessions; of others only for administrator and
// supervisor. Empty = everybody's. r is the request that asks; it may be nil.
func (d *Desk) Sessions(ctx context.Context, who Agent, of string, r *http.Request) (all []staff.Session, err error) {
	t := target{object: of, of: of}
	if of == "" {
		t.object, t.of = "sessions", everybody
	}
	err = d.perform(ctx, who, ActSessionList, t, func() error {
		all = d.staff.Sessions(of, r)
		return nil
	})
	return all, err
}

// EndSession ends one; of others only for administrator and supervisor.
func (d *Desk) EndSession(ctx context.Context, who Agent, of, id string) error {
	return d.perform(ctx, who, ActSessionEnd, target{object: of, of: of}, func() error {
		return d.staff.EndSession(of, id)
	})
}

// MakeKey draws an API key; it is told once. The proof is begun for KeyProof.
func (d *Desk) MakeKey(ctx context.Context, who Agent, name string, scopes []staff.Scope, until time.Time, proof StepUp) (key rekey.Secret, err error) {
	t := target{object: name, detail: map[string]string{"scopes": clip(scopeWords(scopes))}, bound: KeyProof(name, scopes, until), proof: proof}
	err = d.perform(ctx, who, ActKeyMake, t, func() error {
		key, err = d.staff.MakeKey(ctx, who.Name, name, scopes, until)
		return err
	})
	return key, err
}

// Keys lists the API keys.
func (d *Desk) Keys(ctx context.Context, who Agent) (all []staff.Key, err error) {
	err = d.perform(ctx, who, ActKeyList, target{object: "keys"}, func() error {
		all, err = d.staff.Keys(ctx)
		return err
	})
	return all, err
}

// RevokeKey ends an API key at once.
func (d *Desk) RevokeKey(ctx context.Context, who Agent, name string) error {
	return d.perform(ctx, who, ActKeyRevoke, target{object: name}, func() error {
		return d.staff.RevokeKey(ctx, name)
	})
}

// AddHook registers an address for events. The proof is begun for the URL.
func (d *Desk) AddHook(ctx context.Context, who Agent, address string, events []string, proof StepUp) (h courier.Hook, secret rekey.Secret, err error) {
	t := target{object: hookObject(address), bound: address, proof: proof}
	err = d.perform(ctx, who, ActHookAdd, t, func() error {
		h, secret, err = d.courier.AddHook(ctx, address, events)
		return err
	})
	return h, secret, err
}

// hookObject is a hook's URL for the record, without what may be a secret in it.
func hookObject(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "no URL"
	}
	return u.Scheme + "://" + u.Host
}

// Hooks lists them.
func (d *Desk) Hooks(ctx context.Context, who Agent) (all []courier.Hook, err error) {
	err = d.perform(ctx, who, ActHookList, target{object: "hooks"}, func() error {
		all, err = d.courier.Hooks(ctx)
		return err
	})
	return all, err
}

// RemoveHook removes one.
func (d *Desk) RemoveHook(ctx context.Context, who Agent, id int64) error {
	return d.perform(ctx, who, ActHookRemove, target{object: "hook " + strconv.FormatInt(id, 10)}, func() error {
		return d.courier.RemoveHook(ctx, id)
	})
}
