package transport

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rekey"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const realm = "Login to 0123456789ABCDEF0123456789ABCDEF"

// guard is a server side of digest of its own, computed by hand.
type guard struct {
	password string
	stale    bool // call every nonce old once

	mu       sync.Mutex
	signed   []string // Authorization values, in their order
	unsigned int
	nonces   int
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := r.Header.Get("Authorization")
	if a == "" {
		g.unsigned++
		g.challenge(w, false)
		return
	}
	g.signed = append(g.signed, a)
	if g.stale {
		g.stale = false
		g.challenge(w, true)
		return
	}
	p := params(a)
	h := func(s string) string { x := md5.Sum([]byte(s)); return hex.EncodeToString(x[:]) }
	want := h(h("admin:"+realm+":"+g.password) + ":" + p["nonce"] + ":" + p["nc"] + ":" + p["cnonce"] + ":auth:" + h(r.Method+":"+r.RequestURI))
	if p["response"] != want || p["uri"] != r.RequestURI {
		g.challenge(w, false)
		return
	}
	fmt.Fprint(w, "OK")
}

func (g *guard) challenge(w http.ResponseWriter, stale bool) {
	g.nonces++
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Digest realm="%s",qop="auth",nonce="nonce%d", opaque="", stale="%t"`, realm, g.nonces, stale))
	w.WriteHeader(http.StatusUnauthorized)
	fmt.Fprint(w, "Invalid Authority!")
}

func params(a string) map[string]string {
	p := map[string]string{}
	for _, kv := range strings.Split(strings.TrimPrefix(a, "Digest "), ", ") {
		k, v, _ := strings.Cut(kv, "=")
		p[k] = strings.Trim(v, `"`)
	}
	return p
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func at(t *testing.T, address string) rekey.Interface {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return rekey.Interface{Kind: rekey.InterfaceCGI, Host: host, Port: n}
}

func serve(t *testing.T, h http.Handler) rekey.Interface {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return at(t, s.Listener.Addr().String())
}

func client(t *testing.T, i rekey.Interface, l Limits) *Client {
	t.Helper()
	c := New(i, quiet(), l)
	t.Cleanup(c.Close)
	return c
}

func admin(password string, spend func() error) *Digest {
	return &Digest{Login: rekey.Login{Account: "admin", Password: rekey.NewSecret(password)}, Spend: spend}
}

func TestDigestSignsWhatIsSentAndReusesTheNonce(t *testing.T) {
	t.Parallel()
	g := &guard{password: "right horse"}
	c := client(t, serve(t, g), Limits{})
	spent := 0
	d := admin("right horse", func() error { spent++; return nil })
	for range 3 {
		res, err := c.Do(t.Context(), Request{Path: EscapePath("/cgi-bin/RPC_Loadfile//mnt/a[M][0@0].mp4"), Query: Query("condition.Types[0]", "a b+c"), Digest: d})
		if err != nil || res.Status != 200 || !res.Signed {
			t.Fatalf("status %d signed %t: %v", res.Status, res.Signed, err)
		}
	}
	if g.unsigned != 1 || len(g.signed) != 3 || spent != 1 {
		t.Fatalf("%d unsigned, %d signed, %d spent; want 1, 3, 1", g.unsigned, len(g.signed), spent)
	}
	if last := params(g.signed[2]); last["nc"] != "00000003" || last["nonce"] != "nonce1" {
		t.Errorf("third request: nc %s of %s", last["nc"], last["nonce"])
	}
}

func TestWrongPasswordIsSentOnce(t *testing.T) {
	t.Parallel()
	g := &guard{password: "right"}
	c := client(t, serve(t, g), Limits{})
	res, err := c.Do(t.Context(), Request{Path: "/x", Digest: admin("wrong", nil)})
	if err != nil || res.Status != 401 || !res.Signed {
		t.Fatalf("status %d signed %t: %v", res.Status, res.Signed, err)
	}
	if len(g.signed) != 1 {
		t.Fatalf("%d requests with the password, want 1", len(g.signed))
	}
}

func TestPasswordChangedMidWay(t *testing.T) {
	t.Parallel()
	g := &guard{password: "right"}
	c := client(t, serve(t, g), Limits{})
	d := admin("right", nil)
	if _, err := c.Do(t.Context(), Request{Path: "/x", Digest: d}); err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	g.password = "other"
	g.mu.Unlock()
	res, err := c.Do(t.Context(), Request{Path: "/x", Digest: d})
	if err != nil || res.Status != 401 || !res.Signed || len(g.signed) != 2 {
		t.Fatalf("status %d signed %t, %d with the password: %v", res.Status, res.Signed, len(g.signed), err)
	}
}

