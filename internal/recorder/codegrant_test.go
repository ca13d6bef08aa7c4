package recorder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rekey"
	"rekey/internal/durable"
	"rekey/recovery"
)

const amyPassword = "amys-Pass-1"

// shop is a box with an admin and amy, a user, on clocks that the test turns.
type shop struct {
	*Box
	boottime *clock
	wall     atomic.Int64 // unix seconds
}

func (s *shop) now() time.Time { return time.Unix(s.wall.Load(), 0) }

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{boottime: &clock{}}
	s.wall.Store(firstMinute)
	dir := t.TempDir()
	if _, err := Init(dir, Config{AdminPassword: secret(firstPassword), Argon: &cheap, Now: s.now}); err != nil {
		t.Fatal(err)
	}
	s.boot(t, dir)
	if err := s.AddAccount(AdminAccount, rekey.Account{Name: "amy", Group: GroupUser}, secret(amyPassword), web); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shop) boot(t *testing.T, dir string) {
	t.Helper()
	b, err := open(dir, Options{Argon: &cheap, Clock: s.boottime.now, Now: s.now}, durable.WriteFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	s.Box = b
}

func (s *shop) reboot(t *testing.T) {
	t.Helper()
	s.cutPower()
	s.boot(t, s.Dir())
}

var admin = StepUp{Password: secret(firstPassword)}

func (s *shop) codeFor(t *testing.T, name string) string {
	t.Helper()
	code, err := s.NewActivationCode(AdminAccount, name, admin, AtSeat())
	if err != nil {
		t.Fatal(err)
	}
	return code.Reveal()
}

func (s *shop) grantFor(t *testing.T, name string) *CodeGrant {
	t.Helper()
	g, err := s.SubmitActivationCode(name, s.codeFor(t, name), AtSeat())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// demoteAdmin makes a user of the admin who made the codes.
func (s *shop) demoteAdmin(t *testing.T) {
	t.Helper()
	err := errors.Join(
		s.AddAccount(AdminAccount, rekey.Account{Name: "bob", Group: GroupAdmin}, secret("Bobs-Pass-1"), web),
		s.ModifyAccount("bob", AdminAccount, GroupUser, "", Rights(), web),
	)
	if err != nil {
		t.Fatal(err)
	}
}

// wrongActivation is well formed and fits no code.
func wrongActivation(t *testing.T) string {
	t.Helper()
	a, err := recovery.DrawAnswer(strings.NewReader("8 bytes."))
	if err != nil {
		t.Fatal(err)
	}
	return a.Reveal()
}

func TestActivationCodeSetsOnePasswordOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	_, _ = s.SessionOpened("amy", web)
	code := s.codeFor(t, "amy")
	if until, open := s.ActivationCode("amy"); !open || !until.Equal(s.now().Add(24*time.Hour)) {
		t.Errorf("the code waits: %v, until %v", open, until)
	}
	if _, err := s.Password("amy", secret(amyPassword), web); err != nil || len(s.Active()) != 1 {
		t.Errorf("the password before does not work while a code waits: %v", err)
	}
	g, err := s.SubmitActivationCode("amy", " "+strings.ToLower(strings.ReplaceAll(code, "-", ""))+" ", AtSeat())
	if err != nil || g.Account() != "amy" || !g.IsCode(code) || g.IsCode(wrongActivation(t)) {
		t.Fatalf("the right code: %v", err)
	}
	if _, open := s.ActivationCode("amy"); open {
		t.Error("a code that was used waits still")
	}
	if _, err := s.SubmitActivationCode("amy", code, AtSeat()); !errors.Is(err, ErrCodeRefused) {
		t.Errorf("the code a second time: %v", err)
	}
	var policy *PolicyError
	for _, weak := range []string{"short", code, "amy"} {
		if err := s.SetPasswordByCode(g, secret(weak), AtSeat()); !errors.As(err, &policy) {
			t.Errorf("a password that breaks the rule: %v", err)
		}
	}
	if s.CodeGrantLeft(g) != 10*time.Minute {
		t.Errorf("the grant lasts %s", s.CodeGrantLeft(g))
	}
	if err := s.SetPasswordByCode(g, secret("Amys-Next-2"), AtSeat()); err != nil {
		t.Fatal(err)
	}
	if err := s.SetPasswordByCode(g, secret("Amys-Next-3"), AtSeat()); !errors.Is(err, ErrCodeGrantOver) || s.CodeGrantLeft(g) != 0 {
		t.Errorf("a second password by one grant: %v", err)
	}
	if _, err := s.Password("amy", secret("Amys-Next-2"), web); err != nil || len(s.Active()) != 0 {
		t.Errorf("the new password: %v; sessions: %v", err, s.Active())
	}
	all := events(t, s.Dir())
	for event, want := range map[string]int{"user.code": 1, "user.code.used": 1, "user.code.refused": 1, "password.set": 1, "sessions.revoked": 1, "review.opened": 0} {
		if n := count(all, event); n != want {
			t.Errorf("%d records of %s, want %d", n, event, want)
		}
	}
	for _, r := range all {
		if r.Event == "user.code" && (r.Actor != AdminAccount || r.Object != "amy" || r.Detail[detailStepUp] != "password") ||
			r.Event == "password.set" && r.Detail["way"] != wayCode {
			t.Errorf("the record: %+v", r)
		}
	}
	if n := s.Notices("amy"); len(n) != 2 || n[0].Event != "user.code" || n[0].Actor != AdminAccount || n[1].Event != "password.set" {
		t.Errorf("amy is told %+v", n)
	}
	if n := s.Notices(AdminAccount); len(n) != 1 || n[0].Event != "password.set" || n[0].Actor != "amy" {
		t.Errorf("the admin is told %+v", n)
	}
}

// Each of these ends a code that waits for amy, for good: not even turning the
// clock or cutting the power brings it back.
func TestWhatEndsAnActivationCode(t *testing.T) {
	t.Parallel()
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, end := range map[string]func(t *testing.T, s *shop){
		"24 hours":         func(_ *testing.T, s *shop) { s.wall.Add(24 * 3600) },
		"a clock set back": func(_ *testing.T, s *shop) { s.wall.Add(-1) },
		"a new code":       func(t *testing.T, s *shop) { s.codeFor(t, "amy") },
		"use":              func(t *testing.T, s *shop) { s.grantFor(t, "amy") },
		"own change": func(t *testing.T, s *shop) {
			must(t, s.SetPassword("amy", "amy", secret(amyPassword), secret("Amys-Next-2"), web))
		},
		"an admin's change": func(t *testing.T, s *shop) { must(t, s.ResetPassword(AdminAccount, "amy", secret("Amys-Next-2"), web)) },
		"temporary password": func(t *testing.T, s *shop) {
			g, _ := grantFor(t, s.Box, "amy")
			must(t, s.SetPasswordByGrant(g, "amy", secret("Amys-Next-2")))
		},
		"a deletion": func(t *testing.T, s *shop) { must(t, s.DeleteAccount(AdminAccount, "amy", web)) },
		"a deletion, undone": func(t *testing.T, s *shop) {
			must(t, s.DeleteAccount(AdminAccount, "amy", web))
			must(t, s.AddAccount(AdminAccount, rekey.Account{Name: "amy", Group: GroupUser}, secret(amyPassword), web))
		},
		"an admin who is none any more": func(t *testing.T, s *shop) { s.demoteAdmin(t) },
		"five wrong ones": func(t *testing.T, s *shop) {
			for range codeGuesses {
				if _, err := s.SubmitActivationCode("amy", wrongActivation(t), AtSeat()); !errors.Is(err, ErrCodeRefused) {
					t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			code := s.codeFor(t, "amy")
			end(t, s)
			if name != "a new code" {
				if _, open := s.ActivationCode("amy"); open {
					t.Error("the code waits still")
				}
			}
			must(t, s.right(firstPassword)) // any change of the state
			s.wall.Store(firstMinute + 60)
			s.reboot(t)
			if _, err := s.SubmitActivationCode("amy", code, AtSeat()); !errors.Is(err, ErrCodeRefused) {
				t.Errorf("the code that was over: %v", err)
			}
		})
	}
}

// Each of these ends the grant that a right code gave.
func TestWhatEndsACodeGrant(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, s *shop){
		"ten minutes":                   func(_ *testing.T, s *shop) { s.boottime.advance(grantLife) },
		"a restart":                     func(t *testing.T, s *shop) { s.reboot(t) },
		"a new code":                    func(t *testing.T, s *shop) { s.codeFor(t, "amy") },
		"an admin who is none any more": func(t *testing.T, s *shop) { s.demoteAdmin(t) },
		"another use":                   func(t *testing.T, s *shop) { s.grantFor(t, "amy") },
		"a change": func(t *testing.T, s *shop) {
			if err := s.ResetPassword(AdminAccount, "amy", secret("Amys-Next-2"), web); err != nil {
				t.Fatal(err)
			}
		},
		"a deletion, undone": func(t *testing.T, s *shop) {
			if err := errors.Join(s.DeleteAccount(AdminAccount, "amy", web), s.AddAccount(AdminAccount, rekey.Account{Name: "amy", Group: GroupUser}, secret(amyPassword), web)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			g := s.grantFor(t, "amy")
			before := s.Epoch("amy")
			end(t, s)
			if left := s.CodeGrantLeft(g); left != 0 {
				t.Errorf("the grant lasts %s", left)
			}
			after := s.Epoch("amy")
			if err := s.SetPasswordByCode(g, secret("Amys-Third-3"), AtSeat()); !errors.Is(err, ErrCodeGrantOver) || s.Epoch("amy") != after {
				t.Errorf("a password by a grant that is over: %v; epoch before %d", err, before)
			}
		})
	}
	s := newShop(t)
	if err := s.SetPasswordByCode(nil, secret("Amys-Third-3"), AtSeat()); !errors.Is(err, ErrCodeGrantOver) {
		t.Errorf("no grant at all: %v", err)
	}
}

func TestWhoMakesActivationCodes(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for name, c := range map[string]struct {
		manager, account string
		by               StepUp
		want             error
		costs            int
	}{
		"for himself":         {AdminAccount, AdminAccount, admin, rekey.ErrDenied, 0},
		"for nobody":          {AdminAccount, "nobody", admin, rekey.ErrNotFound, 0},
		"by a user":           {"amy", AdminAccount, StepUp{Password: secret(amyPassword)}, rekey.ErrDenied, 0},
		"by nobody":           {"nobody", "amy", admin, rekey.ErrDenied, 0},
		"by a wrong password": {AdminAccount, "amy", StepUp{Password: secret("wrong-Pass-1")}, rekey.ErrDenied, 1},
		"without a password":  {AdminAccount, "amy", StepUp{}, rekey.ErrDenied, 1},
	} {
		fails := s.state().Accounts[AdminAccount].Fails
		if _, err := s.NewActivationCode(c.manager, c.account, c.by, AtSeat()); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if got := s.state().Accounts[AdminAccount].Fails - fails; got != c.costs {
			t.Errorf("%s cost %d tries, want %d", name, got, c.costs)
		}
		if _, open := s.ActivationCode(c.account); open {
			t.Errorf("%s: a code waits", name)
		}
	}
	s.codeFor(t, "amy")
	if fails := s.state().Accounts[AdminAccount].Fails; fails != 0 {
		t.Errorf("after a right password %d tries stay counted", fails)
	}
}

func TestSubmitActivationCode(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	code := s.codeFor(t, "amy")
	before := s.state().Change
	var mistyped *recovery.MistypedError
	for _, typed := range []string{"", "05D8", code[:len(code)-1], strings.Replace(code, code[:1], "U", 1), code + "-0000"} {
		if _, err := s.SubmitActivationCode("amy", typed, AtSeat()); !errors.As(err, &mistyped) || !errors.Is(err, rekey.ErrInput) {
			t.Errorf("mistyped: %v", err)
		}
	}
	if s.state().Change != before || s.state().Accounts["amy"].Code.Fails != 0 {
		t.Error("a mistyped code cost something")
	}
	for name, account := range map[string]string{"another's": AdminAccount, "nobody's": "nobody", "a long name's": strings.Repeat("x", 10000)} {
		if _, err := s.SubmitActivationCode(account, code, AtSeat()); err != ErrCodeRefused {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range codeGuesses - 1 {
		if _, err := s.SubmitActivationCode("amy", wrongActivation(t), AtSeat()); err != ErrCodeRefused {
			t.Errorf("wrong: %v", err)
		}
	}
	if _, err := s.SubmitActivationCode("amy", code, AtSeat()); err != nil {
		t.Errorf("the right code with the fifth try: %v", err)
	}
	if strings.Contains(ErrCodeRefused.Error(), code) {
		t.Error("the refusal holds the code")
	}
}

// However many type at once, no more than five are compared.
func TestParallelActivationCodesCompareNoMoreThanAllowed(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	code := s.codeFor(t, "amy")
	wrong := wrongActivation(t)
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() { _, _ = s.SubmitActivationCode("amy", wrong, AtSeat()) })
	}
	wg.Wait()
	wrongs := 0
	for _, r := range events(t, s.Dir()) {
		if r.Event == "user.code.refused" && r.Result == "wrong" {
			wrongs++
		}
	}
	if _, err := s.SubmitActivationCode("amy", code, AtSeat()); !errors.Is(err, ErrCodeRefused) || wrongs != codeGuesses {
		t.Errorf("%d were compared; the right one then: %v", wrongs, err)
	}
}

func TestInvite(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	bob := rekey.Account{Name: "bob", Group: GroupUser, Memo: "the night shift"}
	for name, c := range map[string]struct {
		manager string
		a       rekey.Account
		rights  []Right
		want    error
	}{
		"taken":     {AdminAccount, rekey.Account{Name: "amy", Group: GroupUser}, nil, rekey.ErrConflict},
		"bad name":  {AdminAccount, rekey.Account{Name: "b:b", Group: GroupUser}, nil, rekey.ErrInput},
		"bad group": {AdminAccount, rekey.Account{Name: "bob", Group: "root"}, nil, rekey.ErrInput},
		"bad memo":  {AdminAccount, rekey.Account{Name: "bob", Group: GroupUser, Memo: "a\nb"}, nil, rekey.ErrInput},
		"bad right": {AdminAccount, bob, []Right{"root"}, rekey.ErrInput},
		"by a user": {"amy", bob, nil, rekey.ErrDenied},
	} {
		if _, err := s.Invite(c.manager, c.a, c.rights, admin, AtSeat()); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if _, err := s.Invite(AdminAccount, bob, nil, StepUp{Password: secret("wrong-Pass-1")}, AtSeat()); !errors.Is(err, rekey.ErrDenied) || s.Epoch("bob") != 0 {
		t.Errorf("without the password: %v", err)
	}
	code, err := s.Invite(AdminAccount, bob, []Right{RightLive}, admin, AtSeat())
	if err != nil {
		t.Fatal(err)
	}
	if got := s.RightsOf("bob"); len(got) != 1 || got[0] != RightLive {
		t.Errorf("rights: %v", got)
	}
	for _, pw := range []string{"", "bob", code.Reveal(), strings.ReplaceAll(code.Reveal(), "-", "")} {
		if _, err := s.Password("bob", secret(pw), web); !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("an invited account lets in: %v", err)
		}
		if _, err := s.Prove("bob", web, func(ha1 string) bool { return ha1 == HA1("bob", s.Realm(), pw) }); err == nil {
			t.Error("an invited account lets in by digest")
		}
		s.boottime.advance(time.Hour)
	}
	g, err := s.SubmitActivationCode("bob", code.Reveal(), AtSeat())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetPasswordByCode(g, secret("Bobs-Pass-1"), AtSeat()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Password("bob", secret("Bobs-Pass-1"), web); err != nil || s.May("bob", RightPlayback) {
		t.Errorf("after the password is set: %v, playback %v", err, s.May("bob", RightPlayback))
	}
}

// The folder keeps no code and no token that anybody could use.
func TestCodesAndTokensAreKeptAsHashes(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	code := s.codeFor(t, "amy")
	g, err := s.SubmitActivationCode("amy", code, AtSeat())
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%v %+v %#v %s", g, g, g, struct{ G *CodeGrant }{g}); strings.Contains(got, code[:4]) || !strings.Contains(got, `grant for "amy"`) {
		t.Error("a grant prints more than whose it is")
	}
	code = s.codeFor(t, "amy")
	token, err := s.Pair("amy", s.Epoch("amy"), "Amy's phone", web)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(s.Dir(), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, clear := range []string{code, strings.ReplaceAll(code, "-", ""), token.Reveal()} {
			if strings.Contains(strings.ToLower(string(data)), strings.ToLower(clear)) {
				t.Errorf("%s holds a code or a token", filepath.Base(path))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
