package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/mod/sumdb/note"

	"rekey"
	"rekey/internal/durable"
	"rekey/seclog"
)

// logKey is the verifier key that a verb checks with.
type logKey struct{ file, text string }

func (k *logKey) flags(f *pflag.FlagSet) {
	f.StringVar(&k.file, "key", "", "file with the verifier key that you kept (default: key.pub beside the log; a copy from elsewhere is stronger)")
	f.StringVar(&k.text, "key-string", "", "the verifier key itself: name+hash+base64")
}

// read returns the key, and whether it is the one that lies beside the log.
func (k *logKey) read(fsys fs.FS, name string) (key string, beside bool, err error) {
	switch {
	case k.file != "" && k.text != "":
		return "", false, fmt.Errorf("%w: give --key or --key-string, not both", rekey.ErrInput)
	case k.text != "":
		key = k.text
	case k.file != "":
		b, err := readInputFile(k.file)
		if err != nil {
			return "", false, err
		}
		key = string(b)
	default:
		beside = true
		if key, err = seclog.ReadKey(fsys); err != nil {
			return "", true, logError(name, err)
		}
	}
	key = strings.TrimSpace(key)
	if _, err := note.NewVerifier(key); err != nil {
		kind := rekey.ErrInput
		if beside {
			kind = rekey.ErrVerify
		}
		return "", beside, fmt.Errorf("%w: this is not a verifier key: %w; expected name+hash+base64, as in key.pub", kind, err)
	}
	return key, beside, nil
}

// readInputFile reads a small file that was named on the command line.
func readInputFile(name string) ([]byte, error) {
	const most = 1 << 20
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", rekey.ErrInput, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("%w: read %s: %w", rekey.ErrInput, name, err)
	}
	if len(b) > most {
		return nil, fmt.Errorf("%w: %s is longer than %d bytes", rekey.ErrInput, name, most)
	}
	return b, nil
}

func newLogVerifyCommand() *cobra.Command {
	var src logSource
	var key logKey
	var earlier string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "check every record against the signed checkpoint",
		Long: `verify reads the whole log and checks that no record was changed, cut out,
reordered or taken from another log, and names the record where one was.

Whoever can rewrite the log can also rewrite the key that lies beside it, and
whoever has the signing key can sign another history. So keep two things
elsewhere: a copy of key.pub for --key, and now and then a copy of the file
checkpoint for --checkpoint: the log must still begin with what it signed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return src.verify(cmd, key, earlier) },
	}
	src.flags(cmd.Flags())
	src.bundleFlag(cmd.Flags())
	key.flags(cmd.Flags())
	cmd.Flags().StringVar(&earlier, "checkpoint", "", "file with a checkpoint that you kept earlier")
	return cmd
}

func (s *logSource) verify(cmd *cobra.Command, k logKey, earlier string) error {
	fsys, c, err := s.open()
	if err != nil {
		return err
	}
	defer c.Close()
	key, beside, err := k.read(fsys, s.name())
	if err != nil {
		return err
	}
	var old []byte
	if earlier != "" {
		if old, err = readInputFile(earlier); err != nil {
			return err
		}
	}
	report, err := seclog.Verify(cmd.Context(), fsys, key, old)
	if s.json {
		if report.Origin != "" {
			err = errors.Join(err, writeJSON(cmd.OutOrStdout(), "log", verifyResult{report, err == nil, beside}))
		}
	} else if err == nil {
		printReport(cmd.OutOrStdout(), report)
	}
	if beside {
		fmt.Fprintln(cmd.ErrOrStderr(), "note: checked with the key beside the log; a copy that you kept elsewhere (--key) is stronger")
	}
	return logError(s.name(), err)
}

type verifyResult struct {
	seclog.Report
	OK        bool `json:"ok"`
	KeyBeside bool `json:"key_beside"` // the key was the one beside the log
}

func printReport(w io.Writer, r seclog.Report) {
	fmt.Fprintf(w, "log %s is whole: %d records, all as signed\n", r.Origin, r.Records)
	fmt.Fprintf(w, "root         %s\n", r.Root)
	if !r.Time.IsZero() {
		fmt.Fprintf(w, "last record  %s\n", r.Time.Format(time.RFC3339))
	}
	if r.Earlier > 0 {
		fmt.Fprintf(w, "unchanged    the %d records of the earlier checkpoint\n", r.Earlier)
	}
	if r.Uncovered > 0 || r.TornBytes > 0 {
		fmt.Fprintf(w, "not signed   %d records and %d bytes after them: being written now, or left by a crash\n", r.Uncovered, r.TornBytes)
	}
}

func newLogProveCommand() *cobra.Command {
	var src logSource
	var key logKey
	var record int64
	var check string
	cmd := &cobra.Command{
		Use:   "prove",
		Short: "prove that one record is in the log, or check such a proof",
		Long: `prove prints a proof, as JSON, that one record is in the log: the record, the
signed checkpoint and the hashes that lead from one to the other. Whoever has
the verifier key checks it with --check, without the log.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if check != "" && record >= 0 {
				return fmt.Errorf("%w: give --record or --check, not both", rekey.ErrInput)
			}
			if check != "" {
				return src.checkProof(cmd, key, check)
			}
			if record < 0 {
				return fmt.Errorf("%w: name a record with --record, or a proof to check with --check", rekey.ErrInput)
			}
			return src.prove(cmd.OutOrStdout(), record)
		},
	}
	src.flags(cmd.Flags())
	key.flags(cmd.Flags())
	cmd.Flags().Int64Var(&record, "record", -1, "number of the record, as show prints it")
	cmd.Flags().StringVar(&check, "check", "", "check the proof in this file")
	return cmd
}

