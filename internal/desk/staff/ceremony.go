package staff

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"rekey"
)

// Ceremony is what a browser is asked: Options is the PublicKeyCredential
// options in the JSON form of WebAuthn Level 3, {"publicKey": ...}.
type Ceremony struct {
	ID      string          `json:"id"`
	Options json.RawMessage `json:"options"`
}

// The kinds of ceremony, and how long one counts.
const (
	kindJoin   = "join"
	kindLogIn  = "log-in"
	kindStepUp = "step-up"

	ceremonyLife = 5 * time.Minute
)

// StepUpLife is how long a begun step-up counts.
const StepUpLife = 2 * time.Minute

// maxEnded bounds how many ended ceremonies of a kind are remembered.
const maxEnded = 10_000

// maxAnswer bounds what a browser may answer; a passkey's answer is below 4 KiB.
const maxAnswer = 64 << 10

// ceremonies keeps nothing of what was begun, so that nobody can crowd others
// out by beginning many. The challenge that a passkey signs is a MAC, under a
// key of this process, of the ceremony's id, which tells when it was begun, and
// of all that the ceremony is bound to: the kind, the agent, the browser, the
// subject. Only the ids of ended ceremonies are kept, for as long as they would
// count.
type ceremonies struct {
	key   []byte
	mu    sync.Mutex
	ended map[string]ended // by kind
}

// ended are ids and when their ceremonies began. Only who has the right passkey
// adds to held. Anybody may add to failed, which is forgotten when it is full: an
// answer that did not hold does not hold when it comes again.
type ended struct{ held, failed map[string]time.Time }

func newCeremonies(random io.Reader) (*ceremonies, error) {
	c := &ceremonies{key: make([]byte, sha256.Size), ended: map[string]ended{}}
	if _, err := io.ReadFull(random, c.key); err != nil {
		return nil, fmt.Errorf("draw the key of ceremonies: %w", err)
	}
	for _, kind := range []string{kindJoin, kindLogIn, kindStepUp} {
		c.ended[kind] = ended{held: map[string]time.Time{}, failed: map[string]time.Time{}}
	}
	return c, nil
}

const ceremonyIDLen = 24 // a time and 16 random bytes

// begin draws an id and the challenge that belongs to it.
func (c *ceremonies) begin(random io.Reader, now time.Time, kind string, bound ...string) (id string, challenge protocol.URLEncodedBase64, err error) {
	raw := binary.BigEndian.AppendUint64(nil, uint64(now.UnixMicro())) //nolint:gosec // G115: read back as it is written
	raw = append(raw, make([]byte, ceremonyIDLen-len(raw))...)
	if _, err := io.ReadFull(random, raw[8:]); err != nil {
		return "", nil, fmt.Errorf("draw a challenge: %w", err)
	}
	id = base64.RawURLEncoding.EncodeToString(raw)
	return id, c.challenge(id, kind, bound), nil
}

func (c *ceremonies) challenge(id, kind string, bound []string) protocol.URLEncodedBase64 {
	return mac(c.key, append([]string{kind, id}, bound...)...)
}

var (
	errCeremonyOver = refuse(rekey.ErrDenied, "this took too long, or was done already; begin again")
	errCeremonyMany = refuse(rekey.ErrLocked, "too many at once; try again in a few minutes")
)

// run checks the answer to a ceremony against the challenge that it was begun
// with, and uses the ceremony up, whether or not the answer holds.
func (c *ceremonies) run(now func() time.Time, id, kind string, bound []string, holds func(challenge string) error) error {
	began, err := beganAt(id)
	if err != nil {
		return err
	}
	if err := c.counts(now(), id, kind, began); err != nil {
		return err
	}
	err = holds(c.challenge(id, kind, bound).String())
	if over := c.end(now(), id, kind, began, err == nil); err == nil {
		return over
	}
	return err
}

func beganAt(id string) (time.Time, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil || len(raw) != ceremonyIDLen {
		return time.Time{}, errCeremonyOver
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(raw))), nil //nolint:gosec // G115: as begin wrote it
}

func (c *ceremonies) counts(now time.Time, id, kind string, began time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, held := c.ended[kind].held[id]
	_, failed := c.ended[kind].failed[id]
	if held || failed || now.Before(began) || now.Sub(began) >= lifeOf(kind) {
		return errCeremonyOver
	}
	return nil
}

// end refuses the second of two that ran at once.
func (c *ceremonies) end(now time.Time, id, kind string, began time.Time, held bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.ended[kind]
	if _, again := e.held[id]; again {
		return errCeremonyOver
	}
	if !held {
		if len(e.failed) >= maxEnded {
			clear(e.failed)
		}
		e.failed[id] = began
		return nil
	}
	if len(e.held) >= maxEnded {
		maps.DeleteFunc(e.held, func(_ string, at time.Time) bool { return now.Sub(at) >= lifeOf(kind) })
	}
	if len(e.held) >= maxEnded {
		return errCeremonyMany
	}
	e.held[id] = began
	return nil
}

func lifeOf(kind string) time.Duration {
	if kind == kindStepUp {
		return StepUpLife
	}
	return ceremonyLife
}

// user is an agent as package webauthn asks for them.
type user struct {
	name        string
	handle      []byte
	credentials []webauthn.Credential
}

// WebAuthnID is the user handle: it tells nothing of the name.
func (u user) WebAuthnID() []byte { return u.handle }

// WebAuthnName is what the browser shows.
func (u user) WebAuthnName() string { return u.name }

// WebAuthnDisplayName is the same.
func (u user) WebAuthnDisplayName() string { return u.name }

// WebAuthnCredentials are the passkeys.
func (u user) WebAuthnCredentials() []webauthn.Credential { return u.credentials }

func (s *Staff) user(ctx context.Context, tx *sql.Tx, name string) (user, error) {
	credentials, err := credentialsOf(ctx, tx, name)
	return user{name: name, handle: mac(s.o.Key, "user handle", name), credentials: credentials}, err
}

// asked puts the options of a ceremony into the form of the standard.
func asked(id string, options any) (Ceremony, error) {
	text, err := json.Marshal(options)
	return Ceremony{ID: id, Options: text}, err
}

// refusedBy tells, for the log, why package webauthn did not take an answer.
func refusedBy(err error) error {
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return refuse(rekey.ErrDenied, "the passkey was not taken: %s", clip(e.Details))
	}
	return refuse(rekey.ErrDenied, "the passkey was not taken")
}
