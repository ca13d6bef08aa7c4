package browser

import (
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Print is the page as it comes out of the printer: a PDF without headers and footers.
func (tab *Tab) Print() []byte {
	tab.t.Helper()
	yes := true
	printed, err := chromedp.Call(tab.ctx, page.PrintToPDF, page.PrintToPDFParams{PrintBackground: &yes, PreferCSSPageSize: &yes})
	if err != nil {
		tab.t.Fatalf("print %s: %v", tab.Path(), err)
	}
	return printed.Data
}
