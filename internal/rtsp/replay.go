package rtsp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"rekey"
)

// Replay is what was recorded at an address from one time to another (ONVIF
// Streaming Specification, "Replay").
type Replay struct {
	At       rekey.Interface
	Path     string // with its query, percent-encoded
	Login    rekey.Login
	Tries    rekey.Tries
	From, To time.Time
}

// Times that decide whether a replay came to its end.
const (
	near      = 2 * time.Second  // the last picture may be that long before the end
	nearTold  = 30 * time.Second // the same, where the recorder says that this was the last one
	lead      = 15 * time.Minute // how long before From a replay may begin; no time zone is nearer than 30
	quiet     = 3 * time.Second  // how long is waited for more once the end is near
	paceLimit = 5 * time.Minute  // of waiting, in which at least leastPace must come
	leastPace = 30 * time.Second
)

// Bounds of all that comes: no camera records as much as mostRate, and what tells
// no time, or the same time over and over, ends by it.
const (
	mostRate = 16 << 20 // bytes for each second of the recording
	slack    = 10 * time.Minute
)

// Open logs in once and returns the recording as fragmented MP4, with the
// pictures (H.264 or H.265) as they were recorded, and sound (AAC, or G.711 as
// PCM) where there is one. ctx bounds the reading, too. A replay that breaks off
// before To, or has packets missing, ends in an error and never in io.EOF; times
// in which the recorder has nothing, as told by its next picture, are a film
// without pictures. rekey.ErrUnsupported: it plays no recordings, or none in a
// form that rekey writes. Errors of the login are as in Check.
func (k Checker) Open(ctx context.Context, r Replay) (io.ReadCloser, error) {
	if !r.From.Before(r.To) {
		return nil, fmt.Errorf("%w: the time of a replay must end after it begins", rekey.ErrInput)
	}
	s, err := k.start(ctx, r)
	if err != nil {
		return nil, err
	}
	if s.behind.IsZero() {
		return s, nil
	}
	_ = s.Close()
	return s, k.confirm(ctx, r, s.behind)
}

// start plays up to the first picture.
func (k Checker) start(ctx context.Context, r Replay) (*showing, error) {
	c, err := dial(ctx, r.At)
	if err != nil {
		return nil, err
	}
	s := &showing{ctx: ctx, from: r.From, to: r.To}
	s.player = &player{c: c, url: streamURL(r.At, r.Path), entry: &entry{checker: k, who: r.Login, tries: r.Tries}}
	err = s.begin()
	for err == nil && s.at.IsZero() && s.behind.IsZero() {
		err = s.step()
	}
	if s.err = err; err == nil || errors.Is(err, io.EOF) {
		return s, nil
	}
	_ = s.Close()
	return nil, err
}

// confirm makes sure that nothing was recorded before the picture that came:
// played from its time on, that picture must come again. A recorder that tells
// other times than it is asked for would else seem to have recorded nothing.
func (k Checker) confirm(ctx context.Context, r Replay, behind time.Time) error {
	r.To = behind.Add(r.To.Sub(r.From))
	r.From = behind
	s, err := k.start(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	if !s.behind.IsZero() {
		return s.broken(errOtherTime)
	}
	return nil
}

// errOtherTime: pictures say that they were recorded at another time than the
// one that was asked for.
var errOtherTime = errors.New("it plays another time than the one that was asked for; its clock or its time zone may have been changed")

// showing is a replay that is read.
type showing struct {
	ctx      context.Context //nolint:containedctx // a reader has no other way to be stopped
	player   *player
	from, to time.Time
	closing  sync.Once

	mu       sync.Mutex
	film     *film
	pictures *track
	sound    *track    // nil: none
	at       time.Time // of the last picture; zero: none came
	waited   time.Duration
	since    time.Time // what at was when waited was 0
	latest   time.Time // of all pictures
	came     int64     // bytes
	behind   time.Time // of the first picture, where it lies behind the end
	err      error
}

// begin asks for the recording and for its parts.
func (s *showing) begin() error {
	told, root, err := s.player.describe(s.ctx)
	if err != nil {
		return err
	}
	pictures, shown := wanted(told.Medias, true)
	sound, heard := wanted(told.Medias, false)
	if pictures.track == nil {
		return fmt.Errorf("%w: rtsp at %s plays its recordings in a form that rekey does not write into a file (only H.264 and H.265); save them at its own web page", rekey.ErrUnsupported, s.player.c.at.Address())
	}
	s.film, s.pictures, s.sound = newFilm(shown, heard), pictures.track, sound.track
	for i, p := range []part{pictures, sound} {
		if p.track == nil {
			continue
		}
		if p.track.channel, err = s.player.setup(s.ctx, p.media, root, i); err != nil {
			return err
		}
	}
	return s.player.play(s.ctx, s.from)
}

// part is what is asked for of a description.
type part struct {
	media *description.Media
	track *track
}

// wanted is the first part with pictures, or with sound, that rekey can write.
func wanted(medias []*description.Media, visible bool) (part, format.Format) {
	for _, m := range medias {
		for _, f := range m.Formats {
			if t, is := trackOf(f); is && t.visible == visible && !m.IsBackChannel {
				return part{m, t}, f
			}
		}
	}
	return part{}, nil
}

// Read reads the film.
func (s *showing) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil && len(s.film.out) == 0 {
		s.err = s.step()
	}
	if len(s.film.out) == 0 {
		return 0, s.err
	}
	n := copy(p, s.film.out)
	s.film.out = s.film.out[n:]
	return n, nil
}

