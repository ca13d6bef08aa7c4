package recorder

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rekey"
	"rekey/recovery"
	"rekey/seclog"
)

// closedView is what a person sees of lock, seal and first set-up.
type closedView struct {
	setUp, locked, sealed bool
	codes                 int // of the sheet, for whatever is closed
	key                   string
}

func (b *Box) closedView(t interface{ Fatalf(string, ...any) }) closedView {
	s := b.state()
	v := closedView{setUp: b.Initialised(), locked: s.Activation != nil, sealed: s.Footage.Kept != nil}
	for what := range closings {
		if c := s.closed(what); c != nil {
			v.codes += len(c.Sheet)
		}
	}
	key, err := b.seal.open(s.Footage.Key, footageContext(b.id))
	if err != nil {
		t.Fatalf("the key of the recordings is lost: %v", err)
	}
	v.key = fmt.Sprintf("%x", key)
	if _, err := b.FootageKey(); (err == nil) == v.sealed {
		t.Fatalf("sealed %v, and the key: %v", v.sealed, err)
	}
	return v
}

// Every write of a reset, a release, an unsealing and an erasure is cut, before
// it and after it: what is on disk is all of before or all of after, the log
// tells of it exactly when it is after, and what was told as done is done.
func TestPowerCutAtEveryWriteOfWhatAResetCloses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		box   func(t *testing.T) *guarded
		act   func(t *testing.T, g *guarded) func() error
		event string
		after func(was closedView) closedView // the key of an erasure aside
	}{
		"reset": {newGuarded, func(_ *testing.T, g *guarded) func() error {
			return g.pressTwice
		}, "button.reset", func(was closedView) closedView {
			return closedView{locked: true, sealed: true, codes: 2 * sheetCodes, key: was.key}
		}},
		"release by the sheet": {newReset, func(_ *testing.T, g *guarded) func() error {
			return func() error { return g.ReleaseBySheet(g.sheet[0], AtSeat()) }
		}, "activation.released", func(was closedView) closedView {
			return closedView{sealed: true, codes: sheetCodes - 1, key: was.key}
		}},
		"release by the desk": {newReset, func(t *testing.T, g *guarded) func() error {
			grant := grantTo(t, g.Box, recovery.PurposeRelease)
			return func() error { return g.ReleaseByGrant(grant) }
		}, "activation.released", func(was closedView) closedView {
			return closedView{sealed: true, codes: sheetCodes, key: was.key}
		}},
		"unseal by password": {newKept, func(_ *testing.T, g *guarded) func() error {
			return func() error { return g.UnsealByPassword(AdminAccount, AdminAccount, secret(firstPassword), AtSeat()) }
		}, "footage.unsealed", func(was closedView) closedView { return closedView{setUp: true, key: was.key} }},
		"unseal by the sheet": {newKept, func(_ *testing.T, g *guarded) func() error {
			return func() error { return g.UnsealBySheet(AdminAccount, g.sheet[1], AtSeat()) }
		}, "footage.unsealed", func(was closedView) closedView { return closedView{setUp: true, key: was.key} }},
		"unseal by the desk": {newKept, func(t *testing.T, g *guarded) func() error {
			grant := grantTo(t, g.Box, recovery.PurposeUnseal)
			return func() error { return g.UnsealByGrant(AdminAccount, grant) }
		}, "footage.unsealed", func(was closedView) closedView { return closedView{setUp: true, key: was.key} }},
		"erase": {newKept, func(_ *testing.T, g *guarded) func() error {
			return func() error {
				return g.EraseRecordings(AdminAccount, StepUp{Password: secret(secondPassword)}, AtSeat())
			}
		}, "footage.erased", func(closedView) closedView { return closedView{setUp: true} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for writes := 0; ; writes++ {
				g := c.box(t)
				act := c.act(t, g)
				was := g.closedView(t)
				g.write = cutAfter(writes)
				err := act()
				g.reboot(t)
				now, want := g.closedView(t), c.after(was)
				if c.event == "footage.erased" && now.key != was.key {
					now.key = "" // another one
				}
				if now != was && now != want {
					t.Fatalf("after %d writes: %+v, neither %+v nor %+v", writes, now, was, want)
				}
				if told := count(events(t, g.Dir()), c.event); (now == want) != (told == 1) {
					t.Errorf("after %d writes: %+v, and the log tells of it %d times", writes, now, told)
				}
				if err == nil {
					if now != want {
						t.Error("told as done, and it is not")
					}
					return
				}
			}
		})
	}
}

