package catalog

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rekey"
)

func TestNewPasswordFitsEveryRule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		rule := rekey.PasswordRule{Min: rapid.IntRange(1, 40).Draw(rt, "min"), DigitsOnly: rapid.Bool().Draw(rt, "digits only")}
		rule.Max = rule.Min + rapid.IntRange(0, 40).Draw(rt, "more")
		rule.Classes = rapid.IntRange(0, min(4, rule.Max)).Draw(rt, "classes")
		if rule.DigitsOnly {
			rule.Classes = min(rule.Classes, 1)
		}
		rule.Forbidden = rapid.SampledFrom([]string{"", "'\";:& ", "abc", "-_"}).Draw(rt, "forbidden")
		s, err := NewPassword(rule, rand.Reader)
		if err != nil {
			rt.Fatalf("%+v: %v", rule, err)
		}
		if err := CheckPassword(rule, "admin", s); err != nil {
			rt.Fatalf("%+v: the new password breaks its rule: %v", rule, err)
		}
		if want := min(max(20, rule.Min), rule.Max); len(s.Reveal()) != want {
			rt.Fatalf("%+v: length %d, want %d", rule, len(s.Reveal()), want)
		}
		if !rule.DigitsOnly && strings.ContainsAny(s.Reveal(), "0Oo1lI") {
			rt.Fatal("it holds look-alikes")
		}
	})
}

func TestNewPasswordsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 200 {
		s, err := NewPassword(ruleOf("N841"), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		seen[s.Reveal()] = true
	}
	if len(seen) != 200 {
		t.Errorf("%d different passwords of 200", len(seen))
	}
}

func TestNewPasswordRefuses(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]rekey.PasswordRule{
		"empty rule":    {},
		"max below min": {Min: 8, Max: 4},
		"five classes":  {Min: 8, Max: 8, Classes: 5},
		"no letters":    {Min: 8, Max: 8, Forbidden: lowers + uppers},
		"no signs":      {Min: 8, Max: 8, Classes: 4, Forbidden: specials},
	} {
		if _, err := NewPassword(rule, rand.Reader); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewPassword(ruleOf("N841"), bytes.NewReader([]byte{1, 2, 3})); err == nil {
		t.Error("a password was made without random numbers")
	}
}

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	n841 := ruleOf("N841")
	for _, c := range []struct {
		name     string
		rule     rekey.PasswordRule
		password string
		want     string // part of the error; empty = fits
	}{
		{"fits", n841, "seaside7", ""},
		{"longest", n841, strings.Repeat("aB3.", 8), ""},
		{"short", n841, "seas7", "8 to 32"},
		{"long", n841, strings.Repeat("aB3.", 9), "8 to 32"},
		{"empty", n841, "", "8 to 32"},
		{"one class", n841, "seasidelight", "at least 2"},
		{"refused sign", n841, "seaside&7", "refuses"},
		{"blank", n841, "seaside 7", "refuses"},
		{"accent", n841, "seäside78", "US keyboard"},
		{"control", n841, "seaside7\n", "US keyboard"},
		{"account", n841, "Operator1", "account's name"},
		{"digits only", rekey.PasswordRule{Min: 6, Max: 6, DigitsOnly: true}, "12345a", "digits only"},
		{"six digits", rekey.PasswordRule{Min: 6, Max: 6, DigitsOnly: true}, "402893", ""},
	} {
		err := CheckPassword(c.rule, "operator1", rekey.NewSecret(c.password))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (!errors.Is(err, rekey.ErrInput) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		case c.want != "" && c.password != "" && strings.Contains(err.Error(), c.password):
			t.Errorf("%s: the error tells the password", c.name)
		}
	}
}

func FuzzCheckPassword(f *testing.F) {
	f.Add("admin", "seaside7", 8, 32, 2, "'\";:& ", false)
	f.Add("", "\xff\x00", 0, 3, 9, "", true)
	f.Fuzz(func(t *testing.T, account, password string, least, most, class int, forbidden string, digitsOnly bool) {
		rule := rekey.PasswordRule{Min: least, Max: most, Classes: class, Forbidden: forbidden, DigitsOnly: digitsOnly}
		err := CheckPassword(rule, account, rekey.NewSecret(password))
		if err != nil && !errors.Is(err, rekey.ErrInput) {
			t.Errorf("odd error: %v", err)
		}
		if err == nil && (len(password) < least || strings.ContainsAny(password, forbidden)) {
			t.Error("a password that breaks the rule was taken")
		}
	})
}

func ruleOf(model string) rekey.PasswordRule {
	m, _ := Lookup(model)
	return m.Rule()
}
