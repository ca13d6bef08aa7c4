package desk_test

import (
	"net/http"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/desk"
)

// second is the desk once more, as another process has it: `rekey desk agent`
// while `rekey desk serve` runs.
func (p *place) second() *desk.Desk {
	p.t.Helper()
	d, err := desk.Open(p.t.Context(), p.dir, p.options())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = d.Close() })
	return d
}

func (p *place) login(name, password string) error {
	_, err := p.desk.LogIn(p.t.Context(), name, rekey.NewSecret(password), from("192.0.2.1"))
	return err
}

// TestDisabledAgent: ann is dismissed while she has a session open. It is over
// with her next request, also where another process took her rights away; she
// cannot log in, reads no more of it than somebody unknown, and comes back with
// a new session only.
func TestDisabledAgent(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]bool{"in the same process": false, "from another process": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			d := p.desk
			if other {
				d = p.second()
			}
			ann := newBrowse(t, p.serve(), "ann")
			status := func() int { got, _ := ann.api("GET", "/session", ""); return got }
			if got := status(); got != http.StatusOK {
				t.Fatalf("status %d", got)
			}
			a, err := d.DisableAgent(t.Context(), desk.Operator(), "ann")
			if err != nil || a.Role != desk.RoleAgent || !a.DisabledAt.Equal(p.clock.Now()) {
				t.Fatalf("%+v: %v", a, err)
			}
			if got := status(); got != http.StatusUnauthorized {
				t.Errorf("status %d after it", got)
			}
			disabled, unknown := p.login("ann", passwordOfAll), p.login("nobody", passwordOfAll)
			wantKind(t, disabled, rekey.ErrDenied)
			if disabled == nil || unknown == nil || disabled.Error() != unknown.Error() {
				t.Errorf("%v, but of an unknown agent %v", disabled, unknown)
			}
			p.wantEvent("operator agent.disable allowed")
			if a, err = d.EnableAgent(t.Context(), desk.Operator(), "ann"); err != nil || !a.DisabledAt.IsZero() {
				t.Fatalf("%+v: %v", a, err)
			}
			if got := status(); got != http.StatusUnauthorized {
				t.Errorf("status %d: the old session lives again", got)
			}
			if err := p.login("ann", passwordOfAll); err != nil {
				t.Error(err)
			}
			p.wantEvent("operator agent.enable allowed")
		})
	}
}

// TestNewAgentPassword: the old one is no good any more, nor is a session that
// somebody has with it.
func TestNewAgentPassword(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	thief := newBrowse(t, p.serve(), "ann")
	const fresh = "eight loud chairs in a ring"
	root := desk.Agent{Name: "root", Role: desk.RoleAdministrator}
	if _, err := p.second().SetAgentPassword(t.Context(), root, "ann", rekey.NewSecret(fresh)); err != nil {
		t.Fatal(err)
	}
	if got, _ := thief.api("GET", "/session", ""); got != http.StatusUnauthorized {
		t.Errorf("status %d with the old session", got)
	}
	wantKind(t, p.login("ann", passwordOfAll), rekey.ErrDenied)
	if err := p.login("ann", fresh); err != nil {
		t.Error(err)
	}
	p.wantEvent("root agent.password allowed")
	_, err := p.desk.SetAgentPassword(t.Context(), root, "ann", rekey.NewSecret("short"))
	wantKind(t, err, rekey.ErrInput)
	if err := p.login("ann", fresh); err != nil {
		t.Errorf("after a refused change: %v", err)
	}
}

// TestWhoMayChangeAgents: operator and administrator, and nobody else.
func TestWhoMayChangeAgents(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	acts := map[string]func(desk.Agent, string) error{
		"disable": func(who desk.Agent, name string) error {
			_, err := p.desk.DisableAgent(t.Context(), who, name)
			return err
		},
		"enable": func(who desk.Agent, name string) error {
			_, err := p.desk.EnableAgent(t.Context(), who, name)
			return err
		},
		"password": func(who desk.Agent, name string) error {
			_, err := p.desk.SetAgentPassword(t.Context(), who, name, rekey.NewSecret(passwordOfAll))
			return err
		},
	}
	for what, act := range acts {
		for _, who := range []desk.Agent{ann(), carol(), sue(), {Name: "otto", Role: desk.RoleAuditor}} {
			wantKind(t, act(who, "bob"), rekey.ErrDenied)
			p.wantEvent(who.Name + " agent." + what + " refused")
		}
		if err := act(desk.Agent{Name: "root", Role: desk.RoleAdministrator}, "bob"); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		wantKind(t, act(desk.Operator(), "mallory"), rekey.ErrNotFound)
	}
}

// TestSessionOfAMissingAgent: the agent's row is gone, as after a restore of an
// older database. That is no session, and no riddle either.
func TestSessionOfAMissingAgent(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	bob := newBrowse(t, p.serve(), "bob")
	if err := p.edit(`DELETE FROM agents WHERE name = 'bob'`); err != nil {
		t.Fatal(err)
	}
	if status, body := bob.api("GET", "/session", ""); status != http.StatusUnauthorized || !strings.Contains(body, `"code":"no_session"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := bob.send("GET", "/", "", ""); status != http.StatusSeeOther {
		t.Errorf("the page: %d", status)
	}
}

// TestNoSessionAndNoRight: a program can tell that it must log in from that it
// must not do this.
func TestNoSessionAndNoRight(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	at := p.serve()
	if status, body := newBrowse(t, at, "").api("GET", "/log", ""); status != http.StatusUnauthorized || !strings.Contains(body, `"detail":"log in first"`) {
		t.Errorf("nobody: %d %s", status, body)
	}
	if status, body := newBrowse(t, at, "ann").api("GET", "/log", ""); status != http.StatusForbidden || !strings.Contains(body, `"code":"denied"`) {
		t.Errorf("ann: %d %s", status, body)
	}
}
