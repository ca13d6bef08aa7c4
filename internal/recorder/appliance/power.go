package appliance

import (
	"fmt"
	"net/http"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/panel"
)

// Box is the box of the present boot; while the recorder is off it is the one of
// the boot before, which is closed.
func (r *Running) Box() *recorder.Box { return r.last.Load() }

// Present is the box of the present boot and what its monitor shows; nil while
// the recorder is off.
func (r *Running) Present() (*recorder.Box, http.Handler) {
	if b := r.present.Load(); b != nil {
		return b.box, b
	}
	return nil, nil
}

// Switch switches the recorder on or off, or cuts its power, and returns when
// that is done. What it is already changes nothing. While it is being switched
// that is rekey.ErrConflict; so is a port that somebody took while it was off.
func (r *Running) Switch(to panel.Power) error {
	if !r.turn.TryLock() {
		return fmt.Errorf("%w: the recorder is just being switched; wait a moment", rekey.ErrConflict)
	}
	defer r.turn.Unlock()
	switch on := r.present.Load() != nil; {
	case r.over:
		return fmt.Errorf("%w: the recorder is unplugged for good", rekey.ErrConflict)
	case to == panel.On && !on:
		return r.begin()
	case to != panel.On && on:
		return r.switchOff(to == panel.Off)
	}
	return nil
}

// switchOff ends the present boot, if there is one. The caller holds turn.
func (r *Running) switchOff(orderly bool) error {
	b := r.present.Swap(nil)
	if b == nil {
		return nil
	}
	return b.end(orderly)
}

// back is the back of the box as it is at this moment. Call done after use.
func (r *Running) back() (now back, done func(), err error) {
	b := r.present.Load()
	if b == nil || !b.users.enter() {
		return back{}, nil, errOff
	}
	return back{b.box, b.cloud}, b.users.leave, nil
}
