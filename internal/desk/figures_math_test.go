package desk

import (
	"testing"
	"time"
)

func TestTimesOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		micros []int64
		want   Times
	}{
		"none": {nil, Times{}},
		"one":  {[]int64{2e6}, Times{1, 2, 2, 2}},
		"two":  {[]int64{1e6, 2e6}, Times{2, 1.5, 2, 2}},
		"ten":  {[]int64{1e6, 2e6, 3e6, 4e6, 5e6, 6e6, 7e6, 8e6, 9e6, 100e6}, Times{10, 5.5, 9, 100}},
		"odd":  {[]int64{1e6, 2e6, 60e6}, Times{3, 2, 60, 60}},
	} {
		if got := timesOf(c.micros); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestUsualIsTheSameHourOfFourWeeks(t *testing.T) {
	t.Parallel()
	hour := time.Date(2026, 3, 30, 10, 0, 0, 0, time.UTC)
	counts := map[time.Time]int{hour: 100, hour.AddDate(0, 0, -1): 50, hour.AddDate(0, 0, -35): 50}
	if got := usualIn(counts, hour); got != 0 {
		t.Errorf("usual %v, want 0: other days and older weeks do not count", got)
	}
	for week := range 4 {
		counts[hour.AddDate(0, 0, -7*(week+1))] = week
	}
	if got := usualIn(counts, hour); got != 1.5 {
		t.Errorf("usual %v, want 1.5", got)
	}
}

func TestCellsAreNoFormulas(t *testing.T) {
	t.Parallel()
	got := defused([]string{"=1+1", "+49", "-1", "@x", "\tx", "N841", "", "a=b"})
	want := []string{"'=1+1", "'+49", "'-1", "'@x", "'\tx", "N841", "", "a=b"}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
}
