// Package argon hashes the passwords of people with argon2id (RFC 9106) and
// keeps them as PHC strings.
package argon

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/argon2"

	"rekey"
)

// Cost is how hard a password is to hash.
type Cost struct {
	Passes  uint32
	KiB     uint32
	Threads uint8
}

// Default is OWASP's second choice: two passes over 19 MiB, one thread; about
// 40 ms on a small machine.
func Default() Cost { return Cost{Passes: 2, KiB: 19 << 10, Threads: 1} }

// Cheap is the least that argon2id takes. It is for tests only.
func Cheap() Cost { return Cost{Passes: 1, KiB: 8, Threads: 1} }

const (
	saltLen = 16
	hashLen = 32
	// Bounds on what a stored string may ask for, so that one changed by hand
	// cannot make a login eat the machine.
	mostPasses  = 64
	mostKiB     = 1 << 20
	mostThreads = 16
	leastSalt   = 8 // RFC 9106, section 3.1
	mostSalt    = 64
)

// ErrMalformed says that a stored string is no argon2id hash in PHC form, or
// asks for more than any of ours does.
var ErrMalformed = errors.New("stored password hash is malformed")

// Hash is the password in PHC form, $argon2id$v=19$m=...,t=...,p=...$salt$hash,
// under a salt drawn from random.
func (c Cost) Hash(password rekey.Secret, random io.Reader) (string, error) {
	salt := make([]byte, saltLen)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("draw a salt: %w", err)
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$%s$%s$%s", argon2.Version, c, b64.EncodeToString(salt), b64.EncodeToString(c.sum(password, salt))), nil
}

// String is the cost as a PHC string holds it.
func (c Cost) String() string { return fmt.Sprintf("m=%d,t=%d,p=%d", c.KiB, c.Passes, c.Threads) }

func (c Cost) sum(password rekey.Secret, salt []byte) []byte {
	return argon2.IDKey([]byte(password.Reveal()), salt, c.Passes, c.KiB, c.Threads, hashLen)
}

// Fits reports whether the password made the PHC string. A string that cannot
// be read fits nothing; the error is ErrMalformed then.
func Fits(phc string, password rekey.Secret) (bool, error) {
	c, salt, want, err := parse(phc)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(c.sum(password, salt), want) == 1, nil
}

func parse(phc string) (c Cost, salt, sum []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return Cost{}, nil, nil, ErrMalformed
	}
	if c, err = parseCost(parts[3]); err != nil {
		return Cost{}, nil, nil, err
	}
	b64 := base64.RawStdEncoding.Strict()
	if salt, err = b64.DecodeString(parts[4]); err != nil || len(salt) < leastSalt || len(salt) > mostSalt {
		return Cost{}, nil, nil, ErrMalformed
	}
	if sum, err = b64.DecodeString(parts[5]); err != nil || len(sum) != hashLen {
		return Cost{}, nil, nil, ErrMalformed
	}
	return c, salt, sum, nil
}

// parseCost takes the one way in which Hash writes a cost.
func parseCost(s string) (c Cost, err error) {
	if _, err := fmt.Sscanf(s, "m=%d,t=%d,p=%d", &c.KiB, &c.Passes, &c.Threads); err != nil || c.String() != s {
		return Cost{}, ErrMalformed
	}
	if c.Passes < 1 || c.Passes > mostPasses || c.Threads < 1 || c.Threads > mostThreads ||
		c.KiB < 8*uint32(c.Threads) || c.KiB > mostKiB {
		return Cost{}, ErrMalformed
	}
	return c, nil
}
