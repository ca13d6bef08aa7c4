package dahua

import (
	"fmt"
	"slices"

	"rekey"
)

// Security generations, as far as they show without a login.
const (
	withEnvelope    = "security baseline 2 or newer: first set-up, encrypted password changes (inferred)"
	withoutEnvelope = "first set-up but no envelope: passwords are encrypted by HTTPS alone (inferred)"
	withoutSetup    = "older: no first set-up (inferred)"
)

// inferredInit is where the bits of Init were learnt: 8 replies of recorders
// agree with the table that the maker's SDK gives for byInitStatus, but nobody
// documents that the two are the same.
const inferredInit = dhip + ", bits of Init (inferred)"

// readInitBits reads Init of a discovery reply: the lowest pair of bits tells of
// the first set-up, the fourth of the reset of the password.
func readInitBits(id *rekey.Identity, n int) {
	switch n & 3 {
	case 0: // knows no first set-up, so its accounts stand
		setInit(id, rekey.InitDone, inferredInit)
		id.Generation = withoutSetup
		note(id, "security generation", inferredInit)
	case 1:
		setInit(id, rekey.InitFactory, inferredInit)
	case 2:
		setInit(id, rekey.InitDone, inferredInit)
	}
	switch n >> 6 & 3 {
	case 1:
		id.Odd("reset-off", "It says that it does not reset its password, or that this is switched off (inferred): the ways that go by phone, e-mail or app may be refused, so try another account or the recorder's own screen first.")
	case 2:
		resets(id, inferredInit, "it says that it can reset its password (inferred)")
	}
}

// setInit takes the state of the first set-up in place of what was thought before.
func setInit(id *rekey.Identity, state rekey.InitState, from string) {
	const name = "factory-state"
	id.Init = state
	id.Learnt = slices.DeleteFunc(id.Learnt, func(f rekey.Fact) bool { return f.What == "init" })
	note(id, "init", from)
	id.Oddities = slices.DeleteFunc(id.Oddities, func(o rekey.Oddity) bool { return o.ID == name })
	if state == rekey.InitFactory {
		id.Odd(name, "It has not had its first set-up, so it has no password yet and takes the one of whoever comes first; set it up now, at its monitor or in its web page.")
	}
}

// resets adds ways in which the recorder says that it resets a password. One
// that says that it does not reset any has none, whatever letters it tells: what
// the bits mean is documented better.
func resets(id *rekey.Identity, from string, words ...string) {
	off := slices.ContainsFunc(id.Oddities, func(o rekey.Oddity) bool { return o.ID == "reset-off" })
	for _, w := range words {
		if off || slices.Contains(id.Resets, w) {
			continue
		}
		id.Resets = append(id.Resets, w)
		if !slices.Contains(id.Learnt, rekey.Fact{What: "resets", From: from}) {
			note(id, "resets", from)
		}
	}
}

// findLetters puts Find of a discovery reply or of DevInit.getStatus into words.
func findLetters(find string) []string {
	const most = 8
	var words []string
	for _, letter := range find[:min(len(find), most)] {
		switch letter {
		case 'A':
			words = append(words, "a code by phone (announced as A; one Intelbras document says so, not verified)")
		case 'B':
			words = append(words, "a code by e-mail (announced as B; one Intelbras document says so, not verified)")
		default:
			if letter > ' ' && letter < 0x7f {
				words = append(words, fmt.Sprintf("another way (announced as %c; no source says what it is)", letter))
			}
		}
	}
	return words
}
