package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"rekey/internal/vault"
)

// Runs that end, whatever is left to be said: each of these once kept a run
// open for ever, or ended it at the wrong place.

// A door that cannot be reached is told, with exit code 12; the password was
// changed and proved elsewhere, and is the vault's current one.
func TestDoorThatCannotBeReached(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.killRecorder()
	s.listen.RTSP = "off" // its settings say that it is on, at port 554
	s.startRecorder()
	if err := s.rekey(s.reset()...); exitOf(err) != 12 || !strings.Contains(err.Error(), "could not be tried on rtsp") {
		t.Fatalf("want exit code 12 for the door that was not proved: %v", err)
	}
	if _, ok := s.current(); !ok {
		t.Error("the vault has no current password")
	}
	s.must("resume") // nothing is open
	s.checkPromise()
}

// --done speaks for one run.
func TestDoneSpeaksForOneRun(t *testing.T) {
	t.Parallel()
	one, two := newEnrolledStage(t), newEnrolledStage(t)
	two.state = one.state
	one.waits(one.byHand()...)
	two.waits(two.byHand()...)
	err := one.rekey("resume", "--done")
	if exitOf(err) != 2 || !strings.Contains(err.Error(), "2 runs are open") {
		t.Fatalf("--done spoke for two recorders: %v", err)
	}
	for _, s := range []*stage{one, two} {
		if n := s.sent(); n != 0 {
			t.Errorf("%d logins were sent", n)
		}
	}
}

// Whoever reads stdout may go away; the run goes on to its end.
func TestReaderGoesAway(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := read.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("rekey", append(s.reset(), "--json")...)
	cmd.Env = append(os.Environ(), "REKEY_STATE="+s.state)
	cmd.Stdout = write
	err = cmd.Run()
	if code := exitOf(err); code != 141 {
		t.Errorf("exit code %d, want 141: %v", code, err)
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	s.checkPromise()
}

// A person who never did it by hand says so, and may take another way.
func TestAbandonedByHand(t *testing.T) {
	t.Parallel()
	s := newEnrolledStage(t)
	s.waits(s.byHand()...)
	if err := s.rekey(s.reset()...); exitOf(err) != 15 {
		t.Fatalf("a second run beside an open one: %v", err)
	}
	s.must("resume", "--abandon", s.openRun())
	if _, ok := s.vaulted(vault.Former); !ok {
		t.Error("the proposal that was never in force is gone")
	}
	s.must(s.reset()...)
	s.checkPromise()
}

// openRun is the one run in the operator's folder.
func (s *stage) openRun() string {
	s.t.Helper()
	names, err := os.ReadDir(s.state + "/runs")
	if err != nil || len(names) != 1 {
		s.t.Fatalf("%d runs; %v", len(names), err)
	}
	return names[0].Name()
}
