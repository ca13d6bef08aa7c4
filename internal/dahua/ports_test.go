package dahua

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey"
)

// box is a machine with a web port, an encrypted one and a stream port; what it
// lacks is nil or "".
type box struct {
	http, https *site
	from, until time.Time // of its certificate; zero: one of today
	rtsp        string    // the answer to every request
}

// plug switches it on and gives a driver to whom its ports are the usual ones.
func (b box) plug(t *testing.T) *Driver {
	t.Helper()
	var p ports
	if b.http != nil {
		b.http.t = t
		s := httptest.NewServer(b.http)
		t.Cleanup(s.Close)
		p.http = portOf(s.Listener)
	}
	if b.https != nil {
		b.https.t = t
		s := httptest.NewUnstartedServer(b.https)
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		s.TLS = &tls.Config{Certificates: []tls.Certificate{b.certificate(t)}}
		s.StartTLS()
		t.Cleanup(s.Close)
		p.https = portOf(s.Listener)
	}
	if b.rtsp != "" {
		p.rtsp = portOf(speakRTSP(t, b.rtsp))
	}
	return driver(func(d *Driver) { d.ports = p })
}

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

func (b box) certificate(t *testing.T) tls.Certificate {
	t.Helper()
	if b.from.IsZero() {
		b.from, b.until = time.Now().AddDate(-1, 0, 0), time.Now().AddDate(1, 0, 0)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nvr"}, NotBefore: b.from, NotAfter: b.until}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// speakRTSP answers every request alike, and takes none that carries a login.
func speakRTSP(t *testing.T, answer string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wait.Wait() })
	wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() {
				defer c.Close()
				r, requests := bufio.NewReader(c), 0
				for {
					line, err := r.ReadString('\n')
					switch {
					case err != nil:
						if requests > 1 {
							t.Errorf("%d RTSP requests", requests)
						}
						return
					case strings.HasPrefix(line, "Authorization"):
						t.Error("an RTSP login was made")
					case line == "\r\n":
						requests++
						_, _ = io.WriteString(c, answer)
					}
				}
			})
		}
	})
	return l
}

const (
	streamRealm  = "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm=\"Login to XX00TESTDCBBC3C\", nonce=\"c5cd\"\r\n\r\n"
	streamOther  = "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm=\"IP Camera(1)\", nonce=\"c5cd\"\r\n\r\n"
	streamOpen   = "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"
	streamHashed = "RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm=\"Login to 0ae5e3a55d6b36d0d35a0f5c751f450a\", nonce=\"c5cd\"\r\n\r\n"
)

func nvr() *site {
	return &site{answers: map[string]http.HandlerFunc{
		"getDeviceType": challenged(digestOf, ""), atInit: says200(statusOf(`"Init":2`)), atEncrypt: says200(encryptOf), "/": says200("<title>WEB SERVICE</title>"),
	}}
}

func webShop() *site {
	return &site{server: "nginx", answers: map[string]http.HandlerFunc{"/": says200("<title>shop</title>")}}
}

func banned() *site {
	return &site{answers: map[string]http.HandlerFunc{"getDeviceType": sayStatus(403, "Forbidden"), "/": sayStatus(403, "Forbidden")}}
}

