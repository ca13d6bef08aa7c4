package front

import (
	"cmp"
	"slices"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/staff"
)

// team is everybody's open cases, and who is logged in.
type team struct {
	Open     []desk.Case // by who works them
	Agents   []desk.Agent
	Sessions []staff.Session
}

func (f *front) team(c *call) (reply, error) { return f.teamPage(c, nil) }

func (f *front) teamPage(c *call, failed error) (reply, error) {
	var v team
	var err error
	ctx := c.r.Context()
	if v.Sessions, err = f.desk.Sessions(ctx, c.who, "", c.r); err != nil {
		return reply{}, err
	}
	if v.Agents, err = f.desk.Agents(ctx, c.who); err != nil {
		return reply{}, err
	}
	if desk.May(c.who, desk.ActCaseList) {
		if v.Open, err = f.desk.SearchCases(ctx, c.who, desk.Search{Open: true, Most: 500}); err != nil {
			return reply{}, err
		}
	}
	slices.SortStableFunc(v.Open, func(a, b desk.Case) int {
		return cmp.Or(cmp.Compare(a.WorkedBy, b.WorkedBy), cmp.Compare(a.Number, b.Number))
	})
	return reply{title: "Team", page: teamPage(c.who, v, told(failed))}, failed
}

func (f *front) teamHandOver(c *call) (reply, error) {
	number, err := c.number()
	if err != nil {
		return reply{}, err
	}
	if _, err := f.desk.HandOver(c.r.Context(), c.who, number, c.field("to")); err != nil {
		return f.teamPage(c, err)
	}
	return reply{location: "/team"}, nil
}

func (f *front) teamEndSession(c *call) (reply, error) {
	agent, id := c.field("agent"), c.field("id")
	if agent == "" || id == "" {
		return f.teamPage(c, refuse(rekey.ErrInput, "which session is to end? Open the page again"))
	}
	if err := f.desk.EndSession(c.r.Context(), c.who, agent, id); err != nil {
		return f.teamPage(c, err)
	}
	return reply{location: "/team"}, nil
}

// whoWorks are the agents who can take a case over from somebody.
func whoWorks(agents []desk.Agent, now string) (names []string) {
	for _, a := range agents {
		if desk.May(a, desk.ActCaseOpen) && a.DisabledAt.IsZero() && a.Name != now {
			names = append(names, a.Name)
		}
	}
	return names
}
