package dahua

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"rekey"
)

var (
	dayBegin = time.Date(2026, 1, 6, 0, 0, 0, 0, time.UTC)
	dayEnd   = dayBegin.AddDate(0, 0, 1)
)

// shelf answers a search by RPC: pages of the first channel, none of the second.
type shelf struct {
	pages   []string // params of findNextFile
	fail    string   // answer in place of findNextFile
	at      int
	open    int
	objects []string
}

func (s *shelf) rpc() map[string]func(call) string {
	return map[string]func(call) string{
		"mediaFileFind.factory.create": func(call) string { s.open++; return `{"id":$ID,"result":758262256,"session":"second"}` },
		"mediaFileFind.findFile": func(c call) string {
			var q struct{ Condition struct{ Channel int } }
			_ = json.Unmarshal(c.Params, &q)
			s.objects = append(s.objects, string(c.Object))
			if q.Condition.Channel == 0 {
				return `{"id":$ID,"result":true}`
			}
			return `{"id":$ID,"result":false}`
		},
		"mediaFileFind.findNextFile": func(call) string {
			if s.fail != "" {
				return s.fail
			}
			if s.at == len(s.pages) {
				return `{"id":$ID,"result":true,"params":{"found":0,"infos":null}}`
			}
			s.at++
			return `{"id":$ID,"result":true,"params":` + s.pages[s.at-1] + `}`
		},
		"mediaFileFind.close":   says(`{"id":$ID,"result":true}`),
		"mediaFileFind.destroy": func(call) string { s.open--; return `{"id":$ID,"result":true}` },
	}
}

func item(name, start, end string) string {
	return fmt.Sprintf(`{"Channel":0,"FilePath":"/mnt/dvr/%s","StartTime":"2026-01-06 %s","EndTime":"2026-01-06 %s","Length":248362892,"Type":"dav","Duration":480}`, name, start, end)
}

func TestRecordingsByRPC(t *testing.T) {
	t.Parallel()
	sh := &shelf{pages: []string{
		`{"found":2,"infos":[` + item("a.dav", "06:05:00", "06:13:00") + "," + item("b.mp4", "6:13:0", "6:21:0") + `]}`,
		`{"found":1,"items":[` + item("c[M][0@0].dav", "07:00:00", "07:10:00") + `]}`,
	}}
	s, _ := opened(t, &peer{rpc: sh.rpc()}, false)
	var got []rekey.Recording
	err := s.Recordings(t.Context(), dayBegin, dayEnd, func(r rekey.Recording) error { got = append(got, r); return nil })
	if err != nil || len(got) != 3 || sh.open != 0 {
		t.Fatalf("%d recordings, %d searches left open: %v", len(got), sh.open, err)
	}
	want := rekey.Recording{Channel: 1, Start: dayBegin.Add(6*time.Hour + 13*time.Minute), End: dayBegin.Add(6*time.Hour + 21*time.Minute), Path: "/mnt/dvr/b.mp4", Size: 248362892, Kind: "mp4"}
	if got[1] != want {
		t.Errorf("%+v", got[1])
	}
	if len(sh.objects) != 2 || sh.objects[0] != "758262256" {
		t.Errorf("objects %v", sh.objects)
	}
}

