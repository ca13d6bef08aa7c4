package api

import (
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"rekey"
)

// TestBucketsAreBounded: very many keys take bounded memory, and nobody who
// asks for the first time is refused.
func TestBucketsAreBounded(t *testing.T) {
	t.Parallel()
	b := newBuckets[string](time.Now, 1, 2)
	for i := range 3 * mostBuckets {
		if err := b.take(strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.of) > mostBuckets {
		t.Errorf("%d buckets", len(b.of))
	}
}

// TestNetwork: one client of IPv6 has a whole /64.
func TestNetwork(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1:1", "192.0.2.1:2", true},
		{"192.0.2.1:1", "192.0.2.2:1", false},
		{"[2001:db8::1]:1", "[2001:db8::ffff]:1", true},
		{"[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1", false},
		{"[::ffff:192.0.2.1]:1", "192.0.2.1:9", true},
		{"[fe80::1%eth0]:1", "[fe80::2%eth1]:1", true},
	} {
		if got := network(&http.Request{RemoteAddr: c.a}) == network(&http.Request{RemoteAddr: c.b}); got != c.same {
			t.Errorf("%s and %s: same %v", c.a, c.b, got)
		}
	}
}

// TestStreamsAreBounded: one agent cannot take all of them.
func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	s := newStreams()
	var open []func()
	for range streamsEach {
		done, err := s.open("ann")
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, done)
	}
	if _, err := s.open("ann"); !errors.Is(err, rekey.ErrLocked) {
		t.Errorf("one too many: %v", err)
	}
	done, err := s.open("bob")
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range append(open, done) {
		end()
	}
	if len(s.of) != 0 || s.total != 0 {
		t.Errorf("%d agents, %d streams are left", len(s.of), s.total)
	}
}
