package faces

import (
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/pion/rtp"

	"rekey/internal/recorder/clips"
)

// replays play recordings by RTSP, as the replay service of ONVIF does: who logs in
// by digest and says "Require: onvif-replay" gets pictures that carry their time in
// a header extension of profile 0xABAC. Over TCP alone.
type replays struct {
	*ONVIFBox
	box    *Box
	guard  *guard
	server *gortsplib.Server
	about  *gortsplib.ServerStream
	work   sync.WaitGroup
}

const (
	replayProfile = 0xABAC
	replayTag     = "onvif-replay"
)

// replays serves them at a port.
func (o *ONVIFBox) replays(b *Box, l net.Listener) (io.Closer, error) {
	r := &replays{ONVIFBox: o, box: b, guard: newGuard(o.Keys, "rtsp", "ONVIF")}
	r.guard.old = true
	r.server = &gortsplib.Server{
		Handler: r, RTSPAddress: l.Addr().String(), WriteQueueSize: 4096,
		Listen: func(string, string) (net.Listener, error) { return l, nil },
	}
	if err := r.server.Start(); err != nil {
		return nil, err
	}
	r.about = &gortsplib.ServerStream{Server: r.server, Desc: newSession()}
	return r, r.about.Initialize()
}

// Close ends all that is played.
func (r *replays) Close() error {
	r.about.Close()
	r.server.Close()
	r.work.Wait()
	return nil
}

func newSession() *description.Session {
	return &description.Session{Title: "replay", Medias: []*description.Media{{
		Type:    description.MediaTypeVideo,
		Formats: []format.Format{&format.H264{PayloadTyp: 96, SPS: clips.SPS(), PPS: clips.PPS(), PacketizationMode: 1}},
	}}}
}

// viewer is a session that has been set up.
type viewer struct {
	stream  *gortsplib.ServerStream
	clip    clips.Clip
	from    time.Time
	tagged  bool // it was set up for a replay
	playing bool
}

// OnRequest puts it on record.
func (r *replays) OnRequest(_ *gortsplib.ServerConn, q *base.Request) {
	url := ""
	if q.URL != nil {
		url = q.URL.String()
	}
	r.box.add(Asked{Door: "rtsp", Method: string(q.Method), Path: url})
}

// login is nil for who may, else what to answer. Each request has to carry one.
func (r *replays) login(q *base.Request) *base.Response {
	w := &told{header: http.Header{}}
	authorization := strings.Join(q.Header["Authorization"], "")
	if who, _ := r.guard.admit(w, string(q.Method), q.URL.String(), authorization); who != "" {
		return nil
	}
	refusal := &base.Response{StatusCode: base.StatusUnauthorized, Header: base.Header{}}
	for name, values := range w.header { // the challenge, spelt as RTSP spells it
		refusal.Header[name] = values
	}
	return refusal
}

// clip is the recording of a URI that GetReplayUri told.
func (r *replays) clip(path, query string) (clips.Clip, bool) {
	_, id, _ := strings.Cut(query, "onvifreplayid=")
	id, _, _ = strings.Cut(id, "&")
	n, err := strconv.Atoi(id)
	all := r.clips()
	if err != nil || n < 1 || n > len(all) || strings.Trim(path, "/") != "onvif-media/record/play.amp" {
		return clips.Clip{}, false
	}
	return all[n-1], true
}

