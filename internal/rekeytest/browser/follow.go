package browser

import (
	"strconv"

	"github.com/chromedp/chromedp"
)

// Follow clicks an element, such as a link that has no name of its own, and waits
// for the page that follows. Press is for those that have one.
func (tab *Tab) Follow(css string) {
	tab.t.Helper()
	x, y := tab.at(css, `document.querySelector(`+strconv.Quote(css)+`)`)
	tab.wait("follow "+css, chromedp.MouseClickXY(x, y))
}
