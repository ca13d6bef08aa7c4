package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/chromedp/chromedp"
)

// aim is something on the page to click: a script that finds it, and chromedp's own
// click for pages that run no script.
type aim struct {
	script string
	plain  chromedp.Action[chromedp.Void]
}

func atCSS(css string) aim {
	return aim{`document.querySelector(` + quoted(css) + `)`, chromedp.Click(chromedp.CSS(css))}
}

// atXPath finds the first that is to be seen.
func atXPath(path string) aim {
	return aim{`(() => {
		const all = document.evaluate(` + quoted(path) + `, document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null);
		for (let i = 0; i < all.snapshotLength; i++) if (all.snapshotItem(i).checkVisibility()) return all.snapshotItem(i);
		return null;
	})()`, chromedp.Click(path)}
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always is JSON
	}
	return string(b)
}

// aiming waits until a thing is there, is to be seen and stands still, and tells
// where its middle is. From then on the page keeps in mind whether the next click
// goes beside it.
const aiming = `(async () => {
  const find = () => %s;
  const frame = () => new Promise((done) => { requestAnimationFrame(done); setTimeout(done, 250); });
  const until = performance.now() + %d;
  let before = [];
  for (let frames = 0; performance.now() < until; await frame()) {
    const el = find();
    if (!el?.checkVisibility()) continue;
    el.scrollIntoViewIfNeeded();
    const box = el.getClientRects()[0] ?? el.getBoundingClientRect();
    const now = [box.x + box.width / 2, box.y + box.height / 2];
    const still = now[0] === before[0] && now[1] === before[1];
    before = now;
    if (!still && ++frames < 50) continue;
    const seen = {missed: false};
    window[Symbol.for("rekeytest.aim")] = seen;
    if (!el.contains(document.elementFromPoint(...now))) return now; // something lies over it, and is clicked
    for (const kind of ["mousedown", "click"])
      addEventListener(kind, (e) => { seen.missed ||= !el.contains(e.target); }, {capture: true, once: true});
    return now;
  }
  return [];
})()`

const missing = `Boolean(window[Symbol.for("rekeytest.aim")]?.missed)`

// at is where on the screen the middle of a thing is.
func at(ctx context.Context, t *chromedp.Target, script string) (x, y float64, err error) {
	look := fmt.Sprintf(aiming, script, patience.Milliseconds())
	for end := time.Now().Add(patience); ; {
		found, err := chromedp.Evaluate[[]float64](look, chromedp.EvalAwaitPromise)(ctx, t)
		switch {
		case err == nil && len(found) == 2:
			return found[0], found[1], nil
		case err == nil:
			return 0, 0, errors.New("it is not on the screen")
		case ctx.Err() != nil || time.Now().After(end): // else another page came meanwhile
			return 0, 0, err
		}
	}
}

// click clicks the middle of a thing. Where the page moves it away at that very
// moment, because of an answer that comes or of what was typed before, the click
// goes beside it: a person sees that and clicks again. What lies over a thing gets
// the click.
func (tab *Tab) click(a aim, opts ...chromedp.MouseOption) chromedp.Action[chromedp.Void] {
	if tab.noScript {
		return a.plain
	}
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for range 50 {
			x, y, err := at(ctx, t, a.script)
			if err != nil {
				return err
			}
			if _, err := chromedp.MouseClickXY(x, y, opts...)(ctx, t); err != nil {
				return err
			}
			missed, err := chromedp.Evaluate[bool](missing)(ctx, t)
			if err != nil || !missed { // an error: the page has gone
				return ctx.Err()
			}
		}
		return errors.New("it does not stand still")
	})
}
