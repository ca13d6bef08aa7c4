package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"rekey/internal/desk"
)

func (v *deskVerb) agentCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "the people at the desk",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(v.agentAddCommand(), v.agentListCommand(), v.agentDisableCommand(), v.agentEnableCommand(), v.agentPasswordCommand())
	return cmd
}

func (v *deskVerb) agentAddCommand() *cobra.Command {
	var role, passwordFile string
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "add an agent",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := desk.ParseRole(role)
			if err != nil {
				return err
			}
			password, err := secretFrom(passwordFile, "Password of "+args[0])
			if err != nil {
				return err
			}
			return v.with(cmd, func(d *desk.Desk) error {
				if err := d.AddAgent(cmd.Context(), desk.Operator(), args[0], r, password); err != nil {
					return err
				}
				return v.tell(cmd, "agent", desk.Agent{Name: args[0], Role: r}, "%s is an agent of the desk (%s)", args[0], r)
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", "agent", "agent, approver, supervisor, auditor or administrator")
	cmd.Flags().StringVar(&passwordFile, "password-file", "", "file with the password (default: asked at the terminal)")
	return cmd
}

func (v *deskVerb) agentListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the agents",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return v.with(cmd, func(d *desk.Desk) error {
				agents, err := d.Agents(cmd.Context(), desk.Operator())
				if err != nil {
					return err
				}
				for _, a := range agents {
					state := ""
					if !a.DisabledAt.IsZero() {
						state = ", disabled " + a.DisabledAt.Format(time.DateTime) + " UTC"
					}
					if err := v.tell(cmd, "agent", a, "%-20s %s%s", a.Name, a.Role, state); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func (v *deskVerb) agentDisableCommand() *cobra.Command {
	return v.agentChangeCommand("disable NAME", "take an agent's rights away: no log-in, and their sessions are over at once",
		"%s cannot log in any more; their sessions are over", (*desk.Desk).DisableAgent)
}

func (v *deskVerb) agentEnableCommand() *cobra.Command {
	return v.agentChangeCommand("enable NAME", "let a disabled agent log in again", "%s can log in again", (*desk.Desk).EnableAgent)
}

// agentChangeCommand is a verb that needs nothing but the agent's name.
func (v *deskVerb) agentChangeCommand(use, short, done string, change func(*desk.Desk, context.Context, desk.Agent, string) (desk.Agent, error)) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return v.with(cmd, func(d *desk.Desk) error {
				a, err := change(d, cmd.Context(), desk.Operator(), args[0])
				if err != nil {
					return err
				}
				return v.tell(cmd, "agent", a, done, a.Name)
			})
		},
	}
}

func (v *deskVerb) agentPasswordCommand() *cobra.Command {
	var passwordFile string
	cmd := &cobra.Command{
		Use:   "password NAME",
		Short: "give an agent a new password; sessions with the old one are over at once",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := secretFrom(passwordFile, "New password of "+args[0])
			if err != nil {
				return err
			}
			return v.with(cmd, func(d *desk.Desk) error {
				a, err := d.SetAgentPassword(cmd.Context(), desk.Operator(), args[0], password)
				if err != nil {
					return err
				}
				return v.tell(cmd, "agent", a, "%s has a new password; sessions with the old one are over", a.Name)
			})
		},
	}
	cmd.Flags().StringVar(&passwordFile, "password-file", "", "file with the new password (default: asked at the terminal)")
	return cmd
}
