package desk

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"rekey"
	"rekey/internal/store"
)

// Figures are what a supervisor looks at, for a span of time.
type Figures struct {
	Since    time.Time      `json:"since"`
	Until    time.Time      `json:"until"`
	Stages   map[Stage]int  `json:"stages"`  // cases that are open now, by where they stand
	Waiting  []Case         `json:"waiting"` // for approval, oldest first
	Opened   int            `json:"opened"`
	Answered int            `json:"answered"`
	Refused  int            `json:"refused"` // refusals of rules and limits
	Outcomes map[string]int `json:"outcomes"`
	NotMe    int            `json:"not_me"`
	Hours    []Hour         `json:"hours"` // one for each hour of the span, oldest first
	ToAnswer Times          `json:"to_answer"`
	ToClose  Times          `json:"to_close"`
	Agents   []AgentFigures `json:"agents"`
}

// Hour is one hour of the desk.
type Hour struct {
	At       time.Time `json:"at"`
	Opened   int       `json:"opened"`
	Answered int       `json:"answered"`
	Usual    float64   `json:"usual"` // answers in the same hour of the last four weeks, on average
}

// Times are how long something took, in seconds.
type Times struct {
	Count  int     `json:"count"`
	Median float64 `json:"median"`
	P90    float64 `json:"p90"`
	Most   float64 `json:"most"`
}

// AgentFigures are one agent's part.
type AgentFigures struct {
	Agent    string `json:"agent"`
	Opened   int    `json:"opened"`
	Answered int    `json:"answered"`
	Approved int    `json:"approved"`
	Refused  int    `json:"refused"`
}

// mostDays is how long a span of figures may be.
const mostDays = 92

// checkSpan reads a span in UTC.
func checkSpan(since, until time.Time) (from, to time.Time, err error) {
	from, to = since.UTC(), until.UTC()
	if since.IsZero() || !from.Before(to) || to.Sub(from) > mostDays*24*time.Hour {
		return from, to, refuse(rekey.ErrInput, "the span must begin before it ends, and be %d days long at most", mostDays)
	}
	return from, to, nil
}

// Figures counts the span; at most 92 days. The cases that wait are told to those
// who may read cases.
func (d *Desk) Figures(ctx context.Context, who Agent, since, until time.Time) (f Figures, err error) {
	if since, until, err = checkSpan(since, until); err != nil {
		return Figures{}, d.unusable(ctx, who, ActFigures, target{object: "figures"}, err)
	}
	err = d.perform(ctx, who, ActFigures, target{object: "figures"}, func() error {
		f = Figures{Since: since, Until: until, Stages: map[Stage]int{}, Waiting: []Case{}, Outcomes: map[string]int{}, Agents: []AgentFigures{}}
		return d.db.Read(ctx, func(tx *sql.Tx) error {
			for _, part := range []func(context.Context, *sql.Tx) error{f.count, f.countHours, f.countAgents} {
				if err := part(ctx, tx); err != nil {
					return err
				}
			}
			return d.countOpen(ctx, tx, &f, who)
		})
	})
	return f, err
}

// countOpen finds where each open case stands.
func (d *Desk) countOpen(ctx context.Context, tx *sql.Tx, f *Figures, who Agent) error {
	numbers, err := store.All(ctx, tx, func(scan store.Scan) (n int64, err error) { return n, scan(&n) },
		`SELECT number FROM cases WHERE closed_at = 0 AND opened_at >= $1 ORDER BY number`, store.Micros(d.now().Add(-caseLife)))
	if err != nil {
		return err
	}
	for _, n := range numbers {
		c, err := d.readCase(ctx, tx, n)
		if err != nil {
			return err
		}
		f.Stages[c.Stage]++
		if c.Stage == StageApproval && May(who, ActCaseRead) {
			f.Waiting = append(f.Waiting, c.seenBy(who))
		}
	}
	return nil
}

// count counts what happened in the span.
func (f *Figures) count(ctx context.Context, tx *sql.Tx) error {
	for _, one := range []struct {
		into  *int
		query string
	}{
		{&f.Opened, `SELECT COUNT(*) FROM cases WHERE opened_at >= $1 AND opened_at < $2`},
		{&f.Answered, `SELECT COUNT(*) FROM reveals WHERE at >= $1 AND at < $2 AND delivered <> 'no'`},
		{&f.Refused, `SELECT COUNT(*) FROM refusals WHERE at >= $1 AND at < $2 AND by_gate = 0`},
		{&f.NotMe, `SELECT COUNT(*) FROM alarms WHERE kind = 'notme' AND at >= $1 AND at < $2`},
	} {
		if err := tx.QueryRowContext(ctx, one.query, store.Micros(f.Since), store.Micros(f.Until)).Scan(one.into); err != nil {
			return err
		}
	}
	outcomes, err := f.byName(ctx, tx, `SELECT outcome, COUNT(*) FROM cases WHERE closed_at >= $1 AND closed_at < $2 GROUP BY outcome`)
	if err != nil {
		return err
	}
	f.Outcomes = outcomes
	if f.ToAnswer, err = f.times(ctx, tx, `SELECT r.at - c.opened_at FROM reveals r JOIN cases c ON c.number = r.case_number
			WHERE r.at >= $1 AND r.at < $2 AND r.delivered <> 'no' AND r.at >= c.opened_at ORDER BY 1`); err != nil {
		return err
	}
	f.ToClose, err = f.times(ctx, tx, `SELECT closed_at - opened_at FROM cases WHERE closed_at >= $1 AND closed_at < $2 AND closed_at >= opened_at ORDER BY 1`)
	return err
}

