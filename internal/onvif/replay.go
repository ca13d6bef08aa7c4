package onvif

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"rekey"
	"rekey/internal/rtsp"
	"rekey/internal/transport"
)

// replays is what a session knows of the replay of recordings. One login at RTSP
// is made at a time, so that together they never cost more than one try.
type replays struct {
	mu   sync.Mutex
	q    *question // where the service is
	over error     // why no login is made there any more
}

// OpenRecording plays a recording from its first picture to its last, as fast as
// the recorder can, into fragmented MP4 (Profile G; see rtsp.Checker.Open). It is
// a login of its own by RTSP, which is booked; after one that is refused there is
// none again in this session. ErrUnsupported: the recorder has no replay.
func (s *session) OpenRecording(ctx context.Context, r rekey.Recording) (io.ReadCloser, error) {
	token, from, err := pathOf(r.Path)
	if err != nil {
		return nil, err
	}
	s.replays.mu.Lock()
	defer s.replays.mu.Unlock()
	if s.replays.over != nil {
		return nil, s.replays.over
	}
	at, path, err := s.replayOf(ctx, token)
	if err != nil {
		return nil, err
	}
	film, err := rtsp.Checker{}.Open(ctx, rtsp.Replay{
		At: at, Path: path, Login: s.main.account(), Tries: s.main.tries, From: from, To: from.Add(max(r.End.Sub(r.Start), time.Second)),
	})
	var refused *rekey.LoginError
	switch {
	case errors.As(err, &refused):
		s.replays.over = err
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("play the recording: %w", err)
	}
	return film, nil
}

// replayOf asks where a recording is played.
func (s *session) replayOf(ctx context.Context, token string) (at rekey.Interface, path string, err error) {
	if s.replays.q == nil {
		q, err := s.service(ctx, replayWSDL, "Replay", "replay of recordings")
		if err != nil {
			return at, "", err
		}
		s.replays.q = &q
	}
	q := *s.replays.q
	q.operation = "GetReplayUri"
	q.arguments = `<trp:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport></trp:StreamSetup>` + tag("trp:RecordingToken", token)
	told, err := s.main.ask(ctx, q)
	if err != nil {
		return at, "", err
	}
	at, path, err = streamOf(told.exact("Uri"), s.main.http.At().Host)
	if err != nil {
		return at, "", s.main.odd(q.operation, err)
	}
	return s.streamPinned(at), path, nil
}

// streamOf takes the address of a stream apart. As with services, the host is the
// one at which the recorder is reached, and a login in the address is left out.
func streamOf(address, host string) (at rekey.Interface, path string, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Opaque != "" || len(address) > 4<<10 || strings.ContainsFunc(address, unseen) || strings.Contains(address, " ") {
		return at, "", errors.New("no address of a stream in it")
	}
	at = rekey.Interface{Kind: rekey.InterfaceRTSP, Host: host, Port: 554}
	switch strings.ToLower(u.Scheme) {
	case "rtsp":
	case "rtsps":
		at.TLS, at.Port = true, 322
	default:
		return at, "", fmt.Errorf("an address of a kind that rekey does not read (%s)", transport.Printable(u.Scheme))
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return at, "", errors.New("no address of a stream in it")
		}
		at.Port = int(n)
	}
	path = u.EscapedPath()
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return at, path, nil
}

// streamPinned adds the certificate of the recorder's HTTPS, which it shows for
// its streams, too.
func (s *session) streamPinned(at rekey.Interface) rekey.Interface {
	if !at.TLS {
		return at
	}
	for _, i := range append([]rekey.Interface{s.main.http.At()}, s.id.Interfaces...) {
		if i.TLS && i.CertSHA256 != "" {
			at.CertSHA256 = i.CertSHA256
			return at
		}
	}
	return at
}

var _ rekey.RecordingOpener = (*session)(nil)
