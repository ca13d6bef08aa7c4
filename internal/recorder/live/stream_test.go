package live

import (
	"testing"
	"time"

	"rekey/internal/recorder/clips"
)

// TestNextPictureIsAnother: whenever in a frame of the camera a picture was
// taken, the next one is taken in the middle of the next frame.
func TestNextPictureIsAnother(t *testing.T) {
	t.Parallel()
	frame := time.Date(2026, 9, 9, 10, 30, 42, 0, time.UTC)
	for in := time.Duration(0); in < clips.FrameDuration; in += time.Millisecond {
		now := frame.Add(in)
		if next := now.Add(untilNext(now)).Sub(frame); next != clips.FrameDuration*3/2 {
			t.Errorf("after a picture at %s the next one comes at %s", in, next)
		}
	}
}
