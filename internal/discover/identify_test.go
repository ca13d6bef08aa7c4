package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"rekey"
)

// knows is an identifier that knows the recorder at some web ports.
type knows struct {
	family string
	id     rekey.Identity
	ports  []int
	err    error // at other ports; nil: not a recorder

	mu    *sync.Mutex
	asked *[]string
}

func (k knows) Family() string { return k.family }

func (k knows) Identify(_ context.Context, t rekey.Target) (rekey.Identity, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	*k.asked = append(*k.asked, k.family)
	if slices.Contains(k.ports, t.HTTPPort()) {
		return k.id, nil
	}
	if k.err != nil {
		return rekey.Identity{}, k.err
	}
	return rekey.Identity{}, fmt.Errorf("%w: %s", rekey.ErrNotRecorder, t)
}

// page is a web server that is no recorder.
func page(t *testing.T, handler http.HandlerFunc) int {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.Listener.Addr().(*net.TCPAddr).Port
}

func printer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Server", "jet\tdirect")
	_, _ = w.Write([]byte("<html><title>\n Laser &amp; Sons\x07 </title>"))
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	web, closed, dumb := page(t, printer), 1, page(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	b := boxAt(t, "127.0.0.1:0", map[string][]string{"one?": {"one!serial=S1;model=weak"}, "two?": {"two!serial=S1;uuid=u2"}})
	probers := []Prober{words{name: "one", port: int(b.at.Port())}, words{name: "two", port: int(b.at.Port())}}
	strong := rekey.Identity{Family: "f", Model: "strong", Init: rekey.InitDone}
	for name, tc := range map[string]struct {
		port           int
		families, also []knows
		probers        []Prober
		kind           error
		want           string // family model serial uuid
		asked          string
		words          string
	}{
		"merged":             {port: web, families: []knows{{family: "f", id: strong, ports: []int{web}}}, probers: probers, want: "f strong S1 u2", asked: "f"},
		"second family":      {port: web, families: []knows{{family: "e"}, {family: "f", id: strong, ports: []int{web}}, {family: "g"}}, want: "f strong  ", asked: "e f"},
		"one stays silent":   {port: web, families: []knows{{family: "e", err: rekey.ErrUnreachable}, {family: "f", id: strong, ports: []int{web}}}, want: "f strong  ", asked: "e f"},
		"also":               {port: web, families: []knows{{family: "f", id: strong, ports: []int{web}}}, also: []knows{{family: "onvif", id: rekey.Identity{Family: "onvif", Model: "x", UUID: "u1"}, ports: []int{web}}}, want: "f strong  u1", asked: "f onvif"},
		"only also knows it": {port: web, families: []knows{{family: "f"}}, also: []knows{{family: "onvif", id: rekey.Identity{Family: "onvif", UUID: "u1"}, ports: []int{web}}}, want: "onvif   u1", asked: "f onvif"},
		"nobody knows it":    {port: web, families: []knows{{family: "f"}}, also: []knows{{family: "onvif"}}, kind: rekey.ErrNotRecorder, asked: "f onvif", words: `with the title "Laser & Sons", of the server "jet direct"`},
		"none can read it":   {port: web, families: []knows{{family: "f", err: rekey.ErrUnreachable}}, kind: rekey.ErrNotRecorder, asked: "f", words: "Laser"},
		"it is late":         {port: web, families: []knows{{family: "f", err: fmt.Errorf("%w: %w", rekey.ErrUnreachable, os.ErrDeadlineExceeded)}}, kind: rekey.ErrUnreachable, asked: "f"},
		"it says nothing":    {port: dumb, families: []knows{{family: "f", err: rekey.ErrUnreachable}}, kind: rekey.ErrUnreachable, asked: "f"},
		"closed":             {port: closed, families: []knows{{family: "f", id: strong, ports: []int{closed}}}, kind: rekey.ErrUnreachable, words: "nothing answers"},
		"discovery alone":    {port: closed, families: []knows{{family: "f"}}, probers: probers, want: "test weak S1 u2"},
		"no family at all":   {port: web, probers: probers[1:], want: "test  S1 u2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var asked []string
			identifiers := func(from []knows) (out []Identifier) {
				for _, k := range from {
					k.mu, k.asked = &mu, &asked
					out = append(out, k)
				}
				return out
			}
			id, err := Identify(t.Context(), rekey.Target{Host: "127.0.0.1", Port: tc.port}, identifiers(tc.families), identifiers(tc.also), tc.probers)
			got := strings.Join([]string{id.Family, id.Model, id.Serial, id.UUID}, " ")
			slices.Sort(asked)
			if !errors.Is(err, tc.kind) || (err == nil && got != tc.want) || strings.Join(asked, " ") != tc.asked {
				t.Errorf("%q, asked %v: %v", got, asked, err)
			}
			if tc.words != "" && !strings.Contains(err.Error(), tc.words) {
				t.Errorf("%q does not say %q", err, tc.words)
			}
		})
	}
}

