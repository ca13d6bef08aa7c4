package transport

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// ordered is a recorder that takes a count that was overtaken for a replay and,
// as some do, sends the same nonce again.
type ordered struct {
	mu          sync.Mutex
	last        uint64
	out, signed int
}

func (o *ordered) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if h := r.Header.Get("Authorization"); h != "" {
		o.signed++
		count, err := strconv.ParseUint(params(h)["nc"], 16, 64)
		if err == nil && count > o.last {
			o.last = count
			fmt.Fprint(w, "OK")
			return
		}
		o.out++
	}
	w.Header().Set("WWW-Authenticate", `Digest realm="Login to box", nonce="one", qop="auth"`)
	w.WriteHeader(http.StatusUnauthorized)
}

// Two downloads at once signed with one nonce: the second count overtook the
// first on its way, the recorder refused what came late, and that passed for a
// wrong password.
func TestRequestsAtOnceKeepTheirOrder(t *testing.T) {
	t.Parallel()
	box := &ordered{}
	c := client(t, serve(t, box), Limits{Header: time.Minute, Whole: time.Minute}) // the last waits for all others
	d := admin("right", nil)
	var g errgroup.Group
	for range 40 {
		g.Go(func() error {
			res, err := c.Do(t.Context(), Request{Path: "/x", Digest: d})
			if err == nil && res.Status != http.StatusOK {
				err = fmt.Errorf("status %d", res.Status)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil || box.out != 0 || box.signed != 40 {
		t.Errorf("%d signed, %d out of order: %v", box.signed, box.out, err)
	}
}
