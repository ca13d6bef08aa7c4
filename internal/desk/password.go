package desk

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"rekey"
)

// Argon is how hard an agent's password is to hash (argon2id).
type Argon struct {
	Passes  uint32
	KiB     uint32
	Threads uint8
}

// DefaultArgon is OWASP's second choice: two passes over 19 MiB.
func DefaultArgon() Argon { return Argon{Passes: 2, KiB: 19 * 1024, Threads: 1} }

const (
	saltLen = 16
	hashLen = 32
	// Bounds on what a stored hash may ask for, so that a row changed by hand
	// cannot make a log-in eat the machine.
	mostPasses = 64
	mostKiB    = 1 << 20
)

// hash is the password in PHC form, $argon2id$v=19$m=...,t=...,p=...$salt$hash.
func (a Argon) hash(password rekey.Secret, random io.Reader) (string, error) {
	salt := make([]byte, saltLen)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("draw a salt: %w", err)
	}
	sum := argon2.IDKey([]byte(password.Reveal()), salt, a.Passes, a.KiB, a.Threads, hashLen)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, a.KiB, a.Passes, a.Threads, b64.EncodeToString(salt), b64.EncodeToString(sum)), nil
}

// fits reports whether the password has this hash.
func fits(phc string, password rekey.Secret) (bool, error) {
	bad := errors.New("stored password hash is malformed")
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return false, bad
	}
	var a Argon
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &a.KiB, &a.Passes, &a.Threads); err != nil {
		return false, bad
	}
	if a.KiB == 0 || a.KiB > mostKiB || a.Passes == 0 || a.Passes > mostPasses || a.Threads == 0 {
		return false, bad
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, bad
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) != hashLen {
		return false, bad
	}
	got := argon2.IDKey([]byte(password.Reveal()), salt, a.Passes, a.KiB, a.Threads, hashLen)
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// The lengths of an agent's password, in characters. No rule asks for kinds of
// characters; length is what helps.
const (
	minPassword = 15
	maxPassword = 256
)

// checkPassword refuses what NIST SP 800-63B and OWASP ASVS 6.2 refuse: too
// short, the agent's own name, one character or a short piece again and again.
// The whole password is compared, never a part of it: a random one may hold a
// short name by chance.
func checkPassword(name string, password rekey.Secret) error {
	text := password.Reveal()
	n := utf8.RuneCountInString(text)
	switch {
	case !utf8.ValidString(text):
		return refuse(rekey.ErrInput, "the password is not UTF-8 text")
	case n < minPassword:
		return refuse(rekey.ErrInput, "the password has %d characters, expected at least %d; a few random words do well", n, minPassword)
	case n > maxPassword:
		return refuse(rekey.ErrInput, "the password has %d characters, expected at most %d", n, maxPassword)
	case repeats(text):
		return refuse(rekey.ErrInput, "the password is a short piece repeated; a few random words do well")
	case strings.EqualFold(text, name):
		return refuse(rekey.ErrInput, "the password is the agent's name")
	}
	return nil
}

// repeats reports whether text is a piece of at most four bytes over and over.
func repeats(text string) bool {
	for n := 1; n <= 4; n++ {
		if len(text) > n && text[n:] == text[:len(text)-n] {
			return true
		}
	}
	return false
}
