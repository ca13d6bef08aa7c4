package recorder

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"rekey"
	"rekey/internal/durable"
	"rekey/recovery"
)

const secondPassword = "Second-Pass-2"

// grantTo asks for a challenge of a purpose and answers it as the maker's desk does.
func grantTo(t *testing.T, b *Box, purpose recovery.Purpose) *recovery.Grant {
	t.Helper()
	c, err := b.NewChallengeFor(purpose, AdminAccount)
	if err != nil {
		t.Fatal(err)
	}
	grant, err := b.SubmitAnswer(AdminAccount, answer(t, b, AdminAccount, c))
	if err != nil {
		t.Fatal(err)
	}
	return grant
}

// newReset is a box with a second factor that somebody has reset by its button.
func newReset(t *testing.T) *guarded {
	t.Helper()
	g := newGuarded(t)
	pressReset(t, g.Box)
	return g
}

// newKept is one that was released by the first code of its sheet and set up anew.
func newKept(t *testing.T) *guarded {
	t.Helper()
	g := newReset(t)
	if err := errors.Join(g.ReleaseBySheet(g.sheet[0], AtSeat()), g.FirstSetup(AdminAccount, secret(secondPassword), AtSeat())); err != nil {
		t.Fatal(err)
	}
	return g
}

func (b *Box) footageOpen(t *testing.T) bool {
	t.Helper()
	key, err := b.FootageKey()
	if err != nil && !errors.Is(err, rekey.ErrDenied) {
		t.Fatal(err)
	}
	if err == nil && len(key) != FootageKeySize {
		t.Fatalf("a key of %d bytes", len(key))
	}
	return err == nil
}

// What a reset closes depends on what the recorder was before.
func TestWhatAResetCloses(t *testing.T) {
	t.Parallel()
	supportOff := func(b *Box) error {
		return b.SetSupport(AdminAccount, SupportOff, StepUp{Password: secret(firstPassword)}, AtSeat())
	}
	claimed := func(t *testing.T) *Box { return newGuarded(t).Box }
	plain := func(t *testing.T) *Box { b, _ := newBox(t); return b }
	factory := func(t *testing.T) *Box {
		dir := t.TempDir()
		if _, err := Init(dir, Config{Argon: &cheap}); err != nil {
			t.Fatal(err)
		}
		return boot(t, dir, &clock{})
	}
	for name, c := range map[string]struct {
		box            func(t *testing.T) *Box
		prepare        func(t *testing.T, b *Box)
		sealed, locked bool
		support        bool // at the lock, or else at the recordings
		sheet          bool
		cloud          string
	}{
		"factory state":   {box: factory},
		"only a password": {box: plain, sealed: true, support: true},
		"only a password, support off": {box: plain, sealed: true, prepare: func(t *testing.T, b *Box) {
			if err := supportOff(b); err != nil {
				t.Fatal(err)
			}
		}},
		"a recovery sheet": {box: claimed, sealed: true, locked: true, support: true, sheet: true},
		"a recovery sheet, support off": {box: claimed, sealed: true, locked: true, sheet: true, prepare: func(t *testing.T, b *Box) {
			if err := b.SetTable(AdminAccount, recoveryTable, map[string]string{"Enable": "false"}, web); err != nil {
				t.Fatal(err)
			}
		}},
		"a linked cloud": {box: plain, sealed: true, locked: true, support: true, cloud: "https://cloud.example", prepare: func(t *testing.T, b *Box) {
			l, _ := begin(t, b, cloudKey(t))
			if err := b.CloudLinked(l.Key, "o***@example.com"); err != nil {
				t.Fatal(err)
			}
		}},
		"a cloud that was never linked": {box: plain, sealed: true, support: true, prepare: func(t *testing.T, b *Box) { begin(t, b, cloudKey(t)) }},
		"an own desk":                   {box: plain, sealed: true, locked: true, support: true, prepare: func(t *testing.T, b *Box) { ownKeys(t, b, cloudKey(t)) }},
		"an own desk, support off": {box: plain, sealed: true, prepare: func(t *testing.T, b *Box) {
			ownKeys(t, b, cloudKey(t))
			if err := supportOff(b); err != nil {
				t.Fatal(err)
			}
		}}, // nothing could release it
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := c.box(t)
			if c.prepare != nil {
				c.prepare(t, b)
			}
			pressReset(t, b)
			b.cutPower()
			b = boot(t, b.Dir(), &clock{})
			a := b.Activation()
			if b.Kept().Sealed != c.sealed || b.footageOpen(t) == c.sealed || a.Locked != c.locked {
				t.Fatalf("sealed %v, locked %v", b.Kept().Sealed, a.Locked)
			}
			if c.locked && (a.Support != c.support || a.Sheet != c.sheet || a.Cloud != c.cloud || a.TriesLeft != 5 || a.LockedFor != 0) {
				t.Errorf("the lock: %+v", a)
			}
			if !c.locked {
				if err := b.FirstSetup(AdminAccount, secret(secondPassword), AtSeat()); err != nil {
					t.Fatal(err)
				}
				if k := b.Kept(); k.Support != (c.support && c.sealed) {
					t.Errorf("the seal: %+v", k)
				}
			} else if err := b.FirstSetup(AdminAccount, secret(secondPassword), AtSeat()); !errors.Is(err, rekey.ErrLocked) || b.Initialised() {
				t.Errorf("set up while locked: %v", err)
			}
			all := events(t, b.Dir())
			for event, want := range map[string]bool{"footage.sealed": c.sealed, "activation.locked": c.locked, "setup.refused": c.locked} {
				if (count(all, event) == 1) != want {
					t.Errorf("%d records of %s", count(all, event), event)
				}
			}
		})
	}
}

