package lan

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// The encrypted envelope: {salt, cipher, content}. The client draws a key of
// decimal digits, sends it in salt under the recorder's RSA key, and under the
// key itself the payload in content. Two ciphers are offered.
const (
	cipherRPAC = "RPAC-256" // AES-256-CBC, IV of sixteen ASCII zeros
	cipherAES  = "AES-128"  // AES-128-ECB
	rsaBits    = 2048
)

var errEnvelope = errors.New("malformed envelope")

type envelope struct {
	Salt    string `json:"salt"`
	Cipher  string `json:"cipher"`
	Content string `json:"content"`
}

// envelopes holds the RSA key of this boot, made when it is first asked for.
type envelopes struct {
	key func() (*rsa.PrivateKey, error)
}

func newEnvelopes() *envelopes { return &envelopes{key: sync.OnceValues(NewEnvelopeKey)} }

// NewEnvelopeKey makes the RSA key of one boot. It takes a good part of a second.
func NewEnvelopeKey() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, rsaBits) }

func rpcEncryptInfo(c *rpcCall) (any, any, error) {
	key, err := c.envelopes.key()
	if err != nil {
		return nil, nil, err
	}
	return true, map[string]any{
		"AESPadding": []string{"ZERO"}, "asymmetric": "RSA", "suggestedAsymmetric": "RSA",
		"cipher": []string{cipherAES, cipherRPAC},
		"pub":    fmt.Sprintf("N:%X,E:%06X", key.N, key.E),
	}, nil
}

// open opens the envelope of a call. reply makes the params of the answer: an
// empty object under the same key.
func (c *rpcCall) open() (payload []byte, reply func() any, err error) {
	var e envelope
	if err := c.params(&e); err != nil {
		return nil, nil, err
	}
	key, err := c.envelopes.key()
	if err != nil {
		return nil, nil, err
	}
	payload, session, err := e.open(key)
	if err != nil {
		return nil, nil, errParameter
	}
	return payload, func() any { return map[string]string{"content": seal(e.Cipher, session, []byte("{}"))} }, nil
}

// open gives the payload, a JSON object, and the client's key. Whatever is wrong
// is one error: the RSA padding tells nothing, since a bad one yields a random
// key and the payload then is no JSON.
func (e envelope) open(key *rsa.PrivateKey) (payload, session []byte, err error) {
	length, known := map[string]int{cipherRPAC: 32, cipherAES: 16}[e.Cipher]
	if !known {
		return nil, nil, errEnvelope
	}
	salt, err := hex.DecodeString(e.Salt)
	if err != nil {
		return nil, nil, errEnvelope
	}
	content, err := base64.StdEncoding.DecodeString(e.Content)
	if err != nil || len(content) == 0 || len(content)%aes.BlockSize != 0 {
		return nil, nil, errEnvelope
	}
	session = make([]byte, length)
	_, _ = rand.Read(session) // never fails, says crypto/rand
	//nolint:staticcheck // the protocol's padding, in the one form without an oracle
	if err := rsa.DecryptPKCS1v15SessionKey(nil, key, salt, session); err != nil {
		return nil, nil, errEnvelope
	}
	payload = []byte(strings.TrimRight(string(crypt(e.Cipher, session, content, false)), "\x00"))
	if !json.Valid(payload) {
		return nil, nil, errEnvelope
	}
	return payload, session, nil
}

// seal puts an answer under the client's key.
func seal(name string, session, payload []byte) string {
	if rest := len(payload) % aes.BlockSize; rest != 0 {
		payload = append(payload, make([]byte, aes.BlockSize-rest)...)
	}
	return base64.StdEncoding.EncodeToString(crypt(name, session, payload, true))
}

// crypt runs the cipher over whole blocks.
func crypt(name string, session, in []byte, encrypt bool) []byte {
	block, err := aes.NewCipher(session)
	if err != nil {
		return nil // the length was checked
	}
	out := make([]byte, len(in))
	iv := []byte(strings.Repeat("0", aes.BlockSize))
	switch {
	case name == cipherRPAC && encrypt:
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, in) //nolint:gosec // the protocol's IV
	case name == cipherRPAC:
		cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, in)
	default:
		for at := 0; at < len(in); at += aes.BlockSize {
			if encrypt {
				block.Encrypt(out[at:], in[at:])
			} else {
				block.Decrypt(out[at:], in[at:])
			}
		}
	}
	return out
}
