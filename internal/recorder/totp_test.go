package recorder

import (
	"testing"
	"time"
)

// The SHA-1 vectors of RFC 6238, appendix B, in their last six digits.
func TestTOTPVectors(t *testing.T) {
	t.Parallel()
	key := []byte("12345678901234567890")
	for at, code := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471",
		1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		for _, off := range []int64{-30, 0, 30} {
			step, fits, used := totpFits(key, code, time.Unix(at+off, 0), 0)
			if step != at/30 || !fits || used {
				t.Errorf("%s at %d%+d: step %d, fits %v, used %v", code, at, off, step, fits, used)
			}
		}
		for _, off := range []int64{-60, 60} {
			if at+off < 0 {
				continue // before 1970
			}
			if _, fits, _ := totpFits(key, code, time.Unix(at+off, 0), 0); fits {
				t.Errorf("%s fits at %d%+d", code, at, off)
			}
		}
		if _, fits, used := totpFits(key, code, time.Unix(at, 0), at/30); fits || !used {
			t.Errorf("%s at %d again: fits %v, used %v", code, at, fits, used)
		}
		if _, fits, used := totpFits(key, "000000", time.Unix(at, 0), 0); fits || used {
			t.Errorf("000000 fits at %d", at)
		}
	}
}

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
		if err == nil && len(c.totp) != totpDigits && len(c.sheet.Reveal()) != sheetSymbols {
			t.Errorf("%q was taken as a code", typed)
		}
	})
}