// Each way of release opens the first set-up, once, and is on record.
func TestWaysOfRelease(t *testing.T) {
	t.Parallel()
	for name, release := range map[string]func(t *testing.T, g *guarded) error{
		"recovery sheet": func(_ *testing.T, g *guarded) error { return g.ReleaseBySheet(g.sheet[3], AtSeat()) },
		"desk": func(t *testing.T, g *guarded) error {
			return g.ReleaseByGrant(grantTo(t, g.Box, recovery.PurposeRelease))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newReset(t)
			if err := release(t, g); err != nil {
				t.Fatal(err)
			}
			if g.Activation() != (Activation{}) || g.footageOpen(t) {
				t.Error("still locked, or the recordings opened with it")
			}
			g.reboot(t)
			if err := g.FirstSetup(AdminAccount, secret(secondPassword), AtSeat()); err != nil {
				t.Fatal(err)
			}
			if err := g.ReleaseBySheet(g.sheet[4], AtSeat()); !errors.Is(err, rekey.ErrConflict) {
				t.Errorf("released twice: %v", err)
			}
			if n := count(events(t, g.Dir()), "activation.released"); n != 1 {
				t.Errorf("%d records of the release", n)
			}
		})
	}
}

// What does not open: the password of after the reset, whoever is no admin, a
// code that was used, one of the authenticator, and what is no code at all.
func TestWhatOpensNothing(t *testing.T) {
	t.Parallel()
	g := newKept(t)
	if err := g.AddAccount(AdminAccount, rekey.Account{Name: "guest", Group: GroupUser}, secret("guest-Pass-1"), web); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		err  error
		kind error
		cost int
	}{
		"today's password":     {g.UnsealByPassword(AdminAccount, AdminAccount, secret(secondPassword), AtSeat()), rekey.ErrDenied, 1},
		"nobody's password":    {g.UnsealByPassword(AdminAccount, "nobody", secret(firstPassword), AtSeat()), rekey.ErrDenied, 1},
		"a code that was used": {g.UnsealBySheet(AdminAccount, g.sheet[0], AtSeat()), rekey.ErrDenied, 1},
		"no code":              {g.UnsealBySheet(AdminAccount, secret("hello"), AtSeat()), rekey.ErrInput, 0},
		"authenticator":        {g.UnsealBySheet(AdminAccount, g.code(0), AtSeat()), rekey.ErrInput, 0},
		"a user":               {g.UnsealByPassword("guest", AdminAccount, secret(firstPassword), AtSeat()), rekey.ErrDenied, 0},
		"a user with a code":   {g.UnsealBySheet("guest", g.sheet[1], AtSeat()), rekey.ErrDenied, 0},
		"no grant":             {g.UnsealByGrant(AdminAccount, nil), rekey.ErrDenied, 0},
		"release now":          {g.ReleaseBySheet(g.sheet[1], AtSeat()), rekey.ErrConflict, 0},
	} {
		if !errors.Is(c.err, c.kind) {
			t.Errorf("%s: got %v, want %v", name, c.err, c.kind)
		}
	}
	if k := g.Kept(); k.TriesLeft != 2 || !k.Sealed || g.footageOpen(t) {
		t.Errorf("%d tries left, want 2", k.TriesLeft)
	}
	if n := count(events(t, g.Dir()), "footage.refused"); n != 4 {
		t.Errorf("%d refusals on record, want 4", n)
	}
}

