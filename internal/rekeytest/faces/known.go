package faces

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
)

// What the boxes have in common with real ones is their shape; the numbers are
// made up.
const (
	hashed  = "Login to 0ae5e3a55d6b36d0d35a0f5c751f450a" // a realm that does not tell the serial
	hashed2 = "Login to 5f10c1d2a9b84e06b3f7c2d1e0a99812"
)

// recorderInfo is the deviceInfo of a Dahua-family recorder.
func recorderInfo(vendor, model, class, serial string, more map[string]any) map[string]any {
	info := map[string]any{
		"AlarmInputChannels": 4, "AlarmOutputChannels": 1, "DeviceClass": class, "DeviceType": model, "Find": "BC", "FindVersion": 1,
		"Init": 3734, "MachineName": class, "Manufacturer": "Private", "RemoteVideoInputChannels": 8, "SerialNo": serial,
		"UnLoginFuncMask": 1, "Vendor": vendor, "Version": "4.002.0000000.8.R", "VideoInputChannels": 8, "VideoOutputChannels": 2,
	}
	for name, value := range more {
		if value == nil {
			delete(info, name)
			continue
		}
		info[name] = value
	}
	return info
}

// LorexD861 is a DVR as owners have it: a hashed realm, the title WEB SERVICE, no
// Server header, ONVIF off, the maker's port as Lorex sets it.
func LorexD861() Face {
	web := Dahua{Title: "WEB SERVICE", Digest: hashed, Init: `{"Find":"BC","Init":2,"Status":0}`, RPC2: true}
	info := DHIP{MAC: "00:1f:54:00:08:61", Info: recorderInfo("Lorex", "D861A8", "HCVR", "XX00TESTD861A80", map[string]any{"DeviceID": "TESTD861DEVICEID"})}
	return Face{Name: "Lorex D861A8", HTTP: web.Pages, RTSP: streams(hashed, ""), SDK: true, DHIP: info.Replies}
}

// Numbered is a recorder that gives 31 as its type and its model elsewhere.
func Numbered() Face {
	web := Dahua{Title: "WEB SERVICE", Digest: hashed2, Init: `{"Find":"AB","Init":0,"Status":0}`, Encrypt: true, RPC2: true}
	info := DHIP{MAC: "3c:ef:8c:00:52:32", Info: recorderInfo("Dahua", "31", "NVR", "XX00TESTDEA577C", map[string]any{
		"updateSerial": "DH-NVR5232-4KS3/I", "Manufacturer": "Dahua", "Version": "4.001.0000005.0",
	})}
	return Face{Name: "deviceType 31", HTTP: web.Pages, RTSP: streams("Login to XX00TESTDEA577C", "Login to XX00TESTDEA577C"), SDK: true, DHIP: info.Replies}
}

// NumberedOnly gives 31, as a number, and no model anywhere.
func NumberedOnly() Face {
	f := Numbered()
	f.Name = "deviceType 31 alone"
	f.DHIP = DHIP{MAC: "3c:ef:8c:00:52:31", Info: recorderInfo("Dahua", "", "NVR", "XX00TESTDEA5700", map[string]any{"DeviceType": 31})}.Replies
	return f
}

// Typeless answers without a type, three times, after notifications.
func Typeless() Face {
	f := Numbered()
	f.Name = "no type, several answers, stray bodies"
	f.HTTP = Dahua{Title: "WEB SERVICE", Digest: hashed2, Init: `{"Find":"AB","Init":2,"Status":0}`, Encrypt: true, RPC2: true, Stray: true}.Pages
	f.DHIP = DHIP{MAC: "3c:ef:8c:00:52:30", Times: 3, Stray: true, Info: recorderInfo("Dahua", "", "NVR", "XX00TESTDEA5701", map[string]any{"DeviceType": nil, "DeviceClass": nil})}.Replies
	return f
}

