package recorder

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/recovery"
	"rekey/seclog"
)

// The recordings are encrypted under a key that only the box has; see the
// package clips. A reset by the button keeps them and seals them: the box gives
// the key to nobody, until somebody proves what opened the recorder before. So
// neither a thief nor the next owner sees what was recorded for another, and who
// holds the button down has destroyed no evidence.

// FootageKeySize is the length of the key of the recordings, in bytes.
const FootageKeySize = 32

// NewFootageKey draws a key for Config.FootageKey. rand may be nil: crypto/rand.
func NewFootageKey(from io.Reader) ([]byte, error) {
	if from == nil {
		from = rand.Reader
	}
	key := make([]byte, FootageKeySize)
	if _, err := io.ReadFull(from, key); err != nil {
		return nil, storageError("draw the key of the recordings", err)
	}
	return key, nil
}

// footage is what the state keeps of the recordings.
type footage struct {
	Key  []byte `json:"key"` // sealed
	Kept *kept  `json:"kept,omitempty"`
}

// kept are recordings that a reset by the button has sealed. It is replaced,
// never modified.
type kept struct {
	closed
	Admins map[string]string `json:"admins"`         // argon2id of the passwords of before, by name
	Desk   string            `json:"desk,omitempty"` // the desk of before; see desk
}

func footageContext(i identity) string { return "recorder footage key\x00" + i.DeviceID.String() }

// newFootage seals a key of recordings; nil = a new one.
func (b *Box) newFootage(key []byte) (footage, error) {
	if key == nil {
		var err error
		if key, err = NewFootageKey(b.rand); err != nil {
			return footage{}, err
		}
	}
	sealed, err := b.seal.seal(key, footageContext(b.id))
	if err != nil {
		return footage{}, storageError("seal the key of the recordings", err)
	}
	return footage{Key: sealed}, nil
}

// mendFootage gives a recorder that an earlier rekey made its key.
func (b *Box) mendFootage() error {
	if len(b.state().Footage.Key) > 0 {
		return nil
	}
	made, err := b.newFootage(nil)
	if err != nil {
		return err
	}
	return b.commit(func(next *state) ([]seclog.Record, error) {
		next.Footage = made
		return nil, nil
	})
}

// FootageKey is the key of the recordings: 32 bytes. While they are sealed it is
// refused with rekey.ErrDenied.
func (b *Box) FootageKey() ([]byte, error) {
	f := b.state().Footage
	if f.Kept != nil {
		return nil, fmt.Errorf("%w: the recordings were sealed by a reset with the button; open them at the local seat with what opened the recorder before", rekey.ErrDenied)
	}
	return b.seal.open(f.Key, footageContext(b.id))
}

// keep seals the recordings, as part of a reset. Those that are sealed stay so
// for whom they were sealed: whoever came after has never seen them.
func (s *state) keep(now time.Time) []seclog.Record {
	if s.Footage.Kept != nil || len(s.Accounts) == 0 {
		return nil
	}
	k := &kept{closed: s.closedNow(now), Admins: map[string]string{}, Desk: s.desk()}
	for name, a := range s.Accounts {
		if a.Group == GroupAdmin && !a.Unset {
			k.Admins[name] = a.Hash
		}
	}
	s.Footage.Kept = k
	return []seclog.Record{{Actor: "button", Event: theFootage.event("sealed"), Object: "recordings", Result: "ok"}}
}

// closedNow gathers what opens again what a reset closes.
func (s *state) closedNow(now time.Time) closed {
	c := closed{Since: now.UTC().Truncate(time.Second), Epoch: s.Epoch + 1, Support: s.support() != SupportOff}
	for _, name := range slices.Sorted(maps.Keys(s.Accounts)) {
		if a := s.Accounts[name]; a.Group == GroupAdmin && a.Second != nil {
			c.Sheet = append(c.Sheet, a.Second.Sheet...)
		}
	}
	return c
}

// desk names whose temporary passwords the recorder takes: the owner's own desk
// by its key, the maker's by nothing.
func (s *state) desk() string {
	if s.OwnDesk == nil {
		return ""
	}
	sum := sha256.Sum256(s.OwnDesk.Key)
	return hex.EncodeToString(sum[:16])
}

// Kept is what the pages tell of recordings that a reset by the button has sealed.
type Kept struct {
	Sealed    bool
	Since     time.Time
	Accounts  []string // of before the reset, in the group admin: their password opens them
	Sheet     bool     // a code of one of their recovery sheets opens them, too
	Support   bool     // so does a desk's temporary password of purpose recovery.PurposeUnseal
	TriesLeft int      // of passwords and codes
	LockedFor time.Duration
}

