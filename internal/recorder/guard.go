package recorder

import (
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"rekey"
	"rekey/recovery"
	"rekey/seclog"
)

// support is the box's half of a temporary password. Only the local seat may
// come here; the LAN has no verb for it.
type support struct {
	mu      sync.Mutex
	guard   *recovery.Guard
	told    []recovery.Event // not yet in the security log
	asked   uint64           // epoch of the account when the newest challenge was shown; 0 = there was none
	granted uint64           // the same of the newest grant
	desks   desks            // whose answers the guard takes: see align
	why     string           // of the change that comes next
}

func newSupport(config recovery.GuardConfig) (*support, error) {
	s := &support{}
	config.Events = func(e recovery.Event) { s.told = append(s.told, e) } // under mu: every call of the guard is
	guard, err := recovery.NewGuard(config)
	s.guard = guard
	return s, err
}

// guarded runs one call of the guard and records what it told before anybody
// else learns how it ended.
func (b *Box) guarded(call func(*recovery.Guard) error) error {
	b.support.mu.Lock()
	defer b.support.mu.Unlock()
	err := b.align()
	if err == nil {
		err = call(b.support.guard)
	}
	if e := b.recordGuard(); e != nil {
		return e
	}
	return supportError(err)
}

// recordGuard writes the guard's events to the log. The caller holds support.mu.
func (b *Box) recordGuard() error {
	var records []seclog.Record
	for _, e := range b.support.told {
		records = append(records, guardRecord(e))
	}
	if err := b.log(records...); err != nil {
		return err
	}
	b.support.told = nil
	return nil
}

func guardRecord(e recovery.Event) seclog.Record {
	r := AtSeat().record("local seat", string(e.Kind), e.Account, e.Detail)
	r.Detail[detailGuardEvent] = fmt.Sprint(e.Seq)
	if e.Challenge != [32]byte{} {
		r.Detail["challenge_sha256"] = hex.EncodeToString(e.Challenge[:])
	}
	return r
}

// NewChallenge opens a challenge for a new password of the account and replaces
// the one before. It is refused with rekey.ErrLocked while a penalty runs or
// within 30 seconds of the last (*recovery.WaitError says how long), and with
// rekey.ErrUnsupported while the owner has support recovery switched off.
//
// A name that is no account gets its challenge, too, so that asking does not
// tell which names there are. Its answer opens nothing: see SubmitAnswer.
func (b *Box) NewChallenge(name string) (recovery.Challenge, error) {
	return b.NewChallengeFor(recovery.PurposePassword, name)
}

// NewChallengeFor is NewChallenge for another purpose. Of PurposeRelease and
// PurposeUnseal the account is AdminAccount; the one is refused with
// rekey.ErrConflict unless the recorder is activation-locked, the other unless
// its recordings are sealed and it is set up.
func (b *Box) NewChallengeFor(purpose recovery.Purpose, name string) (c recovery.Challenge, err error) {
	err = b.guarded(func(g *recovery.Guard) error {
		s := b.state()
		if err := s.mayAsk(purpose, name); err != nil {
			return err
		}
		if c, err = g.NewChallenge(name, purpose); err != nil {
			return err
		}
		b.support.asked = s.subject(purpose, name)
		return nil
	})
	return c, err
}

// mayAsk tells whether temporary passwords of that purpose are in use now.
func (s *state) mayAsk(purpose recovery.Purpose, name string) error {
	if purpose == recovery.PurposePassword {
		return s.mayRecover()
	}
	if name != AdminAccount {
		return fmt.Errorf("%w: a challenge to %s is for the account %s, not %q", rekey.ErrInput, purpose, AdminAccount, clip(name))
	}
	switch purpose {
	case recovery.PurposeRelease:
		return s.mayAskToRelease()
	case recovery.PurposeUnseal:
		return s.mayAskToUnseal()
	}
	return fmt.Errorf("%w: a challenge has no purpose %d", rekey.ErrInput, purpose)
}

// mayRecover tells whether temporary passwords are in use at all.
func (s *state) mayRecover() error {
	switch {
	case len(s.Accounts) == 0:
		return fmt.Errorf("%w: the recorder is in factory state; there is no password to recover", rekey.ErrConflict)
	case s.support() == SupportOff:
		return errSupportOff
	}
	return nil
}

