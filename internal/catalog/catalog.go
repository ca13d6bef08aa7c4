// Package catalog knows recorder models: the ways back in and what each costs,
// the path on the screen, what a model accepts as a password, how soon it locks,
// the apps of its maker and the advisories on its firmware. It is data, one file
// a family under data, each fact with its sources and how sure it is; this code
// checks it, looks it up, and chooses the way that fits a person's situation.
package catalog

import (
	"maps"
	"slices"
	"time"

	"rekey"
)

// Model is what the catalogue holds of a model or series. A recorder that is
// not in it gets the generic model of its maker or protocol, or one that is true of any.
type Model struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Maker       string   `json:"maker,omitempty"`  // empty: any
	Family      string   `json:"family,omitempty"` // protocol family, as rekey.Identity has it; empty: not known
	Series      string   `json:"series"`           // id of the data file's family
	FamilyTitle string   `json:"series_title"`
	Match       []string `json:"match,omitempty"` // prefixes of model names; none = a generic model
	// Facts are what is only told to people, by the names of FactNames.
	Facts        map[string]Fact[string]  `json:"facts"`
	MenuPath     Fact[[]string]           `json:"menu_path"` // from the right-click menu on; empty: not known
	PasswordRule Fact[rekey.PasswordRule] `json:"password_rule"`
	LockPolicy   Fact[Lock]               `json:"lock_policy"`
	Apps         Fact[[]string]           `json:"apps"` // ids; empty: none, or, without a certainty, not known
	Ways         []Way                    `json:"ways"` // gentlest first
	Notes        []Fact[string]           `json:"notes,omitempty"`

	unfilled []Way // Ways with their placeholders, to be filled anew for an app
}

// Fact is a value with where it is from and how sure it is. One without a
// certainty is not known.
type Fact[T any] struct {
	Value     T               `json:"value"`
	Certainty rekey.Certainty `json:"certainty"`
	Sources   []string        `json:"sources"`
	Note      string          `json:"note,omitempty"`
}

// Lock is after how many wrong tries a model locks, for how many minutes, and
// whether switching it off and on lifts the lock.
type Lock struct {
	Tries      int  `json:"tries"`
	Minutes    int  `json:"minutes"`
	PowerCycle bool `json:"power_cycle"`
}

// Way is a way of the catalogue: what people read, and what a person must have for it.
type Way struct {
	rekey.Way
	Requires []Thing `json:"requires"` // all of these
	Note     string  `json:"note,omitempty"`
}

// destroys reports whether the way erases something that cannot be had again.
func (w Way) destroys() bool {
	return !w.Keeps || slices.Contains(w.Risks, rekey.RiskLoseFootage) || slices.Contains(w.Risks, rekey.RiskLoseSettings)
}

// FactNames are the names that a fact may have, in the order in which people read them.
func FactNames() []string {
	return []string{
		"class", "channels", "examples", "oem", "protocol", "default_account", "default_password", "password_on",
		"first_boot", "device_id_at", "device_id_means", "ports", "footage_after_change", "footage_after_reset", "button", "app_note",
	}
}

// Models returns all that the catalogue knows, by maker, family and id; the
// generic models stand last.
func Models() []Model {
	all := load().models
	out := make([]Model, len(all))
	for i, m := range all {
		out[i] = m.clone()
	}
	return out
}

// Rule is what the model accepts as a password.
func (m Model) Rule() rekey.PasswordRule { return m.PasswordRule.Value }

// Lock is after how many wrong tries the model locks, as far as is known: the
// strictest plausible where the model's own is not. What the recorder says of
// itself counts more.
func (m Model) Lock() rekey.LockPolicy {
	l := m.LockPolicy.Value
	return rekey.LockPolicy{Enabled: true, Tries: l.Tries, LockFor: time.Duration(l.Minutes) * time.Minute}
}

// Count is how many of the model's facts and ways have each certainty.
func (m Model) Count() map[rekey.Certainty]int {
	all := []rekey.Certainty{m.MenuPath.Certainty, m.PasswordRule.Certainty, m.LockPolicy.Certainty, m.Apps.Certainty}
	for _, f := range m.Facts {
		all = append(all, f.Certainty)
	}
	for _, w := range m.Ways {
		all = append(all, w.Certainty)
	}
	for _, f := range m.Notes {
		all = append(all, f.Certainty)
	}
	n := map[rekey.Certainty]int{}
	for _, c := range all {
		n[c]++
	}
	delete(n, "") // not known
	return n
}

// Cited returns the ids of all sources that the model rests on, each once.
func (m Model) Cited() []string {
	all := [][]string{m.MenuPath.Sources, m.PasswordRule.Sources, m.LockPolicy.Sources, m.Apps.Sources}
	for _, w := range m.Ways {
		all = append(all, w.Sources)
	}
	for _, name := range FactNames() {
		all = append(all, m.Facts[name].Sources)
	}
	for _, n := range m.Notes {
		all = append(all, n.Sources)
	}
	return union(all...)
}

// Coverage is how much the catalogue holds. Facts counts what is told of all
// models by certainty, inherited facts once for each model that has them; Written
// counts each fact once, as it stands in the files.
type Coverage struct {
	Models     int                     `json:"models"`  // without the generic ones
	Generic    int                     `json:"generic"` // what unknown models get
	Procedures int                     `json:"procedures"`
	Apps       int                     `json:"apps"`
	Advisories int                     `json:"advisories"`
	Sources    int                     `json:"sources"`
	Facts      map[rekey.Certainty]int `json:"facts"`
	Written    map[rekey.Certainty]int `json:"written"`
}

// Covers counts the catalogue.
func Covers() Coverage {
	d := load()
	c := Coverage{
		Models: len(d.models) - len(d.generics), Generic: len(d.generics), Procedures: len(d.procedures),
		Apps: len(d.apps), Advisories: len(d.advisories), Sources: len(d.sources),
		Facts: map[rekey.Certainty]int{}, Written: maps.Clone(d.written),
	}
	for _, m := range d.models {
		for is, n := range m.Count() {
			c.Facts[is] += n
		}
	}
	return c
}

// clone keeps callers from writing into the catalogue.
func (m Model) clone() Model {
	m.Match = slices.Clone(m.Match)
	m.Facts = maps.Clone(m.Facts)
	for name, f := range m.Facts {
		m.Facts[name] = f.clone()
	}
	m.MenuPath, m.Apps = m.MenuPath.clone(), m.Apps.clone()
	m.MenuPath.Value, m.Apps.Value = slices.Clone(m.MenuPath.Value), slices.Clone(m.Apps.Value)
	m.PasswordRule, m.LockPolicy = m.PasswordRule.clone(), m.LockPolicy.clone()
	m.Notes = slices.Clone(m.Notes)
	for i, f := range m.Notes {
		m.Notes[i] = f.clone()
	}
	m.Ways = cloned(m.Ways)
	return m
}

func cloned(ways []Way) []Way {
	ways = slices.Clone(ways)
	for i, w := range ways {
		ways[i] = w.filled(nothing)
	}
	return ways
}

func (f Fact[T]) clone() Fact[T] {
	f.Sources = slices.Clone(f.Sources)
	return f
}
