package recorder

import (
	"errors"
	"fmt"
	"time"

	"rekey"
	"rekey/seclog"
)

// LED is what the light beside the reset button shows.
type LED string

// What the light shows while the button is held, and what letting go then does.
const (
	LEDNothing   LED = "nothing"   // up to 5 s: off; nothing happens
	LEDWarning   LED = "warning"   // 5 to 10 s: blinks; nothing happens
	LEDReset     LED = "reset"     // 10 to 15 s: steady; letting go resets
	LEDCancelled LED = "cancelled" // longer: off; a stuck or taped button does nothing
)

// LEDStep is one change of the light.
type LEDStep struct {
	At  time.Duration // since the button was pressed
	LED LED
}

const (
	warnAfter   = 5 * time.Second
	resetAfter  = 10 * time.Second
	cancelAfter = 15 * time.Second // let go at 15 s sharp still resets
	longestHold = time.Hour
)

// LEDs is the sequence of lights while the button is held for so long.
func LEDs(held time.Duration) []LEDStep {
	steps := []LEDStep{{0, LEDNothing}}
	if held >= warnAfter {
		steps = append(steps, LEDStep{warnAfter, LEDWarning})
	}
	if held >= resetAfter {
		steps = append(steps, LEDStep{resetAfter, LEDReset})
	}
	if held > cancelAfter {
		steps = append(steps, LEDStep{cancelAfter, LEDCancelled})
	}
	return steps
}

// CheckHold refuses a press that no finger makes.
func CheckHold(held time.Duration) error {
	if held <= 0 || held > longestHold {
		return fmt.Errorf("%w: the button held for %s; expected more than nothing and at most an hour, such as 12s", rekey.ErrInput, held)
	}
	return nil
}

// Press is the hardware button, held for so long and let go. Let go within 10
// to 15 seconds it takes accounts, counters and settings back to the first
// set-up; footage, identity and security log stay. The LED is what the light
// showed when it was let go.
func (b *Box) Press(held time.Duration) (LED, error) {
	if err := CheckHold(held); err != nil {
		return LEDNothing, err
	}
	steps := LEDs(held)
	led := steps[len(steps)-1].LED
	detail := map[string]string{"held": held.String()}
	switch led {
	case LEDWarning:
		return led, b.Record("button.warn", "button", b.id.Info.DeviceID, "nothing changed", detail)
	case LEDCancelled:
		return led, b.Record("button.cancel", "button", b.id.Info.DeviceID, "nothing changed", detail)
	case LEDReset:
		return led, b.reset(detail)
	}
	return led, nil
}

func (b *Box) reset(detail map[string]string) error {
	b.tries.Lock()
	defer b.tries.Unlock()
	err := b.commit(func(next *state) ([]seclog.Record, error) {
		gone := next.secondFactors()
		next.Accounts, next.ONVIF = map[string]account{}, nil
		next.forgetCameras()
		next.Tables = b.defaults()
		next.Epoch++
		next.Review, next.RemoteFor = false, ""
		records := []seclog.Record{
			{Actor: "button", Event: "button.reset", Object: b.id.Info.DeviceID, Result: "ok", Detail: detail},
			{Actor: "recorder", Event: "sessions.revoked", Object: "all accounts", Result: "ok"},
		}
		for _, name := range gone {
			records = append(records, seclog.Record{Actor: "button", Event: "2fa.off", Object: name, Result: "ok"})
		}
		if next.Cloud != nil {
			records = append(records, seclog.Record{Actor: "button", Event: "cloud.unlink", Object: clip(next.Cloud.URL), Result: "button reset"})
			next.Cloud = nil
		}
		return records, nil
	})
	if err != nil && b.Initialised() {
		return err
	}
	// A write that failed may stand all the same: see doubt.
	clear(b.lockedAt)
	clear(b.strangers)
	return errors.Join(err, b.forgetCloud("button reset"), b.restartSupport())
}
