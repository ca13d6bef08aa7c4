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
	l, e, err := b.BeginCloudLink(AdminAccount, CloudAddress{URL: "https://cloud.example"}, cloud.PublicKey(), admin, AtSeat())
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
	return grants(t, b, c, recovery.PurposePassword, keys)
}

// grants tells whether an answer under the keys gives a grant for a purpose.
func grants(t *testing.T, b *Box, c *clock, purpose recovery.Purpose, keys *recovery.Keys) bool {
	t.Helper()
	c.advance(time.Minute)
	ch, err := b.NewChallengeFor(purpose, AdminAccount)
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

// TestLinkingACloudNeedsAStepUp: whoever finds an admin's session does not make
// himself the owner at a cloud, which gives out temporary passwords.
func TestLinkingACloudNeedsAStepUp(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	cloud, pw := cloudKey(t), secret(firstPassword)
	for name, c := range map[string]struct {
		by   StepUp
		want error
	}{
		"nothing":          {StepUp{}, rekey.ErrInput},
		"no code":          {StepUp{Password: pw}, rekey.ErrInput},
		"another password": {StepUp{secret("wrong-Pass-9"), g.sheet[0]}, rekey.ErrDenied},
		"another code":     {StepUp{pw, secret("0000-0000-0000")}, rekey.ErrDenied},
	} {
		if _, _, err := g.BeginCloudLink(AdminAccount, CloudAddress{URL: "https://cloud.example"}, cloud.PublicKey(), c.by, AtSeat()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, begun, err := g.CloudLink(); begun || err != nil {
			t.Errorf("%s: a link was begun, %v", name, err)
		}
	}
	if _, _, err := g.BeginCloudLink(AdminAccount, CloudAddress{URL: "https://cloud.example"}, cloud.PublicKey(), StepUp{pw, g.sheet[0]}, AtSeat()); err != nil {
		t.Error(err)
	}
}

func TestCloudLinkLife(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	cloud := cloudKey(t)
	if _, _, err := b.BeginCloudLink("nobody", CloudAddress{URL: "https://cloud.example"}, cloud.PublicKey(), admin, AtSeat()); !errors.Is(err, rekey.ErrDenied) {
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
	if _, _, err := b.BeginCloudLink(AdminAccount, CloudAddress{URL: "https://other.example"}, cloud.PublicKey(), admin, AtSeat()); !errors.Is(err, rekey.ErrConflict) {
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

// release releases the lock by an answer of the former cloud.
func release(t *testing.T, b *Box, c *clock, keys *recovery.Keys) error {
	t.Helper()
	c.advance(time.Minute)
	ch, err := b.NewChallengeFor(recovery.PurposeRelease, AdminAccount)
	if err != nil {
		t.Fatal(err)
	}
	a, err := keys.Answer(b.DeviceID(), AdminAccount, ch)
	if err != nil {
		t.Fatal(err)
	}
	grant, err := b.SubmitAnswer(AdminAccount, a.Reveal())
	if err != nil {
		return err
	}
	return b.ReleaseByGrant(grant)
}

// TestCloudReleases: after a reset by the button the cloud of before may release
// the lock, and nothing else, through a power cut and a second reset; then
// its right is over, however the lock was released.
func TestCloudReleases(t *testing.T) {
	t.Parallel()
	for _, support := range []bool{true, false} {
		b, c := newBox(t)
		makers := makersKeys(t, b)
		l, keys := begin(t, b, cloudKey(t))
		if err := b.CloudLinked(l.Key, "p***@example.org"); err != nil {
			t.Fatal(err)
		}
		if !support {
			if err := b.SetSupport(AdminAccount, SupportOff, stepped(), AtSeat()); err != nil {
				t.Fatal(err)
			}
		}
		pressReset(t, b)
		pressReset(t, b)
		b.cutPower()
		b = boot(t, b.Dir(), c)
		if _, linked, err := b.CloudLink(); linked || err != nil {
			t.Errorf("linked after a reset: %v", err)
		}
		if now, is, err := b.FormerCloud(); err != nil || !is || !now.Key.Equal(l.Key) || now.Owner != "p***@example.org" {
			t.Errorf("the former link: %v %v", is, err)
		}
		if err := b.FirstSetup(AdminAccount, secret(firstPassword), AtSeat()); !errors.Is(err, rekey.ErrLocked) {
			t.Errorf("a first set-up while locked: %v", err)
		}
		if _, err := b.NewChallenge(AdminAccount); !errors.Is(err, rekey.ErrConflict) {
			t.Errorf("a challenge for a password while locked: %v", err)
		}
		if grants(t, b, c, recovery.PurposeRelease, makers) != support {
			t.Errorf("support %v before the reset, and the maker's desk releases otherwise", support)
		}
		if err := release(t, b, c, keys); err != nil {
			t.Fatalf("release by the cloud: %v", err)
		}
		if _, is, _ := b.FormerCloud(); is {
			t.Error("the right outlived the lock")
		}
		if err := b.FirstSetup(AdminAccount, secret(firstPassword), AtSeat()); err != nil {
			t.Fatal(err)
		}
		if opens(t, b, c, keys) || support && grants(t, b, c, recovery.PurposeUnseal, keys) {
			t.Error("the cloud of before answers still")
		}
	}
}

// TestFormerCloudEnds: by its owner at the cloud, and by nobody with another key.
func TestFormerCloudEnds(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	other, _ := begin(t, b, cloudKey(t))
	l, keys := begin(t, b, cloudKey(t))
	if err := b.CloudLinked(l.Key, "x"); err != nil {
		t.Fatal(err)
	}
	pressReset(t, b)
	if err := b.CloudEnded(other.Key, "x"); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("ended by another key: %v", err)
	}
	if err := b.CloudEnded(l.Key, "unlinked by its owner"); err != nil {
		t.Fatal(err)
	}
	if err := release(t, b, c, keys); err == nil {
		t.Error("it releases after its owner gave it up")
	}
	if !b.Activation().Locked {
		t.Error("the lock went with it")
	}
}

// TestLinkedTwice: what the cloud says again ends no open challenge.
func TestLinkedTwice(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	l, _ := begin(t, b, cloudKey(t))
	for n := range 2 {
		if err := b.CloudLinked(l.Key, "x"); err != nil {
			t.Fatal(err)
		}
		if s, err := b.GuardState(); err != nil || s.Open != (n == 1) {
			t.Errorf("said %d times: a challenge is open %v, %v", n+1, s.Open, err)
		}
		if n == 0 {
			if _, err := b.NewChallenge(AdminAccount); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := count(events(t, b.Dir()), "cloud.link"); got != 1 {
		t.Errorf("%d records of the link, want 1", got)
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
		reset := broken.pressTwice()
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
	l := CloudLink{CloudAddress: CloudAddress{URL: "https://cloud.example"}, Key: ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, l); got != "link to https://cloud.example, linked false, key <secret>" {
			t.Errorf("%s: %s", verb, got)
		}
	}
}
