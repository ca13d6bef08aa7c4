package recorder

import (
	"crypto/hpke"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"

	"rekey"
	"rekey/recovery"
	"rekey/seclog"
)

// ownDesk is the key of temporary passwords that only the owner's own desk has.
// It is replaced, never modified. A reset by the button keeps it, as it keeps
// the identity: a thief must not get the maker's desk back by a press.
type ownDesk struct {
	Key   []byte `json:"key"` // sealed
	Epoch uint8  `json:"epoch"`
}

// Support is who may answer a challenge.
type Support string

// Who may answer a challenge.
const (
	SupportMaker Support = "maker" // the desk that the recorder was enrolled with when it was made
	SupportOwn   Support = "own"   // the owner's own desk, and no other
	SupportOff   Support = "off"   // nobody
)

// Support tells who may answer a challenge. A cloud that the recorder is linked
// with is another choice of the owner's: see CloudLink. With SupportOff it may
// answer none either.
func (b *Box) Support() Support { return b.state().support() }

func (s *state) support() Support {
	switch {
	case s.Tables[recoveryTable]["Enable"] != "true":
		return SupportOff
	case s.OwnDesk != nil:
		return SupportOwn
	}
	return SupportMaker
}

// SetSupport chooses between off and the desk that is enrolled, or goes back to
// the maker's. For SupportOwn see UseOwnDesk; here it only switches an own desk
// on again that was there before off, and is rekey.ErrConflict without one.
func (b *Box) SetSupport(manager string, to Support, by StepUp, from Client) error {
	if to != SupportMaker && to != SupportOwn && to != SupportOff {
		return fmt.Errorf("%w: support recovery %q; expected %s, %s or %s", rekey.ErrInput, clip(string(to)), SupportMaker, SupportOwn, SupportOff)
	}
	return b.changeSupport(manager, by, from, func(next *state) (map[string]string, error) {
		switch {
		case to == SupportOwn && next.OwnDesk == nil:
			return nil, conflict("the recorder has no desk of its owner's; enrol it with one first")
		case to == SupportMaker:
			next.OwnDesk = nil
		}
		next.enableSupport(to != SupportOff)
		return nil, nil
	})
}

// UseOwnDesk draws a new key under the next key epoch and seals it to the
// owner's desk: the maker's desk can answer nothing from then on. Done again, it
// is how an own desk whose enrolment was lost is enrolled anew: the key before
// is worth nothing then.
func (b *Box) UseOwnDesk(manager string, desk hpke.PublicKey, by StepUp, from Client) (e recovery.Enrolment, err error) {
	key := make([]byte, recovery.KeySize)
	if _, err := io.ReadFull(b.rand, key); err != nil {
		return e, storageError("draw the key of the own desk", err)
	}
	// Before the step-up: a key that is none costs no try.
	if _, err := enrolment(b.id, key, desk); err != nil {
		return e, err
	}
	err = b.changeSupport(manager, by, from, func(next *state) (map[string]string, error) {
		epoch, err := next.nextKeyEpoch(b.id.KeyEpoch)
		if err != nil {
			return nil, err
		}
		sealed, err := b.seal.seal(key, ownDeskContext(b.id, epoch))
		if err != nil {
			return nil, storageError("seal the key of the own desk", err)
		}
		i := b.id
		i.KeyEpoch = epoch
		if e, err = enrolment(i, key, desk); err != nil {
			return nil, err
		}
		next.OwnDesk, next.DeskEpoch = &ownDesk{Key: sealed, Epoch: epoch}, epoch
		next.enableSupport(true)
		sum := sha256.Sum256(desk.Bytes())
		return map[string]string{"desk_key_sha256": hex.EncodeToString(sum[:]), "key_epoch": strconv.Itoa(int(epoch))}, nil
	})
	if err != nil {
		return recovery.Enrolment{}, err
	}
	return e, nil
}

// changeSupport makes one change for an admin who stepped up. The guard follows
// the state, also where the write was in doubt and stands all the same.
func (b *Box) changeSupport(manager string, by StepUp, from Client, change func(next *state) (map[string]string, error)) error {
	err := b.stepUp(manager, by, from, func(next *state) ([]seclog.Record, error) {
		was := next.support()
		more, err := change(next)
		if err != nil {
			return nil, err
		}
		r := from.record(manager, "support.desk", string(next.support()), "ok")
		r.Detail["before"] = string(was)
		maps.Copy(r.Detail, more)
		return []seclog.Record{r}, nil
	})
	if b.Support() == SupportOff {
		err = errors.Join(err, b.cancelSupport("", "switched off"))
	}
	return errors.Join(err, b.followDesks("desk changed"))
}

