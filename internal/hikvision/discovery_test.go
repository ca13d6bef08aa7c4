package hikvision

import (
	"encoding/json"
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

var source = netip.MustParseAddrPort("192.0.2.30:37020")

// probeMatch is an answer of a recorder; more stands at its end.
func probeMatch(more string) string {
	return "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\r\n<ProbeMatch><Uuid>0A000000-0000-4000-8000-000000000001</Uuid>\r\n<Types>inquiry</Types>\r\n" + more + "</ProbeMatch>\r\n\x00"
}

const recorder = `<Encrypt>true</Encrypt><Salt>00ff</Salt><DeviceType>44322</DeviceType>
<DeviceDescription>DS-7804TEST-K1</DeviceDescription><DeviceSN>DS-7804TEST-K10420190101CCCHD00000000WCVU</DeviceSN>
<CommandPort>8000</CommandPort><HttpPort>80</HttpPort><MAC>0A-1B-2C-3D-4E-5F</MAC><IPv4Address>192.0.2.30</IPv4Address><IPv4SubnetMask>255.255.255.0</IPv4SubnetMask>
<IPv6Address>fe80::1</IPv6Address><DHCP>false</DHCP><AnalogChannelNum>4</AnalogChannelNum><DigitalChannelNum>5</DigitalChannelNum>
<SoftwareVersion>V3.5.38build 191215</SoftwareVersion><DSPVersion>V5.0, build 191213</DSPVersion><BootTime>2021-01-02 03:04:05</BootTime><OEMInfo>N/A</OEMInfo>
<Activated>true</Activated><PasswordResetAbility>true</PasswordResetAbility><PasswordResetModeSecond>true</PasswordResetModeSecond><DeviceLock>true</DeviceLock>
<SupportGUID>true</SupportGUID><SupportSecurityQuestion>true</SupportSecurityQuestion><SupportHCPlatform>true</SupportHCPlatform><HCPlatformEnable>flase</HCPlatformEnable><SupportMailBox>true</SupportMailBox>`

func TestProbeMatch(t *testing.T) {
	t.Parallel()
	id, err := Prober{}.Parse([]byte(probeMatch(recorder)), source)
	if err != nil {
		t.Fatal(err)
	}
	if id.Family != "hikvision" || id.Model != "DS-7804TEST-K1" || id.Serial != "DS-7804TEST-K10420190101CCCHD00000000WCVU" || id.MAC != "0a:1b:2c:3d:4e:5f" || id.Vendor != "" || id.Channels != 5 ||
		id.Firmware != "V3.5.38" || !id.Built.Equal(time.Date(2019, 12, 15, 0, 0, 0, 0, time.UTC)) || id.Init != rekey.InitDone || id.Lock != nil || len(id.Oddities) != 0 {
		t.Errorf("%+v", id)
	}
	want := []rekey.Interface{{Kind: rekey.InterfaceISAPI, Host: "192.0.2.30", Port: 80}, {Kind: rekey.InterfaceSDK, Host: "192.0.2.30", Port: 8000}}
	if !slices.Equal(id.Interfaces, want) {
		t.Errorf("doors %v", id.Interfaces)
	}
	resets := strings.Join(id.Resets, "\n")
	for word, in := range map[string]bool{"security questions": true, "GUID": true, "e-mail": true, "SADP tool": true, "Hik-Connect": false, "inferred": true} {
		if strings.Contains(resets, word) != in {
			t.Errorf("%q in the ways of resetting: %s", word, resets)
		}
	}
	for _, what := range []string{"family", "model", "serial", "mac", "firmware", "built", "channels", "init", "resets"} {
		if !slices.Contains(id.Learnt, rekey.Fact{What: what, From: "SADP reply"}) {
			t.Errorf("%s was not learnt: %v", what, id.Learnt)
		}
	}
}

func TestAnnouncements(t *testing.T) {
	t.Parallel()
	const sn = "<DeviceSN>S1</DeviceSN>"
	for name, tc := range map[string]struct {
		packet string
		check  func(rekey.Identity) bool
		odd    string
	}{
		"factory state":      {probeMatch(sn + "<Activated>false</Activated>"), func(id rekey.Identity) bool { return id.Init == rekey.InitFactory }, "factory-state"},
		"misspelt":           {probeMatch(sn + "<Activated>flase</Activated>"), func(id rekey.Identity) bool { return id.Init == rekey.InitFactory }, "factory-state"},
		"not told":           {probeMatch(sn + "<Activated>maybe</Activated>"), func(id rekey.Identity) bool { return id.Init == rekey.InitUnknown }, ""},
		"hello":              {"<Hello>" + sn + "<HttpPort>81</HttpPort></Hello>", func(id rekey.Identity) bool { return id.Serial == "S1" && id.Interfaces[0].Port == 81 }, ""},
		"other case":         {"<probematch><devicesn>S1</devicesn><httpport>81</httpport></probematch>", func(id rekey.Identity) bool { return id.Serial == "S1" && id.Interfaces[0].Port == 81 }, ""},
		"a prefix before it": {"\x21\x02\x01\x42" + probeMatch(sn), func(id rekey.Identity) bool { return id.Serial == "S1" }, ""},
		"bare ampersand":     {probeMatch("<DeviceDescription>DS-1 A&B</DeviceDescription>" + sn), func(id rekey.Identity) bool { return id.Model == "DS-1 A&B" && id.Serial == "S1" }, ""},
		"broken off":         {"<ProbeMatch>" + sn + "<MAC>0a-1b-2c-3d-4e-5f</MAC><HttpPort>80", func(id rekey.Identity) bool { return id.MAC == "0a:1b:2c:3d:4e:5f" && len(id.Interfaces) == 0 }, ""},
		"other encoding":     {"<?xml version=\"1.0\" encoding=\"GB2312\"?><ProbeMatch>" + sn + "<DeviceDescription>DS-\xce\xd21</DeviceDescription></ProbeMatch>", func(id rekey.Identity) bool { return id.Serial == "S1" && strings.HasPrefix(id.Model, "DS-") }, ""},
		"MAC alone":          {probeMatch("<MAC>0a-1b-2c-3d-4e-5f</MAC>"), func(id rekey.Identity) bool { return id.Serial == "" && id.MAC != "" }, ""},
		"wrong numbers":      {probeMatch(sn + "<HttpPort>70000</HttpPort><CommandPort>-1</CommandPort><DigitalChannelNum>999999</DigitalChannelNum>"), func(id rekey.Identity) bool { return len(id.Interfaces) == 0 && id.Channels == 0 }, ""},
		"over TLS": {probeMatch(sn + "<HttpsPort>443</HttpsPort><SDKOverTLSPort>8443</SDKOverTLSPort><SDKOverTLSServerStatus>true</SDKOverTLSServerStatus>"), func(id rekey.Identity) bool {
			return len(id.Interfaces) == 2 && id.Interfaces[0].TLS && id.Interfaces[1].TLS
		}, ""},
		"TLS off":            {probeMatch(sn + "<SDKOverTLSPort>8443</SDKOverTLSPort><SDKOverTLSServerStatus>false</SDKOverTLSServerStatus>"), func(id rekey.Identity) bool { return len(id.Interfaces) == 0 }, ""},
		"another address":    {probeMatch(sn + "<IPv4Address>192.168.1.64</IPv4Address><HttpPort>80</HttpPort>"), func(id rekey.Identity) bool { return id.Interfaces[0].Host == "192.0.2.30" }, "foreign-xaddr"},
		"no address":         {probeMatch(sn + "<IPv4Address>0.0.0.0</IPv4Address>"), func(id rekey.Identity) bool { return true }, ""},
		"OEM":                {probeMatch(sn + "<OEMInfo>HiLook</OEMInfo><DeviceDescription>NVR-104</DeviceDescription>"), func(id rekey.Identity) bool { return id.Vendor == "HiLook" && id.Model == "NVR-104" }, ""},
		"OEM without name":   {probeMatch(sn + "<DeviceDescription>ACR4-40</DeviceDescription>"), func(id rekey.Identity) bool { return id.Vendor == "" }, "oem-name"},
		"no reset":           {probeMatch(sn + "<PasswordResetAbility>false</PasswordResetAbility><SupportSecurityQuestion>true</SupportSecurityQuestion>"), func(id rekey.Identity) bool { return len(id.Resets) == 0 }, "reset-off"},
		"app":                {probeMatch(sn + "<HCPlatformEnable>true</HCPlatformEnable>"), func(id rekey.Identity) bool { return len(id.Resets) == 1 }, ""},
		"kind only, NVR":     {probeMatch("<DeviceDescription>NVR</DeviceDescription><DeviceSN>DS-7616TEST-K2/16P1620201105CCRR00000000WCVU</DeviceSN>"), func(id rekey.Identity) bool { return id.Class == "NVR" && id.Model == "DS-7616TEST-K2/16P" }, "model-in-update-serial"},
		"kind only, camera":  {probeMatch("<DeviceDescription>IPCamera</DeviceDescription><DeviceSN>DS-2CD2T43TEST-I820191010AAWR00000000</DeviceSN>"), func(id rekey.Identity) bool { return id.Class == "IPC" && id.Model == "DS-2CD2T43TEST-I8" }, "model-in-update-serial"},
		"kind only, nothing": {probeMatch("<DeviceDescription>NVR</DeviceDescription><DeviceSN>0123456789</DeviceSN>"), func(id rekey.Identity) bool { return id.Model == "" && id.Class == "NVR" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, err := Prober{}.Parse([]byte(tc.packet), source)
			if err != nil || !tc.check(id) {
				t.Fatalf("%+v: %v", id, err)
			}
			if got := oddities(id); got != tc.odd {
				t.Errorf("oddities %q, want %q", got, tc.odd)
			}
		})
	}
}

func oddities(id rekey.Identity) string {
	var odd []string
	for _, o := range id.Oddities {
		odd = append(odd, o.ID)
	}
	return strings.Join(odd, " ")
}

func TestNoAnnouncement(t *testing.T) {
	t.Parallel()
	for name, packet := range map[string]string{
		"nothing": "", "text": "hello", "own question": string(Prober{}.Frame()), "blank": probeMatch(""), "another XML": "<a><DeviceSN>S1</DeviceSN></a>",
		"an answer to a change": probeMatch("<Result>success</Result>"),
		"too large":             probeMatch("<DeviceSN>S1</DeviceSN>" + strings.Repeat(" ", 70<<10)),
		"bomb":                  strings.Repeat("<a>", 20000),
		"entities":              `<!DOCTYPE x [<!ENTITY a "aaaa">]><ProbeMatch><DeviceDescription>&a;</DeviceDescription></ProbeMatch>`,
	} {
		if id, err := (Prober{}).Parse([]byte(packet), source); err == nil {
			t.Errorf("%s: %+v", name, id)
		}
	}
}

func TestFrame(t *testing.T) {
	t.Parallel()
	p := Prober{}
	a, b := p.Frame(), p.Frame()
	form := regexp.MustCompile(`^<\?xml version="1.0" encoding="utf-8"\?>\n<Probe>\n<Uuid>[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}</Uuid>\n<Types>inquiry</Types>\n</Probe>\n$`)
	if !form.Match(a) || !form.Match(b) || string(a) == string(b) {
		t.Errorf("%s %s", a, b)
	}
	if p.Port() != 37020 || (Prober{UDPPort: 7}).Port() != 7 || !p.AnswersToGroup() || p.Multicast()[0] != netip.MustParseAddr("239.255.255.250") {
		t.Error("port or group")
	}
}

// xmlOf writes a JSON object as elements: captures are kept in that form.
func xmlOf(name string, value any) string {
	object, ok := value.(map[string]any)
	if !ok {
		return fmt.Sprintf("<%s>%v</%s>", name, value, name)
	}
	var b strings.Builder
	for k, v := range object {
		if !strings.HasPrefix(k, "@") {
			b.WriteString(xmlOf(k, v))
		}
	}
	return "<" + name + ">" + b.String() + "</" + name + ">"
}

// TestCaptures reads answers of real devices, where the folder of them is named.
func TestCaptures(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("REKEY_CAPTURES")
	files, err := filepath.Glob(filepath.Join(folder, "hikvision", "*"))
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
				var answers map[string]struct{ Response map[string]any }
				if err := json.Unmarshal(data, &answers); err != nil {
					t.Fatal(err)
				}
				data = []byte(xmlOf("DeviceInfo", answers["System/deviceInfo"].Response["DeviceInfo"]))
			}
			root, f, err := parseFields(data)
			if err != nil {
				t.Fatal(err)
			}
			l := &look{}
			l.readBody(root, f, "capture")
			if (root == "DeviceInfo") != (l.id.Model != "" && l.id.Serial != "" && l.id.MAC != "" && l.id.Class != "" && l.id.Firmware != "" && !l.id.Built.IsZero()) {
				t.Errorf("%s: %+v", root, l.id)
			}
			t.Logf("%s, %d fields, model %q, class %q, built %s", root, len(f), l.id.Model, l.id.Class, l.id.Built.Format(time.DateOnly))
		})
	}
}