// LorexLNR400 is a recorder of the FLIR years: the serial in the realm, Basic and
// Digest side by side, no JSON RPC at all.
func LorexLNR400() Face {
	web := Dahua{Digest: "Login to LNR4TEST0400001", Basic: "Device_CGI"}
	info := DHIP{MAC: "00:1f:54:00:04:00", Info: recorderInfo("Lorex", "LNR400", "NVR", "LNR4TEST0400001", map[string]any{
		"Init": nil, "Find": nil, "FindVersion": nil, "UnLoginFuncMask": nil, "Version": "3.200.0000.0.R",
	})}
	return Face{Name: "Lorex LNR400", HTTP: web.Pages, RTSP: streams("Login to LNR4TEST0400001", "Login to LNR4TEST0400001"), SDK: true, DHIP: info.Replies}
}

// BasicOnly is firmware of 2014 that knows no digest.
func BasicOnly() Face {
	return Face{Name: "Basic only, 2014", HTTP: Dahua{Basic: "Device_CGI"}.Pages}
}

// LorexN841 is of security baseline 2: HTTPS, the envelope, ONVIF that tells a
// NAT address and a host name in place of its own.
func LorexN841() Face {
	o := ONVIF{
		UUID:   "a1e8b0f4-0841-11ee-be56-0242ac120002",
		Scopes: []string{"location/country/china", "name/Lorex", "hardware/N841A82", "Profile/Streaming", "Profile/T", "type/Network_Video_Transmitter", "extension/unique_identifier"},
		XAddrs: []string{"http://203.0.113.77:8888/onvif/device_service", "http://recorder.example.net/onvif/device_service"},
	}
	pages := func(b *Box) http.Handler {
		return Dahua{Title: "WEB SERVICE", Digest: hashed, Init: `{"Find":"BC","Init":2,"Status":0}`, Encrypt: true, RPC2: true, ONVIF: o.Device(b)}.Pages(b)
	}
	info := DHIP{MAC: "00:1f:54:00:08:41", Info: recorderInfo("Lorex", "N841A82", "NVR", "XX00TESTN841A82", map[string]any{"DeviceID": "TESTN841DEVICEID"})}
	return Face{Name: "Lorex N841", HTTP: pages, HTTPS: pages, RTSP: streams(hashed, ""), SDK: true, DHIP: info.Replies, WSDiscovery: o.Matches}
}

// Uninitialised is a box in factory state.
func Uninitialised() Face {
	o := ONVIF{
		UUID:   "a1e8b0f4-0842-11ee-be56-0242ac120002",
		Scopes: []string{"location/country/china", "name/Lorex", "hardware/N842A82", "Profile/Streaming", "Profile/Q/FactoryDefault", "type/Network_Video_Transmitter"},
	}
	pages := func(b *Box) http.Handler {
		return Dahua{Title: "WEB SERVICE", CGI: invalidAuthority, Init: `{"Find":"AB","Init":1,"Status":0}`, Encrypt: true, RPC2: true, ONVIF: o.Device(b)}.Pages(b)
	}
	info := DHIP{MAC: "00:1f:54:00:08:42", Info: recorderInfo("Lorex", "N842A82", "NVR", "XX00TESTN842A82", map[string]any{"Init": 0b10_01_01_01})}
	return Face{Name: "uninitialised", HTTP: pages, RTSP: streams(hashed2, ""), SDK: true, DHIP: info.Replies, WSDiscovery: o.Matches}
}

// Locked is a box that says so to somebody who has not tried anything.
func Locked() Face {
	f := LorexD861()
	f.Name = "locked"
	f.HTTP = Dahua{Title: "WEB SERVICE", CGI: lockedOut, Init: `{"Find":"BC","Init":2,"Status":0}`, RPC2: true}.Pages
	return f
}

// LockedAlone is a box that is locked and tells nothing else.
func LockedAlone() Face {
	return Face{Name: "locked, nothing else", HTTP: Dahua{CGI: lockedOut}.Pages}
}

// Redirecting sends everybody to HTTPS, where it shows such a certificate.
func Redirecting(c Certificate) Face {
	redirect := func(b *Box) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://"+b.at(b.Ports.HTTPS)+r.URL.RequestURI())
			w.WriteHeader(http.StatusFound)
		})
	}
	secure := Dahua{Title: "WEB SERVICE", Digest: hashed, Init: `{"Find":"BC","Init":2,"Status":0}`, Encrypt: true, RPC2: true}
	info := DHIP{MAC: "00:1f:54:00:08:81", Info: recorderInfo("Lorex", "N881B163", "NVR", "XX00TESTN881000", nil)}
	return Face{Name: "redirecting, certificate " + string(c), HTTP: redirect, HTTPS: secure.Pages, Certificate: c, DHIP: info.Replies}
}

