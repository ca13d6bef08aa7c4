package seclog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const testOrigin = "rekey.example/test"

// testClock counts microseconds, so that logs in tests are the same each time.
func testOptions() Options {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return Options{
		Boot: "b1", ClockTrust: ClockNTP,
		Now: func() time.Time { at = at.Add(time.Millisecond + 7*time.Microsecond); return at },
	}
}

func event(i int) Record {
	return Record{Actor: "agent-7", Event: "password.set", Object: fmt.Sprintf("ND%06d", i), Result: "ok", Detail: map[string]string{"step": fmt.Sprint(i)}}
}

// newLog makes a log with n events after record 0.
func newLog(t testing.TB, n int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	l, err := Create(t.Context(), dir, testOrigin, testOptions())
	must(t, err)
	for i := range n {
		_, err := l.Append(t.Context(), event(i))
		must(t, err)
	}
	must(t, l.Close())
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	must(t, err)
	return b
}

func write(t testing.TB, dir, name string, b []byte) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
}

func keyOf(t testing.TB, dir string) string {
	t.Helper()
	key, err := ReadKey(os.DirFS(dir))
	must(t, err)
	return key
}

func copyDir(t testing.TB, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "log")
	must(t, os.CopyFS(to, os.DirFS(from)))
	return to
}

func verified(t testing.TB, dir string) Report {
	t.Helper()
	report, err := Verify(t.Context(), os.DirFS(dir), keyOf(t, dir), nil)
	must(t, err)
	return report
}

func records(t testing.TB, dir string) []Record {
	t.Helper()
	var all []Record
	for r, err := range Records(os.DirFS(dir)) {
		must(t, err)
		all = append(all, r)
	}
	return all
}

// badRecord is the record that err names, or -2 where it names none.
func badRecord(err error) int64 {
	var bad *TamperError
	if !errors.As(err, &bad) {
		return -2
	}
	return bad.Record
}

func reopen(t testing.TB, dir string) *Log {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	l, err := Open(ctx, dir, testOptions())
	must(t, err)
	return l
}
