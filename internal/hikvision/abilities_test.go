package hikvision

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rekey"
)

// boxAccesses is the list of a recorder with things in it that nobody knows.
const boxAccesses = `<?xml version="1.0" encoding="UTF-8"?>
<AdminAccessProtocolList version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema" size='6'>
  <!-- doors -->
  <AdminAccessProtocol><id>1</id><enabled>true</enabled><protocol>HTTP</protocol><portNo>80</portNo></AdminAccessProtocol>
  <AdminAccessProtocol><id>2</id><enabled>true</enabled><protocol>RTSP</protocol><portNo>10554</portNo></AdminAccessProtocol>
  <AdminAccessProtocol><id>3</id><enabled>true</enabled><protocol>HTTPS</protocol><redirectToHttps opt="a,b">false</redirectToHttps><portNo>443</portNo></AdminAccessProtocol>
  <AdminAccessProtocol><id>4</id><protocol>DEV_MANAGE</protocol><portNo>8000</portNo></AdminAccessProtocol>
  <AdminAccessProtocol><id>5</id><enabled >false</enabled ><protocol>WebSocket</protocol><portNo>7681</portNo></AdminAccessProtocol>
  <AdminAccessProtocol><id>7</id><enabled/><protocol>SDK_OVER_TLS</protocol><streamOverTls>x &amp; y</streamOverTls><portNo>8443</portNo></AdminAccessProtocol>
</AdminAccessProtocolList>
`

