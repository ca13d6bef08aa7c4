package argon

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"rekey"
)

func TestHashFits(t *testing.T) {
	t.Parallel()
	right := rekey.NewSecret("seven quiet tables in a row")
	one, err := Cheap().Hash(right, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	two, err := Cheap().Hash(right, rand.Reader)
	if err != nil || one == two {
		t.Errorf("two hashes of one password are equal: %v", err)
	}
	if ok, err := Fits(one, right); !ok || err != nil {
		t.Errorf("the right one: %v %v", ok, err)
	}
	if ok, err := Fits(one, rekey.NewSecret("seven quiet tables in a rod")); ok || err != nil {
		t.Errorf("a wrong one: %v %v", ok, err)
	}
	if _, err := Cheap().Hash(right, strings.NewReader("short")); err == nil {
		t.Error("a hash without a whole salt")
	}
}

// The command-line tool of the reference implementation made this one:
// echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32
func TestReferenceVector(t *testing.T) {
	t.Parallel()
	const phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, err := Fits(phc, rekey.NewSecret("password")); !ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
}

// A string that somebody changed neither eats the machine nor fits.
func TestMalformed(t *testing.T) {
	t.Parallel()
	const salt, sum = "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for name, phc := range map[string]string{
		"empty":         "",
		"another kind":  "$argon2i$v=19$m=8,t=1,p=1$" + salt + "$" + sum,
		"another form":  "x$argon2id$v=19$m=8,t=1,p=1$" + salt + "$" + sum,
		"version":       "$argon2id$v=16$m=8,t=1,p=1$" + salt + "$" + sum,
		"memory":        "$argon2id$v=19$m=4294967295,t=1,p=1$" + salt + "$" + sum,
		"little memory": "$argon2id$v=19$m=8,t=1,p=2$" + salt + "$" + sum,
		"passes":        "$argon2id$v=19$m=8,t=65,p=1$" + salt + "$" + sum,
		"no pass":       "$argon2id$v=19$m=8,t=0,p=1$" + salt + "$" + sum,
		"threads":       "$argon2id$v=19$m=1024,t=1,p=17$" + salt + "$" + sum,
		"no thread":     "$argon2id$v=19$m=8,t=1,p=0$" + salt + "$" + sum,
		"rest":          "$argon2id$v=19$m=8,t=1,p=1 $" + salt + "$" + sum,
		"no salt":       "$argon2id$v=19$m=8,t=1,p=1$$" + sum,
		"short salt":    "$argon2id$v=19$m=8,t=1,p=1$AAAA$" + sum,
		"long salt":     "$argon2id$v=19$m=8,t=1,p=1$" + strings.Repeat("AAAA", 22) + "$" + sum,
		"short sum":     "$argon2id$v=19$m=8,t=1,p=1$" + salt + "$AAAA",
	} {
		if ok, err := Fits(phc, rekey.Secret{}); ok || !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v %v", name, ok, err)
		}
	}
}

// FuzzFits: a stored string of any form neither panics nor takes a password it is not of.
func FuzzFits(f *testing.F) {
	good, err := Cheap().Hash(rekey.NewSecret("right"), strings.NewReader(strings.Repeat("\x00", saltLen)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$AAAA$AAAA")
	f.Add("$argon2id$v=19$m=8,t=1,p=0$$")
	f.Fuzz(func(t *testing.T, phc string) {
		if c, _, _, err := parse(phc); err == nil && c != Cheap() {
			return // other costs are for the machine, not for the parser
		}
		if ok, err := Fits(phc, rekey.NewSecret("wrong")); ok || err == nil && phc == "" {
			t.Errorf("%q fits: %v %v", phc, ok, err)
		}
	})
}
