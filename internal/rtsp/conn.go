package rtsp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"rekey"
	"rekey/internal/transport"
)

// Times that bound an exchange.
const (
	connectLimit = 5 * time.Second
	answerLimit  = 10 * time.Second
)

// mostEarly bounds the packets that come before the answer to PLAY.
const mostEarly = 256

// conn is one RTSP connection. It is used by one goroutine, but for close and leave.
type conn struct {
	at   rekey.Interface
	net  net.Conn
	in   *bufio.Reader
	stop func() bool

	mu    sync.Mutex // of writing
	seq   int
	early []*base.InterleavedFrame // came before the answer that was waited for
	ended bool                     // the recorder has announced the end of what it plays
}

// dial connects; at.CertSHA256, where set, is the one certificate that is accepted.
func dial(ctx context.Context, at rekey.Interface) (*conn, error) {
	d := net.Dialer{Timeout: connectLimit}
	n, err := d.DialContext(ctx, "tcp", at.Address())
	if err != nil {
		return nil, unreachable(at, err, false)
	}
	if at.TLS {
		if n, err = encrypted(ctx, at, n); err != nil {
			return nil, err
		}
	}
	// A stopped context ends the read or write that is under way.
	stop := context.AfterFunc(ctx, func() { _ = n.SetDeadline(time.Unix(1, 0)) })
	return &conn{at: at, net: n, in: bufio.NewReaderSize(n, 64<<10), stop: stop}, nil
}

func encrypted(ctx context.Context, at rekey.Interface, n net.Conn) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	secure := tls.Client(n, transport.Pinned(at.CertSHA256))
	err := secure.HandshakeContext(ctx)
	if err == nil {
		return secure, nil
	}
	_ = n.Close() // given up
	var changed *transport.CertificateError
	if errors.As(err, &changed) {
		return nil, &transport.Error{Kind: rekey.ErrVerify, Host: "rtsp at " + at.Address(), Err: changed,
			Hint: fmt.Sprintf("no password was sent to it; compare the new fingerprint with the one in the recorder's own web page and run again with --accept-risk %s, else somebody else may be answering", rekey.RiskNewCertificate)}
	}
	return nil, unreachable(at, err, false)
}

func (c *conn) close() {
	c.stop()
	_ = c.net.Close()
}

// request is one question.
type request struct {
	method        base.Method
	url           string
	header        []string // "Name: value"
	authorization string
}

// ask sends one request and reads its answer.
func (c *conn) ask(ctx context.Context, q request) (*base.Response, error) {
	if err := c.send(ctx, q); err != nil {
		return nil, err
	}
	return c.read(ctx)
}

func (c *conn) send(ctx context.Context, q request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	var b strings.Builder
	b.WriteString(string(q.method) + " " + q.url + " RTSP/1.0\r\nCSeq: " + strconv.Itoa(c.seq) + "\r\nUser-Agent: rekey\r\n")
	if q.method == base.Describe {
		b.WriteString("Accept: application/sdp\r\n")
	}
	for _, line := range q.header {
		b.WriteString(line + "\r\n")
	}
	if q.authorization != "" {
		b.WriteString("Authorization: " + q.authorization + "\r\n")
	}
	b.WriteString("\r\n")
	return c.write(ctx, b.String())
}

// write sends text; c.mu is held.
func (c *conn) write(ctx context.Context, text string) error {
	err := c.net.SetWriteDeadline(time.Now().Add(answerLimit))
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		_, err = c.net.Write([]byte(text))
	}
	if err != nil {
		return unreachable(c.at, err, true)
	}
	return nil
}

// read takes the answer to the last request. One that came twice is passed over:
// the second copy of a challenge would look like a refused password.
func (c *conn) read(ctx context.Context) (*base.Response, error) {
	const most = 4
	until := time.Now().Add(answerLimit)
	for stale := 0; stale < most; {
		item, err := c.item(ctx, time.Until(until))
		if err != nil {
			return nil, err
		}
		switch item := item.(type) {
		case *base.InterleavedFrame:
			if c.early = append(c.early, item); len(c.early) > mostEarly {
				return nil, unreachable(c.at, errNoAnswer, true)
			}
		case *base.Response:
			n, err := strconv.Atoi(strings.TrimSpace(strings.Join(item.Header["CSeq"], "")))
			if told := err == nil; !told || n >= c.seq {
				return item, nil
			}
			stale++
		}
	}
	return nil, unreachable(c.at, errNoAnswer, true)
}

