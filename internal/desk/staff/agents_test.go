package staff_test

import (
	"database/sql"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"rekey"
	"rekey/internal/desk/schema"
	"rekey/internal/desk/staff"
	"rekey/internal/store"
)

func TestNamesAndRoles(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for _, name := range []string{"", "operator", "owner", "desk", "key:erp", "Ann", "ann b", "änn", "ann\x00", "ann'--", strings.Repeat("a", 41)} {
		wantKind(t, p.staff.Add(t.Context(), name, staff.RoleAgent), rekey.ErrInput)
	}
	for _, role := range []staff.Role{"", "Agent", staff.RoleOperator, staff.RoleProgram, staff.RoleSystem, "owner"} {
		wantKind(t, p.staff.Add(t.Context(), "ann", role), rekey.ErrInput)
	}
	for i, role := range staff.Roles() {
		p.add(string("abcde"[i])+".x_1-y", role)
	}
	p.add(strings.Repeat("a", 40), staff.RoleAgent)
	wantKind(t, p.staff.Add(t.Context(), "a.x_1-y", staff.RoleAuditor), rekey.ErrConflict)
	all, err := p.staff.Agents(t.Context())
	if err != nil || len(all) != 6 || all[0].Name != "a.x_1-y" || all[0].Role != staff.RoleAgent || !all[0].AddedAt.Equal(p.clock.Now()) {
		t.Errorf("%+v: %v", all, err)
	}
	if _, err := p.staff.Agent(t.Context(), "nobody"); err == nil {
		t.Error("an agent whom nobody added")
	}
	for name, change := range map[string]func() error{
		"role":    func() error { _, err := p.staff.SetRole(t.Context(), "nobody", staff.RoleAuditor); return err },
		"disable": func() error { _, err := p.staff.Disable(t.Context(), "nobody"); return err },
		"enable":  func() error { _, err := p.staff.Enable(t.Context(), "nobody"); return err },
		"sso":     func() error { _, err := p.staff.SetSSO(t.Context(), "nobody", "x@example.com"); return err },
		"invite":  func() error { _, _, err := p.staff.Invite(t.Context(), "nobody", false); return err },
	} {
		if err := change(); err == nil {
			t.Errorf("%s of nobody", name)
		} else {
			wantKind(t, err, rekey.ErrNotFound)
		}
	}
	_, err = p.staff.SetRole(t.Context(), "a.x_1-y", staff.RoleOperator)
	wantKind(t, err, rekey.ErrInput)
}

