package desk_test

import (
	"errors"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/staff"
)

// registration is what the database holds of a recorder's owner.
func (p *place) registration(b *box) (owner string, addresses, phrases, stolen int) {
	p.t.Helper()
	r, err := p.desk.Recorder(p.t.Context(), otto(), b.id)
	if err != nil {
		p.t.Fatal(err)
	}
	id := b.id.String()
	return r.Owner, p.count(`SELECT COUNT(*) FROM addresses WHERE device_id = $1 AND address LIKE '%petra@example.org'`, id),
		p.count(`SELECT COUNT(*) FROM phrases WHERE device_id = $1`, id), p.count(`SELECT stolen FROM recorders WHERE device_id = $1`, id)
}

// TestRegistrationTakesATouch: who stole an administrator's session has no passkey.
// They change no owner, address or phrase, and take no mark away, with no proof, with
// one that was begun and not touched, with one that was used, or by enrolling the
// recorder again. Each try is on record.
func TestRegistrationTakesATouch(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx, b := t.Context(), p.enrol(ownerOfAll())
	p.setPhrases(b, supportPhrase, duressWord)
	if err := p.desk.SetStolen(ctx, root(), b.id, true, desk.StepUp{}); err != nil {
		t.Fatalf("to report a recorder stolen takes no touch: %v", err)
	}
	p.wantEvent("root recorder.stolen allowed")
	bad := desk.Owner{Addresses: []string{crook}}
	used := p.proof(root(), desk.ActRecorderUpdate, 0, desk.OwnerProof(b.id, ownerOfAll()))
	if err := p.desk.SetOwner(ctx, root(), b.id, ownerOfAll(), used); err != nil {
		t.Fatal(err)
	}
	begun, err := p.desk.BeginStepUp(ctx, root(), desk.ActRecorderUpdate, 0, desk.OwnerProof(b.id, bad))
	if err != nil {
		t.Fatal(err)
	}
	for what, try := range map[string]func() error{
		"addresses":            func() error { return p.desk.SetOwner(ctx, root(), b.id, bad, desk.StepUp{}) },
		"without the touch":    func() error { return p.desk.SetOwner(ctx, root(), b.id, bad, desk.StepUp{ID: begun.ID}) },
		"the same proof again": func() error { return p.desk.SetOwner(ctx, root(), b.id, ownerOfAll(), used) },
		"owner":                func() error { return p.desk.SetOwner(ctx, root(), b.id, desk.Owner{Name: "Mallory"}, desk.StepUp{}) },
		"phrases":              func() error { return p.desk.SetPhrases(ctx, root(), b.id, desk.Phrases{}, desk.StepUp{}) },
		"found again":          func() error { return p.desk.SetStolen(ctx, root(), b.id, false, desk.StepUp{}) },
	} {
		since := len(p.records())
		isKind(t, what, try(), rekey.ErrDenied)
		if p.recorded(since, "recorder.update", "refused") != 1 || p.recorded(since, "recorder.update", "") != 1 {
			t.Errorf("%s: records %+v", what, p.records()[since:])
		}
	}
	_, err = p.desk.Enrol(ctx, root(), p.enrolment(b, 1), bad)
	isKind(t, "enrolled again with another address", err, rekey.ErrDenied)
	p.wantEvent("root recorder.enrol failed")
	if n := p.count(`SELECT epoch FROM recorder_keys WHERE device_id = $1`, b.id.String()); n != 0 {
		t.Errorf("the key was replaced: epoch %d", n)
	}
	if owner, addresses, phrases, stolen := p.registration(b); owner != "Petra Example" || addresses != 1 || phrases != 2 || stolen != 1 {
		t.Errorf("owner %q, %d of her address, %d phrases, stolen %d", owner, addresses, phrases, stolen)
	}
	if _, err := p.desk.Enrol(ctx, root(), p.enrolment(b, 1), desk.Owner{}); err != nil {
		t.Errorf("enrolled again, and the owner left: %v", err)
	}
	if err := p.desk.SetStolen(ctx, root(), b.id, false, p.proof(root(), desk.ActRecorderUpdate, 0, desk.FoundProof(b.id))); err != nil {
		t.Errorf("found again, with a touch: %v", err)
	}
}

