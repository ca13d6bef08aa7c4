package recorder

import (
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
	"time"

	"rekey"
	"rekey/recovery"
	"rekey/seclog"
)

// The cloud link is off until an admin switches it on. The cloud is a desk of
// its own then, the owner's: it gets a key for temporary passwords that was drawn
// for this link alone, so it learns nothing of the maker's, and what it holds is
// worth nothing once the box has forgotten the link.

// cloudLink is the link as the state keeps it. It is replaced, never modified.
type cloudLink struct {
	URL    string    `json:"url"`
	CA     []byte    `json:"ca,omitempty"` // see CloudAddress
	Keys   []byte    `json:"keys"`         // seed of the link key, then the key of the answers; sealed
	Linked bool      `json:"linked"`       // false: waits until its owner has typed the pairing code
	Owner  string    `json:"owner,omitempty"`
	Since  time.Time `json:"since"`
}

// CloudAddress is where a cloud is, and how it is known to be the one.
type CloudAddress struct {
	URL string // without a slash at the end
	CA  []byte // certificates (PEM) that its own must lead to; nil = those that this system trusts
}

// CloudLink is the box's link to a cloud service. Its key is its name.
type CloudLink struct {
	CloudAddress
	Linked bool   // false: the pairing code has not been typed yet
	Former bool   // it is that of before a reset by the button: see FormerCloud
	Owner  string // masked e-mail address of the owner; empty until linked
	Since  time.Time
	Key    ed25519.PrivateKey // signs what the box says to the cloud
}

// Format prints where the link leads and never its key, whatever the verb.
func (l CloudLink) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "link to %s, linked %t, key <secret>", l.URL, l.Linked)
}

// detail names the link in a record, by its public key.
func (l CloudLink) detail() map[string]string {
	sum := sha256.Sum256(l.Key[ed25519.SeedSize:]) // the public half
	return map[string]string{"link_key_sha256": hex.EncodeToString(sum[:])}
}

func (b *Box) cloudContext() string { return "recorder cloud link\x00" + b.id.DeviceID.String() }

// openCloud gives the link and the key of its answers.
func (b *Box) openCloud(c *cloudLink) (CloudLink, []byte, error) {
	keys, err := b.seal.open(c.Keys, b.cloudContext())
	if err != nil {
		return CloudLink{}, nil, err
	}
	if len(keys) != ed25519.SeedSize+recovery.KeySize {
		return CloudLink{}, nil, fmt.Errorf("%w: the keys of the cloud link are cut short", rekey.ErrStorage)
	}
	key := ed25519.NewKeyFromSeed(keys[:ed25519.SeedSize])
	return CloudLink{CloudAddress: CloudAddress{c.URL, c.CA}, Linked: c.Linked, Owner: c.Owner, Since: c.Since, Key: key}, keys[ed25519.SeedSize:], nil
}

// CloudLink is the link, or false while the box is linked to nothing.
func (b *Box) CloudLink() (CloudLink, bool, error) {
	c := b.state().Cloud
	if c == nil {
		return CloudLink{}, false, nil
	}
	l, _, err := b.openCloud(c)
	return l, err == nil, err
}

// CloudChanged is closed when the link is next begun, made or ended.
func (b *Box) CloudChanged() <-chan struct{} { return b.cloud.next() }

// MayLinkCloud refuses who may not begin a link now. It is asked before anybody
// is called.
func (b *Box) MayLinkCloud(actor string) error { return b.state().mayLinkCloud(actor) }

func (s *state) mayLinkCloud(actor string) error {
	if err := s.mustBeAdmin(mainList, actor); err != nil {
		return err
	}
	if s.Cloud != nil && s.Cloud.Linked {
		return conflict("the recorder is linked to " + s.Cloud.URL + " already; unlink it first")
	}
	return nil
}

// BeginCloudLink draws the keys of a new link for an admin who steps up for it,
// and seals the key of its answers to the cloud. A pairing that was not finished
// is replaced; a link that stands is rekey.ErrConflict and costs no try. Nothing
// is trusted until CloudLinked.
func (b *Box) BeginCloudLink(actor string, at CloudAddress, cloud hpke.PublicKey, by StepUp, from Client) (CloudLink, recovery.Enrolment, error) {
	keys := make([]byte, ed25519.SeedSize+recovery.KeySize)
	if _, err := io.ReadFull(b.rand, keys); err != nil {
		return CloudLink{}, recovery.Enrolment{}, storageError("draw the keys of the cloud link", err)
	}
	sealed, err := b.seal.seal(keys, b.cloudContext())
	if err != nil {
		return CloudLink{}, recovery.Enrolment{}, err
	}
	e, err := enrolment(b.id, keys[ed25519.SeedSize:], cloud)
	if err != nil {
		return CloudLink{}, recovery.Enrolment{}, err
	}
	begun := &cloudLink{URL: at.URL, CA: at.CA, Keys: sealed, Since: b.Now()}
	l, _, err := b.openCloud(begun)
	if err != nil {
		return CloudLink{}, recovery.Enrolment{}, err
	}
	mayLink := func(s *state) error { return s.mayLinkCloud(actor) }
	err = b.weighty(actor, by, from, mayLink, func(next *state) []seclog.Record {
		next.Cloud = begun
		r := from.record(actor, "cloud.pair", at.URL, "waits for its owner")
		maps.Copy(r.Detail, l.detail())
		return []seclog.Record{r}
	})
	if err != nil {
		return CloudLink{}, recovery.Enrolment{}, err
	}
	b.cloud.tell()
	return l, e, nil
}

