package desk

import (
	"slices"
	"strings"
	"testing"

	"rekey/internal/desk/staff"
)

// rightsByHand is who may do what, written out: a change of rights changes this
// table, too. Roles are a agent, p approver, s supervisor, u auditor,
// d administrator, o operator, w owner of a recorder.
func rightsByHand() []right {
	return []right{
		// act, roles, scopes, only on a case that they work, not on a case in which they have this part, step-up, not with a wrong clock
		{"agent.add", "do", "", "", "", true, false},
		{"agent.role", "do", "", "", "", true, false},
		{"agent.disable", "do", "", "", "", false, false},
		{"agent.enable", "do", "", "", "", true, false},
		{"agent.invite", "do", "", "", "", true, false},
		{"agent.sso", "do", "", "", "", true, false},
		{"agent.list", "apsudo", "", "", "", false, false},
		{"agent.logout", "apsud", "", "", "", false, false},
		{"session.list", "apsud", "", "", "", false, false},
		{"session.end", "apsud", "", "", "", false, false},
		{"key.make", "do", "", "", "", true, false},
		{"key.revoke", "do", "", "", "", false, false},
		{"key.list", "udo", "", "", "", false, false},
		{"hook.add", "do", "", "", "", true, false},
		{"hook.remove", "do", "", "", "", false, false},
		{"hook.list", "udo", "", "", "", false, false},
		{"recorder.enrol", "do", "recorders.enrol", "", "", false, false},
		{"recorder.update", "do", "recorders.owner", "", "", true, false},
		{"recorder.stolen", "do", "recorders.owner", "", "", false, false},
		{"recorder.list", "apsudo", "recorders.read", "", "", false, false},
		{"recorder.read", "apsudo", "recorders.read", "", "", false, false},
		{"recorder.thaw", "s", "", "", "", true, false},
		{"dealer.add", "do", "", "", "", true, false},
		{"dealer.end", "do", "", "", "", false, false},
		{"dealer.list", "apsudo", "", "", "", false, false},
		{"case.open", "as", "cases.open", "", "", false, false},
		{"case.list", "apsu", "cases.read cases.open", "", "", false, false},
		{"case.read", "apsu", "cases.read cases.open", "", "", false, false},
		{"case.note", "aps", "cases.open", "", "", false, false},
		{"case.handover", "as", "", "a", "", false, false},
		{"case.pause", "as", "", "a", "", false, false},
		{"case.resume", "as", "", "a", "", false, false},
		{"case.freeze", "aps", "", "", "", false, false},
		{"case.thaw", "s", "", "", "works approves", true, false},
		{"case.close", "as", "", "a", "", false, false},
		{"evidence.add", "as", "", "as", "", false, false},
		{"code.send", "as", "", "as", "", false, false},
		{"address.show", "as", "", "as", "", false, false},
		{"case.sendto", "as", "", "as", "", false, false},
		{"case.approve", "ps", "", "", "works", true, true},
		{"challenge.answer", "as", "", "as", "", true, true},
		{"figures.read", "sudo", "figures.read", "", "", false, false},
		{"export", "suo", "figures.read", "", "", false, false},
		{"alarm.list", "sudo", "", "", "", false, false},
		{"alarm.settle", "s", "", "", "", false, false},
		{"reconcile", "sudo", "", "", "", false, false},
		{"log.verify", "sudo", "log.read", "", "", false, false},
		{"watch", "apsud", "", "", "", false, false},
		{"owner.read", "w", "", "", "", false, false},
		{"owner.confirm", "w", "", "", "", false, false},
		{"owner.half", "w", "", "", "", false, false},
		{"notme", "w", "", "", "", false, false},
		{"stepup.begin", "", "", "", "", false, false},
	}
}

type right struct {
	act, roles, scopes, own, never string
	stepUp, timed                  bool
}

func letters() map[byte]staff.Role {
	return map[byte]staff.Role{'a': staff.RoleAgent, 'p': staff.RoleApprover, 's': staff.RoleSupervisor, 'u': staff.RoleAuditor,
		'd': staff.RoleAdministrator, 'o': staff.RoleOperator, 'w': roleOwner, 'P': staff.RoleProgram, 'S': staff.RoleSystem, '?': "nobody"}
}

// TestEveryActForEveryRole holds each act against each role.
func TestEveryActForEveryRole(t *testing.T) {
	t.Parallel()
	seen := map[Act]bool{}
	for _, r := range rightsByHand() {
		seen[Act(r.act)] = true
		for letter, role := range letters() {
			want := strings.IndexByte(r.roles, letter) >= 0
			if got := May(Agent{Name: "x", Role: role, Scopes: nil}, Act(r.act)); got != want {
				t.Errorf("%s by %s: %v, want %v", r.act, role, got, want)
			}
			if got := slices.Contains(grants()[Act(r.act)].own, role); got != (strings.IndexByte(r.own, letter) >= 0) {
				t.Errorf("%s by %s on their own cases only: %v", r.act, role, got)
			}
		}
		if got := NeedsStepUp(Act(r.act)); got != r.stepUp {
			t.Errorf("%s: step-up %v, want %v", r.act, got, r.stepUp)
		}
		g := grants()[Act(r.act)]
		if g.timed != r.timed {
			t.Errorf("%s: needs the clock: %v, want %v", r.act, g.timed, r.timed)
		}
		for _, p := range []part{works, approves} {
			if got, want := slices.Contains(g.never, p), slices.Contains(strings.Fields(r.never), string(p)); got != want {
				t.Errorf("%s with the part %s: refused %v, want %v", r.act, p, got, want)
			}
		}
		if others := slices.Contains(g.anyone, staff.RoleSupervisor) && slices.Contains(g.anyone, staff.RoleAdministrator) && len(g.anyone) == 2; others != strings.HasPrefix(r.act, "session.") {
			t.Errorf("%s: of others by %v", r.act, g.anyone)
		}
	}
	for act := range grants() {
		if !seen[act] {
			t.Errorf("%s stands in the grants, but not in the table here", act)
		}
	}
}

// TestEveryActForEveryScope holds each act against each scope of an API key; the
// scopes count for programs alone.
func TestEveryActForEveryScope(t *testing.T) {
	t.Parallel()
	for _, r := range rightsByHand() {
		for _, scope := range append(staff.Scopes(), "everything") {
			want := slices.Contains(strings.Fields(r.scopes), string(scope))
			if got := May(Agent{Name: "crm", Role: staff.RoleProgram, Scopes: []staff.Scope{scope}}, Act(r.act)); got != want {
				t.Errorf("%s with the scope %s: %v, want %v", r.act, scope, got, want)
			}
		}
		if May(Agent{Name: "x", Role: "nobody", Scopes: staff.Scopes()}, Act(r.act)) {
			t.Errorf("%s: scopes count for no program", r.act)
		}
		all := May(Agent{Name: "crm", Role: staff.RoleProgram, Scopes: staff.Scopes()}, Act(r.act))
		byKeyAlone := r.act == "recorder.update" // a program's touch was that of who made its key
		if all && (r.stepUp && !byKeyAlone || r.timed || strings.HasPrefix(r.act, "agent.") || strings.HasPrefix(r.act, "key.")) {
			t.Errorf("%s: a program can do it", r.act)
		}
	}
}
