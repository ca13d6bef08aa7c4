package onvif

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"rekey"
	"rekey/internal/transport"
)

// Bounds of a search. The answer of a page may be long: some devices do not keep
// to the number that was asked for.
const (
	pageSize       = 50
	mostList       = 8 << 20
	mostListed     = 1 << 17
	mostRecordings = 100_000
	mostIdle       = 600 // answers without news, while the search goes on
	longestToken   = 256
)

// idlePause is between two answers without news. A device should wait by itself.
const idlePause = 200 * time.Millisecond

// found is one recording of a search, with times in UTC.
type found struct {
	token      string
	source     string
	start, end time.Time
}

// Recordings lists what Profile G finds: as a rule one recording a camera, over
// all that it holds, or one a file. ONVIF has neither channel numbers nor sizes;
// sources are numbered in the order of their names. Times are told in UTC and
// put on the device's wall clock by its zone of today, so that those of the
// other half of the year may be off by the hour of summer time.
//
// A recording over all that a camera has would be one file of weeks, lost as a
// whole when its replay breaks off in the last minute. So one that is longer
// than two hours is listed in pieces that end with each hour. Path is the
// recording's token and when the piece begins.
func (s *session) Recordings(ctx context.Context, from, to time.Time, each func(rekey.Recording) error) error {
	_, ahead, err := s.clock(ctx)
	if err != nil {
		return fmt.Errorf("list the recordings: %w", err)
	}
	all, err := s.search(ctx)
	if err != nil {
		return fmt.Errorf("list the recordings: %w", err)
	}
	sources := sourcesOf(all)
	left := mostPieces
	for _, f := range all {
		channel := slices.Index(sources, f.source) + 1
		for p := range f.pieces(from.Add(-ahead), to.Add(-ahead)) {
			if left--; left < 0 {
				return s.main.odd("GetRecordingSearchResults", fmt.Errorf("its recordings make more than %d pieces of an hour; ask for a shorter span", mostPieces))
			}
			if err := each(rekey.Recording{Channel: channel, Start: p.start.Add(ahead), End: p.end.Add(ahead), Path: p.path(), Kind: "mp4"}); err != nil {
				return err
			}
		}
	}
	return nil
}

// How long a piece is, and a recording that is listed in one. A recorder whose
// clock was not set when it began tells a start in 1970; then pieces are made of
// its last weeks, and what is older is one.
const (
	pieceLength  = time.Hour
	longestWhole = 2 * time.Hour
	lastWeeks    = 9 * 7 * 24 * time.Hour
	unsetUntil   = 2000 // the year
	mostPieces   = 1_000_000
)