func TestStaleNonceIsAnsweredOnceMore(t *testing.T) {
	t.Parallel()
	g := &guard{password: "right"}
	c := client(t, serve(t, g), Limits{})
	d := admin("right", nil)
	for _, stale := range []bool{false, true} {
		g.mu.Lock()
		g.stale = stale
		g.mu.Unlock()
		res, err := c.Do(t.Context(), Request{Path: "/x", Digest: d})
		if err != nil || res.Status != 200 {
			t.Fatalf("status %d: %v", res.Status, err)
		}
	}
	if len(g.signed) != 3 || params(g.signed[2])["nonce"] != "nonce2" {
		t.Fatalf("%d requests with the password, want 3, the last for the new nonce", len(g.signed))
	}
}

func TestNoBudgetNoPassword(t *testing.T) {
	t.Parallel()
	g := &guard{password: "right"}
	c := client(t, serve(t, g), Limits{})
	_, err := c.Do(t.Context(), Request{Path: "/x", Digest: admin("right", func() error { return rekey.ErrBudget })})
	if !errors.Is(err, rekey.ErrBudget) || len(g.signed) != 0 {
		t.Fatalf("%d with the password: %v", len(g.signed), err)
	}
}

func TestCertificateIsLearntAndHeld(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "OK") }))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(s.Close)
	sum := sha256.Sum256(s.Certificate().Raw)
	i := at(t, s.Listener.Addr().String())
	i.TLS = true
	c := client(t, i, Limits{})
	if err := c.Contact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), Request{Path: "/"}); err != nil {
		t.Fatal(err)
	}
	if got := c.At().CertSHA256; got != hex.EncodeToString(sum[:]) {
		t.Fatalf("learnt %s", got)
	}
	i.CertSHA256 = strings.Repeat("ab", 32)
	other := client(t, i, Limits{})
	if err := other.Contact(t.Context()); !errors.Is(err, rekey.ErrVerify) {
		t.Errorf("another certificate at the handshake: %v", err)
	}
	_, err := other.Do(t.Context(), Request{Path: "/"})
	if !errors.Is(err, rekey.ErrVerify) || errors.Is(err, rekey.ErrUnreachable) || MaybeSent(err) {
		t.Fatalf("another certificate: %v", err)
	}
}

func TestRedirectsAreToldNotFollowed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		location string
		same     bool
		to       string
	}{
		"https":      {"https://127.0.0.1/", true, "127.0.0.1:443"},
		"other host": {"http://192.0.2.7:81/x", false, "192.0.2.7:81"},
		"path":       {"/login.htm", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			i := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				w.Header().Set("Location", tc.location)
				w.WriteHeader(302)
			}))
			_, err := client(t, i, Limits{}).Do(t.Context(), Request{Path: "/"})
			var r *RedirectError
			if !errors.As(err, &r) || r.Same != tc.same || !errors.Is(err, rekey.ErrUnreachable) || asked.Load() != 1 {
				t.Fatalf("%d requests: %v", asked.Load(), err)
			}
			if tc.to != "" && r.To.Address() != tc.to {
				t.Errorf("to %s, want %s", r.To.Address(), tc.to)
			}
		})
	}
}

// peer is a raw TCP server: it reads one request head, says what it is given and
// closes. It tells of each request.
func peer(t *testing.T, say func(net.Conn)) (rekey.Interface, chan bool) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests := make(chan bool, 100)
	var all sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				buf := make([]byte, 8<<10)
				if n, _ := conn.Read(buf); n > 0 {
					requests <- true
					say(conn)
				}
			})
		}
	})
	return at(t, l.Addr().String()), requests
}

func TestOddPeers(t *testing.T) {
	t.Parallel()
	const long = time.Minute
	hold := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	for name, tc := range map[string]struct {
		say    func(net.Conn)
		limits Limits
	}{
		"closed after the request": {say: func(net.Conn) {}},
		"no HTTP":                  {say: func(c net.Conn) { fmt.Fprint(c, "220 mail ready\r\n") }},
		"head cut off":             {say: func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Le") }},
		"body cut off":             {say: func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf") }},
		"huge body":                {say: func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\n\r\n"+strings.Repeat("x", 2000)) }},
		"huge head":                {say: func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 100<<10)+"\r\n\r\n") }},
		"silent":                   {say: hold, limits: Limits{Connect: long, Header: 300 * time.Millisecond, Whole: long}},
		"body never ends":          {say: func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nha"); hold(c) }, limits: Limits{Connect: long, Header: long, Whole: 5 * time.Second}},
	} {
		if tc.limits == (Limits{}) {
			tc.limits = Limits{Connect: long, Header: long, Whole: long, Body: 1000}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i, requests := peer(t, tc.say)
			_, err := client(t, i, tc.limits).Do(t.Context(), Request{Path: "/x", Query: "pwd=topsecret"})
			if !errors.Is(err, rekey.ErrUnreachable) || !MaybeSent(err) {
				t.Errorf("sent %t: %v", MaybeSent(err), err)
			}
			if err != nil && (strings.Contains(err.Error(), "topsecret") || !strings.Contains(err.Error(), i.Address()) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("the error is not one clear line: %v", err)
			}
			<-requests // it may read after we gave up
			if len(requests) != 0 {
				t.Errorf("%d requests, want 1", 1+len(requests))
			}
		})
	}
}

