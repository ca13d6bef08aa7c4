package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rekey"
)

// open is a network where every port accepts.
func open(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	_ = theirs.Close()
	return ours, nil
}

// Ten a second, one at once: the n-th of a kind comes n-1 tenths of a second on.
func TestEveryQuestionTakesItsTurn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		run   func(t *testing.T) (questions int)
		turns int
	}{
		"knocks": {func(t *testing.T) int {
			var n silent
			o := Options{Hosts: mustRange(t, "198.51.100.0/29"), Ports: []int{80, 81, 82, 83, 84}, Rate: 10, dial: n.dial}
			if err := Find(t.Context(), o, func(Found) {}); err != nil {
				t.Error(err)
			}
			return int(n.all.Load())
		}, 30},
		"discovery": {func(t *testing.T) int {
			o := Options{Hosts: Hosts{{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.10")}}, Rate: 10}
			o.Probers = []Prober{words{name: "one", port: 9}, words{name: "two", port: 9}, words{name: "three", port: 9}}
			s := newSearch(o) // nobody listens: that would keep the test's time from going on
			defer s.close()
			if err := errors.Join(s.openDirect(t.Context()), s.askHosts(t.Context())); err != nil {
				t.Error(err)
			}
			return int(s.asked.Load())
		}, 30},
		"identification": {func(t *testing.T) int {
			var n atomic.Int64
			o := Options{Hosts: mustRange(t, "198.51.100.0/30"), Ports: []int{80}, Rate: 10, dial: open}
			o.Identify = func(context.Context, netip.Addr, []int) (rekey.Identity, error) {
				n.Add(1)
				return rekey.Identity{Family: "f"}, nil
			}
			if err := Find(t.Context(), o, func(Found) {}); err != nil {
				t.Error(err)
			}
			return int(n.Load()) + 24
		}, 2 + 2*12},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				asked := tc.run(t)
				if took := time.Since(began); asked != tc.turns || took < time.Duration(tc.turns-1)*time.Second/10 {
					t.Errorf("%d questions in %v", asked, took)
				}
			})
		})
	}
}

// A group is asked twice, 300 ms apart: a datagram gets lost.
func TestGroupsAreAskedTwice(t *testing.T) {
	t.Parallel()
	hears, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ours, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s := newSearch(Options{})
	at := hears.LocalAddr().(*net.UDPAddr).AddrPort()
	s.sockets = []*socket{{conn: ours, groups: []group{{words{name: "one"}, at}}}}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := s.askGroups(t.Context()); err != nil || time.Since(began) < 300*time.Millisecond {
			t.Errorf("over after %v: %v", time.Since(began), err)
		}
	})
	s.close()
	if err := hears.SetReadDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	for n := range 2 {
		if got, err := hears.Read(buf); err != nil || string(buf[:got]) != "one?" {
			t.Errorf("question %d: %q, %v", n, buf[:got], err)
		}
	}
	_ = hears.Close()
}

// One that accepts and hangs is given up after 10 s, and is not called something else.
func TestWhoHangsIsNotJudged(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		hangs bool
		err   error
		id    string
		words string
	}{
		"hangs":        {true, nil, "no-answer", "something answers at TCP 80 but told nothing in 10 s; look again"},
		"times out":    {false, fmt.Errorf("%w: %w", rekey.ErrUnreachable, context.DeadlineExceeded), "no-answer", "something answers at TCP 80 but told nothing; look again"},
		"is a printer": {false, fmt.Errorf("%w: a printer", rekey.ErrNotRecorder), "not-a-recorder", "a printer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := Options{Hosts: only("198.51.100.1"), Ports: []int{80}, dial: open}
				o.Identify = func(ctx context.Context, _ netip.Addr, _ []int) (rekey.Identity, error) {
					if !tc.hangs {
						return rekey.Identity{}, tc.err
					}
					<-ctx.Done()
					return rekey.Identity{}, fmt.Errorf("%w: %w", rekey.ErrUnreachable, ctx.Err())
				}
				began := time.Now()
				f := find(t, o)["198.51.100.1"]
				if took := time.Since(began); tc.hangs && (took < 10*time.Second || took > 11*time.Second) {
					t.Errorf("given up after %v", took)
				}
				if f.Recorder() || len(f.Identity.Oddities) != 1 || f.Identity.Oddities[0] != (rekey.Oddity{ID: tc.id, Words: tc.words}) {
					t.Errorf("%+v", f)
				}
			})
		})
	}
}

// Sixteen at once, each taking a second.
func TestSoManyAreIdentifiedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		o := Options{Hosts: mustRange(t, "198.51.100.0/25"), Ports: []int{80}, Rate: 10000, dial: open}
		o.Identify = func(context.Context, netip.Addr, []int) (rekey.Identity, error) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return rekey.Identity{Family: "f"}, nil
		}
		if rows := find(t, o); len(rows) != 126 || most.Load() != 16 {
			t.Errorf("%d rows, %d at once", len(rows), most.Load())
		}
	})
}

// A search that is broken off tells how many questions it asked until then.
func TestProgressOfABrokenSearch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n silent
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		last := -1
		o := Options{Hosts: mustRange(t, "198.51.100.0/24"), Ports: []int{80}, Rate: 100, dial: n.dial, Progress: func(asked int) { last = asked }}
		if err := Find(ctx, o, func(Found) {}); !errors.Is(err, context.DeadlineExceeded) || last < 2 || last != int(n.all.Load()) {
			t.Errorf("told %d of %d: %v", last, n.all.Load(), err)
		}
	})
}

func TestTroubleIsToldWithinBounds(t *testing.T) {
	t.Parallel()
	var all told
	said := 0
	for n := range 1000 {
		for range 2 {
			all.once(fmt.Errorf("trouble %d", n), func(error) { said++ })
		}
	}
	if said != 100 {
		t.Errorf("%d were told", said)
	}
}

// A host that lets every question wait is given up after 30 s.
func TestIdentifyHasALimit(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	at := rekey.Target{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := Identify(t.Context(), at, []Identifier{hangs{}}, nil, nil)
		if took := time.Since(began); !errors.Is(err, rekey.ErrUnreachable) || took != 30*time.Second || !strings.Contains(err.Error(), at.String()) {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// hangs never answers.
type hangs struct{}

func (hangs) Family() string { return "h" }

func (hangs) Identify(ctx context.Context, _ rekey.Target) (rekey.Identity, error) {
	<-ctx.Done()
	return rekey.Identity{}, ctx.Err()
}
