package recorder

import (
	"fmt"
	"io/fs"
	"sync"
	"time"

	"rekey"
)

// supply is the power that the box writes with. When it has ended, the box writes
// nothing more, whoever is still at work in it: the folder may be another boot's.
type supply struct {
	mu sync.RWMutex
	no bool // power any more
}

// through gives write as long as there is power.
func (s *supply) through(write writeFile) writeFile {
	return func(name string, data []byte, perm fs.FileMode) error {
		s.mu.RLock()
		defer s.mu.RUnlock()
		if s.no {
			return fmt.Errorf("%w: the recorder has no power", rekey.ErrStorage)
		}
		return write(name, data, perm)
	}
}

// end waits for what is being written, and nothing follows it.
func (s *supply) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.no = true
}

// Cut is the end of a box whose power was cut, in place of Close: what was
// being written is written or is not, as on a real one, and nothing is written
// after it. No record tells of it but the boot that follows; locks that have run
// out are not settled; challenge, grant and sessions were in memory. When it
// returns, the folder can be opened again.
func (b *Box) Cut() error {
	b.supply.end()
	if err := b.journal.Close(); err != nil {
		return storageError("let go of the security log", err)
	}
	return nil
}

// BootClock is the clock by which a box of these options measures locks and the
// hold of its button. It runs on while the box is off.
func (o Options) BootClock() func() time.Duration {
	if o.Clock == nil {
		return bootTime
	}
	return o.Clock
}

// WallClock is the clock of records and pages.
func (o Options) WallClock() func() time.Time {
	if o.Now == nil {
		return time.Now
	}
	return o.Now
}