// errNoAnswer: what comes answers nothing that was asked now.
var errNoAnswer = errors.New("it answers only what was asked before, or nothing")

// item is the next thing that comes, a *base.Response or a *base.InterleavedFrame,
// within that time. What the recorder asks is answered on the way.
func (c *conn) item(ctx context.Context, wait time.Duration) (any, error) {
	const most = 16 // requests of the recorder in a row
	until := time.Now().Add(wait)
	for range most {
		item, err := c.piece(ctx, time.Until(until))
		if err != nil {
			return nil, unreachable(c.at, err, true)
		}
		asked, is := item.(*base.Request)
		if !is {
			return item, nil
		}
		if err := c.oblige(ctx, asked); err != nil {
			return nil, err
		}
		if c.ended {
			return nil, errEnded
		}
	}
	return nil, unreachable(c.at, errNoAnswer, true)
}

// errEnded: the recorder has announced the end of what it plays.
var errEnded = errors.New("the end was announced")

// await waits until something comes. Where nothing does, nothing is lost.
func (c *conn) await(ctx context.Context, wait time.Duration) error {
	if err := c.net.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := c.in.Peek(1)
	return err
}

// errNoRTSP: what came cannot be read.
var errNoRTSP = errors.New("what came is no RTSP")

func (c *conn) piece(ctx context.Context, wait time.Duration) (any, error) {
	if err := c.await(ctx, wait); err != nil {
		return nil, err
	}
	head, err := c.in.Peek(1)
	if err != nil {
		return nil, err
	}
	if head[0] == base.InterleavedFrameMagicByte {
		var f base.InterleavedFrame
		return &f, f.Unmarshal(c.in)
	}
	head, err = c.in.Peek(5)
	switch {
	case err == nil && string(head) == "RTSP/":
		var res base.Response
		return &res, res.Unmarshal(c.in)
	case err == nil && head[0] >= 'A' && head[0] <= 'Z':
		var asked base.Request
		return &asked, asked.Unmarshal(c.in)
	case err == nil:
		err = errNoRTSP
	}
	return nil, err
}

// oblige answers what the recorder asks: a sign of life, or an announcement, of
// which only the end of the stream means something here.
func (c *conn) oblige(ctx context.Context, asked *base.Request) error {
	notice := strings.Join(append(asked.Header["Notice"], asked.Header["X-Notice"]...), " ")
	c.ended = c.ended || (asked.Method == base.Announce && (strings.HasPrefix(notice, "2101") || strings.Contains(strings.ToLower(notice), "end-of-stream")))
	c.mu.Lock()
	defer c.mu.Unlock()
	seq, err := strconv.Atoi(strings.Join(asked.Header["CSeq"], ""))
	if err != nil {
		return unreachable(c.at, errNoRTSP, true)
	}
	return c.write(ctx, "RTSP/1.0 200 OK\r\nCSeq: "+strconv.Itoa(seq)+"\r\n\r\n")
}

// shut is a refusal that says nothing of the password.
func (c *conn) shut(res *base.Response, why string) error {
	return fmt.Errorf("%w: rtsp at %s refuses with %d %q: %s", rekey.ErrConflict, c.at.Address(), res.StatusCode, transport.Printable(res.StatusMessage), why)
}

// odd is an answer that says nothing about the password.
func (c *conn) odd(res *base.Response) error {
	return &StatusError{At: c.at, Code: int(res.StatusCode), Said: transport.Printable(res.StatusMessage)}
}

// StatusError is an answer of RTSP that is none of those that say something of a
// login. It wraps rekey.ErrUnreachable.
type StatusError struct {
	At   rekey.Interface
	Code int
	Said string
}

// Error says what was answered.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%v: rtsp at %s answered %d %q, which says nothing of the password", rekey.ErrUnreachable, e.At.Address(), e.Code, e.Said)
}

// Unwrap returns rekey.ErrUnreachable.
func (e *StatusError) Unwrap() error { return rekey.ErrUnreachable }

func unreachable(at rekey.Interface, err error, sent bool) error {
	return &transport.Error{Kind: rekey.ErrUnreachable, Host: "rtsp at " + at.Address(), Sent: sent, Err: err, Hint: "check that the stream port is right"}
}
