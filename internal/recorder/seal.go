package recorder

import (
	"crypto/cipher"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"

	"rekey"
)

// sealer keeps secrets of the box under its storage key. On a real recorder the
// key would live in a secure element; here it is a file of its own, mode 0600,
// so that the other files may be copied without giving anything away.
type sealer struct {
	aead cipher.AEAD
	rand io.Reader
}

func newSealer(key []byte, rand io.Reader) (*sealer, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	return &sealer{aead: aead, rand: rand}, nil
}

// seal binds the secret to context: sealed text moved to another place does not open.
func (s *sealer) seal(secret []byte, context string) ([]byte, error) {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(secret)+s.aead.Overhead())
	if _, err := io.ReadFull(s.rand, nonce); err != nil {
		return nil, err
	}
	return s.aead.Seal(nonce, nonce, secret, []byte(context)), nil
}

func (s *sealer) open(sealed []byte, context string) ([]byte, error) {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return nil, fmt.Errorf("%w: sealed %s is cut short", rekey.ErrStorage, context)
	}
	secret, err := s.aead.Open(nil, sealed[:n], sealed[n:], []byte(context))
	if err != nil {
		return nil, fmt.Errorf("%w: sealed %s does not open with this storage key", rekey.ErrStorage, context)
	}
	return secret, nil
}

// readStorageKey refuses a key that others can read.
func readStorageKey(dir string) ([]byte, error) {
	name := filepath.Join(dir, storageKeyFile)
	fi, err := os.Stat(name)
	if err != nil {
		return nil, storageError("read the storage key", err)
	}
	if runtime.GOOS != "windows" && fi.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: storage key %s is readable by others; run chmod 600 on it", rekey.ErrStorage, name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, storageError("read the storage key", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != chacha20poly1305.KeySize {
		return nil, fmt.Errorf("%w: storage key %s is not 64 hex digits", rekey.ErrStorage, name)
	}
	return key, nil
}
