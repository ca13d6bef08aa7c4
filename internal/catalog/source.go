package catalog

import "slices"

// Source is where facts were read.
type Source struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"` // one of SourceKinds
	Title   string `json:"title"`
	Address string `json:"address"`
}

// The kinds of sources that prove nothing alone: what rekey chose on the safe
// side, and what somebody who neither makes nor owns the recorder says.
const (
	kindOwn        = "rekey"
	kindThirdParty = "third-party"
)

// SourceKinds are the kinds of sources.
func SourceKinds() []string {
	return []string{"vendor", "vendor-copy", "manual", "reseller", "oem", "owner-test", kindThirdParty, "advisory", kindOwn}
}

// Sources returns the sources with these ids in their order, each once; ids that
// are not in the catalogue are left out. Without ids it returns all, by id.
func Sources(ids ...string) []Source {
	d := load()
	if len(ids) == 0 {
		for id := range d.sources {
			ids = append(ids, id)
		}
		slices.Sort(ids)
	}
	return d.cite(ids)
}

func (d *data) cite(ids []string) []Source {
	var out []Source
	for _, id := range union(ids) {
		if s, ok := d.sources[id]; ok {
			out = append(out, s)
		}
	}
	return out
}
