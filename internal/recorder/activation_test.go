package recorder

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rekey"
)

// A lock that nothing can release any more is no lock but a broken recorder: it
// ends with the link of the cloud where that alone could release it, and only
// there. The recordings stay sealed.
func TestLockEndsWithItsLastKey(t *testing.T) {
	t.Parallel()
	for name, support := range map[string]bool{"support was on": true, "support was off": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _ := newBox(t)
			l, _ := begin(t, b, cloudKey(t))
			if err := b.CloudLinked(l.Key, "x"); err != nil {
				t.Fatal(err)
			}
			if !support {
				if err := b.SetSupport(AdminAccount, SupportOff, stepped(), AtSeat()); err != nil {
					t.Fatal(err)
				}
			}
			pressReset(t, b)
			if !b.Activation().Locked {
				t.Fatal("not locked")
			}
			if err := b.CloudEnded(l.Key, "unlinked by its owner"); err != nil {
				t.Fatal(err)
			}
			b.cutPower()
			b = boot(t, b.Dir(), &clock{})
			if b.Activation().Locked != support || !b.Kept().Sealed {
				t.Errorf("locked %v, sealed %v", b.Activation().Locked, b.Kept().Sealed)
			}
			if n := count(events(t, b.Dir()), "activation.released"); (n == 1) == support {
				t.Errorf("%d records of the release", n)
			}
			if err := b.FirstSetup(AdminAccount, secret(secondPassword), AtSeat()); (err == nil) == support {
				t.Errorf("first set-up: %v", err)
			}
		})
	}
}

// A desk that is enrolled at the back of the box after a reset would answer for
// the lock and the recordings of before: it waits until they are open.
func TestNoDeskIsEnrolledAtWhatIsClosed(t *testing.T) {
	t.Parallel()
	desk := cloudKey(t).PublicKey()
	g := newReset(t)
	enrolled := func(when string, want error) {
		t.Helper()
		if _, err := g.Enrol(desk); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", when, err, want)
		}
	}
	enrolled("locked", rekey.ErrConflict)
	if err := errors.Join(g.ReleaseBySheet(g.sheet[0], AtSeat()), g.FirstSetup(AdminAccount, secret(secondPassword), AtSeat())); err != nil {
		t.Fatal(err)
	}
	enrolled("sealed", rekey.ErrConflict)
	if n := count(events(t, g.Dir()), "provision"); n != 0 {
		t.Errorf("%d enrolments on record", n)
	}
	if err := g.UnsealBySheet(AdminAccount, g.sheet[1], AtSeat()); err != nil {
		t.Fatal(err)
	}
	enrolled("open", nil)
}

// What a power cut left half written holds keys and hashes of then: it is gone
// with the next boot, so that erasing erases.
func TestBootSweepsHalfWrittenFiles(t *testing.T) {
	t.Parallel()
	b, clock := newBox(t)
	old := stateOf(t, b.Dir())
	b.cutPower()
	left := filepath.Join(b.Dir(), "."+stateFile+".tmp-123")
	if err := os.WriteFile(left, old, 0o600); err != nil {
		t.Fatal(err)
	}
	b = boot(t, b.Dir(), clock)
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key of before lies there: %v", err)
	}
	if err := b.right(firstPassword); err != nil {
		t.Error(err)
	}
}

// Every page looks whether something is closed: where nothing is, none waits for
// a try that is under way.
func TestLooksWaitForNoTry(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	b.tries.Lock() // a try
	defer b.tries.Unlock()
	looked := make(chan bool)
	go func() { looked <- b.Activation().Locked || b.Kept().Sealed }()
	select {
	case closed := <-looked:
		if closed {
			t.Error("something is closed")
		}
	case <-time.After(time.Minute):
		t.Error("waits for the try")
	}
}
