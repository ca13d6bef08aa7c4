package rekeytest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"rekey"
	"rekey/internal/recorder"
)

// A login whose line or power breaks is not taken for a refusal, and a refusal that
// is lost not for a login; either is tried once. The recorder of a face is the same
// for all runs; the power goes at the last request alone.
func TestFaultsOfLoginsOnTheReferenceRecorder(t *testing.T) {
	t.Parallel()
	for _, face := range recorder.Faces() {
		t.Run(string(face), func(t *testing.T) {
			t.Parallel()
			l, d := lined(t, face), dahuaOn(face)
			l.snapshot(t)
			id := look(t, d, l.b.HTTP)
			for name, login := range linedLogins(t, d, l, id) {
				for _, right := range []bool{true, false} {
					l.breakLogins(t, name, right, login)
				}
			}
		})
	}
}

// linedLogins are a session, and a check at each door behind the line.
func linedLogins(t *testing.T, d rekey.Driver, l *behindLine, id rekey.Identity) map[string]func(context.Context, rekey.Login, rekey.Tries) error {
	all := map[string]func(context.Context, rekey.Login, rekey.Tries) error{
		"open": func(ctx context.Context, who rekey.Login, tries rekey.Tries) error {
			s, err := d.Open(ctx, id, who, tries)
			if err == nil {
				err = s.Close(t.Context())
			}
			return err
		},
	}
	for _, i := range id.Interfaces {
		broken := i.Kind == rekey.InterfaceCGI && l.Box().Traits().CGI.Broken
		if i.Port == l.b.HTTP.Port && (i.Kind == rekey.InterfaceCGI || i.Kind == rekey.InterfaceRPC2) && !broken {
			all["check of "+string(i.Kind)] = func(ctx context.Context, who rekey.Login, tries rekey.Tries) error {
				return d.Check(ctx, i, who, tries)
			}
		}
	}
	return all
}

func (l *behindLine) breakLogins(t *testing.T, name string, right bool, login func(context.Context, rekey.Login, rekey.Tries) error) {
	who := l.b.Admin
	if !right {
		who = with(who, "wrong-Pass1")
	}
	l.line.Break(0, "")
	_ = login(t.Context(), who, &Book{})
	requests := len(l.line.Asked())
	for nth := 1; nth <= requests; nth++ {
		for _, f := range lineFaults {
			last := nth == requests
			if (f == PowerCut || f == Reboot) && !last || f == Stall && last && right && (name != "open" || l.face != recorder.FaceN841) {
				continue // a logout that is not answered is waited for, which is seen once
			}
			t.Run(fmt.Sprintf("%s, right %t, %s at %d", name, right, f, nth), func(t *testing.T) {
				if !l.is(l.b.Admin.Account, l.b.Admin.Password) { // which sets its counter back
					t.Fatal("locked, or another password")
				}
				l.breakLogin(t, right, nth, f, func(ctx context.Context, tries rekey.Tries) error { return login(ctx, who, tries) })
			})
		}
	}
}

func (l *behindLine) breakLogin(t *testing.T, right bool, nth int, f Fault, login func(context.Context, rekey.Tries) error) {
	book, before, old := &Book{}, wrong(t, l.dir), l.dir
	l.line.Break(nth, f)
	err := patient(t, l.line.Stalls, func(ctx context.Context) error { return login(ctx, book) })
	l.line.Break(0, "")
	tries := wrong(t, old) - before
	most := 1
	if f == Twice { // the line's doing
		most = 2
	}
	var refused *rekey.LoginError
	falsely := right && f != Twice && errors.As(err, &refused) || !right && err == nil
	faultTable.note("Logins on the reference recorder, "+rightly(right), string(l.face), string(f), loginOutcome(err), tries, falsely)
	switch {
	case right && f != Twice && (errors.As(err, &refused) || tries > 0):
		t.Errorf("the right password counts as refused (%d wrong tries): %v", tries, err)
	case !right && err == nil:
		t.Error("the wrong password is said to be right")
	case tries > most || book.Spent > most || book.Spent-book.Given < min(tries, 1):
		t.Errorf("%d wrong tries; booked %d, given back %d: %v", tries, book.Spent, book.Given, err)
	}
}
