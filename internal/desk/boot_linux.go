package desk

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// bootClock is the time since boot, suspend included, which nobody can set, and
// the name of the boot that it counts from.
func bootClock() (id string, since func() time.Duration, err error) {
	name, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", nil, fmt.Errorf("read the name of the boot: %w", err)
	}
	return strings.TrimSpace(string(name)), func() time.Duration {
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
			panic("desk: CLOCK_BOOTTIME is missing: " + err.Error()) // since Linux 2.6.39
		}
		return time.Duration(ts.Nano())
	}, nil
}
