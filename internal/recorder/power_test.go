package recorder

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/durable"
	"rekey/seclog"
)

// TestMain lets the model walk 30 ways unless told otherwise: each step waits
// for the disk, because the security log does.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("30")
	}
	os.Exit(m.Run())
}

var errPower = errors.New("power cut")

// cutAfter lets n writes through and then none: the power is gone.
func cutAfter(n int) writeFile {
	return func(name string, data []byte, perm fs.FileMode) error {
		if n == 0 {
			return errPower
		}
		n--
		return replace(name, data, perm)
	}
}

// replace is durable.WriteFile without the waiting for the disk: in a test the
// power is not really gone.
func replace(name string, data []byte, perm fs.FileMode) error {
	if err := os.WriteFile(name+".new", data, perm); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// valid names the passwords that open the account, and fails where typed
// password and digest differ.
func valid(t interface{ Fatalf(string, ...any) }, b *Box, candidates ...string) []string {
	var open []string
	for _, pw := range candidates {
		a := b.state().Accounts[AdminAccount]
		typed, _ := argon.Fits(a.Hash, rekey.NewSecret(pw))
		sum := md5.Sum([]byte(AdminAccount + ":" + b.Realm() + ":" + pw))
		digest := b.digest(AdminAccount, func(ha1 string) bool { return ha1 == hex.EncodeToString(sum[:]) })(a)
		if typed != digest {
			t.Fatalf("after a power cut a password opens one interface and not another")
		}
		if typed {
			open = append(open, pw)
		}
	}
	return open
}

// Every write of a change of password is cut, before it and after it: exactly
// one password is left, and the log tells of it when it is the new one.
func TestPowerCutAtEveryWriteOfAChange(t *testing.T) {
	t.Parallel()
	const next = "Next-Pass-2"
	ways := map[string]func(t *testing.T, b *Box) func() error{
		"own": func(_ *testing.T, b *Box) func() error {
			return func() error {
				return b.SetPassword(AdminAccount, AdminAccount, secret(firstPassword), secret(next), web)
			}
		},
		"by an admin": func(_ *testing.T, b *Box) func() error {
			return func() error { return b.ResetPassword(AdminAccount, AdminAccount, secret(next), web) }
		},
		"by a temporary password": func(t *testing.T, b *Box) func() error {
			grant, _ := grantFor(t, b, AdminAccount)
			return func() error { return b.SetPasswordByGrant(grant, AdminAccount, secret(next)) }
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for writes := 0; ; writes++ {
				b, _ := newBox(t)
				change := way(t, b)
				b.write = cutAfter(writes)
				err := change()
				b.cutPower()
				b = boot(t, b.Dir(), &clock{})
				open := valid(t, b, firstPassword, next)
				if len(open) != 1 {
					t.Fatalf("after %d writes %d passwords open", writes, len(open))
				}
				told := count(events(t, b.Dir()), "password.set")
				if (open[0] == next) != (told == 1) {
					t.Errorf("after %d writes the log tells of %d changes", writes, told)
				}
				if err == nil {
					if open[0] != next {
						t.Error("told that it changed, and it did not")
					}
					return
				}
			}
		})
	}
}

