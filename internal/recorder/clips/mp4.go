package clips

import (
	"fmt"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
)

const (
	timeScale = 90000 // ticks a second, as in RTP
	trackID   = 1
)

// film records one channel for so many seconds as a fragmented MP4 file, one
// fragment for each picture that a decoder can start at.
func film(channel int, start time.Time, seconds int) ([]byte, error) {
	var out seekablebuffer.Buffer
	head := fmp4.Init{Tracks: []*fmp4.InitTrack{{
		ID: trackID, TimeScale: timeScale, Codec: &codecs.H264{SPS: sps(), PPS: pps()},
	}}}
	if err := head.Marshal(&out); err != nil {
		return nil, fmt.Errorf("write MP4 header: %w", err)
	}
	camera := NewCamera(channel, start)
	total := seconds * framesPerSecond
	for first := 0; first < total; first += framesPerGOP {
		if err := fragment(&out, camera, first, min(framesPerGOP, total-first)); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

func fragment(out *seekablebuffer.Buffer, camera *Camera, first, frames int) error {
	track := &fmp4.PartTrack{ID: trackID, BaseTime: uint64(first) * timeScale / framesPerSecond} //nolint:gosec // not negative
	for range frames {
		au, key := camera.Next()
		payload, err := h264.AVCC(au).Marshal()
		if err != nil {
			return fmt.Errorf("write MP4 sample: %w", err)
		}
		track.Samples = append(track.Samples, &fmp4.Sample{
			Duration: timeScale / framesPerSecond, IsNonSyncSample: !key, Payload: payload,
		})
	}
	part := fmp4.Part{
		SequenceNumber: uint32(first / framesPerGOP), //nolint:gosec // not negative
		Tracks:         []*fmp4.PartTrack{track},
	}
	if err := part.Marshal(out); err != nil {
		return fmt.Errorf("write MP4 fragment: %w", err)
	}
	return nil
}

// Unit is one picture of a clip: its NAL units and when it is shown, counted
// from the start of the clip.
type Unit struct {
	NALUs [][]byte
	At    time.Duration
}

// unitsOf takes a fragmented MP4 file of film apart.
func unitsOf(file []byte) ([]Unit, error) {
	var parts fmp4.Parts
	if err := parts.Unmarshal(file); err != nil {
		return nil, fmt.Errorf("read MP4: %w", err)
	}
	var units []Unit
	for _, part := range parts {
		for _, track := range part.Tracks {
			at := track.BaseTime
			for _, sample := range track.Samples {
				var au h264.AVCC
				if err := au.Unmarshal(sample.Payload); err != nil {
					return nil, fmt.Errorf("read MP4 sample: %w", err)
				}
				units = append(units, Unit{NALUs: au, At: time.Duration(at) * time.Second / timeScale}) //nolint:gosec // clips are short
				at += uint64(sample.Duration)
			}
		}
	}
	return units, nil
}
