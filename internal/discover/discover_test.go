package discover

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rekey"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// words is a discovery protocol for tests: "name?" is the question and
// "name!key=value;..." an answer.
type words struct {
	name    string
	port    int
	groups  []netip.Addr
	toGroup bool
}

func (w words) Name() string            { return w.name }
func (w words) Port() int               { return w.port }
func (w words) Multicast() []netip.Addr { return w.groups }
func (w words) Frame() []byte           { return []byte(w.name + "?") }
func (w words) AnswersToGroup() bool    { return w.toGroup }

func (w words) Parse(reply []byte, _ netip.AddrPort) (rekey.Identity, error) {
	text, is := strings.CutPrefix(string(reply), w.name+"!")
	if !is {
		return rekey.Identity{}, errors.New("another protocol")
	}
	id := rekey.Identity{Family: "test", Init: rekey.InitUnknown}
	for kv := range strings.SplitSeq(text, ";") {
		k, v, _ := strings.Cut(kv, "=")
		switch k {
		case "serial":
			id.Serial = v
		case "mac":
			id.MAC = v
		case "model":
			id.Model = v
		case "uuid":
			id.UUID = v
		}
	}
	return id, nil
}

// box answers questions at an address; port 0 is any. It tells what it heard.
type box struct {
	at   netip.AddrPort
	conn *net.UDPConn
	mu   sync.Mutex
	said []string
}

func (b *box) heard() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.said)
}

// serve answers until the test ends.
func serve(t *testing.T, c *net.UDPConn, answers map[string][]string) *box {
	t.Helper()
	b := &box{at: c.LocalAddr().(*net.UDPAddr).AddrPort(), conn: c}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = c.Close(); all.Wait() })
	all.Go(func() {
		buf := make([]byte, 2000)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			b.mu.Lock()
			b.said = append(b.said, string(buf[:n]))
			b.mu.Unlock()
			for _, a := range answers[string(buf[:n])] {
				_, _ = c.WriteToUDPAddrPort([]byte(a), from)
			}
		}
	})
	return b
}

func boxAt(t *testing.T, at string, answers map[string][]string) *box {
	t.Helper()
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, c, answers)
}

func only(addrs ...string) (h Hosts) {
	for _, a := range addrs {
		h = append(h, Range{netip.MustParseAddr(a), netip.MustParseAddr(a)})
	}
	return h
}

