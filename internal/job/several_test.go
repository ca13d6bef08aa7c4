package job

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"rekey"
)

// Runs on several recorders at once, out of one state folder, keep apart; of
// several on one recorder one is made, and the others send nothing.
func TestRunsAtOnce(t *testing.T) {
	t.Parallel()
	const recorders, runs = 3, 3
	dir := testRunner(t)
	var group sync.WaitGroup
	for range recorders {
		b := newLab(t)
		refused := make(chan struct{}, runs)
		t.Cleanup(func() {
			if len(refused) != 0 || b.sets != 1 || b.most > 1 || b.passwords["admin"] != labNew {
				t.Errorf("%d changes, %d wrong tries at once", b.sets, b.most)
			}
		})
		for range runs {
			r, _ := b.runner(t)
			r.Dir, r.Vault, r.Log = dir.Dir, dir.Vault, dir.Log
			r.Agree = func(context.Context, rekey.Plan) error {
				for range runs - 1 {
					<-refused
				}
				return nil
			}
			group.Go(func() {
				rep, err := r.Reset(context.Background(), b.request())
				if errors.Is(err, rekey.ErrConflict) {
					refused <- struct{}{}
				} else if err != nil || rep.Outcome != rekey.Changed {
					t.Errorf("%s: %v", rep.Outcome, err)
				}
			})
		}
	}
	group.Wait()
}

// A run of an older rekey, whose journal knows nothing of watches, own lists,
// doors without a driver and changes counted, is gone on with.
func TestOlderJournal(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"begun", "intended", "changing", "set", "changed", "verified", "hardened"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			b := newLab(t)
			r, _ := b.runner(t)
			killedAt(r, point)
			dies(t, func() { _, _ = r.Reset(context.Background(), b.request()) })
			runs, err := r.OpenRuns()
			if err != nil || len(runs) != 1 {
				t.Fatalf("%v, %v", runs, err)
			}
			name := filepath.Join(r.runsDir(), runs[0], journalName)
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, older(t, raw), 0o600); err != nil {
				t.Fatal(err)
			}
			if rep := resumeOnly(t, r, b); rep.Outcome != rekey.Changed || rep.Ended.IsZero() || b.most > 1 {
				t.Errorf("%s, ended %v; %d wrong tries stood at once", rep.Outcome, rep.Ended, b.most)
			}
		})
	}
}

// older writes a journal as it was before.
func older(t *testing.T, raw []byte) (out []byte) {
	t.Helper()
	newer := []string{"watch_ns", "logged_in", "channels", "no_driver", "locked", "clock", "own", "watched"}
	var forget func(v any)
	forget = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, inner := range v {
				if slices.Contains(newer, k) {
					delete(v, k)
				}
				forget(inner)
			}
		case []any:
			for _, inner := range v {
				forget(inner)
			}
		}
	}
	write := func(fields map[string]any) {
		forget(fields)
		if len(fields) < 2 { // the time alone
			return
		}
		line, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		out = append(append(out, line...), '\n')
	}
	for l := range strings.Lines(string(raw)) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(l), &fields); err != nil {
			t.Fatal(err)
		}
		if fields["refused"] != nil { // a line of its own
			write(map[string]any{"time": fields["time"], "refused": fields["refused"]})
			delete(fields, "refused")
		}
		write(fields)
	}
	return out
}

// Sent to another recorder by mistake, a run does not forget where its own is.
func TestMistypedAddressIsNotRemembered(t *testing.T) {
	t.Parallel()
	b, other := newLab(t), newLab(t)
	r, _ := b.runner(t)
	asks := r.Identify
	r.Identify = func(ctx context.Context, t rekey.Target) (rekey.Identity, error) {
		if t == other.target() {
			return other.id, nil
		}
		return asks(ctx, t)
	}
	killedAt(r, "set")
	dies(t, func() { _, _ = r.Reset(context.Background(), b.request()) })
	runs, err := r.OpenRuns()
	if err != nil || len(runs) != 1 {
		t.Fatalf("%v, %v", runs, err)
	}
	there := other.target()
	if _, err := r.Resume(context.Background(), runs[0], ResumeOptions{At: &there}); !errors.Is(err, rekey.ErrConflict) || other.sent != 0 {
		t.Fatalf("%v, and %d logins were sent", err, other.sent)
	}
	if rep := resumeOnly(t, r, b); rep.Outcome != rekey.Changed || rep.Address != b.target().String() {
		t.Errorf("%s at %s", rep.Outcome, rep.Address)
	}
}
