package dahua

import (
	"encoding/json"
	"strconv"

	"rekey/internal/transport"
)

// fields are what a JSON answer tells of a device. Types differ between
// firmwares: a number may be written as a text, and a text as a number.
type fields map[string]any

func (f fields) text(name string) string {
	switch v := f[name].(type) {
	case string:
		return transport.Printable(v)
	case json.Number:
		return transport.Printable(v.String())
	}
	return ""
}

// first is the first of the names that says something.
func (f fields) first(names ...string) string {
	for _, name := range names {
		if v := f.text(name); v != "" {
			return v
		}
	}
	return ""
}

func (f fields) number(name string) (int, bool) {
	n, err := strconv.Atoi(f.text(name))
	return n, err == nil && n >= 0
}

func (f fields) port(name string) (int, bool) {
	n, ok := f.number(name)
	return n, ok && n > 0 && n < 1<<16
}
