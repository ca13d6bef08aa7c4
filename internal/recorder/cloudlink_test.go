package recorder

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hpke"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"rekey"
	"rekey/internal/durable"
	"rekey/recovery"
)

func cloudKey(t *testing.T) hpke.PrivateKey {
	t.Helper()
	key, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// begin starts a link and gives the keys that the cloud has then.
func begin(t *testing.T, b *Box, cloud hpke.PrivateKey) (CloudLink, *recovery.Keys) {
	t.Helper()
	l, e, err := b.BeginCloudLink(AdminAccount, "https://cloud.example", cloud.PublicKey(), AtSeat())
	if err != nil {
		t.Fatal(err)
	}
	k, err := e.Open(cloud)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := recovery.NewKeys(k)
	if err != nil {
		t.Fatal(err)
	}
	return l, keys
}

// opens tells whether the cloud's answer opens the box now.
func opens(t *testing.T, b *Box, c *clock, keys *recovery.Keys) bool {
	t.Helper()
	c.advance(time.Minute)
	ch, err := b.NewChallenge(AdminAccount)
	if err != nil {
		t.Fatal(err)
	}
	a, err := keys.Answer(b.DeviceID(), AdminAccount, ch)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.SubmitAnswer(AdminAccount, a.Reveal())
	if err != nil && !errors.Is(err, rekey.ErrDenied) {
		t.Fatal(err)
	}
	return err == nil
}

func TestCloudLinkLife(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	cloud := cloudKey(t)
	if _, _, err := b.BeginCloudLink("nobody", "https://cloud.example", cloud.PublicKey(), AtSeat()); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("for who is no admin: %v", err)
	}
	first, abandoned := begin(t, b, cloud)
	l, keys := begin(t, b, cloud)
	if opens(t, b, c, keys) {
		t.Error("the cloud opens the box before its owner typed the code")
	}
	if err := b.CloudLinked(first.Key, "x"); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("a pairing that was replaced: %v", err)
	}
	changed := b.CloudChanged()
	if err := b.CloudLinked(l.Key, "p***@example.org"); err != nil {
		t.Fatal(err)
	}
	<-changed
	if !opens(t, b, c, keys) || opens(t, b, c, abandoned) {
		t.Error("the linked cloud opens nothing, or another one does")
	}
	if _, _, err := b.BeginCloudLink(AdminAccount, "https://other.example", cloud.PublicKey(), AtSeat()); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("over a link that stands: %v", err)
	}
	b.cutPower()
	b = boot(t, b.Dir(), c)
	if now, ok, err := b.CloudLink(); err != nil || !ok || !now.Linked || !now.Key.Equal(l.Key) || now.Owner != "p***@example.org" {
		t.Errorf("after a power cut: %v %v", ok, err)
	}
	if !opens(t, b, c, keys) {
		t.Error("after a power cut the cloud opens nothing")
	}
	if err := b.CloudEnded(first.Key, "x"); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("ended by another key: %v", err)
	}
	if err := b.UnlinkCloud("nobody", AtSeat()); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("unlinked by who is no admin: %v", err)
	}
	if err := b.UnlinkCloud(AdminAccount, AtSeat()); err != nil {
		t.Fatal(err)
	}
	if opens(t, b, c, keys) {
		t.Error("the cloud opens the box after it was unlinked")
	}
	if err := b.UnlinkCloud(AdminAccount, AtSeat()); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("twice: %v", err)
	}
}

// TestCloudLinkPowerCut: wherever a write fails while the link is made or the
// box is reset, the next boot is linked or is not, and the guard agrees with it.
func TestCloudLinkPowerCut(t *testing.T) {
	t.Parallel()
	for fail := 1; fail <= 6; fail++ {
		b, c := newBox(t)
		cloud := cloudKey(t)
		l, keys := begin(t, b, cloud)
		b.cutPower()
		writes, dir := 0, b.Dir()
		broken, err := open(dir, Options{Argon: &cheap, Clock: c.now}, func(name string, data []byte, perm fs.FileMode) error {
			if writes++; writes >= fail {
				return fs.ErrPermission
			}
			return durable.WriteFile(name, data, perm)
		})
		if err != nil {
			t.Fatal(err)
		}
		linked := broken.CloudLinked(l.Key, "x") == nil
		_, reset := broken.Press(12 * time.Second)
		broken.cutPower()
		b = boot(t, dir, c)
		now, ok, err := b.CloudLink()
		if err != nil {
			t.Fatal(err)
		}
		if reset == nil && ok {
			t.Errorf("write %d: linked after a reset", fail)
		}
		if linked && reset != nil && (!ok || !now.Linked) && b.Initialised() {
			t.Errorf("write %d: a link that was made is gone without a reset", fail)
		}
		if b.Initialised() && opens(t, b, c, keys) != (ok && now.Linked) {
			t.Errorf("write %d: the guard and the link disagree", fail)
		}
	}
}

// The key of a link is of another type than rekey.Secret: it must not be printed
// for that.
func TestCloudLinkPrintsNoKey(t *testing.T) {
	t.Parallel()
	l := CloudLink{URL: "https://cloud.example", Key: ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, l); got != "link to https://cloud.example, linked false, key <secret>" {
			t.Errorf("%s: %s", verb, got)
		}
	}
}
