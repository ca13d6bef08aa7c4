package discover

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rekey"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.0/30": "192.0.2.1 192.0.2.2", "192.0.2.4/31": "192.0.2.4 192.0.2.5", "192.0.2.7/32": "192.0.2.7",
		"192.0.2.9": "192.0.2.9", "http://192.0.2.9": "192.0.2.9", "[2001:db8::1]": "2001:db8::1", "2001:db8::/127": "2001:db8:: 2001:db8::1",
		"fe80::7%lo": "fe80::7%lo", "fe80::7%1": "fe80::7%lo", "127.0.0.1": "127.0.0.1", "::1": "::1", "::ffff:192.0.2.9": "192.0.2.9",
		"::ffff:192.0.2.0/126": "192.0.2.1 192.0.2.2", "localhost": "",
		"192.0.2.2 192.0.2.0/30 192.0.2.1": "192.0.2.1 192.0.2.2", "192.0.2.0/30 192.0.2.0": "192.0.2.0 192.0.2.1 192.0.2.2",
		"192.0.2.9 192.0.2.9 192.0.2.8": "192.0.2.8 192.0.2.9", "192.0.2.128/25 192.0.2.254/31": "",
	} {
		p, err := Resolve(t.Context(), strings.Fields(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		var got []string
		for a := range p.Hosts.All() {
			got = append(got, a.String())
			if !p.Hosts.Contains(a) {
				t.Errorf("%s: %s is not in it", in, a)
			}
		}
		if want != "" && strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", in, got, want)
		}
		if p.Hosts.Len() != len(got) || len(got) == 0 {
			t.Errorf("%s: length %d of %d", in, p.Hosts.Len(), len(got))
		}
	}
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	if p, err := Resolve(t.Context(), []string{"10.1.0.0/16", "2001:db8::/112"}); err != nil || p.Hosts.Len() != 65534+65536 {
		t.Error(p, err)
	}
	for _, in := range []string{
		"", "192.0.2.300", "192.0.2.0/33", "http://x/path", "a b", "10.0.0.0/8", "10.0.0.0/15", "0.0.0.0/0", "2001:db8::/64", "2001:db8::/111", "192.0.2.9:81", "[2001:db8::1]:5", "recorder:80",
		"0.0.0.0", "::", "255.255.255.255", "239.255.255.250", "ff02::c", "239.0.0.0/24", "fe80::1",
	} {
		if _, err := Resolve(t.Context(), []string{in}); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// A range has no zone: the advice is not to write one.
func TestALinkLocalRangeIsRefused(t *testing.T) {
	t.Parallel()
	_, err := Resolve(t.Context(), []string{"fe80::/112"})
	if !errors.Is(err, rekey.ErrInput) || !strings.Contains(err.Error(), "name the network interface") || strings.Contains(err.Error(), "%eth0") {
		t.Error(err)
	}
}

func TestInterfacesAreKeptApart(t *testing.T) {
	t.Parallel()
	p, err := Resolve(t.Context(), []string{"lo", "192.0.2.1", "lo"})
	if err != nil || len(p.Interfaces) != 1 || p.Interfaces[0].Name != "lo" || p.Hosts.Len() != 1 {
		t.Fatalf("%+v: %v", p, err)
	}
	for a, want := range map[string]bool{"127.9.9.9": true, "192.0.2.1": true, "192.0.2.2": false, "::ffff:192.0.2.1": true, "fe80::1%lo": true, "fe80::1%eth9": false} {
		nets, err := networks(p.Interfaces[0])
		if err != nil {
			t.Fatal(err)
		}
		a := netip.MustParseAddr(a)
		if got := p.Hosts.Contains(a) || onLink(p.Interfaces[0], nets, a); got != want {
			t.Errorf("%s: %t", a, got)
		}
	}
	locals, err := Usable()
	if err != nil || len(locals) == 0 || !strings.Contains(locals[len(locals)-1].String(), "127.0.0.1/8") {
		t.Errorf("%v: %v", locals, err)
	}
}

func TestLastOfANetwork(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"192.168.1.7/24": "192.168.1.255", "10.1.2.3/9": "10.127.255.255", "192.0.2.1/32": "192.0.2.1", "2001:db8::/120": "2001:db8::ff"} {
		if got := last(netip.MustParsePrefix(in)).String(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// Whatever is named, every address that was named is asked once, and no other.
func TestHostsAreAskedOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var names []string
		want := map[netip.Addr]bool{}
		for range rapid.IntRange(1, 5).Draw(t, "names") {
			a := netip.AddrFrom4([4]byte{192, 0, 2, rapid.Byte().Draw(t, "host")})
			p := netip.PrefixFrom(a, rapid.IntRange(26, 32).Draw(t, "bits")).Masked()
			names = append(names, p.String())
			for a := p.Addr(); p.Contains(a); a = a.Next() {
				if p.Bits() >= 31 || (a != p.Addr() && a != last(p)) {
					want[a] = true
				}
			}
		}
		p, err := Resolve(t.Context(), names)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for a := range p.Hosts.All() {
			n++
			if !want[a] {
				t.Fatalf("%s is asked for %v", a, names)
			}
		}
		if n != len(want) || p.Hosts.Len() != n {
			t.Fatalf("%d asked, %d named, length %d: %v", n, len(want), p.Hosts.Len(), names)
		}
	})
}
