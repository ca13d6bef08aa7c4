package store_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"rekey"
	"rekey/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const first = `-- +goose Up
CREATE TABLE owners (name TEXT NOT NULL PRIMARY KEY);
CREATE TABLE things (id INTEGER NOT NULL PRIMARY KEY, owner TEXT REFERENCES owners (name), size INTEGER NOT NULL CHECK (size > 0), tag TEXT UNIQUE);
-- +goose Down
DROP TABLE things;
DROP TABLE owners;
`

func migrations(files ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i, f := range files {
		m["0000"+string(rune('1'+i))+"_step.sql"] = &fstest.MapFile{Data: []byte(f)}
	}
	return m
}

func open(t *testing.T, path string) *store.DB {
	t.Helper()
	d, err := store.Open(t.Context(), path, migrations(first))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func insert(ctx context.Context, d *store.DB, id, size int, tag string) error {
	return d.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO things (id, size, tag) VALUES ($1, $2, $3)`, id, size, tag)
		return err
	})
}

func count(t *testing.T, d *store.DB) (n int) {
	t.Helper()
	err := d.Read(t.Context(), func(tx *sql.Tx) error {
		return tx.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM things`).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOpenSetsWhatTheDeskRestsOn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b?c%d.db") // a path that an URL would spoil
	d := open(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: %v", info.Mode(), err)
	}
	err := d.Tx(t.Context(), func(tx *sql.Tx) error {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "60000"} {
			var got string
			if err := tx.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %q, want %q: %v", pragma, got, want, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTxRollsBackOnErrorAndPanic(t *testing.T) {
	t.Parallel()
	d := open(t, filepath.Join(t.TempDir(), "x.db"))
	mine := errors.New("mine")
	err := d.Tx(t.Context(), func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(t.Context(), `INSERT INTO things (id, size) VALUES (1, 1)`); err != nil {
			return err
		}
		return mine
	})
	if !errors.Is(err, mine) || count(t, d) != 0 {
		t.Errorf("%v, %d rows", err, count(t, d))
	}
	func() {
		defer func() { _ = recover() }()
		_ = d.Tx(t.Context(), func(tx *sql.Tx) error {
			_, _ = tx.ExecContext(t.Context(), `INSERT INTO things (id, size) VALUES (1, 1)`)
			panic("mine")
		})
	}()
	if err := insert(t.Context(), d, 2, 1, ""); err != nil || count(t, d) != 1 {
		t.Errorf("after a panic: %v, %d rows", err, count(t, d))
	}
}

func TestKindsOfRefusal(t *testing.T) {
	t.Parallel()
	d := open(t, filepath.Join(t.TempDir(), "x.db"))
	if err := insert(t.Context(), d, 1, 1, "a"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		err              error
		duplicate, check bool
	}{
		"primary key": {insert(t.Context(), d, 1, 1, "b"), true, false},
		"unique":      {insert(t.Context(), d, 2, 1, "a"), true, false},
		"check":       {insert(t.Context(), d, 2, 0, "b"), false, true},
		"none":        {nil, false, false},
		"another":     {errors.New("x"), false, false},
	} {
		if store.IsDuplicate(c.err) != c.duplicate || store.IsCheck(c.err) != c.check {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	err := d.Tx(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO things (id, owner, size) VALUES (3, 'nobody', 1)`)
		return err
	})
	if err == nil {
		t.Error("a row of an owner who is not there was taken")
	}
	if err := d.Read(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `DELETE FROM things`)
		return err
	}); err == nil || count(t, d) != 1 {
		t.Errorf("a reader deleted: %v", err)
	}
}

// TestWritersQueue: read-modify-write from many goroutines, and from a second
// opening as another process has it, loses nothing.
func TestWritersQueue(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	one, two := open(t, path), open(t, path)
	if err := insert(t.Context(), one, 1, 1, ""); err != nil {
		t.Fatal(err)
	}
	const each = 25
	var wg sync.WaitGroup
	for _, d := range []*store.DB{one, one, two, two} {
		wg.Go(func() {
			for range each {
				err := d.Tx(t.Context(), func(tx *sql.Tx) error {
					var n int
					if err := tx.QueryRowContext(t.Context(), `SELECT size FROM things WHERE id = 1`).Scan(&n); err != nil {
						return err
					}
					_, err := tx.ExecContext(t.Context(), `UPDATE things SET size = $1 WHERE id = 1`, n+1)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	sizes := []int{}
	err := two.Read(t.Context(), func(tx *sql.Tx) (err error) {
		sizes, err = store.All(t.Context(), tx, func(scan store.Scan) (n int, err error) { return n, scan(&n) }, `SELECT size FROM things`)
		return err
	})
	if err != nil || len(sizes) != 1 || sizes[0] != 1+4*each {
		t.Errorf("sizes %v, want %d: %v", sizes, 1+4*each, err)
	}
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	d, err := store.Open(t.Context(), path, migrations(first))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(insert(t.Context(), d, 1, 1, ""), d.Close()); err != nil {
		t.Fatal(err)
	}
	second := "-- +goose Up\nALTER TABLE things ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';\n"
	if d, err = store.Open(t.Context(), path, migrations(first, second)); err != nil {
		t.Fatal(err)
	}
	if n := count(t, d); n != 1 {
		t.Errorf("%d rows after the migration", n)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	broken := "-- +goose Up\nALTER TABLE nothing ADD COLUMN x TEXT;\n"
	if _, err := store.Open(t.Context(), path, migrations(first, second, broken)); !errors.Is(err, rekey.ErrStorage) {
		t.Errorf("a broken migration: %v", err)
	}
	if _, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "missing", "x.db"), migrations(first)); !errors.Is(err, rekey.ErrStorage) {
		t.Errorf("a missing folder: %v", err)
	}
	garbage := filepath.Join(t.TempDir(), "g.db")
	if err := os.WriteFile(garbage, []byte("this is no database, but long enough to look at it twice"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), garbage, migrations(first)); !errors.Is(err, rekey.ErrStorage) {
		t.Errorf("a file that is no database: %v", err)
	}
}

func TestMicros(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{{}, time.Date(2026, 3, 2, 9, 0, 0, 123456000, time.UTC)} {
		if got := store.Time(store.Micros(at)); !got.Equal(at) || got.IsZero() != at.IsZero() {
			t.Errorf("%v came back as %v", at, got)
		}
	}
}
