package catalog

import (
	"slices"
	"strings"

	"rekey"
)

// Find returns what is known of the recorder, and false where that is only what
// is known of its maker's, of its protocol family's, or of any recorder. What
// the recorder says of its maker and protocol counts more than its model's name.
func Find(id rekey.Identity) (Model, bool) {
	m, known := load().find(id)
	return m.clone(), known
}

// Lookup is Find by what a person types: "N841", "Lorex N841A82", "lnr-400". A
// maker's name alone gives what is known of its recorders in general, and false.
func Lookup(name string) (Model, bool) {
	m, known := load().lookup(name)
	return m.clone(), known
}

func (d *data) find(id rekey.Identity) (Model, bool) {
	if m, ok := d.longest(keys(id.Model), id); ok {
		return m, true
	}
	return d.generic(id), false
}

// lookup tries every tail of what was typed, since people write the maker, the
// class or the like before the model.
func (d *data) lookup(name string) (Model, bool) {
	words := strings.FieldsFunc(narrow(name), func(r rune) bool { return strings.ContainsRune(" \t\r\n-_./,()\"'", r) })
	words = words[:min(len(words), mostWords)]
	var id rekey.Identity
	rest := slices.DeleteFunc(slices.Clone(words), func(w string) bool {
		if d.isMaker(w) {
			id.Vendor = w
			return true
		}
		return false
	})
	for _, tail := range append(tails(words), tails(rest)...) {
		if m, ok := d.byID(tail); ok && !d.contradicts(m, id) {
			return m, true
		}
	}
	var all []string
	for _, tail := range tails(rest) {
		all = append(all, keys(tail)...)
	}
	if m, ok := d.longest(all, id); ok {
		return m, true
	}
	return d.generic(id), false
}

// tails are the words from each of them on, as one.
func tails(words []string) []string {
	out := make([]string, len(words))
	for i := range words {
		out[i] = strings.Join(words[i:], "")
	}
	return out
}

// mostWords bounds what is tried of a text that is no name.
const mostWords = 8

// byID finds a model by its own id, which people read in lists.
func (d *data) byID(name string) (Model, bool) {
	want := key(name)
	for _, m := range d.models[:len(d.models)-len(d.generics)] {
		if want != "" && key(m.ID) == want {
			return m, true
		}
	}
	return Model{}, false
}

// longest finds the model whose prefix fits best: an entry for N841A8 counts
// more than one for N841.
func (d *data) longest(keys []string, id rekey.Identity) (Model, bool) {
	best, long := -1, 0
	for _, p := range d.prefixes {
		fits := len(p.key) > long && slices.ContainsFunc(keys, func(k string) bool { return strings.HasPrefix(k, p.key) })
		if fits && !d.contradicts(d.models[p.model], id) {
			best, long = p.model, len(p.key)
		}
	}
	if best < 0 {
		return Model{}, false
	}
	return d.models[best], true
}

// contradicts reports whether the recorder says that it is none of the model:
// another maker's, or one that speaks another protocol.
func (d *data) contradicts(m Model, id rekey.Identity) bool {
	if d.isMaker(id.Vendor) && !sameMaker(m.Maker, id.Vendor) && !sameMaker(m.Family, id.Vendor) {
		return true
	}
	return m.Family != "" && d.isProtocol(id.Family) && m.Family != id.Family
}

// generic finds what fits best of a recorder that is not in the catalogue.
func (d *data) generic(id rekey.Identity) Model {
	best, fits := len(d.models)-1, -1
	for _, g := range d.generics {
		maker := g.maker != "" && sameMaker(g.maker, id.Vendor)
		speaks := g.protocol != "" && g.protocol == id.Family
		fit := -1
		switch {
		case maker && speaks:
			fit = 5
		case speaks && sameMaker(g.maker, g.protocol): // the protocol's own maker stands for it
			fit = 4
		case speaks:
			fit = 3
		case maker && g.protocol == "":
			fit = 2
		case maker && !d.isProtocol(id.Family):
			fit = 1
		case g.maker == "" && g.protocol == "":
			fit = 0
		}
		if fit > fits {
			best, fits = g.model, fit
		}
	}
	return d.models[best]
}

// isProtocol reports whether the catalogue knows recorders of that protocol, so
// that one that speaks it says something of itself.
func (d *data) isProtocol(family string) bool {
	return family != "" && slices.Contains(d.protocols, family)
}

func (d *data) isMaker(name string) bool {
	return slices.ContainsFunc(d.makers, func(m string) bool { return sameMaker(m, name) })
}

// sameMaker reports whether a recorder's or a person's word for a maker means
// the maker: "LOREX", "Lorex Technology". The first word of its name is enough.
func sameMaker(maker, word string) bool {
	name, _, _ := strings.Cut(maker, " ")
	return name != "" && slices.ContainsFunc(strings.Fields(word), func(w string) bool { return strings.EqualFold(name, w) })
}

// narrow turns the wide letters, digits and signs of an East Asian keyboard, its
// blank, and the dashes of a word processor into the plain ones.
func narrow(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '！' && r <= '～':
			return r - '！' + '!'
		case r == '\u3000' || r == '\u00a0':
			return ' '
		case r >= '\u2010' && r <= '\u2015':
			return '-'
		}
		return r
	}, name)
}

// key is a name without what people and recorders write differently: case,
// width, blanks and dashes.
func key(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n-_./", r) {
			return -1
		}
		return r
	}, strings.ToUpper(narrow(name)))
}

// keys are the keys by which a model's name may be found: Dahua's own begin with
// DH- or, abroad, DHI-, but not everywhere.
func keys(name string) []string {
	k := key(name)
	all := []string{k}
	for _, of := range []string{"DHI", "DH"} {
		if rest, ok := strings.CutPrefix(k, of); ok && rest != "" {
			return append(all, rest)
		}
	}
	return all
}
