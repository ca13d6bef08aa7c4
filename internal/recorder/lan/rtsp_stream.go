package lan

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/clips"
)

const (
	videoPayload = 96
	videoClock   = 90000
	oneDay       = 24 * time.Hour
)

// newDescription describes a stream: one track of H.264. Each stream needs one of
// its own.
func newDescription() *description.Session {
	return &description.Session{Title: "Media Server", Medias: []*description.Media{{
		Type:    description.MediaTypeVideo,
		Formats: []format.Format{&format.H264{PayloadTyp: videoPayload, SPS: clips.SPS(), PPS: clips.PPS(), PacketizationMode: 1}},
	}}}
}

// source gives one picture after another, when each is shown counted from the
// first, and ok = false at the end.
type source func() (u clips.Unit, ok bool)

// errNoSource: there is no such thing.
var errNoSource = fmt.Errorf("%w: no such stream", rekey.ErrNotFound)

// sourceOf finds what a URL asks for.
func (l *lan) sourceOf(path, rawQuery string) (source, error) {
	q, err := parseQuery(rawQuery)
	if err != nil {
		return nil, errNoSource
	}
	channel, err := strconv.Atoi(q["channel"])
	if err != nil || channel < 1 || channel > l.box.Info().Channels {
		return nil, errNoSource
	}
	switch {
	case path == "/cam/playback", path == "/cam/realmonitor" && q["starttime"] != "":
		return l.playback(channel, q["starttime"], q["endtime"])
	case path == "/cam/realmonitor":
		return live(channel, l.box.Now()), nil
	}
	return nil, errNoSource
}

// refuseStream is the answer where there is no source. Recordings that are
// sealed are not told as missing.
func refuseStream(err error) *base.Response {
	switch {
	case errors.Is(err, rekey.ErrDenied):
		return forbiddenRTSP()
	case errors.Is(err, rekey.ErrNotFound):
		return &base.Response{StatusCode: base.StatusNotFound}
	}
	return &base.Response{StatusCode: base.StatusInternalServerError}
}

// live is the picture of a channel from now on.
func live(channel int, now time.Time) source {
	camera, n := clips.NewCamera(channel, now), 0
	return func() (clips.Unit, bool) {
		au, _ := camera.Next()
		u := clips.Unit{NALUs: au, At: time.Duration(n) * clips.FrameDuration}
		n++
		return u, true
	}
}

// playback is the recordings of a channel that overlap the time, one after the other.
func (l *lan) playback(channel int, start, end string) (source, error) {
	const layout = "2006_01_02_15_04_05"
	from, err := time.Parse(layout, start)
	if err != nil {
		return nil, errNoSource
	}
	to := from.Add(oneDay)
	if end != "" {
		if to, err = time.Parse(layout, end); err != nil {
			return nil, errNoSource
		}
	}
	found, err := l.footage.Find(channel, from, to)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errNoSource
	}
	var playing clips.Clip
	var units []clips.Unit
	var shown time.Duration
	return func() (clips.Unit, bool) {
		for len(units) == 0 {
			if len(found) == 0 {
				return clips.Unit{}, false
			}
			playing, found = found[0], found[1:]
			if units, err = l.footage.Units(playing.Path); err != nil {
				return clips.Unit{}, false
			}
		}
		if _, err := l.footage.Stat(playing.Path); err != nil { // sealed or erased since
			return clips.Unit{}, false
		}
		u := clips.Unit{NALUs: units[0].NALUs, At: shown}
		units, shown = units[1:], shown+clips.FrameDuration
		return u, true
	}, nil
}

// viewer is one RTSP session.
type viewer struct {
	stream  *gortsplib.ServerStream
	account string
	epoch   uint64
	right   recorder.Right
	next    source
	ctx     context.Context //nolint:containedctx // ends with the session, not with a call
	cancel  context.CancelFunc
	playing bool
}

// OnDescribe tells what a stream is made of.
func (f *rtspDoor) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	peer, refusal := f.login(ctx.Conn, ctx.Request)
	if refusal != nil {
		return refusal, nil, nil
	}
	if !f.may(peer.account, rightOfStream(ctx.Path, ctx.Query)) {
		return forbiddenRTSP(), nil, nil
	}
	if _, err := f.sourceOf(ctx.Path, ctx.Query); err != nil {
		return refuseStream(err), nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, f.about, nil
}

