package desk_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"rekey/internal/desk"
	"rekey/recovery"
)

// wantDecision is the policy of the desk once more, written as a person would decide.
func wantDecision(f desk.Facts) (level desk.Level, complete, approve bool, hold time.Duration) {
	has := func(e desk.Evidence) bool { return slices.Contains(f.Evidence, e) }
	split := f.RegisteredAddress && f.Reachable
	if f.Stolen || f.Frozen || (f.Dealer && (!f.DealerVetted || !split)) {
		return desk.LevelRefuse, true, false, 0
	}
	if !split || f.AddressesChanged || f.Duress {
		hold = 24 * time.Hour
	}
	agreed := !f.Dealer || has("E2") // a dealer needs the owner
	if hold > 0 || f.OwnerChanged || f.ManyResets || f.CounterBehind || f.Purpose != recovery.PurposePassword {
		return desk.LevelHigh, has("E4") && has("E5") && agreed, true, hold
	}
	complete = has("E2") && (has("E1") || has("E3") || has("E6"))
	if f.AtRecorder {
		return desk.LevelNormal, complete, false, 0
	}
	return desk.LevelRaised, complete, true, 0
}

// flags are the facts that are true or false, each with the value that is the
// greater risk. The dealer's number proves nothing and changes nothing.
func flags(f *desk.Facts) []struct {
	of    *bool
	risky bool
} {
	return []struct {
		of    *bool
		risky bool
	}{
		{&f.RegisteredAddress, false}, {&f.Reachable, false}, {&f.Stolen, true}, {&f.Frozen, true}, {&f.OwnerChanged, true},
		{&f.AddressesChanged, true}, {&f.ManyResets, true}, {&f.CounterBehind, true}, {&f.Duress, true},
		{&f.Dealer, true}, {&f.DealerVetted, false}, {&f.AtRecorder, false},
	}
}

const allFlags = 12

// factsOf are the facts of a number: one bit for each flag.
func factsOf(bits int, purpose recovery.Purpose, evidence []desk.Evidence) desk.Facts {
	f := desk.Facts{Purpose: purpose, Evidence: evidence}
	for i, flag := range flags(&f) {
		*flag.of = bits>>i&1 == 1
	}
	return f
}

// TestRisk goes through every combination of facts and evidence there is.
func TestRisk(t *testing.T) {
	t.Parallel()
	kinds := []desk.Evidence{"E1", "E2", "E3", "E4", "E5", "E6"}
	var sets [][]desk.Evidence
	for set := range 1 << len(kinds) {
		var all []desk.Evidence
		for i, k := range kinds {
			if set>>i&1 == 1 {
				all = append(all, k)
			}
		}
		sets = append(sets, all)
	}
	n := 0
	for bits := range 1 << allFlags {
		for purpose := range recovery.Purpose(3) {
			for _, evidence := range sets {
				f := factsOf(bits, purpose, evidence)
				got := desk.Decide(f)
				level, complete, approve, hold := wantDecision(f)
				if got.Level != level || (len(got.Missing) == 0) != complete || got.Approve != approve || got.Hold != hold {
					t.Fatalf("%+v: got %+v, want level %v, complete %v, approve %v, hold %v", f, got, level, complete, approve, hold)
				}
				n++
			}
		}
	}
	if len(flags(new(desk.Facts))) != allFlags || n != 1<<allFlags*3*64 {
		t.Errorf("%d combinations", n)
	}
}

// TestMoreRiskIsNeverLessCare: whatever is known of a case, one risk more never
// lowers its level, takes away the second person, or shortens the wait; and a
// dealer is never let off what the owner must agree to.
func TestMoreRiskIsNeverLessCare(t *testing.T) {
	t.Parallel()
	for bits := range 1 << allFlags {
		for purpose := range recovery.Purpose(3) {
			before := desk.Decide(factsOf(bits, purpose, nil))
			for i := range allFlags {
				f := factsOf(bits, purpose, nil)
				flag := flags(&f)[i]
				if *flag.of == flag.risky {
					continue
				}
				*flag.of = flag.risky
				after := desk.Decide(f)
				if after.Level < before.Level {
					t.Fatalf("%+v: level %v, before it was %v", f, after.Level, before.Level)
				}
				if after.Level != desk.LevelRefuse && (after.Hold < before.Hold || (before.Approve && !after.Approve)) {
					t.Fatalf("%+v: got %+v, before it was %+v", f, after, before)
				}
			}
			if purpose != recovery.PurposePassword {
				if less := desk.Decide(factsOf(bits, recovery.PurposePassword, nil)); before.Level < less.Level {
					t.Fatalf("%v is handled less carefully than a password", purpose)
				}
			}
		}
	}
}

