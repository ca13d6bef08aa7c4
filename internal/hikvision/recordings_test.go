package hikvision

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
)

// match is one recording of an hour as a search tells it.
func match(channel, hour int) string {
	return fmt.Sprintf(`<searchMatchItem><sourceID>{00000000-0000-0000-0000-000000000000}</sourceID><trackID>%d01</trackID><timeSpan><startTime>2026-07-01T%02d:00:00Z</startTime><endTime>2026-07-01T%02d:59:59Z</endTime></timeSpan><mediaSegmentDescriptor><contentType>video</contentType><codecType>H.264-BP</codecType><playbackURI>rtsp://192.0.2.5/Streaming/tracks/%d01/?starttime=20260701T%02d0000Z&amp;endtime=20260701T%02d5959Z&amp;name=0000%d%02d&amp;size=99</playbackURI></mediaSegmentDescriptor></searchMatchItem>`,
		channel, hour, hour, channel, hour, hour, channel, hour)
}

func result(state string, items ...string) string {
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8" ?><CMSearchResult version="2.0" xmlns="%s"><searchID>{x}</searchID><responseStatus>true</responseStatus>%s<numOfMatches>%d</numOfMatches><matchList>%s</matchList></CMSearchResult>`, isapiNS, state, len(items), strings.Join(items, ""))
}

// asked is a search as the recorder reads it.
type asked struct {
	XMLName xml.Name `xml:"CMSearchDescription"`
	ID      string   `xml:"searchID"`
	Track   int      `xml:"trackList>trackID"`
	From    string   `xml:"timeSpanList>timeSpan>startTime"`
	To      string   `xml:"timeSpanList>timeSpan>endTime"`
	Most    int      `xml:"maxResults"`
	At      int      `xml:"searchResultPostion"`
}

// archive is a peer with two channels; answer is given each search.
func archive(t *testing.T, answer func(asked) string) (*peer, *session) {
	p := newPeer()
	p.scripts["GET "+pathInputs] = says(200, `<VideoInputChannelList><VideoInputChannel><id>1</id></VideoInputChannel><VideoInputChannel><id>2</id></VideoInputChannel></VideoInputChannelList>`)
	p.scripts["POST "+pathSearch] = func(w http.ResponseWriter, _ *http.Request) {
		var a asked
		if err := xml.Unmarshal([]byte(p.bodies["POST "+pathSearch]), &a); err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, answer(a))
	}
	s, _ := opened(t, p, false)
	return p, s
}

var day = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)

func listed(t *testing.T, s *session, from, to time.Time) (all []rekey.Recording, err error) {
	t.Helper()
	err = s.Recordings(t.Context(), from, to, func(r rekey.Recording) error { all = append(all, r); return nil })
	return all, err
}

func TestRecordings(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	_, s := archive(t, func(a asked) string {
		if ids[a.ID] = true; a.From != "2026-07-01T02:00:00Z" || a.To != "2026-07-01T05:00:00Z" || a.Most != pageSize {
			t.Errorf("%+v", a)
		}
		switch {
		case a.Track == 201:
			return result("<responseStatusStrg>NO MATCHES</responseStatusStrg>")
		case a.At == 0: // one before the range, and one twice
			return result("<responseStatusStrg>MORE</responseStatusStrg>", match(1, 1), match(1, 2), match(1, 2))
		case a.At == 3:
			return result("<responseStatusStrp>MORE</responseStatusStrp>", match(1, 3))
		}
		return result("<responseStatusStrg>OK</responseStatusStrg>", match(1, 4), match(1, 5))
	})
	all, err := listed(t, s, day.Add(2*time.Hour), day.Add(5*time.Hour))
	if err != nil || len(all) != 3 || len(ids) != 2 {
		t.Fatalf("%d searches, %+v: %v", len(ids), all, err)
	}
	want := rekey.Recording{Channel: 1, Start: day.Add(2 * time.Hour), End: day.Add(3*time.Hour - time.Second), Kind: "mp4",
		Path: "rtsp://192.0.2.5/Streaming/tracks/101/?starttime=20260701T020000Z&endtime=20260701T025959Z&name=0000102&size=99"}
	if all[0] != want {
		t.Errorf("%+v", all[0])
	}
	if _, err := listed(t, s, day, day); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("no range: %v", err)
	}
	stop := errors.New("stop")
	if err := s.Recordings(t.Context(), day.Add(2*time.Hour), day.Add(5*time.Hour), func(rekey.Recording) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}

// TestFullPage: some firmware calls a full page the last one.
func TestFullPage(t *testing.T) {
	t.Parallel()
	_, s := archive(t, func(a asked) string {
		if a.Track == 201 {
			return result("")
		}
		var items []string
		for i := a.At; i < min(a.At+a.Most, 50); i++ {
			items = append(items, strings.ReplaceAll(match(1, i%24), "size=99", fmt.Sprintf("size=%d", i)))
		}
		return result("<responseStatusStrg>OK</responseStatusStrg>", items...)
	})
	if all, err := listed(t, s, day, day.AddDate(0, 0, 1)); err != nil || len(all) != 50 {
		t.Errorf("%d: %v", len(all), err)
	}
}

