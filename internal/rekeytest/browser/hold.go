package browser

import (
	"fmt"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// MouseDown presses the left button of the mouse in the middle of an element and
// holds it until MouseUp.
func (tab *Tab) MouseDown(css string) {
	tab.t.Helper()
	at := tab.middle(css)
	tab.do("move to "+css, chromedp.MouseEvent(chromedp.MouseMoved, at[0], at[1]))
	tab.do("press on "+css, chromedp.MouseEvent(chromedp.MousePressed, at[0], at[1], left))
}

// MouseUp lets go of the left button over an element.
func (tab *Tab) MouseUp(css string) {
	tab.t.Helper()
	at := tab.middle(css)
	tab.do("let go over "+css, chromedp.MouseEvent(chromedp.MouseReleased, at[0], at[1], left))
}

func left(p *input.DispatchMouseEventParams) { p.Button, p.ClickCount = input.MouseButtonLeft, 1 }

func (tab *Tab) middle(css string) [2]float64 {
	tab.t.Helper()
	script := fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.scrollIntoView({block: "nearest"}); const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()`, css)
	at, err := chromedp.Run(tab.ctx, chromedp.Evaluate[[2]float64](script))
	if err != nil {
		tab.t.Fatalf("find %s: %v", css, err)
	}
	return at
}

// KeyDown holds a key until KeyUp. What has the keyboard gets it.
func (tab *Tab) KeyDown(key string) { tab.half(key, kb.KeyDown) }

// KeyUp lets go of it.
func (tab *Tab) KeyUp(key string) { tab.half(key, kb.KeyUp) }

func (tab *Tab) half(key string, which input.DispatchKeyEventType) {
	tab.t.Helper()
	for _, r := range key {
		for _, k := range kb.Encode(r) {
			if k.Type != which {
				continue
			}
			if _, err := chromedp.Call(tab.ctx, input.DispatchKeyEvent, *k); err != nil {
				tab.t.Fatalf("hold a key: %v", err)
			}
		}
	}
}

// WithoutScript shows the pages that follow as to a browser without JavaScript.
func (tab *Tab) WithoutScript() {
	tab.t.Helper()
	if _, err := chromedp.Call(tab.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		tab.t.Fatalf("do without script: %v", err)
	}
	tab.noScript = true
}

// Focus gives an element the keyboard.
func (tab *Tab) Focus(css string) {
	tab.t.Helper()
	tab.eval(fmt.Sprintf(`(document.querySelector(%q).focus(), "")`, css))
}
