package panel

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/web"
)

// View is the front of the recorder. A finger goes on a button by POST
// /panel/reset/down or /panel/power/down, which gives hold, and off it by POST
// .../up with the field hold. POST /panel/power, field to (on, off or cut), is
// for those who do not hold buttons. GET /panel/events tells every change, as
// server-sent events of this type.
type View struct {
	Page    string  `json:"page"`  // "panel"
	Look    uint64  `json:"look"`  // which look at the front this is: a later one is newer
	Power   Power   `json:"power"` // on or off
	Lights  []Light `json:"lights"`
	Held    int     `json:"held_seconds"`    // of the reset button; -1 = nobody holds it
	Confirm int     `json:"confirm_seconds"` // left for the second press; 0 = none is waited for
	Said    string  `json:"said"`            // for a person
	Kind    string  `json:"kind"`            // of what is said: ok, info, warning
	Hold    string  `json:"hold,omitempty"`  // the finger of this window
	Button  string  `json:"button,omitempty"`
	Error   string  `json:"error,omitempty"`

	info recorder.Info
}

// Light is one light of the front.
type Light struct {
	Name  string `json:"name"`
	Shows string `json:"shows"` // off, on, warning (blinks), reset (steady red), confirm (flashes)
	Means string `json:"means"`
}

// view looks at the front. The caller holds mu.
func (p *panel) view() View {
	p.settle()
	p.looks++
	box, _ := p.plug.Present()
	v := View{Page: "panel", Look: p.looks, Power: Off, Held: -1, Said: p.said.text, Kind: p.said.kind, info: p.o.Info}
	reset := recorder.LEDNothing
	if box != nil {
		v.Power = On
		left := box.ConfirmLeft()
		v.Confirm = int(math.Ceil(left.Seconds()))
		if left > 0 {
			reset = recorder.LEDConfirm
			v.Said, v.Kind = told[reset].text, told[reset].kind
		}
	}
	if f := p.fingers[resetButton]; f != nil && !f.over && box != nil {
		held := p.held(f)
		v.Held = int(held / time.Second)
		steps := recorder.LEDs(held)
		led := steps[len(steps)-1].LED
		if led != recorder.LEDNothing || reset != recorder.LEDConfirm {
			reset = led
		}
		v.Said, v.Kind = whileHeld(led, v.Confirm > 0)
	}
	if f := p.fingers[powerButton]; f != nil && !f.over {
		v.Said, v.Kind = "The power button is held.", "info"
		if p.held(f) > cutAfter && f.to == Off {
			v.Said, v.Kind = "Let go now, and the power is cut without an orderly shutdown.", "warning"
		}
	}
	if v.Said == "" {
		v.Said, v.Kind = "The recorder is on.", "info"
		if box == nil {
			v.Said = "The recorder is off."
		}
	}
	v.Lights = lights(box != nil, p.o.Network, reset)
	return v
}

// whileHeld tells what letting go would do.
func whileHeld(led recorder.LED, waited bool) (text, kind string) {
	switch {
	case led == recorder.LEDNothing && waited:
		return "Let go now, and the recorder is reset. Hold on, and nothing is changed.", "warning"
	case waited:
		return "Held too long for the second press: let go, and nothing is changed.", "info"
	case led == recorder.LEDNothing:
		return "The button is held. Let go now, and nothing happens.", "info"
	case led == recorder.LEDWarning:
		return "Warning: hold on to reset. Let go now, and nothing is changed.", "warning"
	}
	return "Let go now to arm the reset. Held longer than 15 seconds it is cancelled.", "warning"
}

func lights(on, network bool, reset recorder.LED) []Light {
	shine := func(name string, lit bool, means, dark string) Light {
		if lit {
			return Light{name, "on", means}
		}
		return Light{name, "off", dark}
	}
	return []Light{
		shine("Power", on, "on", "off"),
		shine("Network", on && network, "connected", "not connected"),
		shine("Disk", on, "recording", "stands still"),
		{"Reset", resetShows[reset], resetMeans[reset]},
	}
}

