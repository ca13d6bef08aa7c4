package main

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// The promise of the main job, under kill -9: rekey, and the recorder, are
// killed at every point between two effects of a run. After 'rekey resume' the
// vault's password opens the recorder on every interface, the old one on none,
// the security logs verify, and no footage is missing.

// points are all of job.Runner.At, in order.
var points = []string{
	"begun", "kept", "proposed", "intended", "changing", "set", "proved", "confirmed", "changed", "bringing", "brought",
	"proved rpc2", "proved cgi", "proved rtsp", "proved onvif", "verified", "hardened", "watched", "recorded",
}

const (
	killAt  = "REKEY_TEST_KILL_AT"  // the process kills itself at this point
	pauseAt = "REKEY_TEST_PAUSE_AT" // the process waits at this point, until the file in pauseIn is gone or it is interrupted
	pauseIn = "REKEY_TEST_PAUSE_IN"
)

// crashPoint is what the program calls at each point when a crash test runs it.
func crashPoint() func(context.Context, string) {
	kill, pause, file := os.Getenv(killAt), os.Getenv(pauseAt), os.Getenv(pauseIn)
	return func(ctx context.Context, point string) {
		if point == kill {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		if point == pause {
			pause = "" // an interface is proved over HTTP and again over HTTPS
			_ = os.WriteFile(file, nil, 0o600)
			for _, err := os.Stat(file); err == nil && ctx.Err() == nil; _, err = os.Stat(file) {
				time.Sleep(5 * time.Millisecond)
			}
		}
	}
}

func TestKilledRekeyResumes(t *testing.T) {
	t.Parallel()
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			if err := s.rekey(append(s.reset(), killAt+"="+point)...); !killed(err) {
				t.Fatalf("reset was not killed at %q: %v", point, err)
			}
			s.must("resume")
			s.checkPromise()
		})
	}
}

func TestKilledTwiceRekeyResumes(t *testing.T) {
	t.Parallel()
	for _, two := range [][2]string{{"changing", "changing"}, {"set", "set"}, {"set", "proved cgi"}, {"proved", "confirmed"}, {"intended", "set"}} {
		t.Run(two[0]+" and "+two[1], func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			for _, args := range [][]string{append(s.reset(), killAt+"="+two[0]), {"resume", killAt + "=" + two[1]}} {
				// "set" is not passed again where the change is settled by trying
				if err := s.rekey(args...); err != nil && !killed(err) {
					t.Fatal(err)
				}
			}
			s.must("resume")
			s.checkPromise()
		})
	}
}

func TestKilledRecorderComesBack(t *testing.T) {
	t.Parallel()
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			wait := filepath.Join(t.TempDir(), "paused")
			done := make(chan error, 1)
			go func() { done <- s.rekey(append(s.reset(), pauseAt+"="+point, pauseIn+"="+wait)...) }()
			if err := await(wait); err != nil {
				t.Fatal(err)
			}
			s.killRecorder()
			s.startRecorder()
			if err := os.Remove(wait); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil { // the run stopped: it stays open, or is closed unchanged
				s.must("resume")
			}
			if _, ok := s.current(); !ok {
				s.must(s.reset()...)
			}
			s.checkPromise()
		})
	}
}

// The recorder's disk may lose its last writes: it comes back as it was before
// the change, after it said that it was changed.
func TestRecorderFallsBackToItsOldState(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"set", "changed", "verified", "hardened", "recorded"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			state := filepath.Join(s.box, "state.json")
			before, err := os.ReadFile(state)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.rekey(append(s.reset(), killAt+"="+point)...); !killed(err) {
				t.Fatalf("reset was not killed at %q: %v", point, err)
			}
			s.killRecorder()
			if err := os.WriteFile(state, before, 0o600); err != nil {
				t.Fatal(err)
			}
			s.startRecorder()
			if err := s.rekey("resume"); err != nil && exitOf(err) != 10 { // it notices; the next one takes the old password
				t.Fatal(err)
			}
			s.must("resume")
			s.checkPromise()
		})
	}
}

// Another administrator sets the password: the same promise.
func TestAnotherAdminKilledRekeyResumes(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"begun", "intended", "changing", "set", "proved", "changed", "verified"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.addAdmin("boss", "Second-and-boss-7")
			if err := s.rekey(append(s.byBoss(), killAt+"="+point)...); !killed(err) {
				t.Fatalf("reset was not killed at %q: %v", point, err)
			}
			s.must("resume")
			s.checkPromise()
		})
	}
}
