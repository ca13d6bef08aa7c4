package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/ipv4"

	"rekey"
)

// wire is a network with boxes on it: one between network namespaces, or loopback.
type wire struct {
	near    net.Interface // whom Find asks on
	far     string        // the boxes' end
	second  net.Interface // of another network; none on loopback
	behind  string        // the far end of that one
	there   func(func())  // runs a thing where the boxes live
	network string        // the range, with the boxes in it
	a, b, c string        // addresses of boxes in the range
	shout   string        // the broadcast address
	outside string        // one that answers, outside of the range
	six     bool          // IPv6 multicast goes
	nobody  []string      // ranges where all is silent
	// sent are the addresses that anything was sent to since the last time, on
	// the wire and, apart, on the second one; nil where it cannot be seen.
	sent func() (on, behind map[netip.Addr]int)
}

// On loopback the story is told everywhere.
func TestOnLoopback(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	w := wire{
		near: *lo, far: "lo", there: func(f func()) { f() }, network: "127.77.0.0/24",
		a: "127.77.0.10", b: "127.77.0.11", c: "127.77.0.12", shout: "127.255.255.255", outside: "127.78.0.10",
		nobody: []string{"127.79.0.0/24"},
	}
	w.story(t)
}

func (w wire) story(t *testing.T) {
	t.Run("groups", w.groups)
	t.Run("answers to the group", w.answersToGroup)
	for _, cidr := range w.nobody {
		t.Run("silence in "+cidr, func(t *testing.T) { w.silence(t, cidr) })
	}
	t.Run("sweep", w.sweep)
	t.Run("one box", w.oneBox)
}

// listen opens a UDP socket where the boxes live.
func (w wire) listen(t *testing.T, at string) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	var err error
	w.there(func() { c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at))) })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// joined is a box's socket that is in a group, on one interface alone.
func (w wire) joined(t *testing.T, far string, group netip.Addr) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	var err error
	w.there(func() {
		i, failed := net.InterfaceByName(far)
		if failed != nil {
			err = failed
			return
		}
		c, err = join(t.Context(), *i, []netip.Addr{group}, 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var (
	groupV4 = netip.MustParseAddr("239.255.255.251")
	groupV6 = netip.MustParseAddr("ff02::c")
)

func portOf(c net.PacketConn) int { return c.LocalAddr().(*net.UDPAddr).Port }

// groups: who has joined answers, by IPv4 and IPv6, and who hears broadcast; on
// the second network nobody is asked.
func (w wire) groups(t *testing.T) {
	four := w.joined(t, w.far, groupV4)
	serve(t, four, map[string][]string{"four?": {"four!serial=GROUP4"}})
	probers := []Prober{words{name: "four", port: portOf(four), groups: []netip.Addr{groupV4, groupV6}}}
	want := []string{"GROUP4"}
	if w.six {
		six := w.joined(t, w.far, groupV6)
		serve(t, six, map[string][]string{"six?": {"six!serial=GROUP6"}})
		probers = append(probers, words{name: "six", port: portOf(six), groups: []netip.Addr{groupV6}})
		want = append(want, "GROUP6")
	}
	all := w.listen(t, w.shout+":0")
	shouted := serve(t, all, map[string][]string{"all?": {"all!serial=SHOUT1"}})
	probers = append(probers, words{name: "all", port: portOf(all), groups: []netip.Addr{everybody}})
	want = append(want, "SHOUT1")
	var others []*box
	if w.behind != "" {
		other := w.joined(t, w.behind, groupV4)
		others = append(others, serve(t, other, map[string][]string{"else?": {"else!serial=SX"}}))
		probers = append(probers, words{name: "else", port: portOf(other), groups: []netip.Addr{groupV4, everybody}})
	}
	w.look()
	rows, _ := findAll(t, Options{Probers: probers, Interfaces: []net.Interface{w.near}}, func(all []Found, _ []string) bool {
		return !slices.ContainsFunc(want, func(serial string) bool { return !has(all, serial, nil) })
	})
	for _, serial := range want {
		f, found := rows[serial]
		if !found || len(f.Addresses) != 1 {
			t.Errorf("%s: %+v", serial, f)
			continue
		}
		if a := f.Addresses[0]; a.Is6() && a.Zone() != w.near.Name {
			t.Errorf("%s has no zone", a)
		}
	}
	if len(rows) != len(want) {
		t.Errorf("%d boxes: %+v", len(rows), rows)
	}
	if len(shouted.heard()) == 0 {
		t.Error("no broadcast was heard")
	}
	for _, b := range others {
		if said := b.heard(); len(said) != 0 {
			t.Errorf("heard on the second network: %q", said)
		}
	}
	w.onlyTo(t, func(a netip.Addr) bool { return a == groupV4 || a == groupV6 || strings.HasSuffix(a.String(), ".255") }, true)
}

// answersToGroup: two who look at once, on one port, both hear an answer that
// goes to the group.
func (w wire) answersToGroup(t *testing.T) {
	c := w.joined(t, w.far, groupV4)
	w.answerToGroup(t, c)
	p := words{name: "sadp", port: portOf(c), groups: []netip.Addr{groupV4}, toGroup: true}
	o := Options{Probers: []Prober{p}, Interfaces: []net.Interface{w.near}}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			rows, troubles := findAll(t, o, func(all []Found, _ []string) bool { return len(all) > 0 })
			if len(rows) != 1 || len(troubles) != 0 {
				t.Errorf("%+v, %q", rows, troubles)
			}
		})
	}
	both.Wait()
	p.toGroup = false
	o.Probers, o.Wait = []Prober{p}, moment
	if rows := find(t, o); len(rows) != 0 {
		t.Errorf("heard without having joined: %+v", rows)
	}
}

