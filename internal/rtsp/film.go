package rtsp

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
)

// Bounds of what is held back, and a picture's length where nothing tells it.
const (
	mostHeld    = 48 << 20
	mostUnits   = 4096
	usualLength = 40 * time.Millisecond
	pictureRate = 90_000 // ticks a second of the pictures' track
)

// IDs of the tracks.
const (
	pictureID = 1
	soundID   = 2
)

// picture is a unit of the pictures' track.
type picture struct {
	at   time.Time
	data []byte // each NAL unit behind its length
	key  bool
}

// film writes fragmented MP4, one fragment from each key picture to the next. The
// pictures have the times at which they were recorded, counted from the first
// one: where nothing was recorded, that one stands still.
type film struct {
	out    []byte // written, and not fetched yet
	video  codecs.Codec
	audio  codecs.Codec // nil: none
	clock  int          // of the sound
	length func(piece []byte) int

	start    time.Time // of the first picture
	begun    bool
	sequence uint32
	held     []picture
	size     int // of all that is held
	shown    int64
	delay    int64 // in ticks of the pictures, so that none is decoded after it is shown
	sounds   []unit
	heard    int64
}

// newFilm is a film of pictures in that form, with sound where it is not nil.
func newFilm(pictures, sound format.Format) *film {
	f := &film{}
	switch p := pictures.(type) {
	case *format.H264:
		f.video = &codecs.H264{SPS: p.SPS, PPS: p.PPS}
	case *format.H265:
		f.video = &codecs.H265{VPS: p.VPS, SPS: p.SPS, PPS: p.PPS}
	}
	switch s := sound.(type) {
	case *format.MPEG4Audio:
		f.audio, f.clock = &codecs.MPEG4Audio{Config: *s.Config}, s.ClockRate()
		f.length = func([]byte) int { return mpeg4audio.SamplesPerAccessUnit }
	case *format.G711:
		f.audio, f.clock = &codecs.LPCM{BitDepth: 16, SampleRate: s.SampleRate, ChannelCount: s.ChannelCount}, s.ClockRate()
		f.length = func(piece []byte) int { return len(piece) / (2 * s.ChannelCount) }
	}
	return f
}

// show adds a picture. What comes before the first key picture is not shown, as
// nothing can decode it.
func (f *film) show(u unit) error {
	u.parts = slices.DeleteFunc(u.parts, func(nal []byte) bool { return len(nal) == 0 })
	if len(u.parts) == 0 {
		return nil
	}
	f.learn(u.parts)
	key := f.key(u.parts)
	switch {
	case key && !f.begun:
		if err := f.begin(u.at); err != nil {
			return err
		}
	case !f.begun:
		return nil
	case key, f.size > mostHeld, len(f.held) >= mostUnits:
		if err := f.write(u.at); err != nil {
			return err
		}
	}
	data, err := h264.AVCC(u.parts).Marshal() // H.265 has the same form
	if err != nil {
		return fmt.Errorf("a picture that cannot be written: %w", err)
	}
	f.held = append(f.held, picture{at: u.at, data: data, key: key})
	f.size += len(data)
	return nil
}

// hear adds a piece of sound.
func (f *film) hear(u unit) {
	if f.begun && !u.at.Before(f.start) && f.size < mostHeld && len(f.sounds) < 4*mostUnits {
		f.sounds = append(f.sounds, u)
		for _, p := range u.parts {
			f.size += len(p)
		}
	}
}

func (f *film) key(parts [][]byte) bool {
	if _, is := f.video.(*codecs.H264); is {
		return h264.IsRandomAccess(parts)
	}
	return h265.IsRandomAccess(parts)
}

// learn takes the parameters of the pictures, which count more than those of the
// description, until the film begins.
func (f *film) learn(parts [][]byte) {
	if f.begun {
		return
	}
	for _, nal := range parts {
		switch v := f.video.(type) {
		case *codecs.H264:
			switch h264.NALUType(nal[0] & 0x1f) {
			case h264.NALUTypeSPS:
				v.SPS = nal
			case h264.NALUTypePPS:
				v.PPS = nal
			}
		case *codecs.H265:
			switch h265.NALUType(nal[0] >> 1 & 0x3f) {
			case h265.NALUType_VPS_NUT:
				v.VPS = nal
			case h265.NALUType_SPS_NUT:
				v.SPS = nal
			case h265.NALUType_PPS_NUT:
				v.PPS = nal
			}
		}
	}
}