func TestServices(t *testing.T) {
	t.Parallel()
	const put = "PUT " + pathAccesses
	p := newPeer()
	p.scripts["GET "+pathAccesses] = says(200, boxAccesses)
	p.scripts[put] = says(200, said(1, "OK", "ok"))
	s, _ := opened(t, p, false)
	list, err := s.Services(t.Context())
	want := "[{http true 80} {rtsp true 10554} {https true 443} {sdk true 8000} {websocket false 7681} {sdk-over-tls true 8443}]"
	if fmt.Sprint(list) != want || err != nil {
		t.Errorf("%v: %v", list, err)
	}
	for _, tc := range []struct {
		name     string
		on       bool
		from, to string
	}{
		{"rtsp", false, "<id>2</id><enabled>true<", "<id>2</id><enabled>false<"},
		{"websocket", true, "<id>5</id><enabled >false<", "<id>5</id><enabled >true<"},
		{"sdk-over-tls", false, "<enabled/>", "<enabled>false</enabled>"},
	} {
		if err := s.SwitchService(t.Context(), tc.name, tc.on); err != nil || p.body(put) != strings.Replace(boxAccesses, tc.from, tc.to, 1) {
			t.Errorf("%s: %v\n%s", tc.name, err, p.body(put))
		}
	}
	before := p.count(put)
	for name, kind := range map[string]error{"http": rekey.ErrInput, "sdk": rekey.ErrUnsupported, "teleport": rekey.ErrUnsupported} {
		if err := s.SwitchService(t.Context(), name, false); !errors.Is(err, kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.scripts["GET "+pathAccesses] = says(200, strings.TrimSuffix(boxAccesses, "List>\n"))
	if err := s.SwitchService(t.Context(), "rtsp", false); !errors.Is(err, rekey.ErrUnsupported) || p.count(put) != before {
		t.Errorf("a list that is cut off: %v", err)
	}
	p.scripts["GET "+pathAccesses] = says(200, boxAccesses)
	p.scripts[put] = says(200, said(7, "Reboot Required", "rebootRequired"))
	if err := s.SwitchService(t.Context(), "rtsp", false); !errors.Is(err, rekey.ErrWaiting) {
		t.Errorf("after a restart: %v", err)
	}
}

func TestInterfaces(t *testing.T) {
	t.Parallel()
	p := newPeer()
	p.scripts["GET "+pathAccesses] = says(200, boxAccesses)
	s, _ := opened(t, p, true)
	list, err := s.Interfaces(t.Context())
	if err != nil || len(list) != 3 || list[0].Address() != s.at.Address() || len(list[0].CertSHA256) != 64 || list[1].Port != 80 || list[1].TLS || list[2].Kind != rekey.InterfaceRTSP || list[2].Port != 10554 {
		t.Errorf("%+v: %v", list, err)
	}
}

func TestLockPolicy(t *testing.T) {
	t.Parallel()
	const path, put = "GET " + pathLock, "PUT " + pathLock
	body := func(inside string) string {
		return `<?xml version="1.0" encoding="UTF-8"?><IllegalLoginLock version="2.0" xmlns="` + isapiNS + `">` + inside + `</IllegalLoginLock>`
	}
	full := "<enabled>true</enabled><maxIllegalLoginTimes>5</maxIllegalLoginTimes><more/><maxIllegalLoginLockTime>1800</maxIllegalLoginLockTime>"
	for name, tc := range map[string]struct {
		inside string
		want   rekey.LockPolicy
		kind   error
	}{
		"told":         {full, rekey.LockPolicy{Enabled: true, Tries: 5, LockFor: 30 * time.Minute}, nil},
		"no time":      {"<enabled>true</enabled><maxIllegalLoginTimes>7</maxIllegalLoginTimes>", rekey.LockPolicy{Enabled: true, Tries: 7}, nil},
		"off":          {"<enabled>false</enabled>", rekey.LockPolicy{}, nil},
		"no number":    {"<enabled>true</enabled>", rekey.LockPolicy{}, rekey.ErrUnsupported},
		"out of range": {"<enabled>true</enabled><maxIllegalLoginTimes>-5</maxIllegalLoginTimes>", rekey.LockPolicy{}, rekey.ErrUnsupported},
		"no switch":    {"<maxIllegalLoginTimes>5</maxIllegalLoginTimes>", rekey.LockPolicy{}, rekey.ErrUnsupported},
	} {
		p := newPeer()
		p.scripts[path] = says(200, body(tc.inside))
		s, _ := opened(t, p, false)
		if got, err := s.LockPolicy(t.Context()); got != tc.want || !errors.Is(err, tc.kind) {
			t.Errorf("%s: %+v: %v", name, got, err)
		}
	}
	p := newPeer()
	p.scripts[path], p.scripts[put] = says(200, body(full)), says(200, said(1, "OK", "ok"))
	s, _ := opened(t, p, false)
	want := strings.NewReplacer(">5<", ">4<", ">1800<", ">600<").Replace(body(full))
	if err := s.SetLockPolicy(t.Context(), rekey.LockPolicy{Enabled: true, Tries: 4, LockFor: 10 * time.Minute}); err != nil || p.body(put) != want {
		t.Errorf("%v\n%s", err, p.body(put))
	}
	p.scripts[path] = says(200, body("<enabled>true</enabled>"))
	if err := s.SetLockPolicy(t.Context(), rekey.LockPolicy{Enabled: true, Tries: 4}); !errors.Is(err, rekey.ErrUnsupported) || p.count(put) != 1 {
		t.Errorf("no number to set: %v", err)
	}
	if _, err := newAndClock(t); !errors.Is(err, rekey.ErrUnsupported) {
		t.Errorf("a missing node: %v", err)
	}
}

func newAndClock(t *testing.T) (time.Time, error) {
	s, _ := opened(t, newPeer(), false)
	return s.Clock(t.Context())
}

func TestSystem(t *testing.T) {
	t.Parallel()
	p := newPeer()
	p.scripts["GET "+pathTime] = says(200, `<Time xmlns="`+hikvisionNS+`"><timeMode>NTP</timeMode><localTime>2026-04-26T21:50:57-03:00</localTime><timeZone>CST+3:00:00</timeZone></Time>`)
	p.scripts["GET "+pathDeviceInfo] = says(200, deviceInfo)
	p.scripts["GET "+pathOnline] = says(200, `<OnlineUserList xmlns="`+isapiNS+`"><OnlineUser><id>65536</id><name>admin</name><type>admin</type><clientAddress><ipAddress>192.0.2.7</ipAddress></clientAddress></OnlineUser></OnlineUserList>`)
	s, b := opened(t, p, false)
	now, err := s.Clock(t.Context())
	if err != nil || !now.Equal(time.Date(2026, 4, 26, 21, 50, 57, 0, time.UTC)) || now.Location() != time.UTC {
		t.Errorf("%v: %v", now, err)
	}
	version, built, err := s.Firmware(t.Context())
	if err != nil || version != "V4.62.210" || built.Format(time.DateOnly) != "2023-06-19" {
		t.Errorf("%q %v: %v", version, built, err)
	}
	users, err := s.ActiveUsers(t.Context())
	if err != nil || len(users) != 1 || users[0] != (rekey.ActiveUser{Account: "admin", Address: "192.0.2.7"}) {
		t.Errorf("%+v: %v", users, err)
	}
	p.scripts["GET "+pathDeviceInfo] = says(200, `{"DeviceInfo":{"firmwareVersion":"V4.62.210"}}`)
	if version, _, err := s.Firmware(t.Context()); version != "V4.62.210" || !errors.Is(err, rekey.ErrUnsupported) {
		t.Errorf("%q: %v", version, err)
	}
	for text, kind := range map[string]error{
		"<Time><localTime>soon</localTime></Time>": rekey.ErrUnreachable, "<Clock/>": rekey.ErrUnreachable, "": rekey.ErrUnreachable,
		said(4, "Invalid Operation", "notSupport"): rekey.ErrUnsupported, said(2, "Device Busy", "deviceBusy"): rekey.ErrConflict, said(3, "Device Error", "deviceError"): rekey.ErrUnreachable,
		said(4, "x", "lowPrivilege"): rekey.ErrDenied,
	} {
		p.scripts["GET "+pathTime] = says(200, text)
		if _, err := s.Clock(t.Context()); !errors.Is(err, kind) {
			t.Errorf("%q: %v", text, err)
		}
	}
	p.scripts["GET "+pathTime] = cut
	if _, err := s.Clock(t.Context()); !errors.Is(err, rekey.ErrUnreachable) || b.spent != 1 {
		t.Errorf("%v", err)
	}
}

func TestParseWall(t *testing.T) {
	t.Parallel()
	for in, ok := range map[string]bool{
		"2026-04-26T21:50:57": true, "2026-04-26T21:50:57Z": true, "2026-04-26T21:50:57+08:00": true, "2026-04-26T21:50:57-03:00": true,
		"2026-04-26T21:50:57.000Z": true, "2026-04-26 21:50:57": false, "2026-13-26T21:50:57": false, "": false, "2026-04-26T21:50:57 evening": false,
	} {
		got, err := parseWall(in)
		if (err == nil) != ok || (ok && got.Format(wallForm) != "2026-04-26T21:50:57") {
			t.Errorf("%q: %v: %v", in, got, err)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	p := newPeer()
	p.scripts["GET "+pathAccesses] = says(200, boxAccesses)
	p.scripts["GET "+pathProxies] = says(200, `<InputProxyChannelList><InputProxyChannel><id>1</id><password>camera-Pass1</password><passwordLen min="6"/></InputProxyChannel></InputProxyChannelList>`)
	p.scripts["GET "+pathTime] = says(200, `<Time><secret>cut off`)
	p.scripts["GET "+pathLock] = says(200, `{"IllegalLoginLock":{"secret":"in JSON"}}`)
	s, _ := opened(t, p, false)
	without, err := s.Settings(t.Context())
	if err != nil || len(without) != 3 {
		t.Fatalf("%d: %v", len(without), err)
	}
	for _, block := range without {
		for _, secret := range []string{"camera-Pass1", "cut off", "in JSON"} {
			if strings.Contains(string(block.Data), secret) {
				t.Errorf("%s holds a secret", block.Name)
			}
		}
		if block.Name == "Security/adminAccesses" && string(block.Data) != boxAccesses {
			t.Error("the block is not as it came")
		}
	}
	p.scripts["GET "+pathBackup] = says(200, "\x00\x01opaque")
	with, err := s.Settings(t.Context())
	if err != nil || len(with) != 4 || string(with[3].Data) != "\x00\x01opaque" || with[3].Name != "System/configurationData" {
		t.Errorf("%d: %v", len(with), err)
	}
	p.scripts["GET "+pathBackup] = cut
	if _, err := s.Settings(t.Context()); !errors.Is(err, rekey.ErrUnreachable) {
		t.Errorf("cut: %v", err)
	}
	bare, _ := opened(t, newPeer(), false)
	if list, err := bare.Settings(t.Context()); err != nil || len(list) != 1 { // the users
		t.Errorf("%v: %v", list, err)
	}
}

func TestChannels(t *testing.T) {
	t.Parallel()
	proxies := `<InputProxyChannelList size="0" xmlns="` + hikvisionNS + `">
<InputProxyChannel><id>1</id><name>Gate</name><sourceInputPortDescriptor><ipAddress>192.0.2.11</ipAddress><userName>admin</userName></sourceInputPortDescriptor></InputProxyChannel>
<InputProxyChannel><id>2</id><name></name></InputProxyChannel><InputProxyChannel><id>3</id></InputProxyChannel><InputProxyChannel><id>x</id></InputProxyChannel></InputProxyChannelList>`
	states := `<InputProxyChannelStatusList><InputProxyChannelStatus><id>1</id><online>true</online><chanDetectResult>connect</chanDetectResult></InputProxyChannelStatus>
<InputProxyChannelStatus><id>2</id><online>false</online><chanDetectResult>userPwError</chanDetectResult></InputProxyChannelStatus></InputProxyChannelStatusList>`
	inputs := `<VideoInputChannelList><VideoInputChannel><id>1</id><name>Yard</name><resDesc>1080P25</resDesc></VideoInputChannel><VideoInputChannel><id>2</id><name>Shed</name><resDesc>NO VIDEO</resDesc></VideoInputChannel></VideoInputChannelList>`
	hybrid := `<InputProxyChannelStatusList><InputProxyChannelStatus><id>1</id><online>true</online><streamingProxyChannelIdList><streamingProxyChannelId>301</streamingProxyChannelId><streamingProxyChannelId>302</streamingProxyChannelId></streamingProxyChannelIdList></InputProxyChannelStatus></InputProxyChannelStatusList>`
	one := `<InputProxyChannelList><InputProxyChannel><id>1</id><name>Gate</name></InputProxyChannel></InputProxyChannelList>`
	for name, tc := range map[string]struct {
		proxies, states, inputs string
		want                    string
		kind                    error
	}{
		"NVR":       {proxies, states, "", "[{1 Gate 192.0.2.11 admin true } {2    false userPwError: the camera refuses the login that the recorder has for it; set its login here} {3    false its state is not told}]", nil},
		"no states": {one, "", "", "[{1 Gate   false its state is not told}]", nil},
		"DVR":       {"", "", inputs, "[{1 Yard   true } {2 Shed   false NO VIDEO}]", nil},
		"hybrid":    {one, hybrid, inputs, "[{1 Yard   true } {2 Shed   false NO VIDEO} {3 Gate   true }]", nil},
		"JSON":      {`{"InputProxyChannelList":{"InputProxyChannel":[{"id":1,"name":"Gate"},{"id":"2"}]}}`, "", "", "[{1 Gate   false its state is not told} {2    false its state is not told}]", nil},
		"too many":  {"<InputProxyChannelList>" + numbered(2000) + "</InputProxyChannelList>", "", "", "[]", rekey.ErrUnreachable},
		"none told": {"", "", "", "[]", rekey.ErrUnsupported},
	} {
		p := newPeer()
		for path, body := range map[string]string{pathProxies: tc.proxies, pathProxied: tc.states, pathInputs: tc.inputs} {
			if body != "" {
				p.scripts["GET "+path] = says(200, body)
			}
		}
		s, _ := opened(t, p, false, func(d *Driver) { d.limits.Body = 1 << 20 })
		if got, err := s.Channels(t.Context()); fmt.Sprint(got) != tc.want || !errors.Is(err, tc.kind) {
			t.Errorf("%s: %v: %v", name, got, err)
		}
	}
}

func numbered(most int) string {
	var b strings.Builder
	for i := range most {
		fmt.Fprintf(&b, "<InputProxyChannel><id>%d</id></InputProxyChannel>", i+1)
	}
	return b.String()
}
