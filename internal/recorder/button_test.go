package recorder

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"rekey"
	"rekey/recovery"
)

func TestButton(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		held time.Duration
		led  LED
		seen []LED
	}{
		{1, LEDNothing, []LED{LEDNothing}},
		{5*time.Second - 1, LEDNothing, []LED{LEDNothing}},
		{5 * time.Second, LEDWarning, []LED{LEDNothing, LEDWarning}},
		{10*time.Second - 1, LEDWarning, []LED{LEDNothing, LEDWarning}},
		{10 * time.Second, LEDConfirm, []LED{LEDNothing, LEDWarning, LEDReset}},
		{12 * time.Second, LEDConfirm, []LED{LEDNothing, LEDWarning, LEDReset}},
		{15 * time.Second, LEDConfirm, []LED{LEDNothing, LEDWarning, LEDReset}},
		{15*time.Second + 1, LEDCancelled, []LED{LEDNothing, LEDWarning, LEDReset, LEDCancelled}},
		{time.Hour, LEDCancelled, []LED{LEDNothing, LEDWarning, LEDReset, LEDCancelled}},
	} {
		t.Run(c.held.String(), func(t *testing.T) {
			t.Parallel()
			b, _ := newBox(t)
			led, err := b.Press(c.held)
			if err != nil || led != c.led {
				t.Errorf("got %s, %v; want %s", led, err, c.led)
			}
			var seen []LED
			for _, step := range LEDs(c.held) {
				seen = append(seen, step.LED)
			}
			if !slices.Equal(seen, c.seen) {
				t.Errorf("lights %v, want %v", seen, c.seen)
			}
			if !b.Initialised() {
				t.Error("one press resets")
			}
			if left := b.ConfirmLeft(); (left == 10*time.Second) != (c.led == LEDConfirm) || (left == 0) == (c.led == LEDConfirm) {
				t.Errorf("waits %s for the second press", left)
			}
		})
	}
}

// pressTwice is a reset by the button.
func (b *Box) pressTwice() error {
	if led, err := b.Press(12 * time.Second); led != LEDConfirm {
		return fmt.Errorf("the first press: %s, %w", led, err)
	}
	_, err := b.Press(time.Second)
	return err
}

// The second press confirms within its time and when it is short, and nothing
// else does: not one that comes late, not a long one, not one after a power cut.
func TestSecondPress(t *testing.T) {
	t.Parallel()
	const second = time.Second
	for name, c := range map[string]struct {
		wait    time.Duration
		held    time.Duration
		restart bool
		led     LED
		events  map[string]int
	}{
		"at once":         {0, second, false, LEDReset, map[string]int{"button.armed": 1, "button.reset": 1}},
		"at the last":     {10*second - 1, 5*second - 1, false, LEDReset, map[string]int{"button.armed": 1, "button.reset": 1}},
		"too late":        {10 * second, second, false, LEDNothing, map[string]int{"button.armed": 1, "button.cancel": 0}},
		"too long":        {0, 5 * second, false, LEDCancelled, map[string]int{"button.armed": 1, "button.cancel": 1, "button.warn": 0}},
		"as the first":    {0, 12 * second, false, LEDCancelled, map[string]int{"button.armed": 1, "button.cancel": 1}},
		"taped":           {0, 16 * second, false, LEDCancelled, map[string]int{"button.armed": 1, "button.cancel": 1}},
		"power cut":       {0, second, true, LEDNothing, map[string]int{"button.armed": 1, "button.cancel": 0}},
		"late, long held": {10 * second, 12 * second, false, LEDConfirm, map[string]int{"button.armed": 2, "button.cancel": 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, clock := newBox(t)
			if led, err := b.Press(10 * second); err != nil || led != LEDConfirm {
				t.Fatal(led, err)
			}
			clock.advance(c.wait)
			if c.restart {
				b.cutPower()
				b = boot(t, b.Dir(), clock)
			}
			led, err := b.Press(c.held)
			if err != nil || led != c.led {
				t.Errorf("got %s, %v; want %s", led, err, c.led)
			}
			if b.Initialised() == (c.led == LEDReset) {
				t.Errorf("initialised: %v", b.Initialised())
			}
			if led == LEDCancelled {
				if led, err := b.Press(second); led != LEDNothing || err != nil || !b.Initialised() {
					t.Errorf("a third press after one that disarmed: %s, %v", led, err)
				}
			}
			if (b.ConfirmLeft() > 0) != (c.led == LEDConfirm) {
				t.Errorf("waits on for %s", b.ConfirmLeft())
			}
			all := events(t, b.Dir())
			for event, want := range c.events {
				if n := count(all, event); n != want {
					t.Errorf("%d records of %s, want %d", n, event, want)
				}
			}
		})
	}
}

func TestButtonRefusesNonsense(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	for _, held := range []time.Duration{0, -time.Second, time.Hour + 1} {
		if _, err := b.Press(held); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%s: got %v, want ErrInput", held, err)
		}
	}
	if !b.Initialised() {
		t.Error("nonsense reset the recorder")
	}
}

func TestResetKeepsIdentityLogAndFootage(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	info, realm, epoch := b.Info(), b.Realm(), b.Epoch(AdminAccount)
	clip := FootageDir(b.Dir()) + "/clip.mp4"
	if err := errors.Join(os.Mkdir(FootageDir(b.Dir()), 0o700), os.WriteFile(clip, []byte("picture"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := b.SetTable(AdminAccount, "UPnP", map[string]string{"Enable": "false"}, web); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		_ = b.right("wrong-Pass-1")
	}
	if _, err := b.NewChallenge(AdminAccount); err != nil {
		t.Fatal(err)
	}
	_, _ = b.SessionOpened(AdminAccount, web)
	if err := b.pressTwice(); err != nil {
		t.Fatal(err)
	}
	if s, err := b.GuardState(); err != nil || s.Open {
		t.Errorf("the challenge outlived the button: %v", err)
	}
	if len(b.Active()) != 0 || b.Epoch(AdminAccount) != 0 {
		t.Error("sessions outlived the button")
	}
	if upnp, _ := b.Table("UPnP"); upnp["Enable"] != "true" {
		t.Error("settings outlived the button")
	}
	if err := b.right(firstPassword); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("the old password opens a reset recorder: %v", err)
	}
	if err := b.FirstSetup(AdminAccount, secret("Fresh-Pass-7"), AtSeat()); err != nil {
		t.Fatal(err)
	}
	if err := b.right("Fresh-Pass-7"); err != nil {
		t.Errorf("locked after the reset: %v", err)
	}
	if b.Info() != info || b.Realm() != realm || b.Epoch(AdminAccount) <= epoch {
		t.Error("identity changed, or an old epoch came back")
	}
	if _, err := os.Stat(clip); err != nil {
		t.Error(err)
	}
	all := events(t, b.Dir())
	if count(all, "recorder.made") != 1 || count(all, "button.reset") != 1 || count(all, string(recovery.EventExpired)) != 1 {
		t.Error("the log is not whole")
	}
}