var errSupportOff = fmt.Errorf("%w: the owner has switched off recovery by the support desk (PwdReset); an admin or the button remain", rekey.ErrUnsupported)

// mayAskToRelease goes by what held before the reset: the button switches
// nothing on.
func (s *state) mayAskToRelease() error {
	a := s.Activation
	switch {
	case a == nil:
		return theActivation.notClosed()
	case !a.Support && a.Cloud == nil:
		return errSupportWasOff
	}
	return nil
}

// mayAskToUnseal goes by what held before the reset, too. Whoever has set the
// recorder up since may have brought a desk of his own; that one has no say over
// the recordings of before.
func (s *state) mayAskToUnseal() error {
	k := s.Footage.Kept
	switch {
	case k == nil:
		return theFootage.notClosed()
	case len(s.Accounts) == 0:
		return conflict("the recorder is not set up; make the first set-up before the recordings are opened")
	case !k.Support:
		return errSupportWasOff
	case k.Desk != s.desk():
		return fmt.Errorf("%w: the recordings were sealed while another desk gave support; the recovery sheet or an admin's password of then open them", rekey.ErrUnsupported)
	case s.support() == SupportOff:
		return errSupportOff
	}
	return nil
}

var errSupportWasOff = fmt.Errorf("%w: recovery by the support desk was switched off when the recorder was reset", rekey.ErrUnsupported)

// subject is the epoch of what a temporary password is for; 0 = there is no such thing.
func (s *state) subject(purpose recovery.Purpose, name string) uint64 {
	switch {
	case purpose == recovery.PurposePassword:
		return s.Accounts[name].Epoch
	case purpose == recovery.PurposeRelease && s.Activation != nil:
		return s.Activation.Epoch
	case purpose == recovery.PurposeUnseal && s.Footage.Kept != nil:
		return s.Footage.Kept.Epoch
	}
	return 0
}

// SubmitAnswer tries the desk's answer, as typed, for this account. A mistyped
// one (*recovery.MistypedError, rekey.ErrInput) costs nothing; a wrong one
// (*recovery.WrongAnswerError, rekey.ErrDenied) is charged before it is
// compared. The grant lets its holder set one new password. Only the right
// answer for a name that is no account is told so (rekey.ErrNotFound): it took a
// case at the desk.
func (b *Box) SubmitAnswer(name, text string) (grant *recovery.Grant, err error) {
	err = b.guarded(func(g *recovery.Guard) error {
		s := g.State()
		if s.Open && s.Account != name {
			return fmt.Errorf("%w: the open challenge is for account %q, not %q", rekey.ErrConflict, s.Account, clip(name))
		}
		if s.Open {
			if err := b.outlived(g, s.Challenge.Purpose, name, b.support.asked); err != nil {
				return err
			}
		}
		if grant, err = g.Answer(text); err != nil {
			return err
		}
		if b.support.asked == 0 {
			g.Cancel(name, "no such account")
			return unknownAccount(name)
		}
		b.support.granted = b.support.asked
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, b.recordUncompared(name, err))
	}
	return grant, nil
}

// recordUncompared puts on record an answer that met no open challenge: one that
// was kept from an earlier challenge, or from before a reboot, is somebody's try.
// The guard tells of those that it compared.
func (b *Box) recordUncompared(name string, err error) error {
	for _, e := range []struct {
		is  error
		why string
	}{{recovery.ErrNoChallenge, "no open challenge"}, {recovery.ErrExpired, "expired"}, {rekey.ErrLocked, "penalty"}} {
		if errors.Is(err, e.is) {
			return b.log(AtSeat().record("local seat", "answer.refused", name, e.why))
		}
	}
	return nil
}

// outlived ends challenge and grant that outlived what they were for. It is the
// second wall: whatever ends them has cancelled them already.
func (b *Box) outlived(g *recovery.Guard, purpose recovery.Purpose, name string, epoch uint64) error {
	s := b.state()
	if err := s.mayAsk(purpose, name); err != nil {
		g.Cancel("", "switched off")
		return err
	}
	if s.subject(purpose, name) != epoch {
		g.Cancel(name, "account changed")
	}
	return nil
}

