package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"rekey"
)

// silent is a network where nobody answers. It counts what is asked of it.
type silent struct {
	inFlight, most, all atomic.Int64
}

func (s *silent) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	s.all.Add(1)
	n := s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(knockWait):
		return nil, context.DeadlineExceeded
	}
}

func mustRange(t testing.TB, cidr string) Hosts {
	t.Helper()
	p, err := Resolve(t.Context(), []string{cidr})
	if err != nil {
		t.Fatal(err)
	}
	return p.Hosts
}

// In the time of the test, which is exact: a /24 of silent hosts, 8 ports each.
func TestASilentNetworkIsSweptInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n silent
		began := time.Now()
		o := Options{Hosts: mustRange(t, "198.51.100.0/24"), Ports: UsualPorts(), dial: n.dial}
		if err := Find(t.Context(), o, func(f Found) { t.Errorf("%+v", f) }); err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		t.Logf("%d questions in %v, %d at once", n.all.Load(), took, n.most.Load())
		if n.all.Load() != 254*8 || n.most.Load() > mostKnocks || took > 3*time.Second {
			t.Errorf("%d questions, %d at once, %v", n.all.Load(), n.most.Load(), took)
		}
		if fastest := time.Second * time.Duration(254*8-40) / 2000; took < fastest {
			t.Errorf("%v is faster than the rate allows: %v", took, fastest)
		}
	})
}

// However few questions a host is asked, the kernel's table of neighbours is not
// overrun: at most 256 hosts at once, and 240 a second.
func TestHostsArePaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n silent
		began := time.Now()
		if err := Find(t.Context(), Options{Hosts: mustRange(t, "198.18.0.0/20"), Ports: []int{80}, Rate: 1 << 20, dial: n.dial}, func(Found) {}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); n.all.Load() != 4094 || took < time.Second*(4094-block)/hostsASecond {
			t.Errorf("%d questions in %v", n.all.Load(), took)
		}
	})
}

// A /16 is swept in the memory of a /24: what is held does not grow with the range.
func TestAWideRangeTakesNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n silent
		var begun atomic.Int64
		var mu sync.Mutex
		var peak, before uint64
		heap := func() uint64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		ports := []int{80, 443}
		o := Options{Hosts: mustRange(t, "198.18.0.0/16"), Ports: ports, Rate: 1 << 20}
		o.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if begun.Add(1)%8192 == 0 {
				mu.Lock()
				peak = max(peak, heap())
				mu.Unlock()
			}
			return n.dial(ctx, network, address)
		}
		before = heap()
		if err := Find(t.Context(), o, func(f Found) { t.Errorf("%+v", f) }); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d questions, heap %d KiB before, %d KiB at most", n.all.Load(), before>>10, peak>>10)
		if n.all.Load() != int64(65534*len(ports)) || peak > before+16<<20 {
			t.Errorf("%d questions; the heap went from %d to %d bytes", n.all.Load(), before, peak)
		}
	})
}

func TestWhatIsOpenIsIdentified(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked, most, now := map[string]string{}, 0, 0
	identify := func(_ context.Context, host netip.Addr, open []int) (rekey.Identity, error) {
		mu.Lock()
		asked[host.String()] = fmt.Sprint(open)
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
		if host.As4()[3]%2 == 0 {
			return rekey.Identity{}, fmt.Errorf("%w: %s: a printer", rekey.ErrNotRecorder, host)
		}
		return rekey.Identity{Family: "f", Serial: "S" + host.String()}, nil
	}
	o := Options{Hosts: mustRange(t, "198.51.100.0/24"), Ports: []int{80, 81, 82}, Identify: identify}
	o.dial = func(_ context.Context, _, address string) (net.Conn, error) {
		if strings.HasSuffix(address, ":81") {
			return nil, syscall.ECONNREFUSED
		}
		ours, theirs := net.Pipe()
		_ = theirs.Close()
		return ours, nil
	}
	recorders, others := 0, 0
	for _, f := range find(t, o) {
		if f.Recorder() {
			recorders++
		} else if others++; !strings.Contains(f.Identity.Oddities[0].Words, "a printer") {
			t.Errorf("%+v", f)
		}
	}
	if recorders != 127 || others != 127 || len(asked) != 254 || asked["198.51.100.7"] != "[80 82]" || most > mostIdentified {
		t.Errorf("%d recorders, %d others, %d asked, %d at once", recorders, others, len(asked), most)
	}
}

// Without Identify it is told which ports are open; what this machine is short of is told once.
func TestSweepTellsWhatItCould(t *testing.T) {
	t.Parallel()
	var troubles []error
	o := Options{Hosts: mustRange(t, "198.51.100.0/29"), Ports: []int{80, 443}, Trouble: func(err error) { troubles = append(troubles, err) }}
	o.dial = func(_ context.Context, network, address string) (net.Conn, error) {
		if strings.HasSuffix(address, ".3:443") {
			ours, theirs := net.Pipe()
			_ = theirs.Close()
			return ours, nil
		}
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.EMFILE}
	}
	rows := find(t, o)
	if f := rows["198.51.100.3"]; len(rows) != 1 || f.Recorder() || !strings.Contains(f.Identity.Oddities[0].Words, "443") {
		t.Errorf("%+v", rows)
	}
	if len(troubles) != 1 || !errors.Is(troubles[0], syscall.EMFILE) {
		t.Errorf("%v", troubles)
	}
}

func TestSweepEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n silent
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := Find(ctx, Options{Hosts: mustRange(t, "198.18.0.0/16"), Ports: UsualPorts(), dial: n.dial}, func(Found) {})
		if !errors.Is(err, context.DeadlineExceeded) || n.all.Load() > 2100 {
			t.Errorf("%d questions: %v", n.all.Load(), err)
		}
	})
}

func TestKnocks(t *testing.T) {
	t.Parallel()
	for files, want := range map[uint64]int64{0: 8, 64: 32, 1024: 512, 20000: 1536, 1 << 62: 1536} {
		if got := knocks(files); got != want {
			t.Errorf("%d files: %d", files, got)
		}
	}
	if openFiles() == 0 {
		t.Error("no file may be open")
	}
}
