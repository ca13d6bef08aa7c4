package onvif

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
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

// device is a device service: what it answers to each operation. It refuses
// what it does not know, and notes what it was asked.
type device struct {
	answers map[string]string // operation -> status, blank, body
	mu      sync.Mutex
	asked   []string
	logins  int
}

func (d *device) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Header.Get("Authorization") != "" || strings.Contains(string(body), "UsernameToken") || strings.Contains(string(body), "Security") {
		d.logins++
	}
	if r.URL.Path != servicePath || r.Method != http.MethodPost || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/soap+xml") {
		http.NotFound(w, r)
		return
	}
	root, err := parse(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	operation := root.find("Envelope", "Body").all()[0].name
	d.asked = append(d.asked, operation)
	said, ok := d.answers[operation]
	if !ok {
		said, ok = d.answers["*"]
	}
	if !ok {
		said = notAuthorized
	}
	status, text, _ := strings.Cut(said, " ")
	code, _ := strconv.Atoi(status)
	w.WriteHeader(code)
	fmt.Fprint(w, text)
}

func envelope(body string) string {
	return `<?xml version="1.0"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" xmlns:x="http://www.onvif.org/ver10/device/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema"><SOAP-ENV:Body>` + body + `</SOAP-ENV:Body></SOAP-ENV:Envelope>`
}

func faultOf(code, text string) string {
	return envelope(`<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:Sender</SOAP-ENV:Value><SOAP-ENV:Subcode><SOAP-ENV:Value>ter:` + code + `</SOAP-ENV:Value></SOAP-ENV:Subcode></SOAP-ENV:Code><SOAP-ENV:Reason><SOAP-ENV:Text xml:lang="en">` + text + `</SOAP-ENV:Text></SOAP-ENV:Reason></SOAP-ENV:Fault>`)
}

var notAuthorized = "400 " + faultOf("NotAuthorized", "Sender not authorized")

func clockAt(at time.Time) string {
	at = at.UTC()
	return "200 " + envelope(fmt.Sprintf(`<x:GetSystemDateAndTimeResponse><x:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType><tt:UTCDateTime><tt:Time><tt:Hour>%d</tt:Hour><tt:Minute>%d</tt:Minute><tt:Second>%d</tt:Second></tt:Time><tt:Date><tt:Year>%d</tt:Year><tt:Month>%d</tt:Month><tt:Day>%d</tt:Day></tt:Date></tt:UTCDateTime></x:SystemDateAndTime></x:GetSystemDateAndTimeResponse>`,
		at.Hour(), at.Minute(), at.Second(), at.Year(), at.Month(), at.Day()))
}

func servicesAt(address string) string {
	return "200 " + envelope(`<x:GetServicesResponse><x:Service><x:Namespace>http://www.onvif.org/ver10/device/wsdl</x:Namespace><x:XAddr>`+address+`/onvif/device_service</x:XAddr></x:Service><x:Service><x:Namespace>http://www.onvif.org/ver10/replay/wsdl</x:Namespace><x:XAddr>`+address+`/onvif/replay</x:XAddr></x:Service></x:GetServicesResponse>`)
}

var (
	information = "200 " + envelope(`<x:GetDeviceInformationResponse><x:Manufacturer>Lorex</x:Manufacturer><x:Model>N881A6</x:Model><x:FirmwareVersion>4.001.0000005.0, Build Date 2020-11-17</x:FirmwareVersion><x:SerialNumber>ND000TEST</x:SerialNumber><x:HardwareId>1.00</x:HardwareId></x:GetDeviceInformationResponse>`)
	scopes      = "200 " + envelope(`<x:GetScopesResponse><x:Scopes><tt:ScopeDef>Fixed</tt:ScopeDef><tt:ScopeItem>onvif://www.onvif.org/hardware/N881A6</tt:ScopeItem></x:Scopes><x:Scopes><tt:ScopeItem>onvif://www.onvif.org/name/Shop%20floor</tt:ScopeItem></x:Scopes><x:Scopes><tt:ScopeItem>onvif://www.onvif.org/Profile/Q/Operational</tt:ScopeItem></x:Scopes></x:GetScopesResponse>`)
)

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

