package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"rekey/internal/store"
)

const sizeAbove = `SELECT id FROM things WHERE id > $1 ORDER BY id`

func above(t *testing.T, tx *sql.Tx, least int) (all []int) {
	t.Helper()
	all, err := store.All(t.Context(), tx, func(scan store.Scan) (n int, err error) { return n, scan(&n) }, sizeAbove, least)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestOneStatementTwiceAtOnce: rows of a statement are read while the same
// statement is asked with something else.
func TestOneStatementTwiceAtOnce(t *testing.T) {
	t.Parallel()
	d := open(t, filepath.Join(t.TempDir(), "x.db"))
	for id := range 4 {
		if err := insert(t.Context(), d, id+1, 1, fmt.Sprint("name ", id)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		err := d.Read(t.Context(), func(tx *sql.Tx) error {
			rows, err := tx.QueryContext(t.Context(), sizeAbove, 1)
			if err != nil {
				return err
			}
			defer rows.Close()
			var outer []int
			for rows.Next() {
				var id int
				if err := rows.Scan(&id); err != nil {
					return err
				}
				outer = append(outer, id)
				if inner := above(t, tx, id); len(inner) != 4-id {
					t.Errorf("above %d are %v", id, inner)
				}
			}
			if !slices.Equal(outer, []int{2, 3, 4}) {
				t.Errorf("above 1 are %v", outer)
			}
			return rows.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestStatementAfterAFailure: one that was refused, broken off or left in the
// middle works the next time.
func TestStatementAfterAFailure(t *testing.T) {
	t.Parallel()
	d := open(t, filepath.Join(t.TempDir(), "x.db"))
	for range 3 {
		if err := insert(t.Context(), d, 1, 1, "a"); err != nil && !store.IsDuplicate(err) {
			t.Fatal(err)
		}
	}
	if err := insert(t.Context(), d, 2, 1, "b"); err != nil {
		t.Errorf("after a refusal: %v", err)
	}
	broken, stop := context.WithCancel(t.Context())
	err := d.Tx(broken, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(broken, sizeAbove, 0)
		if err != nil {
			return err
		}
		defer rows.Close()
		rows.Next()
		stop()
		_, err = tx.ExecContext(broken, `DELETE FROM things`)
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("broken off: %v", err)
	}
	if err := d.Tx(t.Context(), func(tx *sql.Tx) error {
		if all := above(t, tx, 0); !slices.Equal(all, []int{1, 2}) {
			t.Errorf("after it: %v", all)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestStatementAfterAnotherSchema: a second process brings the schema up to date
// while this one has its statements.
func TestStatementAfterAnotherSchema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	d := open(t, path)
	if err := insert(t.Context(), d, 1, 1, "a"); err != nil {
		t.Fatal(err)
	}
	columns := func() (n int) {
		if err := d.Read(t.Context(), func(tx *sql.Tx) error {
			rows, err := tx.QueryContext(t.Context(), `SELECT * FROM things`)
			if err != nil {
				return err
			}
			defer rows.Close()
			all, err := rows.Columns()
			n = len(all)
			return errors.Join(err, rows.Err())
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := columns()
	newer, err := store.Open(t.Context(), path, migrations(first, "-- +goose Up\nALTER TABLE things ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer newer.Close()
	if after := columns(); after != before+1 {
		t.Errorf("%d columns, then %d", before, after)
	}
}

// TestMoreStatementsThanAreKept are run all the same.
func TestMoreStatementsThanAreKept(t *testing.T) {
	t.Parallel()
	d := open(t, filepath.Join(t.TempDir(), "x.db"))
	err := d.Tx(t.Context(), func(tx *sql.Tx) error {
		for range 2 {
			for i := range 400 {
				var n int
				if err := tx.QueryRowContext(t.Context(), fmt.Sprintf(`SELECT %d`, i)).Scan(&n); err != nil || n != i {
					return fmt.Errorf("%d is %d: %w", i, n, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
