package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"rekey/internal/desk"
	"rekey/internal/desk/courier"
)

func (v *deskVerb) hookCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hook",
		Short: "webhooks: programs that are told what happens at the desk",
		Args:  cobra.NoArgs,
		RunE:  showHelp,
	}
	cmd.AddCommand(v.hookAddCommand(), v.hookListCommand(), v.hookRemoveCommand())
	return cmd
}

func (v *deskVerb) hookAddCommand() *cobra.Command {
	var events []string
	var file given
	cmd := &cobra.Command{
		Use:   "add URL",
		Short: "tell an address what happens; its secret, for checking signatures, is told once",
		Long: `add registers an https address for events. Each delivery has a header
Rekey-Signature: t=SECONDS,v1=HEX, where HEX is the HMAC-SHA256 of "SECONDS.BODY" under the
secret that add prints once. docs/support-desk.md has the events.`,
		Args: cobra.ExactArgs(1),
		RunE: v.operate(func(cmd *cobra.Command, d *desk.Desk, args []string) error {
			hook, secret, err := d.AddHook(cmd.Context(), desk.Operator(), args[0], events, desk.StepUp{})
			if err != nil {
				return err
			}
			said, err := file.put(secret)
			if err != nil {
				return err
			}
			return v.tell(cmd, "hook", struct {
				courier.Hook
				Secret string `json:"secret"`
			}{hook, said}, "hook %d tells %s; the secret for its signatures is not shown again:\n%s", hook.ID, hook.URL, said)
		}),
	}
	cmd.Flags().StringSliceVar(&events, "event", nil, "an event to tell, such as case.opened; may be given again (default: all)")
	file.register(cmd, "secret-file", "secret")
	return cmd
}

func (v *deskVerb) hookListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the webhooks",
		Args:  cobra.NoArgs,
		RunE: v.operate(func(cmd *cobra.Command, d *desk.Desk, _ []string) error {
			hooks, err := d.Hooks(cmd.Context(), desk.Operator())
			if err != nil {
				return err
			}
			for _, h := range hooks {
				state := ""
				if h.Failed != "" {
					state = ", the last delivery failed: " + h.Failed
				}
				if err := v.tell(cmd, "hook", h, "%d %s %v%s", h.ID, h.URL, h.Events, state); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

func (v *deskVerb) hookRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove ID",
		Short: "tell an address nothing any more",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseNumber("hook", args[0])
			if err != nil {
				return err
			}
			return v.operate(func(cmd *cobra.Command, d *desk.Desk, _ []string) error {
				if err := d.RemoveHook(cmd.Context(), desk.Operator(), id); err != nil {
					return err
				}
				return v.tell(cmd, "ended", map[string]string{"name": strconv.FormatInt(id, 10)}, "hook %d is removed", id)
			})(cmd, args)
		},
	}
}
