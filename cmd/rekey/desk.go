package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/durable"
)

// deskVerb is what the verbs of the support desk share.
type deskVerb struct{ folderVerb }

func newDeskCommand() *cobra.Command {
	var v deskVerb
	cmd := &cobra.Command{
		Use:   "desk",
		Short: "the support desk that issues temporary passwords",
		Long: `desk is the technical-support desk of a maker or dealer. Recorders are enrolled with
their keys sealed to the desk; agents open cases, gather evidence, get approval where it
is due, and read out their half of the answer to a recorder's challenge, once.

Whoever runs the verbs with --dir on the desk's machine acts as its operator. The verbs
with --desk speak the desk's API from any machine, as an agent with a passkey or a program
with an API key. What anybody does is recorded in the desk's security log.`,
		Args: cobra.NoArgs,
		RunE: showHelp,
	}
	v.flags(cmd, "the desk's folder, for the verbs of its operator")
	cmd.AddGroup(
		&cobra.Group{ID: "operator", Title: "On the desk's machine (--dir):"},
		&cobra.Group{ID: "agent", Title: "As an agent, from any machine (--desk):"},
	)
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			cmd.AddCommand(c)
		}
	}
	add("operator", v.initCommand(), v.serveCommand(), v.enrollCommand(), v.recorderCommand(), v.agentCommand(), v.keyCommand(),
		v.dealerCommand(), v.hookCommand(), v.verifyCommand(), v.figuresCommand(), v.exportCommand())
	add("agent", v.joinCommand(), v.caseCommand(), v.approveCommand(), v.revealCommand())
	return cmd
}

func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// operate makes what a verb of the operator does of act: it opens the desk in
// the folder for that alone.
func (v *deskVerb) operate(act func(cmd *cobra.Command, d *desk.Desk, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		config, err := v.config(cmd)
		if err != nil {
			return err
		}
		d, err := desk.Open(cmd.Context(), v.dir, desk.Options{URL: config.url()})
		if err != nil {
			return err
		}
		return errors.Join(act(cmd, d, args), d.Close())
	}
}

// given is a secret that is told once, on stdout or in a file of its own.
type given struct{ file string }

func (g *given) register(cmd *cobra.Command, flag, what string) {
	cmd.Flags().StringVar(&g.file, flag, "", "write the "+what+" to this file (mode 0600) instead of stdout")
}

// put writes the file, where one was named, and returns what stdout is to say of the secret.
func (g *given) put(s rekey.Secret) (said string, err error) {
	if g.file == "" {
		return s.Reveal(), nil
	}
	if err := durable.WriteFile(g.file, []byte(s.Reveal()+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	return "in " + g.file, nil
}

// span is a time from --since until --until.
type span struct{ since, until string }

func (s *span) register(cmd *cobra.Command, usual string) {
	cmd.Flags().StringVar(&s.since, "since", "", "date (YYYY-MM-DD) or time (RFC 3339) of the beginning (default: "+usual+")")
	cmd.Flags().StringVar(&s.until, "until", "", "date or time of the end (default: now)")
}

// times are the ends of the span; without --since it began so long ago.
func (s *span) times(ago time.Duration) (since, until time.Time, err error) {
	until = time.Now().UTC()
	if s.until != "" {
		if until, err = parseDay("--until", s.until); err != nil {
			return since, until, err
		}
	}
	if since = until.Add(-ago); s.since != "" {
		since, err = parseDay("--since", s.since)
	}
	if err == nil && !since.Before(until) {
		err = fmt.Errorf("%w: --since %s is not before --until %s", rekey.ErrInput, since.Format(time.RFC3339), until.Format(time.RFC3339))
	}
	return since, until, err
}

// parseDay reads a date, which begins at midnight UTC, or a time.
func parseDay(flag, text string) (time.Time, error) {
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(form, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: %s %q: expected YYYY-MM-DD, or a time such as 2026-05-03T14:00:00Z", rekey.ErrInput, flag, text)
}

func parseNumber(what, text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%w: %s %q: expected a number", rekey.ErrInput, what, text)
	}
	return n, nil
}
