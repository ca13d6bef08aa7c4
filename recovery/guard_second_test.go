package recovery_test

import (
	"errors"
	"testing"
	"time"

	"rekey/recovery"
)

// TestSecondDesk: either desk may answer, with attempts counted for both
// together, until the second is taken away.
func TestSecondDesk(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	second := mustKeys(t, make([]byte, recovery.KeySize))
	answer := func(k *recovery.Keys, c recovery.Challenge) string {
		a, err := k.Answer(b.id, "admin", c)
		if err != nil {
			t.Fatal(err)
		}
		return a.Reveal()
	}
	shown := func() recovery.Challenge {
		b.now += time.Minute
		c, err := b.NewChallenge("admin", recovery.PurposePassword)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	var wrong *recovery.WrongAnswerError
	if _, err := b.Answer(answer(second, shown())); !errors.As(err, &wrong) || wrong.AttemptsLeft != 4 {
		t.Errorf("before it may: %v", err)
	}
	if err := b.SecondDesk(second, "linked"); err != nil {
		t.Fatal(err)
	}
	if b.State().Open {
		t.Error("the challenge from before is still open")
	}
	for name, keys := range map[string]*recovery.Keys{"": b.keys, "second desk": second} {
		grant, err := b.Answer(answer(keys, shown()))
		if err != nil {
			t.Fatal(err)
		}
		if last := b.events[len(b.events)-1]; last.Kind != recovery.EventOK || last.Detail != name {
			t.Errorf("event %s %q, want %q", last.Kind, last.Detail, name)
		}
		if err := b.Redeem(grant, "admin", recovery.PurposePassword); err != nil {
			t.Error(err)
		}
	}
	c := shown()
	grant, err := b.Answer(answer(second, c))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.SecondDesk(nil, "unlinked"); err != nil {
		t.Fatal(err)
	}
	if err := b.Redeem(grant, "admin", recovery.PurposePassword); !errors.Is(err, recovery.ErrNoGrant) {
		t.Errorf("a grant outlived its desk: %v", err)
	}
	if _, err := b.Answer(answer(second, shown())); !errors.As(err, &wrong) {
		t.Errorf("after it was taken away: %v", err)
	}
	suite2, err := recovery.NewGuard(recovery.GuardConfig{DeviceID: b.id, DeskKey: deskKey(t).PublicKey(), Store: &memStore{}, Clock: func() time.Duration { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	if err := suite2.SecondDesk(second, ""); err == nil {
		t.Error("a guard of suite 2 takes a second desk")
	}
}