func TestIdentify(t *testing.T) {
	t.Parallel()
	now := time.Now()
	all := []string{"GetSystemDateAndTime", "GetServices", "GetDeviceInformation", "GetScopes"}
	for name, tc := range map[string]struct {
		answers  map[string]string
		kind     error
		want     rekey.Identity
		fact     string // begins one of Learnt
		oddities string
		lock     rekey.LockState
		asked    []string
	}{
		"open to all": {
			answers: map[string]string{"GetSystemDateAndTime": clockAt(now.Add(-time.Hour)), "GetServices": servicesAt("http://127.0.0.1"), "GetDeviceInformation": information, "GetScopes": scopes},
			want:    rekey.Identity{Vendor: "Lorex", Model: "N881A6", Serial: "ND000TEST", Name: "Shop floor", Firmware: "4.001.0000005.0", Built: time.Date(2020, 11, 17, 0, 0, 0, 0, time.UTC), Init: rekey.InitDone},
			fact:    "clock 1h0m", oddities: "clock-wrong", asked: all,
		},
		"closed": {
			answers: map[string]string{"GetSystemDateAndTime": clockAt(now), "GetServices": servicesAt("http://127.0.0.1")},
			want:    rekey.Identity{Init: rekey.InitUnknown}, fact: "ONVIF services device, replay", asked: all,
		},
		"closed by HTTP": {
			answers: map[string]string{"GetSystemDateAndTime": clockAt(now), "GetServices": servicesAt("http://127.0.0.1"), "*": "401 <html>"},
			want:    rekey.Identity{Init: rekey.InitUnknown}, asked: all,
		},
		"behind NAT": {
			answers: map[string]string{"GetSystemDateAndTime": clockAt(now), "GetServices": servicesAt("http://10.0.0.9")},
			want:    rekey.Identity{Init: rekey.InitUnknown}, oddities: "foreign-xaddr", asked: all,
		},
		"old services": {
			answers: map[string]string{"GetSystemDateAndTime": clockAt(now), "GetServices": "500 " + faultOf("ActionNotSupported", "no"),
				"GetCapabilities": "200 " + envelope(`<x:GetCapabilitiesResponse><x:Capabilities><tt:Media><tt:XAddr>http://127.0.0.1/m</tt:XAddr></tt:Media></x:Capabilities></x:GetCapabilitiesResponse>`)},
			want: rekey.Identity{Init: rekey.InitUnknown}, fact: "ONVIF services media", asked: slices.Insert(slices.Clone(all), 2, "GetCapabilities"),
		},
		"login for all": {
			answers: map[string]string{}, want: rekey.Identity{Init: rekey.InitUnknown}, asked: all,
		},
		"counts": {
			answers: map[string]string{"GetSystemDateAndTime": clockAt(now), "GetServices": servicesAt("http://127.0.0.1"), "GetDeviceInformation": "400 " + faultOf("NotAuthorized", "Invalid username or password! You still have 24 attempt(s).")},
			want:    rekey.Identity{Init: rekey.InitUnknown}, lock: rekey.LockState{TriesLeft: 24}, asked: all[:3],
		},
		"locked": {
			answers: map[string]string{"GetSystemDateAndTime": clockAt(now), "GetServices": servicesAt("http://127.0.0.1"), "GetDeviceInformation": "400 " + faultOf("NotAuthorized", "The device is locked. Please try it after 30 minutes!")},
			want:    rekey.Identity{Init: rekey.InitUnknown}, lock: rekey.LockState{Locked: true, For: 30 * time.Minute, TriesLeft: -1}, oddities: "banned-or-locked", asked: all[:3],
		},
		"a web server":   {answers: map[string]string{"*": "200 <html><title>nginx</title>"}, kind: rekey.ErrNotRecorder, asked: all[:1]},
		"wants a login":  {answers: map[string]string{"*": "401 "}, kind: rekey.ErrNotRecorder, asked: all[:1]},
		"another SOAP":   {answers: map[string]string{"*": "500 " + faultOf("x", "unknown method")}, kind: rekey.ErrNotRecorder, asked: []string{"GetSystemDateAndTime", "GetServices", "GetCapabilities"}},
		"SOAP 1.1":       {answers: map[string]string{"*": "500 " + envelope(`<SOAP-ENV:Fault><faultcode>SOAP-ENV:Client</faultcode><faultstring>no</faultstring></SOAP-ENV:Fault>`)}, kind: rekey.ErrNotRecorder, asked: []string{"GetSystemDateAndTime", "GetServices", "GetCapabilities"}},
		"an answer bomb": {answers: map[string]string{"*": "200 " + strings.Repeat("<a>", 300<<10)}, kind: rekey.ErrNotRecorder, asked: all[:1]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dev := &device{answers: tc.answers}
			s := httptest.NewServer(dev)
			defer s.Close()
			id, err := quiet().Identify(t.Context(), targetOf(t, s, false))
			if !errors.Is(err, tc.kind) {
				t.Fatalf("%v, want %v", err, tc.kind)
			}
			if dev.logins != 0 || !slices.Equal(dev.asked, tc.asked) {
				t.Errorf("asked %v, %d logins", dev.asked, dev.logins)
			}
			if err != nil {
				return
			}
			w := tc.want
			if id.Family != "onvif" || id.Vendor != w.Vendor || id.Model != w.Model || id.Serial != w.Serial || id.Name != w.Name || id.Firmware != w.Firmware || !id.Built.Equal(w.Built) || id.Init != w.Init {
				t.Errorf("%+v", id)
			}
			checkDoorAndFacts(t, id, s, tc.fact)
			checkOddities(t, id, tc.oddities, tc.lock)
		})
	}
}

