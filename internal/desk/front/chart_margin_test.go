package front

import (
	"strconv"
	"testing"
	"time"

	"rekey/internal/desk"
)

// TestMarksOfTimeFit: no mark below the chart runs over its edge, also not on a
// telephone, where they are drawn larger.
func TestMarksOfTimeFit(t *testing.T) {
	t.Parallel()
	const symbol = 22 * 0.55 // of the larger size, as wide as digits are
	begin := time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	for hours := 1; hours <= 93*24; hours++ {
		v := volumeOf(make([]desk.Hour, hours))
		for i := range v.Slots {
			v.Slots[i].At = begin.Add(time.Duration(i) * 24 * time.Hour)
		}
		for _, mark := range v.times() {
			at, err := strconv.ParseFloat(mark.At, 64)
			if half := symbol * float64(len(mark.Text)) / 2; err != nil || at+half > chartWidth || at < half {
				t.Fatalf("%d hours: the mark %q at %s runs over the edge, %v", hours, mark.Text, mark.At, err)
			}
		}
	}
}
