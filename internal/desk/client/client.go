// Package client speaks the desk's JSON API, as an agent who is logged in with a
// passkey in software, or as a program with an API key.
//
// Refusals come back as rekey's kinds of failure. Step-ups are answered by the
// passkey on their own. What creates or changes something carries an
// idempotency key, so that a request whose answer was lost is sent again
// without acting twice; a reveal never is.
package client

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/api"
	"rekey/internal/desk/passkey"
)

// timeout bounds one call; a reveal waits for the security log and for the mail.
const timeout = 60 * time.Second

// mostBody bounds an answer of the desk.
const mostBody = 16 << 20

// userAgent is the same at every call: a session is bound to it.
const userAgent = "rekey (desk client)"

// Client is one agent's session at a desk, or a program with an API key.
type Client struct {
	base      *url.URL // of the API
	origin    string
	http      *http.Client
	streams   *http.Client    // without a time limit
	transport *http.Transport // of both
	key       *passkey.Key    // of the agent who is logged in; it answers step-ups
	bearer    rekey.Secret    // of a program
}

// New makes a client of the desk at an http(s) URL without a path; plain http
// is for this machine alone. It is not logged in yet.
func New(address string) (*Client, error) {
	base, err := url.Parse(address)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" || base.User != nil {
		return nil, fmt.Errorf("%w: desk address: expected http(s)://HOST[:PORT]", rekey.ErrInput)
	}
	if base.Scheme == "http" && !loopback(base.Hostname()) {
		return nil, fmt.Errorf("%w: desk address: expected https:// beyond this machine", rekey.ErrInput)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: time.Minute}
	if base.Scheme == "http" {
		transport.Proxy = nil // what is plain text stays on this machine
	}
	return &Client{base: base.JoinPath(api.Path), origin: base.Scheme + "://" + base.Host, transport: transport,
		http:    &http.Client{Jar: jar, Timeout: timeout, CheckRedirect: stay, Transport: transport},
		streams: &http.Client{Jar: jar, CheckRedirect: stay, Transport: transport}}, nil
}

func loopback(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsLoopback()
	}
	return host == "localhost"
}

// HangUp lets go of the connections that nothing goes over. It does not log out.
func (c *Client) HangUp() { c.transport.CloseIdleConnections() }

// UseKey makes every call with an API key instead of a session.
func (c *Client) UseKey(key rekey.Secret) { c.bearer = key }

func id(number int64) string { return strconv.FormatInt(number, 10) }

// stepUp proves presence for one act by the passkey. Without one, and with an
// API key, there is no proof, and the desk says whether it needs one.
func (c *Client) stepUp(ctx context.Context, act desk.Act, number int64, object string) (proof desk.StepUp, err error) {
	if c.key == nil || !c.bearer.IsZero() {
		return proof, nil
	}
	ceremony, err := c.beginStepUp(ctx, act, number, object)
	if err != nil {
		return proof, err
	}
	proof.ID = ceremony.ID
	proof.Assertion, err = c.key.Get(c.origin, ceremony.Options)
	return proof, err
}
