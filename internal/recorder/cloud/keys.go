package cloud

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/crypto/chacha20poly1305"

	"rekey"
	"rekey/internal/durable"
)

const keyFormat = "rekey cloud key v1"

// keys all come from the one key of cloud.key: enrol opens what recorders seal
// to the cloud, subject hides who a limit is about, notMe
// signs the links of messages, offer makes the codes of messages, and second seals
// the keys of authenticators.
type keys struct {
	enrol                 hpke.PrivateKey
	subject, notMe, offer []byte
	second                cipher.AEAD
}

// openKeys reads the key, or draws it where there is none.
func openKeys(name string) (keys, error) {
	key, err := readKey(name)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails
		err = durable.WriteFile(name, fmt.Appendf(nil, "%s\n%s\n", keyFormat, hex.EncodeToString(key)), 0o600)
	}
	if err != nil {
		return keys{}, fmt.Errorf("%w: key of the cloud: %w", rekey.ErrStorage, err)
	}
	return deriveKeys(key)
}

func deriveKeys(key []byte) (k keys, err error) {
	seed, err := hkdf.Expand(sha256.New, key, "rekey cloud enrolment v1", 32)
	if err != nil {
		return k, err
	}
	if k.enrol, err = hpke.DHKEM(ecdh.X25519()).DeriveKeyPair(seed); err != nil {
		return k, err
	}
	if k.subject, err = hkdf.Expand(sha256.New, key, "rekey cloud subject v1", 32); err != nil {
		return k, err
	}
	if k.notMe, err = hkdf.Expand(sha256.New, key, "rekey cloud not me v1", 32); err != nil {
		return k, err
	}
	if k.offer, err = hkdf.Expand(sha256.New, key, "rekey cloud offer v1", 32); err != nil {
		return k, err
	}
	second, err := hkdf.Expand(sha256.New, key, "rekey cloud second factor v1", chacha20poly1305.KeySize)
	if err != nil {
		return k, err
	}
	k.second, err = chacha20poly1305.NewX(second)
	return k, err
}

// readKey refuses a key that others on this machine can read.
func readKey(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others; set its mode to 0600 and consider the key known", name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	digits, ok := bytes.CutPrefix(text, []byte(keyFormat+"\n"))
	key, err := hex.DecodeString(string(bytes.TrimSpace(digits)))
	if !ok || err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%s is not a key of a cloud", name)
	}
	return key, nil
}

// hide is what of a person or an address is kept where only sameness counts.
func (k keys) hide(kind, who string) string {
	mac := hmac.New(sha256.New, k.subject)
	mac.Write([]byte(kind + "\x00" + who))
	return hex.EncodeToString(mac.Sum(nil))
}
