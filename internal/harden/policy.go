package harden

import (
	"context"
	"fmt"
	"time"

	"rekey"
)

// A lock policy weaker than this is a finding. Recorders come with 3 to 10
// tries and 5 to 30 minutes.
const (
	mostTries   = 10
	leastLocked = 5 * time.Minute
)

// FixTries is how many wrong tries Fix leaves before an account is locked.
const FixTries = 5

// goodPolicy is what Fix sets: the usual 5 tries and 30 minutes.
var goodPolicy = rekey.LockPolicy{Enabled: true, Tries: FixTries, LockFor: 30 * time.Minute}

func checkLockPolicy(ctx context.Context, s rekey.Session, _ CheckInput) ([]Finding, error) {
	reader, err := can[rekey.LockPolicyReader](s)
	if err != nil {
		return nil, err
	}
	p, err := reader.LockPolicy(ctx)
	if err != nil {
		return nil, err
	}
	_, fixable := s.(rekey.LockPolicySetter)
	f := Finding{
		Severity: High, Certainty: rekey.Verified, Fixable: fixable,
		Do: "set it to 5 tries and 30 minutes: --fix does, or Main Menu > Settings > System > Account at the recorder",
	}
	switch {
	case !p.Enabled:
		f.ID, f.Title, f.Why = LockPolicyOff, "wrong passwords never lock an account", "anybody who reaches the recorder can try passwords without end"
	case weak(p):
		f.ID, f.Severity = LockPolicyWeak, Medium
		f.Title = fmt.Sprintf("an account locks only after %d wrong tries, for %s", p.Tries, p.LockFor)
		f.Why = "so many tries in so short a time make guessing worth while"
	default:
		return nil, nil
	}
	return []Finding{f}, nil
}

func weak(p rekey.LockPolicy) bool {
	return !p.Enabled || p.Tries < 1 || p.Tries > mostTries || p.LockFor < leastLocked
}
