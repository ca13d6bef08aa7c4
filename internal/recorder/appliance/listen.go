package appliance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"golang.org/x/net/ipv4"

	"rekey"
	"rekey/internal/recorder"
)

// Off is the address of a door that is not to be served.
const Off = "off"

// anyLoopback is the address of every door that is given none.
const anyLoopback = "127.0.0.1:0"

// Addresses are where to listen, as IP:PORT; port 0 takes a free one. Empty
// means 127.0.0.1:0, Off leaves the door out, and what the recorder's face does
// not have is left out whatever stands here. The usual ports of a real recorder
// are 80, 443, 554, for the maker's own client recorder.Traits.SDKPort and, for
// discovery, UDP 37810.
type Addresses struct {
	HTTP, HTTPS, RTSP, SDK, Discovery string
	Seat                              string // loopback only; cannot be Off
}

// of leaves out what the face does not have.
func (a Addresses) of(t recorder.Traits) Addresses {
	if !t.HTTPS {
		a.HTTPS = Off
	}
	if !t.SDK {
		a.SDK = Off
	}
	return a
}

func (a Addresses) check() error {
	for name, text := range map[string]string{"http": a.HTTP, "https": a.HTTPS, "rtsp": a.RTSP, "sdk": a.SDK, "discovery": a.Discovery, "seat": a.Seat} {
		if text == "" || text == Off && name != "seat" {
			continue
		}
		addr, err := netip.ParseAddrPort(text)
		if err != nil {
			return fmt.Errorf("%w: %s address %q; expected IP:PORT, such as 127.0.0.1:0, or off", rekey.ErrInput, name, text)
		}
		if name == "seat" && !addr.Addr().IsLoopback() {
			return fmt.Errorf("%w: seat address %q; the local seat stands for standing in front of the box and is served on a loopback address only", rekey.ErrInput, text)
		}
	}
	return nil
}

// plugs are what is bound as long as the recorder is plugged in.
type plugs struct{ seat, control net.Listener }

// plugIn binds both or none. The box is open.
func plugIn(ctx context.Context, dir, seat string) (p plugs, err error) {
	if p.seat, err = listen(ctx, "tcp", orLoopback(seat)); err != nil {
		return plugs{}, err
	}
	if p.control, err = listenControl(ctx, dir); err != nil {
		return plugs{}, errors.Join(err, p.seat.Close())
	}
	return p, nil
}

func (p plugs) close() error { return errors.Join(ignoreClosed(p.seat), ignoreClosed(p.control)) }

// doors are what the LAN sees, bound while the recorder is on. Those that it has
// not are nil.
type doors struct {
	http, https, rtsp, sdk net.Listener
	discovery              net.PacketConn
	cords                  []*cord
}

// openDoors binds everything or nothing.
func openDoors(ctx context.Context, a Addresses) (d doors, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	for _, one := range []struct {
		at   string
		into *net.Listener
	}{{a.HTTP, &d.http}, {a.HTTPS, &d.https}, {a.RTSP, &d.rtsp}, {a.SDK, &d.sdk}} {
		if one.at == Off {
			continue
		}
		l, err := listen(ctx, "tcp", orLoopback(one.at))
		if err != nil {
			return d, err
		}
		c := &cord{Listener: l, ends: map[*cordEnd]bool{}}
		d.cords, *one.into = append(d.cords, c), c
	}
	if a.Discovery != Off {
		d.discovery, err = listenDiscovery(ctx, orLoopback(a.Discovery))
	}
	return d, err
}

// addresses are those of a with the ports that were free.
func (d doors) addresses(a Addresses) Addresses {
	bound := func(at string, l interface{ Addr() net.Addr }) string {
		if l == nil {
			return at
		}
		return samePort(at, l.Addr())
	}
	a.HTTP, a.HTTPS, a.RTSP, a.SDK = bound(a.HTTP, d.http), bound(a.HTTPS, d.https), bound(a.RTSP, d.rtsp), bound(a.SDK, d.sdk)
	if d.discovery != nil {
		a.Discovery = samePort(a.Discovery, d.discovery.LocalAddr())
	}
	return a
}

