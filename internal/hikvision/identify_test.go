package hikvision

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey"
	"rekey/internal/transport"
)

// page is one answer of a server.
type page struct {
	status    int
	challenge string
	server    string
	to        string // where it sends on to
	body      string
}

// box answers by path, and notes what it was asked.
type box struct {
	pages  map[string]page
	mu     sync.Mutex
	asked  []string
	logins int
}

func (b *box) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Header.Get("Authorization") != "" || r.Method != http.MethodGet || r.URL.RawQuery != "" || len(r.Cookies()) > 0 {
		b.logins++
	}
	b.asked = append(b.asked, r.URL.Path)
	p, ok := b.pages[r.URL.Path]
	if !ok {
		p, ok = b.pages["*"]
	}
	if !ok {
		p = page{status: http.StatusNotFound}
	}
	for header, value := range map[string]string{"WWW-Authenticate": p.challenge, "Server": p.server, "Location": p.to} {
		if value != "" {
			w.Header().Set(header, value)
		}
	}
	w.WriteHeader(p.status)
	fmt.Fprint(w, p.body)
}

func targetOf(t *testing.T, s *httptest.Server, tls bool) rekey.Target {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return rekey.Target{Host: host, Port: n, TLS: tls}
}

func quiet() *Driver { return New(slog.New(slog.DiscardHandler)) }

func userCheck(more string) string {
	return `<?xml version="1.0" encoding="UTF-8" ?><userCheck version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema"><statusValue>401</statusValue><statusString>Unauthorized</statusString>` + more + `</userCheck>`
}

const (
	hashed     = `Digest realm="0a1b2c3d4e5f60718293a4b5", domain="::", qop="auth", nonce="n:1", opaque="", algorithm="MD5", stale="FALSE"`
	deviceInfo = `<?xml version="1.0" encoding="UTF-8"?><DeviceInfo version="2.0" xmlns="http://www.std-cgi.com/ver20/XMLSchema"><deviceName>shop</deviceName><model>DS-7608TEST/8P</model><serialNumber>DS-7608TEST/8P0000CCRR</serialNumber><macAddress>0A:1b:2c:3d:4e:5f</macAddress><firmwareVersion>V4.62.210</firmwareVersion><firmwareReleasedDate>build 230619</firmwareReleasedDate><deviceType>hybridNVR</deviceType><manufacturer>hikvision</manufacturer></DeviceInfo>`
	loginPage  = `<html><title>index</title><script>window.location.href = "/doc/page/login.asp?_" + 1;</script>`
)

