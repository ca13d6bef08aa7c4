package front

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"rekey/internal/desk"
)

// Sizes of the chart of volume, in its own units.
const (
	chartWidth  = 720
	chartHeight = 240
	chartLeft   = 40
	chartRight  = 30 // half of the longest mark below, as large as on a telephone
	chartTop    = 12
	chartFoot   = 30
)

// volume is the chart of cases and answers over time: bars, and the usual
// number of answers as a line.
type volume struct {
	By    string // "hour" or "day": what one bar is
	Slots []slot
	Most  int // top of the scale
}

// slot is one hour or one day.
type slot struct {
	At       time.Time
	Opened   int
	Answered int
	Usual    float64
}

// mostHours is how many hours are drawn one by one; beyond that days are.
const mostHours = 72

// volumeOf prepares the hours of a span for drawing.
func volumeOf(hours []desk.Hour) volume {
	v := volume{By: "hour"}
	for _, h := range hours {
		v.Slots = append(v.Slots, slot{h.At.UTC(), h.Opened, h.Answered, h.Usual})
	}
	if len(hours) > mostHours {
		v.By, v.Slots = "day", byDay(v.Slots)
	}
	most := 1.0
	for _, s := range v.Slots {
		most = max(most, float64(s.Opened), float64(s.Answered), s.Usual)
	}
	v.Most = roundUp(most)
	return v
}

func byDay(hours []slot) (days []slot) {
	for _, h := range hours {
		at := h.At.Truncate(24 * time.Hour)
		if len(days) == 0 || !days[len(days)-1].At.Equal(at) {
			days = append(days, slot{At: at})
		}
		d := &days[len(days)-1]
		d.Opened, d.Answered, d.Usual = d.Opened+h.Opened, d.Answered+h.Answered, d.Usual+h.Usual
	}
	return days
}

// roundUp is a top of the scale that halves and quarters well.
func roundUp(most float64) int {
	for step := 4.0; ; step *= 2 {
		if top := math.Ceil(most/step) * step; top/step <= 5 {
			return int(top)
		}
	}
}

// bar is a drawn bar.
type bar struct {
	X, Y, W, H string
	Class      string
}

func (v volume) pitch() float64 {
	return float64(chartWidth-chartLeft-chartRight) / float64(max(1, len(v.Slots)))
}

func (v volume) y(n float64) float64 {
	return chartHeight - chartFoot - n/float64(v.Most)*(chartHeight-chartFoot-chartTop)
}

// bars are the drawn bars: two for each slot.
func (v volume) bars() (all []bar) {
	wide := min(22, v.pitch()*0.4)
	add := func(i int, class string, offset float64, n int) {
		if n == 0 {
			return
		}
		x := chartLeft + (float64(i)+0.5)*v.pitch() + offset
		y := v.y(float64(n))
		all = append(all, bar{units(x), units(y), units(wide), units(chartHeight - chartFoot - y), class})
	}
	for i, s := range v.Slots {
		add(i, "opened", -wide, s.Opened)
		add(i, "answered", 0, s.Answered)
	}
	return all
}

// usual is the line of what is usual, as points.
func (v volume) usual() string {
	points := make([]string, len(v.Slots))
	for i, s := range v.Slots {
		points[i] = units(chartLeft+(float64(i)+0.5)*v.pitch()) + "," + units(v.y(s.Usual))
	}
	return strings.Join(points, " ")
}

// tick is a mark of a scale.
type tick struct{ At, Text string }

// levels are the marks of the upright scale.
func (v volume) levels() (all []tick) {
	for i := range 5 {
		n := float64(v.Most) * float64(i) / 4
		all = append(all, tick{units(v.y(n)), strconv.FormatFloat(n, 'f', -1, 64)})
	}
	return all
}

// times are the marks below the bars: at most eight.
func (v volume) times() (all []tick) {
	layout, every := "15:04", max(1, (len(v.Slots)+7)/8)
	if v.By == "day" {
		layout = "2 Jan"
	}
	for i := 0; i < len(v.Slots); i += every {
		all = append(all, tick{units(chartLeft + (float64(i)+0.5)*v.pitch()), v.Slots[i].At.Format(layout)})
	}
	return all
}

// sums are the chart in one sentence.
func (v volume) sums() string {
	var opened, answered int
	var usual float64
	var busiest slot
	for _, s := range v.Slots {
		opened, answered, usual = opened+s.Opened, answered+s.Answered, usual+s.Usual
		if s.Answered > busiest.Answered {
			busiest = s
		}
	}
	text := fmt.Sprintf("%d cases opened, %d answers issued; %.1f answers would be usual.", opened, answered, usual)
	if busiest.Answered > 0 {
		text += fmt.Sprintf(" Most answers in one %s: %d, at %s.", v.By, busiest.Answered, v.when(busiest))
	}
	return text
}

func (v volume) when(s slot) string {
	if v.By == "day" {
		return s.At.Format("2006-01-02")
	}
	return s.At.Format("2006-01-02 15:04 UTC")
}

// units is a length in a drawing, with one decimal at most.
func units(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }

// measure is one bar that lies down, with what it says.
type measure struct {
	Name string
	Text string
	Size float64
}

// measuresOf are the three numbers of how long something took.
func measuresOf(t desk.Times) []measure {
	return []measure{
		{"Median", took(t.Median), t.Median},
		{"9 of 10 within", took(t.P90), t.P90},
		{"Longest", took(t.Most), t.Most},
	}
}

// took is a length of time in words.
func took(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days %d h", int(d.Hours())/24, int(d.Hours())%24)
}

// outcomesOf are the outcomes in the desk's own order, and what else there is.
func outcomesOf(counts map[string]int) (all []measure) {
	left := 0
	for _, n := range counts {
		left += n
	}
	for _, name := range desk.Outcomes() {
		all = append(all, measure{name, strconv.Itoa(counts[name]), float64(counts[name])})
		left -= counts[name]
	}
	if left > 0 {
		all = append(all, measure{"other", strconv.Itoa(left), float64(left)})
	}
	return all
}

// share is how far a bar goes, of the longest.
func share(all []measure, m measure) float64 {
	most := 0.0
	for _, other := range all {
		most = max(most, other.Size)
	}
	if most == 0 {
		return 0
	}
	return m.Size / most
}
