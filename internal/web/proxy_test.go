package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"rekey"
)

func TestParseProxies(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                             nil,
		" , ":                          nil,
		"192.0.2.7":                    {"192.0.2.7/32"},
		"192.0.2.7, 2001:db8::7":       {"192.0.2.7/32", "2001:db8::7/128"},
		"10.0.0.0/8 2001:db8::/64,::1": {"10.0.0.0/8", "2001:db8::/64", "::1/128"},
		"::ffff:192.0.2.7":             {"192.0.2.7/32"},
		"192.0.2.7/32":                 {"192.0.2.7/32"},
	} {
		got, err := ParseProxies(text)
		var words []string
		for _, p := range got {
			words = append(words, p.String())
		}
		if err != nil || !slices.Equal(words, want) {
			t.Errorf("%q: %v, %v", text, words, err)
		}
	}
	for text, says := range map[string]string{
		"proxy.example.com":         "expected an address or a prefix",
		"192.0.2.7:443":             "expected an address or a prefix",
		"[2001:db8::7]":             "expected an address or a prefix",
		"192.0.2.0/33":              "expected an address or a prefix",
		"192.0.2.0/":                "expected an address or a prefix",
		"192.0.2":                   "expected an address or a prefix",
		"fe80::1%eth0":              "expected an address or a prefix",
		"fe80::%eth0/64":            "expected an address or a prefix",
		"*":                         "expected an address or a prefix",
		"127.0.0.1;::1":             "expected an address or a prefix",
		"10.0.0.1/8":                "write 10.0.0.0/8, or the address alone",
		"127.0.0.1, 2001:db8::7/64": "write 2001:db8::/64",
		"0.0.0.0/0":                 "is everybody",
		"::/0":                      "is everybody",
		"::ffff:10.0.0.0/104":       "as an IPv4 prefix",
	} {
		if got, err := ParseProxies(text); !errors.Is(err, rekey.ErrInput) || !strings.Contains(err.Error(), says) || got != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// told is a request by a connection from peer with these lines of X-Forwarded-For.
func told(peer string, lines ...string) *http.Request {
	r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: http.Header{}, RemoteAddr: peer}
	for _, l := range lines {
		r.Header.Add("X-Forwarded-For", l)
	}
	return r
}

// seen is whom the handler behind the proxies takes for the sender.
func (p Proxies) seen(r *http.Request) (from netip.Addr) {
	p.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { from = Sender(r) })).ServeHTTP(httptest.NewRecorder(), r)
	return from
}

