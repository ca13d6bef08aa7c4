package rekeytest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rekey"
	"rekey/internal/catalog"
	"rekey/internal/dahua"
	"rekey/internal/discover"
	"rekey/internal/hikvision"
	"rekey/internal/onvif"
	"rekey/internal/rekeytest/faces"
)

// asked is a face that was asked, and what came of it.
type asked struct {
	box *faces.Box
	id  rekey.Identity
	err error
	all []discover.Found
}

// askAll asks all faces that are wanted, all at once: most of the time goes by
// waiting for what does not answer.
func askAll(t *testing.T, wanted func(n int) bool, ask func(n int, a *asked)) {
	t.Helper()
	answers := make([]asked, len(boxes))
	var wait sync.WaitGroup
	for n := range boxes {
		if wanted(n) {
			answers[n].box = plug(t, boxes[n].face, faces.Ports{})
			wait.Go(func() { ask(n, &answers[n]) })
		}
	}
	wait.Wait()
	for n, tc := range boxes {
		if a := answers[n]; a.box != nil {
			t.Run(fmt.Sprintf("%s, safe %t", tc.face.Name, tc.safe), func(t *testing.T) {
				if a.all != nil {
					tc.checkRows(t, a)
				} else {
					tc.looks.check(t, a.box, a.id, a.err)
				}
				tame(t, a.box, 13, 4)
			})
		}
	}
}

// Every face is taken for what it is, at few questions and with no login.
func TestIdentifyFaces(t *testing.T) {
	t.Parallel()
	askAll(t, func(int) bool { return true }, func(n int, a *asked) {
		at := rekey.Target{Host: a.box.Addr.String(), Port: a.box.Ports.HTTP}
		if boxes[n].safe {
			at.Port, at.TLS = a.box.Ports.HTTPS, true
		}
		a.id, a.err = askWhat(t.Context(), a.box, at)
	})
}

// A box that is named without a port, and has its web page at another than the
// usual one, tells it by discovery.
func TestIdentifyWithoutAPort(t *testing.T) {
	t.Parallel()
	tells := func(n int) bool {
		f := boxes[n].face
		return !boxes[n].safe && boxes[n].looks.err == nil && (f.DHIP != nil || f.WSDiscovery != nil || f.SADP != nil)
	}
	askAll(t, tells, func(_ int, a *asked) {
		a.id, a.err = askWhat(t.Context(), a.box, rekey.Target{Host: a.box.Addr.String()})
	})
}

// A sweep with discovery questions takes every face for what it is, too.
func TestFindFaces(t *testing.T) {
	t.Parallel()
	askAll(t, func(n int) bool { return !boxes[n].safe }, func(_ int, a *asked) {
		a.all = find(t, a.box, sweeping(a.box, a.box.Addr))
	})
}

// branded adds what the program adds to the identity of a single host.
func branded(id rekey.Identity) rekey.Identity {
	if odd, differs := catalog.BrandDiffers(id); differs {
		id.Oddities = append(slices.Clone(id.Oddities), odd)
	}
	return id
}

// checkRows is for the table that a search told.
func (tc boxed) checkRows(t *testing.T, a asked) {
	t.Helper()
	if len(a.all) != 1 || !slices.Equal(a.all[0].Addresses, []netip.Addr{a.box.Addr}) {
		t.Fatalf("%+v", a.all)
	}
	id, want := a.all[0].Identity, tc.looks
	if want.err != nil {
		if a.all[0].Recorder() || !slices.Equal(oddities(id), []string{"not-a-recorder"}) {
			t.Errorf("taken for a recorder: %+v", id)
		}
		return
	}
	want.odd = slices.DeleteFunc(slices.Clone(want.odd), func(o string) bool { return o == "brand-differs" }) // told of single hosts alone
	if tc.twice {
		want.odd = append([]string{"answered-twice"}, want.odd...)
	}
	want.check(t, a.box, id, nil)
}