// The power goes right after a try was charged, or before: nobody gets more
// tries out of it.
func TestPowerCutGivesNoTryAtWhatIsClosed(t *testing.T) {
	t.Parallel()
	g := newReset(t)
	for range 4 {
		g.write = cutAfter(1) // the charge
		if err := g.ReleaseBySheet(g.sheet[0], AtSeat()); !errors.Is(err, errPower) {
			t.Fatalf("the right code with the power cut: %v", err)
		}
		g.reboot(t)
	}
	if a := g.Activation(); a.TriesLeft != 1 || !a.Locked {
		t.Errorf("%d tries left, want 1", a.TriesLeft)
	}
	if err := g.ReleaseBySheet(g.sheet[0], AtSeat()); err != nil {
		t.Errorf("the code that never opened anything: %v", err)
	}
}

// closedModel is what lock and seal must look like from outside, whatever is
// done in whatever order and whenever the power goes: the recordings of before
// the first reset open to what was there before it and to nothing else, no code
// opens twice, and there are no more wrong tries than five in half an hour.
type closedModel struct {
	*rapid.T
	g        *guarded
	key      []byte // of the recordings
	used     map[int]bool
	unsealed bool
	wrong    [closings]int           // compared since the last wait
	waits    [closings]time.Duration // boot time at which the fifth was compared
	waiting  [closings]bool
}

func (m *closedModel) boot() {
	m.g.cutPower()
	b, err := open(m.g.Dir(), Options{Argon: &cheap, Clock: m.g.boottime.now, Now: func() time.Time { return time.Unix(m.g.wall.Load(), 0) }}, replace)
	if err != nil {
		m.Fatal(err)
	}
	m.g.Box = b
	for what := range closings { // the wait runs in full again
		if m.waiting[what] {
			m.waits[what] = m.g.boottime.now()
		}
	}
}

// tried judges one try at what is closed.
func (m *closedModel) tried(what closing, fits bool, err error) {
	waiting := m.waiting[what] && m.g.boottime.now() < m.waits[what]+closedWait
	switch {
	case err == nil && (!fits || waiting):
		m.Fatalf("%s: opened, fits %v, waiting %v", what, fits, waiting)
	case err == nil:
		m.wrong[what], m.waiting[what] = 0, false
	case errors.Is(err, rekey.ErrDenied):
		if waiting {
			m.Fatalf("%s: compared in the wait", what)
		}
		if m.waiting[what] {
			m.waiting[what], m.wrong[what] = false, 0
		}
		if m.wrong[what]++; m.wrong[what] > closedTries {
			m.Fatalf("%s: %d wrong tries", what, m.wrong[what])
		}
		if m.wrong[what] == closedTries {
			m.waiting[what], m.waits[what] = true, m.g.boottime.now()
		}
		if fits {
			m.Fatalf("%s: what fits was refused: %v", what, err)
		}
	}
}

func (m *closedModel) sheet(r *rapid.T) (n int, code rekey.Secret, fits bool) {
	n = rapid.IntRange(-1, 2).Draw(r, "code")
	if n < 0 {
		return n, secret("0000-0000-0000"), false
	}
	return n, m.g.sheet[n], !m.used[n]
}

// check holds what must always hold.
func (m *closedModel) check() {
	v := m.g.closedView(m)
	if v.locked && v.setUp {
		m.Fatalf("locked and set up")
	}
	key, err := m.g.FootageKey()
	if err == nil && !m.unsealed || err != nil && m.unsealed {
		m.Fatalf("the recordings: %v, unsealed %v", err, m.unsealed)
	}
	if err == nil && !bytes.Equal(key, m.key) {
		m.Fatalf("another key")
	}
}

func TestWhatAResetClosesModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		m := &closedModel{T: r, g: &guarded{boottime: &clock{}}, used: map[int]bool{}}
		dir, err := os.MkdirTemp("", "rekey-model-")
		if err != nil {
			r.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m.begin(r, dir)
		r.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) { m.check() },
			"release": func(r *rapid.T) {
				n, code, fits := m.sheet(r)
				err := m.g.ReleaseBySheet(code, AtSeat())
				m.tried(theActivation, fits, err)
				m.used[n] = m.used[n] || err == nil
			},
			"set up": func(r *rapid.T) {
				locked := m.g.Activation().Locked
				if err := m.g.FirstSetup(AdminAccount, secret(secondPassword), AtSeat()); err == nil && locked {
					m.Fatalf("set up while locked")
				}
			},
			"unseal by the sheet": func(r *rapid.T) {
				n, code, fits := m.sheet(r)
				if !m.g.Initialised() {
					return
				}
				err := m.g.UnsealBySheet(AdminAccount, code, AtSeat())
				m.tried(theFootage, fits, err)
				if err == nil {
					m.used[n], m.unsealed = true, true
				}
			},
			"unseal by a password": func(r *rapid.T) {
				pw := rapid.SampledFrom([]string{firstPassword, secondPassword}).Draw(r, "password")
				if !m.g.Initialised() || rapid.IntRange(0, 3).Draw(r, "rare") > 0 && pw == firstPassword {
					return
				}
				err := m.g.UnsealByPassword(AdminAccount, AdminAccount, secret(pw), AtSeat())
				m.tried(theFootage, pw == firstPassword, err)
				m.unsealed = m.unsealed || err == nil
			},
			"reset": func(*rapid.T) {
				if m.unsealed {
					return // for others, then
				}
				if err := m.g.pressTwice(); err != nil {
					m.Fatal(err)
				}
			},
			"half a reset": func(r *rapid.T) {
				was := m.g.closedView(m)
				if m.unsealed {
					return
				}
				m.g.write = cutAfter(rapid.IntRange(0, 2).Draw(r, "writes"))
				_ = m.g.pressTwice()
				m.boot()
				if now := m.g.closedView(m); now != was && now.setUp {
					m.Fatalf("half a reset: %+v, was %+v", now, was)
				}
			},
			"reboot": func(*rapid.T) { m.boot() },
			"advance": func(r *rapid.T) {
				m.g.boottime.advance(time.Duration(rapid.IntRange(1, 40).Draw(r, "minutes")) * time.Minute)
			},
		})
		if err := m.g.Close(); err != nil {
			r.Fatal(err)
		}
		if _, err := seclog.Verify(t.Context(), os.DirFS(filepath.Join(dir, logDir)), m.g.journal.Key(), nil); err != nil {
			r.Fatal(err)
		}
	})
}

// begin makes a claimed box and resets it for the first time.
func (m *closedModel) begin(r *rapid.T, dir string) {
	m.g.wall.Store(firstMinute)
	if _, err := Init(dir, Config{AdminPassword: secret(firstPassword), Argon: &cheap}); err != nil {
		r.Fatal(err)
	}
	b, err := open(dir, Options{Argon: &cheap, Clock: m.g.boottime.now, Now: func() time.Time { return time.Unix(m.g.wall.Load(), 0) }}, replace)
	if err != nil {
		r.Fatal(err)
	}
	m.g.Box = b
	o, err := b.OfferSecond(AdminAccount, secret(firstPassword), AtSeat())
	if err != nil {
		r.Fatal(err)
	}
	m.g.key = o.key
	if m.g.sheet, _, err = b.ConfirmSecond(o, m.g.code(0), AtSeat()); err != nil {
		r.Fatal(err)
	}
	if m.key, err = b.FootageKey(); err != nil {
		r.Fatal(err)
	}
	if err := b.pressTwice(); err != nil {
		r.Fatal(err)
	}
}
