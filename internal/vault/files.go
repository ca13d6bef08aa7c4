package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rekey"
)

// recordExt ends the name of a record file. Whatever is not named as a record or
// the folder of an account is passed over: leftovers of an interrupted write,
// and what file managers leave behind.
const recordExt = ".rec"

// Lengths of the names, in lower hex.
const (
	slotLength = 24
	nameLength = 16
)

func isHex(s string, length int) bool {
	return len(s) == length && strings.Trim(s, "0123456789abcdef") == ""
}

// splitID returns the folder and the name of an entry's file. Ids come from
// command lines too, so nothing but lower hex gets through.
func splitID(id string) (slot, name string, err error) {
	slot, name, ok := strings.Cut(id, "-")
	if !ok || !isHex(slot, slotLength) || !isHex(name, nameLength) {
		return "", "", fmt.Errorf("%w: vault entry id %.60q; expected one as rekey vault list prints it", rekey.ErrInput, id)
	}
	return slot, name, nil
}

func (v *Vault) path(slot, name string) string {
	return filepath.Join(v.dir, recordsDir, slot, name+recordExt)
}

func (v *Vault) save(id string, r record) error {
	slot, name, err := splitID(id)
	if err != nil {
		return err
	}
	file, err := r.encode(v.seal, id)
	if err != nil {
		return err
	}
	if err := v.write(v.path(slot, name), file, 0o600); err != nil {
		return fmt.Errorf("vault: %w: %w", rekey.ErrStorage, err)
	}
	return nil
}

func (v *Vault) load(id string) (record, error) {
	slot, name, err := splitID(id)
	if err != nil {
		return record{}, err
	}
	file, err := readLimited(v.path(slot, name))
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, fmt.Errorf("vault entry %s: %w", id, rekey.ErrNotFound)
	}
	var r record
	if err == nil {
		r, err = decode(v.seal, id, file)
	}
	if err == nil && v.seal.slot(r.Recorder, r.Account) != slot {
		err = errors.New("record of another account")
	}
	if err != nil {
		return record{}, fmt.Errorf("vault record %s: %w: %w", v.path(slot, name), rekey.ErrStorage, err)
	}
	return r, nil
}

func readLimited(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, recordLimit+1))
	return data, errors.Join(err, f.Close())
}

// loadSlot reads all records of one account. The error names those that could
// not be read; the others come with it.
func (v *Vault) loadSlot(slot string) (map[string]record, error) {
	files, err := os.ReadDir(filepath.Join(v.dir, recordsDir, slot))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("vault: %w: %w", rekey.ErrStorage, err)
	}
	all := make(map[string]record, len(files))
	var damaged []error
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), recordExt)
		if !ok || !isHex(name, nameLength) {
			continue
		}
		id := slot + "-" + name
		r, err := v.load(id)
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		all[id] = r
	}
	return all, errors.Join(damaged...)
}

// slotsIn names the folders of accounts.
func slotsIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, recordsDir))
	var slots []string
	for _, e := range entries {
		if e.IsDir() && isHex(e.Name(), slotLength) {
			slots = append(slots, e.Name())
		}
	}
	return slots, err
}

// each calls do for every readable record.
func (v *Vault) each(ctx context.Context, do func(Entry, record)) error {
	slots, err := slotsIn(v.dir)
	if err != nil {
		return fmt.Errorf("vault: %w: %w", rekey.ErrStorage, err)
	}
	var damaged []error
	for _, s := range slots {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read vault: %w", err)
		}
		all, err := v.loadSlot(s)
		if err != nil {
			damaged = append(damaged, err)
		}
		last := lastConfirmed(all)
		for _, id := range slices.Sorted(maps.Keys(all)) {
			do(all[id].entry(id, last), all[id])
		}
	}
	return errors.Join(damaged...)
}

func lastConfirmed(all map[string]record) int64 {
	var last int64
	for _, r := range all {
		last = max(last, r.Confirmed)
	}
	return last
}

func sortEntries(es []Entry) {
	slices.SortFunc(es, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Recorder, b.Recorder), cmp.Compare(a.Account, b.Account), a.Changed.Compare(b.Changed), cmp.Compare(a.ID, b.ID))
	})
}
