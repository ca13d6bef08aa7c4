package hikvision

import (
	"bytes"
	"slices"
	"strings"
)

// edit is a change of one place in a document. All else stays byte for byte, so
// that what rekey does not know survives the way back.
type edit struct {
	from, to int
	with     string
}

// tag is the element's name as it is written, with its prefix.
func (d document) tag(n *node) string {
	tag := d.raw[n.start+1 : n.inner]
	if i := bytes.IndexAny(tag, " \t\r\n/>"); i >= 0 {
		tag = tag[:i]
	}
	return string(tag)
}

// set gives an element that holds no other a new text.
func (d document) set(n *node, text string) edit {
	if n.end > n.inner {
		return edit{n.inner, n.innerEnd, escape(text)}
	}
	open := bytes.TrimRight(bytes.TrimSuffix(d.raw[n.start:n.end], []byte("/>")), " \t\r\n")
	return edit{n.start, n.end, string(open) + ">" + escape(text) + "</" + d.tag(n) + ">"}
}

// behind puts a new element behind another one, with the same prefix.
func (d document) behind(n *node, name, text string) edit {
	if prefix, _, has := strings.Cut(d.tag(n), ":"); has {
		name = prefix + ":" + name
	}
	return edit{n.end, n.end, "<" + name + ">" + escape(text) + "</" + name + ">"}
}

// apply makes the edits, which do not overlap.
func (d document) apply(edits ...edit) []byte {
	slices.SortFunc(edits, func(a, b edit) int { return a.from - b.from })
	var out bytes.Buffer
	at := 0
	for _, e := range edits {
		out.Write(d.raw[at:e.from])
		out.WriteString(e.with)
		at = e.to
	}
	out.Write(d.raw[at:])
	return out.Bytes()
}

// escape leaves quotes alone: not every firmware reads numbered references, and
// in a text they need none.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
