package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/recorder/appliance"
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

// Killed in the change, and then somebody else sets a password: neither of
// rekey's opens the recorder. Each was sent once, and not again; the person may
// close the run, and go on with the password that works.
func TestNeitherPasswordOpens(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.addAdmin("boss", "Second-and-boss-7")
	if err := s.rekey(append(s.reset(), killAt+"=changing")...); !killed(err) {
		t.Fatal(err)
	}
	s.asAdmin("userManager.cgi", "action", "modifyPasswordByManager", "name", "admin", "pwd", "Somebody-elses-7", "managerName", "admin", "managerPwd", s.old.Reveal())
	for range 3 {
		if err := s.rekey("resume"); exitOf(err) != 10 {
			t.Fatalf("want exit code 10, outcome unknown: %v", err)
		}
	}
	if n := s.wrongTries(); n != 2 {
		t.Errorf("%d wrong tries, want one with each password", n)
	}
	run := s.openRun()
	if err := s.rekey("resume", run, "--abandon"); exitOf(err) != 6 {
		t.Fatalf("a run in doubt was closed without the risk being named: %v", err)
	}
	s.must("resume", run, "--abandon", "--accept-risk", "leave-unknown")
	if old, ok := s.vaulted(vault.Former); !ok || !old.Equal(s.old) {
		t.Error("the old password is not in the vault")
	}
	if err := os.WriteFile(s.passwordFile, []byte("Somebody-elses-7"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.old = rekey.NewSecret("Somebody-elses-7")
	s.must(s.reset()...)
	s.checkPromise()
}

// The last try is for the password that was not refused: the old one.
func TestLastTryGoesToTheOldPassword(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	if err := s.rekey(append(s.reset(), killAt+"=changing")...); !killed(err) {
		t.Fatal(err)
	}
	s.spoilTries(3) // by somebody else: of five, two are left
	if err := s.rekey("resume"); exitOf(err) != 5 {
		t.Fatalf("want exit code 5, the last try is the person's: %v", err)
	}
	s.must("resume", "--accept-risk", "lock-account")
	s.checkPromise()
}

// A recorder that locks at the first wrong try can be done, with the risk named.
func TestRecorderThatLocksAtOneTry(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.asAdmin("configManager.cgi", "action", "setConfig", "General.LockLoginTimes", "1")
	if err := s.rekey(s.reset()...); exitOf(err) != 6 {
		t.Fatalf("the risk was not asked for: %v", err)
	}
	s.must(append(s.reset(), "--accept-risk", "lock-account")...)
	s.checkNew()
}

// Ctrl-C while it is proved leaves the run open; what was not tried is not proved.
func TestInterruptedWhileProving(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	wait := filepath.Join(t.TempDir(), "paused")
	cmd := exec.Command("rekey", s.reset()...)
	cmd.Env = append(os.Environ(), "REKEY_STATE="+s.state, pauseAt+"=proved rpc2", pauseIn+"="+wait)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := await(wait); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil { // that ends the pause
		t.Fatal(err)
	}
	if err := cmd.Wait(); exitOf(err) != 130 {
		t.Fatalf("exit code %d, want 130", exitOf(err))
	}
	s.must("resume")
	s.checkPromise()
}

// The recorder has another address after the crash.
func TestRecorderMoved(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	if err := s.rekey(append(s.reset(), killAt+"=set")...); !killed(err) {
		t.Fatal(err)
	}
	s.killRecorder()
	s.listen = appliance.Ready{}
	s.startRecorder()
	now := s.discovery
	s.discovery = "9" // else its answer would tell where it is
	if err := s.rekey("resume"); exitOf(err) != 7 {
		t.Fatalf("nobody is at the old address: %v", err)
	}
	s.discovery = now
	s.must("resume", s.openRun(), "--at", s.target)
	s.checkPromise()
}

// spoilTries is somebody else with a wrong password.
func (s *stage) spoilTries(n int) {
	s.t.Helper()
	for range n {
		err := check(s.t.Context(), s.interfaces()[0], rekey.Login{Account: "admin", Password: rekey.NewSecret("Not-the-one-7")})
		if !errors.Is(err, rekey.ErrDenied) {
			s.t.Fatal(err)
		}
	}
}

// checkNew is the part of the promise that costs no wrong try.
func (s *stage) checkNew() {
	s.t.Helper()
	password, ok := s.current()
	if !ok {
		s.t.Fatal("the vault has no current password for the recorder")
	}
	for _, i := range s.interfaces() {
		if err := check(s.t.Context(), i, rekey.Login{Account: "admin", Password: password}); err != nil {
			s.t.Errorf("%s: the vault's password is refused: %v", i, err)
		}
	}
}
