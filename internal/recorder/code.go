package recorder

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/totp"
	"rekey/seclog"
)

// Half is a log-in whose password was right and whose code is still to come. It
// opens nothing but Finish. It is in memory only: a restart between the two
// steps leads back to the password.
type Half struct {
	box     *Box
	account string
	from    Client
	epoch   uint64
	began   time.Duration
	over    bool // under tries
}

// Account is who wants to log in.
func (h *Half) Account() string { return h.account }

// halfLife is how long the code may be thought about.
const halfLife = 5 * time.Minute

// LogIn is Password for a door that can ask for a code. Where the account has a
// second factor a right password gives half a log-in instead of an epoch. It
// forgives no wrong code, so that nobody gets tries at the code by repeating it.
func (b *Box) LogIn(name string, pw rekey.Secret, from Client) (epoch uint64, half *Half, err error) {
	b.tries.Lock()
	defer b.tries.Unlock()
	if !b.SecondFactor(name).On {
		epoch, err = b.try(mainList, name, from, matches(pw))
		return epoch, nil, err
	}
	if err := b.holdFirst(name, pw, from, from.record(name, "2fa.asked", name, "password right")); err != nil {
		return 0, nil, err
	}
	return 0, &Half{box: b, account: name, from: from, epoch: b.Epoch(name), began: b.clock()}, nil
}

// holdFirst holds the password where a code comes after it. The caller holds tries.
func (b *Box) holdFirst(name string, pw rekey.Secret, from Client, records ...seclog.Record) error {
	if _, err := b.hold(mainList, name, from, matches(pw)); err != nil {
		return err
	}
	return b.commit(func(next *state) ([]seclog.Record, error) {
		b.setFails(next, name, next.Accounts[name].wrongCodes())
		return records, nil
	})
}

// HalfOpen tells whether half a log-in still waits for its code: it does not
// after five minutes, when the account was changed, or when it was finished.
func (b *Box) HalfOpen(h *Half) bool {
	b.tries.Lock()
	defer b.tries.Unlock()
	return b.halfOpen(h)
}

func (b *Box) halfOpen(h *Half) bool {
	return h.box == b && !h.over && b.clock()-h.began < halfLife && b.Epoch(h.account) == h.epoch && b.SecondFactor(h.account).On
}

// ErrHalfOver is the refusal of a code that comes too late.
var ErrHalfOver = fmt.Errorf("%w: the password was typed too long ago, or the account was changed since; log in again", rekey.ErrConflict)

// Finish takes the code of half a log-in, of the authenticator or of the sheet.
// What can be neither is rekey.ErrInput and costs nothing. A wrong one, or one
// that was used, is a *CodeError and a wrong try on the account: it is charged
// before it is compared, and the last one locks the account and ends this half.
func (b *Box) Finish(h *Half, typed rekey.Secret) (epoch uint64, err error) {
	code, err := parseCode(typed)
	if err != nil {
		return 0, err
	}
	b.tries.Lock()
	defer b.tries.Unlock()
	if !b.halfOpen(h) {
		return 0, ErrHalfOver
	}
	err = b.holdCode(h.account, code, h.from, func(next *state) ([]seclog.Record, error) {
		login := h.from.record(h.account, "login", h.account, "ok")
		login.Detail[detailSecond] = code.kind()
		return append([]seclog.Record{login}, next.trust(h.account, h.from)...), nil
	})
	h.over = err == nil || b.lockedFor(h.account) > 0
	if err != nil {
		return 0, err
	}
	return h.epoch, nil
}

// CodeError is the refusal of a code. It wraps the *rekey.LoginError that says
// how many tries are left.
type CodeError struct {
	Login *rekey.LoginError
	Used  bool // it was right once: each code is taken once
}

func (e *CodeError) Error() string { return e.Login.Error() }

// Unwrap returns the *rekey.LoginError.
func (e *CodeError) Unwrap() error { return e.Login }

// holdCode holds a code against the account's second factor. In one transaction
// a right one is used up, all wrong tries are forgiven, and change is made. Where
// change refuses, the code is used up all the same. The caller holds tries and
// has seen the right password.
func (b *Box) holdCode(name string, code typedCode, from Client, change func(next *state) ([]seclog.Record, error)) error {
	if left := b.lockedFor(name); left > 0 {
		return b.refuseLocked(name, from, left)
	}
	if err := b.charge(name, aCode); err != nil {
		return err
	}
	after, used := b.useCode(name, code)
	if after == nil {
		return b.refuseCode(name, from, code, used)
	}
	return b.settled(change, func(next *state) []seclog.Record {
		next.setSecond(name, after)
		b.setFails(next, name, 0)
		if code.totp != "" {
			return nil
		}
		r := from.record(name, "2fa.sheet.used", name, "ok")
		r.Detail["codes_left"] = strconv.Itoa(len(after.Sheet))
		return []seclog.Record{r}
	})
}

