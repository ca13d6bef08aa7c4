package onvif

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
)

var source = netip.MustParseAddrPort("192.0.2.20:3702")

// matches is an answer with its own choice of prefixes.
func matches(devices ...string) []byte {
	return []byte(`<?xml version="1.0" encoding="utf-8"?>` +
		`<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope" xmlns:ad="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:disco="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:net="http://www.onvif.org/ver10/network/wsdl" xmlns:dm="http://www.onvif.org/ver10/device/wsdl" xmlns:wsdp="http://schemas.xmlsoap.org/ws/2006/02/devprof">` +
		`<env:Header><ad:MessageID>uuid:0a000000-0000-4000-8000-000000000001</ad:MessageID></env:Header><env:Body><disco:ProbeMatches>` +
		strings.Join(devices, "") + `</disco:ProbeMatches></env:Body></env:Envelope>` + "\r\n\x00")
}

func match(types, scopes, xaddrs string) string {
	return `<disco:ProbeMatch><ad:EndpointReference><ad:Address>urn:uuid:AA000000-1111-2222-3333-444444444444</ad:Address></ad:EndpointReference>` +
		`<disco:Types>` + types + `</disco:Types><disco:Scopes>` + scopes + `</disco:Scopes><disco:XAddrs>` + xaddrs + `</disco:XAddrs><disco:MetadataVersion>1</disco:MetadataVersion></disco:ProbeMatch>`
}

const recorderScopes = "onvif://www.onvif.org/location/country/canada onvif://www.onvif.org/name/Lorex\r\n onvif://www.onvif.org/hardware/N881A6%2FB onvif://www.onvif.org/Profile/Streaming onvif://www.onvif.org/Profile/G onvif://www.onvif.org/Profile/Q/Operational onvif://www.onvif.org/MAC/0A:1B:2C:3D:4E:5F onvif://www.onvif.org/type/Network_Video_Transmitter"

func TestProbeMatch(t *testing.T) {
	t.Parallel()
	id, err := Prober{}.Parse(matches(match("net:NetworkVideoTransmitter dm:Device", recorderScopes, "http://192.0.2.20/onvif/device_service  https://192.0.2.20:8443/onvif/device_service")), source)
	if err != nil {
		t.Fatal(err)
	}
	if id.Family != "onvif" || id.Vendor != "Lorex" || id.Name != "" || id.Model != "N881A6/B" || id.MAC != "0a:1b:2c:3d:4e:5f" || id.UUID != "aa000000-1111-2222-3333-444444444444" || id.Init != rekey.InitDone || len(id.Oddities) != 0 {
		t.Errorf("%+v", id)
	}
	want := []rekey.Interface{{Kind: rekey.InterfaceONVIF, Host: "192.0.2.20", Port: 80}, {Kind: rekey.InterfaceONVIF, Host: "192.0.2.20", Port: 8443, TLS: true}}
	if !slices.Equal(id.Interfaces, want) {
		t.Errorf("doors %v", id.Interfaces)
	}
	for _, f := range []rekey.Fact{{What: "model", From: "WS-Discovery reply"}, {What: "uuid", From: "WS-Discovery reply"}, {What: "ONVIF profiles G, Q, S", From: "WS-Discovery reply"}} {
		if !slices.Contains(id.Learnt, f) {
			t.Errorf("%v is not in %v", f, id.Learnt)
		}
	}
}

func TestWhatIsARecorder(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		packet []byte
		kind   error // nil: is one
		class  string
	}{
		"transmitter":         {packet: matches(match("net:NetworkVideoTransmitter", "", ""))},
		"undeclared prefix":   {packet: matches(match("dn:NetworkVideoTransmitter", "", ""))},
		"storage":             {packet: matches(match("dn:NetworkVideoStorage", "", "")), class: "NVR"},
		"device of ONVIF":     {packet: matches(match("dm:Device", "", ""))},
		"scopes alone":        {packet: matches(match("", "onvif://www.onvif.org/hardware/X", ""))},
		"scopes in capitals":  {packet: matches(match("", "ONVIF://WWW.ONVIF.ORG/hardware/X", ""))},
		"printer":             {packet: matches(match("wsdp:Device wprt:PrintDeviceType wscn:ScanDeviceType", "", "http://192.0.2.20:80/WebServices/Device")), kind: rekey.ErrNotRecorder},
		"computer":            {packet: matches(match("wsdp:Device pub:Computer", "ldap:///ou=sales", "")), kind: rekey.ErrNotRecorder},
		"printer and camera":  {packet: matches(match("wsdp:Device", "", ""), match("net:NetworkVideoTransmitter", "", ""))},
		"prefixes by element": {packet: []byte(`<Envelope><Body><ProbeMatches><ProbeMatch><Types xmlns:q="http://www.onvif.org/ver10/device/wsdl">q:Device</Types></ProbeMatch></ProbeMatches></Body></Envelope>`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, err := Prober{}.Parse(tc.packet, source)
			if !errors.Is(err, tc.kind) || id.Class != tc.class || (err == nil) != (id.Family == "onvif") {
				t.Errorf("%+v: %v", id, err)
			}
		})
	}
}

