// Package browser drives a real Chromium in tests: it clicks and types as a
// person does, looks at the pages with axe-core, and takes pictures. It needs
// Debian's package chromium.
//
// axe.min.js is axe-core 4.14.1 from npm, MPL-2.0 (axe.LICENSE beside it); it is
// part of the tests only, never of the program.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
)

// How long a tab may be at work, and how long a page may take to come. Each ends
// what hangs, well inside the limit of go test.
const (
	limit    = 10 * time.Minute
	patience = time.Minute
)

// Browser is one Chromium with a profile of its own.
type Browser struct {
	ctx context.Context
}

// Start runs Chromium, headless, until the test ends. To start one takes seconds:
// see Shared.
func Start(t testing.TB) *Browser {
	t.Helper()
	return start(t)
}

func start(t testing.TB, also ...chromedp.ExecAllocatorOption) *Browser {
	t.Helper()
	b, stop, err := launch(also...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func launch(also ...chromedp.ExecAllocatorOption) (b *Browser, stop func() error, err error) {
	home, err := os.MkdirTemp("", "rekey") // short: Chromium makes a socket there
	if err != nil {
		return nil, nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"),
		chromedp.UserDataDir(home),
		chromedp.Env("HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home, "TMPDIR="+home),
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.WSURLReadTimeout(patience),
	)
	alloc, kill := chromedp.NewExecAllocator(context.Background(), append(options, also...)...)
	ctx, _ := chromedp.NewContext(alloc)
	stop = func() error {
		err := chromedp.Cancel(ctx)
		kill()
		if err = errors.Join(err, remove(home)); err != nil {
			return fmt.Errorf("close chromium: %w", err)
		}
		return nil
	}
	if err := chromedp.Do(ctx); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("start chromium (Debian package chromium): %w", err), stop())
	}
	return &Browser{ctx}, stop, nil
}

// remove removes the profile of a Chromium that has ended. Its last children may
// still be writing there for a moment.
func remove(home string) error {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if err := os.RemoveAll(home); err == nil || time.Now().After(end) {
			return err
		}
	}
}

// Look is how the screen is: its size in CSS pixels, and light or dark.
type Look struct {
	Width, Height int64
	Dark          bool
}

// The screens that pages are looked at on.
var (
	Desktop     = Look{1024, 768, false}
	DesktopDark = Look{1024, 768, true}
	Phone       = Look{390, 844, false}
	PhoneDark   = Look{390, 844, true}
)

// Tab is one tab with cookies of its own. Its methods end the test when the
// browser does not do what a person would expect it to.
type Tab struct {
	t   testing.TB
	ctx context.Context

	// Moving shows the page as to people who have nothing against motion, from the
	// next Look on.
	Moving bool

	noScript bool // see WithoutScript

	mu       sync.Mutex
	breaches []string // of the Content-Security-Policy
}

// Tab opens a tab. When the test ends it fails for every breach of a page's
// Content-Security-Policy.
func (b *Browser) Tab(t testing.TB) *Tab {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	t.Cleanup(cancel)
	ctx, end := chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	tab := &Tab{t: t, ctx: ctx}
	tab.do("open a tab")
	if err := chromedp.Listen(ctx, tab.heard); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	// A test beside this one has a window, too, and only one of them is in front.
	if _, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	tab.Look(Desktop)
	t.Cleanup(func() {
		tab.mu.Lock()
		defer tab.mu.Unlock()
		for _, s := range tab.breaches {
			t.Errorf("chromium: %s", s)
		}
	})
	return tab
}

func (tab *Tab) heard(ev any) {
	e, ok := ev.(*log.EventEntryAdded)
	if !ok || e.Entry == nil || !strings.Contains(e.Entry.Text, "Content Security Policy") {
		return
	}
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.breaches = append(tab.breaches, e.Entry.Text)
}

func (tab *Tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	if err := chromedp.Do(tab.ctx, steps...); err != nil {
		tab.t.Fatalf("%s: %v", what, err)
	}
}

// Trust takes every certificate, as a person does who has compared the
// fingerprint of a self-signed one.
func (tab *Tab) Trust() {
	tab.t.Helper()
	if _, err := chromedp.Call(tab.ctx, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true}); err != nil {
		tab.t.Fatalf("trust the certificate: %v", err)
	}
}

// Look changes the screen.
func (tab *Tab) Look(l Look) {
	tab.t.Helper()
	tab.do("emulate a screen", chromedp.EmulateViewport(l.Width, l.Height))
	scheme := "light"
	if l.Dark {
		scheme = "dark"
	}
	motion := "reduce"
	if tab.Moving {
		motion = "no-preference"
	}
	_, err := chromedp.Call(tab.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: motion}},
	})
	if err != nil {
		tab.t.Fatalf("emulate %s: %v", scheme, err)
	}
	if tab.noScript {
		return // nothing of the page can tell when it was drawn, or moves because of it
	}
	// The page hears of its new size with the next picture, and may move what is on it.
	const drawn = `new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(() => done(true))); setTimeout(done, 500, false); })`
	if _, err := chromedp.Run(tab.ctx, chromedp.Evaluate[bool](drawn, chromedp.EvalAwaitPromise)); err != nil {
		tab.t.Fatalf("wait for the new screen: %v", err)
	}
}

