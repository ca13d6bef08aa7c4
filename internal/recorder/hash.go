package recorder

import (
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Argon is the cost of a password hash (argon2id, RFC 9106).
type Argon struct {
	Time    uint32 // passes
	Memory  uint32 // KiB
	Threads uint8
}

// DefaultArgon is 2 passes over 19 MiB, one lane: about 40 ms on a small machine.
var DefaultArgon = Argon{Time: 2, Memory: 19 << 10, Threads: 1}

const (
	saltSize = 16
	hashSize = 32
)

// hash makes a PHC string with a new salt.
func (a Argon) hash(password string, rand io.Reader) (string, error) {
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(rand, salt); err != nil {
		return "", err
	}
	sum := argon2.IDKey([]byte(password), salt, a.Time, a.Memory, a.Threads, hashSize)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, a.Memory, a.Time, a.Threads, b64.EncodeToString(salt), b64.EncodeToString(sum)), nil
}

// fits tells whether password made the PHC string. A string that cannot be read fits nothing.
func fits(phc, password string) bool {
	a, salt, sum, err := parsePHC(phc)
	if err != nil {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, a.Time, a.Memory, a.Threads, hashSize)
	return subtle.ConstantTimeCompare(got, sum) == 1
}

func parsePHC(phc string) (a Argon, salt, sum []byte, err error) {
	bad := func(why string) (Argon, []byte, []byte, error) {
		return Argon{}, nil, nil, fmt.Errorf("password hash: %s", why)
	}
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return bad("not argon2id in PHC form")
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &a.Memory, &a.Time, &a.Threads); err != nil || n != 3 {
		return bad("cost cannot be read")
	}
	const mostMemory, mostTime = 1 << 20, 64
	if a.Memory < 8 || a.Memory > mostMemory || a.Time < 1 || a.Time > mostTime || a.Threads < 1 {
		return bad("cost out of bounds")
	}
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil || len(salt) < 8 {
		return bad("salt cannot be read")
	}
	if sum, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(sum) != hashSize {
		return bad("sum cannot be read")
	}
	return a, salt, sum, nil
}
