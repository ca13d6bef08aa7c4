package catalog

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"rekey"
)

// The data that is built in must be whole; all other tests rest on it.
func TestDataIsWhole(t *testing.T) {
	t.Parallel()
	d, err := read(files)
	if err != nil {
		t.Fatal(err)
	}
	cited := map[string]bool{}
	seen := map[string]bool{}
	for _, m := range d.models {
		if seen[m.ID] {
			t.Errorf("model %s is there twice", m.ID)
		}
		seen[m.ID] = true
		for _, id := range sourcesOf(m) {
			cited[id] = true
		}
	}
	for id := range d.sources {
		if !cited[id] {
			t.Errorf("source %s is cited by nothing", id)
		}
	}
}

func sourcesOf(m Model) []string {
	all := slices.Concat(m.MenuPath.Sources, m.PasswordRule.Sources, m.LockPolicy.Sources)
	for _, f := range m.Facts {
		all = append(all, f.Sources...)
	}
	for _, w := range m.Ways {
		all = append(all, w.Sources...)
	}
	return all
}

// Each change breaks one rule of the schema and must be refused.
func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	const file = "data/lorex-dahua.json"
	text, err := fs.ReadFile(files, file)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"no source":          {`"certainty": "verified", "sources": ["LCALL"]}`, `"certainty": "verified", "sources": []}`, "no source"},
		"unlisted source":    {`["LCALL", "STORED"]`, `["NOWHERE"]`, "NOWHERE"},
		"no certainty":       {`"certainty": "inferred"`, `"certainty": "sure"`, "certainty"},
		"unknown field":      {`"series"`, `"x"`, ""},
		"way out of order":   {`"id": "known-password"`, `"id": "hardware-reset"`, "order"},
		"unknown way":        {`"id": "vendor-app"`, `"id": "magic"`, "order"},
		"unknown thing":      {`["another-admin"]`, `["luck"]`, "luck"},
		"empty fact":         {`"value": "NVR"`, `"value": ""`, "no value"},
		"no lock":            {`"tries": 3`, `"tries": 0`, "tries"},
		"odd rule":           {`"min": 8`, `"min": 80`, "length"},
		"lower-case match":   {`"match": ["N841"]`, `"match": ["n841"]`, "upper case"},
		"no footage gate":    {`"Save the footage and the settings first. `, `"`, "saving the footage"},
		"footage unsaid":     {`"lose-settings", "lose-footage"`, `"lose-settings"`, "footage"},
		"hands missing":      {`"cost": "the old password; apps`, `"cost": "", "title": "x", "x": "`, ""},
		"own word, verified": {`"certainty": "unverified", "sources": ["REKEY", "MLNR400", "GHD861", "DLOCK"]`, `"certainty": "verified", "sources": ["REKEY"]`, "own choice"},
		"two values":         {"\n}\n", "\n}\n{}\n", "more than one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := strings.Replace(string(text), c.old, c.new, 1)
			if name == "unknown field" {
				changed = strings.Replace(string(text), `"family"`, `"extra": 1, "family"`, 1)
			}
			if changed == string(text) {
				t.Fatal("the change changed nothing")
			}
			over := fstest.MapFS{file: {Data: []byte(changed)}}
			for _, other := range []string{"data/sources.json", "data/dahua.json", "data/unknown.json"} {
				content, err := fs.ReadFile(files, other)
				if err != nil {
					t.Fatal(err)
				}
				over[other] = &fstest.MapFile{Data: content}
			}
			if _, err := read(over); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		family, model, want string
		known               bool
	}{
		{"dahua", "N841", "N841", true},
		{"dahua", "n841a82", "N841", true},
		{"", " N841A81-E ", "N841", true},
		{"dahua", "DH-NVR5232", "dahua-generic", false},
		{"dahua", "", "dahua-generic", false},
		{"hikvision", "DS-7608", "generic", false},
		{"", "", "generic", false},
	} {
		m, known := Find(rekey.Identity{Family: c.family, Model: c.model})
		if m.ID != c.want || known != c.known {
			t.Errorf("%q of %q: %s %v, want %s %v", c.model, c.family, m.ID, known, c.want, c.known)
		}
	}
}

func TestN841(t *testing.T) {
	t.Parallel()
	if got := strings.Join(MenuPath("N841A82"), " > "); got != "Main Menu > Settings > System > Account > User" {
		t.Errorf("menu path %q", got)
	}
	if r := Rule("N841"); r.Min != 8 || r.Max != 32 || r.Classes != 2 || !strings.Contains(r.Forbidden, "&") {
		t.Errorf("rule %+v", r)
	}
	if p := LockPolicy("N841"); !p.Enabled || p.Tries != 3 || p.LockFor != 30*time.Minute {
		t.Errorf("lock policy %+v", p)
	}
	m, _ := Find(rekey.Identity{Model: "N841"})
	if m.LockPolicy.Certainty != rekey.Unverified || m.LockPolicy.Note == "" {
		t.Error("the lock policy is not published for this series and must say so")
	}
	hands := strings.Join(way(t, Ways(rekey.Identity{Model: "N841"}, nil), rekey.WayTemporaryPassword).Hands, "\n")
	for _, word := range []string{"Device ID", "Info", "Main Menu", "Settings > System > Account > User", "Old password: the temporary one", "confirm"} {
		if !strings.Contains(hands, word) {
			t.Errorf("the steps of the temporary password do not say %q", word)
		}
	}
}

func way(t *testing.T, ways []rekey.Way, id rekey.WayID) rekey.Way {
	t.Helper()
	at := slices.IndexFunc(ways, func(w rekey.Way) bool { return w.ID == id })
	if at < 0 {
		t.Fatalf("no way %s", id)
	}
	return ways[at]
}

// Every model with everything that a person may have: in order, never a
// destructive way before a gentler one, and whatever is missing is said.
func TestEveryHave(t *testing.T) {
	t.Parallel()
	things := Things()
	for _, id := range []rekey.Identity{{Model: "N841"}, {Family: "dahua"}, {}} {
		all := Ways(id, nil)
		for set := range 1 << len(things) {
			var have Have
			for i, thing := range things {
				if set&(1<<i) != 0 {
					have = append(have, thing)
				}
			}
			open := Ways(id, have)
			for i, w := range open {
				if len(w.Risks) > 0 && i != len(open)-1 {
					t.Errorf("%v with %v: %s stands before a gentler way", id, have, w.ID)
				}
			}
			offers := Offers(id, have)
			if len(offers) != len(all) {
				t.Fatalf("%v with %v: %d offers of %d ways", id, have, len(offers), len(all))
			}
			for _, o := range offers {
				isOpen := slices.ContainsFunc(open, func(w rekey.Way) bool { return w.ID == o.ID })
				if isOpen != (len(o.Missing) == 0) {
					t.Errorf("%v with %v: %s is open: %v, but lacks %v", id, have, o.ID, isOpen, o.Missing)
				}
			}
			if slices.Contains(have, HaveAtTheBox) && len(open) == 0 {
				t.Errorf("%v with %v: nothing is open in front of the recorder", id, have)
			}
		}
	}
}

func TestCallersCannotWriteIntoTheCatalogue(t *testing.T) {
	t.Parallel()
	w := way(t, Ways(rekey.Identity{Model: "N841"}, nil), rekey.WayHardwareReset)
	w.Hands[0], w.Risks[0] = "just press", ""
	again := way(t, Ways(rekey.Identity{Model: "N841"}, nil), rekey.WayHardwareReset)
	if again.Hands[0] == "just press" || again.Risks[0] == "" {
		t.Error("a caller changed the catalogue")
	}
}
