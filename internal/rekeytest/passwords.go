package rekeytest

import (
	"errors"
	"testing"

	"rekey"
)

// Passwords that the suite sets. The good one holds what is hard on the wire and
// allowed by the family's rule.
const (
	goodPassword = "New-Pass_1%+=<>/?#[]@\\|"
	weakPassword = "aa"
)

// wrongCountsOnce: each door tells, where it tells, one try fewer than the door before.
func wrongCountsOnce(t *testing.T, d rekey.Driver, b Box) {
	left := b.Tries
	for _, i := range oneOfEach(tried(t, d, b, doors(t, open(t, d, b.HTTP, b.Admin)))) {
		book := &Book{}
		err := d.Check(t.Context(), i, with(b.Admin, "wrong-Pass1"), book)
		left--
		var refused *rekey.LoginError
		denied := errors.Is(err, rekey.ErrDenied) || left == 0 && errors.Is(err, rekey.ErrLocked)
		if !errors.As(err, &refused) || !denied || book.Spent != 1 || book.Refused != 1 {
			t.Fatalf("%s: book %d/%d: %v", i.Kind, book.Spent, book.Refused, err)
		}
		if refused.TriesLeft != -1 && refused.TriesLeft != left {
			t.Errorf("%s: %d tries left, want %d", i.Kind, refused.TriesLeft, left)
		}
		if left == 0 {
			return // it is locked
		}
	}
	book := &Book{}
	if _, err := d.Open(t.Context(), look(t, d, b.HTTP), with(b.Admin, "wrong-Pass1"), book); !errors.Is(err, rekey.ErrDenied) && !errors.Is(err, rekey.ErrLocked) || book.Spent != 1 {
		t.Errorf("open: %d spent: %v", book.Spent, err)
	}
}

func lock(t *testing.T, d rekey.Driver, b Box) {
	list := tried(t, d, b, doors(t, open(t, d, b.HTTP, b.Second)))
	var err error
	for range b.Tries {
		err = d.Check(t.Context(), list[0], with(b.Admin, "wrong-Pass1"), &Book{})
		if err == nil {
			t.Fatal("a wrong password was accepted")
		}
	}
	for _, i := range oneOfEach(list) {
		err := d.Check(t.Context(), i, b.Admin, &Book{})
		var refused *rekey.LoginError
		if !errors.As(err, &refused) {
			t.Errorf("%s: the right password of a locked account: %v", i.Kind, err)
			continue
		}
		// RTSP has no words for a lock; the other doors have.
		if i.Kind != rekey.InterfaceRTSP && b.Lock != LockUnsaid && (!errors.Is(err, rekey.ErrLocked) || refused.LockedFor <= 0 && b.Lock == LockTimed) {
			t.Errorf("%s: %v", i.Kind, err)
		}
	}
	if err := d.Check(t.Context(), list[0], b.Second, &Book{}); err != nil {
		t.Errorf("another account is locked too: %v", err)
	}
}

// untilLock are as many doors as can be tried wrongly and leave one try.
func (b Box) untilLock(list []rekey.Interface) []rekey.Interface {
	return list[:min(len(list), b.Tries-1)]
}

func setPassword(t *testing.T, d rekey.Driver, b Box) { change(t, d, b, b.HTTP) }

func setPasswordByHTTPS(t *testing.T, d rekey.Driver, b Box) {
	if b.HTTPS != (rekey.Target{}) {
		change(t, d, b, b.HTTPS)
	}
}

