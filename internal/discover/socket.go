package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/ipv4"

	"rekey"
)

// socket is a UDP socket and the groups it asks; the one for single hosts has none.
type socket struct {
	conn   *net.UDPConn
	groups []netip.AddrPort
	frames [][]byte // one for each of groups
}

// answer is one reply that a prober could read.
type answer struct {
	identity rekey.Identity
	from     netip.Addr
}

// open makes one socket for the single hosts and one for each IPv4 address of
// each network interface, so that no question leaves by another.
func open(o Options) (sockets []*socket, err error) {
	defer func() {
		if err != nil {
			for _, s := range sockets {
				_ = s.conn.Close()
			}
		}
	}()
	if o.Hosts != nil {
		conn, err := net.ListenUDP("udp", nil)
		if err != nil {
			return sockets, fmt.Errorf("%w: open a UDP socket: %w", rekey.ErrUnreachable, err)
		}
		sockets = append(sockets, &socket{conn: conn})
	}
	for _, i := range o.Interfaces {
		addrs, err := i.Addrs()
		if err != nil {
			return sockets, fmt.Errorf("%w: addresses of network interface %s: %w", rekey.ErrInput, i.Name, err)
		}
		for _, a := range addrs {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil || !prefix.Addr().Is4() {
				continue
			}
			s, err := openOn(i, prefix, o.Probers)
			if err != nil {
				return sockets, err
			}
			sockets = append(sockets, s)
		}
	}
	return sockets, nil
}

func openOn(i net.Interface, prefix netip.Prefix, probers []Prober) (*socket, error) {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(prefix.Addr(), 0)))
	if err != nil {
		return nil, fmt.Errorf("%w: open a UDP socket on %s: %w", rekey.ErrUnreachable, i.Name, err)
	}
	p := ipv4.NewPacketConn(conn)
	if err = p.SetMulticastInterface(&i); err == nil {
		err = p.SetMulticastTTL(1)
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("%w: multicast on %s: %w", rekey.ErrUnreachable, i.Name, err)
	}
	s := &socket{conn: conn}
	for _, prober := range probers {
		for _, group := range prober.Multicast() {
			if group == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
				group = broadcast(prefix)
			}
			s.groups = append(s.groups, netip.AddrPortFrom(group, uint16(prober.Port()))) // #nosec G115 -- ports fit
			s.frames = append(s.frames, prober.Frame())
		}
	}
	return s, nil
}

// broadcast is the last address of the network.
func broadcast(p netip.Prefix) netip.Addr {
	a := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(a)
}

// ask sends all questions at the given rate. A host that cannot be sent to is
// passed over: in a range most cannot.
func ask(ctx context.Context, sockets []*socket, o Options) error {
	tick := time.NewTicker(time.Second / time.Duration(o.Rate))
	defer tick.Stop()
	send := func(s *socket, frame []byte, to netip.AddrPort) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		_, _ = s.conn.WriteToUDPAddrPort(frame, to)
		return nil
	}
	for _, s := range sockets {
		for i, group := range s.groups {
			if err := send(s, s.frames[i], group); err != nil {
				return err
			}
		}
	}
	if o.Hosts == nil {
		return nil
	}
	for host := range o.Hosts {
		for _, p := range o.Probers {
			to := host
			if to.Port() == 0 {
				to = netip.AddrPortFrom(host.Addr(), uint16(p.Port())) // #nosec G115 -- ports fit
			}
			if err := send(sockets[0], p.Frame(), to); err != nil {
				return err
			}
		}
	}
	return nil
}

// listen reads all sockets until stop is called, which closes them.
func listen(sockets []*socket, probers []Prober, to chan<- answer) (stop func()) {
	done := make(chan struct{})
	var all sync.WaitGroup
	for _, s := range sockets {
		all.Go(func() { s.listen(probers, to, done) })
	}
	return func() {
		close(done)
		for _, s := range sockets {
			_ = s.conn.Close()
		}
		all.Wait()
	}
}

func (s *socket) listen(probers []Prober, to chan<- answer, done <-chan struct{}) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(buf)
		select {
		case <-done:
			return
		default:
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of some host; the socket goes on
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		for _, p := range probers {
			id, err := p.Parse(buf[:n], from)
			if err != nil {
				continue
			}
			select {
			case to <- answer{identity: id, from: from.Addr()}:
			case <-done:
				return
			}
			break
		}
	}
}
