// Package rtsp is the drivers' helper for video streams: does this password
// open a stream? It sends a password at most once (RFC 2326, digest by RFC 2069).
package rtsp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"rekey"
	"rekey/internal/transport"
)

// Times that bound a check.
const (
	connectLimit = 5 * time.Second
	answerLimit  = 10 * time.Second
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
// that opens without any password wraps rekey.ErrVerify. Only where the answer
// says that the nonce was old (stale=true, with a new one) is it made again,
// once, which the recorder counts as no second try.
func (k Checker) Check(ctx context.Context, at rekey.Interface, path string, l rekey.Login, tries rekey.Tries) error {
	c, err := dial(ctx, at)
	if err != nil {
		return err
	}
	defer c.close()
	url := streamURL(at, path)
	res, err := c.ask(ctx, base.Describe, url, "")
	if err != nil {
		return err
	}
	switch res.StatusCode {
	case base.StatusUnauthorized:
	case base.StatusOK:
		return fmt.Errorf("%w: %s opens streams without any password, so none can be checked there; switch its login on", rekey.ErrVerify, at.Address())
	case base.StatusForbidden, base.StatusNotEnoughBandwidth, base.StatusServiceUnavailable:
		return c.shut(res)
	default:
		return c.odd(res)
	}
	asked := res.Header[challengeHeader]
	authorization, err := k.answer(asked, url, l, at)
	if err != nil {
		return err
	}
	if err := tries.Spend(l.Account); err != nil {
		return err
	}
	if res, err = c.ask(ctx, base.Describe, url, authorization); err != nil {
		return err
	}
	if now := res.Header[challengeHeader]; res.StatusCode == base.StatusUnauthorized && transport.Stale(asked, now) {
		if authorization, err = k.answer(now, url, l, at); err != nil {
			return err
		}
		if res, err = c.ask(ctx, base.Describe, url, authorization); err != nil {
			return err
		}
	}
	return c.settle(res, l, tries)
}

const challengeHeader = "WWW-Authenticate"

// answer signs one request for the challenges of a 401.
func (k Checker) answer(asked []string, url string, l rekey.Login, at rekey.Interface) (string, error) {
	authorization, err := transport.Answer(asked, string(base.Describe), url, l, k.Basic, at.TLS)
	if err != nil {
		return "", fmt.Errorf("rtsp at %s: %w", at.Address(), err)
	}
	return authorization, nil
}

// settle reads the answer to the password.
func (c *conn) settle(res *base.Response, l rekey.Login, tries rekey.Tries) error {
	refusal := &rekey.LoginError{Kind: rekey.ErrDenied, Interface: rekey.InterfaceRTSP, Account: l.Account, TriesLeft: -1, Said: transport.Printable(res.StatusMessage)}
	switch res.StatusCode {
	case base.StatusOK:
		return tries.Settle(l.Account, nil)
	case base.StatusUnauthorized:
	case base.StatusForbidden:
		// Some firmware says 403 while the account or the address is locked.
		refusal.Kind = rekey.ErrLocked
	default:
		return c.odd(res)
	}
	if err := tries.Settle(l.Account, refusal); err != nil {
		return errors.Join(refusal, err)
	}
	return refusal
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
	res, err := c.ask(ctx, base.Describe, streamURL(at, path), "")
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

// conn is one RTSP connection.
type conn struct {
	at   rekey.Interface
	net  net.Conn
	in   *bufio.Reader
	seq  int
	stop func() bool
}

func dial(ctx context.Context, at rekey.Interface) (*conn, error) {
	d := net.Dialer{Timeout: connectLimit}
	n, err := d.DialContext(ctx, "tcp", at.Address())
	if err != nil {
		return nil, unreachable(at, err, false)
	}
	if at.TLS {
		n = tls.Client(n, transport.Pinned(at.CertSHA256))
	}
	// A stopped context ends the read or write that is under way.
	stop := context.AfterFunc(ctx, func() { _ = n.SetDeadline(time.Unix(1, 0)) })
	return &conn{at: at, net: n, in: bufio.NewReader(n), stop: stop}, nil
}

func (c *conn) close() {
	c.stop()
	_ = c.net.Close()
}

// ask sends one request and reads its answer.
func (c *conn) ask(ctx context.Context, method base.Method, url, authorization string) (*base.Response, error) {
	c.seq++
	var b strings.Builder
	b.WriteString(string(method) + " " + url + " RTSP/1.0\r\nCSeq: " + strconv.Itoa(c.seq) + "\r\nUser-Agent: rekey\r\n")
	if method == base.Describe {
		b.WriteString("Accept: application/sdp\r\n")
	}
	if authorization != "" {
		b.WriteString("Authorization: " + authorization + "\r\n")
	}
	b.WriteString("\r\n")
	if err := c.net.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return nil, unreachable(c.at, err, true)
	}
	if err := ctx.Err(); err != nil {
		return nil, unreachable(c.at, err, true)
	}
	if _, err := c.net.Write([]byte(b.String())); err != nil {
		return nil, unreachable(c.at, err, true)
	}
	return c.read()
}

// read takes the answer to the last request. One that came twice is passed over:
// the second copy of a challenge would look like a refused password.
func (c *conn) read() (*base.Response, error) {
	const most = 4
	for range most {
		var res base.Response
		if err := res.Unmarshal(c.in); err != nil {
			return nil, unreachable(c.at, err, true)
		}
		n, err := strconv.Atoi(strings.TrimSpace(strings.Join(res.Header["CSeq"], "")))
		if told := err == nil; !told || n >= c.seq {
			return &res, nil
		}
	}
	return nil, unreachable(c.at, errStale, true)
}

var errStale = errors.New("it answers only what was asked before")

// shut is a refusal before any password was sent: nothing is known of the
// password, and nothing was spent.
func (c *conn) shut(res *base.Response) error {
	return fmt.Errorf("%w: rtsp at %s refuses before any login, with %d %q: the address may be banned or too many streams are open; stop other clients, wait, and try again",
		rekey.ErrConflict, c.at.Address(), res.StatusCode, transport.Printable(res.StatusMessage))
}

// odd is an answer that says nothing about the password.
func (c *conn) odd(res *base.Response) error {
	return fmt.Errorf("%w: rtsp at %s answered %d %q, so the password could not be tried there", rekey.ErrUnreachable, c.at.Address(), res.StatusCode, transport.Printable(res.StatusMessage))
}

func unreachable(at rekey.Interface, err error, sent bool) error {
	return &transport.Error{Kind: rekey.ErrUnreachable, Host: "rtsp at " + at.Address(), Sent: sent, Err: err, Hint: "check that the stream port is right"}
}
