package recorder

import (
	"errors"
	"fmt"
	"time"

	"rekey"
	"rekey/recovery"
	"rekey/seclog"
)

// A recorder that somebody has claimed comes back from a reset by the button
// locked: there is no first set-up until its owner has released it. So a stolen
// one is worth nothing. Claimed means that its owner has left a proof outside of
// the box: a recovery sheet, a linked cloud, a desk of the owner's own.

// activation is the lock of a claimed recorder after a reset by the button. It
// is replaced, never modified. While it is there, there is no account.
type activation struct {
	closed
	Cloud *cloudLink `json:"cloud,omitempty"` // the link of before: its owner may release the lock, and nothing else
}

// claim locks the activation, as part of a reset. What nothing could release is
// not locked.
func (s *state) claim(now time.Time) []seclog.Record {
	if len(s.Accounts) == 0 {
		return nil // it stays as it is: locked, or never set up
	}
	a := &activation{closed: s.closedNow(now), Cloud: s.cloudForRelease()}
	claimed := a.Cloud != nil || s.OwnDesk != nil || s.hasSheet()
	if !claimed || !a.releasable() {
		return nil
	}
	s.Activation = a
	return []seclog.Record{{Actor: "button", Event: theActivation.event("locked"), Object: "recorder", Result: "ok"}}
}

// releasable tells whether anybody can release the lock.
func (a *activation) releasable() bool { return len(a.Sheet) > 0 || a.Support || a.Cloud != nil }

// hasSheet tells whether an admin was given a recovery sheet.
func (s *state) hasSheet() bool {
	for _, a := range s.Accounts {
		if a.Group == GroupAdmin && a.Second != nil {
			return true
		}
	}
	return false
}

// Activation is what the pages tell of the activation lock.
type Activation struct {
	Locked    bool
	Sheet     bool   // a code of a recovery sheet of before the reset releases it
	Cloud     string // the cloud whose owner releases it; empty = it was linked to none
	Support   bool   // a desk's temporary password of purpose recovery.PurposeRelease releases it
	TriesLeft int
	LockedFor time.Duration
}

// Activation tells whether the recorder waits for its owner before the first set-up.
func (b *Box) Activation() Activation {
	if b.state().Activation == nil {
		return Activation{} // without waiting for a try: every page asks
	}
	b.tries.Lock()
	defer b.tries.Unlock()
	a := b.state().Activation
	if a == nil {
		return Activation{}
	}
	shown := Activation{Locked: true, Sheet: len(a.Sheet) > 0, Support: a.Support}
	if a.Cloud != nil {
		shown.Cloud = a.Cloud.URL
	}
	shown.TriesLeft, shown.LockedFor = b.closedTriesLeft(theActivation)
	return shown
}

// mayActivate refuses the first set-up while the recorder is locked.
func (s *state) mayActivate() error {
	if s.Activation != nil {
		return fmt.Errorf("%w: the recorder waits for its owner since a reset by the button; release it at the local seat with the recovery sheet, the linked cloud or support", rekey.ErrLocked)
	}
	return nil
}

// ReleaseBySheet releases the lock by a code of a recovery sheet of before the
// reset. What is no such code is rekey.ErrInput and costs nothing; a wrong one is
// a *rekey.LoginError.
func (b *Box) ReleaseBySheet(code rekey.Secret, from Client) error {
	b.tries.Lock()
	defer b.tries.Unlock()
	if b.state().Activation == nil {
		return theActivation.notClosed()
	}
	used, err := b.trySheet(theActivation, "local seat", code, from)
	if err != nil {
		return err
	}
	return b.release("recovery sheet", used, from)
}

// ReleaseByGrant releases the lock by a temporary password, of a desk or of the cloud.
func (b *Box) ReleaseByGrant(grant *recovery.Grant) error {
	b.tries.Lock()
	defer b.tries.Unlock()
	if b.state().Activation == nil {
		return theActivation.notClosed()
	}
	if err := b.byGrant(theActivation, "local seat", grant); err != nil {
		return err
	}
	return b.release(wayTemporary, "", AtSeat())
}

func (b *Box) release(way, used string, from Client) error {
	err := b.commit(func(next *state) ([]seclog.Record, error) {
		if next.Activation == nil {
			return nil, theActivation.notClosed()
		}
		next.useSheet(used)
		next.Activation = nil
		r := from.record("local seat", theActivation.event("released"), b.id.Info.DeviceID, "ok")
		r.Detail["way"] = way
		return []seclog.Record{r}, nil
	})
	if err != nil && b.state().Activation != nil {
		return err
	}
	// A write that failed may stand all the same: see doubt.
	return errors.Join(err, b.cancelPurpose(recovery.PurposeRelease, "released"), b.followCloud("activation released"))
}

// refuseSetup puts on record a first set-up that came before the release.
func (b *Box) refuseSetup(name string, refusal error, from Client) error {
	b.tries.Lock()
	defer b.tries.Unlock()
	_, recording := b.logHeldDown(from.record(name, "setup.refused", b.id.Info.DeviceID, "activation-locked"))
	return told(refusal, recording)
}
