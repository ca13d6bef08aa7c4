package missions

import (
	"sync"
	"time"
)

// clock is the time at a recorder and its desk: it goes on as everywhere, a test lets
// more of it pass, and it can be stopped for what hands do within seconds, which a
// machine with much to do may be too slow for.
type clock struct {
	mu      sync.Mutex
	begun   time.Time
	before  time.Duration // that passed until it went on last, or stopped
	since   time.Time     // when it went on last
	stopped bool
}

func newClock() *clock {
	now := time.Now()
	return &clock{begun: now, since: now}
}

// elapsed is what has passed since the clock was made.
func (c *clock) elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return c.before
	}
	return c.before + time.Since(c.since)
}

func (c *clock) now() time.Time { return c.begun.Add(c.elapsed()) }

// pass lets time go by.
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before += d
}

func (c *clock) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped {
		c.before += time.Since(c.since)
	}
	c.stopped = true
}

func (c *clock) goOn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		c.since = time.Now()
	}
	c.stopped = false
}
