package transport

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"time"

	"rekey"
)

// Certificate is what the certificate of a recorder says of itself. It proves
// nothing: most recorders sign their own.
type Certificate struct {
	SHA256      string // fingerprint of the leaf, in hex
	Name        string // whom it names, as one printable line; may be empty
	From, Until time.Time
	SelfSigned  bool // it names itself as its issuer
}

func certificateOf(leaf *x509.Certificate) Certificate {
	sum := sha256.Sum256(leaf.Raw)
	return Certificate{
		SHA256: hex.EncodeToString(sum[:]), Name: nameOf(leaf), From: leaf.NotBefore, Until: leaf.NotAfter,
		SelfSigned: bytes.Equal(leaf.RawIssuer, leaf.RawSubject),
	}
}

// nameOf is the common name, which recorders fill in, else the first of the others.
func nameOf(leaf *x509.Certificate) string {
	switch {
	case leaf.Subject.CommonName != "":
		return Printable(leaf.Subject.CommonName)
	case len(leaf.DNSNames) > 0:
		return Printable(leaf.DNSNames[0])
	case len(leaf.IPAddresses) > 0:
		return leaf.IPAddresses[0].String()
	}
	return ""
}

// Certificate is the one that the recorder showed; false before any handshake.
func (c *Client) Certificate() (Certificate, bool) {
	c.pin.mu.Lock()
	defer c.pin.mu.Unlock()
	return c.pin.shown, c.pin.shown.SHA256 != ""
}

// NoteCertificate notes whom the certificate names, and what is odd about it,
// once there was a handshake.
func (c *Client) NoteCertificate(id *rekey.Identity) {
	shown, is := c.Certificate()
	if !is {
		return
	}
	id.Learnt = append(id.Learnt, rekey.Fact{What: "certificate of " + shown.String(), From: "TLS handshake with " + c.at.Address()})
	for _, o := range shown.Oddities(time.Now()) {
		id.Odd(o.ID, o.Words)
	}
}

// Oddities tells what of the certificate a person should know at that time.
func (c Certificate) Oddities(now time.Time) []rekey.Oddity {
	var odd []rekey.Oddity
	const clocks = "most likely the clock of the recorder or of this computer is wrong or was when it was made, so compare both with a watch, because temporary passwords go by the date; " +
		"rekey goes by the certificate's fingerprint all the same"
	switch {
	case now.After(c.Until):
		odd = append(odd, rekey.Oddity{ID: "certificate-expired", Words: fmt.Sprintf("Its certificate%s ended on %s: %s.", c.named(), c.Until.UTC().Format(day), clocks)})
	case now.Before(c.From):
		odd = append(odd, rekey.Oddity{ID: "certificate-not-yet-valid", Words: fmt.Sprintf("Its certificate%s begins only on %s: %s.", c.named(), c.From.UTC().Format(day), clocks)})
	}
	if c.SelfSigned {
		odd = append(odd, rekey.Oddity{ID: "self-signed", Words: fmt.Sprintf("It has signed its certificate%s itself, as recorders do: nothing to mend, but compare the fingerprint with the one of an earlier time, if you have one.", c.named())})
	}
	return odd
}

const day = "2006-01-02"

// String is whom it names and for how long, in UTC days.
func (c Certificate) String() string {
	name := c.Name
	if name == "" {
		name = "nobody"
	}
	return fmt.Sprintf("%s, %s to %s", name, c.From.UTC().Format(day), c.Until.UTC().Format(day))
}

func (c Certificate) named() string {
	if c.Name == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", c.Name)
}
