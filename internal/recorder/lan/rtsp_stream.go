package lan

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"

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

// sourceOf finds what a URL asks for; nil = there is no such thing.
func (l *lan) sourceOf(path, rawQuery string) source {
	q, err := parseQuery(rawQuery)
	if err != nil {
		return nil
	}
	channel, err := strconv.Atoi(q["channel"])
	if err != nil || channel < 1 || channel > l.box.Info().Channels {
		return nil
	}
	switch {
	case path == "/cam/playback", path == "/cam/realmonitor" && q["starttime"] != "":
		return l.playback(channel, q["starttime"], q["endtime"])
	case path == "/cam/realmonitor":
		return live(channel, l.box.Now())
	}
	return nil
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
func (l *lan) playback(channel int, start, end string) source {
	const layout = "2006_01_02_15_04_05"
	from, err := time.Parse(layout, start)
	if err != nil {
		return nil
	}
	to := from.Add(oneDay)
	if end != "" {
		if to, err = time.Parse(layout, end); err != nil {
			return nil
		}
	}
	found := l.footage.Find(channel, from, to)
	if len(found) == 0 {
		return nil
	}
	var units []clips.Unit
	var shown time.Duration
	return func() (clips.Unit, bool) {
		for len(units) == 0 {
			if len(found) == 0 {
				return clips.Unit{}, false
			}
			if units, err = l.footage.Units(found[0].Path); err != nil {
				return clips.Unit{}, false
			}
			found = found[1:]
		}
		u := clips.Unit{NALUs: units[0].NALUs, At: shown}
		units, shown = units[1:], shown+clips.FrameDuration
		return u, true
	}
}

// viewer is one RTSP session.
type viewer struct {
	stream  *gortsplib.ServerStream
	account string
	epoch   uint64
	next    source
	ctx     context.Context //nolint:containedctx // ends with the session, not with a call
	cancel  context.CancelFunc
	playing bool
}

// OnDescribe tells what a stream is made of.
func (f *rtspDoor) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if _, refusal := f.login(ctx.Conn, ctx.Request); refusal != nil {
		return refusal, nil, nil
	}
	if f.sourceOf(ctx.Path, ctx.Query) == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, f.about, nil
}

// OnSetup makes the session's own stream.
func (f *rtspDoor) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	peer, refusal := f.login(ctx.Conn, ctx.Request)
	if refusal != nil {
		return refusal, nil, nil
	}
	if v, again := ctx.Session.UserData().(*viewer); again {
		return &base.Response{StatusCode: base.StatusOK}, v.stream, nil
	}
	next := f.sourceOf(ctx.Path, ctx.Query)
	if next == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	stream := &gortsplib.ServerStream{Server: f.server, Desc: newDescription()}
	if err := stream.Initialize(); err != nil {
		return &base.Response{StatusCode: base.StatusInternalServerError}, nil, fmt.Errorf("make a stream: %w", err)
	}
	v := &viewer{stream: stream, account: peer.account, epoch: peer.epoch, next: next}
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
	f.work.Go(func() { f.play(v) })
}

// OnSessionClose ends the pictures.
func (f *rtspDoor) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) {
	if v, ok := ctx.Session.UserData().(*viewer); ok {
		v.cancel()
		v.stream.Close()
	}
}

// play sends pictures at their pace until they end, the viewer goes, or the
// viewer's login is revoked.
func (f *rtspDoor) play(v *viewer) {
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
		if !ok || f.box.Epoch(v.account) != v.epoch || sendUnit(v.stream, media, encoder, u) != nil {
			return
		}
		select {
		case <-v.ctx.Done():
			return
		case <-tick.C:
		}
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