// Five wrong ones, and then half an hour, also for the right one; a restart
// begins it anew, a reset does not end it; after it there are five again.
func TestClosedIsBounded(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		box   func(t *testing.T) *guarded
		wrong func(g *guarded) error
		right func(g *guarded) error
		left  func(g *guarded) (int, time.Duration)
	}{
		"recordings": {
			newKept,
			func(g *guarded) error {
				return g.UnsealByPassword(AdminAccount, AdminAccount, secret("wrong-Pass-1"), AtSeat())
			},
			func(g *guarded) error {
				return g.UnsealByPassword(AdminAccount, AdminAccount, secret(firstPassword), AtSeat())
			},
			func(g *guarded) (int, time.Duration) { k := g.Kept(); return k.TriesLeft, k.LockedFor },
		},
		"activation": {
			newReset,
			func(g *guarded) error { return g.ReleaseBySheet(secret("0000-0000-0000"), AtSeat()) },
			func(g *guarded) error { return g.ReleaseBySheet(g.sheet[1], AtSeat()) },
			func(g *guarded) (int, time.Duration) { a := g.Activation(); return a.TriesLeft, a.LockedFor },
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			g := c.box(t)
			fill := func() {
				t.Helper()
				for left := 4; left >= 0; left-- {
					e := loginError(t, c.wrong(g))
					if !errors.Is(e, rekey.ErrDenied) || e.TriesLeft != left {
						t.Fatalf("%v, %d tries left, want %d", e.Kind, e.TriesLeft, left)
					}
				}
			}
			refused := func(want time.Duration) {
				t.Helper()
				e := loginError(t, c.right(g))
				if !errors.Is(e, rekey.ErrLocked) || e.LockedFor != want {
					t.Fatalf("%v for %s, want %s", e.Kind, e.LockedFor, want)
				}
				if tries, left := c.left(g); tries != 0 || left != want {
					t.Fatalf("told: %d tries, %s", tries, left)
				}
			}
			fill()
			refused(30 * time.Minute)
			g.boottime.advance(29 * time.Minute)
			refused(time.Minute)
			g.reboot(t)
			g.boottime.advance(10 * time.Minute) // from the boot on, whoever looks at it
			refused(20 * time.Minute)
			g.reboot(t)
			refused(30 * time.Minute)
			g.boottime.advance(30 * time.Minute)
			if tries, left := c.left(g); tries != 5 || left != 0 {
				t.Fatalf("after the wait: %d tries, %s", tries, left)
			}
			fill()
			pressReset(t, g.Box)
			if !g.Initialised() && what == "recordings" {
				if err := g.FirstSetup(AdminAccount, secret(secondPassword), AtSeat()); err != nil {
					t.Fatal(err)
				}
			}
			refused(30 * time.Minute)
			g.boottime.advance(30 * time.Minute)
			if err := g.Close(); err != nil { // in order: the wait is over for good
				t.Fatal(err)
			}
			g.boot(t, g.Dir())
			if err := c.right(g); err != nil {
				t.Errorf("after the wait: %v", err)
			}
		})
	}
}

