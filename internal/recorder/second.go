package recorder

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"rekey"
	"rekey/internal/totp"
	"rekey/seclog"
)

// second is the second factor of an account: a TOTP key and a sheet of one-time
// codes for the day on which the telephone is gone. It is asked for at the local
// seat and at the web page. Programs on the LAN cannot give a code; for them the
// password alone is enough, and each such login says so on record.
//
// Without a key it asks for nothing: it is an admin's recovery sheet alone, for
// the day after a reset by the button.
//
// A second is never modified, only replaced.
type second struct {
	Key   []byte   `json:"key,omitempty"`   // of TOTP, sealed
	Step  int64    `json:"step,omitempty"`  // newest step whose code was taken; none up to it is taken again
	Sheet []string `json:"sheet,omitempty"` // argon2id of each code that was not used yet
	// Wrong is how many of the account's Fails are wrong codes. A right password
	// forgives the others only: who knows it must not get new tries at the code.
	Wrong int `json:"wrong_codes,omitempty"`
}

func totpContext(name string) string { return "recorder TOTP key\x00" + name }

// asksCode tells whether a log-in at a door that can ask for a code needs one.
func (a account) asksCode() bool { return a.Second != nil && len(a.Second.Key) > 0 }

// wrongCodes are the wrong codes among the account's Fails.
func (a account) wrongCodes() int {
	if a.Second == nil {
		return 0
	}
	return a.Second.Wrong
}

// fewerWrongCodes keeps them at no more than the account's Fails.
func (a account) fewerWrongCodes(most int) account {
	if a.wrongCodes() > most {
		fewer := *a.Second
		fewer.Wrong = most
		a.Second = &fewer
	}
	return a
}

// countCode counts the account's newest try as one of a code.
func (s *state) countCode(name string) {
	if a := s.Accounts[name]; a.Second != nil {
		more := *a.Second
		more.Wrong++
		a.Second = &more
		s.Accounts[name] = a
	}
}

// setSecond replaces or, with nil, removes the second factor.
func (s *state) setSecond(name string, to *second) {
	a := s.Accounts[name]
	a.Second = to
	s.Accounts[name] = a
}

// secondFactors names the accounts that have one.
func (s *state) secondFactors() []string {
	names := slices.Sorted(maps.Keys(s.Accounts))
	return slices.DeleteFunc(names, func(name string) bool { return !s.Accounts[name].asksCode() })
}

// SecondFactor is what the page of an account tells of it.
type SecondFactor struct {
	On        bool
	SheetLeft int // codes of the recovery sheet that were not used yet; there may be one without the factor
}

// SecondFactor tells whether the account has one.
func (b *Box) SecondFactor(name string) SecondFactor {
	a := b.state().Accounts[name]
	if a.Second == nil {
		return SecondFactor{}
	}
	return SecondFactor{On: a.asksCode(), SheetLeft: len(a.Second.Sheet)}
}

// offerLife is how long an offered key waits for its first code.
const offerLife = 10 * time.Minute

// Offer is a new TOTP key that is shown and not in use yet. It is in memory
// only; a restart ends it.
type Offer struct {
	box     *Box
	account string
	label   string
	issuer  string
	epoch   uint64
	key     []byte
	made    time.Duration
}

// Key is the key as a person types it: base32 in groups of four.
func (o *Offer) Key() rekey.Secret { return rekey.NewSecret(totp.Typed(o.key)) }

// URL is the key as the QR code for an authenticator app holds it.
func (o *Offer) URL() rekey.Secret { return rekey.NewSecret(totp.URL(o.issuer, o.label, o.key)) }

// OfferSecond draws a TOTP key for somebody who is logged in and types the
// password once more. Nothing is in use until ConfirmSecond.
func (b *Box) OfferSecond(name string, pw rekey.Secret, from Client) (*Offer, error) {
	b.tries.Lock()
	defer b.tries.Unlock()
	if b.SecondFactor(name).On {
		return nil, errSecondOn
	}
	epoch, err := b.try(mainList, name, from, matches(pw))
	if err != nil {
		return nil, err
	}
	o := &Offer{
		box: b, account: name, label: name + "@" + b.id.Info.DeviceID, issuer: b.id.Vendor + " " + b.id.Model,
		epoch: epoch, key: make([]byte, totp.KeyLen), made: b.clock(),
	}
	if _, err := io.ReadFull(b.rand, o.key); err != nil {
		return nil, storageError("draw a TOTP key", err)
	}
	return o, b.log(from.record(name, "2fa.offered", name, "ok"))
}

var errSecondOn = fmt.Errorf("%w: the account has a second factor already; switch it off first", rekey.ErrConflict)

// OfferOpen tells whether the offer can still be confirmed.
func (b *Box) OfferOpen(o *Offer) bool {
	return o != nil && o.box == b && b.clock()-o.made < offerLife && b.Epoch(o.account) == o.epoch && !b.SecondFactor(o.account).On
}

