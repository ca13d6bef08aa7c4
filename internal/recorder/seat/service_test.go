package seat

import (
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
)

func TestServices(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.admin(t, lostPassword)
	p.get(servicesPath).want(200, "services")
	v := read[ServicesView](p)
	on := map[string]bool{}
	for _, s := range v.Services {
		on[s.Name] = s.On
	}
	if !on["UPnP"] || on["Telnet"] || !on["UserGlobal"] || v.Lock != (LockView{true, 5, 30}) || strings.Join(v.Path, " > ") != "Main Menu > Settings > Services" {
		t.Errorf("services %v, lock %+v, at %v", on, v.Lock, v.Path)
	}
	p.post(servicesPath, "service", "UPnP", "enable", "false").want(200, "services")
	if table, _ := n.box.Table("UPnP"); table["Enable"] != "false" || n.events(t)["service.off"] != 1 {
		t.Errorf("UPnP is %s", table["Enable"])
	}
	p.post(servicesPath, "service", "UserGlobal", "enable", "false").want(200, "services")
	if table, _ := n.box.Table("UserGlobal"); table["OnvifLoginCheck"] != "false" {
		t.Error("ONVIF still asks for a password")
	}
	for _, fields := range [][]string{
		{"service", "General", "enable", "false"}, // settings, and no service
		{"service", "PwdReset", "enable", "false"},
		{"service", "nothing", "enable", "false"},
		{"service", "", "enable", ""},
	} {
		p.post(servicesPath, fields...).want(404, "not_found")
	}
	p.post(servicesPath, "service", "Telnet", "enable", "perhaps").want(400, "input")
	p.post(servicesPath, "service", "Telnet").want(400, "input")
}

func TestLockPolicy(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.admin(t, lostPassword)
	for field, form := range map[string][]string{
		"tries":   {"lock", "on", "tries", "0", "minutes", "30"},
		"minutes": {"lock", "on", "tries", "5", "minutes", "1441"},
	} {
		for range 2 {
			p.post(servicesPath+"/lock", form...).want(400, "services")
			if v := read[ServicesView](p); v.Errors[field] == "" || len(v.Errors) != 1 {
				t.Errorf("%v: %v", form, v.Errors)
			}
			form[3], form[5] = map[string]string{"tries": "many", "minutes": "5"}[field], map[string]string{"tries": "30", "minutes": "-1"}[field]
		}
	}
	p.post(servicesPath+"/lock", "lock", "on", "tries", "3", "minutes", "10").want(200, "services")
	if got, want := n.box.LockPolicy(), (rekey.LockPolicy{Enabled: true, Tries: 3, LockFor: 10 * time.Minute}); got != want {
		t.Errorf("lock policy %+v", got)
	}
	p.post(servicesPath+"/lock", "tries", "3", "minutes", "10").want(200, "services")
	if n.box.LockPolicy().Enabled {
		t.Error("the lock is still on")
	}
}

func TestFirmware(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.admin(t, lostPassword)
	p.get(firmwarePath).want(200, "firmware")
	if v := read[FirmwareView](p); v.Info.Firmware == "" || v.Info.Baseline != "V2.2" || !v.AutoSet || v.Auto {
		t.Errorf("firmware: %+v", v)
	}
	p.post(firmwarePath, "enable", "true").want(200, "firmware")
	if v := read[FirmwareView](p); !v.Auto || n.events(t)["service.on"] != 1 {
		t.Errorf("automatic update: %+v", v)
	}
	p.post(firmwarePath, "enable", "soon").want(400, "input")
}

func TestYearsSince(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for day, want := range map[string]int{"2024-10-30": 2, "2024-11-22": 2, "2024-11-23": 1, "2013-11-14": 13, "2030-01-01": 0, "someday": 0, "": 0} {
		if got := yearsSince(day, now); got != want {
			t.Errorf("%s: %d years, want %d", day, got, want)
		}
	}
}

// TestMenuWay: the way to a page follows the generation of the screen.
func TestMenuWay(t *testing.T) {
	t.Parallel()
	for face, want := range map[recorder.Face]string{
		recorder.FaceN841: "Main Menu > Settings > Services", recorder.FaceLNR400: "Main Menu > Setting > Services",
		recorder.FaceBaseline2: "Main Menu > Services", recorder.FaceNewScreen: "Main Menu > Services",
	} {
		n := benchOf(t, recorder.Config{Face: face})
		s := &seat{box: n.box, users: n.box.Traits().Screen.Accounts}
		if got := strings.Join(s.menuWay("Services"), " > "); got != want {
			t.Errorf("%s: %s, want %s", face, got, want)
		}
	}
}
