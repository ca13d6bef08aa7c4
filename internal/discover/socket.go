package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"rekey"
)

// everybody is the IPv4 broadcast address, which a prober names to have the
// network's own asked.
var everybody = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// socket is a UDP socket: the one for single hosts, one that asks the groups from
// one address of an interface, or one that hears what is said to a group.
type socket struct {
	conn   *net.UDPConn
	where  string // for people, e.g. "eth0 from 192.0.2.7"
	groups []group
	direct bool // what comes in answers a question to that host alone
	takes  func(netip.Addr) bool
}

// group is whom one prober asks.
type group struct {
	prober Prober
	to     netip.AddrPort
}

// open makes a socket for the single hosts, and for each address of each network
// interface one that sends by that interface alone.
func (s *search) open(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := s.openDirect(ctx); err != nil {
		return err
	}
	for _, i := range s.Interfaces {
		if err := s.openOn(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// A question to a silent host of this machine's own network fills its socket's
// send buffer until the host's hardware address is given up, after 3 s. In that
// time thousands are asked, and a buffer of 208 KiB, as Linux gives it, holds
// about a hundred questions of the longer protocols. A full one blocks.
const (
	mostDirect      = 32
	questionsSocket = 90
)

// openDirect makes the sockets for single hosts, as many as keep the rate.
func (s *search) openDirect(ctx context.Context) error {
	questions := s.Hosts.Len() * len(s.Probers)
	for range min(mostDirect, (questions+questionsSocket-1)/questionsSocket) {
		conn, err := listenUDP(ctx, "udp", ":0", nil)
		if err != nil {
			return fmt.Errorf("%w: open a UDP socket: %w", rekey.ErrUnreachable, err)
		}
		k := &socket{conn: conn, where: "the ranges", direct: true, takes: s.Hosts.Contains}
		s.sockets, s.direct = append(s.sockets, k), append(s.direct, k)
	}
	return nil
}

func (s *search) close() {
	for _, k := range s.sockets {
		_ = k.conn.Close()
	}
}

// openOn fails when no address of the interface can be asked from. Less than all
// is trouble that is told.
func (s *search) openOn(ctx context.Context, i net.Interface) error {
	nets, err := networks(i)
	if err != nil {
		return err
	}
	takes := func(a netip.Addr) bool { return onLink(i, nets, a) }
	opened := 0
	for _, p := range nets {
		groups := groupsOn(i, p, s.Probers)
		if len(groups) == 0 {
			continue
		}
		conn, failed := openAt(ctx, i, p.Addr())
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		opened++
		s.sockets = append(s.sockets, &socket{conn: conn, where: i.Name + " from " + p.Addr().String(), groups: groups, takes: takes})
	}
	if opened == 0 && err != nil {
		return fmt.Errorf("%w: network interface %s: %w", rekey.ErrUnreachable, i.Name, err)
	}
	for _, p := range s.Probers {
		err = errors.Join(err, s.joinAll(ctx, i, nets, p, takes))
	}
	if err != nil {
		s.all.Go(func() { s.tell(ctx, heard{trouble: err}) })
	}
	return nil
}

// groupsOn are the groups that can be asked from one address: of IPv4 or of
// IPv6, and broadcast where the network has it.
func groupsOn(i net.Interface, p netip.Prefix, probers []Prober) []group {
	var groups []group
	for _, prober := range probers {
		for _, g := range prober.Multicast() {
			switch {
			case g.Is4() != p.Addr().Is4():
				continue
			case g == everybody && p.Bits() > 30:
				continue
			case g == everybody:
				g = last(p)
			case g.Is6():
				g = g.WithZone(i.Name)
			}
			groups = append(groups, group{prober, netip.AddrPortFrom(g, uint16(prober.Port()))}) // #nosec G115 -- ports fit
		}
	}
	return groups
}

// openAt is a socket at one address, whose questions go one hop far and by this
// interface alone.
func openAt(ctx context.Context, i net.Interface, a netip.Addr) (*net.UDPConn, error) {
	network := "udp4"
	if a.Is6() {
		network = "udp6"
		if a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() {
			a = a.WithZone(i.Name)
		}
	}
	conn, err := listenUDP(ctx, network, netip.AddrPortFrom(a, 0).String(), func(fd uintptr) error { return stayOn(fd, a.Is6(), i) })
	if err != nil {
		return nil, fmt.Errorf("open a UDP socket at %s: %w", a, err)
	}
	if a.Is4() {
		p := ipv4.NewPacketConn(conn)
		err = errors.Join(p.SetMulticastInterface(&i), p.SetMulticastTTL(1), p.SetTTL(1))
	} else {
		p := ipv6.NewPacketConn(conn)
		err = errors.Join(p.SetMulticastInterface(&i), p.SetMulticastHopLimit(1), p.SetHopLimit(1))
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("multicast from %s: %w", a, err)
	}
	return conn, nil
}

// joinAll opens, for a prober whose answers go to its groups, a socket for those
// of IPv4 and one for those of IPv6, as far as the interface has them.
func (s *search) joinAll(ctx context.Context, i net.Interface, nets []netip.Prefix, p Prober, takes func(netip.Addr) bool) error {
	if g, ok := p.(interface{ AnswersToGroup() bool }); !ok || !g.AnswersToGroup() {
		return nil
	}
	var failed error
	for _, six := range []bool{false, true} {
		var groups []netip.Addr
		for _, g := range p.Multicast() {
			if g.IsMulticast() && g.Is6() == six {
				groups = append(groups, g)
			}
		}
		if len(groups) == 0 || !hasAddress(nets, six) {
			continue
		}
		conn, err := join(ctx, i, groups, p.Port())
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%w: %s is not heard on %s: UDP port %d cannot be shared: %w; close the program that has it", rekey.ErrUnreachable, p.Name(), i.Name, p.Port(), err))
			continue
		}
		s.sockets = append(s.sockets, &socket{conn: conn, where: i.Name + " at the group", takes: takes})
	}
	return failed
}

func hasAddress(nets []netip.Prefix, six bool) bool {
	for _, p := range nets {
		if p.Addr().Is6() == six {
			return true
		}
	}
	return false
}

// join listens at the groups' port beside whoever else does.
func join(ctx context.Context, i net.Interface, groups []netip.Addr, port int) (*net.UDPConn, error) {
	six := groups[0].Is6()
	network := "udp4"
	if six {
		network = "udp6"
	}
	conn, err := listenUDP(ctx, network, fmt.Sprintf(":%d", port), func(fd uintptr) error {
		return errors.Join(sharePort(fd), stayOn(fd, six, i))
	})
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		at := &net.UDPAddr{IP: g.AsSlice()}
		if six {
			err = errors.Join(err, ipv6.NewPacketConn(conn).JoinGroup(&i, at))
		} else {
			err = errors.Join(err, ipv4.NewPacketConn(conn).JoinGroup(&i, at))
		}
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// listenUDP opens a socket and prepares it before it gets its address.
func listenUDP(ctx context.Context, network, address string, prepare func(fd uintptr) error) (*net.UDPConn, error) {
	c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		if prepare == nil {
			return nil
		}
		var failed error
		err := raw.Control(func(fd uintptr) { failed = prepare(fd) })
		return errors.Join(err, failed)
	}}
	conn, err := c.ListenPacket(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil // what ListenPacket makes of a udp network
}

// listen reads all sockets until they are closed.
func (s *search) listen(ctx context.Context) {
	for _, k := range s.sockets {
		s.all.Go(func() { s.hear(ctx, k) })
	}
}

func (s *search) hear(ctx context.Context, k *socket) {
	buf := make([]byte, 64<<10)
	for ctx.Err() == nil {
		n, from, err := k.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of some host; the socket goes on
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if h, is := s.read(k, buf[:n], from); is {
			s.tell(ctx, h)
		}
	}
}

// read finds the prober whose answer it is. What comes from elsewhere than was
// asked is told as trouble: it may be a recorder with an address of another network.
func (s *search) read(k *socket, packet []byte, from netip.AddrPort) (heard, bool) {
	for rank, p := range s.Probers {
		id, err := p.Parse(packet, from)
		if err != nil {
			continue
		}
		if !k.takes(from.Addr()) {
			return heard{trouble: fmt.Errorf("%w: %s answered by %s, which is outside of what was asked (%s); it is not listed", rekey.ErrUnreachable, from.Addr(), p.Name(), k.where)}, true
		}
		a := answer{identity: credited(id, p.Name()), from: from.Addr(), rank: rank + 1}
		if k.direct {
			a.asked = s.asking(p)
		}
		return heard{answer: a}, true
	}
	return heard{}, false
}

// asking is how many probers ask in the protocol of this one: some boxes hear
// only one form of a question.
func (s *search) asking(p Prober) (n int) {
	for _, other := range s.Probers {
		if other.Name() == p.Name() {
			n++
		}
	}
	return n
}
