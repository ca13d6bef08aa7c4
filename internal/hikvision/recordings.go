package hikvision

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rekey"
	"rekey/internal/transport"
)

// pathSearch is the search; its form is from the maker's guide and as its own
// web page sends it.
const pathSearch = "/ISAPI/ContentMgmt/search"

// Limits of a listing.
const (
	pageSize       = 40 // what the recorder's own page asks for
	mostRecordings = 1_000_000
	longestURI     = 1 << 10
)

// Recordings lists channel by channel.
func (s *session) Recordings(ctx context.Context, from, to time.Time, each func(rekey.Recording) error) error {
	if !from.Before(to) {
		return fmt.Errorf("%w: the time range is empty", rekey.ErrInput)
	}
	w, err := s.web(ctx)
	if err != nil {
		return err
	}
	channels, err := s.Channels(ctx)
	if err != nil {
		return fmt.Errorf("search the recordings: %w", err)
	}
	l := &listing{web: w, from: from, to: to, each: each, left: mostRecordings}
	for _, c := range channels {
		if err := l.channel(ctx, c.Number); err != nil {
			return err
		}
	}
	return nil
}

// listing is what was asked for, and how much more a recorder may list.
type listing struct {
	web      *web
	from, to time.Time
	each     func(rekey.Recording) error
	left     int
}

// channel lists one track: its number is the channel's, and 01 for the main stream.
func (l *listing) channel(ctx context.Context, channel int) error {
	id := strings.ToUpper(rand.Text())
	seen := map[string]bool{}
	for at := 0; ; {
		page, err := l.page(ctx, id, channel, at)
		if err != nil {
			return fmt.Errorf("list the recordings of channel %d: %w", channel, err)
		}
		news, err := l.take(page.items, channel, seen)
		if err != nil {
			return err
		}
		switch {
		case !page.more:
			return nil
		case !news:
			return l.odd("it says that there is more, and lists nothing new")
		}
		at += len(page.items)
	}
}

// take hands on what is new and overlaps the range.
func (l *listing) take(items []*node, channel int, seen map[string]bool) (news bool, err error) {
	for _, item := range items {
		r, err := readMatch(item, channel)
		if err != nil {
			return news, l.odd(err.Error())
		}
		if seen[r.Path] {
			continue
		}
		if l.left--; l.left < 0 {
			return news, l.odd(fmt.Sprintf("it lists more than %d recordings; ask for a shorter span", mostRecordings))
		}
		seen[r.Path], news = true, true
		if !r.Start.Before(l.to) || !r.End.After(l.from) {
			continue
		}
		if err := l.each(r); err != nil {
			return news, err
		}
	}
	return news, nil
}

func (l *listing) odd(why string) error {
	return &oddAnswer{host: l.web.host(), what: pathSearch, why: why}
}

// matches are what one question brings.
type matches struct {
	items []*node
	more  bool
}

// page asks for the matches from at on. The misspelt searchResultPostion is the
// protocol's own.
func (l *listing) page(ctx context.Context, id string, channel, at int) (matches, error) {
	body := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<CMSearchDescription><searchID>%s</searchID><trackList><trackID>%d01</trackID></trackList><timeSpanList><timeSpan><startTime>%sZ</startTime><endTime>%sZ</endTime></timeSpan></timeSpanList><maxResults>%d</maxResults><searchResultPostion>%d</searchResultPostion><metadataList><metadataDescriptor>//recordType.meta.std-cgi.com</metadataDescriptor></metadataList></CMSearchDescription>`,
		id, channel, l.from.Format(wallForm), l.to.Format(wallForm), pageSize, at)
	res, err := l.web.do(ctx, transport.Request{Method: http.MethodPost, Path: pathSearch, Type: xmlType, Body: []byte(body)})
	switch {
	case err != nil:
		return matches{}, err
	case !res.Signed:
		return matches{}, l.web.unsigned(res, pathSearch)
	case res.Status != http.StatusOK:
		return matches{}, refusal(l.web.host(), pathSearch, res.Status, res.Body)
	}
	if _, is := verdictOf(res.Body); is {
		return matches{}, refusal(l.web.host(), pathSearch, http.StatusBadRequest, res.Body)
	}
	r, err := l.web.named(pathSearch, "CMSearchResult", res.Body)
	if err != nil {
		return matches{}, err
	}
	return readPage(r)
}

// readPage reads a result. The element with the state has three spellings.
func readPage(r *node) (matches, error) {
	state := ""
	for _, name := range []string{"responseStatusStrg", "responseStatusStrip", "responseStatusStrp"} {
		if state == "" {
			state = strings.ToUpper(r.exact(name))
		}
	}
	var p matches
	if list := r.find("matchList"); list != nil {
		p.items = list.all("searchMatchItem")
	}
	switch state {
	case "MORE":
		p.more = true
	case "OK", "": // some firmware says OK to a full page with more behind it
		p.more = len(p.items) >= pageSize
	case "NO MATCHES":
	default:
		return matches{}, fmt.Errorf("%w: the search ended with %q", rekey.ErrUnreachable, transport.Printable(state))
	}
	return p, nil
}

// readMatch reads one match. Its size in the address is not taken: whether as
// many bytes come is not known of all firmware.
func readMatch(item *node, channel int) (rekey.Recording, error) {
	uri := strings.Join(strings.Fields(item.exact("mediaSegmentDescriptor", "playbackURI")), "")
	r := rekey.Recording{Channel: channel, Path: strings.Clone(uri), Kind: "mp4"}
	if err := playable(uri); err != nil {
		return r, err
	}
	var err error
	if r.Start, err = parseWall(item.exact("timeSpan", "startTime")); err != nil {
		return r, fmt.Errorf("start of a recording: %w", err)
	}
	if r.End, err = parseWall(item.exact("timeSpan", "endTime")); err != nil {
		return r, fmt.Errorf("end of a recording: %w", err)
	}
	if r.End.Before(r.Start) {
		return r, errors.New("a recording that ends before it begins")
	}
	return r, nil
}

// playable refuses what is no address of a recording, or holds a login.
func playable(uri string) error {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "rtsp" || u.User != nil || len(uri) > longestURI || transport.Printable(uri[:min(len(uri), 100)]) != uri[:min(len(uri), 100)] {
		return errors.New("a recording without a usable address")
	}
	return nil
}

var _ rekey.RecordingLister = (*session)(nil)
