package transport

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable is what a recorder said as one short line that a terminal shows as
// it is: no control characters of any kind, none that turn the writing round,
// and at most 120 characters.
func Printable(s string) string {
	const most = 120
	if len(s) > 16*most { // of a long answer only the beginning is looked at
		s = s[:16*most]
	}
	s = strings.Join(strings.Fields(strings.Map(visible, s)), " ")
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "..."
	}
	return s
}

// visible leaves a blank in place of what cannot be seen.
func visible(r rune) rune {
	if r == utf8.RuneError || !unicode.IsPrint(r) {
		return ' '
	}
	return r
}
