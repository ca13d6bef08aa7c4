package panel_test

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/panel"
)

func shows(s said) (all []string) {
	for _, l := range s.Lights {
		all = append(all, l.Shows)
	}
	return all
}

// TestResetByHolding: what the light shows while the button is held, and what
// letting go does. It is armed between 10 and 15 seconds alone.
func TestResetByHolding(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	w := g.inFront()
	for _, c := range []struct {
		held        time.Duration
		light, says string
	}{
		{0, "off", "nothing happened"},
		{4900 * time.Millisecond, "off", "nothing happened"},
		{5 * time.Second, "warning", "nothing was changed"},
		{9900 * time.Millisecond, "warning", "nothing was changed"},
		{15100 * time.Millisecond, "off", "cancelled"},
		{50 * time.Hour, "off", "cancelled"},
	} {
		down := w.post("/panel/reset/down").is(http.StatusOK, "panel")
		g.pass(c.held)
		if got := w.get("/panel").Lights[3].Shows; got != c.light {
			t.Errorf("held for %s the light shows %q, not %q", c.held, got, c.light)
		}
		w.post("/panel/reset/up", "hold", down.Hold).is(http.StatusOK, "panel").says(c.says)
		if !g.Box().Initialised() || g.Box().ConfirmLeft() != 0 {
			t.Fatalf("held for %s it did something", c.held)
		}
	}
	g.holds(w, "reset", 10*time.Second).is(http.StatusOK, "panel").says("Armed")
	if s := w.get("/panel"); s.Lights[3].Shows != "confirm" || s.Confirm != 10 {
		t.Errorf("armed, the light shows %q, %d s left", s.Lights[3].Shows, s.Confirm)
	}
	g.pass(11 * time.Second)
	w.get("/panel").says("Nothing was changed")
	g.holds(w, "reset", time.Second).says("nothing happened")
	g.holds(w, "reset", 15*time.Second).says("Armed")
	g.holds(w, "reset", 7*time.Second).says("cancelled")
	if !g.Box().Initialised() {
		t.Fatal("reset without a second press that was short")
	}
	g.holds(w, "reset", 12*time.Second).says("Armed")
	g.pass(2 * time.Second)
	g.holds(w, "reset", time.Second).is(http.StatusOK, "panel").says("was reset. Its recordings are sealed. Make its first set-up")
	if g.Box().Initialised() {
		t.Error("two presses did not reset")
	}
	if got := g.events(); got["button.reset"] != 1 || got["button.warn"] != 2 {
		t.Errorf("on record: %v", got)
	}
}

// TestFingerThatNeverLetsGo: the window is gone. It counts as held too long, is
// on record, and does not keep others from the button.
func TestFingerThatNeverLetsGo(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	w := g.inFront()
	lost := w.post("/panel/reset/down").is(http.StatusOK, "panel")
	g.pass(20 * time.Second)
	w.get("/panel").says("cancelled")
	w.get("/panel")
	if got := g.events()["button.cancel"]; got != 1 {
		t.Errorf("cancelled %d times", got)
	}
	next := w.post("/panel/reset/down").is(http.StatusOK, "panel")
	g.pass(11 * time.Second)
	w.post("/panel/reset/up", "hold", lost.Hold).is(http.StatusConflict, "panel").says("does not hold")
	w.post("/panel/reset/up", "hold", next.Hold).is(http.StatusOK, "panel").says("Armed")
}

// TestTwoWindows: there is one button. Who does not hold it cannot let it go.
func TestTwoWindows(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	w := g.inFront()
	first := w.post("/panel/reset/down").is(http.StatusOK, "panel")
	g.pass(8 * time.Second)
	w.post("/panel/reset/down").is(http.StatusConflict, "panel").says("held already")
	g.pass(4 * time.Second)
	for _, stolen := range []string{"", "x", strings.ToLower(first.Hold)} {
		w.post("/panel/reset/up", "hold", stolen).is(http.StatusConflict, "panel").says("does not hold")
	}
	w.post("/panel/power/up", "hold", first.Hold).is(http.StatusConflict, "panel")
	if s := w.get("/panel"); s.Hold != "" || strings.Contains(s.body, first.Hold) {
		t.Error("another window is told whose finger it is")
	}
	if s := w.get("/panel?hold=" + first.Hold); s.Hold != first.Hold {
		t.Error("a window that is loaded again has lost its finger")
	}
	w.post("/panel/reset/up", "hold", first.Hold).is(http.StatusOK, "panel").says("Armed")
	w.post("/panel/reset/up", "hold", first.Hold).is(http.StatusConflict, "panel")
}

