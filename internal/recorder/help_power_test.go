package recorder

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rekey"
	"rekey/seclog"
)

// Every write of every act of help is cut, before it and after it. What was told
// as done is done, nothing is half done, and the log tells what the state holds.
func TestPowerCutAtEveryWriteOfHelp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		act   func(t *testing.T, s *shop) func() error
		done  func(s *shop) bool
		event string
	}{
		"activation code": {func(_ *testing.T, s *shop) func() error {
			return func() error { _, err := s.NewActivationCode(AdminAccount, "amy", admin, AtSeat()); return err }
		}, func(s *shop) bool { _, open := s.ActivationCode("amy"); return open && len(s.Notices("amy")) == 1 }, "user.code"},
		"invite": {func(_ *testing.T, s *shop) func() error {
			return func() error {
				_, err := s.Invite(AdminAccount, rekey.Account{Name: "bob", Group: GroupUser}, nil, admin, AtSeat())
				return err
			}
		}, func(s *shop) bool {
			_, open := s.ActivationCode("bob")
			return open && s.Epoch("bob") != 0 && len(s.RightsOf("bob")) == 0
		}, "user.add"},
		"new password": {func(t *testing.T, s *shop) func() error {
			s.pair(t, "amy", "phone")
			g := s.grantFor(t, "amy")
			return func() error { return s.SetPasswordByCode(g, secret("Amys-Next-2"), AtSeat()) }
		}, func(s *shop) bool {
			_, err := s.Password("amy", secret("Amys-Next-2"), AtSeat())
			return err == nil && len(s.Phones("amy")) == 0 && len(s.Notices(AdminAccount)) == 1
		}, "password.set"},
		"second factor": {func(t *testing.T, s *shop) func() error {
			withSecond(t, s)
			return func() error { return s.RemoveSecond(AdminAccount, "bob", "lost", admin, AtSeat()) }
		}, func(s *shop) bool { return !s.SecondFactor("bob").On && len(s.Notices("bob")) == 1 }, "2fa.off"},
		"phone": {func(_ *testing.T, s *shop) func() error {
			return func() error { _, err := s.Pair("amy", s.Epoch("amy"), "phone", web); return err }
		}, func(s *shop) bool { return len(s.Phones("amy")) == 1 }, "phone.pair"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for writes := 0; ; writes++ {
				s := newShop(t)
				act := c.act(t, s)
				had := count(events(t, s.Dir()), c.event)
				s.write = cutAfter(writes)
				err := act()
				s.reboot(t)
				told, done := count(events(t, s.Dir()), c.event)-had, c.done(s)
				if (told == 1) != done {
					t.Errorf("after %d writes: done %v, and the log tells of it %d times", writes, done, told)
				}
				if err == nil {
					if !done {
						t.Error("told as done, and it is not")
					}
					return
				}
			}
		})
	}
}

// The power goes at any write of a try: what was charged stays charged, a code
// that gave a grant gives no other, and five are compared at most.
func TestPowerCutAtEveryWriteOfAnActivationCode(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	code := s.codeFor(t, "amy")
	for fails := 1; fails < codeGuesses; fails++ {
		s.write = cutAfter(1) // the charge
		if _, err := s.SubmitActivationCode("amy", code, AtSeat()); !errors.Is(err, errPower) {
			t.Fatalf("the right code with the power cut: %v", err)
		}
		s.reboot(t)
		if got := s.state().Accounts["amy"].Code.Fails; got != fails {
			t.Fatalf("%d tries are counted, want %d", got, fails)
		}
	}
	s.write = cutAfter(1)
	if _, err := s.SubmitActivationCode("amy", code, AtSeat()); !errors.Is(err, errPower) {
		t.Fatalf("the right code with the power cut: %v", err)
	}
	s.reboot(t)
	if _, err := s.SubmitActivationCode("amy", code, AtSeat()); !errors.Is(err, ErrCodeRefused) {
		t.Errorf("the right code after five tries: %v", err)
	}
}

// helpModel is what activation codes must look like from outside, whatever
// happens to power and clocks.
type helpModel struct {
	*rapid.T
	s        *shop
	code     string // newest; empty = there was none, or it must be dead
	made     int64  // wall clock
	compared int
	past     []string // codes that must be dead
	grant    *CodeGrant
	until    time.Duration // of the grant, on the boot clock; 0 = it must be dead
	password string
	next     int
}

func (m *helpModel) end() {
	if m.code != "" {
		m.past = append(m.past, m.code)
	}
	m.code = ""
}

// look ends what the clock ends. The box sees the clock with each change only.
func (m *helpModel) look() {
	if now := m.s.wall.Load(); m.code != "" && (now < m.made || now >= m.made+int64(codeLife/time.Second)) {
		m.end()
	}
}

