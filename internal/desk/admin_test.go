package desk_test

import (
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/staff"
)

// TestWhoMayChangeAgents: operator and administrator, and nobody else; each try
// is recorded, and what gives rights takes a proof of presence.
func TestWhoMayChangeAgents(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx := t.Context()
	byName := func(name string) string { return name }
	for _, c := range []struct {
		act    desk.Act
		object func(name string) string // of the proof; nil = it takes none
		do     func(who desk.Agent, name string, proof desk.StepUp) error
	}{
		{desk.ActAgentDisable, nil, func(who desk.Agent, name string, _ desk.StepUp) error {
			_, err := p.desk.DisableAgent(ctx, who, name)
			return err
		}},
		{desk.ActAgentEnable, byName, func(who desk.Agent, name string, proof desk.StepUp) error {
			_, err := p.desk.EnableAgent(ctx, who, name, proof)
			return err
		}},
		{desk.ActAgentRole, func(name string) string { return desk.RoleProof(name, staff.RoleApprover) }, func(who desk.Agent, name string, proof desk.StepUp) error {
			_, err := p.desk.SetAgentRole(ctx, who, name, staff.RoleApprover, proof)
			return err
		}},
		{desk.ActAgentSSO, func(name string) string { return desk.SSOProof(name, "bob@example.org") }, func(who desk.Agent, name string, proof desk.StepUp) error {
			_, err := p.desk.SetAgentSSO(ctx, who, name, "bob@example.org", proof)
			return err
		}},
		{desk.ActAgentInvite, byName, func(who desk.Agent, name string, proof desk.StepUp) error {
			_, _, err := p.desk.Invite(ctx, who, name, true, proof)
			return err
		}},
	} {
		for _, who := range []desk.Agent{ann(), carol(), sue(), otto(), {Name: "crm", Role: staff.RoleProgram, Scopes: staff.Scopes()}} {
			begun := len(p.records())
			isKind(t, string(c.act)+" by "+who.Name, c.do(who, "bob", desk.StepUp{}), rekey.ErrDenied)
			if p.recorded(begun, string(c.act), "refused") != 1 {
				t.Errorf("%s by %s: the refusal is not recorded once", c.act, who.Name)
			}
		}
		proof := desk.StepUp{}
		if c.object != nil {
			isKind(t, string(c.act)+" without a proof", c.do(root(), "bob", desk.StepUp{}), rekey.ErrDenied)
			isKind(t, string(c.act)+" with a proof for ann", c.do(root(), "bob", p.proof(root(), c.act, 0, c.object("ann"))), rekey.ErrDenied)
			proof = p.proof(root(), c.act, 0, c.object("bob"))
		}
		begun := len(p.records())
		if err := c.do(root(), "bob", proof); err != nil {
			t.Errorf("%s: %v", c.act, err)
		}
		if p.recorded(begun, string(c.act), "allowed") != 1 {
			t.Errorf("%s is not recorded", c.act)
		}
		isKind(t, string(c.act)+" of nobody", c.do(desk.Operator(), "mallory", desk.StepUp{}), rekey.ErrNotFound)
	}
}

// TestNamesThatNobodyHas: the desk's own are not to be had, nor are its roles.
func TestNamesThatNobodyHas(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for _, name := range []string{"operator", "owner", "desk", "Operator", ""} {
		isKind(t, "the name "+name, p.desk.AddAgent(t.Context(), desk.Operator(), name, staff.RoleAgent, desk.StepUp{}), rekey.ErrInput)
	}
	for _, role := range []staff.Role{staff.RoleOperator, staff.RoleProgram, staff.RoleSystem, "owner", ""} {
		isKind(t, "the role "+string(role), p.desk.AddAgent(t.Context(), desk.Operator(), "mallory", role, desk.StepUp{}), rekey.ErrInput)
		_, err := p.desk.SetAgentRole(t.Context(), desk.Operator(), "bob", role, desk.StepUp{})
		isKind(t, "the new role "+string(role), err, rekey.ErrInput)
	}
	isKind(t, "ann twice", p.desk.AddAgent(t.Context(), desk.Operator(), "ann", staff.RoleAgent, desk.StepUp{}), rekey.ErrConflict)
}

