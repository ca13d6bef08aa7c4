package recovery_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"rekey/recovery"
)

// vectorKey is K_dev of the published vectors: bytes 0 to 31.
func vectorKey() []byte {
	k := make([]byte, recovery.KeySize)
	for i := range k {
		k[i] = byte(i)
	}
	return k
}

// fataler is what testing and rapid share.
type fataler interface {
	Helper()
	Fatal(...any)
}

func mustKeys(t fataler, kDev []byte) *recovery.Keys {
	t.Helper()
	k, err := recovery.NewKeys(kDev)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustID(t fataler, s string) recovery.DeviceID {
	t.Helper()
	id, err := recovery.ParseDeviceID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func vectorChallenge() recovery.Challenge {
	return recovery.Challenge{Suite: recovery.SuiteOCRA, Counter: 7, Random: 0xA1B2C3D4E5F60}
}

func TestAnswerVectors(t *testing.T) {
	t.Parallel()
	const device = "V7KX-4YBM-0P97"
	tests := []struct {
		name      string
		device    string
		change    func(*recovery.Challenge)
		challenge string // the groups that the document gives
		answer    string
	}{
		{"the vector", device, func(*recovery.Challenge) {}, "400R-0YG6-V5GS-YMWC-QV05", "05D8-4WAY-9MWG-ZXD1"},
		{"purpose 1", device, func(c *recovery.Challenge) { c.Purpose = 1 }, "500T-0YG6-V5GS-YMWC-QV05", "Z8TB-PA0Q-8ZWV-MGEY"},
		{"epoch 1", device, func(c *recovery.Challenge) { c.Epoch = 1 }, "480X-", "HJH2-66C8-RH5N-VAQH"},
		{"counter 8", device, func(c *recovery.Challenge) { c.Counter = 8 }, "400R-12GV-", "S9XY-82T5-0RZF-X6BK"},
		{"random+1", device, func(c *recovery.Challenge) { c.Random++ }, "-QV1D", "MJ4H-SHHP-K6A2-YHG5"},
		{"another recorder", "V7KX-4YBM-0P8F", func(*recovery.Challenge) {}, "400R-0YG6-V5GS-YMWC-QV05", "1JX8-TY1X-5AP5-BN0E"},
	}
	keys := mustKeys(t, vectorKey())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := vectorChallenge()
			tt.change(&c)
			if !strings.Contains(c.String(), tt.challenge) {
				t.Errorf("challenge %s, want %s", c, tt.challenge)
			}
			back, err := recovery.ParseChallenge(c.String())
			if err != nil || back != c {
				t.Errorf("ParseChallenge(%s) = %+v, %v, want %+v", c, back, err, c)
			}
			a, err := keys.Answer(mustID(t, tt.device), "admin", c)
			if err != nil {
				t.Fatal(err)
			}
			if a.Reveal() != tt.answer {
				t.Errorf("answer %q, want %q", a.Reveal(), tt.answer)
			}
		})
	}
}

func TestAnswerBindsTheAccount(t *testing.T) {
	t.Parallel()
	keys, id := mustKeys(t, vectorKey()), mustID(t, "V7KX-4YBM-0P97")
	seen := map[string]string{}
	for _, account := range []string{"admin", "Admin", "admin ", "operator", "административ"} {
		a, err := keys.Answer(id, account, vectorChallenge())
		if err != nil {
			t.Fatalf("account %q: %v", account, err)
		}
		if other, dup := seen[a.Reveal()]; dup {
			t.Errorf("accounts %q and %q share an answer", account, other)
		}
		seen[a.Reveal()] = account
	}
	for _, account := range []string{"", "a\x00b", "a\nb", "\xff", strings.Repeat("a", 65)} {
		if _, err := keys.Answer(id, account, vectorChallenge()); err == nil {
			t.Errorf("account %q was accepted", account)
		}
	}
}