func status(sub string) string {
	return `<ResponseStatus version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema"><statusCode>4</statusCode><statusString>Invalid Operation</statusString><subStatusCode>` + sub + `</subStatusCode></ResponseStatus>`
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	one := []string{pathDeviceInfo}
	two := []string{pathDeviceInfo, pathUserCheck}
	three := []string{pathDeviceInfo, pathUserCheck, "/"}
	for name, tc := range map[string]struct {
		pages map[string]page
		kind  error
		word  string // in the error
		want  rekey.Identity
		door  rekey.InterfaceKind
		lock  *rekey.LockState
		odd   string
		asked []string
	}{
		"open": {
			pages: map[string]page{pathDeviceInfo: {status: 200, body: deviceInfo}}, asked: one,
			want: rekey.Identity{Vendor: "Hikvision", Model: "DS-7608TEST/8P", Class: "NVR", Serial: "DS-7608TEST/8P0000CCRR", Name: "shop", MAC: "0a:1b:2c:3d:4e:5f", Firmware: "V4.62.210", Built: time.Date(2023, 6, 19, 0, 0, 0, 0, time.UTC), Init: rekey.InitUnknown},
		},
		"older recorder": {
			pages: map[string]page{"*": {status: 401, challenge: hashed, server: "DNVRS-Webs", body: userCheck("")}}, asked: one,
			want: rekey.Identity{Realm: "0a1b2c3d4e5f60718293a4b5", Init: rekey.InitUnknown},
		},
		"newer recorder": {
			pages: map[string]page{
				pathDeviceInfo: {status: 401, challenge: hashed, body: "<!DOCTYPE html><html><head><title>Document Error: Unauthorized</title></head><body><p>"},
				pathUserCheck:  {status: 401, challenge: hashed, body: userCheck("<isActivated>true</isActivated><lockStatus>unlock</lockStatus><unlockTime>0</unlockTime><retryLoginTime>4</retryLoginTime>")},
			}, asked: two,
			want: rekey.Identity{Realm: "0a1b2c3d4e5f60718293a4b5", Init: rekey.InitDone}, lock: &rekey.LockState{TriesLeft: 4},
		},
		"locked": {
			pages: map[string]page{"*": {status: 401, challenge: hashed, body: userCheck("<lockStatus>lock</lockStatus><unlockTime>1737</unlockTime><retryLoginTime>0</retryLoginTime>")}}, asked: one,
			want: rekey.Identity{Realm: "0a1b2c3d4e5f60718293a4b5", Init: rekey.InitUnknown}, lock: &rekey.LockState{Locked: true, For: 1737 * time.Second}, odd: "banned-or-locked",
		},
		"not activated": {
			pages: map[string]page{"*": {status: 403, body: status("notActivated")}}, asked: one,
			want: rekey.Identity{Init: rekey.InitFactory}, odd: "factory-state",
		},
		"not activated by userCheck": {
			pages: map[string]page{"*": {status: 401, body: userCheck("<isActivated>false</isActivated>")}}, asked: one,
			want: rekey.Identity{Init: rekey.InitFactory}, odd: "factory-state",
		},
		"banned": {
			pages: map[string]page{"*": {status: 403, body: status("invalidOperation")}}, asked: one,
			want: rekey.Identity{Init: rekey.InitUnknown}, odd: "banned-or-locked",
		},
		"camera by two hints": {
			pages: map[string]page{"*": {status: 401, challenge: `Digest realm="IP Camera(51253)", nonce="n", qop="auth"`, server: "App-webs/"}}, asked: two,
			want: rekey.Identity{Class: "IPC", Init: rekey.InitUnknown},
		},
		"Basic of 2014": {
			pages: map[string]page{"*": {status: 401, challenge: `Basic realm="DVRNVRDVS"`, server: "DVRDVS-Webs"}}, asked: two,
			want: rekey.Identity{Init: rekey.InitUnknown}, odd: "basic-only",
		},
		"before ISAPI": {
			pages: map[string]page{"*": {status: 404, server: "DNVRS-Webs"}, "/": {status: 200, server: "DNVRS-Webs", body: loginPage}}, asked: []string{pathDeviceInfo, "/"},
			want: rekey.Identity{Init: rekey.InitUnknown}, door: rekey.InterfaceWeb,
		},
		"page sends on": {
			pages: map[string]page{"*": {status: 401, challenge: `Digest realm="NVR", nonce="n"`}, "/": {status: 302, to: "/doc/page/login.asp"}}, asked: three,
			want: rekey.Identity{Init: rekey.InitUnknown},
		},
		"another brand": {
			pages: map[string]page{"*": {status: 200, body: `<DeviceInfo><model>ACR4-40</model><deviceType>Doorbell</deviceType><firmwareReleasedDate>soon</firmwareReleasedDate></DeviceInfo>`}}, asked: one,
			want: rekey.Identity{Model: "ACR4-40", Class: "Doorbell", Init: rekey.InitUnknown}, odd: "oem-name",
		},
		"realm alone":   {pages: map[string]page{"*": {status: 401, challenge: hashed}}, kind: rekey.ErrNotRecorder, asked: three},
		"server alone":  {pages: map[string]page{"*": {status: 404, server: "App-webs/"}}, kind: rekey.ErrNotRecorder, word: `server "App-webs/"`, asked: []string{pathDeviceInfo, "/"}},
		"Dahua":         {pages: map[string]page{"*": {status: 401, challenge: `Digest realm="Login to 0a1b2c3d4e5f60718293a4b5aabbccdd", qop="auth", nonce="1"`}}, kind: rekey.ErrNotRecorder, asked: one},
		"a router":      {pages: map[string]page{"*": {status: 401, challenge: `Basic realm="router"`, server: "micro_httpd"}}, kind: rekey.ErrNotRecorder, word: "micro_httpd", asked: two},
		"a web server":  {pages: map[string]page{"*": {status: 200, body: "<html><title>x</title></html>", server: "nginx"}}, kind: rekey.ErrNotRecorder, word: "nginx", asked: one},
		"another API":   {pages: map[string]page{"*": {status: 200, body: "<DeviceInfo><x>1</x></DeviceInfo>"}}, kind: rekey.ErrNotRecorder, asked: one},
		"a login page":  {pages: map[string]page{"*": {status: 302, to: "/login"}}, kind: rekey.ErrNotRecorder, asked: one},
		"an XML bomb":   {pages: map[string]page{"*": {status: 200, body: strings.Repeat("<a>", 200<<10)}}, kind: rekey.ErrNotRecorder, asked: one},
		"another host":  {pages: map[string]page{"*": {status: 302, to: "http://192.0.2.1/"}}, kind: rekey.ErrUnreachable, asked: one},
		"endless reply": {pages: map[string]page{"*": {status: 200, body: strings.Repeat("x", 2<<20)}}, kind: rekey.ErrUnreachable, asked: one},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &box{pages: tc.pages}
			s := httptest.NewServer(b)
			defer s.Close()
			id, err := quiet().Identify(t.Context(), targetOf(t, s, false))
			if !errors.Is(err, tc.kind) || (err != nil && !strings.Contains(err.Error(), tc.word)) {
				t.Fatalf("%v, want %v with %q", err, tc.kind, tc.word)
			}
			if b.logins != 0 || !slices.Equal(b.asked, tc.asked) {
				t.Errorf("asked %v, %d logins", b.asked, b.logins)
			}
			if err == nil {
				checkKnown(t, id, tc.want, tc.lock, tc.odd)
				door := tc.door
				if door == "" {
					door = rekey.InterfaceISAPI
				}
				if len(id.Interfaces) != 1 || id.Interfaces[0].Kind != door || id.Interfaces[0].Address() != s.Listener.Addr().String() {
					t.Errorf("doors %v", id.Interfaces)
				}
			}
		})
	}
}

