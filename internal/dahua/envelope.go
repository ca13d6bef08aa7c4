package dahua

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"

	"rekey"
)

// encryptInfo is the answer of Security.getEncryptInfo. The key may change, so
// it is asked for each time.
type encryptInfo struct {
	Asymmetric string   `json:"asymmetric"`
	Cipher     []string `json:"cipher"`
	Pub        string   `json:"pub"` // "N:<hex>,E:010001"
}

// envelope is how a call's params travel when they hold a password.
type envelope struct {
	Salt    string `json:"salt"`    // the one-time key under the recorder's RSA key (PKCS #1 v1.5), lower hex
	Cipher  string `json:"cipher"`  // what the content is under
	Content string `json:"content"` // base64 of the JSON payload, padded with zero bytes
}

// Ciphers of the content.
const (
	cipherRPAC = "RPAC-256" // AES-256-CBC, IV of sixteen "0"
	cipherAES  = "AES-128"  // AES-128-ECB
)

// encryptInfo asks for the recorder's key, within the session or outside of it.
func (r *rpc) encryptInfo(ctx context.Context) (encryptInfo, error) {
	const method = "Security.getEncryptInfo"
	var info encryptInfo
	err := r.get(ctx, method, nil, &info)
	if !lacks(err) {
		return info, err
	}
	answer, err := r.do(ctx, question{path: pathOutside, method: method})
	if err != nil {
		return info, err
	}
	return info, r.read(method, answer, &info)
}

// seal puts a payload into an envelope.
func (i encryptInfo) seal(payload any, random io.Reader) (envelope, error) {
	pub, err := parseKey(i.Pub)
	if err != nil {
		return envelope{}, err
	}
	plain, err := plainJSON(payload)
	if err != nil {
		return envelope{}, err
	}
	e, digits := envelope{Cipher: i.choice()}, 32
	switch e.Cipher {
	case cipherRPAC:
	case cipherAES:
		digits = 16
	default:
		return envelope{}, fmt.Errorf("%w: the recorder offers no cipher that rekey knows (%s)", rekey.ErrUnsupported, clean(strings.Join(i.Cipher, ", ")))
	}
	key, err := oneTimeKey(digits, random)
	if err != nil {
		return envelope{}, err
	}
	//nolint:staticcheck // PKCS #1 v1.5 is the recorder's form; there is no other
	salt, err := rsa.EncryptPKCS1v15(random, pub, key)
	if err != nil {
		return envelope{}, fmt.Errorf("%w: the recorder's RSA key cannot be used: %w", rekey.ErrUnsupported, err)
	}
	content, err := encrypt(e.Cipher, key, plain)
	if err != nil {
		return envelope{}, err
	}
	e.Salt, e.Content = hex.EncodeToString(salt), base64.StdEncoding.EncodeToString(content)
	return e, nil
}

// choice prefers RPAC-256; older firmware names the ciphers without their size.
func (i encryptInfo) choice() string {
	offered := map[string]bool{}
	for _, c := range i.Cipher {
		offered[c] = true
	}
	switch {
	case offered[cipherRPAC], offered["RPAC"]:
		return cipherRPAC
	case offered[cipherAES], offered["AES"]:
		return cipherAES
	}
	return ""
}

// parseKey reads "N:<hex modulus>,E:<hex exponent>".
func parseKey(pub string) (*rsa.PublicKey, error) {
	bad := fmt.Errorf("%w: the recorder's RSA key cannot be read", rekey.ErrUnsupported)
	n, e, is := strings.Cut(pub, ",")
	nHex, isN := strings.CutPrefix(strings.TrimSpace(n), "N:")
	eHex, isE := strings.CutPrefix(strings.TrimSpace(e), "E:")
	if !is || !isN || !isE || len(nHex) > 2048 || len(eHex) > 8 {
		return nil, bad
	}
	modulus, okN := new(big.Int).SetString(nHex, 16)
	exponent, okE := new(big.Int).SetString(eHex, 16)
	if !okN || !okE || modulus.Sign() <= 0 || exponent.Cmp(big.NewInt(3)) < 0 || exponent.BitLen() > 31 {
		return nil, bad
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

// oneTimeKey is decimal digits that do not begin with 0.
func oneTimeKey(digits int, random io.Reader) ([]byte, error) {
	key := make([]byte, digits)
	for i := range key {
		low := int64(0)
		if i == 0 {
			low = 1
		}
		n, err := rand.Int(random, big.NewInt(10-low))
		if err != nil {
			return nil, fmt.Errorf("random digits: %w", err)
		}
		key[i] = byte('0' + low + n.Int64()) //nolint:gosec // one decimal digit
	}
	return key, nil
}

// encrypt pads with zero bytes to whole blocks.
func encrypt(name string, key, plain []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	size := block.BlockSize()
	out := append(bytes.Clone(plain), make([]byte, (size-len(plain)%size)%size)...)
	switch name {
	case cipherRPAC:
		cipher.NewCBCEncrypter(block, bytes.Repeat([]byte("0"), size)).CryptBlocks(out, out)
	case cipherAES:
		for at := 0; at < len(out); at += size {
			block.Encrypt(out[at:at+size], out[at:at+size])
		}
	default:
		return nil, errors.New("unknown cipher")
	}
	return out, nil
}
