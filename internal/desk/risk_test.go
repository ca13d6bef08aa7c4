package desk_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"rekey/internal/desk"
	"rekey/recovery"
)

// want is the policy of the desk once more, written as a person would decide.
func wantDecision(f desk.Facts) (level desk.Level, complete, approve bool, hold time.Duration) {
	has := func(e desk.Evidence) bool { return slices.Contains(f.Evidence, e) }
	if f.Stolen {
		return desk.LevelRefuse, true, false, 0
	}
	if !f.RegisteredAddress {
		hold = 24 * time.Hour
	}
	if f.AddressesChanged {
		hold = 24 * time.Hour
	}
	if hold > 0 || f.OwnerChanged || f.ManyResets || f.CounterBehind || f.Purpose != recovery.PurposePassword {
		return desk.LevelHigh, has("E4") && has("E5"), true, hold
	}
	complete = has("E2") && (has("E1") || has("E3") || has("E6"))
	if f.AtRecorder {
		return desk.LevelNormal, complete, false, 0
	}
	return desk.LevelRaised, complete, true, 0
}

// TestRisk goes through every combination of facts and evidence there is.
func TestRisk(t *testing.T) {
	t.Parallel()
	kinds := []desk.Evidence{"E1", "E2", "E3", "E4", "E5", "E6"}
	n := 0
	for bits := range 1 << 7 {
		for purpose := range recovery.Purpose(3) {
			for set := range 1 << len(kinds) {
				f := desk.Facts{
					Purpose: purpose, RegisteredAddress: bits&1 != 0, Stolen: bits&2 != 0,
					OwnerChanged: bits&4 != 0, ManyResets: bits&8 != 0, CounterBehind: bits&16 != 0,
					AddressesChanged: bits&32 != 0, AtRecorder: bits&64 != 0,
				}
				for i, k := range kinds {
					if set>>i&1 == 1 {
						f.Evidence = append(f.Evidence, k)
					}
				}
				got := desk.Decide(f)
				level, complete, approve, hold := wantDecision(f)
				if got.Level != level || (len(got.Missing) == 0) != complete || got.Approve != approve || got.Hold != hold {
					t.Fatalf("%+v: got %+v, want level %v, complete %v, approve %v, hold %v", f, got, level, complete, approve, hold)
				}
				n++
			}
		}
	}
	if n != 128*3*64 {
		t.Errorf("%d combinations, want %d", n, 128*3*64)
	}
}

// TestRiskRows reads as the table of the procedure does.
func TestRiskRows(t *testing.T) {
	t.Parallel()
	normal := desk.Facts{RegisteredAddress: true}
	now := desk.Facts{RegisteredAddress: true, AtRecorder: true}
	with := func(f desk.Facts, e ...desk.Evidence) desk.Facts { f.Evidence = e; return f }
	for name, row := range map[string]struct {
		facts desk.Facts
		want  string // level, missing lines, approval, hold
	}{
		"owner with QR":                {with(now, "E1", "E2"), "normal 0 false 0s"},
		"QR alone is not enough":       {with(now, "E1"), "normal 1 false 0s"},
		"QR of an hour ago":            {with(normal, "E1", "E2"), "raised 0 true 0s"},
		"new address, documents":       {with(desk.Facts{RegisteredAddress: true, AddressesChanged: true}, "E4", "E5"), "high 0 true 24h0m0s"},
		"voice, sheet":                 {with(normal, "E2", "E3"), "raised 0 true 0s"},
		"voice, call back":             {with(normal, "E2", "E6"), "raised 0 true 0s"},
		"call back alone":              {with(normal, "E6"), "raised 1 true 0s"},
		"nothing":                      {normal, "raised 2 true 0s"},
		"no address, documents":        {with(desk.Facts{}, "E4", "E5"), "high 0 true 24h0m0s"},
		"no address, documents and QR": {with(desk.Facts{}, "E1", "E4", "E5"), "high 0 true 24h0m0s"},
		"unseal, normal evidence":      {with(desk.Facts{RegisteredAddress: true, Purpose: recovery.PurposeUnseal}, "E1", "E2"), "high 2 true 0s"},
		"stolen, everything":           {with(desk.Facts{RegisteredAddress: true, Stolen: true}, "E1", "E2", "E3", "E4", "E5", "E6"), "refused 0 false 0s"},
	} {
		d := desk.Decide(row.facts)
		if got := fmt.Sprintf("%s %d %v %v", d.Level, len(d.Missing), d.Approve, d.Hold); got != row.want {
			t.Errorf("%s: got %s, want %s", name, got, row.want)
		}
	}
}