func TestUsualPorts(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, tc := range map[string]struct {
		box   box
		tls   bool
		kind  error
		doors string
		odd   string
		id    string // serial, else realm
		asks  int    // HTTP requests
		words string // of the error
	}{
		"everything":              {box: box{http: nvr(), https: nvr(), rtsp: streamRealm}, doors: "rpc2 over TLS, cgi over TLS, rpc2, cgi, rtsp", odd: "self-signed", id: "XX00TESTDCBBC3C", asks: 5},
		"plain alone":             {box: box{http: nvr(), rtsp: streamHashed}, doors: "rpc2, cgi, rtsp", odd: "no-encryption", id: "Login to 0ae5e3a55d6b36d0d35a0f5c751f450a", asks: 4},
		"HTTPS alone":             {box: box{https: nvr()}, doors: "rpc2 over TLS, cgi over TLS", odd: "self-signed", id: "Login to 0ae5e3a55d6b36d0d35a0f5c751f450a", asks: 4},
		"HTTPS as asked":          {box: box{http: webShop(), https: nvr()}, tls: true, doors: "rpc2 over TLS, cgi over TLS", odd: "self-signed", id: "Login to 0ae5e3a55d6b36d0d35a0f5c751f450a", asks: 4},
		"expired":                 {box: box{https: nvr(), from: now.AddDate(-2, 0, 0), until: now.AddDate(-1, 0, 0)}, doors: "rpc2 over TLS, cgi over TLS", odd: "certificate-expired self-signed", id: "Login to 0ae5e3a55d6b36d0d35a0f5c751f450a", asks: 4},
		"not yet valid":           {box: box{http: nvr(), https: nvr(), from: now.AddDate(1, 0, 0), until: now.AddDate(2, 0, 0)}, doors: "rpc2 over TLS, cgi over TLS, rpc2, cgi", odd: "certificate-not-yet-valid self-signed", id: "Login to 0ae5e3a55d6b36d0d35a0f5c751f450a", asks: 5},
		"another box beside":      {box: box{http: nvr(), https: webShop()}, doors: "rpc2, cgi", odd: "no-encryption", id: "Login to 0ae5e3a55d6b36d0d35a0f5c751f450a", asks: 5},
		"streams alone":           {box: box{rtsp: streamRealm}, doors: "rtsp", odd: "no-encryption", id: "XX00TESTDCBBC3C"},
		"streams alone, hashed":   {box: box{rtsp: streamHashed}, doors: "rtsp", odd: "no-encryption", id: "Login to 0ae5e3a55d6b36d0d35a0f5c751f450a"},
		"streams of another":      {box: box{rtsp: streamOther}, kind: rekey.ErrNotRecorder, words: `"IP Camera(1)"`},
		"streams open to all":     {box: box{rtsp: streamOpen}, kind: rekey.ErrNotRecorder, words: "without asking for a login"},
		"banned, streams tell":    {box: box{http: banned(), rtsp: streamRealm}, doors: "cgi, rtsp", odd: "banned-or-locked no-encryption", id: "XX00TESTDCBBC3C", asks: 4},
		"banned, nobody tells":    {box: box{http: banned(), rtsp: streamOther}, kind: rekey.ErrNotRecorder, asks: 4, words: "HTTP 403"},
		"a web page over streams": {box: box{http: webShop(), rtsp: streamRealm}, doors: "rtsp", odd: "no-encryption", id: "XX00TESTDCBBC3C", asks: 4},
		"a shop":                  {box: box{http: webShop(), https: webShop()}, kind: rekey.ErrNotRecorder, asks: 4, words: `"shop"`},
		"nobody":                  {kind: rekey.ErrUnreachable},
		"nobody at HTTPS":         {tls: true, kind: rekey.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := tc.box.plug(t)
			id, err := d.Identify(t.Context(), rekey.Target{Host: "127.0.0.1", TLS: tc.tls})
			if !errors.Is(err, tc.kind) {
				t.Fatalf("%v, want %v", err, tc.kind)
			}
			asks := 0
			for _, s := range []*site{tc.box.http, tc.box.https} {
				if s != nil {
					asks += len(s.requests())
				}
			}
			if asks != tc.asks {
				t.Errorf("%d HTTP requests", asks)
			}
			if err != nil {
				if !strings.Contains(err.Error(), tc.words) {
					t.Error(err)
				}
				return
			}
			var doors []string
			for _, i := range id.Interfaces {
				doors = append(doors, i.String())
				if i.TLS != (len(i.CertSHA256) == 64) {
					t.Errorf("%+v", i)
				}
			}
			key := id.Serial
			if key == "" {
				key = id.Realm
			}
			if strings.Join(doors, ", ") != tc.doors || oddIDs(id) != tc.odd || key != tc.id || id.Family != family {
				t.Errorf("%q, %q: %+v", doors, oddIDs(id), id)
			}
		})
	}
}

// Where a port was named, the usual stream port may be that of another box: it
// decides only where the named one refuses to say anything.
func TestNamedPort(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		site *site
		kind error
	}{"shop": {webShop(), rekey.ErrNotRecorder}, "banned": {banned(), nil}, "NVR": {nvr(), nil}} {
		d := box{http: tc.site, rtsp: streamRealm}.plug(t)
		id, err := d.Identify(t.Context(), rekey.Target{Host: "127.0.0.1", Port: d.ports.http})
		if !errors.Is(err, tc.kind) {
			t.Fatalf("%s: %v", name, err)
		}
		if (id.Serial == "XX00TESTDCBBC3C") != (name == "banned") {
			t.Errorf("%s: %+v", name, id)
		}
	}
	d := box{rtsp: streamRealm}.plug(t)
	if id, err := d.Identify(t.Context(), rekey.Target{Host: "127.0.0.1", Port: d.ports.rtsp}); !errors.Is(err, rekey.ErrUnreachable) {
		t.Errorf("%+v: %v", id, err)
	}
}

// What is known when time is up is not half an identity.
func TestIdentifyInTime(t *testing.T) {
	t.Parallel()
	silent := &site{answers: map[string]http.HandlerFunc{"getDeviceType": challenged(digestOf, ""), atInit: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }}}
	d := box{http: silent}.plug(t)
	d.limits.Header = 10 * time.Second // for the other answers, too, on a busy machine
	id, err := d.Identify(t.Context(), rekey.Target{Host: "127.0.0.1"})
	if err != nil || id.Family != family || len(id.Interfaces) != 1 {
		t.Errorf("%+v: %v", id, err)
	}
}