// answerToGroup is a box that answers to the group, from an address of its own.
func (w wire) answerToGroup(t *testing.T, c *net.UDPConn) {
	t.Helper()
	out := w.listen(t, w.a+":0")
	var err error
	w.there(func() {
		i, failed := net.InterfaceByName(w.far)
		if err = failed; err == nil {
			err = ipv4.NewPacketConn(out).SetMulticastInterface(i)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	to := netip.AddrPortFrom(groupV4, uint16(portOf(c)))
	ended := make(chan bool)
	t.Cleanup(func() { _ = c.Close(); <-ended; _ = out.Close() })
	go func() {
		defer close(ended)
		buf := make([]byte, 100)
		for {
			n, _, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if string(buf[:n]) == "sadp?" {
				_, _ = out.WriteToUDPAddrPort([]byte("sadp!serial=S1"), to)
			}
		}
	}()
}

// accept listens by TCP and counts who comes; port 0 is any.
func (w wire) accept(t *testing.T, at string, port int) (came chan bool, there int) {
	t.Helper()
	var l net.Listener
	var err error
	w.there(func() { l, err = net.Listen("tcp", fmt.Sprintf("%s:%d", at, port)) })
	if err != nil {
		t.Fatal(err)
	}
	came = make(chan bool, 100)
	ended := make(chan bool)
	t.Cleanup(func() { _ = l.Close(); <-ended })
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			came <- true
			_ = c.Close()
		}
	}()
	return came, l.Addr().(*net.TCPAddr).Port
}

// withLiar is a box to whose question one outside of the range answers, too.
func (w wire) withLiar(t *testing.T) (port int) {
	t.Helper()
	liar := w.listen(t, w.outside+":0")
	asked := w.listen(t, fmt.Sprintf("%s:%d", w.c, portOf(liar)))
	ended := make(chan bool)
	t.Cleanup(func() { _ = asked.Close(); <-ended; _ = liar.Close() })
	go func() {
		defer close(ended)
		buf := make([]byte, 100)
		for {
			_, from, err := asked.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = liar.WriteToUDPAddrPort([]byte("one!serial=EVIL"), from)
			_, _ = asked.WriteToUDPAddrPort([]byte("one!serial=SC"), from)
		}
	}()
	return portOf(asked)
}

// sweep: two web servers in the range, and one outside of it that nobody asks.
func (w wire) sweep(t *testing.T) {
	first, number := w.accept(t, w.a, 0)
	second, _ := w.accept(t, w.b, number)
	third, _ := w.accept(t, w.outside, number)
	places, err := Resolve(t.Context(), []string{w.network})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Probers: []Prober{words{name: "one", port: w.withLiar(t), groups: []netip.Addr{groupV4}}},
		Hosts:   places.Hosts, Ports: []int{number},
		Identify: func(_ context.Context, host netip.Addr, open []int) (rekey.Identity, error) {
			if host.String() == w.a && slices.Equal(open, []int{number}) {
				return rekey.Identity{Family: "f", Serial: "SA"}, nil
			}
			return rekey.Identity{}, errors.New("a printer")
		},
	}
	w.look()
	rows, troubles := findAll(t, o, func(all []Found, troubles []string) bool { return len(all) == 3 && len(troubles) > 0 })
	if !rows["SA"].Recorder() || !rows["SC"].Recorder() || rows[w.b].Recorder() || len(rows[w.b].Addresses) != 1 || len(rows) != 3 {
		t.Errorf("%+v", rows)
	}
	for _, came := range []chan bool{first, second} {
		<-came // each was knocked at, else its row were not there
	}
	if len(first)+len(second)+len(third) != 0 {
		t.Errorf("more knocks: %d, %d, and outside of the range %d", len(first), len(second), len(third))
	}
	if len(troubles) != 1 || !strings.Contains(troubles[0], w.outside) {
		t.Errorf("%q", troubles)
	}
	w.onlyTo(t, places.Hosts.Contains, true)
}

