// Package appliance plugs the reference recorder in: the box, its footage, the
// doors that the LAN sees, the local seat, and the socket behind which the
// button is. It is what `rekey recorder serve` runs, and rekey demo in-process.
package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/clips"
	"rekey/internal/recorder/lan"
	"rekey/internal/recorder/link"
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
	if err := clips.Make(recorder.FootageDir(dir), spec); err != nil {
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
	Log          *slog.Logger
	Box          recorder.Options
	Trouble      *lan.Trouble // for tests: what is wrong with the recorder; nil = nothing
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

// Running is a recorder that is switched on.
type Running struct {
	Box  *recorder.Box
	Info recorder.Info

	plugs plugs
	token rekey.Secret
	stop  context.CancelFunc
	done  chan struct{}
	err   error // of the serving; read after done
}

// Start opens the recorder in dir and serves it until ctx ends, Close is
// called, or one of its doors fails. When it returns, every listener is bound.
func Start(ctx context.Context, dir string, o Options) (*Running, error) {
	if err := o.Listen.check(); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	box, err := recorder.Open(dir, o.Box)
	if err != nil {
		return nil, err
	}
	footage, err := clips.Open(recorder.FootageDir(dir))
	if err != nil {
		return nil, errors.Join(err, box.Close())
	}
	p, err := plugIn(ctx, dir, o.Listen.of(box.Traits()))
	if err != nil {
		return nil, errors.Join(err, footage.Close(), box.Close())
	}
	r := &Running{Box: box, Info: box.Info(), plugs: p, token: seat.NewToken(), done: make(chan struct{})}
	r.serve(ctx, footage, o)
	return r, nil
}

// serve runs every door in its own goroutine; when one ends, all end.
func (r *Running) serve(ctx context.Context, footage *clips.Store, o Options) {
	ctx, r.stop = context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	p := r.plugs
	cloud := link.New(r.Box, o.Log)
	g.Go(func() error {
		return lan.Serve(ctx, r.Box, footage, lan.Listeners{HTTP: p.http, HTTPS: p.https, RTSP: p.rtsp, SDK: p.sdk, Discovery: p.discovery, Log: o.Log, Trouble: o.Trouble})
	})
	g.Go(func() error {
		return serveSeat(ctx, p.seat, seat.Handler(r.Box, seat.Options{
			Token: r.token, SupportPhone: o.SupportPhone, Desk: o.Desk, Addresses: p.lanAddresses(), Log: o.Log, Off: ctx.Done(), Cloud: cloud,
		}))
	})
	g.Go(func() error { return serveControl(ctx, p.control, back{r.Box, cloud}) })
	g.Go(func() error { return cloud.Run(ctx) })
	go func() {
		defer close(r.done)
		err := g.Wait()
		r.stop()
		r.err = errors.Join(err, p.close(), footage.Close(), r.Box.Close())
	}()
}

// Ready tells where the recorder is reached.
func (r *Running) Ready() Ready {
	p := r.plugs
	ready := Ready{
		DeviceID: r.Info.DeviceID, Model: r.Info.Model, Face: r.Box.Face(),
		HTTP: baseURL("http", p.http), HTTPS: baseURL("https", p.https), RTSP: baseURL("rtsp", p.rtsp),
		Discovery: udpAddress(p.discovery), Seat: baseURL("http", p.seat), SeatToken: r.token.Reveal(), Control: p.control.Addr().String(),
	}
	if p.http != nil && r.Box.Traits().ONVIF != recorder.ONVIFNone {
		ready.ONVIF = ready.HTTP + lan.ONVIFPath
	}
	if p.sdk != nil {
		ready.SDK = reachable(p.sdk.Addr())
	}
	return ready
}

// SeatToken is what a person types to sit down at the local seat.
func (r *Running) SeatToken() rekey.Secret { return r.token }

// Wait returns when the recorder is off: nil when it was switched off.
func (r *Running) Wait() error {
	<-r.done
	return r.err
}

// Close switches the recorder off and waits until nothing of it runs.
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
