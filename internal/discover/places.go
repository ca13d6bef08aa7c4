package discover

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"rekey"
)

// Range is a run of addresses, both ends included.
type Range struct{ First, Last netip.Addr }

// Hosts are addresses to be asked one by one. They are never spread out in memory.
type Hosts []Range

// All goes through the addresses in order.
func (h Hosts) All() iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for _, r := range h {
			for a := r.First; a.IsValid() && a.Compare(r.Last) <= 0; a = a.Next() {
				if !yield(a) {
					return
				}
			}
		}
	}
}

// Contains reports whether the address is one of the hosts.
func (h Hosts) Contains(a netip.Addr) bool {
	a = a.Unmap()
	return slices.ContainsFunc(h, func(r Range) bool {
		return r.First.Zone() == a.Zone() && r.First.Compare(a) <= 0 && a.Compare(r.Last) <= 0
	})
}

// Len is the number of addresses.
func (h Hosts) Len() int {
	low := func(a netip.Addr) uint64 {
		b := a.As16()
		return binary.BigEndian.Uint64(b[8:])
	}
	n := 0
	for _, r := range h {
		n += int(low(r.Last)-low(r.First)) + 1 // #nosec G115 -- a range is 2^16 at most
	}
	return n
}

// Places are where a person wants to look.
type Places struct {
	Hosts      Hosts
	Interfaces []net.Interface
}

// widestRange is how many addresses a range may have, as a power of two: a /16,
// which takes minutes. Larger ones would take hours and reach who knows whom.
const widestRange = 16

// Resolve reads what a person names: addresses, host names, ranges of at most
// 2^16 addresses in CIDR form, and network interfaces. Of an IPv4 range the
// network and broadcast address are left out. Nothing is asked twice. A port is
// rekey.ErrInput: discovery has its own.
func Resolve(ctx context.Context, names []string) (Places, error) {
	var p Places
	for _, name := range names {
		if err := p.add(ctx, name); err != nil {
			return Places{}, err
		}
	}
	p.Hosts = tidy(p.Hosts)
	return p, nil
}

func (p *Places) add(ctx context.Context, name string) error {
	if i, err := net.InterfaceByName(name); err == nil {
		return p.addInterface(*i)
	}
	r, err := resolve(ctx, name)
	if err == nil {
		p.Hosts = append(p.Hosts, r)
	}
	return err
}

func (p *Places) addInterface(i net.Interface) error {
	nets, err := networks(i)
	switch {
	case err != nil:
		return err
	case i.Flags&net.FlagUp == 0:
		return fmt.Errorf("%w: network interface %s is switched off%s", rekey.ErrInput, i.Name, usableWords())
	case len(nets) == 0:
		return fmt.Errorf("%w: network interface %s has no address%s", rekey.ErrInput, i.Name, usableWords())
	}
	if !slices.ContainsFunc(p.Interfaces, func(have net.Interface) bool { return have.Index == i.Index }) {
		p.Interfaces = append(p.Interfaces, i)
	}
	return nil
}

