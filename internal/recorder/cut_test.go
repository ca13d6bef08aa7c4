package recorder

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"rekey"
)

// TestCutInTheMiddle: the power goes while many change the recorder at once.
// Nothing is written after it, nothing tells of an orderly end, and what the next
// boot finds has every try that was told as charged.
func TestCutInTheMiddle(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	// Without a lock every try writes and so hears that there is no power, however
	// late the cut comes; who is locked out may be refused without a write.
	if err := b.SetLockPolicy(AdminAccount, rekey.LockPolicy{Tries: 10, LockFor: 30 * time.Minute}, AtSeat()); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	refused := 0
	started := make(chan struct{}, 20)
	for range 20 {
		all.Go(func() {
			for n := 0; ; n++ {
				var wrong *rekey.LoginError
				err := b.right("not-the-One-1")
				if errors.As(err, &wrong) && errors.Is(wrong.Kind, rekey.ErrDenied) {
					mu.Lock()
					refused++
					mu.Unlock()
				}
				if n == 0 {
					started <- struct{}{}
				}
				if errors.Is(err, rekey.ErrStorage) {
					return
				}
			}
		})
	}
	for range 3 {
		<-started
	}
	if err := b.Cut(); err != nil {
		t.Fatal(err)
	}
	atCut := stateOf(t, b.dir)
	all.Wait()
	if !bytes.Equal(atCut, stateOf(t, b.dir)) {
		t.Error("the state was written without power")
	}
	if err := b.SetPassword(AdminAccount, AdminAccount, secret(firstPassword), secret("Second-Pass-2"), AtSeat()); !errors.Is(err, rekey.ErrStorage) {
		t.Errorf("a box without power sets a password: %v", err)
	}
	if err := b.Close(); err != nil && !errors.Is(err, rekey.ErrStorage) {
		t.Errorf("close after a cut: %v", err)
	}
	next := boot(t, b.dir, c)
	if got := next.state().Accounts[AdminAccount].Fails; got < refused {
		t.Errorf("%d tries were told as wrong, %d are charged", refused, got)
	}
	if got := valid(t, next, firstPassword, "Second-Pass-2"); len(got) != 1 || got[0] != firstPassword {
		t.Error("the password is not the one of before")
	}
	if n := count(events(t, b.dir), "shutdown"); n != 0 {
		t.Errorf("%d orderly shutdowns on record", n)
	}
}

func stateOf(t *testing.T, dir string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestClosedWritesNothing: who is still at work in a box that was switched off
// must not write over what the next boot has.
func TestClosedWritesNothing(t *testing.T) {
	t.Parallel()
	b, c := newBox(t)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	next := boot(t, b.dir, c)
	if err := next.SetPassword(AdminAccount, AdminAccount, secret(firstPassword), secret("Second-Pass-2"), AtSeat()); err != nil {
		t.Fatal(err)
	}
	now := stateOf(t, b.dir)
	if err := b.SetLockPolicy(AdminAccount, rekey.LockPolicy{Enabled: true, Tries: 10, LockFor: 30 * time.Minute}, AtSeat()); !errors.Is(err, rekey.ErrStorage) {
		t.Errorf("a box that is closed takes a setting: %v", err)
	}
	if err := b.right("not-the-One-1"); err == nil {
		t.Error("a box that is closed takes a wrong password")
	}
	if !bytes.Equal(now, stateOf(t, b.dir)) {
		t.Error("the state of the next boot was written over by the one before")
	}
}
