package recorder

import (
	"crypto/hpke"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/durable"
	"rekey/recovery"
)

func stepped() StepUp { return StepUp{Password: secret(firstPassword)} }

// ownKeys makes an own desk the one that answers and gives its keys.
func ownKeys(t *testing.T, b *Box, desk hpke.PrivateKey) (*recovery.Keys, recovery.Enrolment) {
	t.Helper()
	e, err := b.UseOwnDesk(AdminAccount, desk.PublicKey(), stepped(), AtSeat())
	if err != nil {
		t.Fatal(err)
	}
	return keysIn(t, e, desk), e
}

func keysIn(t *testing.T, e recovery.Enrolment, desk hpke.PrivateKey) *recovery.Keys {
	t.Helper()
	k, err := e.Open(desk)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := recovery.NewKeys(k)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// pressReset is the button as it resets: held, let go, and pressed again.
func pressReset(t *testing.T, b *Box) {
	t.Helper()
	if _, err := b.Press(12 * time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Press(time.Second); err != nil || b.Initialised() {
		t.Fatalf("the button did not reset: %v", err)
	}
}

func makersKeys(t *testing.T, b *Box) *recovery.Keys {
	t.Helper()
	keys, _, err := b.deskKeys(nil)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestOwnDeskLife: the maker's desk, the owner's, off, and back, each alone,
// through power cuts.
func TestOwnDeskLife(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	desk, makers := cloudKey(t), makersKeys(t, b)
	if b.Support() != SupportMaker || !opens(t, b, c, makers) {
		t.Fatal("a new box takes no answers of its maker's desk")
	}
	if err := b.SetSupport(AdminAccount, SupportOwn, stepped(), AtSeat()); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("an own desk that is none: %v", err)
	}
	own, e := ownKeys(t, b, desk)
	if e.Epoch != 1 || e.DeviceID != b.DeviceID() || b.Support() != SupportOwn {
		t.Errorf("epoch %d of %s, support %s", e.Epoch, e.DeviceID, b.Support())
	}
	only := func(when string, want *recovery.Keys) {
		t.Helper()
		for name, keys := range map[string]*recovery.Keys{"maker's": makers, "own": own} {
			if got := opens(t, b, c, keys); got != (keys == want) {
				t.Errorf("%s: the %s desk opens: %v", when, name, got)
			}
		}
	}
	only("own desk", own)
	b.cutPower()
	b = boot(t, b.Dir(), c)
	only("own desk after a power cut", own)
	if _, err := b.Enrol(desk.PublicKey()); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("the maker's key is enrolled as if it were in use: %v", err)
	}
	if err := b.SetSupport(AdminAccount, SupportOff, stepped(), AtSeat()); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Minute)
	if _, err := b.NewChallenge(AdminAccount); b.Support() != SupportOff || !errors.Is(err, rekey.ErrUnsupported) {
		t.Errorf("off: %s, %v", b.Support(), err)
	}
	if err := b.SetSupport(AdminAccount, SupportOwn, stepped(), AtSeat()); err != nil {
		t.Fatal(err)
	}
	only("own desk, on again", own)
	if err := b.SetSupport(AdminAccount, SupportMaker, stepped(), AtSeat()); err != nil {
		t.Fatal(err)
	}
	only("back to the maker's", makers)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = boot(t, b.Dir(), c)
	only("the maker's after a restart", makers)
	if _, e = ownKeys(t, b, desk); e.Epoch != 2 {
		t.Errorf("the next own desk has epoch %d, which a desk that had the one before would refuse", e.Epoch)
	}
	if got := count(events(t, b.Dir()), "support.desk"); got != 5 {
		t.Errorf("%d records, want 5", got)
	}
}

