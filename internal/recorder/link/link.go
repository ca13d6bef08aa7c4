// Package link is the recorder's half of its cloud link: it pairs the box with
// a cloud, and then keeps asking how the link stands. Every connection goes out
// from the box; while there is no link it makes none. After a reset by the button
// it asks on while the box is locked, for the link of before.
package link

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/cloud/wire"
	"rekey/recovery"
)

// Client keeps the cloud link of one box.
type Client struct {
	box   *recorder.Box
	log   *slog.Logger
	pause time.Duration // between two polls, and the first after a failure
	most  time.Duration // the longest
}

// The waits: after each failure twice as long as before, up to mostPause.
const (
	firstPause = time.Second
	mostPause  = 5 * time.Minute
	callTime   = 15 * time.Second
	farewell   = 5 * time.Second
	farewells  = 3
)

// New makes the client of a box. Nothing is sent until Pair, or until Run finds a link.
func New(box *recorder.Box, log *slog.Logger) *Client {
	return &Client{box: box, log: log, pause: firstPause, most: mostPause}
}

// line is how one cloud is reached.
type line struct {
	at   recorder.CloudAddress
	http *http.Client
}

func lineTo(at recorder.CloudAddress) (*line, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if at.CA != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(at.CA) {
			return nil, fmt.Errorf("%w: the file of the certificate authority holds no certificate (PEM)", rekey.ErrInput)
		}
	}
	return &line{at, &http.Client{
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSClientConfig:       config,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: wire.Hold + callTime,
			MaxIdleConns:          2,
			IdleConnTimeout:       time.Minute,
		},
		// A cloud that has moved is paired anew: what is signed goes to nobody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func (n *line) close() { n.http.CloseIdleConnections() }

// maxCA bounds the file of a certificate authority, in bytes: it is kept with the link.
const maxCA = 16 << 10

// CheckAddress gives the address of a cloud as it is kept, or rekey.ErrInput.
func CheckAddress(a recorder.CloudAddress) (recorder.CloudAddress, error) {
	var err error
	if a.URL, err = CheckURL(a.URL); err != nil {
		return a, err
	}
	if len(a.CA) > maxCA {
		return a, fmt.Errorf("%w: the file of the certificate authority has more than %d bytes", rekey.ErrInput, maxCA)
	}
	n, err := lineTo(a)
	if err == nil {
		n.close()
	}
	return a, err
}

// CheckURL gives the address of a cloud as it is kept, or rekey.ErrInput. Beyond
// loopback it must be https: the cloud's certificate is all that tells who gets
// the key.
func CheckURL(typed string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(typed))
	bad := fmt.Errorf("%w: the cloud's address must be https://HOST or https://HOST:PORT; plain http only on loopback", rekey.ErrInput)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || len(typed) > 200 {
		return "", bad
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || err != nil || !ip.IsLoopback()) {
		return "", bad
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

// Pair begins a link for an admin who steps up for it, and gives the code that its owner types at the
// cloud within wire.CodeLife. Where the cloud cannot be reached, nothing is left
// of the pairing.
func (c *Client) Pair(ctx context.Context, actor, cloud string, by recorder.StepUp, from recorder.Client) (rekey.Secret, error) {
	return c.PairAt(ctx, actor, recorder.CloudAddress{URL: cloud}, by, from)
}

// PairAt is Pair with a cloud whose certificate leads to an authority of its own.
func (c *Client) PairAt(ctx context.Context, actor string, at recorder.CloudAddress, by recorder.StepUp, from recorder.Client) (rekey.Secret, error) {
	at, err := CheckAddress(at)
	if err != nil {
		return rekey.Secret{}, err
	}
	if err := c.box.MayLinkCloud(actor); err != nil {
		return rekey.Secret{}, err
	}
	n, err := lineTo(at)
	if err != nil {
		return rekey.Secret{}, err
	}
	defer n.close()
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	about, err := n.about(ctx)
	if err != nil {
		return rekey.Secret{}, err
	}
	key, err := recovery.ParseDeskKey([]byte(about.PublicKey))
	if err != nil {
		return rekey.Secret{}, fmt.Errorf("%w: %s sends no key; is it a rekey cloud?", rekey.ErrUnreachable, at.URL)
	}
	l, enrolment, err := c.box.BeginCloudLink(actor, at, key, by, from)
	if err != nil {
		return rekey.Secret{}, err
	}
	enrolment.Serial, enrolment.Firmware = "", "" // not the cloud's business
	code := wire.NewCode()
	hash, _ := wire.HashCode(code)
	err = n.post(ctx, l, about.Nonce, wire.PathPair, wire.Pair{
		Key: l.Key.Public().(ed25519.PublicKey), CodeHash: hash, Name: c.box.Info().Name, Enrolment: enrolment,
	}, nil)
	if err != nil {
		return rekey.Secret{}, errors.Join(err, c.box.CloudEnded(l.Key, "pairing failed"))
	}
	return rekey.NewSecret(code), nil
}

// standing is the link to keep: the box's own, or the one of before a reset while
// its owner may release the lock.
func (c *Client) standing() (recorder.CloudLink, bool, error) {
	l, is, err := c.box.CloudLink()
	if is || err != nil {
		return l, is, err
	}
	return c.box.FormerCloud()
}

// Run keeps the link until ctx ends.
func (c *Client) Run(ctx context.Context) error {
	var kept *recorder.CloudLink
	for ctx.Err() == nil {
		kept = c.turn(ctx, kept)
	}
	return nil
}

// turn keeps the link that stands, or waits for one, until that changes. before is
// the link that was kept until now, nil = none: where the box has forgotten it,
// the cloud is told so while its key is still at hand. It gives the link to be
// asked about next time.
func (c *Client) turn(ctx context.Context, before *recorder.CloudLink) *recorder.CloudLink {
	changed := c.box.CloudChanged()
	l, linked, err := c.standing()
	if err == nil && before != nil && (!linked || !l.Key.Equal(before.Key)) {
		c.leave(ctx, *before)
		before = nil
	}
	var n *line
	if linked {
		n, err = lineTo(l.CloudAddress)
	}
	if err != nil {
		c.log.Error("cloud link cannot be read", "error", err)
	}
	if n == nil {
		select {
		case <-changed:
		case <-ctx.Done():
		}
		return before
	}
	defer n.close()
	c.keep(ctx, n, l, changed)
	return &l
}

// keep polls until the box's link changes or ctx ends.
func (c *Client) keep(ctx context.Context, n *line, l recorder.CloudLink, changed <-chan struct{}) {
	while, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer stop()
	watch.Go(func() {
		select {
		case <-changed:
			stop()
		case <-while.Done():
		}
	})
	wait := c.pause
	for while.Err() == nil {
		status, err := n.poll(while, l)
		if err == nil {
			err = c.follow(while, n, l, status)
		}
		if err == nil {
			wait = c.pause
		} else if while.Err() == nil {
			c.log.Warn("cloud link", "cloud", l.URL, "error", err, "next_try_in", wait)
		}
		select {
		case <-while.Done():
		case <-time.After(wait/2 + rand.N(wait)): //nolint:gosec // only spreads the calls
		}
		if err != nil {
			wait = min(2*wait, c.most)
		}
	}
}

// stateOf is what the box takes its link to be.
func stateOf(l recorder.CloudLink) wire.State {
	switch {
	case l.Former:
		return wire.Reset
	case l.Linked:
		return wire.Linked
	}
	return wire.Pending
}

func (n *line) poll(ctx context.Context, l recorder.CloudLink) (status wire.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, wire.Hold+2*callTime)
	defer cancel()
	return status, n.say(ctx, l, wire.PathPoll, wire.Poll{Known: stateOf(l)}, &status)
}

// follow does at the box what the cloud says, and tells the cloud of a reset that
// it has not heard of.
func (c *Client) follow(ctx context.Context, n *line, l recorder.CloudLink, s wire.Status) error {
	switch {
	case s.State == wire.Ended:
		return c.box.CloudEnded(l.Key, s.Why)
	case s.State == wire.Reset && !l.Former:
		return c.box.CloudEnded(l.Key, "the cloud takes the recorder for one that was reset")
	case l.Former && s.State == wire.Linked:
		return n.say(ctx, l, wire.PathUnlink, wire.Unlink{Why: resetWords, Reset: true}, nil)
	case s.State == wire.Linked && !l.Linked:
		return c.box.CloudLinked(l.Key, s.Owner)
	}
	return nil
}

const resetWords = "the recorder was reset by its button"

// leave says farewell for a link that the box has forgotten, a few times where it
// does not arrive. Where it never does, the cloud sees no more of this recorder,
// and what it still holds opens nothing.
func (c *Client) leave(ctx context.Context, old recorder.CloudLink) {
	n, err := lineTo(old.CloudAddress)
	if err != nil {
		c.log.Error("cloud link cannot be read", "error", err)
		return
	}
	defer n.close()
	why := "unlinked at the recorder"
	switch {
	case old.Former:
		why = "its lock was released"
	case !c.box.Initialised():
		why = resetWords
	}
	for range farewells {
		if err = n.farewell(ctx, old, why); err == nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(c.pause):
		}
	}
	c.log.Warn("the cloud was not told that the link is over", "cloud", old.URL, "error", err)
}