func TestNothingSentWhenNobodyListens(t *testing.T) {
	t.Parallel()
	i := at(t, "127.0.0.1:1") // nobody is given that port by chance
	_, err := client(t, i, Limits{}).Do(t.Context(), Request{Path: "/"})
	if !errors.Is(err, rekey.ErrUnreachable) || MaybeSent(err) {
		t.Fatalf("sent %t: %v", MaybeSent(err), err)
	}
}

func TestStoppedContext(t *testing.T) {
	t.Parallel()
	i, _ := peer(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := client(t, i, Limits{}).Do(ctx, Request{Path: "/"})
	if !errors.Is(err, rekey.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v", err)
	}
}

func TestStreamEndsWhenNothingComes(t *testing.T) {
	t.Parallel()
	i, _ := peer(t, func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
		_, _ = io.Copy(io.Discard, c)
	})
	s, err := client(t, i, Limits{Idle: time.Second}).Stream(t.Context(), Request{Path: "/"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(s.Body)
	if string(got) != "half" || !errors.Is(err, rekey.ErrUnreachable) || !errors.Is(err, errIdle) {
		t.Errorf("%q: %v", got, err)
	}
	if err := s.Body.Close(); err != nil {
		t.Error(err)
	}
}

func TestTraceTellsNoQuery(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	i := serve(t, &guard{password: "hunter2hunter2"})
	c := New(i, slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})), Limits{})
	defer c.Close()
	if _, err := c.Do(t.Context(), Request{Path: "/p", Query: "pwd=hunter2hunter2", Digest: admin("hunter2hunter2", nil)}); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); strings.Contains(s, "hunter2") || !strings.Contains(s, "path=/p") || !strings.Contains(s, "status=200") {
		t.Errorf("trace: %s", s)
	}
}

// TestDrippingBodyEnds: a byte now and then is enough to keep a download from
// being idle, and would keep it for ever.
func TestDrippingBodyEnds(t *testing.T) {
	t.Parallel()
	i, _ := peer(t, func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\n\r\n")
		for {
			if _, err := c.Write([]byte("x")); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
	s, err := client(t, i, Limits{Idle: time.Minute, Window: 50 * time.Millisecond, Rate: 1 << 20}).Stream(t.Context(), Request{Path: "/"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, s.Body); !errors.Is(err, rekey.ErrUnreachable) || !errors.Is(err, errSlow) {
		t.Error(err)
	}
	if err := s.Body.Close(); err != nil {
		t.Error(err)
	}
}

// TestErrorsRepeatNothing: what a peer says in place of an answer may be the
// request, with what it carried.
func TestErrorsRepeatNothing(t *testing.T) {
	t.Parallel()
	for name, say := range map[string]string{
		"no HTTP":     "topsecret\r\n\r\n",
		"status":      "HTTP/1.1 topsecret\r\n\r\n",
		"header line": "HTTP/1.1 200 OK\r\ntopsecret\r\n\r\n",
		"length":      "HTTP/1.1 200 OK\r\nContent-Length: topsecret\r\n\r\n",
		"encoding":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: topsecret\r\n\r\n",
		"chunk":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ntopsecret\r\n",
		"redirect":    "HTTP/1.1 302 Found\r\nLocation: ftp://topsecret\r\n\r\n",
	} {
		i, _ := peer(t, func(c net.Conn) { fmt.Fprint(c, say) })
		_, err := client(t, i, Limits{}).Do(t.Context(), Request{Path: "/x", Query: "pwd=topsecret"})
		if !errors.Is(err, rekey.ErrUnreachable) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Lorex\u009b31m\x1b[2J \u202eNVR\n": "Lorex 31m [2J NVR", "\xff\xfe": "", " a\u00a0b ": "a b", "Überwachung": "Überwachung",
		strings.Repeat("x", 5000): strings.Repeat("x", 120) + "...",
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}
