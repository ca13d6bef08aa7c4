package rekeytest

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rekey"
	"rekey/internal/dahua"
	"rekey/internal/discover"
	"rekey/internal/recorder"
	"rekey/internal/recorder/appliance"
)

// What the tests of this run fill, told at its end with -v.
var (
	matrix     = &Matrix{}
	faultTable = &FaultTable{}
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // net/http tells there of every answer that comes twice
	dir, err := os.MkdirTemp("", "rekeytest")
	if err != nil {
		panic(err)
	}
	molds.dir = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		if testing.Verbose() {
			fmt.Print(matrix.Markdown(), faultTable.Markdown())
		}
		os.Exit(code)
	}))
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// running plugs a reference recorder in.
func running(t *testing.T) (Box, *appliance.Running) {
	t.Helper()
	r := reference(t, recorder.FaceN841)
	return r.box(t), r.Running
}

func target(t *testing.T, base string) rekey.Target {
	t.Helper()
	at, err := rekey.ParseTarget(strings.TrimSuffix(base, "/"))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// A recorder whose web port has the CGI only, as before RPC2.
func TestDahuaWithoutRPC(t *testing.T) {
	t.Parallel()
	RunDriver(t, matrix, "n841, CGI alone", dahua.New(quiet()), func(t *testing.T) Box {
		b := reference(t, recorder.FaceN841).dahuaBox(t)
		base, err := url.Parse("http://" + b.HTTP.String())
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
		b.Lacks["recovery description"] = "PasswdFind is on /OutsideCmd alone"
		b.Camera.Untold = true // how a camera is, is told by RPC2 alone
		b.Remarks["channels"] = camerasUntold
		return b
	})
}

func TestDiscoveryOfTheReferenceRecorder(t *testing.T) {
	t.Parallel()
	b, r := running(t)
	at := netip.MustParseAddrPort(strings.TrimPrefix(r.Ready().Discovery, "udp://"))
	var found []discover.Found
	probers := []discover.Prober{dahua.Prober{UDPPort: int(at.Port())}}
	err := discover.Find(t.Context(), discover.Options{Probers: probers, Hosts: discover.Hosts{{First: at.Addr(), Last: at.Addr()}}, Wait: 5 * time.Second},
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
