package catalog

import (
	"maps"
	"strings"

	"rekey"
)

// model resolves an entry of the family: its own parts, and those of the base
// that it lacks. What is inherited was not read of this model, so it is at most
// inferred; its sources stay.
func (l *loader) model(f familyFile, e entry) Model {
	base := f.Base
	m := Model{
		ID: e.ID, Title: e.Title, Maker: f.Maker, Series: f.Family, FamilyTitle: f.Title, Match: e.Match,
		Facts:        map[string]Fact[string]{},
		MenuPath:     inherit(e.MenuPath, base.MenuPath),
		PasswordRule: inherit(e.PasswordRule, base.PasswordRule),
		LockPolicy:   inherit(e.LockPolicy, base.LockPolicy),
		Apps:         inherit(e.Apps, base.Apps),
	}
	for name, fact := range base.Facts {
		m.Facts[name] = demoted(fact)
	}
	maps.Copy(m.Facts, e.Facts)
	m.Notes = append(m.Notes, e.Notes...)
	for _, n := range base.Notes {
		m.Notes = append(m.Notes, demoted(n))
	}
	m.Family = protocol(m, f.GenericFor)
	if len(e.Ways) > 0 {
		m.unfilled = l.joined(e.Ways)
	} else {
		m.unfilled = l.joined(base.Ways)
		for i, w := range m.unfilled {
			m.unfilled[i].Certainty = weaker(w.Certainty, rekey.Inferred)
		}
	}
	m.Ways = m.fill(m.unfilled)
	l.checkModel(e.at, m)
	return m
}

func (l *loader) joined(uses []use) []Way {
	var out []Way
	for _, u := range uses {
		out = append(out, join(u, l.procedures[u.Use]))
	}
	return out
}

// inherit takes the model's own fact, else the base's, else one that is not known.
func inherit[T any](own, base *Fact[T]) (none Fact[T]) {
	switch {
	case own != nil:
		return *own
	case base != nil:
		return demoted(*base)
	}
	return none
}

func demoted[T any](f Fact[T]) Fact[T] {
	f.Certainty = weaker(f.Certainty, rekey.Inferred)
	return f
}

// protocol is the protocol family that the model speaks: what its fact says
// where that is a plain name, else what the family of the file speaks.
func protocol(m Model, generic *string) string {
	if f, ok := m.Facts["protocol"]; ok {
		if strings.ContainsAny(f.Value, " ,;:/(") {
			return ""
		}
		return strings.ToLower(f.Value)
	}
	if generic != nil {
		return *generic
	}
	return ""
}
