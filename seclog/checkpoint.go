package seclog

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// maxSize bounds the size that a checkpoint may claim. It is far above what a
// log will ever hold, and keeps hostile sizes away from tlog's arithmetic.
const maxSize = 1 << 40

// maxCheckpoint bounds a signed checkpoint in bytes, cosignatures included.
const maxCheckpoint = 64 << 10

// A Checkpoint commits to the first Size records of the log named Origin. Its
// text form is the body of a C2SP tlog-checkpoint v1: three lines.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash // RFC 6962 tree hash
}

// Marshal returns the three lines that are signed.
func (c Checkpoint) Marshal() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// ParseCheckpoint reads the three lines of a checkpoint without its
// signatures. Whatever would not be written again as the same bytes is refused,
// extension lines included.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, fmt.Errorf("a checkpoint has three lines: origin, size and root")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || size > maxSize {
		return Checkpoint{}, fmt.Errorf("checkpoint: %q is not a size of a log", clip(lines[1]))
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %q is not a root hash", clip(lines[2]))
	}
	c := Checkpoint{Origin: lines[0], Size: size, Root: root}
	if err := checkOrigin(c.Origin); err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	if c.Marshal() != text {
		return Checkpoint{}, fmt.Errorf("checkpoint is not written in its one form")
	}
	return c, nil
}

// OpenCheckpoint checks the signature of a signed checkpoint with a verifier
// key (the content of key.pub) and returns what it commits to. Signatures of
// others, such as a witness's, are allowed and ignored. The error wraps
// ErrTampered where the checkpoint is not signed by the key or is malformed.
func OpenCheckpoint(signed []byte, key string) (Checkpoint, error) {
	v, err := note.NewVerifier(strings.TrimSpace(key))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("verifier key %q: %w; expected name+hash+base64, as in key.pub", clip(strings.TrimSpace(key)), err)
	}
	if len(signed) > maxCheckpoint {
		return Checkpoint{}, tampered("the checkpoint is longer than %d bytes", maxCheckpoint)
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, tampered("the checkpoint is not signed by the key %s (%08x): %v", v.Name(), v.KeyHash(), err)
	}
	c, err := ParseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, tampered("%v", err)
	}
	if c.Origin != v.Name() {
		return Checkpoint{}, tampered("the checkpoint is of the log %s, the key of %s", c.Origin, v.Name())
	}
	return c, nil
}

func (c Checkpoint) sign(s note.Signer) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: c.Marshal()}, s)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint of %d records: %w", c.Size, err)
	}
	return signed, nil
}

// checkOrigin accepts what C2SP asks of an origin that is also a key's name.
func checkOrigin(origin string) error {
	bad := func(r rune) bool {
		return r == '+' || r == unicode.ReplacementChar || unicode.IsSpace(r) || !unicode.IsPrint(r)
	}
	if origin == "" || len(origin) > 255 || strings.ContainsFunc(origin, bad) || strings.Contains(origin, "://") {
		return fmt.Errorf("%q is not an origin; expected host/path without scheme, space or plus, such as desk.example.org/log", clip(origin))
	}
	return nil
}
