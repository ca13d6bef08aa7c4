package faces

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
)

// Trouble is what becomes of one exchange by HTTP with a box that has accounts.
type Trouble string

// The troubles. After all but CutBefore the box has done what it was asked.
const (
	CutBefore Trouble = "cut before"   // the line breaks before the box has read it
	CutAfter  Trouble = "cut after"    // done, and the line breaks before the answer
	TooSlow   Trouble = "too slow"     // done, and the answer comes when nobody waits any more
	Doubled   Trouble = "doubled"      // the answer comes twice, one behind the other
	FallBack  Trouble = "falls back"   // done and answered, and then the box is as it was before
	CutBack   Trouble = "cut and back" // as FallBack, and the line breaks before the answer
)

type trouble struct {
	asked, at int
	what      Trouble
	waits     chan struct{}
}

// Trouble counts requests from 1 again and lets that become of the nth; 0: of none.
// The channel is closed when the box begins to be too slow.
func (k *Keys) Trouble(nth int, what Trouble) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.trouble = trouble{at: nth, what: what, waits: make(chan struct{})}
	return k.trouble.waits
}

// Requests are how many came since Trouble.
func (k *Keys) Requests() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.trouble.asked
}

// next counts a request and says what becomes of it.
func (k *Keys) next() (trouble, []Account) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.trouble.asked++
	if k.trouble.asked != k.trouble.at {
		return trouble{}, nil
	}
	return k.trouble, slices.Clone(k.accounts)
}

func (k *Keys) restore(accounts []Account) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.accounts = accounts
}

// troubled has requests answered as Trouble says.
func (k *Keys) troubled(b *Box, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next, before := k.next()
		what := next.what
		if what == "" {
			h.ServeHTTP(w, r)
			return
		}
		if what == CutBefore {
			panic(http.ErrAbortHandler) // closes the connection
		}
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		if what == FallBack || what == CutBack {
			k.restore(before)
		}
		switch what {
		case CutAfter, CutBack:
			panic(http.ErrAbortHandler)
		case TooSlow:
			close(next.waits)
			select {
			case <-r.Context().Done():
			case <-b.stopped.Done():
			}
			panic(http.ErrAbortHandler)
		}
		send(w, answer, what == Doubled)
	})
}

// send writes an answer to the line, or two, and closes it.
func send(w http.ResponseWriter, answer *httptest.ResponseRecorder, twice bool) {
	res := answer.Result()
	res.ContentLength = int64(answer.Body.Len())
	var out bytes.Buffer
	if res.Write(&out) != nil {
		panic(http.ErrAbortHandler)
	}
	packet := out.Bytes()
	if twice {
		packet = slices.Concat(packet, packet)
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, _ = conn.Write(packet)
	_ = conn.Close()
}