// TestKeyEpochsComeRound: after the fourth change the two bits of a challenge
// are those of an earlier key. Every key is another, none of before answers, no
// round meets the maker's, and the counter goes on.
func TestKeyEpochsComeRound(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	desk := cloudKey(t)
	before := []*recovery.Keys{makersKeys(t, b)}
	var counter uint16
	shown := map[uint8]int{}
	for n := range 7 {
		keys, e := ownKeys(t, b, desk)
		if want := []uint8{1, 2, 3, 5, 6, 7, 9}[n]; e.Epoch != want {
			t.Errorf("change %d: epoch %d, want %d", n, e.Epoch, want)
		}
		c.advance(time.Hour)
		ch, err := b.NewChallenge(AdminAccount)
		if err != nil {
			t.Fatal(err)
		}
		if ch.Counter <= counter || ch.Epoch != e.Epoch&3 || ch.Epoch == b.id.KeyEpoch&3 {
			t.Errorf("change %d: challenge of counter %d after %d, epoch %d", n, ch.Counter, counter, ch.Epoch)
		}
		counter = ch.Counter
		shown[ch.Epoch]++
		old := before[len(before)-min(len(before), 4):]
		for _, k := range old {
			a, err := k.Answer(b.DeviceID(), AdminAccount, ch)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.SubmitAnswer(AdminAccount, a.Reveal()); !errors.Is(err, rekey.ErrDenied) {
				t.Errorf("change %d: the answer of an earlier key: %v", n, err)
			}
		}
		if !opens(t, b, c, keys) { // which forgives the wrong ones
			t.Errorf("change %d: the key in use opens nothing", n)
		}
		before = append(before, keys)
	}
	if len(shown) != 3 {
		t.Errorf("the challenges showed %d epochs", len(shown))
	}
	if _, err := (&state{DeskEpoch: 255}).nextKeyEpoch(0); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("after the last number: %v", err)
	}
	if e, err := (&state{DeskEpoch: 254}).nextKeyEpoch(0); err != nil || e != 255 {
		t.Errorf("the last number: %d, %v", e, err)
	}
}

// TestOwnDeskNeedsTheAdmin who types the password again; a key that is none
// costs no try.
func TestOwnDeskNeedsTheAdmin(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	desk := cloudKey(t).PublicKey()
	if err := b.AddAccount(AdminAccount, rekey.Account{Name: "guest", Group: GroupUser}, secret("guest-Pass-1"), web); err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() error{
		"wrong password": func() error {
			_, err := b.UseOwnDesk(AdminAccount, desk, StepUp{Password: secret("wrong-Pass-1")}, AtSeat())
			return err
		},
		"no admin": func() error {
			_, err := b.UseOwnDesk("guest", desk, StepUp{Password: secret("guest-Pass-1")}, AtSeat())
			return err
		},
		"off, no admin": func() error {
			return b.SetSupport("guest", SupportOff, StepUp{Password: secret("guest-Pass-1")}, AtSeat())
		},
	} {
		if err := try(); !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	fails := b.state().Accounts[AdminAccount].Fails
	if err := b.SetSupport(AdminAccount, "vendor", stepped(), AtSeat()); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("no such choice: %v", err)
	}
	if now := b.state().Accounts[AdminAccount].Fails; now != fails || b.Support() != SupportMaker {
		t.Errorf("%d tries were charged, support %s", now-fails, b.Support())
	}
}

// TestOwnDeskEndsWhatIsOpen: neither a challenge nor a grant of the maker's desk
// outlives the choice, and the other way round.
func TestOwnDeskEndsWhatIsOpen(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	grant, _ := grantFor(t, b, AdminAccount)
	ownKeys(t, b, cloudKey(t))
	if err := b.SetPasswordByGrant(grant, AdminAccount, secret("Fresh-Pass-7")); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("the maker's grant: %v", err)
	}
	if s, err := b.GuardState(); err != nil || s.Open || s.GrantLeft != 0 {
		t.Errorf("still open: %v", err)
	}
	if got := count(events(t, b.Dir()), string(recovery.EventLost)); got != 1 {
		t.Errorf("%d records of the lost grant, want 1", got)
	}
}

// TestOwnDeskSurvivesTheButton: a press must not give the maker's desk back.
func TestOwnDeskSurvivesTheButton(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	ownKeys(t, b, cloudKey(t))
	own := b.state().OwnDesk
	pressReset(t, b)
	if b.state().OwnDesk != own || b.state().DeskEpoch != 1 {
		t.Error("a reset by the button dropped the own desk")
	}
	b.cutPower()
	b = boot(t, b.Dir(), &clock{})
	if now := b.state().OwnDesk; now == nil || now.Epoch != 1 {
		t.Error("and it is gone after a power cut")
	}
	if b.support.desks.own == nil {
		t.Error("the guard takes the maker's answers")
	}
}