// A box at the usual ports: its HTTPS is seen beside its HTTP, and what is
// foreign in what it tells is not gone after.
func TestIdentifyAtTheUsualPorts(t *testing.T) {
	t.Parallel()
	want := looks{
		family: "dahua", vendor: "Lorex", model: "N841A82", class: "NVR", firmware: newNVR, serial: "XX00TESTN841A82", device: "TESTN841DEVICEID",
		init: rekey.InitDone, generation: baseline2, resets: byMail, odd: []string{"clock-wrong", "foreign-xaddr", "self-signed"},
		doors: []string{"cgi http", "cgi https", "onvif http", "rpc2 http", "rpc2 https", "rtsp rtsp", "sdk sdk"}, entry: "N841",
	}
	b := plug(t, faces.LorexN841(), faces.Ports{HTTP: 80, HTTPS: 443, SDK: 35000})
	at := rekey.Target{Host: b.Addr.String()}
	if b.Ports.HTTP != 80 { // this machine keeps the low ports to itself
		at.Port, at.TLS = b.Ports.HTTPS, true
		want.doors = []string{"cgi https", "onvif https", "rpc2 https", "sdk sdk"}
	}
	id, err := askWhat(t.Context(), b, at)
	want.check(t, b, id, err)
	tame(t, b, 20, 4)
}

// The realm of its streams alone tells the family.
func TestStreamOnly(t *testing.T) {
	t.Parallel()
	b := plug(t, faces.StreamOnly(), faces.Ports{})
	want := looks{family: "dahua", init: rekey.InitUnknown, odd: []string{"no-encryption"}, doors: []string{"rtsp rtsp"}, entry: "dahua", generic: true}
	if b.Ports.RTSP != 554 { // nobody asks for streams elsewhere
		want = looks{err: rekey.ErrUnreachable}
	}
	id, err := askWhat(t.Context(), b, rekey.Target{Host: b.Addr.String()})
	want.check(t, b, id, err)
	tame(t, b, 0, 4)
}

// So it does in a sweep.
func TestFindStreamOnly(t *testing.T) {
	t.Parallel()
	b := plug(t, faces.StreamOnly(), faces.Ports{})
	rows := find(t, b, sweeping(b, b.Addr))
	if len(rows) != 1 {
		t.Fatalf("%+v", rows)
	}
	if id := rows[0].Identity; b.Ports.RTSP == 554 && (id.Family != "dahua" || !rows[0].Recorder()) {
		t.Errorf("%+v", id)
	}
	tame(t, b, 0, 4)
}

// One box on two addresses, that answers two discovery protocols and has a web
// page, is one row.
func TestFindOneBoxOnTwoAddresses(t *testing.T) {
	t.Parallel()
	one := plug(t, faces.Uninitialised(), faces.Ports{})
	two := plug(t, faces.Uninitialised(), one.Ports)
	o := sweeping(one, one.Addr)
	o.Hosts = discover.Hosts{{First: one.Addr, Last: one.Addr}, {First: two.Addr, Last: two.Addr}}
	rows := find(t, one, o)
	if len(rows) != 1 || len(rows[0].Addresses) != 2 {
		t.Fatalf("%+v", rows)
	}
	id := rows[0].Identity
	var from []string
	for _, f := range id.Learnt {
		from = append(from, f.From)
	}
	for _, source := range []string{"DHIP", "WS-Discovery", "DevInit"} {
		if !slices.ContainsFunc(from, func(f string) bool { return strings.Contains(f, source) }) {
			t.Errorf("nothing was learnt by %s: %q", source, from)
		}
	}
	if id.Model != "N842A82" || id.Serial != "XX00TESTN842A82" || id.UUID == "" || id.Init != rekey.InitFactory {
		t.Errorf("%+v", id)
	}
	tame(t, one, 13, 4)
	tame(t, two, 13, 4)
}

// Most SADP answers go to the group.
func TestFindSADPAtTheGroup(t *testing.T) {
	t.Parallel()
	lo := loopbackDevice(t)
	f := faces.HikvisionNVR()
	f.SADPGroup = &lo
	b := plug(t, f, faces.Ports{})
	o := discover.Options{Probers: []discover.Prober{hikvision.Prober{UDPPort: b.Ports.SADP}}, Interfaces: []net.Interface{lo}, Wait: 5 * time.Second}
	rows := find(t, b, o)
	if len(rows) != 1 || rows[0].Identity.Model != "DS-7608NXI-I2/8P/S" || rows[0].Identity.Init != rekey.InitDone || rows[0].Addresses[0] != b.Addr {
		t.Errorf("%+v", rows)
	}
	tame(t, b, 0, 4)
}

