package browser

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/chromedp/chromedp"
)

//go:embed axe.min.js
var axe string

// check runs rules of axe-core, with the options in place of %s, and gives one
// line for each element that breaks one.
const check = `(async () => {
  const all = await axe.run(document, %s);
  const lines = [];
  for (const v of all.violations)
    for (const n of v.nodes)
      lines.push(v.id + ": " + v.help + ": " + n.target.join(" ") + ": " + n.failureSummary);
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth)
    lines.push("reflow: the page scrolls sideways");
  return lines.join("\n");
})()`

// All rules for WCAG 2.2 A and AA and best practice, and those of them that look
// at colours.
const (
	allRules = `{resultTypes: ["violations"]}`
	ofColour = `{resultTypes: ["violations"], runOnly: {type: "rule", values: ["color-contrast", "link-in-text-block"]}}`
)

// Axe fails the test for every accessibility rule that the page breaks on the
// given screens, and where the page is wider than the screen. Of two screens that
// differ by dark alone the second is looked at for its colours.
func (tab *Tab) Axe(looks ...Look) {
	tab.t.Helper()
	if tab.eval("typeof window.axe") == "undefined" {
		tab.do("load axe-core", chromedp.Evaluate[chromedp.Void](axe))
	}
	seen := map[Look]bool{}
	for _, l := range looks {
		rules := allRules
		if light := (Look{l.Width, l.Height, false}); l.Dark && seen[light] {
			rules = ofColour
		}
		seen[l] = true
		tab.Look(l)
		found, err := chromedp.Run(tab.ctx, chromedp.Evaluate[string](fmt.Sprintf(check, rules), chromedp.EvalAwaitPromise))
		if err != nil {
			tab.t.Fatalf("run axe-core: %v", err)
		}
		for line := range strings.Lines(found) {
			tab.t.Errorf("%s at %d wide, dark %v: %s", tab.Path(), l.Width, l.Dark, line)
		}
	}
}
