package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/staff"
)

func (v *deskVerb) keyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "API keys, for a production line or a CRM",
		Args:  cobra.NoArgs,
		RunE:  showHelp,
	}
	cmd.AddCommand(v.keyAddCommand(), v.keyListCommand(), v.keyRevokeCommand())
	return cmd
}

func (v *deskVerb) keyAddCommand() *cobra.Command {
	var scopes []string
	var days int
	var file given
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "draw an API key; it is told once",
		Long: `add draws a key for a program. Its scopes are all that it may do; no scope reveals,
approves, thaws, or touches agents and keys:

  recorders.enrol  a production line: enrol recorders
  recorders.read   read the registry
  recorders.owner  a registration system: owners, addresses, stolen
  cases.read       read cases
  cases.open       a CRM: open cases and write notes, never evidence
  figures.read     figures and exports
  log.read         verify the security log`,
		Args: cobra.ExactArgs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		list, err := parseScopes(scopes)
		if err != nil {
			return err
		}
		if days < 1 || days > 3660 {
			return fmt.Errorf("%w: --days %d: expected 1 to 3660", rekey.ErrInput, days)
		}
		return v.operate(func(cmd *cobra.Command, d *desk.Desk, args []string) error {
			until := time.Now().UTC().AddDate(0, 0, days).Truncate(time.Second)
			key, err := d.MakeKey(cmd.Context(), desk.Operator(), args[0], list, until, desk.StepUp{})
			if err != nil {
				return err
			}
			said, err := file.put(key)
			if err != nil {
				return err
			}
			return v.tell(cmd, "api_key", struct {
				Name   string        `json:"name"`
				Scopes []staff.Scope `json:"scopes"`
				Until  time.Time     `json:"until"`
				Key    string        `json:"key"`
			}{args[0], list, until, said}, "%s may %s until %s UTC; the key is not shown again:\n%s", args[0], strings.Join(scopes, ", "), until.Format(time.DateTime), said)
		})(cmd, args)
	}
	cmd.Flags().StringSliceVar(&scopes, "scope", nil, "what the key may do; may be given again (required)")
	cmd.Flags().IntVar(&days, "days", 365, "days that the key counts for")
	file.register(cmd, "key-file", "key")
	return cmd
}

func parseScopes(texts []string) (all []staff.Scope, err error) {
	for _, text := range texts {
		if !slices.Contains(staff.Scopes(), staff.Scope(text)) {
			return nil, fmt.Errorf("%w: scope %q: see 'rekey desk key add --help'", rekey.ErrInput, text)
		}
		all = append(all, staff.Scope(text))
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: give what the key may do by --scope", rekey.ErrInput)
	}
	return all, nil
}

func (v *deskVerb) keyListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the API keys",
		Args:  cobra.NoArgs,
		RunE: v.operate(func(cmd *cobra.Command, d *desk.Desk, _ []string) error {
			keys, err := d.Keys(cmd.Context(), desk.Operator())
			if err != nil {
				return err
			}
			for _, k := range keys {
				state := "counts until " + k.Until.UTC().Format(time.DateOnly)
				if !k.RevokedAt.IsZero() {
					state = "revoked " + k.RevokedAt.UTC().Format(time.DateTime) + " UTC"
				}
				if err := v.tell(cmd, "api_key", k, "%-20s %s, %v", k.Name, state, k.Scopes); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

func (v *deskVerb) keyRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke NAME",
		Short: "end an API key at once",
		Args:  cobra.ExactArgs(1),
		RunE: v.operate(func(cmd *cobra.Command, d *desk.Desk, args []string) error {
			if err := d.RevokeKey(cmd.Context(), desk.Operator(), args[0]); err != nil {
				return err
			}
			return v.tell(cmd, "ended", map[string]string{"name": args[0]}, "the key %s does not count any more", args[0])
		}),
	}
}
