package clips

import "time"

// FrameDuration is how long one picture stands.
const FrameDuration = time.Second / framesPerSecond

// SPS returns the H.264 sequence parameter set of every clip and live picture.
func SPS() []byte { return sps() }

// PPS returns the H.264 picture parameter set of every clip and live picture.
func PPS() []byte { return pps() }

// Camera makes the picture of one channel: its number, the date and the clock
// burnt in, and a moving bar, as H.264 Constrained Baseline of 160x96 at five
// frames a second. It is deterministic: the same channel and start give the
// same bytes. It is for one goroutine.
type Camera struct {
	channel int
	start   time.Time
	frame   int
	before  picture
}

// NewCamera starts a picture at a recorder's wall-clock time. Channels count from 1.
func NewCamera(channel int, start time.Time) *Camera {
	return &Camera{channel: channel, start: start}
}

// Next returns the NAL units of the next picture, without parameter sets, and
// whether a decoder can start at it; every fifth second it can.
func (c *Camera) Next() (au [][]byte, key bool) {
	p := draw(c.channel, c.start, c.frame)
	inGOP := c.frame % framesPerGOP
	var nal []byte
	if inGOP == 0 {
		nal = idrSlice(p, uint32(c.frame/framesPerGOP%2)) //nolint:gosec // 0 or 1
	} else {
		nal = pSlice(p, c.before, uint32(inGOP%(1<<frameNumBits))) //nolint:gosec // 0 to 15
	}
	c.before = p
	c.frame++
	return [][]byte{nal}, inGOP == 0
}