// begin writes the head.
func (f *film) begin(at time.Time) error {
	head := fmp4.Init{Tracks: []*fmp4.InitTrack{{ID: pictureID, TimeScale: pictureRate, Codec: f.video}}}
	if f.audio != nil {
		head.Tracks = append(head.Tracks, &fmp4.InitTrack{ID: soundID, TimeScale: uint32(f.clock), Codec: f.audio}) // #nosec G115 -- a rate
	}
	var b seekablebuffer.Buffer
	if err := head.Marshal(&b); err != nil {
		return fmt.Errorf("the head of the film: %w", err)
	}
	f.begun, f.start = true, at
	f.out = append(f.out, b.Bytes()...)
	return nil
}

// empty writes a film without pictures: nothing was recorded.
func (f *film) empty() error {
	var b seekablebuffer.Buffer
	if err := (fmp4.Init{}).Marshal(&b); err != nil {
		return fmt.Errorf("the head of an empty film: %w", err)
	}
	f.out = append(f.out, b.Bytes()...)
	return nil
}

// errNoKey: no picture was one that a film can begin with.
var errNoKey = errors.New("no picture came that stands for itself")

// end writes what is held.
func (f *film) end() error {
	if len(f.held) == 0 {
		return errNoKey
	}
	last := usualLength
	if n := len(f.held); n > 1 {
		last = min(max(f.held[n-1].at.Sub(f.held[n-2].at), usualLength/4), 10*usualLength)
	}
	latest := slices.MaxFunc(f.held, func(a, b picture) int { return a.at.Compare(b.at) }).at
	return f.write(latest.Add(last))
}

// write makes a fragment of what is held, which lasts until then.
func (f *film) write(until time.Time) error {
	part := fmp4.Part{SequenceNumber: f.sequence, Tracks: []*fmp4.PartTrack{f.pictures(until)}}
	if sound := f.sound(); len(sound.Samples) > 0 {
		part.Tracks = append(part.Tracks, sound)
	}
	var b seekablebuffer.Buffer
	if err := part.Marshal(&b); err != nil {
		return fmt.Errorf("a piece of the film: %w", err)
	}
	f.sequence++
	f.out = append(f.out, b.Bytes()...)
	f.held, f.sounds, f.size = nil, nil, 0
	return nil
}

// pictures gives the held pictures their times. A picture may be shown after one
// that is decoded later: the times of decoding are those of showing, put in order.
func (f *film) pictures(until time.Time) *fmp4.PartTrack {
	shown := make([]int64, 0, len(f.held)+1)
	for _, p := range f.held {
		shown = append(shown, f.ticks(p.at, pictureRate))
	}
	decoded := slices.Sorted(slices.Values(shown))
	for i := range shown {
		if f.sequence == 0 {
			f.delay = max(f.delay, decoded[i]-shown[i])
		}
	}
	decoded = append(decoded, f.ticks(until, pictureRate))
	for i := range decoded {
		decoded[i] = max(decoded[i], f.shown)
		f.shown = decoded[i] + 1
	}
	f.shown = decoded[len(f.held)]
	track := &fmp4.PartTrack{ID: pictureID, BaseTime: uint64(max(0, decoded[0]))} // #nosec G115 -- not below 0
	for i, p := range f.held {
		track.Samples = append(track.Samples, &fmp4.Sample{
			Duration:  uint32(min(decoded[i+1]-decoded[i], 1<<31)), // #nosec G115 -- bounded
			PTSOffset: int32(min(max(shown[i]+f.delay-decoded[i], -1<<30), 1<<30)), IsNonSyncSample: !p.key, Payload: p.data,
		})
	}
	return track
}

// sound gives the held pieces their times. They follow one another; a gap shows
// where the next fragment begins.
func (f *film) sound() *fmp4.PartTrack {
	track := &fmp4.PartTrack{ID: soundID}
	for _, u := range f.sounds {
		for _, piece := range u.parts {
			if len(track.Samples) == 0 {
				f.heard = max(f.heard, f.ticks(u.at, f.clock)+f.delay*int64(f.clock)/pictureRate)
				track.BaseTime = uint64(f.heard) // #nosec G115 -- not below 0
			}
			n := f.length(piece)
			f.heard += int64(n)
			track.Samples = append(track.Samples, &fmp4.Sample{Duration: uint32(n), Payload: piece}) // #nosec G115 -- of a packet
		}
	}
	return track
}

// ticks is how long after the first picture that is.
func (f *film) ticks(at time.Time, rate int) int64 {
	since := at.Sub(f.start)
	whole, part := since/time.Second, since%time.Second
	return int64(whole)*int64(rate) + int64(part)*int64(rate)/int64(time.Second)
}
