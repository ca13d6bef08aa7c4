package desk

import (
	"cmp"
	"slices"

	"rekey/internal/desk/staff"
)

// Right is one act with who may do it, as the desk's one gate has it.
type Right struct {
	Act    Act           `json:"act"`
	Roles  []staff.Role  `json:"roles"`
	Scopes []staff.Scope `json:"scopes,omitempty"` // programs with one of these may, too
	Own    []staff.Role  `json:"own,omitempty"`    // of these roles only who works the case
	Anyone []staff.Role  `json:"anyone,omitempty"` // only these roles on sessions of others
	Never  bool          `json:"never,omitempty"`  // never who worked the case
	StepUp bool          `json:"step_up,omitempty"`
	Reads  bool          `json:"reads,omitempty"` // changes nothing
}

// Rights are all acts by name, for who checks them.
func Rights() []Right {
	var all []Right
	for act, g := range grants() {
		if len(g.roles) == 0 {
			continue // what anybody begins for an act of their own
		}
		all = append(all, Right{Act: act, Roles: g.roles, Scopes: g.scopes, Own: g.own, Anyone: g.anyone, Never: len(g.never) > 0, StepUp: g.stepUp, Reads: g.reads})
	}
	slices.SortFunc(all, func(a, b Right) int { return cmp.Compare(a.Act, b.Act) })
	return all
}
