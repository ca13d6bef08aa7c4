package transport

import (
	"context"
	"errors"
	"io"
	"time"
)

var errIdle = errors.New("nothing came for too long")

// idleReader ends a body on which nothing comes for a time.
type idleReader struct {
	ctx    context.Context
	body   io.ReadCloser
	idle   time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
	failed func(error, bool) error
}

func newIdleReader(ctx context.Context, body io.ReadCloser, idle time.Duration, cancel context.CancelCauseFunc, failed func(error, bool) error) *idleReader {
	timer := time.AfterFunc(idle, func() { cancel(errIdle) })
	timer.Stop()
	return &idleReader{ctx: ctx, body: body, idle: idle, timer: timer, cancel: cancel, failed: failed}
}

// Read counts only the time spent waiting for the recorder, not what the
// caller does between two reads.
func (r *idleReader) Read(p []byte) (int, error) {
	r.timer.Reset(r.idle)
	n, err := r.body.Read(p)
	r.timer.Stop()
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	if cause := context.Cause(r.ctx); errors.Is(cause, errIdle) {
		err = cause
	}
	return n, r.failed(err, true)
}

func (r *idleReader) Close() error {
	r.cancel(nil)
	return r.body.Close()
}
