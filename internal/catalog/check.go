package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"rekey"
)

// gentle is the order of the ways, from the gentlest to the last.
var gentle = [...]rekey.WayID{
	rekey.WayKnownPassword, rekey.WayAnotherAdmin, rekey.WayVendorApp,
	rekey.WaySecurityQuestions, rekey.WayTemporaryPassword, rekey.WayHardwareReset,
}

// check is the schema of an entry: complete, in order, and nothing without a source.
func (d *data) check(m Model) error {
	var faults []error
	fault := func(format string, a ...any) { faults = append(faults, fmt.Errorf(format, a...)) }
	if m.ID == "" || m.Title == "" || len(m.Ways) == 0 {
		fault("id, title and ways are needed")
	}
	for _, prefix := range m.Match {
		if prefix == "" || prefix != strings.ToUpper(prefix) {
			fault("match %q: a prefix in upper case is needed", prefix)
		}
	}
	for name, f := range m.Facts {
		if f.Value == "" {
			fault("fact %s has no value", name)
		}
		faults = append(faults, d.cited("fact "+name, f.Certainty, f.Sources))
	}
	faults = append(faults,
		d.cited("menu_path", m.MenuPath.Certainty, m.MenuPath.Sources),
		d.cited("password_rule", m.PasswordRule.Certainty, m.PasswordRule.Sources),
		d.cited("lock_policy", m.LockPolicy.Certainty, m.LockPolicy.Sources))
	if len(m.MenuPath.Value) == 0 {
		fault("menu_path is empty")
	}
	if l := m.LockPolicy.Value; l.Tries < 1 || l.Minutes < 1 {
		fault("lock_policy: tries and minutes must be positive")
	}
	if err := checkRule(m.PasswordRule.Value); err != nil {
		fault("password_rule: %w", err)
	}
	last := -1
	for _, w := range m.Ways {
		at := slices.Index(gentle[:], w.ID)
		if at <= last {
			fault("way %q is unknown, or not in the order least destructive first", w.ID)
		}
		last = at
		faults = append(faults, d.checkWay(w))
	}
	return errors.Join(faults...)
}

func (d *data) checkWay(w Way) error {
	name := "way " + string(w.ID)
	if err := d.cited(name, w.Certainty, w.Sources); err != nil {
		return err
	}
	if w.Title == "" || w.Cost == "" || w.Time == "" || len(w.Needs) == 0 || len(w.Requires) == 0 {
		return fmt.Errorf("%s: title, cost, time, needs and requires are needed", name)
	}
	for _, t := range w.Requires {
		if !slices.Contains(Things(), t) {
			return fmt.Errorf("%s requires %q, which is unknown", name, t)
		}
	}
	alone := w.ID == rekey.WayKnownPassword || w.ID == rekey.WayAnotherAdmin
	if alone == w.ByHand() {
		return fmt.Errorf("%s: hands are for the ways that rekey cannot go alone", name)
	}
	if slices.Contains(w.Hands, "") {
		return fmt.Errorf("%s: an empty step", name)
	}
	if w.Keeps == slices.Contains(w.Risks, rekey.RiskLoseFootage) {
		return fmt.Errorf("%s: a way keeps the footage or names the risk %s", name, rekey.RiskLoseFootage)
	}
	if w.ID == rekey.WayHardwareReset && (!slices.Contains(w.Risks, rekey.RiskLoseSettings) || !strings.HasPrefix(w.Hands[0], "Save the footage")) {
		return fmt.Errorf("%s: it names what is lost and starts with saving the footage", name)
	}
	return nil
}

// cited demands a mark of certainty and sources that are listed.
func (d *data) cited(what string, c rekey.Certainty, sources []string) error {
	if c != rekey.Verified && c != rekey.Inferred && c != rekey.Unverified {
		return fmt.Errorf("%s: certainty %q; expected verified, inferred or unverified", what, c)
	}
	if len(sources) == 0 {
		return fmt.Errorf("%s has no source", what)
	}
	for _, id := range sources {
		s, ok := d.sources[id]
		if !ok || s.Kind == "" || s.Title == "" || s.Address == "" {
			return fmt.Errorf("%s: source %q is not listed whole", what, id)
		}
	}
	if c == rekey.Verified && slices.Equal(sources, []string{"REKEY"}) {
		return fmt.Errorf("%s: rekey's own choice is not verified", what)
	}
	return nil
}