func TestNoAnnouncement(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100)
	for name, packet := range map[string]string{
		"nothing": "", "text": "hello", "no XML": "<<<>", "broken off": string(matches(match("", "", "")))[:200],
		"own question": string(Prober{}.Frame()), "no match in it": string(matches()),
		"bye":       `<Envelope><Body><Bye><Types>dn:NetworkVideoTransmitter</Types></Bye></Body></Envelope>`,
		"deep":      `<Envelope><Body>` + deep + `</Body></Envelope>`,
		"many":      `<Envelope><Body>` + strings.Repeat("<a/>", 5000) + `</Body></Envelope>`,
		"too large": `<Envelope>` + strings.Repeat(" ", 70<<10) + `</Envelope>`,
		"entities":  `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><Envelope><Body>&b;</Body></Envelope>`,
	} {
		if id, err := (Prober{}).Parse([]byte(packet), source); err == nil {
			t.Errorf("%s: %+v", name, id)
		}
	}
}

func TestXAddrs(t *testing.T) {
	t.Parallel()
	over6 := netip.MustParseAddrPort("[fe80::1%eth0]:3702")
	for name, tc := range map[string]struct {
		xaddrs  string
		from    netip.AddrPort
		doors   string
		foreign string
	}{
		"own":               {xaddrs: "http://192.0.2.20:8080/onvif/device_service", from: source, doors: "192.0.2.20:8080"},
		"link-local too":    {xaddrs: "http://169.254.7.7/onvif/services http://192.0.2.20/onvif/services", from: source, doors: "192.0.2.20:80"},
		"behind NAT":        {xaddrs: "http://10.0.0.9:81/onvif/device_service", from: source, doors: "192.0.2.20:81", foreign: "10.0.0.9"},
		"host name":         {xaddrs: "https://nvr.local/onvif/device_service", from: source, doors: "192.0.2.20:443+", foreign: "nvr.local"},
		"IPv6 beside":       {xaddrs: "http://192.0.2.20/a http://[2001:db8::5]/a", from: source, doors: "192.0.2.20:80"},
		"IPv4 told by IPv6": {xaddrs: "http://192.0.2.20/a", from: over6, doors: "[fe80::1%eth0]:80"},
		"own of IPv6":       {xaddrs: "http://[fe80::1]:82/a", from: over6, doors: "[fe80::1%eth0]:82"},
		"the same twice":    {xaddrs: "http://192.0.2.20/a http://192.0.2.20/b", from: source, doors: "192.0.2.20:80"},
		"not usable":        {xaddrs: "soap.udp://192.0.2.20 http:// http://192.0.2.20:0/ http://192.0.2.20:99999/ %zz", from: source, doors: ""},
		"none":              {from: source},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, err := Prober{}.Parse(matches(match("dn:NetworkVideoTransmitter", "", tc.xaddrs)), tc.from)
			if err != nil {
				t.Fatal(err)
			}
			var doors []string
			for _, i := range id.Interfaces {
				door := i.Address()
				if i.TLS {
					door += "+"
				}
				doors = append(doors, door)
			}
			told := ""
			for _, o := range id.Oddities {
				if o.ID == "foreign-xaddr" {
					told = o.Words
				}
			}
			if strings.Join(doors, " ") != tc.doors || (told != "") != (tc.foreign != "") || !strings.Contains(told, tc.foreign) {
				t.Errorf("doors %v, oddity %q", doors, told)
			}
		})
	}
}

