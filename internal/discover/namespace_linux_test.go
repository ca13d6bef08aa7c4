package discover

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"rekey"
)

const (
	inNamespace = "REKEY_TEST_IN_NAMESPACE"
	cannotBuild = "no network can be built here: "
)

// TestInNamespaces tells the story between network namespaces of its own, where
// what is sent can be seen: the test runs itself again in one. Where the machine
// does not allow it, TestOnLoopback has told the story.
func TestInNamespaces(t *testing.T) {
	if os.Getenv(inNamespace) != "" {
		w, err := buildWire(t)
		if err != nil {
			fmt.Println(cannotBuild + err.Error())
			return
		}
		t.Run("web ports", w.webPorts)
		t.Run("link-local", w.linkLocal)
		t.Run("one hop", w.oneHop)
		t.Run("long questions", w.longQuestions)
		w.story(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestInNamespaces$", "-test.v")
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		t.Logf("no network namespace is to be had here (%v): loopback alone", err)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case strings.Contains(string(out), cannotBuild):
		t.Logf("loopback alone:\n%s", out)
	default:
		t.Logf("in network namespaces:\n%s", out)
	}
}

// buildWire makes a second namespace for the boxes and two networks to it; the
// default route goes by the second, so that what strays is seen there.
func buildWire(t *testing.T) (wire, error) {
	peer, err := newNamespace()
	if err != nil {
		return wire{}, err
	}
	there := func(f func()) { inside(peer, f) }
	there(func() {
		err = ip("link set lo up")
	})
	at := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), peer)
	err = errors.Join(err, ip("link set lo up"),
		ip("link add near type veth peer name far netns "+at), ip("link add second type veth peer name behind netns "+at))
	up := func(name string, addrs ...string) {
		err = errors.Join(err, ip("link set "+name+" addrgenmode none"), ip("link set "+name+" up"))
		for _, a := range addrs {
			err = errors.Join(err, ip("addr add "+a+" dev "+name))
		}
	}
	up("near", "10.77.0.1/24 brd 10.77.0.255", "10.76.0.1/24", "fe80::1/64 nodad")
	up("second", "10.78.0.1/24 brd 10.78.0.255", "fe80::1/64 nodad")
	there(func() {
		up("far", "10.77.0.10/24 brd 10.77.0.255", "10.77.0.11/24", "10.77.0.12/24", "fe80::a/64 nodad")
		up("behind", "10.78.0.10/24 brd 10.78.0.255", "fe80::a/64 nodad")
	})
	err = errors.Join(err, ip("route add 10.99.0.0/24 via 10.77.0.10"), ip("route add default via 10.78.0.10"))
	if err != nil {
		return wire{}, err
	}
	w := wire{
		far: "far", behind: "behind", there: there, network: "10.77.0.0/24", a: "10.77.0.10", b: "10.77.0.11", c: "10.77.0.12", shout: "10.77.0.255",
		outside: "10.78.0.10", six: true, nobody: []string{"10.99.0.0/24", "10.76.0.0/24"}, // beyond a router, and where nobody has an address
	}
	for name, i := range map[string]*net.Interface{"near": &w.near, "second": &w.second} {
		found, err := net.InterfaceByName(name)
		if err != nil {
			return wire{}, err
		}
		*i = *found
	}
	seen, err := capture(t, there)
	w.sent = func() (on, behind map[netip.Addr]int) {
		err := ip("neigh flush dev near") // the kernel asks silent ones again for 3 s
		if err = errors.Join(err, mark(t, w.near, "10.77.0.1"), mark(t, w.second, "10.78.0.1")); err != nil {
			t.Fatal(err)
		}
		return seen()
	}
	return w, err
}

func ip(args string) error {
	out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", args, err, out)
	}
	return nil
}

func newNamespace() (fd int, err error) {
	onOwnThread(func() {
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
	})
	return fd, err
}

func inside(namespace int, f func()) {
	onOwnThread(func() {
		if err := unix.Setns(namespace, unix.CLONE_NEWNET); err != nil {
			panic(err)
		}
		f()
	})
}

// onOwnThread runs f on a thread that ends with it.
func onOwnThread(f func()) {
	done := make(chan bool)
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	<-done
}

// marker is where nobody sends to but mark.
var marker = netip.MustParseAddr("239.77.77.77")

// mark sends what comes in behind all that was sent on the network before.
func mark(t *testing.T, i net.Interface, from string) error {
	t.Helper()
	c, err := openAt(t.Context(), i, netip.MustParseAddr(from))
	if err == nil {
		_, err = c.WriteToUDPAddrPort([]byte("mark"), netip.AddrPortFrom(marker, 9))
		err = errors.Join(err, c.Close())
	}
	return err
}

