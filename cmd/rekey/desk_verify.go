package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/desk"
	"rekey/seclog"
)

func (v *deskVerb) verifyCommand() *cobra.Command {
	var since string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "check the desk's whole security log, and say in words what it proves",
		Args:  cobra.NoArgs,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		var from time.Time
		if since != "" {
			if from, err = parseDay("--since", since); err != nil {
				return err
			}
		}
		return v.operate(func(cmd *cobra.Command, d *desk.Desk, _ []string) error {
			report, err := d.VerifyLog(cmd.Context(), desk.Operator())
			if err != nil {
				return err
			}
			report.Answers = slices.DeleteFunc(report.Answers, func(a desk.AnswerProof) bool { return a.At.Before(from) })
			return v.tellVerified(cmd, report)
		})(cmd, args)
	}
	cmd.Flags().StringVar(&since, "since", "", "tell of answers from this date (YYYY-MM-DD) or time on; the whole log is checked all the same")
	return cmd
}

// tellVerified tells what was found. A log that does not verify is an error,
// after what can be said of it.
func (v *deskVerb) tellVerified(cmd *cobra.Command, r desk.LogReport) error {
	var err error
	if r.Problem != "" {
		err = fmt.Errorf("%w: %s", rekey.ErrVerify, r.Problem)
	}
	if v.json {
		if e := writeJSON(cmd.OutOrStdout(), "log", struct {
			seclog.Report
			Problem string `json:"problem,omitempty"`
			desk.Explanation
		}{r.Report, r.Problem, r.Explanation}); e != nil {
			return e
		}
		return err
	}
	p := newPage(plain{cmd.OutOrStdout()})
	if err == nil {
		p.line("all %d records of %s are whole, in order and signed; root %s", r.Records, r.Origin, r.Root)
		p.list("proves", r.Proves)
	}
	p.list("proves not", r.ProvesNot)
	p.list("to look at", r.Findings)
	for _, a := range r.Answers {
		printProof(p, a)
	}
	return err
}

// printProof tells of one answer: how it came about, by the records of it.
func printProof(p page, a desk.AnswerProof) {
	p.line("\nanswer of %s UTC: case %s, recorder %s, by %s, level %s (record %d)", a.At.UTC().Format(time.DateTime), a.Case, a.DeviceID, a.Agent, a.Level, a.Record)
	for _, s := range a.Steps {
		p.wrap(fmt.Sprintf("  %s  record %-5d ", s.At.UTC().Format(time.TimeOnly), s.Record), "                          ", s.Actor+": "+s.Words)
	}
	p.list("  missing", a.Missing)
}
