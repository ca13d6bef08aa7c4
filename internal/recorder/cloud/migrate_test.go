package cloud

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"testing"
	"testing/fstest"

	"rekey/internal/argon"
	"rekey/internal/store"
)

// TestOldFolder: a cloud of before opens, keeps who has an account, and loses
// what links that ended had left.
func TestOldFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := fs.ReadFile(migrationFiles, "migrations/00001_cloud.sql")
	if err != nil {
		t.Fatal(err)
	}
	old, err := store.Open(t.Context(), filepath.Join(dir, databaseFile), fstest.MapFS{"00001_cloud.sql": {Data: first}})
	if err != nil {
		t.Fatal(err)
	}
	err = old.Tx(t.Context(), func(tx *sql.Tx) error {
		for _, s := range []string{
			`INSERT INTO owners VALUES ('o-1', 'petra@example.org', 'x', 3)`,
			`INSERT INTO links VALUES ('l1', 'AA==', 'V7KX-4YBM-0P97', 'N841', 'Shop', 0, '', '', 'ended', '', 'o-1', 'petra@example.org', 1, 1, 1, 'unlinked', 1)`,
			`INSERT INTO links VALUES ('l2', 'AA==', 'V7KX-4YBM-0P97', 'N841', 'Shop', 0, '', '', 'linked', '', 'o-1', 'petra@example.org', 1, 1, 0, '', 1)`,
			`INSERT INTO requests VALUES ('l1', 'x', 1, 1), ('l2', 'x', 1, 1)`,
		} {
			if _, err := tx.ExecContext(t.Context(), s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := Open(t.Context(), dir, Options{Mail: noMail{}, Argon: argon.Cheap()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	all, err := c.Links(t.Context(), Owner{ID: "o-1", Address: "petra@example.org"})
	if err != nil || len(all) != 1 || all[0].ID != "l2" || all[0].Name != "Shop" || all[0].wasReset() {
		t.Errorf("links: %+v, %v", all, err)
	}
	var left string
	var n int
	err = c.db.Read(t.Context(), func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(t.Context(), `SELECT device_id || model || name || owner || address FROM links WHERE id = 'l1'`).Scan(&left); err != nil {
			return err
		}
		return tx.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM requests`).Scan(&n)
	})
	if err != nil || left != "" || n != 1 {
		t.Errorf("of the link that ended: %q, %d requests in all, %v", left, n, err)
	}
	if o, _, err := c.ownerAt(t, "petra@example.org"); err != nil || o.frozen != 0 || o.second || o.epoch != 3 {
		t.Errorf("the owner: %v", err)
	}
}

func (c *Cloud) ownerAt(t *testing.T, address string) (o Owner, hash string, err error) {
	t.Helper()
	err = c.db.Read(t.Context(), func(tx *sql.Tx) error {
		o, hash, err = readOwner(t.Context(), tx, address)
		return err
	})
	return o, hash, err
}
