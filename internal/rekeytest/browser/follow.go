package browser

// Follow clicks an element, such as a link that has no name of its own, and waits
// for the page that follows. Press is for those that have one.
func (tab *Tab) Follow(css string) {
	tab.t.Helper()
	tab.wait("follow "+css, tab.click(atCSS(css)))
}
