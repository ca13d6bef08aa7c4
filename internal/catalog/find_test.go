package catalog

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"rekey"
)

func TestFindInSmall(t *testing.T) {
	t.Parallel()
	d := smallData(t)
	for _, c := range []struct {
		vendor, family, model, want string
		known                       bool
	}{
		{"", "", "A1", "A1", true},
		{"ACME", "acmetalk", "a100-b", "A1", true},
		{"Acme Technology Co", "", " A-100/4K ", "A1", true},
		{"", "", "DHI-A100", "A1", true},
		{"", "", "A15-8", "A15", true}, // the longest prefix
		{"General", "", "A15", "A15", true},
		{"Acme", "acmetalk", "A15", "A1", true}, // A15 speaks othertalk
		{"", "onvif", "A15", "A15", true},       // which says nothing of its own protocol
		{"Acme", "", "X9", "acme-one", false},
		{"", "acmetalk", "X9", "acme-one", false},
		{"Acme", "othertalk", "X9", "unknown", false},
		{"", "", "", "unknown", false},
		{"", "", "A", "unknown", false},
		{"", "", "-", "unknown", false},
	} {
		m, known := d.find(rekey.Identity{Vendor: c.vendor, Family: c.family, Model: c.model})
		if m.ID != c.want || known != c.known {
			t.Errorf("%+v: %s %v", c, m.ID, known)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		vendor, family, model, want string
		known                       bool
	}{
		{"Lorex", "dahua", "N841A82", "N841", true},
		{"Dahua", "dahua", "N841", "N841", true}, // what is inside may say so
		{"Amcrest", "dahua", "N841", "amcrest", false},
		{"Lorex", "dahua", "N999", "lorex-dahua", false},
		{"Lorex", "raysharp", "N999", "lorex-other", false}, // a Lorex, but no Dahua
		{"Lorex", "", "LW2770", "lorex-other", false},
		{"", "", "Ｎ８４１Ａ８２", "N841", true},
		{"General", "dahua", "NVR", "dahua", false},
		{"", "dahua", "DHI-NVR4108HS-4KS2", "dahua-nvr41", true},
		{"", "hikvision", "", "hikvision", false},
		{"HIKVISION", "", "DS-7616NI-I2", "hikvision-ds-76", true},
		{"", "", "", "unknown", false},
	} {
		m, known := Find(rekey.Identity{Vendor: c.vendor, Family: c.family, Model: c.model})
		if m.ID != c.want || known != c.known {
			t.Errorf("%+v: %s %v", c, m.ID, known)
		}
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"N841": "N841", "n841": "N841", "Lorex N841A82": "N841", "lorex-n841": "N841", "my Lorex NVR N841A81-E": "N841", "n 841": "N841",
		"lnr-400": "LNR400", "LNR 400": "LNR400", "lhv-lnr": "LHV-LNR", "eco lh100": "LH100", "LH1000": "LH1000", "D861A8B-Z": "D861",
		"dahua DHI-NVR4108HS": "dahua-nvr41", "dh-nvr4108": "dahua-nvr41", "NVR4108": "dahua-nvr41", "hikvision DS-7616NI": "hikvision-ds-76", "ds7616": "hikvision-ds-76",
		"qlr 0440": "QLR0440", "Ｎ８４１": "N841", "Ｌｏｒｅｘ　Ｎ８４１Ａ８２": "N841", "lnr–400": "LNR400", "ＤＳ－７６１６ＮＩ": "hikvision-ds-76", "flir-m-dnr": "FLIR-M-DNR",
	} {
		if m, known := Lookup(typed); m.ID != want || !known {
			t.Errorf("%q: %s %v, want %s", typed, m.ID, known, want)
		}
	}
	for typed, want := range map[string]string{
		"": "unknown", "lorex": "lorex-other", "Lorex LH130": "lorex-other", "lorex LW2770": "lorex-other", "Dahua": "dahua", "amcrest XYZ": "amcrest", "N84": "unknown", "amcrest N841": "amcrest", "...": "unknown", "what is this": "unknown",
	} {
		if m, known := Lookup(typed); m.ID != want || known {
			t.Errorf("%q: %s %v, want %s as not known", typed, m.ID, known, want)
		}
	}
}

// Every entry is found by its own id and by each of its prefixes.
func TestEveryEntryIsFound(t *testing.T) {
	t.Parallel()
	for _, m := range Models() {
		if len(m.Match) == 0 {
			continue
		}
		for _, name := range append([]string{m.ID, m.Maker + " " + m.ID}, m.Match...) {
			if got, known := Lookup(name); got.ID != m.ID || !known {
				t.Errorf("%q: %s %v, want %s", name, got.ID, known, m.ID)
			}
		}
	}
}

func FuzzLookup(f *testing.F) {
	for _, s := range []string{"", "N841", "Lorex N841A82", "lnr-400", "DH-", "DHI-NVR", "\x00", "лорекс", "- - -", strings.Repeat("n841 ", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		m, known := Lookup(name)
		if m.ID == "" || len(m.Ways) == 0 || known != (len(m.Match) > 0) {
			t.Errorf("%q: %q, known %v", name, m.ID, known)
		}
		if again, _ := Lookup(" " + name + "\n"); again.ID != m.ID {
			t.Errorf("%q: %s, between blanks %s", name, m.ID, again.ID)
		}
	})
}

// What is inherited was not read of the very model.
func TestInheritance(t *testing.T) {
	t.Parallel()
	d := smallData(t)
	own, _ := d.lookup("A1")
	if f := own.Facts["class"]; f.Value != "DVR" || f.Certainty != rekey.Verified {
		t.Errorf("own fact: %+v", f)
	}
	if f := own.Facts["default_account"]; f.Value != "admin" || f.Certainty != rekey.Inferred || !slices.Equal(f.Sources, []string{"MANUAL"}) {
		t.Errorf("inherited fact: %+v", f)
	}
	if f := own.PasswordRule; f.Certainty != rekey.Unverified || f.Note != "strict" || own.Rule().Max != 32 {
		t.Errorf("inherited rule: %+v", f)
	}
	if n := own.Notes; len(n) != 2 || n[0].Certainty != rekey.Verified || n[1].Certainty != rekey.Inferred {
		t.Errorf("notes: %+v", n)
	}
	if own.Family != "acmetalk" || len(own.Ways) != 5 || own.Ways[0].Certainty != rekey.Inferred {
		t.Errorf("family %q, ways %+v", own.Family, own.Ways)
	}
	other, _ := d.lookup("A15")
	if other.Family != "othertalk" || len(other.Ways) != 2 {
		t.Fatalf("family %q, ways %+v", other.Family, other.Ways)
	}
	phone, button := other.Ways[0], other.Ways[1]
	if phone.Certainty != rekey.Verified || button.Certainty != rekey.Unverified { // the weaker of use and procedure
		t.Errorf("certainty of ways: %s, %s", phone.Certainty, button.Certainty)
	}
	if !slices.Equal(phone.Sources, []string{"MANUAL", "APP"}) || phone.Note != "for now" {
		t.Errorf("sources %v, note %q", phone.Sources, phone.Note)
	}
	if !slices.Equal(phone.Ready, []string{"the Device ID of Acme A15", "more"}) || !slices.Equal(phone.Pitfalls, []string{"Menu > User moved", "none"}) {
		t.Errorf("ready %q, pitfalls %q", phone.Ready, phone.Pitfalls)
	}
	if got := phone.Hands[3]; got != "Menu > User: wait 30 minutes where it is locked." {
		t.Errorf("a hand is %q", got)
	}
	if unknown, known := d.lookup("acme X9"); known || unknown.Facts["class"].Certainty != rekey.Inferred {
		t.Errorf("of an unknown model: %+v", unknown.Facts["class"])
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	m, _ := smallData(t).lookup("A15")
	want := map[rekey.Certainty]int{rekey.Verified: 4, rekey.Inferred: 3, rekey.Unverified: 4}
	if got := m.Count(); !reflect.DeepEqual(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
	if got, want := m.Cited(), []string{"TALK", "REKEY", "MANUAL", "APP"}; !slices.Equal(got, want) {
		t.Errorf("cited %v, want %v", got, want)
	}
	c := Covers()
	sum := 0
	for _, m := range Models() {
		for _, n := range m.Count() {
			sum += n
		}
	}
	if sum != c.Facts[rekey.Verified]+c.Facts[rekey.Inferred]+c.Facts[rekey.Unverified] || c.Models+c.Generic != len(Models()) || c.Written[rekey.Verified] == 0 {
		t.Errorf("the catalogue covers %+v; the models count %d facts", c, sum)
	}
}

func TestModelsInOrder(t *testing.T) {
	t.Parallel()
	all := Models()
	for i, m := range all[1:] {
		before := all[i]
		generic := func(m Model) bool { return len(m.Match) == 0 }
		if generic(before) && !generic(m) {
			t.Errorf("%s stands after the generic %s", m.ID, before.ID)
		}
		if generic(before) == generic(m) && m.Maker != "" && strings.ToLower(before.Maker) > strings.ToLower(m.Maker) {
			t.Errorf("%s of %s stands after %s of %s", m.ID, m.Maker, before.ID, before.Maker)
		}
	}
}

func TestN841(t *testing.T) {
	t.Parallel()
	m, known := Find(rekey.Identity{Vendor: "Lorex", Family: "dahua", Model: "N841A82"})
	if got := strings.Join(m.MenuPath.Value, " > "); !known || got != "Main Menu > Settings > System > Account > User" {
		t.Errorf("menu path %q", got)
	}
	if r := m.Rule(); r.Min != 8 || r.Max != 32 || r.Classes != 2 || !strings.Contains(r.Forbidden, "&") {
		t.Errorf("rule %+v", r)
	}
	if p := m.Lock(); !p.Enabled || p.Tries != 3 || p.LockFor.Minutes() != 30 {
		t.Errorf("lock policy %+v", p)
	}
	if m.LockPolicy.Certainty != rekey.Unverified || m.LockPolicy.Note == "" {
		t.Error("the lock policy is not published for this series and must say so")
	}
	ways := Ways(rekey.Identity{Model: "N841"}, nil)
	at := slices.IndexFunc(ways, func(w rekey.Way) bool { return w.ID == rekey.WayTemporaryPassword })
	if at < 0 {
		t.Fatal("no temporary password")
	}
	hands := strings.Join(ways[at].Hands, "\n")
	for _, word := range []string{"Device ID", "Info", "Main Menu", "Settings > System > Account > User", "Old password: the temporary one", "confirm"} {
		if !strings.Contains(hands, word) {
			t.Errorf("the steps of the temporary password do not say %q", word)
		}
	}
}

func TestCallersCannotWriteIntoTheCatalogue(t *testing.T) {
	t.Parallel()
	scribble := func(m Model) {
		m.Match[0], m.MenuPath.Value[0], m.MenuPath.Sources[0], m.PasswordRule.Sources[0] = "x", "x", "x", "x"
		m.Notes[0] = Fact[string]{}
		m.Facts["class"].Sources[0] = "x"
		m.Facts["class"] = Fact[string]{}
		for i := range m.Ways {
			w := &m.Ways[i]
			w.Needs[0], w.Sources[0], w.Requires[0] = "x", "x", "x"
			for _, list := range w.lists() {
				for i := range *list {
					(*list)[i] = "x"
				}
			}
			clear(w.Risks)
			w.Title = "x"
		}
	}
	id := rekey.Identity{Model: "N842", Vendor: "Lorex"}
	before, _ := Find(id)
	m, known := Find(id)
	advice := Choose(before, known, Situation{App: "lorex-app"})
	scribble(m)
	scribble(Choose(before, known, Situation{App: "lorex-app"}).Model)
	looked, _ := Lookup("N842")
	scribble(looked)
	for _, m := range Models() {
		clear(m.Match)
		clear(m.Facts)
		clear(m.Ways)
	}
	for _, a := range Apps("Lorex") {
		a.Makers[0], a.Ways[0].Hands[0], a.Ways[0].Sources[0], a.Catch.Sources[0] = "x", "x", "x", "x"
	}
	for _, n := range Advisories(rekey.Identity{Vendor: "Dahua"}) {
		n.Makers[0], n.Sources[0] = "x", "x"
	}
	if after, _ := Find(id); !reflect.DeepEqual(before, after) {
		t.Error("a caller changed a model of the catalogue")
	}
	if again := Choose(before, known, Situation{App: "lorex-app"}); !reflect.DeepEqual(advice, again) {
		t.Error("a caller changed an app of the catalogue, or an advice a model")
	}
	if again := Advisories(rekey.Identity{Vendor: "Dahua"}); len(again) == 0 || again[0].Makers[0] == "x" {
		t.Error("a caller changed an advisory")
	}
}
