package recovery_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey/recovery"
)

// memStore keeps the record in memory; fail makes Save refuse.
type memStore struct {
	rec   recovery.Record
	saves int
	fail  error
}

func (s *memStore) Load() (recovery.Record, error) { return s.rec, s.fail }

func (s *memStore) Save(r recovery.Record) error {
	if s.fail != nil {
		return s.fail
	}
	s.rec = r
	s.saves++
	return nil
}

// bench is a recorder around one guard.
type bench struct {
	t      testing.TB
	keys   *recovery.Keys
	id     recovery.DeviceID
	store  *memStore
	now    time.Duration
	events []recovery.Event
	*recovery.Guard
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, keys: mustKeys(t, vectorKey()), id: mustID(t, "V7KX-4YBM-0P97"), store: &memStore{}}
	b.boot()
	return b
}

// boot is a power cycle: boot time starts at zero, memory is gone.
func (b *bench) boot() {
	b.t.Helper()
	b.now = 0
	g, err := recovery.NewGuard(recovery.GuardConfig{
		DeviceID: b.id, Keys: b.keys, Store: b.store,
		Clock:  func() time.Duration { return b.now },
		Events: func(e recovery.Event) { b.events = append(b.events, e) },
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.Guard = g
}

func (b *bench) challenge(account string, p recovery.Purpose) recovery.Challenge {
	b.t.Helper()
	c, err := b.NewChallenge(account, p)
	if err != nil {
		b.t.Fatalf("NewChallenge: %v", err)
	}
	return c
}

func (b *bench) code(account string, c recovery.Challenge) string {
	b.t.Helper()
	a, err := b.keys.Answer(b.id, account, c)
	if err != nil {
		b.t.Fatal(err)
	}
	return a.Reveal()
}

// wrongCode is the n-th well-formed answer that fits nothing: that of a challenge nobody showed.
func (b *bench) wrongCode(n int) string {
	b.t.Helper()
	return b.code("nobody", recovery.Challenge{Suite: recovery.SuiteOCRA, Random: uint64(n)})
}

// waitOut lets the penalty and the 30 s pass.
func (b *bench) waitOut() { b.now += b.State().Wait }

func (b *bench) count(kinds ...recovery.EventKind) (n int) {
	for _, e := range b.events {
		if slices.Contains(kinds, e.Kind) {
			n++
		}
	}
	return n
}

func (b *bench) last() recovery.Event { return b.events[len(b.events)-1] }

// burn spends five wrong answers on a new challenge and tells the last error.
func (b *bench) burn(seed int) (err error) {
	b.t.Helper()
	b.waitOut()
	b.challenge("admin", recovery.PurposePassword)
	for n := range 5 {
		if _, err = b.Answer(b.wrongCode(seed*5 + n)); err == nil {
			b.t.Fatal("a wrong answer was accepted")
		}
	}
	return err
}

func TestGuardGoodWay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.challenge("admin", recovery.PurposePassword)
	if c.Counter != 1 || b.store.rec.Counter != 1 {
		t.Errorf("counter %d shown, %d saved, want 1", c.Counter, b.store.rec.Counter)
	}
	s := b.State()
	if !s.Open || s.Challenge != c || s.Account != "admin" || s.Left != 600*time.Second || s.AttemptsLeft != 5 || s.Wait != 30*time.Second {
		t.Errorf("state %+v", s)
	}
	typed := strings.ToLower(strings.ReplaceAll(b.code("admin", c), "-", " "))
	grant, err := b.Answer(typed)
	if err != nil {
		t.Fatal(err)
	}
	if !grant.IsCode(typed) || grant.IsCode("another password") || strings.Contains(fmt.Sprintf("%+v", grant), "{") {
		t.Error("the grant does not keep its code, or prints it")
	}
	if s := b.State(); s.Open || s.GrantLeft != 10*time.Minute || s.GrantAccount != "admin" {
		t.Errorf("state after the answer %+v", s)
	}
	for _, no := range []error{
		b.Redeem(grant, "operator", recovery.PurposePassword), b.Redeem(grant, "admin", recovery.PurposeUnseal),
		b.Redeem(&recovery.Grant{Account: "admin"}, "admin", recovery.PurposePassword), b.Redeem(nil, "admin", recovery.PurposePassword),
	} {
		if !errors.Is(no, recovery.ErrNoGrant) {
			t.Errorf("Redeem = %v, want ErrNoGrant", no)
		}
	}
	if err := b.Redeem(grant, "admin", recovery.PurposePassword); err != nil {
		t.Error(err)
	}
	if err := b.Redeem(grant, "admin", recovery.PurposePassword); !errors.Is(err, recovery.ErrNoGrant) {
		t.Errorf("second Redeem = %v", err)
	}
	if _, err := b.Answer(typed); !errors.Is(err, recovery.ErrNoChallenge) {
		t.Errorf("replay = %v", err)
	}
	if got := b.count(recovery.EventShown, recovery.EventOK); got != 2 || len(b.events) != 2 || b.last().Challenge != c.Hash() {
		t.Errorf("events %+v", b.events)
	}
}

func TestGuardLimitsChallenges(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.challenge("admin", recovery.PurposePassword)
	b.now += 30*time.Second - 1
	var wait *recovery.WaitError
	if _, err := b.NewChallenge("admin", recovery.PurposePassword); !errors.As(err, &wait) || wait.Left != 1 || wait.Penalty {
		t.Fatalf("after 30 s less a tick: %v", err)
	}
	if !b.State().Open || b.store.rec.Counter != 1 {
		t.Error("a refused challenge changed something")
	}
	b.now++
	second := b.challenge("admin", recovery.PurposeUnseal)
	if e := b.events[1]; e.Kind != recovery.EventExpired || e.Detail != "replaced" || e.Challenge != first.Hash() {
		t.Errorf("event %+v", e)
	}
	if _, err := b.Answer(b.code("admin", first)); err == nil {
		t.Error("the answer to a replaced challenge was accepted")
	}
	b.now += 600*time.Second - 1
	if !b.State().Open {
		t.Error("expired early")
	}
	b.now++
	if _, err := b.Answer(b.code("admin", second)); !errors.Is(err, recovery.ErrExpired) || !errors.Is(err, recovery.ErrNoChallenge) {
		t.Errorf("after 600 s: %v", err)
	}
	if b.last().Detail != "10 minutes" || b.count(recovery.EventExpired) != 2 {
		t.Errorf("events %+v", b.events)
	}
	for _, account := range []string{"", "a\x00"} {
		if _, err := b.NewChallenge(account, 0); !errors.Is(err, recovery.ErrAccount) {
			t.Errorf("account %q: %v", account, err)
		}
	}
	if _, err := b.NewChallenge("admin", 3); !errors.Is(err, recovery.ErrReserved) {
		t.Errorf("purpose 3: %v", err)
	}
}

func TestGuardFreeMistakes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.challenge("admin", recovery.PurposePassword)
	saves := b.store.saves
	for _, typed := range []string{"", "05D8", "05D9-4WAY-9MWG-ZXD1", c.String()} {
		var m *recovery.MistypedError
		if _, err := b.Answer(typed); !errors.As(err, &m) {
			t.Errorf("Answer(%q) = %v", typed, err)
		}
	}
	if b.store.saves != saves || b.State().AttemptsLeft != 5 {
		t.Error("a mistyped answer cost something")
	}
	var wrong *recovery.WrongAnswerError
	if _, err := b.Answer(b.wrongCode(1)); !errors.As(err, &wrong) || wrong.AttemptsLeft != 4 {
		t.Fatalf("first wrong answer: %v", err)
	}
	for range 20 {
		if _, err := b.Answer(b.wrongCode(1)); !errors.Is(err, recovery.ErrRepeated) {
			t.Fatalf("the same again: %v", err)
		}
	}
	if b.store.rec.Fails != 1 || b.State().AttemptsLeft != 4 || b.count(recovery.EventDup) != 20 || b.count(recovery.EventWrong) != 1 {
		t.Errorf("record %+v", b.store.rec)
	}
	if _, err := b.Answer(b.code("admin", c)); err != nil {
		t.Errorf("the right answer: %v", err)
	}
}

