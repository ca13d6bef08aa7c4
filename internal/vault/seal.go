package vault

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

const dataKeySize = 32

// errSealed says that a sealed text is damaged, edited, from another vault or
// from another place in this one. It tells no more on purpose.
var errSealed = errors.New("sealed text does not open")

// sealer seals with XChaCha20-Poly1305 under the data key. What a text is for
// goes in as additional data, so that one cannot be put in another's place.
type sealer struct {
	aead    cipher.AEAD
	slotKey []byte
}

func newSealer(dataKey []byte) (sealer, error) {
	sealKey, err := hkdf.Key(sha256.New, dataKey, nil, "rekey vault 1 seal", chacha20poly1305.KeySize)
	if err != nil {
		return sealer{}, fmt.Errorf("derive key: %w", err)
	}
	slotKey, err := hkdf.Key(sha256.New, dataKey, nil, "rekey vault 1 slot", sha256.Size)
	if err != nil {
		return sealer{}, fmt.Errorf("derive key: %w", err)
	}
	aead, err := chacha20poly1305.NewX(sealKey)
	if err != nil {
		return sealer{}, fmt.Errorf("derive key: %w", err)
	}
	return sealer{aead: aead, slotKey: slotKey}, nil
}

// seal returns nonce and ciphertext.
func (s sealer) seal(plain []byte, purpose, name string) []byte {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails, by its contract
	return s.aead.Seal(nonce, nonce, plain, additional(purpose, name))
}

func (s sealer) open(sealed []byte, purpose, name string) ([]byte, error) {
	if len(sealed) < s.aead.NonceSize()+s.aead.Overhead() {
		return nil, errSealed
	}
	nonce, text := sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():]
	plain, err := s.aead.Open(nil, nonce, text, additional(purpose, name))
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

// additional is unambiguous because no purpose holds a zero byte.
func additional(purpose, name string) []byte {
	return []byte("rekey vault 1\x00" + purpose + "\x00" + name)
}

// slot names the folder of an account on a recorder without telling either: a
// listing of the vault shows how many accounts there are and nothing else.
func (s sealer) slot(recorder, account string) string {
	mac := hmac.New(sha256.New, s.slotKey)
	_, _ = fmt.Fprintf(mac, "%d:%s%s", len(recorder), recorder, account)
	return hex.EncodeToString(mac.Sum(nil)[:12])
}
