package recovery

import (
	"fmt"
	"time"
)

// Grant is what a right answer gives: one use, within ten minutes, for one
// account and purpose, in the memory of this guard. Hand it to [Guard.Redeem].
type Grant struct {
	Account string
	Purpose Purpose

	challenge Challenge
	code      Answer
	at        time.Duration
}

// Format keeps the code out of logs and errors.
func (gr *Grant) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "grant to %s for account %q", gr.Purpose, gr.Account)
}

// IsCode tells whether a new password is the temporary one in any spelling.
// The recorder refuses such a password.
func (gr *Grant) IsCode(password string) bool {
	a, err := ParseAnswer(password)
	return err == nil && a.Equal(gr.code)
}

// State is what the screen of the recorder shows. Durations are what is left
// at the moment of the call.
type State struct {
	Open         bool // a challenge waits for its answer
	Challenge    Challenge
	Enc          []byte // suite 2 only, for the QR code
	Account      string
	Left         time.Duration // of the open challenge
	AttemptsLeft int           // before the next penalty
	Wait         time.Duration // until a challenge may be asked for; the penalty included
	Penalty      time.Duration
	Disabled     bool          // 100 wrong answers; Enable ends it
	GrantLeft    time.Duration // 0 without a grant
	GrantAccount string
	GrantPurpose Purpose
}

// State tells where things stand. A closed guard gives the zero State.
func (g *Guard) State() State {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, err := g.tick()
	if err != nil {
		return State{}
	}
	s := State{
		AttemptsLeft: g.attemptsLeft(),
		Penalty:      g.penaltyLeft(now),
		Wait:         max(g.penaltyLeft(now), g.gapLeft(now)),
		Disabled:     g.rec.Fails >= maxFails,
	}
	if o := g.open; o != nil {
		s.Open, s.Challenge, s.Account = true, o.challenge, o.account
		s.Enc = append([]byte(nil), o.enc...)
		s.Left = remaining(now, o.at, o.at+challengeLife)
	}
	if g.grant != nil {
		s.GrantLeft = remaining(now, g.grant.at, g.grant.at+grantLife)
		s.GrantAccount, s.GrantPurpose = g.grant.Account, g.grant.Purpose
	}
	return s
}

// QR is the request for the open challenge, to be drawn beside it. desk is the
// desk's host; head may be nil, and must be nil in suite 2.
func (g *Guard) QR(desk string, head *LogHead) (string, error) {
	s := g.State()
	if !s.Open {
		return "", ErrNoChallenge
	}
	q := QR{Desk: desk, DeviceID: g.cfg.DeviceID, Challenge: s.Challenge, Log: head, Enc: s.Enc}
	if g.cfg.Keys != nil {
		var err error
		if q, err = g.cfg.Keys.SignQR(q); err != nil {
			return "", err
		}
	}
	return q.Text()
}

// tick reads the clock and drops what is over. The caller holds the lock.
func (g *Guard) tick() (now time.Duration, err error) {
	if g.closed {
		return 0, ErrClosed
	}
	now = g.cfg.Clock()
	if g.open != nil && remaining(now, g.open.at, g.open.at+challengeLife) == 0 {
		g.end(EventExpired, "10 minutes", ErrExpired)
	}
	if g.grant != nil && remaining(now, g.grant.at, g.grant.at+grantLife) == 0 {
		g.loseGrant("10 minutes")
	}
	return now, nil
}

// remaining is the time until end. A clock that stands before start is broken,
// and what it measures is over.
func remaining(now, start, end time.Duration) time.Duration {
	if now < start {
		return 0
	}
	return max(0, end-now)
}

func (g *Guard) startPenalty() { g.startPenaltyAt(g.cfg.Clock()) }

func (g *Guard) startPenaltyAt(now time.Duration) {
	g.penaltyFrom, g.penaltyUntil = now, now+penalty(g.rec.Burned)
}

// penalty after n burned challenges: 1, 2, 4 to 1024 minutes, then a day.
func penalty(n int) time.Duration {
	switch {
	case n <= 0:
		return 0
	case n <= 11:
		return time.Minute << (n - 1)
	}
	return longPenalty
}

// penaltyLeft never rewards a clock that goes back.
func (g *Guard) penaltyLeft(now time.Duration) time.Duration {
	return max(0, g.penaltyUntil-max(now, g.penaltyFrom))
}

func (g *Guard) gapLeft(now time.Duration) time.Duration {
	if !g.shown {
		return 0
	}
	return max(0, g.lastShown+challengeGap-max(now, g.lastShown))
}

// save keeps rec, and takes it over only when the store says that it is kept.
func (g *Guard) save(rec Record) error {
	if err := g.cfg.Store.Save(rec); err != nil {
		return &StoreError{"save", err}
	}
	g.rec = rec
	return nil
}

// end closes the open challenge, if there is one, and says why.
func (g *Guard) end(kind EventKind, detail string, why error) {
	if g.open == nil {
		return
	}
	o := g.open
	g.open, g.ended = nil, why
	g.emit(kind, o.account, o.challenge, detail)
}

func (g *Guard) loseGrant(detail string) {
	if g.grant == nil {
		return
	}
	lost := g.grant
	g.grant = nil
	g.emit(EventLost, lost.Account, lost.challenge, detail)
}

func (g *Guard) emit(kind EventKind, account string, c Challenge, detail string) {
	g.rec.LastEventSeq++
	if g.cfg.Events == nil {
		return
	}
	e := Event{Seq: g.rec.LastEventSeq, Kind: kind, BootTime: g.cfg.Clock(), DeviceID: g.cfg.DeviceID, Account: account, Purpose: c.Purpose, Detail: detail}
	if kind != EventSupport {
		e.Challenge = c.Hash()
	}
	g.cfg.Events(e)
}

// answeredBy tells whose answer it is, and whether it is anybody's. It compares
// with each, in constant time.
func (o *openChallenge) answeredBy(a Answer) (by string, fits bool) {
	for _, want := range o.expected {
		if a.Equal(want.answer) {
			by, fits = want.detail, true
		}
	}
	return by, fits
}

func (o *openChallenge) triedBefore(a Answer) bool {
	for _, w := range o.wrong {
		if w.Equal(a) {
			return true
		}
	}
	return false
}
