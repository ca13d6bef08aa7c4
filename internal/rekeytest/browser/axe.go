package browser

import (
	_ "embed"
	"strings"

	"github.com/chromedp/chromedp"
)

//go:embed axe.min.js
var axe string

// check runs every rule of axe-core for WCAG 2.2 A and AA and best practice,
// and gives one line for each element that breaks one.
const check = `(async () => {
  const all = await axe.run(document, {resultTypes: ["violations"]});
  const lines = [];
  for (const v of all.violations)
    for (const n of v.nodes)
      lines.push(v.id + ": " + v.help + ": " + n.target.join(" ") + ": " + n.failureSummary);
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth)
    lines.push("reflow: the page scrolls sideways");
  return lines.join("\n");
})()`

// Axe fails the test for every accessibility rule that the page breaks on the
// given screens, and where the page is wider than the screen.
func (tab *Tab) Axe(looks ...Look) {
	tab.t.Helper()
	for _, l := range looks {
		tab.Look(l)
		if err := chromedp.Do(tab.ctx, chromedp.Evaluate[chromedp.Void](axe)); err != nil {
			tab.t.Fatalf("load axe-core: %v", err)
		}
		found, err := chromedp.Run(tab.ctx, chromedp.Evaluate[string](check, chromedp.EvalAwaitPromise))
		if err != nil {
			tab.t.Fatalf("run axe-core: %v", err)
		}
		for line := range strings.Lines(found) {
			tab.t.Errorf("%s at %d wide, dark %v: %s", tab.Path(), l.Width, l.Dark, line)
		}
	}
}