func checkDoorAndFacts(t *testing.T, id rekey.Identity, s *httptest.Server, fact string) {
	t.Helper()
	if len(id.Interfaces) == 0 || id.Interfaces[0].Address() != s.Listener.Addr().String() || id.Interfaces[0].Kind != rekey.InterfaceONVIF {
		t.Errorf("doors %v", id.Interfaces)
	}
	if !slices.ContainsFunc(id.Learnt, func(f rekey.Fact) bool { return strings.HasPrefix(f.What, fact) }) {
		t.Errorf("%q is not in %v", fact, id.Learnt)
	}
}

func checkOddities(t *testing.T, id rekey.Identity, want string, lock rekey.LockState) {
	t.Helper()
	var odd []string
	for _, o := range id.Oddities {
		odd = append(odd, o.ID)
	}
	if strings.Join(odd, " ") != want {
		t.Errorf("oddities %v", id.Oddities)
	}
	if lock == (rekey.LockState{}) {
		if id.Lock != nil {
			t.Errorf("lock %+v", id.Lock)
		}
		return
	}
	if id.Lock == nil || id.Lock.Locked != lock.Locked || id.Lock.For != lock.For || id.Lock.TriesLeft != lock.TriesLeft || id.Lock.From == "" {
		t.Errorf("lock %+v", id.Lock)
	}
}

func TestIdentifyOverTLS(t *testing.T) {
	t.Parallel()
	dev := &device{answers: map[string]string{"GetSystemDateAndTime": clockAt(time.Now())}}
	safe := httptest.NewUnstartedServer(dev)
	safe.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	safe.StartTLS()
	defer safe.Close()
	plain := httptest.NewServer(http.RedirectHandler(safe.URL+servicePath, http.StatusMovedPermanently))
	defer plain.Close()
	for name, tc := range map[string]struct {
		target rekey.Target
		odd    string
	}{"straight": {targetOf(t, safe, true), "self-signed"}, "sent on": {targetOf(t, plain, false), "self-signed redirected-to-https"}} {
		id, err := quiet().Identify(t.Context(), tc.target)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if i := id.Interfaces[0]; !i.TLS || len(i.CertSHA256) != 64 || i.Address() != safe.Listener.Addr().String() {
			t.Errorf("%s: %+v", name, i)
		}
		checkOddities(t, id, tc.odd, rekey.LockState{})
	}
}

