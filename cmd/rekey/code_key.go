package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"rekey"
	"rekey/recovery"
)

// readKeyFile reads a key: a regular file of 64 hex digits, with or without a
// line end, that only its owner can read.
func readKeyFile(name string) ([]byte, error) {
	const digits = 2 * recovery.KeySize
	if err := keyFileIsPrivate(name); err != nil {
		return nil, err
	}
	f, err := os.Open(name) // #nosec G304 -- the person names the file
	if err != nil {
		return nil, usageError(err)
	}
	defer f.Close()
	text := make([]byte, digits+2)
	n, err := io.ReadFull(f, text)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: read key file %s: %w", rekey.ErrInput, name, err)
	}
	if n == digits+1 && text[digits] == '\n' {
		n = digits
	}
	key := make([]byte, recovery.KeySize)
	if n != digits {
		return nil, fmt.Errorf("%w: key file %s: expected exactly %d hex digits and at most one line end", rekey.ErrInput, name, digits)
	}
	if _, err := hex.Decode(key, text[:n]); err != nil {
		return nil, fmt.Errorf("%w: key file %s holds something else than hex digits", rekey.ErrInput, name)
	}
	return key, nil
}

// keyFileIsPrivate refuses a key that others can read, and anything that is no
// file: opening a pipe would wait for ever.
func keyFileIsPrivate(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return usageError(err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: key file %s is not a regular file", rekey.ErrInput, name)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&^0o600 != 0 {
		return fmt.Errorf("%w: key file %s has mode %04o, so others may have read the key: chmod 600 it, and draw a new key if they have", rekey.ErrInput, name, info.Mode().Perm())
	}
	return nil
}
