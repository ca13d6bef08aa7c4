package recorder

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/totp"
	"rekey/seclog"
)

var errChange = errors.New("the change refuses")

// A step-up without a second factor: one try, settled with the change.
func TestStepUpByPassword(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	made := 0
	change := func(next *state) ([]seclog.Record, error) {
		made++
		return []seclog.Record{{Actor: AdminAccount, Event: "test.made", Object: "x", Result: "ok"}}, nil
	}
	fails := func() int { return b.state().Accounts[AdminAccount].Fails }
	err := b.stepUp(AdminAccount, StepUp{Password: secret("wrong-Pass-1")}, web, change)
	if e := loginError(t, err); e.TriesLeft != 4 || made != 0 || fails() != 1 {
		t.Fatalf("a wrong password: %+v; made %d times", e, made)
	}
	refuses := func(*state) ([]seclog.Record, error) { return nil, errChange }
	if err := b.stepUp(AdminAccount, admin, web, refuses); !errors.Is(err, errChange) || fails() != 0 {
		t.Errorf("a change that refuses: %v; %d tries counted", err, fails())
	}
	if err := b.stepUp("nobody", admin, web, change); !errors.Is(err, rekey.ErrDenied) || made != 0 {
		t.Errorf("for nobody: %v", err)
	}
	if err := b.stepUp(AdminAccount, admin, web, change); err != nil || made != 1 {
		t.Fatalf("the right password: %v", err)
	}
	all := events(t, b.Dir())
	if r := all[len(all)-1]; r.Event != "test.made" || r.Detail[detailStepUp] != "password" {
		t.Errorf("the record: %+v", r)
	}
	for range 5 {
		err = b.stepUp(AdminAccount, StepUp{Password: secret("wrong-Pass-1")}, web, change)
	}
	if e := loginError(t, err); e.LockedFor == 0 {
		t.Errorf("five wrong passwords: %+v", e)
	}
	if err := b.stepUp(AdminAccount, admin, web, change); !errors.Is(err, rekey.ErrLocked) || made != 1 {
		t.Errorf("the right password while locked: %v", err)
	}
}

// With a second factor a code is asked for, once each, also where the change refuses.
func TestStepUpWithSecondFactor(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	made := 0
	change := func(*state) ([]seclog.Record, error) { made++; return nil, nil }
	refuses := func(*state) ([]seclog.Record, error) { return nil, errChange }
	pw := secret(firstPassword)
	before := g.state().Change
	for _, none := range []string{"", "12345", "not a code"} {
		if err := g.stepUp(AdminAccount, StepUp{pw, secret(none)}, web, change); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("no code: %v", err)
		}
	}
	if g.state().Change != before {
		t.Error("what is no code cost something")
	}
	var code *CodeError
	if err := g.stepUp(AdminAccount, StepUp{pw, g.wrongCode()}, web, change); !errors.As(err, &code) || g.state().Accounts[AdminAccount].wrongCodes() != 1 {
		t.Errorf("a wrong code: %v", err)
	}
	if err := g.stepUp(AdminAccount, StepUp{pw, g.code(0)}, web, refuses); !errors.Is(err, errChange) || g.state().Accounts[AdminAccount].Fails != 0 {
		t.Errorf("a change that refuses: %v", err)
	}
	if err := g.stepUp(AdminAccount, StepUp{pw, g.code(0)}, web, change); !errors.As(err, &code) || !code.Used {
		t.Errorf("a code that was used for what was refused: %v", err)
	}
	if err := g.stepUp(AdminAccount, StepUp{secret("wrong-Pass-1"), g.sheet[0]}, web, change); !errors.Is(err, rekey.ErrDenied) || g.SecondFactor(AdminAccount).SheetLeft != sheetCodes {
		t.Errorf("a wrong password with a right code: %v", err)
	}
	if made != 0 {
		t.Errorf("made %d times", made)
	}
	if err := g.stepUp(AdminAccount, StepUp{pw, g.sheet[0]}, web, change); err != nil || made != 1 {
		t.Errorf("both right: %v", err)
	}
}

