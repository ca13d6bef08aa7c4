package transport

import (
	"crypto/md5" // #nosec G501 -- what recorders ask for
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"time"

	"github.com/icholy/digest"

	"rekey"
)

// asked is a challenge at hand, and how often it was answered.
type asked struct {
	challenge *digest.Challenge // nil: HTTP Basic
	cnonce    string            // of a session key, which holds as long as the nonce
	count     int
	used      time.Time
}

// answer is the Authorization value for one request.
func (a *asked) answer(l rekey.Login, o digest.Options) (string, error) {
	if a.challenge == nil {
		return basicAuth(l)
	}
	if !quotable(l.Account) {
		return "", fmt.Errorf("%w: an account name with such characters cannot be sent in a digest login", rekey.ErrInput)
	}
	o.Count, o.Username, o.Password = a.count+1, l.Account, l.Password.Reveal()
	c := *a.challenge
	if base, session := algorithm(a.challenge); session {
		if a.cnonce == "" {
			a.cnonce = rand.Text()
		}
		c.Algorithm, o.Cnonce, o.A1 = base, a.cnonce, sessionKey(base, l, &c, a.cnonce)
	}
	credentials, err := digest.Digest(&c, o)
	if err != nil {
		return "", fmt.Errorf("%w: the recorder wants a digest login that rekey does not know", rekey.ErrUnsupported)
	}
	credentials.Algorithm = a.challenge.Algorithm
	return credentials.String(), nil
}

// sessionKey is H(A1) of the -sess variants: H(H(account:realm:password):nonce:cnonce).
func sessionKey(base string, l rekey.Login, c *digest.Challenge, cnonce string) string {
	h := hashOf(base)
	sum := func(s string) string {
		h.Reset()
		_, _ = io.WriteString(h, s)
		return hex.EncodeToString(h.Sum(nil))
	}
	return sum(sum(l.Account+":"+c.Realm+":"+l.Password.Reveal()) + ":" + c.Nonce + ":" + cnonce)
}

func hashOf(base string) hash.Hash {
	switch base {
	case "SHA-256":
		return sha256.New()
	case "SHA-512-256":
		return sha512.New512_256()
	}
	return md5.New() // #nosec G401 -- see the import
}

// Answer is the Authorization value for a request of a protocol that signs as
// HTTP does (RTSP): the strongest digest of the challenges that is known, or
// Basic where that was accepted. It serves one request.
func Answer(values []string, method, uri string, l rekey.Login, b Basic, encrypted bool) (authorization string, err error) {
	challenge, basic, err := choose(values)
	switch {
	case basic:
		err = b.Refuse(encrypted)
	case challenge == nil && err == nil:
		err = fmt.Errorf("%w: no login challenge that rekey knows", rekey.ErrUnsupported)
	}
	if err != nil {
		return "", err
	}
	a := asked{challenge: challenge}
	return a.answer(l, digest.Options{Method: method, URI: uri})
}

// Stale reports whether the challenges that came back on a signed request say
// that the password was right and its nonce old, and bring a new one.
func Stale(before, now []string) bool {
	old, _, _ := choose(before)
	fresh, _, _ := choose(now)
	return old != nil && fresh != nil && fresh.Stale && fresh.Nonce != old.Nonce
}

// SaysStale reports whether a 401 to a signed request blames the nonce: nothing is
// said against the password then, and it was not sent a second time either.
func SaysStale(h http.Header) bool {
	c, _, _ := choose(h.Values("WWW-Authenticate"))
	return c != nil && c.Stale
}
