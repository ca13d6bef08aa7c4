package desk_test

import (
	"testing"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/staff"
)

// TestProofIsForOneValue: who sits between an administrator and the desk lets the
// touch of the passkey pass, and puts another role, scope, end or address in the
// place of what the administrator saw. The proof does not count for that, and
// nothing is changed.
func TestProofIsForOneValue(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx, until := t.Context(), p.clock.Now().AddDate(0, 1, 0)
	scopes := []staff.Scope{staff.ScopeRecorders, staff.ScopeEnrol}
	setRole := func(role staff.Role) func(desk.StepUp) error {
		return func(proof desk.StepUp) error {
			_, err := p.desk.SetAgentRole(ctx, root(), "bob", role, proof)
			return err
		}
	}
	add := func(role staff.Role) func(desk.StepUp) error {
		return func(proof desk.StepUp) error { return p.desk.AddAgent(ctx, root(), "dora", role, proof) }
	}
	setSSO := func(email string) func(desk.StepUp) error {
		return func(proof desk.StepUp) error {
			_, err := p.desk.SetAgentSSO(ctx, root(), "bob", email, proof)
			return err
		}
	}
	makeKey := func(months int, scopes ...staff.Scope) func(desk.StepUp) error {
		return func(proof desk.StepUp) error {
			_, err := p.desk.MakeKey(ctx, root(), "crm", scopes, p.clock.Now().AddDate(0, months, 0), proof)
			return err
		}
	}
	for _, c := range []struct {
		act            desk.Act
		object         string
		swapped, right func(desk.StepUp) error
	}{
		{desk.ActAgentRole, desk.RoleProof("bob", staff.RoleApprover), setRole(staff.RoleAdministrator), setRole(staff.RoleApprover)},
		{desk.ActAgentAdd, desk.RoleProof("dora", staff.RoleAgent), add(staff.RoleAdministrator), add(staff.RoleAgent)},
		{desk.ActAgentSSO, desk.SSOProof("bob", "bob@example.org"), setSSO("mallory@example.org"), setSSO("bob@example.org")},
		{desk.ActKeyMake, desk.KeyProof("crm", scopes, until), makeKey(1, append(scopes, staff.ScopeOwners)...), makeKey(1, staff.ScopeEnrol, staff.ScopeRecorders)},
		{desk.ActKeyMake, desk.KeyProof("crm", scopes, until), makeKey(12, scopes...), nil},
	} {
		begun := len(p.records())
		isKind(t, string(c.act)+" with another value", c.swapped(p.proof(root(), c.act, 0, c.object)), rekey.ErrDenied)
		isKind(t, string(c.act)+" with a proof for the name alone", c.swapped(p.proof(root(), c.act, 0, "bob")), rekey.ErrDenied)
		if p.recorded(begun, string(c.act), "refused") != 2 || p.recorded(begun, string(c.act), "allowed") != 0 {
			t.Errorf("%s: records %+v", c.act, p.records()[begun:])
		}
		if c.right == nil {
			continue
		}
		if err := c.right(p.proof(root(), c.act, 0, c.object)); err != nil {
			t.Errorf("%s as it was proved: %v", c.act, err)
		}
	}
}
