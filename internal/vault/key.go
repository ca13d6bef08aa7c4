package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"filippo.io/age"

	"rekey"
	"rekey/internal/durable"
)

// Key opens a vault: it wraps and unwraps the vault's data key.
type Key struct {
	to   age.Recipient
	by   age.Identity
	from string // for errors: where the key came from
}

// KeyFile reads a key file: an age X25519 identity, as age-keygen writes it. A
// file that others can read is refused, a missing one is rekey.ErrNotFound.
func KeyFile(name string) (Key, error) {
	if err := checkPrivate(name); err != nil {
		return Key{}, err
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return Key{}, fmt.Errorf("vault key file: %w: %w", rekey.ErrStorage, err)
	}
	ids, err := age.ParseIdentities(strings.NewReader(string(text)))
	if err != nil || len(ids) != 1 {
		return Key{}, fmt.Errorf("%w: vault key file %s: expected one AGE-SECRET-KEY-1 line, as age-keygen writes it", rekey.ErrInput, name)
	}
	id, ok := ids[0].(*age.X25519Identity)
	if !ok {
		return Key{}, fmt.Errorf("%w: vault key file %s: expected an X25519 key (AGE-SECRET-KEY-1...)", rekey.ErrInput, name)
	}
	return Key{to: id.Recipient(), by: id, from: "key file " + name}, nil
}

func checkPrivate(name string) error {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("vault key file %s: %w", name, rekey.ErrNotFound)
	case err != nil:
		return fmt.Errorf("vault key file: %w: %w", rekey.ErrStorage, err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: vault key file %s is not a regular file", rekey.ErrInput, name)
	}
	if loose := info.Mode().Perm() & 0o077; loose != 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("%w: vault key file %s can be read by others (mode %04o); run chmod 600 %s and consider who has read it", rekey.ErrInput, name, info.Mode().Perm(), name)
	}
	return nil
}

// KeyFileFor reads the key file of the vault in dir and makes it, with mode
// 0600, when neither the file nor the vault exists yet. A vault whose key file
// is gone is an error: a new key would not open it.
func KeyFileFor(dir, name string) (Key, error) {
	k, err := KeyFile(name)
	if !errors.Is(err, rekey.ErrNotFound) {
		return k, err
	}
	if Exists(dir) {
		return Key{}, fmt.Errorf("vault %s: %w; it was made with that key, put it back or name another with --vault-key-file", dir, err)
	}
	if err := makeKeyFile(name); err != nil {
		return Key{}, err
	}
	return KeyFile(name)
}

// makeKeyFile never replaces a key file that another process made meanwhile.
func makeKeyFile(name string) error {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("make vault key: %w", err)
	}
	dir := filepath.Dir(name)
	if err := durable.MkdirAll(dir); err != nil {
		return fmt.Errorf("vault key file: %w: %w", rekey.ErrStorage, err)
	}
	text := "# rekey vault key. Without it the vault cannot be read: keep a copy elsewhere.\n" + id.String() + "\n"
	fresh := name + ".new-" + randomHex(8)
	if err := durable.WriteFile(fresh, []byte(text), 0o600); err != nil {
		return fmt.Errorf("vault key file: %w: %w", rekey.ErrStorage, err)
	}
	err = os.Link(fresh, name)
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err = errors.Join(err, os.Remove(fresh), durable.SyncDir(dir)); err != nil {
		return fmt.Errorf("vault key file: %w: %w", rekey.ErrStorage, err)
	}
	return nil
}

// Passphrase is a key that a person types. Stretching it takes about a second.
func Passphrase(p rekey.Secret) (Key, error) { return stretch(p, 0) }

// stretch takes a work factor (log2); 0 is age's own, which suits people.
func stretch(p rekey.Secret, work int) (Key, error) {
	if p.IsZero() {
		return Key{}, fmt.Errorf("%w: the passphrase is empty", rekey.ErrInput)
	}
	to, err := age.NewScryptRecipient(p.Reveal())
	if err != nil {
		return Key{}, fmt.Errorf("vault passphrase: %w: %w", rekey.ErrInput, err)
	}
	by, err := age.NewScryptIdentity(p.Reveal())
	if err != nil {
		return Key{}, fmt.Errorf("vault passphrase: %w: %w", rekey.ErrInput, err)
	}
	if work > 0 {
		to.SetWorkFactor(work)
	}
	return Key{to: to, by: by, from: "passphrase"}, nil
}
