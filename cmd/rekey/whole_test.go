package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"rekey"
	"rekey/internal/job"
	"rekey/internal/vault"
)

// Every way back in, whole: by the program, from what the recorder is to the
// password that the vault calls current, on every face that it belongs to.

// program runs rekey in this process, with JSON for its result.
func (m *met) program(args ...string) ended {
	m.t.Helper()
	return m.programAt(nil, args...)
}

// programAt calls at, where it is not nil, at each point of the run.
func (m *met) programAt(at func(point string), args ...string) ended {
	m.t.Helper()
	e := runAt(m.t.Context(), at, append(args, "--json", "--state", m.state, "--discovery-port", m.discovery)...)
	if err := tellsNoSecret(e.out+e.talk, filepath.Join(m.dir, "secrets")); err != nil {
		m.t.Errorf("rekey %s: %v", args[0], err)
	}
	return e
}

// resets are the arguments of a reset that asks nobody.
func (m *met) resets(more ...string) []string {
	return slices.Concat([]string{"reset", m.target, "--yes", "--watch", "0"}, more, m.risks)
}

// proved wants a run that changed the password and proved it at every door that
// anybody can try: the vault's opens the recorder, the old one does not.
func (m *met) proved(what string, e ended) {
	m.t.Helper()
	r, ran := e.report()
	if e.code != 0 || !ran || r.Outcome != rekey.Changed {
		m.t.Fatalf("%s: ended with %d, outcome %q: %s", what, e.code, r.Outcome, lastLine(e.talk))
	}
	opened := 0
	for _, p := range r.Proofs {
		switch {
		case p.New == job.Opens && p.Old != job.Opens:
			opened++
		case p.New == job.NotTried && p.NoDriver && p.Note != "":
		case p.Interface.Kind == m.deaf && p.Shut && p.New == job.Refused && p.Old == job.Dead:
		default:
			m.t.Errorf("%s: %s: new %s, old %s: %s", what, p.Interface, p.New, p.Old, p.Note)
		}
	}
	if opened == 0 {
		m.t.Errorf("%s: the new password was proved nowhere", what)
	}
	now, ok := m.current()
	if !ok || m.opens("admin", m.old) || !m.opens("admin", now) {
		m.t.Fatalf("%s: the vault has a current password: %v; the old one opens: %v", what, ok, m.opens("admin", m.old))
	}
	m.old = now
	m.passwordFile = m.secret("old", now.Reveal())
}

func TestEveryFaceWhole(t *testing.T) {
	t.Parallel()
	for name, first := range meet {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := first(t)
			m.proved("known password", m.program(m.resets("--password-file", m.passwordFile, "--fix")...))
			second := filepath.Join(m.dir, "secrets", "second")
			another := m.resets("--login", "second", "--password-file", second, "--old-password-file", m.passwordFile)
			switch {
			case m.alone:
				m.program(another...).wants(t, "another admin", 9)
			case m.offers(rekey.WayAnotherAdmin):
				m.proved("another admin", m.program(another...))
			}
			for verb, codes := range map[string][]int{"check": {0, 13}, "cameras": {0, 9, 13}, "backup": {0, 9}} {
				e := m.program(verb, m.target, "--password-file", m.passwordFile, "--accept-risk", "basic-login")
				if !slices.Contains(codes, e.code) {
					t.Errorf("%s: ended with %d, want one of %v: %s", verb, e.code, codes, lastLine(e.talk))
				}
			}
			if e := m.program("resume"); e.code != 0 || !strings.Contains(e.out, `"open":0`) {
				t.Errorf("something is left open: %d, %s", e.code, e.out)
			}
		})
	}
}

// Killed in the middle of the change, on every face: resume settles it.
func TestEveryFaceKilled(t *testing.T) {
	t.Parallel()
	for name, first := range meet {
		for _, point := range []string{"set"} {
			t.Run(name+", "+point, func(t *testing.T) {
				t.Parallel()
				m := first(t)
				reset := m.resets("--discovery-port", m.discovery, "--password-file", m.passwordFile, "--no-footage", "--accept-risk", "skip-footage", killAt+"="+point)
				if err := m.rekey(reset...); !killed(err) {
					t.Fatalf("reset was not killed at %q: %v", point, err)
				}
				m.proved("resumed", m.program("resume"))
			})
		}
	}
}

// ways are those that rekey itself offers for the recorder.
func (m *met) ways() []rekey.Way {
	m.t.Helper()
	e := m.program("look", m.target)
	var looked struct{ Ways []rekey.Way }
	if err := json.Unmarshal([]byte(e.out), &looked); e.code != 0 || err != nil {
		m.t.Fatalf("look: %d, %v: %s", e.code, err, lastLine(e.talk))
	}
	return looked.Ways
}

func (m *met) offers(way rekey.WayID) bool {
	return slices.ContainsFunc(m.ways(), func(w rekey.Way) bool { return w.ID == way })
}

// Every way by hand, whole: rekey proposes and waits, a person sets what the
// vault holds, rekey proves it. After the button that is the first set-up.
func TestEveryWayByHand(t *testing.T) {
	t.Parallel()
	var took sync.Map
	names := []string{"n841", "lnr400", "baseline-2", "hikvision", "onvif by token"}
	whole := t.Run("on", func(t *testing.T) {
		for _, name := range names {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				m := meet[name](t)
				took.Store(name, true)
				for _, way := range m.ways() {
					if way.ByHand() {
						took.Store(way.ID, true)
						t.Run(string(way.ID), func(t *testing.T) { m.old = m.at(t).byHand(way) })
					}
				}
			})
		}
	})
	for _, name := range names {
		_, ran := took.Load(name)
		whole = whole && ran // else -run left some out
	}
	for _, way := range []rekey.WayID{rekey.WaySecurityQuestions, rekey.WayRecoveryFile, rekey.WayVendorApp, rekey.WayVendorWebsite, rekey.WayTemporaryPassword, rekey.WayHardwareReset} {
		if _, was := took.Load(way); whole && !was {
			t.Errorf("%s was offered by none of them", way)
		}
	}
}

// at hands the recorder to another test, with a new operator.
func (m *met) at(t *testing.T) *met {
	s := *m.stage
	s.t, s.state = t, filepath.Join(t.TempDir(), "state")
	now := *m
	now.stage = &s
	return &now
}

// byHand takes one way and returns the password that is set in the end.
func (m *met) byHand(way rekey.Way) rekey.Secret {
	m.t.Helper()
	accept := []string{"--way", string(way.ID), "--old-password-file", m.passwordFile, "--discovery-port", m.discovery, "--no-footage", "--accept-risk", "skip-footage"}
	for _, r := range way.Risks {
		accept = append(accept, "--accept-risk", string(r))
	}
	m.waits(m.resets(accept...)...)
	proposed := func() rekey.Secret {
		p, ok := m.vaulted(vault.Proposed)
		if !ok {
			m.t.Fatal("the vault has no proposal to set")
		}
		return p
	}
	if way.ID == rekey.WayHardwareReset && m.press != nil {
		m.press(proposed)
	} else {
		m.sets(proposed())
	}
	m.proved(string(way.ID), m.program("resume", "--done"))
	return m.old
}
