package job

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/catalog"
)

// hand is the person at the recorder.
type hand func(new rekey.Secret) error

func (h hand) Change(_ context.Context, _ rekey.Plan, new rekey.Secret) error { return h(new) }

// Every way by hand that fits a recorder ends with the password proved, for each
// family; what was not done, or done wrongly, is said and stays open.
func TestEveryWayByHand(t *testing.T) {
	t.Parallel()
	for _, id := range []rekey.Identity{
		{Family: "dahua", Vendor: "Lorex", Model: "N841A82"}, {Family: "dahua", Vendor: "Dahua"},
		{Family: "hikvision", Vendor: "Hikvision"}, {Family: "onvif"},
	} {
		for _, way := range catalog.Ways(id, nil) {
			if !way.ByHand() {
				continue
			}
			t.Run(id.Family+" "+id.Model+" "+string(way.ID), func(t *testing.T) {
				t.Parallel()
				b := newLab(t)
				r, req := byHand(t, b, id, way)
				r.Hands = hand(func(rekey.Secret) error { return nil }) // says so and did not
				rep, err := r.Reset(context.Background(), req)
				if rep.Outcome != rekey.Unknown || !errors.Is(err, rekey.ErrUnknown) || !strings.Contains(err.Error(), "--done") {
					t.Fatalf("nothing was done: %s, %v", rep.Outcome, err)
				}
				r.Hands = hand(func(new rekey.Secret) error {
					b.set(func() { b.passwords["admin"] = new.Reveal() })
					return nil
				})
				if rep := resumeOnly(t, r, b); rep.Outcome != rekey.Changed {
					t.Errorf("done: %s", rep.Outcome)
				}
			})
		}
	}
}

// byHand makes the lab a recorder of that kind, and asks for that way.
func byHand(t *testing.T, b *lab, id rekey.Identity, way rekey.Way) (*Runner, Request) {
	t.Helper()
	door := b.door(rekey.InterfaceRPC2, false)
	switch id.Family {
	case "hikvision":
		door.Kind = rekey.InterfaceISAPI
	case "onvif":
		door.Kind = rekey.InterfaceONVIF
	}
	id.Serial, id.Interfaces = b.id.Serial, []rekey.Interface{door}
	b.id, b.doors = id, []rekey.Interface{door}
	r, _ := b.runner(t)
	r.Drivers = func([]rekey.Risk) []rekey.Driver { return []rekey.Driver{labDriver{b, id.Family}} }
	req := Request{Target: b.target(), Account: "admin", Way: way.ID, New: rekey.NewSecret(labNew), Accept: append([]rekey.Risk{rekey.RiskSkipFootage}, way.Risks...)}
	return r, req
}

// After the reset button the recorder is in factory state: there is nothing to
// log in at, and the run waits for its first set-up, costing no try.
func TestAfterTheButton(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	way := wayOf(t, b.id, rekey.WayHardwareReset)
	r, req := byHand(t, b, b.id, way)
	r.Hands = hand(func(rekey.Secret) error {
		b.set(func() { b.id.Init, b.passwords = rekey.InitFactory, map[string]string{} })
		return nil
	})
	rep, err := r.Reset(context.Background(), req)
	waits := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, rekey.ErrWaiting) || !strings.Contains(err.Error(), "first set-up at the local seat") || !strings.Contains(err.Error(), "rekey vault show "+rep.VaultID) || !strings.Contains(err.Error(), "resume "+rep.Run+" --done") {
			t.Fatalf("%s: %v", what, err)
		}
		if b.sent != 0 {
			t.Fatalf("%s: %d logins were sent", what, b.sent)
		}
	}
	waits("after the button", err)
	_, err = r.Resume(context.Background(), rep.Run, ResumeOptions{})
	waits("resumed too early", err)
	b.set(func() { b.id.Init, b.passwords = rekey.InitDone, map[string]string{"admin": labNew} })
	r.Hands = hand(func(rekey.Secret) error { return nil })
	if rep, err = r.Resume(context.Background(), rep.Run, ResumeOptions{}); err != nil || rep.Outcome != rekey.Changed {
		t.Errorf("after the first set-up: %s, %v", rep.Outcome, err)
	}
}

// While the hands were busy another recorder has taken the address.
func TestAnotherRecorderAfterTheHands(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	r, req := byHand(t, b, b.id, wayOf(t, b.id, rekey.WayTemporaryPassword))
	r.Hands = hand(func(rekey.Secret) error {
		b.set(func() { b.id.Serial = "OTHER" })
		return nil
	})
	if _, err := r.Reset(context.Background(), req); !errors.Is(err, rekey.ErrConflict) || b.sent != 0 {
		t.Errorf("%v, and %d logins were sent", err, b.sent)
	}
}

func wayOf(t *testing.T, id rekey.Identity, want rekey.WayID) rekey.Way {
	t.Helper()
	for _, w := range catalog.Ways(id, nil) {
		if w.ID == want {
			return w
		}
	}
	t.Fatalf("the catalogue has no way %q for %s", want, id.Model)
	return rekey.Way{}
}

// The button takes the recorder's locks with its accounts: what is booked of them
// does not keep the owner out.
func TestLockIsGoneAfterTheButton(t *testing.T) {
	t.Parallel()
	for _, seen := range []bool{true, false} {
		b := newLab(t)
		r, req := byHand(t, b, b.id, wayOf(t, b.id, rekey.WayHardwareReset))
		guess := b.request()
		guess.Login.Password = rekey.NewSecret("Wrong-guess-99")
		b.wrong = b.limit
		if _, err := r.Plan(context.Background(), guess); !errors.Is(err, rekey.ErrLocked) {
			t.Fatal(err)
		}
		r.Hands = hand(func(new rekey.Secret) error {
			b.set(func() {
				b.wrong, b.passwords = 0, map[string]string{"admin": new.Reveal()}
				if seen {
					b.id.Init = rekey.InitFactory
				}
			})
			return nil
		})
		rep, err := r.Reset(context.Background(), req)
		if seen {
			if booked, bookErr := r.Booked(b.id, b.target(), "admin"); bookErr != nil || booked.Wrong != 0 || !booked.Locked.IsZero() {
				t.Errorf("in factory state, and booked are %+v, %v", booked, bookErr)
			}
			b.set(func() { b.id.Init = rekey.InitDone })
			r.Hands = hand(func(rekey.Secret) error { return nil })
			rep, err = r.Resume(context.Background(), rep.Run, ResumeOptions{})
		}
		if err != nil || rep.Outcome != rekey.Changed {
			t.Errorf("factory state seen %v: %s, %v", seen, rep.Outcome, err)
		}
	}
}

// Whoever says that it was reset, and did not reset it, costs one try at most.
func TestLockIsLiftedForOneTry(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := testBudget(t, t.TempDir(), &now)
	locked := &rekey.LoginError{Kind: rekey.ErrLocked, TriesLeft: 0}
	if err := errors.Join(b.limit("admin", 5), b.Spend("admin"), b.Settle("admin", locked), b.lift("admin"), b.Spend("admin")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.Settle("admin", refused(-1)), b.lift("admin")); err != nil {
		t.Fatal(err)
	}
	if err := b.Spend("admin"); !errors.Is(err, rekey.ErrBudget) {
		t.Errorf("a second one: %v", err)
	}
}
