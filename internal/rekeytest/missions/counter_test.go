package missions

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey/internal/rekeytest/browser"
)

// copies are what people at the desk got from it: every page and every answer to a
// script, but for the desk's own files and the pages behind an owner's link.
type copies struct {
	mu  sync.Mutex
	all []string
}

// of keeps a copy of what a handler answers.
func (c *copies) of(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one := &copied{ResponseWriter: w}
		next.ServeHTTP(one, r)
		if !strings.HasPrefix(r.URL.Path, "/o/") && !strings.HasPrefix(r.URL.Path, "/static/") {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.all = append(c.all, one.text.String())
		}
	})
}

// with counts those that show a group of a half, by itself or with the other one run
// together, of how many. Inside of tokens, times and serial numbers four symbols stand
// by chance, which was the group in one run of a thousand.
func (c *copies) with(group, half string) (n, of int) {
	shown := regexp.MustCompile(`(^|[^0-9A-Za-z_%])` + group + `([^0-9A-Za-z_]|$)|` + strings.ReplaceAll(half, "-", ""))
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.all {
		if shown.MatchString(one) {
			n++
		}
	}
	return n, len(c.all)
}

type copied struct {
	http.ResponseWriter
	text bytes.Buffer
}

func (c *copied) Write(b []byte) (int, error) {
	c.text.Write(b)
	return c.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (c *copied) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// filesLack fails where a file of the desk's folder holds a secret, the database
// and the log included.
func (o *office) filesLack(secrets ...string) {
	o.t.Helper()
	files := 0
	must(o.t, filepath.WalkDir(o.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the desk is at work: this one has its own name by now
		}
		for i, s := range secrets {
			if bytes.Contains(data, []byte(s)) || bytes.Contains(data, []byte(strings.ReplaceAll(s, "-", ""))) {
				o.t.Errorf("%s at the desk holds secret %d", d.Name(), i)
			}
		}
		return err
	}))
	if files < 5 {
		o.t.Errorf("the desk's folder has %d files", files)
	}
}

// The screens of a desk and of its owners.
var (
	wide     = browser.Look{Width: 1280, Height: 800}
	wideDark = browser.Look{Width: 1280, Height: 800, Dark: true}
)

// worker is somebody at the desk, with a browser and an authenticator of their own
// and no mouse.
type worker struct {
	*browser.Tab
	t       *testing.T
	o       *office
	strokes int
}

func (o *office) worker() *worker {
	o.t.Helper()
	p := &worker{Tab: chromium.Tab(o.t), t: o.t, o: o}
	p.Passkeys()
	p.Look(wide)
	return p
}

// strike types with whatever has the keyboard.
func (p *worker) strike(keys string) {
	p.t.Helper()
	p.Key(keys, false)
	p.strokes += len([]rune(keys))
}

// enter strikes Enter and waits for the page that follows.
func (p *worker) enter() {
	p.t.Helper()
	p.Go()
	p.strokes++
}

// has waits until an element has the keyboard.
func (p *worker) has(css string) {
	p.t.Helper()
	p.Until(`document.activeElement?.matches(` + quoted(css) + `)`)
}

// tabTo strikes Tab until an element has the keyboard.
func (p *worker) tabTo(css string) {
	p.t.Helper()
	for range 60 {
		if p.Eval(`String(document.activeElement?.matches(`+quoted(css)+`) ?? false)`) == "true" {
			return
		}
		p.strike(browser.TabKey)
	}
	p.t.Fatalf("on %s no Tab leads to %s", p.Path(), css)
}

// leave leaves the field that has the keyboard, so that the page's keys work.
func (p *worker) leave() {
	p.t.Helper()
	p.strike(browser.Escape)
	p.has("body")
}

// replace types in place of what is in the field that has the keyboard.
func (p *worker) replace(text string) {
	p.t.Helper()
	p.strike(browser.Home)
	p.Key(browser.End, true)
	p.strokes++
	p.strike(text)
}

func quoted(css string) string { return "`" + css + "`" }

// looked keeps the time that a look at a page takes apart from the call's.
func (o *office) looked(look func()) {
	began := time.Now()
	look()
	o.looking += time.Since(began)
}

// looks like this: held against axe-core at the width of a desk and of a
// telephone, and kept as pictures.
func (p *worker) looks(name string) {
	p.t.Helper()
	p.o.looked(func() {
		p.Axe(wide, wideDark, browser.Phone)
		keep(p.t, p.Tab, "call-"+name, wide, wideDark)
	})
}

// stays marks the page, so that stayed can tell whether it was ever left.
func (p *worker) stays() { p.Eval(`(window.stays = "yes")`) }

func (p *worker) stayed() {
	p.t.Helper()
	if p.Eval(`window.stays ?? "no"`) != "yes" {
		p.t.Errorf("the page %s was loaded anew", p.Path())
	}
}

