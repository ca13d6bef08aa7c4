package discover

import (
	"cmp"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// search is one run of Find.
type search struct {
	Options
	sockets []*socket
	direct  []*socket // those of sockets that ask single hosts
	limiter *rate.Limiter
	heard   chan heard
	asked   atomic.Int64
	last    atomic.Int64   // when the last question by UDP was sent; 0: none was
	all     sync.WaitGroup // everything that runs beside Find
}

// heard is an answer, or what went wrong.
type heard struct {
	answer  answer
	trouble error
}

func newSearch(o Options) *search {
	o.Wait = cmp.Or(o.Wait, 1500*time.Millisecond)
	o.Rate = cmp.Or(o.Rate, 2000)
	if o.dial == nil {
		o.dial = (&net.Dialer{Timeout: knockWait, KeepAliveConfig: net.KeepAliveConfig{Enable: false}}).DialContext
	}
	burst := max(1, o.Rate/50) // 20 ms of questions: timers are no finer on a busy machine
	return &search{Options: o, limiter: rate.NewLimiter(rate.Limit(o.Rate), burst), heard: make(chan heard)}
}

// sent notes a question by UDP, and how many of Options.Questions it is.
func (s *search) sent(questions int64) {
	s.asked.Add(questions)
	s.last.Store(time.Now().UnixNano())
}

// late is how long answers may still come, when all was asked.
func (s *search) late() time.Duration {
	last := s.last.Load()
	if last == 0 {
		return 0
	}
	return time.Until(time.Unix(0, last).Add(s.Wait))
}

// tell hands what was heard to collect.
func (s *search) tell(ctx context.Context, h heard) {
	select {
	case s.heard <- h:
	case <-ctx.Done():
	}
}

// collect runs until all was asked and the wait for late answers is over.
func (s *search) collect(ctx context.Context, asked <-chan error, each func(Found)) error {
	table := newRows()
	var troubles told
	var over <-chan time.Time
	var busy <-chan struct{} // looked at when the wait is over
	progress := time.NewTicker(200 * time.Millisecond)
	defer progress.Stop()
	defer s.progress() // also of a search that is broken off
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-asked:
			if err != nil {
				return err
			}
			s.progress()
			over = time.After(s.late())
		case <-over:
			if s.busy == nil {
				return nil
			}
			over, busy = nil, s.busy
		case <-busy:
			return nil
		case h := <-s.heard:
			if h.trouble != nil {
				troubles.once(h.trouble, s.Trouble)
				continue
			}
			for _, f := range table.add(h.answer) {
				each(f)
			}
		case <-progress.C:
			s.progress()
		}
	}
}

func (s *search) progress() {
	if s.Progress != nil {
		s.Progress(int(s.asked.Load()))
	}
}

// told remembers what was said, so that it is said once.
type told struct{ words map[string]bool }

func (t *told) once(err error, say func(error)) {
	const most = 100 // whoever makes more trouble makes it on purpose
	words := err.Error()
	if say == nil || t.words[words] || len(t.words) == most {
		return
	}
	if t.words == nil {
		t.words = map[string]bool{}
	}
	t.words[words] = true
	say(err)
}
