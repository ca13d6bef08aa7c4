package recorder

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rekey"
	"rekey/internal/totp"
	"rekey/seclog"
)

// Every write of every act on the second factor is cut, before it and after it.
// What was told as done is done, nothing is half done, a code that opened
// something opens nothing again, and the log tells what the state holds.
func TestPowerCutAtEveryWriteOfTheSecondFactor(t *testing.T) {
	t.Parallel()
	type after struct {
		on   bool
		left int
	}
	for name, c := range map[string]struct {
		act    func(t *testing.T, g *guarded) func() error
		before after
		done   after
		event  string
		opens  bool // a code was used
	}{
		"switch on": {func(t *testing.T, g *guarded) func() error {
			if err := g.SwitchOffSecond(AdminAccount, secret(firstPassword), g.sheet[0], AtSeat()); err != nil {
				t.Fatal(err)
			}
			return func() error {
				o, err := g.OfferSecond(AdminAccount, secret(firstPassword), AtSeat())
				if err != nil {
					return err
				}
				_, _, err = g.ConfirmSecond(o, codeAt(o.key, g.wall.Load()/totp.Step), AtSeat())
				return err
			}
		}, after{}, after{true, sheetCodes}, "2fa.on", false},
		"switch off": {func(_ *testing.T, g *guarded) func() error {
			return func() error {
				return g.SwitchOffSecond(AdminAccount, secret(firstPassword), g.sheet[0], AtSeat())
			}
		}, after{true, sheetCodes}, after{}, "2fa.off", false},
		"log in by the sheet": {func(t *testing.T, g *guarded) func() error {
			h := g.half(t)
			return func() error { _, err := g.Finish(h, g.sheet[0]); return err }
		}, after{true, sheetCodes}, after{true, sheetCodes - 1}, "2fa.sheet.used", true},
		"both steps": {func(_ *testing.T, g *guarded) func() error {
			return func() error {
				_, h, err := g.LogIn(AdminAccount, secret(firstPassword), AtSeat())
				if err != nil {
					return err
				}
				_, err = g.Finish(h, g.sheet[0])
				return err
			}
		}, after{true, sheetCodes}, after{true, sheetCodes - 1}, "2fa.sheet.used", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for writes := 0; ; writes++ {
				g := newGuarded(t)
				act := c.act(t, g)
				had := count(events(t, g.Dir()), c.event)
				g.write = cutAfter(writes)
				err := act()
				g.reboot(t)
				second := g.SecondFactor(AdminAccount)
				got, told := after{second.On, second.SheetLeft}, count(events(t, g.Dir()), c.event)-had
				if got != c.before && got != c.done {
					t.Fatalf("after %d writes: %+v", writes, got)
				}
				if (got == c.done) != (told == 1) {
					t.Errorf("after %d writes: %+v, and the log tells of it %d times", writes, got, told)
				}
				if c.opens && got == c.done {
					if _, err := g.Finish(g.half(t), g.sheet[0]); !errors.Is(err, rekey.ErrDenied) {
						t.Errorf("after %d writes the code opens again: %v", writes, err)
					}
				}
				if err == nil {
					if got != c.done {
						t.Error("told as done, and it is not")
					}
					return
				}
			}
		})
	}
}

// The power goes between the password and the code, or right after the code was
// compared: the log-in is not made, the try stays counted, and another cut does
// not give it back.
func TestPowerCutBetweenTheSteps(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	h := g.half(t)
	g.reboot(t)
	if _, err := g.Finish(h, g.code(0)); !errors.Is(err, ErrHalfOver) {
		t.Errorf("half a log-in outlived the power cut: %v", err)
	}
	for left := 3; left >= 0; left-- {
		h := g.half(t)
		g.write = cutAfter(1) // the charge
		if _, err := g.Finish(h, g.code(0)); !errors.Is(err, errPower) {
			t.Fatalf("the right code with the power cut: %v", err)
		}
		g.reboot(t)
	}
	if s := g.state().Accounts[AdminAccount]; s.Fails != 4 || s.wrongCodes() != 4 {
		t.Errorf("%d tries and %d codes are counted, want 4", s.Fails, s.wrongCodes())
	}
	if _, err := g.Finish(g.half(t), g.code(0)); err != nil {
		t.Errorf("the code that never opened anything: %v", err)
	}
	if s := g.state().Accounts[AdminAccount]; s.Fails != 0 || s.wrongCodes() != 0 {
		t.Errorf("after a whole log-in %d tries are counted", s.Fails)
	}
}

// codeModel is what one-time codes must look like from outside: whatever happens
// to power and clock, none opens twice, and no more are compared than the lock allows.
type codeModel struct {
	*rapid.T
	g        *guarded
	opened   map[string]bool // codes that opened once
	newest   int64           // step of the newest code that opened
	compared int             // wrong codes since the last whole log-in or the end of a lock
	lockedAt time.Duration
}

func (m *codeModel) boot() {
	m.g.cutPower()
	b, err := open(m.g.Dir(), Options{Argon: &cheap, Clock: m.g.boottime.now, Now: m.g.Now}, replace)
	if err != nil {
		m.Fatal(err)
	}
	m.g.Box = b
	if m.compared >= modelTries {
		// The lock runs in full again, from the first look at it.
		m.lockedAt = m.g.boottime.now()
		b.tries.Lock()
		b.lockedFor(AdminAccount)
		b.tries.Unlock()
	}
}