// capture counts what comes in at the far ends, by where it was sent to: of ARP
// the address that is asked for. What the kernels say to each other stays out.
// What it returns waits until both ends were marked.
func capture(t *testing.T, there func(func())) (func() (on, behind map[netip.Addr]int), error) {
	var mu sync.Mutex
	seen := map[string]map[netip.Addr]int{"far": {}, "behind": {}}
	marks := make(chan bool, 100)
	var failed error
	done := make(chan bool)
	var all sync.WaitGroup
	for name := range seen {
		var fd int
		there(func() { fd, failed = packets(name) })
		if failed != nil {
			return nil, failed
		}
		all.Go(func() {
			defer func() { _ = unix.Close(fd) }()
			buf := make([]byte, 4096)
			for {
				n, from, err := unix.Recvfrom(fd, buf, 0)
				select {
				case <-done:
					return
				default:
				}
				ll, _ := from.(*unix.SockaddrLinklayer)
				if err != nil || ll == nil || ll.Pkttype == unix.PACKET_OUTGOING {
					continue
				}
				switch to, ok := destination(buf[:n]); {
				case ok && to == marker:
					marks <- true
				case ok:
					mu.Lock()
					seen[name][to]++
					mu.Unlock()
				}
			}
		})
	}
	t.Cleanup(func() { close(done); all.Wait() })
	return func() (on, behind map[netip.Addr]int) {
		for range seen {
			select {
			case <-marks:
			case <-time.After(wait):
				t.Error("an end was not marked")
			}
		}
		mu.Lock()
		defer mu.Unlock()
		on, behind = seen["far"], seen["behind"]
		seen["far"], seen["behind"] = map[netip.Addr]int{}, map[netip.Addr]int{}
		return on, behind
	}, nil
}

func packets(name string) (int, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return 0, err
	}
	every := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL}) // in the network's order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(every))
	if err != nil {
		return 0, err
	}
	return fd, errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: every, Ifindex: i.Index}),
	)
}

// destination of a frame with UDP, TCP, or an ARP question.
func destination(frame []byte) (netip.Addr, bool) {
	if len(frame) < 14+28 {
		return netip.Addr{}, false
	}
	packet := frame[14:]
	switch binary.BigEndian.Uint16(frame[12:]) {
	case unix.ETH_P_ARP:
		a, _ := netip.AddrFromSlice(packet[24:28])
		return a, packet[7] == 1 && a.String() != "10.77.0.10" && a.String() != "10.78.0.10" // the boxes' own and the routers'
	case unix.ETH_P_IP:
		a, _ := netip.AddrFromSlice(packet[16:20])
		return a, packet[9] == unix.IPPROTO_UDP || packet[9] == unix.IPPROTO_TCP
	case unix.ETH_P_IPV6:
		if len(packet) < 40 {
			return netip.Addr{}, false
		}
		a, _ := netip.AddrFromSlice(packet[24:40])
		return a, packet[6] == unix.IPPROTO_UDP || packet[6] == unix.IPPROTO_TCP
	}
	return netip.Addr{}, false
}

// webPorts: a box whose port 80 is closed is asked at 443, and one behind a
// printer at the port that its discovery answer names.
func (w wire) webPorts(t *testing.T) {
	servers := map[string]string{w.a + ":443": "recorder", w.b + ":80": "printer", w.b + ":8080": "recorder"}
	for at, title := range servers {
		var l net.Listener
		var err error
		w.there(func() { l, err = net.Listen("tcp", at) })
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintf(rw, "<title>%s</title>", title) })} // #nosec G112 -- test
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(l) }()
		t.Cleanup(func() {
			_ = s.Close()
			if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
		})
	}
	var mu sync.Mutex
	var asked []string
	f := knows{family: "f", id: rekey.Identity{Family: "f"}, ports: []int{443, 8080}, mu: &mu, asked: &asked}
	if id, err := Identify(t.Context(), rekey.Target{Host: w.a}, []Identifier{f}, nil, nil); err != nil || id.Family != "f" || len(asked) != 1 {
		t.Errorf("%+v, asked %v: %v", id, asked, err)
	}
	if _, err := Identify(t.Context(), rekey.Target{Host: w.b}, []Identifier{f}, nil, nil); !errors.Is(err, rekey.ErrNotRecorder) || !strings.Contains(err.Error(), "printer") {
		t.Error(err)
	}
	c := w.listen(t, w.b+":0")
	serve(t, c, map[string][]string{"one?": {"one!serial=S1"}})
	p := portNamer{words{name: "one", port: portOf(c)}}
	if id, err := Identify(t.Context(), rekey.Target{Host: w.b}, []Identifier{f}, nil, []Prober{p}); err != nil || id.Family != "f" || id.Serial != "S1" {
		t.Errorf("%+v: %v", id, err)
	}
}