func TestRecordingsEndInOneClearError(t *testing.T) {
	t.Parallel()
	stop := errors.New("enough")
	a := item("a.dav", "06:05:00", "06:13:00")
	for name, tc := range map[string]struct {
		shelf shelf
		each  error
		kind  error
	}{
		"caller stops":      {shelf: shelf{pages: []string{`{"found":1,"infos":[` + a + `]}`}}, each: stop, kind: stop},
		"round in circles":  {shelf: shelf{pages: []string{`{"found":1,"infos":[` + a + `]}`, `{"found":1,"infos":[` + a + `]}`}}, kind: rekey.ErrUnreachable},
		"wrong count":       {shelf: shelf{pages: []string{`{"found":9,"infos":[` + a + `]}`}}, kind: rekey.ErrUnreachable},
		"infos a text":      {shelf: shelf{pages: []string{`{"found":1,"infos":"x"}`}}, kind: rekey.ErrUnreachable},
		"no path":           {shelf: shelf{pages: []string{`{"found":1,"infos":[{"StartTime":"2026-01-06 06:05:00"}]}`}}, kind: rekey.ErrUnreachable},
		"no time":           {shelf: shelf{pages: []string{`{"found":1,"infos":[{"FilePath":"/x","StartTime":"soon"}]}`}}, kind: rekey.ErrUnreachable},
		"endless path":      {shelf: shelf{pages: []string{`{"found":1,"infos":[` + item(strings.Repeat("a", 600)+".dav", "06:05:00", "06:13:00") + `]}`}}, kind: rekey.ErrUnreachable},
		"session ended":     {shelf: shelf{fail: `{"result":false,"error":{"code":287637505,"message":"x"}}`}, kind: rekey.ErrConflict},
		"page cut off":      {shelf: shelf{fail: `{"result":tr`}, kind: rekey.ErrUnreachable},
		"end told as error": {shelf: shelf{fail: `{"result":false,"error":{"code":285409284,"message":"no data"}}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := opened(t, &peer{rpc: tc.shelf.rpc()}, false)
			err := s.Recordings(t.Context(), dayBegin, dayEnd, func(rekey.Recording) error { return tc.each })
			if !errors.Is(err, tc.kind) {
				t.Errorf("%v, want %v", err, tc.kind)
			}
			if tc.shelf.open != 0 {
				t.Errorf("%d searches left open", tc.shelf.open)
			}
		})
	}
}

func TestRecordingsByCGI(t *testing.T) {
	t.Parallel()
	page, ended := 0, []string{}
	p := &peer{noRPC: true, cgi: map[string]func(*http.Request) (int, string){
		"getConfig":      status(403, "Authority:check failure.\r\n"),
		"factory.create": body("result=08137\r\n"),
		"findFile": func(r *http.Request) (int, string) {
			if r.URL.Query().Get("condition.Channel") == "1" && r.URL.Query().Get("condition.StartTime") == "2026-01-06 00:00:00" {
				return 200, "OK\r\n"
			}
			return 400, "Error\r\nBad Request!\r\n"
		},
		"findNextFile": func(*http.Request) (int, string) {
			if page++; page > 1 {
				return 200, "found=0\r\n"
			}
			return 200, "found=2\r\nitems[1].FilePath=/mnt/b.mp4\r\nitems[1].StartTime=2026-01-06 07:00:00\r\nitems[1].EndTime=2026-01-06 07:01:00\r\nitems[1].Length=20\r\n" +
				"items[0].FilePath=/mnt/a=1.dav\r\nitems[0].StartTime=2026-01-06 06:00:00\r\nitems[0].EndTime=2026-01-06 06:01:00\r\nitems[0].Length=10.000000\r\nitems[0].Events[0]=VideoMotion\r\n"
		},
		"close":   func(r *http.Request) (int, string) { ended = append(ended, "close"); return 200, "OK\r\n" },
		"destroy": func(r *http.Request) (int, string) { ended = append(ended, "destroy"); return 200, "OK\r\n" },
	}}
	s, _ := opened(t, p, false)
	var got []string
	err := s.Recordings(t.Context(), dayBegin, dayEnd, func(r rekey.Recording) error {
		got = append(got, fmt.Sprintf("%d %s %d", r.Channel, r.Path, r.Size))
		return nil
	})
	if err != nil || strings.Join(got, "|") != "1 /mnt/a=1.dav 10|1 /mnt/b.mp4 20" {
		t.Errorf("%v: %v", got, err)
	}
	if strings.Join(ended, " ") != "close destroy close destroy" {
		t.Errorf("ended: %v", ended)
	}
}

func TestOpenRecording(t *testing.T) {
	t.Parallel()
	const footage = "DHAV....footage of the first channel"
	wrapped := "--b\r\nContent-Type: application/json\r\n\r\n{\"result\":true}\r\n--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n" + footage + "\r\n--b--\r\n"
	plainPart := "--b\r\nContent-Type: application/http\r\n\r\n" + footage + "\r\n--b--\r\n"
	for name, tc := range map[string]struct {
		kind   string // content type
		status int
		body   string
		length int // announced; 0: true
		want   string
		err    error
	}{
		"raw":                  {kind: "application/octet-stream", body: footage, want: footage},
		"wrapped":              {kind: `multipart/mixed; boundary="b"`, body: wrapped, want: footage},
		"wrapped plainly":      {kind: "multipart/x-mixed-replace; boundary=b", body: plainPart, want: footage},
		"wrapped failure":      {kind: "multipart/mixed; boundary=b", body: "--b\r\nContent-Type: application/json\r\n\r\n{\"result\":false}\r\n--b--\r\n", err: rekey.ErrUnreachable},
		"wrapper without part": {kind: "multipart/mixed; boundary=b", body: "nothing", err: rekey.ErrUnreachable},
		"wrapper cut off":      {kind: "multipart/mixed; boundary=b", body: plainPart[:60], err: rekey.ErrUnreachable},
		"empty":                {kind: "application/octet-stream", body: "", err: rekey.ErrUnreachable},
		"cut off":              {kind: "application/octet-stream", body: footage, length: 1000, err: rekey.ErrUnreachable},
		"too many open":        {kind: "text/plain", body: "Resource is limited, open video failed!", err: rekey.ErrConflict},
		"a page":               {kind: "text/html", body: "<html>", err: rekey.ErrDenied},
		"error as text":        {kind: "text/plain", body: "Error\r\nBad Request!\r\n", err: rekey.ErrDenied},
		"gone":                 {kind: "text/plain", status: 400, body: "Error\r\nBad Request!\r\n", err: rekey.ErrInput},
	} {
		for _, noRPC := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, by CGI %t", name, noRPC), func(t *testing.T) {
				t.Parallel()
				p := &peer{noRPC: noRPC, file: func(w http.ResponseWriter, r *http.Request) {
					if !strings.HasSuffix(r.RequestURI, "/RPC_Loadfile/mnt/dvr/a%5BM%5D%5B0%400%5D.dav") {
						http.NotFound(w, r)
						return
					}
					if c, err := r.Cookie("DhWebClientSessionID"); !noRPC && (err != nil || c.Value != "second") {
						http.NotFound(w, r)
						return
					}
					w.Header().Set("Content-Type", tc.kind)
					if tc.length != 0 {
						w.Header().Set("Content-Length", fmt.Sprint(tc.length))
					}
					if tc.status != 0 {
						w.WriteHeader(tc.status)
					}
					_, _ = io.WriteString(w, tc.body)
				}}
				s, _ := opened(t, p, false)
				got, err := readAll(t, s, rekey.Recording{Path: "/mnt/dvr/a[M][0@0].dav"})
				if !errors.Is(err, tc.err) || (err == nil && got != tc.want) {
					t.Errorf("%q: %v, want %v", got, err, tc.err)
				}
			})
		}
	}
}

func readAll(t *testing.T, s *session, r rekey.Recording) (string, error) {
	t.Helper()
	f, err := s.OpenRecording(t.Context(), r)
	if err != nil {
		return "", err
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	b, err := io.ReadAll(f)
	return string(b), err
}

func TestOpenRecordingFallsBackToCGI(t *testing.T) {
	t.Parallel()
	p := &peer{file: func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/cgi-bin") {
			_, _ = io.WriteString(w, "DHAV")
			return
		}
		http.NotFound(w, r)
	}}
	s, b := opened(t, p, false)
	if got, err := readAll(t, s, rekey.Recording{Path: "/mnt/a.dav"}); err != nil || got != "DHAV" {
		t.Fatalf("%q: %v", got, err)
	}
	if b.spent != 2 || b.given != 2 {
		t.Errorf("%+v", b)
	}
	if _, err := s.OpenRecording(t.Context(), rekey.Recording{Path: "../etc"}); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("%v", err)
	}
}

// TestTooManyRecordings: a recorder that goes on for ever, with another name each time.
func TestTooManyRecordings(t *testing.T) {
	t.Parallel()
	s, _ := opened(t, &peer{rpc: (&shelf{pages: []string{
		`{"found":2,"infos":[` + item("a.dav", "06:05:00", "06:13:00") + "," + item("b.dav", "06:13:00", "06:21:00") + `]}`,
		`{"found":1,"infos":[` + item("c.dav", "06:21:00", "06:29:00") + `]}`,
	}}).rpc()}, false)
	n := 0
	l := &listing{from: dayBegin, to: dayEnd, left: 2, each: func(rekey.Recording) error { n++; return nil }}
	err := s.channel(t.Context(), 1, l)
	if !errors.Is(err, rekey.ErrUnreachable) || !strings.Contains(err.Error(), "a shorter span") || n != 2 {
		t.Errorf("%d recordings: %v", n, err)
	}
}
