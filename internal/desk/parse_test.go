package desk

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"rekey"
)

func TestParseCaller(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"+49 30 1234567": "+49301234567", "0049 (30) 123-45.67": "+49301234567", "+49 (0)30/1234567": "+49301234567",
		" Withheld ": Withheld, "+1-555-555-0142": "+15555550142",
	} {
		if got, err := parseCaller(typed); err != nil || got != want {
			t.Errorf("%q: %q %v, want %q", typed, got, err, want)
		}
	}
	// Of which country is 030 1234567? One caller would be two.
	for _, typed := range []string{"030 1234567", "(0)30 1234567", "0800", "49301234567", "+0301234567", "+0049301234567", "00049301234567"} {
		if got, err := parseCaller(typed); !errors.Is(err, rekey.ErrInput) || !strings.Contains(err.Error(), "country code") {
			t.Errorf("%q: %q %v", typed, got, err)
		}
	}
	for _, typed := range []string{"", "123", "+", "+123", "++491234", "anna", "+12a4", "+" + strings.Repeat("1", 16), "+١٢٣٤٥"} {
		if got, err := parseCaller(typed); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%q: %q %v", typed, got, err)
		}
	}
}

func TestParseAddressAndMask(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"mailto:petra@example.org": "mailto:p***@example.org", "tel:+49 30 1234567": "tel:***567",
	} {
		if got, err := parseAddress(typed); err != nil || mask(got) != want {
			t.Errorf("%q: %q %v, want %q", typed, mask(got), err, want)
		}
	}
	for _, typed := range []string{"", "petra@example.org", "mailto:", "mailto:Petra <p@example.org>", "tel:", "tel:withheld", "tel:030 1234567", "http://x", "mailto:a@b\r\nBcc: c@d", "mailto:a@b.example\n", "tel:\n+49301234567"} {
		if got, err := parseAddress(typed); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%q: %q %v", typed, got, err)
		}
	}
}

// FuzzParseCaller: what is taken is digits, and reads the same again.
func FuzzParseCaller(f *testing.F) {
	for _, s := range []string{"+49 30 1234567", "withheld", "", "0049(0)1-2.3/4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseCaller(s)
		if err != nil {
			return
		}
		if again, err := parseCaller(got); err != nil || again != got {
			t.Errorf("%q reads as %q, then as %q (%v)", s, got, again, err)
		}
	})
}

// FuzzParseAddress: what is taken is one line, and reads the same again.
func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"mailto:petra@example.org", "tel:+49301", "mailto:\"a b\"@c", "tel:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseAddress(s)
		if err != nil {
			return
		}
		if again, err := parseAddress(got); err != nil || again != got || strings.ContainsAny(got, "\r\n") {
			t.Errorf("%q reads as %q, then as %q (%v)", s, got, again, err)
		}
	})
}

// What is cut for a record is still text.
func TestClipKeepsRunesWhole(t *testing.T) {
	t.Parallel()
	for _, s := range []string{strings.Repeat("a", 79) + "ü" + "rest", strings.Repeat("日", 40), strings.Repeat("🙂", 30), "a" + strings.Repeat("🙂", 30)} {
		if got := clip(s); !utf8.ValidString(got) || len(got) > 83 || len(got) < 80 {
			t.Errorf("%q is cut to %q", s, got)
		}
	}
	if got := clip(strings.Repeat("\x80", 100)); len(got) > 83 {
		t.Errorf("%q", got)
	}
}