var (
	resetShows = map[recorder.LED]string{
		recorder.LEDNothing: "off", recorder.LEDCancelled: "off",
		recorder.LEDWarning: "warning", recorder.LEDReset: "reset", recorder.LEDConfirm: "confirm",
	}
	resetMeans = map[recorder.LED]string{
		recorder.LEDNothing: "dark", recorder.LEDCancelled: "dark",
		recorder.LEDWarning: "amber, blinking: warning",
		recorder.LEDReset:   "red, steady: let go now",
		recorder.LEDConfirm: "red, flashing: waits for the second press",
	}
)

func (p *panel) look() View {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.view()
}

// show is the page. The address may name the finger of its window.
func (p *panel) show(w http.ResponseWriter, r *http.Request) {
	v := p.look()
	p.mu.Lock()
	for button, f := range p.fingers {
		if id := r.URL.Query().Get("hold"); id == f.id {
			v.Hold, v.Button = id, button
		}
	}
	p.mu.Unlock()
	p.respond(w, r, http.StatusOK, v)
}

func (p *panel) respond(w http.ResponseWriter, r *http.Request, status int, v View) {
	nav := web.Link{Text: "Monitor", Href: "/"}
	web.Respond(w, r, status, v, p.site(nav).Page("Front panel", panelBody(v)))
}

// answer leads back to the panel, or tells there what went wrong.
func (p *panel) answer(w http.ResponseWriter, r *http.Request, hold string, err error) {
	switch {
	case err == nil && hold != "":
		http.Redirect(w, r, path+"?hold="+hold, http.StatusSeeOther)
	case err == nil:
		http.Redirect(w, r, path, http.StatusSeeOther)
	case errors.Is(err, rekey.ErrConflict):
		v := p.look()
		v.Error = web.ProblemOf(err).Detail
		p.respond(w, r, http.StatusConflict, v)
	default:
		web.Fail(w, r, err)
	}
}

// press is for those who do not hold buttons.
func (p *panel) press(w http.ResponseWriter, r *http.Request) {
	if !web.ParseForm(w, r) {
		return
	}
	switch to := Power(r.PostForm.Get("to")); to {
	case On, Off, Cut:
		p.answer(w, r, "", p.power(to))
	default:
		web.Fail(w, r, fmt.Errorf("%w: the power button does on, off or cut", rekey.ErrInput))
	}
}

func (p *panel) putDown(w http.ResponseWriter, r *http.Request) {
	if !isButton(w, r) {
		return
	}
	id, err := p.down(r.PathValue("button"))
	p.answer(w, r, id, err)
}

func (p *panel) letGo(w http.ResponseWriter, r *http.Request) {
	if !isButton(w, r) {
		return
	}
	if !web.ParseForm(w, r) {
		return
	}
	p.answer(w, r, "", p.up(r.PathValue("button"), r.PostForm.Get("hold")))
}

// isButton has answered when it returns false.
func isButton(w http.ResponseWriter, r *http.Request) bool {
	if b := r.PathValue("button"); b == resetButton || b == powerButton {
		return true
	}
	web.Fail(w, r, fmt.Errorf("%w: the recorder has no such button", rekey.ErrNotFound))
	return false
}

// events tells every change of the front as long as the window is open, its
// person stands in front of the box, and the recorder is plugged in.
func (p *panel) events(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "text/event-stream")
		return
	}
	select {
	case p.watchers <- struct{}{}:
		defer func() { <-p.watchers }()
	default:
		w.Header().Set("Retry-After", "10")
		web.Fail(w, r, fmt.Errorf("%w: %d windows follow the front panel already; close one of them", rekey.ErrBudget, maxWatchers))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	p.follow(w, r)
}

func (p *panel) follow(w http.ResponseWriter, r *http.Request) {
	const often, slowest, look = 100 * time.Millisecond, 10 * time.Second, 50 // ticks between two looks at the seat
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // of the whole connection; it would end the request
	tick := time.NewTicker(often)
	defer tick.Stop()
	var last View
	for n := 1; ; n++ {
		v := p.look()
		now, err := json.Marshal(v)
		if err != nil {
			return
		}
		_ = control.SetWriteDeadline(time.Now().Add(slowest))
		if v.Look = 0; !reflect.DeepEqual(v, last) {
			last = v
			if _, err := fmt.Fprintf(w, "data: %s\n\n", now); err != nil || control.Flush() != nil { //nolint:gosec // JSON as text/event-stream; nothing of the request is in it
				return
			}
		}
		if n%look == 0 && !p.o.Entry.Entered(r) {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-p.o.Unplugged:
			return
		}
	}
}
