// Package appliance plugs the reference recorder in: the box, its footage, the
// doors that the LAN sees, the local seat, and the socket behind which the
// button is. It is what `rekey recorder serve` runs, and rekey demo in-process.
package appliance

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/clips"
	"rekey/internal/recorder/lan"
	"rekey/internal/recorder/panel"
	"rekey/internal/recorder/seat"
)

// Make makes a recorder in dir with its footage: spec.Channels is the
// recorder's number of channels, too. Bad input makes nothing. The recorder is
// there only once everything is.
func Make(dir string, c recorder.Config, spec clips.Spec) (recorder.Info, error) {
	c.Channels = spec.Channels
	if err := recorder.CheckInit(dir, c); err != nil {
		return recorder.Info{}, err
	}
	if c.FootageKey == nil {
		key, err := recorder.NewFootageKey(c.Rand)
		if err != nil {
			return recorder.Info{}, err
		}
		c.FootageKey = key
	}
	if err := clips.Make(recorder.FootageDir(dir), spec, c.FootageKey); err != nil {
		return recorder.Info{}, err
	}
	return recorder.Init(dir, c)
}

// Options say how the recorder is plugged in. The zero value is right for a
// trial: everything on loopback, at ports that are free.
type Options struct {
	Listen       Addresses
	Desk         string // host of the support desk, inside the QR code; empty = no QR code
	SupportPhone string // shown beside a challenge
	USB          string // folder that stands for the USB drive at the front; empty = none plugged in
	Log          *slog.Logger
	Box          recorder.Options
	Trouble      *lan.Trouble // for tests: what is wrong with the recorder; nil = nothing

	EnvelopeKey *rsa.PrivateKey // for tests: see lan.Listeners; nil = a new one at each boot
}

// Ready tells where a running recorder is reached. It holds the seat token:
// write it to files of mode 0600 only.
type Ready struct {
	DeviceID  string        `json:"device_id"`
	Model     string        `json:"model"`
	Face      recorder.Face `json:"face"`
	HTTP      string        `json:"http,omitempty"`       // base URL
	HTTPS     string        `json:"https,omitempty"`      // base URL
	RTSP      string        `json:"rtsp,omitempty"`       // base URL
	ONVIF     string        `json:"onvif,omitempty"`      // URL of the device service
	SDK       string        `json:"sdk,omitempty"`        // TCP host:port of the maker's own client
	Discovery string        `json:"discovery,omitempty"`  // UDP host:port
	Seat      string        `json:"seat"`                 // base URL of the local seat
	SeatToken string        `json:"seat_token,omitempty"` // to be typed there
	Control   string        `json:"control"`              // UNIX socket; see Press
}

// Running is a recorder that is plugged in: its front panel and its monitor are
// there, and behind them one boot of the box after the other. Its methods may be
// called from many goroutines.
type Running struct {
	Info recorder.Info // as it was when the recorder was plugged in

	ready Ready
	entry *seat.Entry
	plugs plugs
	begin func() error // switches on

	turn    sync.Mutex // one switching at a time
	over    bool       // under turn: it is not switched on any more
	present atomic.Pointer[boot]
	last    atomic.Pointer[recorder.Box]

	stop context.CancelFunc
	done chan struct{}
	err  error // of the serving; read after done
}

