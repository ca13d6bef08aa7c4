package seclog

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// lines splits and joins the records file.
func lines(t *testing.T, dir string) [][]byte {
	t.Helper()
	return bytes.SplitAfter(bytes.TrimSuffix(read(t, dir, recordsFile), []byte("\n")), []byte("\n"))
}

func writeLines(t *testing.T, dir string, ls [][]byte) {
	t.Helper()
	joined := bytes.Join(ls, nil)
	write(t, dir, recordsFile, append(bytes.TrimSuffix(joined, []byte("\n")), '\n'))
}

// change swaps one letter of a record without touching its number.
func change(line []byte) []byte { return bytes.Replace(line, []byte("agent-7"), []byte("agent-8"), 1) }

// storeHashes writes a hashes file that agrees with the records, as somebody
// who knows the format would do after changing them.
func storeHashes(t *testing.T, dir string) {
	t.Helper()
	var f frontier
	var b []byte
	for _, line := range lines(t, dir) {
		for _, h := range f.add(tlog.RecordHash(bytes.TrimSuffix(line, []byte("\n")))) {
			b = append(b, h[:]...)
		}
	}
	write(t, dir, hashesFile, b)
}

// resign signs the records as they are: what a thief of the key does.
func resign(t *testing.T, dir string) {
	t.Helper()
	storeHashes(t, dir)
	signer, err := note.NewSigner(strings.TrimSpace(string(read(t, dir, keyFile))))
	must(t, err)
	var f frontier
	for _, line := range lines(t, dir) {
		f.add(tlog.RecordHash(bytes.TrimSuffix(line, []byte("\n"))))
	}
	signed, err := Checkpoint{Origin: testOrigin, Size: f.size, Root: f.root()}.sign(signer)
	must(t, err)
	write(t, dir, checkpointFile, signed)
}

