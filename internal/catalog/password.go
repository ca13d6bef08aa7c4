package catalog

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"rekey"
)

// The characters of a new password: no look-alikes (0 O o, 1 l I), because
// people type it with a mouse on a monitor, and no special characters but
// those that no RTSP or CGI client trips over.
const (
	lowers   = "abcdefghijkmnpqrstuvwxyz"
	uppers   = "ABCDEFGHJKLMNPQRSTUVWXYZ"
	digits   = "23456789"
	specials = "-_."

	allDigits = "0123456789" // nothing to mistake a digit for where all are digits
)

// usualLength is the length of a new password where the rule allows it: 116
// bits for the usual characters.
const usualLength = 20

// checkRule reports a rule that cannot be met.
func checkRule(r rekey.PasswordRule) error {
	switch {
	case r.Min < 1 || r.Max < r.Min || r.Max > 1024:
		return fmt.Errorf("%w: password length %d to %d", rekey.ErrInput, r.Min, r.Max)
	case r.Classes < 0 || r.Classes > 4 || r.Classes > r.Max || (r.DigitsOnly && r.Classes > 1):
		return fmt.Errorf("%w: %d classes of characters", rekey.ErrInput, r.Classes)
	}
	return nil
}

// NewPassword draws a password that fits the rule. random is crypto/rand.Reader
// outside tests.
func NewPassword(rule rekey.PasswordRule, random io.Reader) (rekey.Secret, error) {
	if err := checkRule(rule); err != nil {
		return rekey.Secret{}, fmt.Errorf("new password: %w", err)
	}
	alphabet, first := allowed(lowers+uppers+digits+specials, rule), allowed(lowers+uppers, rule)
	if rule.DigitsOnly {
		alphabet = allowed(allDigits, rule)
		first = alphabet
	}
	if len(first) < 2 {
		return rekey.Secret{}, fmt.Errorf("new password: %w: the rule forbids too many characters", rekey.ErrInput)
	}
	length := min(max(usualLength, rule.Min), rule.Max)
	const draws = 1000 // a draw fits nearly always; the bound is for rules that cannot be met
	for range draws {
		text, err := draw(random, first, alphabet, length)
		if err != nil {
			return rekey.Secret{}, fmt.Errorf("new password: %w", err)
		}
		s := rekey.NewSecret(text)
		if classes(text) >= wanted(rule, length) && CheckPassword(rule, "", s) == nil {
			return s, nil
		}
	}
	return rekey.Secret{}, fmt.Errorf("new password: %w: no password of letters, digits and %s fits the rule", rekey.ErrInput, specials)
}

// wanted is how many classes a new password has: three where it is long enough,
// since recorders differ from their manuals.
func wanted(rule rekey.PasswordRule, length int) int {
	if rule.DigitsOnly {
		return 1
	}
	return max(rule.Classes, min(3, length))
}

func allowed(alphabet string, rule rekey.PasswordRule) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(rule.Forbidden, r) {
			return -1
		}
		return r
	}, alphabet)
}

// draw takes the first character from its own alphabet, so that a password is
// never read as an option or a formula.
func draw(random io.Reader, first, rest string, length int) (string, error) {
	out := make([]byte, 0, length)
	var b [1]byte
	for len(out) < length {
		alphabet := rest
		if len(out) == 0 {
			alphabet = first
		}
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return "", errors.Join(errors.New("no random numbers"), err)
		}
		if n := int(b[0]); n < 256-256%len(alphabet) { // without bias
			out = append(out, alphabet[n%len(alphabet)])
		}
	}
	return string(out), nil
}

// CheckPassword returns rekey.ErrInput naming the first part of the rule that
// the password breaks. It tells nothing of the password.
func CheckPassword(rule rekey.PasswordRule, account string, password rekey.Secret) error {
	text := password.Reveal()
	refuse := func(format string, a ...any) error {
		return fmt.Errorf("%w: new password: %s", rekey.ErrInput, fmt.Sprintf(format, a...))
	}
	switch {
	case len(text) < rule.Min || len(text) > rule.Max:
		return refuse("the model takes %d to %d characters", rule.Min, rule.Max)
	case strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r > 0x7e }):
		return refuse("the model takes unaccented letters, digits and signs of a US keyboard only")
	case strings.ContainsAny(text, rule.Forbidden):
		return refuse("the model refuses each of %q", rule.Forbidden)
	case rule.DigitsOnly && strings.Trim(text, allDigits) != "":
		return refuse("the model takes digits only")
	case classes(text) < rule.Classes:
		return refuse("the model wants at least %d of lower case, upper case, digits and signs", rule.Classes)
	case account != "" && strings.EqualFold(text, account):
		return refuse("it is the account's name")
	}
	return nil
}

// classes counts which of lower case, upper case, digits and signs occur.
func classes(s string) int {
	var seen [4]int
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z':
			seen[0] = 1
		case r >= 'A' && r <= 'Z':
			seen[1] = 1
		case r >= '0' && r <= '9':
			seen[2] = 1
		default:
			seen[3] = 1
		}
	}
	return seen[0] + seen[1] + seen[2] + seen[3]
}
