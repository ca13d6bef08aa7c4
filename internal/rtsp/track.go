package rtsp

import (
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph265"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpmpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/g711"
	"github.com/pion/rtp"
)

// unit is one picture, or one piece of sound.
type unit struct {
	at    time.Time
	parts [][]byte // NAL units of a picture; of sound the pieces, one after the other
}

// track is one part of what is played: its packets in, its units out.
type track struct {
	channel int
	clock   int // of its timestamps, a second
	payload uint8
	decode  func(*rtp.Packet) ([][]byte, error)
	visible bool // pictures

	begun    bool
	next     uint16 // sequence number
	now      stamp
	held     *rtp.Packet // of a picture, until it is known whether it is its last
	pending  int         // packets since the last unit
	shown    bool        // there was a unit
	finished bool        // T
}

// stamp is when the packets of one timestamp were recorded.
type stamp struct {
	rtp uint32
	at  time.Time
}

// errGap: packets are missing, so that the film would not be whole.
var errGap = errors.New("packets are missing")

// add takes a packet. start is the time of the first one where none is told.
func (t *track) add(packet *rtp.Packet, start time.Time) (units []unit, err error) {
	told, marked := readMark(&packet.Header)
	if t.begun && packet.SequenceNumber != t.next && !told.jump {
		return nil, errGap
	}
	t.next = packet.SequenceNumber + 1
	if packet.PayloadType != t.payload || len(packet.Payload) == 0 {
		return nil, nil
	}
	if units, err = t.rest(packet.Timestamp); err != nil && (!told.jump || !errors.Is(err, errGap)) {
		return nil, err
	}
	t.time(packet.Timestamp, told, marked, start)
	t.finished = t.finished || told.last
	if t.visible && !packet.Marker {
		t.held = packet
		return units, nil
	}
	more, err := t.take(packet)
	return append(units, more...), err
}

// rest takes the packet that was held. Not every recorder marks the last packet
// of a picture, so the next one, of another timestamp, does.
func (t *track) rest(next uint32) ([]unit, error) {
	if t.held == nil {
		return nil, nil
	}
	held := t.held
	t.held, held.Marker = nil, held.Timestamp != next
	return t.take(held)
}

// end is what is still held when nothing more comes.
func (t *track) end() ([]unit, error) {
	if t.held == nil {
		return nil, nil
	}
	units, err := t.rest(t.held.Timestamp + 1)
	if err == nil && len(units) == 0 {
		err = errGap // it was the middle of a picture
	}
	return units, err
}

// time puts the timestamp on the recording's own time: as it is told, else by
// the timestamp before.
func (t *track) time(stamped uint32, told mark, marked bool, start time.Time) {
	switch {
	case marked:
		t.now.at = told.at
	case !t.begun:
		t.now.at = start
	default:
		ticks := int64(int32(stamped - t.now.rtp)) // #nosec G115 -- it turns over
		t.now.at = t.now.at.Add(time.Duration(ticks) * time.Second / time.Duration(t.clock))
	}
	t.begun, t.now.rtp = true, stamped
}

// take decodes a packet.
func (t *track) take(packet *rtp.Packet) ([]unit, error) {
	parts, err := t.decode(packet)
	for _, known := range []error{
		rtph264.ErrMorePacketsNeeded, rtph265.ErrMorePacketsNeeded, rtpmpeg4audio.ErrMorePacketsNeeded,
		rtph264.ErrNonStartingPacketAndNoPrevious, rtph265.ErrNonStartingPacketAndNoPrevious,
	} {
		if errors.Is(err, known) {
			return nil, t.goesOn(packet)
		}
	}
	t.pending = 0
	if err != nil {
		return nil, fmt.Errorf("a packet that cannot be read: %w", err)
	}
	t.shown = true
	return []unit{{at: t.now.at, parts: parts}}, nil
}

// mostPackets is more than one picture comes in.
const mostPackets = 1 << 16

// goesOn: the packet is not the last one of a unit. That of a picture which is
// marked as its last leaves it cut off.
func (t *track) goesOn(packet *rtp.Packet) error {
	t.pending++
	if (t.visible && t.shown && packet.Marker) || t.pending > mostPackets {
		return errGap
	}
	return nil
}

// trackOf is the track of a format that rekey writes into a file.
func trackOf(f format.Format) (t *track, is bool) {
	t = &track{clock: f.ClockRate(), payload: f.PayloadType()}
	var err error
	switch f := f.(type) {
	case *format.H264:
		t.visible = true
		t.decode, err = decoder(f.CreateDecoder())
	case *format.H265:
		t.visible = true
		t.decode, err = decoder(f.CreateDecoder())
	case *format.MPEG4Audio:
		if f.Config == nil {
			return nil, false
		}
		t.decode, err = decoder(f.CreateDecoder())
	case *format.G711:
		t.decode, err = telephone(f)
	default:
		return nil, false
	}
	return t, err == nil && t.clock > 0
}

func decoder(d interface {
	Decode(p *rtp.Packet) ([][]byte, error)
}, err error) (func(*rtp.Packet) ([][]byte, error), error) {
	if err != nil {
		return nil, err
	}
	return d.Decode, nil
}

// telephone decodes G.711 to PCM, as MP4 has no other form for it.
func telephone(f *format.G711) (func(*rtp.Packet) ([][]byte, error), error) {
	d, err := f.CreateDecoder()
	if err != nil {
		return nil, fmt.Errorf("the sound: %w", err)
	}
	return func(p *rtp.Packet) ([][]byte, error) {
		samples, err := d.Decode(p)
		if f.MULaw {
			var pcm g711.Mulaw
			pcm.Unmarshal(samples)
			return [][]byte{pcm}, err
		}
		var pcm g711.Alaw
		pcm.Unmarshal(samples)
		return [][]byte{pcm}, err
	}, nil
}