func samePort(at string, bound net.Addr) string {
	asked, err := netip.ParseAddrPort(orLoopback(at))
	got, e := netip.ParseAddrPort(bound.String())
	if err != nil || e != nil {
		return at
	}
	return netip.AddrPortFrom(asked.Addr(), got.Port()).String()
}

func orLoopback(at string) string {
	if at == "" {
		return anyLoopback
	}
	return at
}

func listen(ctx context.Context, network, at string) (net.Listener, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, network, at)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; choose another address, or port 0 for any free one", rekey.ErrConflict, err)
	}
	return l, nil
}

// dhipGroup is where discovery asks by multicast.
var dhipGroup = net.UDPAddr{IP: net.IPv4(239, 255, 255, 251)}

// listenDiscovery binds UDP and, off loopback, joins the multicast group on
// every interface that has it.
func listenDiscovery(ctx context.Context, at string) (net.PacketConn, error) {
	var c net.ListenConfig
	conn, err := c.ListenPacket(ctx, "udp", at)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; choose another address, or port 0 for any free one", rekey.ErrConflict, err)
	}
	if addr := netip.MustParseAddrPort(at).Addr(); addr.IsLoopback() || !addr.Is4() {
		return conn, nil
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return conn, nil //nolint:nilerr // broadcast and unicast still reach it
	}
	p := ipv4.NewPacketConn(conn)
	for _, i := range interfaces {
		if i.Flags&net.FlagMulticast != 0 && i.Flags&net.FlagUp != 0 {
			_ = p.JoinGroup(&i, &dhipGroup) // best effort, for the same reason
		}
	}
	return conn, nil
}

// ControlSocket is the socket of the recorder in dir.
func ControlSocket(dir string) string { return filepath.Join(dir, "control.sock") }

// notPluggedIn refuses a folder whose recorder is plugged in already: one that is
// switched off does not hold its files, but its panel waits to switch it on.
func notPluggedIn(ctx context.Context, dir string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", ControlSocket(dir))
	if err != nil {
		return nil //nolint:nilerr // nobody is there
	}
	_ = conn.Close()
	return fmt.Errorf("%w: the recorder in %s is plugged in already; if it is off, switch it on at its front panel", rekey.ErrConflict, dir)
}

// listenControl takes the place of a socket that a killed recorder left. The
// box is open, so no other recorder runs in this folder.
func listenControl(ctx context.Context, dir string) (net.Listener, error) {
	name, err := filepath.Abs(ControlSocket(dir))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	const longest = 100 // of the path of a UNIX socket, on every system
	if len(name) > longest {
		return nil, fmt.Errorf("%w: the path %s is too long for a socket; put the recorder's folder where its path has at most %d characters", rekey.ErrInput, name, longest-len("/control.sock"))
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", rekey.ErrStorage, err)
	}
	l, err := listen(ctx, "unix", name)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(name, 0o600); err != nil { // nobody else reaches it before either: the folder is 0700
		return nil, errors.Join(fmt.Errorf("%w: %w", rekey.ErrStorage, err), l.Close())
	}
	return l, nil
}

func (d doors) close() error {
	var errs []error
	for _, c := range d.cords {
		errs = append(errs, ignoreClosed(c))
	}
	if d.discovery != nil {
		errs = append(errs, ignoreClosed(d.discovery))
	}
	return errors.Join(errs...)
}

// drop ends every connection at once.
func (d doors) drop() {
	for _, c := range d.cords {
		c.drop()
	}
}

// shown are the addresses on the Info page.
func (d doors) shown() []string {
	var all []string
	for _, u := range []string{baseURL("http", d.http), baseURL("https", d.https), baseURL("rtsp", d.rtsp)} {
		if u != "" {
			all = append(all, u)
		}
	}
	return all
}

func baseURL(scheme string, l net.Listener) string {
	if l == nil {
		return ""
	}
	return scheme + "://" + reachable(l.Addr())
}

func udpAddress(c net.PacketConn) string {
	if c == nil {
		return ""
	}
	return reachable(c.LocalAddr())
}

// reachable names an address of this machine where the listener takes all.
func reachable(a net.Addr) string {
	addr, err := netip.ParseAddrPort(a.String())
	if err != nil || !addr.Addr().IsUnspecified() {
		return a.String()
	}
	here := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	return netip.AddrPortFrom(here, addr.Port()).String()
}
