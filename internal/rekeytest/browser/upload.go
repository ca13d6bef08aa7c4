package browser

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Upload strikes the space bar on the field for a file that has the keyboard, and
// chooses a file in the dialog that the system opens.
func (tab *Tab) Upload(path string) {
	tab.t.Helper()
	intercept := func(yes bool) {
		_, err := chromedp.Call(tab.ctx, page.SetInterceptFileChooserDialog, page.SetInterceptFileChooserDialogParams{Enabled: yes})
		if err != nil {
			tab.t.Fatalf("wait for the choice of a file: %v", err)
		}
	}
	intercept(true)
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	every := func(page.EventFileChooserOpened) bool { return true }
	asked, err := chromedp.Run(ctx, chromedp.WaitEvent(page.FileChooserOpened, every, chromedp.KeyEvent(" ")))
	if err != nil {
		tab.t.Fatalf("no dialog for a file opens on %s: %v", tab.Path(), err)
	}
	if _, err := chromedp.Call[dom.SetFileInputFilesParams, cdp.Empty](tab.ctx, dom.SetFileInputFiles,
		dom.SetFileInputFilesParams{Files: []string{path}, BackendNodeID: asked.BackendNodeID}); err != nil {
		tab.t.Fatalf("choose %s: %v", path, err)
	}
	intercept(false)
}
