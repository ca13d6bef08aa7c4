package dahua

import (
	"encoding/hex"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"rekey"
)

// The frame is published with a client of the family.
func TestProbeFrame(t *testing.T) {
	t.Parallel()
	const want = "200000004448495000000000000000003a000000000000003a00000000000000" +
		"7b226d6574686f64223a224448446973636f7665722e736561726368222c22706172616d73223a7b226d6163223a22222c22756e69223a317d7d"
	if got := hex.EncodeToString(Prober{}.Frame()); got != want {
		t.Errorf("%s", got)
	}
}

func notify(info string) []byte {
	b := `{"mac":"00:1F:54:00:00:01","method":"client.notifyDevInfo","params":{"deviceInfo":{` + info + `}}}`
	return append(append(make([]byte, 32), b...), '\n', 0)
}

func TestParseDiscoveryReply(t *testing.T) {
	t.Parallel()
	from := netip.MustParseAddrPort("192.0.2.5:37810")
	id, err := Prober{}.Parse(notify(`"DeviceClass":"NVR","DeviceType":"N841A81","DeviceID":"ND0123","SerialNo":"XX00TEST","MachineName":"shop","Vendor":"LOREX","Manufacturer":"Private",`+
		`"Version":"4.001.0000005.0, build 2020-11-17 10:00:00","HttpPort":80,"Port":35000,"Init":1162,"RemoteVideoInputChannels":8,"VideoInputChannels":0,"Find":"BC","IPv4Address":{"IPAddress":"192.0.2.5"}`), from)
	if err != nil {
		t.Fatal(err)
	}
	want := rekey.Identity{Family: "dahua", Vendor: "Lorex", Model: "N841A81", Class: "NVR", Name: "shop", Serial: "XX00TEST", DeviceID: "ND0123",
		MAC: "00:1f:54:00:00:01", Firmware: "4.001.0000005.0", Built: time.Date(2020, 11, 17, 0, 0, 0, 0, time.UTC), Channels: 8, Init: rekey.InitDone,
		Resets: []string{
			"it says that it can reset its password (inferred)",
			"a code by e-mail (announced as B; one Intelbras document says so, not verified)",
			"another way (announced as C; no source says what it is)",
		},
		Interfaces: []rekey.Interface{{Kind: rekey.InterfaceCGI, Host: "192.0.2.5", Port: 80}, {Kind: rekey.InterfaceSDK, Host: "192.0.2.5", Port: 35000}},
		Learnt: []rekey.Fact{
			{What: "family", From: dhip}, {What: "class", From: dhip}, {What: "name", From: dhip}, {What: "serial", From: dhip}, {What: "device id", From: dhip},
			{What: "mac", From: dhip}, {What: "firmware", From: dhip}, {What: "built", From: dhip}, {What: "channels", From: dhip}, {What: "model", From: dhip},
			{What: "vendor", From: dhip}, {What: "init", From: inferredInit}, {What: "resets", From: inferredInit}, {What: "resets", From: dhip + ", Find"},
		}}
	if !reflect.DeepEqual(id, want) {
		t.Errorf("%+v\nwant %+v", id, want)
	}
}

