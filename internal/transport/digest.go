package transport

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/icholy/digest"

	"rekey"
)

// nonceAge is how long a nonce is used again. After it a fresh challenge is
// asked for without a login, which counts as no try; so a nonce hardly ever
// runs out under a signed request, where a 401 could not be told from a refusal.
const nonceAge = 20 * time.Second

// Digest is a login by HTTP digest (RFC 7616, RFC 2069) at one recorder. Its
// nonce is used again from request to request, because each fresh handshake
// leaves a login in the recorder's log. It is safe for concurrent use: requests
// wait for each other until the answer has begun, as a recorder may take a count
// that was overtaken for a replay, which cannot be told from a refused login.
type Digest struct {
	Login rekey.Login
	// Spend books a login try. It is called each time before the password is sent,
	// as long as the recorder has not accepted it once: that a nonce was old is
	// only what a recorder says, and it may have counted. An error stops the request.
	Spend func() error
	// Basic is what to do where the recorder knows no digest.
	Basic Basic

	mu       sync.Mutex
	turn     chan struct{} // holds one while a request has the turn
	asked    *asked
	accepted bool
}

// take waits for the turn, which give ends.
func (d *Digest) take(ctx context.Context) (give func(), err error) {
	d.mu.Lock()
	if d.turn == nil {
		d.turn = make(chan struct{}, 1)
	}
	turn := d.turn
	d.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// sign returns the Authorization value for a request with the challenge at hand;
// "" when there is none that is fresh.
func (d *Digest) sign(req *http.Request, now time.Time) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.asked
	if a == nil || (a.challenge != nil && a.count > 0 && now.Sub(a.used) > nonceAge) {
		return "", nil
	}
	// What cannot be signed is no login try, so the try is booked after this.
	authorization, err := a.answer(d.Login, digest.Options{Method: req.Method, URI: req.URL.RequestURI(), GetBody: req.GetBody})
	if err != nil {
		return "", err
	}
	if !d.accepted && d.Spend != nil {
		if err := d.Spend(); err != nil {
			return "", err
		}
	}
	a.count++
	a.used = now
	return authorization, nil
}

// learn takes the challenge of a 401; ok: there is one that can be answered at
// such a door. fresh: it is no answer to the password, which was right, but to a
// nonce that was old, and the new nonce is another one.
func (d *Digest) learn(h http.Header, encrypted bool) (fresh, ok bool, err error) {
	challenge, basic, err := choose(h.Values("WWW-Authenticate"))
	if basic {
		err = d.Basic.Refuse(encrypted)
	}
	if err != nil || (challenge == nil && !basic) {
		return false, false, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.asked
	d.asked = &asked{challenge: challenge}
	if challenge == nil || before == nil || before.challenge == nil {
		return false, true, nil
	}
	return challenge.Stale && challenge.Nonce != before.challenge.Nonce, true, nil
}

// answered notes how a signed request ended.
func (d *Digest) answered(status int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if status == http.StatusUnauthorized {
		d.asked, d.accepted = nil, false
		return
	}
	d.accepted = d.accepted || status == http.StatusOK
}

// login sends the request, with the password where it is asked for. The
// password goes out once; only a challenge that says stale=true and brings a new
// nonce, by which the recorder tells that the password was right and the nonce
// old, is answered again, once.
func (c *Client) login(ctx context.Context, r Request) (*http.Response, bool, error) {
	if r.Digest == nil {
		res, err := c.exchange(ctx, r, "")
		return res, false, err
	}
	give, err := r.Digest.take(ctx)
	if err != nil {
		return nil, false, c.failed(err, false)
	}
	defer give()
	const most = 3 // without a login, with it, and with it for a new nonce
	again := false
	for try := 1; ; try++ {
		res, signed, err := c.attempt(ctx, r)
		if err != nil || res.StatusCode != http.StatusUnauthorized {
			return res, signed, err
		}
		fresh, ok, err := r.Digest.learn(res.Header, c.at.TLS)
		switch {
		case signed && (again || err != nil || !ok || !fresh):
			r.Digest.answered(res.StatusCode)
			return res, true, nil //nolint:nilerr // a refusal without a new challenge is a refusal
		case err != nil:
			closeQuietly(res.Body)
			return nil, false, fmt.Errorf("%s: %w", c.at.Address(), err)
		case !ok || try == most:
			return res, signed, nil
		}
		again = signed
		discard(res.Body)
	}
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