// table is what a reader of Find's stream ends up with. It fails the test where
// the stream contradicts itself.
type table struct {
	t    fataler
	rows map[int]Found
	gone map[int]bool
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

func newTable(t fataler) *table { return &table{t, map[int]Found{}, map[int]bool{}} }

func (s *table) add(f Found) {
	s.t.Helper()
	if _, told := s.rows[f.Row]; told != f.More || s.gone[f.Row] || f.Row < 1 || len(f.Addresses) == 0 {
		s.t.Fatalf("told before: %t, absorbed: %t, of row %+v", told, s.gone[f.Row], f)
	}
	for _, a := range f.Absorbs {
		if _, told := s.rows[a]; !told || a == f.Row {
			s.t.Fatalf("absorbs %d, which nobody was told of: %+v", a, f)
		}
		delete(s.rows, a)
		s.gone[a] = true
	}
	s.rows[f.Row] = f
}

// bySerial are the rows, each under its serial or, without one, its first address.
func (s *table) bySerial() map[string]Found {
	out := map[string]Found{}
	for _, f := range s.rows {
		key := f.Identity.Serial
		if key == "" {
			key = f.Addresses[0].String()
		}
		if _, twice := out[key]; twice {
			s.t.Fatalf("%s stands in two rows: %+v", key, s.rows)
		}
		out[key] = f
	}
	return out
}

func find(t *testing.T, o Options) map[string]Found {
	t.Helper()
	rows := newTable(t)
	if err := Find(t.Context(), o, rows.add); err != nil {
		t.Fatal(err)
	}
	return rows.bySerial()
}

// wait is how long the tests wait for answers that come at once, save where the
// machine is busy; moment is what is left to those that may not come.
const (
	wait   = time.Minute
	moment = 300 * time.Millisecond
)

// findAll finds until enough is told, and a moment longer. o.Trouble is heard.
func findAll(t *testing.T, o Options, enough func(all []Found, troubles []string) bool) (rows map[string]Found, troubles []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told, over := newTable(t), false
	look := func() {
		if !over && enough(slices.Collect(maps.Values(told.rows)), troubles) {
			over = true
			time.AfterFunc(moment, cancel)
		}
	}
	o.Wait = wait
	o.Trouble = func(err error) { troubles = append(troubles, err.Error()); look() }
	err := Find(ctx, o, func(f Found) { told.add(f); look() })
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	return told.bySerial(), troubles
}

// has reports whether one of them is a recorder of that serial, as far as also says.
func has(all []Found, serial string, also func(rekey.Identity) bool) bool {
	return slices.ContainsFunc(all, func(f Found) bool {
		return f.Identity.Serial == serial && f.Recorder() && (also == nil || also(f.Identity))
	})
}

func TestAnswersOfOneBoxAreOne(t *testing.T) {
	t.Parallel()
	one := boxAt(t, "127.0.0.1:0", map[string][]string{"one?": {"garbage", "one!serial=S1;mac=00:1f:54:00:00:01", "one!serial=S1;mac=00:1f:54:00:00:01"}})
	two := boxAt(t, "127.0.0.1:0", map[string][]string{"two?": {"two!serial=S1;model=N841"}})
	o := Options{Probers: []Prober{words{name: "one", port: int(one.at.Port())}, words{name: "two", port: int(two.at.Port())}}, Hosts: only("127.0.0.1")}
	rows, _ := findAll(t, o, func(all []Found, _ []string) bool {
		return has(all, "S1", func(id rekey.Identity) bool { return id.MAC != "" && id.Model != "" && len(id.Oddities) > 0 })
	})
	f := rows["S1"]
	if len(rows) != 1 || f.Identity.Model != "N841" || f.Identity.MAC != "00:1f:54:00:00:01" || !slices.Equal(f.Addresses, []netip.Addr{netip.MustParseAddr("127.0.0.1")}) {
		t.Errorf("%+v", rows)
	}
	if len(f.Identity.Oddities) != 1 || f.Identity.Oddities[0].ID != "answered-twice" {
		t.Errorf("oddities %+v", f.Identity.Oddities)
	}
	want := []rekey.Fact{{What: "family", From: "one"}, {What: "serial", From: "one"}, {What: "mac", From: "one"}, {What: "family", From: "two"}, {What: "model", From: "two"}, {What: "serial", From: "two"}}
	if len(f.Identity.Learnt) != len(want) {
		t.Errorf("learnt %+v", f.Identity.Learnt)
	}
	for _, w := range want {
		if !slices.Contains(f.Identity.Learnt, w) {
			t.Errorf("%+v is not in %+v", w, f.Identity.Learnt)
		}
	}
	if len(one.heard()) != 1 || len(two.heard()) != 1 {
		t.Errorf("a single host is asked once: %v, %v", one.heard(), two.heard())
	}
}

func TestFindEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	b := boxAt(t, "127.0.0.1:0", map[string][]string{"one?": {"one!serial=S1"}})
	o := Options{Probers: []Prober{words{name: "one", port: int(b.at.Port())}}, Hosts: only("127.0.0.1"), Wait: time.Hour}
	if err := Find(ctx, o, func(Found) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	o.Hosts, o.Rate = Hosts{{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.200")}}, 10
	if err := Find(ctx, o, func(Found) {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// A box that answers from an address that nobody asked is not listed, but told.
func TestAnswersFromElsewhereAreDropped(t *testing.T) {
	t.Parallel()
	asked, other := boxAt(t, "127.0.0.1:0", nil), boxAt(t, "127.0.0.2:0", nil)
	stranger, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = stranger.Close(); all.Wait() })
	all.Go(func() {
		buf := make([]byte, 100)
		for {
			_, from, err := stranger.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = other.conn.WriteToUDPAddrPort([]byte("one!serial=EVIL"), from)
			_, _ = asked.conn.WriteToUDPAddrPort([]byte("one!serial=S1"), from)
		}
	})
	p := words{name: "one", port: stranger.LocalAddr().(*net.UDPAddr).Port}
	rows, troubles := findAll(t, Options{Probers: []Prober{p}, Hosts: only("127.0.0.1")}, func(all []Found, troubles []string) bool {
		return has(all, "S1", nil) && len(troubles) > 0
	})
	if _, is := rows["S1"]; !is || len(rows) != 1 {
		t.Errorf("%+v", rows)
	}
	if len(troubles) != 1 || !strings.Contains(troubles[0], "127.0.0.2") {
		t.Errorf("%q", troubles)
	}
	busy := make(chan struct{}) // for as long as it takes
	if id := probe(t.Context(), only("127.0.0.1")[0], []Prober{p}, busy); len(id) != 1 || id[0].Serial != "S1" {
		t.Errorf("%+v", id)
	}
}

func TestProgressEndsWithAllQuestions(t *testing.T) {
	t.Parallel()
	b := boxAt(t, "127.0.0.1:0", nil)
	last := 0
	o := Options{
		Probers: []Prober{words{name: "one", port: int(b.at.Port())}}, Ports: []int{1, 2},
		Hosts: Hosts{{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.50")}}, Wait: 300 * time.Millisecond,
	}
	o.Progress = func(asked int) {
		if asked < last {
			t.Errorf("%d after %d", asked, last)
		}
		last = asked
	}
	if rows := find(t, o); len(rows) != 0 || last != 150 || o.Questions() != 150 {
		t.Errorf("%d of %d, found %+v", last, o.Questions(), rows)
	}
}
