package panel

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/web"
)

// The two buttons.
const (
	resetButton = "reset"
	powerButton = "power"
)

// How long a button is held. The reset button's own times are the box's; see
// recorder.LEDs.
const (
	cutAfter = 4 * time.Second  // the power button: longer cuts the power
	stuck    = 15 * time.Second // either button: longer is no press
)

// panel is the front of one recorder.
type panel struct {
	plug Plug
	o    Options

	watchers chan struct{} // one for each window that follows

	mu      sync.Mutex
	fingers map[string]*finger // by button: each has room for one
	said    said
	looks   uint64 // so many times the front was looked at
	armed   bool   // the reset button waited for its second press when it was last looked at
}

// finger holds a button.
type finger struct {
	id    string // known to the window that holds, so that no other lets go for it
	since time.Duration
	over  bool  // held too long: nothing follows any more
	to    Power // what a short press of the power button does
	late  *time.Timer
}

// said is what happened last, for a person.
type said struct {
	kind, text string // kind as of web.Notice
}

// down puts a finger on a button.
func (p *panel) down(button string) (id string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle()
	if f := p.fingers[button]; f != nil && !f.over {
		return "", fmt.Errorf("%w: the button is held already, in another window or by another person", rekey.ErrConflict)
	}
	box, _ := p.plug.Present()
	f := &finger{id: rand.Text(), since: p.o.Clock(), to: On}
	switch {
	case button == resetButton && box == nil:
		return "", fmt.Errorf("%w: the recorder is off; its reset button does nothing then", rekey.ErrConflict)
	case box != nil:
		f.to = Off
	}
	// Where nobody looks, a finger that stays is told off all the same.
	f.late = time.AfterFunc(stuck+time.Second, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.settle()
	})
	p.lift(button)
	p.fingers[button] = f
	p.said = said{}
	return f.id, nil
}

// up takes the finger off the button again.
func (p *panel) up(button, id string) error {
	p.mu.Lock()
	p.settle()
	f := p.fingers[button]
	if f == nil || f.id != id {
		p.mu.Unlock()
		return fmt.Errorf("%w: this window does not hold the button", rekey.ErrConflict)
	}
	p.lift(button)
	held := p.held(f)
	switch {
	case f.over:
	case button == resetButton:
		defer p.mu.Unlock()
		return p.pressed(held)
	case held > cutAfter && f.to == Off:
		f.to = Cut
		fallthrough
	default:
		p.mu.Unlock()
		return p.power(f.to)
	}
	p.mu.Unlock()
	return nil
}

// held is how long. A press that is shorter than the clock's tick is one.
func (p *panel) held(f *finger) time.Duration {
	return max(time.Millisecond, p.o.Clock()-f.since)
}

// lift takes away whatever finger is on a button. The caller holds mu.
func (p *panel) lift(button string) {
	if f := p.fingers[button]; f != nil {
		f.late.Stop()
		delete(p.fingers, button)
	}
}

// settle tells off fingers that stay too long, and sees that the time for the
// second press has run out. The caller holds mu.
func (p *panel) settle() {
	for button, f := range p.fingers {
		held := p.held(f)
		if f.over || held <= stuck {
			continue
		}
		f.over = true
		if button == powerButton {
			p.said = said{"info", "The power button was held too long: nothing happened."}
			continue
		}
		if err := p.pressed(min(held, time.Hour)); err != nil {
			p.said = said{"error", web.ProblemOf(err).Detail}
		}
	}
	box, _ := p.plug.Present()
	if waits := box != nil && box.ConfirmLeft() > 0; waits != p.armed {
		if p.armed && p.said.text == told[recorder.LEDConfirm].text {
			p.said = said{"info", "The 10 seconds are over. Nothing was changed."}
		}
		p.armed = waits
	}
}

// pressed is a press of the reset button that is over. The caller holds mu.
func (p *panel) pressed(held time.Duration) error {
	box, _ := p.plug.Present()
	if box == nil {
		return errOff
	}
	led, err := box.Press(held)
	if now, _ := p.plug.Present(); err != nil && now != box {
		return errors.Join(errOff, err)
	}
	if err != nil {
		return err
	}
	p.said = told[led]
	p.armed = led == recorder.LEDConfirm
	if led == recorder.LEDReset {
		p.said.text += after(box.Kept(), box.Activation())
	}
	return nil
}

// after tells what a reset has closed, and what opens it.
func after(kept recorder.Kept, lock recorder.Activation) string {
	text := ""
	if kept.Sealed {
		text = " Its recordings are sealed."
	}
	if !lock.Locked {
		return text + " Make its first set-up at the monitor."
	}
	var ways []string
	for _, way := range []struct {
		open bool
		name string
	}{{lock.Sheet, "a code of its recovery sheet"}, {lock.Cloud != "", "the owner of its cloud link"}, {lock.Support, "technical support"}} {
		if way.open {
			ways = append(ways, way.name)
		}
	}
	return text + " It is locked: before its first set-up the monitor wants " + strings.Join(ways, ", or ") + "."
}

// told is what a press of the reset button did.
var told = map[recorder.LED]said{
	recorder.LEDNothing:   {"info", "Let go within 5 seconds: nothing happened."},
	recorder.LEDWarning:   {"info", "Let go before 10 seconds: nothing was changed. The warning is in the security log."},
	recorder.LEDConfirm:   {"warning", "Armed. To reset the recorder, press the button once more, shortly, within 10 seconds. Do nothing, and nothing is changed."},
	recorder.LEDReset:     {"ok", "The recorder was reset."},
	recorder.LEDCancelled: {"info", "Held too long, so cancelled: nothing was changed. That is in the security log."},
}

// power switches. mu is not held meanwhile, so that the lights stay live.
func (p *panel) power(to Power) error {
	before, _ := p.plug.Present()
	if err := p.plug.Switch(to); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if now, _ := p.plug.Present(); now != before {
		p.lift(resetButton)
		p.armed, p.said = false, switched[to]
	}
	return nil
}

var switched = map[Power]said{
	On:  {"ok", "Switched on. Whoever was logged in has to log in again."},
	Off: {"info", "Switched off in an orderly way. The monitor has no signal and the network does not reach it."},
	Cut: {"warning", "The power is cut: nothing was put away. What was saved is there when it is switched on again."},
}
