package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/client"
	"rekey/internal/desk/staff"
)

// agentVerb is what the verbs on agents share: the desk's folder for its
// operator, or else the desk's address for an administrator on any machine.
type agentVerb struct {
	*deskVerb
	caller deskCaller
}

func (v *deskVerb) agentCommand() *cobra.Command {
	a := agentVerb{deskVerb: v}
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "the people at the desk; on its machine (--dir), or as an administrator from any other (--desk)",
		Args:  cobra.NoArgs,
		RunE:  showHelp,
	}
	a.caller.register(cmd)
	cmd.AddCommand(a.addCommand(), a.listCommand(), a.roleCommand(), a.disableCommand(), a.enableCommand(), a.inviteCommand(), a.ssoCommand())
	return cmd
}

// people are the agents of a desk, as its folder or its API has them.
type people interface {
	Agents(ctx context.Context) ([]desk.Agent, error)
	AddAgent(ctx context.Context, name string, role staff.Role) error
	SetRole(ctx context.Context, name string, role staff.Role) (desk.Agent, error)
	DisableAgent(ctx context.Context, name string) (desk.Agent, error)
	EnableAgent(ctx context.Context, name string) (desk.Agent, error)
	Invite(ctx context.Context, name string, fresh bool) (rekey.Secret, time.Time, error)
	SetSSO(ctx context.Context, name, email string) (desk.Agent, error)
}

// with makes a verb of an act on the people of the desk.
func (v *agentVerb) with(act func(cmd *cobra.Command, at people, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case v.dir == "" && v.caller.address() == "":
			return fmt.Errorf("%w: give the desk's folder by --dir, or its URL by --desk", rekey.ErrInput)
		case v.dir == "":
			return v.caller.as(func(cmd *cobra.Command, at *client.Client, args []string) error { return act(cmd, at, args) })(cmd, args)
		case v.caller.url != "":
			return fmt.Errorf("%w: --dir and --desk exclude one another", rekey.ErrInput)
		}
		return v.operate(func(cmd *cobra.Command, d *desk.Desk, args []string) error { return act(cmd, operatorsPeople{d}, args) })(cmd, args)
	}
}

// operatorsPeople are the people of a desk for its operator, who needs no passkey.
type operatorsPeople struct{ desk *desk.Desk }

func (o operatorsPeople) Agents(ctx context.Context) ([]desk.Agent, error) {
	return o.desk.Agents(ctx, desk.Operator())
}

func (o operatorsPeople) AddAgent(ctx context.Context, name string, role staff.Role) error {
	return o.desk.AddAgent(ctx, desk.Operator(), name, role, desk.StepUp{})
}

func (o operatorsPeople) SetRole(ctx context.Context, name string, role staff.Role) (desk.Agent, error) {
	return o.desk.SetAgentRole(ctx, desk.Operator(), name, role, desk.StepUp{})
}

func (o operatorsPeople) DisableAgent(ctx context.Context, name string) (desk.Agent, error) {
	return o.desk.DisableAgent(ctx, desk.Operator(), name)
}

func (o operatorsPeople) EnableAgent(ctx context.Context, name string) (desk.Agent, error) {
	return o.desk.EnableAgent(ctx, desk.Operator(), name, desk.StepUp{})
}

func (o operatorsPeople) Invite(ctx context.Context, name string, fresh bool) (rekey.Secret, time.Time, error) {
	return o.desk.Invite(ctx, desk.Operator(), name, fresh, desk.StepUp{})
}

func (o operatorsPeople) SetSSO(ctx context.Context, name, email string) (desk.Agent, error) {
	return o.desk.SetAgentSSO(ctx, desk.Operator(), name, email, desk.StepUp{})
}

// invitation is the link that is drawn for an agent, and where it is told.
type invitation struct {
	given
	fresh bool
}

func (v *agentVerb) invite(cmd *cobra.Command, at people, name string, i invitation) error {
	link, until, err := at.Invite(cmd.Context(), name, i.fresh)
	if err != nil {
		return err
	}
	said, err := i.put(link)
	if err != nil {
		return err
	}
	return v.tell(cmd, "link", struct {
		Name  string    `json:"name"`
		Link  string    `json:"link"`
		Until time.Time `json:"until"`
	}{name, said, until}, "%s registers a passkey by this link, until %s UTC and once; it is not shown again:\n%s", name, until.UTC().Format(time.DateTime), said)
}