// The log under attack has records 0 to 9.
func TestTampering(t *testing.T) {
	t.Parallel()
	good := newLog(t, 9)
	other := newLog(t, 12)
	key := keyOf(t, good)
	edit := func(f func([][]byte) [][]byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) { writeLines(t, dir, f(lines(t, dir))) }
	}
	for _, test := range []struct {
		name   string
		tamper func(*testing.T, string)
		record int64 // that Verify names
		until  int64 // 0: only that record
		opens  bool  // Open, which looks at the end only, still takes it
	}{
		{"one byte of a record", edit(func(l [][]byte) [][]byte { l[4] = change(l[4]); return l }), 4, 0, true},
		{"one byte of the first record", edit(func(l [][]byte) [][]byte {
			l[0] = bytes.Replace(l[0], []byte("seclog"), []byte("seclag"), 1)
			return l
		}), 0, 0, true},
		{"one byte of the last record", edit(func(l [][]byte) [][]byte { l[9] = change(l[9]); return l }), 9, 0, false},
		{"the last record cut", edit(func(l [][]byte) [][]byte { return l[:9] }), 9, 0, false},
		{"the last three records cut", edit(func(l [][]byte) [][]byte { return l[:7] }), 7, 0, false},
		{"the last byte cut", func(t *testing.T, dir string) {
			b := read(t, dir, recordsFile)
			write(t, dir, recordsFile, b[:len(b)-1])
		}, 9, 0, false},
		{"all records cut", func(t *testing.T, dir string) { write(t, dir, recordsFile, nil) }, 0, 0, false},
		{"records file removed", func(t *testing.T, dir string) { must(t, os.Remove(dir+"/"+recordsFile)) }, 0, 0, false},
		{"a middle record cut", edit(func(l [][]byte) [][]byte { return slices.Delete(l, 5, 6) }), 5, 0, true},
		{"the first record cut", edit(func(l [][]byte) [][]byte { return l[1:] }), 0, 0, true},
		{"two records swapped", edit(func(l [][]byte) [][]byte { l[3], l[6] = l[6], l[3]; return l }), 3, 0, true},
		{"a record twice", edit(func(l [][]byte) [][]byte { return slices.Insert(l, 5, l[4]) }), 5, 0, true},
		{"an empty line put in", edit(func(l [][]byte) [][]byte { return slices.Insert(l, 2, []byte("\n")) }), 2, 0, true},
		{"a line too long", edit(func(l [][]byte) [][]byte {
			l[2] = append(bytes.Repeat([]byte("x"), MaxRecord+1), '\n')
			return l
		}), 2, 0, true},
		{"carriage return added", edit(func(l [][]byte) [][]byte { l[8] = bytes.Replace(l[8], []byte("\n"), []byte("\r\n"), 1); return l }), 8, 0, true},
		{"another log's record", func(t *testing.T, dir string) {
			l := lines(t, dir)
			l[6] = lines(t, other)[6]
			l[6] = bytes.Replace(l[6], []byte("ND"), []byte("NX"), 1)
			writeLines(t, dir, l)
		}, 6, 0, true},
		{"another log's checkpoint", func(t *testing.T, dir string) { write(t, dir, checkpointFile, read(t, other, checkpointFile)) }, -1, 0, false},
		{"another log's checkpoint and key", func(t *testing.T, dir string) {
			write(t, dir, checkpointFile, read(t, other, checkpointFile))
			write(t, dir, publicKeyFile, read(t, other, publicKeyFile))
		}, -1, 0, false},
		{"checkpoint removed", func(t *testing.T, dir string) { must(t, os.Remove(dir+"/"+checkpointFile)) }, -1, 0, false},
		{"checkpoint claims more", func(t *testing.T, dir string) {
			write(t, dir, checkpointFile, bytes.Replace(read(t, dir, checkpointFile), []byte("\n10\n"), []byte("\n11\n"), 1))
		}, -1, 0, false},
		{"a stored hash", func(t *testing.T, dir string) {
			b := read(t, dir, hashesFile)
			b[tlog.StoredHashIndex(0, 2)*tlog.HashSize] ^= 1
			write(t, dir, hashesFile, b)
		}, 2, 0, true},
		{"hashes file cut short", func(t *testing.T, dir string) { write(t, dir, hashesFile, read(t, dir, hashesFile)[:hashBytes(7)+5]) }, 7, 0, true},
		{"a record and its stored hash", func(t *testing.T, dir string) {
			l := lines(t, dir)
			l[5] = change(l[5])
			writeLines(t, dir, l)
			h := tlog.RecordHash(bytes.TrimSuffix(l[5], []byte("\n")))
			b := read(t, dir, hashesFile)
			copy(b[tlog.StoredHashIndex(0, 5)*tlog.HashSize:], h[:])
			write(t, dir, hashesFile, b)
		}, 4, 6, true},
		{"a record, and another's stored hash", func(t *testing.T, dir string) {
			edit(func(l [][]byte) [][]byte { l[5] = change(l[5]); return l })(t, dir)
			b := read(t, dir, hashesFile)
			b[tlog.StoredHashIndex(0, 0)*tlog.HashSize] ^= 1
			write(t, dir, hashesFile, b)
		}, 0, 6, true},
		{"every record, but not its number", edit(func(l [][]byte) [][]byte {
			for i := range l {
				l[i] = bytes.Replace(l[i], []byte(`"result":"ok"`), []byte(`"result":"no"`), 1)
			}
			return l
		}), 0, 8, false},
		{"a record and the hashes file removed", func(t *testing.T, dir string) {
			edit(func(l [][]byte) [][]byte { l[5] = change(l[5]); return l })(t, dir)
			must(t, os.Remove(dir+"/"+hashesFile))
		}, 0, 10, false},
		{"a record and all hashes rewritten", func(t *testing.T, dir string) {
			edit(func(l [][]byte) [][]byte { l[5] = change(l[5]); return l })(t, dir)
			storeHashes(t, dir)
		}, 0, 10, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := copyDir(t, good)
			test.tamper(t, dir)
			report, err := Verify(t.Context(), os.DirFS(dir), key, nil)
			var bad *TamperError
			if !errors.As(err, &bad) || !errors.Is(err, ErrTampered) {
				t.Fatalf("verify: %v, want a *TamperError", err)
			}
			until := max(test.until, test.record+1)
			if bad.Record != test.record || report.FirstBad != test.record || test.record >= 0 && bad.Until != until {
				t.Errorf("verify names [%d, %d), report %d; want [%d, %d): %v", bad.Record, bad.Until, report.FirstBad, test.record, until, err)
			}
			l, err := Open(t.Context(), dir, testOptions())
			if err == nil {
				must(t, l.Close())
			}
			if (err == nil) != test.opens {
				t.Errorf("open: %v, want success %v", err, test.opens)
			}
			if !test.opens && !errors.Is(err, ErrTampered) {
				t.Errorf("open: %v, want ErrTampered", err)
			}
		})
	}
}

// Who changes a record and spoils the stored hash of another does not put the
// blame on the other: both are named, and neither is called the wrong one.
func TestBlameIsNotShifted(t *testing.T) {
	t.Parallel()
	dir := newLog(t, 9)
	ls := lines(t, dir)
	ls[5] = change(ls[5])
	writeLines(t, dir, ls)
	b := read(t, dir, hashesFile)
	b[tlog.StoredHashIndex(0, 0)*tlog.HashSize] ^= 1
	write(t, dir, hashesFile, b)
	_, err := Verify(t.Context(), os.DirFS(dir), keyOf(t, dir), nil)
	if err == nil {
		t.Fatal("it verifies")
	}
	for _, want := range []string{"record or its stored hash", "record 0", "record 5"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	for _, never := range []string{"record 4", "record 1 ", "records 0 to 3"} {
		if strings.Contains(err.Error(), never) {
			t.Errorf("%q names %q", err, never)
		}
	}
}

// Whatever single byte of any file is changed, Verify fails.
func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	dir := newLog(t, 4)
	key := keyOf(t, dir)
	for _, name := range []string{recordsFile, hashesFile, checkpointFile} {
		whole := read(t, dir, name)
		for i := range whole {
			b := bytes.Clone(whole)
			b[i] ^= 0x20
			write(t, dir, name, b)
			if _, err := Verify(t.Context(), os.DirFS(dir), key, nil); !errors.Is(err, ErrTampered) {
				t.Fatalf("%s: byte %d changed: %v, want ErrTampered", name, i, err)
			}
		}
		write(t, dir, name, whole)
	}
}