// OnDescribe tells what it is made of.
func (r *replays) OnDescribe(c *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if refusal := r.login(c.Request); refusal != nil {
		return refusal, nil, nil
	}
	if _, ok := r.clip(c.Path, c.Query); !ok {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, r.about, nil
}

// OnSetup makes the session's own stream.
func (r *replays) OnSetup(c *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if refusal := r.login(c.Request); refusal != nil {
		return refusal, nil, nil
	}
	if v, again := c.Session.UserData().(*viewer); again {
		return &base.Response{StatusCode: base.StatusOK}, v.stream, nil
	}
	clip, ok := r.clip(c.Path, c.Query)
	if !ok {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	v := &viewer{stream: &gortsplib.ServerStream{Server: r.server, Desc: newSession()}, clip: clip, from: clip.Start, tagged: tagged(c.Request)}
	if err := v.stream.Initialize(); err != nil {
		return &base.Response{StatusCode: base.StatusInternalServerError}, nil, err
	}
	c.Session.SetUserData(v)
	return &base.Response{StatusCode: base.StatusOK}, v.stream, nil
}

func tagged(q *base.Request) bool {
	return strings.Contains(strings.Join(q.Header["Require"], ","), replayTag)
}

// OnPlay lets the pictures start, at the time that is asked for.
func (r *replays) OnPlay(c *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	if refusal := r.login(c.Request); refusal != nil {
		return refusal, nil
	}
	v, ok := c.Session.UserData().(*viewer)
	if !ok {
		return &base.Response{StatusCode: base.StatusMethodNotValidInThisState}, nil
	}
	if !v.tagged && !tagged(c.Request) {
		r.Keys.blame("rtsp: a replay without Require: onvif-replay")
		return &base.Response{StatusCode: base.StatusBadRequest}, nil
	}
	if _, clock, is := strings.Cut(strings.Join(c.Request.Header["Range"], ""), "clock="); is {
		begin, _, _ := strings.Cut(clock, "-")
		var unreadable error
		if v.from, unreadable = time.Parse("20060102T150405Z", begin); unreadable != nil {
			return &base.Response{StatusCode: base.StatusInvalidRange}, nil //nolint:nilerr // the client is told
		}
	}
	c.Conn.SetUserData(v)
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnResponse starts the pictures that PLAY has allowed: not sooner, or the first are lost.
func (r *replays) OnResponse(c *gortsplib.ServerConn, _ *base.Response) {
	if v, ok := c.UserData().(*viewer); ok && !v.playing {
		v.playing = true
		r.work.Go(func() { r.play(v) })
	}
}

// OnSessionClose ends them.
func (r *replays) OnSessionClose(c *gortsplib.ServerHandlerOnSessionCloseCtx) {
	if v, ok := c.Session.UserData().(*viewer); ok {
		v.stream.Close()
	}
}

// play sends the pictures as fast as they are taken. The session stays open behind
// the last, which is marked as such.
func (r *replays) play(v *viewer) {
	media := v.stream.Desc.Medias[0]
	encoder := &rtph264.Encoder{PayloadType: 96, PacketizationMode: 1, PayloadMaxSize: 1400} // which leaves room for the extension
	if encoder.Init() != nil {
		return
	}
	units, err := r.Footage.Units(v.clip.Path)
	if err != nil {
		return
	}
	for n, u := range units {
		packets, err := encoder.Encode(u.NALUs)
		if err != nil || v.clip.Start.Add(u.At).Before(v.from) && n > 0 {
			continue
		}
		for i, p := range packets {
			p.Timestamp = uint32(u.At.Milliseconds() * 90) // #nosec G115 -- wraps round, as RTP time does
			stamp(p, v.clip.Start.Add(u.At), n == 0, n == len(units)-1 && i == len(packets)-1)
			if v.stream.WritePacketRTP(media, p) != nil {
				return
			}
		}
	}
}

// stamp is the extension: the time as NTP writes it, flags, a number, padding. The
// flags are C for a picture that decoding can begin at, E for the last of a stretch
// without a gap, D for the first behind a gap and T for the last of all.
func stamp(p *rtp.Packet, at time.Time, first, last bool) {
	const since1900 = 2208988800
	var e [12]byte
	binary.BigEndian.PutUint32(e[:], uint32(at.Unix()+since1900))                              // #nosec G115 -- until 2036
	binary.BigEndian.PutUint32(e[4:], uint32(uint64(at.Nanosecond())<<32/uint64(time.Second))) // #nosec G115 -- a fraction
	if first {
		e[8] |= 0x80
	}
	if last {
		e[8] |= 0x40 | 0x10
	}
	p.Extension, p.ExtensionProfile = true, replayProfile
	_ = p.SetExtension(0, e[:])
}
