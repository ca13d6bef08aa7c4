package catalog

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"rekey"
)

// The placeholders that texts of procedures may hold: what differs from model
// to model in a way that is otherwise the same.
const (
	holdMenu    = "{menu}"    // the menu path, joined by " > "
	holdAccount = "{account}" // the default account
	holdModel   = "{model}"   // the model's title
	holdMinutes = "{minutes}" // how long a lock lasts
)

// placeholder finds what looks like one, and every stray brace.
var placeholder = regexp.MustCompile(`\{[^{}]*\}|[{}]`)

// nothing fills nothing in: it only copies.
var nothing = strings.NewReplacer()

// fillings are the model's values of the placeholders; one that is not known is missing.
func (m Model) fillings() map[string]string {
	all := map[string]string{holdModel: m.Title}
	if len(m.MenuPath.Value) > 0 {
		all[holdMenu] = strings.Join(m.MenuPath.Value, " > ")
	}
	if f, ok := m.Facts["default_account"]; ok {
		all[holdAccount] = f.Value
	}
	if n := m.LockPolicy.Value.Minutes; n > 0 {
		all[holdMinutes] = strconv.Itoa(n)
	}
	return all
}

// fill returns the model's ways with all placeholders filled in.
func (m Model) fill(ways []Way) []Way {
	var pairs []string
	for name, value := range m.fillings() {
		pairs = append(pairs, name, value)
	}
	r := strings.NewReplacer(pairs...)
	out := make([]Way, len(ways))
	for i, w := range ways {
		out[i] = w.filled(r)
	}
	return out
}

// filled is a copy that shares nothing with the way.
func (w Way) filled(r *strings.Replacer) Way {
	for _, text := range w.texts() {
		*text = r.Replace(*text)
	}
	for _, list := range w.lists() {
		*list = slices.Clone(*list)
		for i, text := range *list {
			(*list)[i] = r.Replace(text)
		}
	}
	w.Risks, w.Sources, w.Requires = slices.Clone(w.Risks), slices.Clone(w.Sources), slices.Clone(w.Requires)
	return w
}

// texts and lists are all that people read of a way.
func (w *Way) texts() []*string { return []*string{&w.Title, &w.Cost, &w.Time, &w.Note} }

func (w *Way) lists() []*[]string {
	return []*[]string{&w.Needs, &w.Ready, &w.Hands, &w.Pitfalls, &w.Cannot}
}

// holds returns the placeholders and stray braces in the way's texts, in order.
func (w Way) holds() []string {
	var all []string
	look := func(text string) {
		if strings.ContainsAny(text, "{}") { // much faster than the pattern
			all = append(all, placeholder.FindAllString(text, -1)...)
		}
	}
	for _, text := range w.texts() {
		look(*text)
	}
	for _, list := range w.lists() {
		for _, text := range *list {
			look(text)
		}
	}
	return all
}

// join makes a way of a procedure and its use: as sure as the less sure of the
// two, with the sources of both. A way by hand begins with stopping clients, or
// where it erases with saving the footage; what is said of the very model stands first.
func join(u use, p procedure) Way {
	hands := p.Hands
	if len(hands) > 0 && p.Kind != rekey.WayHardwareReset {
		hands = append([]string{stopClients(p.Requires)}, hands...)
	}
	return Way{
		Way: rekey.Way{
			ID: p.Kind, Title: p.Title, Needs: p.Needs, Cost: p.Cost, Time: p.Time, Hands: hands,
			Ready: slices.Concat(p.Ready, u.Ready), Pitfalls: slices.Concat(u.Pitfalls, p.Pitfalls), Cannot: p.Cannot,
			Tries: p.Tries, Risks: p.Risks, Keeps: p.Keeps,
			Certainty: weaker(u.Certainty, p.Certainty), Sources: union(p.Sources, u.Sources),
		},
		Requires: p.Requires,
		Note:     u.Note,
	}
}

// weaker returns the less sure of two certainties.
func weaker(a, b rekey.Certainty) rekey.Certainty {
	order := []rekey.Certainty{rekey.Unverified, rekey.Inferred, rekey.Verified}
	return order[max(0, min(slices.Index(order, a), slices.Index(order, b)))]
}

// union is the list without repeats, in order of first mention.
func union(lists ...[]string) []string {
	var out []string
	for _, list := range lists {
		for _, s := range list {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}