func (m *helpModel) submit(text string, writes int) {
	m.look()
	if writes >= 0 {
		m.s.write = cutAfter(writes)
	}
	right := m.code != "" && text == m.code
	g, err := m.s.SubmitActivationCode("amy", text, AtSeat())
	if (g != nil) != (err == nil) || g != nil && !right {
		m.Fatalf("a code that fits nothing gave a grant: %v", err)
	}
	if right && writes < 0 && err != nil {
		m.Fatalf("the right code: %v", err)
	}
	if g != nil {
		m.end()
		m.grant, m.until = g, m.s.boottime.now()+grantLife
	}
	if writes >= 0 {
		m.reboot()
	} else if m.code != "" {
		m.compared++
	}
	c := m.s.state().Accounts["amy"].Code
	switch {
	case m.code != "" && c == nil: // charged for the fifth time, or used up and cut
		if m.compared < codeGuesses && !right && writes < 0 {
			m.Fatalf("the code is gone after %d tries", m.compared)
		}
		m.end()
	case m.code != "" && c.Fails < m.compared:
		m.Fatalf("%d tries are counted, %d were compared", c.Fails, m.compared)
	case m.code != "":
		m.compared = c.Fails
	}
	if m.compared >= codeGuesses && m.code != "" {
		m.Fatalf("the code lives after %d tries", m.compared)
	}
}

func (m *helpModel) boot(dir string) {
	b, err := open(dir, Options{Argon: &cheap, Clock: m.s.boottime.now, Now: m.s.now}, replace)
	if err != nil {
		m.Fatal(err)
	}
	m.s.Box, m.until = b, 0
}

func (m *helpModel) reboot() {
	m.s.cutPower()
	m.boot(m.s.Dir())
}

func (m *helpModel) setPassword() {
	m.next++
	pw := secret("Amys-Pass-" + string(rune('a'+m.next%26)) + string(rune('a'+m.next/26%26)))
	open := m.until > m.s.boottime.now()
	err := m.s.SetPasswordByCode(m.grant, pw, AtSeat())
	if (err == nil) != open {
		m.Fatalf("the grant is good: %v, and setting the password: %v", open, err)
	}
	if err == nil {
		m.password, m.until = pw.Reveal(), 0
		m.end()
	}
}

func TestActivationCodesModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		dir := t.TempDir()
		s := &shop{boottime: &clock{}}
		s.wall.Store(firstMinute)
		if _, err := Init(dir, Config{AdminPassword: secret(firstPassword), Argon: &cheap, Now: s.now}); err != nil {
			r.Fatal(err)
		}
		m := &helpModel{T: r, s: s, password: amyPassword}
		m.boot(dir)
		if err := s.AddAccount(AdminAccount, rekey.Account{Name: "amy", Group: GroupUser}, secret(amyPassword), web); err != nil {
			r.Fatal(err)
		}
		r.Repeat(map[string]func(*rapid.T){
			"new code": func(r *rapid.T) {
				code, err := s.NewActivationCode(AdminAccount, "amy", admin, AtSeat())
				if err != nil {
					r.Fatal(err)
				}
				m.end()
				m.code, m.made, m.compared, m.until = code.Reveal(), s.wall.Load(), 0, 0
			},
			"right": func(*rapid.T) { m.submit(m.newest(), -1) },
			"right, cut": func(r *rapid.T) {
				m.submit(m.newest(), rapid.IntRange(0, 2).Draw(r, "writes"))
			},
			"wrong":      func(*rapid.T) { m.submit(m.wrong(), -1) },
			"wrong, cut": func(r *rapid.T) { m.submit(m.wrong(), rapid.IntRange(0, 2).Draw(r, "writes")) },
			"an old one": func(r *rapid.T) {
				if len(m.past) > 0 {
					m.submit(rapid.SampledFrom(m.past).Draw(r, "code"), -1)
				}
			},
			"set password": func(*rapid.T) { m.setPassword() },
			"another way": func(r *rapid.T) {
				m.password = "Amys-Other-" + string(rune('a'+m.next%26))
				m.next++
				if err := s.ResetPassword(AdminAccount, "amy", secret(m.password), web); err != nil {
					r.Fatal(err)
				}
				m.end()
				m.until = 0
			},
			"power cut": func(*rapid.T) { m.reboot() },
			"clock": func(r *rapid.T) {
				s.wall.Add(rapid.SampledFrom([]int64{-90000, -60, 60, 3600, 43200, 90000}).Draw(r, "seconds"))
			},
			"wait": func(r *rapid.T) {
				s.boottime.advance(time.Duration(rapid.IntRange(1, 40).Draw(r, "minutes")) * time.Minute)
			},
			"": func(r *rapid.T) {
				if left := s.CodeGrantLeft(m.grant); (left > 0) != (m.until > s.boottime.now()) {
					r.Fatalf("the grant lasts %s", left)
				}
				if _, err := s.Password("amy", secret(m.password), AtSeat()); err != nil {
					r.Fatalf("amy's password: %v", err)
				}
				m.look() // a log-in is a change
			},
		})
		if err := s.Close(); err != nil {
			r.Fatal(err)
		}
		if _, err := seclog.Verify(t.Context(), os.DirFS(filepath.Join(dir, logDir)), s.journal.Key(), nil); err != nil {
			r.Fatal(err)
		}
	})
}

// newest is the code that waits, or one that fits nothing.
func (m *helpModel) newest() string {
	if m.code != "" {
		return m.code
	}
	return m.wrong()
}

func (m *helpModel) wrong() string { return "05D8-4WAY-9MWG-ZXD1" }
