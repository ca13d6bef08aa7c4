package recorder

import (
	"fmt"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/recovery"
	"rekey/seclog"
)

// activationCode waits for the account that it lets in once. It is replaced,
// never modified.
type activationCode struct {
	Hash  string    `json:"hash"` // argon2id
	By    string    `json:"by"`
	Since time.Time `json:"since"`
	Fails int       `json:"fails,omitempty"`
}

const (
	codeLife    = 24 * time.Hour // of wall clock
	codeGuesses = 5
	grantLife   = 10 * time.Minute // of boot clock
)

// endWhatIsOver takes codes and phones away for good whose time is over, so that
// a clock set back brings none of them to life again.
func (s *state) endWhatIsOver(now time.Time) []seclog.Record {
	var records []seclog.Record
	for name, a := range s.Accounts {
		if why := s.codeOver(a.Code, now); why != "" {
			a.Code = nil
			records = append(records, seclog.Record{Actor: "recorder", Event: "user.code.over", Object: name, Result: why})
		}
		a.Phones = phonesLeft(a.Phones, now)
		s.Accounts[name] = a
	}
	return records
}

// codeOver says why a code lets nobody in any more; "" = it does, or there is
// none. It is over, too, when the clock stands before its making. And it is worth
// no more than who made it: an admin who was thrown out has left no door open.
func (s *state) codeOver(c *activationCode, now time.Time) (why string) {
	switch {
	case c == nil:
		return ""
	case !during(c.Since, codeLife, now):
		return "its time is over, or the clock was set back"
	case s.mustBeAdmin(mainList, c.By) != nil:
		return "who made it is no admin any more"
	}
	return ""
}

func during(since time.Time, life time.Duration, now time.Time) bool {
	return !now.Before(since) && now.Before(since.Add(life))
}

// NewActivationCode lets the account in once, within 24 hours, to set a password
// of its own choice. It is how an admin helps another user, without ever
// choosing or knowing the password. Its form is that of an answer of the desk.
// One that waited for the account is worth nothing any more.
func (b *Box) NewActivationCode(manager, name string, by StepUp, from Client) (rekey.Secret, error) {
	code, made, err := b.drawCode(manager)
	if err != nil {
		return rekey.Secret{}, err
	}
	mayHelp := func(s *state) error {
		if manager == name {
			return fmt.Errorf("%w: nobody makes an activation code for himself; change the password, or ask another admin", rekey.ErrDenied)
		}
		if _, known := s.Accounts[name]; !known {
			return unknownAccount(name)
		}
		return nil
	}
	err = b.weighty(manager, by, from, mayHelp, func(next *state) []seclog.Record {
		delete(b.codeGrants, name)
		next.setCode(name, made)
		next.tell(name, b.notice("user.code", manager))
		return []seclog.Record{from.record(manager, "user.code", name, "ok")}
	})
	if err != nil {
		return rekey.Secret{}, err
	}
	return code, nil
}

// Invite makes an account that nobody can log in to, and its activation code.
// Of a, the fields Name, Group and Memo count.
func (b *Box) Invite(manager string, a rekey.Account, rights []Right, by StepUp, from Client) (rekey.Secret, error) {
	if err := CheckName(a.Name); err != nil {
		return rekey.Secret{}, err
	}
	if err := CheckProfile(a.Group, a.Memo); err != nil {
		return rekey.Secret{}, err
	}
	if err := checkRights(rights); err != nil {
		return rekey.Secret{}, err
	}
	made, err := b.withoutPassword(account{Group: a.Group, Memo: a.Memo, Denied: without(a.Group, rights...)}, a.Name)
	if err != nil {
		return rekey.Secret{}, err
	}
	code, waits, err := b.drawCode(manager)
	if err != nil {
		return rekey.Secret{}, err
	}
	made.Code = waits
	mayInvite := func(s *state) error { return s.mayAdd(mainList, a.Name) }
	err = b.weighty(manager, by, from, mayInvite, func(next *state) []seclog.Record {
		next.put(mainList, a.Name, made)
		return []seclog.Record{
			profileRecord(from.record(manager, "user.add", a.Name, "invited"), made),
			from.record(manager, "user.code", a.Name, "ok"),
		}
	})
	if err != nil {
		return rekey.Secret{}, err
	}
	return code, nil
}

func (b *Box) drawCode(manager string) (rekey.Secret, *activationCode, error) {
	drawn, err := recovery.DrawAnswer(b.rand)
	if err != nil {
		return rekey.Secret{}, nil, storageError("draw an activation code", err)
	}
	code := rekey.NewSecret(drawn.Reveal())
	phc, err := b.argon.Hash(code, b.rand)
	if err != nil {
		return rekey.Secret{}, nil, storageError("hash the activation code", err)
	}
	return code, &activationCode{Hash: phc, By: manager, Since: b.Now().Truncate(time.Second)}, nil
}

func (s *state) setCode(name string, c *activationCode) {
	a := s.Accounts[name]
	a.Code = c
	s.Accounts[name] = a
}

// ActivationCode tells whether a code waits for the account, and until when.
func (b *Box) ActivationCode(name string) (until time.Time, open bool) {
	c := b.state().Accounts[name].Code
	if c == nil || !during(c.Since, codeLife, b.Now()) {
		return time.Time{}, false
	}
	return c.Since.Add(codeLife), true
}

