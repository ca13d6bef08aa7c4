package hikvision

import (
	"errors"
	"strings"
	"testing"

	"rekey"
)

// TestSpecialPasswords: each password arrives as it is and opens the recorder
// again by a fresh login, or is refused before anything is sent.
func TestSpecialPasswords(t *testing.T) {
	t.Parallel()
	signs := "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	for name, tc := range map[string]struct {
		password string
		kind     error
	}{
		"signs, first half":   {"Aa1" + signs[:13], nil},
		"signs, second half":  {"Aa1" + signs[13:26], nil},
		"signs, the rest":     {"Aa1" + signs[26:], nil},
		"looks like XML":      {"</password>&#65;", nil},
		"percent and plus":    {"100%+a%20=1&b", nil},
		"blanks inside":       {"two  blanks A1", nil},
		"longest told":        {"Aa1!" + strings.Repeat("x", 12), nil},
		"one longer":          {"Aa1!" + strings.Repeat("x", 13), rekey.ErrInput},
		"shortest told":       {"Aa1!xxxx", nil},
		"one shorter":         {"Aa1!xxx", rekey.ErrInput},
		"letters not ASCII":   {"Pässwört-1", rekey.ErrInput},
		"combining":           {"Pa\u0308sswort-1", rekey.ErrInput},
		"Chinese":             {"密码密码-Aa1", rekey.ErrInput},
		"emoji":               {"Password-1🙂", rekey.ErrInput},
		"a tab":               {"Pass\tword-1", rekey.ErrInput},
		"a line break":        {"Pass\nword-1", rekey.ErrInput},
		"a NUL":               {"Pass\x00word-1", rekey.ErrInput},
		"delete":              {"Pass\x7fword-1", rekey.ErrInput},
		"no UTF-8":            {"Pass\xffword-1", rekey.ErrInput},
		"a blank in front":    {" Password-1", rekey.ErrInput},
		"a blank at the end":  {"Password-1 ", rekey.ErrInput},
		"a hard space inside": {"Pass\u00a0word-1", rekey.ErrInput},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const put = "PUT /ISAPI/Security/users/1"
			p := newPeer()
			p.limits = `<LoginPasswordLenLimit min="8" max="16"/>`
			s, _ := opened(t, p, true)
			err := s.SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret(tc.password))
			if !errors.Is(err, tc.kind) || (err == nil) != (tc.kind == nil) {
				t.Fatal(err)
			}
			if tc.kind != nil {
				if p.count(put) != 0 || p.passwordOf("admin") != testPassword {
					t.Error("something was sent")
				}
				return
			}
			if p.passwordOf("admin") != tc.password {
				t.Error("it has not arrived as it is")
			}
			b := &book{}
			if err := driver().Check(t.Context(), s.at, login(tc.password), b); err != nil || b.given != 1 {
				t.Errorf("%v %+v", err, b)
			}
		})
	}
}

// TestSpecialLogins: what somebody set elsewhere may be anything; it goes out as it
// is or not at all.
func TestSpecialLogins(t *testing.T) {
	t.Parallel()
	for _, password := range []string{`a"b\c`, "Pässwört 密码 🙂", strings.Repeat("Aä1!", 32), " both ends "} {
		p := newPeer()
		p.users[0].password = password
		b := &book{}
		if err := driver().Check(t.Context(), p.start(t, false).Interfaces[0], login(password), b); err != nil || b.spent != 1 || b.given != 1 {
			t.Errorf("%v %+v", err, b)
		}
	}
	for _, account := range []string{"", "ad\nmin", "ad\x00min", "ad\u202emin"} {
		p, b := newPeer(), &book{}
		err := driver().Check(t.Context(), p.start(t, false).Interfaces[0], rekey.Login{Account: account, Password: rekey.NewSecret("x")}, b)
		if !errors.Is(err, rekey.ErrInput) || b.spent != 0 || p.logins() != 0 {
			t.Errorf("%q: %v %+v", account, err, b)
		}
	}
}
