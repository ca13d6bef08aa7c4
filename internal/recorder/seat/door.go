package seat

import (
	"errors"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/say"
	"rekey/recovery"
)

// door is the right to set one new password and to do nothing else. A temporary
// password gives it, and an activation code.
type door interface {
	name() string             // what opened it, for a person
	left() time.Duration      // 0 = it is over
	isCode(typed string) bool // whether that was typed to open it
	set(new rekey.Secret) error
}

const (
	temporaryPassword = "temporary password"
	activationCode    = "activation code"
)

// byDesk is the door that a temporary password opens.
type byDesk struct {
	box   *recorder.Box
	grant *recovery.Grant
}

func (d byDesk) name() string             { return temporaryPassword }
func (d byDesk) isCode(typed string) bool { return d.grant.IsCode(typed) }
func (d byDesk) set(new rekey.Secret) error {
	return d.box.SetPasswordByGrant(d.grant, d.grant.Account, new)
}

func (d byDesk) left() time.Duration {
	state, err := d.box.GuardState()
	if err != nil {
		return 0 // no log, no rights
	}
	return state.GrantLeft
}

// byAdmin is the door that an activation code opens.
type byAdmin struct {
	box   *recorder.Box
	grant *recorder.CodeGrant
}

func (d byAdmin) name() string             { return activationCode }
func (d byAdmin) left() time.Duration      { return d.box.CodeGrantLeft(d.grant) }
func (d byAdmin) isCode(typed string) bool { return d.grant.IsCode(typed) }
func (d byAdmin) set(new rekey.Secret) error {
	return d.box.SetPasswordByCode(d.grant, new, recorder.AtSeat())
}

// setThrough sets the new password by whom the door is open for. When it is
// refused, it is about the old one, unless the error says otherwise. A wrong old
// one costs nothing: who gets here has proved to know the right one.
func setThrough(d door, old, new rekey.Secret) error {
	_, err := recovery.ParseAnswer(old.Reveal())
	if e, ok := errors.AsType[*recovery.MistypedError](err); ok {
		return &say.BadForm{Text: say.Mistyped("The "+d.name(), e)}
	}
	if err != nil || !d.isCode(old.Reveal()) {
		return &say.BadForm{Text: "This is not the " + d.name() + " that you logged in with."}
	}
	return d.set(new)
}

// ofActivation is the refusal of an activation code.
type ofActivation struct{ error }

func (e ofActivation) Unwrap() error { return e.error }

// noCodeWaits is the refusal of a password that looks like a code.
type noCodeWaits struct{ *rekey.LoginError }

func (e noCodeWaits) Unwrap() error { return e.LoginError }

// loginRefusal is words where a code may have been typed.
func loginRefusal(err error) (text string, told bool) {
	if e, ok := errors.AsType[noCodeWaits](err); ok {
		return say.Login(e.LoginError) + " If it was a temporary password or an activation code: it was used, or it is over.", true
	}
	if _, ok := errors.AsType[ofActivation](err); !ok {
		return words(err)
	}
	if e, ok := errors.AsType[*recovery.MistypedError](err); ok {
		return say.Mistyped("The activation code", e), true
	}
	if errors.Is(err, recorder.ErrCodeRefused) {
		return "This is not the activation code. It works once, for 24 hours, and the fifth wrong one ends it. An admin can make a new one.", true
	}
	return words(err)
}