// A discovery answer names the web port; the usual ones are closed or somebody else's.
func TestIdentifyAtThePortThatDiscoveryNames(t *testing.T) {
	t.Parallel()
	web := page(t, printer)
	var mu sync.Mutex
	var asked []string
	f := knows{family: "f", id: rekey.Identity{Family: "f"}, ports: []int{web}, mu: &mu, asked: &asked}
	id := rekey.Identity{Interfaces: []rekey.Interface{{Kind: rekey.InterfaceRTSP, Port: 554}, {Kind: rekey.InterfaceCGI, Host: "192.0.2.1", Port: web}, {Kind: rekey.InterfaceCGI, Port: 80}}}
	at := named(rekey.Target{Host: "127.0.0.1"}, []rekey.Identity{id, id})
	if len(at) != 1 || at[0] != (rekey.Target{Host: "127.0.0.1", Port: web}) {
		t.Fatalf("%+v", at)
	}
	q := inquiry{families: []Identifier{f}}
	if err := q.first(t.Context(), answering(t.Context(), at)); err != nil || q.id == nil {
		t.Error(err)
	}
	if at := usual(rekey.Target{Host: "h"}); len(at) != 2 || at[0].HTTPPort() != 80 || at[1].String() != "https://h" {
		t.Errorf("%v", at)
	}
	if at := usual(rekey.Target{Host: "h", Port: 81}); len(at) != 1 {
		t.Errorf("%v", at)
	}
}

func TestIdentifyOpen(t *testing.T) {
	t.Parallel()
	web, other := page(t, printer), page(t, printer)
	host := netip.MustParseAddr("127.0.0.1")
	var mu sync.Mutex
	var asked []string
	f := knows{family: "f", id: rekey.Identity{Family: "f"}, ports: []int{web}, mu: &mu, asked: &asked}
	if id, err := IdentifyOpen(t.Context(), host, []int{554, other, web}, []Identifier{f}, nil); err != nil || id.Family != "f" || len(asked) != 2 {
		t.Errorf("%+v, asked %v: %v", id, asked, err)
	}
	if _, err := IdentifyOpen(t.Context(), host, []int{other}, []Identifier{f}, nil); !errors.Is(err, rekey.ErrNotRecorder) || !strings.Contains(err.Error(), "Laser") {
		t.Error(err)
	}
	if _, err := IdentifyOpen(t.Context(), host, []int{8000, 37777}, []Identifier{f}, nil); !errors.Is(err, rekey.ErrNotRecorder) || !strings.Contains(err.Error(), "8000, 37777") {
		t.Error(err)
	}
	if _, err := IdentifyOpen(t.Context(), host, []int{554, 8000}, []Identifier{f}, nil); !errors.Is(err, rekey.ErrNotRecorder) || !strings.Contains(err.Error(), "only streams") {
		t.Error(err)
	}
	f.ports = []int{80} // that is what the family makes of the streams
	if id, err := IdentifyOpen(t.Context(), host, []int{554}, []Identifier{f}, nil); err != nil || id.Family != "f" {
		t.Errorf("%+v: %v", id, err)
	}
	for port, want := range map[int]string{80: "127.0.0.1", 443: "https://127.0.0.1", 8443: "https://127.0.0.1:8443", 8080: "127.0.0.1:8080"} {
		if at, ok := webPort(host, port); !ok || at.String() != want {
			t.Errorf("%d: %s", port, at)
		}
	}
}

func TestIdentifyEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Identify(ctx, rekey.Target{Host: "127.0.0.1"}, nil, nil, []Prober{words{name: "one", port: 9}}); !errors.Is(err, context.Canceled) || !errors.Is(err, rekey.ErrUnreachable) {
		t.Error(err)
	}
}

// What is no web page is told as such; what never ends is cut off.
func TestDescribe(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("220 mail.example ESMTP\r\n"))
			_ = c.Close()
		}
	})
	at := rekey.Target{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}
	if got, _ := describe(t.Context(), at); !strings.Contains(got, "not as a web page") {
		t.Error(got)
	}
	away := page(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
	})
	if got, _ := describe(t.Context(), rekey.Target{Host: "127.0.0.1", Port: away}); !strings.Contains(got, "HTTP status 302") {
		t.Error(got)
	}
	tls := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<title>" + strings.Repeat("long ", 30) + "</title>" + strings.Repeat("x", 1<<20)))
	}))
	t.Cleanup(tls.Close)
	got, _ := describe(t.Context(), rekey.Target{Host: "127.0.0.1", Port: tls.Listener.Addr().(*net.TCPAddr).Port, TLS: true})
	if !strings.Contains(got, `long ..."`) {
		t.Error(got)
	}
}
