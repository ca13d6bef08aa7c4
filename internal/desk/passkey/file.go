package passkey

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"rekey"
)

// The cost of the passphrase (RFC 9106, the second recommended) belongs to the format, so that a changed file
// cannot make Open eat the machine.
const (
	format    = "rekey passkey v1"
	kdfPasses = 3
	kdfKiB    = 64 << 10
	kdfLanes  = 4
	saltLen   = 16
	maxFile   = 16 << 10
)

// file is a sealed passkey: XChaCha20-Poly1305 under a key from the passphrase.
type file struct {
	Format string    `json:"format"`
	RPID   string    `json:"rp_id"` // for a person who looks for the right file; the sealed one counts
	Salt   base64url `json:"salt"`
	Nonce  base64url `json:"nonce"`
	Sealed base64url `json:"sealed"`
}

type content struct {
	ID     base64url `json:"id"`
	RPID   string    `json:"rp_id"`
	Handle base64url `json:"handle"`
	PKCS8  base64url `json:"pkcs8"`
}

// Seal is the key as a file, encrypted with a key from the passphrase (Argon2id).
// The error wraps rekey.ErrInput where the passphrase is empty.
func (k *Key) Seal(passphrase rekey.Secret, random io.Reader) ([]byte, error) {
	if passphrase.IsZero() {
		return nil, fmt.Errorf("%w: a passkey is kept under a passphrase; none was given", rekey.ErrInput)
	}
	secret, err := k.pkcs8()
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(content{ID: k.id, RPID: k.rpID, Handle: k.handle, PKCS8: secret})
	if err != nil {
		return nil, err
	}
	f := file{Format: format, RPID: k.rpID, Salt: make([]byte, saltLen), Nonce: make([]byte, chacha20poly1305.NonceSizeX)}
	for _, b := range [][]byte{f.Salt, f.Nonce} {
		if _, err := io.ReadFull(random, b); err != nil {
			return nil, fmt.Errorf("seal passkey: %w", err)
		}
	}
	aead, err := f.aead(passphrase)
	if err != nil {
		return nil, err
	}
	f.Sealed = aead.Seal(nil, f.Nonce, plain, f.header())
	text, err := json.MarshalIndent(f, "", "  ")
	return append(text, '\n'), err
}

func (f file) aead(passphrase rekey.Secret) (cipher.AEAD, error) {
	return chacha20poly1305.NewX(argon2.IDKey([]byte(passphrase.Reveal()), f.Salt, kdfPasses, kdfKiB, kdfLanes, chacha20poly1305.KeySize))
}

func (f file) header() []byte { return []byte(f.Format + "\x00" + f.RPID) }

// Open reads what Seal wrote. The error wraps rekey.ErrDenied where the passphrase
// does not fit, and rekey.ErrInput where it is no such file.
func Open(sealed []byte, passphrase rekey.Secret) (*Key, error) {
	f, err := parseFile(sealed)
	if err != nil {
		return nil, err
	}
	aead, err := f.aead(passphrase)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, f.Nonce, f.Sealed, f.header())
	if err != nil {
		return nil, fmt.Errorf("%w: the passphrase does not open the passkey of %q, or its file was changed", rekey.ErrDenied, f.RPID)
	}
	return parseContent(plain)
}

func parseFile(sealed []byte) (f file, err error) {
	if len(sealed) > maxFile {
		return f, fmt.Errorf("%w: too long to be a file with a passkey", rekey.ErrInput)
	}
	d := json.NewDecoder(bytes.NewReader(sealed))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return f, fmt.Errorf("%w: no file with a passkey: %w", rekey.ErrInput, err)
	}
	if f.Format != format || len(f.Salt) != saltLen || len(f.Nonce) != chacha20poly1305.NonceSizeX || len(f.Sealed) < chacha20poly1305.Overhead {
		return f, fmt.Errorf("%w: no file with a passkey of this version (%s)", rekey.ErrInput, format)
	}
	return f, nil
}

func parseContent(plain []byte) (*Key, error) {
	var c content
	if err := json.Unmarshal(plain, &c); err != nil {
		return nil, fmt.Errorf("%w: the passkey in the file cannot be read: %w", rekey.ErrInput, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(c.PKCS8)
	if err != nil {
		return nil, fmt.Errorf("%w: the passkey in the file cannot be read: %w", rekey.ErrInput, err)
	}
	secret, ok := key.(*ecdsa.PrivateKey)
	if !ok || secret.Curve != elliptic.P256() || len(c.ID) != idLen || len(c.Handle) == 0 || c.RPID == "" {
		return nil, fmt.Errorf("%w: the file holds no passkey of ours", rekey.ErrInput)
	}
	return &Key{id: c.ID, rpID: c.RPID, handle: c.Handle, secret: secret}, nil
}
