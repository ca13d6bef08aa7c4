package rekeytest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"rekey"
	"rekey/internal/hikvision"
	"rekey/internal/onvif"
	"rekey/internal/rekeytest/faces"
)

// troubles are all that can become of an exchange.
var troubles = []faces.Trouble{faces.CutBefore, faces.CutAfter, faces.TooSlow, faces.Doubled, faces.FallBack, faces.CutBack}

// keyed is a driver and a box with accounts that it is tested on.
type keyed struct {
	name string
	d    rekey.Driver
	plug func(t *testing.T) (Box, *faces.Keys)
}

func keyedBoxes() []keyed {
	hik := func(h func() *faces.HikvisionBox) func(*testing.T) (Box, *faces.Keys) {
		return func(t *testing.T) (Box, *faces.Keys) { return hikvisionBox(t, h()) }
	}
	on := func(o func() *faces.ONVIFBox) func(*testing.T) (Box, *faces.Keys) {
		return func(t *testing.T) (Box, *faces.Keys) { return onvifBox(t, o()) }
	}
	return []keyed{
		{"hikvision", hikvision.New(quiet()), hik(func() *faces.HikvisionBox { return &faces.HikvisionBox{} })},
		{"hikvision in clear", hikvision.New(quiet(), hikvision.AcceptClearPassword()), hik(func() *faces.HikvisionBox { return &faces.HikvisionBox{NoTLS: true, Plain: true, Optional: true} })},
		{"onvif token", onvif.New(quiet()), on(func() *faces.ONVIFBox { return &faces.ONVIFBox{Login: faces.ByToken, Ahead: 5 * time.Hour} })},
		{"onvif digest", onvif.New(quiet()), on(func() *faces.ONVIFBox { return &faces.ONVIFBox{Login: faces.ByDigest, Ahead: -5 * time.Hour} })},
		{"onvif both", onvif.New(quiet()), on(func() *faces.ONVIFBox { return &faces.ONVIFBox{Login: faces.ByBoth} })},
		{"onvif in clear", onvif.New(quiet(), onvif.AcceptClearPassword()), on(func() *faces.ONVIFBox { return &faces.ONVIFBox{Login: faces.ByToken, NoTLS: true} })},
	}
}

// changed is what a change says of itself, against what is so at the box.
func changed(err error) string {
	switch {
	case err == nil:
		return "changed"
	case errors.Is(err, rekey.ErrUnknown):
		return "unknown"
	}
	return "unchanged"
}

// A change whose line breaks at any of its requests is told as changed, unchanged or
// unknown, never wrongly, and costs one wrong try at most.
func TestFaultsOfChanges(t *testing.T) {
	t.Parallel()
	for _, k := range keyedBoxes() {
		for _, own := range []bool{true, false} {
			for nth := 1; nth <= changeRequests(t, k, own); nth++ {
				for _, what := range troubles {
					name := fmt.Sprintf("%s, own %t, %s at %d", k.name, own, what, nth)
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						breakChange(t, k, own, nth, what)
					})
				}
			}
		}
	}
}

// whose names a change.
func whose(own bool) string {
	if own {
		return "own password"
	}
	return "another's password"
}

// alter changes one's own password or that of the other account.
func alter(ctx context.Context, s rekey.Session, b Box, own bool) error {
	if own {
		return s.(rekey.PasswordSetter).SetPassword(ctx, b.Admin.Password, rekey.NewSecret(b.Password))
	}
	return s.(rekey.PasswordResetter).ResetPassword(ctx, b.Second.Account, rekey.NewSecret(b.Password))
}

// changeRequests is how many requests a change takes when all goes well.
func changeRequests(t *testing.T, k keyed, own bool) int {
	t.Helper()
	b, keys := k.ready(t)
	s := open(t, k.d, b.HTTP, b.Admin)
	keys.Trouble(0, "")
	if err := alter(t.Context(), s, b, own); err != nil {
		t.Fatalf("%s: %v", k.name, err)
	}
	if keys.Requests() == 0 {
		t.Fatalf("%s: a change without a request", k.name)
	}
	return keys.Requests()
}

// ready is a box with a password to set.
func (k keyed) ready(t *testing.T) (Box, *faces.Keys) {
	t.Helper()
	b, keys := k.plug(t)
	if b.Password == "" {
		b.Password = goodPassword
	}
	return b, keys
}

// patient does it until the box is too slow.
func patient(t *testing.T, slow <-chan struct{}, do func(context.Context) error) error {
	ctx, stop := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		select {
		case <-slow:
			stop()
		case <-ctx.Done():
		}
	})
	err := do(ctx)
	stop()
	wait.Wait()
	return err
}