// TestTheOneAtTheSource: a recorder may answer for its cameras too.
func TestTheOneAtTheSource(t *testing.T) {
	t.Parallel()
	camera := match("dn:NetworkVideoTransmitter", "onvif://www.onvif.org/hardware/CAM", "http://10.1.1.2/onvif/device_service")
	recorder := match("dn:NetworkVideoTransmitter", "onvif://www.onvif.org/hardware/REC", "http://192.0.2.20/onvif/device_service")
	id, err := Prober{}.Parse(matches(camera, recorder, camera), source)
	if err != nil || id.Model != "REC" || len(id.Oddities) != 0 {
		t.Errorf("%+v: %v", id, err)
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	for scopes, want := range map[string]rekey.Identity{
		"name/HIKVISION%20DS-7608NI-I2/8P": {Vendor: "Hikvision", Name: "HIKVISION DS-7608NI-I2/8P"},
		"name/Front%20door":                {Name: "Front door"},
		"name/bad%zzcoding":                {Name: "bad%zzcoding"},
		"hardware/NVR":                     {Class: "NVR"},
		"hardware/":                        {},
		"hardware/ONE onvif://www.onvif.org/hardware/TWO": {Model: "ONE"},
		"manufacturer/Uniview":                            {Vendor: "Uniview"},
		"macaddress/0a1b2c3d4e5f":                         {MAC: "0a:1b:2c:3d:4e:5f"},
		"mac/none":                                        {},
		"Profile/Q/FactoryDefault":                        {Init: rekey.InitFactory, Oddities: []rekey.Oddity{{ID: "factory-state"}}},
		"Profile/Q/Operational":                           {Init: rekey.InitDone},
		"Profile/Q/Operational onvif://www.onvif.org/Profile/Q/FactoryDefault": {},
		"hardware/31":               {Oddities: []rekey.Oddity{{ID: "numeric-type"}}},
		"name/a%1b%5b2Jb%E2%80%AEc": {Name: "a [2Jb c"},
	} {
		id := rekey.Identity{Init: rekey.InitUnknown}
		readScopes(&id, strings.Fields(scopePrefix+scopes))
		if want.Init == "" {
			want.Init = rekey.InitUnknown
		}
		if id.Vendor != want.Vendor || id.Name != want.Name || id.Model != want.Model || id.Class != want.Class || id.MAC != want.MAC || id.Init != want.Init || len(id.Oddities) != len(want.Oddities) {
			t.Errorf("%s: %+v", scopes, id)
		}
		for i, o := range want.Oddities {
			if id.Oddities[i].ID != o.ID {
				t.Errorf("%s: %v", scopes, id.Oddities)
			}
		}
	}
}

func TestFrame(t *testing.T) {
	t.Parallel()
	messageID := regexp.MustCompile(`MessageID>uuid:([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})<`)
	seen := map[string]bool{}
	for _, p := range append(Probers(), Probers()...) {
		frame := p.Frame()
		m := messageID.FindSubmatch(frame)
		if m == nil || seen[string(m[1])] {
			t.Fatalf("message id in %s", frame)
		}
		seen[string(m[1])] = true
		root, err := parse(frame)
		if err != nil {
			t.Fatal(err)
		}
		types := root.find("Envelope", "Body", "Probe", "Types")
		if types == nil || (types.line() != "") != p.Typed || (p.Typed && types.space("dn") != "http://www.onvif.org/ver10/network/wsdl") {
			t.Errorf("types of %s", frame)
		}
	}
	if p := (Prober{}); p.Port() != 3702 || (Prober{UDPPort: 7}).Port() != 7 || !p.Multicast()[1].Is6() {
		t.Error("port or groups")
	}
}

// helloOf writes a Hello out of its fields.
func helloOf(types, scopes, xaddrs []string, address string) []byte {
	text := func(words ...string) string {
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(strings.Join(words, " ")))
		return b.String()
	}
	return fmt.Appendf(nil, `<s:Envelope><s:Body><d:Hello><a:EndpointReference><a:Address>%s</a:Address></a:EndpointReference><d:Types>%s</d:Types><d:Scopes>%s</d:Scopes><d:XAddrs>%s</d:XAddrs></d:Hello></s:Body></s:Envelope>`,
		text(address), text(types...), text(scopes...), text(xaddrs...))
}

func TestHello(t *testing.T) {
	t.Parallel()
	id, err := Prober{}.Parse(helloOf([]string{"dn:NetworkVideoTransmitter", "tds:Device"}, []string{scopePrefix + "name/Dahua", scopePrefix + "hardware/NVR4108"}, []string{"http://192.0.2.20/onvif/device_service"}, "uuid:0b0b0b0b-0000-4000-8000-000000000002"), source)
	if err != nil || id.Vendor != "Dahua" || id.Model != "NVR4108" || id.UUID != "0b0b0b0b-0000-4000-8000-000000000002" || id.Learnt[0].From != "WS-Discovery Hello" {
		t.Errorf("%+v: %v", id, err)
	}
}

// TestCaptures reads answers of real devices, where the folder of them is named.
func TestCaptures(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("REKEY_CAPTURES")
	files, err := filepath.Glob(filepath.Join(folder, "onvif", "*"))
	if err != nil || (folder != "" && len(files) == 0) {
		t.Fatalf("captures in %q: %v", folder, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Ext(file) == ".json" {
				captureOfHello(t, data)
				return
			}
			root, err := parse(data)
			if err != nil || root.find("Envelope", "Body") == nil {
				t.Fatalf("no SOAP: %v", err)
			}
			captureOfAnswer(t, root)
			captureOfRecordings(t, filepath.Base(file), root.find("Envelope", "Body"))
		})
	}
}

