package catalog

import (
	"cmp"
	"embed"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"rekey"
)

//go:embed data
var files embed.FS

// data is the whole catalogue.
type data struct {
	sources    map[string]Source
	procedures map[string]procedure
	apps       []App
	advisories []Advisory
	models     []Model // all, resolved; the generic ones last
	generics   []generic
	prefixes   []prefix
	makers     []string // of the models
	protocols  []string // that they speak
	written    map[rekey.Certainty]int
}

// generic is the model of the recorders of a maker and protocol that are not in
// the catalogue. Empty stands for any.
type generic struct {
	maker, protocol string
	model           int
}

// prefix is the key of a model's prefix.
type prefix struct {
	key   string
	model int
}

// load reads the embedded files once. They are part of the program and a test
// checks them, so a fault in them is a fault of the build.
var load = sync.OnceValue(func() *data {
	d, err := read(files)
	if err != nil {
		panic("catalog: " + err.Error())
	}
	return d
})

// read reads a whole catalogue. Its error names file, entry and field of every fault.
func read(from fs.FS) (*data, error) {
	l := &loader{from: from, cited: map[string]bool{}, used: map[string]bool{}, listed: map[string]place{}}
	l.written = map[rekey.Certainty]int{}
	var families []familyFile
	for _, stage := range []func(){
		l.readSources,
		func() { l.readProcedures(); l.readApps(); l.readAdvisories(); families = l.readFamilies() },
		func() { l.resolve(families); l.unused() },
	} {
		if stage(); len(l.faults) > 0 { // what follows would only fault for the same reasons
			slices.SortFunc(l.faults, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
			return nil, errors.Join(l.faults...)
		}
	}
	return &l.data, nil
}

// resolve makes the models out of what is written: first those that have a
// name, then the generic ones.
func (l *loader) resolve(families []familyFile) {
	slices.SortStableFunc(families, func(a, b familyFile) int {
		return cmp.Or(cmp.Compare(emptyLast(a.Maker), emptyLast(b.Maker)), cmp.Compare(a.Family, b.Family))
	})
	for _, f := range families {
		slices.SortStableFunc(f.Models, func(a, b entry) int { return cmp.Compare(a.ID, b.ID) })
		for _, e := range f.Models {
			m := l.model(f, e)
			for _, p := range m.Match {
				l.prefixes = append(l.prefixes, prefix{key: key(p), model: len(l.models)})
			}
			l.models = append(l.models, m)
		}
	}
	for _, f := range families {
		if f.GenericFor == nil {
			continue
		}
		m := l.model(f, entry{ID: f.Family, Title: f.Title, at: f.at})
		l.generics = append(l.generics, generic{maker: f.Maker, protocol: *f.GenericFor, model: len(l.models)})
		l.models = append(l.models, m)
	}
	for _, m := range l.models {
		l.makers, l.protocols = union(l.makers, []string{m.Maker}), union(l.protocols, []string{m.Family})
	}
}

// emptyLast is a key to sort names by.
func emptyLast(name string) string {
	if name == "" {
		return "\U0010ffff"
	}
	return strings.ToLower(name)
}
