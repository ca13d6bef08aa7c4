package desk

import (
	"encoding/base32"
	"encoding/hex"
	"strings"
	"testing"

	"rekey"
)

// FuzzParseToken: a token is 16 bytes in one way of writing them, but for capitals.
func FuzzParseToken(f *testing.F) {
	for _, s := range []string{"", "a", strings.Repeat("a", 26), strings.Repeat("A", 26), strings.Repeat("a", 25) + "b", strings.Repeat("a", 25) + "\n", strings.Repeat("=", 26)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		raw, err := parseToken(rekey.NewSecret(typed))
		if err != nil {
			return
		}
		text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)
		if len(raw) != 16 || !strings.EqualFold(text, strings.TrimSpace(typed)) {
			t.Fatalf("%q was taken", typed)
		}
	})
}

// TestHalfOpensWithItsTokenOnly: another link's token, another link's row and a
// changed row open nothing.
func TestHalfOpensWithItsTokenOnly(t *testing.T) {
	t.Parallel()
	mine, other := []byte("0123456789abcdef"), []byte("fedcba9876543210")
	l := link{hash: "a", sealTo: sealTo(t, mine)}
	sealed, err := l.seal("ABCD-EFGH")
	if err != nil {
		t.Fatal(err)
	}
	if half, err := openHalf(l, mine, sealed); err != nil || len(half) != 2 || half[1].Text != "EFGH" {
		t.Fatalf("%d groups, %v", len(half), err)
	}
	changed := append([]byte(nil), sealed...)
	changed[len(changed)-1] ^= 1
	for name, try := range map[string]func() ([]Group, error){
		"another token": func() ([]Group, error) { return openHalf(l, other, sealed) },
		"another link":  func() ([]Group, error) { return openHalf(link{hash: "b"}, mine, sealed) },
		"changed":       func() ([]Group, error) { return openHalf(l, mine, changed) },
		"empty":         func() ([]Group, error) { return openHalf(l, mine, nil) },
	} {
		if half, err := try(); err == nil || half != nil {
			t.Errorf("%s opens it", name)
		}
	}
}

func sealTo(t *testing.T, token []byte) string {
	t.Helper()
	key, err := halfKey(token)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(key.PublicKey().Bytes())
}
