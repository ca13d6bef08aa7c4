package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/durable"
)

func (v *deskVerb) figuresCommand() *cobra.Command {
	var of span
	cmd := &cobra.Command{
		Use:   "figures",
		Short: "what the desk did: cases, answers, times, alarms",
		Args:  cobra.NoArgs,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		since, until, err := of.times(24 * time.Hour)
		if err != nil {
			return err
		}
		return v.operate(func(cmd *cobra.Command, d *desk.Desk, _ []string) error {
			figures, err := d.Figures(cmd.Context(), desk.Operator(), since, until)
			if err != nil {
				return err
			}
			alarms, err := d.Alarms(cmd.Context(), desk.Operator(), true)
			if err != nil {
				return err
			}
			if v.json {
				return writeJSON(cmd.OutOrStdout(), "figures", struct {
					desk.Figures
					Alarms []desk.Alarm `json:"alarms"`
				}{figures, alarms})
			}
			printFigures(newPage(plain{cmd.OutOrStdout()}), figures, alarms)
			return nil
		})(cmd, args)
	}
	of.register(cmd, "a day before the end")
	return cmd
}

func printFigures(p page, f desk.Figures, alarms []desk.Alarm) {
	p.line("from %s to %s UTC", f.Since.UTC().Format(time.DateTime), f.Until.UTC().Format(time.DateTime))
	p.block("cases", fmt.Sprintf("%d opened, %d answered, %d refusals, %d times \"not me\"", f.Opened, f.Answered, f.Refused, f.NotMe))
	var ended []string
	for _, outcome := range slices.Sorted(maps.Keys(f.Outcomes)) {
		ended = append(ended, fmt.Sprintf("%d %s", f.Outcomes[outcome], outcome))
	}
	p.block("ended", strings.Join(ended, ", "))
	var open []string
	for _, stage := range slices.Sorted(maps.Keys(f.Stages)) {
		open = append(open, fmt.Sprintf("%d at %s", f.Stages[stage], stage))
	}
	p.block("open now", strings.Join(open, ", "))
	for _, t := range []struct {
		label string
		desk.Times
	}{{"to answer", f.ToAnswer}, {"to close", f.ToClose}} {
		if t.Count > 0 {
			p.block(t.label, fmt.Sprintf("half within %s, nine of ten within %s, the longest %s (%d cases)", seconds(t.Median), seconds(t.P90), seconds(t.Most), t.Count))
		}
	}
	var agents []string
	for _, a := range f.Agents {
		agents = append(agents, fmt.Sprintf("%s: %d opened, %d answered, %d approved, %d refused", a.Agent, a.Opened, a.Answered, a.Approved, a.Refused))
	}
	p.list("agents", agents)
	var waiting []string
	for _, c := range f.Waiting {
		waiting = append(waiting, fmt.Sprintf("case %d of %s since %s UTC", c.Number, c.WorkedBy, c.OpenedAt.UTC().Format(time.DateTime)))
	}
	p.list("to approve", waiting)
	var sounding []string
	for _, a := range alarms {
		sounding = append(sounding, fmt.Sprintf("%s UTC, %s: %s", a.At.UTC().Format(time.DateTime), a.Kind, a.Words))
	}
	p.list("alarms", sounding)
}

func seconds(n float64) time.Duration { return (time.Duration(n) * time.Second).Round(time.Second) }

func (v *deskVerb) exportCommand() *cobra.Command {
	var of span
	var format, out string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "cases and answers of a time, without names, numbers and addresses",
		Args:  cobra.NoArgs,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		since, until, err := of.times(31 * 24 * time.Hour)
		if err != nil {
			return err
		}
		if v.json {
			format = "json"
		}
		if format != "csv" && format != "json" {
			return fmt.Errorf("%w: --format %q: expected csv or json", rekey.ErrInput, format)
		}
		return v.operate(func(cmd *cobra.Command, d *desk.Desk, _ []string) error {
			export := func(w io.Writer) error {
				return d.Export(cmd.Context(), desk.Operator(), w, format, since, until)
			}
			if out == "" {
				return export(cmd.OutOrStdout())
			}
			return writeFile(out, export)
		})(cmd, args)
	}
	of.register(cmd, "31 days before the end")
	cmd.Flags().StringVar(&format, "format", "csv", "csv or json (lines)")
	cmd.Flags().StringVar(&out, "out", "", "file to write instead of stdout (mode 0600)")
	return cmd
}

// writeFile writes a whole file or none.
func writeFile(name string, write func(io.Writer) error) error {
	var b strings.Builder
	if err := write(&b); err != nil {
		return err
	}
	if err := durable.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	return nil
}
