// Package rtsp is the drivers' helper for video streams (RFC 2326, digest by
// RFC 2069 and its successors): does this password open a stream, and what did
// the recorder record? A password that is refused is sent once, never within an
// address, and redirects are not followed.
package rtsp

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"rekey"
	"rekey/internal/transport"
)

// Checker tries passwords on streams. The zero value answers digests only.
type Checker struct {
	// Basic is what to do where a stream port knows no digest.
	Basic transport.Basic
}

// Check is Checker.Check with digests only.
func Check(ctx context.Context, at rekey.Interface, path string, l rekey.Login, tries rekey.Tries) error {
	return Checker{}.Check(ctx, at, path, l, tries)
}

// Check asks once for the description of the stream at path (with its query,
// percent-encoded) and answers the challenge once: nil = accepted,
// *rekey.LoginError = refused, anything else = it could not be tried. A door
// that opens without any password wraps rekey.ErrVerify; one that has no room or
// has banned this address, rekey.ErrConflict. Only where the answer says that
// the nonce was old (stale=true, with a new one) is it made again, once, and
// booked again.
func (k Checker) Check(ctx context.Context, at rekey.Interface, path string, l rekey.Login, tries rekey.Tries) error {
	c, err := dial(ctx, at)
	if err != nil {
		return err
	}
	defer c.close()
	q := request{method: base.Describe, url: streamURL(at, path)}
	res, err := c.ask(ctx, q)
	if err != nil {
		return err
	}
	if res.StatusCode == base.StatusOK {
		return fmt.Errorf("%w: %s opens streams without any password, so none can be checked there; switch its login on", rekey.ErrVerify, at.Address())
	}
	entry := &entry{checker: k, who: l, tries: tries}
	if res.StatusCode != base.StatusUnauthorized {
		return entry.judge(c, res)
	}
	entry.challenged(res)
	_, err = entry.ask(ctx, c, q)
	return err
}

// Probe asks for the description of the stream at path without a login, which
// counts as no try, and tells the realms of the challenges that come back: none
// where streams open to everybody or the path is unknown. An error means that
// nothing speaks RTSP there.
func Probe(ctx context.Context, at rekey.Interface, path string) (realms []string, err error) {
	c, err := dial(ctx, at)
	if err != nil {
		return nil, err
	}
	defer c.close()
	res, err := c.ask(ctx, request{method: base.Describe, url: streamURL(at, path)})
	if err != nil {
		return nil, err
	}
	for _, asked := range transport.Challenges(res.Header[challengeHeader]) {
		if !slices.Contains(realms, asked.Realm) {
			realms = append(realms, asked.Realm)
		}
	}
	return realms, nil
}

func streamURL(at rekey.Interface, path string) string {
	scheme := "rtsp"
	if at.TLS {
		scheme = "rtsps"
	}
	at.Host, _, _ = strings.Cut(at.Host, "%") // a zone means something on this side alone (RFC 6874)
	return scheme + "://" + at.Address() + path
}
