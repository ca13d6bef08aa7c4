package recorder

import (
	"crypto/rand"
	"testing"
)

func TestHashFitsItsPasswordOnly(t *testing.T) {
	t.Parallel()
	phc, err := cheap.hash(firstPassword, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	again, err := cheap.hash(firstPassword, rand.Reader)
	if err != nil || phc == again {
		t.Errorf("two hashes share a salt: %v", err)
	}
	if !fits(phc, firstPassword) || fits(phc, firstPassword+"x") || fits(phc, "") {
		t.Error("the hash fits the wrong passwords")
	}
	for _, bad := range []string{"", "$argon2id$", "$argon2i$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AA", phc[:len(phc)-2], "$argon2id$v=19$m=99999999,t=1,p=1" + phc[len("$argon2id$v=19$m=8,t=1,p=1"):]} {
		if fits(bad, firstPassword) || fits(bad, "") {
			t.Errorf("%q fits", bad)
		}
	}
}

func FuzzParsePHC(f *testing.F) {
	phc, err := cheap.hash(firstPassword, rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(phc)
	f.Add("$argon2id$v=19$m=8,t=0,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA")
	f.Add("$$$$$")
	f.Fuzz(func(t *testing.T, text string) {
		a, salt, sum, err := parsePHC(text)
		if err == nil && (a.Memory < 8 || a.Time < 1 || a.Threads < 1 || len(salt) < 8 || len(sum) != hashSize) {
			t.Errorf("%q was taken for a hash: %+v", text, a)
		}
	})
}
