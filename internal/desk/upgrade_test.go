package desk_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"rekey/internal/desk"
	"rekey/internal/desk/schema"
	"rekey/recovery"
)

// oldRows are a desk of before, at the time of the test's clock: ann's case 1 is
// approved and waits for its challenge, her case 2 was answered.
const oldRows = `
INSERT INTO agents (name, role, password, added_at) VALUES ('ann', 'agent', 'x', 1), ('carol', 'approver', 'x', 1), ('otto', 'auditor', 'x', 1), ('root', 'administrator', 'x', 1);
INSERT INTO cases (number, device_id, account, purpose, caller, opened_by, opened_at, counter_behind, approved_by, approved_at, approved_level, closed_by, closed_at, outcome)
	VALUES (1, '%[1]s', 'admin', 0, 'C1', 'ann', %[2]d, 0, 'carol', %[2]d, 1, NULL, 0, ''),
	(2, '%[1]s', 'admin', 0, 'C2', 'ann', %[2]d, 0, 'carol', %[2]d, 1, 'ann', %[2]d, 'solved');
INSERT INTO caller_salts (case_number, salt, hmac) VALUES (1, 'aa', 'bb'), (2, 'cc', 'dd');
INSERT INTO evidence (case_number, kind, note, qr, added_by, added_at)
	VALUES (1, 'E2', 'read out', '', 'ann', %[2]d), (1, 'E6', 'called back', '', 'ann', %[2]d), (2, 'E2', 'read out', '', 'ann', %[2]d);
INSERT INTO reveals (challenge, case_number, device_id, account, purpose, caller, agent, approver, evidence, at)
	VALUES ('aa', 2, '%[1]s', 'admin', 0, 'C2', 'ann', 'carol', 'E2', %[2]d);`

// TestUpgrade: a desk of the first or the second version opens, and its agents,
// recorders and cases are as they were; a case that waited for its challenge
// goes on when its owner is told, which those desks did not do.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	for version := range int64(2) {
		t.Run(fmt.Sprint("version ", version+1), func(t *testing.T) {
			t.Parallel()
			testUpgrade(t, version+1)
		})
	}
}

func testUpgrade(t *testing.T, version int64) {
	p := newPlace(t)
	clear(p.keys) // the database of before knows no passkeys
	b := p.enrol(ownerOfAll())
	if err := p.desk.Close(); err != nil {
		t.Fatal(err)
	}
	p.backTo(version, b)
	p.clock.Add(time.Hour)
	p.open()
	if c := p.seen(ann(), 1); c.Stage != desk.StageTelling {
		t.Errorf("stage %q: nobody told the owner before", c.Stage)
	}
	p.flush()
	c := p.seen(ann(), 1)
	if c.Stage != desk.StageChallenge || c.Level != "raised" || c.WorkedBy != "ann" || c.ApprovedBy != "carol" || len(c.Evidence) != 2 || !c.Split {
		t.Errorf("%+v", c)
	}
	if c := p.seen(ann(), 2); c.Stage != desk.StageClosed || c.AnsweredAt.IsZero() || c.Outcome != "solved" {
		t.Errorf("%+v", c)
	}
	ch := b.challenge(t, recovery.PurposePassword)
	got, err := p.reveal(ann(), 1, ch.String())
	if err != nil || p.whole(1, got) != b.answer(t, "admin", ch) {
		t.Errorf("the answer: %v", err)
	}
	if r, err := p.desk.Recorder(t.Context(), ann(), b.id); err != nil || len(r.Answers) != 2 || len(r.Addresses) != 2 {
		t.Errorf("%+v: %v", r, err)
	}
	if bad := p.count(`SELECT COUNT(*) FROM pragma_foreign_key_check`); bad != 0 {
		t.Errorf("%d rows refer to nothing", bad)
	}
}

// backTo puts a database of an old version in the place of the desk's, with the
// same recorder.
func (p *place) backTo(version int64, b *box) {
	p.t.Helper()
	name := filepath.Join(p.dir, "desk.db")
	if err := os.Rename(name, name+".new"); err != nil {
		p.t.Fatal(err)
	}
	db, err := sql.Open("sqlite", name+"?_pragma=foreign_keys(1)")
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	old, err := goose.NewProvider(goose.DialectSQLite3, db, schema.Migrations(), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := old.UpTo(p.t.Context(), version); err != nil {
		p.t.Fatal(err)
	}
	for _, query := range []string{
		`ATTACH DATABASE '` + name + `.new' AS made`,
		`INSERT INTO recorders (device_id, model, serial, epoch, owner, owned_since, stolen, enrolled_at, last_counter, last_challenge)
			SELECT device_id, model, serial, epoch, owner, owned_since, stolen, enrolled_at, last_counter, last_challenge FROM made.recorders`,
		`INSERT INTO recorder_keys SELECT device_id, epoch, wrapped, sealed FROM made.recorder_keys`,
		`INSERT INTO addresses SELECT device_id, address FROM made.addresses`,
		fmt.Sprintf(oldRows, b.id, p.clock.Now().UnixMicro()),
	} {
		if _, err := db.ExecContext(p.t.Context(), query); err != nil {
			p.t.Fatal(err)
		}
	}
}
