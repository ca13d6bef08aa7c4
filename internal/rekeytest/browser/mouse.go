package browser

import (
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

// TypeByMouse types into a field as at a recorder, which has no keyboard: it
// clicks the field, then key for key on the keyboard that opens on the screen,
// then Done. What is in the field goes first.
func (tab *Tab) TypeByMouse(css, text string) {
	tab.t.Helper()
	tab.OpenKeyboard(css)
	if tab.eval(fmt.Sprintf(`String(document.querySelector(%q).value.length)`, css)) != "0" {
		tab.clickOn(css, `document.querySelector(".kb-clear")`)
	}
	for _, c := range text {
		tab.strike(css, c)
	}
	tab.CloseKeyboard()
}

// OpenKeyboard clicks a field and wants the keyboard on the screen to open for it.
func (tab *Tab) OpenKeyboard(css string) {
	tab.t.Helper()
	tab.clickOn(css, fmt.Sprintf(`document.querySelector(%q)`, css))
	if !tab.Shown("#keyboard") {
		tab.t.Fatalf("a click on %s opens no keyboard on the screen", css)
	}
}

// CloseKeyboard clicks Done on the keyboard on the screen.
func (tab *Tab) CloseKeyboard() {
	tab.t.Helper()
	tab.StrikeKey("done")
	if tab.Shown("#keyboard") {
		tab.t.Fatal("Done leaves the keyboard on the screen open")
	}
}

// StrikeKey clicks a key that is no character: back, left, right, space, shift,
// signs, letters, enter or done.
func (tab *Tab) StrikeKey(name string) {
	tab.t.Helper()
	tab.clickOn("the key "+name, keyOf(name))
}

// EnterByMouse clicks Enter on the keyboard on the screen, which is open, and waits for the page
// that follows.
func (tab *Tab) EnterByMouse() {
	tab.t.Helper()
	tab.wait("click the key Enter", tab.click(aim{script: keyOf("enter")}))
}

// strike clicks what it takes to type one character. Errors do not name it: it
// may be one of a password.
func (tab *Tab) strike(css string, c rune) {
	tab.t.Helper()
	key := string(c)
	switch {
	case c == ' ':
		key = "space"
	case tab.has(key):
	case c >= 'A' && c <= 'Z' && tab.has("shift"):
		key = strings.ToLower(key)
		tab.StrikeKey("shift")
	case c >= 'a' && c <= 'z' && tab.has(strings.ToUpper(key)):
		key = strings.ToUpper(key) // a field of capitals
	case tab.has("letters"):
		tab.StrikeKey("letters")
		tab.strike(css, c)
		return
	case tab.has("signs"):
		tab.StrikeKey("signs")
	}
	tab.clickOn("a key, for "+css, keyOf(key))
}

// keyOf finds a key by what it types.
func keyOf(key string) string {
	return `[...document.querySelectorAll("#keyboard [data-key]")].find((k) => k.dataset.key === ` + quoted(key) + `)`
}

func (tab *Tab) has(key string) bool {
	tab.t.Helper()
	return tab.eval("String(Boolean("+keyOf(key)+"))") == "true"
}

// clickOn clicks the middle of what the script finds.
func (tab *Tab) clickOn(what, script string) {
	tab.t.Helper()
	tab.do("click "+what, tab.click(aim{script: script}))
}

// Until waits until a condition in the page's script holds, for a minute at
// most. Another page may come meanwhile.
func (tab *Tab) Until(condition string) {
	tab.t.Helper()
	const most = time.Minute
	script := fmt.Sprintf(`new Promise((done) => {
		const until = performance.now() + %d;
		const look = () => {
			if (%s) done(true);
			else if (performance.now() > until) done(false);
			else setTimeout(look, 20);
		};
		look();
	})`, most.Milliseconds(), condition)
	for end := time.Now().Add(most); ; {
		held, err := chromedp.Run(tab.ctx, chromedp.Evaluate[bool](script, chromedp.EvalAwaitPromise))
		switch {
		case held:
			return
		case err == nil || time.Now().After(end) || tab.ctx.Err() != nil:
			tab.t.Fatalf("on %s it never came true that %s (%v)", tab.Path(), condition, err)
		}
	}
}

// Await waits until an element is to be seen.
func (tab *Tab) Await(css string) {
	tab.t.Helper()
	tab.Until(fmt.Sprintf(`document.querySelector(%q)?.checkVisibility()`, css))
}

// AwaitText waits until the page's main part shows a text.
func (tab *Tab) AwaitText(text string) {
	tab.t.Helper()
	tab.Until(fmt.Sprintf(`document.querySelector("main")?.innerText.replace(/\s+/g, " ").includes(%q)`, text))
}

// Value is what stands in a field.
func (tab *Tab) Value(css string) string {
	tab.t.Helper()
	return tab.eval(fmt.Sprintf(`document.querySelector(%q).value`, css))
}

// Attribute is an attribute of an element; of none, of the one that has the keyboard.
func (tab *Tab) Attribute(css, name string) string {
	tab.t.Helper()
	if css == "" {
		return tab.eval(fmt.Sprintf(`document.activeElement.getAttribute(%q) ?? ""`, name))
	}
	return tab.eval(fmt.Sprintf(`document.querySelector(%q).getAttribute(%q) ?? ""`, css, name))
}

// Eval gives what a script in the page gives, which must be a text.
func (tab *Tab) Eval(script string) string {
	tab.t.Helper()
	return tab.eval(script)
}