// linkLocal: an IPv6 address with its network interface is a host as any other.
func (w wire) linkLocal(t *testing.T) {
	const host = "fe80::a%near"
	c := w.listen(t, "[fe80::a%far]:0")
	serve(t, c, map[string][]string{"one?": {"one!serial=S1"}})
	_, port := w.accept(t, "[fe80::a%far]", 0)
	places, err := Resolve(t.Context(), []string{host})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Probers: []Prober{words{name: "one", port: portOf(c)}}, Hosts: places.Hosts, Ports: []int{port}}
	rows, _ := findAll(t, o, func(all []Found, _ []string) bool { return has(all, "S1", nil) })
	if f := rows["S1"]; len(rows) != 1 || len(f.Addresses) != 1 || f.Addresses[0].String() != host {
		t.Errorf("%+v", rows)
	}
	at := rekey.Target{Host: host, Port: port}
	if got, _ := describe(t.Context(), at); len(answering(t.Context(), []rekey.Target{at})) != 1 || !strings.Contains(got, "not as a web page") {
		t.Error(got)
	}
	busy := make(chan struct{}) // for as long as it takes
	if id := probe(t.Context(), places.Hosts[0], []Prober{words{name: "one", port: portOf(c)}}, busy); len(id) != 1 {
		t.Errorf("%+v", id)
	}
}

// portNamer's answers name the web port.
type portNamer struct{ words }

func (p portNamer) Parse(reply []byte, from netip.AddrPort) (rekey.Identity, error) {
	id, err := p.words.Parse(reply, from)
	id.Interfaces = []rekey.Interface{{Kind: rekey.InterfaceCGI, Host: "192.0.2.1", Port: 8080}}
	return id, err
}

// oneHop: what asks the groups goes by its interface alone and one hop far.
func (w wire) oneHop(t *testing.T) {
	for _, a := range []string{"10.77.0.1", "fe80::1"} {
		at := netip.MustParseAddr(a)
		c, err := openAt(t.Context(), w.near, at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		var hops, groupHops int
		if at.Is4() {
			p := ipv4.NewPacketConn(c)
			hops, err = p.TTL()
			groupHops, _ = p.MulticastTTL()
		} else {
			p := ipv6.NewPacketConn(c)
			hops, err = p.HopLimit()
			groupHops, _ = p.MulticastHopLimit()
		}
		if err != nil || hops != 1 || groupHops != 1 {
			t.Errorf("%s: %d hops, to a group %d: %v", a, hops, groupHops, err)
		}
		raw, err := c.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var name string
		failed := raw.Control(func(fd uintptr) { name, err = unix.GetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE) })
		if failed != nil || err != nil || name != w.near.Name {
			t.Errorf("%s: kept on %q: %v", a, name, errors.Join(failed, err))
		}
	}
}

// long is a prober whose questions are as long as those of ONVIF.
type long struct{ words }

func (l long) Frame() []byte { return bytes.Repeat([]byte("?"), 700) }

// longQuestions to hosts of this network that are silent wait in the sockets, here
// for a minute. No socket may have so many that it blocks: all are asked long before.
func (w wire) longQuestions(t *testing.T) {
	const cidr = "10.76.0.0/24"
	patience := func(each string) {
		if err := ip("ntable change name arp_cache dev near retrans " + each); err != nil {
			t.Error(err)
		}
	}
	patience("20000") // three times
	defer patience("1000")
	o := Options{Hosts: mustRange(t, cidr), Wait: time.Hour, Trouble: func(err error) { t.Error(err) }}
	for n := range 4 {
		o.Probers = append(o.Probers, long{words{name: fmt.Sprint(n), port: 3702 + n}})
	}
	w.look()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	asked := 0
	o.Progress = func(n int) {
		if asked = n; asked == o.Questions() {
			cancel()
		}
	}
	if err := Find(ctx, o, func(Found) {}); !errors.Is(err, context.Canceled) || asked != 4*254 {
		t.Fatalf("%d of %d questions, while none was given up: %v", asked, o.Questions(), err)
	}
	w.look()
	o.Wait, o.Ports = 0, UsualPorts()
	began := time.Now()
	if rows := find(t, o); len(rows) != 0 {
		t.Errorf("%+v", rows)
	}
	t.Logf("%s, four probers with 700 bytes each: %d questions in %v", cidr, o.Questions(), time.Since(began).Round(time.Millisecond))
}
