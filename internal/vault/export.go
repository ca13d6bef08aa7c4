package vault

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"

	"rekey"
)

// Format is the content of an export.
type Format string

// The formats. JSON holds every entry; the Bitwarden CSV holds those that may
// be in force, in the columns that Bitwarden and most password managers import
// (bitwarden.com/help/condition-bitwarden-import).
const (
	FormatJSON         Format = "json"
	FormatBitwardenCSV Format = "bitwarden-csv"
)

// ParseFormat reads the name of a format.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case FormatJSON, FormatBitwardenCSV:
		return f, nil
	}
	return "", fmt.Errorf("%w: export format %.40q; expected %s or %s", rekey.ErrInput, s, FormatJSON, FormatBitwardenCSV)
}

// exported is one entry of a JSON export, with its password in the clear: the
// whole export is encrypted.
type exported struct {
	Entry
	Password string `json:"password"`
}

// Export writes what is in the vault, encrypted by age to the passphrase:
// age -d opens it. Damaged records are named in the error, after everything
// else was written.
func (v *Vault) Export(ctx context.Context, w io.Writer, format Format, passphrase rekey.Secret) error {
	if _, err := ParseFormat(string(format)); err != nil {
		return err
	}
	key, err := stretch(passphrase, v.work)
	if err != nil {
		return err
	}
	var all []exported
	damaged := v.each(ctx, func(e Entry, r record) { all = append(all, exported{e, r.Password}) })
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("export vault: %w", err)
	}
	out, err := age.Encrypt(w, key.to)
	if err != nil {
		return fmt.Errorf("export vault: %w: %w", rekey.ErrStorage, err)
	}
	write := writeJSON
	if format == FormatBitwardenCSV {
		write = writeBitwarden
	}
	if err := errors.Join(write(out, all), out.Close()); err != nil {
		return fmt.Errorf("export vault: %w: %w", rekey.ErrStorage, err)
	}
	return damaged
}

func writeJSON(w io.Writer, all []exported) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Format  string     `json:"format"`
		Version int        `json:"version"`
		Entries []exported `json:"entries"`
	}{"rekey-vault-export", 1, all})
}

func writeBitwarden(w io.Writer, all []exported) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"folder", "favorite", "type", "name", "notes", "fields", "reprompt", "login_uri", "login_username", "login_password", "login_totp"}}
	for _, e := range all {
		if e.State == Former {
			continue
		}
		name := fmt.Sprintf("%s %s (%s)", e.Model, e.Recorder, e.Account)
		notes := fmt.Sprintf("%s since %s", e.State, e.Changed.Format("2006-01-02 15:04 MST"))
		uri := e.Address
		if uri != "" && !strings.Contains(uri, "://") {
			uri = "http://" + uri
		}
		rows = append(rows, []string{"recorders", "", "login", name, notes, "", "1", uri, e.Account, e.Password, ""})
	}
	return out.WriteAll(rows)
}