// byName runs a query that counts by a name.
func (f *Figures) byName(ctx context.Context, tx *sql.Tx, query string) (map[string]int, error) {
	type named struct {
		name string
		n    int
	}
	all, err := store.All(ctx, tx, func(scan store.Scan) (c named, err error) { return c, scan(&c.name, &c.n) },
		query, store.Micros(f.Since), store.Micros(f.Until))
	counts := make(map[string]int, len(all))
	for _, c := range all {
		counts[c.name] = c.n
	}
	return counts, err
}

// times runs a query for durations in microseconds, shortest first.
func (f *Figures) times(ctx context.Context, tx *sql.Tx, query string) (Times, error) {
	all, err := store.All(ctx, tx, func(scan store.Scan) (n int64, err error) { return n, scan(&n) },
		query, store.Micros(f.Since), store.Micros(f.Until))
	return timesOf(all), err
}

// timesOf sums up durations in microseconds, shortest first. The percentiles are
// by nearest rank, the median of an even number the mean of the two in the middle.
func timesOf(sorted []int64) Times {
	n := len(sorted)
	if n == 0 {
		return Times{}
	}
	seconds := func(i int) float64 { return float64(sorted[i]) / 1e6 }
	return Times{Count: n, Median: (seconds((n-1)/2) + seconds(n/2)) / 2, P90: seconds((9*n+9)/10 - 1), Most: seconds(n - 1)}
}

// countHours counts by the hour, each with what is usual in it.
func (f *Figures) countHours(ctx context.Context, tx *sql.Tx) error {
	first := f.Since.Truncate(time.Hour)
	opened, err := hourly(ctx, tx, openedByHour, f.Since, f.Until)
	if err != nil {
		return err
	}
	answered, err := hourly(ctx, tx, answersByHour, f.Since, f.Until)
	if err != nil {
		return err
	}
	before, err := hourly(ctx, tx, answersByHour, first.Add(-usualSpan), f.Until)
	if err != nil {
		return err
	}
	for at := first; at.Before(f.Until); at = at.Add(time.Hour) {
		f.Hours = append(f.Hours, Hour{At: at, Opened: opened[at], Answered: answered[at], Usual: usualIn(before, at)})
	}
	return nil
}

// countAgents counts each agent's part.
func (f *Figures) countAgents(ctx context.Context, tx *sql.Tx) error {
	all := map[string]*AgentFigures{}
	for _, one := range []struct {
		query string
		add   func(*AgentFigures, int)
	}{
		{`SELECT opened_by, COUNT(*) FROM cases WHERE opened_at >= $1 AND opened_at < $2 GROUP BY opened_by`,
			func(a *AgentFigures, n int) { a.Opened = n }},
		{`SELECT agent, COUNT(*) FROM reveals WHERE at >= $1 AND at < $2 AND delivered <> 'no' GROUP BY agent`,
			func(a *AgentFigures, n int) { a.Answered = n }},
		{`SELECT approved_by, COUNT(*) FROM cases WHERE approved_at >= $1 AND approved_at < $2 AND approved_by IS NOT NULL GROUP BY approved_by`,
			func(a *AgentFigures, n int) { a.Approved = n }},
		{`SELECT agent, COUNT(*) FROM refusals WHERE at >= $1 AND at < $2 GROUP BY agent`,
			func(a *AgentFigures, n int) { a.Refused = n }},
	} {
		counts, err := f.byName(ctx, tx, one.query)
		if err != nil {
			return err
		}
		for name, n := range counts {
			if all[name] == nil {
				all[name] = &AgentFigures{Agent: name}
			}
			one.add(all[name], n)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f.Agents = append(f.Agents, *all[name])
	}
	return nil
}

// usualSpan is how far back what is usual is taken from.
const usualSpan = 4 * 7 * 24 * time.Hour

// Counts by the hour since 1970.
const (
	openedByHour  = `SELECT opened_at / 3600000000, COUNT(*) FROM cases WHERE opened_at >= $1 AND opened_at < $2 GROUP BY opened_at / 3600000000`
	answersByHour = `SELECT at / 3600000000, COUNT(*) FROM reveals WHERE at >= $1 AND at < $2 AND delivered <> 'no' GROUP BY at / 3600000000`
)

// hourly counts by the hour.
func hourly(ctx context.Context, tx *sql.Tx, query string, since, until time.Time) (map[time.Time]int, error) {
	type hour struct {
		at int64
		n  int
	}
	all, err := store.All(ctx, tx, func(scan store.Scan) (h hour, err error) { return h, scan(&h.at, &h.n) },
		query, store.Micros(since), store.Micros(until))
	counts := make(map[time.Time]int, len(all))
	for _, h := range all {
		counts[time.Unix(h.at*3600, 0).UTC()] = h.n
	}
	return counts, err
}

// usualIn is the mean of the same hour of the same day in the four weeks before.
func usualIn(counts map[time.Time]int, hour time.Time) float64 {
	sum := 0
	for week := range 4 {
		sum += counts[hour.AddDate(0, 0, -7*(week+1))]
	}
	return float64(sum) / 4
}
