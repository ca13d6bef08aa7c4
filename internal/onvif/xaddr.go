package onvif

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"rekey"
	"rekey/internal/transport"
)

// xaddr is one address at which a device says that it has a service.
type xaddr struct {
	host string
	port int
	tls  bool
}

// parseXAddr takes an http or https URL.
func parseXAddr(s string) (xaddr, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" {
		return xaddr{}, false
	}
	x := xaddr{host: u.Hostname(), port: 80}
	switch strings.ToLower(u.Scheme) {
	case "http":
	case "https":
		x.port, x.tls = 443, true
	default:
		return xaddr{}, false
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return xaddr{}, false
		}
		x.port = int(n)
	}
	return x, true
}

// isAt reports whether the address is that one.
func (x xaddr) isAt(source netip.Addr) bool {
	a, err := netip.ParseAddr(x.host)
	return err == nil && a.Unmap().WithZone("") == source.Unmap().WithZone("")
}

// contradicts: it is a name, or another address of the same kind. An IPv4
// address in an answer over IPv6 is only the same box's other one.
func (x xaddr) contradicts(source netip.Addr) bool {
	a, err := netip.ParseAddr(x.host)
	return err != nil || a.Unmap().Is4() == source.Unmap().Is4()
}

// readXAddrs takes the doors. The packet's source is where the device is
// reached: what it says of itself may be a name, an address behind NAT or one
// of a link without DHCP. It reports whether an address is the source's.
func readXAddrs(id *rekey.Identity, words []string, source netip.Addr) (atSource bool) {
	var usable, here []xaddr
	foreign := ""
	for _, w := range words {
		x, ok := parseXAddr(w)
		switch {
		case !ok:
			continue
		case x.isAt(source):
			here = append(here, x)
		case x.contradicts(source) && foreign == "":
			foreign = x.host
		}
		usable = append(usable, x)
	}
	doors := here
	if len(here) == 0 {
		doors = usable[:min(len(usable), 1)]
		if foreign != "" {
			noteForeign(id, foreign, source.String())
		}
	}
	for _, x := range doors {
		door := rekey.Interface{Kind: rekey.InterfaceONVIF, Host: source.String(), Port: x.port, TLS: x.tls}
		if !slices.Contains(id.Interfaces, door) {
			id.Interfaces = append(id.Interfaces, door)
		}
	}
	return len(here) > 0
}

// noteForeign tells that a device gives another address than the one it has here.
func noteForeign(id *rekey.Identity, told, here string) {
	id.Odd("foreign-xaddr", fmt.Sprintf("It announces its ONVIF service at %s, but it answers at %s, which rekey uses; set its network settings right if other programs cannot reach it.", transport.Printable(told), here))
}
