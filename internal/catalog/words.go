package catalog

import (
	"fmt"
	"strings"

	"rekey"
)

// RuleWords says a password rule to a person.
func RuleWords(r rekey.PasswordRule) string {
	size := fmt.Sprintf("%d to %d", r.Min, r.Max)
	if r.Min == r.Max {
		size = fmt.Sprint(r.Min)
	}
	if r.DigitsOnly {
		return size + " digits"
	}
	words := size + " characters"
	if r.Classes > 1 {
		words += fmt.Sprintf(", at least %d of lower case, upper case, digits, signs", r.Classes)
	}
	if signs := strings.ReplaceAll(r.Forbidden, " ", ""); signs != "" {
		words += ", none of " + strings.Join(strings.Split(signs, ""), " ")
	}
	return words
}

// Words says the lock to a person.
func (l Lock) Words() string {
	words := fmt.Sprintf("%d wrong tries lock it for %d minutes", l.Tries, l.Minutes)
	if l.PowerCycle {
		words += ", or until it is switched off and on"
	}
	return words
}

// CertaintyWords says what a mark of certainty means to who reads the fact.
func CertaintyWords(c rekey.Certainty) string {
	switch c {
	case rekey.Verified:
		return "verified: read in the sources named"
	case rekey.Inferred:
		return "inferred: carried over from the series, its maker or its relatives"
	}
	return "unverified: somebody says so, or it is taken on the safe side"
}

// FactWords is the name of a fact as a label.
func FactWords(name string) string {
	words := strings.ReplaceAll(name, "_", " ")
	for from, to := range map[string]string{"oem": "made by", "device id": "Device ID"} {
		words = strings.Replace(words, from, to, 1)
	}
	return strings.ToUpper(words[:1]) + words[1:]
}
