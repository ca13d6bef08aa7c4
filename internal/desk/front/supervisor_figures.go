package front

import (
	"net/url"
	"strconv"
	"time"

	"rekey/internal/desk"
)

// span is what a page of figures looks at.
type span struct {
	Since, Until time.Time
	Chosen       string // the link that is chosen, or empty
	problem      string
}

// spans are the links of the chooser.
func spans() []struct {
	Name, Text string
	Long       time.Duration
} {
	const day = 24 * time.Hour
	return []struct {
		Name, Text string
		Long       time.Duration
	}{{"day", "24 hours", day}, {"week", "7 days", 7 * day}, {"month", "28 days", 28 * day}, {"quarter", "92 days", 92 * day}}
}

const dateLayout = "2006-01-02"

// spanOf reads the span of a page's address: a name, or two dates of which the
// second counts as a whole day. What cannot be read is the last day.
func spanOf(q url.Values, now time.Time) span {
	now = now.UTC()
	if q.Get("from") != "" || q.Get("to") != "" {
		from, err := time.Parse(dateLayout, q.Get("from"))
		to, err2 := time.Parse(dateLayout, q.Get("to"))
		if err == nil && err2 == nil && !to.Before(from) {
			return span{Since: from, Until: to.Add(24 * time.Hour)}
		}
		s := spanOf(url.Values{}, now)
		s.problem = "A span needs two dates such as 2026-11-01, and the first must not be after the second. These are the last 24 hours."
		return s
	}
	for _, s := range spans() {
		if s.Name == q.Get("span") {
			return span{Since: now.Add(-s.Long), Until: now, Chosen: s.Name}
		}
	}
	return span{Since: now.Add(-24 * time.Hour), Until: now, Chosen: "day"}
}

// query is the span for the API.
func (s span) query() string {
	return url.Values{"since": {s.Since.Format(time.RFC3339)}, "until": {s.Until.Format(time.RFC3339)}}.Encode()
}

func (c *call) span() span { return spanOf(c.r.URL.Query(), time.Now()) }

func (f *front) figures(c *call) (reply, error) {
	s := c.span()
	v, err := f.desk.Figures(c.r.Context(), c.who, s.Since, s.Until)
	if err != nil {
		return reply{title: "Figures", page: spanAgain(s, told(err))}, err
	}
	return reply{title: "Figures", page: figuresPage(c.who, s, v)}, nil
}

// address is the span as the page's own address has it.
func (s span) address() string {
	if s.Chosen != "" {
		return "span=" + s.Chosen
	}
	return url.Values{"from": {s.Since.Format(dateLayout)}, "to": {s.lastDay()}}.Encode()
}

// lastDay is the last day that counts.
func (s span) lastDay() string { return s.Until.Add(-time.Second).Format(dateLayout) }

// figure is one number with its name; hot ones want somebody.
type figure struct {
	Text, Name, Href string
	Hot              bool
}

func nowNumbers(who desk.Agent, v desk.Figures) []figure {
	waiting := figure{Text: strconv.Itoa(len(v.Waiting)), Name: "wait for approval", Hot: len(v.Waiting) > 0}
	if desk.May(who, desk.ActCaseApprove) {
		waiting.Href = "/approvals"
	}
	all := []figure{waiting}
	for _, s := range []struct {
		stage desk.Stage
		name  string
	}{
		{desk.StageEvidence, "at evidence"}, {desk.StageHold, "on hold"}, {desk.StageTelling, "wait for the mail"},
		{desk.StageChallenge, "at the challenge"}, {desk.StageAnswered, "answered, not closed"},
		{desk.StagePaused, "put aside"}, {desk.StageFrozen, "frozen"},
	} {
		n := v.Stages[s.stage]
		all = append(all, figure{Text: strconv.Itoa(n), Name: s.name, Hot: n > 0 && s.stage == desk.StageFrozen})
	}
	return all
}

func spanNumbers(v desk.Figures) []figure {
	return []figure{
		{Text: strconv.Itoa(v.Opened), Name: "opened"},
		{Text: strconv.Itoa(v.Answered), Name: "answered"},
		{Text: strconv.Itoa(v.Refused), Name: "refused by rules and limits"},
		{Text: strconv.Itoa(v.NotMe), Name: "owners said: not me"},
	}
}

// counted says a number of things.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
