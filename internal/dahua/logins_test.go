package dahua

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
)

// logged is what a search in the log tells, one line for each record.
func logged(ctx context.Context, s *session, since time.Time) (string, error) {
	var b strings.Builder
	err := s.Logins(ctx, since, func(r rekey.LoginRecord) error {
		fmt.Fprintf(&b, "%s %s %s %s %t\n", r.Time.Format("15:04:05"), r.Account, r.Address, r.Client, r.OK)
		return nil
	})
	return b.String(), err
}

var night = time.Date(2026, 9, 9, 1, 0, 0, 0, time.UTC)

// logRPC is a log of RPC2, told two records at a time.
func logRPC(items ...string) (map[string]func(call) string, *string) {
	var condition string
	return map[string]func(call) string{
		"global.getCurrentTime": says(`{"id":$ID,"result":true,"params":{"time":"2026-09-09 06:24:26"}}`),
		"log.startFind": func(c call) string {
			condition = string(c.Params)
			return `{"id":$ID,"params":{"token":67108871},"result":true,"session":"sess2"}`
		},
		"log.doSeekFind": func(c call) string {
			var q struct{ Token, Offset, Count int }
			if json.Unmarshal(c.Params, &q) != nil || q.Token != 67108871 || q.Count < 1 {
				return `{"id":$ID,"result":false,"error":{"code":268894211,"message":"x"}}`
			}
			page := items[min(q.Offset, len(items)):min(q.Offset+2, len(items))]
			return fmt.Sprintf(`{"id":$ID,"params":{"found":%d,"items":[%s]},"result":true}`, len(page), strings.Join(page, ","))
		},
		"log.stopFind": says(`{"id":$ID,"result":true}`),
	}, &condition
}

func TestLoginsByRPC(t *testing.T) {
	t.Parallel()
	methods, condition := logRPC(
		`{"Time":"2026-09-09 02:00:00","Type":"Login","User":"admin","Level":0,"Detail":{"Address":"192.168.1.5","Type":"Web3.0"}}`,
		`{"Time":"2026-09-09 02:00:01","Type":"Logout","User":"admin","Detail":{"Address":"192.168.1.5"}}`,
		`{"Time":"2026-9-9 2:1:0","Type":"Account.LogIn","User":"guard","Detail":{"RemoteIP":"192.168.1.6","ClientType":"CGI","Status":"Failed"}}`,
		`{"Time":"2026-09-09 02:02:00","Type":"LoginFailed","User":"admin","Detail":"Address:192.168.1.7\nType:RTSP\n"}`,
		`{"Time":"2026-09-09 00:00:00","Type":"Login","User":"before","Detail":null}`,
		`{"Time":"never","Type":"Login","User":"x"}`, `{"Type":7}`,
		`{"Time":"2026-09-09 02:03:00","Type":"Reboot","User":"System"}`,
		`{"Time":"2026-09-09 02:04:00","Type":"login","User":"a\u001b[31m\u202e","Detail":{"Type":"Account locked"}}`,
	)
	p := &peer{rpc: methods}
	s, _ := opened(t, p, false)
	got, err := logged(t.Context(), s, night)
	want := "02:00:00 admin 192.168.1.5 Web3.0 true\n02:01:00 guard 192.168.1.6 CGI false\n02:02:00 admin 192.168.1.7 RTSP false\n02:04:00 a [31m  Account locked false\n"
	if err != nil || got != want {
		t.Errorf("%v\n%s\n%s", err, got, want)
	}
	if !strings.Contains(*condition, `"StartTime":"2026-09-09 01:00:00"`) || !strings.Contains(*condition, `"EndTime":"2026-09-09 07:24:26"`) {
		t.Error(*condition)
	}
	if m := p.methods(); m[len(m)-1] != "log.stopFind" {
		t.Errorf("%v", m)
	}
}

