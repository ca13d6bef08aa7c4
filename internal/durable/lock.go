package durable

import (
	"context"
	"errors"
	"time"
)

// ErrHeld means that another process, or another Lock of this one, holds the lock.
var ErrHeld = errors.New("lock is held")

// Lock takes the lock file for this process alone; the operating system gives
// it back when the process ends, however it ends. It waits for a holder until
// ctx ends, and then returns ErrHeld. The file itself stays.
func Lock(ctx context.Context, name string) (unlock func() error, err error) {
	for {
		unlock, err = tryLock(name)
		if !errors.Is(err, ErrHeld) {
			return unlock, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// TryLock is Lock without waiting.
func TryLock(name string) (unlock func() error, err error) { return tryLock(name) }
