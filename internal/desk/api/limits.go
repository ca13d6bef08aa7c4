package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/staff"
	"rekey/internal/web"
)

// limits bound how often somebody may ask. They protect the desk's machine; how
// many answers there are is limited by package desk, durably.
type limits struct {
	addresses, strangers *buckets[netip.Prefix]
	agents               *buckets[string]
}

func newLimits(now func() time.Time) *limits {
	return &limits{
		addresses: newBuckets[netip.Prefix](now, 100, 400), // a whole office may share one
		strangers: newBuckets[netip.Prefix](now, 1, 60),    // without a session
		agents:    newBuckets[string](now, 20, 100),
	}
}

func (l *limits) address(r *http.Request) error  { return l.addresses.take(network(r)) }
func (l *limits) stranger(r *http.Request) error { return l.strangers.take(network(r)) }

func (l *limits) agent(who desk.Agent) error { return l.agents.take(subject(who)) }

// subject names an agent or a program; a program may have an agent's name.
func subject(who desk.Agent) string {
	if who.Role == staff.RoleProgram {
		return "key " + who.Name
	}
	return "agent " + who.Name
}

// network is whose address a request comes from: of IPv6 a whole /64, as one
// client has all of it.
func network(r *http.Request) netip.Prefix {
	ip, bits := web.Sender(r), 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// mostBuckets bounds the memory that buckets may take.
const mostBuckets = 10_000

// buckets are token buckets, one for each key.
type buckets[K comparable] struct {
	now   func() time.Time
	each  rate.Limit
	burst int
	mu    sync.Mutex
	of    map[K]*rate.Limiter
}

func newBuckets[K comparable](now func() time.Time, each rate.Limit, burst int) *buckets[K] {
	return &buckets[K]{now: now, each: each, burst: burst, of: map[K]*rate.Limiter{}}
}

// take takes one token. The error wraps rekey.ErrLocked and says how long to wait.
func (b *buckets[K]) take(key K) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	bucket := b.of[key]
	if bucket == nil {
		b.makeRoom(now)
		bucket = rate.NewLimiter(b.each, b.burst)
		b.of[key] = bucket
	}
	r := bucket.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return &tooManyError{wait}
	}
	return nil
}

// makeRoom forgets who has a full bucket again, and where that is not enough,
// anybody: then somebody floods the desk from very many addresses.
func (b *buckets[K]) makeRoom(now time.Time) {
	if len(b.of) < mostBuckets {
		return
	}
	for key, bucket := range b.of {
		if bucket.TokensAt(now) >= float64(b.burst) {
			delete(b.of, key)
		}
	}
	for key := range b.of {
		if len(b.of) < mostBuckets {
			return
		}
		delete(b.of, key)
	}
}

// tooManyError refuses a request that came too soon after others.
type tooManyError struct{ wait time.Duration }

// Error says how long to wait.
func (e *tooManyError) Error() string {
	return fmt.Sprintf("too many requests; wait %s", e.wait.Round(time.Second)+time.Second)
}

// Unwrap is rekey.ErrLocked.
func (e *tooManyError) Unwrap() error { return rekey.ErrLocked }
