package rekeytest

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/dahua"
	"rekey/internal/discover"
	"rekey/internal/recorder"
	"rekey/internal/recorder/appliance"
	"rekey/internal/recorder/clips"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// running plugs a reference recorder in.
func running(t *testing.T) (Box, *appliance.Running) {
	t.Helper()
	b := Box{
		Admin:  rekey.Login{Account: "admin", Password: rekey.NewSecret("Old-Pass1")},
		Second: rekey.Login{Account: "second", Password: rekey.NewSecret("Second-Pass2")},
		Tries:  5, Channels: 2, Clips: 2 * 2 * 3, Switch: "upnp",
	}
	now := time.Now()
	cheap := &argon.Cost{Passes: 1, KiB: 64, Threads: 1}
	dir := t.TempDir()
	_, err := appliance.Make(dir, recorder.Config{AdminPassword: b.Admin.Password, Channels: b.Channels, Argon: cheap},
		clips.Spec{Channels: b.Channels, Days: 2, ClipSeconds: 2, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	r, err := appliance.Start(t.Context(), dir, appliance.Options{Log: quiet(), Box: recorder.Options{Argon: cheap}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("switch off: %v", err)
		}
	})
	seat := recorder.Client{Via: rekey.InterfaceSeat, Address: "local", Type: "GUI"}
	if err := r.Box.AddAccount("admin", rekey.Account{Name: b.Second.Account, Group: "admin"}, b.Second.Password, seat); err != nil {
		t.Fatal(err)
	}
	wall := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	b.From, b.To = wall.AddDate(0, 0, -9), wall.AddDate(0, 0, 2)
	b.HTTP, b.HTTPS = target(t, r.Ready().HTTP), target(t, r.Ready().HTTPS)
	return b, r
}

func target(t *testing.T, base string) rekey.Target {
	t.Helper()
	at, err := rekey.ParseTarget(strings.TrimSuffix(base, "/"))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestDahuaOnTheReferenceRecorder(t *testing.T) {
	t.Parallel()
	RunDriver(t, dahua.New(quiet()), func(t *testing.T) Box { b, _ := running(t); return b })
}

// A recorder whose web port has the CGI only, as before RPC2.
func TestDahuaWithoutRPC(t *testing.T) {
	t.Parallel()
	RunDriver(t, dahua.New(quiet()), func(t *testing.T) Box {
		b, r := running(t)
		base, err := url.Parse(r.Ready().HTTP)
		if err != nil {
			t.Fatal(err)
		}
		proxy := &httputil.ReverseProxy{
			Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(base); p.Out.URL.RawPath = p.In.URL.RawPath },
			Transport: &http.Transport{DisableKeepAlives: true},
		}
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/cgi-bin/") {
				http.NotFound(w, r)
				return
			}
			proxy.ServeHTTP(w, r)
		}))
		t.Cleanup(s.Close)
		b.HTTP, b.HTTPS = targetOf(t, s.Listener.Addr()), rekey.Target{}
		return b
	})
}

func TestDiscoveryOfTheReferenceRecorder(t *testing.T) {
	t.Parallel()
	b, r := running(t)
	at := netip.MustParseAddrPort(strings.TrimPrefix(r.Ready().Discovery, "udp://"))
	var found []discover.Found
	probers := []discover.Prober{dahua.Prober{UDPPort: int(at.Port())}}
	err := discover.Find(t.Context(), discover.Options{Probers: probers, Hosts: discover.Hosts{{First: at.Addr(), Last: at.Addr()}}, Wait: time.Second},
		func(f discover.Found) { found = append(found, f) })
	if err != nil || len(found) != 1 {
		t.Fatalf("%+v: %v", found, err)
	}
	id, err := discover.Identify(t.Context(), b.HTTP, []discover.Identifier{dahua.New(quiet())}, nil, probers)
	if err != nil {
		t.Fatal(err)
	}
	i := r.Info
	if id.Serial != i.Serial || id.DeviceID != i.DeviceID || id.Model != i.Model || id.Channels != b.Channels || id.Init != rekey.InitDone {
		t.Errorf("%+v\nthe box: %+v", id, i)
	}
	if _, ok := id.Interface(rekey.InterfaceRPC2); !ok {
		t.Errorf("no RPC2: %+v", id.Interfaces)
	}
}
