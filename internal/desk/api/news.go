package api

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"rekey"
	"rekey/internal/desk"
)

const (
	heartbeat    = 15 * time.Second       // also how soon a stream ends after its session
	newsPause    = 300 * time.Millisecond // many changes within it are one event
	streamsEach  = 6                      // of one agent: as many pages are open
	streamsTotal = 1000
)

// news tells that something changed, and never what: a page asks again, and is
// authorised again.
func (s *server) news() {
	rt := route{id: "watch", method: http.MethodGet, path: "/news", tag: tagFigures, act: desk.ActWatch, alone: true,
		summary: "Live news that something changed", about: "Server-sent events: an event named changed whenever a case or an alarm changed. The stream ends with the session."}
	op := s.operation(rt)
	op.Responses["200"] = &huma.Response{Description: "OK", Content: map[string]*huma.MediaType{
		"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}, Example: "event: changed\ndata: {}\n\n"}}}
	huma.Register(s.huma, op, func(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
		c := callOf(ctx)
		done, err := s.streams.open(c.who.Name)
		if err != nil {
			return nil, s.refusal(c.w, c.r, err)
		}
		changed, err := s.desk.News(ctx, c.who)
		if err != nil {
			done()
			return nil, s.refusal(c.w, c.r, err)
		}
		return &huma.StreamResponse{Body: func(huma.Context) {
			defer done()
			s.tell(ctx, c, changed)
		}}, nil
	})
}

// tell writes events until the session is over or the client is gone.
func (s *server) tell(ctx context.Context, c *call, changed <-chan struct{}) {
	// The server's limit for a whole request is not meant for this one.
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{})
	out := &stream{w: c.w, kind: "text/event-stream"}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for line := ": here\n\n"; s.lives(c); {
		if _, err := out.Write([]byte(line)); err != nil || http.NewResponseController(c.w).Flush() != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			line = ": here\n\n"
		case <-changed:
			line = "event: changed\ndata: {}\n\n"
			if changed = s.moreNews(ctx); changed == nil {
				return
			}
		}
	}
}

// moreNews waits a little, so that many changes at once are one event, and
// looks for the next change from before the event is sent: none is lost.
func (s *server) moreNews(ctx context.Context) <-chan struct{} {
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(newsPause):
	}
	return s.desk.MoreNews()
}

// lives tells whether the session of a stream is still there, without using it:
// a page that is only open must not keep it alive.
func (s *server) lives(c *call) bool {
	_, err := s.desk.Staff().Still(c.r)
	return err == nil
}

// streams counts the streams that are open.
type streams struct {
	mu    sync.Mutex
	of    map[string]int
	total int
}

func newStreams() *streams { return &streams{of: map[string]int{}} }

// open counts one more; done ends it. The error wraps rekey.ErrLocked.
func (t *streams) open(name string) (done func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of[name] >= streamsEach || t.total >= streamsTotal {
		return nil, fmt.Errorf("%w: too many pages wait for news; close some", rekey.ErrLocked)
	}
	t.of[name]++
	t.total++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.total--
		if t.of[name]--; t.of[name] == 0 {
			delete(t.of, name)
		}
	}, nil
}