// TestSearchIsStopped in any case, and once.
func TestSearchIsStopped(t *testing.T) {
	t.Parallel()
	item := `{"Time":"2026-09-09 02:00:00","Type":"Login","User":"admin"}`
	for name, tc := range map[string]struct {
		page  func(call) string
		each  error
		kind  error
		start func(call) string
		stops int
	}{
		"the caller has enough": {each: rekey.ErrStorage, kind: rekey.ErrStorage, stops: 1},
		"broken off":            {page: func(call) string { panic(http.ErrAbortHandler) }, kind: rekey.ErrUnreachable, stops: 1},
		"cut off":               {page: says(`{"id":$ID,"params":{"items":[`), kind: rekey.ErrUnreachable, stops: 1},
		"no more of it":         {page: says(`{"id":$ID,"result":false,"error":{"code":268894210}}`), kind: rekey.ErrUnsupported, stops: 1},
		"no right":              {page: says(`{"id":$ID,"result":false,"error":{"code":285278249}}`), kind: rekey.ErrDenied, stops: 1},
		"without an end":        {page: says(`{"id":$ID,"result":true,"params":{"items":[{}]}}`), kind: rekey.ErrUnreachable, stops: 1},
		"not begun":             {start: says(`{"id":$ID,"result":false,"error":{"code":285278249}}`), kind: rekey.ErrDenied},
		"only a notification":   {start: says(`{"NotifyMethod":"1.2"}`), kind: rekey.ErrUnreachable},
		"no token":              {start: says(`{"id":$ID,"result":true,"params":{}}`), kind: rekey.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			methods, _ := logRPC(item)
			if tc.page != nil {
				methods["log.doSeekFind"] = tc.page
			}
			if tc.start != nil {
				methods["log.startFind"] = tc.start
			}
			p := &peer{rpc: methods}
			s, _ := opened(t, p, false)
			err := s.Logins(t.Context(), night, func(rekey.LoginRecord) error { return tc.each })
			m := p.methods()
			stops := len(m) - len(slices.DeleteFunc(slices.Clone(m), func(n string) bool { return n == "log.stopFind" }))
			if !errors.Is(err, tc.kind) || stops != tc.stops {
				t.Errorf("stopped %d times: %v", stops, err)
			}
			if begun := strings.Count(strings.Join(m, " "), "log.startFind"); begun != 1 { // one that is not told of stays open
				t.Errorf("begun %d times", begun)
			}
			if _, signed := p.spent(); signed != 0 {
				t.Errorf("%d requests by CGI", signed)
			}
		})
	}
	ctx, stop := context.WithCancel(t.Context())
	methods, _ := logRPC(item)
	p := &peer{rpc: methods}
	s, _ := opened(t, p, false)
	err := s.Logins(ctx, night, func(rekey.LoginRecord) error { stop(); return nil })
	if m := p.methods(); !errors.Is(err, context.Canceled) || m[len(m)-1] != "log.stopFind" {
		t.Errorf("stopped by the caller: %v: %v", m, err)
	}
}

func TestLoginsByCGI(t *testing.T) {
	t.Parallel()
	pages := []string{
		"found=2\r\nitems[0].Time=2026-09-09 02:00:00\r\nitems[0].Type=Login\r\nitems[0].User=admin\r\nitems[0].Detail.Address=192.168.1.5\r\nitems[0].Detail.Type=Web3.0\r\nitems[1].Time=09-09-2026 02:01:00\r\nitems[1].Type=Login\r\nitems[1].User=guard\r\nitems[1].Detail=User:guard\r\nIP Address:192.168.1.6\r\nStatus:Failed = yes\r\n",
		"found=0\r\n",
	}
	var asked []string
	p := &peer{noRPC: true, cgi: map[string]func(*http.Request) (int, string){
		"startFind": func(r *http.Request) (int, string) {
			asked = append(asked, r.URL.RawQuery)
			return 200, "token=17\r\ncount=2\r\n"
		},
		"doFind": func(r *http.Request) (int, string) {
			if asked = append(asked, r.URL.Query().Get("token")); len(pages) == 0 {
				return 400, "Error\r\n"
			}
			page := pages[0]
			pages = pages[1:]
			return 200, page
		},
		"stopFind": func(r *http.Request) (int, string) {
			asked = append(asked, "stop "+r.URL.Query().Get("token"))
			return 200, "OK\r\n"
		},
	}}
	s, b := opened(t, p, false)
	got, err := logged(t.Context(), s, night)
	want := "02:00:00 admin 192.168.1.5 Web3.0 true\n02:01:00 guard 192.168.1.6  false\n"
	const query = "action=startFind&condition.StartTime=2026-09-09%2001%3A00%3A00&condition.EndTime=2026-09-09%2007%3A24%3A26"
	if err != nil || got != want || strings.Join(asked, " ") != query+" 17 17 stop 17" || b.spent != 1 {
		t.Errorf("%v\n%s\n%v", err, got, asked)
	}
}

func FuzzLogPage(f *testing.F) {
	f.Add("found=1\r\nitems[0].Time=2026-09-09 02:00:00\r\nitems[0].Type=Login\r\nitems[0].Detail=Address:1\r\nType:x\r\n")
	f.Add("items[0]=\nitems[999999999999].Type=login=\x00")
	f.Add("found=0")
	f.Fuzz(func(t *testing.T, page string) {
		l, err := parseLines(folded([]byte(page)))
		if err != nil {
			return
		}
		for _, row := range l.rows("items") {
			r, is := readLogin(lowerKeys(row))
			if text := r.Account + r.Address + r.Client; is && (len(text) > 4*3*130 || strings.ContainsAny(text, "\x1b\r\n\x1f\u202e")) {
				t.Errorf("not fit to be shown: %q", text)
			}
		}
	})
}
