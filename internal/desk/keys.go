package desk

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"rekey"
	"rekey/internal/durable"
	"rekey/recovery"
)

const (
	kekFormat      = "rekey desk kek v1"
	enrolKeyFormat = "rekey desk enrolment key v1"
)

// keyring is what the desk's keys are used through: kek wraps the row keys of
// recorders, enrol opens what recorders seal to the desk, caller hides
// telephone numbers, tokens the links and keys that people hold, outbox seals
// what waits to be sent, and requests hashes what came with an idempotency key.
type keyring struct {
	kek      []byte
	enrol    hpke.PrivateKey
	caller   []byte
	tokens   []byte
	outbox   []byte
	requests []byte
	rand     io.Reader
}

// makeKeys draws the desk's keys. The public half is written last.
func makeKeys(dir string, random io.Reader) error {
	kek := make([]byte, 32)
	if _, err := io.ReadFull(random, kek); err != nil {
		return fmt.Errorf("draw a key: %w", err)
	}
	private, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		return fmt.Errorf("draw the enrolment key: %w", err)
	}
	secret, err := private.Bytes()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name, format string
		key          []byte
	}{{kekFile, kekFormat, kek}, {enrolKeyFile, enrolKeyFormat, secret}} {
		if err := durable.WriteFile(filepath.Join(dir, f.name), keyText(f.format, f.key), 0o600); err != nil {
			return err
		}
	}
	return durable.WriteFile(filepath.Join(dir, PublicKeyFile), recovery.DeskKeyText(private.PublicKey()), 0o644)
}

func keyText(format string, key []byte) []byte {
	return fmt.Appendf(nil, "%s\n%s\n", format, hex.EncodeToString(key))
}

func loadKeys(dir string, random io.Reader) (keyring, error) {
	kek, err := readKey(filepath.Join(dir, kekFile), kekFormat)
	if err != nil {
		return keyring{}, err
	}
	secret, err := readKey(filepath.Join(dir, enrolKeyFile), enrolKeyFormat)
	if err != nil {
		return keyring{}, err
	}
	private, err := hpke.DHKEM(ecdh.X25519()).NewPrivateKey(secret)
	if err != nil {
		return keyring{}, fmt.Errorf("%w: the desk's enrolment key is not usable", rekey.ErrStorage)
	}
	k := keyring{kek: kek, enrol: private, rand: random}
	for _, of := range []struct {
		key     *[]byte
		purpose string
	}{{&k.caller, "rekey desk caller v1"}, {&k.tokens, "rekey desk tokens v1"}, {&k.outbox, "rekey desk outbox v1"}, {&k.requests, "rekey desk requests v1"}} {
		if *of.key, err = hkdf.Expand(sha256.New, kek, of.purpose, 32); err != nil {
			return keyring{}, err
		}
	}
	return k, nil
}

// readKey refuses a key that others on this machine can read.
func readKey(name, format string) ([]byte, error) {
	bad := func(why string) ([]byte, error) {
		return nil, fmt.Errorf("%w: key file %s %s", rekey.ErrStorage, name, why)
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("%w: read key: %w", rekey.ErrStorage, err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return bad("can be read by others; set its mode to 0600 and consider the key known")
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%w: read key: %w", rekey.ErrStorage, err)
	}
	body, ok := bytes.CutPrefix(text, []byte(format+"\n"))
	key := make([]byte, 32)
	if n, err := hex.Decode(key, bytes.TrimSpace(body[:min(len(body), 65)])); !ok || err != nil || n != len(key) {
		return bad("is not a key of the desk")
	}
	return key, nil
}

// wrappedKey is a recorder's K_dev at rest, as hex.
type wrappedKey struct{ wrapped, sealed string }

// wrap seals K_dev with a fresh key of its own, and that key with the desk's.
// Both are bound to the Device ID and the epoch, so that a row put under
// another recorder opens nothing.
func (k keyring) wrap(id recovery.DeviceID, epoch uint8, kDev []byte) (wrappedKey, error) {
	rowKey := make([]byte, 32)
	if _, err := io.ReadFull(k.rand, rowKey); err != nil {
		return wrappedKey{}, fmt.Errorf("draw a key: %w", err)
	}
	wrapped, err := seal(k.kek, rowKey, rowContext(id, epoch))
	if err != nil {
		return wrappedKey{}, err
	}
	sealed, err := seal(rowKey, kDev, rowContext(id, epoch))
	if err != nil {
		return wrappedKey{}, err
	}
	return wrappedKey{hex.EncodeToString(wrapped), hex.EncodeToString(sealed)}, nil
}

// unwrap opens what wrap sealed. The error wraps rekey.ErrVerify.
func (k keyring) unwrap(id recovery.DeviceID, epoch uint8, w wrappedKey) (*recovery.Keys, error) {
	bad := refuse(rekey.ErrVerify, "the key of recorder %s does not open: its row was changed, or belongs to another recorder", id)
	rowKey, err := unseal(k.kek, w.wrapped, rowContext(id, epoch))
	if err != nil {
		return nil, bad
	}
	kDev, err := unseal(rowKey, w.sealed, rowContext(id, epoch))
	if err != nil {
		return nil, bad
	}
	return recovery.NewKeys(kDev)
}

func rowContext(id recovery.DeviceID, epoch uint8) []byte {
	return append([]byte(id.Data()), 0, epoch)
}

func seal(key, plain, context []byte) ([]byte, error) {
	aead, err := gcm(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, plain, context), nil //nolint:gosec // as in unseal
}

func unseal(key []byte, sealed string, context []byte) ([]byte, error) {
	b, err := hex.DecodeString(sealed)
	if err != nil {
		return nil, err
	}
	aead, err := gcm(key)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, nil, b, context) //nolint:gosec // the nonce stands in front of the text: NewGCMWithRandomNonce
}

// gcm is AES-256-GCM with a random nonce before the ciphertext. A row key seals
// once, and the desk's key far fewer than the 2^32 times that random nonces allow.
func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
