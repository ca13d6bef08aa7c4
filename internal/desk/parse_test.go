package desk

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"rekey"
)

func TestParseCaller(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"+49 30 1234567": "+49301234567", "(030) 123-45.67": "0301234567", " Withheld ": Withheld, "0800": "0800",
	} {
		if got, err := parseCaller(typed); err != nil || got != want {
			t.Errorf("%q: %q %v, want %q", typed, got, err, want)
		}
	}
	for _, typed := range []string{"", "123", "+", "++491234", "anna", "12a4", strings.Repeat("1", 21), "١٢٣٤٥"} {
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
	for _, typed := range []string{"", "petra@example.org", "mailto:", "mailto:Petra <p@example.org>", "tel:", "tel:withheld", "http://x", "mailto:a@b\r\nBcc: c@d"} {
		if got, err := parseAddress(typed); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%q: %q %v", typed, got, err)
		}
	}
}

// FuzzParseCaller: what is taken is digits, and reads the same again.
func FuzzParseCaller(f *testing.F) {
	for _, s := range []string{"+49 30 1234567", "withheld", "", "(0)1-2.3/4"} {
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

// FuzzFits: a stored hash of any form neither panics nor takes a password it is not of.
func FuzzFits(f *testing.F) {
	good, err := Argon{Passes: 1, KiB: 8, Threads: 1}.hash(rekey.NewSecret("right"), zeros{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$AAAA$AAAA")
	f.Add("$argon2id$v=19$m=8,t=1,p=0$$")
	f.Fuzz(func(t *testing.T, phc string) {
		if len(phc) > 200 || strings.Contains(phc, "m=") && !strings.Contains(phc, "m=8,t=1,") {
			return // other costs are for the machine, not for the parser
		}
		if ok, err := fits(phc, rekey.NewSecret("wrong")); ok || err == nil && phc == "" {
			t.Errorf("%q fits: %v %v", phc, ok, err)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// FuzzDecode: bodies of any form, as JSON and as a form.
func FuzzDecode(f *testing.F) {
	f.Add(`{"kind":"E1","note":"","qr":"x"}`, true)
	f.Add(`kind=E1&note=&qr=x`, false)
	f.Add(`kind=E1&kind=E2`, false)
	f.Add(`{"kind":"E1"}{}`, true)
	f.Fuzz(func(t *testing.T, body string, api bool) {
		path, kind := "/cases/1/evidence", "application/x-www-form-urlencoded"
		if api {
			path, kind = apiPath+path, "application/json"
		}
		r := httptest.NewRequestWithContext(t.Context(), "POST", path, strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		var in EvidenceRequest
		if err := decode(r, &in); err != nil && !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%q: %v", body, err)
		}
	})
}
