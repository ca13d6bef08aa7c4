package recovery

import (
	"crypto/hpke"
	"errors"
	"io"
	"slices"
	"sync"
	"time"
)

// The guard's limits.
const (
	challengeLife = 600 * time.Second
	challengeGap  = 30 * time.Second
	grantLife     = 10 * time.Minute
	maxAttempts   = 5   // wrong answers that burn a challenge
	maxFails      = 100 // wrong answers that disable support codes
	longPenalty   = 24 * time.Hour
)

// GuardConfig is what a recorder hands its guard. Exactly one of Keys (suite
// 1) and DeskKey (suite 2) is set.
type GuardConfig struct {
	DeviceID DeviceID
	Epoch    uint8 // of the key; only its last two bits are shown
	Keys     *Keys
	DeskKey  hpke.PublicKey // X25519
	Store    Store
	// Clock is the time since boot, suspend included: CLOCK_BOOTTIME on Linux.
	// The wall clock will not do, anybody at the recorder can turn it back, and
	// Go's own monotonic clock stops in suspend.
	Clock func() time.Duration
	// Rand is a random source for suite 1 challenges; nil means crypto/rand.
	Rand io.Reader
	// Events, when set, is called for each event before the call that caused
	// it returns, one at a time. It must not call the guard.
	Events func(Event)
}

// Guard is the recorder's half: it shows challenges, counts attempts and
// checks answers. One process of a recorder has one guard over one Store.
// Challenge, expected answer and grant live in memory only, so a reboot ends
// them. Every fifth wrong answer since the last right one burns the open
// challenge and starts a penalty, whatever challenges and reboots lay between:
// neither gives new attempts. Call it from the local seat only, never for the
// network. It is safe for concurrent use.
type Guard struct {
	cfg GuardConfig

	mu           sync.Mutex
	second       *Second // see SecondDesk
	rec          Record  // as saved, but for LastEventSeq, which may be ahead
	open         *openChallenge
	ended        error // why no challenge is open
	grant        *Grant
	shown        bool // lastShown means something
	lastShown    time.Duration
	penaltyFrom  time.Duration
	penaltyUntil time.Duration
	closed       bool
}

type openChallenge struct {
	account   string
	challenge Challenge
	enc       []byte
	expected  []expected
	wrong     []Answer
	at        time.Duration
}

// expected is an answer that fits, and the Detail of the event when it comes.
type expected struct {
	answer Answer
	detail string
}

// NewGuard loads the record and starts a boot: a penalty that was running when
// the power went starts again in full.
func NewGuard(cfg GuardConfig) (*Guard, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	rec, err := cfg.Store.Load()
	if err != nil {
		return nil, &StoreError{"load", err}
	}
	if rec.Fails < 0 || rec.Burned < 0 {
		return nil, &StoreError{"load", errors.New("negative counts")}
	}
	g := &Guard{cfg: cfg, rec: rec, ended: ErrNoChallenge}
	g.startPenalty()
	return g, nil
}

func (c GuardConfig) validate() error {
	switch {
	case c.DeviceID.IsZero():
		return errors.New("a guard needs the recorder's Device ID")
	case (c.Keys == nil) == (c.DeskKey == nil):
		return errors.New("a guard needs either keys (suite 1) or the desk's public key (suite 2)")
	case c.Store == nil || c.Clock == nil:
		return errors.New("a guard needs a store and a boot-time clock")
	case c.DeskKey != nil:
		return checkKEM(c.DeskKey.KEM())
	}
	return nil
}

// NewChallenge opens a challenge for one account and purpose and replaces the
// one that is open. The counter is saved before anything is returned. It
// refuses with a *WaitError, ErrDisabled, a *StoreError or ErrAccount, and then
// leaves the open challenge as it is.
func (g *Guard) NewChallenge(account string, purpose Purpose) (Challenge, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, err := g.tick()
	if err != nil {
		return Challenge{}, err
	}
	if err := checkAccount(account); err != nil {
		return Challenge{}, err
	}
	if err := g.refusal(now); err != nil {
		return Challenge{}, err
	}
	next, err := g.draw(account, purpose)
	if err != nil {
		return Challenge{}, err
	}
	rec := g.rec
	rec.Counter++
	if err := g.save(rec); err != nil {
		return Challenge{}, err
	}
	g.end(EventExpired, "replaced", ErrNoChallenge)
	next.at = now
	g.open, g.shown, g.lastShown = next, true, now
	g.emit(EventShown, account, next.challenge, "")
	return next.challenge, nil
}

