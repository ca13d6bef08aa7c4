package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"rekey"
)

// Sender is the address that a request comes from, without a zone; the zero
// Addr where there is none. Below [Proxies.Handler] it is the one that a trusted
// proxy tells.
func Sender(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return plain(at.Addr())
}

func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// Proxies are the addresses of the reverse proxies that a front believes. The
// zero value believes nobody.
type Proxies []netip.Prefix

// ParseProxies reads addresses and prefixes with commas or blanks between them.
// The error wraps rekey.ErrInput.
func ParseProxies(text string) (Proxies, error) {
	var all Proxies
	for _, word := range strings.Fields(strings.ReplaceAll(text, ",", " ")) {
		p, err := parseProxy(word)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// parseProxy refuses what trusts more than it seems to, and what no address is
// ever in.
func parseProxy(word string) (netip.Prefix, error) {
	if at, err := netip.ParseAddr(word); err == nil && at.Zone() == "" {
		at = at.Unmap()
		return netip.PrefixFrom(at, at.BitLen()), nil
	}
	p, err := netip.ParsePrefix(word)
	switch {
	case err != nil:
		return p, fmt.Errorf("%w: proxy %q: expected an address or a prefix, such as 192.0.2.7 or 2001:db8::/64", rekey.ErrInput, word)
	case p.Addr().Is4In6():
		return p, fmt.Errorf("%w: proxy %s: write it as an IPv4 prefix", rekey.ErrInput, word)
	case p.Bits() == 0:
		return p, fmt.Errorf("%w: proxy %s is everybody; name the proxy alone", rekey.ErrInput, word)
	case p != p.Masked():
		return p, fmt.Errorf("%w: proxy %s has an address behind its prefix; write %s, or the address alone", rekey.ErrInput, word, p.Masked())
	}
	return p, nil
}

func (p Proxies) trust(a netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// OnThisMachine tells whether one of them is at a loopback address.
func (p Proxies) OnThisMachine() bool {
	for _, prefix := range p {
		if prefix.Addr().IsLoopback() {
			return true
		}
	}
	return false
}

// Handler has requests that a trusted proxy passes on come from the sender that
// it tells in X-Forwarded-For; all others come from where their connection does,
// whatever they say. It wants to be the outermost: what is inside asks [Sender].
// Nothing else that a proxy may tell is looked at, Forwarded (RFC 7239) and
// X-Forwarded-Proto included.
func (p Proxies) Handler(next http.Handler) http.Handler {
	if len(p) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from := p.sender(r); from != Sender(r) {
			told := *r
			told.RemoteAddr = netip.AddrPortFrom(from, 0).String()
			r = &told
		}
		next.ServeHTTP(w, r)
	})
}

// sender goes from hop to hop, from the connection's end on. Each hop told of the
// one to its left, so it goes on as long as the hop is trusted: what an untrusted
// sender wrote itself is never reached. A hop that tells nothing, or nothing that
// can be read, is the end: to look behind it would be to believe the sender.
func (p Proxies) sender(r *http.Request) netip.Addr {
	at := Sender(r)
	for told := strings.Join(r.Header.Values("X-Forwarded-For"), ","); told != "" && p.trust(at); {
		comma := strings.LastIndexByte(told, ',')
		hop, ok := parseHop(told[comma+1:])
		if !ok {
			break
		}
		at, told = hop, told[:max(comma, 0)]
	}
	return at
}

// parseHop reads an address as proxies write it: some with a port, some IPv6 in brackets.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.Trim(text, " \t")
	if at, err := netip.ParseAddrPort(text); err == nil {
		return plain(at.Addr()), true
	}
	if at, err := netip.ParseAddrPort(text + ":0"); err == nil { // [IPv6], or IPv4
		return plain(at.Addr()), true
	}
	at, err := netip.ParseAddr(text)
	return plain(at), err == nil
}