// change sets the password and proves: the new one works on every door, the old
// one is dead, and so are the sessions from before.
func change(t *testing.T, d rekey.Driver, b Box, at rekey.Target) {
	book := &Book{}
	before, err := d.Open(t.Context(), look(t, d, at), b.Admin, book)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, d, at, b.Admin)
	list := tried(t, d, b, doors(t, s))
	if err := can[rekey.PasswordSetter](t, s).SetPassword(t.Context(), b.Admin.Password, rekey.NewSecret(b.Password)); err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		if err := d.Check(t.Context(), i, with(b.Admin, b.Password), &Book{}); err != nil {
			t.Errorf("the new password on %s (TLS %t): %v", i.Kind, i.TLS, err)
		}
	}
	for _, i := range b.untilLock(oneOfEach(list)) {
		if err := d.Check(t.Context(), i, b.Admin, &Book{}); !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("the old password on %s: %v", i.Kind, err)
		}
	}
	if a, is := before.(rekey.ActiveUserLister); is && b.Lacks["who is logged in"] == "" {
		if users, err := a.ActiveUsers(t.Context()); err == nil {
			t.Errorf("a session from before the change lives: %v", users)
		}
	}
	// Where each request carries the password that was one wrong try more, and no second one.
	// It may stay unsettled: where a recorder says no more than "not authorized", that is
	// what it says of a right that is lacking, too. The accounts are asked for, since some
	// tell their clock to anybody.
	if _, err := can[rekey.AccountLister](t, before).Accounts(t.Context()); err == nil || book.Given != 1 || book.Spent > 2 || book.Refused > 1 {
		t.Errorf("a dead session: %d logins, %d refused: %v", book.Spent, book.Refused, err)
	}
	for _, old := range []rekey.Session{before, s} {
		if err := old.Close(t.Context()); err != nil {
			t.Errorf("close a dead session: %v", err)
		}
	}
}

func setPasswordRefused(t *testing.T, d rekey.Driver, b Box) {
	session, err := d.Open(t.Context(), look(t, d, b.HTTP), b.Admin, &Book{})
	if err != nil {
		t.Fatal(err)
	}
	s := can[rekey.PasswordSetter](t, session)
	defer func() {
		if err := session.Close(t.Context()); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	for name, pair := range map[string][2]rekey.Secret{
		"too weak":     {b.Admin.Password, rekey.NewSecret(weakPassword)},
		"wrong old":    {rekey.NewSecret("wrong-Pass1"), rekey.NewSecret(b.Password)},
		"empty":        {b.Admin.Password, {}},
		"the same one": {b.Admin.Password, b.Admin.Password},
	} {
		err := s.SetPassword(t.Context(), pair[0], pair[1])
		if !errors.Is(err, rekey.ErrInput) && !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
		if errors.Is(err, rekey.ErrUnknown) {
			t.Errorf("%s: the outcome is said to be unknown", name)
		}
	}
	open(t, d, b.HTTP, b.Admin) // still the old one
}

func resetPassword(t *testing.T, d rekey.Driver, b Box) {
	s := open(t, d, b.HTTP, b.Admin)
	list := tried(t, d, b, doors(t, s))
	r := can[rekey.PasswordResetter](t, s)
	if err := r.ResetPassword(t.Context(), b.Second.Account, rekey.NewSecret(weakPassword)); !errors.Is(err, rekey.ErrInput) && !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("too weak: %v", err)
	}
	if err := r.ResetPassword(t.Context(), b.Second.Account, rekey.NewSecret(b.Password)); err != nil {
		t.Fatal(err)
	}
	for _, i := range b.untilLock(oneOfEach(list)) {
		if err := d.Check(t.Context(), i, with(b.Second, b.Password), &Book{}); err != nil {
			t.Errorf("the new password on %s: %v", i.Kind, err)
		}
		if err := d.Check(t.Context(), i, b.Second, &Book{}); !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("the old password on %s: %v", i.Kind, err)
		}
	}
	if _, err := can[rekey.AccountLister](t, s).Accounts(t.Context()); err != nil {
		t.Errorf("the manager's own session: %v", err)
	}
	if err := r.ResetPassword(t.Context(), "nobody-of-that-name", rekey.NewSecret(b.Password)); err == nil {
		t.Error("an account that is not there was given a password")
	}
}
