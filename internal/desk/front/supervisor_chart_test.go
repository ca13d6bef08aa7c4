package front

import (
	"math"
	"strings"
	"testing"
	"time"

	"rekey/internal/desk"
)

// hoursOf are so many hours with counts that come and go over a day.
func hoursOf(n int) (all []desk.Hour) {
	at := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	for i := range n {
		busy := max(0, math.Sin(float64(i%24-6)/12*math.Pi))
		all = append(all, desk.Hour{At: at.Add(time.Duration(i) * time.Hour), Opened: int(9 * busy), Answered: int(6*busy) + 9*(i%71/70), Usual: 5 * busy})
	}
	return all
}

// TestVolume: a chart has every number of its span, and stays inside its frame.
func TestVolume(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		hours, slots int
		by           string
	}{{0, 0, "hour"}, {1, 1, "hour"}, {24, 24, "hour"}, {72, 72, "hour"}, {73, 4, "day"}, {168, 7, "day"}, {92 * 24, 92, "day"}} {
		hours := hoursOf(tt.hours)
		v := volumeOf(hours)
		if len(v.Slots) != tt.slots || v.By != tt.by {
			t.Errorf("%d hours are %d slots by the %s", tt.hours, len(v.Slots), v.By)
		}
		var opened, answered int
		for _, h := range hours {
			opened, answered = opened-h.Opened, answered-h.Answered
		}
		for _, s := range v.Slots {
			opened, answered = opened+s.Opened, answered+s.Answered
			if float64(s.Opened) > float64(v.Most) || float64(s.Answered) > float64(v.Most) || s.Usual > float64(v.Most) {
				t.Errorf("%d hours: %+v is above the scale of %d", tt.hours, s, v.Most)
			}
		}
		if opened != 0 || answered != 0 {
			t.Errorf("%d hours: the slots lack %d opened and %d answered", tt.hours, -opened, -answered)
		}
		if marks := v.times(); len(marks) > 8 || (tt.slots > 0 && len(marks) == 0) {
			t.Errorf("%d hours have %d marks of time", tt.hours, len(marks))
		}
	}
}

// TestScale: the top of a scale is not below the most, and not far above.
func TestScale(t *testing.T) {
	t.Parallel()
	for _, most := range []float64{1, 3.5, 4, 5, 19, 20, 21, 99, 1000, 12345} {
		if top := float64(roundUp(most)); top < most || top > 2*most+4 || math.Mod(top, 4) != 0 {
			t.Errorf("the scale for %v ends at %v", most, top)
		}
	}
}

func TestTook(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{0: "0 s", 59.4: "59 s", 60: "1 min 00 s", 187: "3 min 07 s", 3600: "1 h 00 min", 90061: "25 h 01 min", 200000: "2 days 7 h"} {
		if got := took(seconds); got != want {
			t.Errorf("%v seconds: %q, want %q", seconds, got, want)
		}
	}
}

// TestGuides: every model of the catalogue gets a guide with pictures that say
// what they show, and the path as the catalogue has it.
func TestGuides(t *testing.T) {
	t.Parallel()
	for model, want := range map[string]struct {
		path  string
		count int
	}{
		"N841":         {"Main Menu > Settings > System > Account > User", 9},
		"LNR400":       {"Main Menu > Setting > Account", 7},
		"DS-7608NI":    {"Configuration > System > User", 7},
		"no such":      {"Main Menu > System or Settings > Account or User", 7},
		"<b>\x00&quot": {"Main Menu > System or Settings > Account or User", 7},
	} {
		g := guideFor(model, "admin", "password")
		if g.Path != want.path || len(g.Screens) != want.count {
			t.Errorf("%s: %q with %d pictures", model, g.Path, len(g.Screens))
		}
		for _, s := range g.Screens {
			if s.Caption == "" || !strings.Contains(s.alt(), "Marked: ") || strings.HasSuffix(s.alt(), "Marked: .") {
				t.Errorf("%s: the picture %q says %q", model, s.Title, s.alt())
			}
		}
	}
	for _, purpose := range []string{"release", "unseal"} {
		if g := guideFor("N841", "admin", purpose); g.Path != "" || len(g.Screens) != 3 {
			t.Errorf("%s: %q with %d pictures", purpose, g.Path, len(g.Screens))
		}
	}
}
