package pages

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/catalog"
	"rekey/internal/rekeytest/browser"
)

func written(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "published")
	n, err := Write(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := len(catalog.Models()) + 1; n != want {
		t.Fatalf("%d pages, want %d", n, want)
	}
	return dir
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func rendered(t *testing.T, m catalog.Model) string {
	t.Helper()
	var page strings.Builder
	if err := sheet(tell(m)).Render(t.Context(), &page); err != nil {
		t.Fatal(err)
	}
	return page.String()
}

// Every entry has a sheet that says its ways, its sources and how sure it is,
// and nothing that only the data's authors understand.
func TestEveryModelHasASheet(t *testing.T) {
	t.Parallel()
	dir := written(t)
	list := read(t, filepath.Join(dir, "index.html"))
	placeholder := regexp.MustCompile(`\{[a-z]+\}`)
	for _, m := range catalog.Models() {
		page := read(t, filepath.Join(dir, fileOf(m)))
		if !strings.Contains(list, `href="`+fileOf(m)+`"`) {
			t.Errorf("%s is not in the list", m.ID)
		}
		for _, what := range wanted(m) {
			if !strings.Contains(page, templEscape(what)) {
				t.Errorf("%s: the sheet lacks %q", m.ID, what)
			}
		}
		body := page[strings.Index(page, "<main"):]
		if p := placeholder.FindString(body); p != "" {
			t.Errorf("%s: %s was not filled in", m.ID, p)
		}
	}
}

// wanted is all that the terminal would say of the model to somebody who has
// said nothing yet, with the notes of its facts.
func wanted(m catalog.Model) []string {
	a := catalog.Choose(m, len(m.Match) > 0, catalog.Situation{})
	all := append(a.Notes, a.Model.MenuPath.Note, a.Model.PasswordRule.Note, a.Model.LockPolicy.Note, a.Model.Apps.Note)
	for _, o := range a.Offers {
		all = append(all, o.Title, o.Note, o.Cost, o.Time)
		all = slices.Concat(all, o.Hands, o.Needs, o.Ready, o.Pitfalls, o.Cannot)
		if o.ID == rekey.WayAnotherAdmin && len(o.Hands) == 0 {
			all = append(all, "rekey reset HOST --login NAME")
		}
	}
	for _, q := range a.Ask {
		all = append(all, q.Words)
		for _, c := range q.Choices {
			all = append(all, c.Title, c.Tell)
			for _, w := range catalog.Choose(m, true, catalog.Situation{App: c.ID}).Model.Ways {
				all = append(append(all, w.Title), w.Hands...)
			}
		}
	}
	for _, f := range m.Facts {
		all = append(all, f.Value, f.Note)
	}
	for _, s := range append(a.Sources, catalog.Sources(m.Cited()...)...) {
		all = append(all, "["+s.ID+"] "+s.Title)
	}
	return all
}

// What is done first saves what a reset may cost: an open session before the
// clients that keep the lock shut, and both before any password is tried.
func TestOrderBeforeAnything(t *testing.T) {
	t.Parallel()
	m, _ := catalog.Lookup("N841")
	page := rendered(t, m)
	at := -1
	for _, what := range []string{"Mind first", "Before anything", "still logged in", "Stop every other app", "Do not guess", "Ask first", "The ways", "Afterwards", "The model", "Sources"} {
		next := strings.Index(page, what)
		if next <= at {
			t.Errorf("%q stands at %d, before what should precede it", what, next)
		}
		at = next
	}
}

// A recorder that belongs to no app asks for none.
func TestApplessSheetsNameNoApps(t *testing.T) {
	t.Parallel()
	for _, m := range catalog.Models() {
		appless := m.Apps.Certainty != "" && len(m.Apps.Value) == 0
		if appless && strings.Contains(rendered(t, m), "Ask first") {
			t.Errorf("%s belongs to no app, and its sheet asks which", m.ID)
		}
	}
}

func templEscape(s string) string {
	return strings.NewReplacer("&", "&amp;", "'", "&#39;", "<", "&lt;", ">", "&gt;", `"`, "&#34;").Replace(s)
}

func TestWriteSaysWhereItCannot(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(context.Background(), filepath.Join(file, "dir")); !errors.Is(err, rekey.ErrStorage) {
		t.Errorf("written into a file: %v", err)
	}
}

// A support agent opens the list from a folder, types what the label says, and
// opens the sheet. A breach of the page's own policy fails the test.
func TestSearchInABrowser(t *testing.T) {
	t.Parallel()
	dir := written(t)
	tab := browser.Start(t).Tab(t)
	list := "file://" + filepath.Join(dir, "index.html")
	tab.Open(list)
	tab.Axe(browser.Desktop, browser.DesktopDark, browser.Phone, browser.PhoneDark)
	for _, label := range labels {
		tab.Open(list)
		tab.Type("#search", label.typed)
		want, known := catalog.Lookup(label.typed)
		if got := tab.Text("#count"); got != "1 entry" {
			t.Errorf("the search for %q leaves %q: %s", label.typed, got, tab.Text("main"))
		} else if got := tab.Text(left); got != label.title || got != want.Title || !known {
			t.Errorf("the search for %q leaves %q, want %q; the catalogue has %q", label.typed, got, label.title, want.Title)
		}
	}
	tab.Press(labels[len(labels)-1].title)
	tab.Wants("N841", "Ask first")
	tab.Axe(browser.Desktop, browser.DesktopDark, browser.Phone, browser.PhoneDark)
}

// left is the first entry that the search leaves.
const left = "li[data-words]:not([hidden])"

// labels are names as recorders' labels have them, and as people type them.
var labels = []struct{ typed, title string }{
	{"DS-7608NI-I2", "Hikvision DS-7600 series"},
	{"Hikvision DS-7616NI-I2/16P", "Hikvision DS-7600 series"},
	{"iDS-96064NXI-I16", "Hikvision iDS-9600 series"},
	{"NVR5216-4KS2", "Dahua NVR52 series"},
	{"XVR5116HS-I3", "Dahua XVR51 series"},
	{"DHI-NVR4108HS", "Dahua NVR41 series"},
	{"dahua dh-nvr4108hs-8p-4ks2/l", "Dahua NVR41 series"},
	{"AMDV5108", "Amcrest AMDV51 series DVR"},
	{"NV5216E", "Amcrest 5000 series NVR"},
	{"Amcrest NV5232E-16P", "Amcrest 5000 series NVR"},
	{"LNR432", "Lorex LHV and LNR series (common)"},
	{"LNR6108X", "Lorex LHV and LNR series (common)"},
	{"LHV1004", "Lorex LHV1000"},
	{"LHV2008", "Lorex LHV2000"},
	{"LH1004", "Lorex LH1000"},
	{"D861A8B-Z", "Lorex D861 series (4K)"},
	{"NR818", "Lorex NR800"},
	{"393D87182B", "Lorex D871 series (4K)"},
	{"N84283T-48AB-E", "Lorex N842 series"},
	{"lorex n842", "Lorex N842 series"},
	{"UCK-G2-PLUS", "UniFi Protect console"},
	{"Ubiquiti UNVR-Pro", "UniFi Protect console"},
	{"RLN8-410", "Reolink RLN8-410"},
	{"reolink rln16-410", "Reolink RLN16-410"},
	{"SRN-470D", "Samsung SRN-470D"},
	{"ｎ８４１ａ８２", "Lorex N841 series"},
	{"n841a82", "Lorex N841 series"},
}

// A maker's name leaves the maker's entries; a model that is not in the list
// leaves what holds for any of its kind, and says so.
func TestSearchByMaker(t *testing.T) {
	t.Parallel()
	tab := browser.Start(t).Tab(t)
	list := "file://" + filepath.Join(written(t), "index.html")
	all := catalog.Models()
	for typed, maker := range map[string]string{
		"hikvision nvr": "Hikvision", "reolink": "Reolink", "Dahua": "Dahua", "amcrest recorder": "Amcrest",
		"hanwha": "Hanwha", "ubiquiti": "Ubiquiti", "LOREX": "Lorex",
	} {
		want := 0
		for _, m := range all {
			if m.Maker == maker {
				want++
			}
		}
		tab.Open(list)
		tab.Type("#search", typed)
		if got := tab.Text("#count"); got != fmt.Sprintf("%d entries", want) {
			t.Errorf("the search for %q leaves %q, want the %d of %s", typed, got, want, maker)
		}
		if got := tab.Text("section:not([hidden]) h2"); got != maker {
			t.Errorf("the search for %q leaves the list of %q", typed, got)
		}
	}
	for _, typed := range []string{"Zmodo ZP-1", "Lorex LH130", "hikvision XX-1", "Reolink ABC"} {
		tab.Open(list)
		tab.Type("#search", typed)
		want, _ := catalog.Lookup(typed)
		if got := tab.Text(left); got != want.Title || tab.Text("#count") != "This model is not in the list: 1 entry for any of its kind" {
			t.Errorf("the search for %q leaves %q and says %q, want %q", typed, got, tab.Text("#count"), want.Title)
		}
	}
}

// A support agent keeps the sheet beside the telephone: at most three pages of
// paper, and no step torn apart.
func TestSheetsPrintShort(t *testing.T) {
	t.Parallel()
	dir := written(t)
	tab := browser.Start(t).Tab(t)
	counted := regexp.MustCompile(`/Count (\d+)`)
	for _, id := range []string{"n841", "d841", "hikvision-ds-76"} {
		tab.Open("file://" + filepath.Join(dir, id+".html"))
		found := counted.FindStringSubmatch(string(tab.Print()))
		if found == nil {
			t.Fatalf("%s: the PDF does not say how many pages it has", id)
		}
		if n, err := strconv.Atoi(found[1]); err != nil || n < 1 || n > 3 {
			t.Errorf("%s prints on %s pages, want at most 3", id, found[1])
		}
	}
}