// Open goes to an address and waits until the page is loaded. Where the page that
// was open moves on at the same moment, because it follows the answer to a form,
// Chromium takes that for the newer wish: a person would enter the address again,
// and so does Open.
func (tab *Tab) Open(url string) {
	tab.t.Helper()
	var asked page.NavigateResult
	navigate := chromedp.Func(func(ctx context.Context, t *chromedp.Target) (err error) {
		asked, err = cdp.Call(ctx, t, page.Navigate, page.NavigateParams{URL: url})
		if err == nil && asked.ErrorText != "" {
			err = &chromedp.LoadError{ErrorText: asked.ErrorText}
		}
		return err
	})
	var load *chromedp.LoadError
	for range 5 {
		_, err := chromedp.RunResponse(tab.ctx, navigate)
		if errors.As(err, &load) && load.ErrorText == "net::ERR_ABORTED" {
			continue
		}
		if err != nil {
			tab.t.Fatalf("open %s: %v", url, err)
		}
		got, err := chromedp.Call(tab.ctx, page.GetFrameTree, cdp.Empty{})
		if err != nil {
			tab.t.Fatalf("open %s: %v", url, err)
		}
		if now := got.FrameTree.Frame.LoaderID; asked.LoaderID == "" || asked.LoaderID == now {
			return // none is a place in the page that was open
		}
	}
	tab.t.Fatalf("open %s: the page moves on by itself", url)
}

// Press clicks the link or button that is called text and waits for the page
// that follows. What stands in a menu is for Choose.
func (tab *Tab) Press(text string) {
	tab.t.Helper()
	path := `//button[normalize-space()="` + text + `"] | //a[normalize-space()="` + text + `"][not(starts-with(@role, "menuitem"))]`
	tab.wait("press "+text, tab.click(atXPath(path)))
}

// Tick clicks a box or another element that leads to no new page.
func (tab *Tab) Tick(css string) {
	tab.t.Helper()
	tab.do("tick "+css, tab.click(atCSS(css)))
}

// Type types text into a field, after what is in it.
func (tab *Tab) Type(css, text string) {
	tab.t.Helper()
	if err := chromedp.Do(tab.ctx, chromedp.SendKeys(chromedp.CSS(css), text)); err != nil {
		tab.t.Fatalf("type into %s: %v", css, err) // never the text: it may be a password
	}
}

// Text is what a person reads in the first element that fits.
func (tab *Tab) Text(css string) string {
	tab.t.Helper()
	s, err := chromedp.Run(tab.ctx, chromedp.Text(chromedp.CSS(css)))
	if err != nil {
		tab.t.Fatalf("read %s: %v", css, err)
	}
	return s
}

// Wants waits until the page's main part shows each text, and fails the test when
// it does not.
func (tab *Tab) Wants(texts ...string) {
	tab.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		got, err := chromedp.Run(tab.ctx, chromedp.Text(chromedp.CSS("main")))
		got = strings.Join(strings.Fields(got), " ")
		missing := slices.DeleteFunc(slices.Clone(texts), func(want string) bool { return strings.Contains(got, want) })
		switch {
		case err == nil && len(missing) == 0:
			return
		case tab.ctx.Err() != nil || time.Now().After(end):
			tab.t.Fatalf("the page %s does not show %q (%v)", tab.Path(), missing, err)
		}
	}
}

// Path is the path of the page that is open.
func (tab *Tab) Path() string {
	tab.t.Helper()
	s, err := chromedp.Run(tab.ctx, chromedp.Evaluate[string]("location.pathname"))
	if err != nil {
		tab.t.Fatal(err)
	}
	return s
}

// Picture is the whole page as PNG.
func (tab *Tab) Picture() []byte {
	tab.t.Helper()
	png, err := chromedp.Run(tab.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		tab.t.Fatalf("take a picture: %v", err)
	}
	return png
}

// PictureOf is one element as PNG, four times as fine as on the screen, as a
// telephone's camera sees it: a QR reader needs several pixels for each module.
func (tab *Tab) PictureOf(css string) []byte {
	tab.t.Helper()
	png, err := chromedp.Run(tab.ctx, chromedp.ScreenshotScale(chromedp.CSS(css), 4))
	if err != nil {
		tab.t.Fatalf("take a picture of %s: %v", css, err)
	}
	return png
}

// wait does one thing and waits for the load event that follows from it.
func (tab *Tab) wait(what string, a chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	every := func(page.EventLoadEventFired) bool { return true }
	ctx, cancel := context.WithTimeout(tab.ctx, 2*patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.WaitEvent(page.LoadEventFired, every, a)); err != nil {
		tab.t.Fatalf("%s on %s: %v", what, tab.Path(), err)
	}
}
