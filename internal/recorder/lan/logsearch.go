package lan

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/seclog"
)

const (
	maxSearches   = 8
	searchIdle    = 5 * time.Minute
	maxLogEntries = 1024 // of one search: the newest
)

// logEntry is one record of the security log as log searches of the family
// show it. Nothing else of a record leaves the box here.
type logEntry struct {
	Time   string
	Type   string
	User   string
	Level  string
	Detail logDetail
}

type logDetail struct{ Address, Type string }

// logEntries reads the security log between two times.
func (l *lan) logEntries(from, to time.Time) ([]logEntry, error) {
	var found []logEntry
	for r, err := range seclog.Records(os.DirFS(recorder.LogDir(l.box.Dir()))) {
		if err != nil {
			return nil, fmt.Errorf("%w: read the security log: %w", rekey.ErrStorage, err)
		}
		if r.Time.Before(from) || r.Time.After(to) {
			continue
		}
		if len(found) == maxLogEntries {
			found = slices.Delete(found, 0, maxLogEntries/2)
		}
		found = append(found, logEntry{
			Time: r.Time.UTC().Format(timeLayout), Type: logType(r.Event), User: r.Actor, Level: "Info",
			Detail: logDetail{Address: r.Detail["address"], Type: r.Detail["client"]},
		})
	}
	return found, nil
}

// logType has the family's word where it has one.
func logType(event string) string {
	if event == "login" {
		return "Login"
	}
	return event
}

// ofKind tells whether a search for a type finds this entry. Account is the
// family's word for all that has to do with logins and accounts.
func (e logEntry) ofKind(kind string) bool {
	if strings.EqualFold(kind, "Account") {
		area, _, _ := strings.Cut(strings.ToLower(e.Type), ".")
		return slices.Contains([]string{"login", "account", "user", "password", "sessions", "onvif"}, area)
	}
	return strings.EqualFold(kind, "All") || strings.EqualFold(e.Type, kind)
}

// ofKinds keeps what is of one of the types; none = all.
func ofKinds(entries []logEntry, kinds []string) []logEntry {
	if len(kinds) == 0 {
		return entries
	}
	return slices.DeleteFunc(entries, func(e logEntry) bool { return !slices.ContainsFunc(kinds, e.ofKind) })
}

type search struct {
	owner   string
	entries []logEntry
	used    time.Time
}

// searches are the log searches under way, few as the finder objects.
type searches struct {
	now  func() time.Time
	mu   sync.Mutex
	last int
	open map[int]*search
}

func newSearches(now func() time.Time) *searches {
	return &searches{now: now, last: 16, open: map[int]*search{}}
}

// start begins a search; ok is false when there are too many.
func (s *searches) start(owner string, entries []logEntry) (token int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token, old := range s.open {
		if s.now().Sub(old.used) > searchIdle {
			delete(s.open, token)
		}
	}
	if len(s.open) >= maxSearches {
		return 0, false
	}
	s.last++
	s.open[s.last] = &search{owner: owner, entries: entries, used: s.now()}
	return s.last, true
}

// with calls do on the owner's search; ok is false when there is no such one.
func (s *searches) with(owner string, token int, do func(*search)) (ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.open[token]
	if !ok || one.owner != owner {
		return false
	}
	one.used = s.now()
	do(one)
	return true
}

func (s *searches) stop(owner string, token int) (ok bool) {
	return s.with(owner, token, func(*search) { delete(s.open, token) })
}

// page cuts count entries from offset on.
func page(entries []logEntry, offset, count int) []logEntry {
	offset = min(max(offset, 0), len(entries))
	return entries[offset : offset+min(max(count, 0), maxPage, len(entries)-offset)]
}

func cgiLogStart(c *cgiCall) error {
	from, err := parseTime(c.q["condition.StartTime"])
	if err != nil {
		return err
	}
	to, err := parseTime(c.q["condition.EndTime"])
	if err != nil {
		return err
	}
	entries, err := c.logEntries(from, to)
	if err != nil {
		return err
	}
	if kind := c.q["condition.Type"]; kind != "" {
		entries = ofKinds(entries, []string{kind})
	}
	token, ok := c.searches.start(c.owner(), entries)
	if !ok {
		return errBusy
	}
	c.line("token", token)
	c.line("count", len(entries))
	return nil
}

func (c *cgiCall) token() int {
	n, err := strconv.Atoi(c.q["token"])
	if err != nil {
		return 0
	}
	return n
}

func cgiLogNext(c *cgiCall) error {
	count, err := strconv.Atoi(c.q["count"])
	if err != nil || count < 1 || count > maxPage {
		return errBadRequest
	}
	var found []logEntry
	ok := c.searches.with(c.owner(), c.token(), func(s *search) {
		found = page(s.entries, 0, count)
		s.entries = s.entries[len(found):]
	})
	if !ok {
		return errBadRequest
	}
	c.line("found", len(found))
	for i, e := range found {
		at := fmt.Sprintf("items[%d].", i)
		c.line(at+"Detail.Address", e.Detail.Address)
		c.line(at+"Detail.Type", e.Detail.Type)
		c.line(at+"Level", e.Level)
		c.line(at+"Time", e.Time)
		c.line(at+"Type", e.Type)
		c.line(at+"User", e.User)
	}
	return nil
}

func cgiLogStop(c *cgiCall) error {
	if !c.searches.stop(c.owner(), c.token()) {
		return errBadRequest
	}
	c.ok()
	return nil
}