func TestSSOAddress(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.add("ann", staff.RoleAgent)
	p.add("bob", staff.RoleAgent)
	a, err := p.staff.SetSSO(t.Context(), "ann", "Ann@Example.com")
	if err != nil || a.SSO != "ann@example.com" {
		t.Fatalf("%+v: %v", a, err)
	}
	_, err = p.staff.SetSSO(t.Context(), "bob", "ANN@example.COM")
	wantKind(t, err, rekey.ErrConflict)
	for _, bad := range []string{"ann", "Ann <ann@example.com>", "ann@", " ann@example.com", "ann@example.com, bob@example.com", "an\u212a@example.com", strings.Repeat("a", 250) + "@example.com"} {
		_, err = p.staff.SetSSO(t.Context(), "bob", bad)
		wantKind(t, err, rekey.ErrInput)
	}
	for range 2 { // nobody's is nobody's, for many
		for _, name := range []string{"ann", "bob"} {
			if _, err = p.staff.SetSSO(t.Context(), name, ""); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestURL: where passkeys cannot work the desk says so at once.
func TestURL(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for _, bad := range []string{"", "desk.example.com", "http://desk.example.com", "https://192.0.2.1", "https://[2001:db8::1]:8443", "ftp://localhost", "https://desk.example.com/desk", "https://a@desk.example.com", "https://desk.example.com?x=1", "http://127.0.0.1:8080", "https://desk.example.com:443", "http://localhost:80", "https://Desk.example.com", "https://desk.example.com:"} {
		o := p.o
		o.URL = bad
		_, err := staff.New(p.db, o)
		wantKind(t, err, rekey.ErrInput)
	}
	for _, good := range []string{"https://desk.example.com", "https://desk.example.com:8443/", "http://localhost", "http://localhost:8080"} {
		o := p.o
		o.URL = good
		if _, err := staff.New(p.db, o); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

// TestChangesEndSessions: whatever is changed about an agent ends their sessions,
// also at another process on the same database; a session of before never comes
// back.
func TestChangesEndSessions(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	other := p.another()
	bobs, bob := p.agent("bob", staff.RoleAgent), p.browse()
	if bob.logIn(bobs) != http.StatusOK {
		t.Fatal("no log-in")
	}
	n := 0
	for what, change := range map[string]func(s *staff.Staff, name string) error{
		"role": func(s *staff.Staff, name string) error {
			_, err := s.SetRole(t.Context(), name, staff.RoleAuditor)
			return err
		},
		"disable": func(s *staff.Staff, name string) error { _, err := s.Disable(t.Context(), name); return err },
		"sso": func(s *staff.Staff, name string) error {
			_, err := s.SetSSO(t.Context(), name, name+"@example.com")
			return err
		},
		"disable and enable": func(s *staff.Staff, name string) error {
			if _, err := s.Disable(t.Context(), name); err != nil {
				return err
			}
			_, err := s.Enable(t.Context(), name)
			return err
		},
		"new passkey": func(_ *staff.Staff, name string) error { _, err := p.join(p.invite(name, false)); return err },
	} {
		for _, s := range []*staff.Staff{p.staff, other} {
			n++
			name := fmt.Sprintf("ann%d", n)
			k, ann := p.agent(name, staff.RoleAgent), p.browse()
			if ann.logIn(k) != http.StatusOK {
				t.Fatal("no log-in")
			}
			if err := change(s, name); err != nil {
				t.Fatal(err)
			}
			if got := ann.who(); got != "401" {
				t.Errorf("%s: the session: %s", what, got)
			}
			if got := bob.who(); got != "bob" {
				t.Errorf("%s: bob's session: %s", what, got)
			}
			want := http.StatusOK
			if what == "disable" {
				want = http.StatusForbidden
			}
			if got := ann.logIn(k); got != want {
				t.Errorf("%s: log-in after it: %d", what, got)
			}
		}
	}
}

// TestOldDesk: the agents of a desk with passwords are kept, cannot come in, and
// can once they have a link.
func TestOldDesk(t *testing.T) {
	t.Parallel()
	before := fstest.MapFS{}
	for _, name := range []string{"00001_desk.sql", "00002_changes.sql"} {
		text, err := fs.ReadFile(schema.Migrations(), name)
		if err != nil {
			t.Fatal(err)
		}
		before[name] = &fstest.MapFile{Data: text}
	}
	path := filepath.Join(t.TempDir(), "desk.db")
	db, err := store.Open(t.Context(), path, before)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Tx(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO agents (name, role, password, added_at) VALUES ('ann', 'agent', 'x', 1), ('desk', 'agent', 'x', 1)`)
		return err
	})
	if err != nil || db.Close() != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	if p.db, err = store.Open(t.Context(), path, schema.Migrations()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.db.Close() })
	p.staff = p.another()
	a, err := p.staff.Agent(t.Context(), "ann")
	if err != nil || a.Passkeys != 0 || !a.DisabledAt.IsZero() {
		t.Fatalf("%+v: %v", a, err)
	}
	k, err := p.join(p.invite("ann", false))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.browse().logIn(k); got != http.StatusOK {
		t.Errorf("log-in: %d", got)
	}
	_, _, err = p.staff.Invite(t.Context(), "desk", false) // reserved by now
	wantKind(t, err, rekey.ErrInput)
}

// TestSessionsOfOne: an agent's sessions are listed, ended one by one, and bounded.
func TestSessionsOfOne(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	k, bobs := p.agent("ann", staff.RoleAgent), p.agent("bob", staff.RoleAgent)
	one, two, bob := p.browse(), p.browse(), p.browse()
	two.agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0"
	for _, b := range []*browse{one, two} {
		if b.logIn(k) != http.StatusOK {
			t.Fatal("no log-in")
		}
		p.clock.Add(time.Second)
	}
	if bob.logIn(bobs) != http.StatusOK {
		t.Fatal("no log-in")
	}
	all := p.staff.Sessions("ann", nil)
	if len(all) != 2 || len(p.staff.Sessions("", nil)) != 3 || all[0].Browser != "Firefox on Linux" || all[1].Browser != "Edge on Windows" || all[0].From != home || all[0].Current {
		t.Fatalf("%+v", all)
	}
	if _, text := one.send("GET", "/sessions", ""); strings.Count(text, `"current":true`) != 1 || !strings.Contains(text, all[0].ID) {
		t.Errorf("as one sees it: %s", text)
	}
	wantKind(t, p.staff.EndSession("bob", all[0].ID), rekey.ErrNotFound)
	wantKind(t, p.staff.EndSession("ann", "x"), rekey.ErrNotFound)
	if err := p.staff.EndSession("ann", all[0].ID); err != nil || one.who() != "401" || two.who() != "ann" || bob.who() != "bob" {
		t.Errorf("after the end of one: %v", err)
	}
	wantKind(t, p.staff.EndSession("ann", all[0].ID), rekey.ErrNotFound)
	for range 25 {
		p.clock.Add(time.Second)
		if p.browse().logIn(k) != http.StatusOK {
			t.Fatal("no log-in")
		}
	}
	if got := len(p.staff.Sessions("ann", nil)); got != 20 || two.who() != "401" || bob.who() != "bob" {
		t.Errorf("%d sessions of one agent", got)
	}
}
