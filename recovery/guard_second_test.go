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
	if err := b.SecondDesk(&recovery.Second{Keys: second, For: []recovery.Purpose{recovery.PurposePassword}}, "linked"); err != nil {
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
	if err := suite2.SecondDesk(&recovery.Second{Keys: second}, ""); err == nil {
		t.Error("a guard of suite 2 takes a second desk")
	}
}

// TestSecondDeskAnswersItsPurposesOnly: and where it answers alone, the guard's
// own desk does not.
func TestSecondDeskAnswersItsPurposesOnly(t *testing.T) {
	t.Parallel()
	second := mustKeys(t, make([]byte, recovery.KeySize))
	all := []recovery.Purpose{recovery.PurposePassword, recovery.PurposeRelease, recovery.PurposeUnseal}
	for _, alone := range []bool{false, true} {
		for _, its := range all {
			b := newBench(t)
			if err := b.SecondDesk(&recovery.Second{Keys: second, For: []recovery.Purpose{its}, Alone: alone}, "linked"); err != nil {
				t.Fatal(err)
			}
			for _, asked := range all {
				for keys, want := range map[*recovery.Keys]bool{b.keys: !alone || asked != its, second: asked == its} {
					b.now += time.Minute
					c := b.challenge("admin", asked)
					a, err := keys.Answer(b.id, "admin", c)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := b.Answer(a.Reveal()); (err == nil) != want {
						t.Errorf("alone %v, second for %s, asked %s, second's answer %v: %v", alone, its, asked, keys == second, err)
					}
				}
			}
		}
	}
	b := newBench(t)
	if err := b.SecondDesk(&recovery.Second{For: all}, ""); err == nil {
		t.Error("a second desk without keys")
	}
}

// TestRekey: a new key ends what the old one has in hand; the counter and the
// charged attempts go on.
func TestRekey(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	old, fresh := b.keys, mustKeys(t, make([]byte, recovery.KeySize))
	before := b.challenge("admin", recovery.PurposePassword)
	var wrong *recovery.WrongAnswerError
	if _, err := b.Answer(b.wrongCode(0)); !errors.As(err, &wrong) || wrong.AttemptsLeft != 4 {
		t.Fatal(err)
	}
	if err := b.Rekey(fresh, 5, "own desk"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Answer(b.code("admin", before)); !errors.Is(err, recovery.ErrNoChallenge) {
		t.Errorf("an answer of before: %v", err)
	}
	b.now += time.Minute
	after := b.challenge("admin", recovery.PurposePassword)
	if after.Counter != before.Counter+1 || after.Epoch != 1 {
		t.Errorf("challenge of counter %d and epoch %d, want %d and 1", after.Counter, after.Epoch, before.Counter+1)
	}
	if _, err := b.Answer(b.code("admin", after)); !errors.As(err, &wrong) || wrong.AttemptsLeft != 3 {
		t.Errorf("the old key: %v", err)
	}
	b.keys = fresh
	grant, err := b.Answer(b.code("admin", after))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Rekey(old, 0, "maker's"); err != nil {
		t.Fatal(err)
	}
	if err := b.Redeem(grant, "admin", recovery.PurposePassword); !errors.Is(err, recovery.ErrNoGrant) {
		t.Errorf("a grant outlived its key: %v", err)
	}
	if err := b.Rekey(nil, 0, ""); err == nil {
		t.Error("no key at all")
	}
}
