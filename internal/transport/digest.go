package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/icholy/digest"

	"rekey"
)

// nonceAge is how long a nonce is used again. After it a fresh challenge is
// asked for without a login, which counts as no try; so a nonce hardly ever
// runs out under a signed request, where a 401 could not be told from a refusal.
const nonceAge = 20 * time.Second

// Digest is a login by HTTP digest (RFC 7616) at one recorder. Its nonce is
// used again from request to request, because each fresh handshake leaves a
// login in the recorder's log. It is safe for concurrent use.
type Digest struct {
	Login rekey.Login
	// Spend books a login try. It is called before the password is sent, as long
	// as the recorder has not accepted it once. An error stops the request.
	Spend func() error

	mu        sync.Mutex
	challenge *digest.Challenge
	count     int
	used      time.Time
	accepted  bool
}

// sign returns the Authorization value for a request with the nonce at hand;
// "" when there is none that is fresh.
func (d *Digest) sign(req *http.Request, now time.Time) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.challenge == nil || (d.count > 0 && now.Sub(d.used) > nonceAge) {
		return "", nil
	}
	// What cannot be signed is no login try, so the try is booked after this.
	credentials, err := digest.Digest(d.challenge, digest.Options{
		Method: req.Method, URI: req.URL.RequestURI(), GetBody: req.GetBody, Count: d.count + 1,
		Username: d.Login.Account, Password: d.Login.Password.Reveal(),
	})
	if err != nil {
		return "", fmt.Errorf("%w: the recorder wants a digest login that rekey does not know", rekey.ErrUnsupported)
	}
	if !d.accepted && d.Spend != nil {
		if err := d.Spend(); err != nil {
			return "", err
		}
	}
	d.count++
	d.used = now
	return credentials.String(), nil
}

// learn takes the challenge of a 401. It reports false when there is none.
func (d *Digest) learn(h http.Header) (stale, ok bool, err error) {
	challenge, err := digest.FindChallenge(h)
	if errors.Is(err, digest.ErrNoChallenge) {
		for _, v := range h.Values("WWW-Authenticate") {
			if len(v) >= 5 && strings.EqualFold(v[:5], "basic") {
				return false, false, fmt.Errorf("%w: the recorder asks for the password in the clear (HTTP Basic), or for a digest that rekey does not know", rekey.ErrUnsupported)
			}
		}
		return false, false, nil
	}
	if err != nil {
		return false, false, fmt.Errorf("%w: the recorder's digest challenge cannot be read", rekey.ErrUnreachable)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.challenge, d.count = challenge, 0
	return challenge.Stale, true, nil
}

// answered notes how a signed request ended.
func (d *Digest) answered(status int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if status == http.StatusUnauthorized {
		d.challenge, d.accepted = nil, false
		return
	}
	d.accepted = d.accepted || status == http.StatusOK
}

// login sends the request, with the password where it is asked for. The
// password goes out once; only a challenge that says stale=true, by which the
// recorder tells that the password was right and the nonce old, is answered again.
func (c *Client) login(ctx context.Context, r Request) (*http.Response, bool, error) {
	if r.Digest == nil {
		res, err := c.exchange(ctx, r, "")
		return res, false, err
	}
	res, signed, err := c.attempt(ctx, r)
	if err != nil || res.StatusCode != http.StatusUnauthorized {
		return res, signed, err
	}
	stale, ok, err := r.Digest.learn(res.Header)
	if signed {
		if err != nil || !ok || !stale {
			r.Digest.answered(res.StatusCode)
			return res, true, nil //nolint:nilerr // a refusal without a new challenge is a refusal
		}
	} else if err != nil {
		closeQuietly(res.Body)
		return nil, false, fmt.Errorf("%s: %w", c.at.Address(), err)
	} else if !ok {
		return res, false, nil
	}
	discard(res.Body)
	res, signed, err = c.attempt(ctx, r)
	if err == nil && signed {
		r.Digest.answered(res.StatusCode)
	}
	return res, signed, err
}

// attempt sends the request once, signed when a fresh nonce is at hand.
func (c *Client) attempt(ctx context.Context, r Request) (*http.Response, bool, error) {
	req, err := c.build(r, "")
	if err != nil {
		return nil, false, err
	}
	authorization, err := r.Digest.sign(req, time.Now())
	if err != nil {
		return nil, false, err
	}
	res, err := c.exchange(ctx, r, authorization)
	signed := authorization != ""
	if err == nil && signed && res.StatusCode != http.StatusUnauthorized {
		r.Digest.answered(res.StatusCode)
	}
	return res, signed, err
}

// discard reads a little of a body that nobody wants, so that the connection
// ends in order, and closes it.
func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 64<<10)
	closeQuietly(body)
}