func TestKeysAndHooks(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx := t.Context()
	until := p.clock.Now().AddDate(0, 1, 0)
	scopes := []staff.Scope{staff.ScopeOpenCases, staff.ScopeCases}
	_, err := p.desk.MakeKey(ctx, sue(), "crm", scopes, until, desk.StepUp{})
	isKind(t, "a key by a supervisor", err, rekey.ErrDenied)
	secret, err := p.desk.MakeKey(ctx, root(), "crm", scopes, until, p.proof(root(), desk.ActKeyMake, 0, desk.KeyProof("crm", scopes, until)))
	if err != nil || secret.IsZero() {
		t.Fatal(err)
	}
	keys, err := p.desk.Keys(ctx, otto())
	if err != nil || len(keys) != 1 || keys[0].MadeBy != "root" {
		t.Errorf("%+v: %v", keys, err)
	}
	if err := p.desk.RevokeKey(ctx, desk.Operator(), "crm"); err != nil {
		t.Error(err)
	}
	const url = "https://crm.example.org/hook?token=abc"
	hook, secret, err := p.desk.AddHook(ctx, root(), url, []string{"case.opened"}, p.proof(root(), desk.ActHookAdd, 0, url))
	if err != nil || secret.IsZero() {
		t.Fatal(err)
	}
	hooks, err := p.desk.Hooks(ctx, otto())
	if err != nil || len(hooks) != 1 || hooks[0].ID != hook.ID {
		t.Errorf("%+v: %v", hooks, err)
	}
	if err := p.desk.RemoveHook(ctx, root(), hook.ID); err != nil {
		t.Error(err)
	}
	for _, rec := range p.records() {
		if rec.Event == "hook.add" && rec.Object != "https://crm.example.org" {
			t.Errorf("a record holds of the hook's URL %q", rec.Object)
		}
		if rec.Event == "key.make" && rec.Result == "allowed" && rec.Detail["scopes"] != "cases.open cases.read" {
			t.Errorf("scopes in the record: %q", rec.Detail["scopes"])
		}
	}
}

// TestRightsOfAProgram: it opens cases and reads them; it gives no evidence, gets
// no answer, and what it opened waits for an agent.
func TestRightsOfAProgram(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx, b := t.Context(), p.enrol(ownerOfAll())
	crm := desk.Agent{Name: "crm", Role: staff.RoleProgram, Scopes: []staff.Scope{staff.ScopeOpenCases}, Browser: "key"}
	c := p.openCase(crm, b, "+49301")
	_, err := p.desk.AddEvidence(ctx, crm, c.Number, desk.Given{Kind: desk.EvidenceCallback, Note: rightNote})
	isKind(t, "evidence by a program", err, rekey.ErrDenied)
	_, err = p.desk.Reveal(ctx, crm, c.Number, b.challenge(t, 0).String(), desk.StepUp{})
	isKind(t, "an answer to a program", err, rekey.ErrDenied)
	_, err = p.desk.AddEvidence(ctx, ann(), c.Number, desk.Given{Kind: desk.EvidenceCallback, Note: rightNote})
	isKind(t, "evidence before somebody took the case", err, rekey.ErrDenied)
	_, err = p.desk.Figures(ctx, crm, p.clock.Now().Add(-time.Hour), p.clock.Now())
	isKind(t, "figures without the scope", err, rekey.ErrDenied)
	if _, err := p.desk.HandOver(ctx, ann(), c.Number, "ann"); err != nil {
		t.Fatal(err)
	}
	p.add(ann(), c.Number, desk.EvidenceCallback)
}
