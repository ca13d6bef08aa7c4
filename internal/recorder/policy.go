package recorder

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rekey"
)

// PolicyError says why a password was not taken. It wraps rekey.ErrInput and
// never holds the password.
type PolicyError struct {
	Rule string // length, characters, forbidden, classes, blocklist, account, code, same
	Text string // for a person
}

func (e *PolicyError) Error() string { return "the new password " + e.Text }

// Unwrap returns rekey.ErrInput.
func (e *PolicyError) Unwrap() error { return rekey.ErrInput }

// Policy is what a password must look like.
func (b *Box) Policy() rekey.PasswordRule { return b.traits.Rule }

// CheckPassword refuses, with a *PolicyError, what the rule does not allow as
// the account's new password. It costs nothing.
func (b *Box) CheckPassword(account string, pw rekey.Secret) error {
	return checkPassword(b.traits.Rule, account, pw.Reveal())
}

// checkPassword refuses what the rule does not allow, naming the first rule broken.
func checkPassword(r rekey.PasswordRule, account, pw string) error {
	switch n := len(pw); {
	case n < r.Min || n > r.Max:
		return &PolicyError{"length", fmt.Sprintf("must have %s characters, not %d", span(r.Min, r.Max), n)}
	case strings.IndexFunc(pw, func(c rune) bool { return c <= ' ' || c > '~' }) >= 0:
		return &PolicyError{"characters", "must be of letters, digits and signs of plain ASCII, without blanks"}
	case strings.ContainsAny(pw, r.Forbidden):
		return &PolicyError{"forbidden", "must not hold any of the characters " + strings.Join(strings.Split(r.Forbidden, ""), " ")}
	case classes(pw) < r.Classes:
		return &PolicyError{"classes", "must mix at least " + countWord(r.Classes) + " of: lower case, upper case, digits, signs"}
	case strings.EqualFold(pw, account):
		return &PolicyError{"account", "must not be the account's name"}
	case slices.Contains(blocklist, strings.ToLower(pw)):
		return &PolicyError{"blocklist", "is on the list of passwords that everybody tries first"}
	}
	return nil
}

func countWord(n int) string {
	return [...]string{"none", "one", "two", "three", "four"}[min(max(n, 0), 4)]
}

// span is "8 to 32", or "6" where there is one length only.
func span(low, high int) string {
	if low == high {
		return strconv.Itoa(low)
	}
	return fmt.Sprintf("%d to %d", low, high)
}

func classes(pw string) int {
	var lower, upper, digit, sign int
	for _, c := range pw {
		switch {
		case c >= 'a' && c <= 'z':
			lower = 1
		case c >= 'A' && c <= 'Z':
			upper = 1
		case c >= '0' && c <= '9':
			digit = 1
		default:
			sign = 1
		}
	}
	return lower + upper + digit + sign
}

// blocklist holds, in lower case, what fits the rule and is tried first
// wherever recorders are attacked. It is matched whole, never as a part.
var blocklist = []string{
	"password1", "password12", "password123", "password1234", "password!", "password1!", "password@1", "passw0rd", "p@ssw0rd", "p@ssword", "p@ssw0rd1", "pa$$w0rd",
	"admin123", "admin1234", "admin12345", "admin123456", "admin@123", "admin@1234", "admin#123", "admin!123", "admin_123", "admin888", "admin2020", "admin2021", "admin2022", "admin2023", "admin2024", "admin2025", "admin2026", "administrator1",
	"lorex123", "lorex1234", "lorex@123", "lorexadmin1", "dahua123", "dahua1234", "dahua@123", "amcrest1", "amcrest123", "hikvision1", "hik12345", "hik12345+", "nvr12345", "dvr12345", "cctv1234", "cctv12345", "camera123", "camera1234", "security1", "security123",
	"qwerty12", "qwerty123", "qwerty1234", "qwer1234", "1q2w3e4r", "1q2w3e4r5t", "1qaz2wsx", "q1w2e3r4", "zaq12wsx", "abc12345", "abcd1234", "abcd12345", "abc123456", "a1234567", "a12345678", "a123456789", "12345678a", "123456789a", "1234abcd", "123456ab",
	"welcome1", "welcome123", "letmein1", "letmein123", "changeme1", "changeme123", "default1", "test1234", "user1234", "root1234", "system123", "service123", "installer1", "installer123", "iloveyou1", "sunshine1", "football1", "baseball1", "princess1", "superman1", "trustno1", "monkey123", "dragon123", "master123", "login123", "hello123", "888888aa", "88888888a", "666666aa", "11111111a", "00000000a", "aa123456", "aa12345678",
}
