package dahua

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"rekey"
	"rekey/internal/transport"
)

// Limits of a listing.
const (
	pageSize       = 100
	mostRecordings = 1_000_000 // of all channels; 64 channels in files of an hour for a year are half of it
	longestFile    = 512       // bytes of a recording's path; some 90 are usual
	guessChannels  = 32        // asked for when the recorder does not tell how many it has
)

// finder is a search on the recorder. Recorders have few of them and run out of
// them until a reboot, so release is always called.
type finder interface {
	// start begins the search on a channel, counted from 1. false: nothing there.
	start(ctx context.Context, channel int, from, to time.Time) (bool, error)
	// next is the next page; an empty one is the end, a short one is not.
	next(ctx context.Context) ([]found, error)
	release(ctx context.Context) error
}

// found is one item of a search.
type found struct{ path, start, end, kind, size string }

// Recordings lists channel by channel.
func (s *session) Recordings(ctx context.Context, from, to time.Time, each func(rekey.Recording) error) error {
	if !from.Before(to) {
		return fmt.Errorf("%w: the time range is empty", rekey.ErrInput)
	}
	channels, told, err := s.channels(ctx)
	if err != nil {
		return err
	}
	l := &listing{from: from, to: to, each: each, left: mostRecordings}
	for channel := 1; channel <= channels; channel++ {
		err := s.channel(ctx, channel, l)
		var refused *refusedError
		if !told && channel > 1 && errors.As(err, &refused) && errors.Is(err, rekey.ErrInput) {
			return nil // past the last channel
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// listing is what was asked for, and how much more a recorder may list.
type listing struct {
	from, to time.Time
	each     func(rekey.Recording) error
	left     int
}

// channels is how many there are: what discovery told, or one for each entry of
// the table that says how each records.
func (s *session) channels(ctx context.Context) (n int, told bool, err error) {
	n = s.id.Channels
	t, err := s.table(ctx, "RecordMode")
	if err != nil && !absent(err) {
		return 0, false, err
	}
	if err == nil {
		for p := range t.flat {
			index, _, _ := strings.Cut(strings.TrimPrefix(p, "["), "]")
			if i, err := strconv.Atoi(index); err == nil && strings.HasPrefix(p, "[") && i < 1024 {
				n = max(n, i+1)
			}
		}
	}
	if n == 0 {
		return guessChannels, false, nil
	}
	return n, true, nil
}

func (s *session) channel(ctx context.Context, channel int, l *listing) (err error) {
	f, err := s.finder(ctx)
	if err != nil {
		return fmt.Errorf("search the recordings: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if failed := f.release(ctx); err == nil && failed != nil {
			err = fmt.Errorf("end the search of channel %d: %w", channel, failed)
		}
	}()
	some, err := f.start(ctx, channel, l.from, l.to)
	if err != nil || !some {
		return err
	}
	return s.pages(ctx, f, channel, l)
}

func (s *session) pages(ctx context.Context, f finder, channel int, l *listing) error {
	odd := func(why string) error { return &oddAnswer{host: s.at.Address(), what: "findNextFile", why: why} }
	seen := map[string]bool{}
	for {
		page, err := f.next(ctx)
		if err != nil {
			return fmt.Errorf("list the recordings of channel %d: %w", channel, err)
		}
		if len(page) == 0 {
			return nil
		}
		news := false
		for _, item := range page {
			if seen[item.path] {
				continue
			}
			if l.left--; l.left < 0 {
				return odd(fmt.Sprintf("it lists more than %d recordings; ask for a shorter span", mostRecordings))
			}
			r, err := item.recording(channel)
			if err != nil {
				return odd(err.Error())
			}
			seen[r.Path], news = true, true
			if !r.Start.Before(l.to) || !r.End.After(l.from) {
				continue
			}
			if err := l.each(r); err != nil {
				return err
			}
		}
		if !news {
			return odd("it lists the same recordings again and again")
		}
	}
}

func (f found) recording(channel int) (rekey.Recording, error) {
	r := rekey.Recording{Channel: channel, Path: strings.Clone(f.path)} // not the whole page with it
	if !strings.HasPrefix(f.path, "/") {
		return r, errors.New("a recording without a path")
	}
	if len(f.path) > longestFile {
		return r, fmt.Errorf("a recording whose path is longer than %d bytes", longestFile)
	}
	var err error
	if r.Start, err = parseStamp(f.start); err != nil {
		return r, fmt.Errorf("start of a recording: %w", err)
	}
	if r.End, err = parseStamp(f.end); err != nil {
		return r, fmt.Errorf("end of a recording: %w", err)
	}
	if n, ok := whole(f.size); ok && n > 0 {
		r.Size = n
	}
	kind := strings.TrimPrefix(path.Ext(f.path), ".")
	r.Kind = strings.ToLower(transport.Printable(cmp.Or(kind, f.kind)))
	return r, nil
}

func (s *session) finder(ctx context.Context) (finder, error) {
	var made finder
	err := s.either(ctx,
		func(r *rpc) error {
			answer, err := r.do(ctx, question{path: pathRPC, method: "mediaFileFind.factory.create", once: true})
			made = &rpcFinder{rpc: r, object: answer.Result}
			return err
		},
		func(c *cgi) error {
			l, err := c.get(ctx, mediaFind, "action", "factory.create")
			if err == nil && l["result"] == "" {
				err = &oddAnswer{host: c.host(), what: "factory.create", why: "no object in it"}
			}
			made = &cgiFinder{cgi: c, object: l["result"]}
			return err
		})
	return made, err
}

// rpcFinder counts channels from 0.
type rpcFinder struct {
	rpc    *rpc
	object json.RawMessage
}

func (f *rpcFinder) ask(ctx context.Context, method string, params any) (reply, error) {
	// A page is taken away by asking for it: never asked for twice.
	answer, _, err := f.rpc.ask(ctx, question{path: pathRPC, method: "mediaFileFind." + method, params: params, object: f.object, once: true})
	return answer, err
}

func (f *rpcFinder) refusal(a reply, method string) error {
	return a.refusal(f.rpc.http.At().Address(), "mediaFileFind."+method)
}

// none: the ways in which a search says that there is nothing.
func none(a reply) bool { return a.Code == 0 || a.Code == codeNoData || a.Code == codeNoCode }

func (f *rpcFinder) start(ctx context.Context, channel int, from, to time.Time) (bool, error) {
	condition := map[string]any{"Channel": channel - 1, "StartTime": from.Format(stampForm), "EndTime": to.Format(stampForm)}
	answer, err := f.ask(ctx, "findFile", map[string]any{"condition": condition})
	if err != nil || answer.ok() {
		return err == nil, err
	}
	if none(answer) {
		return false, nil
	}
	return false, f.refusal(answer, "findFile")
}

func (f *rpcFinder) next(ctx context.Context) ([]found, error) {
	answer, err := f.ask(ctx, "findNextFile", map[string]any{"count": pageSize})
	if err != nil {
		return nil, err
	}
	if !answer.ok() {
		if none(answer) {
			return nil, nil
		}
		return nil, f.refusal(answer, "findNextFile")
	}
	type item struct{ FilePath, StartTime, EndTime, Type, Length text }
	var told struct {
		Found *json.Number
		Infos []item
		Items []item
	}
	if err := f.rpc.read("mediaFileFind.findNextFile", answer, &told); err != nil {
		return nil, err
	}
	items := append(told.Infos, told.Items...)
	page := make([]found, 0, len(items))
	for _, i := range items {
		page = append(page, found{path: string(i.FilePath), start: string(i.StartTime), end: string(i.EndTime), kind: string(i.Type), size: string(i.Length)})
	}
	if n := number(told.Found, 0); n != 0 && n != len(page) {
		return nil, &oddAnswer{host: f.rpc.http.At().Address(), what: "findNextFile", why: fmt.Sprintf("%d recordings announced, %d listed", n, len(page))}
	}
	return page, nil
}

func (f *rpcFinder) release(ctx context.Context) error {
	var failed error
	for _, method := range []string{"close", "destroy"} {
		answer, err := f.ask(ctx, method, nil)
		if err == nil && !answer.ok() && method == "destroy" {
			err = f.refusal(answer, method)
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// mediaFind is the CGI module of the search.
const mediaFind = "mediaFileFind.cgi"

// cgiFinder counts channels from 1, as recorders do on this door.
type cgiFinder struct {
	cgi    *cgi
	object string
}

// ended: by CGI a bad request is how a search says that there is nothing (more).
func ended(err error) bool {
	var refused *refusedError
	return errors.As(err, &refused) && errors.Is(err, rekey.ErrInput)
}

func (f *cgiFinder) start(ctx context.Context, channel int, from, to time.Time) (bool, error) {
	err := f.cgi.put(ctx, mediaFind, "action", "findFile", "object", f.object, "condition.Channel", strconv.Itoa(channel),
		"condition.StartTime", from.Format(stampForm), "condition.EndTime", to.Format(stampForm))
	if ended(err) {
		return false, nil
	}
	return err == nil, err
}

func (f *cgiFinder) next(ctx context.Context) ([]found, error) {
	l, err := f.cgi.get(ctx, mediaFind, "action", "findNextFile", "object", f.object, "count", strconv.Itoa(pageSize))
	if ended(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rows := l.rows("items")
	page := make([]found, 0, len(rows))
	for _, r := range rows {
		page = append(page, found{path: r["FilePath"], start: r["StartTime"], end: r["EndTime"], kind: r["Type"], size: r["Length"]})
	}
	if n, ok := whole(l["found"]); !ok || n != int64(len(page)) {
		return nil, &oddAnswer{host: f.cgi.host(), what: "findNextFile", why: fmt.Sprintf("found=%s, %d listed", clean(l["found"]), len(page))}
	}
	return page, nil
}

func (f *cgiFinder) release(ctx context.Context) error {
	var failed error
	for _, action := range []string{"close", "destroy"} {
		err := f.cgi.put(ctx, mediaFind, "action", action, "object", f.object)
		if action == "close" && ended(err) {
			err = nil // nothing had been found
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

var _ rekey.RecordingLister = (*session)(nil)