// A code of the sheet opens one thing once: what was used for the release opens
// no recordings, and the codes of before the reset are none of the new account's.
func TestSheetCodeIsUsedUpForBoth(t *testing.T) {
	t.Parallel()
	g := newKept(t)
	if err := g.UnsealBySheet(AdminAccount, g.sheet[0], AtSeat()); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("the code of the release opens the recordings: %v", err)
	}
	if err := g.UnsealBySheet(AdminAccount, g.sheet[1], AtSeat()); err != nil {
		t.Errorf("another code: %v", err)
	}
	if g.SecondFactor(AdminAccount).On {
		t.Error("the second factor of before is the new account's")
	}
}

// A second reset seals nothing for the one in between, who never saw the
// recordings, and a third while locked changes nothing.
func TestSecondResetKeepsTheFirstSeal(t *testing.T) {
	t.Parallel()
	g := newKept(t)
	pressReset(t, g.Box)
	if g.Activation().Locked {
		t.Error("locked for one who had left no proof")
	}
	if err := g.FirstSetup(AdminAccount, secret("Third-Pass-3"), AtSeat()); err != nil {
		t.Fatal(err)
	}
	if err := g.UnsealByPassword(AdminAccount, AdminAccount, secret(secondPassword), AtSeat()); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("the password of in between: %v", err)
	}
	if err := g.UnsealByPassword(AdminAccount, AdminAccount, secret(firstPassword), AtSeat()); err != nil {
		t.Errorf("the password of before: %v", err)
	}
	locked := newReset(t)
	was := locked.Activation()
	pressReset(t, locked.Box)
	if locked.Activation() != was {
		t.Errorf("another reset: %+v, was %+v", locked.Activation(), was)
	}
	if err := locked.FirstSetup(AdminAccount, secret(secondPassword), AtSeat()); !errors.Is(err, rekey.ErrLocked) {
		t.Errorf("the second reset released it: %v", err)
	}
}

// The button switches no support on: what was off before the reset stays off for
// the lock and the recordings, whatever the settings of the factory say.
func TestResetSwitchesNoSupportOn(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	if err := g.SetTable(AdminAccount, recoveryTable, map[string]string{"Enable": "false"}, web); err != nil {
		t.Fatal(err)
	}
	pressReset(t, g.Box)
	if _, err := g.NewChallengeFor(recovery.PurposeRelease, AdminAccount); !errors.Is(err, rekey.ErrUnsupported) {
		t.Errorf("a challenge to release: %v", err)
	}
	if err := errors.Join(g.ReleaseBySheet(g.sheet[0], AtSeat()), g.FirstSetup(AdminAccount, secret(secondPassword), AtSeat())); err != nil {
		t.Fatal(err)
	}
	if g.Support() != SupportMaker {
		t.Errorf("support is %s after the set-up", g.Support())
	}
	if _, err := g.NewChallengeFor(recovery.PurposeUnseal, AdminAccount); !errors.Is(err, rekey.ErrUnsupported) || g.Kept().Support {
		t.Errorf("a challenge to unseal: %v", err)
	}
	if _, err := g.NewChallenge(AdminAccount); err != nil {
		t.Errorf("a challenge for a new password: %v", err)
	}
}

// Challenges are for their purpose and its moment.
func TestChallengePurposes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		box      func(t *testing.T) *guarded
		password error // of NewChallenge; nil = given
		release  error
		unseal   error
	}{
		"in use":   {newGuarded, nil, rekey.ErrConflict, rekey.ErrConflict},
		"locked":   {newReset, rekey.ErrConflict, nil, rekey.ErrConflict},
		"released": {newKept, nil, rekey.ErrConflict, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := c.box(t)
			for purpose, want := range map[recovery.Purpose]error{recovery.PurposePassword: c.password, recovery.PurposeRelease: c.release, recovery.PurposeUnseal: c.unseal} {
				g.boottime.advance(time.Minute)
				got, err := g.NewChallengeFor(purpose, AdminAccount)
				if !errors.Is(err, want) || want == nil && got.Purpose != purpose {
					t.Errorf("%s: %v, %v, want %v", purpose, got.Purpose, err, want)
				}
			}
			for _, bad := range []struct {
				purpose recovery.Purpose
				name    string
			}{{3, AdminAccount}, {recovery.PurposeRelease, "guest"}, {recovery.PurposeUnseal, ""}} {
				if _, err := g.NewChallengeFor(bad.purpose, bad.name); !errors.Is(err, rekey.ErrInput) {
					t.Errorf("purpose %d for %q: %v", bad.purpose, bad.name, err)
				}
			}
		})
	}
}