// General is a box of another name on the same firmware, with password reset off.
func General() Face {
	web := Dahua{Title: "WEB SERVICE", Digest: hashed, Init: `{"Find":"BC","Init":2,"Status":0}`, Encrypt: true, RPC2: true}
	info := DHIP{MAC: "38:af:29:00:00:08", Info: recorderInfo("General", "NVR-2108X", "NVR", "XX00TESTGENERAL", map[string]any{"Init": 0b01_01_01_10})}
	return Face{Name: "OEM name", HTTP: web.Pages, SDK: true, DHIP: info.Replies}
}

// HikvisionNVR is a recorder that somebody is logged out of, and tells so.
func HikvisionNVR() Face {
	web := Hikvision{Realm: "DVRNVRDVS", Title: "index", Lock: "<lockStatus>unlock</lockStatus>\n<retryLoginTime>3</retryLoginTime>\n"}
	sadp := SADP{[][2]string{
		{"DeviceType", "139283"}, {"DeviceDescription", "DS-7608NXI-I2/8P/S"}, {"DeviceSN", "DS-7608NXI-I2/8P/S0820230619CCRRJ00000001WCVU"},
		{"MAC", "e0-44-cf-00-76-08"}, {"SoftwareVersion", "V4.62.210build 230619"}, {"DSPVersion", "V5.0, build 230530"}, {"Activated", "true"},
	}}
	return Face{Name: "Hikvision NVR", HTTP: web.Pages, SDK: true, SADP: sadp.Replies}
}

// HikvisionNew is one in factory state that tells its model as its type.
func HikvisionNew() Face {
	web := Hikvision{Realm: "DVRNVRDVS", Title: "index"}
	sadp := SADP{[][2]string{
		{"DeviceType", "DS-7616NI-Q2/16P"}, {"DeviceSN", "DS-7616NI-Q2/16P1620240401CCRRE00000002WCVU"},
		{"MAC", "52-a7-c0-00-76-16"}, {"SoftwareVersion", "V4.30.097build 240401"}, {"Activated", "false"},
	}}
	return Face{Name: "Hikvision, not activated", HTTP: web.Pages, SDK: true, SADP: sadp.Replies}
}

// HikvisionSerial is one that tells a number as its type, and its model nowhere
// but in front of its serial. Recorders write two digits for the channels and
// eight for the day between both.
func HikvisionSerial() Face {
	f := HikvisionNew()
	f.Name = "Hikvision, model in the serial"
	f.SADP = SADP{[][2]string{
		{"DeviceType", "139283"}, {"DeviceSN", "DS-7616NI-Q2/16P1620240401CCRRE00000003WCVU"},
		{"MAC", "52-a7-c0-00-76-17"}, {"SoftwareVersion", "V4.30.097build 240401"}, {"Activated", "true"},
	}}.Replies
	return f
}

// HikvisionLocked tells how long its lock holds.
func HikvisionLocked() Face {
	f := HikvisionNVR()
	f.Name = "Hikvision, locked"
	f.HTTP = Hikvision{Realm: "DVRNVRDVS", Title: "index", Lock: "<lockStatus>lock</lockStatus>\n<unlockTime>1500</unlockTime>\n<retryLoginTime>0</retryLoginTime>\n"}.Pages
	return f
}

// PlainONVIF is a recorder of a maker that rekey has no driver for.
func PlainONVIF() Face {
	o := ONVIF{
		UUID:         "00075fb5-0b10-4c52-9f30-00075f000010",
		Scopes:       []string{"location/", "name/DIVAR", "hardware/DIVAR_network_5000", "Profile/Streaming", "Profile/G", "type/Network_Video_Transmitter"},
		Open:         []string{"GetDeviceInformation", "GetScopes"},
		Manufacturer: "Bosch", Model: "DIVAR network 5000", Firmware: "8.71.0066", Serial: "404754734001050199", Hardware: "F000B599", Times: 2,
	}
	pages := func(b *Box) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/onvif/", o.Device(b))
		mux.HandleFunc("GET /{$}", page("Bosch DIVAR", ""))
		return mux
	}
	return Face{Name: "plain ONVIF", HTTP: pages, WSDiscovery: o.Matches}
}