// enableSupport sets the switch that the LAN's protocols show as PwdReset.
func (s *state) enableSupport(on bool) {
	table := maps.Clone(s.Tables[recoveryTable])
	table["Enable"] = strconv.FormatBool(on)
	s.Tables[recoveryTable] = table
}

// nextKeyEpoch numbers the next key of an own desk: later than any before, as
// desks demand, also after a time with the maker's. A challenge shows the last
// two bits only. They come round; the keys do not, since each is drawn anew, so
// what a desk of an earlier round answers opens nothing. The maker's two bits are
// left out, so that its desk sees at once that a challenge is not for it.
func (s *state) nextKeyEpoch(makers uint8) (uint8, error) {
	const most = 255 // one byte in an enrolment
	next := int(max(s.DeskEpoch, makers)) + 1
	for next&3 == int(makers&3) {
		next++
	}
	if next > most {
		return 0, conflict("the recorder has had as many desks as it can number; the maker's and none are left to choose")
	}
	return uint8(next), nil
}

func ownDeskContext(i identity, epoch uint8) string {
	return fmt.Sprintf("recorder own desk\x00%s\x00%d", i.DeviceID, epoch)
}

// deskKeys are the keys of the answers that the recorder takes, and their epoch.
func (b *Box) deskKeys(own *ownDesk) (keys *recovery.Keys, epoch uint8, err error) {
	var kdev []byte
	if own == nil {
		epoch = b.id.KeyEpoch
		kdev, err = b.deviceKey()
	} else {
		epoch = own.Epoch
		kdev, err = b.seal.open(own.Key, ownDeskContext(b.id, own.Epoch))
	}
	if err != nil {
		return nil, 0, err
	}
	if keys, err = recovery.NewKeys(kdev); err != nil {
		return nil, 0, storageError("read the key of the desk", err)
	}
	return keys, epoch, nil
}

// desks are what the guard has been told of whose answers it takes. Two are the
// same desks exactly when they are equal: what they point to is never modified.
type desks struct {
	own     *ownDesk   // nil = the maker's
	cloud   *cloudLink // nil = none
	release bool       // the cloud is one of before a reset, for the release of the lock
	alone   bool       // and nobody else may release it
}

func (s *state) desks() desks {
	switch {
	case s.Activation != nil && s.Activation.Cloud != nil:
		return desks{own: s.OwnDesk, cloud: s.Activation.Cloud, release: true, alone: !s.Activation.Support}
	case s.Cloud != nil && s.Cloud.Linked:
		return desks{own: s.OwnDesk, cloud: s.Cloud}
	}
	return desks{own: s.OwnDesk}
}

// followDesks brings the guard to what the state says.
func (b *Box) followDesks(why string) error {
	b.support.mu.Lock()
	b.support.why = why
	b.support.mu.Unlock()
	return b.guarded(func(*recovery.Guard) error { return nil })
}

// align does so before every call of the guard, so that no answer of a desk that
// is out meets a guard that was not told yet. What was open ends, if anything
// changed. The caller holds support.mu.
func (b *Box) align() error {
	now, had := b.state().desks(), b.support.desks
	why := b.support.why
	b.support.why = ""
	if now == had {
		return nil
	}
	if why == "" {
		why = "desk changed"
	}
	if now.own != had.own {
		keys, epoch, err := b.deskKeys(now.own)
		if err != nil {
			return err
		}
		if err := b.support.guard.Rekey(keys, epoch, why); err != nil {
			return err
		}
	}
	second, err := b.secondDesk(now)
	if err != nil {
		return err
	}
	if err := b.support.guard.SecondDesk(second, why); err != nil {
		return err
	}
	b.support.desks = now
	return nil
}

// secondDesk is the cloud as the guard knows it: for a new password while it is
// linked, for the release of the lock after a reset, and never for recordings
// that a reset has sealed, which may be somebody else's.
func (b *Box) secondDesk(d desks) (*recovery.Second, error) {
	if d.cloud == nil {
		return nil, nil
	}
	_, k, err := b.openCloud(d.cloud)
	if err != nil {
		return nil, err
	}
	keys, err := recovery.NewKeys(k)
	if err != nil {
		return nil, storageError("read the keys of the cloud link", err)
	}
	if d.release {
		return &recovery.Second{Keys: keys, For: []recovery.Purpose{recovery.PurposeRelease}, Alone: d.alone}, nil
	}
	return &recovery.Second{Keys: keys, For: []recovery.Purpose{recovery.PurposePassword}}, nil
}
