package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"

	"rekey"
)

// Error is an exchange that did not end with an answer.
type Error struct {
	Kind error // rekey.ErrUnreachable or rekey.ErrVerify
	Host string
	Sent bool // false: the recorder surely did not get the request
	Err  error
	Hint string // what to do
}

// Error says where, what and what to do.
func (e *Error) Error() string {
	how := "before anything was sent"
	if e.Sent {
		how = "after the request was sent"
	}
	return fmt.Sprintf("%v: %s, %s: %s; %s", e.Kind, e.Host, how, e.why(), e.Hint)
}

// ownError is a fault that this package found; its words are its own.
type ownError struct{ why string }

func (e ownError) Error() string { return e.why }

// why tells the fault. Once something was sent, the words of net/http may be
// those of the peer, who may repeat a password in them: they stay out.
func (e *Error) why() string {
	const most = 300
	cause := e.Err
	if e.Sent {
		cause = wordsOfOurs(e.Err)
	}
	text := strings.Map(visible, cause.Error())
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "..."
	}
	return text
}

// wordsOfOurs is the part of an error that no peer can have written.
func wordsOfOurs(err error) error {
	var own ownError
	var changed *pinError
	var network net.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &changed):
		return changed
	case errors.As(err, &network):
		return network
	}
	for _, known := range []error{errIdle, errSlow, context.Canceled, context.DeadlineExceeded, io.ErrUnexpectedEOF, io.EOF} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errNoAnswer
}

var errNoAnswer = ownError{"what came is no answer that can be read"}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }

// MaybeSent reports whether the recorder may have got the request that ended
// with err. Errors that are not of an exchange count as not sent.
func MaybeSent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Sent
}

func (c *Client) failed(err error, sent bool) error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	e := &Error{Kind: rekey.ErrUnreachable, Host: c.at.Address(), Sent: sent, Err: err, Hint: "check the address, the cable and the power of the recorder"}
	var changed *pinError
	switch {
	case errors.As(err, &changed):
		e.Kind, e.Sent = rekey.ErrVerify, false
		e.Hint = "somebody else may be answering; look at the network before going on"
	case errors.Is(err, context.Canceled):
		e.Hint = "it was stopped"
	case sent:
		e.Hint = "its answer was lost or unusable; try again when it answers in its own web page"
	}
	return e
}

func tooLargeError(limit int64) error {
	return ownError{fmt.Sprintf("the answer is larger than %d bytes", limit)}
}

// RedirectError is an answer that points elsewhere. It is never followed here.
// It wraps rekey.ErrUnreachable.
type RedirectError struct {
	From string // host:port that was asked
	To   rekey.Interface
	Path string
	Same bool // To is the same host
}

// Error says where it points and what to do.
func (e *RedirectError) Error() string {
	scheme := "http"
	if e.To.TLS {
		scheme = "https"
	}
	return fmt.Sprintf("%v: %s sends on to %s://%s; give that address if it is the recorder", rekey.ErrUnreachable, e.From, scheme, Printable(e.To.Address()))
}

// Unwrap returns rekey.ErrUnreachable.
func (e *RedirectError) Unwrap() error { return rekey.ErrUnreachable }

// redirected reads a Location header.
func (c *Client) redirected(location string) error {
	base := &url.URL{Scheme: scheme(c.at.TLS), Host: c.at.Address(), Path: "/"}
	u, err := base.Parse(location)
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return c.failed(ownError{"the answer is a redirect that cannot be read"}, true)
	}
	to := rekey.Interface{Kind: c.at.Kind, Host: u.Hostname(), TLS: u.Scheme == "https", Port: 80}
	if to.TLS {
		to.Port = 443
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return c.failed(ownError{"the answer is a redirect to a port that cannot be"}, true)
		}
		to.Port = int(n)
	}
	return &RedirectError{From: c.at.Address(), To: to, Path: u.EscapedPath(), Same: sameHost(to.Host, c.at.Host)}
}

func sameHost(a, b string) bool {
	if x, y := net.ParseIP(a), net.ParseIP(b); x != nil && y != nil {
		return x.Equal(y)
	}
	return strings.EqualFold(a, b)
}

func scheme(tls bool) string {
	if tls {
		return "https"
	}
	return "http"
}
