package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/client"
)

func (v *deskVerb) caseListCommand(c *deskCaller) *cobra.Command {
	var s desk.Search
	var stage string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list cases, newest first",
		Args:  cobra.NoArgs,
		RunE: c.as(func(cmd *cobra.Command, at *client.Client, _ []string) error {
			s.Stage = desk.Stage(stage)
			cases, err := at.Cases(cmd.Context(), s)
			if err != nil {
				return err
			}
			return v.tellCases(cmd, cases)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&s.DeviceID, "device", "", "of this recorder")
	f.StringVar(&s.Caller, "caller", "", "of this telephone number")
	f.StringVar(&stage, "stage", "", "at this stage, such as approval")
	f.StringVar(&s.WorkedBy, "worked-by", "", "worked by this agent")
	f.StringVar(&s.Text, "text", "", "with this text in model, serial number, account, owner's name or notes")
	f.BoolVar(&s.Open, "open", false, "only cases that are not closed")
	f.Int64Var(&s.Before, "before", 0, "only numbers below this, for the next page")
	f.IntVar(&s.Most, "most", 0, "so many at most (default 100)")
	return cmd
}

func (v *deskVerb) tellCases(cmd *cobra.Command, cases []desk.Case) error {
	rows := [][]string{{"case", "stage", "level", "recorder", "worked by", "account"}}
	for _, c := range cases {
		if v.json {
			if err := writeJSON(cmd.OutOrStdout(), "case", c); err != nil {
				return err
			}
		}
		rows = append(rows, []string{fmt.Sprint(c.Number), string(c.Stage), c.Level, c.DeviceID.String(), c.WorkedBy, c.Account})
	}
	if !v.json && len(cases) > 0 {
		newPage(plain{cmd.OutOrStdout()}).table(rows)
	}
	return nil
}

// caseWhyCommand is a verb on a case that takes a reason.
func (v *deskVerb) caseWhyCommand(c *deskCaller, name, short, ask string, act func(*client.Client, context.Context, int64, string) (desk.Case, error)) *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use:   name + " NUMBER",
		Short: short,
		Args:  cobra.ExactArgs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if strings.TrimSpace(why) == "" {
			return fmt.Errorf("%w: say why by --why", rekey.ErrInput)
		}
		return v.asCase(c, func(cmd *cobra.Command, at *client.Client, number int64, _ []string) (desk.Case, error) {
			return act(at, cmd.Context(), number, why)
		})(cmd, args)
	}
	cmd.Flags().StringVar(&why, "why", "", ask+" (required)")
	return cmd
}

func (v *deskVerb) casePauseCommand(c *deskCaller) *cobra.Command {
	return v.caseWhyCommand(c, "pause", "put a case aside", "what it waits for", (*client.Client).Pause)
}

func (v *deskVerb) caseFreezeCommand(c *deskCaller) *cobra.Command {
	return v.caseWhyCommand(c, "freeze", "stop a case and its recorder: nobody gets an answer for it until it is thawed", "what is suspicious", (*client.Client).Freeze)
}

func (v *deskVerb) caseThawCommand(c *deskCaller) *cobra.Command {
	return v.caseWhyCommand(c, "thaw", "let a frozen case and its recorder go on; for a supervisor without a part in the case", "what was found", (*client.Client).Thaw)
}

func (v *deskVerb) caseResumeCommand(c *deskCaller) *cobra.Command {
	return &cobra.Command{
		Use:   "resume NUMBER",
		Short: "go on with a case that was put aside",
		Args:  cobra.ExactArgs(1),
		RunE: v.asCase(c, func(cmd *cobra.Command, at *client.Client, number int64, _ []string) (desk.Case, error) {
			return at.Resume(cmd.Context(), number)
		}),
	}
}

// caseTextCommand is a verb on a case that takes one text more.
func (v *deskVerb) caseTextCommand(c *deskCaller, use, short string, act func(*client.Client, context.Context, int64, string) (desk.Case, error)) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ExactArgs(2),
		RunE: v.asCase(c, func(cmd *cobra.Command, at *client.Client, number int64, args []string) (desk.Case, error) {
			return act(at, cmd.Context(), number, args[0])
		}),
	}
}

func (v *deskVerb) caseNoteCommand(c *deskCaller) *cobra.Command {
	return v.caseTextCommand(c, "note NUMBER TEXT", "write a note; never a code or a phrase", (*client.Client).AddNote)
}

func (v *deskVerb) caseHandOverCommand(c *deskCaller) *cobra.Command {
	return v.caseTextCommand(c, "handover NUMBER AGENT", "give a case to another agent, who goes on with it", (*client.Client).HandOver)
}

// caseTargetCommand is a verb on a case and one of the owner's registered addresses.
func (v *deskVerb) caseTargetCommand(c *deskCaller, use, short string, act func(*client.Client, context.Context, int64, int) (desk.Case, error)) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(2)}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		target, err := parseNumber("address", args[1])
		if err != nil {
			return err
		}
		return v.asCase(c, func(cmd *cobra.Command, at *client.Client, number int64, _ []string) (desk.Case, error) {
			return act(at, cmd.Context(), number, int(target))
		})(cmd, args)
	}
	return cmd
}

func (v *deskVerb) caseCodeCommand(c *deskCaller) *cobra.Command {
	return v.caseTargetCommand(c, "code NUMBER ADDRESS", "send a number to a registered address, by its index in 'case show'; the caller reads it out", (*client.Client).SendCode)
}

func (v *deskVerb) caseSendToCommand(c *deskCaller) *cobra.Command {
	return v.caseTargetCommand(c, "send-to NUMBER ADDRESS", "choose the registered address that gets the owner's half", (*client.Client).SetSendTo)
}

// caseAddressCommand shows a number to call, which is recorded.
func (v *deskVerb) caseAddressCommand(c *deskCaller) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "address NUMBER ADDRESS",
		Short: "show a registered telephone number in full, to call back (E6); that is recorded",
		Args:  cobra.ExactArgs(2),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		number, err := parseNumber("case", args[0])
		if err != nil {
			return err
		}
		target, err := parseNumber("address", args[1])
		if err != nil {
			return err
		}
		return c.as(func(cmd *cobra.Command, at *client.Client, _ []string) error {
			address, err := at.ShowAddress(cmd.Context(), number, int(target))
			if err != nil {
				return err
			}
			return v.tell(cmd, "address", map[string]any{"case": number, "address": address}, "%s", address)
		})(cmd, args)
	}
	return cmd
}
