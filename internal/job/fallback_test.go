package job

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/vault"
)

// A recorder that falls back to its old state after the new password was proved,
// at any point until the run is closed, is never called changed. The run stays
// open with the old password sealed, and resume sets the new one again.
func TestFallsBackAfterTheProof(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"admin", "second"} {
		for _, point := range []string{"changed", "proved rpc2", "proved cgi", "proved rtsp", "verified", "hardened", "watched"} {
			for _, limit := range []int{3, 5} {
				t.Run(who+" at "+point, func(t *testing.T) {
					t.Parallel()
					b := newLab(t)
					b.limit = limit
					r, _ := b.runner(t)
					r.At = func(at string) {
						if at == point {
							b.set(func() { b.passwords["admin"] = labOld })
						}
					}
					req := b.request()
					req.Login = rekey.Login{Account: who, Password: rekey.NewSecret(b.passwords[who])}
					rep, err := r.Reset(context.Background(), req)
					if rep.Outcome != rekey.Unknown || !errors.Is(err, rekey.ErrUnknown) || !rep.Ended.IsZero() {
						t.Fatalf("it fell back, and the outcome is %s, ended %v: %v", rep.Outcome, rep.Ended, err)
					}
					if _, err := os.Stat(filepath.Join(r.runsDir(), rep.Run, sealedName)); err != nil {
						t.Errorf("the old password is forgotten: %v", err)
					}
					if b.most >= limit {
						t.Errorf("%d wrong tries stood at once, of %d", b.most, limit)
					}
					r.At = nil
					sets := b.sets
					rep2, err := r.Resume(context.Background(), rep.Run, ResumeOptions{})
					if errors.Is(err, rekey.ErrBudget) && b.most == limit-1 && b.sets == sets { // nothing is sent that could not be proved
						rep2, err = r.Resume(context.Background(), rep.Run, ResumeOptions{Accept: []rekey.Risk{rekey.RiskLockAccount}})
					}
					if err != nil || rep2.Outcome != rekey.Changed || rep2.Ended.IsZero() || b.wrong != 0 || b.most >= limit {
						t.Errorf("resumed: %s, ended %v, %d wrong tries stand: %v", rep2.Outcome, rep2.Ended, b.wrong, err)
					}
				})
			}
		}
	}
}

// The line breaks at the very end: the run stays open, and resume closes it.
func TestGoneAtTheEnd(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	r, _ := b.runner(t)
	r.At = func(at string) {
		if at == "watched" {
			b.CloseClientConnections()
			b.set(func() { b.silent = true })
		}
	}
	rep, err := r.Reset(context.Background(), b.request())
	if rep.Outcome != rekey.Changed || !errors.Is(err, rekey.ErrUnreachable) || !rep.Ended.IsZero() {
		t.Fatalf("outcome %s, ended %v: %v", rep.Outcome, rep.Ended, err)
	}
	b.set(func() { b.silent = false })
	if rep := resumeOnly(t, r, b); rep.Outcome != rekey.Changed || rep.Ended.IsZero() {
		t.Errorf("resumed: %s, ended %v", rep.Outcome, rep.Ended)
	}
}

