package recorder

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rekey"
	"rekey/recovery"
)

// The key of the recordings is the one that Init was given or drew, and it is
// nowhere in the clear.
func TestFootageKey(t *testing.T) {
	t.Parallel()
	dir, want := t.TempDir(), bytes.Repeat([]byte{7}, FootageKeySize)
	if _, err := Init(dir, Config{Argon: &cheap, FootageKey: want}); err != nil {
		t.Fatal(err)
	}
	b := boot(t, dir, &clock{})
	if key, err := b.FootageKey(); err != nil || !bytes.Equal(key, want) {
		t.Errorf("not the key that Init was given: %v", err)
	}
	state, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(want), hex.EncodeToString(want), base64.StdEncoding.EncodeToString(want)} {
		if strings.Contains(string(state), text) {
			t.Error("the key of the recordings lies in the clear")
		}
	}
	if _, err := Init(t.TempDir(), Config{Argon: &cheap, FootageKey: want[1:]}); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("a key of 31 bytes: %v", err)
	}
	first, _ := newBox(t)
	other, _ := newBox(t)
	a, _ := first.FootageKey()
	o, _ := other.FootageKey()
	if len(a) != FootageKeySize || bytes.Equal(a, o) {
		t.Error("two recorders have one key")
	}
}

// A recorder that an earlier rekey made gets its key at the next boot, and keeps it.
func TestFootageKeyOfAnEarlierRekey(t *testing.T) {
	t.Parallel()
	b, clock := newBox(t)
	b.cutPower()
	rewrite(t, filepath.Join(b.Dir(), stateFile), func(s map[string]any) { delete(s, "footage") })
	b = boot(t, b.Dir(), clock)
	made, err := b.FootageKey()
	if err != nil {
		t.Fatal(err)
	}
	b.cutPower()
	b = boot(t, b.Dir(), clock)
	if again, err := b.FootageKey(); err != nil || !bytes.Equal(made, again) {
		t.Errorf("another key after the next boot: %v", err)
	}
}

// Each way of unsealing gives the same key again, and is on record.
func TestWaysOfUnsealing(t *testing.T) {
	t.Parallel()
	for name, unseal := range map[string]func(t *testing.T, g *guarded) error{
		"password of before": func(_ *testing.T, g *guarded) error {
			return g.UnsealByPassword(AdminAccount, AdminAccount, secret(firstPassword), AtSeat())
		},
		"recovery sheet": func(_ *testing.T, g *guarded) error { return g.UnsealBySheet(AdminAccount, g.sheet[3], AtSeat()) },
		"desk": func(t *testing.T, g *guarded) error {
			return g.UnsealByGrant(AdminAccount, grantTo(t, g.Box, recovery.PurposeUnseal))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGuarded(t)
			before, err := g.FootageKey()
			if err != nil {
				t.Fatal(err)
			}
			pressReset(t, g.Box)
			if err := errors.Join(g.ReleaseBySheet(g.sheet[0], AtSeat()), g.FirstSetup(AdminAccount, secret(secondPassword), AtSeat())); err != nil {
				t.Fatal(err)
			}
			k := g.Kept()
			if !k.Sealed || len(k.Accounts) != 1 || k.Accounts[0] != AdminAccount || !k.Sheet || !k.Support || k.TriesLeft != 5 || k.Since.IsZero() {
				t.Errorf("told: %+v", k)
			}
			if err := unseal(t, g); err != nil {
				t.Fatal(err)
			}
			after, err := g.FootageKey()
			if err != nil || !bytes.Equal(before, after) || g.Kept().Sealed {
				t.Errorf("not the key of before: %v", err)
			}
			g.reboot(t)
			if !g.footageOpen(t) {
				t.Error("sealed again after a power cut")
			}
			if err := g.UnsealBySheet(AdminAccount, g.sheet[5], AtSeat()); !errors.Is(err, rekey.ErrConflict) {
				t.Errorf("unsealed twice: %v", err)
			}
			if n := count(events(t, g.Dir()), "footage.unsealed"); n != 1 {
				t.Errorf("%d records of it", n)
			}
		})
	}
}

// The recordings of before belong to the desk of before.
func TestAnotherDeskUnsealsNothing(t *testing.T) {
	t.Parallel()
	g := newKept(t)
	s := g.state().clone()
	s.OwnDesk = &ownDesk{Key: []byte("another"), Epoch: 1}
	if err := s.mayAskToUnseal(); !errors.Is(err, rekey.ErrUnsupported) {
		t.Errorf("the desk of after: %v", err)
	}
	if err := g.state().mayAskToUnseal(); err != nil {
		t.Errorf("the desk of before: %v", err)
	}
}

// Erasing takes an admin who steps up, makes a new key, and ends the seal; the
// settings and the accounts stay.
func TestEraseRecordings(t *testing.T) {
	t.Parallel()
	for _, sealed := range []bool{false, true} {
		g, pw := newGuarded(t), secret(firstPassword)
		before, err := g.FootageKey()
		if err != nil {
			t.Fatal(err)
		}
		step := StepUp{Password: pw, Code: g.sheet[1]}
		if sealed {
			pressReset(t, g.Box)
			if err := errors.Join(g.ReleaseBySheet(g.sheet[0], AtSeat()), g.FirstSetup(AdminAccount, secret(secondPassword), AtSeat())); err != nil {
				t.Fatal(err)
			}
			step = StepUp{Password: secret(secondPassword)}
		}
		if err := g.AddAccount(AdminAccount, rekey.Account{Name: "guest", Group: GroupUser}, secret("guest-Pass-1"), web); err != nil {
			t.Fatal(err)
		}
		wrong := step
		wrong.Password = secret("wrong-Pass-1")
		if err := g.EraseRecordings(AdminAccount, wrong, AtSeat()); !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("with a wrong password: %v", err)
		}
		if err := g.EraseRecordings("guest", StepUp{Password: secret("guest-Pass-1")}, AtSeat()); !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("by a user: %v", err)
		}
		if g.Kept().Sealed != sealed {
			t.Error("a refusal changed the seal")
		}
		if err := g.EraseRecordings(AdminAccount, step, AtSeat()); err != nil {
			t.Fatal(err)
		}
		after, err := g.FootageKey()
		if err != nil || bytes.Equal(before, after) || g.Kept().Sealed {
			t.Errorf("sealed %v: the old key is there: %v", sealed, err)
		}
		if len(g.Accounts()) != 2 {
			t.Error("accounts went with the recordings")
		}
		if n := count(events(t, g.Dir()), "footage.erased"); n != 1 {
			t.Errorf("%d records of it", n)
		}
	}
}