// The power goes after the state is written and before the log is: the record
// is there after the next boot, once.
func TestRecordOfAChangeSurvivesThePowerCut(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	b.cutPower() // the log takes nothing more
	if err := b.ResetPassword(AdminAccount, AdminAccount, secret("Next-Pass-2"), web); err == nil {
		t.Fatal("a change that is not on record was told as done")
	}
	for range 2 {
		b = boot(t, b.Dir(), &clock{})
		all := events(t, b.Dir())
		if n := count(all, "password.set"); n != 1 {
			t.Errorf("%d records of the change, want 1", n)
		}
		if n := count(all, "sessions.revoked"); n != 1 {
			t.Errorf("%d records of revoked sessions, want 1", n)
		}
		if open := valid(t, b, firstPassword, "Next-Pass-2"); len(open) != 1 || open[0] != "Next-Pass-2" {
			t.Errorf("%d passwords open", len(open))
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A write that reports failure after the rename: the box goes on with what is on disk.
func TestWriteThatFailsAfterTheRename(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	b.write = func(name string, data []byte, perm fs.FileMode) error {
		return errors.Join(durable.WriteFile(name, data, perm), errPower)
	}
	if err := b.ResetPassword(AdminAccount, AdminAccount, secret("Next-Pass-2"), web); !errors.Is(err, errPower) {
		t.Fatal(err)
	}
	b.write = durable.WriteFile
	if open := valid(t, b, firstPassword, "Next-Pass-2"); len(open) != 1 || open[0] != "Next-Pass-2" {
		t.Error("the box holds another password than its disk")
	}
	if err := b.right("Next-Pass-2"); err != nil {
		t.Error(err)
	}
	if n := count(events(t, b.Dir()), "password.set"); n != 1 {
		t.Errorf("%d records of the change, want 1", n)
	}
}

func TestResetByButtonIsWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	for writes := range 4 {
		b, _ := newBox(t)
		if err := b.SetTable(AdminAccount, "UPnP", map[string]string{"Enable": "false"}, web); err != nil {
			t.Fatal(err)
		}
		b.write = cutAfter(writes)
		_ = b.pressTwice()
		b.cutPower()
		b = boot(t, b.Dir(), &clock{})
		upnp, _ := b.Table("UPnP")
		if b.Initialised() == (upnp["Enable"] == "true") {
			t.Errorf("after %d writes: accounts there: %v, settings of the factory: %s", writes, b.Initialised(), upnp["Enable"])
		}
		if (count(events(t, b.Dir()), "button.reset") == 1) == b.Initialised() {
			t.Errorf("after %d writes the log tells another story", writes)
		}
	}
}

// model is what a fair lock-out must look like from outside.
type model struct {
	*rapid.T
	dir      string
	box      *Box
	clock    *clock
	password string
	compared int           // since the last success or the end of a lock
	lockedAt time.Duration // when compared reached the limit
}

const modelTries = 5

func (m *model) try(pw string, writes int) {
	if writes >= 0 {
		m.box.write = cutAfter(writes)
	}
	ran := false
	_, err := m.box.Prove(AdminAccount, web, func(ha1 string) bool {
		ran = true
		return ha1 == HA1(AdminAccount, m.box.Realm(), pw)
	})
	locked := m.compared >= modelTries && m.clock.now() < m.lockedAt+30*time.Minute
	if ran && locked {
		m.Fatalf("compared while locked")
	}
	if ran {
		if m.compared >= modelTries {
			m.compared = 0 // the lock was over
		}
		m.compared++
		if m.compared > modelTries {
			m.Fatalf("%d comparisons without a lock", m.compared)
		}
		if m.compared == modelTries {
			m.lockedAt = m.clock.now()
		}
	}
	switch {
	case err == nil && pw != m.password:
		m.Fatalf("a wrong password opened")
	case err == nil:
		m.compared = 0
	}
	if writes >= 0 {
		m.reboot()
	}
}

func (m *model) reboot() {
	m.box.cutPower()
	m.clock = &clock{}
	b, err := open(m.dir, Options{Argon: &cheap, Clock: m.clock.now}, replace)
	if err != nil {
		m.Fatal(err)
	}
	m.box = b
	// What was charged and not compared may lock early: that errs on the strict
	// side. What was compared must still count, and a lock runs in full again.
	fails := b.state().Accounts[AdminAccount].Fails
	if fails < m.compared && m.compared < modelTries {
		m.Fatalf("a power cut took back %d tries", m.compared-fails)
	}
	m.compared, m.lockedAt = min(fails, modelTries), 0
	if open := valid(m, b, m.password); len(open) != 1 {
		m.Fatalf("the password was lost")
	}
}

func TestLockOutModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp("", "rekey-model-")
		if err != nil {
			r.Fatal(err)
		}
		defer os.RemoveAll(dir)
		if _, err := Init(dir, Config{AdminPassword: secret(firstPassword), Argon: &cheap}); err != nil {
			r.Fatal(err)
		}
		m := &model{T: r, dir: dir, clock: &clock{}, password: firstPassword}
		if m.box, err = open(dir, Options{Argon: &cheap, Clock: m.clock.now}, replace); err != nil {
			r.Fatal(err)
		}
		r.Repeat(map[string]func(*rapid.T){
			"right": func(*rapid.T) { m.try(m.password, -1) },
			"wrong": func(*rapid.T) { m.try("wrong-Pass-1", -1) },
			"cut": func(r *rapid.T) {
				m.try(rapid.SampledFrom([]string{m.password, "wrong-Pass-1"}).Draw(r, "password"), rapid.IntRange(0, 2).Draw(r, "writes"))
			},
			"reboot": func(*rapid.T) { m.reboot() },
			"advance": func(r *rapid.T) {
				m.clock.advance(time.Duration(rapid.IntRange(1, 40).Draw(r, "minutes")) * time.Minute)
			},
			"change": func(r *rapid.T) {
				next := rapid.StringMatching(`[a-z]{6}-[0-9]{4}`).Draw(r, "new")
				if err := m.box.ResetPassword(AdminAccount, AdminAccount, secret(next), web); err != nil {
					r.Fatal(err)
				}
				m.password, m.compared = next, 0
			},
		})
		if err := m.box.Close(); err != nil {
			r.Fatal(err)
		}
		log := os.DirFS(filepath.Join(dir, logDir))
		if _, err := seclog.Verify(t.Context(), log, m.box.journal.Key(), nil); err != nil {
			r.Fatal(err)
		}
	})
}

// A write that fails before anything is on disk: the disk still holds the
// version before, and that names records as pending that are in the log.
func TestWriteThatFailsRepeatsNoRecord(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	if err := b.ResetPassword(AdminAccount, AdminAccount, secret("Next-Pass-2"), web); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		b.write = cutAfter(0)
		if err := b.SetTable(AdminAccount, "UPnP", map[string]string{"Enable": "false"}, web); !errors.Is(err, errPower) {
			t.Fatal(err)
		}
		b.write = durable.WriteFile
		if err := b.right("Next-Pass-2"); err != nil {
			t.Fatal(err)
		}
		if err := b.SetTable(AdminAccount, "NTP", map[string]string{"Enable": "true"}, web); err != nil {
			t.Fatal(err)
		}
	}
	all := events(t, b.Dir())
	for event, want := range map[string]int{"password.set": 1, "sessions.revoked": 1, "login": 3, "service.off": 0, "settings.set": 3} {
		if n := count(all, event); n != want {
			t.Errorf("%d records of %s, want %d", n, event, want)
		}
	}
}