// CloudLinked makes the pairing a link: the cloud has said that the owner typed
// the code. From now on it may answer challenges. Of a link that stands it
// changes nothing.
func (b *Box) CloudLinked(key ed25519.PrivateKey, owner string) error {
	b.tries.Lock() // the state and the guard change together
	defer b.tries.Unlock()
	l, err := b.sameCloud(b.state(), key)
	if err != nil || l.Linked {
		return err
	}
	return b.changeCloud("cloud linked", func(next *state) ([]seclog.Record, error) {
		l, err := b.sameCloud(next, key)
		if err != nil {
			return nil, err
		}
		made := *next.Cloud
		made.Linked, made.Owner, made.Since = true, clip(owner), b.Now()
		next.Cloud = &made
		detail := l.detail()
		detail["owner"] = clip(owner)
		return []seclog.Record{{Actor: "cloud", Event: "cloud.link", Object: clip(l.URL), Result: "ok", Detail: detail}}, nil
	})
}

// changeCloud changes the link and lets the guard follow. The caller holds tries.
func (b *Box) changeCloud(why string, change func(next *state) ([]seclog.Record, error)) error {
	was := b.state().anyCloud()
	err := b.commit(change)
	if err != nil && b.state().anyCloud() == was {
		return err
	}
	// A write that failed may stand all the same: see doubt.
	return errors.Join(err, b.followCloud(why))
}

// followCloud brings the guard to the link that the state names, and wakes
// whoever keeps it.
func (b *Box) followCloud(why string) error {
	defer b.cloud.tell()
	return b.followDesks(why)
}

// anyCloud is the link, or the one of before a reset.
func (s *state) anyCloud() *cloudLink {
	if s.Cloud != nil {
		return s.Cloud
	}
	return s.formerCloud()
}

// sameCloud opens the link whose key this is, the one of before a reset included.
func (b *Box) sameCloud(s *state, key ed25519.PrivateKey) (CloudLink, error) {
	c := s.anyCloud()
	if c == nil {
		return CloudLink{}, conflict("the recorder has no cloud link")
	}
	l, _, err := b.openCloud(c)
	if err == nil && !l.Key.Equal(key) {
		err = conflict("the recorder has another cloud link now")
	}
	return l, err
}

// CloudEnded forgets the link because the cloud says that it is over. Of a link
// of before a reset the right to release the lock is over then.
func (b *Box) CloudEnded(key ed25519.PrivateKey, why string) error {
	return b.unlink(func(next *state) ([]seclog.Record, error) {
		l, err := b.sameCloud(next, key)
		if err != nil {
			return nil, err
		}
		return []seclog.Record{{Actor: "cloud", Event: "cloud.unlink", Object: clip(l.URL), Result: clip(why), Detail: l.detail()}}, nil
	})
}

// UnlinkCloud forgets the link for an admin.
func (b *Box) UnlinkCloud(actor string, from Client) error {
	return b.unlink(func(next *state) ([]seclog.Record, error) {
		if err := next.mustBeAdmin(mainList, actor); err != nil {
			return nil, err
		}
		if next.Cloud == nil {
			return nil, conflict("the recorder has no cloud link")
		}
		return []seclog.Record{from.record(actor, "cloud.unlink", next.Cloud.URL, "ok")}, nil
	})
}

func (b *Box) unlink(allowed func(*state) ([]seclog.Record, error)) error {
	b.tries.Lock()
	defer b.tries.Unlock()
	return b.changeCloud("cloud unlinked", func(next *state) ([]seclog.Record, error) {
		records, err := allowed(next)
		if err != nil {
			return nil, err
		}
		next.Cloud = nil
		return append(records, next.forgetFormerCloud()...), nil
	})
}

// FormerCloud is the link of before a reset by the button, while its owner may
// release the activation lock: a temporary password of the cloud of purpose
// recovery.PurposeRelease does, and no other of it does anything. It is over with
// the lock, however that is released.
func (b *Box) FormerCloud() (CloudLink, bool, error) {
	c := b.state().formerCloud()
	if c == nil {
		return CloudLink{}, false, nil
	}
	l, _, err := b.openCloud(c)
	l.Former = true
	return l, err == nil, err
}

func (s *state) formerCloud() *cloudLink {
	if s.Activation == nil {
		return nil
	}
	return s.Activation.Cloud
}

// forgetFormerCloud takes the right to release from the link of before a reset.
// Where nothing else could release the lock, it ends with it.
func (s *state) forgetFormerCloud() []seclog.Record {
	if s.formerCloud() == nil {
		return nil
	}
	locked := *s.Activation
	locked.Cloud = nil
	s.Activation = &locked
	if locked.releasable() {
		return nil
	}
	s.Activation = nil
	return []seclog.Record{{Actor: "cloud", Event: theActivation.event("released"), Object: "recorder", Result: "nothing else could release it"}}
}

// cloudForRelease is the link as a reset by the button keeps it, or as the reset
// before has kept it; nil = none had an owner.
func (s *state) cloudForRelease() *cloudLink {
	if s.Cloud != nil && s.Cloud.Linked {
		return s.Cloud
	}
	return s.formerCloud()
}

// signal wakes whoever waits for the next change.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

func (s *signal) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}
