package job

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rekey"
	"rekey/internal/durable"
)

const (
	// cautiousTries is taken for the recorder's limit while nobody has told it:
	// the lowest that was seen in the field (Lorex LNR400).
	cautiousTries = 3
	// keptBack is how many tries rekey leaves to the person.
	keptBack = 1
	// cautiousLock is taken for the length of a lock when the recorder does not
	// tell it: the longest that was seen in the field.
	cautiousLock = 30 * time.Minute
	// longestLock is the longest lock that is believed: one that lies further
	// ahead was told wrongly, or the operator's clock was set back since.
	longestLock = 24 * time.Hour
	// mostTries is the highest limit that is believed, and the highest that was
	// seen in the field. A recorder that tells more gets no more wrong tries.
	mostTries = 10
)

// budget is the login budget of one recorder, on disk, shared by all
// interfaces, processes and runs. It implements rekey.Tries.
type budget struct {
	file    string
	now     func() time.Time
	assumed int // the catalogue's limit, while the recorder has not told its own
	// accepted: the risk of the last try was accepted by name. last: that try is
	// still to be had; a login that succeeds gives it back.
	accepted, last bool
	// told, when set, is called for each try that was booked, before it is made,
	// with how many Spend would have given, this one counted; 0 = the accepted last one.
	told func(account string, left int)
	// wrong is when this process met a refusal.
	wrong []time.Time
}

// spent is what is booked for one account. Time alone gives no try back: that a
// recorder forgets wrong tries is not known of any. A right password does, and
// a lock that has run out.
type spent struct {
	Limit  int       `json:"limit,omitempty"` // tries before the recorder locks, as it told; 0 = not told
	Wrong  int       `json:"wrong"`
	Locked time.Time `json:"locked_until,omitzero"`
}

// openBudget is the budget of the recorder with that key (Runner.Recognise).
func openBudget(dir, key string, now func() time.Time) (*budget, error) {
	b := &budget{file: keyFile(dir, key, ".json"), now: now}
	return b, storageError(durable.MkdirAll(filepath.Dir(b.file)))
}

// keyFile names a file of one recorder; keys hold addresses and serials of any shape.
func keyFile(dir, key, ending string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(dir, "tries", hex.EncodeToString(sum[:8])+ending)
}

// Spend books a try before it is made, and refuses the one that could lock.
func (b *budget) Spend(account string) error {
	left := 0
	err := b.update(account, func(s spent) (spent, error) {
		next, err := s.spend(b.now(), b.limitOf(s))
		left = b.limitOf(s) - keptBack - next.Wrong + 1
		if errors.Is(err, rekey.ErrBudget) && b.last {
			b.last = false
			left = 0
			next, err = s, nil
			next.Wrong++
		}
		if err != nil {
			return s, fmt.Errorf("account %q: %w", account, err)
		}
		return next, nil
	})
	if err == nil && b.told != nil {
		b.told(account, left)
	}
	return err
}

// Settle books how the try ended.
func (b *budget) Settle(account string, result error) error {
	if result == nil {
		b.last = b.accepted
	} else if isRefusal(result) {
		b.wrong = append(b.wrong, b.now())
	}
	return b.update(account, func(s spent) (spent, error) { return s.settle(b.now(), b.limitOf(s), result), nil })
}

// triesWords say what a try costs.
func triesWords(account string, left int) string {
	if left < 1 {
		return fmt.Sprintf("this try on %q is the last before it may lock; that risk was accepted by name", account)
	}
	return fmt.Sprintf("one of %d tries that rekey may spend on %q; %d is kept for you", left, account, keptBack)
}

// room is how many tries Spend would still give.
func (b *budget) room(account string) (n int, err error) {
	err = b.update(account, func(s spent) (spent, error) {
		n = b.limitOf(s) - keptBack - s.Wrong
		return s, nil
	})
	return n, err
}

// standing is how many wrong tries are booked since the last right password.
func (b *budget) standing(account string) (n int, err error) {
	err = b.update(account, func(s spent) (spent, error) {
		n = s.Wrong
		return s, nil
	})
	return n, err
}

// Booked is what the login budget holds for one account of a recorder.
type Booked struct {
	Limit  int // tries before the recorder locks, as it told; 0 = not told
	Wrong  int
	Locked time.Time // until when; zero = not locked, as far as rekey saw
}

