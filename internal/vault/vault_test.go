package vault

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"

	"rekey"
)

// testWork keeps scrypt cheap.
const testWork = 4

func newVault(t testing.TB, dir string) *Vault {
	t.Helper()
	key, err := KeyFileFor(filepath.Join(dir, "vault"), filepath.Join(dir, "vault.key"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := Open(filepath.Join(dir, "vault"), key)
	if err != nil {
		t.Fatal(err)
	}
	v.work = testWork
	return v
}

func propose(t testing.TB, v *Vault, account, password string) Entry {
	t.Helper()
	e, err := v.Propose(t.Context(), Entry{Recorder: "SERIAL-1", Address: "192.0.2.10", Model: "N841", Account: account, Run: "run-1"}, rekey.NewSecret(password))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustReveal(t testing.TB, v *Vault, id, want string) {
	t.Helper()
	got, err := v.Reveal(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Equal(rekey.NewSecret(want)) {
		t.Error("revealed another password than was proposed")
	}
}

func TestLifeOfAPassword(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := newVault(t, dir)
	ctx := t.Context()

	first := propose(t, v, "admin", "first-pass")
	if first.State != Proposed {
		t.Errorf("a new entry is %q", first.State)
	}
	if _, ok, err := v.Current(ctx, "SERIAL-1", "admin"); ok || err != nil {
		t.Errorf("a proposal is current already: %v %v", ok, err)
	}
	for range 2 { // idempotent
		if err := v.Confirm(ctx, first.ID); err != nil {
			t.Fatal(err)
		}
	}
	second, other := propose(t, v, "admin", "second-pass"), propose(t, v, "operator", "other-pass")
	third := propose(t, v, "admin", "third-pass")
	if err := v.Confirm(ctx, second.ID); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := v.Withdraw(ctx, third.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Withdraw(ctx, second.ID); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("withdrawing the current password: %v", err)
	}

	v = newVault(t, dir) // all of it must be on disk
	want := map[string]State{first.ID: Former, second.ID: Current, third.ID: Former, other.ID: Proposed}
	list, err := v.List(ctx)
	if err != nil || len(list) != len(want) {
		t.Fatalf("list has %d entries, error %v", len(list), err)
	}
	for _, e := range list {
		if e.State != want[e.ID] {
			t.Errorf("%s is %q, want %q", e.ID, e.State, want[e.ID])
		}
	}
	if e, ok, err := v.Current(ctx, "SERIAL-1", "admin"); err != nil || !ok || e.ID != second.ID {
		t.Errorf("current is %v %v %v", e, ok, err)
	}
	mustReveal(t, v, first.ID, "first-pass")
	mustReveal(t, v, second.ID, "second-pass")
	mustReveal(t, v, third.ID, "third-pass")

	// a withdrawn password that turns out to be in force
	if err := v.Confirm(ctx, third.ID); err != nil {
		t.Fatal(err)
	}
	if e, _, _ := v.Current(ctx, "SERIAL-1", "admin"); e.ID != third.ID {
		t.Errorf("current is %s, want the one confirmed last", e.ID)
	}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	v := newVault(t, t.TempDir())
	ctx := t.Context()
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	for name, c := range map[string]struct {
		err  error
		kind error
	}{
		"no password":  {second(v.Propose(ctx, Entry{Recorder: "r", Account: "a"}, rekey.Secret{})), rekey.ErrInput},
		"no recorder":  {second(v.Propose(ctx, Entry{Account: "a"}, rekey.NewSecret("x"))), rekey.ErrInput},
		"huge":         {second(v.Propose(ctx, Entry{Recorder: "r", Account: "a", Model: strings.Repeat("m", recordLimit)}, rekey.NewSecret("x"))), rekey.ErrInput},
		"canceled":     {second(v.Propose(canceled, Entry{Recorder: "r", Account: "a"}, rekey.NewSecret("x"))), context.Canceled},
		"odd id":       {v.Confirm(ctx, "../../etc/passwd"), rekey.ErrInput},
		"unknown id":   {v.Confirm(ctx, strings.Repeat("a", 24)+"-"+strings.Repeat("b", 16)), rekey.ErrNotFound},
		"reveal odd":   {second(v.Reveal(ctx, "")), rekey.ErrInput},
		"unseal odd":   {second(v.Unseal(ctx, "p", "***")), rekey.ErrStorage},
		"format":       {v.Export(ctx, io.Discard, "xml", rekey.NewSecret("p")), rekey.ErrInput},
		"empty phrase": {v.Export(ctx, io.Discard, FormatJSON, rekey.Secret{}), rekey.ErrInput},
	} {
		if !errors.Is(c.err, c.kind) {
			t.Errorf("%s: %v, want %v", name, c.err, c.kind)
		}
	}
	if list, err := v.List(ctx); len(list) != 0 || err != nil {
		t.Errorf("bad input left %v, %v", list, err)
	}
}

func second[A any](_ A, err error) error { return err }

func TestSeal(t *testing.T) {
	t.Parallel()
	v, other := newVault(t, t.TempDir()), newVault(t, t.TempDir())
	ctx := t.Context()
	sealed, err := v.Seal(ctx, "run 7 old", rekey.NewSecret("old-pass"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := v.Unseal(ctx, "run 7 old", sealed); err != nil || got.Reveal() != "old-pass" {
		t.Errorf("unseal: %v", err)
	}
	for name, err := range map[string]error{
		"other purpose": second(v.Unseal(ctx, "run 7 new", sealed)),
		"other vault":   second(other.Unseal(ctx, "run 7 old", sealed)),
		"edited":        second(v.Unseal(ctx, "run 7 old", "A"+sealed[1:]+"A")),
	} {
		if !errors.Is(err, rekey.ErrStorage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := newVault(t, dir)
	propose(t, v, "admin", "some-pass")
	vaultDir, keyFile := filepath.Join(dir, "vault"), filepath.Join(dir, "vault.key")

	wrong, err := KeyFileFor(filepath.Join(dir, "new-vault"), filepath.Join(dir, "other.key"))
	if err != nil {
		t.Fatal(err)
	}
	phrase, err := stretch(rekey.NewSecret("a phrase"), testWork)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]Key{"other key": wrong, "passphrase": phrase, "no key": {}} {
		if _, err := Open(vaultDir, key); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}

	if err := os.Chmod(keyFile, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := KeyFile(keyFile); !errors.Is(err, rekey.ErrInput) || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("loose key file: %v", err)
	}
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	if _, err := KeyFileFor(vaultDir, keyFile); !errors.Is(err, rekey.ErrNotFound) {
		t.Errorf("a lost key file was made anew: %v", err)
	}
	for name, text := range map[string]string{"empty": "", "garbage": "hello", "public key": "age1qqqq", "half": "AGE-SECRET-KEY-1QQ"} {
		if err := os.WriteFile(keyFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := KeyFile(keyFile); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%s key file: %v", name, err)
		}
	}
}

func TestPassphraseVault(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "vault")
	open := func(p string) (*Vault, error) {
		key, err := stretch(rekey.NewSecret(p), testWork)
		if err != nil {
			t.Fatal(err)
		}
		return Open(dir, key)
	}
	v, err := open("right phrase")
	if err != nil {
		t.Fatal(err)
	}
	e := propose(t, v, "admin", "some-pass")
	if v, err = open("right phrase"); err != nil {
		t.Fatal(err)
	}
	mustReveal(t, v, e.ID, "some-pass")
	if _, err = open("wrong phrase"); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("wrong phrase: %v", err)
	}
}

// A damaged record is named and hides no other; it cannot take another's place.
func TestDamagedRecords(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	damages := map[string]func(file, neighbour []byte) []byte{
		"torn":      func(f, _ []byte) []byte { return f[:len(f)/2] },
		"empty":     func(_, _ []byte) []byte { return nil },
		"one bit":   func(f, _ []byte) []byte { f[len(f)-1] ^= 1; return f },
		"magic":     func(f, _ []byte) []byte { f[0] ^= 1; return f },
		"exchanged": func(_, n []byte) []byte { return n },
		"longer":    func(f, _ []byte) []byte { return append(f, 0) },
		"huge":      func(f, _ []byte) []byte { return append(f, make([]byte, 2*recordLimit)...) },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVault(t, t.TempDir())
			bad, good := propose(t, v, "admin", "bad-pass"), propose(t, v, "admin", "good-pass")
			file := recordFile(t, v, bad.ID)
			neighbour, err := os.ReadFile(recordFile(t, v, good.ID))
			if err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, damage(content, neighbour), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := v.Confirm(ctx, good.ID); err != nil {
				t.Errorf("a damaged neighbour stops a confirmation: %v", err)
			}
			list, err := v.List(ctx)
			if !errors.Is(err, rekey.ErrStorage) || !strings.Contains(err.Error(), file) {
				t.Errorf("the damaged file is not named: %v", err)
			}
			if len(list) != 1 || list[0].ID != good.ID || list[0].State != Current {
				t.Errorf("list is %v", list)
			}
			if _, _, err := v.Current(ctx, "SERIAL-1", "admin"); !errors.Is(err, rekey.ErrStorage) {
				t.Errorf("current beside a damaged record: %v", err)
			}
			mustReveal(t, v, good.ID, "good-pass")
		})
	}
}

func recordFile(t testing.TB, v *Vault, id string) string {
	t.Helper()
	slot, name, err := splitID(id)
	if err != nil {
		t.Fatal(err)
	}
	return v.path(slot, name)
}

func TestLostHeader(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := newVault(t, dir)
	propose(t, v, "admin", "some-pass")
	key, err := KeyFile(filepath.Join(dir, "vault.key"))
	if err != nil {
		t.Fatal(err)
	}
	header := filepath.Join(v.dir, headerName)
	if err := os.WriteFile(header, []byte("-----BEGIN AGE"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(v.dir, key); !errors.Is(err, rekey.ErrStorage) {
		t.Errorf("damaged header: %v", err)
	}
	if err := os.Remove(header); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(v.dir, key); !errors.Is(err, rekey.ErrStorage) {
		t.Errorf("records without a header: %v", err)
	}
}

// Nothing of what is kept can be read in the folder, names included.
func TestNothingInTheClear(t *testing.T) {
	t.Parallel()
	v := newVault(t, t.TempDir())
	propose(t, v, "watchman", "plain-pass")
	err := filepath.WalkDir(v.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		content := []byte{}
		if !d.IsDir() {
			if content, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		for _, word := range []string{"SERIAL-1", "watchman", "plain-pass", "N841"} {
			if strings.Contains(path+string(content), word) {
				t.Errorf("%s tells something", path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Vaults opened side by side, as by several processes: flock is per open file,
// so goroutines with vaults of their own contend as processes do.
func TestSeveralAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const writers, each = 4, 6
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			v := newVault(t, dir) // all race to make key and vault
			for n := range each {
				e, err := v.Propose(t.Context(), Entry{Recorder: "R", Account: "admin"}, rekey.NewSecret(fmt.Sprint("pass-", i, n)))
				if err == nil {
					err = v.Confirm(t.Context(), e.ID)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	list, err := newVault(t, dir).List(t.Context())
	if err != nil || len(list) != writers*each {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	current := 0
	for _, e := range list {
		if e.State == Current {
			current++
		}
		if e.State == Proposed {
			t.Errorf("a confirmation was lost")
		}
	}
	if current != 1 {
		t.Errorf("%d current entries, want 1", current)
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	v := newVault(t, t.TempDir())
	ctx := t.Context()
	old, cur := propose(t, v, "admin", "old-pass"), propose(t, v, "admin", `new,"pass`)
	for _, e := range []Entry{old, cur} {
		if err := v.Confirm(ctx, e.ID); err != nil {
			t.Fatal(err)
		}
	}
	var parsed struct{ Entries []exported }
	if err := json.Unmarshal([]byte(export(t, v, FormatJSON)), &parsed); err != nil {
		t.Fatal(err)
	}
	if len(parsed.Entries) != 2 {
		t.Fatalf("JSON export has %d entries", len(parsed.Entries))
	}
	rows, err := csv.NewReader(strings.NewReader(export(t, v, FormatBitwardenCSV))).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("CSV has %d rows, %v", len(rows), err)
	}
	if rows[1][8] != "admin" || rows[1][9] != `new,"pass` {
		t.Error("the CSV row does not hold the current login")
	}

	if err := os.WriteFile(recordFile(t, v, old.ID), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := v.Export(ctx, &out, FormatJSON, rekey.NewSecret("phrase")); !errors.Is(err, rekey.ErrStorage) || out.Len() == 0 {
		t.Errorf("export beside a damaged record: %d bytes, %v", out.Len(), err)
	}
}

func export(t *testing.T, v *Vault, f Format) string {
	t.Helper()
	var out strings.Builder
	if err := v.Export(t.Context(), &out, f, rekey.NewSecret("phrase")); err != nil {
		t.Fatal(err)
	}
	id, err := age.NewScryptIdentity("phrase")
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(strings.NewReader(out.String()), id)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// TestStrangersInTheFolder: what file managers and sync tools leave in the vault
// is no record, and stops nobody.
func TestStrangersInTheFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	records := filepath.Join(dir, "vault", recordsDir)
	if err := os.MkdirAll(records, 0o700); err != nil {
		t.Fatal(err)
	}
	stray := func(parts ...string) {
		if err := os.WriteFile(filepath.Join(append([]string{records}, parts...)...), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stray(".DS_Store") // before there is a vault, too
	v := newVault(t, dir)
	e := propose(t, v, "admin", "first-pass")
	slot, name, _ := strings.Cut(e.ID, "-")
	stray("Thumbs.db")
	stray(slot, ".DS_Store")
	stray(slot, "._"+name+recordExt)
	stray(slot, name+" (conflicted copy)"+recordExt)
	if err := os.Mkdir(filepath.Join(records, "@eaDir"), 0o700); err != nil {
		t.Fatal(err)
	}
	if list, err := v.List(t.Context()); err != nil || len(list) != 1 || list[0].ID != e.ID {
		t.Errorf("%+v: %v", list, err)
	}
	if err := v.Confirm(t.Context(), e.ID); err != nil {
		t.Error(err)
	}
	if got, ok, err := v.Current(t.Context(), "SERIAL-1", "admin"); err != nil || !ok || got.ID != e.ID {
		t.Errorf("%+v: %v", got, err)
	}
}

// TestDamageOfAnotherAccount: a record that cannot be read stops its own account alone.
func TestDamageOfAnotherAccount(t *testing.T) {
	t.Parallel()
	v := newVault(t, t.TempDir())
	first, second := propose(t, v, "admin", "first-pass"), propose(t, v, "admin", "second-pass")
	other := propose(t, v, "operator", "other-pass")
	slot, name, _ := strings.Cut(other.ID, "-")
	if err := os.WriteFile(v.path(slot, name), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := v.OfAccount(t.Context(), "SERIAL-1", "admin")
	if err != nil || len(list) != 2 || list[0].ID != first.ID || list[1].ID != second.ID {
		t.Errorf("%+v: %v", list, err)
	}
	if _, err := v.OfAccount(t.Context(), "SERIAL-1", "operator"); !errors.Is(err, rekey.ErrStorage) {
		t.Errorf("its own account: %v", err)
	}
	if list, err := v.OfAccount(t.Context(), "SERIAL-2", "admin"); err != nil || len(list) != 0 {
		t.Errorf("a recorder without a password: %+v: %v", list, err)
	}
}