// TestRiskRows reads as the table of the procedure does.
func TestRiskRows(t *testing.T) {
	t.Parallel()
	normal := desk.Facts{RegisteredAddress: true, Reachable: true}
	facts := func(f desk.Facts, change func(*desk.Facts), e ...desk.Evidence) desk.Facts {
		change(&f)
		f.Evidence = e
		return f
	}
	voice := func(*desk.Facts) {}
	scanned := func(f *desk.Facts) { f.AtRecorder = true }
	dealer := func(f *desk.Facts) { f.AtRecorder, f.Dealer, f.DealerVetted = true, true, true }
	for name, row := range map[string]struct {
		facts desk.Facts
		want  string // level, missing lines, approval, hold
	}{
		"owner with QR":             {facts(normal, scanned, "E1", "E2"), "normal 0 false 0s"},
		"QR alone is not enough":    {facts(normal, scanned, "E1"), "normal 1 false 0s"},
		"QR of an hour ago":         {facts(normal, voice, "E1", "E2"), "raised 0 true 0s"},
		"voice, sheet":              {facts(normal, voice, "E2", "E3"), "raised 0 true 0s"},
		"voice, call back":          {facts(normal, voice, "E2", "E6"), "raised 0 true 0s"},
		"call back alone":           {facts(normal, voice, "E6"), "raised 1 true 0s"},
		"nothing":                   {normal, "raised 2 true 0s"},
		"new address, documents":    {facts(normal, func(f *desk.Facts) { f.AddressesChanged = true }, "E4", "E5"), "high 0 true 24h0m0s"},
		"no address, documents":     {facts(desk.Facts{}, voice, "E4", "E5"), "high 0 true 24h0m0s"},
		"no address, documents, QR": {facts(desk.Facts{}, scanned, "E1", "E4", "E5"), "high 0 true 24h0m0s"},
		"address, but no mail":      {facts(desk.Facts{RegisteredAddress: true}, scanned, "E1", "E4", "E5"), "high 0 true 24h0m0s"},
		"unseal, normal evidence":   {facts(normal, func(f *desk.Facts) { f.Purpose = recovery.PurposeUnseal }, "E1", "E2"), "high 2 true 0s"},
		"duress, normal evidence":   {facts(normal, func(f *desk.Facts) { f.AtRecorder, f.Duress = true, true }, "E1", "E2", "E3"), "high 2 true 24h0m0s"},
		"dealer at the recorder":    {facts(normal, dealer, "E1"), "normal 1 false 0s"},
		"dealer, owner agrees":      {facts(normal, dealer, "E1", "E2"), "normal 0 false 0s"},
		"dealer, documents":         {facts(normal, func(f *desk.Facts) { dealer(f); f.Purpose = recovery.PurposeUnseal }, "E4", "E5"), "high 1 true 0s"},
		"dealer, not vetted":        {facts(normal, func(f *desk.Facts) { f.Dealer = true }, "E1", "E2"), "refused 0 false 0s"},
		"dealer, owner unreachable": {facts(desk.Facts{RegisteredAddress: true}, dealer, "E1", "E2"), "refused 0 false 0s"},
		"stolen, everything":        {facts(normal, func(f *desk.Facts) { f.Stolen = true }, "E1", "E2", "E3", "E4", "E5", "E6"), "refused 0 false 0s"},
		"frozen, everything":        {facts(normal, func(f *desk.Facts) { f.Frozen = true }, "E1", "E2", "E3", "E4", "E5", "E6"), "refused 0 false 0s"},
	} {
		d := desk.Decide(row.facts)
		if got := fmt.Sprintf("%s %d %v %v", d.Level, len(d.Missing), d.Approve, d.Hold); got != row.want {
			t.Errorf("%s: got %s, want %s", name, got, row.want)
		}
	}
}

// TestDuressReadsAsAnyOtherCare: what an agent reads of a case under duress is
// word for word what they read after a change of address.
func TestDuressReadsAsAnyOtherCare(t *testing.T) {
	t.Parallel()
	now := desk.Facts{RegisteredAddress: true, Reachable: true, AtRecorder: true}
	duress, address := now, now
	duress.Duress, address.AddressesChanged = true, true
	one, other := desk.Decide(duress), desk.Decide(address)
	if fmt.Sprint(one.Shown, one.MissingWords(), one.Hold, one.Level, one.Approve) != fmt.Sprint(other.Shown, other.MissingWords(), other.Hold, other.Level, other.Approve) {
		t.Errorf("%+v differs from %+v", one, other)
	}
	if !slices.Equal(one.Shown, []string{desk.QuietWhy}) || slices.Equal(one.Reasons, one.Shown) {
		t.Errorf("shown %q, true %q", one.Shown, one.Reasons)
	}
}

// TestDuressHasNoPlaceOfItsOwn: whatever else is said of a case, the words for
// whoever works it are the same, in the same order, for duress as for a new address.
func TestDuressHasNoPlaceOfItsOwn(t *testing.T) {
	t.Parallel()
	for bits := range 1 << len(flags(new(desk.Facts))) {
		f := factsOf(bits, recovery.PurposePassword, nil)
		f.Duress, f.AddressesChanged = true, false
		said := desk.Decide(f)
		f.Duress, f.AddressesChanged = false, true
		if other := desk.Decide(f); !slices.Equal(said.Shown, other.Shown) || said.Hold != other.Hold || said.Level != other.Level {
			t.Fatalf("%+v: %q or %q", f, said.Shown, other.Shown)
		}
	}
}
