package hikvision

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"rekey/internal/transport"
)

// mostNodes bounds an answer; lists of 256 channels have some ten thousand.
const mostNodes = 64 << 10

// mostText bounds the pieces that a text may come in.
const mostText = 64 << 10

// node is one element of an answer, known by its local name.
type node struct {
	name  string
	text  string
	attrs map[string]string
	kids  []*node

	// Where it stands in the document, of XML alone: the start tag begins at
	// start, what is inside is inner to innerEnd, the end tag ends at end.
	start, inner, innerEnd, end int
}

// document is an answer, in XML or JSON.
type document struct {
	raw  []byte
	root *node
}

// parse reads an answer to be looked at. Firmware writes XML by hand, so what
// stands before a fault counts. JSON becomes the tree that the XML would be.
func parse(data []byte) (document, error) {
	if trimmed := bytes.TrimSpace(data); bytes.HasPrefix(trimmed, []byte("{")) {
		return parseJSON(trimmed)
	}
	data = data[:bytes.LastIndexByte(data, '>')+1] // NULs may stand behind it
	data = bytes.ToValidUTF8(data[max(0, bytes.IndexByte(data, '<')):], []byte(" "))
	root, err := parseXML(data, false)
	if root == nil {
		return document{}, errors.New("no XML that can be read: " + transport.Printable(err.Error()))
	}
	return document{data, root}, nil
}

// parseExactly reads XML that is written back: it must be whole and well-formed.
func parseExactly(data []byte) (document, error) {
	if !utf8.Valid(data) {
		return document{}, errors.New("it is not UTF-8")
	}
	root, err := parseXML(data, true)
	if err != nil {
		return document{}, errors.New("no XML that can be read whole: " + transport.Printable(err.Error()))
	}
	return document{data, root}, nil
}

// parseXML returns what was read before a fault, beside the fault.
func parseXML(data []byte, strict bool) (*node, error) {
	d := xml.NewDecoder(bytes.NewReader(data)) // #nosec G709 -- token by token, with bounds
	if d.Strict = strict; !strict {
		d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	}
	b := builder{top: &node{}}
	b.open = []*node{b.top}
	for {
		at := int(d.InputOffset())
		token, err := d.Token()
		if err == nil {
			err = b.add(token, at, int(d.InputOffset()))
		}
		switch {
		case errors.Is(err, io.EOF) && len(b.top.kids) == 1:
			return b.top.kids[0], nil
		case err != nil && len(b.top.kids) > 0:
			return b.top.kids[0], err
		case err != nil:
			return nil, err
		}
	}
}

type builder struct {
	top   *node
	open  []*node
	count int
}

func (b *builder) add(token xml.Token, at, end int) error {
	in := b.open[len(b.open)-1]
	switch t := token.(type) {
	case xml.StartElement:
		if b.count++; b.count > mostNodes || len(b.open) > mostDepth {
			return errors.New("the XML is larger than any device's answer")
		}
		n := &node{name: t.Name.Local, start: at, inner: end, innerEnd: end, end: end}
		for _, a := range t.Attr {
			n.attr(a.Name.Local, a.Value)
		}
		in.kids = append(in.kids, n)
		b.open = append(b.open, n)
	case xml.CharData:
		if len(b.open) > 1 && len(in.text) < mostText {
			in.text += string(t)
		}
	case xml.EndElement:
		if len(b.open) > 1 {
			in.innerEnd, in.end = at, end
			b.open = b.open[:len(b.open)-1]
		}
	}
	return nil
}

func (n *node) attr(name, value string) {
	if n.attrs == nil {
		n.attrs = map[string]string{}
	}
	n.attrs[name] = value
}

// parseJSON turns {"UserList": {"User": [..]}} and {"UserList": [{"User": ..}]}
// into the tree of the XML. An object of several members is a ResponseStatus.
func parseJSON(data []byte) (document, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		return document{}, errors.New("no JSON that can be read")
	}
	name := "ResponseStatus"
	value := any(object)
	if len(object) == 1 {
		for name, value = range object {
		}
	}
	root := &node{name: name}
	left := mostNodes
	err := root.fill(value, &left, mostDepth)
	return document{data, root}, err
}

func (n *node) fill(value any, left *int, depth int) error {
	if *left--; *left < 0 || depth == 0 {
		return errors.New("the JSON is larger than any device's answer")
	}
	switch v := value.(type) {
	case nil:
	case string:
		n.text = v
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			if err := n.member(key, v[key], left, depth); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range v {
			if err := n.item(item, left, depth); err != nil {
				return err
			}
		}
	default:
		n.text = fmt.Sprint(v)
	}
	return nil
}

// member adds one member of an object; a list is several elements of one name.
func (n *node) member(key string, value any, left *int, depth int) error {
	if strings.HasPrefix(key, "@") {
		n.attr(key[1:], fmt.Sprint(value))
		return nil
	}
	if key == "#text" {
		n.text = fmt.Sprint(value)
		return nil
	}
	values, is := value.([]any)
	if !is || strings.HasSuffix(key, "List") {
		values = []any{value}
	}
	for _, v := range values {
		kid := &node{name: key}
		n.kids = append(n.kids, kid)
		if err := kid.fill(v, left, depth-1); err != nil {
			return err
		}
	}
	return nil
}

// item adds one entry of a list that is named after its entries.
func (n *node) item(value any, left *int, depth int) error {
	name := strings.TrimSuffix(n.name, "List")
	if object, is := value.(map[string]any); is && len(object) == 1 {
		if inside, is := object[name].(map[string]any); is {
			value = inside
		}
	}
	kid := &node{name: name}
	n.kids = append(n.kids, kid)
	return kid.fill(value, left, depth-1)
}

// is reports whether the element has that name.
func (n *node) is(name string) bool { return strings.EqualFold(n.name, name) }

// find goes down by names; nil when there is no such element.
func (n *node) find(path ...string) *node {
	for _, name := range path {
		if n == nil {
			return nil
		}
		i := slices.IndexFunc(n.kids, func(k *node) bool { return k.is(name) })
		if i < 0 {
			return nil
		}
		n = n.kids[i]
	}
	return n
}

// all are the elements of that name directly inside.
func (n *node) all(name string) []*node {
	var some []*node
	for _, k := range n.kids {
		if k.is(name) {
			some = append(some, k)
		}
	}
	return some
}

// exact is the text down there as it came, without the space around it.
func (n *node) exact(path ...string) string {
	if n = n.find(path...); n == nil {
		return ""
	}
	return strings.TrimSpace(n.text)
}

// value is the text down there, fit to be shown; "N/A" is none.
func (n *node) value(path ...string) string {
	text := n.exact(path...)
	return fields{"v": transport.Printable(text)}.text("v")
}

// number is the text down there, where it counts something.
func (n *node) number(most int, path ...string) (int, bool) {
	i, err := strconv.Atoi(n.exact(path...))
	return i, err == nil && i >= 0 && i <= most
}

// on reports whether a switch down there is set, and whether it is told at all.
func (n *node) on(path ...string) (set, told bool) {
	return fields{"v": n.exact(path...)}.is("v")
}