func breakChange(t *testing.T, k keyed, own bool, nth int, what faces.Trouble) {
	b, keys := k.ready(t)
	book := &Book{}
	id := look(t, k.d, b.HTTP)
	s, err := k.d.Open(t.Context(), id, b.Admin, book)
	if err != nil {
		t.Fatal(err)
	}
	err = patient(t, keys.Trouble(nth, what), func(ctx context.Context) error { return alter(ctx, s, b, own) })
	told, wrong := changed(err), len(keys.Wrong())
	if cerr := s.Close(t.Context()); cerr != nil {
		t.Logf("close: %v", cerr)
	}
	who := b.Admin
	if !own {
		who = b.Second
	}
	before, after := keys.Is(who.Account, who.Password.Reveal()), keys.Is(who.Account, b.Password)
	fellBack := told == "changed" && what == faces.FallBack && before
	falsely := !fellBack && (told == "changed" && !after || told == "unchanged" && !before)
	faultTable.note("Changes on the boxes", k.name, string(what), told, wrong, falsely)
	switch {
	case fellBack: // it was told so, and told a lie: who checks sees it
		if err := k.d.Check(t.Context(), id.Interfaces[0], with(who, b.Password), &Book{}); !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("the new password, which fell back: %v", err)
		}
	case falsely:
		t.Errorf("told %s, and it is not so: %v", told, err)
	}
	if wrong > 1 || book.Spent-book.Given < wrong {
		t.Errorf("%d wrong tries; booked %d, given back %d: %v", wrong, book.Spent, book.Given, err)
	}
}

// A login whose line breaks is not taken for a refusal, and a refusal that is lost not
// for a login; either is tried once.
func TestFaultsOfLogins(t *testing.T) {
	t.Parallel()
	for _, k := range keyedBoxes() {
		for _, right := range []bool{true, false} {
			for nth := 1; nth <= 4; nth++ {
				for _, what := range []faces.Trouble{faces.CutBefore, faces.CutAfter, faces.TooSlow, faces.Doubled} {
					t.Run(fmt.Sprintf("%s, right %t, %s at %d", k.name, right, what, nth), func(t *testing.T) {
						t.Parallel()
						breakLogin(t, k, right, nth, what)
					})
				}
			}
		}
	}
}

// logins are the two ways of logging in: a check of one door, and a session.
func logins(t *testing.T, d rekey.Driver, id rekey.Identity, l rekey.Login) map[string]func(context.Context, rekey.Tries) error {
	return map[string]func(context.Context, rekey.Tries) error{
		"check": func(ctx context.Context, tries rekey.Tries) error { return d.Check(ctx, id.Interfaces[0], l, tries) },
		"open": func(ctx context.Context, tries rekey.Tries) error {
			s, err := d.Open(ctx, id, l, tries)
			if err == nil {
				err = s.Close(t.Context())
			}
			return err
		},
	}
}

func rightly(right bool) string {
	if right {
		return "right password"
	}
	return "wrong password"
}

// loginOutcome is what a login says of itself.
func loginOutcome(err error) string {
	var refused *rekey.LoginError
	switch {
	case err == nil:
		return "accepted"
	case errors.As(err, &refused):
		return "refused"
	}
	return "untold"
}

func breakLogin(t *testing.T, k keyed, right bool, nth int, what faces.Trouble) {
	b, keys := k.ready(t)
	id := look(t, k.d, b.HTTP)
	l := b.Admin
	if !right {
		l = with(l, "wrong-Pass1")
	}
	for name, login := range logins(t, k.d, id, l) {
		book, before := &Book{}, len(keys.Wrong())
		err := patient(t, keys.Trouble(nth, what), func(ctx context.Context) error { return login(ctx, book) })
		wrong := len(keys.Wrong()) - before
		var refused *rekey.LoginError
		falsely := right && errors.As(err, &refused) || !right && err == nil
		faultTable.note("Logins on the boxes, "+rightly(right), k.name, string(what), loginOutcome(err), wrong, falsely)
		switch {
		case right && errors.As(err, &refused), right && wrong > 0:
			t.Errorf("%s: the right password counts as refused (%d wrong tries): %v", name, wrong, err)
		case !right && err == nil:
			t.Errorf("%s: the wrong password is said to be right", name)
		case wrong > 1 || book.Spent > 1 || book.Spent-book.Given < wrong:
			t.Errorf("%s: %d wrong tries; booked %d, given back %d: %v", name, wrong, book.Spent, book.Given, err)
		}
	}
}