func (v *agentVerb) addCommand() *cobra.Command {
	var role string
	var link invitation
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "add an agent: prints the one-time link that registers their passkey",
		Args:  cobra.ExactArgs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := staff.ParseRole(role)
		if err != nil {
			return err
		}
		return v.with(func(cmd *cobra.Command, at people, args []string) error {
			if err := at.AddAgent(cmd.Context(), args[0], r); err != nil {
				return err
			}
			if err := v.tell(cmd, "agent", desk.Agent{Name: args[0], Role: r}, "%s is an agent of the desk (%s)", args[0], r); err != nil {
				return err
			}
			return v.invite(cmd, at, args[0], link)
		})(cmd, args)
	}
	cmd.Flags().StringVar(&role, "role", "agent", "agent, approver, supervisor, auditor or administrator")
	link.register(cmd, "link-file", "link")
	return cmd
}

func (v *agentVerb) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the agents",
		Args:  cobra.NoArgs,
		RunE: v.with(func(cmd *cobra.Command, at people, _ []string) error {
			agents, err := at.Agents(cmd.Context())
			if err != nil {
				return err
			}
			for _, a := range agents {
				if err := v.tellAgent(cmd, a); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

func (v *agentVerb) tellAgent(cmd *cobra.Command, a desk.Agent) error {
	state := ", passkeys: " + strconv.Itoa(a.Passkeys)
	if a.SSO != "" {
		state += ", signs on as " + a.SSO
	}
	if !a.DisabledAt.IsZero() {
		state += ", disabled " + a.DisabledAt.UTC().Format(time.DateTime) + " UTC"
	}
	return v.tell(cmd, "agent", a, "%-20s %s%s", a.Name, a.Role, state)
}

func (v *agentVerb) roleCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "role NAME ROLE",
		Short: "give an agent another role; their sessions are over at once",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			role, err := staff.ParseRole(args[1])
			if err != nil {
				return err
			}
			return v.change("%s is %s now; earlier sessions are over", func(ctx context.Context, at people, name string) (desk.Agent, error) {
				return at.SetRole(ctx, name, role)
			})(cmd, args)
		},
	}
}

func (v *agentVerb) disableCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "disable NAME",
		Short: "take an agent's rights away: no log-in, and their sessions are over at once",
		Args:  cobra.ExactArgs(1),
		RunE: v.change("%s (%s) cannot log in any more; their sessions are over", func(ctx context.Context, at people, name string) (desk.Agent, error) {
			return at.DisableAgent(ctx, name)
		}),
	}
}

func (v *agentVerb) enableCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "enable NAME",
		Short: "let a disabled agent log in again",
		Args:  cobra.ExactArgs(1),
		RunE: v.change("%s (%s) can log in again", func(ctx context.Context, at people, name string) (desk.Agent, error) {
			return at.EnableAgent(ctx, name)
		}),
	}
}

func (v *agentVerb) inviteCommand() *cobra.Command {
	var link invitation
	cmd := &cobra.Command{
		Use:   "invite NAME",
		Short: "print a new one-time link for an agent who needs another passkey or has lost theirs",
		Args:  cobra.ExactArgs(1),
		RunE: v.with(func(cmd *cobra.Command, at people, args []string) error {
			return v.invite(cmd, at, args[0], link)
		}),
	}
	cmd.Flags().BoolVar(&link.fresh, "fresh", false, "the passkeys that the agent has are removed when the link is used")
	link.register(cmd, "link-file", "link")
	return cmd
}

func (v *agentVerb) ssoCommand() *cobra.Command {
	var none bool
	cmd := &cobra.Command{
		Use:   "sso NAME [EMAIL]",
		Short: "say who an agent is at the identity provider, by its verified e-mail address",
		Args:  cobra.RangeArgs(1, 2),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if (len(args) == 1) != none {
			return fmt.Errorf("%w: give the e-mail address, or --none", rekey.ErrInput)
		}
		email := strings.Join(args[1:], "")
		return v.change("%s (%s) may sign on as told", func(ctx context.Context, at people, name string) (desk.Agent, error) {
			return at.SetSSO(ctx, name, email)
		})(cmd, args)
	}
	cmd.Flags().BoolVar(&none, "none", false, "they cannot sign on by the identity provider any more")
	return cmd
}

// change is a verb that changes the agent of its first argument.
func (v *agentVerb) change(done string, change func(ctx context.Context, at people, name string) (desk.Agent, error)) func(*cobra.Command, []string) error {
	return v.with(func(cmd *cobra.Command, at people, args []string) error {
		a, err := change(cmd.Context(), at, args[0])
		if err != nil {
			return err
		}
		return v.tell(cmd, "agent", a, done, a.Name, a.Role)
	})
}
