package pages

import (
	"regexp"
	"slices"
	"strings"

	"rekey/internal/catalog"
)

// kinds are what people call any recorder, whatever its maker calls it.
const kinds = "NVR DVR recorder"

var (
	outside   = regexp.MustCompile(`[^A-Z0-9]+`)
	dahuaHead = regexp.MustCompile(`^DHI?(NVR|XVR)`)
)

// plain is a name as the search compares it: capitals and digits only, as
// labels, recorders and people agree on nothing else.
func plain(name string) string { return outside.ReplaceAllString(strings.ToUpper(name), "") }

// words are what the search looks in: each word whole and in its parts, so that
// "DS-7600", "ds7600" and "7600" all find it. Other makers' names are left out:
// who types Dahua does not mean a Lorex with Dahua inside.
func words(m catalog.Model, groups []group) string {
	text := strings.Join(append([]string{m.ID, m.Title, m.Maker, m.FamilyTitle, kinds}, m.Match...), " ")
	var all []string
	for _, w := range strings.Fields(text) {
		all = append(all, plain(w))
		all = append(all, strings.Fields(outside.ReplaceAllString(strings.ToUpper(w), " "))...)
	}
	slices.Sort(all)
	all = slices.DeleteFunc(slices.Compact(all), func(w string) bool {
		other := func(g group) bool { return g.Maker != m.Maker && plain(g.Maker) == w }
		return w == "" || slices.ContainsFunc(groups, other)
	})
	return strings.Join(all, " ")
}

// keys are what a label of the model begins with. Dahua's own begin with DH- or
// DHI- in some countries; the search leaves that out of what is typed too.
func keys(m catalog.Model) string {
	var all []string
	for _, name := range m.Match {
		all = append(all, dahuaHead.ReplaceAllString(plain(name), "$1"))
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " ")
}

// standsForAny reports whether the catalogue takes the model for one of the
// maker's that it does not know.
func standsForAny(m catalog.Model) bool {
	generic, known := catalog.Lookup(m.Maker)
	return !known && generic.ID == m.ID
}