func TestGuardPenalties(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var waited time.Duration
	for n := range 20 {
		b.boot() // a reboot neither forgives nor shortens
		waited += b.State().Penalty
		err := b.burn(n)
		if n == 19 {
			if !errors.Is(err, recovery.ErrDisabled) {
				t.Fatalf("the hundredth: %v", err)
			}
			break
		}
		want := min(time.Minute<<n, 24*time.Hour)
		if n >= 11 {
			want = 24 * time.Hour
		}
		var wrong *recovery.WrongAnswerError
		if !errors.As(err, &wrong) || wrong.Penalty != want || wrong.AttemptsLeft != 0 {
			t.Fatalf("burn %d: %v, want a penalty of %s", n+1, err, want)
		}
		b.now += want - 1
		var wait *recovery.WaitError
		if _, err := b.NewChallenge("admin", 0); !errors.As(err, &wait) || wait.Left != 1 || !wait.Penalty {
			t.Fatalf("burn %d, a tick early: %v", n+1, err)
		}
	}
	if waited < 9*24*time.Hour+9*time.Hour {
		t.Errorf("100 wrong answers took %s, want at least 9.4 days", waited)
	}
	if got := b.count(recovery.EventWrong); got != 100 {
		t.Errorf("%d answers compared, want 100", got)
	}
	b.boot()
	b.now += 1000 * time.Hour
	if _, err := b.NewChallenge("admin", 0); !errors.Is(err, recovery.ErrDisabled) || !b.State().Disabled {
		t.Errorf("after 100: %v", err)
	}
	if _, err := b.Answer(b.wrongCode(1)); !errors.Is(err, recovery.ErrDisabled) {
		t.Errorf("answer after 100: %v", err)
	}
	if err := b.Enable(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.NewChallenge("admin", 0); err != nil || b.store.rec.Fails != 0 || b.store.rec.Burned != 0 {
		t.Errorf("after Enable: %v", err)
	}
	if b.count(recovery.EventSupport) != 2 {
		t.Error("disabling or enabling was not reported")
	}
}

// A new challenge, or a reboot, must not give five new attempts: otherwise four
// tries on each would reach 100 without any penalty.
func TestGuardAttemptsCarryOver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for n := range 4 {
		b.waitOut()
		b.challenge("admin", recovery.PurposePassword)
		var wrong *recovery.WrongAnswerError
		if _, err := b.Answer(b.wrongCode(n)); !errors.As(err, &wrong) || wrong.AttemptsLeft != 4-n {
			t.Fatalf("wrong answer %d: %v", n+1, err)
		}
		if n%2 == 0 {
			b.boot()
		}
	}
	b.waitOut()
	c := b.challenge("admin", recovery.PurposePassword)
	if got := b.State().AttemptsLeft; got != 1 {
		t.Errorf("%d attempts left, want 1", got)
	}
	if _, err := b.Answer(b.wrongCode(9)); err == nil || b.State().Penalty != time.Minute || b.State().Open {
		t.Errorf("the fifth wrong answer: %v", err)
	}
	if _, err := b.Answer(b.code("admin", c)); err == nil {
		t.Error("the answer to a burned challenge was accepted")
	}
	if err := b.Enable(); err != nil || b.State().Penalty != time.Minute {
		t.Errorf("Enable shortened a penalty (%v)", err)
	}
}