// TestNoOtherDeskUnseals: whoever sets a reset box up anew must not let a desk
// or a cloud of their own open what the reset has sealed.
func TestNoOtherDeskUnseals(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	makers := makersKeys(t, b)
	pressReset(t, b)
	if err := b.FirstSetup(AdminAccount, secret(firstPassword), AtSeat()); err != nil {
		t.Fatal(err)
	}
	l, clouds := begin(t, b, cloudKey(t))
	if err := b.CloudLinked(l.Key, "thief"); err != nil {
		t.Fatal(err)
	}
	unseals := func(keys *recovery.Keys) bool { return grants(t, b, c, recovery.PurposeUnseal, keys) }
	if unseals(clouds) {
		t.Error("the cloud of whoever came after the reset unseals")
	}
	if !unseals(makers) {
		t.Error("the desk of before does not")
	}
	own, _ := ownKeys(t, b, cloudKey(t))
	c.advance(time.Minute)
	if _, err := b.NewChallengeFor(recovery.PurposeUnseal, AdminAccount); err == nil {
		t.Error("a challenge for the recordings, with another desk in use")
	}
	if !opens(t, b, c, own) {
		t.Error("the own desk opens nothing")
	}
}

// TestOwnDeskPowerCut: every write is cut, before it and after it. One desk is
// left, which the record names, and the guard agrees with the state.
func TestOwnDeskPowerCut(t *testing.T) {
	t.Parallel()
	desk := cloudKey(t)
	for _, back := range []bool{false, true} {
		for writes := 0; ; writes++ {
			b, c := newBox(t)
			makers := makersKeys(t, b)
			var own *recovery.Keys
			change := func() (err error) {
				e, err := b.UseOwnDesk(AdminAccount, desk.PublicKey(), stepped(), AtSeat())
				if err == nil {
					own = keysIn(t, e, desk)
				}
				return err
			}
			records := 1
			if back {
				own, _ = ownKeys(t, b, desk)
				change = func() error { return b.SetSupport(AdminAccount, SupportMaker, stepped(), AtSeat()) }
				records = 2
			}
			b.write = cutAfter(writes)
			err := change()
			b.cutPower()
			b = boot(t, b.Dir(), c)
			changed := (b.state().OwnDesk == nil) == back
			if told := count(events(t, b.Dir()), "support.desk") == records; told != changed {
				t.Errorf("back %v, after %d writes: changed %v, and the log tells of it: %v", back, writes, changed, told)
			}
			if got := opens(t, b, c, makers); got != (b.Support() == SupportMaker) {
				t.Errorf("back %v, after %d writes: support %s, the maker's desk opens: %v", back, writes, b.Support(), got)
			}
			if own != nil && opens(t, b, c, own) != (b.Support() == SupportOwn) {
				t.Errorf("back %v, after %d writes: support %s, and the own desk disagrees", back, writes, b.Support())
			}
			if err == nil {
				if !changed {
					t.Error("told that it changed, and it did not")
				}
				break
			}
			if writes > 10 {
				t.Fatal("the change never ends")
			}
		}
	}
}

// TestOwnDeskWriteInDoubt: the file was replaced and only the sync of its folder
// failed: the guard follows what stands.
func TestOwnDeskWriteInDoubt(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	makers, n := makersKeys(t, b), 0
	b.write = func(name string, data []byte, perm fs.FileMode) error {
		if err := durable.WriteFile(name, data, perm); err != nil || !strings.Contains(string(data), `"own_desk"`) {
			return err
		}
		if n++; n > 1 {
			return nil
		}
		return fs.ErrPermission
	}
	if _, err := b.UseOwnDesk(AdminAccount, cloudKey(t).PublicKey(), stepped(), AtSeat()); err == nil {
		t.Error("a write in doubt is told as made")
	}
	if b.Support() != SupportOwn {
		t.Fatal("the write does not stand")
	}
	if opens(t, b, c, makers) {
		t.Error("the maker's desk still opens the box")
	}
}
