package desk

import (
	"strings"
	"unicode/utf8"

	"rekey"
)

// The lengths of an agent's password, in characters. No rule asks for kinds of
// characters; length is what helps.
const (
	minPassword = 15
	maxPassword = 256
)

// checkPassword refuses what NIST SP 800-63B and OWASP ASVS 6.2 refuse: too
// short, the agent's own name, one character or a short piece again and again.
// The whole password is compared, never a part of it: a random one may hold a
// short name by chance.
func checkPassword(name string, password rekey.Secret) error {
	text := password.Reveal()
	n := utf8.RuneCountInString(text)
	switch {
	case !utf8.ValidString(text):
		return refuse(rekey.ErrInput, "the password is not UTF-8 text")
	case n < minPassword:
		return refuse(rekey.ErrInput, "the password has %d characters, expected at least %d; a few random words do well", n, minPassword)
	case n > maxPassword:
		return refuse(rekey.ErrInput, "the password has %d characters, expected at most %d", n, maxPassword)
	case repeats(text):
		return refuse(rekey.ErrInput, "the password is a short piece repeated; a few random words do well")
	case strings.EqualFold(text, name):
		return refuse(rekey.ErrInput, "the password is the agent's name")
	}
	return nil
}

// repeats reports whether text is a piece of at most four bytes over and over.
func repeats(text string) bool {
	for n := 1; n <= 4; n++ {
		if len(text) > n && text[n:] == text[:len(text)-n] {
			return true
		}
	}
	return false
}
