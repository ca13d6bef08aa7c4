package api

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzBody: what is read is what encoding/json reads, and a refusal repeats
// nothing of it.
func FuzzBody(f *testing.F) {
	for _, s := range []string{"", "{}", "null", `{"a":1}`, `{"a":1,"a":2}`, `{"a":{"b":[1,2,{"c":null}]}}`, `{}{}`, `{"a":`, "[", `{"a":"\ud800"}`, "\xff",
		strings.Repeat("[", 100), `{"a":1e999}`, `{"a":"\u0000"}`, `{"a":tru}`, "\ufeff{}", `{"secret-word":1,}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, want any
		err := decodeStrictly(data, &got)
		if err != nil {
			if len(data) > 80 && strings.Contains(err.Error(), string(data)) || strings.Contains(err.Error(), "secret-word") {
				t.Errorf("what was sent comes back: %v", err)
			}
			return
		}
		if !utf8.Valid(data) || json.Unmarshal(data, &want) != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q reads as %v, want %v", data, got, want)
		}
	})
}

// FuzzKey: a key that is taken is printable and bounded, and a quoted one is
// the same as a bare one.
func FuzzKey(f *testing.F) {
	for _, s := range []string{"", "a", `"a"`, `"`, `""`, "a b", "\x00", strings.Repeat("x", 300), `a"b`, `"a\"b"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key, err := parseKey(s)
		if err != nil {
			return
		}
		if key == "" || len(key) > mostKey || strings.ContainsAny(key, " \x00\"\\\n") {
			t.Errorf("%q is taken as %q", s, key)
		}
		if again, err := parseKey(`"` + key + `"`); err != nil || again != key {
			t.Errorf("%q, quoted, is taken as %q: %v", key, again, err)
		}
	})
}