func TestSenderBehindProxies(t *testing.T) {
	t.Parallel()
	proxies, err := ParseProxies("127.0.0.1, 10.0.0.0/8, 2001:db8:f::/48")
	if err != nil {
		t.Fatal(err)
	}
	const proxy, stranger = "127.0.0.1:4000", "192.0.2.66:4000"
	for name, c := range map[string]struct {
		peer  string
		lines []string
		want  string
	}{
		"directly":                         {stranger, nil, "192.0.2.66"},
		"a stranger's word":                {stranger, []string{"198.51.100.1"}, "192.0.2.66"},
		"a stranger's word, through":       {proxy, []string{"198.51.100.1, 192.0.2.66"}, "192.0.2.66"},
		"that it is a proxy itself":        {stranger, []string{"198.51.100.1, 127.0.0.1"}, "192.0.2.66"},
		"proxies to the left":              {proxy, []string{"10.0.0.1, 198.51.100.1, 10.0.0.2, 192.0.2.66"}, "192.0.2.66"},
		"the proxy says nothing":           {proxy, nil, "127.0.0.1"},
		"an empty line":                    {proxy, []string{""}, "127.0.0.1"},
		"one sender":                       {proxy, []string{"192.0.2.1"}, "192.0.2.1"},
		"two proxies":                      {proxy, []string{"192.0.2.1, 10.1.2.3"}, "192.0.2.1"},
		"two proxies, two lines":           {proxy, []string{"192.0.2.1", "10.1.2.3"}, "192.0.2.1"},
		"three lines, the first made up":   {proxy, []string{"198.51.100.1", "192.0.2.1", "10.1.2.3"}, "192.0.2.1"},
		"proxies alone":                    {proxy, []string{"10.0.0.1,10.0.0.2"}, "10.0.0.1"},
		"no blanks, or many":               {proxy, []string{"198.51.100.1,\t 192.0.2.1  ,10.0.0.2"}, "192.0.2.1"},
		"a port":                           {proxy, []string{"192.0.2.1:5000"}, "192.0.2.1"},
		"IPv6":                             {proxy, []string{"2001:db8::5"}, "2001:db8::5"},
		"IPv6 in brackets":                 {proxy, []string{"[2001:db8::5]"}, "2001:db8::5"},
		"IPv6 and a port":                  {proxy, []string{"[2001:db8::5]:5000"}, "2001:db8::5"},
		"IPv6 that ends like a port":       {proxy, []string{"2001:db8::5:443"}, "2001:db8::5:443"},
		"IPv6 with a zone":                 {proxy, []string{"fe80::5%eth0"}, "fe80::5"},
		"IPv4 as IPv6":                     {proxy, []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		"a proxy's IPv4 as IPv6":           {proxy, []string{"192.0.2.1, ::ffff:10.0.0.2"}, "192.0.2.1"},
		"the same with a port":             {proxy, []string{"192.0.2.1, [::ffff:10.0.0.2]:80"}, "192.0.2.1"},
		"a proxy that connects by IPv6":    {"[2001:db8:f::1]:4000", []string{"192.0.2.1"}, "192.0.2.1"},
		"the same, on a dual-stack socket": {"[::ffff:127.0.0.1]:4000", []string{"192.0.2.1"}, "192.0.2.1"},
		"garbage":                          {proxy, []string{"unknown"}, "127.0.0.1"},
		"a name":                           {proxy, []string{"192.0.2.1, proxy.example.com"}, "127.0.0.1"},
		"garbage behind a proxy":           {proxy, []string{"192.0.2.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		"garbage that the sender wrote":    {proxy, []string{"'; --, 192.0.2.1"}, "192.0.2.1"},
		"nothing after the comma":          {proxy, []string{"192.0.2.1,"}, "127.0.0.1"},
		"nothing in between":               {proxy, []string{"192.0.2.1,,10.0.0.2"}, "10.0.0.2"},
		"an empty line after one":          {proxy, []string{"192.0.2.1", ""}, "127.0.0.1"},
		"a port too large":                 {proxy, []string{"192.0.2.1:70000"}, "127.0.0.1"},
		"IPv4 in brackets":                 {proxy, []string{"[192.0.2.1]"}, "127.0.0.1"},
		"half a bracket":                   {proxy, []string{"[2001:db8::5"}, "127.0.0.1"},
		"the form of RFC 7239":             {proxy, []string{`for="[2001:db8::5]"`}, "127.0.0.1"},
		"a number":                         {proxy, []string{"3221225985"}, "127.0.0.1"},
		"leading zeroes":                   {proxy, []string{"192.000.002.001"}, "127.0.0.1"},
		"no address of the connection":     {"@", []string{"192.0.2.1"}, "invalid IP"},
	} {
		if got := proxies.seen(told(c.peer, c.lines...)).String(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if got, want := Proxies(nil).seen(told(c.peer, c.lines...)), Sender(told(c.peer)); got != want {
			t.Errorf("%s: with nobody trusted it is %s, want %s", name, got, want)
		}
	}
}

// TestOtherWordsOfAProxy: what else a proxy may tell is not looked at.
func TestOtherWordsOfAProxy(t *testing.T) {
	t.Parallel()
	proxies, err := ParseProxies("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	r := told("127.0.0.1:4000", "192.0.2.1")
	for _, h := range []string{"Forwarded", "X-Real-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip", "X-Forwarded"} {
		r.Header.Set(h, "for=198.51.100.1")
		r.Header.Add(h, "198.51.100.1")
	}
	if got := proxies.seen(r).String(); got != "192.0.2.1" {
		t.Errorf("the sender is %s", got)
	}
	if r.RemoteAddr != "127.0.0.1:4000" {
		t.Errorf("the caller's request was changed: %s", r.RemoteAddr)
	}
}

// FuzzForwarded: whatever stands in the header, an untrusted connection is where
// it comes from, and what stands left of the address that a trusted proxy
// appended changes nothing.
func FuzzForwarded(f *testing.F) {
	for _, s := range []string{"", ",", "198.51.100.1", "10.0.0.1, 10.0.0.2", "[::1]:80", "unknown", "::ffff:10.0.0.1", "a\x00b", "fe80::1%\xff", strings.Repeat("10.0.0.1,", 50)} {
		f.Add(s, s)
	}
	proxies, err := ParseProxies("127.0.0.1, 10.0.0.0/8")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		if got := proxies.seen(told("192.0.2.66:1", first, second)).String(); got != "192.0.2.66" {
			t.Fatalf("an untrusted connection comes from %s", got)
		}
		for _, lines := range [][]string{{first, second + ", 192.0.2.66"}, {first, second, "192.0.2.66"}, {first + "," + second, "192.0.2.66:80, 10.0.0.9"}} {
			if got := proxies.seen(told("127.0.0.1:1", lines...)).String(); got != "192.0.2.66" {
				t.Fatalf("%q: %s", lines, got)
			}
		}
		if got := proxies.seen(told("127.0.0.1:1", first, second)); !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Fatalf("%q, %q: %s", first, second, got)
		}
	})
}
