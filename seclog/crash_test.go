package seclog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// recovered opens a log that a crash left, and holds it against the records it
// acknowledged before: they are all there, unchanged and first.
func recovered(t *testing.T, dir string, acknowledged []byte) []Record {
	t.Helper()
	l := reopen(t, dir)
	if _, err := l.Append(t.Context(), event(999)); err != nil {
		t.Fatal(err)
	}
	must(t, l.Close())
	report := verified(t, dir)
	if report.Uncovered != 0 || report.TornBytes != 0 || !report.Hashes {
		t.Fatalf("after recovery: %+v", report)
	}
	if !bytes.HasPrefix(read(t, dir, recordsFile), acknowledged) {
		t.Fatal("an acknowledged record was lost or changed")
	}
	return records(t, dir)
}

// steps of a commit, in the order on which recovery rests.
var steps = []string{"write records.jsonl", "write hashes", "write checkpoint.tmp", "sync", "rename"}

// The process dies between any two writes of a commit.
func TestCrashBetweenWrites(t *testing.T) {
	t.Parallel()
	dir := newLog(t, 3)
	before := read(t, dir, recordsFile)
	l := reopen(t, dir)
	left := map[string]string{}
	var order []string
	l.between = func(step string) error {
		order = append(order, step)
		left[step] = copyDir(t, dir)
		return nil
	}
	_, err := l.AppendBatch(t.Context(), []Record{event(10), event(11)})
	must(t, err)
	must(t, l.Close())
	if fmt.Sprint(order) != fmt.Sprint(steps) {
		t.Fatalf("a commit writes in the order %v, recovery rests on %v", order, steps)
	}
	for i, step := range order {
		covered := i == len(order)-1
		all := recovered(t, left[step], before)
		note := all[len(all)-2]
		switch {
		case covered && (len(all) != 7 || note.Event == EventRecovered):
			t.Errorf("crash after %s: %d records, %+v", step, len(all), note)
		case !covered && (len(all) != 8 || note.Event != EventRecovered || note.Detail["kept_records"] != "2" || note.Detail["cut_bytes"] != "0" ||
			note.Detail["first_kept"] != "4" || note.Detail["last_kept"] != "5"):
			t.Errorf("crash after %s: %d records, %+v", step, len(all), note)
		}
	}
}

// The power goes while any of the files is being written, so that only its
// first n bytes are there, or zeros in their place.
func TestPowerCutAtEveryByte(t *testing.T) {
	t.Parallel()
	before := newLog(t, 3)
	after := copyDir(t, before)
	l := reopen(t, after)
	_, err := l.AppendBatch(t.Context(), []Record{event(10), {Event: "e"}})
	must(t, err)
	must(t, l.Close())
	acknowledged := read(t, before, recordsFile)
	records, hashes, checkpoint := read(t, after, recordsFile), read(t, after, hashesFile), read(t, after, checkpointFile)

	dir := copyDir(t, before)
	reset := func() {
		for _, name := range []string{recordsFile, hashesFile, checkpointFile} {
			write(t, dir, name, read(t, before, name))
		}
	}
	for n := len(acknowledged); n <= len(records); n++ {
		reset()
		write(t, dir, recordsFile, records[:n])
		if n%2 == 0 { // nothing says in which order the files reach the disk
			write(t, dir, hashesFile, hashes)
			write(t, dir, checkpointFile+tempSuffix, checkpoint[:n%len(checkpoint)])
		}
		recovered(t, dir, acknowledged)
		if n%8 == 0 {
			reset()
			write(t, dir, recordsFile, append(bytes.Clone(acknowledged), make([]byte, n-len(acknowledged))...))
			recovered(t, dir, acknowledged)
		}
	}
	for n := len(read(t, before, hashesFile)); n <= len(hashes); n++ {
		reset()
		write(t, dir, recordsFile, records)
		write(t, dir, hashesFile, hashes[:n])
		recovered(t, dir, records)
	}
}

