package rekeytest

import (
	"errors"
	"slices"
	"testing"

	"rekey"
	"rekey/internal/rekeytest/loopback"
)

func isStream(i rekey.Interface) bool { return i.Kind == rekey.InterfaceRTSP }

// streamDoor: a password is tried at the port of the streams for itself.
func streamDoor(t *testing.T, d rekey.Driver, b Box) {
	list := doors(t, open(t, d, b.HTTP, b.Admin))
	n := slices.IndexFunc(list, isStream)
	if n < 0 {
		t.Fatalf("no streams: %v", list)
	}
	for password, want := range map[string]error{b.Admin.Password.Reveal(): nil, "wrong-Pass1": rekey.ErrDenied} {
		book := &Book{}
		if err := d.Check(t.Context(), list[n], with(b.Admin, password), book); !errors.Is(err, want) || book.Spent != 1 || book.Given+book.Refused != 1 || (want == nil) != (book.Given == 1) {
			t.Errorf("want %v: book %+v: %v", want, book.Spent, err)
		}
	}
	if err := d.Check(t.Context(), list[n], with(rekey.Login{Account: "nobody-of-that-name"}, "wrong-Pass1"), &Book{}); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("nobody: %v", err)
	}
}

// untriedDoors: no try is spent at a door that the family has no way to try, nor at
// one where nobody answers.
func untriedDoors(t *testing.T, d rekey.Driver, b Box) {
	list := tried(t, d, b, doors(t, open(t, d, b.HTTP, b.Admin)))
	for _, kind := range []rekey.InterfaceKind{rekey.InterfaceSDK, rekey.InterfaceSeat, rekey.InterfaceWeb} {
		book := &Book{}
		err := d.Check(t.Context(), rekey.Interface{Kind: kind, Host: b.HTTP.Host, Port: b.HTTP.HTTPPort()}, b.Admin, book)
		if !errors.Is(err, rekey.ErrUnsupported) || book.Spent != 0 {
			t.Errorf("%s: %d spent: %v", kind, book.Spent, err)
		}
	}
	for _, i := range oneOfEach(list) {
		i.Host, i.Port = loopback.Own().String(), 9
		book := &Book{}
		err := d.Check(t.Context(), i, b.Admin, book)
		if !errors.Is(err, rekey.ErrUnreachable) || errors.Is(err, rekey.ErrDenied) || book.Spent != book.Given {
			t.Errorf("%s, nobody there: book %d/%d: %v", i.Kind, book.Spent, book.Given, err)
		}
	}
}