func TestBadSearches(t *testing.T) {
	t.Parallel()
	more := "<responseStatusStrg>MORE</responseStatusStrg>"
	for name, tc := range map[string]struct {
		answer string
		kind   error
	}{
		"the same for ever":  {result(more, match(1, 3)), rekey.ErrUnreachable},
		"more of nothing":    {result(more), rekey.ErrUnreachable},
		"an unknown state":   {result("<responseStatusStrg>FAILED</responseStatusStrg>"), rekey.ErrUnreachable},
		"no time":            {result(more, strings.Replace(match(1, 3), "2026-07-01T03:00:00Z", "", 1)), rekey.ErrUnreachable},
		"end before start":   {result(more, strings.Replace(match(1, 3), "T03:59:59Z<", "T02:59:59Z<", 1)), rekey.ErrUnreachable},
		"no address":         {result(more, strings.Replace(match(1, 3), "rtsp://", "ftp://", 1)), rekey.ErrUnreachable},
		"a login in it":      {result(more, strings.Replace(match(1, 3), "rtsp://", "rtsp://admin:secret@", 1)), rekey.ErrUnreachable},
		"an endless address": {result(more, strings.Replace(match(1, 3), "size=99", strings.Repeat("9", 2000), 1)), rekey.ErrUnreachable},
		"not there":          {said(4, "Invalid Operation", "notSupport"), rekey.ErrUnsupported},
		"bad content":        {said(6, "Invalid XML Content", "badXmlContent"), rekey.ErrInput},
		"something else":     {"<html></html>", rekey.ErrUnreachable},
	} {
		_, s := archive(t, func(asked) string { return tc.answer })
		if _, err := listed(t, s, day, day.AddDate(0, 0, 1)); !errors.Is(err, tc.kind) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenRecording(t *testing.T) {
	t.Parallel()
	const uri = "rtsp://192.0.2.5/Streaming/tracks/101/?starttime=20260701T020000Z&endtime=20260701T025959Z&name=0000102&size=99"
	film := "IMKH" + strings.Repeat("\x00film", 50_000)
	for name, tc := range map[string]struct {
		script http.HandlerFunc
		kind   error
	}{
		"whole": {says(200, film), nil},
		"short": {says(200, "x"), nil},
		"empty": {says(200, ""), rekey.ErrUnreachable},
		"busy":  {says(200, said(2, "Device Busy", "deviceBusy")), rekey.ErrConflict},
		"page":  {says(200, "<html></html>"), rekey.ErrUnreachable},
		"gone":  {says(400, said(6, "Invalid XML Content", "badXmlContent")), rekey.ErrInput},
		"none":  {says(403, status("notSupport")), rekey.ErrUnsupported},
		"right": {says(403, status("lowPrivilege")), rekey.ErrDenied},
		"login": {says(401, userCheck("")), rekey.ErrDenied},
		"cut": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "500000")
			_, _ = io.WriteString(w, film)
		}, rekey.ErrUnreachable},
	} {
		p := newPeer()
		p.scripts["GET "+pathDownload] = tc.script
		s, b := opened(t, p, false)
		f, err := s.OpenRecording(t.Context(), rekey.Recording{Path: uri})
		if err == nil {
			_, err = io.Copy(io.Discard, f)
			err = errors.Join(err, f.Close())
		}
		if !errors.Is(err, tc.kind) || !strings.Contains(p.body("GET "+pathDownload), "<playbackURI>"+strings.ReplaceAll(uri, "&", "&amp;")+"</playbackURI>") {
			t.Errorf("%s: %v", name, err)
		}
		if name == "login" && (b.spent != 2 || len(b.refused) != 1) {
			t.Errorf("book %+v", b)
		}
	}
	s, b := opened(t, newPeer(), false)
	for _, path := range []string{"", "/mnt/none.mp4", "rtsp://a:b@192.0.2.5/", "http://192.0.2.5/"} {
		if _, err := s.OpenRecording(t.Context(), rekey.Recording{Path: path}); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%q: %v", path, err)
		}
	}
	if b.spent != 1 {
		t.Errorf("book %+v", b)
	}
}

func FuzzSearch(f *testing.F) {
	f.Add([]byte(result("<responseStatusStrg>MORE</responseStatusStrg>", match(1, 1), match(2, 2))))
	f.Add([]byte(`{"CMSearchResult":{"responseStatusStrg":"OK","matchList":[{"searchMatchItem":{"timeSpan":{}}}]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		doc, err := parse(body)
		if err != nil {
			return
		}
		found, err := readPage(doc.root)
		if err != nil {
			return
		}
		for _, item := range found.items {
			r, err := readMatch(item, 1)
			if err == nil && (r.End.Before(r.Start) || !strings.HasPrefix(strings.ToLower(r.Path), "rtsp:") || len(r.Path) > longestURI || slices.ContainsFunc([]byte(r.Path), func(b byte) bool { return b < 0x20 })) {
				t.Errorf("%+v", r)
			}
		}
	})
}
