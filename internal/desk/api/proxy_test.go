package api_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"rekey/internal/web"
)

const forwardedFor = "X-Forwarded-For"

// proxies are a desk's that trusts one address; these tests connect from 127.0.0.1.
func proxies(t *testing.T, at string) web.Proxies {
	t.Helper()
	p, err := web.ParseProxies(at)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// flood asks without a session until it is refused, under another header each time.
func (b *browse) flood(forwarded func(i int) string) (refused bool) {
	b.t.Helper()
	for i := range 100 {
		if status, _ := b.send("GET", "/session", "", forwardedFor, forwarded(i)); status == http.StatusTooManyRequests {
			return true
		}
	}
	return false
}

// TestFloodUnderMadeUpSenders: who writes the header themselves gets no more out
// of the desk, without a proxy and through one; other senders are not held up.
func TestFloodUnderMadeUpSenders(t *testing.T) {
	t.Parallel()
	madeUp := func(i int) string { return "198.51.100." + strconv.Itoa(i%250) }
	for name, c := range map[string]struct {
		trusted  string
		appended string // by the proxy
	}{
		"nobody is trusted":   {"", ""},
		"another is trusted":  {"192.0.2.9", ""},
		"through the proxy":   {"127.0.0.1", ", 192.0.2.66"},
		"through two of them": {"127.0.0.1, 10.0.0.0/8", ", 192.0.2.66, 10.0.0.7"},
	} {
		now := time.Now() // it stands still, so that a slow desk gets nobody a token more
		p := newPlaceBehind(t, func() time.Time { return now }, proxies(t, c.trusted))
		nobody := p.browse("")
		if !nobody.flood(func(i int) string { return madeUp(i) + c.appended }) {
			t.Errorf("%s: no flood was refused", name)
		}
		if c.appended == "" {
			continue
		}
		if status, text := nobody.send("GET", "/session", "", forwardedFor, "192.0.2.66, 203.0.113.5"); status != http.StatusUnauthorized {
			t.Errorf("%s: another sender: %d %s", name, status, text)
		}
	}
}

// TestStolenSessionThroughAProxy: a session is bound to the network that the
// trusted proxy tells, whatever the thief has written left of it.
func TestStolenSessionThroughAProxy(t *testing.T) {
	t.Parallel()
	p := newPlaceBehind(t, nil, proxies(t, "127.0.0.1"))
	const home, neighbour, elsewhere = "192.0.2.1", "192.0.2.200", "203.0.113.66"
	for thief, want := range map[string]int{
		neighbour:                                  http.StatusOK,
		elsewhere + ", " + home:                    http.StatusOK, // whoever sits at home may write what they want
		elsewhere:                                  http.StatusUnauthorized,
		home + ", " + elsewhere:                    http.StatusUnauthorized,
		home + ", 127.0.0.1, " + elsewhere:         http.StatusUnauthorized,
		home + ", " + home + ", " + elsewhere:      http.StatusUnauthorized,
		home + ", unknown":                         http.StatusUnauthorized,
		strings.Repeat(home+",", 1000) + "[::1]:1": http.StatusUnauthorized,
	} {
		ann := p.browse("")
		ann.from = home
		ann.logIn(p, "ann")
		if status, text := ann.send("GET", "/session", "", forwardedFor, thief); status != want {
			t.Errorf("%.60s: %d %s", thief, status, text)
		}
		if status, text := ann.send("GET", "/session", ""); status != want {
			t.Errorf("%.60s: whose session it was: %d %s", thief, status, text)
		}
	}
}

// TestSessionWithoutATrustedProxy: the header of whoever is not trusted neither
// binds a session nor ends it.
func TestSessionWithoutATrustedProxy(t *testing.T) {
	t.Parallel()
	for _, trusted := range []string{"", "192.0.2.9"} {
		p := newPlaceBehind(t, nil, proxies(t, trusted))
		ann := p.browse("")
		ann.from = "192.0.2.1"
		ann.logIn(p, "ann")
		for _, header := range []string{"203.0.113.66", "127.0.0.1", "garbage", ""} {
			if status, text := ann.send("GET", "/session", "", forwardedFor, header); status != http.StatusOK {
				t.Errorf("trusting %q, header %q: %d %s", trusted, header, status, text)
			}
		}
		if _, text := ann.send("GET", "/sessions?of=ann", ""); !strings.Contains(text, `"from":"127.0.0.1"`) {
			t.Errorf("trusting %q: %s", trusted, text)
		}
	}
}
