// Package panel is the front of the reference recorder: power button, lights,
// and the recessed reset button, as a page on the listener of the local seat,
// behind the same seat token. It outlives the boots of the box: while that is
// off, the panel is what there is, and the monitor shows no signal.
//
// The browser says only that a button went down or came up. How long it was held
// is measured here, by the clock of the box.
package panel

//go:generate go tool templ generate

import (
	"embed"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/seat"
	"rekey/internal/web"
)

// Options says how the panel is run. Entry, Info and Clock must be set.
type Options struct {
	Entry     *seat.Entry
	Info      recorder.Info        // what is printed on the front
	Clock     func() time.Duration // of the box; runs on while that is off
	Network   bool                 // a network cable is plugged in
	Log       *slog.Logger         // nil = none
	Unplugged <-chan struct{}      // closed when it is all over; nil = never
}

// Power is what the power button and the plug do.
type Power string

// What they do.
const (
	On  Power = "on"
	Off Power = "off" // in an orderly way
	Cut Power = "cut" // as when the plug is pulled
)

// Plug is the recorder behind the panel. It lasts over its boots.
type Plug interface {
	// Present is the box of the present boot and what its monitor shows; nil while
	// the recorder is off.
	Present() (*recorder.Box, http.Handler)

	// Switch returns when the recorder is so, which it may be already. While it is
	// being switched that is rekey.ErrConflict.
	Switch(to Power) error
}

//go:embed static
var files embed.FS

// maxWatchers is how many windows may follow the panel at a time. Each holds a
// connection.
const maxWatchers = 16

// The panel's own files, and where it is.
const (
	style  = "/static/panel.css"
	script = "/static/panel.js"
	path   = "/panel"
)

// Handler is all that stands on the listener of the seat: the panel under
// /panel, and everywhere else the monitor of the box behind it.
func Handler(plug Plug, o Options) http.Handler {
	p := &panel{plug: plug, o: o, fingers: map[string]*finger{}, watchers: make(chan struct{}, maxWatchers)}
	own := web.StaticOf(files)
	mux := http.NewServeMux()
	mux.Handle("GET /static/", seat.Static())
	mux.Handle("GET "+style, own)
	mux.Handle("GET "+script, own)
	mux.HandleFunc("GET "+path+"/signal", p.tellSignal)
	mux.Handle(path, o.Entry.Behind(p.pages()))
	mux.Handle(path+"/", o.Entry.Behind(p.pages()))
	mux.HandleFunc("/", p.monitor)
	return web.Logged(o.Log, web.Secure(seat.OwnHost(mux)))
}

func (p *panel) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+path, p.show)
	mux.HandleFunc("GET "+path+"/events", p.events)
	mux.HandleFunc("POST "+path+"/power", p.press)
	mux.HandleFunc("POST "+path+"/{button}/down", p.putDown)
	mux.HandleFunc("POST "+path+"/{button}/up", p.letGo)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		web.Fail(w, r, fmt.Errorf("%w: there is no such thing at the front of the recorder", rekey.ErrNotFound))
	})
	return mux
}

// monitor is the screen of the box. Without power there is no signal.
func (p *panel) monitor(w http.ResponseWriter, r *http.Request) {
	if _, screen := p.plug.Present(); screen != nil {
		screen.ServeHTTP(w, r)
		return
	}
	if r.URL.Path == "/enter" {
		p.o.Entry.Page(func() string { return p.o.Info.Name }, nil).ServeHTTP(w, r)
		return
	}
	p.o.Entry.Behind(http.HandlerFunc(p.noSignal)).ServeHTTP(w, r)
}

// NoSignalView is every screen while the recorder is off.
type NoSignalView struct {
	Page  string `json:"page"`  // "no_signal"
	Panel string `json:"panel"` // where it is switched on
}

func (p *panel) noSignal(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		web.Fail(w, r, errOff)
		return
	}
	v := NoSignalView{Page: "no_signal", Panel: path}
	site := p.site()
	site.Scripts = append(site.Scripts, seat.SignalScript)
	web.Respond(w, r, http.StatusServiceUnavailable, v, site.Page("No signal", noSignalBody()))
}

var errOff = fmt.Errorf("%w: the recorder is off", rekey.ErrConflict)

// SignalView tells whether the monitor has a signal: GET /panel/signal. Who stands in front of
// the box may ask; it does not count as use of the seat.
type SignalView struct {
	Page  string `json:"page"`  // "signal"
	Power Power  `json:"power"` // on or off
}

func (p *panel) tellSignal(w http.ResponseWriter, r *http.Request) {
	if !p.o.Entry.Entered(r) {
		web.Fail(w, r, fmt.Errorf("%w: type the seat token first, at /enter", rekey.ErrDenied))
		return
	}
	v := SignalView{"signal", Off}
	if box, _ := p.plug.Present(); box != nil {
		v.Power = On
	}
	web.Respond(w, r, http.StatusOK, v, p.site().Page("Signal", signalBody(v)))
}

func (p *panel) site(nav ...web.Link) web.Site {
	s := seat.Frame(p.o.Info.Name, nav...)
	s.Styles, s.Scripts = append(s.Styles, style), append(s.Scripts, script)
	return s
}
