package transport

import (
	"html"
	"regexp"
)

var titleTag = regexp.MustCompile(`(?is)<title[^>]*>(.{0,200}?)</title>`)

// Title is the title of a web page as Printable has it; "" where it has none.
func Title(page []byte) string {
	m := titleTag.FindSubmatch(page)
	if m == nil {
		return ""
	}
	return Printable(html.UnescapeString(string(m[1])))
}