func (s *logSource) prove(out io.Writer, record int64) error {
	p, err := seclog.Prove(os.DirFS(s.dir), record)
	if err != nil {
		return logError(s.dir, err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if text = seclog.EscapeUnprintable(text); s.json {
		b.Write(text)
	} else if err := json.Indent(&b, text, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, &b)
	return err
}

func (s *logSource) checkProof(cmd *cobra.Command, k logKey, name string) error {
	b, err := readInputFile(name)
	if err != nil {
		return err
	}
	p, err := seclog.ParseProof(b)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", rekey.ErrInput, name, err)
	}
	key, beside, err := k.read(os.DirFS(s.dir), s.dir)
	if err != nil {
		return err
	}
	r, err := seclog.CheckProof(p, key)
	if err != nil {
		return fmt.Errorf("%w: proof %s: %w", rekey.ErrVerify, name, err)
	}
	if beside {
		fmt.Fprintf(cmd.ErrOrStderr(), "note: checked with the key in %s; a copy that you kept elsewhere (--key) is stronger\n", s.dir)
	}
	if !s.json {
		fmt.Fprintf(cmd.OutOrStdout(), "record %d is in the log:\n", p.Index)
	}
	return s.printer(cmd.OutOrStdout())(r)
}

func newLogExportCommand() *cobra.Command {
	var src logSource
	var to string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "write the log as one bundle that anybody can verify offline",
		Long: `export writes a ZIP archive with the signed records, their hashes, the
checkpoint and the verifier key; the signing key is never in it. The bundle is
verified before it gets its name. Check it with: rekey log verify --bundle FILE`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to == "" {
				return fmt.Errorf("%w: name the file to write with --out", rekey.ErrInput)
			}
			if _, err := os.Lstat(to); err == nil {
				return fmt.Errorf("%w: %s exists already; name another file", rekey.ErrInput, to)
			}
			return src.export(cmd, to)
		},
	}
	src.flags(cmd.Flags())
	cmd.Flags().StringVar(&to, "out", "", "file to write")
	return cmd
}

func (s *logSource) export(cmd *cobra.Command, to string) error {
	dir := filepath.Dir(to)
	f, err := os.CreateTemp(dir, "."+filepath.Base(to)+".tmp-*")
	if err != nil {
		return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	report, err := s.writeBundle(cmd, f)
	if err == nil {
		err = os.Rename(f.Name(), to)
	}
	if err != nil {
		return logError(s.dir, errors.Join(err, os.Remove(f.Name())))
	}
	if err := durable.SyncDir(dir); err != nil {
		return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	return s.printExport(cmd.OutOrStdout(), to, report)
}

func (s *logSource) writeBundle(cmd *cobra.Command, f *os.File) (seclog.Report, error) {
	_, err := seclog.Export(os.DirFS(s.dir), f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return seclog.Report{}, err
	}
	return verifyBundle(cmd, f.Name())
}

func verifyBundle(cmd *cobra.Command, name string) (seclog.Report, error) {
	bundle := logSource{bundle: name}
	fsys, c, err := bundle.open()
	if err != nil {
		return seclog.Report{}, err
	}
	defer c.Close()
	key, err := seclog.ReadKey(fsys)
	if err != nil {
		return seclog.Report{}, err
	}
	return seclog.Verify(cmd.Context(), fsys, key, nil)
}

func (s *logSource) printExport(out io.Writer, to string, r seclog.Report) error {
	if s.json {
		return writeJSON(out, "export", struct {
			File    string `json:"file"`
			Records int64  `json:"records"`
		}{to, r.Records})
	}
	_, err := fmt.Fprintf(out, "%s: %d records, verified\n", to, r.Records)
	return err
}
