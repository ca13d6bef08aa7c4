package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rekey"
	"rekey/internal/job"
	"rekey/internal/vault"
)

// loginFlags are the flags of verbs that only log in and read, or mend.
type loginFlags struct {
	operator
	login, passwordFile string
	accept              []string
}

func (f *loginFlags) register(s *pflag.FlagSet) {
	f.flags(s)
	f.vaultFlags(s)
	s.StringVar(&f.login, "login", "admin", "account to log in as")
	s.StringVar(&f.passwordFile, "password-file", "", "file with its password (default: the vault's, else asked at the terminal)")
	s.StringArrayVar(&f.accept, "accept-risk", nil, "accept a risk by its name: lock-account, basic-login or new-certificate; may be repeated")
}

func newBackupCommand() *cobra.Command {
	var f loginFlags
	var dir, from, to string
	cmd := &cobra.Command{
		Use:   "backup HOST",
		Short: "save all footage and the settings, with a manifest, and read them back",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.on(cmd)
			span, err := footageSpan(dir, f.state, from, to)
			if err != nil {
				return err
			}
			req, err := f.request(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			req.Footage = span
			return f.backup(cmd.Context(), req)
		},
	}
	f.register(cmd.Flags())
	cmd.Flags().StringVar(&dir, "footage", "", "folder for footage and settings (default: footage in the state folder)")
	cmd.Flags().StringVar(&from, "from", "", "from this time on, recorder's clock, like 2026-11-22T08:00 (default: all)")
	cmd.Flags().StringVar(&to, "to", "", "up to this time, recorder's clock (default: all)")
	return cmd
}

// footageSpan reads where and what to save.
func footageSpan(dir, state, from, to string) (f job.Footage, err error) {
	if f.Dir = dir; dir == "" {
		f.Dir = filepath.Join(state, "footage")
	}
	if f.Dir, err = filepath.Abs(f.Dir); err != nil {
		return f, fmt.Errorf("%w: %w", rekey.ErrInput, err)
	}
	if f.From, err = parseWall(from); err != nil {
		return f, err
	}
	if f.To, err = parseWall(to); err != nil {
		return f, err
	}
	if !f.To.IsZero() && !f.From.Before(f.To) {
		return f, fmt.Errorf("%w: --from is not before --to", rekey.ErrInput)
	}
	return f, nil
}

// parseWall reads a time of the recorder's wall clock, which has no zone.
func parseWall(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, time.UTC); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: time %q; expected like 2026-11-22T08:00 or 2026-11-22", rekey.ErrInput, s)
}

// request is who logs in where, with the password from the file, from the
// vault, or from the person.
func (f *loginFlags) request(ctx context.Context, host string) (req job.Request, err error) {
	if f.login == "" {
		return req, fmt.Errorf("%w: --login names no account", rekey.ErrInput)
	}
	req.Login.Account = f.login
	if req.Target, err = rekey.ParseTarget(host); err != nil {
		return req, err
	}
	if req.Accept, err = parseRisks(f.accept); err != nil {
		return req, err
	}
	if f.passwordFile == "" {
		req.Login.Password, err = f.fromVault(ctx, req.Target)
		if err != nil || !req.Login.Password.IsZero() {
			return req, err
		}
	}
	req.Login.Password, err = secretFrom(f.passwordFile, "Password of "+f.login)
	return req, err
}

// fromVault is the vault's current password for the recorder at t, or nothing.
func (f *loginFlags) fromVault(ctx context.Context, t rekey.Target) (rekey.Secret, error) {
	if !vault.Exists(f.vaultDir()) {
		return rekey.Secret{}, nil
	}
	r, err := f.runner()
	if err != nil {
		return rekey.Secret{}, err
	}
	id, err := f.recognise(ctx, t)
	if err != nil {
		return rekey.Secret{}, err
	}
	_, key, err := r.Recognise(id, t)
	if err != nil {
		return rekey.Secret{}, err
	}
	e, ok, err := r.Vault.Current(ctx, key, f.login)
	if err != nil || !ok {
		return rekey.Secret{}, err
	}
	return r.Vault.Reveal(ctx, e.ID)
}

func (f *loginFlags) backup(ctx context.Context, req job.Request) error {
	r, err := f.runner()
	if err != nil {
		return err
	}
	kept, err := r.Backup(ctx, req)
	if err != nil {
		return err
	}
	return f.emit("backup", kept, func(w io.Writer) {
		fmt.Fprintf(w, "Saved and read back: %d recordings, %d bytes, and the settings, in %s\nMerkle root: %s\n", kept.Files, kept.Bytes, kept.Dir, kept.Root)
	})
}
