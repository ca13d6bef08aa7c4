package rekey

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "<secret>"

// Secret holds a password, a temporary password or a key in text form. It
// prints as <secret> through fmt, slog, encoding/json and encoding/xml, so that
// it can stand in any struct without reaching a log. Only Reveal gives the
// text; a call of Reveal is where to look when a secret has leaked.
type Secret struct{ text string }

// NewSecret wraps text. The empty text is the zero Secret.
func NewSecret(text string) Secret { return Secret{text: text} }

// Reveal returns the text.
func (s Secret) Reveal() string { return s.text }

// IsZero reports whether there is no secret at all.
func (s Secret) IsZero() bool { return s.text == "" }

// Equal compares in time that depends on the lengths only.
func (s Secret) Equal(o Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.text), []byte(o.text)) == 1
}

// String returns "<secret>".
func (s Secret) String() string { return redacted }

// Format prints "<secret>" for every verb, %x and %#v included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue prints "<secret>" in structured logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText prints "<secret>", for JSON, XML and map keys alike.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText refuses: a Secret is never read back from where it would have
// been printed, because it would read "<secret>".
func (s *Secret) UnmarshalText([]byte) error {
	return errors.New("a secret is not read from text; use NewSecret")
}
