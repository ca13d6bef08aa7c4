package lan

import (
	"sync"
	"time"

	"rekey/internal/recorder"
)

const (
	visitLife = 5 * time.Minute
	maxVisits = 256
)

// visits are who logged in a short while ago by an interface that sends the
// whole proof with every request (Basic, ONVIF): such a client is one login in
// the log and one line in the list of active users, not one for each request.
type visits struct {
	now func() time.Time

	mu   sync.Mutex
	open map[visitor]visit
}

type visitor struct {
	account string
	from    recorder.Client
}

type visit struct {
	used   time.Time
	closed func()
}

func newVisits(now func() time.Time) *visits {
	return &visits{now: now, open: map[visitor]visit{}}
}

// has tells whether this client has logged in a short while ago.
func (v *visits) has(who visitor) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sweep(visitLife)
	_, known := v.open[who]
	return known
}

// keep notes that the client has just logged in; opened puts it on the list of
// active users where it is not there yet.
func (v *visits) keep(who visitor, opened func() (closed func())) {
	v.mu.Lock()
	defer v.mu.Unlock()
	one, known := v.open[who]
	if !known {
		if len(v.open) >= maxVisits {
			v.sweep(0)
		}
		one.closed = opened()
	}
	one.used = v.now()
	v.open[who] = one
}

// sweep ends what was not used for so long. The caller holds mu.
func (v *visits) sweep(life time.Duration) {
	for who, one := range v.open {
		if v.now().Sub(one.used) >= life {
			delete(v.open, who)
			one.closed()
		}
	}
}

func (v *visits) tidy() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sweep(visitLife)
}

func (v *visits) clear() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sweep(0)
}
