package onvif

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"rekey"
)

// TestSpecialPasswords: each password arrives as it is and opens the device again
// by a fresh login, or is refused before anything is sent.
func TestSpecialPasswords(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		password string
		kind     error
	}{
		"all signs":           {"Aa1!\"#$%&'()*+,-./:;<=>?@[", nil},
		"the rest of them":    {"Aa1\\]^_`{|}~", nil},
		"looks like XML":      {"</tt:Password>&#65;]]>", nil},
		"percent and plus":    {"100%+a%20=1&b", nil},
		"blanks inside":       {"two  blanks A1", nil},
		"longest told":        {"Aa1!" + strings.Repeat("x", 24), nil},
		"one longer":          {"Aa1!" + strings.Repeat("x", 25), rekey.ErrInput},
		"letters not ASCII":   {"Pässwört-1", rekey.ErrInput},
		"Chinese":             {"密码密码-Aa1", rekey.ErrInput},
		"emoji":               {"Password-1🙂", rekey.ErrInput},
		"a tab":               {"Pass\tword-1", rekey.ErrInput},
		"a line break":        {"Pass\nword-1", rekey.ErrInput},
		"a NUL":               {"Pass\x00word-1", rekey.ErrInput},
		"no UTF-8":            {"Pass\xffword-1", rekey.ErrInput},
		"a blank in front":    {" Password-1", rekey.ErrInput},
		"a blank at the end":  {"Password-1 ", rekey.ErrInput},
		"a hard space inside": {"Pass\u00a0word-1", rekey.ErrInput},
	} {
		for _, digest := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := &peer{wantDigest: digest, wantToken: true}
				p.answers = map[string]http.HandlerFunc{"GetServiceCapabilities": p.says("GetServiceCapabilities", `<odd:Capabilities><odd:Security MaxPasswordLength="28"/></odd:Capabilities>`)}
				s, _ := opened(t, p, true)
				err := s.SetPassword(t.Context(), secret(testPassword), secret(tc.password))
				if !errors.Is(err, tc.kind) || (err == nil) != (tc.kind == nil) {
					t.Fatal(err)
				}
				if tc.kind != nil {
					if p.times("SetUser") != 0 || p.users[0].password != testPassword {
						t.Error("something was sent")
					}
					return
				}
				if p.users[0].password != tc.password {
					t.Error("it has not arrived as it is")
				}
				b := &book{}
				if err := driver().Check(t.Context(), s.main.http.At(), loginOf("admin", tc.password), b); err != nil || b.given != 1 {
					t.Errorf("%v %+v", err, b)
				}
			})
		}
	}
}

// TestSpecialLogins: what somebody set elsewhere may be anything; it goes out as it
// is or not at all.
func TestSpecialLogins(t *testing.T) {
	t.Parallel()
	for _, password := range []string{`a"b\c`, "Pässwört 密码 🙂", strings.Repeat("Aä1!", 32), " both ends "} {
		for _, digest := range []bool{false, true} {
			p := &peer{wantDigest: digest, wantToken: true, users: []peerUser{{"O'Neil & <Söhne>", password, "Administrator"}}}
			b := &book{}
			if err := driver().Check(t.Context(), p.start(t, false).Interfaces[0], loginOf("O'Neil & <Söhne>", password), b); err != nil || b.spent != 1 || b.given != 1 {
				t.Errorf("%v %+v", err, b)
			}
		}
	}
	for _, account := range []string{"", "ad\nmin", "ad\x00min", "ad\xffmin"} {
		p, b := &peer{}, &book{}
		err := driver().Check(t.Context(), p.start(t, false).Interfaces[0], loginOf(account, "x"), b)
		if tries, _ := p.counts(); !errors.Is(err, rekey.ErrInput) || b.spent != 0 || tries != 0 {
			t.Errorf("%q: %v %+v", account, err, b)
		}
	}
}