// pieces are those that overlap [from, to).
func (f found) pieces(from, to time.Time) iter.Seq[found] {
	return func(yield func(found) bool) {
		begins := f.start
		if f.start.Year() < unsetUntil {
			begins = latest(f.start, f.end.Add(-lastWeeks).Truncate(pieceLength))
		}
		piece := func(start, end time.Time) bool {
			overlaps := start.Before(to) && end.After(from)
			return !overlaps || yield(found{token: f.token, source: f.source, start: start, end: end})
		}
		if f.end.Sub(f.start) <= longestWhole {
			piece(f.start, f.end)
			return
		}
		if begins.After(f.start) && !piece(f.start, begins) {
			return
		}
		for at := latest(begins, from.Truncate(pieceLength)); at.Before(f.end) && at.Before(to); {
			end := at.Truncate(pieceLength).Add(pieceLength)
			if end.After(f.end) {
				end = f.end
			}
			if !piece(at, end) {
				return
			}
			at = end
		}
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// stampForm is the time in a path: a piece keeps its name when summer time ends.
const stampForm = "20060102T150405.000Z"

func (f found) path() string { return f.token + "@" + f.start.Format(stampForm) }

// pathOf reads a path.
func pathOf(path string) (token string, from time.Time, err error) {
	at := strings.LastIndexByte(path, '@')
	if at > 0 {
		token = path[:at]
		from, err = time.Parse(stampForm, path[at+1:])
	}
	if at <= 0 || err != nil || len(token) > longestToken || strings.ContainsFunc(token, unseen) {
		return "", from, fmt.Errorf("%w: %q is no recording as this driver lists them", rekey.ErrInput, transport.Printable(path))
	}
	return token, from, nil
}

// sourcesOf are the sources in an order that stays: ch2 before ch10.
func sourcesOf(all []found) (sources []string) {
	for _, f := range all {
		sources = append(sources, f.source)
	}
	slices.SortFunc(sources, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	return slices.Compact(sources)
}

// search runs one search to its end. It is ended at the device, too, whatever happens.
func (s *session) search(ctx context.Context) (all []found, err error) {
	q, err := s.searchService(ctx)
	if err != nil {
		return nil, err
	}
	q.operation, q.arguments = "FindRecordings", `<tse:Scope></tse:Scope><tse:KeepAliveTime>PT60S</tse:KeepAliveTime>`
	told, err := s.main.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	token := told.exact("SearchToken")
	if token == "" {
		return nil, s.main.odd(q.operation, errors.New("no token of the search in it"))
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		q.operation, q.arguments = "EndSearch", tag("tse:SearchToken", token)
		if _, failed := s.main.ask(ctx, q); err == nil && failed != nil && !absent(failed) { // it may have ended by itself
			err = fmt.Errorf("end the search: %w", failed)
		}
	}()
	q.operation, q.long = "GetRecordingSearchResults", true
	q.arguments = tag("tse:SearchToken", token) + tag("tse:MaxResults", strconv.Itoa(pageSize)) + `<tse:WaitTime>PT2S</tse:WaitTime>`
	return s.pages(ctx, q)
}

// pages asks for results until the device says that there are no more.
func (s *session) pages(ctx context.Context, q question) (all []found, err error) {
	seen, done := map[string]bool{}, false
	for idle := 0; idle < mostIdle; {
		told, err := s.main.ask(ctx, q)
		if done && absent(err) {
			return all, nil // it had told all, and has ended the search itself
		}
		if err != nil {
			return nil, err
		}
		var page []found
		var listed int
		if page, listed, done, err = pageOf(told); err != nil {
			return nil, s.main.odd(q.operation, err)
		}
		news := false
		for _, f := range page {
			if !seen[f.token] {
				seen[f.token], news = true, true
				all = append(all, f)
			}
		}
		switch {
		case len(all) > mostRecordings:
			return nil, s.main.odd(q.operation, fmt.Errorf("it lists more than %d recordings", mostRecordings))
		case done && (listed < pageSize || !news):
			return all, nil
		case news:
			idle = 0
			continue
		}
		idle++
		if err := s.pause(ctx); err != nil {
			return nil, err
		}
	}
	return nil, s.main.odd(q.operation, errors.New("the search does not end"))
}

func (s *session) pause(ctx context.Context) error {
	t := time.NewTimer(s.driver.pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("%w: %s: %w", rekey.ErrUnreachable, s.host(), ctx.Err())
	case <-t.C:
		return nil
	}
}

// pageOf reads one answer: its recordings with anything in them, how many it
// lists, and whether the search is over.
func pageOf(told *element) (page []found, listed int, done bool, err error) {
	list := told.find("ResultList")
	if list == nil {
		return nil, 0, false, errors.New("no list of results in it")
	}
	done = list.line("SearchState") == "Completed"
	for _, e := range list.named("RecordingInformation") {
		listed++
		if e.exact("EarliestRecording") == "" && e.exact("LatestRecording") == "" {
			continue // it is empty
		}
		f := found{token: e.exact("RecordingToken"), source: cmp.Or(e.exact("Source", "SourceId"), e.exact("Source", "Name"))}
		if f.token == "" || len(f.token) > longestToken || len(f.source) > 4*longestToken || strings.ContainsFunc(f.token, unseen) {
			return nil, 0, false, errors.New("a recording without a usable token")
		}
		if f.start, err = stampOf(e.line("EarliestRecording")); err != nil {
			return nil, 0, false, err
		}
		if f.end, err = stampOf(e.line("LatestRecording")); err != nil {
			return nil, 0, false, err
		}
		page = append(page, f)
	}
	return page, listed, done, nil
}

// unseen: a token is sent back, and shown.
func unseen(r rune) bool { return r != ' ' && transport.Printable(string(r)) == "" }

// stampOf reads an xs:dateTime; without a zone it is UTC, as ONVIF has it.
func stampOf(s string) (time.Time, error) {
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time", transport.Printable(s))
}

// searchService finds where the search is.
func (s *session) searchService(ctx context.Context) (question, error) {
	return s.service(ctx, searchWSDL, "Search", "search for recordings")
}

// service finds where one of ONVIF's services is; old is its name in
// GetCapabilities. Of the address that a device gives, only the path counts: it is
// reached where it is reached.
func (s *session) service(ctx context.Context, of wsdl, old, words string) (question, error) {
	q := question{of: of}
	address := ""
	told, err := s.main.anybody(ctx, ofDevice("GetServices", `<tds:IncludeCapability>false</tds:IncludeCapability>`))
	if absent(err) {
		told, err = s.main.anybody(ctx, ofDevice("GetCapabilities", `<tds:Category>All</tds:Category>`))
		address = told.exact("Capabilities", "Extension", old, "XAddr")
	}
	if err != nil {
		return q, err
	}
	for _, e := range told.named("Service") {
		if e.exact("Namespace") == of.space {
			address = e.exact("XAddr")
		}
	}
	u, err := url.Parse(address)
	if address == "" || err != nil || !strings.HasPrefix(u.EscapedPath(), "/") {
		return q, fmt.Errorf("%w: %s has no %s by ONVIF (Profile G); save its footage by its own web page or to a USB disk", rekey.ErrUnsupported, s.host(), words)
	}
	q.at, q.query = u.EscapedPath(), u.RawQuery
	return q, nil
}

var _ rekey.RecordingLister = (*session)(nil)