func FuzzAnnouncement(f *testing.F) {
	f.Add([]byte(probeMatch(recorder)))
	f.Add([]byte("<Hello><DeviceSN>S1</DeviceSN><DeviceDescription>NVR</DeviceDescription>"))
	f.Add([]byte("<a>\xff&<b x=1>"))
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
			if i.Host != "192.0.2.30" || i.Port < 1 || i.Port > 65535 {
				t.Errorf("door %+v", i)
			}
		}
	})
}

// checkIdentity holds for whatever a device says.
func checkIdentity(t *testing.T, id rekey.Identity) {
	t.Helper()
	if id.Init == "" || id.Channels < 0 || (id.Lock != nil && (id.Lock.For < 0 || id.Lock.TriesLeft < -1)) {
		t.Errorf("%+v", id)
	}
	texts := []string{id.Vendor, id.Model, id.Class, id.Name, id.Serial, id.MAC, id.Firmware, id.Realm}
	for _, o := range id.Oddities {
		texts = append(texts, o.Words)
	}
	for _, s := range append(texts, id.Resets...) {
		if strings.ContainsAny(s, "\n\r\x00\x1b") || len(s) > 4096 {
			t.Errorf("%q", s)
		}
	}
}

func TestParseFieldsKeepsTheInnermost(t *testing.T) {
	t.Parallel()
	root, f, err := parseFields([]byte(`<x:A xmlns:x="y"><B>  one  two </B><C>text<D>deep</D>tail</C><b>second</b><E/></x:A>`))
	if err != nil || root != "A" || f["b"] != "one two" || f["d"] != "deep" || len(f) != 3 {
		t.Errorf("%s %v: %v", root, f, err)
	}
	if _, _, err := parseFields([]byte("<!-- -->")); err == nil || errors.Is(err, rekey.ErrNotRecorder) {
		t.Error(err)
	}
}
