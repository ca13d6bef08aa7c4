package onvif

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"rekey/internal/transport"
)

// Bounds of what is read. The largest answers of real devices have some 200
// elements, eleven deep.
const (
	mostElements = 4096
	mostDepth    = 32
)

// element is one XML element by its local name.
type element struct {
	name   string
	text   []byte
	kids   []*element
	parent *element
	marks  []xml.Attr // attributes, and the namespaces declared here
}

// parse reads a document leniently: as namespaces differ, so do encodings, and
// NULs may stand behind it.
func parse(data []byte) (*element, error) { return parseUpTo(data, mostElements) }

// parseUpTo is parse for documents of another size.
func parseUpTo(data []byte, most int) (*element, error) {
	data = data[:bytes.LastIndexByte(data, '>')+1]
	d := xml.NewDecoder(bytes.NewReader(bytes.ToValidUTF8(data, []byte(" ")))) // #nosec G709 -- token by token, with bounds
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	root := &element{}
	at, count, depth := root, 0, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root, nil
		}
		if err != nil {
			return nil, fmt.Errorf("no XML that can be read: %s", transport.Printable(err.Error()))
		}
		switch t := token.(type) {
		case xml.StartElement:
			if count, depth = count+1, depth+1; count > most || depth > mostDepth {
				return nil, errors.New("the XML is larger than any device's answer")
			}
			e := &element{name: t.Name.Local, parent: at, marks: t.Attr}
			at.kids = append(at.kids, e)
			at = e
		case xml.EndElement:
			at, depth = at.parent, depth-1
		case xml.CharData:
			at.text = append(at.text, t...)
		}
	}
}

// space is the namespace that a prefix stands for here.
func (e *element) space(prefix string) string {
	for ; e != nil; e = e.parent {
		for _, a := range e.marks {
			if a.Name.Space == "xmlns" && a.Name.Local == prefix {
				return a.Value
			}
		}
	}
	return ""
}

// find goes down the path, always to the first of a name. A nil element has nothing.
func (e *element) find(path ...string) *element {
	for _, name := range path {
		var next *element
		for _, k := range e.all() {
			if k.name == name {
				next = k
				break
			}
		}
		e = next
	}
	return e
}

func (e *element) all() []*element {
	if e == nil {
		return nil
	}
	return e.kids
}

// named are the direct children of that name.
func (e *element) named(name string) (found []*element) {
	for _, k := range e.all() {
		if k.name == name {
			found = append(found, k)
		}
	}
	return found
}

// each visits e and all below it.
func (e *element) each(visit func(*element)) {
	if e == nil {
		return
	}
	visit(e)
	for _, k := range e.kids {
		k.each(visit)
	}
}

// words are the blank-separated parts of the text, at most so many.
func (e *element) words(most int) []string {
	if e == nil {
		return nil
	}
	words := strings.Fields(string(e.text))
	return words[:min(len(words), most)]
}

// line is the text of what is at the path, as one short line.
func (e *element) line(path ...string) string {
	if e = e.find(path...); e == nil {
		return ""
	}
	return transport.Printable(string(e.text))
}

// exact is the text of what is at the path, as it came but for blanks around it:
// for what is sent back to the device, and not for a screen.
func (e *element) exact(path ...string) string {
	if e = e.find(path...); e == nil {
		return ""
	}
	return strings.TrimSpace(string(e.text))
}

// mark is an attribute, or the child of that name where a device writes it so.
func (e *element) mark(name string) string {
	if e == nil {
		return ""
	}
	for _, a := range e.marks {
		if a.Name.Local == name && a.Name.Space != "xmlns" {
			return transport.Printable(a.Value)
		}
	}
	return e.line(name)
}