func checkKnown(t *testing.T, id, w rekey.Identity, lock *rekey.LockState, odd string) {
	t.Helper()
	if id.Family != "hikvision" || id.Vendor != w.Vendor || id.Model != w.Model || id.Class != w.Class || id.Serial != w.Serial || id.Name != w.Name || id.MAC != w.MAC ||
		id.Realm != w.Realm || id.Firmware != w.Firmware || !id.Built.Equal(w.Built) || id.Init != w.Init {
		t.Errorf("%+v", id)
	}
	if id.Learnt[0].What != "family" || id.Learnt[0].From == "" {
		t.Errorf("learnt %v", id.Learnt)
	}
	if got := strings.TrimSpace(strings.TrimSuffix(oddities(id), "no-encryption")); got != odd || !strings.HasSuffix(oddities(id), "no-encryption") {
		t.Errorf("oddities %v", id.Oddities)
	}
	if (id.Lock == nil) != (lock == nil) {
		t.Fatalf("lock %+v", id.Lock)
	}
	if lock != nil && (id.Lock.Locked != lock.Locked || id.Lock.For != lock.For || id.Lock.TriesLeft != lock.TriesLeft || id.Lock.From == "") {
		t.Errorf("lock %+v", id.Lock)
	}
}

func TestIdentifyOverTLS(t *testing.T) {
	t.Parallel()
	safe := httptest.NewUnstartedServer(&box{pages: map[string]page{pathDeviceInfo: {status: 200, body: deviceInfo}}})
	safe.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	safe.StartTLS()
	defer safe.Close()
	plain := httptest.NewServer(http.RedirectHandler(safe.URL+"/", http.StatusMovedPermanently))
	defer plain.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	nobody := targetOf(t, gone, false)
	gone.Close()
	for name, tc := range map[string]struct {
		target rekey.Target
		odd    string
		kind   error
	}{"straight": {targetOf(t, safe, true), "self-signed", nil}, "sent on": {targetOf(t, plain, false), "self-signed redirected-to-https", nil}, "nobody": {nobody, "", rekey.ErrUnreachable}} {
		id, err := quiet().Identify(t.Context(), tc.target)
		if !errors.Is(err, tc.kind) {
			t.Fatalf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		if i := id.Interfaces[0]; !i.TLS || len(i.CertSHA256) != 64 || i.Address() != safe.Listener.Addr().String() || oddities(id) != tc.odd || id.Model == "" {
			t.Errorf("%s: %+v", name, id)
		}
	}
}

// TestBesideThePlainPort: where no port was named, HTTPS is looked for, and is
// taken only when the same recorder answers there.
func TestBesideThePlainPort(t *testing.T) {
	t.Parallel()
	start := func(challenge string, tls bool) *httptest.Server {
		s := httptest.NewUnstartedServer(&box{pages: map[string]page{"*": {status: 401, challenge: challenge, body: userCheck("")}}})
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		if tls {
			s.StartTLS()
		} else {
			s.Start()
		}
		t.Cleanup(s.Close)
		return s
	}
	for name, tc := range map[string]struct {
		at   *httptest.Server
		same bool
		odd  string
	}{
		"the same": {start(hashed, true), true, "self-signed"},
		"another":  {start(strings.Replace(hashed, "0a1b", "ffff", 1), true), false, ""},
		"no TLS":   {start(hashed, false), false, ""},
	} {
		d := quiet()
		d.https = targetOf(t, tc.at, true).Port
		id := rekey.Identity{Realm: "0a1b2c3d4e5f60718293a4b5", Interfaces: []rekey.Interface{{Kind: rekey.InterfaceISAPI, Host: "127.0.0.1", Port: 80}}}
		d.lookBeside(t.Context(), &id)
		if (len(id.Interfaces) == 2) != tc.same || oddities(id) != tc.odd {
			t.Errorf("%s: %+v", name, id)
			continue
		}
		if !tc.same {
			continue
		}
		if i := id.Interfaces[1]; i.Port != d.https || !i.TLS || len(i.CertSHA256) != 64 || i.Kind != rekey.InterfaceISAPI {
			t.Errorf("%s: %+v", name, i)
		}
		if !slices.ContainsFunc(id.Learnt, func(f rekey.Fact) bool { return strings.HasPrefix(f.What, "certificate of ") }) {
			t.Errorf("%s: %v", name, id.Learnt)
		}
	}
}

func TestSplitFirmware(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"V4.30.005build 200512": "V4.30.005|2020-05-12", "V5.7.18 build 240826": "V5.7.18|2024-08-26", "V5.0, build 191213": "V5.0|2019-12-13",
		"build 230619": "|2023-06-19", "V4.62.210": "V4.62.210|0001-01-01", "V1build 209999": "V1build 209999|0001-01-01", "": "|0001-01-01",
	} {
		if version, built := splitFirmware(in); version+"|"+built.Format(time.DateOnly) != want {
			t.Errorf("%q: %q %v", in, version, built)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, "", "", []byte(deviceInfo))
	f.Add(401, hashed, "DNVRS-Webs", []byte(userCheck("<lockStatus>lock</lockStatus><unlockTime>99999999999</unlockTime><retryLoginTime>-3</retryLoginTime>")))
	f.Add(403, `Basic realm="DVR"`, "App-webs/", []byte(status("notActivated")))
	f.Fuzz(func(t *testing.T, code int, challenge, server string, body []byte) {
		l := &look{id: rekey.Identity{Init: rekey.InitUnknown}}
		l.read(transport.Response{Status: code, Header: http.Header{"Www-Authenticate": {challenge}, "Server": {server}}, Body: body}, "fuzz")
		if !l.known() {
			if s := l.notOurs(rekey.Interface{}).Error(); strings.ContainsAny(s, "\n\x1b") {
				t.Errorf("%q", s)
			}
			return
		}
		id := l.identity(rekey.Interface{Kind: rekey.InterfaceISAPI})
		checkIdentity(t, id)
		if id.Family != family {
			t.Errorf("%+v", id)
		}
	})
}
