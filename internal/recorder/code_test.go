package recorder

import (
	"testing"

	"rekey/internal/totp"
)

func TestParseCode(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]typedCode{
		"123456":            {totp: "123456"},
		" 123 456 ":         {totp: "123456"},
		"0O1I-lLab-CDEZ":    {sheet: secret("001111ABCDEZ")},
		"0123-4567-8901":    {sheet: secret("012345678901")},
		"abcd efgh jkmn":    {sheet: secret("ABCDEFGHJKMN")},
		"o1234l":            {},
		"12345":             {},
		"1234567":           {},
		"ABCD-EFGH":         {},
		"ABCD-EFGH-JKMU":    {},
		"ABCD-EFGH-JKM\x00": {},
		"":                  {},
	} {
		got, err := parseCode(secret(typed))
		if (err == nil) != (want.totp != "" || !want.sheet.IsZero()) || got.totp != want.totp || got.sheet.Reveal() != want.sheet.Reveal() {
			t.Errorf("%q: %v, totp %q, sheet %v", typed, err, got.totp, !got.sheet.IsZero())
		}
	}
}

func FuzzParseCode(f *testing.F) {
	for _, s := range []string{"123456", "ABCD-EFGH-JKMN", "", "１２３４５６", "ı23456"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		c, err := parseCode(secret(typed))
		if err == nil && len(c.totp) != totp.Digits && len(c.sheet.Reveal()) != sheetSymbols {
			t.Errorf("%q was taken as a code", typed)
		}
	})
}