// Whatever line power failed after while a fall-back was written down, resume
// sets the new password again; it is not stuck between two states.
func TestFallBackCutAtEveryLine(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	r, _ := b.runner(t)
	killedAt(r, "changed")
	dies(t, func() { _, _ = r.Reset(context.Background(), b.request()) })
	runs, err := r.OpenRuns()
	if err != nil || len(runs) != 1 {
		t.Fatalf("%v, %v", runs, err)
	}
	r.At = nil
	name := filepath.Join(r.runsDir(), runs[0], journalName)
	begin, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b.set(func() { b.passwords["admin"] = labOld })
	if _, err := r.Resume(context.Background(), runs[0], ResumeOptions{}); !errors.Is(err, rekey.ErrUnknown) {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	sealedNow, err := os.ReadFile(filepath.Join(filepath.Dir(name), sealedName))
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(begin); cut <= len(whole); cut++ {
		if cut > len(begin) && whole[cut-1] != '\n' {
			continue
		}
		b.set(func() { b.passwords["admin"], b.wrong = labOld, 0 })
		if err := errors.Join(os.WriteFile(name, whole[:cut], 0o600), os.WriteFile(filepath.Join(filepath.Dir(name), sealedName), sealedNow, 0o600)); err != nil {
			t.Fatal(err)
		}
		var rep Report
		for range 2 { // the first may have to find out
			if rep, err = r.Resume(context.Background(), runs[0], ResumeOptions{}); err == nil {
				break
			}
		}
		if err != nil || rep.Outcome != rekey.Changed {
			t.Errorf("cut after %d lines: %s, %v", bytes.Count(whole[:cut], []byte("\n")), rep.Outcome, err)
		}
	}
}

// A change whose answer was lost, refused once as not made, and made at the second
// attempt, whose answer was lost as well: the new password is tried, not the old one.
func TestLostTwice(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	r, _ := b.runner(t)
	b.ignore, b.onSet = true, rekey.ErrUnknown
	if rep, err := r.Reset(context.Background(), b.request()); rep.Outcome != rekey.Unknown {
		t.Fatalf("%s, %v", rep.Outcome, err)
	}
	runs, err := r.OpenRuns()
	if err != nil || len(runs) != 1 {
		t.Fatalf("%v, %v", runs, err)
	}
	b.set(func() { b.ignore = false })
	if rep, err := r.Resume(context.Background(), runs[0], ResumeOptions{}); rep.Outcome != rekey.Unknown {
		t.Fatalf("%s, %v", rep.Outcome, err)
	}
	b.set(func() { b.onSet = nil })
	if rep := resumeOnly(t, r, b); rep.Outcome != rekey.Changed || b.sets != 2 || b.most > 1 {
		t.Errorf("%s after %d changes; %d wrong tries stood at once", rep.Outcome, b.sets, b.most)
	}
}

// Where nobody knows the old password a change that does nothing is sent a second
// time by resume, and not a third time: each costs a try that nothing clears.
func TestAnotherAdminIsBounded(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		b := newLab(t)
		b.limit, b.ignore = 3, true
		if lost {
			b.onSet = rekey.ErrUnknown
		}
		r, _ := b.runner(t)
		req := b.request()
		req.Login = rekey.Login{Account: "second", Password: rekey.NewSecret("Second-one-88")}
		rep, err := r.Reset(context.Background(), req)
		b.set(func() { b.onSet = nil })
		for n := range 5 {
			if rep.Outcome != rekey.Unknown || !errors.Is(err, rekey.ErrUnknown) {
				t.Fatalf("after %d resumes: %s, %v", n, rep.Outcome, err)
			}
			rep, err = r.Resume(context.Background(), rep.Run, ResumeOptions{})
		}
		if b.sets != 2 || b.newWrong > 2 || b.most > 2 {
			t.Errorf("lost %v: %d changes and %d tries were sent, %d wrong ones stood", lost, b.sets, b.newWrong, b.most)
		}
		if !strings.Contains(err.Error(), "--accept-risk lock-account") || !strings.Contains(err.Error(), "--abandon") {
			t.Errorf("nobody is told how to go on: %v", err)
		}
	}
}

// Taken at one door alone: the old password opens the main one still, and that is
// not unchanged.
func TestTakenInPart(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	b.part = rekey.InterfaceCGI
	r, _ := b.runner(t)
	rep, err := r.Reset(context.Background(), b.request())
	if rep.Outcome != rekey.Unknown || !errors.Is(err, rekey.ErrUnknown) || !strings.Contains(err.Error(), "in part") {
		t.Fatalf("outcome %s: %v", rep.Outcome, err)
	}
	all, err := r.Vault.OfAccount(context.Background(), b.id.Serial, "admin")
	if err != nil || len(all) != 1 || all[0].State != vault.Proposed {
		t.Errorf("the vault holds %+v, %v", all, err)
	}
	b.set(func() { b.part = "" })
	if rep := resumeOnly(t, r, b); rep.Outcome != rekey.Changed || b.most > 1 {
		t.Errorf("resumed: %s; %d wrong tries stood at once", rep.Outcome, b.most)
	}
}

// A door that refuses every password says nothing of whether a change was taken.
func TestDidNothingBesideABrokenDoor(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	b.ignore, b.deaf = true, []rekey.InterfaceKind{rekey.InterfaceCGI}
	r, _ := b.runner(t)
	rep, err := r.Reset(context.Background(), b.request())
	if rep.Outcome != rekey.Unchanged || !errors.Is(err, rekey.ErrVerify) || b.wrong != 0 || b.most > 1 {
		t.Errorf("outcome %s, %v; %d wrong tries stand, %d stood at once", rep.Outcome, err, b.wrong, b.most)
	}
}