func TestGuardSuccessForgives(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_ = b.burn(0)
	_ = b.burn(1)
	b.waitOut()
	c := b.challenge("admin", recovery.PurposePassword)
	for n := range 4 {
		_, _ = b.Answer(b.wrongCode(50 + n))
	}
	if _, err := b.Answer(b.code("admin", c)); err != nil {
		t.Fatalf("the right answer at the last attempt: %v", err)
	}
	if r := b.store.rec; r.Fails != 0 || r.Burned != 0 || b.State().Penalty != 0 {
		t.Errorf("record %+v after the right answer", r)
	}
}

func TestGuardMemoryIsMemory(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.challenge("admin", recovery.PurposePassword)
	b.boot()
	if _, err := b.Answer(b.code("admin", c)); !errors.Is(err, recovery.ErrNoChallenge) {
		t.Errorf("answer after a reboot: %v", err)
	}
	b.waitOut()
	grant, err := b.Answer(b.code("admin", b.challenge("admin", recovery.PurposePassword)))
	if err != nil {
		t.Fatal(err)
	}
	b.boot()
	if err := b.Redeem(grant, "admin", recovery.PurposePassword); !errors.Is(err, recovery.ErrNoGrant) {
		t.Errorf("grant after a reboot: %v", err)
	}
	b.waitOut()
	grant, err = b.Answer(b.code("admin", b.challenge("admin", recovery.PurposePassword)))
	if err != nil {
		t.Fatal(err)
	}
	b.now += 10 * time.Minute
	if err := b.Redeem(grant, "admin", recovery.PurposePassword); !errors.Is(err, recovery.ErrNoGrant) || b.last().Kind != recovery.EventLost {
		t.Errorf("grant after ten minutes: %v", err)
	}
	b.challenge("admin", recovery.PurposePassword)
	b.Close()
	b.Close()
	if b.last().Detail != "closed" {
		t.Errorf("event %+v", b.last())
	}
	if _, err := b.NewChallenge("admin", 0); !errors.Is(err, recovery.ErrClosed) {
		t.Errorf("closed guard: %v", err)
	}
	if _, err := b.Answer("x"); !errors.Is(err, recovery.ErrClosed) {
		t.Errorf("closed guard: %v", err)
	}
	if b.Enable() == nil || b.Redeem(grant, "admin", 0) == nil || b.State().Open {
		t.Error("a closed guard still works")
	}
}

