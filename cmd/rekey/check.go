package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/harden"
)

func newCheckCommand() *cobra.Command {
	var f loginFlags
	var fix bool
	cmd := &cobra.Command{
		Use:   "check HOST",
		Short: "say what is weak on a recorder, and with --fix mend what rekey may mend",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.on(cmd)
			req, err := f.request(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			req.Fix = fix
			r, err := f.runner()
			if err != nil {
				return err
			}
			findings, err := r.Check(cmd.Context(), req)
			if err != nil {
				return err
			}
			return f.findings(findings)
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().BoolVar(&fix, "fix", false, "mend the findings that rekey may mend")
	return cmd
}

// findings prints them; exit code 13 where one that matters is left.
func (o *operator) findings(all []harden.Finding) error {
	if err := o.emit("check", struct {
		Findings []harden.Finding `json:"findings"`
	}{all}, func(w io.Writer) { printFindings(w, all) }); err != nil {
		return err
	}
	left := 0
	for _, f := range all {
		if !f.Fixed && f.Severity != harden.Info {
			left++
		}
	}
	if left > 0 {
		return fmt.Errorf("%w: %d are left to you", rekey.ErrFindings, left)
	}
	return nil
}

func printFindings(w io.Writer, all []harden.Finding) {
	for _, f := range all {
		state := string(f.Severity)
		if f.Fixed {
			state = "mended"
		}
		fmt.Fprintf(w, "Finding: %-6s %s\n", state, f.Title)
		if !f.Fixed {
			fmt.Fprintf(w, "         %s\n", f.Do)
		}
	}
}