// oddIDs are the ids of what is odd, in their order.
func oddIDs(id rekey.Identity) string {
	names := make([]string, len(id.Oddities))
	for i, o := range id.Oddities {
		names[i] = o.ID
	}
	return strings.Join(names, " ")
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

func TestDiscoveryOddities(t *testing.T) {
	t.Parallel()
	const named = `"DeviceType":"X1","Vendor":"Dahua",`
	for name, tc := range map[string]struct {
		info                string
		odd, model, vendor  string
		init                rekey.InitState
		generation, learnt  string
		resets, wantedDoors int
	}{
		"nothing odd":              {info: named + `"Init":150`, model: "X1", vendor: "Dahua", init: rekey.InitDone, resets: 1, learnt: inferredInit},
		"type number":              {info: `"DeviceType":31,"Vendor":"Dahua"`, odd: "numeric-type", vendor: "Dahua"},
		"type number as text":      {info: `"DeviceType":"31","Vendor":"Dahua","UpdateSerial":"DH-NVR5232-4KS3/I"`, odd: "numeric-type model-in-update-serial", model: "DH-NVR5232-4KS3/I", vendor: "Dahua", learnt: dhip + ", updateSerial"},
		"kind in place of a type":  {info: `"DeviceType":"IP Camera","Vendor":"Dahua","updateSerial":"IPC-HDW5830R-Z"`, odd: "no-type model-in-update-serial", model: "IPC-HDW5830R-Z", vendor: "Dahua"},
		"no type":                  {info: `"Vendor":"Dahua"`, odd: "no-type", vendor: "Dahua"},
		"type of another type":     {info: `"DeviceType":{"a":1},"Vendor":"Dahua"`, odd: "no-type", vendor: "Dahua"},
		"numbers everywhere":       {info: `"DeviceType":31,"Vendor":"Dahua","UpdateSerial":"31"`, odd: "numeric-type", vendor: "Dahua"},
		"general":                  {info: `"DeviceType":"X1","Vendor":"General","Manufacturer":"General"`, odd: "oem-name", model: "X1"},
		"private":                  {info: `"DeviceType":"X1","Vendor":"PRIVATE"`, odd: "oem-name", model: "X1"},
		"manufacturer alone":       {info: `"DeviceType":"X1","Manufacturer":"amcrest"`, model: "X1", vendor: "Amcrest", learnt: dhip + ", manufacturer"},
		"manufacturer beside":      {info: `"DeviceType":"X1","Vendor":"General","Manufacturer":"Acme"`, odd: "oem-name", model: "X1", vendor: "Acme"},
		"manufacturer alike":       {info: `"DeviceType":"X1","Manufacturer":"Private"`, odd: "oem-name", model: "X1"},
		"general, Lorex port":      {info: `"DeviceType":"X1","Vendor":"General","Port":35000`, odd: "oem-name", model: "X1", vendor: "Lorex", learnt: dhip + ", port 35000 as on Lorex (inferred)", wantedDoors: 1},
		"named, Lorex port":        {info: named + `"Port":"35000","HttpPort":8080`, model: "X1", vendor: "Dahua", wantedDoors: 2},
		"impossible ports":         {info: named + `"Port":0,"HttpPort":65536`, model: "X1", vendor: "Dahua"},
		"factory state":            {info: named + `"Init":1`, odd: "factory-state", model: "X1", vendor: "Dahua", init: rekey.InitFactory},
		"reset off":                {info: named + `"Init":66`, odd: "reset-off", model: "X1", vendor: "Dahua", init: rekey.InitDone},
		"factory, reset off":       {info: named + `"Init":65`, odd: "factory-state reset-off", model: "X1", vendor: "Dahua", init: rekey.InitFactory},
		"before first set-ups":     {info: named + `"Init":0`, model: "X1", vendor: "Dahua", init: rekey.InitDone, generation: withoutSetup, learnt: inferredInit},
		"all letters":              {info: named + `"Find":"ABCAB"`, model: "X1", vendor: "Dahua", resets: 3, learnt: dhip + ", Find"},
		"letters without end":      {info: named + `"Find":"` + strings.Repeat("ABCDEFGHIJKL", 9) + `"`, model: "X1", vendor: "Dahua", resets: 8},
		"address of another net":   {info: named + `"IPv4Address":{"IPAddress":"10.0.0.9"}`, model: "X1", vendor: "Dahua", learnt: dhip},
		"address of another type":  {info: named + `"IPv4Address":"10.0.0.9"`, model: "X1", vendor: "Dahua"},
		"address that is no such":  {info: named + `"IPv4Address":{"IPAddress":"0.0.0.0"}`, model: "X1", vendor: "Dahua"},
		"channels beyond all else": {info: named + `"VideoInputChannels":9999999`, model: "X1", vendor: "Dahua"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, err := Prober{}.Parse(notify(tc.info), netip.MustParseAddrPort("192.0.2.5:37810"))
			if err != nil {
				t.Fatal(err)
			}
			if tc.init == "" {
				tc.init = rekey.InitUnknown
			}
			if oddIDs(id) != tc.odd || id.Model != tc.model || id.Vendor != tc.vendor || id.Init != tc.init || id.Generation != tc.generation || len(id.Resets) != tc.resets || len(id.Interfaces) != tc.wantedDoors {
				t.Errorf("%q, %d doors: %+v", oddIDs(id), len(id.Interfaces), id)
			}
			if tc.learnt != "" && !slices.ContainsFunc(id.Learnt, func(f rekey.Fact) bool { return f.From == tc.learnt }) {
				t.Errorf("learnt %v", id.Learnt)
			}
			elsewhere := slices.ContainsFunc(id.Learnt, func(f rekey.Fact) bool { return strings.HasPrefix(f.What, "address 10.0.0.9 ") })
			if elsewhere != (name == "address of another net") {
				t.Errorf("learnt %v", id.Learnt)
			}
		})
	}
}

