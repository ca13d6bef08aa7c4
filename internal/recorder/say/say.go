// Package say holds what the recorder's pages say of refusals, records and
// services, so that the screen in front of the box and its web page say the same.
package say

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/recovery"
)

// Login says why a log-in was refused, how many tries are left, and how long a
// lock lasts.
func Login(e *rekey.LoginError) string {
	switch {
	case e.LockedFor > 0 && errors.Is(e.Kind, rekey.ErrLocked):
		return fmt.Sprintf("The user is locked for %s more. Leave the recorder switched on: after a restart the wait begins again.", Span(e.LockedFor))
	case e.LockedFor > 0:
		return fmt.Sprintf("Wrong user name or password. The user is now locked for %s.", Span(e.LockedFor))
	case e.TriesLeft == 1:
		return "Wrong user name or password. 1 try left before the user is locked."
	case e.TriesLeft >= 0:
		return fmt.Sprintf("Wrong user name or password. %d tries left before the user is locked.", e.TriesLeft)
	}
	return "Wrong user name or password."
}

// Code says why a code of the second factor was refused.
func Code(e *recorder.CodeError) string {
	text := "Wrong code."
	if e.Used {
		text = "That code was used already; each is taken once. Wait for the next one."
	}
	switch {
	case e.Login.LockedFor > 0:
		return fmt.Sprintf("%s The user is now locked for %s.", text, Span(e.Login.LockedFor))
	case e.Login.TriesLeft == 1:
		return text + " 1 try left before the user is locked."
	case e.Login.TriesLeft >= 0:
		return fmt.Sprintf("%s %d tries left before the user is locked.", text, e.Login.TriesLeft)
	}
	return text
}

// Mistyped says which groups of a code are mistyped; what is what the code is
// called, as "The temporary password".
func Mistyped(what string, e *recovery.MistypedError) string {
	const rest = " Nothing was spent: check it and type it again."
	switch {
	case e.Symbols != e.Form.Groups()*4 && len(e.Groups) == 0:
		return fmt.Sprintf("%s has %d groups of 4 symbols; %d symbols were typed.", what, e.Form.Groups(), e.Symbols) + rest
	case e.Symbols != e.Form.Groups()*4:
		return fmt.Sprintf("%s has %d groups of 4 symbols; %d symbols were typed, and group %d is the first that does not fit.", what, e.Form.Groups(), e.Symbols, e.Groups[0]) + rest
	case len(e.Groups) == 1:
		return fmt.Sprintf("Group %d is mistyped.", e.Groups[0]) + rest
	}
	list := fmt.Sprint(e.Groups[0])
	for i, g := range e.Groups[1:] {
		if i == len(e.Groups)-2 {
			list += fmt.Sprintf(" and %d", g)
		} else {
			list += fmt.Sprintf(", %d", g)
		}
	}
	return "Groups " + list + " are mistyped." + rest
}

// Seconds rounds up: what is left is never shown as nothing.
func Seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// Span says a time as people do.
func Span(d time.Duration) string {
	n := Seconds(d)
	switch {
	case n == 1:
		return "1 second"
	case n < 120:
		return fmt.Sprintf("%d seconds", n)
	case n < 2*3600:
		return fmt.Sprintf("%d min %02d s", n/60, n%60)
	}
	return fmt.Sprintf("%d h %02d min", n/3600, n%3600/60)
}

// Policy says the password rule.
func Policy(p rekey.PasswordRule) []string {
	length := fmt.Sprintf("%d to %d", p.Min, p.Max)
	if p.Min == p.Max {
		length = strconv.Itoa(p.Min)
	}
	list := []string{length + " characters, without blanks"}
	if p.Classes > 1 {
		list = append(list, fmt.Sprintf("at least %d of: lower case, upper case, digits, signs", p.Classes))
	}
	if p.Forbidden != "" {
		list = append(list, "none of "+strings.Join(strings.Split(p.Forbidden, ""), " "))
	}
	return append(list, "not the user name, not the old or temporary password, and none that everybody tries first")
}

// LooksLikeCode: three groups of four have fitting check symbols. A password
// does by chance once in 8,000, and then only if it has 16 symbols; an answer or
// an activation code still does with one group mistyped.
func LooksLikeCode(typed rekey.Secret) bool {
	right := 0
	for _, g := range recovery.FormAnswer.GroupStates(typed.Reveal()) {
		if g == recovery.GroupRight {
			right++
		}
	}
	return right >= 3
}
