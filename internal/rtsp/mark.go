package rtsp

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtp"
)

// replayExtension is the profile of the RTP header extension of a replay.
const replayExtension = 0xABAC

// mark is what a packet of a replay tells of its frame (ONVIF Streaming
// Specification, "RTP header extension").
type mark struct {
	at   time.Time // when it was recorded
	jump bool      // D: the packets before it are not those of before
	last bool      // T: nothing more was recorded
}

// readMark reads the extension: an NTP time, the bits C, E, D and T, and a count.
func readMark(h *rtp.Header) (mark, bool) {
	if !h.Extension || h.ExtensionProfile != replayExtension {
		return mark{}, false
	}
	b := h.GetExtension(0)
	if len(b) < 12 {
		return mark{}, false
	}
	at, ok := ntpTime(binary.BigEndian.Uint64(b))
	return mark{at: at, jump: b[8]&0x20 != 0, last: b[8]&0x10 != 0}, ok
}

// ntpTime reads seconds and fractions since 1900, or from 2036 on since then.
func ntpTime(ntp uint64) (time.Time, bool) {
	const since1900 = 2_208_988_800
	seconds, fraction := int64(ntp>>32), int64(ntp&0xffffffff)
	if seconds == 0 {
		return time.Time{}, false
	}
	if seconds < 1<<31 {
		seconds += 1 << 32
	}
	return time.Unix(seconds-since1900, (fraction*1e9+1<<31)>>32).UTC(), true
}
