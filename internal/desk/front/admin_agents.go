package front

import (
	"context"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/staff"
)

func (f *front) agents(c *call) (reply, error) { return f.agentsPage(c, nil) }

func (f *front) agentsPage(c *call, failed error) (reply, error) {
	all, err := f.desk.Agents(c.r.Context(), c.who)
	if err != nil {
		return reply{}, err
	}
	typed := agentTyped{c.field("name"), staff.Role(c.field("role"))}
	return reply{title: "Agents", page: agentsPage(all, typed, told(failed))}, failed
}

// agentTyped is what stood in the form of a new agent.
type agentTyped struct {
	Name string
	Role staff.Role
}

func (f *front) addAgent(c *call) (reply, error) {
	name := c.field("name")
	proof, err := c.stepUp()
	if err == nil {
		err = f.desk.AddAgent(c.r.Context(), c.who, name, staff.Role(c.field("role")), proof)
	}
	if err != nil {
		return f.agentsPage(c, err)
	}
	return reply{location: agentURL(name)}, nil
}

func (f *front) agent(c *call) (reply, error) { return f.agentPage(c, nil) }

// agentPage is one agent, with all that can be done.
func (f *front) agentPage(c *call, failed error) (reply, error) {
	a, err := f.agentOf(c.r.Context(), c)
	if err != nil {
		return reply{}, err
	}
	open, err := f.desk.Sessions(c.r.Context(), c.who, a.Name, c.r)
	if err != nil {
		return reply{}, err
	}
	return reply{title: "Agent " + a.Name, page: agentPage(c.who, a, open, told(failed))}, failed
}

func (f *front) agentOf(ctx context.Context, c *call) (desk.Agent, error) {
	all, err := f.desk.Agents(ctx, c.who)
	if err != nil {
		return desk.Agent{}, err
	}
	name := c.r.PathValue("name")
	for _, a := range all {
		if a.Name == name {
			return a, nil
		}
	}
	return desk.Agent{}, refuse(rekey.ErrNotFound, "there is no agent %q", clip(name))
}

// agentAct runs one change of an agent, with the proof that came with it.
func (f *front) agentAct(act func(context.Context, *call, string, desk.StepUp) error) handler {
	return func(c *call) (reply, error) {
		name := c.r.PathValue("name")
		proof, err := c.stepUp()
		if err == nil {
			err = act(c.r.Context(), c, name, proof)
		}
		if err != nil {
			return f.agentPage(c, err)
		}
		return reply{location: agentURL(name)}, nil
	}
}

func (f *front) setRole(ctx context.Context, c *call, name string, proof desk.StepUp) error {
	_, err := f.desk.SetAgentRole(ctx, c.who, name, staff.Role(c.field("role")), proof)
	return err
}

func (f *front) setSSO(ctx context.Context, c *call, name string, proof desk.StepUp) error {
	_, err := f.desk.SetAgentSSO(ctx, c.who, name, c.field("sso"), proof)
	return err
}

func (f *front) disable(ctx context.Context, c *call, name string, _ desk.StepUp) error {
	_, err := f.desk.DisableAgent(ctx, c.who, name)
	return err
}

func (f *front) enable(ctx context.Context, c *call, name string, proof desk.StepUp) error {
	_, err := f.desk.EnableAgent(ctx, c.who, name, proof)
	return err
}

// invite answers with the link itself: it is told once and stands on no page
// that can be opened again.
func (f *front) invite(c *call) (reply, error) {
	name := c.r.PathValue("name")
	proof, err := c.stepUp()
	var link rekey.Secret
	var until time.Time
	if err == nil {
		link, until, err = f.desk.Invite(c.r.Context(), c.who, name, c.field("fresh") != "", proof)
	}
	if err != nil {
		return f.agentPage(c, err)
	}
	return reply{title: "One-time link for " + name, page: oncePage(toldOnce{
		Title: "One-time link for " + name, Label: "Link", Secret: link.Reveal(), Back: agentURL(name),
		Says: "It registers one passkey, once, until " + when(until) + ". Give it to " + name + " in person, or in a way that only they can read: whoever opens it first is " + name + " for this desk. An earlier link is worth nothing now.",
	})}, nil
}

func agentURL(name string) string { return "/agents/" + pathSegment(name) }
