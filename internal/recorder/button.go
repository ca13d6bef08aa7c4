package recorder

import (
	"fmt"
	"sync"
	"time"

	"rekey"
)

// LED is what the light beside the reset button shows.
type LED string

// What the light shows while the button is held, and what letting go then does.
const (
	LEDNothing   LED = "nothing"   // up to 5 s: off; nothing happens
	LEDWarning   LED = "warning"   // 5 to 10 s: blinks; nothing happens
	LEDReset     LED = "reset"     // 10 to 15 s: steady; letting go asks for the second press
	LEDConfirm   LED = "confirm"   // let go: flashes for 10 s; a short press within them resets
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
	cancelAfter = 15 * time.Second // let go at 15 s sharp still counts
	confirmTime = 10 * time.Second
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

// button waits for its second press. It is in memory only: a power cut disarms it.
type button struct {
	mu    sync.Mutex
	armed bool
	at    time.Duration // boot time
}

// ConfirmLeft is how long the button still waits for the second press; 0 = it
// does not.
func (b *Box) ConfirmLeft() time.Duration {
	b.button.mu.Lock()
	defer b.button.mu.Unlock()
	return b.button.left(b.clock())
}

func (u *button) left(now time.Duration) time.Duration {
	if !u.armed || now < u.at {
		return 0
	}
	return max(0, u.at+confirmTime-now)
}

// Press is the hardware button, held for so long and let go. Let go within 10
// to 15 seconds it waits 10 seconds for a second press (LEDConfirm). A second
// one that is shorter than 5 seconds takes accounts, counters and settings back
// to the first set-up (LEDReset): footage is kept and sealed, identity and
// security log stay. Any other second press changes nothing, and disarms. The LED
// is what the light showed when it was let go, or shows then.
func (b *Box) Press(held time.Duration) (LED, error) {
	if err := CheckHold(held); err != nil {
		return LEDNothing, err
	}
	b.button.mu.Lock()
	defer b.button.mu.Unlock()
	waited := b.button.left(b.clock()) > 0
	b.button.armed = false
	steps := LEDs(held)
	led := steps[len(steps)-1].LED
	detail := map[string]string{"held": held.String()}
	switch {
	case waited && led == LEDNothing:
		return LEDReset, b.reset(detail)
	case waited:
		return LEDCancelled, b.Record("button.cancel", "button", b.id.Info.DeviceID, "not confirmed, nothing changed", detail)
	case led == LEDWarning:
		return led, b.Record("button.warn", "button", b.id.Info.DeviceID, "nothing changed", detail)
	case led == LEDCancelled:
		return led, b.Record("button.cancel", "button", b.id.Info.DeviceID, "nothing changed", detail)
	case led == LEDReset:
		return b.arm(detail)
	}
	return led, nil
}

// arm waits for the second press once the first is on record.
func (b *Box) arm(detail map[string]string) (LED, error) {
	if err := b.Record("button.armed", "button", b.id.Info.DeviceID, "waits for the second press", detail); err != nil {
		return LEDCancelled, err
	}
	b.button.armed, b.button.at = true, b.clock()
	return LEDConfirm, nil
}
