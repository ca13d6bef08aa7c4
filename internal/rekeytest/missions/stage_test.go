package missions

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/recorder"
	"rekey/internal/recorder/appliance"
	"rekey/internal/recorder/clips"
	"rekey/internal/rekeytest/browser"
	"rekey/internal/rekeytest/loopback"
	"rekey/recovery"
	"rekey/seclog"
)

// chromium is the browser of all missions, one window each.
var chromium browser.Shared

// evening is the tests with what ends when they are over.
type evening struct{ *testing.M }

// Run runs them, closes the browser, and lets go of the agents' connections.
func (e evening) Run() int {
	code := chromium.Around(e.M).Run()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	return code
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(evening{m}) }

const (
	lost    = "Lost-And-Gone-77"
	fresh   = "Kiwi-42-Bay"
	support = "1-555-555-0100"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// turns are the missions that run at a time: more are too much for a small machine.
var turns = make(chan struct{}, 2)

// house is a recorder that is plugged in, with the desk where it is enrolled and
// a clock that a test sets on.
type house struct {
	*appliance.Running
	*clock // of recorder and desk
	t      *testing.T
	dir    string
	desk   *office
}

// plan is what a house is built of. The zero value is an N841 with the lost
// password as its admin's, whose owner has a telephone.
type plan struct {
	face     recorder.Face
	password string
	owner    []string // registered addresses
}

func build(t *testing.T, p plan) *house {
	t.Helper()
	if p.password == "" {
		p.password = lost
	}
	if p.owner == nil {
		p.owner = []string{"tel:" + ownerTel}
	}
	cheap := argon.Cheap()
	h := &house{t: t, clock: newClock(), dir: filepath.Join(t.TempDir(), "box")}
	h.desk = openDesk(t, h.now)
	spec := clips.Spec{Channels: 4, Days: 1, ClipSeconds: 1, Now: time.Now().UTC()}
	c := recorder.Config{Face: p.face, Name: "Shop", AdminPassword: rekey.NewSecret(p.password), DeskKey: h.desk.key(), Argon: &cheap}
	_, err := appliance.Make(h.dir, c, spec)
	must(t, err)
	h.desk.enrol(recorder.EnrolmentFile(h.dir), p.owner)
	at := netip.AddrPortFrom(loopback.Own(), 0).String() // its ports must be free when it is switched on again
	h.Running, err = appliance.Start(context.Background(), h.dir, appliance.Options{
		Listen: appliance.Addresses{HTTP: at, HTTPS: at, RTSP: at, SDK: at, Discovery: at, Seat: at},
		Desk:   "desk.example", SupportPhone: support,
		Box: recorder.Options{Argon: &cheap, Now: h.now, Clock: func() time.Duration { return time.Hour + h.elapsed() }},
	})
	must(t, err)
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("unplug the recorder: %v", err)
		}
	})
	return h
}

// records are those of the security log that tell of an event.
func (h *house) records(event string) (all []seclog.Record) {
	h.t.Helper()
	for r, err := range seclog.Records(os.DirFS(recorder.LogDir(h.dir))) {
		must(h.t, err)
		if r.Event == event {
			all = append(all, r)
		}
	}
	return all
}

// wantRecords fails unless each event is on record, as often as is said.
func (h *house) wantRecords(want map[string]int) {
	h.t.Helper()
	for event, n := range want {
		if got := len(h.records(event)); got != n {
			h.t.Errorf("the security log has %d records %s, not %d", got, event, n)
		}
	}
}

// logsHold verifies both security logs from outside, and that no secret is in them.
func (h *house) logsHold(secrets ...string) {
	h.t.Helper()
	for _, dir := range []string{recorder.LogDir(h.dir), h.desk.log()} {
		fsys := os.DirFS(dir)
		key, err := seclog.ReadKey(fsys)
		must(h.t, err)
		if _, err := seclog.Verify(h.t.Context(), fsys, key, nil); err != nil {
			h.t.Errorf("security log: %v", err)
		}
		must(h.t, fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(fsys, name)
			if errors.Is(err, fs.ErrNotExist) {
				return nil // a checkpoint that was signed meanwhile: it has its own name by now
			}
			for i, s := range secrets {
				if strings.Contains(string(data), s) {
					h.t.Errorf("%s of the security log holds secret %d", name, i)
				}
			}
			return err
		}))
	}
}

// seat is somebody before the monitor, who has a mouse and no keyboard.
type seat struct {
	*browser.Tab
	t *testing.T
	h *house
}