// refusal says why no challenge may be shown now.
func (g *Guard) refusal(now time.Duration) error {
	if g.rec.Fails >= maxFails {
		return ErrDisabled
	}
	if left := g.penaltyLeft(now); left > 0 {
		return &WaitError{Left: left, Penalty: true}
	}
	if left := g.gapLeft(now); left > 0 {
		return &WaitError{Left: left}
	}
	return nil
}

// draw makes the next challenge and its answer, in memory; nothing is shown or saved yet.
func (g *Guard) draw(account string, purpose Purpose) (*openChallenge, error) {
	fresh, err := freshBytes(g.cfg.Rand)
	if err != nil {
		return nil, err
	}
	keys, suite := g.cfg.Keys, SuiteOCRA
	if keys == nil {
		keys, suite = &Keys{}, SuiteHPKE // no secret to hedge with: the randomness stands alone
	}
	c := keys.challenge(suite, purpose, g.cfg.Epoch&3, g.rec.Counter+1, fresh)
	o := &openChallenge{account: account, challenge: c}
	var answer Answer
	if suite == SuiteHPKE {
		o.enc, answer, err = RecorderAnswer(g.cfg.DeskKey, g.cfg.DeviceID, account, c)
	} else {
		answer, err = keys.Answer(g.cfg.DeviceID, account, c)
	}
	if err != nil {
		return nil, err
	}
	if g.second.may(purpose) {
		theirs, err := g.second.Keys.Answer(g.cfg.DeviceID, account, c)
		if err != nil {
			return nil, err
		}
		o.expected = append(o.expected, expected{theirs, "second desk"})
		if g.second.Alone {
			return o, nil
		}
	}
	o.expected = append(o.expected, expected{answer, ""})
	return o, nil
}

// Second is a desk that answers beside the guard's own, under a key that it
// shares with this recorder alone: the owner's beside the maker's.
type Second struct {
	Keys  *Keys
	For   []Purpose // what it answers, and nothing else
	Alone bool      // the guard's own desk answers none of these
}

func (s *Second) may(p Purpose) bool { return s != nil && slices.Contains(s.For, p) }

// SecondDesk lets a second desk answer, too. Attempts and penalties are counted
// for both together. With nil it may no longer. Either way the open challenge
// and the grant end, because their answer may have come from a desk that must
// not give it any more; why is the Detail of those events. A guard of suite 2
// has no second desk.
func (g *Guard) SecondDesk(s *Second, why string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s != nil && (g.cfg.Keys == nil || s.Keys == nil) {
		return errors.New("a second desk needs keys, and a guard of suite 1")
	}
	if err := g.endBoth(why); err != nil {
		return err
	}
	g.second = s
	return nil
}

// Rekey changes the key under which the guard's own desk answers. What the desk
// of the key before has in hand opens nothing from then on: the open challenge
// and the grant end, with why as the Detail of those events. Counter, attempts,
// penalty and the second desk stay. A guard of suite 2 has no such key.
func (g *Guard) Rekey(keys *Keys, epoch uint8, why string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if keys == nil || g.cfg.Keys == nil {
		return errors.New("a new key is for a guard of suite 1")
	}
	if err := g.endBoth(why); err != nil {
		return err
	}
	g.cfg.Keys, g.cfg.Epoch = keys, epoch
	return nil
}

// endBoth ends the open challenge and the grant. The caller holds the lock.
func (g *Guard) endBoth(why string) error {
	if _, err := g.tick(); err != nil {
		return err
	}
	g.end(EventExpired, why, ErrNoChallenge)
	g.loseGrant(why)
	return nil
}

// Answer checks an answer as typed against the open challenge. A mistyped
// answer (*MistypedError) and the same wrong answer again (ErrRepeated) cost
// nothing. Anything else is charged and saved before it is compared: a
// *StoreError means that it was not. A *WrongAnswerError says what is left,
// ErrDisabled that this was the hundredth. The right answer ends the challenge
// and gives the grant.
func (g *Guard) Answer(typed string) (*Grant, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, err := g.tick()
	if err != nil {
		return nil, err
	}
	if g.open == nil {
		return nil, g.notOpen(now)
	}
	answer, err := ParseAnswer(typed)
	if err != nil {
		return nil, err
	}
	if g.open.triedBefore(answer) {
		g.emit(EventDup, g.open.account, g.open.challenge, "")
		return nil, ErrRepeated
	}
	if err := g.charge(now); err != nil {
		return nil, err
	}
	by, fits := g.open.answeredBy(answer)
	if !fits {
		return nil, g.wrong(answer, now)
	}
	return g.right(answer, by, now)
}

