package seat

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/recovery"
)

// words says an error as the screen does. told is false for a fault of the
// recorder, which is not for the screen.
func words(err error) (text string, told bool) {
	if e, ok := errors.AsType[*recorder.CodeError](err); ok {
		return refusedCodeWords(e), true
	}
	if errors.Is(err, recorder.ErrHalfOver) {
		return "The password was typed too long ago, or the user was changed since. Log in again.", true
	}
	if e, ok := errors.AsType[*rekey.LoginError](err); ok {
		return loginWords(e), true
	}
	if e, ok := errors.AsType[*recovery.MistypedError](err); ok {
		return mistypedWords(e), true
	}
	if e, ok := errors.AsType[*recovery.WrongAnswerError](err); ok {
		return wrongWords(e), true
	}
	if e, ok := errors.AsType[*recovery.WaitError](err); ok {
		return waitWords(e), true
	}
	if e, ok := errors.AsType[*recorder.PolicyError](err); ok {
		return "The new password " + e.Text + ".", true
	}
	if e, ok := errors.AsType[*badForm](err); ok {
		return e.text, true
	}
	switch {
	case errors.Is(err, recovery.ErrRepeated):
		return "That is the same wrong temporary password again. It cost nothing.", true
	case errors.Is(err, recovery.ErrDisabled):
		return "Temporary passwords are switched off after 100 wrong ones. An admin of the recorder can allow them again, or the button inside the recorder resets it.", true
	case errors.Is(err, recovery.ErrExpired):
		return "The challenge is older than 10 minutes. Get a new one; the old temporary password no longer fits.", true
	case errors.Is(err, recovery.ErrNoChallenge):
		return "No challenge is open. Get a new one first.", true
	case errors.Is(err, recovery.ErrNoGrant):
		return "The temporary password was used up or its time is over. Get a new challenge.", true
	case errors.Is(err, rekey.ErrUnsupported):
		return "Recovery by the support desk is switched off on this recorder. Another admin or the button inside the recorder remain.", true
	case errors.Is(err, rekey.ErrNotFound):
		return "There is no such user.", true
	case errors.Is(err, rekey.ErrInput):
		return "That cannot be right as typed. It cost nothing.", true
	case errors.Is(err, rekey.ErrConflict):
		return "Somebody else changed this meanwhile. Look again, then try again.", true
	}
	return "", false
}

// badForm is a form that was filled in wrongly, in the words of the screen. The
// box was not asked.
type badForm struct{ text string }

func (e *badForm) Error() string { return e.text }
func (e *badForm) Unwrap() error { return rekey.ErrInput }

func loginWords(e *rekey.LoginError) string {
	switch {
	case e.LockedFor > 0 && errors.Is(e.Kind, rekey.ErrLocked):
		return fmt.Sprintf("The user is locked for %s more. Leave the recorder switched on: after a restart the wait begins again.", span(e.LockedFor))
	case e.LockedFor > 0:
		return fmt.Sprintf("Wrong user name or password. The user is now locked for %s.", span(e.LockedFor))
	case e.TriesLeft == 1:
		return "Wrong user name or password. 1 try left before the user is locked."
	case e.TriesLeft >= 0:
		return fmt.Sprintf("Wrong user name or password. %d tries left before the user is locked.", e.TriesLeft)
	}
	return "Wrong user name or password."
}

func mistypedWords(e *recovery.MistypedError) string {
	const rest = " Nothing was spent: check it and type it again."
	switch {
	case e.Symbols != e.Form.Groups()*4 && len(e.Groups) == 0:
		return fmt.Sprintf("The temporary password has %d groups of 4 symbols; %d symbols were typed.", e.Form.Groups(), e.Symbols) + rest
	case e.Symbols != e.Form.Groups()*4:
		return fmt.Sprintf("The temporary password has %d groups of 4 symbols; %d symbols were typed, and group %d is the first that does not fit.", e.Form.Groups(), e.Symbols, e.Groups[0]) + rest
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

func wrongWords(e *recovery.WrongAnswerError) string {
	switch e.AttemptsLeft {
	case 0:
		return fmt.Sprintf("Wrong temporary password, and it was the last attempt. A new challenge can be had in %s; leave the recorder switched on.", span(e.Penalty))
	case 1:
		return "Wrong temporary password. 1 attempt left."
	}
	return fmt.Sprintf("Wrong temporary password. %d attempts left.", e.AttemptsLeft)
}

func waitWords(e *recovery.WaitError) string {
	if e.Penalty {
		return fmt.Sprintf("Too many wrong temporary passwords. A new challenge can be had in %s. Leave the recorder switched on: after a restart the wait begins again.", span(e.Left))
	}
	return fmt.Sprintf("A challenge was shown a moment ago. A new one can be had in %s.", span(e.Left))
}

// wrongGroups are the groups of a mistyped code, from 1.
func wrongGroups(err error) []int {
	if e, ok := errors.AsType[*recovery.MistypedError](err); ok {
		return e.Groups
	}
	return nil
}

// seconds rounds up: what is left is never shown as nothing.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// span says a time as people do.
func span(d time.Duration) string {
	n := seconds(d)
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

// policyWords says the password rule.
func policyWords(p rekey.PasswordRule) []string {
	length := fmt.Sprintf("%d to %d", p.Min, p.Max)
	if p.Min == p.Max {
		length = strconv.Itoa(p.Min)
	}
	list := []string{length + " characters, without blanks"}
	if p.Classes > 1 {
		list = append(list, fmt.Sprintf("at least %d of: lower case, upper case, digits, signs", p.Classes))
	}
	if p.Forbidden != "" {
		list = append(list, "none of "+spaced(p.Forbidden))
	}
	return append(list, "not the user name, not the old or temporary password, and none that everybody tries first")
}

func spaced(s string) string {
	out := ""
	for i, c := range s {
		if i > 0 {
			out += " "
		}
		out += string(c)
	}
	return out
}