func TestIdentifyAmongPagesAndSilence(t *testing.T) {
	t.Parallel()
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }))
	defer own.Close()
	away := httptest.NewServer(http.RedirectHandler("http://192.0.2.1/", http.StatusFound))
	defer away.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	target := targetOf(t, gone, false)
	gone.Close()
	for name, tc := range map[string]struct {
		target rekey.Target
		kind   error
	}{"login page": {targetOf(t, own, false), rekey.ErrNotRecorder}, "another host": {targetOf(t, away, false), rekey.ErrUnreachable}, "nobody": {target, rekey.ErrUnreachable}} {
		if id, err := quiet().Identify(t.Context(), tc.target); !errors.Is(err, tc.kind) {
			t.Errorf("%s: %+v: %v", name, id, err)
		}
	}
}

func TestFaultInWords(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		said string
		kind error
		word string
	}{
		"denied":      {notAuthorized, rekey.ErrDenied, "Sender, NotAuthorized"},
		"unsupported": {"500 " + faultOf("ActionNotSupported", "not here"), rekey.ErrUnsupported, `"not here"`},
		"argument":    {"500 " + faultOf("InvalidArgVal", "x"), rekey.ErrInput, "InvalidArgVal"},
		"other":       {"500 " + faultOf("Action", "x"), rekey.ErrUnreachable, "Action"},
		"status only": {"403 ", rekey.ErrDenied, "403"},
		"control":     {"400 " + faultOf("NotAuthorized", "a\x1b[2J&#10;b"), rekey.ErrDenied, "GetUsers"},
	} {
		status, body, _ := strings.Cut(tc.said, " ")
		code, _ := strconv.Atoi(status)
		_, err := answer("GetUsers", transport.Response{Status: code, Body: []byte(body)})
		if name == "control" && errors.Is(err, errNotSOAP) {
			continue // a bare escape is no XML
		}
		if !errors.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.word) || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClockWords(t *testing.T) {
	t.Parallel()
	for off, want := range map[time.Duration]string{
		0: "clock agrees with this computer's", 1900 * time.Millisecond: "clock agrees with this computer's",
		90 * time.Second: "clock 1m30s ahead of this computer's", -25*time.Hour - 400*time.Millisecond: "clock 25h0m0s behind this computer's",
		math.MinInt64: "clock 2562047h47m16.854775807s behind this computer's",
	} {
		if got := clockWords(off); got != want {
			t.Errorf("%v: %s", off, got)
		}
	}
}

func TestSplitFirmware(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"V5.5.82 build 190909":                       "V5.5.82|2019-09-09",
		"2.800.0000000.13.R, Build Date: 2021-03-25": "2.800.0000000.13.R|2021-03-25",
		"4.001.0000005.0,build:2020-11-17":           "4.001.0000005.0|2020-11-17",
		"8.71.0066":                                  "8.71.0066|0001-01-01",
		"V1 build 209999":                            "V1 build 209999|0001-01-01",
		"":                                           "|0001-01-01",
	} {
		if version, built := splitFirmware(in); version+"|"+built.Format(time.DateOnly) != want {
			t.Errorf("%q: %q %v", in, version, built)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{information, scopes, notAuthorized, clockAt(time.Unix(0, 0)), servicesAt("http://10.0.0.9"), "400 " + faultOf("NotAuthorized", "locked 30 minutes, 2 attempts")} {
		_, body, _ := strings.Cut(s, " ")
		f.Add(200, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		for _, operation := range []string{"GetSystemDateAndTime", "GetServices", "GetCapabilities", "GetDeviceInformation", "GetScopes"} {
			told, err := answer(operation, transport.Response{Status: status, Body: body})
			id := rekey.Identity{Init: rekey.InitUnknown}
			var refused *fault
			switch {
			case errors.As(err, &refused):
				readRefusal(&id, refused)
				if strings.ContainsAny(refused.Error(), "\n\x1b") || (id.Lock != nil && (id.Lock.For < 0 || id.Lock.TriesLeft < -1)) {
					t.Errorf("%v %+v", refused, id.Lock)
				}
			case err == nil:
				clockOf(told)
				serviceNames(told)
				readDoors(&id, told, rekey.Interface{Host: "127.0.0.1", Port: 80})
				readInformation(&id, told)
			}
			checkIdentity(t, id)
		}
	})
}
