package job

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/vault"
	"rekey/seclog"
)

func testRunner(t *testing.T) *Runner {
	t.Helper()
	dir := t.TempDir()
	key, err := vault.KeyFileFor(filepath.Join(dir, "vault"), filepath.Join(dir, "vault.key"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(filepath.Join(dir, "vault"), key)
	if err != nil {
		t.Fatal(err)
	}
	log, err := seclog.Create(context.Background(), filepath.Join(dir, "log"), "rekey/test", seclog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	return &Runner{
		Dir: dir, Vault: v, Log: log, Now: time.Now, Events: func(rekey.Event) {},
		Drivers: func([]rekey.Risk) []rekey.Driver { return nil },
		Identify: func(context.Context, rekey.Target) (rekey.Identity, error) {
			t.Error("the recorder was asked")
			return rekey.Identity{}, rekey.ErrUnreachable
		},
	}
}

func testJournal(t *testing.T, r *Runner) *journal {
	t.Helper()
	b := begun{Key: "V7KX-4YBM-0P97", Target: rekey.Target{Host: "192.0.2.10"}, Started: r.Now(), Plan: rekey.Plan{Account: "admin", Way: rekey.Way{ID: rekey.WayKnownPassword}}}
	j, err := createJournal(r.runsDir(), newRunID(r.Now()), sealed{Old: "sealed"}, b)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func closeJournal(t *testing.T, j *journal) {
	t.Helper()
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
}

// A crash in the middle of a line is a step that did not end, wherever it cut.
func TestTornLineIsAStepThatDidNotEnd(t *testing.T) {
	t.Parallel()
	r := testRunner(t)
	j := testJournal(t, r)
	id := "entry"
	if err := j.append(line{Time: r.Now(), Intent: &id}); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(j.dir, journalName)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	closeJournal(t, j)
	first := strings.IndexByte(string(whole), '\n') + 1
	for cut := first; cut < len(whole); cut++ {
		if err := os.WriteFile(name, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := openJournal(r.runsDir(), j.ID)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if again.VaultID != "" {
			t.Fatalf("cut at %d: half a line was believed", cut)
		}
		if err := again.append(line{Time: r.Now(), Intent: &id}); err != nil {
			t.Fatal(err)
		}
		closeJournal(t, again)
		if back, err := readJournal(r.runsDir(), j.ID); err != nil || back.VaultID != id {
			t.Fatalf("cut at %d: the next line reads %q, %v", cut, back.VaultID, err)
		}
	}
}

// A full disk can leave half a line. Nothing may be written behind it.
func TestNothingIsWrittenBehindAFailedLine(t *testing.T) {
	t.Parallel()
	r := testRunner(t)
	j := testJournal(t, r)
	whole := j.file
	if err := whole.Close(); err != nil {
		t.Fatal(err)
	}
	if err := appendChanging(j); !errors.Is(err, rekey.ErrStorage) {
		t.Fatalf("append to a closed file: %v", err)
	}
	var err error
	if j.file, err = os.OpenFile(whole.Name(), os.O_RDWR|os.O_APPEND, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := appendChanging(j); !errors.Is(err, rekey.ErrStorage) {
		t.Fatal("the journal went on after a line that failed")
	}
	closeJournal(t, j)
	if back, err := readJournal(r.runsDir(), j.ID); err != nil || back.Changing {
		t.Fatalf("changing %v, %v", back.Changing, err)
	}
}

func appendChanging(j *journal) error {
	yes := true
	return j.append(line{Time: time.Now(), Changing: &yes})
}

// Killed between "unchanged" and "closed": resume ends the run and does not
// take the change up again.
func TestHalfClosedRunIsOnlyClosed(t *testing.T) {
	t.Parallel()
	r := testRunner(t)
	j := testJournal(t, r)
	e, err := r.Vault.Propose(context.Background(), vault.Entry{Recorder: j.Begun.Key, Account: "admin", Run: j.ID}, rekey.NewSecret("Never-in-force-7"))
	if err != nil {
		t.Fatal(err)
	}
	unchanged := rekey.Unchanged
	if err := j.append(line{Time: r.Now(), Outcome: &unchanged}); err != nil {
		t.Fatal(err)
	}
	closeJournal(t, j)
	rep, err := r.Resume(context.Background(), j.ID, ResumeOptions{})
	if err != nil || rep.Outcome != rekey.Unchanged || rep.Ended.IsZero() {
		t.Fatalf("outcome %s, ended %v, %v", rep.Outcome, rep.Ended, err)
	}
	all, err := r.Vault.OfAccount(context.Background(), j.Begun.Key, "admin")
	if err != nil || len(all) != 1 || all[0].ID != e.ID || all[0].State != vault.Former {
		t.Errorf("the proposal is %+v, %v; want it withdrawn", all, err)
	}
	if _, err := os.Stat(filepath.Join(j.dir, sealedName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the sealed secrets are left: %v", err)
	}
}

// A journal that cannot be read is shown, and does not hide the others; what a
// crash left of sealed secrets goes.
func TestOpenRunsWithDamageAndLeftovers(t *testing.T) {
	t.Parallel()
	r := testRunner(t)
	open := testJournal(t, r)
	closeJournal(t, open)
	closed := testJournal(t, r)
	yes := true
	if err := closed.append(line{Time: r.Now(), Closed: &yes}); err != nil { // and killed before the secrets were removed
		t.Fatal(err)
	}
	closeJournal(t, closed)
	damaged := filepath.Join(r.runsDir(), "20260101-000000-dead")
	if err := os.MkdirAll(damaged, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(damaged, journalName), []byte("{not json}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(r.runsDir(), "never-begun"), 0o700); err != nil {
		t.Fatal(err)
	}
	runs, err := r.OpenRuns()
	if err != nil || len(runs) != 2 || runs[0] != filepath.Base(damaged) || runs[1] != open.ID {
		t.Errorf("open runs %v, %v", runs, err)
	}
	if _, err := os.Stat(filepath.Join(closed.dir, sealedName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("sealed secrets of a closed run are left: %v", err)
	}
}

// TestRunNameIsTaken: a second run of the same name is refused, and the secrets of
// the first are as they were.
func TestRunNameIsTaken(t *testing.T) {
	t.Parallel()
	r := testRunner(t)
	first := testJournal(t, r)
	defer closeJournal(t, first)
	name := filepath.Join(first.dir, sealedName)
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := createJournal(r.runsDir(), first.ID, sealed{Old: "of another run"}, begun{Started: r.Now()}); !errors.Is(err, rekey.ErrStorage) {
		t.Errorf("a second run of that name: %v, want ErrStorage", err)
	}
	if after, err := os.ReadFile(name); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the first run's secrets are others now: %v", err)
	}
}

func TestRunNamesStayInTheirFolder(t *testing.T) {
	t.Parallel()
	r := testRunner(t)
	for _, id := range []string{"", ".", "..", "../x", "a/b", "/etc"} {
		if _, err := r.Resume(context.Background(), id, ResumeOptions{}); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("resume %q: %v, want ErrInput", id, err)
		}
	}
	if _, err := r.Resume(context.Background(), "20260101-000000-aaaa", ResumeOptions{}); !errors.Is(err, rekey.ErrNotFound) {
		t.Errorf("a run that is not there: %v", err)
	}
}
