package recorder

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rekey"
)

func TestTriesCountDownAndLock(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	for left := 4; left >= 0; left-- {
		e := loginError(t, b.right("wrong-Pass-1"))
		if !errors.Is(e, rekey.ErrDenied) || e.TriesLeft != left {
			t.Fatalf("got %v with %d left, want denied with %d left", e.Kind, e.TriesLeft, left)
		}
	}
	e := loginError(t, b.right(firstPassword))
	if !errors.Is(e, rekey.ErrLocked) || e.LockedFor != 30*time.Minute {
		t.Fatalf("got %v for %v, want locked for 30 minutes", e.Kind, e.LockedFor)
	}
	c.advance(30*time.Minute - 1)
	if err := b.right(firstPassword); !errors.Is(err, rekey.ErrLocked) {
		t.Fatalf("just before the end: %v", err)
	}
	c.advance(1)
	if err := b.right(firstPassword); err != nil {
		t.Fatalf("after the lock: %v", err)
	}
	if e := loginError(t, b.right("wrong-Pass-1")); e.TriesLeft != 4 {
		t.Errorf("success did not clear the counter: %d left", e.TriesLeft)
	}
}

func TestLockIsSharedByAllInterfaces(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	for _, via := range []rekey.InterfaceKind{rekey.InterfaceRPC2, rekey.InterfaceCGI, rekey.InterfaceRTSP, rekey.InterfaceSeat, rekey.InterfaceCGI} {
		if _, err := b.Password(AdminAccount, secret("wrong-Pass-1"), Client{Via: via}); !errors.Is(err, rekey.ErrDenied) {
			t.Fatal(err)
		}
	}
	for _, via := range []rekey.InterfaceKind{rekey.InterfaceRPC2, rekey.InterfaceCGI, rekey.InterfaceRTSP, rekey.InterfaceSeat} {
		_, err := b.Password(AdminAccount, secret(firstPassword), Client{Via: via})
		if e := loginError(t, err); !errors.Is(e, rekey.ErrLocked) || e.Interface != via {
			t.Errorf("%s: got %v on %s", via, e.Kind, e.Interface)
		}
	}
}

func TestLockRestartsInFullAtBoot(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	for range 5 {
		_ = b.right("wrong-Pass-1")
	}
	c.advance(29 * time.Minute)
	b.cutPower()
	b = boot(t, b.Dir(), &clock{})
	if e := loginError(t, b.right(firstPassword)); !errors.Is(e, rekey.ErrLocked) || e.LockedFor != 30*time.Minute {
		t.Errorf("after the power cut: %v for %v", e.Kind, e.LockedFor)
	}
}

func TestLockThatRanOutStaysOverAfterAnOrderlyEnd(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	for range 5 {
		_ = b.right("wrong-Pass-1")
	}
	c.advance(31 * time.Minute)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := boot(t, b.Dir(), &clock{}).right(firstPassword); err != nil {
		t.Error(err)
	}
}

func TestParallelWrongLoginsCompareNoMoreThanAllowed(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	var compared atomic.Int64
	var group sync.WaitGroup
	for range 200 {
		group.Go(func() {
			_, err := b.Prove(AdminAccount, web, func(string) bool { compared.Add(1); return false })
			if !errors.Is(err, rekey.ErrDenied) && !errors.Is(err, rekey.ErrLocked) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := compared.Load(); n != 5 {
		t.Errorf("%d comparisons, want 5", n)
	}
	if n := count(events(t, b.Dir()), "login.refused"); n != 200 {
		t.Errorf("%d refusals on record, want 200", n)
	}
}

func TestUnknownAccount(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	compared := 0
	for range 8 {
		_, err := b.Prove("nobody", web, func(string) bool { compared++; return true })
		if e := loginError(t, err); !errors.Is(e, rekey.ErrDenied) || e.TriesLeft != 4 {
			t.Errorf("got %v, %d left", e.Kind, e.TriesLeft)
		}
	}
	if compared != 8 {
		t.Errorf("the proof ran %d times, want 8: an unknown account must take as long as a known one", compared)
	}
	if _, err := b.Password(nobodyName, secret("whatever-1"), web); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("nobody got in: %v", err)
	}
	if _, err := b.Password(strings.Repeat("x", 5000), secret("whatever-1"), web); !errors.Is(err, rekey.ErrDenied) {
		t.Error(err)
	}
	if err := b.right(firstPassword); err != nil {
		t.Errorf("tries on unknown accounts touched a known one: %v", err)
	}
}

func TestProveAgain(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	again := func(pw string) error {
		_, err := b.ProveAgain(AdminAccount, web, func(ha1 string) bool { return ha1 == HA1(AdminAccount, b.Realm(), pw) })
		return err
	}
	for range 20 {
		if err := again(firstPassword); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(events(t, b.Dir()), "login"); n != 0 {
		t.Errorf("%d logins on record, want none", n)
	}
	for left := 4; left >= 0; left-- {
		if e := loginError(t, again("wrong-Pass-1")); e.TriesLeft != left {
			t.Fatalf("%d left, want %d", e.TriesLeft, left)
		}
	}
	if err := again(firstPassword); !errors.Is(err, rekey.ErrLocked) {
		t.Errorf("got %v, want locked", err)
	}
}

func TestLockPolicy(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	if err := b.SetLockPolicy(AdminAccount, rekey.LockPolicy{Enabled: true, Tries: 3, LockFor: 5 * time.Minute}, web); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_ = b.right("wrong-Pass-1")
	}
	if e := loginError(t, b.right(firstPassword)); e.LockedFor != 5*time.Minute {
		t.Errorf("locked for %v, want 5 minutes", e.LockedFor)
	}
	c.advance(5 * time.Minute)
	for _, bad := range []rekey.LockPolicy{{Enabled: true, Tries: 0, LockFor: time.Hour}, {Enabled: true, Tries: 31, LockFor: time.Hour}, {Enabled: true, Tries: 5, LockFor: time.Second}, {Enabled: true, Tries: 5, LockFor: 48 * time.Hour}} {
		if err := b.SetLockPolicy(AdminAccount, bad, web); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%+v: got %v, want ErrInput", bad, err)
		}
	}
	if err := b.SetLockPolicy(AdminAccount, rekey.LockPolicy{Tries: 5, LockFor: time.Hour}, web); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if e := loginError(t, b.right("wrong-Pass-1")); !errors.Is(e, rekey.ErrDenied) || e.TriesLeft != -1 {
			t.Errorf("without a lock: %v, %d left", e.Kind, e.TriesLeft)
		}
	}
}