func loopbackDevice(t *testing.T) net.Interface {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	n := slices.IndexFunc(all, func(i net.Interface) bool { return i.Flags&net.FlagLoopback != 0 })
	if n < 0 {
		t.Fatal("no loopback interface")
	}
	return all[n]
}

// host counts the addresses that were given out. Those of one run differ from
// those of another, since some ports are fixed.
var host atomic.Uint32

func address() netip.Addr {
	n, pid := host.Add(1), os.Getpid()
	return netip.AddrFrom4([4]byte{127, byte(64 + pid>>8&63), byte(pid), byte(n)}) // #nosec G115 -- of an address
}

// plug switches a face on at an address of its own. Its streams are at the usual
// port, since nobody tells another, where this machine lets us have it.
func plug(t *testing.T, f faces.Face, ports faces.Ports) *faces.Box {
	t.Helper()
	at, usual := address(), ports
	if f.RTSP != nil {
		usual.RTSP = 554
	}
	b, err := faces.Start(at, usual, f)
	if errors.Is(err, fs.ErrPermission) {
		for _, low := range []*int{&ports.HTTP, &ports.HTTPS} {
			if *low < 1024 {
				*low = 0
			}
		}
		b, err = faces.Start(at, ports, f)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func families() (all, also []discover.Identifier) {
	return []discover.Identifier{dahua.New(quiet()), hikvision.New(quiet())}, []discover.Identifier{onvif.New(quiet())}
}

func probersOf(b *faces.Box) []discover.Prober {
	return []discover.Prober{
		dahua.Prober{UDPPort: b.Ports.DHIP}, hikvision.Prober{UDPPort: b.Ports.SADP},
		onvif.Prober{UDPPort: b.Ports.WSDiscovery}, onvif.Prober{UDPPort: b.Ports.WSDiscovery, Typed: true},
	}
}

func askWhat(ctx context.Context, b *faces.Box, at rekey.Target) (rekey.Identity, error) {
	all, also := families()
	id, err := discover.Identify(ctx, at, all, also, probersOf(b))
	return branded(id), err
}

// sweeping asks one address by all protocols and at the TCP ports of the box.
func sweeping(b *faces.Box, host netip.Addr) discover.Options {
	all, also := families()
	o := discover.Options{
		Probers: probersOf(b), Hosts: discover.Hosts{{First: host, Last: host}}, Wait: 5 * time.Second,
		Identify: func(ctx context.Context, host netip.Addr, open []int) (rekey.Identity, error) {
			return discover.IdentifyOpen(ctx, host, open, all, also)
		},
	}
	for _, port := range []int{b.Ports.HTTP, b.Ports.RTSP} {
		if port != 0 {
			o.Ports = append(o.Ports, port)
		}
	}
	return o
}

// find is the table as it stands at the end.
func find(t *testing.T, b *faces.Box, o discover.Options) []discover.Found {
	t.Helper()
	table := map[int]discover.Found{}
	o.Trouble = func(err error) { t.Errorf("%s: %v", b.Face.Name, err) }
	err := discover.Find(t.Context(), o, func(f discover.Found) {
		for _, gone := range f.Absorbs {
			delete(table, gone)
		}
		table[f.Row] = f
	})
	if err != nil {
		t.Error(err)
	}
	rows := []discover.Found{}
	for _, f := range table {
		rows = append(rows, f)
	}
	return rows
}

// tame fails where the box was sent anything of a login, or was asked too much.
func tame(t *testing.T, b *faces.Box, http, datagrams int) {
	t.Helper()
	for _, a := range b.Logins() {
		t.Errorf("%s was sent something of a login: %s: %q", b.Face.Name, a, a.Signs)
	}
	if asked := b.Asked("http", "https"); len(asked) > http {
		t.Errorf("%s was asked %d times by HTTP, for %d would do: %s", b.Face.Name, len(asked), http, asked)
	}
	if asked := b.Asked("dhip", "ws-discovery", "sadp"); len(asked) > datagrams {
		t.Errorf("%s was asked %d times by UDP: %s", b.Face.Name, len(asked), asked)
	}
	if asked := b.Asked("rtsp"); len(asked) > 2 {
		t.Errorf("%s was asked %d times by RTSP: %s", b.Face.Name, len(asked), asked)
	}
}

func oddities(id rekey.Identity) []string {
	var ids []string
	for _, o := range id.Oddities {
		ids = append(ids, o.ID)
	}
	slices.Sort(ids)
	return ids
}