// A packet may hold more than one answer.
func TestDiscoveryPackets(t *testing.T) {
	t.Parallel()
	const notified = `{ "NotifyMethod" : "1.2" }`
	one := string(notify(`"DeviceType":"X1","Vendor":"Dahua","SerialNo":"XX00TEST"`))
	other := string(notify(`"DeviceType":"X2","Vendor":"Dahua"`))
	for name, tc := range map[string]struct{ packet, odd string }{
		"alone":                      {one, ""},
		"bare":                       {strings.TrimLeft(one, "\x00"), ""},
		"a header with a brace":      {strings.Repeat("\x00", 16) + "{\x01\x00\x00" + strings.Repeat("\x00", 12) + one, ""},
		"notified before":            {notified + "\n" + one, "unsolicited-body"},
		"notified behind":            {one + notified, "unsolicited-body"},
		"twice":                      {one + other, "answered-twice"},
		"twice, notified in between": {one + notified + other, "unsolicited-body answered-twice"},
		"cut off behind":             {one + other[:60], ""},
	} {
		id, err := Prober{}.Parse([]byte(tc.packet), netip.MustParseAddrPort("192.0.2.5:37810"))
		if err != nil || id.Model != "X1" || id.Serial != "XX00TEST" || oddIDs(id) != tc.odd {
			t.Errorf("%s: %q %+v: %v", name, oddIDs(id), id, err)
		}
	}
	for name, packet := range map[string]string{
		"notified alone": notified, "braces": strings.Repeat("{", 60000), "never closed": strings.Repeat(`{"a":`, 12000), "device too late": strings.Repeat(notified, 20) + one,
	} {
		if id, err := (Prober{}).Parse([]byte(packet), netip.AddrPort{}); err == nil {
			t.Errorf("%s: %+v", name, id)
		}
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ told, date, version, built string }{
		{"4.001.0000005.0,build:2020-11-17", "", "4.001.0000005.0", "2020-11-17"},
		{"4.002.0,build:2024-04-17 15:10:54", "", "4.002.0", "2024-04-17"},
		{"4.002.0 build:2024-4-7", "", "4.002.0", "2024-04-07"},
		{"2.800.15OG004.0.R", "2020-10-19", "2.800.15OG004.0.R", "2020-10-19"},
		{"2.800.15OG004.0.R", "20201019", "2.800.15OG004.0.R", "2020-10-19"},
		{"3.120.0000.0.R", "", "3.120.0000.0.R", ""},
		{"1.0,build:soon", "", "1.0", ""},
		{"", "", "", ""},
	} {
		version, built := readVersion(tc.told, tc.date)
		day := ""
		if !built.IsZero() {
			day = built.Format("2006-01-02")
		}
		if version != tc.version || day != tc.built {
			t.Errorf("%q, %q: %q of %q", tc.told, tc.date, version, day)
		}
	}
}

func TestInitBits(t *testing.T) {
	t.Parallel()
	// 150, 1162 and 3734 were seen on initialised devices; 1 is the factory state.
	for info, want := range map[string]rekey.InitState{
		`"Init":150`: rekey.InitDone, `"Init":1162`: rekey.InitDone, `"Init":3734`: rekey.InitDone, `"Init":0`: rekey.InitDone, `"Init":1`: rekey.InitFactory,
		`"Init":"1"`: rekey.InitFactory, `"Init":3`: rekey.InitUnknown, `"Init":-1`: rekey.InitUnknown, `"Init":{}`: rekey.InitUnknown, `"x":1`: rekey.InitUnknown,
	} {
		id, err := Prober{}.Parse(notify(info), netip.AddrPort{})
		if err != nil || id.Init != want {
			t.Errorf("%s: %s: %v", info, id.Init, err)
		}
	}
}

func TestNoDiscoveryReply(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", "DHIP", `{"method":"DHDiscover.search"}`, `{"method":"client.notifyDevInfo","params":{}}`, `{"method":"client.notifyDevInfo","params":[]}`, `{"method":`} {
		if id, err := (Prober{}).Parse([]byte(in), netip.AddrPort{}); err == nil {
			t.Errorf("%q: %+v", in, id)
		}
	}
}

func FuzzDiscoveryReply(f *testing.F) {
	f.Add(notify(`"DeviceType":31,"Init":150`))
	f.Add([]byte(`{"mac":7}`))
	f.Add(append([]byte(`{ "NotifyMethod" : "1.2" }`), notify(`"DeviceType":"IP Camera","UpdateSerial":"X1","Vendor":"General","Find":"ABCD","Init":66`)...))
	f.Add([]byte(`{"mac":7,"method":"client.notifyDevInfo","params":{"deviceInfo":{"IPv4Address":{"IPAddress":"192.0.2.9"},"Port":"35000","Version":"1,build:2020-1-2"}}}`))
	f.Fuzz(func(t *testing.T, packet []byte) {
		id, err := Prober{}.Parse(packet, netip.MustParseAddrPort("192.0.2.5:37810"))
		if err != nil {
			return
		}
		if id.Family != family || id.Init == "" || id.Channels < 0 || len(id.Resets) > 9 {
			t.Errorf("%+v", id)
		}
		for _, o := range id.Oddities {
			if o.ID == "" || strings.ContainsFunc(o.Words, unprintable) {
				t.Errorf("%+v", o)
			}
		}
	})
}