// step takes one packet.
func (s *showing) step() error {
	began := time.Now()
	wait := idleLimit
	if s.reached(near) {
		wait = quiet
	}
	packet, err := s.player.next(s.ctx, wait)
	if err != nil {
		return s.finish(err)
	}
	if err := s.pace(time.Since(began)); err != nil {
		return err
	}
	if err := s.measure(len(packet.Payload)); err != nil {
		return err
	}
	switch packet.Channel {
	case s.pictures.channel:
		return s.show(packet)
	case s.pictures.channel + 1:
		if goodbye(packet) {
			return s.finish(errEnded)
		}
	default:
		return s.hear(packet)
	}
	return nil
}

// show takes a packet of the pictures.
func (s *showing) show(packet *base.InterleavedFrame) error {
	var p rtp.Packet
	if err := p.Unmarshal(packet.Payload); err != nil {
		return s.broken(errNoRTSP)
	}
	units, err := s.pictures.add(&p, s.from)
	if err != nil {
		return s.broken(err)
	}
	for _, u := range units {
		switch {
		case u.at.After(s.to) && s.at.IsZero():
			s.behind = u.at
			return s.wrap()
		case u.at.After(s.to):
			return s.wrap()
		case s.at.IsZero() && u.at.Before(s.from.Add(-lead)):
			return s.broken(errOtherTime)
		}
		if s.at = u.at; s.since.IsZero() {
			s.since = u.at
		}
		if s.at.After(s.latest) {
			s.latest = s.at
		}
		if err := s.film.show(u); err != nil {
			return s.broken(err)
		}
	}
	if s.pictures.finished && p.Marker {
		return s.finish(errEnded)
	}
	return nil
}

// hear takes a packet of the sound; packets of nothing that was asked for are
// left alone. Sound without times of its own begins with the picture at hand.
func (s *showing) hear(packet *base.InterleavedFrame) error {
	if s.sound == nil || packet.Channel != s.sound.channel || s.at.IsZero() {
		return nil
	}
	var p rtp.Packet
	if err := p.Unmarshal(packet.Payload); err != nil {
		return s.broken(errNoRTSP)
	}
	units, err := s.sound.add(&p, s.at)
	if err != nil {
		return s.broken(err)
	}
	for _, u := range units {
		s.film.hear(u)
	}
	return nil
}

// goodbye reports whether RTCP says that the source has ended.
func goodbye(packet *base.InterleavedFrame) bool {
	told, err := rtcp.Unmarshal(packet.Payload)
	if err != nil {
		return false
	}
	for _, t := range told {
		if _, is := t.(*rtcp.Goodbye); is {
			return true
		}
	}
	return false
}

// reached: the last picture is so near the end.
func (s *showing) reached(near time.Duration) bool {
	return !s.at.IsZero() && s.to.Sub(s.at) <= near
}

// finish decides whether nothing more means that all has come.
func (s *showing) finish(cause error) error {
	told := errors.Is(cause, errEnded) || s.pictures.finished
	if s.ctx.Err() != nil || errors.Is(cause, errTorn) || (!s.reached(near) && (!told || !s.reached(nearTold))) {
		return s.broken(cause)
	}
	units, err := s.pictures.end()
	if err != nil {
		return s.broken(err)
	}
	for _, u := range units {
		if err := s.film.show(u); err != nil {
			return s.broken(err)
		}
	}
	return s.wrap()
}

// wrap ends the film. Nothing before the end of the time: nothing was recorded.
func (s *showing) wrap() error {
	err := s.film.end()
	if s.at.IsZero() {
		err = s.film.empty()
	}
	if err != nil {
		return s.broken(err)
	}
	return io.EOF
}

// broken is a replay that is not whole.
func (s *showing) broken(cause error) error {
	where := "before its first picture"
	if !s.at.IsZero() {
		where = fmt.Sprintf("at %s of %s (UTC)", s.at.UTC().Format(time.DateTime), s.to.UTC().Format(time.DateTime))
	}
	return fmt.Errorf("%w: the replay of rtsp at %s broke off %s, so what came is not whole: %w", rekey.ErrUnreachable, s.player.c.at.Address(), where, cause)
}

// errPace: it would take for ever.
var errPace = errors.New("it comes too slowly to end")

// pace looks how much came each time that was waited long enough.
func (s *showing) pace(waited time.Duration) error {
	if s.waited += waited; s.waited < paceLimit {
		return nil
	}
	slow := s.at.Sub(s.since) < leastPace
	s.waited, s.since = 0, s.at
	if slow {
		return s.broken(errPace)
	}
	return nil
}

// errFlood: it would take for ever, and fill every disk.
var errFlood = errors.New("more comes than any camera records")

// measure counts what came against the time that it was recorded in.
func (s *showing) measure(size int) error {
	length := slack
	if s.latest.After(s.from) {
		length += s.latest.Sub(s.from)
	}
	if s.came += int64(size); s.came > int64(length/time.Second)*mostRate {
		return s.broken(errFlood)
	}
	return nil
}

// Close ends the session at the recorder. It may be called while a read hangs,
// which ends then.
func (s *showing) Close() error {
	s.closing.Do(func() {
		if s.mu.TryLock() {
			s.player.leave()
			s.mu.Unlock()
		}
		s.player.c.close()
	})
	return nil
}
