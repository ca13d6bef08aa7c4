package staff_test

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey/internal/desk/staff"
)

// thief is another browser that holds copies of some of b's cookies.
func (b *browse) thief(names ...string) *browse {
	b.p.t.Helper()
	u, err := url.Parse(b.p.origin)
	if err != nil {
		b.p.t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.p.t.Fatal(err)
	}
	jar.SetCookies(u, slices.DeleteFunc(b.c.Jar.Cookies(u), func(c *http.Cookie) bool { return !slices.Contains(names, c.Name) }))
	other := b.p.browse()
	other.c.Jar = jar
	return other
}

const sessionName, browserName = "rekey-desk", "rekey-desk-browser"

// TestStolenSession: a session's cookie is worth nothing in another browser,
// with another User-Agent, or from another network. Whoever tries ends the
// session, and that is recorded once.
func TestStolenSession(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	n := 0
	for name, c := range map[string]struct {
		cookies []string
		change  func(*browse)
		taken   bool
	}{
		"the same one":        {[]string{sessionName, browserName}, func(*browse) {}, true},
		"a neighbour's":       {[]string{sessionName, browserName}, func(b *browse) { b.from = "192.0.2.200" }, true},
		"another browser":     {[]string{sessionName}, func(*browse) {}, false},
		"another user agent":  {[]string{sessionName, browserName}, func(b *browse) { b.agent += " Chrome/1" }, false},
		"another network":     {[]string{sessionName, browserName}, func(b *browse) { b.from = "192.0.3.1" }, false},
		"IPv6 instead":        {[]string{sessionName, browserName}, func(b *browse) { b.from = "2001:db8::1" }, false},
		"this machine itself": {[]string{sessionName, browserName}, func(b *browse) { b.from = "127.0.0.1" }, false},
	} {
		n++
		agent := fmt.Sprintf("ann%d", n)
		b := p.browse()
		if b.logIn(p.agent(agent, staff.RoleAgent)) != http.StatusOK {
			t.Fatal("no log-in")
		}
		want, records := "401", 1
		if c.taken {
			want, records = agent, 0
		}
		thief := b.thief(c.cookies...)
		c.change(thief)
		if got := thief.who(); got != want {
			t.Errorf("%s: the thief is %s", name, got)
		}
		if got := b.who(); got != want {
			t.Errorf("%s: whose session it was is %s", name, got)
		}
		_ = thief.who()
		if got := p.log.count(" session.misplaced " + agent + " refused another "); got != records {
			t.Errorf("%s: %d records", name, got)
		}
	}
}

// TestNetworks: IPv6 to the /48; this machine is one network by any address.
func TestNetworks(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	k := p.agent("ann", staff.RoleAgent)
	for _, c := range []struct{ begins, goesOn, want string }{
		{"2001:db8:1::1", "2001:db8:1:ffff::2", "ann"},
		{"2001:db8:1::1", "2001:db8:2::1", "401"},
		{"127.0.0.1", "::1", "ann"},
		{"::1", "127.0.0.53", "ann"},
		{"::ffff:192.0.2.1", "192.0.2.9", "ann"},
	} {
		b := p.browse()
		b.from = c.begins
		if b.logIn(k) != http.StatusOK {
			t.Fatal("no log-in")
		}
		b.from = c.goesOn
		if got := b.who(); got != c.want {
			t.Errorf("from %s to %s: %s", c.begins, c.goesOn, got)
		}
	}
}

// TestCookies: what the cookies say of themselves; the browser keeps its name
// from one log-in to the next, one that it made up is replaced.
func TestCookies(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	k := p.agent("ann", staff.RoleAgent)
	b := p.browse()
	if b.logIn(k) != http.StatusOK {
		t.Fatal("no log-in")
	}
	named := func() string {
		u, _ := url.Parse(p.origin)
		for _, c := range b.c.Jar.Cookies(u) {
			if c.Name == browserName {
				return c.Value
			}
		}
		return ""
	}
	first := named()
	if len(first) != 43 {
		t.Fatalf("%d letters", len(first))
	}
	if b.logIn(k) != http.StatusOK || named() != first {
		t.Error("the browser got another name")
	}
	u, err := url.Parse(p.origin)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"x", strings.Repeat("A", 44), strings.Repeat("*", 43)} {
		b.c.Jar.SetCookies(u, []*http.Cookie{{Name: browserName, Value: bad}})
		if b.logIn(k) != http.StatusOK || named() == bad || b.who() != "ann" {
			t.Errorf("kept %q", bad)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.origin+"/login", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if len(resp.Cookies()) != 0 {
		t.Errorf("cookies for who failed: %d", len(resp.Cookies()))
	}
}

// TestSessionLife: 15 minutes idle, 12 hours at most; live news are no use of it.
func TestSessionLife(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	k := p.agent("ann", staff.RoleAgent)
	b := p.browse()
	if b.logIn(k) != http.StatusOK {
		t.Fatal("no log-in")
	}
	for range 51 { // 11 h 54 min
		p.clock.Add(14 * time.Minute)
		if got := b.who(); got != "ann" {
			t.Fatalf("in use: %s", got)
		}
	}
	p.clock.Add(6 * time.Minute)
	if got := b.who(); got != "401" {
		t.Errorf("after 12 h: %s", got)
	}
	if b.logIn(k) != http.StatusOK {
		t.Fatal("no log-in")
	}
	for range 3 {
		p.clock.Add(4 * time.Minute)
		if status, _ := b.send("GET", "/still", ""); status != http.StatusOK {
			t.Errorf("still: %d", status)
		}
	}
	p.clock.Add(3 * time.Minute)
	if status, _ := b.send("GET", "/still", ""); status != http.StatusUnauthorized || b.who() != "401" {
		t.Errorf("after 15 min of news alone: %d", status)
	}
}

// TestOldCookie: what came before a log-in is worth nothing after it.
func TestOldCookie(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	k := p.agent("ann", staff.RoleAgent)
	b := p.browse()
	if b.logIn(k) != http.StatusOK {
		t.Fatal("no log-in")
	}
	planted := b.thief(sessionName, browserName)
	if b.logIn(k) != http.StatusOK {
		t.Fatal("no log-in")
	}
	if got := planted.who(); got != "401" || b.who() != "ann" {
		t.Errorf("the old one: %s", got)
	}
	gone := b.thief(sessionName, browserName)
	b.send("POST", "/logout", "")
	if got := gone.who(); got != "401" {
		t.Errorf("after the end: %s", got)
	}
}