// Booked reads the login budget. A recorder that was never met has none booked.
// Nothing is written.
func (r *Runner) Booked(id rekey.Identity, t rekey.Target, account string) (Booked, error) {
	_, key, err := r.Recognise(id, t)
	if err != nil {
		return Booked{}, err
	}
	b := &budget{file: keyFile(r.Dir, key, ".json")}
	all, err := b.read()
	s := all[fold(account)]
	return Booked(s), err
}

// limitOf is what the recorder told, else the catalogue, else the lowest seen.
func (b *budget) limitOf(s spent) int { return cmp.Or(s.Limit, b.assumed, cautiousTries) }

func (s spent) spend(now time.Time, limit int) (spent, error) {
	if now.Before(s.Locked) && s.Locked.Sub(now) <= longestLock {
		return s, fmt.Errorf("%w until %s; wait, without any other login, as a try would prolong it", rekey.ErrLocked, s.Locked.Format(time.DateTime))
	}
	if !s.Locked.IsZero() {
		s.Locked, s.Wrong = time.Time{}, 0
	}
	if s.Wrong >= limit-keptBack {
		return s, fmt.Errorf("%w: the next wrong try may lock it, and that one is yours: be sure of the password, then accept the risk by name with --accept-risk %s",
			rekey.ErrBudget, rekey.RiskLockAccount)
	}
	s.Wrong++
	return s, nil
}

func (s spent) settle(now time.Time, limit int, result error) spent {
	var refused *rekey.LoginError
	switch {
	case result == nil:
		s.Wrong, s.Locked = 0, time.Time{}
	case errors.As(result, &refused):
		if refused.TriesLeft >= 0 { // it was refused, whatever the limit is: one stands at least
			s.Wrong = max(limit-refused.TriesLeft, 1)
		}
		if errors.Is(refused.Kind, rekey.ErrLocked) {
			s.Locked = now.Add(min(cmp.Or(max(refused.LockedFor, 0), cautiousLock), longestLock))
		}
	}
	return s
}

// limit takes over what the recorder says of its lock policy, which is one for
// all accounts.
func (b *budget) limit(account string, tries int) error {
	return b.limits(account, func(spent) int { return min(tries, mostTries) })
}

// limitAtMost is for a policy that is about to be set: what holds before it and
// after it is not more.
func (b *budget) limitAtMost(account string, tries int) error {
	return b.limits(account, func(s spent) int { return min(tries, b.limitOf(s)) })
}

func (b *budget) limits(account string, of func(spent) int) error {
	return b.edit(func(all map[string]spent) error {
		if _, booked := all[fold(account)]; !booked {
			all[fold(account)] = spent{}
		}
		for name, s := range all {
			s.Limit = of(s)
			all[name] = s
		}
		return nil
	})
}

// forget is for a recorder in factory state: its accounts and its count are gone.
func (b *budget) forget() error {
	return b.edit(func(all map[string]spent) error {
		clear(all)
		return nil
	})
}

// lift is for a recorder whose lock may be gone, as a person says who has reset
// it: one try may be made, and no more.
func (b *budget) lift(account string) error {
	return b.update(account, func(s spent) (spent, error) {
		if b.now().Before(s.Locked) {
			s.Locked, s.Wrong = time.Time{}, max(b.limitOf(s)-keptBack-1, 0)
		}
		return s, nil
	})
}

// fold brings the spellings of an account together that a recorder may take for
// one: Admin and admin share their tries.
func fold(account string) string { return strings.ToLower(strings.TrimSpace(account)) }

// update changes what is booked for an account.
func (b *budget) update(account string, change func(spent) (spent, error)) error {
	return b.edit(func(all map[string]spent) error {
		next, err := change(all[fold(account)])
		if err == nil {
			all[fold(account)] = next
		}
		return err
	})
}

// edit changes what is booked; other processes wait.
func (b *budget) edit(change func(map[string]spent) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	unlock, err := durable.Lock(ctx, b.file+".lock")
	if err != nil {
		return fmt.Errorf("%w: login budget: %w", rekey.ErrStorage, err)
	}
	all, err := b.read()
	if err == nil {
		err = change(all)
	}
	if err == nil {
		err = b.write(all)
	}
	return errors.Join(err, unlock())
}

func (b *budget) read() (map[string]spent, error) {
	all := map[string]spent{}
	raw, err := os.ReadFile(b.file)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, storageError(err)
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("%w: login budget %s: %w", rekey.ErrStorage, b.file, err)
	}
	return all, nil
}

func (b *budget) write(all map[string]spent) error {
	raw, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return storageError(durable.WriteFile(b.file, raw, 0o600))
}
