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
	Keys   []byte    `json:"keys"`   // seed of the link key, then the key of the answers; sealed
	Linked bool      `json:"linked"` // false: waits until its owner has typed the pairing code
	Owner  string    `json:"owner,omitempty"`
	Since  time.Time `json:"since"`
}

// CloudLink is the box's link to a cloud service. Its key is its name.
type CloudLink struct {
	URL    string // of the cloud, without a slash at the end
	Linked bool   // false: the pairing code has not been typed yet
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
	return CloudLink{URL: c.URL, Linked: c.Linked, Owner: c.Owner, Since: c.Since, Key: key}, keys[ed25519.SeedSize:], nil
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

// BeginCloudLink draws the keys of a new link for an admin, and seals the key of
// its answers to the cloud. A pairing that was not finished is replaced; a link
// that stands is rekey.ErrConflict. Nothing is trusted until CloudLinked.
func (b *Box) BeginCloudLink(actor, url string, cloud hpke.PublicKey, from Client) (CloudLink, recovery.Enrolment, error) {
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
	begun := &cloudLink{URL: url, Keys: sealed, Since: b.Now()}
	l, _, err := b.openCloud(begun)
	if err != nil {
		return CloudLink{}, recovery.Enrolment{}, err
	}
	err = b.commit(func(next *state) ([]seclog.Record, error) {
		if err := next.mayLinkCloud(actor); err != nil {
			return nil, err
		}
		next.Cloud = begun
		r := from.record(actor, "cloud.pair", url, "waits for its owner")
		maps.Copy(r.Detail, l.detail())
		return []seclog.Record{r}, nil
	})
	if err == nil {
		b.cloud.tell()
	}
	return l, e, err
}

// CloudLinked makes the pairing a link: the cloud has said that the owner typed
// the code. From now on it may answer challenges.
func (b *Box) CloudLinked(key ed25519.PrivateKey, owner string) error {
	b.tries.Lock() // the state and the guard change together
	defer b.tries.Unlock()
	var keys *recovery.Keys
	err := b.commit(func(next *state) ([]seclog.Record, error) {
		l, k, err := b.sameCloud(next, key)
		if err != nil {
			return nil, err
		}
		if keys, err = recovery.NewKeys(k); err != nil {
			return nil, err
		}
		made := *next.Cloud
		made.Linked, made.Owner, made.Since = true, clip(owner), b.Now()
		next.Cloud = &made
		detail := l.detail()
		detail["owner"] = clip(owner)
		return []seclog.Record{{Actor: "cloud", Event: "cloud.link", Object: clip(l.URL), Result: "ok", Detail: detail}}, nil
	})
	if err != nil {
		return err
	}
	b.cloud.tell()
	return b.guarded(func(g *recovery.Guard) error { return g.SecondDesk(keys, "cloud linked") })
}

func (b *Box) sameCloud(s *state, key ed25519.PrivateKey) (CloudLink, []byte, error) {
	if s.Cloud == nil {
		return CloudLink{}, nil, conflict("the recorder has no cloud link")
	}
	l, keys, err := b.openCloud(s.Cloud)
	if err == nil && !l.Key.Equal(key) {
		err = conflict("the recorder has another cloud link now")
	}
	return l, keys, err
}

// CloudEnded forgets the link because the cloud says that it is over.
func (b *Box) CloudEnded(key ed25519.PrivateKey, why string) error {
	return b.unlink(func(next *state) ([]seclog.Record, error) {
		l, _, err := b.sameCloud(next, key)
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
	was := b.state().Cloud
	err := b.commit(func(next *state) ([]seclog.Record, error) {
		records, err := allowed(next)
		if err == nil {
			next.Cloud = nil
		}
		return records, err
	})
	if err != nil && (was == nil || b.state().Cloud != nil) {
		return err
	}
	// A write that failed may stand all the same: see doubt.
	return errors.Join(err, b.forgetCloud("cloud unlinked"))
}

// forgetCloud ends what the cloud may still have in hand.
func (b *Box) forgetCloud(why string) error {
	defer b.cloud.tell()
	return b.guarded(func(g *recovery.Guard) error { return g.SecondDesk(nil, why) })
}

// trustCloud gives the guard the key of the cloud's answers, at boot.
func (b *Box) trustCloud() error {
	c := b.state().Cloud
	if c == nil || !c.Linked {
		return nil
	}
	_, k, err := b.openCloud(c)
	if err != nil {
		return err
	}
	keys, err := recovery.NewKeys(k)
	if err != nil {
		return storageError("read the keys of the cloud link", err)
	}
	return b.guarded(func(g *recovery.Guard) error { return g.SecondDesk(keys, "boot") })
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