func (n *line) farewell(ctx context.Context, old recorder.CloudLink, why string) error {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	return n.say(ctx, old, wire.PathUnlink, wire.Unlink{Why: why}, nil)
}

func (n *line) about(ctx context.Context) (about wire.Cloud, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.at.URL+wire.PathCloud, nil)
	if err != nil {
		return about, err
	}
	return about, n.do(r, &about)
}

// say sends one signed message, with a nonce that is asked for.
func (n *line) say(ctx context.Context, l recorder.CloudLink, path string, message, into any) error {
	about, err := n.about(ctx)
	if err != nil {
		return err
	}
	return n.post(ctx, l, about.Nonce, path, message, into)
}

func (n *line) post(ctx context.Context, l recorder.CloudLink, nonce, path string, message, into any) error {
	body, err := json.Marshal(message)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, n.at.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set(wire.Header, wire.Sign(l.Key, path, nonce, body))
	return n.do(r, into)
}

// do makes one call. Nothing of what the cloud says in a refusal is repeated.
func (n *line) do(r *http.Request, into any) error {
	answer, err := n.http.Do(r)
	if err != nil {
		return fmt.Errorf("%w: call the cloud: %w", rekey.ErrUnreachable, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, wire.MaxBody))
	switch {
	case err != nil:
		return fmt.Errorf("%w: read what the cloud answers: %w", rekey.ErrUnreachable, err)
	case answer.StatusCode/100 != 2:
		return fmt.Errorf("%w: the cloud at %s refuses %s with status %d", rekey.ErrUnreachable, r.URL.Host, r.URL.Path, answer.StatusCode)
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%w: %s does not answer as a rekey cloud does", rekey.ErrUnreachable, r.URL.Host)
	}
	return nil
}