// cancelSupport ends challenge and grant of an account, or any with "".
func (b *Box) cancelSupport(name, why string) error {
	return b.guarded(func(g *recovery.Guard) error {
		g.Cancel(name, why)
		return nil
	})
}

// cancelPurpose ends a challenge and a grant of that purpose, which is done.
func (b *Box) cancelPurpose(purpose recovery.Purpose, why string) error {
	return b.guarded(func(g *recovery.Guard) error {
		s := g.State()
		if s.Open && s.Challenge.Purpose == purpose {
			g.Cancel(s.Account, why)
		}
		if s.GrantLeft > 0 && s.GrantPurpose == purpose {
			g.Cancel(s.GrantAccount, why)
		}
		return nil
	})
}

// SetPasswordByGrant sets the new password: policy first, which costs nothing;
// then the grant is used up; then one transaction of both hashes, the end of all
// sessions, what mistrust does, and the records.
func (b *Box) SetPasswordByGrant(grant *recovery.Grant, name string, new rekey.Secret) error {
	if err := b.CheckPassword(name, new); err != nil {
		return err
	}
	if grant != nil && grant.IsCode(new.Reveal()) {
		return &PolicyError{"code", "must not be the temporary password"}
	}
	b.tries.Lock()
	defer b.tries.Unlock()
	if _, known := b.state().Accounts[name]; !known {
		return unknownAccount(name)
	}
	err := b.guarded(func(g *recovery.Guard) error {
		if s := g.State(); s.GrantAccount == name && s.GrantPurpose == recovery.PurposePassword {
			if err := b.outlived(g, s.GrantPurpose, name, b.support.granted); err != nil {
				return err
			}
		}
		return g.Redeem(grant, name, recovery.PurposePassword)
	})
	if err != nil {
		return err
	}
	return b.setPassword(mainList, "local seat", name, new, AtSeat(), passwordWay{wayTemporary, nil})
}

// GuardState is what the seat's screen shows of challenge, tries and penalty.
func (b *Box) GuardState() (recovery.State, error) {
	var s recovery.State
	err := b.guarded(func(g *recovery.Guard) error {
		s = g.State()
		return nil
	})
	return s, err
}

// RequestQR is the text of the QR code for the open challenge, with the head of
// the security log. desk is the desk's host.
func (b *Box) RequestQR(desk string) (text string, err error) {
	head, err := b.logHead()
	if err != nil {
		return "", err
	}
	err = b.guarded(func(g *recovery.Guard) error {
		text, err = g.QR(desk, head)
		return err
	})
	return text, err
}

func (b *Box) logHead() (*recovery.LogHead, error) {
	c, err := seclog.OpenCheckpoint(b.journal.Checkpoint(), b.journal.Key())
	if err != nil {
		return nil, storageError("read the head of the security log", err)
	}
	return &recovery.LogHead{Size: c.Size, Root: c.Root}, nil
}

// EnableSupport allows temporary passwords again after 100 wrong answers, for an admin.
func (b *Box) EnableSupport(manager string) error {
	if err := b.state().mustBeAdmin(mainList, manager); err != nil {
		return err
	}
	return b.guarded((*recovery.Guard).Enable)
}

// restartSupport ends challenge and grant and lifts a lasting refusal, after a
// reset by the button.
func (b *Box) restartSupport() error {
	return b.guarded(func(g *recovery.Guard) error {
		g.Cancel("", "button reset")
		return g.Enable()
	})
}

// supportError gives the guard's refusals their kind.
func supportError(err error) error {
	var (
		mistyped *recovery.MistypedError
		wrong    *recovery.WrongAnswerError
		wait     *recovery.WaitError
		store    *recovery.StoreError
	)
	kind := func(k error) error { return fmt.Errorf("%w: %w", k, err) }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &mistyped), errors.Is(err, recovery.ErrRepeated), errors.Is(err, recovery.ErrAccount):
		return kind(rekey.ErrInput)
	case errors.As(err, &wrong), errors.Is(err, recovery.ErrNoGrant):
		return kind(rekey.ErrDenied)
	case errors.As(err, &wait), errors.Is(err, recovery.ErrDisabled):
		return kind(rekey.ErrLocked)
	case errors.Is(err, recovery.ErrNoChallenge):
		return kind(rekey.ErrConflict)
	case errors.As(err, &store):
		return kind(rekey.ErrStorage)
	}
	return err
}
