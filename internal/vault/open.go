package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"

	"rekey"
	"rekey/internal/durable"
)

// Files of a vault: the wrapped data key, the records, the lock.
const (
	headerName = "vault.age"
	recordsDir = "records"
	lockName   = "lock"
)

// headerMagic stands before the data key inside the age file.
const headerMagic = "rekey vault 1\n"

// lockWait bounds how long another process may hold the vault.
const lockWait = 30 * time.Second

// Exists reports whether there is a vault in dir.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, headerName))
	return err == nil
}

// Open opens the vault in dir, and makes one where there is none yet.
// A key that does not open it is rekey.ErrInput.
func Open(dir string, key Key) (*Vault, error) {
	if key.by == nil {
		return nil, fmt.Errorf("open vault %s: %w: no key", dir, rekey.ErrInput)
	}
	if !Exists(dir) {
		if err := create(dir, key); err != nil {
			return nil, err
		}
	}
	header, err := os.ReadFile(filepath.Join(dir, headerName))
	if err != nil {
		return nil, fmt.Errorf("open vault: %w: %w", rekey.ErrStorage, err)
	}
	dataKey, err := unwrap(header, key)
	if err != nil {
		return nil, fmt.Errorf("open vault %s: %w", dir, err)
	}
	s, err := newSealer(dataKey)
	if err != nil {
		return nil, fmt.Errorf("open vault %s: %w", dir, err)
	}
	return &Vault{dir: dir, seal: s, write: durable.WriteFile}, nil
}

// create makes the vault under its lock: two processes that meet an empty
// folder agree on one data key.
func create(dir string, key Key) error {
	if err := durable.MkdirAll(filepath.Join(dir, recordsDir)); err != nil {
		return fmt.Errorf("make vault: %w: %w", rekey.ErrStorage, err)
	}
	unlock, err := lock(context.Background(), dir)
	if err != nil {
		return err
	}
	defer unlock()
	if Exists(dir) {
		return nil
	}
	if slots, err := slotsIn(dir); err != nil || len(slots) > 0 {
		return fmt.Errorf("open vault %s: %w: it holds records but %s, their key, is gone; put it back from a copy", dir, rekey.ErrStorage, headerName)
	}
	header, err := wrapNew(key)
	if err != nil {
		return fmt.Errorf("make vault %s: %w", dir, err)
	}
	if err := durable.WriteFile(filepath.Join(dir, headerName), header, 0o600); err != nil {
		return fmt.Errorf("make vault: %w: %w", rekey.ErrStorage, err)
	}
	return nil
}

func wrapNew(key Key) ([]byte, error) {
	plain := make([]byte, len(headerMagic)+dataKeySize)
	copy(plain, headerMagic)
	if _, err := rand.Read(plain[len(headerMagic):]); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	text := armor.NewWriter(&out)
	w, err := age.Encrypt(text, key.to)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(plain)
	if err = errors.Join(err, w.Close(), text.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func unwrap(header []byte, key Key) ([]byte, error) {
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(header)), key.by)
	var noMatch *age.NoIdentityMatchError
	if errors.As(err, &noMatch) {
		return nil, fmt.Errorf("%w: the %s is not the one that the vault was made with", rekey.ErrInput, key.from)
	}
	var plain []byte
	if err == nil {
		plain, err = io.ReadAll(io.LimitReader(r, 1024))
	}
	dataKey, ok := bytes.CutPrefix(plain, []byte(headerMagic))
	if err != nil || !ok || len(dataKey) != dataKeySize {
		return nil, fmt.Errorf("%w: %s is damaged; put it back from a copy", rekey.ErrStorage, headerName)
	}
	return dataKey, nil
}

// lock keeps every other writer out of the vault in dir.
func lock(ctx context.Context, dir string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	release, err := durable.Lock(ctx, filepath.Join(dir, lockName))
	if errors.Is(err, durable.ErrHeld) {
		return nil, fmt.Errorf("vault %s: %w: another process holds it; run again when that has ended", dir, rekey.ErrConflict)
	}
	if err != nil {
		return nil, fmt.Errorf("lock vault: %w: %w", rekey.ErrStorage, err)
	}
	return func() { _ = release() }, nil // a lock that cannot be given back ends with the process
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, by its contract
	return hex.EncodeToString(b)
}
