package lan

import (
	"crypto/sha1" //nolint:gosec // the protocol's hash
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"time"
)

// A UsernameToken proves the password by Base64(SHA1(nonce + created + password)).

const (
	tokenWindow = 5 * time.Minute // Created may be so far from the recorder's clock. Assumed: how far
	maxTokens   = 4096
	maxNonce    = 64 // bytes
)

var errToken = errors.New("malformed or untimely token")

type usernameToken struct {
	username, digest, nonce, created string
	raw                              []byte // the nonce
	made                             time.Time
	readable                         bool // the password itself was sent
}

// parseToken reads a token. An error means that nothing was proved, wrong or
// right: it costs no try.
func parseToken(e *element) (usernameToken, error) {
	password := e.child("Password")
	t := usernameToken{username: e.value("Username"), nonce: e.value("Nonce"), created: e.value("Created")}
	if password == nil || !plausible(t.username) {
		return t, errToken
	}
	t.digest = strings.TrimSpace(password.text)
	if !strings.HasSuffix(password.attribute("Type"), "#PasswordDigest") {
		t.readable = true
		return t, errToken
	}
	var err error
	if t.raw, err = base64.StdEncoding.DecodeString(t.nonce); err != nil || len(t.raw) == 0 || len(t.raw) > maxNonce {
		return t, errToken
	}
	if t.made, err = time.Parse(time.RFC3339Nano, t.created); err != nil {
		return t, errToken
	}
	return t, nil
}

// proves tells whether the digest fits the password.
func (t usernameToken) proves(password string) bool {
	h := sha1.New() //nolint:gosec // the protocol's hash
	h.Write(t.raw)
	h.Write([]byte(t.created))
	h.Write([]byte(password))
	return same(base64.StdEncoding.EncodeToString(h.Sum(nil)), t.digest)
}

// tokens are the nonces that have let somebody in within the window, so that
// none does so twice. Others are not kept: who sends wrong ones without end must
// not crowd out the right ones.
type tokens struct {
	now func() time.Time // the recorder's wall clock, as clients read it

	mu   sync.Mutex
	seen map[string]time.Time // until when
}

func newTokens(now func() time.Time) *tokens { return &tokens{now: now, seen: map[string]time.Time{}} }

// timely tells whether a token was made about now.
func (t *tokens) timely(token usernameToken) bool {
	return t.now().Sub(token.made).Abs() <= tokenWindow
}

func (t *tokens) used(token usernameToken) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, used := t.seen[string(token.raw)]
	return used
}

// keep notes a token that has let somebody in.
func (t *tokens) keep(token usernameToken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, oldest := t.now(), ""
	for nonce, until := range t.seen {
		if now.After(until) {
			delete(t.seen, nonce)
		} else if oldest == "" || until.Before(t.seen[oldest]) {
			oldest = nonce
		}
	}
	if len(t.seen) >= maxTokens {
		delete(t.seen, oldest)
	}
	t.seen[string(token.raw)] = now.Add(2 * tokenWindow) // Created may lie ahead
}
