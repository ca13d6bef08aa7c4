package seclog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

func TestAppendIsCoveredWhenItReturns(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	l, err := Create(t.Context(), dir, testOrigin, testOptions())
	must(t, err)
	defer l.Close() //nolint:errcheck // test
	for i := range 20 {
		e, err := l.Append(t.Context(), event(i))
		must(t, err)
		onDisk := read(t, dir, checkpointFile)
		if string(onDisk) != string(e.Checkpoint) || string(onDisk) != string(l.Checkpoint()) {
			t.Fatalf("record %d: checkpoint on disk is not the one that was returned", e.Seq)
		}
		cp, err := OpenCheckpoint(onDisk, l.Key())
		must(t, err)
		if cp.Size != e.Seq+1 || e.Seq != int64(i+1) || l.Size() != cp.Size {
			t.Fatalf("record %d is not covered by a checkpoint of %d records", e.Seq, cp.Size)
		}
	}
	report := verified(t, dir) // while it is open
	if report.Records != 21 || !report.Hashes || report.Uncovered != 0 || report.TornBytes != 0 || report.FirstBad != -1 {
		t.Fatalf("report: %+v", report)
	}
	if last := records(t, dir)[20]; !last.Time.Equal(report.Time) || last.Boot != "b1" || last.ClockTrust != ClockNTP {
		t.Fatalf("last record %+v, report time %v", last, report.Time)
	}
}

// The stored hashes, roots and our own frontier are those of x/mod's tlog.
func TestTreeIsTlogs(t *testing.T) {
	t.Parallel()
	var f frontier
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var hashes []tlog.Hash
		for _, i := range indexes {
			hashes = append(hashes, stored[i])
		}
		return hashes, nil
	})
	for n := range int64(300) {
		data := fmt.Appendf(nil, "record %d", n)
		want, err := tlog.StoredHashes(n, data, reader)
		must(t, err)
		got := f.add(tlog.RecordHash(data))
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("hashes of record %d: got %v, want %v", n, got, want)
		}
		stored = append(stored, want...)
		root, err := tlog.TreeHash(n+1, reader)
		must(t, err)
		loaded, err := loadFrontier(n+1, reader)
		must(t, err)
		if f.root() != root || loaded.root() != root {
			t.Fatalf("root of %d records: got %v and %v, want %v", n+1, f.root(), loaded.root(), root)
		}
	}
}

func TestBatchIsOneCommit(t *testing.T) {
	t.Parallel()
	dir := newLog(t, 0)
	l := reopen(t, dir)
	commits := 0
	l.between = func(step string) error {
		if step == "rename" {
			commits++
		}
		return nil
	}
	entries, err := l.AppendBatch(t.Context(), []Record{event(1), event(2), event(3)})
	must(t, err)
	if none, err := l.AppendBatch(t.Context(), nil); err != nil || len(none) != 0 {
		t.Fatalf("empty batch: %v, %v", none, err)
	}
	must(t, l.Close())
	if commits != 1 || len(entries) != 3 || entries[2].Seq != 3 {
		t.Fatalf("%d commits, entries %+v", commits, entries)
	}
	if report := verified(t, dir); report.Records != 4 {
		t.Fatalf("report: %+v", report)
	}
}

func TestRefusedRecordLeavesTheLogAsItWas(t *testing.T) {
	t.Parallel()
	dir := newLog(t, 2)
	before := read(t, dir, recordsFile)
	l := reopen(t, dir)
	_, err := l.AppendBatch(t.Context(), []Record{event(1), {Actor: "no event"}})
	if !errors.Is(err, ErrRecord) {
		t.Fatalf("got %v, want ErrRecord", err)
	}
	if string(read(t, dir, recordsFile)) != string(before) {
		t.Fatal("a refused batch was written in part")
	}
	_, err = l.Append(t.Context(), event(3))
	must(t, err)
	must(t, l.Close())
	verified(t, dir)
}

func TestCreateAndOpen(t *testing.T) {
	t.Parallel()
	dir := newLog(t, 1)
	if _, err := Create(t.Context(), dir, testOrigin, Options{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create over a log: %v, want fs.ErrExist", err)
	}
	empty := t.TempDir()
	if _, err := Open(t.Context(), empty, Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open nothing: %v, want fs.ErrNotExist", err)
	}
	if left, _ := os.ReadDir(empty); len(left) != 0 {
		t.Errorf("open made %v", left)
	}
	if _, err := OpenOrCreate(t.Context(), dir, "rekey.example/other", Options{}); err == nil || !strings.Contains(err.Error(), testOrigin) {
		t.Errorf("open with another origin: %v", err)
	}
	for _, origin := range []string{"", "two words", "a+b", "https://example.org/log", "a\nb", "a\x1bb", "a\xffb", strings.Repeat("a", 256)} {
		if _, err := Create(t.Context(), t.TempDir(), origin, Options{}); err == nil {
			t.Errorf("origin %q was accepted", origin)
		}
	}
	l, err := OpenOrCreate(t.Context(), dir, testOrigin, Options{})
	must(t, err)
	must(t, l.Close())
	must(t, l.Close())
	if _, err := l.Append(t.Context(), event(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("append to a closed log: %v, want ErrClosed", err)
	}
	if info, err := os.Stat(filepath.Join(dir, keyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info.Mode(), err)
	}
	if first := records(t, dir)[0]; first.Event != EventCreated || first.Object != testOrigin {
		t.Errorf("record 0: %+v", first)
	}
}

func TestSecondWriterWaits(t *testing.T) {
	t.Parallel()
	dir := newLog(t, 1)
	l := reopen(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, dir, Options{}); !errors.Is(err, ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want ErrBusy", err)
	}
	opened := make(chan error)
	go func() {
		second, err := Open(t.Context(), dir, testOptions())
		if err == nil {
			_, err = second.Append(t.Context(), event(2))
			err = errors.Join(err, second.Close())
		}
		opened <- err
	}()
	must(t, l.Close())
	must(t, <-opened)
	if got := verified(t, dir).Records; got != 3 {
		t.Fatalf("%d records, want 3", got)
	}
}

// Several writers open, append and close one log, as the operator's programs do.
func TestManyWritersOneLog(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	const writers, each = 4, 5
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				l, err := OpenOrCreate(t.Context(), dir, testOrigin, Options{})
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := l.Append(t.Context(), event(w*100+i)); err != nil {
					t.Error(err)
				}
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, r := range records(t, dir) {
		seen[r.Object] = true
	}
	if report := verified(t, dir); report.Records != writers*each+1 || len(seen) != writers*each+1 {
		t.Fatalf("%d records, %d objects, want %d", report.Records, len(seen), writers*each+1)
	}
}

func TestManyGoroutinesOneLog(t *testing.T) {
	t.Parallel()
	dir := newLog(t, 0)
	l := reopen(t, dir)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 5 {
				if _, err := l.Append(t.Context(), event(w*100+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	must(t, l.Close())
	if got := verified(t, dir).Records; got != 41 {
		t.Fatalf("%d records, want 41", got)
	}
}

func TestEndedContextAppendsNothing(t *testing.T) {
	t.Parallel()
	dir := newLog(t, 1)
	l := reopen(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Append(ctx, event(1)); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	_, err := l.Append(t.Context(), event(2))
	must(t, err)
	must(t, l.Close())
	if got := verified(t, dir).Records; got != 3 {
		t.Fatalf("%d records, want 3", got)
	}
}
