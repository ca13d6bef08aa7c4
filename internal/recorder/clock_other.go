//go:build !linux

package recorder

import "time"

var started = time.Now()

// bootTime is the time since the process started, by the monotonic clock.
func bootTime() time.Duration { return time.Since(started) }
