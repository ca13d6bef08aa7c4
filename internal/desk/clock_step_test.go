package desk

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func at(minutes int) time.Time {
	return time.Date(2026, 3, 2, 9, minutes, 0, 0, time.UTC)
}

func TestClockStep(t *testing.T) {
	t.Parallel()
	began := clockState{reading: reading{"one", time.Hour, at(0)}, last: at(10), mark: at(10)}
	for name, c := range map[string]struct {
		state clockState
		now   reading
		jump  time.Duration
		mark  time.Time
	}{
		"first reading":            {clockState{}, reading{"one", time.Hour, at(0)}, 0, at(0)},
		"time goes by":             {began, reading{"one", time.Hour + 20*time.Minute, at(20)}, 0, at(20)},
		"set a little":             {began, reading{"one", time.Hour + 20*time.Minute, at(25)}, 0, at(25)},
		"set forward":              {began, reading{"one", time.Hour + 20*time.Minute, at(80)}, time.Hour, at(80)},
		"set back":                 {began, reading{"one", time.Hour + 20*time.Minute, at(5)}, -15 * time.Minute, at(10)},
		"the machine slept":        {began, reading{"one", 10 * time.Hour, at(9 * 60)}, 0, at(9 * 60)},
		"another boot":             {began, reading{"two", time.Minute, at(30)}, 0, at(30)},
		"another boot, set back":   {began, reading{"two", time.Minute, at(0)}, -10 * time.Minute, at(10)},
		"another boot of one name": {began, reading{"one", time.Minute, at(30)}, 0, at(30)},
	} {
		next, jump := c.state.step(c.now)
		if jump != c.jump || next.jumped != c.jump || !next.mark.Equal(c.mark) || !next.last.Equal(c.now.wall) {
			t.Errorf("%s: jump %s, %+v", name, jump, next)
		}
	}
}

// TestManySmallStepsAreAJump: whoever sets the clock by four minutes again and
// again is seen as soon as they have come further than five.
func TestManySmallStepsAreAJump(t *testing.T) {
	t.Parallel()
	c, _ := clockState{}.step(reading{"one", 0, at(0)})
	c, first := c.step(reading{"one", time.Minute, at(5)})
	c, second := c.step(reading{"one", 2 * time.Minute, at(10)})
	if first != 0 || second != 8*time.Minute || c.jumped != 8*time.Minute {
		t.Errorf("jumps %s and %s, in all %s", first, second, c.jumped)
	}
}

// TestNoJumpShortensAHold: however the clock is set, a hold that is counted with
// what it jumped lasts as long as it must, but for what is too small to be a jump.
func TestNoJumpShortensAHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const hold = 24 * time.Hour
		elapsed, wall := time.Duration(0), at(0)
		look := func(c clockState) clockState {
			next, _ := c.step(reading{"one", elapsed, wall})
			return next
		}
		c := look(clockState{})
		pass := func(minutes int) {
			elapsed, wall = elapsed+time.Duration(minutes)*time.Minute, wall.Add(time.Duration(minutes)*time.Minute)
			c = look(c)
		}
		set := func(minutes int) {
			wall = wall.Add(time.Duration(minutes) * time.Minute)
			c = look(c)
		}
		steps := func(n int) {
			for range n {
				set(rapid.IntRange(-3000, 3000).Draw(t, "set"))
				pass(rapid.IntRange(0, 300).Draw(t, "pass"))
			}
		}
		steps(rapid.IntRange(0, 3).Draw(t, "before"))
		approved, then, began := wall, c.jumped, elapsed
		steps(rapid.IntRange(0, 6).Draw(t, "after"))
		until := approved.Add(hold + c.jumped - then)
		if over := !wall.Before(until); over && elapsed-began < hold-2*jumpOver {
			t.Fatalf("the hold ended after %s", elapsed-began)
		}
		if over := !wall.Before(until); !over && elapsed-began > hold+2*jumpOver {
			t.Fatalf("the hold lasts still after %s", elapsed-began)
		}
	})
}