// OnSetup makes the session's own stream.
func (f *rtspDoor) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	peer, refusal := f.login(ctx.Conn, ctx.Request)
	if refusal != nil {
		return refusal, nil, nil
	}
	right := rightOfStream(ctx.Path, ctx.Query)
	if !f.may(peer.account, right) {
		return forbiddenRTSP(), nil, nil
	}
	if v, again := ctx.Session.UserData().(*viewer); again {
		return &base.Response{StatusCode: base.StatusOK}, v.stream, nil
	}
	next, err := f.sourceOf(ctx.Path, ctx.Query)
	if err != nil {
		return refuseStream(err), nil, nil
	}
	stream := &gortsplib.ServerStream{Server: f.server, Desc: newDescription()}
	if err := stream.Initialize(); err != nil {
		return &base.Response{StatusCode: base.StatusInternalServerError}, nil, fmt.Errorf("make a stream: %w", err)
	}
	v := &viewer{stream: stream, account: peer.account, epoch: peer.epoch, right: right, next: next}
	v.ctx, v.cancel = context.WithCancel(context.Background())
	ctx.Session.SetUserData(v)
	return &base.Response{StatusCode: base.StatusOK}, stream, nil
}

// OnPlay lets the pictures start.
func (f *rtspDoor) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	peer, refusal := f.login(ctx.Conn, ctx.Request)
	if refusal != nil {
		return refusal, nil
	}
	v, ok := ctx.Session.UserData().(*viewer)
	if !ok {
		return &base.Response{StatusCode: base.StatusMethodNotValidInThisState}, nil
	}
	if peer.account != v.account || !f.may(v.account, v.right) {
		return forbiddenRTSP(), nil
	}
	if !v.playing {
		v.playing = true
		peer.starts = v
	}
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnResponse starts the pictures that PLAY has allowed. Not sooner: what is sent
// before the library has made the session a reader is lost, and the first
// picture is the one that a decoder starts at.
func (f *rtspDoor) OnResponse(conn *gortsplib.ServerConn, _ *base.Response) {
	peer, ok := conn.UserData().(*rtspPeer)
	if !ok || peer.starts == nil {
		return
	}
	v := peer.starts
	peer.starts = nil
	f.work.Go(func() { f.play(v, func() uint64 { return conn.Stats().OutboundBytes }) })
}

// OnSessionClose ends the pictures.
func (f *rtspDoor) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) {
	if v, ok := ctx.Session.UserData().(*viewer); ok {
		v.cancel()
		v.stream.Close()
	}
}

// play sends pictures at their pace until they end, the viewer goes, or the
// viewer's login is revoked. left counts the bytes that have left for the viewer.
func (f *rtspDoor) play(v *viewer, left func() uint64) {
	defer v.stream.Close()
	media := v.stream.Desc.Medias[0]
	h264, ok := media.Formats[0].(*format.H264)
	if !ok {
		return
	}
	encoder, err := h264.CreateEncoder()
	if err != nil {
		f.log.Error("make an RTP encoder", "error", err)
		return
	}
	tick := time.NewTicker(clips.FrameDuration)
	defer tick.Stop()
	for {
		u, ok := v.next()
		if !ok {
			drain(v.ctx, left)
			return
		}
		if f.box.Epoch(v.account) != v.epoch || sendUnit(v.stream, media, encoder, u) != nil {
			return
		}
		select {
		case <-v.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// drain waits until nothing has left for a while, or for the end of ctx. The
// library throws away what is still queued when a stream is closed, which a
// busy machine pays with the last picture.
func drain(ctx context.Context, left func() uint64) {
	const quiet = time.Second
	for before := left(); ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(quiet):
		}
		now := left()
		if now == before {
			return
		}
		before = now
	}
}

func sendUnit(stream *gortsplib.ServerStream, media *description.Media, encoder *rtph264.Encoder, u clips.Unit) error {
	packets, err := encoder.Encode(u.NALUs)
	if err != nil {
		return fmt.Errorf("pack a picture: %w", err)
	}
	for _, p := range packets {
		p.Timestamp = uint32(u.At.Milliseconds() * (videoClock / 1000)) //nolint:gosec // wraps round, as RTP time does
		if err := stream.WritePacketRTP(media, p); err != nil {
			return fmt.Errorf("send a picture: %w", err)
		}
	}
	return nil
}