// NoPassword tells whether nobody has set the account's password yet, so that only
// an activation code lets it in.
func (b *Box) NoPassword(name string) bool { return b.state().Accounts[name].Unset }

// CodeGrant is the right to set one new password, by an activation code. It is
// in memory only.
type CodeGrant struct {
	account string
	by      string // who made the code
	code    recovery.Answer
	epoch   uint64
	began   time.Duration
}

// Format prints whose grant it is and never the code, whatever the verb.
func (g *CodeGrant) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "grant for %q", g.account) }

// Account is whose password may be set.
func (g *CodeGrant) Account() string { return g.account }

// IsCode tells whether text is the activation code that gave the grant.
func (g *CodeGrant) IsCode(text string) bool {
	typed, err := recovery.ParseAnswer(text)
	return err == nil && typed.Equal(g.code)
}

// ErrCodeRefused is the refusal of an activation code: it is wrong, was used, is
// over, or there is none. Which of these it is would tell who waits for one.
var ErrCodeRefused = fmt.Errorf("%w: the activation code is wrong, used or over; it lasts 24 hours and ends with the fifth wrong try. An admin can make a new one", rekey.ErrDenied)

// ErrCodeGrantOver is the refusal of a new password that comes too late.
var ErrCodeGrantOver = fmt.Errorf("%w: the activation code was typed too long ago, or the account was changed since; ask an admin for a new code", rekey.ErrDenied)

// SubmitActivationCode takes the code as typed. A mistyped one
// (*recovery.MistypedError) costs nothing; a wrong one is charged before it is
// compared, and the fifth ends the code. A right one is used up. Every refusal is
// ErrCodeRefused and takes the same time.
func (b *Box) SubmitActivationCode(name, text string, from Client) (*CodeGrant, error) {
	typed, err := recovery.ParseAnswer(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", rekey.ErrInput, err)
	}
	name = clip(name) // changes no account's name
	b.tries.Lock()
	defer b.tries.Unlock()
	waits, err := b.chargeCode(name)
	if err != nil {
		return nil, err
	}
	phc := b.nobody.Hash
	if waits != nil {
		phc = waits.Hash
	}
	if fits, err := argon.Fits(phc, rekey.NewSecret(typed.Reveal())); err != nil || !fits || waits == nil {
		return nil, b.refuseActivation(name, waits, from)
	}
	err = b.commit(func(next *state) ([]seclog.Record, error) {
		next.setCode(name, nil)
		return []seclog.Record{from.record(name, "user.code.used", name, "ok")}, nil
	})
	if err != nil {
		return nil, err
	}
	g := &CodeGrant{account: name, by: waits.By, code: typed, epoch: b.Epoch(name), began: b.clock()}
	b.codeGrants[name] = g
	return g, nil
}

// chargeCode counts the guess before it is compared, and gives the code that it
// is to be compared with; nil = none waits. With the fifth guess the code is gone
// already.
func (b *Box) chargeCode(name string) (waits *activationCode, err error) {
	err = b.commit(func(next *state) ([]seclog.Record, error) {
		over := next.endWhatIsOver(b.Now())
		if waits = next.Accounts[name].Code; waits == nil {
			return over, nil // written just the same: it must not answer sooner
		}
		charged := *waits
		charged.Fails++
		waits = &charged
		if charged.Fails < codeGuesses {
			next.setCode(name, waits)
		} else {
			next.setCode(name, nil)
		}
		return over, nil
	})
	return waits, err
}

func (b *Box) refuseActivation(name string, waits *activationCode, from Client) error {
	refused := from.record(name, "user.code.refused", name, "none waits")
	if waits == nil {
		return told(ErrCodeRefused, b.logStranger(refused))
	}
	refused.Result = "wrong"
	if waits.Fails >= codeGuesses {
		return b.logged(ErrCodeRefused, refused, from.record("recorder", "user.code.over", name, "too many wrong tries"))
	}
	return b.logged(ErrCodeRefused, refused)
}

// CodeGrantLeft is how long the grant lasts; 0 = it is over.
func (b *Box) CodeGrantLeft(g *CodeGrant) time.Duration {
	b.tries.Lock()
	defer b.tries.Unlock()
	return b.grantLeft(g)
}

func (b *Box) grantLeft(g *CodeGrant) time.Duration {
	if g == nil || b.codeGrants[g.account] != g || b.Epoch(g.account) != g.epoch || b.state().mustBeAdmin(mainList, g.by) != nil {
		return 0
	}
	return max(0, g.began+grantLife-b.clock())
}

// SetPasswordByCode sets the new password; the second factor of the account
// stays. The account and the admin who made the code are told.
func (b *Box) SetPasswordByCode(g *CodeGrant, new rekey.Secret, from Client) error {
	if g == nil {
		return ErrCodeGrantOver
	}
	if err := b.CheckPassword(g.account, new); err != nil {
		return err
	}
	if g.IsCode(new.Reveal()) {
		return &PolicyError{"code", "must not be the activation code"}
	}
	b.tries.Lock()
	defer b.tries.Unlock()
	if b.grantLeft(g) == 0 {
		return ErrCodeGrantOver
	}
	if err := b.setPassword(mainList, g.account, g.account, new, from, passwordWay{wayCode, []string{g.account, g.by}}); err != nil {
		return err
	}
	delete(b.codeGrants, g.account)
	return nil
}