func TestGuardRefusesWhenItCannotSave(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	full := errors.New("disk full")
	var lost *recovery.StoreError
	b.store.fail = full
	if _, err := b.NewChallenge("admin", 0); !errors.As(err, &lost) || !errors.Is(err, full) || b.State().Open {
		t.Errorf("NewChallenge: %v", err)
	}
	b.store.fail = nil
	c := b.challenge("admin", recovery.PurposePassword)
	b.store.fail = full
	for _, typed := range []string{b.code("admin", c), b.wrongCode(1)} {
		if _, err := b.Answer(typed); !errors.As(err, &lost) {
			t.Errorf("Answer: %v", err)
		}
	}
	if b.count(recovery.EventOK, recovery.EventWrong) != 0 {
		t.Error("an answer was compared without being charged")
	}
	if _, err := recovery.NewGuard(recovery.GuardConfig{DeviceID: b.id, Keys: b.keys, Store: b.store, Clock: func() time.Duration { return 0 }}); !errors.As(err, &lost) {
		t.Errorf("NewGuard on an unreadable record: %v", err)
	}
	b.store.fail = nil
	if _, err := b.Answer(b.code("admin", c)); err != nil {
		t.Errorf("once it can save again: %v", err)
	}
}

// A boot clock that jumps back is broken; it must help nobody.
func TestGuardClockGoesBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.now = 24 * time.Hour
	_ = b.burn(0)
	b.now = 0
	if got := b.State().Penalty; got != time.Minute {
		t.Errorf("penalty %s, want the whole minute", got)
	}
	b = newBench(t)
	b.now = 48 * time.Hour
	c := b.challenge("admin", recovery.PurposePassword)
	b.now = 0
	if _, err := b.Answer(b.code("admin", c)); !errors.Is(err, recovery.ErrExpired) {
		t.Errorf("answer before its challenge: %v", err)
	}
}

func TestGuardParallelSubmits(t *testing.T) {
	t.Parallel()
	for _, right := range []bool{false, true} {
		b := newBench(t)
		c := b.challenge("admin", recovery.PurposePassword)
		var wg sync.WaitGroup
		var mu sync.Mutex
		grants := 0
		for n := range 1000 {
			typed := b.wrongCode(n)
			if right {
				typed = b.code("admin", c)
			}
			wg.Go(func() {
				if _, err := b.Answer(typed); err == nil {
					mu.Lock()
					grants++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		compared := b.count(recovery.EventOK, recovery.EventWrong)
		if right && (grants != 1 || compared != 1) || !right && (grants != 0 || compared != 5) {
			t.Errorf("right=%v: %d compared, %d grants", right, compared, grants)
		}
	}
}

func TestGuardCancel(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.challenge("admin", recovery.PurposePassword)
	_, _ = b.Answer(b.wrongCode(1))
	b.Cancel("operator", "password set")
	if !b.State().Open {
		t.Fatal("another account's challenge was cancelled")
	}
	b.Cancel("admin", "password set")
	if e := b.last(); b.State().Open || e.Kind != recovery.EventExpired || e.Detail != "password set" || e.Challenge != c.Hash() {
		t.Errorf("event %+v", e)
	}
	if _, err := b.Answer(b.code("admin", c)); !errors.Is(err, recovery.ErrNoChallenge) {
		t.Errorf("answer to a cancelled challenge: %v", err)
	}
	if b.store.rec.Fails != 1 || b.State().AttemptsLeft != 4 {
		t.Errorf("cancelling gave an attempt back: %+v", b.store.rec)
	}

	b.waitOut()
	grant, err := b.Answer(b.code("admin", b.challenge("admin", recovery.PurposePassword)))
	if err != nil {
		t.Fatal(err)
	}
	b.waitOut()
	b.challenge("operator", recovery.PurposePassword)
	b.Cancel("", "switched off")
	if e := b.last(); b.State().Open || e.Kind != recovery.EventLost || e.Account != "admin" || e.Detail != "switched off" {
		t.Errorf("event %+v", e)
	}
	if err := b.Redeem(grant, "admin", recovery.PurposePassword); !errors.Is(err, recovery.ErrNoGrant) {
		t.Errorf("a cancelled grant: %v", err)
	}
	seen := len(b.events)
	b.Cancel("", "again")
	b.Close()
	b.Cancel("", "closed")
	if len(b.events) != seen {
		t.Errorf("events of nothing: %+v", b.events[seen:])
	}
}