// Closemouthed is ONVIF that tells strangers the time and no more, and by UDP
// answers only who asks for its type.
func Closemouthed() Face {
	o := ONVIF{
		UUID: "00075fb5-0b10-4c52-9f30-00075f000011", Typed: true, Types: "dn:NetworkVideoTransmitter", HTTPChallenge: "ONVIF",
		Scopes: []string{"name/NVR", "hardware/VX-3216", "type/Network_Video_Transmitter"},
	}
	return Face{Name: "ONVIF that tells little", HTTP: func(b *Box) http.Handler { return o.Device(b) }, WSDiscovery: o.Matches}
}

// LorexLNK is a Lorex that is no Dahua inside: a page, a media port, and 404 for
// what a Dahua has.
func LorexLNK() Face {
	pages := func(*Box) http.Handler {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /{$}", page("Lorex NVR", ""))
		return mux
	}
	return Face{Name: "Lorex LNK7108A", HTTP: pages, SDK: true}
}

// LorexLNKTelling is the same box with ONVIF on, which tells its brand.
func LorexLNKTelling() Face {
	o := ONVIF{UUID: "4c4e4b37-3130-3841-8000-001f54007108", Scopes: []string{"name/Lorex", "hardware/LNK7108A", "Profile/Streaming", "type/Network_Video_Transmitter"}}
	f := LorexLNK()
	f.Name = "Lorex LNK7108A with ONVIF"
	bare := f.HTTP
	f.HTTP = func(b *Box) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/", bare(b))
		mux.Handle("/onvif/", o.Device(b))
		return mux
	}
	f.WSDiscovery = o.Matches
	return f
}

// Router is a home router's page.
func Router() Face {
	return Face{Name: "router", HTTP: func(*Box) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Server", "httpd/2.0")
			if r.URL.Path != "/" {
				w.Header().Set("WWW-Authenticate", `Basic realm="RT-AX58U"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			page("ACME Router &amp; Gateway", "httpd/2.0")(w, r)
		})
	}}
}

// Printer answers WS-Discovery, as all of its kind do, and has a page.
func Printer() Face {
	o := ONVIF{UUID: "1c852a4d-b800-1f08-abcd-a0481c000001", Types: "wsdp:Device wprt:PrintDeviceType", XAddrs: []string{"http://192.0.2.9:5357/1c852a4d-b800-1f08-abcd-a0481c000001"}}
	return Face{
		Name: "printer", WSDiscovery: o.Matches,
		HTTP: func(*Box) http.Handler { return page("LaserWriter 4250", "Virata-EmWeb/R6_2_1") },
	}
}

// HangingUp closes every connection at once.
func HangingUp() Face { return Face{Name: "hangs up", Raw: func(net.Conn) {}} }

// Endless answers every request with a page that never ends.
func Endless() Face {
	return Face{Name: "endless", Raw: func(conn net.Conn) {
		if !heard(conn) {
			return
		}
		_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><title>endless</title>")
		for more := strings.Repeat("and on and on ", 1000); err == nil; {
			_, err = io.WriteString(conn, more)
		}
	}}
}

// Babbling answers in no protocol at all.
func Babbling() Face {
	return Face{Name: "garbage", Raw: func(conn net.Conn) {
		if heard(conn) {
			_, _ = conn.Write([]byte("\x00\xff\x1b[31mHTTP/9 yes\r\n\r\n{\"NotifyMethod\"\x07<ProbeMatch>\r\n\r\n"))
		}
	}}
}

// heard reads a request's head, so that the answer is one to it.
func heard(conn net.Conn) bool {
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil || strings.TrimSpace(line) == "" {
			return err == nil
		}
	}
}

// StreamOnly has its streams open and nothing else.
func StreamOnly() Face {
	return Face{Name: "RTSP only", RTSP: streams(hashed, "")}
}
