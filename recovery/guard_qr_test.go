package recovery_test

import (
	"errors"
	"testing"
	"time"

	"rekey/recovery"
)

func TestGuardSuite2(t *testing.T) {
	t.Parallel()
	sk, id := deskKey(t), mustID(t, "V7KX-4YBM-0P97")
	cfg := recovery.GuardConfig{DeviceID: id, DeskKey: sk.PublicKey(), Store: &memStore{}, Clock: func() time.Duration { return 0 }}
	g, err := recovery.NewGuard(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.QR("desk.local", nil); !errors.Is(err, recovery.ErrNoChallenge) {
		t.Errorf("QR without a challenge: %v", err)
	}
	if _, err := g.NewChallenge("admin", recovery.PurposePassword); err != nil {
		t.Fatal(err)
	}
	scanned, err := g.QR("desk.local", nil)
	if err != nil {
		t.Fatal(err)
	}
	q, err := recovery.ParseQR(scanned)
	if err != nil {
		t.Fatal(err)
	}
	a, err := recovery.DeskAnswer(sk, q.Enc, q.DeviceID, "admin", q.Challenge)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Answer(a.Reveal()); err != nil {
		t.Errorf("the desk's answer: %v", err)
	}
	for name, change := range map[string]func(*recovery.GuardConfig){
		"no id":      func(c *recovery.GuardConfig) { c.DeviceID = recovery.DeviceID{} },
		"no key":     func(c *recovery.GuardConfig) { c.DeskKey = nil },
		"both keys":  func(c *recovery.GuardConfig) { c.Keys = mustKeys(t, vectorKey()) },
		"no store":   func(c *recovery.GuardConfig) { c.Store = nil },
		"no clock":   func(c *recovery.GuardConfig) { c.Clock = nil },
		"bad record": func(c *recovery.GuardConfig) { c.Store = &memStore{rec: recovery.Record{Fails: -1}} },
	} {
		bad := cfg
		change(&bad)
		if _, err := recovery.NewGuard(bad); err == nil {
			t.Errorf("a guard with %s started", name)
		}
	}
}

func TestGuardQRVerifies(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.challenge("admin", recovery.PurposePassword)
	scanned, err := b.QR("desk.local:8443", &recovery.LogHead{Size: 12})
	if err != nil {
		t.Fatal(err)
	}
	q, err := recovery.ParseQR(scanned)
	if err != nil || b.keys.VerifyQR(q) != nil || q.Challenge != c || q.DeviceID != b.id || q.Log.Size != 12 {
		t.Errorf("QR %s: %v", scanned, err)
	}
}
