package recorder

import (
	"errors"
	"strconv"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/seclog"
)

// A try is one password or proof held against one account. All interfaces come
// through here, one try at a time: it is charged and saved before anything is
// compared, so that neither a power cut nor a crowd of clients gets more
// comparisons than the lock policy allows.

// Prove runs proof against the account's digest secret: HA1, the lower-hex
// MD5(account:realm:password). A refusal is a *rekey.LoginError; proof is not
// run where the account is locked. Any other error is rekey.ErrStorage and means
// refused as well. proof must not call the box.
//
// A name that is no account takes the same time, counts down and locks as one
// that is.
func (b *Box) Prove(name string, from Client, proof func(ha1 string) bool) (epoch uint64, err error) {
	b.tries.Lock()
	defer b.tries.Unlock()
	return b.try(b.listOf(from.Via), name, from, b.digest(name, proof))
}

// ProvePassword is Prove for proofs that are made from the password itself.
func (b *Box) ProvePassword(name string, from Client, proof func(password string) bool) (epoch uint64, err error) {
	b.tries.Lock()
	defer b.tries.Unlock()
	return b.try(b.listOf(from.Via), name, from, b.sealed(name, proof))
}

// ProveAgain is for a client that goes on with a nonce with which it has proved
// itself before: a proof that holds is neither charged nor logged. One that does
// not hold is charged before the refusal is told.
func (b *Box) ProveAgain(name string, from Client, proof func(ha1 string) bool) (epoch uint64, err error) {
	return b.again(name, from, b.digest(name, proof))
}

// ProvePasswordAgain is ProveAgain for proofs that are made from the password itself.
func (b *Box) ProvePasswordAgain(name string, from Client, proof func(password string) bool) (epoch uint64, err error) {
	return b.again(name, from, b.sealed(name, proof))
}

func (b *Box) again(name string, from Client, compare func(account) bool) (epoch uint64, err error) {
	b.tries.Lock()
	defer b.tries.Unlock()
	l := b.listOf(from.Via)
	if a, known := b.state().accounts(l)[name]; known && b.lockedFor(name) == 0 && compare(a) {
		return a.Epoch, nil
	}
	return b.try(l, name, from, func(account) bool { return false })
}

// Password holds a typed password against the account's argon2id hash.
func (b *Box) Password(name string, pw rekey.Secret, from Client) (epoch uint64, err error) {
	b.tries.Lock()
	defer b.tries.Unlock()
	return b.try(b.listOf(from.Via), name, from, matches(pw))
}

func matches(pw rekey.Secret) func(account) bool {
	return func(a account) bool {
		ok, err := argon.Fits(a.Hash, pw)
		return ok && err == nil // a hash that cannot be read fits nothing
	}
}

func (b *Box) digest(name string, proof func(ha1 string) bool) func(account) bool {
	return func(a account) bool {
		ha1, err := b.seal.open(a.HA1, ha1Context(b.sealedFor(a, name)))
		return err == nil && proof(string(ha1))
	}
}

// sealed opens the password. An account of an earlier rekey has none kept until
// its password is set again, and fits nothing.
func (b *Box) sealed(name string, proof func(password string) bool) func(account) bool {
	return func(a account) bool {
		pw, err := b.seal.open(a.Sealed, sealedContext(b.sealedFor(a, name)))
		return err == nil && proof(string(pw))
	}
}

// sealedFor is the name under which the account's secrets lie.
func (b *Box) sealedFor(a account, name string) string {
	if a.Hash == b.nobody.Hash {
		return nobodyName
	}
	return name
}

// try charges, compares and settles. The caller holds tries.
func (b *Box) try(l list, name string, from Client, compare func(account) bool) (uint64, error) {
	epoch, err := b.hold(l, name, from, compare)
	if err != nil {
		return 0, err
	}
	return epoch, b.accept(l, clip(name), from)
}

// hold charges and compares. What was charged is for the caller to settle, who
// holds tries.
func (b *Box) hold(l list, name string, from Client, compare func(account) bool) (uint64, error) {
	name = clip(name) // changes no account's name
	if left := b.lockedFor(name); left > 0 {
		return 0, b.refuseLocked(name, from, left)
	}
	if err := b.charge(name, aPassword); err != nil {
		return 0, err
	}
	a, known := b.state().accounts(l)[name]
	if !known {
		a = b.nobody
	}
	if good := compare(a); !good || !known {
		return 0, b.refuse(l, name, from)
	}
	return a.Epoch, nil
}

// What a try is charged for.
const (
	aPassword = false
	aCode     = true
)

