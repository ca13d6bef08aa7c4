package vault

import (
	"bytes"
	"io"
	"os"
	"path/filepath"

	"filippo.io/age/armor"
)

// ByPassphrase reports whether the vault in dir was made with a passphrase, so
// that people are asked for one and not for a key file.
func ByPassphrase(dir string) bool {
	f, err := os.Open(filepath.Join(dir, headerName))
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // only read from
	head := make([]byte, 64)
	n, err := io.ReadFull(armor.NewReader(f), head)
	return (err == nil || n > 0) && bytes.Contains(head[:n], []byte("\n-> scrypt "))
}