// TestPower: off, every door of the LAN is closed and the monitor has no signal;
// on again, it is where it was, and nobody is logged in any more.
func TestPower(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]func(*rig, *window) said{
		"switch":  func(_ *rig, w *window) said { return w.post("/panel/power", "to", "off") },
		"press":   func(g *rig, w *window) said { return g.holds(w, "power", time.Second) },
		"plug":    func(_ *rig, w *window) said { return w.post("/panel/power", "to", "cut") },
		"held on": func(g *rig, w *window) said { return g.holds(w, "power", 5*time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := plugIn(t)
			w, before := g.inFront(), g.Box()
			w.post("/login", "account", "admin", "password", password).is(http.StatusOK, "menu")
			if _, err := before.NewChallenge("admin"); err != nil {
				t.Fatal(err)
			}
			boots, shutdowns := g.events()["boot"], g.events()["shutdown"]
			off(g, w).is(http.StatusOK, "panel")
			if s := w.get("/panel"); s.Power != panel.Off || strings.Join(shows(s), " ") != "off off off off" {
				t.Errorf("off, its lights show %v", shows(s))
			}
			orderly := name == "switch" || name == "press"
			if got := g.events()["shutdown"] - shutdowns; (got == 1) != orderly {
				t.Errorf("%d orderly shutdowns on record", got)
			}
			for _, path := range []string{"/", "/menu", "/live.jpg", "/info", "/recovery"} {
				w.get(path).is(http.StatusServiceUnavailable, "no_signal")
			}
			w.post("/recovery").is(http.StatusConflict, "conflict")
			w.post("/panel/reset/down").is(http.StatusConflict, "panel").says("off")
			ready := g.Ready()
			for _, at := range []string{ready.HTTP, ready.HTTPS, ready.RTSP} {
				if conn, err := net.Dial("tcp", at[strings.Index(at, "//")+2:]); err == nil {
					_ = conn.Close()
					t.Errorf("%s answers while it is off", at)
				}
			}
			if err := before.Record("login", "ghost", "x", "ok", nil); err == nil {
				t.Error("a box without power wrote to its log")
			}

			w.post("/panel/power", "to", "on").is(http.StatusOK, "panel").says("Switched on")
			for _, at := range []string{ready.HTTP, ready.HTTPS, ready.RTSP} {
				conn, err := net.Dial("tcp", at[strings.Index(at, "//")+2:])
				if err != nil {
					t.Fatal(err)
				}
				_ = conn.Close()
			}
			w.get("/").is(http.StatusOK, "locked")
			w.get("/menu").is(http.StatusOK, "login")
			if s, err := g.Box().GuardState(); err != nil || s.Open {
				t.Errorf("the challenge outlived the boot (%v)", err)
			}
			if g.Box() == before || g.events()["boot"] != boots+1 {
				t.Error("that was no new boot")
			}
		})
	}
}

// TestPowerLongPress: the power button by how long it is held.
func TestPowerLongPress(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	w := g.inFront()
	down := w.post("/panel/power/down")
	g.pass(5 * time.Second)
	w.get("/panel").says("the power is cut")
	g.pass(11 * time.Second)
	w.get("/panel").says("nothing happened")
	w.post("/panel/power/up", "hold", down.Hold)
	if !g.on() {
		t.Error("a power button that was stuck switched it off")
	}
	g.holds(w, "power", 5*time.Second)
	if g.on() {
		t.Error("5 s did not cut the power")
	}
	g.holds(w, "power", 5*time.Second)
	if !g.on() {
		t.Error("held long, it is not switched on")
	}
	for _, to := range []string{"", "reset", "ON", "on\x00"} {
		w.post("/panel/power", "to", to).is(http.StatusBadRequest, "input")
	}
	w.post("/panel/siren/down").is(http.StatusNotFound, "not_found")
}

