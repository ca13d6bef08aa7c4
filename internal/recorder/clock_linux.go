package recorder

import (
	"time"

	"golang.org/x/sys/unix"
)

// bootTime is the time since boot, suspend included, which nobody can set back.
func bootTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("recorder: CLOCK_BOOTTIME is missing: " + err.Error()) // since Linux 2.6.39
	}
	return time.Duration(ts.Nano())
}
