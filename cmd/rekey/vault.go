package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/durable"
	"rekey/internal/vault"
)

func newVaultCommand() *cobra.Command {
	o := &operator{}
	cmd := &cobra.Command{
		Use:   "vault",
		Short: "the passwords that rekey keeps, sealed",
		Long: `The vault keeps every password that rekey proposed, set or replaced, one sealed
record each, and never deletes one. Its key is a key file or a passphrase.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := cmd.PersistentFlags()
	f.StringVar(&o.state, "state", defaultStateDir(), "folder with vault, security log, runs and login budget")
	f.BoolVar(&o.json, "json", false, "JSON lines on stdout")
	o.vaultFlags(f)
	cmd.AddCommand(newVaultListCommand(o), newVaultShowCommand(o), newVaultExportCommand(o), newVaultInitCommand(o))
	return cmd
}

func newVaultListCommand(o *operator) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the entries, without their passwords",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := o.on(cmd).existingVault()
			if err != nil {
				return err
			}
			entries, damaged := v.List(cmd.Context())
			return errors.Join(o.listEntries(entries, all), damaged)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "former passwords too")
	return cmd
}

func (o *operator) listEntries(entries []vault.Entry, all bool) error {
	table := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
	if !o.json {
		fmt.Fprintln(table, "ENTRY\tRECORDER\tMODEL\tADDRESS\tACCOUNT\tSTATE\tSINCE")
	}
	for _, e := range entries {
		if e.State == vault.Former && !all {
			continue
		}
		err := o.emit("vault_entry", e, func(io.Writer) {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.ID, e.Recorder, e.Model, e.Address, e.Account, e.State, e.Changed.Local().Format(time.DateTime))
		})
		if err != nil {
			return err
		}
	}
	return table.Flush()
}

func newVaultShowCommand(o *operator) *cobra.Command {
	var stdout bool
	cmd := &cobra.Command{
		Use:   "show ENTRY | show RECORDER [ACCOUNT]",
		Short: "show one password, on the terminal only",
		Long: `Show the password of an entry of "rekey vault list --all", or the current one of
a recorder (its Device ID or address). It goes to the terminal and not to
stdout, so that no pipe and no log gets it, unless --stdout says so.`,
		Example: "  rekey vault show V7KX-4YBM-0P97 admin",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := o.on(cmd).existingVault()
			if err != nil {
				return err
			}
			e, err := findEntry(cmd.Context(), v, args)
			if err != nil {
				return err
			}
			password, err := v.Reveal(cmd.Context(), e.ID)
			if err != nil {
				return err
			}
			return o.showPassword(e, password, stdout)
		},
	}
	cmd.Flags().BoolVar(&stdout, "stdout", false, "print the password on stdout")
	return cmd
}

// findEntry takes the id of an entry, or a recorder with or without an account.
// Damaged records do not keep it from finding a whole one.
func findEntry(ctx context.Context, v *vault.Vault, args []string) (vault.Entry, error) {
	entries, damaged := v.List(ctx)
	var found []vault.Entry
	for _, e := range entries {
		if e.ID == args[0] && len(args) == 1 {
			return e, nil
		}
		wanted := e.Recorder == args[0] || e.Address == args[0]
		if wanted && e.State == vault.Current && (len(args) == 1 || e.Account == args[1]) {
			found = append(found, e)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return vault.Entry{}, fmt.Errorf("%w: %q has current passwords of several accounts or recorders; name the account, or the entry as rekey vault list prints it", rekey.ErrInput, args[0])
	}
	return vault.Entry{}, errors.Join(fmt.Errorf("%w: no current password of %q in the vault; see rekey vault list", rekey.ErrNotFound, args), damaged)
}

func (o *operator) showPassword(e vault.Entry, password rekey.Secret, stdout bool) error {
	if stdout {
		result := struct {
			vault.Entry
			Password string `json:"password"`
		}{e, password.Reveal()}
		return o.emit("password", result, func(w io.Writer) { fmt.Fprintln(w, password.Reveal()) })
	}
	t, err := openTerminal()
	if err != nil {
		return fmt.Errorf("%w; --stdout prints the password on stdout", err)
	}
	shown := t.show(fmt.Sprintf("password of %q on %s, %s", e.Account, e.Recorder, e.State), password)
	return errors.Join(shown, t.Close())
}

func newVaultExportCommand(o *operator) *cobra.Command {
	var format, out, passphraseFile string
	cmd := &cobra.Command{
		Use:   "export --out FILE",
		Short: "write all passwords into one file, encrypted to a passphrase",
		Long: `Write the vault's content into a file that age and a passphrase open:
age -d FILE. The content is JSON with every entry, or the CSV that Bitwarden and
most password managers import, with those that may be in force.`,
		Example: "  rekey vault export --format bitwarden-csv --out passwords.csv.age",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kind, err := vault.ParseFormat(format)
			if err != nil {
				return err
			}
			if err := mustBeNew(out); err != nil {
				return err
			}
			v, err := o.on(cmd).existingVault()
			if err != nil {
				return err
			}
			passphrase, err := newPassphrase(passphraseFile, "Passphrase of the export")
			if err != nil {
				return err
			}
			return o.exportVault(cmd.Context(), v, kind, out, passphrase)
		},
	}
	cmd.Flags().StringVar(&format, "format", string(vault.FormatJSON), "json or bitwarden-csv")
	cmd.Flags().StringVar(&out, "out", "", "the file to write; it must not exist yet")
	cmd.Flags().StringVar(&passphraseFile, "passphrase-file", "", "file with the passphrase, instead of the terminal")
	return cmd
}

func mustBeNew(name string) error {
	if name == "" {
		return fmt.Errorf("%w: say with --out which file to write", rekey.ErrInput)
	}
	switch _, err := os.Lstat(name); {
	case err == nil:
		return fmt.Errorf("%w: %s exists; name a new file", rekey.ErrConflict, name)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	return nil
}

// exportVault writes the file even where records are damaged; the error then
// names them.
func (o *operator) exportVault(ctx context.Context, v *vault.Vault, format vault.Format, name string, passphrase rekey.Secret) error {
	var text bytes.Buffer
	damaged := v.Export(ctx, &text, format, passphrase)
	if text.Len() == 0 || ctx.Err() != nil {
		return damaged
	}
	if err := durable.WriteFile(name, text.Bytes(), 0o600); err != nil {
		return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	result := struct {
		File   string       `json:"file"`
		Format vault.Format `json:"format"`
	}{name, format}
	err := o.emit("vault_export", result, func(w io.Writer) { fmt.Fprintf(w, "wrote %s; age -d opens it with the passphrase\n", name) })
	return errors.Join(err, damaged)
}

func newVaultInitCommand(o *operator) *cobra.Command {
	var ask bool
	cmd := &cobra.Command{
		Use:   "init",
		Short: "make the vault now, with a key file or a passphrase",
		Long: `Make the vault. Without it the first reset makes one, with a key file in the
state folder. Keep a copy of the key file, or the passphrase, elsewhere: without
it nobody can read the vault.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir := o.on(cmd).vaultDir()
			if vault.Exists(dir) {
				return fmt.Errorf("%w: there is a vault in %s already", rekey.ErrConflict, dir)
			}
			if err := o.initVault(dir, ask); err != nil {
				return err
			}
			result := struct {
				Vault string `json:"vault"`
			}{dir}
			return o.emit("vault_init", result, func(w io.Writer) { fmt.Fprintf(w, "made the vault %s\n", dir) })
		},
	}
	cmd.Flags().BoolVar(&ask, "passphrase", false, "ask for a passphrase at the terminal, instead of making a key file")
	return cmd
}