// Start plugs the recorder in dir in, switches it on and serves it until ctx
// ends, Close is called, or one of its doors fails. When it returns, every
// listener is bound.
func Start(ctx context.Context, dir string, o Options) (*Running, error) {
	if err := o.Listen.check(); err != nil {
		return nil, err
	}
	if err := notPluggedIn(ctx, dir); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	first, err := openBoot(ctx, dir, o.Listen, o)
	if err != nil {
		return nil, err
	}
	p, err := plugIn(ctx, dir, o.Listen.Seat)
	if err != nil {
		return nil, errors.Join(err, first.close())
	}
	ctx, stop := context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	failed := make(chan error, 1)
	again := first.doors.addresses(o.Listen) // the same ports at every boot
	r := &Running{Info: first.box.Info(), ready: readyOf(first, p), entry: seat.NewEntry(seat.NewToken(), o.Box.WallClock()), plugs: p, stop: stop, done: make(chan struct{})}
	set := func(b *boot) {
		r.last.Store(b.box)
		b.serve(ctx, r.entry, o, func(err error) {
			select {
			case failed <- err:
			default: // one is enough to end it
			}
		})
		r.present.Store(b)
	}
	r.begin = func() error {
		b, err := openBoot(ctx, dir, again, o)
		if err == nil {
			set(b)
		}
		return err
	}
	set(first)
	g.Go(func() error {
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
			return nil
		}
	})
	r.serve(ctx, g, o)
	return r, nil
}

// serve runs what outlives the boots; when one ends, all end.
func (r *Running) serve(ctx context.Context, g *errgroup.Group, o Options) {
	front := panel.Handler(r, panel.Options{
		Entry: r.entry, Info: r.Info, Clock: o.Box.BootClock(), Network: r.ready.HTTP+r.ready.HTTPS+r.ready.RTSP != "", Log: o.Log, Unplugged: ctx.Done(),
	})
	g.Go(func() error { return serveSeat(ctx, r.plugs.seat, front) })
	g.Go(func() error { return serveControl(ctx, r.plugs.control, r.back) })
	go func() {
		defer close(r.done)
		err := g.Wait()
		r.stop()
		r.turn.Lock()
		defer r.turn.Unlock()
		r.over = true
		r.err = errors.Join(err, r.switchOff(true), r.plugs.close())
	}()
}

// Ready tells where the recorder is reached, at every boot.
func (r *Running) Ready() Ready {
	ready := r.ready
	ready.SeatToken = r.SeatToken().Reveal()
	return ready
}

func readyOf(b *boot, p plugs) Ready {
	i, d := b.box.Info(), b.doors
	ready := Ready{
		DeviceID: i.DeviceID, Model: i.Model, Face: b.box.Face(),
		HTTP: baseURL("http", d.http), HTTPS: baseURL("https", d.https), RTSP: baseURL("rtsp", d.rtsp),
		Discovery: udpAddress(d.discovery), Seat: baseURL("http", p.seat), Control: p.control.Addr().String(),
	}
	if d.http != nil && b.box.Traits().ONVIF != recorder.ONVIFNone {
		ready.ONVIF = ready.HTTP + lan.ONVIFPath
	}
	if d.sdk != nil {
		ready.SDK = reachable(d.sdk.Addr())
	}
	return ready
}

// SeatToken is what a person types to sit down at the local seat.
func (r *Running) SeatToken() rekey.Secret { return r.entry.Token() }

// Wait returns when the recorder is unplugged: nil when that was asked for.
func (r *Running) Wait() error {
	<-r.done
	return r.err
}

// Close switches the recorder off in an orderly way, unplugs it and waits until
// nothing of it runs.
func (r *Running) Close() error {
	r.stop()
	return r.Wait()
}

// serveSeat serves until ctx ends; requests under way get a moment to end.
func serveSeat(ctx context.Context, l net.Listener, h http.Handler) error {
	const slow, moment = 30 * time.Second, 2 * time.Second
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: slow, WriteTimeout: slow, IdleTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	stopped := make(chan struct{})
	end := context.AfterFunc(ctx, func() {
		defer close(stopped)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), moment)
		defer cancel()
		if s.Shutdown(last) != nil {
			_ = s.Close()
		}
	})
	err := s.Serve(l)
	if !end() {
		<-stopped
	}
	if ctx.Err() == nil {
		return fmt.Errorf("serve the local seat: %w", err)
	}
	return nil
}

func ignoreClosed(c io.Closer) error {
	if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