func TestFleetVector(t *testing.T) {
	t.Parallel()
	const want = "c8b2d139d6923457a6c4e1bfc44fd7e0b249d3ef856e057d2d45b0c19b663d76"
	fleet, id := bytes.Repeat([]byte{0x42}, 32), mustID(t, "V7KX-4YBM-0P97")
	got, err := recovery.FleetKey(fleet, id, 0)
	if err != nil || hex.EncodeToString(got) != want {
		t.Errorf("FleetKey = %x, %v, want %s", got, err, want)
	}
	next, err := recovery.FleetKey(fleet, id, 1)
	if err != nil || bytes.Equal(next, got) {
		t.Errorf("epoch 1 gives the key of epoch 0 (%v)", err)
	}
	if _, err := recovery.FleetKey(fleet[:31], id, 0); err == nil {
		t.Error("a short fleet key was accepted")
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	keys := mustKeys(t, vectorKey())
	a, err := keys.Answer(mustID(t, "V7KX-4YBM-0P97"), "admin", vectorChallenge())
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		for _, secret := range []any{a, &a, keys, struct{ A recovery.Answer }{a}} {
			out := fmt.Sprintf(verb, secret)
			if !strings.Contains(out, "<secret>") || strings.Contains(out, a.Reveal()) {
				t.Errorf("%s prints more than <secret>", verb)
			}
		}
	}
	if b, err := a.MarshalText(); err != nil || string(b) != "<secret>" {
		t.Error("MarshalText gives more than <secret>")
	}
}

func TestHalves(t *testing.T) {
	t.Parallel()
	a, err := recovery.ParseAnswer("05D8-4WAY-9MWG-ZXD1")
	if err != nil {
		t.Fatal(err)
	}
	spoken, sent := a.Halves()
	if spoken != "05D8-4WAY" || sent != "9MWG-ZXD1" {
		t.Errorf("Halves = %q, %q", spoken, sent)
	}
}

func TestSpell(t *testing.T) {
	t.Parallel()
	got := strings.Join(recovery.Spell("v7kx-4YBM o"), " ")
	if want := "Victor Seven Kilo X-ray Four Yankee Bravo Mike Zero"; got != want {
		t.Errorf("Spell = %q, want %q", got, want)
	}
	words := map[string]bool{}
	for _, w := range recovery.Spell("0123456789ABCDEFGHJKMNPQRSTVWXYZ") {
		words[w] = true
	}
	if len(words) != 32 {
		t.Errorf("%d different words, want 32", len(words))
	}
}

func TestKeySize(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 31, 33, 64} {
		if _, err := recovery.NewKeys(make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes was accepted", n)
		}
	}
}

func TestNewDeviceID(t *testing.T) {
	t.Parallel()
	a, err := recovery.NewDeviceID(nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := recovery.NewDeviceID(nil)
	if err != nil {
		t.Fatal(err)
	}
	if a == b || a.IsZero() || mustID(t, a.String()) != a {
		t.Errorf("Device IDs %s and %s", a, b)
	}
	var back recovery.DeviceID
	if err := back.UnmarshalText([]byte(a.String())); err != nil || back != a {
		t.Errorf("UnmarshalText = %s, %v, want %s", back, err, a)
	}
	if _, err := recovery.NewDeviceID(bytes.NewReader(nil)); err == nil {
		t.Error("a Device ID was drawn from nothing")
	}
}

// A generator that repeats itself must not repeat a challenge.
func TestRandomIsHedgedWithTheCounter(t *testing.T) {
	t.Parallel()
	keys := mustKeys(t, vectorKey())
	seen := map[uint64]bool{}
	for n := range uint64(100) {
		c, err := keys.NewChallenge(recovery.PurposePassword, 0, n, bytes.NewReader(make([]byte, 32)))
		if err != nil {
			t.Fatal(err)
		}
		if seen[c.Random] {
			t.Fatalf("counter %d repeats the random part", n)
		}
		seen[c.Random] = true
	}
	if _, err := keys.NewChallenge(3, 0, 0, nil); err == nil {
		t.Error("the reserved purpose 3 was accepted")
	}
}
