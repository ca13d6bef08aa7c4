package transport

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"rekey"
)

// RedirectError is an answer that points elsewhere. No request follows it by
// itself; see Follow. It wraps rekey.ErrUnreachable.
type RedirectError struct {
	From rekey.Interface // the door that was asked
	To   rekey.Interface // a door of the same kind
	Path string
	Same bool // To is the same host, as it is written
}

// Within reports whether it points to another page at the same door.
func (e *RedirectError) Within() bool {
	return e.Same && e.From.Port == e.To.Port && e.From.TLS == e.To.TLS
}

// Upgrade reports whether it points from HTTP to HTTPS on the same host: the
// only way on that is surely the recorder's own. Behind another port another box
// may stand, and nobody is led from HTTPS to HTTP.
func (e *RedirectError) Upgrade() bool { return e.Same && e.To.TLS && !e.From.TLS }

// Error says where it points and what to do.
func (e *RedirectError) Error() string {
	if e.Upgrade() {
		return fmt.Sprintf("%v: %s speaks only HTTPS now and sends on to %s; run again with that address", rekey.ErrUnreachable, e.From.Address(), e.target())
	}
	return fmt.Sprintf("%v: %s sends on to %s; give that address if it is the recorder", rekey.ErrUnreachable, e.From.Address(), e.target())
}

func (e *RedirectError) target() string {
	return scheme(e.To.TLS) + "://" + Printable(e.To.Address())
}

// Unwrap returns rekey.ErrUnreachable.
func (e *RedirectError) Unwrap() error { return rekey.ErrUnreachable }

// Note tells id of it: that it was followed, or that it was not and what to do.
// Of nil, and of one within the same door, there is nothing to tell.
func (e *RedirectError) Note(id *rekey.Identity) {
	switch {
	case e == nil || e.Within():
	case e.Upgrade():
		id.Learnt = append(id.Learnt, rekey.Fact{What: "moved from " + e.From.Address(), From: "HTTP redirect"})
		id.Odd("redirected-to-https", fmt.Sprintf("Port %d only sends on to HTTPS at port %d; rekey goes there by itself, other programs may need to be told.", e.From.Port, e.To.Port))
	default:
		id.Odd("sent-elsewhere", fmt.Sprintf("Port %d sends on to %s, where another box may answer, so rekey did not go there; give that address yourself if it is the recorder's.", e.From.Port, e.target()))
	}
}

// Follow asks at a door, without a login, and once more at the one that it sends
// on to, where that is an Upgrade. moved is the redirect that was followed, nil
// as a rule; a redirect that was not followed is the error.
func Follow[T any](at rekey.Interface, ask func(at rekey.Interface) (T, error)) (answer T, moved *RedirectError, err error) {
	answer, err = ask(at)
	if !errors.As(err, &moved) || !moved.Upgrade() {
		return answer, nil, err
	}
	answer, err = ask(moved.To)
	return answer, moved, err
}

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
	return &RedirectError{From: c.at, To: to, Path: u.EscapedPath(), Same: sameHost(to.Host, c.at.Host)}
}

func sameHost(a, b string) bool {
	if x, y := net.ParseIP(a), net.ParseIP(b); x != nil && y != nil {
		return x.Equal(y)
	}
	return strings.EqualFold(a, b)
}