// ConfirmSecond switches the second factor on, once a code of the offered key
// was shown to work. It gives the codes of the recovery sheet, this one time,
// ends all sessions of the account, and gives the epoch for the one that goes on.
//
// A code that does not fit is a *CodeError and costs nothing: who types it has
// the key before his eyes.
func (b *Box) ConfirmSecond(o *Offer, typed rekey.Secret, from Client) (sheet []rekey.Secret, epoch uint64, err error) {
	code, err := parseCode(typed)
	if err != nil {
		return nil, 0, err
	}
	b.tries.Lock()
	defer b.tries.Unlock()
	if !b.OfferOpen(o) {
		return nil, 0, fmt.Errorf("%w: the offered key is no longer waiting for a code; begin again", rekey.ErrConflict)
	}
	step, fits, _ := totp.Fits(o.key, code.totp, b.now(), 0)
	if !fits {
		e := &rekey.LoginError{Kind: rekey.ErrDenied, Interface: from.Via, Account: o.account, TriesLeft: -1, Said: "code not valid"}
		return nil, 0, b.logged(&CodeError{Login: e}, from.record(o.account, "2fa.refused", o.account, "wrong, not switched on"))
	}
	made, sheet, err := b.newSecond(o, step)
	if err != nil {
		return nil, 0, err
	}
	err = b.commit(func(next *state) ([]seclog.Record, error) {
		a := next.Accounts[o.account]
		if a.Epoch != o.epoch || a.asksCode() {
			return nil, fmt.Errorf("%w: account %q was changed by somebody else meanwhile", rekey.ErrConflict, o.account)
		}
		a.Second, a.Phones = made, nil // phones were paired without a code
		next.put(mainList, o.account, a)
		epoch = next.Epoch
		return []seclog.Record{
			from.record(o.account, "2fa.on", o.account, "ok"),
			from.record(o.account, "2fa.sheet", o.account, "ok"),
			from.record("recorder", "sessions.revoked", o.account, "ok"),
		}, nil
	})
	if err != nil {
		return nil, 0, err
	}
	return sheet, epoch, b.cancelSupport(o.account, "second factor switched on")
}

func (b *Box) newSecond(o *Offer, step int64) (*second, []rekey.Secret, error) {
	key, err := b.seal.seal(o.key, totpContext(o.account))
	if err != nil {
		return nil, nil, storageError("seal the TOTP key", err)
	}
	sheet, hashes, err := b.newSheet()
	return &second{Key: key, Step: step, Sheet: hashes}, sheet, err
}

// SwitchOffSecond removes the second factor and its sheet, for somebody who
// types both the password and a code.
func (b *Box) SwitchOffSecond(name string, pw, typed rekey.Secret, from Client) error {
	b.tries.Lock()
	defer b.tries.Unlock()
	if !b.SecondFactor(name).On {
		return errNoSecond
	}
	return b.holdBoth(name, pw, typed, from, func(next *state) ([]seclog.Record, error) {
		next.setSecond(name, nil)
		return []seclog.Record{from.record(name, "2fa.off", name, "ok")}, nil
	})
}

// NewSheet makes or replaces the recovery sheet, for somebody who types the
// password and, where the account has a second factor, a code. The codes of the
// sheet before are worth nothing any more. Without a second factor a sheet is of
// use to admins only, as it opens what a reset closes; others get rekey.ErrConflict.
func (b *Box) NewSheet(name string, pw, typed rekey.Secret, from Client) ([]rekey.Secret, error) {
	sheet, hashes, err := b.newSheet()
	if err != nil {
		return nil, err
	}
	b.tries.Lock()
	defer b.tries.Unlock()
	if a := b.state().Accounts[name]; !a.asksCode() && a.Group != GroupAdmin {
		return nil, errNoSecond
	}
	err = b.step(name, pw, typed, from, func(next *state) ([]seclog.Record, error) {
		made := &second{Sheet: hashes}
		if before := next.Accounts[name].Second; before != nil {
			*made = *before
			made.Sheet = hashes
		}
		next.setSecond(name, made)
		return []seclog.Record{from.record(name, "2fa.sheet", name, "ok")}, nil
	})
	if err != nil {
		return nil, err
	}
	return sheet, nil
}

var errNoSecond = fmt.Errorf("%w: the account has no second factor", rekey.ErrConflict)

// step makes one change for who knows the password and has a code, where the
// account asks for one. The caller holds tries.
func (b *Box) step(name string, pw, typed rekey.Secret, from Client, change func(next *state) ([]seclog.Record, error)) error {
	if b.SecondFactor(name).On {
		return b.holdBoth(name, pw, typed, from, change)
	}
	if _, err := b.hold(mainList, name, from, matches(pw)); err != nil {
		return err
	}
	return b.settled(change, func(next *state) []seclog.Record {
		b.setFails(next, name, next.Accounts[name].wrongCodes())
		return nil
	})
}

// holdBoth is step where a code is asked for. The password is held first; a code
// is not looked at while it is wrong.
func (b *Box) holdBoth(name string, pw, typed rekey.Secret, from Client, change func(next *state) ([]seclog.Record, error)) error {
	code, err := parseCode(typed)
	if err != nil {
		return err
	}
	if err := b.holdFirst(name, pw, from); err != nil {
		return err
	}
	return b.holdCode(name, code, from, change)
}
