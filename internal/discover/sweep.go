package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/semaphore"

	"rekey"
)

// dialer opens one connection.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

const (
	// knockWait is how long a host has to answer a knock. The first one of a
	// network may need a second question for the hardware address, half a second on.
	knockWait = 800 * time.Millisecond
	// mostKnocks is how many knocks wait at once: with knockWait, 1920 a second.
	mostKnocks = 1536
	// mostIdentified is how many hosts are identified at once, each for at most
	// identifyLimit.
	mostIdentified = 16
	identifyLimit  = 10 * time.Second
	// identifyTurns is about how many questions that takes.
	identifyTurns = 12
)

// UsualPorts are the TCP ports at which recorders are to be had: web, stream, and
// the makers' own clients (Hikvision 8000, Lorex 35000, Dahua 37777).
func UsualPorts() []int { return []int{80, 443, 554, 8000, 8080, 8443, 35000, 37777} }

// knocks is how many knocks may wait at once where so many files may be open.
// Half is left to the rest of the program.
func knocks(files uint64) int64 {
	return int64(max(8, min(mostKnocks, files/2))) // #nosec G115 -- at most mostKnocks
}

// sweep knocks at the ports of hosts and has those identified that have one
// open. What it holds is bounded, however wide the range.
type sweep struct {
	*search
	knocks, hosts, identify *semaphore.Weighted
	all                     sync.WaitGroup
}

func newSweep(s *search) *sweep {
	most := knocks(openFiles())
	return &sweep{search: s, knocks: semaphore.NewWeighted(most), hosts: semaphore.NewWeighted(most), identify: semaphore.NewWeighted(mostIdentified)}
}

func (w *sweep) knock(ctx context.Context, hosts []netip.Addr) error {
	if len(w.Ports) == 0 {
		return nil
	}
	for _, host := range hosts {
		if err := w.hosts.Acquire(ctx, 1); err != nil {
			return err
		}
		if err := w.host(ctx, host); err != nil {
			return err
		}
	}
	return nil
}

// host starts the knocks at one host; the rest of its story goes on beside.
func (w *sweep) host(ctx context.Context, host netip.Addr) error {
	answers := make([]bool, len(w.Ports)) // one for each port, each written by its own knock
	var knocking sync.WaitGroup
	var err error
	for n, port := range w.Ports {
		if err = turn(ctx, w.limiter, 1); err != nil {
			break
		}
		if err = w.knocks.Acquire(ctx, 1); err != nil {
			break
		}
		w.asked.Add(1)
		knocking.Go(func() {
			defer w.knocks.Release(1)
			answers[n] = w.answers(ctx, host, port)
		})
	}
	w.all.Go(func() {
		defer w.hosts.Release(1)
		knocking.Wait()
		var open []int
		for n, is := range answers {
			if is {
				open = append(open, w.Ports[n])
			}
		}
		if len(open) > 0 && ctx.Err() == nil {
			w.inquire(ctx, host, open)
		}
	})
	return err
}

// answers reports whether somebody does at the port.
func (w *sweep) answers(ctx context.Context, host netip.Addr, port int) bool {
	conn, err := w.dial(ctx, "tcp", netip.AddrPortFrom(host, uint16(port)).String()) // #nosec G115 -- ports fit
	if err == nil {
		_ = conn.Close()
		return true
	}
	for _, own := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.EADDRNOTAVAIL, syscall.EACCES, syscall.EPERM} {
		if errors.Is(err, own) {
			w.tell(ctx, heard{trouble: fmt.Errorf("%w: some hosts could not be asked: %w; ask fewer at a time", rekey.ErrUnreachable, own)})
		}
	}
	return false
}

// inquire has one host identified and tells what it is.
func (w *sweep) inquire(ctx context.Context, host netip.Addr, open []int) {
	if w.identify.Acquire(ctx, 1) != nil {
		return
	}
	defer w.identify.Release(1)
	a := answer{from: host}
	if w.Identify == nil {
		a.identity = notRecorder(fmt.Errorf("something answers at TCP %s", portWords(open)))
		w.tell(ctx, heard{answer: a})
		return
	}
	for range identifyTurns {
		if turn(ctx, w.limiter, 1) != nil {
			return
		}
	}
	limited, cancel := context.WithTimeout(ctx, identifyLimit)
	defer cancel()
	id, err := w.Identify(limited, host, open)
	late := errors.Is(limited.Err(), context.DeadlineExceeded)
	var waited net.Error
	switch {
	case err == nil:
	case errors.Is(err, rekey.ErrNotRecorder) || !late && (!errors.As(err, &waited) || !waited.Timeout()):
		id = notRecorder(err)
	default:
		id = silentAt(open, late)
	}
	a.identity = credited(id, "identification")
	w.tell(ctx, heard{answer: a})
}

// Oddities of what answers and is not known to be a recorder.
const (
	notARecorder = "not-a-recorder"
	noAnswer     = "no-answer" // it may be one that is busy or starts
)

func notRecorder(err error) rekey.Identity {
	return odd(notARecorder, strings.TrimPrefix(err.Error(), rekey.ErrNotRecorder.Error()+": "))
}

// silentAt is what accepts connections and lets every question wait.
func silentAt(open []int, late bool) rekey.Identity {
	in := ""
	if late {
		in = fmt.Sprintf(" in %d s", identifyLimit/time.Second)
	}
	return odd(noAnswer, fmt.Sprintf("something answers at TCP %s but told nothing%s; look again", portWords(open), in))
}

func odd(id, words string) rekey.Identity {
	return rekey.Identity{Init: rekey.InitUnknown, Oddities: []rekey.Oddity{{ID: id, Words: words}}}
}

func portWords(ports []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ports), " ", ", "), "[]")
}
