// Package link is the recorder's half of its cloud link: it pairs the box with
// a cloud, and then keeps asking how the link stands. Every connection goes out
// from the box; while there is no link it makes none.
package link

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
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
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/cloud/wire"
	"rekey/recovery"
)

// Client keeps the cloud link of one box.
type Client struct {
	box   *recorder.Box
	http  *http.Client
	log   *slog.Logger
	pause time.Duration // between two polls, and the first after a failure
}

// The waits: after each failure twice as long as before, up to mostPause.
const (
	firstPause = time.Second
	mostPause  = 5 * time.Minute
	callTime   = 15 * time.Second
	farewell   = 5 * time.Second
)

// New makes the client of a box. Nothing is sent until Pair, or until Run finds a link.
func New(box *recorder.Box, log *slog.Logger) *Client {
	return &Client{box: box, log: log, pause: firstPause, http: &http.Client{
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: wire.Hold + callTime,
			MaxIdleConns:          2,
			IdleConnTimeout:       time.Minute,
		},
		// A cloud that has moved is paired anew: what is signed goes to nobody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
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

// Pair begins a link for an admin and gives the code that its owner types at the
// cloud within wire.CodeLife. Where the cloud cannot be reached, nothing is left
// of the pairing.
func (c *Client) Pair(ctx context.Context, actor, cloud string, from recorder.Client) (rekey.Secret, error) {
	at, err := CheckURL(cloud)
	if err != nil {
		return rekey.Secret{}, err
	}
	if err := c.box.MayLinkCloud(actor); err != nil {
		return rekey.Secret{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	about, err := c.about(ctx, at)
	if err != nil {
		return rekey.Secret{}, err
	}
	key, err := recovery.ParseDeskKey([]byte(about.PublicKey))
	if err != nil {
		return rekey.Secret{}, fmt.Errorf("%w: %s sends no key; is it a rekey cloud?", rekey.ErrUnreachable, at)
	}
	l, enrolment, err := c.box.BeginCloudLink(actor, at, key, from)
	if err != nil {
		return rekey.Secret{}, err
	}
	enrolment.Serial, enrolment.Firmware = "", "" // not the cloud's business
	code := wire.NewCode()
	hash, _ := wire.HashCode(code)
	err = c.send(ctx, l, about.Nonce, wire.PathPair, wire.Pair{
		Key: l.Key.Public().(ed25519.PublicKey), CodeHash: hash, Name: c.box.Info().Name, Enrolment: enrolment,
	}, nil)
	if err != nil {
		return rekey.Secret{}, errors.Join(err, c.box.CloudEnded(l.Key, "pairing failed"))
	}
	return rekey.NewSecret(code), nil
}

// Run keeps the link until ctx ends.
func (c *Client) Run(ctx context.Context) error {
	defer c.http.CloseIdleConnections()
	for ctx.Err() == nil {
		changed := c.box.CloudChanged()
		l, linked, err := c.box.CloudLink()
		if err != nil {
			c.log.Error("cloud link cannot be read", "error", err)
		}
		if linked {
			c.keep(ctx, l, changed)
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return nil
}

// keep polls until the box's link changes or ctx ends. Where the box has
// forgotten the link, the cloud is told so while its key is still at hand.
func (c *Client) keep(ctx context.Context, l recorder.CloudLink, changed <-chan struct{}) {
	while, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-changed:
			stop()
		case <-while.Done():
		}
	}()
	wait := c.pause
	for while.Err() == nil {
		status, err := c.poll(while, l)
		if err == nil {
			err = c.follow(l, status)
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
			wait = min(2*wait, mostPause)
		}
	}
	if ctx.Err() == nil {
		c.leave(ctx, l)
	}
}

func (c *Client) poll(ctx context.Context, l recorder.CloudLink) (wire.Status, error) {
	var status wire.Status
	ctx, cancel := context.WithTimeout(ctx, wire.Hold+2*callTime)
	defer cancel()
	about, err := c.about(ctx, l.URL)
	if err != nil {
		return status, err
	}
	known := wire.Pending
	if l.Linked {
		known = wire.Linked
	}
	return status, c.send(ctx, l, about.Nonce, wire.PathPoll, wire.Poll{Known: known}, &status)
}

// follow does at the box what the cloud says.
func (c *Client) follow(l recorder.CloudLink, s wire.Status) error {
	switch {
	case s.State == wire.Ended:
		return c.box.CloudEnded(l.Key, s.Why)
	case s.State == wire.Linked && !l.Linked:
		return c.box.CloudLinked(l.Key, s.Owner)
	}
	return nil
}

// leave says farewell for a link that the box has forgotten. It is said once:
// where it does not arrive, the cloud sees no more of this recorder, and what it
// still holds opens nothing.
func (c *Client) leave(ctx context.Context, old recorder.CloudLink) {
	now, linked, err := c.box.CloudLink()
	if err != nil || linked && now.Key.Equal(old.Key) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	why := "unlinked at the recorder"
	if !c.box.Initialised() {
		why = "the recorder was reset by its button"
	}
	about, err := c.about(ctx, old.URL)
	if err == nil {
		err = c.send(ctx, old, about.Nonce, wire.PathUnlink, wire.Unlink{Why: why}, nil)
	}
	if err != nil {
		c.log.Warn("the cloud was not told that the link is over", "cloud", old.URL, "error", err)
	}
}

func (c *Client) about(ctx context.Context, at string) (about wire.Cloud, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at+wire.PathCloud, nil)
	if err != nil {
		return about, err
	}
	return about, c.do(r, &about)
}

func (c *Client) send(ctx context.Context, l recorder.CloudLink, nonce, path string, message, into any) error {
	body, err := json.Marshal(message)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set(wire.Header, wire.Sign(l.Key, path, nonce, body))
	return c.do(r, into)
}

// do makes one call. Nothing of what the cloud says in a refusal is repeated.
func (c *Client) do(r *http.Request, into any) error {
	answer, err := c.http.Do(r)
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