// TestPowerGoesWhileHeld: the finger on the reset button holds nothing then.
func TestPowerGoesWhileHeld(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	w := g.inFront()
	g.holds(w, "reset", 12*time.Second).says("Armed")
	down := w.post("/panel/reset/down").is(http.StatusOK, "panel")
	w.post("/panel/power", "to", "cut").is(http.StatusOK, "panel")
	w.post("/panel/power", "to", "on").is(http.StatusOK, "panel")
	w.post("/panel/reset/up", "hold", down.Hold).is(http.StatusConflict, "panel")
	if !g.Box().Initialised() || g.Box().ConfirmLeft() != 0 {
		t.Error("a power cut left the button armed")
	}
}

// TestPortTakenWhileOff: whoever listens there now keeps it from being switched
// on, and it says so.
func TestPortTakenWhileOff(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	w := g.inFront()
	w.post("/panel/power", "to", "off").is(http.StatusOK, "panel")
	thief, err := net.Listen("tcp", g.Ready().HTTP[len("http://"):])
	if err != nil {
		t.Fatal(err)
	}
	w.post("/panel/power", "to", "on").is(http.StatusConflict, "panel").says("in use")
	if g.on() {
		t.Error("it is on without its web page")
	}
	_ = thief.Close()
	w.post("/panel/power", "to", "on").is(http.StatusOK, "panel").says("Switched on")
}

// TestSwitchAfterTheEnd: what is unplugged stays off.
func TestSwitchAfterTheEnd(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if err := g.Switch(panel.On); !errors.Is(err, rekey.ErrConflict) || g.on() {
		t.Errorf("switched on after the end: %v", err)
	}
	if err := g.Box().Record("x", "y", "z", "ok", nil); !errors.Is(err, rekey.ErrStorage) {
		t.Errorf("a closed box records: %v", err)
	}
}

// TestClaimedComesBackLocked: the panel says so, and what releases it.
func TestClaimedComesBackLocked(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	w := g.inFront()
	offer, err := g.Box().OfferSecond("admin", rekey.NewSecret(password), recorder.AtSeat())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := g.Box().ConfirmSecond(offer, codeOf(t, offer, plugged), recorder.AtSeat()); err != nil {
		t.Fatal(err)
	}
	g.holds(w, "reset", 12*time.Second).says("Armed")
	g.holds(w, "reset", time.Second).says("It is locked: before its first set-up the monitor wants a code of its recovery sheet, or technical support.")
	w.post("/panel/power", "to", "cut")
	w.post("/panel/power", "to", "on")
	if !g.Box().Activation().Locked || !g.Box().Kept().Sealed {
		t.Error("a power cut released it")
	}
}

// codeOf is what an authenticator shows: RFC 6238.
func codeOf(t *testing.T, o *recorder.Offer, now time.Time) rekey.Secret {
	t.Helper()
	key, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(o.Key().Reveal(), " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, now.Unix()/30)
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 15
	return rekey.NewSecret(fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&0x7fffffff%1_000_000))
}

// TestLiveViewEndsWithThePower: the picture on the monitor stops, and the events
// of the panel go on.
func TestLiveViewEndsWithThePower(t *testing.T) {
	t.Parallel()
	g := plugIn(t)
	w := g.inFront()
	open := func(path string) io.ReadCloser {
		t.Helper()
		resp, err := w.http.Get(w.base + path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp.Body
	}
	picture, events := open("/live"), bufio.NewScanner(open("/panel/events"))
	for _, want := range []string{`"power":"on"`, `"power":"off"`} {
		for !strings.Contains(events.Text(), want) {
			if !events.Scan() {
				t.Fatalf("the events ended: %v", events.Err())
			}
		}
		w.post("/panel/power", "to", "cut")
	}
	if _, err := io.Copy(io.Discard, picture); err != nil {
		t.Error(err)
	}
}
