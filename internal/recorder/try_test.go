package recorder

import (
	"errors"
	"fmt"
	"slices"
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
	if n := count(events(t, b.Dir()), "login.refused"); n != 5+20 {
		t.Errorf("%d refusals on record, want 5 wrong tries and the first 20 on the locked account", n)
	}
}

// A name that is no account is refused with the same words, counts and locks as
// one that is.
func TestUnknownAccountAnswersAsAKnownOne(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	type refusal struct {
		kind   error
		left   int
		locked time.Duration
	}
	story := func(name string) (told []refusal, compared int) {
		try := func() {
			_, err := b.Prove(name, web, func(string) bool { compared++; return false })
			e := loginError(t, err)
			told = append(told, refusal{e.Kind, e.TriesLeft, e.LockedFor})
		}
		for range 8 {
			try()
		}
		c.advance(31 * time.Minute)
		try()
		return told, compared
	}
	known, comparedKnown := story(AdminAccount)
	for _, name := range []string{"nobody", strings.Repeat("x", 5000)} {
		unknown, compared := story(name)
		if !slices.Equal(known, unknown) || compared != comparedKnown || compared != 6 {
			t.Errorf("known: %v, %d compared; unknown: %v, %d compared", known, comparedKnown, unknown, compared)
		}
	}
	if _, err := b.Password(nobodyName, secret("whatever-1"), web); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("nobody got in: %v", err)
	}
	if _, err := b.Prove("nobody else", web, func(string) bool { return true }); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("a proof for nobody: %v", err)
	}
	if err := b.right(firstPassword); err != nil {
		t.Errorf("tries on unknown accounts touched a known one: %v", err)
	}
}

func TestStrangersAreFewInMemory(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	for n := range maxStrangers + 10 {
		c.advance(time.Second)
		b.setFails(b.state(), fmt.Sprint("stranger", n), 5)
		b.lockedFor(fmt.Sprint("stranger", n))
	}
	if len(b.strangers) != maxStrangers || len(b.lockedAt) != maxStrangers {
		t.Errorf("%d strangers and %d locks are kept, want %d", len(b.strangers), len(b.lockedAt), maxStrangers)
	}
	if b.fails(b.state(), "stranger9") != 0 || b.fails(b.state(), "stranger10") != 5 {
		t.Error("others than the oldest were forgotten")
	}
}

// Strangers do not fill the disk: what they can do without end is recorded in a
// burst and then now and then, with the number that was left out.
func TestRefusalsOfStrangersAreHeldDown(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	stranger := func(n int) { _, _ = b.Prove(fmt.Sprint("stranger", n), web, func(string) bool { return false }) }
	for n := range 60 {
		stranger(n)
	}
	if n := count(events(t, b.Dir()), "login.refused"); n != 20 {
		t.Errorf("%d refusals on record, want the first 20", n)
	}
	c.advance(10 * time.Second)
	stranger(60)
	all := events(t, b.Dir())
	if last := all[len(all)-1]; count(all, "login.refused") != 21 || last.Detail["refusals_left_out"] != "40" {
		t.Errorf("%d on record, the last says %v", count(all, "login.refused"), last.Detail)
	}
	for range 5 {
		_ = b.right("wrong-Pass-1")
	}
	if n := count(events(t, b.Dir()), "login.refused"); n != 26 {
		t.Errorf("%d on record, want every wrong try on an account", n)
	}
	_ = b.right("wrong-Pass-1")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	all = events(t, b.Dir())
	if last := all[len(all)-1]; last.Event != "shutdown" || last.Detail["refusals_left_out"] != "1" {
		t.Errorf("at the end: %s %v", last.Event, last.Detail)
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

// Wrong tries that were counted while they could not lock do not lock the owner
// out once they can.
func TestStricterLockPolicyBeginsAtNought(t *testing.T) {
	t.Parallel()
	policy := func(t *testing.T, b *Box, on bool, tries int) {
		t.Helper()
		if err := b.SetLockPolicy(AdminAccount, rekey.LockPolicy{Enabled: on, Tries: tries, LockFor: 30 * time.Minute}, web); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		on           bool
		before, then int
		want         error
		left         int
	}{
		"switched on":   {false, 5, 5, rekey.ErrDenied, 4},
		"fewer tries":   {true, 10, 5, rekey.ErrDenied, 4},
		"more tries":    {true, 10, 20, rekey.ErrDenied, 12},
		"the same":      {true, 10, 10, rekey.ErrDenied, 2},
		"fewer, locked": {true, 7, 5, rekey.ErrDenied, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _ := newBox(t)
			policy(t, b, c.on, c.before)
			for range 7 {
				_ = b.right("wrong-Pass-1")
				_, _ = b.Password("nobody", secret("wrong-Pass-1"), web)
			}
			policy(t, b, true, c.then)
			_, unknown := b.Password("nobody", secret("wrong-Pass-1"), web)
			for _, err := range []error{b.right("wrong-Pass-1"), unknown} {
				if e := loginError(t, err); !errors.Is(e, c.want) || e.TriesLeft != c.left {
					t.Errorf("%v, %d left; want %v, %d left", e.Kind, e.TriesLeft, c.want, c.left)
				}
			}
			if err := b.right(firstPassword); err != nil {
				t.Errorf("the owner: %v", err)
			}
		})
	}
}