// type1 types the password and one code.
func (m *codeModel) type1(name, code string, fits bool, writes int) {
	_, h, err := m.g.LogIn(AdminAccount, secret(firstPassword), AtSeat())
	locked := m.compared >= modelTries && m.g.boottime.now() < m.lockedAt+30*time.Minute
	if locked != errors.Is(err, rekey.ErrLocked) {
		m.Fatalf("locked %v, and the password: %v", locked, err)
	}
	if locked {
		return
	}
	if err != nil {
		m.Fatal(err)
	}
	if m.compared >= modelTries {
		m.compared = 0 // the lock was over
	}
	if writes >= 0 {
		m.g.write = cutAfter(writes)
	}
	_, err = m.g.Finish(h, secret(code))
	var refused *CodeError
	switch {
	case err == nil && !fits:
		m.Fatalf("%s opened", name)
	case err == nil && m.opened[code]:
		m.Fatalf("%s opened twice", name)
	case err != nil && fits && writes < 0:
		m.Fatalf("%s did not open: %v", name, err)
	case err == nil:
		m.opened[code], m.compared = true, 0
	case errors.As(err, &refused):
		m.compared++
	case writes < 0:
		m.Fatal(err)
	case m.g.state().Accounts[AdminAccount].wrongCodes() > m.compared:
		m.compared++ // charged, and cut
	}
	if m.compared == modelTries {
		m.lockedAt = m.g.boottime.now()
	}
	if writes >= 0 {
		m.boot()
		if got := m.g.state().Accounts[AdminAccount].wrongCodes(); got != m.compared {
			m.Fatalf("%d wrong codes are counted after the cut, %d were compared", got, m.compared)
		}
	}
}

func (m *codeModel) totp(off int64, writes int) {
	at := m.g.wall.Load() / totp.Step
	code := codeAt(m.g.key, at+off).Reveal()
	fits := false // by the rules, any of the three steps that the code belongs to
	for s := at - 1; s <= at+1; s++ {
		if codeAt(m.g.key, s).Reveal() == code && s > m.newest {
			fits = true
			if !m.locked() && writes < 0 {
				m.newest = s
			}
			break
		}
	}
	m.type1("a code of the authenticator", code, fits, writes)
	m.newest = max(m.newest, m.g.state().Accounts[AdminAccount].Second.Step)
}

func (m *codeModel) locked() bool {
	return m.compared >= modelTries && m.g.boottime.now() < m.lockedAt+30*time.Minute
}

func TestOneTimeCodesModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp("", "rekey-codes-")
		if err != nil {
			r.Fatal(err)
		}
		defer os.RemoveAll(dir)
		if _, err := Init(dir, Config{AdminPassword: secret(firstPassword), Argon: &cheap}); err != nil {
			r.Fatal(err)
		}
		g := &guarded{boottime: &clock{}}
		g.wall.Store(firstMinute)
		if g.Box, err = open(dir, Options{Argon: &cheap, Clock: g.boottime.now, Now: func() time.Time { return time.Unix(g.wall.Load(), 0) }}, replace); err != nil {
			r.Fatal(err)
		}
		o, err := g.OfferSecond(AdminAccount, secret(firstPassword), AtSeat())
		if err != nil {
			r.Fatal(err)
		}
		g.key = o.key
		if g.sheet, _, err = g.ConfirmSecond(o, g.code(0), AtSeat()); err != nil {
			r.Fatal(err)
		}
		m := &codeModel{T: r, g: g, opened: map[string]bool{}, newest: g.wall.Load() / totp.Step}
		r.Repeat(map[string]func(*rapid.T){
			"authenticator": func(r *rapid.T) { m.totp(rapid.Int64Range(-2, 2).Draw(r, "steps"), -1) },
			"authenticator, cut": func(r *rapid.T) {
				m.totp(rapid.Int64Range(-1, 1).Draw(r, "steps"), rapid.IntRange(0, 2).Draw(r, "writes"))
			},
			"sheet": func(r *rapid.T) {
				code := rapid.SampledFrom(g.sheet).Draw(r, "code").Reveal()
				m.type1("a code of the sheet", code, !m.opened[code], -1)
			},
			"sheet, cut": func(r *rapid.T) {
				code := rapid.SampledFrom(g.sheet).Draw(r, "code").Reveal()
				m.type1("a code of the sheet", code, !m.opened[code], rapid.IntRange(0, 2).Draw(r, "writes"))
			},
			"password over the LAN": func(*rapid.T) {
				if !m.locked() {
					if m.compared >= modelTries {
						m.compared = 0
					}
					if err := g.right(firstPassword); err != nil {
						r.Fatal(err)
					}
				}
			},
			"power cut": func(*rapid.T) { m.boot() },
			"clock": func(r *rapid.T) {
				g.wall.Add(rapid.Int64Range(-120, 180).Draw(r, "seconds"))
			},
			"wait": func(r *rapid.T) {
				g.boottime.advance(time.Duration(rapid.IntRange(1, 40).Draw(r, "minutes")) * time.Minute)
			},
		})
		if err := g.Close(); err != nil {
			r.Fatal(err)
		}
		if _, err := seclog.Verify(t.Context(), os.DirFS(filepath.Join(dir, logDir)), g.journal.Key(), nil); err != nil {
			r.Fatal(err)
		}
	})
}
