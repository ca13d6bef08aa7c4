package appliance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/backup"
	"rekey/internal/recorder/clips"
	"rekey/internal/recorder/lan"
	"rekey/internal/recorder/link"
	"rekey/internal/recorder/seat"
	"rekey/internal/web"
)

// boot is the recorder from one switching on to the next switching off: all
// that ends with its power.
type boot struct {
	box     *recorder.Box
	footage *clips.Store
	cloud   *link.Client
	backups *backup.Copier
	doors   doors
	monitor http.Handler
	users   users

	stop  context.CancelFunc
	ended chan struct{} // closed when the doors and the cloud link have ended
}

// openBoot opens everything or nothing; serve sets it going.
func openBoot(ctx context.Context, dir string, listen Addresses, o Options) (*boot, error) {
	box, err := recorder.Open(dir, o.Box)
	if err != nil {
		return nil, err
	}
	footage, err := clips.Open(recorder.FootageDir(dir), box)
	if err != nil {
		return nil, errors.Join(err, box.Close())
	}
	doors, err := openDoors(ctx, listen.of(box.Traits()))
	if err != nil {
		return nil, errors.Join(err, footage.Close(), box.Close())
	}
	b := &boot{box: box, footage: footage, doors: doors, cloud: link.New(box, o.Log), ended: make(chan struct{})}
	b.backups = backup.New(box, footage, backup.Drive(o.USB))
	return b, nil
}

// close takes back what openBoot opened and serve was not called for.
func (b *boot) close() error { return errors.Join(b.doors.close(), b.footage.Close(), b.box.Close()) }

// serve runs every door in its own goroutine until ctx ends, end is called, or
// one of them fails: then failed is told.
func (b *boot) serve(ctx context.Context, entry *seat.Entry, o Options, failed func(error)) {
	ctx, b.stop = context.WithCancel(ctx)
	b.monitor = seat.Handler(b.box, seat.Options{
		Entry: entry, SupportPhone: o.SupportPhone, Desk: o.Desk, Addresses: b.doors.shown(), Log: o.Log, Off: ctx.Done(), Cloud: b.cloud,
		Footage: b.footage, Backup: b.backups,
	})
	g, ctx := errgroup.WithContext(ctx)
	d := b.doors
	g.Go(func() error {
		return lan.Serve(ctx, b.box, b.footage, lan.Listeners{HTTP: d.http, HTTPS: d.https, RTSP: d.rtsp, SDK: d.sdk, Discovery: d.discovery, Log: o.Log, Trouble: o.Trouble, EnvelopeKey: o.EnvelopeKey})
	})
	g.Go(func() error { return b.cloud.Run(ctx) })
	g.Go(func() error { return b.backups.Run(ctx) })
	go func() {
		defer close(b.ended)
		if err := g.Wait(); err != nil {
			failed(err)
		}
	}()
}

// ServeHTTP is the monitor, as long as there is power.
func (b *boot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !b.users.enter() {
		web.Fail(w, r, errOff)
		return
	}
	defer b.users.leave()
	b.monitor.ServeHTTP(w, r)
}

var errOff = fmt.Errorf("%w: the recorder is switched off; switch it on at its front panel", rekey.ErrConflict)

// end switches off. An orderly end lets everybody finish and has it recorded;
// at a cut nothing is written any more, and every connection of the LAN is gone.
func (b *boot) end(orderly bool) error {
	const moment = 2 * time.Second
	var err error
	if !orderly {
		err = b.box.Cut()
		b.doors.drop()
	}
	b.stop()
	<-b.ended
	b.users.end(moment)
	err = errors.Join(err, b.doors.close(), b.footage.Close())
	if orderly {
		err = errors.Join(err, b.box.Close())
	}
	return err
}

// users are the requests and orders under way in a boot.
type users struct {
	mu     sync.Mutex
	inside int
	over   chan struct{} // not nil: nobody else comes in; closed when the last one is out
}

func (u *users) enter() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over != nil {
		return false
	}
	u.inside++
	return true
}

func (u *users) leave() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.inside--
	if u.over != nil && u.inside == 0 {
		close(u.over)
	}
}

// end waits for those inside, but not for ever: a closed box refuses what they
// would still write.
func (u *users) end(atMost time.Duration) {
	u.mu.Lock()
	over := make(chan struct{})
	u.over = over
	if u.inside == 0 {
		close(over)
	}
	u.mu.Unlock()
	late := time.NewTimer(atMost)
	defer late.Stop()
	select {
	case <-over:
	case <-late.C:
	}
}
