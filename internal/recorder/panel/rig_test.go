package panel_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/recorder"
	"rekey/internal/recorder/appliance"
	"rekey/internal/recorder/clips"
	"rekey/internal/recorder/panel"
	"rekey/internal/rekeytest/browser"
	"rekey/internal/rekeytest/loopback"
	"rekey/seclog"
)

// chromium is the browser of all tests here.
var chromium browser.Shared

func TestMain(m *testing.M) { goleak.VerifyTestMain(chromium.Around(m)) }

const password = "first-Pass-1"

// plugged is what every rig's wall clock says.
var plugged = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// rig is a recorder that is plugged in, with a clock that a test sets on.
type rig struct {
	*appliance.Running
	t       *testing.T
	dir     string
	elapsed atomic.Int64
}

func plugIn(t *testing.T) *rig {
	t.Helper()
	cheap := argon.Cheap()
	g := &rig{t: t, dir: t.TempDir()}
	g.elapsed.Store(int64(time.Hour))
	spec := clips.Spec{Channels: 4, Days: 1, ClipSeconds: 2, Now: plugged}
	if _, err := appliance.Make(g.dir, recorder.Config{AdminPassword: rekey.NewSecret(password), Argon: &cheap}, spec); err != nil {
		t.Fatal(err)
	}
	g.again()
	return g
}

// again starts the recorder's process.
func (g *rig) again() {
	g.t.Helper()
	cheap := argon.Cheap()
	clock := func() time.Duration { return time.Duration(g.elapsed.Load()) }
	still := func() time.Time { return plugged }         // of the limits, too: a slow machine gives no try back
	at := netip.AddrPortFrom(loopback.Own(), 0).String() // its ports must be free when it is switched on again
	r, err := appliance.Start(context.Background(), g.dir, appliance.Options{Listen: appliance.Addresses{HTTP: at, HTTPS: at, RTSP: at, SDK: at, Discovery: at, Seat: at}, Box: recorder.Options{Argon: &cheap, Clock: clock, Now: still}})
	if err != nil {
		g.t.Fatal(err)
	}
	g.Running = r
	g.t.Cleanup(func() {
		if err := r.Close(); err != nil {
			g.t.Error(err)
		}
	})
}

// pass lets time go by for the box.
func (g *rig) pass(d time.Duration) { g.elapsed.Add(int64(d)) }

func (g *rig) on() bool {
	box, _ := g.Present()
	return box != nil
}

// events counts the records of the security log by event.
func (g *rig) events() map[string]int {
	g.t.Helper()
	count := map[string]int{}
	for r, err := range seclog.Records(os.DirFS(recorder.LogDir(g.dir))) {
		if err != nil {
			g.t.Fatal(err)
		}
		count[r.Event]++
	}
	return count
}

// window is a browser that asks for JSON.
type window struct {
	t    *testing.T
	base string
	http *http.Client
}

func (g *rig) stranger() *window {
	g.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		g.t.Fatal(err)
	}
	tr := &http.Transport{}
	g.t.Cleanup(tr.CloseIdleConnections)
	return &window{t: g.t, base: g.Ready().Seat, http: &http.Client{Jar: jar, Transport: tr, Timeout: 2 * time.Minute}}
}

// inFront has typed the seat token.
func (g *rig) inFront() *window {
	g.t.Helper()
	w := g.stranger()
	w.post("/enter", "token", g.SeatToken().Reveal()).is(http.StatusOK, "locked")
	return w
}

// said is an answer of any page or problem.
type said struct {
	window *window
	status int
	panel.View
	Code   string `json:"code"`
	Detail string `json:"detail"`
	body   string
}

func (w *window) get(path string) said { return w.send("GET", path, nil) }

func (w *window) post(path string, fields ...string) said {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return w.send("POST", path, form)
}

func (w *window) send(method, path string, form url.Values, header ...string) said {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := w.http.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	s := said{window: w, status: resp.StatusCode, body: string(body)}
	if err := json.Unmarshal(body, &s); err != nil {
		w.t.Fatalf("%s: status %d, not JSON: %v", path, resp.StatusCode, err)
	}
	return s
}

// is fails unless the answer is that page, or that refusal.
func (s said) is(status int, page string) said {
	s.window.t.Helper()
	if s.status != status || s.Page+s.Code != page {
		s.window.t.Fatalf("status %d, %q; want %d, %q: %s", s.status, s.Page+s.Code, status, page, s.body)
	}
	return s
}

// says fails unless a person reads the words.
func (s said) says(words string) said {
	s.window.t.Helper()
	if !strings.Contains(s.Said+s.Error+s.Detail, words) {
		s.window.t.Fatalf("it says %q %q %q, not %q", s.Said, s.Error, s.Detail, words)
	}
	return s
}

// holds presses a button for so long.
func (g *rig) holds(w *window, button string, d time.Duration) said {
	g.t.Helper()
	down := w.post("/panel/"+button+"/down").is(http.StatusOK, "panel")
	g.pass(d)
	return w.post("/panel/"+button+"/up", "hold", down.Hold)
}

// sitDown opens the panel in a browser.
func (g *rig) sitDown(tab *browser.Tab) {
	g.t.Helper()
	tab.Open(g.Ready().Seat + "/panel")
	tab.Type("#token", g.SeatToken().Reveal())
	tab.Press("Enter")
	tab.Open(g.Ready().Seat + "/panel")
}

// shown holds a page against axe-core and takes pictures of it.
func shown(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	tab.Axe(browser.Desktop, browser.DesktopDark, browser.PhoneDark)
	pictures(t, tab, name)
}

// pictures leaves pictures of a page in the folder that REKEY_PICTURES names.
func pictures(t *testing.T, tab *browser.Tab, name string) {
	t.Helper()
	if dir := os.Getenv("REKEY_PICTURES"); dir != "" {
		for suffix, l := range map[string]browser.Look{"desktop": browser.Desktop, "desktop-dark": browser.DesktopDark, "phone": browser.Phone, "phone-dark": browser.PhoneDark} {
			tab.Look(l)
			if err := os.WriteFile(filepath.Join(dir, "panel-"+name+"-"+suffix+".png"), tab.Picture(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	tab.Look(browser.Desktop)
}