// A grant of one purpose does nothing else, and a challenge of another answers
// for nothing else: the desk is asked for each by itself.
func TestGrantOfAnotherPurpose(t *testing.T) {
	t.Parallel()
	g := newKept(t)
	password := grantTo(t, g.Box, recovery.PurposePassword)
	if err := g.UnsealByGrant(AdminAccount, password); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("a temporary password for a new password opens recordings: %v", err)
	}
	if g.footageOpen(t) {
		t.Fatal("open")
	}
	g.boottime.advance(time.Minute)
	unseal := grantTo(t, g.Box, recovery.PurposeUnseal)
	if err := g.SetPasswordByGrant(unseal, AdminAccount, secret("Third-Pass-3")); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("a temporary password for recordings sets a password: %v", err)
	}
	if err := g.ReleaseByGrant(unseal); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("and releases: %v", err)
	}
	if err := g.UnsealByGrant(AdminAccount, unseal); err != nil {
		t.Errorf("what it is for: %v", err)
	}
	if err := g.UnsealByGrant(AdminAccount, unseal); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("twice: %v", err)
	}

	// One that was shown before a reset is for nothing after it.
	old := newGuarded(t)
	c, err := old.NewChallenge(AdminAccount)
	if err != nil {
		t.Fatal(err)
	}
	text := answer(t, old.Box, AdminAccount, c)
	pressReset(t, old.Box)
	if _, err := old.SubmitAnswer(AdminAccount, text); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("an answer of before the reset: %v", err)
	}
}

// What unseals or releases by another way ends the challenge that was open for it.
func TestAnotherWayEndsTheChallenge(t *testing.T) {
	t.Parallel()
	g := newKept(t)
	if _, err := g.NewChallengeFor(recovery.PurposeUnseal, AdminAccount); err != nil {
		t.Fatal(err)
	}
	if err := g.UnsealBySheet(AdminAccount, g.sheet[1], AtSeat()); err != nil {
		t.Fatal(err)
	}
	if s, err := g.GuardState(); err != nil || s.Open {
		t.Errorf("the challenge waits on: %v", err)
	}
	locked := newReset(t)
	grant := grantTo(t, locked.Box, recovery.PurposeRelease)
	if err := locked.ReleaseBySheet(locked.sheet[1], AtSeat()); err != nil {
		t.Fatal(err)
	}
	if s, err := locked.GuardState(); err != nil || s.GrantLeft != 0 {
		t.Errorf("the grant waits on: %v", err)
	}
	if err := locked.ReleaseByGrant(grant); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("released again: %v", err)
	}
}

// A write that fails after the rename: what is on disk counts, for the lock as
// for the seal.
func TestReleaseByAWriteInDoubt(t *testing.T) {
	t.Parallel()
	g := newReset(t)
	g.write = func(name string, data []byte, perm os.FileMode) error {
		if err := durable.WriteFile(name, data, perm); err != nil || g.state().Activation == nil {
			return err
		}
		if bytes.Contains(data, []byte(`"activation"`)) {
			return nil
		}
		return errPower
	}
	if err := g.ReleaseBySheet(g.sheet[0], AtSeat()); !errors.Is(err, errPower) {
		t.Fatalf("a write in doubt was told as made: %v", err)
	}
	g.write = durable.WriteFile
	if g.Activation().Locked {
		t.Error("the box says locked, its disk does not")
	}
	if err := g.FirstSetup(AdminAccount, secret(secondPassword), AtSeat()); err != nil {
		t.Error(err)
	}
}