// joins registers a passkey by a one-time link and logs in with it.
func (p *worker) joins(link string) {
	p.t.Helper()
	p.Open(link)
	p.Wants("Register a passkey")
	p.has("#join button")
	p.strike(browser.Enter)
	p.Await("#joined")
	p.has("#joined a")
	p.enter()
	p.has("#log-in button")
	p.enter()
}

// hires adds somebody in the administrator's pages, and gives their one-time link.
func (p *worker) hires(name, role string) string {
	p.t.Helper()
	p.Open(p.o.url + "/agents")
	p.tabTo("#name")
	p.strike(name)
	p.tabTo("#role")
	p.strike(role)
	p.tabTo(`form[action="/agents"] button`)
	p.enter()
	p.Wants("Agent "+name, role)
	p.tabTo(`form[action$="/invite"] button`)
	p.enter()
	p.Wants("This is shown once")
	return p.Value("#told-once")
}

// team are the people of the desk's pages.
type team struct{ agent, approver, supervisor *worker }

// staffed has the first administrator join by the link of desk init and bring the
// others in, each at a browser of their own.
func (o *office) staffed() team {
	o.t.Helper()
	chief := o.worker()
	chief.joins(o.first.Reveal())
	chief.Wants("Agents", "Add an agent")
	links := map[string]string{}
	for _, one := range [][2]string{{"kim", "agent"}, {"noor", "approver"}, {"sam", "supervisor"}} {
		links[one[0]] = chief.hires(one[0], one[1])
	}
	t := team{o.worker(), o.worker(), o.worker()}
	for name, p := range map[string]*worker{"kim": t.agent, "noor": t.approver, "sam": t.supervisor} {
		p.joins(links[name])
	}
	return t
}

var (
	spacedDigits = regexp.MustCompile(`\b[0-9]{4} [0-9]{4}\b`)
	half         = regexp.MustCompile(`\b[0-9A-Z]{4}-[0-9A-Z]{4}\b`)
	ownersLink   = regexp.MustCompile(`http://localhost:[0-9]+/o/[0-9a-z]+`)
)

// letter is what the owner's newest letter that says so has of the form.
func (o *office) letter(says string, form *regexp.Regexp) string {
	o.t.Helper()
	found := form.FindString(o.mail.Until(says).Body)
	if found == "" {
		o.t.Fatalf("the letter that says %q has nothing of the form", says)
	}
	return found
}

// owner is the owner's telephone, which shows what stands behind a letter's link.
type owner struct {
	*browser.Tab
	t *testing.T
	o *office
}

func (o *office) owner() owner {
	o.t.Helper()
	p := owner{chromium.Tab(o.t), o.t, o}
	p.Look(browser.Phone)
	p.Open(o.letter("Somebody called support", ownersLink))
	return p
}

func (p owner) looks(name string) {
	p.t.Helper()
	p.o.looked(func() {
		p.Axe(browser.Phone, browser.PhoneDark, wide)
		keep(p.t, p.Tab, "call-"+name, browser.Phone, browser.PhoneDark)
	})
}

// opens finds the recorder by the Device ID that the caller reads out, and opens a case.
func (p *worker) opens(deviceID, caller string) {
	p.t.Helper()
	p.has("#find")
	p.strike(strings.ToLower(strings.ReplaceAll(deviceID, "-", "")))
	p.enter()
	p.has("#caller")
	p.strike(caller)
	p.enter()
	p.Wants("Case 1", deviceID)
}

// asksForNumber sends a number to the owner's mail and types what the owner reads
// there, once the page shows that the owner is told of the case.
func (p *worker) asksForNumber() {
	p.t.Helper()
	p.AwaitText("that a case was opened: 2 sent")
	p.has(`form[action$="/code"] button`)
	p.enter()
	p.Wants("Please read it to me")
	p.has(`input[name="code"]`)
	p.strike(strings.ReplaceAll(p.o.letter("Your number for support is", spacedDigits), " ", ""))
	p.enter()
}

// scans uploads a picture of the recorder's screen.
func (p *worker) scans(path string) {
	p.t.Helper()
	p.has("#qr")
	p.leave()
	p.strike("s")
	p.Until(`document.querySelector("details.scan").open`)
	p.tabTo("#picture-qr")
	p.Upload(path)
	p.strokes += 2 // the space bar, and Enter in the dialog, where the newest picture is chosen
	p.Await("#challenge")
}

// closes ends a case after its answer.
func (p *worker) closes() {
	p.t.Helper()
	p.has("#password_set")
	p.strike("y" + browser.TabKey + "y" + browser.TabKey) // as the caller says
	p.has(`form[action$="/close"] button`)
	p.enter()
	p.Wants("This case is closed: solved")
}
