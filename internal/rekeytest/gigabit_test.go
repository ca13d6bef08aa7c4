package rekeytest

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// gigabitPayload is what a port of 1 Gbit/s carries of TCP payload: 1448 of
// the 1538 bytes that a full frame takes on the wire.
const gigabitPayload = 1e9 / 8 * 1448 / 1538 // bytes a second

// throughGigabit puts a wire of 1 Gbit/s in front of the address and returns
// the one to connect to. All connections share it, as on a recorder's port.
func throughGigabit(b *testing.B, address string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	w := &wire{free: time.Now()}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { _ = w.carry(near, address) }) // who is at its ends sees what breaks
		}
	})
	b.Cleanup(func() {
		must(b, l.Close())
		all.Wait()
	})
	return l.Addr().String()
}

// wire carries one packet after the other.
type wire struct {
	mu   sync.Mutex
	free time.Time // when all that was put on it has gone through
}

// carry relays until the near end closes, answers at the wire's rate.
func (w *wire) carry(near net.Conn, address string) error {
	far, err := net.Dial("tcp", address)
	if err != nil {
		return errors.Join(err, near.Close())
	}
	var back sync.WaitGroup
	back.Go(func() {
		const piece = 64 << 10
		for {
			n, err := io.CopyN(near, far, piece) // a splice: the bytes stay in the kernel
			w.take(n)
			if err != nil {
				break
			}
		}
		_ = near.Close()
	})
	_, err = io.Copy(far, near)
	err = errors.Join(err, far.Close())
	back.Wait()
	return err
}

// take waits as long as n bytes need. What a late wake-up missed is made up
// for, so that the rate holds.
func (w *wire) take(n int64) {
	const catchUp = 5 * time.Millisecond
	w.mu.Lock()
	if earliest := time.Now().Add(-catchUp); w.free.Before(earliest) {
		w.free = earliest
	}
	w.free = w.free.Add(time.Duration(float64(n) / gigabitPayload * float64(time.Second)))
	wait := time.Until(w.free)
	w.mu.Unlock()
	time.Sleep(wait)
}