// oneBox answers at two addresses and by three protocols, and is one row.
func (w wire) oneBox(t *testing.T) {
	one := w.listen(t, w.a+":0")
	serve(t, one, map[string][]string{"one?": {"one!serial=SERIAL1;model=N841"}})
	serve(t, w.listen(t, fmt.Sprintf("%s:%d", w.b, portOf(one))), map[string][]string{"one?": {"one!serial=SERIAL1;mac=00:1f:54:00:00:01"}})
	two := w.listen(t, w.b+":0")
	serve(t, two, map[string][]string{"two?": {"two!uuid=uuid-01"}})
	three := w.joined(t, w.far, groupV4)
	serve(t, three, map[string][]string{"three?": {"three!uuid=uuid-01;model=weak"}})
	places, err := Resolve(t.Context(), []string{w.network, w.near.Name})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Probers: []Prober{words{name: "one", port: portOf(one)}, words{name: "two", port: portOf(two)}, words{name: "three", port: portOf(three), groups: []netip.Addr{groupV4}}},
		Hosts:   places.Hosts, Interfaces: places.Interfaces,
	}
	rows, _ := findAll(t, o, func(all []Found, _ []string) bool {
		return len(all) == 1 && len(all[0].Addresses) > 1 && has(all, "SERIAL1", func(id rekey.Identity) bool {
			learnt := func(from string) bool { return slices.Contains(id.Learnt, rekey.Fact{What: "family", From: from}) }
			return id.MAC != "" && learnt("one") && learnt("two") && learnt("three")
		})
	})
	f := rows["SERIAL1"]
	if len(rows) != 1 || f.Identity.Model != "N841" || f.Identity.MAC == "" || f.Identity.UUID != "uuid-01" || len(f.Addresses) < 2 {
		t.Errorf("%+v", rows)
	}
}

// silence: a /24 where nobody answers, all three protocols and eight ports.
func (w wire) silence(t *testing.T, cidr string) {
	hosts := mustRange(t, cidr)
	o := Options{
		Probers: []Prober{words{name: "one", port: 37810}, words{name: "two", port: 3702}, words{name: "three", port: 37020}},
		Hosts:   hosts, Ports: UsualPorts(), Trouble: func(err error) { t.Error(err) },
	}
	w.look()
	began := time.Now()
	rows := find(t, o)
	t.Logf("%s: %d questions in %v", cidr, o.Questions(), time.Since(began).Round(time.Millisecond))
	if len(rows) != 0 {
		t.Errorf("%+v", rows)
	}
	w.onlyTo(t, hosts.Contains, false)
}

// look begins a new count of what is sent.
func (w wire) look() {
	if w.sent != nil {
		w.sent()
	}
}

// onlyTo: what was sent since went where it was allowed to go, and nothing to
// the second network.
func (w wire) onlyTo(t *testing.T, allowed func(netip.Addr) bool, some bool) {
	t.Helper()
	if w.sent == nil {
		return
	}
	on, behind := w.sent()
	for a, n := range on {
		if !allowed(a) {
			t.Errorf("%d packets to %s", n, a)
		}
	}
	if len(behind) != 0 {
		t.Errorf("on the second network: %v", behind)
	}
	if some && len(on) == 0 {
		t.Error("nothing was seen on the wire")
	}
	t.Logf("packets went to %d addresses", len(on))
}
