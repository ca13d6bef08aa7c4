package desk_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"

	"rekey/internal/desk"
)

// TestUpgrade: a desk of the first version opens, and its agents, recorders and
// cases are as they were.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	before := p.ready(b, "+49301")
	if err := p.desk.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(p.dir, "desk.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	old, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.DownTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `SELECT epoch FROM agents`); err == nil {
		t.Fatal("this is not the first version")
	}
	p.open()
	if err := p.login("ann", passwordOfAll); err != nil {
		t.Error(err)
	}
	c, err := p.desk.Case(t.Context(), ann(), before.Number)
	if err != nil || c.Stage != desk.StageChallenge || c.Level != before.Level {
		t.Errorf("%+v: %v", c, err)
	}
}