// charge counts the try before it is made. For a name that is no account the
// file is written just the same: it must not answer sooner.
func (b *Box) charge(name string, code bool) error {
	return b.commit(func(next *state) ([]seclog.Record, error) {
		if p := next.lockPolicyOf(name); p.Enabled && b.fails(next, name) >= p.Tries {
			b.setFails(next, name, 0) // the lock is over, or lockedFor had refused
			delete(b.lockedAt, name)
		}
		b.setFails(next, name, b.fails(next, name)+1)
		if code {
			next.countCode(name)
		}
		return nil, nil
	})
}

// accept settles a right password. Where the account has a second factor that
// was not asked for, its wrong codes stay counted: see second.
func (b *Box) accept(l list, name string, from Client) error {
	return b.commit(func(next *state) ([]seclog.Record, error) {
		a := next.Accounts[name]
		b.setFails(next, name, a.wrongCodes())
		login := from.record(name, "login", name, "ok")
		if a.asksCode() {
			if from.Via != rekey.InterfaceSeat && from.Via != rekey.InterfaceWeb {
				login.Detail[detailSecond] = "not asked: " + string(from.Via) + " cannot give a code"
			}
			return []seclog.Record{login}, nil
		}
		if l != mainList {
			return []seclog.Record{login}, nil
		}
		return append([]seclog.Record{login}, next.trust(name, from)...), nil
	})
}

// refuse logs a wrong try, and the lock that it may have brought.
func (b *Box) refuse(l list, name string, from Client) error {
	e, locked := b.wrong(name, from, "user or password not valid")
	records := append([]seclog.Record{from.record(name, "login.refused", name, "wrong")}, locked...)
	write := b.log
	if _, known := b.state().accounts(l)[name]; !known {
		write = b.logStranger
	}
	return told(e, write(records...))
}

// told is a refusal, and with it what went wrong while it was recorded.
func told(refusal, recording error) error {
	if recording != nil {
		return errors.Join(refusal, recording)
	}
	return refusal
}

// logged is a refusal that is on record.
func (b *Box) logged(refusal error, records ...seclog.Record) error {
	return told(refusal, b.log(records...))
}

// wrong is the refusal of a try that was charged, and the record of the lock
// where that was the last one.
func (b *Box) wrong(name string, from Client, said string) (e *rekey.LoginError, locked []seclog.Record) {
	p := b.state().lockPolicyOf(name)
	e = &rekey.LoginError{Kind: rekey.ErrDenied, Interface: from.Via, Account: name, TriesLeft: -1, Said: said}
	if p.Enabled {
		e.TriesLeft = max(0, p.Tries-b.fails(b.state(), name))
	}
	if e.TriesLeft == 0 {
		e.LockedFor = b.lockedFor(name)
		locked = append(locked, from.record("recorder", "account.locked", name, e.LockedFor.String()))
	}
	return e, locked
}

func (b *Box) refuseLocked(name string, from Client, left time.Duration) error {
	e := &rekey.LoginError{Kind: rekey.ErrLocked, Interface: from.Via, Account: name, TriesLeft: 0, LockedFor: left, Said: "account locked"}
	r := from.record(name, "login.refused", name, "locked")
	r.Detail["seconds_left"] = strconv.Itoa(int(left / time.Second))
	_, err := b.logHeldDown(r)
	return told(e, err)
}

// lockedFor is how long the account stays locked; 0 = it is not. The start of
// the lock lives in memory only, so that after a power cut it runs in full. The
// caller holds tries.
func (b *Box) lockedFor(name string) time.Duration {
	s := b.state()
	p := s.lockPolicyOf(name)
	if !p.Enabled || b.fails(s, name) < p.Tries {
		delete(b.lockedAt, name)
		return 0
	}
	now := b.clock()
	at, ok := b.lockedAt[name]
	if !ok || now < at {
		b.lockedAt[name] = now
		at = now
	}
	return max(0, at+p.LockFor-now)
}

// forgive forgets every wrong password: under the policy before they could not
// lock, or not yet. Wrong codes stay: see second. The caller holds tries.
func (b *Box) forgive(next *state) {
	for name, a := range next.Accounts {
		b.setFails(next, name, a.wrongCodes())
	}
	clear(b.lockedAt)
	clear(b.strangers)
}

// settleLocks forgets the wrong tries of locks that have run out. The caller
// holds tries.
func (b *Box) settleLocks() error {
	var over []string
	s := b.state()
	for name, a := range s.Accounts {
		p := s.lockPolicyOf(name)
		if p.Enabled && a.Fails >= p.Tries && b.lockedFor(name) == 0 {
			over = append(over, name)
		}
	}
	if len(over) == 0 {
		return nil
	}
	return b.commit(func(next *state) ([]seclog.Record, error) {
		for _, name := range over {
			b.setFails(next, name, 0)
		}
		return nil, nil
	})
}
