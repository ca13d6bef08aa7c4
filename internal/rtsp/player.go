package rtsp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"
	"github.com/bluenviron/gortsplib/v5/pkg/sdpunmarshaler"

	"rekey"
	"rekey/internal/transport"
)

// requireReplay says that a request is one for recordings (ONVIF Streaming
// Specification, "Replay"): a recorder that does not know it must refuse.
const requireReplay = "Require: onvif-replay"

// Times of a session that plays.
const (
	idleLimit = 30 * time.Second // nothing came
	usualKeep = 60 * time.Second // what a session lasts without a sign of life, where it is not told
)

// player is one RTSP session that plays, over the one connection.
type player struct {
	c       *conn
	entry   *entry
	url     string // of the whole
	session string
	keep    time.Duration // between two signs of life
	alive   time.Time     // when the last one was given
}

// describe asks what there is and returns it with the address that the parts are
// relative to. Of addresses that the recorder writes, only the text is used: the
// connection stays the one that there is.
func (p *player) describe(ctx context.Context) (*description.Session, *base.URL, error) {
	res, err := p.entry.ask(ctx, p.c, request{method: base.Describe, url: p.url})
	if err != nil {
		return nil, nil, err
	}
	text, err := sdpunmarshaler.Unmarshal(res.Body)
	if err != nil {
		return nil, nil, p.strange("its description cannot be read")
	}
	told := new(description.Session)
	if err := told.Unmarshal2(text); err != nil {
		return nil, nil, p.strange("its description cannot be read")
	}
	root := p.url
	switch control, has := text.Attribute("control"); {
	case has && strings.HasPrefix(control, "rtsp"):
		root = control
	case len(res.Header["Content-Base"]) == 1:
		root = strings.TrimSpace(res.Header["Content-Base"][0])
	}
	if strings.HasPrefix(root, "/") {
		root = streamURL(p.c.at, root)
	}
	u, err := base.ParseURL(root)
	if err != nil {
		return nil, nil, p.strange("its description names an address that cannot be read")
	}
	u.User = nil
	p.url = u.String()
	return told, u, nil
}

// setup asks for one part on its own channel of the connection and returns the
// channel that the recorder takes.
func (p *player) setup(ctx context.Context, part *description.Media, root *base.URL, number int) (channel int, err error) {
	u, err := part.URL(root)
	if err != nil {
		return 0, p.strange("its description names an address that cannot be read")
	}
	u.User = nil
	channel = 2 * number
	res, err := p.ask(ctx, request{method: base.Setup, url: u.String(), header: []string{
		fmt.Sprintf("Transport: RTP/AVP/TCP;unicast;interleaved=%d-%d", channel, channel+1), requireReplay,
	}})
	if err != nil {
		return 0, err
	}
	var way headers.Transport
	if way.Unmarshal(res.Header["Transport"]) != nil || way.Protocol != headers.TransportProtocolTCP {
		return 0, p.strange("it does not send recordings over the connection that there is")
	}
	if way.InterleavedIDs != nil {
		channel = way.InterleavedIDs[0]
	}
	return channel, p.join(res)
}

// join takes the name of the session and how long it lasts.
func (p *player) join(res *base.Response) error {
	var told headers.Session
	if told.Unmarshal(res.Header["Session"]) != nil || told.Session == "" || strings.ContainsAny(told.Session, "\r\n") {
		return p.strange("it names no session")
	}
	lasts := usualKeep
	if told.Timeout != nil && *told.Timeout > 0 && *told.Timeout < 3600 {
		lasts = time.Duration(*told.Timeout) * time.Second
	}
	p.session, p.keep, p.alive = told.Session, lasts/2, time.Now()
	return nil
}

// play starts at a time, without waiting between the frames, and with no end:
// the first frame behind the end that is wanted proves that it was reached, and
// where nothing was recorded the next frame that there is tells so.
func (p *player) play(ctx context.Context, from time.Time) error {
	const form = "20060102T150405Z" // whole seconds, which everybody reads
	_, err := p.ask(ctx, request{method: base.Play, url: p.url, header: []string{
		"Range: clock=" + from.UTC().Format(form) + "-", requireReplay, "Rate-Control: no",
	}})
	return err
}

// ask sends a request of the session.
func (p *player) ask(ctx context.Context, q request) (*base.Response, error) {
	if p.session != "" {
		q.header = append(q.header, "Session: "+p.session)
	}
	res, err := p.entry.ask(ctx, p.c, q)
	var status *StatusError
	if errors.As(err, &status) && status.Code == statusOption {
		return nil, fmt.Errorf("%w: rtsp at %s does not play recordings (it knows no onvif-replay)", rekey.ErrUnsupported, p.c.at.Address())
	}
	return res, err
}

// statusOption is "Option not supported".
const statusOption = 551

// errTorn: the line broke in the middle of something.
var errTorn = errors.New("it broke off in the middle of a packet")

// next is the next packet, within that time.
func (p *player) next(ctx context.Context, wait time.Duration) (*base.InterleavedFrame, error) {
	if early := p.c.early; len(early) > 0 {
		p.c.early = early[1:]
		return early[0], nil
	}
	for until := time.Now().Add(wait); ; {
		if err := p.live(ctx); err != nil {
			return nil, err
		}
		err := p.c.await(ctx, min(time.Until(until), p.keep))
		if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil && time.Now().Before(until) {
			continue // time for a sign of life
		}
		if err != nil {
			return nil, unreachable(p.c.at, err, true)
		}
		item, err := p.c.item(ctx, answerLimit)
		switch {
		case errors.Is(err, errEnded):
			return nil, err
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errTorn, err)
		case time.Now().After(until): // it talks, and plays nothing
			return nil, unreachable(p.c.at, errNoAnswer, true)
		}
		switch item := item.(type) {
		case *base.InterleavedFrame:
			return item, nil
		case *base.Response: // to a sign of life
			if err := p.living(item); err != nil {
				return nil, err
			}
		}
	}
}

// live gives a sign of life where it is time. Its answer comes among the packets.
func (p *player) live(ctx context.Context) error {
	if time.Since(p.alive) < p.keep {
		return nil
	}
	p.alive = time.Now()
	q := request{method: base.Options, url: p.url, header: []string{"Session: " + p.session}}
	if err := p.entry.sign(&q, p.c.at); err != nil {
		return err
	}
	return p.c.send(ctx, q)
}

// living reads the answer to a sign of life. A nonce that was old is renewed
// with the next one.
func (p *player) living(res *base.Response) error {
	switch {
	case res.StatusCode == base.StatusSessionNotFound:
		return p.strange("it has ended the session")
	case res.StatusCode == base.StatusUnauthorized && p.entry.known && !transport.Stale(p.entry.asked, res.Header[challengeHeader]):
		return p.entry.refused(res)
	case res.StatusCode == base.StatusUnauthorized:
		p.entry.challenged(res)
	}
	return nil
}

// leave ends the session at the recorder, without waiting for its answer.
func (p *player) leave() {
	if p.session == "" || p.entry.over != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	q := request{method: base.Teardown, url: p.url, header: []string{"Session: " + p.session}}
	if p.entry.proved && p.entry.sign(&q, p.c.at) != nil {
		return
	}
	_ = p.c.send(ctx, q) // the recorder ends the session with the connection, too
}

func (p *player) strange(why string) error {
	return fmt.Errorf("%w: rtsp at %s: %s", rekey.ErrUnreachable, p.c.at.Address(), why)
}
