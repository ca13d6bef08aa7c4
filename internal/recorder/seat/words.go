package seat

import (
	"errors"
	"fmt"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/say"
	"rekey/recovery"
)

// words says an error as the screen does. told is false for a fault of the
// recorder, which is not for the screen.
func words(err error) (text string, told bool) {
	if e, ok := errors.AsType[*recorder.CodeError](err); ok {
		return say.Code(e), true
	}
	if errors.Is(err, recorder.ErrHalfOver) {
		return "The password was typed too long ago, or the user was changed since. Log in again.", true
	}
	if errors.Is(err, recorder.ErrCodeGrantOver) {
		return "The activation code was typed too long ago, or the user was changed since. Ask an admin for a new code.", true
	}
	if e, ok := errors.AsType[*rekey.LoginError](err); ok {
		return say.Login(e), true
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
	if e, ok := errors.AsType[*say.BadForm](err); ok {
		return e.Text, true
	}
	switch {
	case errors.Is(err, recovery.ErrRepeated):
		return "That is the same wrong temporary password again. It cost nothing.", true
	case errors.Is(err, recovery.ErrDisabled):
		return "Temporary passwords are switched off after 100 wrong ones. An admin of the recorder can allow them again, or the reset button of the recorder resets it.", true
	case errors.Is(err, recovery.ErrExpired):
		return "The challenge is older than 10 minutes. Get a new one; the old temporary password no longer fits.", true
	case errors.Is(err, recovery.ErrNoChallenge):
		return "No challenge is open. Get a new one first.", true
	case errors.Is(err, recovery.ErrNoGrant):
		return "The temporary password was used up or its time is over. Get a new challenge.", true
	case errors.Is(err, rekey.ErrUnsupported):
		return "Recovery by the support desk is switched off on this recorder. Another admin or the reset button of the recorder remain.", true
	case errors.Is(err, rekey.ErrNotFound):
		return "There is no such user.", true
	case errors.Is(err, rekey.ErrInput):
		return "That cannot be right as typed. It cost nothing.", true
	case errors.Is(err, rekey.ErrConflict):
		return "Somebody else changed this meanwhile. Look again, then try again.", true
	}
	return "", false
}

func mistypedWords(e *recovery.MistypedError) string {
	return say.Mistyped("The temporary password", e)
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

func seconds(d time.Duration) int { return say.Seconds(d) }

func span(d time.Duration) string { return say.Span(d) }

func policyWords(p rekey.PasswordRule) []string { return say.Policy(p) }
