package browser

import (
	"fmt"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Keys for Key.
const (
	Escape  = kb.Escape
	Enter   = kb.Enter
	MenuKey = kb.ContextMenu
	F10     = kb.F10
	Down    = kb.ArrowDown
	Up      = kb.ArrowUp
	End     = kb.End
	Home    = kb.Home
	Left    = kb.ArrowLeft
	Right   = kb.ArrowRight
	TabKey  = kb.Tab
)

// RightClick presses the right button of the mouse in the middle of an element.
func (tab *Tab) RightClick(css string) {
	tab.t.Helper()
	tab.do("right click on "+css, tab.click(atCSS(css), chromedp.ButtonRight))
}

// Choose clicks an item of the menu that is open and waits for the page that
// follows.
func (tab *Tab) Choose(text string) {
	tab.t.Helper()
	tab.wait("choose "+text, tab.click(atXPath(`//*[starts-with(@role, "menuitem")][normalize-space()="`+text+`"]`)))
}

// Pick chooses one of the values that a list offers. The list itself is drawn by
// the system, outside of the page, so no click can be sent there.
func (tab *Tab) Pick(css, value string) {
	tab.t.Helper()
	script := fmt.Sprintf(`(() => { const s = document.querySelector(%q); s.value = %q; s.dispatchEvent(new Event("change", {bubbles: true})); return s.value; })()`, css, value)
	if got := tab.eval(script); got != value {
		tab.t.Fatalf("the list %s does not offer %q", css, value)
	}
}

// Key strikes a key, with Shift held or not.
func (tab *Tab) Key(key string, shift bool) {
	tab.t.Helper()
	var with []chromedp.KeyOption
	if shift {
		with = append(with, chromedp.KeyModifiers(chromedp.ModifierShift))
	}
	tab.do("strike a key", chromedp.KeyEvent(key, with...))
}

// Go strikes Enter and waits for the page that follows.
func (tab *Tab) Go() {
	tab.t.Helper()
	tab.wait("strike Enter", chromedp.KeyEvent(Enter))
}

// Focused is the text of the element that has the keyboard.
func (tab *Tab) Focused() string {
	tab.t.Helper()
	return tab.eval("document.activeElement.textContent.trim()")
}

// Shown tells whether an element is to be seen.
func (tab *Tab) Shown(css string) bool {
	tab.t.Helper()
	return tab.eval(fmt.Sprintf(`String(document.querySelector(%q).checkVisibility())`, css)) == "true"
}

// Source is the path and query of the picture that an img shows.
func (tab *Tab) Source(css string) string {
	tab.t.Helper()
	return tab.eval(fmt.Sprintf(`(() => { const u = new URL(document.querySelector(%q).currentSrc); return u.pathname + u.search; })()`, css))
}

func (tab *Tab) eval(script string) string {
	tab.t.Helper()
	s, err := chromedp.Run(tab.ctx, chromedp.Evaluate[string](script))
	if err != nil {
		tab.t.Fatalf("look at the page: %v", err)
	}
	return s
}
