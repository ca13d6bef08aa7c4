package discover

import (
	"context"
	"errors"
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

// words is a discovery protocol for tests: the answer is "key=value;...".
type words struct {
	name   string
	port   int
	groups []netip.Addr
}

func (w words) Name() string            { return w.name }
func (w words) Port() int               { return w.port }
func (w words) Multicast() []netip.Addr { return w.groups }
func (w words) Frame() []byte           { return []byte(w.name + "?") }

func (w words) Parse(reply []byte, from netip.AddrPort) (rekey.Identity, error) {
	text, is := strings.CutPrefix(string(reply), w.name+"!")
	if !is {
		return rekey.Identity{}, errors.New("another protocol")
	}
	id := rekey.Identity{Family: "test", Init: rekey.InitUnknown}
	for _, kv := range strings.Split(text, ";") {
		k, v, _ := strings.Cut(kv, "=")
		switch k {
		case "serial":
			id.Serial = v
		case "mac":
			id.MAC = v
		case "model":
			id.Model = v
		}
		id.Learnt = append(id.Learnt, rekey.Fact{What: k, From: w.name})
	}
	return id, nil
}

// box answers questions on a loopback port.
func box(t *testing.T, answers map[string][]string) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = c.Close(); all.Wait() })
	all.Go(func() {
		buf := make([]byte, 2000)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			for _, a := range answers[string(buf[:n])] {
				_, _ = c.WriteToUDPAddrPort([]byte(a), from)
			}
		}
	})
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

func find(t *testing.T, hosts []netip.AddrPort, probers ...Prober) (found []Found) {
	t.Helper()
	err := Find(t.Context(), Options{Probers: probers, Hosts: slices.Values(hosts), Wait: 700 * time.Millisecond}, func(f Found) { found = append(found, f) })
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAnswersOfOneBoxAreOne(t *testing.T) {
	t.Parallel()
	a := box(t, map[string][]string{
		"one?": {"garbage", "one!serial=S1;mac=m1", "one!serial=S1;mac=m1"},
		"two?": {"two!serial=S1;model=N841"},
	})
	b := box(t, map[string][]string{"one?": {"one!serial=S2"}})
	found := find(t, []netip.AddrPort{a, b}, words{name: "one"}, words{name: "two"})
	last := map[string]Found{}
	told := map[string]int{}
	for _, f := range found {
		last[f.Identity.Serial] = f
		told[f.Identity.Serial]++
	}
	if len(last) != 2 || told["S1"] != 2 || told["S2"] != 1 {
		t.Fatalf("told %v", told)
	}
	if f := last["S1"]; f.Identity.Model != "N841" || f.Identity.MAC != "m1" || !f.More || f.Address.String() != "127.0.0.1" {
		t.Errorf("%+v", f)
	}
}

// The loopback interface carries multicast to who has joined on it.
func TestMulticastStaysOnTheInterface(t *testing.T) {
	t.Parallel()
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	group := netip.MustParseAddr("239.255.255.251")
	c, err := net.ListenMulticastUDP("udp4", lo, &net.UDPAddr{IP: group.AsSlice()})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = c.Close(); all.Wait() })
	all.Go(func() {
		buf := make([]byte, 100)
		if n, from, err := c.ReadFromUDPAddrPort(buf); err == nil && from.Addr().IsLoopback() && string(buf[:n]) == "one?" {
			_, _ = c.WriteToUDPAddrPort([]byte("one!serial=S9"), from)
		}
	})
	p := words{name: "one", port: c.LocalAddr().(*net.UDPAddr).Port, groups: []netip.Addr{group}}
	ctx, cancel := context.WithCancel(t.Context())
	var serial string
	err = Find(ctx, Options{Probers: []Prober{p}, Interfaces: []net.Interface{*lo}, Wait: time.Minute}, func(f Found) { serial = f.Identity.Serial; cancel() })
	if !errors.Is(err, context.Canceled) || serial != "S9" {
		t.Errorf("%q: %v", serial, err)
	}
}

func TestFindEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	a := box(t, map[string][]string{"one?": {"one!serial=S1"}})
	err := Find(ctx, Options{Probers: []Prober{words{name: "one"}}, Hosts: slices.Values([]netip.AddrPort{a}), Wait: time.Hour}, func(Found) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.0/30": "192.0.2.1:0 192.0.2.2:0", "192.0.2.4/31": "192.0.2.4:0 192.0.2.5:0", "192.0.2.7/32": "192.0.2.7:0",
		"192.0.2.9": "192.0.2.9:0", "http://192.0.2.9": "192.0.2.9:0", "[2001:db8::1]": "[2001:db8::1]:0", "2001:db8::/127": "[2001:db8::]:0 [2001:db8::1]:0",
	} {
		hosts, err := Resolve(t.Context(), []string{in})
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		var got []string
		for h := range hosts {
			got = append(got, h.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", in, got, want)
		}
	}
	if _, err := Resolve(t.Context(), []string{"10.1.0.0/16", "2001:db8::/112"}); err != nil {
		t.Error(err)
	}
	for _, in := range []string{"", "192.0.2.300", "192.0.2.0/33", "http://x/path", "a b", "10.0.0.0/8", "10.0.0.0/15", "0.0.0.0/0", "2001:db8::/64", "192.0.2.9:81", "[2001:db8::1]:5", "recorder:80"} {
		if _, err := Resolve(t.Context(), []string{in}); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestBroadcast(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"192.168.1.7/24": "192.168.1.255", "10.1.2.3/9": "10.127.255.255", "192.0.2.1/32": "192.0.2.1"} {
		if got := broadcast(netip.MustParsePrefix(in)).String(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// TestAnswerOfAnotherIsNotTheHosts: whoever answers first on the network is not
// the host that was asked, whatever it says of itself.
func TestAnswerOfAnotherIsNotTheHosts(t *testing.T) {
	t.Parallel()
	other, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = c.Close(); _ = other.Close(); all.Wait() })
	silent := make(chan bool, 2)
	all.Go(func() {
		buf := make([]byte, 100)
		for {
			_, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = other.WriteToUDPAddrPort([]byte("one!serial=S1;model=EVIL"), from)
			if !<-silent {
				_, _ = c.WriteToUDPAddrPort([]byte("one!serial=S1;mac=m1"), from)
			}
		}
	})
	p := []Prober{words{name: "one", port: c.LocalAddr().(*net.UDPAddr).Port}}
	silent <- false
	if id, ok := probe(t.Context(), rekey.Target{Host: "127.0.0.1"}, p); !ok || id.Serial != "S1" || id.MAC != "m1" || id.Model != "" {
		t.Errorf("the host's answer: %t %+v", ok, id)
	}
	silent <- true
	if id, ok := probe(t.Context(), rekey.Target{Host: "127.0.0.1"}, p); ok {
		t.Errorf("the host said nothing, and it is %+v", id)
	}
}

// known is a driver that identifies one HTTP port.
type known struct {
	rekey.Driver
	family string
	port   int
	err    error
	asked  *[]string
}

func (k known) Identify(_ context.Context, t rekey.Target) (rekey.Identity, error) {
	*k.asked = append(*k.asked, k.family)
	if k.err != nil && t.HTTPPort() != k.port {
		return rekey.Identity{}, k.err
	}
	return rekey.Identity{Family: k.family, Init: rekey.InitDone, Interfaces: []rekey.Interface{{Kind: rekey.InterfaceRPC2, Port: t.HTTPPort()}}}, nil
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	a := box(t, map[string][]string{"one?": {"one!serial=S1;model=N841"}})
	probers := []Prober{words{name: "one", port: int(a.Port())}}
	for name, tc := range map[string]struct {
		drivers []known
		probers []Prober
		kind    error
		family  string
		serial  string
		asked   int
	}{
		"merged":           {drivers: []known{{family: "f"}}, probers: probers, family: "f", serial: "S1", asked: 1},
		"second driver":    {drivers: []known{{family: "e", err: rekey.ErrNotRecorder}, {family: "f"}}, family: "f", asked: 2},
		"nobody knows it":  {drivers: []known{{family: "e", err: rekey.ErrNotRecorder}}, kind: rekey.ErrNotRecorder, asked: 1},
		"unreachable":      {drivers: []known{{family: "e", err: rekey.ErrUnreachable}, {family: "f"}}, kind: rekey.ErrUnreachable, asked: 1},
		"discovery answer": {drivers: []known{{family: "e", err: rekey.ErrUnreachable}}, probers: probers, family: "test", serial: "S1", asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			var drivers []rekey.Driver
			for _, d := range tc.drivers {
				d.asked, d.port = &asked, -1
				drivers = append(drivers, d)
			}
			id, err := Identify(t.Context(), rekey.Target{Host: "127.0.0.1"}, drivers, tc.probers)
			if !errors.Is(err, tc.kind) || id.Family != tc.family || id.Serial != tc.serial || len(asked) != tc.asked {
				t.Errorf("%+v, asked %v: %v", id, asked, err)
			}
		})
	}
}
