// Package transport is the one HTTP client of the drivers: digest logins that
// are sent once, self-signed certificates that are pinned, limits on size and
// time, no redirects, no proxy, no cookies of its own, and a redacted trace.
package transport

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"rekey"
)

// Limits bound every exchange. A zero field means the usual limit.
type Limits struct {
	Connect time.Duration // TCP connect, and the TLS handshake; 5 s
	Header  time.Duration // from the request to the head of the answer; 10 s
	Whole   time.Duration // one Do, everything included; 30 s
	Idle    time.Duration // between two reads of a Stream; 30 s
	Window  time.Duration // of waiting, over which a Stream has to come at Rate; 5 min
	Rate    int64         // bytes a second; 16 KiB, so that no body drips for ever
	Body    int64         // bytes of an answer of Do; 4 MiB
}

func (l Limits) orUsual() Limits {
	if l.Connect == 0 {
		l.Connect = 5 * time.Second
	}
	if l.Header == 0 {
		l.Header = 10 * time.Second
	}
	if l.Whole == 0 {
		l.Whole = 30 * time.Second
	}
	if l.Idle == 0 {
		l.Idle = 30 * time.Second
	}
	if l.Window == 0 {
		l.Window = 5 * time.Minute
	}
	if l.Rate == 0 {
		l.Rate = 16 << 10
	}
	if l.Body == 0 {
		l.Body = 4 << 20
	}
	return l
}

// Request is one HTTP request. Path and Query go out exactly as given, so they
// are percent-encoded already (see EscapePath and Query); digest signs the same text.
type Request struct {
	Method string // GET when empty
	Path   string // begins with "/"
	Query  string // without "?"
	Type   string // content type of Body
	Body   []byte
	Cookie []*http.Cookie
	Digest *Digest // nil: no login
	Limit  int64   // bytes of the answer; 0: Limits.Body
	// Once: a connection of its own, so that nothing below repeats the request.
	// Every GET is sent that way.
	Once bool
}

// Response is a whole answer.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	Signed bool // a password was sent with the request; a 401 is then a refusal
}

// Stream is an answer whose body is read piece by piece.
type Stream struct {
	Status int
	Header http.Header
	Length int64 // -1: not told
	Signed bool
	Body   io.ReadCloser
}

// Client talks to one door of one recorder. It is safe for concurrent use.
type Client struct {
	at     rekey.Interface
	log    *slog.Logger
	limits Limits
	pin    *pin
	keep   *http.Transport // for POST: one connection, many requests
	once   *http.Transport // a connection for each request
}

// New returns a client for one door. With at.CertSHA256 set, only that
// certificate is accepted; else the first one seen is held until Close.
func New(at rekey.Interface, log *slog.Logger, l Limits) *Client {
	c := &Client{at: at, log: log, limits: l.orUsual(), pin: newPin(at.CertSHA256)}
	c.keep, c.once = c.pool(), c.pool()
	c.once.DisableKeepAlives = true
	return c
}

func (c *Client) pool() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            (&net.Dialer{Timeout: c.limits.Connect}).DialContext,
		TLSHandshakeTimeout:    c.limits.Connect,
		TLSClientConfig:        c.pin.config(),
		ResponseHeaderTimeout:  c.limits.Header,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        20 * time.Second,
		DisableCompression:     true,
		Protocols:              protocols,
	}
}

// At is the door, with the certificate's fingerprint once it was seen.
func (c *Client) At() rekey.Interface {
	at := c.at
	at.CertSHA256 = c.pin.seen()
	return at
}

// Close drops the idle connections.
func (c *Client) Close() { c.keep.CloseIdleConnections() }

// Do sends a request and reads the whole answer. A status is no error; a
// redirect is a *RedirectError. Other errors are *Error and wrap
// rekey.ErrUnreachable, or rekey.ErrVerify for a changed certificate.
func (c *Client) Do(ctx context.Context, r Request) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.limits.Whole)
	defer cancel()
	began := time.Now()
	res, signed, err := c.login(ctx, r)
	if err != nil {
		return Response{}, err
	}
	defer closeQuietly(res.Body)
	limit := r.Limit
	if limit == 0 {
		limit = c.limits.Body
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	c.trace(ctx, r, res.StatusCode, int64(len(body)), began)
	if err != nil {
		return Response{}, c.failed(err, true)
	}
	if int64(len(body)) > limit {
		return Response{}, c.failed(tooLargeError(limit), true)
	}
	return Response{Status: res.StatusCode, Header: res.Header, Body: body, Signed: signed}, nil
}

// Stream sends a request and returns when the head of the answer is there. The
// caller closes the body. Errors are as in Do, those of the body included.
func (c *Client) Stream(ctx context.Context, r Request) (*Stream, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	began := time.Now()
	res, signed, err := c.login(ctx, r) //nolint:bodyclose // the caller closes the Stream
	if err != nil {
		cancel(nil)
		return nil, err
	}
	c.trace(ctx, r, res.StatusCode, res.ContentLength, began)
	body := newIdleReader(ctx, res.Body, c.limits, cancel, c.failed)
	return &Stream{Status: res.StatusCode, Header: res.Header, Length: res.ContentLength, Signed: signed, Body: body}, nil
}

// exchange is one request on the wire and the head of its answer.
func (c *Client) exchange(ctx context.Context, r Request, authorization string) (*http.Response, error) {
	req, err := c.build(r, authorization)
	if err != nil {
		return nil, err
	}
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
	})
	pool := c.keep
	if r.Once || req.Method == http.MethodGet {
		pool = c.once
	}
	began := time.Now()
	res, err := pool.RoundTrip(req.WithContext(ctx))
	if err != nil {
		c.trace(ctx, r, 0, 0, began)
		return nil, c.failed(err, sent.Load())
	}
	if to := res.Header.Get("Location"); to != "" && res.StatusCode >= 300 && res.StatusCode < 400 {
		closeQuietly(res.Body)
		return nil, c.redirected(to)
	}
	return res, nil
}

func (c *Client) build(r Request, authorization string) (*http.Request, error) {
	u, err := c.url(r)
	if err != nil {
		return nil, err
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	req := &http.Request{Method: method, URL: u, Host: hostHeader(c.at), Header: http.Header{"User-Agent": {"rekey"}}, ProtoMajor: 1, ProtoMinor: 1}
	if r.Body != nil {
		req.Body = io.NopCloser(bytes.NewReader(r.Body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.Body)), nil }
		req.ContentLength = int64(len(r.Body))
		req.Header.Set("Content-Type", r.Type)
	}
	for _, cookie := range r.Cookie {
		req.AddCookie(cookie)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return req, nil
}

// hostHeader leaves out the usual port, as browsers do and as old firmware expects.
func hostHeader(at rekey.Interface) string {
	if at.TLS {
		return strings.TrimSuffix(at.Address(), ":443")
	}
	return strings.TrimSuffix(at.Address(), ":80")
}

// trace tells what was asked, never what was said: no query, header or body.
func (c *Client) trace(ctx context.Context, r Request, status int, size int64, began time.Time) {
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	c.log.LogAttrs(ctx, slog.LevelDebug, "http",
		slog.String("host", c.at.Address()), slog.String("method", method), slog.String("path", r.Path),
		slog.Int("status", status), slog.Int64("bytes", size), slog.Int64("ms", time.Since(began).Milliseconds()))
}

// closeQuietly is for bodies that were read to the end or are given up: an
// error of Close says nothing new then.
func closeQuietly(c io.Closer) { _ = c.Close() }
