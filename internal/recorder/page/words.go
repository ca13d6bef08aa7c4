package page

import (
	"errors"
	"net/http"
	"strings"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/say"
	"rekey/internal/web"
)

// told says a refusal for a person; ok is false for a fault of the recorder.
func told(err error) (text string, ok bool) {
	if e, is := errors.AsType[*say.BadForm](err); is {
		return e.Text, true
	}
	if e, is := errors.AsType[*neither](err); is {
		return e.words(), true
	}
	if e, is := errors.AsType[*recorder.CodeError](err); is {
		return say.Code(e), true
	}
	if errors.Is(err, recorder.ErrHalfOver) {
		return "The password was typed too long ago, or the user was changed since. Log in again.", true
	}
	if errors.Is(err, recorder.ErrCodeGrantOver) {
		return "The activation code was typed too long ago, or the user was changed since. Ask an admin for a new code.", true
	}
	if e, is := errors.AsType[*rekey.LoginError](err); is {
		return say.Login(e), true
	}
	if e, is := errors.AsType[*recorder.PolicyError](err); is {
		return "The new password " + e.Text + ".", true
	}
	for _, kind := range []error{rekey.ErrInput, rekey.ErrConflict, rekey.ErrDenied, rekey.ErrLocked, rekey.ErrNotFound, rekey.ErrBudget} {
		if errors.Is(err, kind) {
			return sentence(strings.TrimPrefix(err.Error(), kind.Error()+": ")), true
		}
	}
	return "", false
}

func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}

// codeTold is told where the form has a code of the second factor.
func codeTold(err error) (text string, ok bool) {
	if _, bad := errors.AsType[*say.BadForm](err); !bad && errors.Is(err, rekey.ErrInput) {
		return "A code is the six digits that the authenticator shows now, or three groups of four from the recovery sheet. Nothing was spent.", true
	}
	return told(err)
}

// refused is what a page says of err; it has failed the request where ok is false.
func refused(w http.ResponseWriter, r *http.Request, err error, say func(error) (string, bool)) (text string, status int, ok bool) {
	if err == nil {
		return "", http.StatusOK, true
	}
	text, ok = say(err)
	if !ok {
		web.Fail(w, r, err)
		return "", 0, false
	}
	if errors.Is(err, rekey.ErrBudget) {
		w.Header().Set("Retry-After", "60")
	}
	return text, web.ProblemOf(err).Status, true
}
