package catalog

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
)

func TestAdvisories(t *testing.T) {
	t.Parallel()
	d := smallData(t)
	day := func(s string) time.Time {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, c := range []struct {
		name    string
		id      rekey.Identity
		verdict Verdict // of the advisory with the fixed build; empty: left out
		why     string
	}{
		{"older than the fix", rekey.Identity{Vendor: "ACME", Model: "A1", Class: "DVR", Built: day("2021-08-29")}, Applies, "2021-08-29"},
		{"the fix", rekey.Identity{Vendor: "Acme", Model: "A1", Class: "DVR", Built: day("2021-08-30")}, "", ""},
		{"newer", rekey.Identity{Vendor: "Acme", Model: "A1", Class: "DVR", Built: day("2023-01-01")}, "", ""},
		{"build not known", rekey.Identity{Vendor: "Acme", Model: "A1", Class: "DVR"}, CannotTell, "day the firmware was built"},
		{"class from the catalogue", rekey.Identity{Vendor: "Acme", Model: "A1", Built: day("2021-01-01")}, Applies, "built"},
		{"maker from the catalogue", rekey.Identity{Vendor: "General", Model: "A1", Class: "DVR", Built: day("2021-01-01")}, Applies, "built"},
		{"another class", rekey.Identity{Vendor: "Acme", Model: "A1", Class: "IPC"}, "", ""},
		{"another model", rekey.Identity{Vendor: "Acme", Model: "X9", Class: "DVR"}, "", ""},
		{"model not known", rekey.Identity{Vendor: "Acme", Class: "DVR", Built: day("2021-01-01")}, CannotTell, "model is not known"},
		{"another maker", rekey.Identity{Vendor: "Lorex", Model: "Z1"}, "", ""},
	} {
		var got *Notice
		for _, n := range d.notices(c.id) {
			if n.ID == "hole" {
				got = &n
			}
		}
		switch {
		case c.verdict == "" && got != nil:
			t.Errorf("%s: %s, %s", c.name, got.Verdict, got.Why)
		case c.verdict != "" && (got == nil || got.Verdict != c.verdict || !strings.Contains(got.Why, c.why)):
			t.Errorf("%s: got %+v, want %s because of %q", c.name, got, c.verdict, c.why)
		}
	}
	all := d.notices(rekey.Identity{Vendor: "Acme", Model: "X9", Class: "NVR", Built: day("2026-01-01")})
	if len(all) != 1 || all[0].ID != "old" || all[0].Verdict != CannotTell {
		t.Errorf("without a fixed build: %+v", all)
	}
	if n := d.notices(rekey.Identity{}); len(n) != 0 {
		t.Errorf("for nothing at all: %+v", n)
	}
}

// Old firmware of a Dahua recorder is warned of, new firmware of what is not fixed only.
func TestAdvisoriesOfDahua(t *testing.T) {
	t.Parallel()
	applies := func(year int) (n int) {
		built := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		for _, notice := range Advisories(rekey.Identity{Vendor: "Dahua", Family: "dahua", Model: "DHI-NVR4108HS-4KS2", Class: "NVR", Built: built}) {
			if notice.Do == "" || notice.Why == "" || len(Sources(notice.Sources...)) == 0 {
				t.Errorf("%s does not say why, what to do, or by whom", notice.ID)
			}
			if notice.Verdict == Applies {
				n++
			}
		}
		return n
	}
	if old, recent := applies(2018), applies(2026); old == 0 || recent >= old {
		t.Errorf("%d advisories apply to firmware of 2018, %d to that of 2026", old, recent)
	}
}

// A maker's own word for its DVRs is a DVR, and the record names no NVR4.
func TestAdvisoriesByClassAndSeries(t *testing.T) {
	t.Parallel()
	for class, want := range map[string]bool{"DVR": true, "XVR": true, "hcvr": true, "NVR": false, "IPC": false} {
		if got := (Advisory{Classes: []string{"DVR"}}).covers(class); got != want {
			t.Errorf("%s: %v", class, got)
		}
	}
	for model, want := range map[string]bool{"NVR4108HS-4KS2": false, "NVR5216-4KS2": true, "XVR5104C-S2": true} {
		named := slices.ContainsFunc(Advisories(rekey.Identity{Vendor: "Dahua", Family: "dahua", Model: model}), func(n Notice) bool {
			return n.ID == "dahua-login-bypass-recorders"
		})
		if named != want {
			t.Errorf("%s: %v", model, named)
		}
	}
}