// An earlier checkpoint, kept elsewhere, shows what the log alone cannot.
func TestEarlierCheckpoint(t *testing.T) {
	t.Parallel()
	dir := newLog(t, 4)
	early := read(t, dir, checkpointFile)
	old := copyDir(t, dir)
	l := reopen(t, dir)
	for i := range 5 {
		_, err := l.Append(t.Context(), event(i))
		must(t, err)
	}
	must(t, l.Close())
	key, late := keyOf(t, dir), read(t, dir, checkpointFile)

	report, err := Verify(t.Context(), os.DirFS(dir), key, early)
	if err != nil || report.Earlier != 5 || report.Records != 10 {
		t.Fatalf("an honest log: %+v, %v", report, err)
	}
	if report, err = Verify(t.Context(), os.DirFS(dir), key, late); err != nil || report.Earlier != 10 {
		t.Fatalf("its own checkpoint: %+v, %v", report, err)
	}
	if _, err := Verify(t.Context(), os.DirFS(old), key, late); badRecord(err) != 5 {
		t.Errorf("a log put back: %v, want record 5 named", err)
	}

	rewritten := copyDir(t, dir)
	ls := lines(t, rewritten)
	ls[2] = change(ls[2])
	writeLines(t, rewritten, ls)
	resign(t, rewritten)
	if _, err := Verify(t.Context(), os.DirFS(rewritten), key, nil); err != nil {
		t.Fatalf("a log signed again: %v; the test means to show that it passes", err)
	}
	var bad *TamperError
	if _, err := Verify(t.Context(), os.DirFS(rewritten), key, early); !errors.As(err, &bad) || bad.Record != 0 || bad.Until != 5 {
		t.Errorf("a log signed again: %v, want records 0 to 4 named", err)
	}

	narrowed := copyDir(t, dir)
	ls = lines(t, narrowed)
	ls[7] = change(ls[7])
	writeLines(t, narrowed, ls)
	storeHashes(t, narrowed)
	if _, err := Verify(t.Context(), os.DirFS(narrowed), key, early); !errors.As(err, &bad) || bad.Record != 5 || bad.Until != 10 {
		t.Errorf("changed after the earlier checkpoint: %v, want records 5 to 9 named", err)
	}
	if _, err := Verify(t.Context(), os.DirFS(dir), key, read(t, newLog(t, 3), checkpointFile)); !errors.Is(err, ErrTampered) {
		t.Errorf("another log's earlier checkpoint: %v", err)
	}
}

// What stands after the checkpoint is told, and no failure: a writer may be at work.
func TestUncoveredIsTold(t *testing.T) {
	t.Parallel()
	dir := newLog(t, 2)
	b := read(t, dir, recordsFile)
	write(t, dir, recordsFile, append(b, []byte("{\"seq\":3,\"event\":\"x\"}\n{\"seq\":4")...))
	if report := verified(t, dir); report.Records != 3 || report.Uncovered != 1 || report.TornBytes != 8 {
		t.Errorf("report: %+v", report)
	}
}

func TestVerifyNothing(t *testing.T) {
	t.Parallel()
	if _, err := Verify(t.Context(), os.DirFS(t.TempDir()), "k", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v, want fs.ErrNotExist", err)
	}
	dir := newLog(t, 1)
	if _, err := Verify(t.Context(), os.DirFS(dir), "not a key", nil); err == nil || errors.Is(err, ErrTampered) {
		t.Errorf("a bad key: %v, want an error about the key", err)
	}
}

// A hashes file that was lost or damaged is written anew from the records, and
// that is on record.
func TestHashesAreRebuilt(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(string) error{
		"removed": func(f string) error { return os.Remove(f) },
		"emptied": func(f string) error { return os.Truncate(f, 0) },
		"torn":    func(f string) error { return os.Truncate(f, 100) },
	} {
		dir := newLog(t, 6)
		must(t, damage(dir+"/"+hashesFile))
		all := recovered(t, dir, read(t, dir, recordsFile))
		if note := all[7]; note.Event != EventRecovered || note.Detail["hashes"] != "rebuilt" {
			t.Errorf("%s: %+v", name, note)
		}
	}
}
