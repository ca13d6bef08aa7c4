package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
)

// budget is the login budget of one recorder, on disk, shared by all
// interfaces, processes and runs. It implements rekey.Tries.
type budget struct {
	file string
	now  func() time.Time
	last bool // the risk of the last try was accepted by name
}

// spent is what is booked for one account. Time alone gives no try back: that a
// recorder forgets wrong tries is not known of any. A right password does, and
// a lock that has run out.
type spent struct {
	Limit  int       `json:"limit,omitempty"` // tries before the recorder locks; 0 = not told
	Wrong  int       `json:"wrong"`
	Locked time.Time `json:"locked_until,omitzero"`
}

// openBudget is the budget of the recorder with that Identity.Key. With last
// it gives away even the try that may lock.
func openBudget(dir, key string, last bool, now func() time.Time) (*budget, error) {
	b := &budget{file: keyFile(dir, key, ".json"), last: last, now: now}
	return b, storageError(durable.MkdirAll(filepath.Dir(b.file)))
}

// keyFile names a file of one recorder; keys hold addresses and serials of any shape.
func keyFile(dir, key, ending string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(dir, "tries", hex.EncodeToString(sum[:8])+ending)
}

// Spend books a try before it is made, and refuses the one that could lock.
func (b *budget) Spend(account string) error {
	return b.update(account, func(s spent) (spent, error) {
		s, err := s.spend(b.now(), b.last)
		if err != nil {
			return s, fmt.Errorf("account %q: %w", account, err)
		}
		return s, nil
	})
}

// Settle books how the try ended.
func (b *budget) Settle(account string, result error) error {
	return b.update(account, func(s spent) (spent, error) { return s.settle(b.now(), result), nil })
}

func (s spent) spend(now time.Time, last bool) (spent, error) {
	if now.Before(s.Locked) {
		return s, fmt.Errorf("%w until %s; wait, without any other login, as a try would prolong it", rekey.ErrLocked, s.Locked.Format(time.DateTime))
	}
	if !s.Locked.IsZero() {
		s.Locked, s.Wrong = time.Time{}, 0
	}
	if s.Wrong >= s.limit()-keptBack && !last {
		return s, fmt.Errorf("%w: the next wrong try may lock it, and that one is yours: be sure of the password, then accept the risk by name with --accept-risk %s",
			rekey.ErrBudget, rekey.RiskLockAccount)
	}
	s.Wrong++
	return s, nil
}

func (s spent) settle(now time.Time, result error) spent {
	var refused *rekey.LoginError
	switch {
	case result == nil:
		s.Wrong, s.Locked = 0, time.Time{}
	case errors.As(result, &refused):
		if refused.TriesLeft >= 0 {
			s.Wrong = max(s.limit()-refused.TriesLeft, 0)
		}
		if errors.Is(refused.Kind, rekey.ErrLocked) {
			wait := refused.LockedFor
			if wait <= 0 {
				wait = cautiousLock
			}
			s.Locked = now.Add(wait)
		}
	}
	return s
}

// limit takes over what the recorder says of its lock policy.
func (b *budget) limit(account string, tries int) error {
	return b.update(account, func(s spent) (spent, error) {
		s.Limit = tries
		return s, nil
	})
}

// assume takes what the catalogue says of it, until the recorder has spoken: a
// stricter guess would otherwise stop a run that the recorder would let go on.
func (b *budget) assume(account string, tries int) error {
	return b.update(account, func(s spent) (spent, error) {
		if s.Limit == 0 {
			s.Limit = tries
		}
		return s, nil
	})
}

func (s spent) limit() int {
	if s.Limit > 0 {
		return s.Limit
	}
	return cautiousTries
}

func (b *budget) update(account string, change func(spent) (spent, error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	unlock, err := durable.Lock(ctx, b.file+".lock")
	if err != nil {
		return fmt.Errorf("%w: login budget: %w", rekey.ErrStorage, err)
	}
	all, err := b.read()
	if err == nil {
		all[account], err = change(all[account])
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
