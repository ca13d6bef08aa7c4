package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

var errNotJSON = errors.New("expected one JSON object of the fields of this operation")

// deepest bounds how far a body may be nested.
const deepest = 16

// decodeStrictly reads one JSON value, in which no object names a field twice
// and the fields of the value itself are named as the document does.
// Its errors say nothing of what was sent.
func decodeStrictly(data []byte, into any) error {
	if !utf8.Valid(data) {
		return errors.New("expected text in UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := checkValue(d, 0); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("expected one JSON value, and nothing after it")
	}
	if err := json.Unmarshal(data, into); err != nil {
		return errNotJSON
	}
	return nil
}

// checkValue walks over one value.
func checkValue(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return errNotJSON
	}
	delim, nested := t.(json.Delim)
	if !nested {
		return nil
	}
	if depth == deepest {
		return errors.New("expected less nesting")
	}
	names := map[string]bool{}
	for d.More() {
		if delim == '{' {
			name, err := d.Token()
			if err != nil {
				return errNotJSON
			}
			text, _ := name.(string)
			folded := strings.ToLower(text) // as encoding/json compares names
			if names[folded] {
				return errors.New("expected each field once")
			}
			if depth == 0 && folded != text {
				return errNotJSON
			}
			names[folded] = true
		}
		if err := checkValue(d, depth+1); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil { // the closing bracket
		return errNotJSON
	}
	return nil
}
