package recorder

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"rekey"
	"rekey/seclog"
)

// phone is a phone that stays logged in, with the web page as its app. It is part of
// the account's password: a new password ends it.
type phone struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Hash  []byte    `json:"hash"` // SHA-256 of the token
	Since time.Time `json:"since"`
}

// Phone is a paired phone as the pages list it.
type Phone struct {
	ID, Name string
	Since    time.Time
}

// Bounds of paired phones.
const (
	MaxPhones    = 8 // of one account
	maxPhoneName = 40
	phoneLife    = 30 * 24 * time.Hour // of wall clock
	phoneToken   = 16                  // bytes
	phoneID      = 8                   // bytes
)

// phonesLeft are those that are still paired.
func phonesLeft(phones []phone, now time.Time) []phone {
	over := func(p phone) bool { return !now.Before(p.Since.Add(phoneLife)) }
	if !slices.ContainsFunc(phones, over) {
		return phones
	}
	return slices.DeleteFunc(slices.Clone(phones), over)
}

// phoneName makes a name that a list can show of whatever was sent as one.
func phoneName(sent string) string {
	shown := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, sent[:min(len(sent), 4*maxPhoneName)])
	runes := []rune(strings.TrimSpace(shown))
	if len(runes) == 0 {
		return "phone"
	}
	return strings.TrimSpace(string(runes[:min(len(runes), maxPhoneName)]))
}

// Pair keeps a phone logged in for 30 days. The account is logged in with epoch.
// What is not printable in the name is left out. A ninth phone is refused with
// rekey.ErrConflict.
func (b *Box) Pair(account string, epoch uint64, name string, from Client) (token rekey.Secret, err error) {
	drawn := make([]byte, phoneToken+phoneID)
	if _, err := io.ReadFull(b.rand, drawn); err != nil {
		return rekey.Secret{}, storageError("draw the token of a phone", err)
	}
	secret, id := drawn[:phoneToken], hex.EncodeToString(drawn[phoneToken:])
	hash := sha256.Sum256(secret)
	made := phone{ID: id, Name: phoneName(name), Hash: hash[:], Since: b.Now().Truncate(time.Second)}
	b.tries.Lock()
	defer b.tries.Unlock()
	err = b.commit(func(next *state) ([]seclog.Record, error) {
		a, known := next.Accounts[account]
		if !known || a.Epoch != epoch {
			return nil, fmt.Errorf("%w: the session is over; log in again", rekey.ErrDenied)
		}
		left := phonesLeft(a.Phones, b.Now())
		if len(left) >= MaxPhones {
			return nil, conflict(fmt.Sprintf("the account has %d phones; take one off the list first", MaxPhones))
		}
		a.Phones = append(slices.Clone(left), made)
		next.Accounts[account] = a
		return []seclog.Record{phoneRecord(from.record(account, "phone.pair", account, "ok"), made)}, nil
	})
	if err != nil {
		return rekey.Secret{}, err
	}
	return rekey.NewSecret(hex.EncodeToString(secret)), nil
}

func phoneRecord(r seclog.Record, p phone) seclog.Record {
	r.Detail["phone"], r.Detail["phone_id"] = p.Name, p.ID
	return r
}

// Paired tells whose phone has the token; ok is false once it is over. It is to
// be asked with every request that comes by the token: that is how unpairing a
// phone ends what it has open. epoch is the account's present one.
func (b *Box) Paired(token rekey.Secret) (account string, epoch uint64, ok bool) {
	secret, err := hex.DecodeString(token.Reveal())
	if err != nil || len(secret) != phoneToken {
		return "", 0, false
	}
	hash := sha256.Sum256(secret)
	now := b.Now()
	for name, a := range b.state().Accounts {
		for _, p := range a.Phones {
			if subtle.ConstantTimeCompare(p.Hash, hash[:]) == 1 && during(p.Since, phoneLife, now) {
				account, epoch, ok = name, a.Epoch, true
			}
		}
	}
	return account, epoch, ok
}

// Phones are the paired phones of the account, oldest first.
func (b *Box) Phones(account string) []Phone {
	var all []Phone
	for _, p := range phonesLeft(b.state().Accounts[account].Phones, b.Now()) {
		all = append(all, Phone{ID: p.ID, Name: p.Name, Since: p.Since})
	}
	return all
}

// Unpair ends one of the account's own phones; an admin's, anybody's.
func (b *Box) Unpair(actor, account, id string, from Client) error {
	b.tries.Lock()
	defer b.tries.Unlock()
	return b.commit(func(next *state) ([]seclog.Record, error) {
		if actor != account {
			if err := next.mustBeAdmin(mainList, actor); err != nil {
				return nil, err
			}
		}
		a := next.Accounts[account]
		at := slices.IndexFunc(a.Phones, func(p phone) bool { return p.ID == id })
		if at < 0 {
			return nil, fmt.Errorf("%w: account %q has no such phone", rekey.ErrNotFound, clip(account))
		}
		gone := a.Phones[at]
		a.Phones = slices.Delete(slices.Clone(a.Phones), at, at+1)
		next.Accounts[account] = a
		if actor != account {
			next.tell(account, b.notice("phone.unpair", actor))
		}
		return []seclog.Record{phoneRecord(from.record(actor, "phone.unpair", account, "ok"), gone)}, nil
	})
}