func (o *operator) initVault(dir string, ask bool) error {
	if !ask {
		_, err := o.openVault()
		return err
	}
	p, err := newPassphrase("", "Passphrase of the vault")
	if err != nil {
		return err
	}
	key, err := vault.Passphrase(p)
	if err != nil {
		return err
	}
	_, err = vault.Open(dir, key)
	return err
}

// newPassphrase reads a passphrase from the file, or has it typed twice.
func newPassphrase(file, prompt string) (rekey.Secret, error) {
	first, err := secretFrom(file, prompt)
	if err != nil || file != "" {
		return first, err
	}
	again, err := secretFrom("", "The same again")
	if err == nil && !first.Equal(again) {
		err = fmt.Errorf("%w: the two passphrases differ", rekey.ErrInput)
	}
	return first, err
}

func (o *operator) vaultDir() string { return filepath.Join(o.state, "vault") }

// existingVault opens the vault and never makes one. Where it was made with a
// passphrase and no file was named, the passphrase is asked for.
func (o *operator) existingVault() (*vault.Vault, error) {
	dir := o.vaultDir()
	if !vault.Exists(dir) {
		return nil, fmt.Errorf("%w: there is no vault in %s yet; rekey reset or rekey vault init makes it", rekey.ErrNotFound, dir)
	}
	return o.openVault()
}
