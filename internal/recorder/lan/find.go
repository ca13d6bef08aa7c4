package lan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rekey/internal/recorder/clips"
)

const (
	maxFinders = 16
	finderIdle = 5 * time.Minute
	maxPage    = 100
)

// condition is what recordings are looked for.
type condition struct {
	channel       int // from 1
	from, to      time.Time
	types         []string
	flags, events []string
	stream        string
}

// matches tells whether the footage of this recorder, which is all recorded by
// schedule in the main stream, can fit at all.
func (c condition) matches() bool {
	oneOf := func(asked []string, have ...string) bool {
		return len(asked) == 0 || slices.ContainsFunc(asked, func(a string) bool { return a == "*" || slices.Contains(have, a) })
	}
	return oneOf(c.types, "mp4", "dav") && oneOf(c.flags, "Timing") && oneOf(c.events) && (c.stream == "" || c.stream == "Main")
}

// parseTime reads a wall-clock time, padded with zeros or not.
func parseTime(text string) (time.Time, error) {
	t, err := time.Parse("2006-1-2 15:4:5", text)
	if err != nil {
		return t, fmt.Errorf("time: %w", errQuery)
	}
	return t, nil
}

// cgiCondition reads condition.* of a query; channels count from 1 there.
func cgiCondition(q query) (condition, error) {
	c := condition{stream: q["condition.VideoStream"]}
	var err error
	if c.channel, err = strconv.Atoi(q["condition.Channel"]); err != nil || c.channel < 1 {
		return c, errQuery
	}
	if c.from, err = parseTime(q["condition.StartTime"]); err != nil {
		return c, err
	}
	if c.to, err = parseTime(q["condition.EndTime"]); err != nil {
		return c, err
	}
	c.types, c.flags, c.events = q.list("condition.Types"), q.list("condition.Flags"), q.list("condition.Events")
	return c, nil
}

// list collects key[0], key[1] and so on.
func (q query) list(key string) []string {
	var all []string
	for k, v := range q {
		if strings.HasPrefix(k, key+"[") && v != "" {
			all = append(all, v)
		}
	}
	return all
}

// rpcCondition reads the condition of mediaFileFind.findFile; channels count
// from 0 there.
func rpcCondition(params json.RawMessage) (condition, error) {
	var p struct {
		Condition struct {
			Channel            *int
			StartTime, EndTime string
			Types              []string
			Flags, Events      []string
			VideoStream        string
		} `json:"condition"`
	}
	if err := json.Unmarshal(params, &p); err != nil || p.Condition.Channel == nil || *p.Condition.Channel < 0 || *p.Condition.Channel >= clips.MaxChannels {
		return condition{}, errQuery
	}
	c := condition{channel: *p.Condition.Channel + 1, types: p.Condition.Types, flags: p.Condition.Flags, events: p.Condition.Events, stream: p.Condition.VideoStream}
	var err error
	if c.from, err = parseTime(p.Condition.StartTime); err != nil {
		return c, err
	}
	c.to, err = parseTime(p.Condition.EndTime)
	return c, err
}

// finder is one finder object: created, then looking, then paged through.
type finder struct {
	owner string
	found []clips.Clip
	begun bool
	used  time.Time
}

// finders are few, as on the real ones; who forgets to destroy one gets in the
// way of others for five minutes.
type finders struct {
	now  func() time.Time
	mu   sync.Mutex
	last int
	open map[int]*finder
}

func newFinders(now func() time.Time) *finders {
	return &finders{now: now, last: 190176144, open: map[int]*finder{}}
}

// create makes a finder object; ok is false when there are too many.
func (f *finders) create(owner string) (id int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, old := range f.open {
		if f.now().Sub(old.used) > finderIdle {
			delete(f.open, id)
		}
	}
	if len(f.open) >= maxFinders {
		return 0, false
	}
	f.last += 16
	f.open[f.last] = &finder{owner: owner, used: f.now()}
	return f.last, true
}

// with calls do on the owner's finder; ok is false when there is no such one.
func (f *finders) with(owner string, id int, do func(*finder)) (ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one, ok := f.open[id]
	if !ok || one.owner != owner {
		return false
	}
	one.used = f.now()
	do(one)
	return true
}

func (f *finders) destroy(owner string, id int) (ok bool) {
	return f.with(owner, id, func(*finder) { delete(f.open, id) })
}

func (f *finders) destroyAll(owner string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, one := range f.open {
		if one.owner == owner {
			delete(f.open, id)
		}
	}
}

// find begins a search; the result is how many recordings there are. Of sealed
// ones nothing is told, not even that there are some: rekey.ErrDenied.
func (l *lan) find(owner string, id int, c condition) (n int, ok bool, err error) {
	found, err := l.footage.Find(c.channel, c.from, c.to)
	if err != nil {
		return 0, false, err
	}
	if !c.matches() {
		found = nil
	}
	ok = l.finders.with(owner, id, func(f *finder) { f.found, f.begun = found, true })
	return len(found), ok, nil
}

// next gives the next page of what is still there; an empty one is the end.
func (l *lan) next(f *finder, count int) []clips.Clip {
	n := min(max(count, 0), maxPage, len(f.found))
	page := f.found[:n]
	f.found = f.found[n:]
	return slices.DeleteFunc(page, func(c clips.Clip) bool {
		_, err := l.footage.Stat(c.Path)
		return err != nil
	})
}

// recording is one found recording as it goes over the wire.
type recording struct {
	Channel     int
	StartTime   string
	EndTime     string
	Type        string
	VideoStream string
	Flags       []string
	FilePath    string
	Length      int64
	CutLength   int64
	Duration    int
	Disk        int
	Partition   int
	Cluster     int
	WorkDir     string
	WorkDirSN   int
}

// wireForm counts channels from 0, as answers of the family do on both interfaces.
func wireForm(c clips.Clip) recording {
	return recording{
		Channel: c.Channel - 1, StartTime: c.Start.Format(timeLayout), EndTime: c.End.Format(timeLayout),
		Type: c.Kind, VideoStream: "Main", Flags: []string{"Timing"}, FilePath: c.Path,
		Length: c.Size, CutLength: c.Size, Duration: int(c.End.Sub(c.Start) / time.Second), WorkDir: diskMount,
	}
}
