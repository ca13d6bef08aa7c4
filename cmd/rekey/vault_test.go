package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/vault"
)

// vaultVerb runs one vault verb on the state folder and returns its stdout.
func vaultVerb(t *testing.T, state string, args ...string) (string, error) {
	t.Helper()
	cmd := newVaultCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(append(args, "--state", state))
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestVaultShow(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	dir := filepath.Join(state, "vault")
	key, err := vault.KeyFileFor(dir, filepath.Join(state, "vault.key"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(dir, key)
	if err != nil {
		t.Fatal(err)
	}
	add := func(account, password string, confirm bool) vault.Entry {
		e, err := v.Propose(t.Context(), vault.Entry{Recorder: "V7KX-4YBM-0P97", Address: "192.0.2.10", Model: "N841", Account: account}, rekey.NewSecret(password))
		if err == nil && confirm {
			err = v.Confirm(t.Context(), e.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	former := add("admin", "former-pass", true)
	add("admin", "admin-pass", true)
	proposed := add("admin", "proposed-pass", false)

	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"V7KX-4YBM-0P97"}, "admin-pass"},
		{[]string{"192.0.2.10", "admin"}, "admin-pass"},
		{[]string{former.ID}, "former-pass"},
		{[]string{proposed.ID}, "proposed-pass"},
	} {
		out, err := vaultVerb(t, state, append([]string{"show", "--stdout"}, c.args...)...)
		if err != nil || strings.TrimSpace(out) != c.want {
			t.Errorf("show %v: another password, or %v", c.args, err)
		}
	}
	if _, err := vaultVerb(t, state, "show", "--stdout", "192.0.2.10", "nobody"); !errors.Is(err, rekey.ErrNotFound) {
		t.Errorf("an account that is not there: %v", err)
	}
	add("operator", "operator-pass", true)
	if _, err := vaultVerb(t, state, "show", "--stdout", "192.0.2.10"); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("two accounts: %v", err)
	}
	out, err := vaultVerb(t, state, "show", "--stdout", "--json", "192.0.2.10", "operator")
	var line struct{ Account, Password string }
	if err != nil || json.Unmarshal([]byte(out), &line) != nil || line.Account != "operator" || line.Password != "operator-pass" {
		t.Errorf("JSON line is not as it should be: %v", err)
	}

	list, err := vaultVerb(t, state, "list")
	if err != nil || strings.Count(list, "\n") != 4 || strings.Contains(list, "-pass") {
		t.Errorf("list has %d lines, %v", strings.Count(list, "\n"), err)
	}
	if list, err = vaultVerb(t, state, "list", "--all", "--json"); err != nil || strings.Count(list, `"message_type":"vault_entry"`) != 4 {
		t.Errorf("list --all --json has %d lines, %v", strings.Count(list, "\n"), err)
	}
}