// withSecond gives bob, another admin, who has a second factor.
func withSecond(t *testing.T, s *shop) *Offer {
	t.Helper()
	if err := s.AddAccount(AdminAccount, rekey.Account{Name: "bob", Group: GroupAdmin}, secret("Bobs-Pass-1"), web); err != nil {
		t.Fatal(err)
	}
	o, err := s.OfferSecond("bob", secret("Bobs-Pass-1"), AtSeat())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.ConfirmSecond(o, codeAt(o.key, s.wall.Load()/totp.Step), AtSeat()); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestRemoveSecond(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	o := withSecond(t, s)
	code := func() rekey.Secret { s.wall.Add(totp.Step); return codeAt(o.key, s.wall.Load()/totp.Step) }
	for name, c := range map[string]struct {
		manager, account, reason string
		by                       StepUp
		want                     error
	}{
		"no reason":      {AdminAccount, "bob", " ", admin, rekey.ErrInput},
		"a long reason":  {AdminAccount, "bob", strings.Repeat("x", maxValue+1), admin, rekey.ErrInput},
		"two lines":      {AdminAccount, "bob", "lost\nlogin ok", admin, rekey.ErrInput},
		"one's own":      {"bob", "bob", "lost", StepUp{secret("Bobs-Pass-1"), code()}, rekey.ErrConflict},
		"of nobody":      {AdminAccount, "nobody", "lost", admin, rekey.ErrNotFound},
		"there is none":  {AdminAccount, "amy", "lost", admin, rekey.ErrConflict},
		"by a user":      {"amy", "bob", "lost", StepUp{Password: secret(amyPassword)}, rekey.ErrDenied},
		"wrong password": {AdminAccount, "bob", "lost", StepUp{Password: secret("wrong-Pass-1")}, rekey.ErrDenied},
	} {
		if err := s.RemoveSecond(c.manager, c.account, c.reason, c.by, AtSeat()); !errors.Is(err, c.want) || !s.SecondFactor("bob").On {
			t.Errorf("%s: got %v, want %v; still on: %v", name, err, c.want, s.SecondFactor("bob").On)
		}
	}
	if err := s.RemoveSecond(AdminAccount, "bob", "his phone is in the river", admin, AtSeat()); err != nil || s.SecondFactor("bob").On {
		t.Fatalf("for a reason: %v", err)
	}
	all := events(t, s.Dir())
	if r := all[len(all)-1]; r.Event != "2fa.off" || r.Actor != AdminAccount || r.Object != "bob" || r.Detail["reason"] != "his phone is in the river" || r.Detail[detailStepUp] != "password" {
		t.Errorf("the record: %+v", r)
	}
	if n := s.Notices("bob"); len(n) != 1 || n[0].Event != "2fa.off" || n[0].Actor != AdminAccount || !n[0].Time.Equal(s.now()) {
		t.Errorf("bob is told %+v", n)
	}
}

// Nothing that another admin does to the password takes the second factor away,
// but a deletion, and that is on record.
func TestSecondFactorOutlivesHelp(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	o := withSecond(t, s)
	if err := s.ResetPassword(AdminAccount, "bob", secret("Bobs-Next-2"), web); err != nil || !s.SecondFactor("bob").On {
		t.Errorf("after a reset: %v", err)
	}
	g := s.grantFor(t, "bob")
	if err := s.SetPasswordByCode(g, secret("Bobs-Third-3"), AtSeat()); err != nil || !s.SecondFactor("bob").On {
		t.Errorf("after an activation code: %v", err)
	}
	_, half, err := s.LogIn("bob", secret("Bobs-Third-3"), AtSeat())
	if err != nil || half == nil {
		t.Fatalf("the log-in asks for no code: %v", err)
	}
	s.wall.Add(totp.Step)
	if _, err := s.Finish(half, codeAt(o.key, s.wall.Load()/totp.Step)); err != nil {
		t.Error(err)
	}
	if count(events(t, s.Dir()), "2fa.off") != 0 {
		t.Error("the record tells of a second factor that is off")
	}
	if err := s.DeleteAccount(AdminAccount, "bob", web); err != nil {
		t.Fatal(err)
	}
	if err := s.AddAccount(AdminAccount, rekey.Account{Name: "bob", Group: GroupAdmin}, secret("Bobs-Fourth-4"), web); err != nil {
		t.Fatal(err)
	}
	if s.SecondFactor("bob").On || count(events(t, s.Dir()), "2fa.off") != 1 {
		t.Error("a deletion took the second factor and left no record of it")
	}
}

func TestNotices(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	if err := s.NoticesSeen("amy", 99, web); err != nil || s.NoticesSeen("nobody", 99, web) != nil || count(events(t, s.Dir()), "notices.seen") != 0 {
		t.Errorf("nothing to see: %v", err)
	}
	if err := s.SetPassword("amy", "amy", secret(amyPassword), secret("Amys-Next-2"), web); err != nil || len(s.Notices("amy")) != 0 {
		t.Errorf("one's own act is told: %v, %v", err, s.Notices("amy"))
	}
	for i := range 3 {
		if err := s.ResetPassword(AdminAccount, "amy", secret(fmt.Sprintf("Amys-Pass-%d", 3+i)), web); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.ModifyAccount(AdminAccount, "amy", GroupUser, "", nil, web); err != nil {
		t.Fatal(err)
	}
	s.reboot(t)
	if n := s.Notices("amy"); len(n) != 2 || n[0].Event != "password.set" || n[1].Event != "user.modify" {
		t.Errorf("one thing is one notice: %+v", n)
	}
	if err := s.NoticesSeen("amy", s.Notices("amy")[1].Number, web); err != nil || len(s.Notices("amy")) != 0 || count(events(t, s.Dir()), "notices.seen") != 1 {
		t.Errorf("seen: %v, %+v", err, s.Notices("amy"))
	}
}

// TestNoticeBetweenPageAndOK: what is done to an account while its owner reads
// what was done before is not taken for read, in the same second, with the clock
// set back, or the same thing again.
func TestNoticeBetweenPageAndOK(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	reset := func(pw string) {
		t.Helper()
		if err := s.ResetPassword(AdminAccount, "amy", secret(pw), web); err != nil {
			t.Fatal(err)
		}
	}
	reset("Amys-Next-2")
	shown := s.Notices("amy")
	s.wall.Add(-60)
	reset("Amys-Third-3")
	if err := s.ModifyAccount(AdminAccount, "amy", GroupUser, "", nil, web); err != nil {
		t.Fatal(err)
	}
	if err := s.NoticesSeen("amy", shown[0].Number, web); err != nil || len(s.Notices("amy")) != 2 || count(events(t, s.Dir()), "notices.seen") != 0 {
		t.Errorf("nobody has seen these: %v, %+v", err, s.Notices("amy"))
	}
	if err := s.NoticesSeen("amy", s.Notices("amy")[0].Number, web); err != nil || len(s.Notices("amy")) != 1 || s.Notices("amy")[0].Event != "user.modify" {
		t.Errorf("the first was seen: %v, %+v", err, s.Notices("amy"))
	}
}
