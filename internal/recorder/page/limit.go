package page

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How often one address may try to log in, and how many addresses are kept apart.
const (
	triesAtOnce    = 10
	triesPerMinute = 10
	maxAddresses   = 1024
)

// limits bound the log-ins that come from each address, beside the tries that
// the box counts for each account: who tries many names is stopped here.
type limits struct {
	now func() time.Time

	mu   sync.Mutex
	by   map[string]*rate.Limiter
	rest *rate.Limiter // of all for whom there is no room
}

func newLimits(now func() time.Time) *limits {
	return &limits{now: now, by: map[string]*rate.Limiter{}, rest: newLimiter()}
}

func newLimiter() *rate.Limiter {
	return rate.NewLimiter(rate.Every(time.Minute/triesPerMinute), triesAtOnce)
}

// allow counts one try.
func (l *limits) allow(address string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	return l.of(network(address), now).AllowN(now, 1)
}

func (l *limits) of(address string, now time.Time) *rate.Limiter {
	if one, known := l.by[address]; known {
		return one
	}
	if len(l.by) >= maxAddresses {
		for known, one := range l.by {
			if one.TokensAt(now) >= triesAtOnce {
				delete(l.by, known) // as good as new
			}
		}
	}
	if len(l.by) >= maxAddresses {
		return l.rest
	}
	l.by[address] = newLimiter()
	return l.by[address]
}

// network is the address, or of IPv6 the network of one household.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Unmap().Is4() {
		return address
	}
	return netip.PrefixFrom(a.WithZone(""), 64).Masked().String()
}
