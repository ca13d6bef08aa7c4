// Package wire is what a recorder and the cloud say to each other: the messages,
// the key by which a recorder is known, and the pairing code. The recorder always
// calls and the cloud answers; nothing ever comes in to the recorder.
//
// Each message but the first is signed with the link key, an Ed25519 key that
// the recorder draws for one pairing. The signature covers the path, a nonce of
// the cloud that counts once, and the body.
package wire

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"rekey/recovery"
)

// What a recorder asks for. All but PathCloud are POST and signed.
const (
	PathCloud  = "/box/v1/cloud"  // GET: Cloud
	PathPair   = "/box/v1/pair"   // Pair, 204
	PathPoll   = "/box/v1/poll"   // Poll, Status; held until the status changes, or for Hold
	PathUnlink = "/box/v1/unlink" // Unlink, 204
)

const (
	// Hold is how long the cloud keeps a poll waiting for news: less than servers
	// and routers keep a silent connection.
	Hold = 20 * time.Second
	// CodeLife is how long a pairing waits for its code.
	CodeLife = 10 * time.Minute
	// MaxBody bounds a message, in bytes.
	MaxBody = 16 << 10
	// Header carries the signature of a message.
	Header = "Rekey-Link"
)

// Cloud is what the cloud says of itself to anybody.
type Cloud struct {
	PublicKey string `json:"public_key"` // X25519, 64 hex digits: keys are sealed to it
	Nonce     string `json:"nonce"`      // for one signature, within two minutes
}

// Pair begins a pairing. Whoever types its code at the cloud becomes the owner.
type Pair struct {
	Key       []byte             `json:"key"`         // public half of the link key, base64
	CodeHash  string             `json:"code_sha256"` // HashCode of the pairing code
	Name      string             `json:"name"`        // what the owner calls the recorder
	Enrolment recovery.Enrolment `json:"enrolment"`   // the key of the answers, sealed to the cloud
}

// Poll asks how the link stands.
type Poll struct {
	Known State `json:"known"` // what the recorder takes it to be
}

// State of a link.
type State string

// A link is pending until its code was typed. After a reset by the button it is
// for the release of the recorder's lock alone. It never comes back from ended.
const (
	Pending State = "pending"
	Linked  State = "linked"
	Reset   State = "reset"
	Ended   State = "ended"
)

// Status answers a Poll.
type Status struct {
	State State  `json:"state"`
	Owner string `json:"owner,omitempty"` // masked address, when linked
	Why   string `json:"why,omitempty"`   // when ended
}

// Unlink ends the link from the recorder's side. With Reset the recorder was
// reset by its button and is locked: the owner's right to release it remains,
// until the recorder says Unlink again.
type Unlink struct {
	Why   string `json:"why"`
	Reset bool   `json:"reset,omitempty"`
}

// LinkID names a link: the first half of the SHA-256 of its public key, in hex.
func LinkID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:16])
}

// ErrSignature says that a header carries no signature.
var ErrSignature = errors.New("no signature of a link in the header " + Header)

// Signature is a header taken apart; nothing in it is checked yet.
type Signature struct {
	Link, Nonce string
	sum         []byte
}

// Sign makes the header of one message.
func Sign(key ed25519.PrivateKey, path, nonce string, body []byte) string {
	sum := ed25519.Sign(key, signed(path, nonce, body))
	return LinkID(key.Public().(ed25519.PublicKey)) + " " + nonce + " " + base64.RawStdEncoding.EncodeToString(sum)
}

func signed(path, nonce string, body []byte) []byte {
	sum := sha256.Sum256(body)
	return fmt.Appendf(nil, "rekey cloud link v1\x00%s\x00%s\x00%x", path, nonce, sum)
}

// ParseSignature takes a header apart.
func ParseSignature(header string) (Signature, error) {
	const most = 512
	parts := strings.Split(header, " ")
	if len(header) > most || len(parts) != 3 || len(parts[0]) != 32 {
		return Signature{}, ErrSignature
	}
	sum, err := base64.RawStdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(sum) != ed25519.SignatureSize {
		return Signature{}, ErrSignature
	}
	return Signature{Link: parts[0], Nonce: parts[1], sum: sum}, nil
}

// By tells whether the key made the signature of this message. That the nonce
// was not used before is for the cloud to see to.
func (s Signature) By(key ed25519.PublicKey, path string, body []byte) bool {
	return len(key) == ed25519.PublicKeySize && LinkID(key) == s.Link && ed25519.Verify(key, signed(path, s.Nonce, body), s.sum)
}

// The alphabet of codes: none of I, L, O, U.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const codeLen = 12

// NewCode draws a code of 60 bits, in three groups to be typed.
func NewCode() string {
	var raw [codeLen]byte
	_, _ = rand.Read(raw[:]) // never fails
	return CodeOf(raw)
}

// CodeOf is the code of 12 random bytes, of which it holds five bits each.
func CodeOf(raw [codeLen]byte) string {
	for i, b := range raw {
		raw[i] = alphabet[b&31]
	}
	s := string(raw[:])
	return s[:4] + "-" + s[4:8] + "-" + s[8:]
}

// HashCode is the SHA-256 of a code as people type it, in hex: case, blanks and
// dashes do not matter, and O, I and L are what they look like. Something else
// than a code gives false.
func HashCode(typed string) (string, bool) {
	const most = 64
	if len(typed) > most {
		return "", false
	}
	s := strings.NewReplacer(" ", "", "-", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(strings.TrimSpace(typed)))
	if len(s) != codeLen || strings.Trim(s, alphabet) != "" {
		return "", false
	}
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:]), true
}
