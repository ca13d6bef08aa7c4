package transport

import (
	"context"
	"errors"
	"io"
	"time"
)

var (
	errIdle = errors.New("nothing came for too long")
	errSlow = errors.New("it came too slowly to end")
)

// idleReader ends a body on which nothing comes for a time, or hardly anything
// for longer.
type idleReader struct {
	ctx    context.Context
	body   io.ReadCloser
	limits Limits
	timer  *time.Timer
	cancel context.CancelCauseFunc
	failed func(error, bool) error

	waited time.Duration // for the recorder, since the rate was last looked at
	came   int64         // bytes, in that time
}

func newIdleReader(ctx context.Context, body io.ReadCloser, l Limits, cancel context.CancelCauseFunc, failed func(error, bool) error) *idleReader {
	timer := time.AfterFunc(l.Idle, func() { cancel(errIdle) })
	timer.Stop()
	return &idleReader{ctx: ctx, body: body, limits: l, timer: timer, cancel: cancel, failed: failed}
}

// Read counts only the time spent waiting for the recorder, not what the
// caller does between two reads.
func (r *idleReader) Read(p []byte) (int, error) {
	began := time.Now()
	r.timer.Reset(r.limits.Idle)
	n, err := r.body.Read(p)
	r.timer.Stop()
	r.waited += time.Since(began)
	r.came += int64(n)
	switch {
	case errors.Is(err, io.EOF):
		return n, err
	case err == nil && !r.tooSlow():
		return n, nil
	case err == nil:
		err = errSlow
	case errors.Is(context.Cause(r.ctx), errIdle):
		err = errIdle
	}
	return n, r.failed(err, true)
}

// tooSlow looks at the rate each time that the recorder was waited for as long
// as Limits.Window.
func (r *idleReader) tooSlow() bool {
	if r.waited < r.limits.Window {
		return false
	}
	slow := float64(r.came) < float64(r.limits.Rate)*r.waited.Seconds()
	r.waited, r.came = 0, 0
	return slow
}

func (r *idleReader) Close() error {
	r.cancel(nil)
	return r.body.Close()
}
