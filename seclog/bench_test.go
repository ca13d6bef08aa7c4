package seclog

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// BenchmarkAppend appends records one by one, and in the same run writes and
// fsyncs the same bytes to a plain file: the ratio is what the checkpoint costs.
// A checkpoint replaces a file, so a bare replacement is timed as well.
func BenchmarkAppend(b *testing.B) {
	for _, batch := range []int{1, 100} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			dir := newLog(b, 0)
			l := reopen(b, dir)
			defer l.Close() //nolint:errcheck // benchmark
			plain, err := os.Create(filepath.Join(b.TempDir(), "plain"))
			must(b, err)
			defer plain.Close() //nolint:errcheck // benchmark
			records := make([]Record, batch)
			for i := range records {
				records[i] = event(i)
			}
			line, err := event(1).encode()
			must(b, err)
			bytes := bytes.Repeat(append(line, '\n'), batch)
			var ours, theirs, replacing time.Duration
			for b.Loop() {
				start := time.Now()
				_, err := l.AppendBatch(b.Context(), records)
				must(b, err)
				middle := time.Now()
				_, err = plain.Write(bytes)
				must(b, errors.Join(err, plain.Sync()))
				last := time.Now()
				replace(b, filepath.Join(filepath.Dir(plain.Name()), "checkpoint"), line)
				ours, theirs, replacing = ours+middle.Sub(start), theirs+last.Sub(middle), replacing+time.Since(last)
			}
			b.ReportMetric(0, "ns/op") // would be all three together
			b.ReportMetric(float64(ours.Microseconds())/float64(b.N), "append-us/op")
			b.ReportMetric(float64(theirs.Microseconds())/float64(b.N), "write+fsync-us/op")
			b.ReportMetric(float64(replacing.Microseconds())/float64(b.N), "replace-us/op")
			b.ReportMetric(float64(ours)/float64(theirs), "x-bare")
		})
	}
}

// BenchmarkVerifyMillion verifies a log of a million records, and in the same
// run hashes the same file with SHA-256: the ratio is what the tree costs.
func BenchmarkVerifyMillion(b *testing.B) {
	dir := b.TempDir()
	buildLog(b, dir, 1_000_000)
	key := keyOf(b, dir)
	var ours, theirs time.Duration
	for b.Loop() {
		start := time.Now()
		report, err := Verify(b.Context(), os.DirFS(dir), key, nil)
		must(b, err)
		if report.Records != 1_000_000 {
			b.Fatalf("report: %+v", report)
		}
		middle := time.Now()
		hashFile(b, filepath.Join(dir, recordsFile))
		ours, theirs = ours+middle.Sub(start), theirs+time.Since(middle)
	}
	b.ReportMetric(0, "ns/op") // would be both together
	b.ReportMetric(float64(ours.Milliseconds())/float64(b.N), "verify-ms/op")
	b.ReportMetric(float64(theirs.Milliseconds())/float64(b.N), "sha256-ms/op")
	b.ReportMetric(float64(ours)/float64(theirs), "x-bare")
}

// BenchmarkOpenMillion opens and closes a log of a million records, and in the
// same run one of a single record: the ratio is what the length costs.
func BenchmarkOpenMillion(b *testing.B) {
	long, short := b.TempDir(), b.TempDir()
	buildLog(b, long, 1_000_000)
	buildLog(b, short, 1)
	var ours, theirs time.Duration
	for b.Loop() {
		start := time.Now()
		must(b, reopen(b, long).Close())
		middle := time.Now()
		must(b, reopen(b, short).Close())
		ours, theirs = ours+middle.Sub(start), theirs+time.Since(middle)
	}
	b.ReportMetric(0, "ns/op") // would be both together
	b.ReportMetric(float64(ours.Microseconds())/float64(b.N), "open-us/op")
	b.ReportMetric(float64(ours)/float64(theirs), "x-bare")
}

// replace is the bare way to replace a file so that it survives a power cut.
func replace(b *testing.B, name string, data []byte) {
	f, err := os.Create(name + ".tmp")
	must(b, err)
	_, err = f.Write(data)
	must(b, errors.Join(err, f.Sync(), f.Close(), os.Rename(f.Name(), name)))
	dir, err := os.Open(filepath.Dir(name))
	must(b, err)
	must(b, errors.Join(dir.Sync(), dir.Close()))
}

func hashFile(b *testing.B, name string) {
	f, err := os.Open(name)
	must(b, err)
	defer f.Close() //nolint:errcheck // only read
	_, err = io.Copy(sha256.New(), f)
	must(b, err)
}

// buildLog writes a log of n records without an fsync for each.
func buildLog(t testing.TB, dir string, n int64) {
	t.Helper()
	must(t, lay(dir, testOrigin))
	signer, err := note.NewSigner(strings.TrimSpace(string(read(t, dir, keyFile))))
	must(t, err)
	records, hashes := create(t, dir, recordsFile), create(t, dir, hashesFile)
	rw, hw := bufio.NewWriterSize(records, 1<<20), bufio.NewWriterSize(hashes, 1<<20)
	var tree frontier
	r := event(1)
	for i := range n {
		r.Seq, r.Time = i, time.Unix(1_770_000_000+i, 0)
		line, err := r.encode()
		must(t, err)
		for _, h := range tree.add(tlog.RecordHash(line)) {
			_, _ = hw.Write(h[:]) // the error comes again with Flush
		}
		_, _ = rw.Write(append(line, '\n'))
	}
	must(t, errors.Join(rw.Flush(), hw.Flush(), records.Close(), hashes.Close()))
	signed, err := Checkpoint{Origin: testOrigin, Size: n, Root: tree.root()}.sign(signer)
	must(t, err)
	write(t, dir, checkpointFile, signed)
}

func create(t testing.TB, dir, name string) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, name))
	must(t, err)
	return f
}

// Verifying takes the same memory for a short log and for a long one.
func TestVerifyMemoryIsBounded(t *testing.T) {
	allocated := func(n int64) uint64 {
		dir := t.TempDir()
		buildLog(t, dir, n)
		key := keyOf(t, dir)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Verify(t.Context(), os.DirFS(dir), key, nil)
		must(t, err)
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	short, long := allocated(1_000), allocated(30_000)
	if long > short+100_000 {
		t.Errorf("%d bytes allocated for 1,000 records, %d for 30,000", short, long)
	}
}
