package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"

	"rekey"
)

// loader reads the files and keeps every fault that it finds in them.
type loader struct {
	data
	from   fs.FS
	faults []error
	cited  map[string]bool  // sources that something cites
	used   map[string]bool  // procedures that a model or app uses
	listed map[string]place // where sources and procedures stand
}

// place is where a fault is.
type place struct{ file, entry string }

func (l *loader) fault(at place, field, format string, a ...any) {
	where := at.file
	for _, part := range []string{at.entry, field} {
		if part != "" {
			where += ": " + part
		}
	}
	l.faults = append(l.faults, fmt.Errorf("%s: %s", where, fmt.Sprintf(format, a...)))
}

func (l *loader) readSources() {
	l.sources = map[string]Source{}
	l.eachNamed("data/sources/*.json", func(at place, text json.RawMessage) {
		s := struct{ Kind, Title, Address string }{}
		if !l.decode(at, text, &s) {
			return
		}
		if first, twice := l.listed["source "+at.entry]; twice {
			l.fault(at, "", "the source is in %s too", first.file)
		}
		l.listed["source "+at.entry] = at
		l.sources[at.entry] = Source{ID: at.entry, Kind: s.Kind, Title: s.Title, Address: s.Address}
		if !slices.Contains(SourceKinds(), s.Kind) {
			l.fault(at, "kind", "%q is none of %q", s.Kind, SourceKinds())
		}
		if s.Title == "" || s.Address == "" {
			l.fault(at, "", "title and address are needed")
		}
	})
}

func (l *loader) readProcedures() {
	l.procedures = map[string]procedure{}
	l.eachNamed("data/procedures/*.json", func(at place, text json.RawMessage) {
		var p procedure
		if !l.decode(at, text, &p) {
			return
		}
		if first, twice := l.listed["procedure "+at.entry]; twice {
			l.fault(at, "", "the procedure is in %s too", first.file)
		}
		l.listed["procedure "+at.entry] = at
		l.procedures[at.entry] = p
		l.checkProcedure(at, p)
	})
}

func (l *loader) readApps() {
	var file struct {
		Apps []json.RawMessage `json:"apps"`
	}
	at := place{file: "data/apps.json"}
	if !l.readFile(at, &file) {
		return
	}
	for i, text := range file.Apps {
		at.entry = nameOf(text, "app", i)
		var a struct {
			ID, Title string
			Makers    []string
			LooksLike *Fact[string] `json:"looks_like"`
			Catch     Fact[string]
			MenuPath  *Fact[[]string] `json:"menu_path"`
			Ways      []use
		}
		if !l.decode(at, text, &a) {
			continue
		}
		l.checkApp(at, a.ID, a.Title, a.Makers, a.Ways)
		checkText(l, at, "catch", a.Catch)
		app := App{ID: a.ID, Title: a.Title, Makers: a.Makers, Catch: a.Catch, Ways: l.joined(a.Ways)}
		if a.LooksLike != nil {
			checkText(l, at, "looks_like", *a.LooksLike)
			app.LooksLike = *a.LooksLike
		}
		if a.MenuPath != nil {
			l.checkMenu(at, *a.MenuPath)
			app.MenuPath = *a.MenuPath
		}
		l.apps = append(l.apps, app)
	}
}

func (l *loader) readAdvisories() {
	var file struct {
		Advisories []json.RawMessage `json:"advisories"`
	}
	at := place{file: "data/advisories.json"}
	if !l.readFile(at, &file) {
		return
	}
	for i, text := range file.Advisories {
		at.entry = nameOf(text, "advisory", i)
		var a Advisory
		if l.decode(at, text, &a) {
			l.checkAdvisory(at, a)
			l.advisories = append(l.advisories, a)
		}
	}
}

func (l *loader) readFamilies() []familyFile {
	var out []familyFile
	for _, name := range l.names("data/families/*.json") {
		at := place{file: name}
		var file struct {
			Family, Title, Maker string
			GenericFor           *string `json:"generic_for"`
			Base                 json.RawMessage
			Models               []json.RawMessage
		}
		if !l.readFile(at, &file) {
			continue
		}
		f := familyFile{Family: file.Family, Title: file.Title, Maker: file.Maker, GenericFor: file.GenericFor, at: at}
		f.at.entry = "base"
		if len(file.Base) > 0 {
			l.decode(f.at, file.Base, &f.Base)
		}
		for i, text := range file.Models {
			e := entry{at: place{file: name, entry: nameOf(text, "model", i)}}
			if l.decode(e.at, text, &e) {
				f.Models = append(f.Models, e)
			}
		}
		l.checkFamily(f)
		out = append(out, f)
	}
	l.checkTogether(out)
	return out
}

// eachNamed calls with every value of the objects that the files hold, by name.
func (l *loader) eachNamed(pattern string, each func(place, json.RawMessage)) {
	for _, name := range l.names(pattern) {
		var all map[string]json.RawMessage
		if l.readFile(place{file: name}, &all) {
			for _, id := range slices.Sorted(maps.Keys(all)) {
				each(place{file: name, entry: id}, all[id])
			}
		}
	}
}

func (l *loader) names(pattern string) []string {
	names, err := fs.Glob(l.from, pattern)
	if err != nil || len(names) == 0 {
		l.fault(place{file: pattern}, "", "there is no such file")
	}
	return names
}

// readFile reads a file that holds one JSON value, no name in it twice.
func (l *loader) readFile(at place, into any) bool {
	text, err := fs.ReadFile(l.from, at.file)
	if err != nil {
		l.fault(at, "", "%v", err)
		return false
	}
	if !json.Valid(text) { // which also bounds the depth
		l.decode(at, text, into) // says why
		return false
	}
	if err := unique(json.NewDecoder(bytes.NewReader(text)), ""); err != nil {
		l.fault(at, "", "%v", err)
		return false
	}
	return l.decode(at, text, into)
}

// decode reads strictly: a field that the schema does not know is a fault.
func (l *loader) decode(at place, text []byte, into any) bool {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more than one JSON value")
		}
	}
	if err != nil {
		l.fault(at, "", "%v", err)
	}
	return err == nil
}

// nameOf is what an entry that cannot be read yet is called in a fault.
func nameOf(text json.RawMessage, what string, at int) string {
	var head struct{ ID string }
	if json.Unmarshal(text, &head) != nil || head.ID == "" {
		return fmt.Sprintf("%s %d", what, at+1)
	}
	return head.ID
}

// unique refuses an object that has a name twice: JSON would silently take the last.
func unique(dec *json.Decoder, path string) error {
	t, err := dec.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		seen := map[string]bool{}
		for dec.More() {
			t, err := dec.Token()
			if err != nil {
				return err
			}
			name, _ := t.(string)
			if seen[name] {
				return fmt.Errorf("%s.%s is there twice", path, name)
			}
			seen[name] = true
			if err := unique(dec, path+"."+name); err != nil {
				return err
			}
		}
	case json.Delim('['):
		for i := 0; dec.More(); i++ {
			if err := unique(dec, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = dec.Token() // the end of the object or list
	return err
}

// count keeps how sure what is written is.
func (l *loader) count(c rekey.Certainty) { l.written[c]++ }
