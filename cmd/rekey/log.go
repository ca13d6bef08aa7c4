package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rekey"
	"rekey/seclog"
)

// newLogCommand is the verb log: the reader's side of the security log. Nothing
// here writes to a log.
func newLogCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "log",
		Short: "show the security log, verify it, prove a record, export it",
		Long: `log reads a security log: the operator's own, or with --dir a recorder's or a
desk's. A log is a folder; its records are lines of JSON in records.jsonl, and
its checkpoint signs all of them. Reading needs no lock and disturbs no writer.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newLogShowCommand(), newLogVerifyCommand(), newLogProveCommand(), newLogExportCommand())
	return cmd
}

// logSource is where a verb reads: a log's folder, or a bundle.
type logSource struct {
	dir, bundle string
	json        bool
}

func (s *logSource) flags(f *pflag.FlagSet) {
	f.StringVar(&s.dir, "dir", filepath.Join(defaultStateDir(), "log"), "folder of the log")
	f.BoolVar(&s.json, "json", false, "JSON lines on stdout")
}

func (s *logSource) bundleFlag(f *pflag.FlagSet) {
	f.StringVar(&s.bundle, "bundle", "", "read this exported bundle instead of a folder")
}

// name is how messages call the source.
func (s *logSource) name() string {
	if s.bundle != "" {
		return s.bundle
	}
	return s.dir
}

func (s *logSource) open() (fs.FS, io.Closer, error) {
	if s.bundle == "" {
		return os.DirFS(s.dir), io.NopCloser(nil), nil
	}
	z, err := zip.OpenReader(s.bundle)
	if errors.Is(err, zip.ErrFormat) {
		return nil, nil, fmt.Errorf("%w: %s is not a bundle: %w", rekey.ErrInput, s.bundle, err)
	}
	if err != nil {
		return nil, nil, logError(s.bundle, err)
	}
	return z, z, nil
}

// logError gives an error of package seclog its kind.
func logError(name string, err error) error {
	kind := rekey.ErrStorage
	switch {
	case err == nil:
		return nil
	case errors.Is(err, rekey.ErrInput):
		return err
	case errors.Is(err, seclog.ErrTampered), errors.Is(err, zip.ErrChecksum), errors.Is(err, zip.ErrFormat):
		kind = rekey.ErrVerify
	case errors.Is(err, fs.ErrNotExist):
		kind = rekey.ErrNotFound
	}
	return fmt.Errorf("%w: log %s: %w", kind, name, err)
}

func newLogShowCommand() *cobra.Command {
	var src logSource
	var since, event string
	cmd := &cobra.Command{
		Use:   "show",
		Short: "print the records as a table; with --json all their fields",
		Long: `show prints the records in the order of the log. It shows and does not verify;
that is the work of "rekey log verify". Records that a crash left without a
signature, and that were kept when the log was opened again, are named on stderr.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from, err := parseSince(since, time.Now())
			if err != nil {
				return err
			}
			return src.show(cmd.OutOrStdout(), cmd.ErrOrStderr(), recordFilter{from, event})
		},
	}
	src.flags(cmd.Flags())
	src.bundleFlag(cmd.Flags())
	cmd.Flags().StringVar(&since, "since", "", "only records from then on: a time (2026-03-01T12:00:00Z), a day (2026-03-01, UTC) or an age (24h)")
	cmd.Flags().StringVar(&event, "event", "", `only this event, such as "password.set"; "password.*" takes all that begin so`)
	return cmd
}

type recordFilter struct {
	since time.Time
	event string
}

func (f recordFilter) takes(r seclog.Record) bool {
	if r.Time.Before(f.since) {
		return false
	}
	if begin, ok := strings.CutSuffix(f.event, "*"); ok {
		return strings.HasPrefix(r.Event, begin)
	}
	return f.event == "" || f.event == r.Event
}

func parseSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if age, err := time.ParseDuration(s); err == nil && age >= 0 {
		return now.Add(-age), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: --since %q; expected a time like 2026-03-01T12:00:00Z, a day like 2026-03-01 or an age like 24h", rekey.ErrInput, s)
}

func (s *logSource) show(out, talk io.Writer, filter recordFilter) error {
	fsys, c, err := s.open()
	if err != nil {
		return err
	}
	defer c.Close()
	damaged := 0
	row := s.printer(out)
	for r, err := range seclog.Records(fsys) {
		if errors.Is(err, fs.ErrNotExist) {
			return logError(s.name(), err)
		}
		if err != nil {
			damaged++
			fmt.Fprintln(talk, printable(err.Error()))
			continue
		}
		tellKept(talk, r)
		if !filter.takes(r) {
			continue
		}
		if err := row(r); err != nil {
			return err
		}
	}
	if damaged > 0 {
		return fmt.Errorf("%w: log %s: %d lines cannot be read as records; 'rekey log verify' says more", rekey.ErrVerify, s.name(), damaged)
	}
	return nil
}

// tellKept names the records that stood in the file without a signature after a
// crash, whatever the filter takes: they are signed now, and look like any other.
func tellKept(talk io.Writer, r seclog.Record) {
	first, last := r.Detail["first_kept"], r.Detail["last_kept"]
	if r.Event == seclog.EventRecovered && first != "" {
		fmt.Fprintf(talk, "note: records %s to %s were found unsigned after a crash and kept at record %d; until then whoever could write to the file could have put them there\n",
			printable(first), printable(last), r.Seq)
	}
}

// printer writes one record at a time, so that a long log needs no memory.
func (s *logSource) printer(out io.Writer) func(seclog.Record) error {
	if s.json {
		return func(r seclog.Record) error { return writeJSON(out, "record", r) }
	}
	const columns = "%-6s  %-23s  %-18s  %-20s  %-24s  %s\n"
	first := true
	return func(r seclog.Record) error {
		if first {
			first = false
			if _, err := fmt.Fprintf(out, columns, "RECORD", "TIME (UTC)", "ACTOR", "EVENT", "OBJECT", "RESULT"); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintf(out, columns, strconv.FormatInt(r.Seq, 10), r.Time.UTC().Format("2006-01-02 15:04:05.000"),
			printable(r.Actor), printable(r.Event), printable(r.Object), printable(r.Result))
		return err
	}
}

// printable shows what a terminal might act upon as an escape, such as \x1b.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
