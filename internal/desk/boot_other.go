//go:build !linux

package desk

import (
	"crypto/rand"
	"time"
)

// bootClock is the time since the process started, by the monotonic clock, under
// a name of its own: other processes' times do not compare with it.
func bootClock() (id string, since func() time.Duration, err error) {
	started := time.Now()
	return rand.Text(), func() time.Duration { return time.Since(started) }, nil
}
