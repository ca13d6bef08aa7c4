// Package discover turns addresses into identified recorders, without a login.
// It sends only to the hosts and on the network interfaces that it was given.
package discover

import (
	"context"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"time"

	"rekey"
)

// Prober knows one discovery protocol over UDP.
type Prober interface {
	// Name is the protocol's, as it stands in rekey.Fact.From.
	Name() string
	// Port is where recorders listen.
	Port() int
	// Multicast are the groups that recorders join; 255.255.255.255 stands for
	// the broadcast address of the network interface.
	Multicast() []netip.Addr
	// Frame is the question.
	Frame() []byte
	// Parse reads an answer. An error means that it is not one of this protocol.
	Parse(reply []byte, from netip.AddrPort) (rekey.Identity, error)
}

// Options says where to look.
type Options struct {
	Probers []Prober
	// Hosts are asked one by one; port 0 means the prober's own. May be nil.
	Hosts iter.Seq[netip.AddrPort]
	// Interfaces are asked by multicast and broadcast, one hop far. None means none.
	Interfaces []net.Interface
	Wait       time.Duration // for answers, after the last question; 3 s when 0
	Rate       int           // questions a second; 500 when 0

	only netip.Addr // answers of others are dropped; the zero one takes all
}

// Found is one recorder.
type Found struct {
	Identity rekey.Identity
	Address  netip.Addr // where the answer came from
	More     bool       // the recorder was told before; now more is known of it
}

// Find asks and calls each for every recorder as its answers come in: once, and
// again when an answer adds something. Several answers of one recorder are one.
// It ends after Options.Wait, or with the context's error.
func Find(ctx context.Context, o Options, each func(Found)) error {
	if o.Wait == 0 {
		o.Wait = 3 * time.Second
	}
	if o.Rate == 0 {
		o.Rate = 500
	}
	sockets, err := open(o)
	if err != nil {
		return err
	}
	answers := make(chan answer)
	stop := listen(sockets, o.Probers, answers)
	defer stop()
	asked := make(chan error, 1)
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { asked <- ask(asking, sockets, o) }()
	return collect(ctx, o, asked, answers, each)
}

// collect runs until the wait after the last question is over.
func collect(ctx context.Context, o Options, asked <-chan error, answers <-chan answer, each func(Found)) error {
	var seen boxes
	var over <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-asked:
			if err != nil {
				return err
			}
			asked, over = nil, time.After(o.Wait)
		case a := <-answers:
			if o.only.IsValid() && a.from != o.only {
				continue
			}
			if f, news := seen.add(a); news {
				each(f)
			}
		case <-over:
			return nil
		}
	}
}

// widestRange is how many addresses a range may have, as a power of two: a /16,
// which takes two minutes. Larger ones would take hours and reach who knows whom.
const widestRange = 16

// Resolve reads what a person names: an address, a host name, or a range of at
// most a /16 in CIDR form. The ranges are not spread out in memory. A port is
// rekey.ErrInput: discovery has one of its own.
func Resolve(ctx context.Context, names []string) (iter.Seq[netip.AddrPort], error) {
	parts := make([]iter.Seq[netip.AddrPort], 0, len(names))
	for _, name := range names {
		part, err := resolve(ctx, name)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return func(yield func(netip.AddrPort) bool) {
		for _, part := range parts {
			for a := range part {
				if !yield(a) {
					return
				}
			}
		}
	}, nil
}

func resolve(ctx context.Context, name string) (iter.Seq[netip.AddrPort], error) {
	if prefix, err := netip.ParsePrefix(name); err == nil {
		if bits := prefix.Addr().BitLen() - prefix.Bits(); bits > widestRange {
			return nil, fmt.Errorf("%w: %s is too wide: it has 2^%d addresses, at most 2^%d are asked; name smaller ranges, or a network interface", rekey.ErrInput, prefix, bits, widestRange)
		}
		return hostsOf(prefix.Masked()), nil
	}
	if a, err := netip.ParseAddr(name); err == nil {
		return one(a), nil
	}
	t, err := rekey.ParseTarget(name)
	if err != nil {
		return nil, err
	}
	if t.Port != 0 {
		return nil, fmt.Errorf("%w: %s: discovery does not ask at a web port; name the host alone", rekey.ErrInput, t)
	}
	if a, err := netip.ParseAddr(t.Host); err == nil {
		return one(a), nil
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", t.Host)
	if err != nil || len(addrs) == 0 {
		return nil, fmt.Errorf("%w: no address is known for the name %q", rekey.ErrUnreachable, t.Host)
	}
	return one(addrs[0].Unmap()), nil
}

func one(a netip.Addr) iter.Seq[netip.AddrPort] {
	return func(yield func(netip.AddrPort) bool) { yield(netip.AddrPortFrom(a, 0)) }
}

// hostsOf leaves out the network and broadcast address of an IPv4 range.
func hostsOf(p netip.Prefix) iter.Seq[netip.AddrPort] {
	return func(yield func(netip.AddrPort) bool) {
		ends := p.Addr().Is4() && p.Bits() < 31
		for a := p.Addr(); p.Contains(a); a = a.Next() {
			if ends && (a == p.Addr() || !p.Contains(a.Next())) {
				continue
			}
			if !yield(netip.AddrPortFrom(a, 0)) {
				return
			}
		}
	}
}
