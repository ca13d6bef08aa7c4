package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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
	var changed *CertificateError
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
	var changed *CertificateError
	switch {
	case errors.As(err, &changed):
		e.Kind, e.Sent = rekey.ErrVerify, false
		e.Hint = fmt.Sprintf("no password was sent to it; a factory reset, new firmware or a renewed certificate of the recorder does that: compare the new fingerprint with the one in its own web page and run again with --accept-risk %s, else somebody else may be answering, so look at the network first", rekey.RiskNewCertificate)
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

func scheme(tls bool) string {
	if tls {
		return "https"
	}
	return "http"
}
