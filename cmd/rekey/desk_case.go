package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/api"
	"rekey/internal/desk/client"
)

func (v *deskVerb) caseCommand() *cobra.Command {
	var c deskCaller
	cmd := &cobra.Command{
		Use:   "case",
		Short: "cases: open, evidence, code, notes, hand over, freeze, close",
		Args:  cobra.NoArgs,
		RunE:  showHelp,
	}
	c.register(cmd)
	cmd.AddCommand(v.caseOpenCommand(&c), v.caseShowCommand(&c), v.caseListCommand(&c), v.caseEvidenceCommand(&c), v.caseCodeCommand(&c),
		v.caseAddressCommand(&c), v.caseNoteCommand(&c), v.caseHandOverCommand(&c), v.casePauseCommand(&c), v.caseResumeCommand(&c),
		v.caseFreezeCommand(&c), v.caseThawCommand(&c), v.caseSendToCommand(&c), v.caseCloseCommand(&c))
	return cmd
}

func (v *deskVerb) caseOpenCommand(c *deskCaller) *cobra.Command {
	var in api.OpenCase
	cmd := &cobra.Command{
		Use:   "open DEVICE_ID",
		Short: "open a case for a caller",
		Args:  cobra.ExactArgs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := parseDevice(args[0])
		if err != nil {
			return err
		}
		if in.Caller == "" {
			return fmt.Errorf("%w: give the caller's number by --caller, as the telephone shows it, or %q", rekey.ErrInput, desk.Withheld)
		}
		in.DeviceID = id.String()
		return c.as(func(cmd *cobra.Command, at *client.Client, _ []string) error {
			of, err := at.OpenCase(cmd.Context(), in)
			if err != nil {
				return err
			}
			return v.tellCase(cmd, of)
		})(cmd, args)
	}
	f := cmd.Flags()
	f.StringVar(&in.Account, "account", "admin", "account at the recorder")
	f.StringVar(&in.Purpose, "purpose", "password", "password, release or unseal")
	f.StringVar(&in.Caller, "caller", "", "the caller's number with the country code, as the telephone shows it, or withheld (required)")
	f.StringVar(&in.Dealer, "dealer", "", "the vetted account of the dealer who asks")
	return cmd
}

func (v *deskVerb) caseShowCommand(c *deskCaller) *cobra.Command {
	return &cobra.Command{
		Use:   "show NUMBER",
		Short: "show a case and what is due next",
		Args:  cobra.ExactArgs(1),
		RunE: v.asCase(c, func(cmd *cobra.Command, at *client.Client, number int64, _ []string) (desk.Case, error) {
			return at.Case(cmd.Context(), number)
		}),
	}
}

func (v *deskVerb) caseCloseCommand(c *deskCaller) *cobra.Command {
	var end desk.Ending
	cmd := &cobra.Command{
		Use:   "close NUMBER",
		Short: "end a case: how it went, and whether the caller is in",
		Args:  cobra.ExactArgs(1),
		RunE: v.asCase(c, func(cmd *cobra.Command, at *client.Client, number int64, _ []string) (desk.Case, error) {
			return at.Close(cmd.Context(), number, end)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&end.Outcome, "outcome", "", strings.Join(desk.Outcomes(), ", ")+" (required)")
	f.StringVar(&end.PasswordSet, "password-set", "unknown", "did the caller set a new password? yes, no or unknown")
	f.StringVar(&end.CallerIn, "caller-in", "unknown", "did the caller get in? yes, no or unknown")
	return cmd
}

func (v *deskVerb) approveCommand() *cobra.Command {
	var c deskCaller
	var deny bool
	cmd := &cobra.Command{
		Use:   "approve NUMBER",
		Short: "approve somebody else's case, or turn it down",
		Args:  cobra.ExactArgs(1),
		RunE: v.asCase(&c, func(cmd *cobra.Command, at *client.Client, number int64, _ []string) (desk.Case, error) {
			return at.Decide(cmd.Context(), number, map[bool]string{false: "approve", true: "deny"}[deny])
		}),
	}
	c.register(cmd)
	cmd.Flags().BoolVar(&deny, "deny", false, "turn it down, which closes it")
	return cmd
}

// tellCase writes a case: what it is, where it stands, what is due.
func (v *deskVerb) tellCase(cmd *cobra.Command, c desk.Case) error {
	if v.json {
		return writeJSON(cmd.OutOrStdout(), "case", c)
	}
	p := newPage(plain{cmd.OutOrStdout()})
	p.line("case %d: %s", c.Number, c.Stage)
	p.block("recorder", fmt.Sprintf("%s %s, account %s, to %s", c.DeviceID, c.Model, c.Account, c.Purpose))
	p.block("opened", fmt.Sprintf("%s UTC by %s; worked by %s", c.OpenedAt.UTC().Format(time.DateTime), c.OpenedBy, c.WorkedBy))
	p.block("dealer", c.Dealer)
	p.list("level "+c.Level, c.Reasons)
	var evidence []string
	for _, e := range c.Evidence {
		evidence = append(evidence, fmt.Sprintf("%s %s: %s", e.Kind, e.Title, e.Note))
	}
	p.list("evidence", evidence)
	p.list("missing", c.Missing)
	p.list("addresses", targetWords(c))
	if c.ApprovedBy != "" {
		p.block("approved", c.ApprovedAt.UTC().Format(time.DateTime)+" UTC by "+c.ApprovedBy)
	}
	if c.Stage == desk.StageHold {
		p.block("on hold", "until "+c.HoldUntil.UTC().Format(time.DateTime)+" UTC")
	}
	if c.Split {
		p.block("answer", "you will get groups 1 and 2; groups 3 and 4 go to the owner")
	}
	for _, t := range c.Told {
		p.block("told", fmt.Sprintf("%s: %d messages handed over, %d wait, %d given up", t.Kind, t.Over, t.Waiting, t.GivenUp))
	}
	p.block("paused", c.PausedWhy)
	p.block("frozen", strings.TrimPrefix(c.FrozenBy+": "+c.FrozenWhy, ": "))
	p.block("ended", c.Outcome)
	for _, n := range c.Notes {
		p.block("note", fmt.Sprintf("%s UTC, %s: %s", n.At.UTC().Format(time.DateTime), n.By, n.Text))
	}
	return nil
}

func targetWords(c desk.Case) (words []string) {
	for _, t := range c.Targets {
		word := fmt.Sprintf("%d: %s", t.Index, t.Address)
		for _, state := range []struct {
			is   bool
			word string
		}{{!t.Reachable, "cannot be reached by the desk"}, {t.Confirmed, "confirmed"}, {c.Split && t.Index == c.SendTo, "gets the owner's half"}} {
			if state.is {
				word += ", " + state.word
			}
		}
		words = append(words, word)
	}
	return words
}
