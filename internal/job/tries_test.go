package job

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rekey"
)

func testBudget(t *testing.T, dir string, now *time.Time) *budget {
	t.Helper()
	b, err := openBudget(dir, "V7KX-4YBM-0P97", func() time.Time { return *now })
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func refused(left int) error {
	return &rekey.LoginError{Kind: rekey.ErrDenied, Account: "admin", TriesLeft: left}
}

func TestBudgetKeepsTheLastTryBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ limit, allowed int }{{0, 2}, {3, 2}, {5, 4}, {10, 9}, {2, 1}, {1, 0}} {
		now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
		b := testBudget(t, t.TempDir(), &now)
		if err := b.limit("admin", c.limit); err != nil {
			t.Fatal(err)
		}
		for n := range c.allowed {
			if err := b.Spend("admin"); err != nil {
				t.Fatalf("limit %d, try %d: %v", c.limit, n+1, err)
			}
		}
		if err := b.Spend("admin"); !errors.Is(err, rekey.ErrBudget) {
			t.Errorf("limit %d, try %d: %v, want ErrBudget", c.limit, c.allowed+1, err)
		}
		if err := b.Spend("other"); c.limit != 1 && err != nil {
			t.Errorf("another account: %v", err)
		}
	}
}

func TestBudgetSurvivesTheProcess(t *testing.T) {
	t.Parallel()
	now, dir := time.Now(), t.TempDir()
	for range 2 {
		if err := testBudget(t, dir, &now).Spend("admin"); err != nil {
			t.Fatal(err)
		}
	}
	if err := testBudget(t, dir, &now).Spend("admin"); !errors.Is(err, rekey.ErrBudget) {
		t.Errorf("a new process may spend the last try: %v", err)
	}
	now = now.Add(24 * time.Hour)
	if err := testBudget(t, dir, &now).Spend("admin"); !errors.Is(err, rekey.ErrBudget) {
		t.Errorf("no recorder is known to forget wrong tries, the budget did: %v", err)
	}
	b := testBudget(t, dir, &now)
	b.accepted, b.last = true, true
	if err := b.Spend("admin"); err != nil {
		t.Errorf("the risk of the last try was accepted by name: %v", err)
	}
}

func TestBudgetBelievesTheRecorder(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := testBudget(t, t.TempDir(), &now)
	spendAnd := func(result error) {
		t.Helper()
		if err := b.Spend("admin"); err != nil {
			t.Fatal(err)
		}
		if err := b.Settle("admin", result); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.limit("admin", 5); err != nil {
		t.Fatal(err)
	}
	spendAnd(nil) // a right password gives everything back
	spendAnd(refused(1))
	if err := b.Spend("admin"); !errors.Is(err, rekey.ErrBudget) {
		t.Errorf("the recorder said one try is left, and it was given away: %v", err)
	}
	b.accepted, b.last = true, true
	spendAnd(&rekey.LoginError{Kind: rekey.ErrLocked, TriesLeft: 0, LockedFor: time.Hour})
	b.accepted, b.last = false, false
	now = now.Add(59 * time.Minute)
	if err := b.Spend("admin"); !errors.Is(err, rekey.ErrLocked) {
		t.Errorf("a try during the lock would prolong it: %v", err)
	}
	now = now.Add(2 * time.Minute)
	if err := b.Spend("admin"); err != nil {
		t.Errorf("after the lock: %v", err)
	}
}

func TestBudgetIsExactInParallel(t *testing.T) {
	t.Parallel()
	now, dir := time.Now(), t.TempDir()
	if err := testBudget(t, dir, &now).limit("admin", 5); err != nil {
		t.Fatal(err)
	}
	var made atomic.Int32
	var group sync.WaitGroup
	for range 16 {
		b := testBudget(t, dir, &now)
		group.Go(func() {
			if b.Spend("admin") == nil {
				made.Add(1)
			}
		})
	}
	group.Wait()
	if made.Load() != 4 {
		t.Errorf("%d tries were made in parallel, want 4 of 5", made.Load())
	}
}

// However spends, answers and time are mixed, the recorder's own counter never
// reaches the limit through rekey.
func TestBudgetNeverLocks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Now()
		limit := rapid.IntRange(2, 10).Draw(t, "limit")
		var s spent
		if rapid.Bool().Draw(t, "policy told") {
			s.Limit = limit
		}
		limit = max(limit, (&budget{}).limitOf(s))
		wrong := 0
		t.Repeat(map[string]func(*rapid.T){
			"wrong password": func(t *rapid.T) {
				next, err := s.spend(now, (&budget{}).limitOf(s))
				if err != nil {
					return
				}
				if wrong++; wrong >= limit {
					t.Fatalf("rekey locked the account: %d wrong tries of %d", wrong, limit)
				}
				switch rapid.IntRange(0, 2).Draw(t, "answer") {
				case 0: // the line dropped: no answer
				case 1:
					next = next.settle(now, (&budget{}).limitOf(s), refused(-1))
				case 2:
					next = next.settle(now, limit, refused(limit-wrong))
				}
				s = next
			},
			"right password": func(*rapid.T) {
				if next, err := s.spend(now, (&budget{}).limitOf(s)); err == nil {
					wrong = 0
					s = next.settle(now, limit, nil)
				}
			},
			"time": func(*rapid.T) { now = now.Add(time.Hour) },
		})
	})
}
