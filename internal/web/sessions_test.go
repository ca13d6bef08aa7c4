package web

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync/atomic"
	"testing"
	"time"
)

func log0() *log.Logger { return log.New(io.Discard, "", 0) }

// front is a small site with sessions whose value is the account's name.
type front struct {
	base     string
	sessions *Sessions[string]
	clock    atomic.Int64 // seconds
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{}
	f.sessions = NewSessions[string](SessionOptions{
		Name: "front", Idle: 10 * time.Minute, Max: time.Hour,
		Now: func() time.Time { return time.Unix(f.clock.Load(), 0) },
	})
	mux := http.NewServeMux()
	mux.HandleFunc("/in/{who}", func(w http.ResponseWriter, r *http.Request) {
		if err := f.sessions.Start(w, r, r.PathValue("who")); err != nil {
			Fail(w, r, err)
		}
	})
	mux.HandleFunc("/out", func(w http.ResponseWriter, r *http.Request) { f.sessions.End(w, r) })
	mux.HandleFunc("/who", func(w http.ResponseWriter, r *http.Request) {
		who, ok := f.sessions.Get(r)
		_, _ = fmt.Fprintf(w, "%s %v", who, ok)
	})
	f.base = serve(t, mux)
	return f
}

func (f *front) who(t *testing.T, c *http.Client, want string) {
	t.Helper()
	if got := ask(t, c, "GET", f.base+"/who", nil).body; got != want {
		t.Errorf("who = %q, want %q", got, want)
	}
}

// stolen is a client that holds a copy of c's cookies.
func (f *front) stolen(t *testing.T, c *http.Client) *http.Client {
	t.Helper()
	u, err := url.Parse(f.base)
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(u, c.Jar.Cookies(u))
	thief := client(t)
	thief.Jar = jar
	return thief
}

func TestSessionLife(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	c := client(t)
	f.who(t, c, " false")
	got := ask(t, c, "GET", f.base+"/in/ann", nil)
	set, err := http.ParseSetCookie(got.header.Get("Set-Cookie"))
	if err != nil {
		t.Fatal(err)
	}
	if !set.HttpOnly || set.SameSite != http.SameSiteStrictMode || set.Path != "/" || set.MaxAge != 0 || len(set.Value) != 43 || set.Secure {
		t.Errorf("cookie attributes: HttpOnly %v SameSite %v Path %q MaxAge %d length %d", set.HttpOnly, set.SameSite, set.Path, set.MaxAge, len(set.Value))
	}
	f.who(t, c, "ann true")
	thief := f.stolen(t, c)
	f.who(t, thief, "ann true")
	ask(t, c, "GET", f.base+"/out", nil)
	f.who(t, c, " false")
	f.who(t, thief, " false")
}

// TestSessionOverTLS: the cookie is bound to the host and to TLS.
func TestSessionOverTLS(t *testing.T) {
	t.Parallel()
	s := NewSessions[string](SessionOptions{Name: "front", Idle: time.Minute, Max: time.Hour})
	r, err := http.NewRequestWithContext(t.Context(), "GET", "https://192.0.2.10/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.TLS = &tls.ConnectionState{}
	c := s.cookie(r, "id", 0)
	if !c.Secure || c.Name != "__Host-front" || c.Path != "/" || c.Domain != "" || c.Valid() != nil {
		t.Errorf("cookie name %s, Secure %v, Path %s", c.Name, c.Secure, c.Path)
	}
	r.AddCookie(&http.Cookie{Name: "front", Value: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})
	if _, ok := s.key(r); ok {
		t.Error("over TLS a cookie without __Host- is taken")
	}
}

func TestSessionFixation(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	c := client(t)
	ask(t, c, "GET", f.base+"/in/visitor", nil)
	planted := f.stolen(t, c)
	ask(t, c, "GET", f.base+"/in/admin", nil)
	f.who(t, c, "admin true")
	f.who(t, planted, " false")

	u, err := url.Parse(f.base)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		own := client(t)
		own.Jar.SetCookies(u, []*http.Cookie{{Name: "front", Value: id}})
		f.who(t, own, " false")
		ask(t, own, "GET", f.base+"/in/ann", nil)
		if got := own.Jar.Cookies(u)[0].Value; got == id {
			t.Errorf("a log-in kept the id %q that the client brought", id)
		}
	}
}