// Garbage after the checkpoint is cut, and how much is on record.
func TestRecoveryTellsWhatWasCut(t *testing.T) {
	t.Parallel()
	whole, err := Record{Seq: 3, Time: time.Unix(5, 0), Event: "kept"}.encode()
	must(t, err)
	later, err := Record{Seq: 4, Time: time.Unix(5, 0), Event: "after garbage"}.encode()
	must(t, err)
	for name, test := range map[string]struct {
		tail      string
		cut, kept string
	}{
		// Whole records that the log did not write itself are not signed by it.
		"another form":      {"{\"seq\":3,\"time\":\"2026-03-01T12:00:00Z\",\"event\":\"x\"}\n", "52", "0"},
		"another field":     {strings.Replace(string(whole), "}", `,"by":"me"}`, 1) + "\n", strconv.Itoa(len(whole) + 11), "0"},
		"a raw escape":      {strings.Replace(string(whole), "kept", "k\u009bpt", 1) + "\n", strconv.Itoa(len(whole) + 2), "0"},
		"a blank":           {strings.Replace(string(whole), ",", ", ", 1) + "\n", strconv.Itoa(len(whole) + 2), "0"},
		"torn":              {`{"seq":3,"ti`, "12", "0"},
		"whole and torn":    {string(whole) + "\n{", "1", "1"},
		"wrong number":      {`{"seq":9,"time":"2026-03-01T12:00:00Z","event":"x"}` + "\n", "52", "0"},
		"not ours":          {"hello\n", "6", "0"},
		"garbage and whole": {"x\n" + string(whole) + "\n", strconv.Itoa(len(whole) + 3), "0"},
		"garbage between":   {string(whole) + "\n?\n" + string(later) + "\n", strconv.Itoa(len(later) + 3), "1"},
		"very long":         {string(bytes.Repeat([]byte("a"), 3*MaxRecord)) + "\n", strconv.Itoa(3*MaxRecord + 1), "0"},
	} {
		dir := newLog(t, 2)
		before := read(t, dir, recordsFile)
		write(t, dir, recordsFile, append(bytes.Clone(before), test.tail...))
		all := recovered(t, dir, before)
		note := all[len(all)-2]
		if note.Event != EventRecovered || note.Detail["cut_bytes"] != test.cut || note.Detail["kept_records"] != test.kept {
			t.Errorf("%s: %+v, want %s bytes cut, %s records kept", name, note, test.cut, test.kept)
		}
		if first, told := note.Detail["first_kept"]; told != (test.kept != "0") || told && (first != "3" || note.Detail["last_kept"] != "3") {
			t.Errorf("%s: %+v: which records were kept is not told", name, note.Detail)
		}
	}
}

// The process dies while it makes the log.
func TestCrashDuringCreate(t *testing.T) {
	t.Parallel()
	whole := newLog(t, 0)
	names := []string{keyFile, publicKeyFile, recordsFile, hashesFile}
	for n := range len(names) + 1 {
		dir := t.TempDir()
		for _, name := range names[:n] {
			content := read(t, whole, name)
			if name == recordsFile || name == hashesFile {
				content = nil
			}
			write(t, dir, name, content)
		}
		l, err := OpenOrCreate(t.Context(), dir, testOrigin, testOptions())
		must(t, err)
		must(t, l.Close())
		if got := verified(t, dir).Records; got != 1 {
			t.Errorf("after %d files: %d records", n, got)
		}
	}
}

// After a failed write the log takes nothing more: what is on disk is unknown
// until it is opened again.
func TestFailedWriteStopsTheLog(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	for _, step := range steps {
		dir := newLog(t, 2)
		before := read(t, dir, recordsFile)
		l := reopen(t, dir)
		l.between = func(s string) error {
			if s == step {
				return full
			}
			return nil
		}
		if _, err := l.Append(t.Context(), event(1)); !errors.Is(err, full) {
			t.Fatalf("%s: got %v, want the disk's error", step, err)
		}
		l.between = nil
		if _, err := l.Append(t.Context(), event(2)); !errors.Is(err, full) {
			t.Fatalf("%s: a broken log took a record: %v", step, err)
		}
		must(t, l.Close())
		recovered(t, dir, before)
	}
}

const childEnv = "SECLOG_TEST_APPEND_TO"

// TestMain turns the test binary into the writer that TestKill kills.
func TestMain(m *testing.M) {
	dir := os.Getenv(childEnv)
	if dir == "" {
		// Each check of the model syncs files some hundred times; -rapid.checks still counts.
		if err := flag.Set("rapid.checks", "25"); err != nil {
			panic(err)
		}
		os.Exit(m.Run())
	}
	if err := appendForever(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func appendForever(dir string) error {
	l, err := OpenOrCreate(context.Background(), dir, testOrigin, Options{})
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		entries, err := l.AppendBatch(context.Background(), []Record{event(i), event(i)})
		if err != nil {
			return err
		}
		if _, err := fmt.Println(entries[1].Seq); err != nil {
			return err
		}
	}
}

// kill -9 at any moment: what the writer said is stored is stored and covered.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	for round := range 8 {
		acknowledged := killAfter(t, dir, 5+round*7)
		report := verified(t, dir) // as the crash left it
		if report.Records <= acknowledged {
			t.Fatalf("round %d: record %d was acknowledged, the checkpoint covers %d records", round, acknowledged, report.Records)
		}
		covered := bytes.Join(lines(t, dir)[:report.Records], nil)
		recovered(t, dir, covered)
		if got := verified(t, dir).Records; got < report.Records+report.Uncovered {
			t.Fatalf("round %d: %d records after recovery, there were %d and %d", round, got, report.Records, report.Uncovered)
		}
	}
}

// killAfter runs the writer until it acknowledged n times, and returns the last
// number that it got out.
func killAfter(t *testing.T, dir string, n int) int64 {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	child := exec.CommandContext(t.Context(), exe) //nolint:gosec // this test binary
	child.Env = append(os.Environ(), childEnv+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	lines := bufio.NewReader(out)
	last := int64(-1)
	for i := 0; ; i++ {
		line, err := lines.ReadString('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
				t.Fatal(err)
			}
			break
		}
		last, err = strconv.ParseInt(line[:len(line)-1], 10, 64)
		must(t, err)
		if i == n {
			must(t, child.Process.Kill())
		}
	}
	_ = child.Wait() // it was killed
	if last < int64(n) {
		t.Fatalf("the writer ended by itself after record %d", last)
	}
	return last
}
