package transport

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"fmt"
	"strings"
	"sync"
)

// pin holds the one certificate that a recorder may show. Recorders sign their
// certificates themselves, so that the only thing to hold on to is that it
// stays the same.
type pin struct {
	mu    sync.Mutex
	sum   string
	shown Certificate // the last one that was accepted
}

func newPin(sum string) *pin {
	return &pin{sum: strings.ToLower(strings.ReplaceAll(sum, ":", ""))}
}

func (p *pin) seen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sum
}

func (p *pin) config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // #nosec G402 -- VerifyConnection below is the check: recorders are self-signed
		VerifyConnection:   p.verify,
	}
}

func (p *pin) verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return &CertificateError{Held: p.seen()}
	}
	shown := certificateOf(state.PeerCertificates[0])
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sum == "" {
		p.sum = shown.SHA256
	}
	if subtle.ConstantTimeCompare([]byte(p.sum), []byte(shown.SHA256)) != 1 {
		return &CertificateError{Held: p.sum, Shown: shown.SHA256}
	}
	p.shown = shown
	return nil
}

// Contact makes a TLS handshake and nothing more, so that At tells the
// certificate. Without TLS it does nothing. Errors are as in Do.
func (c *Client) Contact(ctx context.Context) error {
	if !c.at.TLS {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.limits.Connect)
	defer cancel()
	conn, err := (&tls.Dialer{Config: c.pin.config()}).DialContext(ctx, "tcp", c.at.Address())
	if err != nil {
		return c.failed(err, false)
	}
	closeQuietly(conn)
	return nil
}

// Pinned is a TLS configuration that accepts the certificate with this SHA-256
// fingerprint in hex, or the first one seen when it is empty. It is for
// protocols other than HTTP.
func Pinned(sum string) *tls.Config { return newPin(sum).config() }

// CertificateError: the peer showed another certificate than the one that is
// held, or none. The handshake ended with it, so nothing was sent. What leaves
// this package with it wraps rekey.ErrVerify.
type CertificateError struct {
	Held, Shown string // SHA-256 in hex; empty: none
}

// Error tells both fingerprints.
func (e *CertificateError) Error() string {
	if e.Shown == "" {
		return "it shows no certificate"
	}
	return fmt.Sprintf("the certificate has changed: it was SHA-256 %s and is %s now", e.Held, e.Shown)
}