// TestTouchForOneRegistration: whoever changes on its way what an administrator
// touched their passkey for changes nothing.
func TestTouchForOneRegistration(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx, b, other := t.Context(), p.enrol(ownerOfAll()), p.enrol(ownerOfAll())
	seen := desk.Owner{Name: "Paul Example", Since: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Addresses: []string{"mailto:paul@example.org", "tel:+49 30 7654321"}}
	phrases := desk.Phrases{Support: rekey.NewSecret(supportPhrase), Duress: rekey.NewSecret(duressWord)}
	setOwner := func(b *box, change func(*desk.Owner)) func(desk.StepUp) error {
		o := seen
		change(&o)
		return func(proof desk.StepUp) error { return p.desk.SetOwner(ctx, root(), b.id, o, proof) }
	}
	setPhrases := func(support, duress string) func(desk.StepUp) error {
		return func(proof desk.StepUp) error {
			return p.desk.SetPhrases(ctx, root(), b.id, desk.Phrases{Support: rekey.NewSecret(support), Duress: rekey.NewSecret(duress)}, proof)
		}
	}
	found := func(b *box) func(desk.StepUp) error {
		return func(proof desk.StepUp) error { return p.desk.SetStolen(ctx, root(), b.id, false, proof) }
	}
	for touched, c := range map[string]struct {
		right   func(desk.StepUp) error
		swapped map[string]func(desk.StepUp) error
	}{
		desk.OwnerProof(b.id, seen): {setOwner(b, func(*desk.Owner) {}), map[string]func(desk.StepUp) error{
			"another address":     setOwner(b, func(o *desk.Owner) { o.Addresses = []string{crook, "tel:+49 30 7654321"} }),
			"an address more":     setOwner(b, func(o *desk.Owner) { o.Addresses = append(o.Addresses[:2:2], crook) }),
			"no addresses":        setOwner(b, func(o *desk.Owner) { o.Addresses = nil }),
			"another name":        setOwner(b, func(o *desk.Owner) { o.Name = "Mallory" }),
			"another date":        setOwner(b, func(o *desk.Owner) { o.Since = o.Since.AddDate(-1, 0, 0) }),
			"no date":             setOwner(b, func(o *desk.Owner) { o.Since = time.Time{} }),
			"another recorder":    setOwner(other, func(*desk.Owner) {}),
			"phrases instead":     setPhrases(supportPhrase, duressWord),
			"found again instead": found(b),
		}},
		desk.PhrasesProof(b.id, phrases): {setPhrases(supportPhrase, duressWord), map[string]func(desk.StepUp) error{
			"another phrase":      setPhrases("seven words of mallory", duressWord),
			"another duress word": setPhrases(supportPhrase, "mallory"),
			"no duress word":      setPhrases(supportPhrase, ""),
			"none at all":         setPhrases("", ""),
		}},
		desk.FoundProof(b.id): {found(b), map[string]func(desk.StepUp) error{
			"another recorder": found(other),
			"an owner instead": setOwner(b, func(*desk.Owner) {}),
		}},
	} {
		for name, swapped := range c.swapped {
			since := len(p.records())
			isKind(t, name, swapped(p.proof(root(), desk.ActRecorderUpdate, 0, touched)), rekey.ErrDenied)
			if p.recorded(since, "recorder.update", "refused") != 1 || p.recorded(since, "recorder.update", "allowed") != 0 {
				t.Errorf("%s: records %+v", name, p.records()[since:])
			}
		}
		if err := c.right(p.proof(root(), desk.ActRecorderUpdate, 0, touched)); err != nil {
			t.Errorf("as it was touched for: %v", err)
		}
	}
	if owner, addresses, phrases, _ := p.registration(other); owner != "Petra Example" || addresses != 1 || phrases != 0 {
		t.Errorf("the other recorder: owner %q, %d of her address, %d phrases", owner, addresses, phrases)
	}
}

// TestLineEndsInARegistration: what is sent cannot be read as lines of another proof.
func TestLineEndsInARegistration(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	for _, o := range []desk.Owner{
		{Name: "Petra\n\n" + crook}, {Name: "Petra\r"}, {Addresses: []string{"mailto:petra@example.org\n"}}, {Addresses: []string{"mailto:petra@example.org\n" + crook}},
	} {
		err := p.desk.SetOwner(t.Context(), root(), b.id, o, p.proof(root(), desk.ActRecorderUpdate, 0, desk.OwnerProof(b.id, o)))
		wantKind(t, err, rekey.ErrInput)
		_, err = p.desk.Enrol(t.Context(), desk.Operator(), p.enrolment(b, 1), o)
		wantKind(t, err, rekey.ErrInput)
	}
}

// TestProgramKeepsRegistrations: a CRM has no passkey. Its key with the scope is
// enough, and what it did is on record as its; without the scope it changes nothing,
// and it begins no proof.
func TestProgramKeepsRegistrations(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ctx, b := t.Context(), p.enrol(ownerOfAll())
	crm := desk.Agent{Name: "key:crm", Role: staff.RoleProgram, Scopes: []staff.Scope{staff.ScopeOwners}}
	line := desk.Agent{Name: "key:line", Role: staff.RoleProgram, Scopes: []staff.Scope{staff.ScopeEnrol, staff.ScopeRecorders}}
	moved := desk.Owner{Addresses: []string{"mailto:petra@example.net"}}
	isKind(t, "without the scope", p.desk.SetOwner(ctx, line, b.id, moved, desk.StepUp{}), rekey.ErrDenied)
	p.wantEvent("key:line recorder.update refused")
	err := errors.Join(p.desk.SetOwner(ctx, crm, b.id, moved, desk.StepUp{}), p.desk.SetStolen(ctx, crm, b.id, true, desk.StepUp{}),
		p.desk.SetPhrases(ctx, crm, b.id, desk.Phrases{Support: rekey.NewSecret(supportPhrase)}, desk.StepUp{}))
	if err != nil {
		t.Fatal(err)
	}
	p.wantEvent("key:crm recorder.update allowed")
	p.wantEvent("key:crm recorder.stolen allowed")
	if _, addresses, phrases, stolen := p.registration(b); addresses != 0 || phrases != 1 || stolen != 1 {
		t.Errorf("%d of the old address, %d phrases, stolen %d", addresses, phrases, stolen)
	}
	_, err = p.desk.BeginStepUp(ctx, crm, desk.ActRecorderUpdate, 0, desk.OwnerProof(b.id, moved))
	isKind(t, "a proof begun by a program", err, rekey.ErrDenied)
}
