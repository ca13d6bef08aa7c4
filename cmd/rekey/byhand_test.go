package main

import (
	"context"
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"os"
	"os/exec"
	"testing"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/vault"
	"rekey/recovery"
)

// The same promise on a way by hand: there is no terminal here, so reset stops
// and waits for hands; a person sets the password that the vault holds at the
// local seat with a temporary password; 'rekey resume --done' proves and ends it.

func TestByHandKilledRekeyResumes(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"begun", "proposed", "intended", "changing"} {
		t.Run("before the hands, "+point, func(t *testing.T) {
			t.Parallel()
			s := newEnrolledStage(t)
			if err := s.rekey(append(s.byHand(), killAt+"="+point)...); !killed(err) {
				t.Fatalf("reset was not killed at %q: %v", point, err)
			}
			s.waits("resume")
			s.setAtTheSeat()
			s.must("resume", "--done")
			s.checkPromise()
		})
	}
	for _, point := range []string{"proved", "confirmed", "changed", "proved rpc2", "proved rtsp", "verified", "kept", "hardened", "recorded"} {
		t.Run("after the hands, "+point, func(t *testing.T) {
			t.Parallel()
			s := newEnrolledStage(t)
			s.waits(s.byHand()...)
			s.setAtTheSeat()
			if err := s.rekey("resume", "--done", killAt+"="+point); !killed(err) {
				t.Fatalf("resume was not killed at %q: %v", point, err)
			}
			s.must("resume", "--done")
			s.checkPromise()
		})
	}
}

func TestByHandDoneWithoutHavingDoneIt(t *testing.T) {
	t.Parallel()
	s := newEnrolledStage(t)
	s.waits(s.byHand()...)
	if err := s.rekey("resume", "--done"); exitOf(err) != 10 {
		t.Fatalf("a password that nobody set was proved: %v", err)
	}
	s.setAtTheSeat()
	s.must("resume", "--done")
	s.checkPromise()
}

// newEnrolledStage is a stage whose recorder knows a desk, here: a key pair.
func newEnrolledStage(t *testing.T) *stage {
	t.Helper()
	desk, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t, func(c *recorder.Config) { c.DeskKey = desk.PublicKey() })
	s.desk = desk
	return s
}

func (s *stage) byHand() []string {
	return []string{"reset", s.target, "--discovery-port", s.discovery, "--way", "temporary-password", "--old-password-file", s.passwordFile, "--fix", "--yes", "--watch", "0"}
}

// waits runs rekey and wants it to stop where hands are needed.
func (s *stage) waits(args ...string) {
	s.t.Helper()
	if err := s.rekey(args...); exitOf(err) != 11 {
		s.t.Fatalf("want exit code 11, waiting for hands: %v", err)
	}
}

// setAtTheSeat is the person: Forgot password, the answer of the desk, and the
// password that the vault holds.
func (s *stage) setAtTheSeat() {
	s.t.Helper()
	ctx := context.Background()
	screen, err := sitDown(ctx, s.listen.Seat, rekey.NewSecret(s.listen.SeatToken))
	if err != nil {
		s.t.Fatal(err)
	}
	forgot, err := screen.forgot(ctx, "admin")
	if err != nil {
		s.t.Fatal(err)
	}
	password, ok := s.vaulted(vault.Proposed)
	if !ok {
		s.t.Fatal("the vault has no proposal to set")
	}
	if err := screen.setNew(ctx, "admin", s.answer(forgot.Challenge), password, func(string) {}); err != nil {
		s.t.Fatal(err)
	}
}

// answer works out the temporary password with the recorder's key, as the desk does.
func (s *stage) answer(challenge string) rekey.Secret {
	s.t.Helper()
	raw, err := os.ReadFile(recorder.EnrolmentFile(s.box))
	if err != nil {
		s.t.Fatal(err)
	}
	enrolment, err := recovery.ParseEnrolment(raw)
	if err != nil {
		s.t.Fatal(err)
	}
	kDev, err := enrolment.Open(s.desk)
	if err != nil {
		s.t.Fatal(err)
	}
	keys, err := recovery.NewKeys(kDev)
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := recovery.ParseChallenge(challenge)
	if err != nil {
		s.t.Fatal(err)
	}
	a, err := keys.Answer(enrolment.DeviceID, "admin", c)
	if err != nil {
		s.t.Fatal(err)
	}
	return rekey.NewSecret(a.Reveal())
}

func exitOf(err error) int {
	var here failed
	if errors.As(err, &here) {
		return here.code
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}