// settled makes a change in one transaction with the settling of the right tries
// that it was made by. Where change refuses, the tries are settled alone.
func (b *Box) settled(change func(next *state) ([]seclog.Record, error), settle func(next *state) []seclog.Record) error {
	var refusal error
	err := b.commit(func(next *state) ([]seclog.Record, error) {
		records := settle(next)
		more, err := change(next)
		refusal = err
		return append(records, more...), err
	})
	if refusal == nil {
		return err
	}
	return told(refusal, b.commit(func(next *state) ([]seclog.Record, error) { return settle(next), nil }))
}

// useCode gives the second factor without the code that was typed; nil = it does
// not fit. used tells of a code of the authenticator that was taken before.
func (b *Box) useCode(name string, code typedCode) (after *second, used bool) {
	next := *b.state().Accounts[name].Second
	if code.totp != "" {
		key, err := b.seal.open(next.Key, totpContext(name))
		if err != nil {
			return nil, false // a key that cannot be read fits nothing
		}
		step, fits, used := totp.Fits(key, code.totp, b.now(), next.Step)
		if !fits {
			return nil, used
		}
		next.Step = step
		return &next, false
	}
	at := -1
	for i, phc := range next.Sheet {
		if ok, err := argon.Fits(phc, code.sheet); err == nil && ok {
			at = i
		}
	}
	if at < 0 {
		return nil, false
	}
	next.Sheet = slices.Delete(slices.Clone(next.Sheet), at, at+1)
	return &next, false
}

func (b *Box) refuseCode(name string, from Client, code typedCode, used bool) error {
	result := "wrong"
	if used {
		result = "used before"
	}
	e, locked := b.wrong(name, from, "code not valid")
	r := from.record(name, "2fa.refused", name, result)
	r.Detail[detailSecond] = code.kind()
	return b.logged(&CodeError{Login: e, Used: used}, append([]seclog.Record{r}, locked...)...)
}

// The codes of a recovery sheet.
const (
	sheetCodes   = 8
	sheetSymbols = 12                                 // of 5 bits
	sheetLetters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // Crockford: no I L O U
)

// newSheet draws the codes of a sheet, as printed, and the hashes that are kept.
func (b *Box) newSheet() (sheet []rekey.Secret, hashes []string, err error) {
	for range sheetCodes {
		drawn := make([]byte, sheetSymbols)
		if _, err := io.ReadFull(b.rand, drawn); err != nil {
			return nil, nil, storageError("draw the recovery sheet", err)
		}
		for i := range drawn {
			drawn[i] = sheetLetters[int(drawn[i])%len(sheetLetters)]
		}
		phc, err := b.argon.Hash(rekey.NewSecret(string(drawn)), b.rand)
		if err != nil {
			return nil, nil, storageError("hash the recovery sheet", err)
		}
		hashes = append(hashes, phc)
		text := string(drawn)
		sheet = append(sheet, rekey.NewSecret(text[:4]+"-"+text[4:8]+"-"+text[8:]))
	}
	return sheet, hashes, nil
}

// typedCode is what was typed as a code; one of the two is set.
type typedCode struct {
	totp  string
	sheet rekey.Secret
}

func (c typedCode) kind() string {
	if c.totp != "" {
		return "authenticator"
	}
	return "recovery sheet"
}

// parseCode tells the two kinds of codes apart by their length. Blanks, dashes
// and case do not matter; O is read as 0, I and L as 1.
func parseCode(typed rekey.Secret) (typedCode, error) {
	text := strings.NewReplacer("-", "", " ", "", ".", "").Replace(strings.ToUpper(typed.Reveal()))
	if len(text) == totp.Digits && strings.Trim(text, "0123456789") == "" {
		return typedCode{totp: text}, nil
	}
	text = strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(text)
	if len(text) == sheetSymbols && strings.Trim(text, sheetLetters) == "" {
		return typedCode{sheet: rekey.NewSecret(text)}, nil
	}
	return typedCode{}, ErrCodeForm
}

// ErrCodeForm is the refusal of what can be no code. It costs nothing.
var ErrCodeForm = fmt.Errorf("%w: a code is %d digits of the authenticator, or %d symbols of the recovery sheet", rekey.ErrInput, totp.Digits, sheetSymbols)
