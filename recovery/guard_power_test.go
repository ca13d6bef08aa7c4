package recovery_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rekey/recovery"
)

var errPower = errors.New("power cut")

// cutStore loses power at a chosen write, before or after it is kept, and
// checks what every write may do.
type cutStore struct {
	rec      recovery.Record
	cutIn    int  // writes until the cut; 0 for none
	after    bool // the cut comes when the record is kept already
	off      bool
	now      func() time.Duration
	compared int           // charges since the last success
	notUntil time.Duration // no challenge may be shown before
}

func (s *cutStore) Load() (recovery.Record, error) { return s.rec, nil }

func (s *cutStore) Save(r recovery.Record) error {
	if s.off {
		return errPower
	}
	cut := s.cutIn == 1
	if s.cutIn > 0 {
		s.cutIn--
	}
	if cut && !s.after {
		s.off = true
		return errPower
	}
	s.keep(r)
	if cut {
		s.off = true
		return errPower
	}
	return nil
}

func (s *cutStore) keep(r recovery.Record) {
	if r.Fails > s.rec.Fails {
		s.compared++
	}
	if r.Burned > s.rec.Burned {
		s.notUntil = s.now() + documentedPenalty(r.Burned)
	}
	if r.Fails == 0 {
		s.compared, s.notUntil = 0, 0
	}
	s.rec = r
}

// documentedPenalty is the table of the protocol, written down a second time.
func documentedPenalty(burned int) time.Duration {
	table := []time.Duration{0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}
	if burned < len(table) {
		return table[burned] * time.Minute
	}
	return 24 * time.Hour
}

// model drives one guard through power cuts and remembers what must hold.
type model struct {
	t        *rapid.T
	keys     *recovery.Keys
	id       recovery.DeviceID
	guard    *recovery.Guard
	store    *cutStore
	now      time.Duration
	open     *recovery.Challenge // shown and not ended, as far as the owner knows
	account  string
	lastSeen uint64 // counter of the last challenge that was shown
	issued   []string
	accepted map[string]bool
	grants   []*recovery.Grant
	wrongs   int
	shown    int
}

