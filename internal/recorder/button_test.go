package recorder

import (
	"errors"
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
		{10 * time.Second, LEDReset, []LED{LEDNothing, LEDWarning, LEDReset}},
		{12 * time.Second, LEDReset, []LED{LEDNothing, LEDWarning, LEDReset}},
		{15 * time.Second, LEDReset, []LED{LEDNothing, LEDWarning, LEDReset}},
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
			if b.Initialised() != (c.led != LEDReset) {
				t.Errorf("initialised: %v", b.Initialised())
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
	if _, err := b.Press(12 * time.Second); err != nil {
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