func resolve(ctx context.Context, name string) (Range, error) {
	if prefix, err := netip.ParsePrefix(name); err == nil {
		return rangeOf(prefix)
	}
	t, err := rekey.ParseTarget(name)
	if err != nil {
		return Range{}, err
	}
	if t.Port != 0 {
		return Range{}, fmt.Errorf("%w: %s: discovery does not ask at a web port; name the host alone", rekey.ErrInput, t)
	}
	if a, err := netip.ParseAddr(t.Host); err == nil {
		return one(a)
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", t.Host)
	if ctx.Err() != nil {
		return Range{}, fmt.Errorf("%w: look up the name %q: %w", rekey.ErrUnreachable, t.Host, ctx.Err())
	}
	if err != nil || len(addrs) == 0 {
		return Range{}, fmt.Errorf("%w: no address is known for the name %q, and no network interface has it%s", rekey.ErrUnreachable, t.Host, usableWords())
	}
	for n, a := range addrs {
		addrs[n] = a.Unmap()
	}
	return one(slices.MinFunc(addrs, handiest))
}

// one is the range of a single host.
func one(a netip.Addr) (Range, error) {
	a = a.Unmap()
	switch {
	case a.IsUnspecified() || a.IsMulticast() || a == everybody:
		return Range{}, fmt.Errorf("%w: %s is not the address of a host; to ask everybody on a network, name its network interface", rekey.ErrInput, a)
	case a.Is6() && a.IsLinkLocalUnicast() && a.Zone() == "":
		return Range{}, fmt.Errorf("%w: %s is an address within one network; say by which network interface, as in %s%%eth0%s", rekey.ErrInput, a, a, usableWords())
	}
	if n, err := strconv.Atoi(a.Zone()); err == nil { // answers carry the name
		if i, err := net.InterfaceByIndex(n); err == nil {
			a = a.WithZone(i.Name)
		}
	}
	return Range{a, a}, nil
}

func rangeOf(p netip.Prefix) (Range, error) {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	p = p.Masked()
	bits := p.Addr().BitLen() - p.Bits()
	if bits > widestRange {
		return Range{}, fmt.Errorf("%w: %s is too wide: it has 2^%d addresses, at most 2^%d are asked; name smaller ranges, or a network interface", rekey.ErrInput, p, bits, widestRange)
	}
	if a := p.Addr(); a.Is6() && a.IsLinkLocalUnicast() {
		return Range{}, fmt.Errorf("%w: %s is a range within one network, and a range cannot say which; name the network interface, to ask everybody there%s", rekey.ErrInput, p, usableWords())
	}
	r := Range{p.Addr(), last(p)}
	if _, err := one(r.Last); err != nil {
		return Range{}, err
	}
	if p.Addr().Is4() && bits > 1 {
		r.First, r.Last = r.First.Next(), r.Last.Prev()
	}
	return r, nil
}

// last is the last address of a network; in IPv4, of one that is large enough,
// its broadcast address.
func last(p netip.Prefix) netip.Addr {
	a := p.Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(a); bit++ {
		a[bit/8] |= 1 << (7 - bit%8)
	}
	end, _ := netip.AddrFromSlice(a)
	return end
}

// tidy sorts the ranges and joins those that overlap.
func tidy(h Hosts) Hosts {
	slices.SortFunc(h, func(a, b Range) int { return a.First.Compare(b.First) })
	var out Hosts
	for _, r := range h {
		if n := len(out); n > 0 && out[n-1].Last.Zone() == r.First.Zone() && r.First.Compare(out[n-1].Last) <= 0 {
			if r.Last.Compare(out[n-1].Last) > 0 {
				out[n-1].Last = r.Last
			}
			continue
		}
		out = append(out, r)
	}
	return out
}

// Local is a network interface of this machine and the networks that it is in.
type Local struct {
	Interface net.Interface
	Networks  []netip.Prefix // the interface's own address, with the network's length
}

// String is "eth0 (192.0.2.7/24, 2001:db8::7/64)".
func (l Local) String() string {
	words := make([]string, len(l.Networks))
	for n, p := range l.Networks {
		words[n] = p.String()
	}
	return l.Interface.Name + " (" + strings.Join(words, ", ") + ")"
}

// Usable lists the network interfaces that can be asked on: switched on and with
// an address. Loopback comes last.
func Usable() ([]Local, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("%w: list the network interfaces: %w", rekey.ErrUnreachable, err)
	}
	var first, loopback []Local
	for _, i := range all {
		nets, err := networks(i)
		switch {
		case err != nil || len(nets) == 0 || i.Flags&net.FlagUp == 0:
		case i.Flags&net.FlagLoopback != 0:
			loopback = append(loopback, Local{i, nets})
		default:
			first = append(first, Local{i, nets})
		}
	}
	return append(first, loopback...), nil
}

// usableWords ends an error that is about a wrong name of a network interface.
func usableWords() string {
	locals, err := Usable()
	if err != nil || len(locals) == 0 {
		return ""
	}
	words := make([]string, len(locals))
	for n, l := range locals {
		words[n] = l.String()
	}
	return "; network interfaces here: " + strings.Join(words, ", ")
}

func networks(i net.Interface) ([]netip.Prefix, error) {
	addrs, err := i.Addrs()
	if err != nil {
		return nil, fmt.Errorf("%w: addresses of network interface %s: %w", rekey.ErrInput, i.Name, err)
	}
	var nets []netip.Prefix
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			nets = append(nets, p)
		}
	}
	return nets, nil
}

// onLink reports whether an address is in one of the interface's networks. A
// link-local address is, when it was heard there.
func onLink(i net.Interface, nets []netip.Prefix, a netip.Addr) bool {
	if a.Is6() && a.IsLinkLocalUnicast() {
		return a.Zone() == i.Name
	}
	a = a.Unmap()
	return slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(a) })
}
