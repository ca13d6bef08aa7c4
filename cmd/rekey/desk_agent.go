package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/staff"
)

func (v *deskVerb) agentCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "the people at the desk",
		Args:  cobra.NoArgs,
		RunE:  showHelp,
	}
	cmd.AddCommand(v.agentAddCommand(), v.agentListCommand(), v.agentRoleCommand(), v.agentDisableCommand(), v.agentEnableCommand(), v.agentInviteCommand(), v.agentSSOCommand())
	return cmd
}

// invitation is the link that is drawn for an agent, and where it is told.
type invitation struct {
	given
	fresh bool
}

func (v *deskVerb) invite(cmd *cobra.Command, d *desk.Desk, name string, i invitation) error {
	link, until, err := d.Invite(cmd.Context(), desk.Operator(), name, i.fresh, desk.StepUp{})
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

func (v *deskVerb) agentAddCommand() *cobra.Command {
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
		return v.operate(func(cmd *cobra.Command, d *desk.Desk, args []string) error {
			if err := d.AddAgent(cmd.Context(), desk.Operator(), args[0], r, desk.StepUp{}); err != nil {
				return err
			}
			if err := v.tell(cmd, "agent", desk.Agent{Name: args[0], Role: r}, "%s is an agent of the desk (%s)", args[0], r); err != nil {
				return err
			}
			return v.invite(cmd, d, args[0], link)
		})(cmd, args)
	}
	cmd.Flags().StringVar(&role, "role", "agent", "agent, approver, supervisor, auditor or administrator")
	link.register(cmd, "link-file", "link")
	return cmd
}

func (v *deskVerb) agentListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the agents",
		Args:  cobra.NoArgs,
		RunE: v.operate(func(cmd *cobra.Command, d *desk.Desk, _ []string) error {
			agents, err := d.Agents(cmd.Context(), desk.Operator())
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

func (v *deskVerb) tellAgent(cmd *cobra.Command, a desk.Agent) error {
	state := fmt.Sprintf(", %d passkeys", a.Passkeys)
	if a.SSO != "" {
		state += ", signs on as " + a.SSO
	}
	if !a.DisabledAt.IsZero() {
		state += ", disabled " + a.DisabledAt.UTC().Format(time.DateTime) + " UTC"
	}
	return v.tell(cmd, "agent", a, "%-20s %s%s", a.Name, a.Role, state)
}

func (v *deskVerb) agentRoleCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "role NAME ROLE",
		Short: "give an agent another role; their sessions are over at once",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			role, err := staff.ParseRole(args[1])
			if err != nil {
				return err
			}
			return v.changeAgent("%s is %s now; earlier sessions are over", func(cmd *cobra.Command, d *desk.Desk, name string) (desk.Agent, error) {
				return d.SetAgentRole(cmd.Context(), desk.Operator(), name, role, desk.StepUp{})
			})(cmd, args)
		},
	}
}

func (v *deskVerb) agentDisableCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "disable NAME",
		Short: "take an agent's rights away: no log-in, and their sessions are over at once",
		Args:  cobra.ExactArgs(1),
		RunE: v.changeAgent("%s (%s) cannot log in any more; their sessions are over", func(cmd *cobra.Command, d *desk.Desk, name string) (desk.Agent, error) {
			return d.DisableAgent(cmd.Context(), desk.Operator(), name)
		}),
	}
}

func (v *deskVerb) agentEnableCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "enable NAME",
		Short: "let a disabled agent log in again",
		Args:  cobra.ExactArgs(1),
		RunE: v.changeAgent("%s (%s) can log in again", func(cmd *cobra.Command, d *desk.Desk, name string) (desk.Agent, error) {
			return d.EnableAgent(cmd.Context(), desk.Operator(), name, desk.StepUp{})
		}),
	}
}

func (v *deskVerb) agentInviteCommand() *cobra.Command {
	var link invitation
	cmd := &cobra.Command{
		Use:   "invite NAME",
		Short: "print a new one-time link for an agent who needs another passkey or has lost theirs",
		Args:  cobra.ExactArgs(1),
		RunE: v.operate(func(cmd *cobra.Command, d *desk.Desk, args []string) error {
			return v.invite(cmd, d, args[0], link)
		}),
	}
	cmd.Flags().BoolVar(&link.fresh, "fresh", false, "the passkeys that the agent has are removed when the link is used")
	link.register(cmd, "link-file", "link")
	return cmd
}

func (v *deskVerb) agentSSOCommand() *cobra.Command {
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
		return v.changeAgent("%s (%s) may sign on as told", func(cmd *cobra.Command, d *desk.Desk, name string) (desk.Agent, error) {
			return d.SetAgentSSO(cmd.Context(), desk.Operator(), name, email, desk.StepUp{})
		})(cmd, args)
	}
	cmd.Flags().BoolVar(&none, "none", false, "they cannot sign on by the identity provider any more")
	return cmd
}

// changeAgent is a verb that changes the agent of its first argument.
func (v *deskVerb) changeAgent(done string, change func(*cobra.Command, *desk.Desk, string) (desk.Agent, error)) func(*cobra.Command, []string) error {
	return v.operate(func(cmd *cobra.Command, d *desk.Desk, args []string) error {
		a, err := change(cmd, d, args[0])
		if err != nil {
			return err
		}
		return v.tell(cmd, "agent", a, done, a.Name, a.Role)
	})
}
