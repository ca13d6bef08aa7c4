package recorder

import (
	"errors"
	"io/fs"
	"testing"
	"time"

	"rekey"
	"rekey/internal/durable"
)

// TestCloudForgottenByAWriteInDoubt: the file was replaced and only the sync of
// its folder failed. The link is gone from the state then, so the guard must not
// take the cloud's answers any more either.
func TestCloudForgottenByAWriteInDoubt(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*Box) error{
		"unlink": func(b *Box) error { return b.UnlinkCloud(AdminAccount, AtSeat()) },
		"reset":  (*Box).pressTwice,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, c := newBox(t)
			l, keys := begin(t, b, cloudKey(t))
			if err := b.CloudLinked(l.Key, "x"); err != nil {
				t.Fatal(err)
			}
			b.write = func(name string, data []byte, perm fs.FileMode) error {
				b.write = durable.WriteFile
				if err := durable.WriteFile(name, data, perm); err != nil {
					return err
				}
				return fs.ErrPermission
			}
			if end(b) == nil {
				t.Error("a write in doubt is told as made")
			}
			if _, linked, err := b.CloudLink(); err != nil || linked {
				t.Fatalf("linked %v, %v", linked, err)
			}
			if !b.Initialised() {
				if err := release(t, b, c, keys); err != nil {
					t.Fatalf("release by the cloud of before: %v", err)
				}
				if err := b.FirstSetup(AdminAccount, secret(firstPassword), AtSeat()); err != nil {
					t.Fatal(err)
				}
			}
			if opens(t, b, c, keys) {
				t.Error("the cloud that was forgotten still opens the box")
			}
		})
	}
}

// TestPolicyForgivesNoWrongCode: who knows the password and has a session on the
// LAN gets no new tries at the code by setting the lock policy again.
func TestPolicyForgivesNoWrongCode(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	set := func(tries int) {
		t.Helper()
		if err := g.SetLockPolicy(AdminAccount, rekey.LockPolicy{Enabled: true, Tries: tries, LockFor: time.Hour}, web); err != nil {
			t.Fatal(err)
		}
	}
	set(10)
	h := g.half(t)
	for range 3 {
		_, _ = g.Finish(h, g.wrongCode())
	}
	set(5)
	if _, err := g.Finish(h, g.wrongCode()); loginError(t, err).TriesLeft != 1 {
		t.Errorf("after a stricter policy: %v, want 1 try left", err)
	}
}

// Whoever has the password of an administrator could switch the lock off over the
// LAN, and then try codes at the seat without end.
func TestCodesAreBoundedWhateverThePolicy(t *testing.T) {
	t.Parallel()
	for _, loose := range []rekey.LockPolicy{{Tries: 5, LockFor: time.Hour}, {Enabled: true, Tries: 30, LockFor: time.Minute}} {
		g := newGuarded(t)
		if err := g.SetLockPolicy(AdminAccount, loose, web); err != nil {
			t.Fatal(err)
		}
		h := g.half(t)
		for n := range 5 {
			if _, err := g.Finish(h, g.wrongCode()); loginError(t, err).TriesLeft != 4-n {
				t.Errorf("%+v: after %d wrong codes: %v", loose, n+1, err)
			}
		}
		if _, err := g.Password(AdminAccount, secret(firstPassword), web); !errors.Is(err, rekey.ErrLocked) {
			t.Errorf("%+v: after five wrong codes: %v", loose, err)
		}
	}
}
