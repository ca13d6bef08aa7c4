package browser

import (
	"fmt"

	"github.com/chromedp/chromedp"
)

// plays starts a video without sound and tells what becomes of it.
const plays = `(async () => {
  const v = document.querySelector(%q);
  v.muted = true;
  try { await v.play(); } catch (e) { return "it does not play: " + e.message + (v.error ? ", " + v.error.message : ""); }
  for (let i = 0; i < 1200 && v.currentTime < 0.5 && !v.ended; i++) await new Promise((r) => setTimeout(r, 50));
  v.pause();
  if (v.error) return "it breaks off: " + v.error.message;
  if (v.currentTime < 0.5) return "it stands still at " + v.currentTime;
  return v.videoWidth + "x" + v.videoHeight;
})()`

// Plays fails the test unless the video plays, and gives the size of its picture.
func (tab *Tab) Plays(css string) string {
	tab.t.Helper()
	got, err := chromedp.Run(tab.ctx, chromedp.Evaluate[string](fmt.Sprintf(plays, css), chromedp.EvalAwaitPromise))
	if err != nil {
		tab.t.Fatalf("play %s: %v", css, err)
	}
	var w, h int
	if _, err := fmt.Sscanf(got, "%dx%d", &w, &h); err != nil || w == 0 {
		tab.t.Fatalf("%s: %s", css, got)
	}
	return got
}