func (g *Guard) notOpen(now time.Duration) error {
	if g.rec.Fails >= maxFails {
		return ErrDisabled
	}
	if left := g.penaltyLeft(now); left > 0 {
		return &WaitError{Left: left, Penalty: true}
	}
	return g.ended
}

// charge spends one attempt before anything is compared. The penalty of a
// burn starts with it, so that nothing that goes wrong later avoids it.
func (g *Guard) charge(now time.Duration) error {
	rec := g.rec
	rec.Fails++
	burn := rec.Fails%maxAttempts == 0
	if burn {
		rec.Burned++
	}
	if err := g.save(rec); err != nil {
		return err
	}
	if burn {
		g.startPenaltyAt(now)
	}
	return nil
}

// attemptsLeft counts down over all challenges since the last right answer:
// a new challenge, or a reboot, gives no new attempts, else four tries a
// challenge would never meet a penalty.
func (g *Guard) attemptsLeft() int { return maxAttempts - g.rec.Fails%maxAttempts }

func (g *Guard) wrong(a Answer, now time.Duration) error {
	o := g.open
	g.emit(EventWrong, o.account, o.challenge, "")
	if g.rec.Fails%maxAttempts != 0 {
		o.wrong = append(o.wrong, a)
		return &WrongAnswerError{AttemptsLeft: g.attemptsLeft()}
	}
	left := g.penaltyLeft(now)
	g.end(EventBurned, left.String(), ErrNoChallenge)
	if g.rec.Fails >= maxFails {
		g.emit(EventSupport, "", Challenge{}, "disabled")
		return ErrDisabled
	}
	return &WrongAnswerError{Penalty: left}
}

func (g *Guard) right(a Answer, by string, now time.Duration) (*Grant, error) {
	o := g.open
	g.open, g.ended = nil, ErrNoChallenge // used, whatever comes
	rec := g.rec
	rec.Fails, rec.Burned = 0, 0
	if err := g.save(rec); err != nil {
		g.emit(EventLost, o.account, o.challenge, "not saved")
		return nil, err
	}
	g.penaltyUntil = g.penaltyFrom
	g.emit(EventOK, o.account, o.challenge, by)
	g.loseGrant("replaced")
	g.grant = &Grant{Account: o.account, Purpose: o.challenge.Purpose, challenge: o.challenge, code: a, at: now}
	return g.grant, nil
}

// Redeem uses up the grant: call it once the new password has passed the
// recorder's rules, right before setting it. It returns ErrNoGrant for a grant
// that was used, lost or replaced, or was given for something else; the latter
// leaves the grant as it is.
func (g *Guard) Redeem(grant *Grant, account string, purpose Purpose) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, err := g.tick(); err != nil {
		return err
	}
	if grant == nil || grant != g.grant || grant.Account != account || grant.Purpose != purpose {
		return ErrNoGrant
	}
	g.grant = nil
	return nil
}

// Enable allows support codes again after 100 wrong answers, and ends the
// penalty. Call it for an authenticated admin or after a button reset. When
// support codes are not disabled it does nothing.
func (g *Guard) Enable() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, err := g.tick(); err != nil {
		return err
	}
	if g.rec.Fails < maxFails {
		return nil
	}
	rec := g.rec
	rec.Fails, rec.Burned = 0, 0
	if err := g.save(rec); err != nil {
		return err
	}
	g.penaltyUntil = g.penaltyFrom
	g.emit(EventSupport, "", Challenge{}, "enabled")
	return nil
}

// Cancel ends the open challenge and the grant of an account, or of any with "":
// call it when what they were asked for is over, because the password was set
// by another way, the account is gone, or recovery was switched off. It gives
// no attempt back and ends no penalty. why is the Detail of the events.
func (g *Guard) Cancel(account, why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, err := g.tick(); err != nil {
		return // closed: nothing is open
	}
	if g.open != nil && (account == "" || account == g.open.account) {
		g.end(EventExpired, why, ErrNoChallenge)
	}
	if g.grant != nil && (account == "" || account == g.grant.Account) {
		g.loseGrant(why)
	}
}

// Close ends the open challenge and the grant. Every later call gives ErrClosed.
func (g *Guard) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.end(EventExpired, "closed", ErrClosed)
	g.loseGrant("closed")
	g.closed = true
}