func (m *model) boot() {
	m.now, m.open, m.grants = 0, nil, nil
	m.store.off = false
	m.store.notUntil = documentedPenalty(m.store.rec.Burned)
	g, err := recovery.NewGuard(recovery.GuardConfig{
		DeviceID: m.id, Keys: m.keys, Store: m.store, Clock: func() time.Duration { return m.now },
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.guard = g
}

func (m *model) answerTo(keys *recovery.Keys, id recovery.DeviceID, account string, c recovery.Challenge) string {
	a, err := keys.Answer(id, account, c)
	if err != nil {
		m.t.Fatal(err)
	}
	return a.Reveal()
}

func (m *model) show() {
	account := rapid.SampledFrom([]string{"admin", "operator"}).Draw(m.t, "account")
	purpose := recovery.Purpose(rapid.IntRange(0, 2).Draw(m.t, "purpose"))
	c, err := m.guard.NewChallenge(account, purpose)
	if err != nil {
		return
	}
	if m.now < m.store.notUntil {
		m.t.Fatalf("a challenge %s before the penalty ends", m.store.notUntil-m.now)
	}
	if m.store.rec.Counter <= m.lastSeen || uint16(m.store.rec.Counter) != c.Counter {
		m.t.Fatalf("counter %d (saved %d) shown after %d", c.Counter, m.store.rec.Counter, m.lastSeen)
	}
	m.lastSeen, m.open, m.account = m.store.rec.Counter, &c, account
	m.issued = append(m.issued, m.answerTo(m.keys, m.id, account, c))
	m.shown++
}

// submit types a code that may be accepted only when fits is true.
func (m *model) submit(code string, fits bool) {
	grant, err := m.guard.Answer(code)
	if err != nil {
		return
	}
	if !fits {
		m.t.Fatal("an answer that does not fit was accepted")
	}
	if m.accepted[code] {
		m.t.Fatal("an answer was accepted twice")
	}
	m.accepted[code] = true
	m.open = nil
	m.grants = append(m.grants, grant)
}

func (m *model) right() {
	if m.open != nil {
		m.submit(m.answerTo(m.keys, m.id, m.account, *m.open), true)
	}
}

func (m *model) wrong() {
	m.wrongs++
	m.submit(m.answerTo(m.keys, m.id, "nobody", recovery.Challenge{Suite: 1, Random: uint64(m.wrongs)}), false)
}

// foreign types the right answer of another account, purpose, recorder, epoch, key or counter.
func (m *model) foreign() {
	if m.open == nil {
		return
	}
	keys, id, account, c := m.keys, m.id, m.account, *m.open
	switch rapid.IntRange(0, 5).Draw(m.t, "foreign") {
	case 0:
		account += "2"
	case 1:
		c.Purpose = (c.Purpose + 1) % 3
	case 2:
		id = mustID(m.t, "V7KX-4YBM-0P8F")
	case 3:
		c.Epoch = 1
	case 4:
		keys = mustKeys(m.t, make([]byte, 32))
	case 5:
		c.Counter++
	}
	m.submit(m.answerTo(keys, id, account, c), false)
}

// replay types any answer that was ever issued, but the open one.
func (m *model) replay() {
	if len(m.issued) == 0 {
		return
	}
	code := rapid.SampledFrom(m.issued).Draw(m.t, "issued")
	if m.open == nil || code != m.answerTo(m.keys, m.id, m.account, *m.open) {
		m.submit(code, false)
	}
}

func (m *model) redeem() {
	for i, g := range m.grants {
		if m.guard.Redeem(g, g.Account+"2", g.Purpose) == nil || m.guard.Redeem(g, g.Account, g.Purpose+1) == nil {
			m.t.Fatal("a grant was good for something else")
		}
		err := m.guard.Redeem(g, g.Account, g.Purpose)
		if err == nil && i != len(m.grants)-1 {
			m.t.Fatal("an old grant was redeemed")
		}
		if m.guard.Redeem(g, g.Account, g.Purpose) == nil {
			m.t.Fatal("a grant was redeemed twice")
		}
	}
}

func (m *model) step(action string) {
	switch action {
	case "show":
		m.show()
	case "right":
		m.right()
	case "wrong":
		m.wrong()
	case "foreign":
		m.foreign()
	case "replay":
		m.replay()
	case "redeem":
		m.redeem()
	case "wait":
		m.now += time.Duration(rapid.Int64Range(0, int64(15*time.Minute)).Draw(m.t, "wait"))
	case "next":
		m.now += m.guard.State().Wait
		m.show()
	case "wait out":
		m.now += m.guard.State().Wait
	case "reboot":
		m.boot()
	case "enable":
		if m.store.rec.Fails >= 100 {
			_ = m.guard.Enable() // the cut may hit this write too
		}
	}
}

// traces runs random traces of the given actions, with a power cut in one of
// cutOneIn steps, and checks the promises after each step. At least one trace
// must get as far as reach answers compared without a success.
func traces(t *testing.T, steps, cutOneIn, reach int, actions []string) {
	most := 0
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{t: rt, keys: mustKeys(rt, vectorKey()), id: mustID(rt, "V7KX-4YBM-0P97"), accepted: map[string]bool{}}
		m.store = &cutStore{now: func() time.Duration { return m.now }}
		m.boot()
		for range steps {
			if rapid.IntRange(1, cutOneIn).Draw(rt, "cut") == 1 {
				m.store.cutIn = rapid.IntRange(1, 2).Draw(rt, "write")
				m.store.after = rapid.Bool().Draw(rt, "after")
			}
			m.step(rapid.SampledFrom(actions).Draw(rt, "action"))
			if m.store.compared > 100 {
				rt.Fatalf("%d answers compared since the last right one", m.store.compared)
			}
			most = max(most, m.store.compared)
			if m.store.off {
				m.boot()
			}
		}
	})
	t.Logf("at most %d answers compared between successes", most)
	if most < reach {
		t.Errorf("the traces compared only %d answers, want %d to mean anything", most, reach)
	}
}

func TestPowerCuts(t *testing.T) {
	t.Parallel()
	traces(t, 150, 5, 5, []string{"show", "show", "wait out", "wait out", "wait", "right", "wrong", "wrong", "foreign", "replay", "redeem", "reboot", "enable"})
}

// An attacker who never has the right answer, and all the time in the world.
func TestPowerCutsWithoutTheAnswer(t *testing.T) {
	t.Parallel()
	traces(t, 400, 20, 80, []string{"next", "next", "wrong", "wrong", "wrong", "wrong", "foreign", "reboot"})
}

// Each write of a whole recovery, cut before and after it is kept: what the
// record says afterwards is what holds, and the owner gets in after all.
func TestPowerCutAtEveryWrite(t *testing.T) {
	t.Parallel()
	for write := 1; write <= 9; write++ {
		for _, after := range []bool{false, true} {
			rapid.Check(t, func(rt *rapid.T) {
				m := &model{t: rt, keys: mustKeys(rt, vectorKey()), id: mustID(rt, "V7KX-4YBM-0P97"), accepted: map[string]bool{}}
				m.store = &cutStore{now: func() time.Duration { return m.now }, cutIn: write, after: after}
				m.boot()
				whole := []string{"show", "wrong", "wrong", "wrong", "wrong", "wrong", "wait out", "show", "right"}
				for _, action := range whole {
					m.step(action)
					if m.store.off {
						m.boot()
						break
					}
				}
				m.replay()
				for len(m.grants) == 0 {
					for _, action := range []string{"wait out", "show", "right"} {
						m.step(action)
					}
				}
				m.redeem()
				if m.store.rec.Fails != 0 || m.store.rec.Burned != 0 {
					rt.Fatalf("record %+v after the right answer", m.store.rec)
				}
			})
		}
	}
}