func TestSessionExpiry(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	c := client(t)
	ask(t, c, "GET", f.base+"/in/ann", nil)
	for range 6 {
		f.clock.Add(599)
		f.who(t, c, "ann true") // used within the idle time
	}
	f.clock.Add(6) // one hour since the start, idle for six seconds
	f.who(t, c, " false")

	ask(t, c, "GET", f.base+"/in/ann", nil)
	f.clock.Add(600)
	f.who(t, c, " false")
	f.clock.Add(-600) // a clock set back does not wake it
	f.who(t, c, " false")
}

func TestSessionsEndWhere(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	ann, bob := client(t), client(t)
	ask(t, ann, "GET", f.base+"/in/ann", nil)
	ask(t, bob, "GET", f.base+"/in/bob", nil)
	f.sessions.EndWhere(func(who string) bool { return who == "ann" })
	f.who(t, ann, " false")
	f.who(t, bob, "bob true")
}

func TestSessionsAreBounded(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	now := f.sessions.o.Now()
	for i := range maxSessions {
		f.sessions.open[[32]byte{byte(i), byte(i >> 8)}] = &session[string]{began: now, use: now}
	}
	if got := ask(t, client(t), "GET", f.base+"/in/ann", nil); got.status != http.StatusConflict {
		t.Errorf("status %d, want 409", got.status)
	}
	f.clock.Add(3600)
	if got := ask(t, client(t), "GET", f.base+"/in/ann", nil); got.status != 200 || len(f.sessions.open) != 1 {
		t.Errorf("after all expired: status %d, %d open", got.status, len(f.sessions.open))
	}
}

// TestSessionsListed: one sees them without their secret, ends one by its id, and
// looking is no use of it.
func TestSessionsListed(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	ann, bob := client(t), client(t)
	ask(t, ann, "GET", f.base+"/in/ann", nil)
	f.clock.Add(60)
	ask(t, bob, "GET", f.base+"/in/bob", nil)
	of := map[string]Live[string]{}
	for _, l := range f.sessions.List() {
		of[l.Value] = l
	}
	if len(of) != 2 || of["ann"].ID == of["bob"].ID || len(of["ann"].ID) != 32 || of["ann"].Began.Unix() != 0 || of["bob"].Began.Unix() != 60 {
		t.Fatalf("%+v", of)
	}
	u, err := url.Parse(f.base)
	if err != nil {
		t.Fatal(err)
	}
	request := func() *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), "GET", f.base, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range ann.Jar.Cookies(u) {
			r.AddCookie(c)
		}
		return r
	}
	if id, ok := f.sessions.ID(request()); !ok || id != of["ann"].ID {
		t.Errorf("ann's is %q", id)
	}
	f.clock.Add(539) // ann's was not used for 599 s
	if who, ok := f.sessions.Look(request()); !ok || who != "ann" {
		t.Errorf("look: %q %v", who, ok)
	}
	f.clock.Add(1)
	if who, ok := f.sessions.Look(request()); ok || who != "" || f.sessions.Open(request()) {
		t.Errorf("looking kept it: %q %v", who, ok)
	}
	if got := f.sessions.List(); len(got) != 1 || got[0].Value != "bob" {
		t.Errorf("%+v", got)
	}
	if f.sessions.EndID(of["ann"].ID) || f.sessions.EndID("") || !f.sessions.EndID(of["bob"].ID) || f.sessions.EndID(of["bob"].ID) {
		t.Error("a session ended twice, or none did")
	}
	f.who(t, bob, " false")
}