// sitDown goes before the recorder and sees the live view.
func (h *house) sitDown() seat {
	h.t.Helper()
	turns <- struct{}{}
	h.t.Cleanup(func() { <-turns })
	s := seat{chromium.Tab(h.t), h.t, h}
	s.Open(h.Ready().Seat + "/")
	s.TypeByMouse("#token", strings.ReplaceAll(h.SeatToken().Reveal(), "-", ""))
	s.Press("Enter")
	return s
}

// choose opens the context menu of the live view and chooses.
func (s seat) choose(item string) {
	s.t.Helper()
	s.RightClick(".monitor")
	s.Choose(item)
}

// logIn goes to the Main Menu from the live view on.
func (s seat) logIn(account, password string) {
	s.t.Helper()
	s.choose("Main Menu")
	s.fillLogin(account, password)
}

func (s seat) fillLogin(account, password string) {
	s.t.Helper()
	if s.Value("#account") != account {
		s.TypeByMouse("#account", account)
	}
	s.TypeByMouse("#password", password)
	s.Press("Log in")
}

// at fails the test unless that page is open.
func (s seat) at(path string) {
	s.t.Helper()
	if got := s.Path(); got != path {
		s.t.Fatalf("the screen shows %s, not %s", got, path)
	}
}

// looks like this: held against axe-core, light and dark, and kept as a picture.
func (s seat) looks(name string) {
	s.t.Helper()
	s.Axe(browser.Desktop, browser.DesktopDark)
	s.picture(name)
}

// picture keeps pictures in the folder that REKEY_PICTURES names.
func (s seat) picture(name string) { keep(s.t, s.Tab, name, browser.Desktop, browser.DesktopDark) }

func keep(t *testing.T, tab *browser.Tab, name string, light, dark browser.Look) {
	t.Helper()
	if dir := os.Getenv("REKEY_PICTURES"); dir != "" {
		for suffix, l := range map[string]browser.Look{"light": light, "dark": dark} {
			tab.Look(l)
			must(t, os.WriteFile(filepath.Join(dir, "mission-"+name+"-"+suffix+".png"), tab.Picture(), 0o600))
		}
	}
	tab.Look(light)
}

// readGroups reads a code from the screen, group by group, as somebody reads it
// out: each must be spelled beside.
func (s seat) readGroups(n int) string {
	s.t.Helper()
	var groups []string
	for i := range n {
		row := ".groups tbody tr:nth-child(" + string(rune('1'+i)) + ")"
		group := s.Text(row + " td.code")
		if got, want := s.Text(row+" td:last-child"), strings.Join(recovery.Spell(group), " "); got != want {
			s.t.Errorf("group %d is spelled %q, not %q", i+1, got, want)
		}
		groups = append(groups, group)
	}
	return strings.Join(groups, "-")
}

// challenge asks for one at Forgot password and reads it.
func (s seat) challenge() string {
	s.t.Helper()
	s.Press("Get a challenge")
	s.Wants(support, "Valid for", "5 attempts left")
	return s.readGroups(5)
}

var fourGroups = regexp.MustCompile(`\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b`)

// mistype types another symbol in one group.
func mistype(code string, group int) string {
	typed, at := []byte(code), 5*(group-1)
	if typed[at] == '0' {
		typed[at] = '1'
	} else {
		typed[at] = '0'
	}
	return string(typed)
}

// setNew is what the one door is for, from the list of users on: edit, tick, old,
// new, confirm, OK.
func (s seat) setNew(account, old, new string) {
	s.t.Helper()
	s.Press("Edit " + account)
	s.changePassword(old, new)
}

func (s seat) changePassword(old, new string) {
	s.t.Helper()
	s.Tick("#modify")
	s.TypeByMouse("#old", old)
	s.TypeByMouse("#new", new)
	s.TypeByMouse("#confirm", new)
	s.ok()
	s.Wants("The new password is set")
}

// ok presses OK below a new password, once the advice above it has come to rest: a
// person takes longer than that to move the mouse.
func (s seat) ok() {
	s.t.Helper()
	s.Until(`(() => {
		const button = [...document.querySelectorAll("main button")].find((b) => b.textContent.trim() === "OK");
		const y = button.getBoundingClientRect().y, now = performance.now();
		if (window.restsAt !== y) [window.restsAt, window.restsSince] = [y, now];
		return now - window.restsSince > 400;
	})()`)
	s.Press("OK")
}
