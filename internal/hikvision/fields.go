package hikvision

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"rekey/internal/transport"
)

// Bounds of what is read. Real answers have some forty fields, two deep.
const (
	mostElements = 2048
	mostDepth    = 16
)

// fields are the texts of the innermost elements by their lower-case local
// names; of several of one name it is the first. Which is enough for answers
// that are flat in truth.
type fields map[string]string

// parseFields reads a document and the name of its outermost element. Firmware
// writes XML by hand: an ampersand may stand bare and the end may be missing, so
// what stands before a fault counts, as long as there is anything.
func parseFields(data []byte) (root string, f fields, err error) {
	data = data[:bytes.LastIndexByte(data, '>')+1] // NULs may stand behind it
	data = data[max(0, bytes.IndexByte(data, '<')):]
	d := xml.NewDecoder(bytes.NewReader(bytes.ToValidUTF8(data, []byte(" ")))) // #nosec G709 -- token by token, with bounds
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	f = fields{}
	var text []byte
	innermost := false
	count, depth := 0, 0
	for {
		token, err := d.Token()
		if err != nil {
			return finish(root, f, err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if count, depth = count+1, depth+1; count > mostElements || depth > mostDepth {
				return finish(root, f, errors.New("the XML is larger than any device's answer"))
			}
			if root == "" {
				root = t.Name.Local
			}
			text, innermost = text[:0], true
		case xml.CharData:
			text = append(text, t...)
		case xml.EndElement:
			depth--
			name := strings.ToLower(t.Name.Local)
			if _, have := f[name]; !have && innermost {
				f[name] = transport.Printable(string(text))
			}
			innermost = false
		}
	}
}

func finish(root string, f fields, err error) (string, fields, error) {
	if root == "" || len(f) == 0 {
		if errors.Is(err, io.EOF) {
			err = errors.New("there is no element in it")
		}
		return "", nil, errors.New("no XML that can be read: " + transport.Printable(err.Error()))
	}
	return root, f, nil
}

// text is a field; "N/A" is none.
func (f fields) text(name string) string {
	v := f[strings.ToLower(name)]
	if strings.EqualFold(v, "N/A") || strings.EqualFold(v, "null") {
		return ""
	}
	return v
}

// number is a field that counts something.
func (f fields) number(name string, most int) (int, bool) {
	n, err := strconv.Atoi(f.text(name))
	return n, err == nil && n >= 0 && n <= most
}

// port is a field that is a TCP port.
func (f fields) port(name string) (int, bool) {
	n, ok := f.number(name, 1<<16-1)
	return n, ok && n != 0
}

// is reports whether a flag is set, and whether it is told at all. Much firmware
// spells false "flase".
func (f fields) is(name string) (set, told bool) {
	switch strings.ToLower(f.text(name)) {
	case "true", "1", "yes":
		return true, true
	case "false", "flase", "0", "no":
		return false, true
	}
	return false, false
}

// build stands behind the version: "V4.30.005build 200512", "V4.62.210 build 230619".
var build = regexp.MustCompile(`(?i)[ ,;(]*build[ :]*([0-9]{6})\b.*$`)

// splitFirmware parts the version from the day it was built.
func splitFirmware(s string) (version string, built time.Time) {
	m := build.FindStringSubmatchIndex(s)
	if m == nil {
		return s, built
	}
	built, err := time.Parse("060102", s[m[2]:m[3]])
	if err != nil {
		return s, time.Time{}
	}
	return s[:m[0]], built
}

var hardwareMAC = regexp.MustCompile(`(?i)^([0-9a-f]{2})[:-]([0-9a-f]{2})[:-]([0-9a-f]{2})[:-]([0-9a-f]{2})[:-]([0-9a-f]{2})[:-]([0-9a-f]{2})$`)

// macOf is the address in lower case with colons.
func macOf(s string) string {
	m := hardwareMAC.FindStringSubmatch(s)
	if m == nil {
		return ""
	}
	return strings.ToLower(strings.Join(m[1:], ":"))
}

// classOf is the kind of device that a text names, such as "hybridDVR" or
// "IPCamera"; "" when it names none.
func classOf(s string) string {
	upper := strings.ToUpper(s)
	for _, c := range []struct{ part, class string }{{"NVR", "NVR"}, {"DVR", "DVR"}, {"IPC", "IPC"}, {"IPDOME", "IPC"}, {"IP DOME", "IPC"}, {"IP CAMERA", "IPC"}} {
		if strings.Contains(upper, c.part) {
			return c.class
		}
	}
	return ""
}