func captureOfRecordings(t *testing.T, name string, body *element) {
	t.Helper()
	switch name {
	case "ex_onvif_get_replay_uri.xml":
		at, path, err := streamOf(body.exact("GetReplayUriResponse", "Uri"), "192.0.2.1")
		if err != nil || at.Address() != "192.0.2.1:554" || at.TLS || !strings.HasPrefix(path, "/onvif-media/record/play.amp?onvifreplayid=SD_DISK_") || !strings.HasSuffix(path, "&session_timeout=30") {
			t.Errorf("%+v %q: %v", at, path, err)
		}
	case "ex_onvif_get_recording_search_results.xml":
		page, listed, done, err := pageOf(body.find("GetRecordingSearchResultsResponse"))
		if err != nil || listed != 1 || !done || len(page) != 1 || page[0].start.Year() != 1970 {
			t.Fatalf("%+v: %v", page, err)
		}
		n := 0
		for range page[0].pieces(time.Time{}, time.Now()) {
			n++
		}
		if n < 1000 || n > 2000 {
			t.Errorf("%d pieces", n)
		}
	}
}

func captureOfHello(t *testing.T, data []byte) {
	t.Helper()
	var f struct {
		Address  string
		Types    []string
		XAddrs   []string
		Scopes   []string `json:"Scopes_seen"`
		Hardware string
	}
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	id, err := Prober{}.Parse(helloOf(f.Types, f.Scopes, f.XAddrs, f.Address), source)
	if err != nil || id.Model != f.Hardware || id.Vendor == "" {
		t.Errorf("%+v: %v", id, err)
	}
	t.Logf("hello of %s %s", id.Vendor, id.Model)
}

func captureOfAnswer(t *testing.T, root *element) {
	t.Helper()
	var told *element
	for _, e := range root.find("Envelope", "Body").all() {
		told = e
	}
	id := rekey.Identity{Init: rekey.InitUnknown}
	switch told.name {
	case "Fault":
		if f := readFault("x", 400, told); len(f.codes) == 0 || f.said == "" {
			t.Errorf("%+v", f)
		}
	case "GetSystemDateAndTimeResponse":
		clock, ok := clockOf(told)
		if !ok {
			t.Error("no clock")
		}
		t.Logf("clock %v", clock)
	case "GetCapabilitiesResponse", "GetServicesResponse":
		names := serviceNames(told)
		if len(names) == 0 {
			t.Error("no services")
		}
		t.Logf("services %v", names)
	case "GetDeviceInformationResponse":
		readInformation(&id, told)
		if id.Model == "" || id.Firmware == "" || id.Serial == "" {
			t.Errorf("%+v", id)
		}
	case "GetScopesResponse":
		var scopes []string
		for _, e := range told.named("Scopes") {
			scopes = append(scopes, e.line("ScopeItem"))
		}
		if profiles, ok := readScopes(&id, scopes); !ok || len(profiles) == 0 {
			t.Errorf("%v: %+v", scopes, id)
		}
		t.Logf("scopes: model %q, state %s", id.Model, id.Init)
	case "GetRecordingSearchResultsResponse":
		page, _, done, err := pageOf(told)
		if err != nil || !done || len(page) == 0 || page[0].source == "" || !page[0].end.After(page[0].start) {
			t.Errorf("%+v: %v", page, err)
		}
	default:
		t.Logf("%s parses; nothing is read from it", told.name)
	}
}

func FuzzAnnouncement(f *testing.F) {
	f.Add(matches(match("net:NetworkVideoTransmitter dm:Device", recorderScopes, "http://192.0.2.20/a https://x:1/")))
	f.Add(helloOf([]string{"tds:Device"}, []string{scopePrefix + "Profile/Q/FactoryDefault"}, nil, "urn:uuid:1"))
	f.Add([]byte(`<a xmlns:b="c"><b:d/>`))
	f.Fuzz(func(t *testing.T, packet []byte) {
		id, err := Prober{}.Parse(packet, source)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%q", err)
			}
			return
		}
		checkIdentity(t, id)
		for _, i := range id.Interfaces {
			if i.Host != "192.0.2.20" || i.Port < 1 || i.Port > 65535 {
				t.Errorf("door %+v", i)
			}
		}
	})
}

// checkIdentity holds for whatever a device says.
func checkIdentity(t *testing.T, id rekey.Identity) {
	t.Helper()
	if id.Init == "" || len(id.Interfaces) > mostXAddrs {
		t.Errorf("%+v", id)
	}
	texts := []string{id.Vendor, id.Model, id.Class, id.Name, id.Serial, id.MAC, id.Firmware, id.UUID}
	for _, o := range id.Oddities {
		texts = append(texts, o.Words)
	}
	for _, l := range id.Learnt {
		texts = append(texts, l.What)
	}
	for _, s := range texts {
		if strings.ContainsAny(s, "\n\r\x00\x1b") || len(s) > 4096 {
			t.Errorf("%q", s)
		}
	}
}
