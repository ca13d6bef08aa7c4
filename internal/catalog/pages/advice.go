package pages

import (
	"slices"
	"strings"

	"rekey/internal/catalog"
)

// told is what a sheet tells: the advice for somebody of whom nothing is known
// yet, and where each answer to its question leads.
type told struct {
	catalog.Advice
	Apps []led // none where the app decides nothing
}

// led is where one app leads.
type led struct {
	catalog.Choice
	Catch catalog.Fact[string]
	Own   []catalog.Way // the app's own, the gentlest first
	Only  []catalog.Way // those that are walked otherwise than on the rest of the sheet
}

// tell gathers the sheet of a model; one without names of its own is generic.
func tell(m catalog.Model) told {
	known := len(m.Match) > 0
	t := told{Advice: catalog.Choose(m, known, catalog.Situation{})}
	for _, q := range t.Ask {
		for _, c := range q.Choices {
			app, _ := catalog.FindApp(c.ID)
			ways := catalog.Choose(m, known, catalog.Situation{App: c.ID}).Model.Ways
			t.Apps = append(t.Apps, led{Choice: c, Catch: app.Catch, Own: own(app, ways), Only: t.without(ways)})
		}
	}
	return t
}

// own are those of the ways that the app brings: for each kind that it has, all.
func own(app catalog.App, ways []catalog.Way) (out []catalog.Way) {
	for _, w := range ways {
		if slices.ContainsFunc(app.Ways, func(o catalog.Way) bool { return o.ID == w.ID }) {
			out = append(out, w)
		}
	}
	return out
}

// without leaves out the ways that the model's are already.
func (t told) without(ways []catalog.Way) (out []catalog.Way) {
	for _, w := range ways {
		same := func(o catalog.Way) bool { return o.Title == w.Title && slices.Equal(o.Hands, w.Hands) }
		if !slices.ContainsFunc(t.Model.Ways, same) {
			out = append(out, w)
		}
	}
	return out
}

// said reports whether "Before anything" says already what a way begins with:
// the step about other clients, with which every advice begins.
func (t told) said(hand string) bool {
	first, _, _ := strings.Cut(t.Steps[0].What, ".")
	return strings.HasPrefix(hand, first)
}

// Cited are all sources of what the sheet tells, each once.
func (t told) Cited() []catalog.Source {
	ids := t.Model.Cited()
	for _, s := range t.Sources {
		ids = append(ids, s.ID)
	}
	for _, l := range t.Apps {
		ids = append(ids, l.Catch.Sources...)
		for _, w := range append(l.Own, l.Only...) {
			ids = append(ids, w.Sources...)
		}
	}
	return catalog.Sources(ids...)
}
