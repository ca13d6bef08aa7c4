package recorder

import (
	"strconv"
	"time"

	"golang.org/x/time/rate"

	"rekey/seclog"
)

// stranger is a name that was tried and is no account. It counts down and locks
// as an account does, so that a refusal does not tell which names there are.
//
// Strangers are few and in memory only. Who tries a thousand names between two
// tries of one, or gets the recorder restarted, can still find out.
type stranger struct {
	fails int
	tried time.Duration // boot time of the last try
}

const maxStrangers = 1024

// fails are the charged tries on a name since the last good one. The caller
// holds tries.
func (b *Box) fails(s *state, name string) int {
	if a, known := s.Accounts[name]; known {
		return a.Fails
	}
	return b.strangers[name].fails
}

func (b *Box) setFails(next *state, name string, fails int) {
	if a, known := next.Accounts[name]; known {
		a.Fails = fails
		next.Accounts[name] = a.fewerWrongCodes(fails)
		return
	}
	if _, met := b.strangers[name]; !met && len(b.strangers) >= maxStrangers {
		b.forgetStranger()
	}
	b.strangers[name] = stranger{fails: fails, tried: b.clock()}
}

// forgetStranger makes room: the one that was not tried for longest goes.
func (b *Box) forgetStranger() {
	var longest string
	for name, one := range b.strangers {
		if longest == "" || one.tried < b.strangers[longest].tried {
			longest = name
		}
	}
	delete(b.strangers, longest)
	delete(b.lockedAt, longest)
}

// refusals holds down the records that strangers can cause without end, so that
// nobody can fill the disk with them: a burst, then one every ten seconds.
type refusals struct {
	limit   *rate.Limiter
	leftOut int // since the last that was recorded
}

func newRefusals() refusals { return refusals{limit: rate.NewLimiter(rate.Every(10*time.Second), 20)} }

// detail tells how many were left out.
func (r *refusals) detail() map[string]string {
	if r.leftOut == 0 {
		return nil
	}
	return map[string]string{"refusals_left_out": strconv.Itoa(r.leftOut)}
}

// logHeldDown records a refusal unless there were too many. The caller holds tries.
func (b *Box) logHeldDown(records ...seclog.Record) (recorded bool, err error) {
	r := &b.refusals
	if !r.limit.AllowN(time.Unix(0, 0).Add(b.clock()), 1) {
		r.leftOut++
		return false, nil
	}
	for key, value := range r.detail() {
		records[0].Detail[key] = value
	}
	if err := b.log(records...); err != nil {
		return false, err
	}
	r.leftOut = 0
	return true, nil
}

// logStranger is logHeldDown for a name that is no account. One that is left out
// takes the time of a write all the same: an account's is always recorded.
func (b *Box) logStranger(records ...seclog.Record) error {
	recorded, err := b.logHeldDown(records...)
	if err != nil || recorded {
		return err
	}
	return b.commit(func(*state) ([]seclog.Record, error) { return nil, nil })
}
