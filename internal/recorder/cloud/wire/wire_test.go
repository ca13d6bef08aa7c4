package wire

import (
	"crypto/ed25519"
	"strings"
	"testing"
)

func TestCode(t *testing.T) {
	t.Parallel()
	code := NewCode()
	want, ok := HashCode(code)
	if !ok || len(code) != 14 {
		t.Fatalf("a new code is none: %d characters", len(code))
	}
	for _, typed := range []string{strings.ToLower(code), strings.ReplaceAll(code, "-", ""), " " + strings.ReplaceAll(code, "-", " ") + " "} {
		if got, ok := HashCode(typed); !ok || got != want {
			t.Errorf("%d characters typed in another way are another code", len(typed))
		}
	}
	zero, _ := HashCode("0000-1111-1111")
	if looks, ok := HashCode("oooo-iiii-llll"); !ok || looks != zero {
		t.Error("O, I and L are not what they look like")
	}
	for _, bad := range []string{"", "0000-0000-000", "0000-0000-00000", "0000-0000-000U", "0000-0000-000é", strings.Repeat(" ", 100) + "000000000000"} {
		if _, ok := HashCode(bad); ok {
			t.Errorf("%q is taken for a code", bad)
		}
	}
	if NewCode() == code {
		t.Error("the same code twice")
	}
}

func TestSignature(t *testing.T) {
	t.Parallel()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	public := key.Public().(ed25519.PublicKey)
	s, err := ParseSignature(Sign(key, PathPoll, "nonce", []byte("body")))
	if err != nil {
		t.Fatal(err)
	}
	if !s.By(public, PathPoll, []byte("body")) || s.Nonce != "nonce" || s.Link != LinkID(public) {
		t.Error("a signature does not fit its message")
	}
	other := ed25519.NewKeyFromSeed([]byte(strings.Repeat("x", ed25519.SeedSize))).Public().(ed25519.PublicKey)
	if s.By(public, PathUnlink, []byte("body")) || s.By(public, PathPoll, []byte("bodY")) || s.By(other, PathPoll, []byte("body")) || s.By(nil, PathPoll, []byte("body")) {
		t.Error("a signature fits another message or key")
	}
}

func FuzzParseSignature(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	f.Add(Sign(key, PathPoll, "nonce", nil))
	f.Add("")
	f.Add("a b c d")
	f.Fuzz(func(t *testing.T, header string) {
		s, err := ParseSignature(header)
		if err == nil && (len(s.sum) != ed25519.SignatureSize || len(s.Link) != 32) {
			t.Error("half a signature is taken")
		}
	})
}

func FuzzHashCode(f *testing.F) {
	f.Add(NewCode())
	f.Add("ﬁ")
	f.Fuzz(func(t *testing.T, typed string) {
		if hash, ok := HashCode(typed); ok != (len(hash) == 64) {
			t.Error("a hash without a code, or the other way round")
		}
	})
}
