package discover

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"rekey"
)

// groupsAgain is when the groups are asked a second time: a datagram gets lost.
const groupsAgain = 300 * time.Millisecond

// Hosts are asked block by block: all of one by UDP, then by TCP. Each host of
// this machine's own network that is silent fills a place of the kernel's table
// of neighbours for 3 s. Linux has 1024 places, and says nothing of questions
// that find none; so no more than these are begun in any 3 s.
const (
	block        = 256
	hostsASecond = 240
)

// ask asks everybody, and ends when nobody is left to be asked or identified.
func (s *search) ask(ctx context.Context) error {
	groups := make(chan error, 1)
	s.all.Go(func() { groups <- s.askGroups(ctx) })
	if err := s.askHosts(ctx); err != nil {
		return err
	}
	return <-groups
}

func (s *search) askHosts(ctx context.Context) error {
	w := newSweep(s)
	defer w.all.Wait()
	pace := rate.NewLimiter(hostsASecond, block)
	for hosts := range blocks(s.Hosts.All()) {
		if err := turn(ctx, pace, len(hosts)); err != nil {
			return err
		}
		if err := s.probe(ctx, hosts); err != nil {
			return err
		}
		if err := w.knock(ctx, hosts); err != nil {
			return err
		}
	}
	return nil
}

// blocks are the addresses in blocks, each good until the next.
func blocks(hosts iter.Seq[netip.Addr]) iter.Seq[[]netip.Addr] {
	return func(yield func([]netip.Addr) bool) {
		buf := make([]netip.Addr, 0, block)
		for a := range hosts {
			if buf = append(buf, a); len(buf) < block {
				continue
			}
			if !yield(buf) {
				return
			}
			buf = buf[:0]
		}
		if len(buf) > 0 {
			yield(buf)
		}
	}
}

// turn waits until n more may be asked.
func turn(ctx context.Context, l *rate.Limiter, n int) error {
	if l.WaitN(ctx, n) == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return context.DeadlineExceeded // it would be, before their turn
}

// probe asks single hosts by UDP. One that cannot be sent to is passed over: in
// a range most cannot.
func (s *search) probe(ctx context.Context, hosts []netip.Addr) error {
	n := 0
	for _, host := range hosts {
		for _, p := range s.Probers {
			if err := turn(ctx, s.limiter, 1); err != nil {
				return err
			}
			to := netip.AddrPortFrom(host, uint16(p.Port())) // #nosec G115 -- ports fit
			_, _ = s.direct[n%len(s.direct)].conn.WriteToUDPAddrPort(p.Frame(), to)
			s.sent(1)
			n++
		}
	}
	return nil
}

// askGroups asks all groups, twice.
func (s *search) askGroups(ctx context.Context) error {
	again := time.NewTimer(groupsAgain)
	defer again.Stop()
	some, err := s.askGroupsOnce(ctx)
	if err != nil || !some {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-again.C:
	}
	_, err = s.askGroupsOnce(ctx)
	return err
}

// askGroupsOnce reports whether there were any.
func (s *search) askGroupsOnce(ctx context.Context) (some bool, err error) {
	for _, k := range s.sockets {
		reached := 0
		var failed error
		for _, g := range k.groups {
			some = true
			if err := turn(ctx, s.limiter, 1); err != nil {
				return some, err
			}
			if _, err := k.conn.WriteToUDPAddrPort(g.prober.Frame(), g.to); err != nil {
				failed = err
				continue
			}
			s.sent(0)
			reached++
		}
		if failed != nil && reached == 0 {
			s.tell(ctx, heard{trouble: fmt.Errorf("%w: nobody could be asked on %s: %w", rekey.ErrUnreachable, k.where, failed)})
		}
	}
	return some, nil
}
