package recorder

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/recovery"
	"rekey/seclog"
)

// A reset by the button closes two things: the recordings, and on a claimed
// recorder the first set-up. What opened the recorder before opens them again.
// Passwords and codes that are typed for that are bounded as tries on an account
// are, by a policy that no setting changes.

const (
	closedTries = 5
	closedWait  = 30 * time.Minute
)

// closed is what both have in common. It is replaced, never modified.
type closed struct {
	Since   time.Time `json:"since"`
	Epoch   uint64    `json:"epoch"`             // of the reset
	Sheet   []string  `json:"sheet,omitempty"`   // argon2id of the codes of the admins of before
	Support bool      `json:"support,omitempty"` // temporary passwords were in use
	Fails   int       `json:"fails,omitempty"`   // charged tries since the last wait
}

// closing says which of the two.
type closing int

const (
	theFootage closing = iota
	theActivation
	closings
)

func (c closing) event(name string) string {
	return [...]string{"footage.", "activation."}[c] + name
}

func (c closing) String() string {
	return [...]string{"sealed recordings", "activation lock"}[c]
}

// closed gives what a reset has closed; nil = it is open.
func (s *state) closed(what closing) *closed {
	switch {
	case what == theFootage && s.Footage.Kept != nil:
		return &s.Footage.Kept.closed
	case what == theActivation && s.Activation != nil:
		return &s.Activation.closed
	}
	return nil
}

// setClosed replaces it, where it is closed.
func (s *state) setClosed(what closing, c closed) {
	switch {
	case what == theFootage && s.Footage.Kept != nil:
		k := *s.Footage.Kept
		k.closed = c
		s.Footage.Kept = &k
	case what == theActivation && s.Activation != nil:
		a := *s.Activation
		a.closed = c
		s.Activation = &a
	}
}

// wait is half an hour after too many wrong ones. It is in memory only, so that
// after a power cut it runs in full.
type wait struct {
	since   time.Duration // boot time
	running bool
}

func (w *wait) left(fails int, now time.Duration) time.Duration {
	if fails < closedTries {
		w.running = false
		return 0
	}
	if !w.running || now < w.since {
		*w = wait{since: now, running: true}
	}
	return max(0, w.since+closedWait-now)
}

// closedFor is how long nothing may be tried; 0 = now. The caller holds tries.
func (b *Box) closedFor(what closing) time.Duration {
	c := b.state().closed(what)
	if c == nil {
		return 0
	}
	return b.waits[what].left(c.Fails, b.clock())
}

// beginWaits has the waits of before the boot run from now on.
func (b *Box) beginWaits() {
	for what := range closings {
		b.closedFor(what)
	}
}

// closedTriesLeft tells what the pages show. The caller holds tries.
func (b *Box) closedTriesLeft(what closing) (tries int, lockedFor time.Duration) {
	c := b.state().closed(what)
	lockedFor = b.closedFor(what)
	if c == nil || lockedFor == 0 && c.Fails >= closedTries {
		return closedTries, 0
	}
	return max(0, closedTries-c.Fails), lockedFor
}

// tryClosed charges and compares; fits is not run while a wait does. What was
// charged is forgotten by opening. The caller holds tries and has seen that it
// is closed.
func (b *Box) tryClosed(what closing, account string, from Client, fits func() bool) error {
	if left := b.closedFor(what); left > 0 {
		r := from.record(account, what.event("refused"), b.id.Info.DeviceID, "locked")
		r.Detail["seconds_left"] = strconv.Itoa(int(left / time.Second))
		_, err := b.logHeldDown(r)
		return told(&rekey.LoginError{Kind: rekey.ErrLocked, Interface: from.Via, Account: account, LockedFor: left, Said: what.String() + ": too many wrong tries"}, err)
	}
	if err := b.chargeClosed(what); err != nil {
		return err
	}
	if fits() {
		return nil
	}
	left, lockedFor := b.closedTriesLeft(what)
	e := &rekey.LoginError{Kind: rekey.ErrDenied, Interface: from.Via, Account: account, TriesLeft: left, LockedFor: lockedFor, Said: what.String() + ": not valid"}
	return b.logged(e, from.record(account, what.event("refused"), b.id.Info.DeviceID, "wrong"))
}

func (b *Box) chargeClosed(what closing) error {
	return b.commit(func(next *state) ([]seclog.Record, error) {
		c := next.closed(what)
		if c == nil {
			return nil, what.notClosed()
		}
		charged := *c
		if charged.Fails >= closedTries {
			charged.Fails = 0 // the wait is over, or closedFor had refused
		}
		charged.Fails++
		next.setClosed(what, charged)
		return nil, nil
	})
}

// trySheet is tryClosed for a code of the recovery sheet. It gives the hash of
// the code that fits.
func (b *Box) trySheet(what closing, account string, typed rekey.Secret, from Client) (phc string, err error) {
	code, err := parseCode(typed)
	if err != nil {
		return "", err
	}
	if code.totp != "" {
		return "", fmt.Errorf("%w: expected a code of the recovery sheet, %d symbols, not one of the authenticator", rekey.ErrInput, sheetSymbols)
	}
	err = b.tryClosed(what, account, from, func() bool {
		for _, one := range b.state().closed(what).Sheet {
			if ok, err := argon.Fits(one, code.sheet); err == nil && ok {
				phc = one
			}
		}
		return phc != ""
	})
	return phc, err
}

// useSheet uses a code up for whatever is closed.
func (s *state) useSheet(phc string) {
	for what := range closings {
		if c := s.closed(what); c != nil {
			left := *c
			left.Sheet = slices.DeleteFunc(slices.Clone(c.Sheet), func(one string) bool { return one == phc })
			s.setClosed(what, left)
		}
	}
}

// settleWaits forgets the wrong tries of waits that have run out. The caller
// holds tries.
func (b *Box) settleWaits() error {
	over := func(s *state) (all []closing) {
		for what := range closings {
			if c := s.closed(what); c != nil && c.Fails >= closedTries && b.closedFor(what) == 0 {
				all = append(all, what)
			}
		}
		return all
	}
	if len(over(b.state())) == 0 {
		return nil
	}
	return b.commit(func(next *state) ([]seclog.Record, error) {
		for _, what := range over(next) {
			c := *next.closed(what)
			c.Fails = 0
			next.setClosed(what, c)
		}
		return nil, nil
	})
}

// notClosed is the refusal where there is nothing to open.
func (c closing) notClosed() error {
	return conflict([...]string{"the recordings are not sealed", "the recorder is not activation-locked"}[c])
}

// byGrant uses up a temporary password for what is closed. The caller holds tries.
func (b *Box) byGrant(what closing, actor string, grant *recovery.Grant) error {
	purpose := what.purpose()
	err := b.guarded(func(g *recovery.Guard) error {
		if s := g.State(); s.GrantPurpose == purpose && s.GrantLeft > 0 {
			if err := b.outlived(g, purpose, AdminAccount, b.support.granted); err != nil {
				return err
			}
		}
		return g.Redeem(grant, AdminAccount, purpose)
	})
	if err == nil {
		return nil
	}
	_, recording := b.logHeldDown(AtSeat().record(actor, what.event("refused"), b.id.Info.DeviceID, "no temporary password for that"))
	return told(err, recording)
}

func (c closing) purpose() recovery.Purpose {
	return [...]recovery.Purpose{recovery.PurposeUnseal, recovery.PurposeRelease}[c]
}
