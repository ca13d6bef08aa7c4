package panel_test

import (
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"rekey/internal/recorder"
	"rekey/internal/recorder/panel"
)

// everything is what the panel can be asked for.
var everything = map[string][]string{
	"GET":  {"/panel", "/panel/events", "/panel/x", "/panel?hold=x"},
	"POST": {"/panel/power", "/panel/power/down", "/panel/power/up", "/panel/reset/down", "/panel/reset/up"},
}

// TestNoPanelWithoutTheToken: on or off, from a stranger's browser.
func TestNoPanelWithoutTheToken(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	w := g.stranger()
	look := func(on bool) {
		t.Helper()
		for _, path := range everything["GET"] {
			w.get(path).is(http.StatusOK, "enter")
		}
		for _, path := range everything["POST"] {
			w.post(path, "to", "off").is(http.StatusForbidden, "denied")
		}
		if g.on() != on {
			t.Fatal("a stranger switched it")
		}
	}
	look(true)
	g.inFront().post("/panel/power", "to", "off").is(http.StatusOK, "panel")
	look(false)
	w.get("/").is(http.StatusOK, "enter")
	w.post("/enter", "token", "AAAA-BBBB-CCCC-DDDD").is(http.StatusForbidden, "enter")
	w.post("/enter", "token", g.SeatToken().Reveal()).is(http.StatusServiceUnavailable, "no_signal")
	for range 20 {
		w = g.stranger()
		w.post("/enter", "token", "AAAA-BBBB-CCCC-DDDD")
	}
	w.post("/enter", "token", g.SeatToken().Reveal()).is(http.StatusTooManyRequests, "enter")
}

// TestStolenEntry: token and cookie of a process are worth nothing in the next;
// over a power cut they are good, as the person did not move.
func TestStolenEntry(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	w := g.inFront()
	stolen := g.SeatToken().Reveal()
	w.post("/panel/power", "to", "cut")
	w.post("/panel/power", "to", "on")
	w.get("/").is(http.StatusOK, "locked")
	base, err := url.Parse(w.base)
	if err != nil {
		t.Fatal(err)
	}
	cookies := w.http.Jar.Cookies(base)
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	g.again()
	thief := g.stranger()
	there, err := url.Parse(thief.base)
	if err != nil {
		t.Fatal(err)
	}
	thief.http.Jar.SetCookies(there, cookies)
	for _, path := range []string{"/panel", "/", "/recovery"} {
		thief.get(path).is(http.StatusOK, "enter")
	}
	thief.post("/enter", "token", stolen).is(http.StatusForbidden, "enter")
}

// TestPanelCrossSite: a page elsewhere presses nothing, nor does a name that resolves
// to the seat, nor a link.
func TestPanelCrossSite(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	w := g.inFront()
	for _, header := range [][]string{{"Origin", "http://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "null"}} {
		for _, path := range everything["POST"] {
			w.send("POST", path, url.Values{"to": {"cut"}}, header...).is(http.StatusForbidden, "cross_origin")
		}
	}
	for _, path := range everything["POST"] {
		if s := w.get(path + "?to=cut"); s.status == http.StatusOK {
			t.Errorf("GET %s does something", path)
		}
	}
	if !g.on() || g.events()["button.cancel"] != 0 {
		t.Error("the power went")
	}
}

// TestHammering: many presses at once. One switching is under way at a time, the
// rest is told to wait, and in the end the recorder works.
func TestHammering(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	w := g.inFront()
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			path, to := "/panel/power", []string{"off", "on", "cut"}[i%3]
			if s := w.post(path, "to", to); s.status != http.StatusOK && s.status != http.StatusConflict {
				t.Errorf("status %d: %s", s.status, s.body)
			}
			if s := w.get("/panel"); s.status != http.StatusOK {
				t.Errorf("panel: status %d", s.status)
			}
			w.get("/")
			if d := w.post("/panel/reset/down"); d.Hold != "" {
				w.post("/panel/reset/up", "hold", d.Hold)
			}
		})
	}
	all.Wait()
	for g.Switch("on") != nil {
		time.Sleep(10 * time.Millisecond)
	}
	w.get("/").is(http.StatusOK, "locked")
	w.post("/login", "account", "admin", "password", password).is(http.StatusOK, "menu")
	if err := g.Box().Record("test", "test", "test", "ok", nil); err != nil {
		t.Error(err)
	}
}

// TestCutKeepsWhatWasCharged: pulling the plug after a wrong password gives no
// try back, and a lock starts again in full.
func TestCutKeepsWhatWasCharged(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	w := g.inFront()
	tries := g.Box().LockPolicy().Tries
	for i := range tries {
		w.post("/login", "account", "admin", "password", "not-the-One-1")
		if i%2 == 0 {
			w.post("/panel/power", "to", "cut").is(http.StatusOK, "panel")
			w.post("/panel/power", "to", "on").is(http.StatusOK, "panel")
		}
	}
	g.pass(g.Box().LockPolicy().LockFor - time.Second)
	w.post("/panel/power", "to", "cut")
	w.post("/panel/power", "to", "on")
	g.pass(2 * time.Second)
	w.post("/login", "account", "admin", "password", password).is(http.StatusTooManyRequests, "login")
	if _, err := recorder.Identify(g.dir); err != nil {
		t.Error(err)
	}
}

// TestWatchersAreBounded: each window that follows the panel holds a connection,
// and there are only so many. One that closes makes room.
func TestWatchersAreBounded(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	w := g.inFront()
	follow := func() (status int, stop func()) {
		t.Helper()
		resp, err := w.http.Get(w.base + "/panel/events")
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, func() { _ = resp.Body.Close() }
	}
	var stops []func()
	for {
		status, stop := follow()
		defer stop()
		if status == http.StatusTooManyRequests {
			break
		}
		if stops = append(stops, stop); len(stops) == 100 {
			t.Fatal("100 windows follow the panel")
		}
	}
	w.get("/panel").is(http.StatusOK, "panel")
	stops[0]()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		status, stop := follow()
		stop()
		if status == http.StatusOK {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a window that was closed makes no room")
		}
	}
}

// TestSignalIsTold: to whoever stands in front of the box, which does not count as
// use of the seat.
func TestSignalIsTold(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	w := g.inFront()
	for _, want := range []panel.Power{panel.On, panel.Off} {
		if s := w.get("/panel/signal").is(http.StatusOK, "signal"); s.Power != want {
			t.Errorf("told as %q, it is %s", s.Power, want)
		}
		w.post("/panel/power", "to", "off")
	}
	g.stranger().get("/panel/signal").is(http.StatusForbidden, "denied")
}