// Kept tells whether the recordings are sealed, and what opens them.
func (b *Box) Kept() Kept {
	if b.state().Footage.Kept == nil {
		return Kept{} // without waiting for a try: every page asks
	}
	b.tries.Lock()
	defer b.tries.Unlock()
	s := b.state()
	k := s.Footage.Kept
	if k == nil {
		return Kept{}
	}
	shown := Kept{Sealed: true, Since: k.Since, Accounts: slices.Sorted(maps.Keys(k.Admins)), Sheet: len(k.Sheet) > 0, Support: s.mayAskToUnseal() == nil}
	shown.TriesLeft, shown.LockedFor = b.closedTriesLeft(theFootage)
	return shown
}

func (s *state) mayUnseal(manager string) error {
	if err := s.mustBeAdmin(mainList, manager); err != nil {
		return err
	}
	if s.Footage.Kept == nil {
		return theFootage.notClosed()
	}
	return nil
}

// UnsealByPassword opens sealed recordings with the password that an admin had
// before the reset. A wrong one is a *rekey.LoginError.
func (b *Box) UnsealByPassword(manager, account string, pw rekey.Secret, from Client) error {
	b.tries.Lock()
	defer b.tries.Unlock()
	if err := b.state().mayUnseal(manager); err != nil {
		return err
	}
	err := b.tryClosed(theFootage, clip(account), from, func() bool {
		phc, known := b.state().Footage.Kept.Admins[account]
		if !known {
			phc = b.nobody.Hash
		}
		ok, err := argon.Fits(phc, pw)
		return ok && err == nil && known
	})
	if err != nil {
		return err
	}
	return b.unseal(manager, "password of "+account+" of before the reset", from)
}

// UnsealBySheet opens them with a code of the recovery sheet of an admin of
// before the reset. What is no such code is rekey.ErrInput and costs nothing; a
// wrong one is a *rekey.LoginError.
func (b *Box) UnsealBySheet(manager string, code rekey.Secret, from Client) error {
	b.tries.Lock()
	defer b.tries.Unlock()
	if err := b.state().mayUnseal(manager); err != nil {
		return err
	}
	if _, err := b.trySheet(theFootage, manager, code, from); err != nil {
		return err
	}
	return b.unseal(manager, "recovery sheet", from)
}

// UnsealByGrant opens them with a desk's temporary password.
func (b *Box) UnsealByGrant(manager string, grant *recovery.Grant) error {
	b.tries.Lock()
	defer b.tries.Unlock()
	if err := b.state().mayUnseal(manager); err != nil {
		return err
	}
	if err := b.byGrant(theFootage, manager, grant); err != nil {
		return err
	}
	return b.unseal(manager, wayTemporary, AtSeat())
}

// unseal forgets with the seal all that opened it, the codes of the sheet
// included: none of them is kept anywhere else, since nobody can be set up and
// locked.
func (b *Box) unseal(manager, way string, from Client) error {
	err := b.commit(func(next *state) ([]seclog.Record, error) {
		if err := next.mayUnseal(manager); err != nil {
			return nil, err
		}
		next.Footage.Kept = nil
		r := from.record(manager, theFootage.event("unsealed"), "recordings", "ok")
		r.Detail["way"] = clip(way)
		return []seclog.Record{r}, nil
	})
	if err != nil {
		return err
	}
	return b.cancelPurpose(recovery.PurposeUnseal, "recordings unsealed")
}

// EraseRecordings makes all recordings unreadable for good, sealed ones, too:
// they get a new key, and the old one is gone with the same write. Their files
// are removed by the store of footage, which knows them by their key.
func (b *Box) EraseRecordings(manager string, by StepUp, from Client) error {
	fresh, err := b.newFootage(nil)
	if err != nil {
		return err
	}
	err = b.stepUp(manager, by, from, func(next *state) ([]seclog.Record, error) {
		r := from.record(manager, theFootage.event("erased"), "recordings", "ok")
		r.Detail["sealed"] = strconv.FormatBool(next.Footage.Kept != nil)
		next.Footage = fresh
		return []seclog.Record{r}, nil
	})
	if err != nil {
		return err
	}
	return b.cancelPurpose(recovery.PurposeUnseal, "recordings erased")
}
