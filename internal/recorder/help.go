package recorder

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rekey"
	"rekey/seclog"
)

// An admin helps another user without ever choosing or knowing a password: by an
// activation code (see codegrant.go), or by taking away a second factor.

// StepUp is what somebody who is logged in types once more before an act of
// weight: the password and, where the account has a second factor, a code.
type StepUp struct{ Password, Code rekey.Secret }

// stepUp makes one change for an admin who is logged in and types the password
// once more, and a code where the account has a second factor. They are tries as
// any other, charged before they are compared, and the change is made in the
// transaction that settles them. What is no code at all costs nothing. The
// records of the change say how the admin stepped up.
func (b *Box) stepUp(name string, s StepUp, from Client, change func(next *state) ([]seclog.Record, error)) error {
	b.tries.Lock()
	defer b.tries.Unlock()
	if err := b.state().mustBeAdmin(mainList, name); err != nil {
		return err
	}
	by := "password"
	marked := func(next *state) ([]seclog.Record, error) {
		if err := next.mustBeAdmin(mainList, name); err != nil {
			return nil, err
		}
		records, err := change(next)
		for i := range records {
			if records[i].Detail == nil {
				records[i].Detail = map[string]string{}
			}
			records[i].Detail[detailStepUp] = by
		}
		return records, err
	}
	if b.SecondFactor(name).On {
		by = "password and code"
	}
	return b.step(name, s.Password, s.Code, from, marked)
}

// detailStepUp says in a record how the admin stepped up for it.
const detailStepUp = "step_up"

// RemoveSecond takes away another's second factor, for a reason that is recorded.
// One's own is for SwitchOffSecond.
func (b *Box) RemoveSecond(manager, name, reason string, by StepUp, from Client) error {
	reason = strings.TrimSpace(reason)
	if reason == "" || len(reason) > maxValue || !printable(reason) {
		return fmt.Errorf("%w: give a reason of at most %d printable characters; it goes into the security log", rekey.ErrInput, maxValue)
	}
	mayRemove := func(s *state) error {
		a, known := s.Accounts[name]
		switch {
		case !known:
			return unknownAccount(name)
		case manager == name:
			return conflict("your own second factor is switched off with a code of it")
		case !a.asksCode():
			return conflict(fmt.Sprintf("account %q has no second factor", name))
		}
		return nil
	}
	return b.weighty(manager, by, from, mayRemove, func(next *state) []seclog.Record {
		next.setSecond(name, nil)
		next.tell(name, b.notice("2fa.off", manager))
		off := from.record(manager, "2fa.off", name, "ok")
		off.Detail["reason"] = reason
		return []seclog.Record{off}
	})
}

// weighty makes a change by step-up that may be refused. What may not be costs no
// try.
func (b *Box) weighty(manager string, by StepUp, from Client, may func(*state) error, change func(next *state) []seclog.Record) error {
	s := b.state()
	if err := s.mustBeAdmin(mainList, manager); err != nil {
		return err
	}
	if err := may(s); err != nil {
		return err
	}
	return b.stepUp(manager, by, from, func(next *state) ([]seclog.Record, error) {
		if err := may(next); err != nil {
			return nil, err
		}
		return change(next), nil
	})
}

// Notice is something that was done to an account and that its owner is told at
// the next log-in.
type Notice struct {
	Number uint64    `json:"number"` // of the change that told it: rises, whatever the clock does
	Time   time.Time `json:"time"`
	Event  string    `json:"event"` // as in the security log
	Actor  string    `json:"actor"`
}

const maxNotices = 64

func (b *Box) notice(event, actor string) Notice {
	return Notice{Time: b.Now().Truncate(time.Second), Event: event, Actor: clip(actor)}
}

// tell keeps a notice for the account. One thing that one person did again and
// again is one notice, so that it pushes no other out.
func (s *state) tell(name string, n Notice) {
	a, known := s.Accounts[name]
	if !known {
		return
	}
	n.Number = s.Change + 1 // the one that is being made
	all := slices.DeleteFunc(slices.Clone(a.Notices), func(o Notice) bool { return o.Event == n.Event && o.Actor == n.Actor })
	all = append(all, n)
	a.Notices = all[max(0, len(all)-maxNotices):]
	s.Accounts[name] = a
}

// Notices are what the account has not been told yet, oldest first.
func (b *Box) Notices(name string) []Notice { return slices.Clone(b.state().Accounts[name].Notices) }

// NoticesSeen takes down that the account was told, up to the notice of that
// number. What came after it was shown waits still.
func (b *Box) NoticesSeen(name string, upTo uint64, from Client) error {
	b.tries.Lock()
	defer b.tries.Unlock()
	seen := func(n Notice) bool { return n.Number <= upTo }
	if !slices.ContainsFunc(b.Notices(name), seen) {
		return nil
	}
	return b.commit(func(next *state) ([]seclog.Record, error) {
		a := next.Accounts[name]
		a.Notices = slices.DeleteFunc(slices.Clone(a.Notices), seen)
		next.Accounts[name] = a
		return []seclog.Record{from.record(name, "notices.seen", name, "ok")}, nil
	})
}
