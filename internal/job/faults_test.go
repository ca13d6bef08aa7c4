package job

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"rekey"
)

// TestEveryFaultAtEveryPoint: whatever becomes of the change, and wherever the
// process is killed, no outcome is ever wrong; resume settles it with one try of
// the new password, and one for each change that it sends anew, and no more than
// one wrong try ever stands.
func TestEveryFaultAtEveryPoint(t *testing.T) {
	t.Parallel()
	faults := map[string]struct {
		ignore bool
		answer error
	}{
		"all well":        {false, nil},
		"lost before":     {true, rekey.ErrUnknown},
		"lost after":      {false, rekey.ErrUnknown},
		"line broke, too": {true, rekey.ErrUnreachable},
		"refused":         {true, rekey.ErrDenied},
		"did nothing":     {true, nil},
	}
	points := []string{"", "begun", "intended", "changing", "set", "proved", "confirmed", "changed", "proved cgi", "verified", "hardened", "watched", "recorded", "unchanged"}
	for name, f := range faults {
		for _, point := range points {
			t.Run(fmt.Sprintf("%s, killed at %q", name, point), func(t *testing.T) {
				t.Parallel()
				b := newLab(t)
				b.ignore, b.onSet = f.ignore, f.answer
				r, _ := b.runner(t)
				if point != "" {
					killedAt(r, point)
				}
				rep := dying(func() (Report, error) { return r.Reset(context.Background(), b.request()) })
				b.truth(t, "reset", rep)
				b.set(func() { b.ignore, b.onSet = f.ignore && f.answer == nil, nil }) // the line is whole again
				r.At = nil
				for n := range 3 {
					runs, err := r.OpenRuns()
					if err != nil {
						t.Fatal(err)
					}
					if len(runs) == 0 {
						b.settled(t)
						return
					}
					before := b.newWrong - b.sets
					rep := dying(func() (Report, error) { return r.Resume(context.Background(), runs[0], ResumeOptions{}) })
					b.truth(t, fmt.Sprint("resume ", n+1), rep)
					if more := b.newWrong - b.sets - before; more > 1 {
						t.Errorf("resume %d spent %d tries of the new password more than it sent it", n+1, more)
					}
				}
				t.Error("three resumes did not settle it")
			})
		}
	}
}

// dying gives no report where the process was killed.
func dying(do func() (Report, error)) (rep Report) {
	defer func() {
		if recover() != nil {
			rep = Report{}
		}
	}()
	rep, _ = do()
	return rep
}

// truth holds a report to what the recorder thinks.
func (b *lab) truth(t *testing.T, what string, rep Report) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.passwords["admin"]
	if rep.Run != "" && ((rep.Outcome == rekey.Changed && now != labNew) || (rep.Outcome == rekey.Unchanged && now != labOld)) {
		t.Errorf("%s: the outcome %s is wrong", what, rep.Outcome)
	}
}

// settled: nothing is left behind at the recorder.
func (b *lab) settled(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wrong != 0 || b.most > 1 {
		t.Errorf("%d wrong tries stand, %d stood at once", b.wrong, b.most)
	}
}

// The last try before a lock is told as what it is.
func TestTriesAreTold(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	r, told := b.runner(t)
	req := b.request()
	req.Login.Password = rekey.NewSecret("Wrong-guess-99")
	for n, want := range []string{`one of 2 tries that rekey may spend on "admin"`, `one of 1 tries that rekey may spend on "admin"`} { // the catalogue says 3
		if _, err := r.Plan(context.Background(), req); !errors.Is(err, rekey.ErrDenied) || count(*told, want) != 1 {
			t.Errorf("try %d: %q was not told, %v", n+1, want, err)
		}
	}
	if _, err := r.Plan(context.Background(), req); !errors.Is(err, rekey.ErrBudget) || b.sent != 2 {
		t.Errorf("%v, after %d logins", err, b.sent)
	}
	req.Accept = append(req.Accept, rekey.RiskLockAccount)
	if _, err := r.Plan(context.Background(), req); !errors.Is(err, rekey.ErrDenied) || count(*told, "is the last before it may lock") != 1 {
		t.Errorf("the last one, accepted: %v", err)
	}
}
