package hikvision

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"rekey"
)

// shown are disks in one line each, in MB.
func shown(disks []rekey.Disk) string {
	var all []string
	for _, d := range disks {
		all = append(all, fmt.Sprintf("%s %q %t %d/%d", d.Name, d.State, d.OK, d.Used>>20, d.Total>>20))
	}
	return strings.Join(all, "; ")
}

func TestStorage(t *testing.T) {
	t.Parallel()
	const disk = `<hdd><id>1</id><hddName>hdd1</hddName><hddPath/><hddType>SATA</hddType><status>%s</status><capacity>2000</capacity><freeSpace>%s</freeSpace><property>RW</property></hdd>`
	box := func(text string) string {
		return `<?xml version="1.0"?><storage version="2.0" xmlns="` + isapiNS + `">` + text + `</storage>`
	}
	hdds := func(status, free string) string {
		return box("<hddList>" + fmt.Sprintf(disk, status, free) + "</hddList>")
	}
	const nas = `<nas><id>9</id><ipAddress>192.0.2.7</ipAddress><path>/pub/x</path><status>%s</status><capacity>500</capacity><freeSpace>100</freeSpace></nas>`
	for name, tc := range map[string]struct{ body, want string }{
		"one":            {hdds("ok", "500"), `hdd1 "ok" true 1500/2000`},
		"full":           {hdds("ok", "0"), `hdd1 "ok" true 2000/2000`},
		"idle":           {hdds("idle", "2000"), `hdd1 "idle" true 0/2000`},
		"free not told":  {hdds("ok", ""), `hdd1 "ok" true 0/2000`},
		"free too much":  {hdds("ok", "2001"), `hdd1 "ok" true 0/2000`},
		"error":          {hdds("error", "0"), `hdd1 "error" false 2000/2000`},
		"unformatted":    {hdds("unformatted", "2000"), `hdd1 "unformatted" false 0/2000`},
		"SMART":          {hdds("smartFailed", "2000"), `hdd1 "smartFailed" false 0/2000`},
		"not there":      {hdds("notexist", "2000"), `hdd1 "notexist" false 0/2000`},
		"another word":   {hdds("resting", "2000"), `hdd1 "resting" true 0/2000`},
		"NAS":            {box("<hddList>" + fmt.Sprintf(disk, "ok", "500") + "</hddList><nasList size='8'>" + fmt.Sprintf(nas, "offline") + "<supportMountType opt='NFS'/></nasList>"), `hdd1 "ok" true 1500/2000; 192.0.2.7/pub/x "offline" false 400/500`},
		"without a name": {box("<hddList><hdd><id>3</id></hdd></hddList>"), `hdd 3 "" true 0/0`},
		"impossible":     {box("<hddList><hdd><id>3</id><capacity>99999999999999999999</capacity><freeSpace>-1</freeSpace></hdd></hddList>"), `hdd 3 "" true 0/0`},
		"none":           {box("<hddList size='0'></hddList><nasList/>"), ``},
		"empty slot":     {box("<hddList><hdd/></hddList>"), ``},
		"JSON":           {`{"storage":{"hddList":{"hdd":{"id":1,"hddName":"hdd1","status":"ok","capacity":2000,"freeSpace":500}},"nasList":null}}`, `hdd1 "ok" true 1500/2000`},
		"JSON list":      {`{"storage":{"hddList":[{"hddName":"hdd1","status":"error","capacity":2000,"freeSpace":0}]}}`, `hdd1 "error" false 2000/2000`},
		"no list":        {box("<workMode>quota</workMode>"), "untold"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer()
			p.scripts["GET "+pathStorage] = says(200, tc.body)
			s, b := opened(t, p, true)
			disks, err := s.Storage(t.Context())
			if tc.want == "untold" {
				if !errors.Is(err, rekey.ErrUnsupported) {
					t.Errorf("%v: %v", disks, err)
				}
				return
			}
			if got := shown(disks); got != tc.want || disks == nil || err != nil || b.spent != 1 {
				t.Errorf("%s, want %s: %v", got, tc.want, err)
			}
		})
	}
}

func TestStorageAndUpgradeRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		code int
		body string
		kind error
	}{
		"not in it": {403, said(4, "Invalid Operation", "notSupport"), rekey.ErrUnsupported},
		"no page":   {404, "<html></html>", rekey.ErrUnsupported},
		"no right":  {403, said(4, "Invalid Operation", "lowPrivilege"), rekey.ErrUnsupported},
		"bad":       {400, said(6, "Invalid XML Content", "badXmlContent"), rekey.ErrUnsupported},
		"busy":      {503, said(2, "Device Busy", "deviceBusy"), rekey.ErrConflict},
		"a page":    {200, "<html></html>", rekey.ErrUnreachable},
	} {
		p := newPeer()
		p.scripts["GET "+pathStorage], p.scripts["GET "+pathUpgrade] = says(tc.code, tc.body), says(tc.code, tc.body)
		s, b := opened(t, p, false)
		if disks, err := s.Storage(t.Context()); !errors.Is(err, tc.kind) || disks != nil {
			t.Errorf("%s: %v: %v", name, disks, err)
		}
		if yes, _, err := s.Upgrading(t.Context()); !errors.Is(err, tc.kind) || yes || len(b.refused) > 0 {
			t.Errorf("%s: %t: %v", name, yes, err)
		}
	}
}

func TestUpgrading(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"<upgrading>false</upgrading><percent>0</percent>":   `false "upgrading false" true`,
		"<upgrading>flase</upgrading><percent>100</percent>": `false "upgrading flase" true`,
		"<upgrading>true</upgrading><percent>40</percent>":   `true "upgrading true 40 %" true`,
		"<upgrading>true</upgrading>":                        `true "upgrading true" true`,
		"<percent>40</percent>":                              `true "40 %" true`,
		"<percent>100</percent>":                             `false "100 %" true`,
		"<percent>400</percent>":                             `false "" false`,
		"<upgrading>perhaps</upgrading>":                     `false "" false`,
		"":                                                   `false "" false`,
	} {
		p := newPeer()
		p.scripts["GET "+pathUpgrade] = says(200, `<upgradeStatus xmlns="`+hikvisionNS+`">`+text+`</upgradeStatus>`)
		s, _ := opened(t, p, false)
		yes, said, err := s.Upgrading(t.Context())
		if got := fmt.Sprintf("%t %q %t", yes, said, err == nil); got != want || (err != nil && !errors.Is(err, rekey.ErrUnsupported)) {
			t.Errorf("%s: %s, want %s: %v", text, got, want, err)
		}
	}
}

func FuzzStorage(f *testing.F) {
	f.Add([]byte("<storage><hddList><hdd><id>1</id><status>ok</status><capacity>5</capacity><freeSpace>6</freeSpace></hdd></hddList></storage>"))
	f.Add([]byte("<upgradeStatus><upgrading>true</upgrading><percent>40</percent></upgradeStatus>"))
	f.Add([]byte(`{"storage":{"hddList":[{"hdd":{"status":"\n","capacity":2147483647}}]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		doc, err := parse(body)
		if err != nil {
			return
		}
		disks, told := readStorage(doc.root)
		if len(disks) > mostDisks || (len(disks) > 0 && !told) {
			t.Errorf("%d disks, told %t", len(disks), told)
		}
		for _, d := range disks {
			if d.Name == "" || d.Used < 0 || d.Used > d.Total || strings.ContainsAny(d.Name+d.State, "\n\x1b") {
				t.Errorf("%+v", d)
			}
		}
		if yes, said, told := readUpgrade(doc.root); (yes && !told) || strings.ContainsAny(said, "\n\x1b") {
			t.Errorf("%t %q", yes, said)
		}
	})
}

func TestCapturedStorage(t *testing.T) {
	t.Parallel()
	for name, text := range captures(t, "hikvision/ContentMgmt.Storage_*.xml") {
		doc, err := parse(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		disks, told := readStorage(doc.root)
		if !told || len(disks) == 0 {
			t.Errorf("%s: none", name)
		}
		for _, d := range disks {
			if !d.OK || d.State != "ok" || d.Total < 1<<34 || d.Used == 0 || strings.HasPrefix(d.Name, "nas ") {
				t.Errorf("%s: %+v", name, d)
			}
		}
	}
}
