package rekeytest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/catalog"
	"rekey/internal/rekeytest/faces"
)

// looks is what a face has to be taken for. Doors are "kind port", by the name of
// the face's port.
type looks struct {
	err  error // then says are words of it
	says []string

	family, vendor, model, class, firmware, serial, device string

	init       rekey.InitState
	generation string   // words of it
	resets     []string // words, one for each way that is announced; none: no way is
	odd        []string
	doors      []string
	lock       *rekey.LockState
	entry      string // of the catalogue
	generic    bool   // the entry is one of its kind only
}

const (
	baseline1 = "no envelope"
	baseline2 = "baseline 2"
	newNVR    = "4.002.0000000.8.R"
)

var (
	byMail    = []string{"e-mail", "C", "can reset"}
	anyReset  = []string{"phone", "e-mail", "can reset", "C"}
	dahuaWeb  = []string{"cgi http", "rpc2 http", "rtsp rtsp", "sdk sdk"}
	dahuaSafe = []string{"cgi https", "rpc2 https"}
)

type boxed struct {
	face  faces.Face
	safe  bool // asked at its HTTPS port
	twice bool // answers one discovery question several times
	looks looks
}

// boxes are the faces with what each is to be taken for.
var boxes = []boxed{
	{faces.LorexD861(), false, false, looks{
		family: "dahua", vendor: "Lorex", model: "D861A8", class: "HCVR", firmware: newNVR, serial: "XX00TESTD861A80", device: "TESTD861DEVICEID",
		init: rekey.InitDone, generation: baseline1, resets: byMail, odd: []string{"no-encryption"}, doors: dahuaWeb, entry: "D861",
	}},
	{faces.Numbered(), false, false, looks{
		family: "dahua", vendor: "Dahua", model: "DH-NVR5232-4KS3/I", class: "NVR", firmware: "4.001.0000005.0", serial: "XX00TESTDEA577C",
		init: rekey.InitDone, generation: baseline2, resets: anyReset, odd: []string{"model-in-update-serial", "no-encryption", "numeric-type"}, doors: dahuaWeb, entry: "dahua-nvr52",
	}},
	{faces.NumberedOnly(), false, false, looks{
		family: "dahua", vendor: "Dahua", class: "NVR", firmware: newNVR, serial: "XX00TESTDEA5700",
		init: rekey.InitDone, generation: baseline2, resets: anyReset, odd: []string{"no-encryption", "numeric-type"}, doors: dahuaWeb, entry: "dahua", generic: true,
	}},
	{faces.Typeless(), false, true, looks{
		family: "dahua", vendor: "Dahua", firmware: newNVR, serial: "XX00TESTDEA5701",
		init: rekey.InitDone, generation: baseline2, resets: anyReset, odd: []string{"no-encryption", "no-type", "unsolicited-body"}, doors: dahuaWeb, entry: "dahua", generic: true,
	}},
	{faces.LorexLNR400(), false, false, looks{
		family: "dahua", vendor: "Lorex", model: "LNR400", class: "NVR", firmware: "3.200.0000.0.R", serial: "LNR4TEST0400001",
		init: rekey.InitUnknown, odd: []string{"no-encryption"}, doors: []string{"cgi http", "rtsp rtsp", "sdk sdk"}, entry: "LNR400",
	}},
	{faces.BasicOnly(), false, false, looks{
		family: "dahua", init: rekey.InitUnknown, odd: []string{"basic-only", "no-encryption"}, doors: []string{"cgi http"}, entry: "dahua", generic: true,
	}},
	{faces.LorexN841(), true, false, looks{
		family: "dahua", vendor: "Lorex", model: "N841A82", class: "NVR", firmware: newNVR, serial: "XX00TESTN841A82", device: "TESTN841DEVICEID",
		init: rekey.InitDone, generation: baseline2, resets: byMail, odd: []string{"clock-wrong", "foreign-xaddr", "self-signed"},
		doors: []string{"cgi https", "onvif https", "rpc2 https", "rtsp rtsp", "sdk sdk"}, entry: "N841",
	}},
	{faces.LorexN841(), false, false, looks{
		family: "dahua", vendor: "Lorex", model: "N841A82", class: "NVR", firmware: newNVR, serial: "XX00TESTN841A82", device: "TESTN841DEVICEID",
		init: rekey.InitDone, generation: baseline2, resets: byMail, odd: []string{"clock-wrong", "foreign-xaddr", "no-encryption"},
		doors: []string{"cgi http", "onvif http", "rpc2 http", "rtsp rtsp", "sdk sdk"}, entry: "N841",
	}},
	{faces.Uninitialised(), false, false, looks{
		family: "dahua", vendor: "Lorex", model: "N842A82", class: "NVR", firmware: newNVR, serial: "XX00TESTN842A82",
		init: rekey.InitFactory, generation: baseline2, resets: anyReset, odd: []string{"clock-wrong", "factory-state", "no-encryption"},
		doors: []string{"cgi http", "onvif http", "rpc2 http", "rtsp rtsp", "sdk sdk"}, entry: "N842",
	}},
	{faces.Locked(), false, false, looks{
		family: "dahua", vendor: "Lorex", model: "D861A8", class: "HCVR", firmware: newNVR, serial: "XX00TESTD861A80", device: "TESTD861DEVICEID",
		init: rekey.InitDone, generation: baseline1, resets: byMail, odd: []string{"banned-or-locked", "no-encryption"}, doors: dahuaWeb, entry: "D861",
		lock: &rekey.LockState{Locked: true, For: 30 * time.Minute, TriesLeft: 0},
	}},
	{faces.LockedAlone(), false, false, looks{
		family: "dahua", init: rekey.InitUnknown, odd: []string{"banned-or-locked", "no-encryption"}, doors: []string{"cgi http"}, entry: "dahua", generic: true,
		lock: &rekey.LockState{Locked: true, For: 30 * time.Minute, TriesLeft: 0},
	}},
	{faces.Redirecting(faces.Expired), false, false, redirected("certificate-expired", "redirected-to-https", "self-signed")},
	{faces.Redirecting(faces.Expired), true, false, redirected("certificate-expired", "self-signed")},
	{faces.Redirecting(faces.NotYetValid), false, false, redirected("certificate-not-yet-valid", "redirected-to-https", "self-signed")},
	{faces.Redirecting(faces.Issued), false, false, redirected("redirected-to-https")},
	{faces.General(), false, false, looks{
		family: "dahua", model: "NVR-2108X", class: "NVR", firmware: newNVR, serial: "XX00TESTGENERAL",
		init: rekey.InitDone, generation: baseline2, odd: []string{"no-encryption", "oem-name", "reset-off"},
		doors: []string{"cgi http", "rpc2 http", "sdk sdk"}, entry: "dahua", generic: true,
	}},
	{faces.HikvisionNVR(), false, false, looks{
		family: "hikvision", model: "DS-7608NXI-I2/8P/S", firmware: "V4.62.210", serial: "DS-7608NXI-I2/8P/S0820230619CCRRJ00000001WCVU",
		init: rekey.InitDone, odd: []string{"no-encryption"}, doors: []string{"isapi http", "sdk sdk"}, entry: "hikvision-ds-76",
		lock: &rekey.LockState{TriesLeft: 3},
	}},
	{faces.HikvisionNew(), false, false, looks{
		family: "hikvision", model: "DS-7616NI-Q2/16P", firmware: "V4.30.097", serial: "DS-7616NI-Q2/16P1620240401CCRRE00000002WCVU",
		init: rekey.InitFactory, odd: []string{"factory-state", "no-encryption"}, doors: []string{"isapi http", "sdk sdk"}, entry: "hikvision-ds-76",
	}},
	{faces.HikvisionSerial(), false, false, looks{
		family: "hikvision", model: "DS-7616NI-Q2/16P", firmware: "V4.30.097", serial: "DS-7616NI-Q2/16P1620240401CCRRE00000003WCVU",
		init: rekey.InitDone, odd: []string{"model-in-update-serial", "no-encryption"}, doors: []string{"isapi http", "sdk sdk"}, entry: "hikvision-ds-76",
	}},
	{faces.HikvisionLocked(), false, false, looks{
		family: "hikvision", model: "DS-7608NXI-I2/8P/S", firmware: "V4.62.210", serial: "DS-7608NXI-I2/8P/S0820230619CCRRJ00000001WCVU",
		init: rekey.InitDone, odd: []string{"banned-or-locked", "no-encryption"}, doors: []string{"isapi http", "sdk sdk"}, entry: "hikvision-ds-76",
		lock: &rekey.LockState{Locked: true, For: 25 * time.Minute, TriesLeft: 0},
	}},
	{faces.PlainONVIF(), false, true, looks{
		family: "onvif", vendor: "Bosch", model: "DIVAR network 5000", firmware: "8.71.0066", serial: "404754734001050199",
		init: rekey.InitUnknown, odd: []string{"clock-wrong"}, doors: []string{"onvif http"}, entry: "unknown", generic: true,
	}},
	{faces.Closemouthed(), false, false, looks{
		family: "onvif", model: "VX-3216", init: rekey.InitUnknown, odd: []string{"clock-wrong"}, doors: []string{"onvif http"}, entry: "unknown", generic: true,
	}},
	{faces.LorexLNKTelling(), false, false, looks{
		family: "onvif", vendor: "Lorex", model: "LNK7108A", init: rekey.InitUnknown, odd: []string{"brand-differs", "clock-wrong"}, doors: []string{"onvif http"}, entry: "LNK",
	}},
	{faces.LorexLNK(), false, false, looks{err: rekey.ErrNotRecorder, says: []string{`"Lorex NVR"`}}},
	{faces.Router(), false, false, looks{err: rekey.ErrNotRecorder, says: []string{`"ACME Router & Gateway"`, `"httpd/2.0"`}}},
	{faces.Printer(), false, false, looks{err: rekey.ErrNotRecorder, says: []string{`"LaserWriter 4250"`}}},
	{faces.HangingUp(), false, false, looks{err: rekey.ErrUnreachable, says: []string{"127."}}},
	{faces.Endless(), false, false, looks{err: rekey.ErrNotRecorder, says: []string{`"endless"`}}},
	{faces.Babbling(), false, false, looks{err: rekey.ErrNotRecorder, says: []string{"not as a web page"}}},
}

// redirected is a box that sends everybody to HTTPS.
func redirected(odd ...string) looks {
	return looks{
		family: "dahua", vendor: "Lorex", model: "N881B163", class: "NVR", firmware: newNVR, serial: "XX00TESTN881000",
		init: rekey.InitDone, generation: baseline2, resets: byMail, odd: odd, doors: dahuaSafe, entry: "N881",
	}
}

// check compares with what identification told.
func (l looks) check(t *testing.T, b *faces.Box, id rekey.Identity, err error) {
	t.Helper()
	if l.err != nil {
		if !errors.Is(err, l.err) {
			t.Errorf("%v; want %v", err, l.err)
		}
		for _, w := range l.says {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%v; want the words %q", err, w)
			}
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	same := func(what, got, want string) {
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	same("family", id.Family, l.family)
	same("vendor", id.Vendor, l.vendor)
	same("model", id.Model, l.model)
	same("class", id.Class, l.class)
	same("firmware", id.Firmware, l.firmware)
	same("serial", id.Serial, l.serial)
	same("device id", id.DeviceID, l.device)
	same("init", string(id.Init), string(l.init))
	same("oddities", strings.Join(oddities(id), " "), strings.Join(l.odd, " "))
	same("doors", strings.Join(seenDoors(t, b, id), ", "), strings.Join(l.doorsOf(b), ", "))
	m, known := catalog.Find(id)
	same("catalogue", fmt.Sprint(m.ID, known), fmt.Sprint(l.entry, !l.generic))
	if !strings.Contains(id.Generation, l.generation) || l.generation == "" && id.Generation != "" {
		t.Errorf("generation: %q, want the words %q", id.Generation, l.generation)
	}
	l.checkResets(t, id)
	l.checkLock(t, id)
}

func (l looks) checkResets(t *testing.T, id rekey.Identity) {
	t.Helper()
	if len(id.Resets) != len(l.resets) {
		t.Errorf("resets: %q, want %d", id.Resets, len(l.resets))
	}
	for _, w := range l.resets {
		if !slices.ContainsFunc(id.Resets, func(r string) bool { return strings.Contains(r, w) }) {
			t.Errorf("resets: %q, want one with the word %q", id.Resets, w)
		}
	}
}

func (l looks) checkLock(t *testing.T, id rekey.Identity) {
	t.Helper()
	if l.lock == nil || id.Lock == nil {
		if l.lock != nil || id.Lock != nil {
			t.Errorf("lock: %+v, want %+v", id.Lock, l.lock)
		}
		return
	}
	got := *id.Lock
	got.From = ""
	if got != *l.lock || id.Lock.From == "" {
		t.Errorf("lock: %+v, want %+v, and from where", *id.Lock, *l.lock)
	}
}

// doorsOf leaves out what nobody can find: streams at a port that is not the usual one.
func (l looks) doorsOf(b *faces.Box) []string {
	return slices.DeleteFunc(slices.Clone(l.doors), func(d string) bool { return d == "rtsp rtsp" && b.Ports.RTSP != 554 })
}

// seenDoors are the interfaces by the names of the box's ports.
func seenDoors(t *testing.T, b *faces.Box, id rekey.Identity) []string {
	t.Helper()
	names := map[int]string{b.Ports.HTTP: "http", b.Ports.HTTPS: "https", b.Ports.RTSP: "rtsp", b.Ports.SDK: "sdk"}
	var all []string
	for _, i := range id.Interfaces {
		name, ok := names[i.Port]
		if !ok || i.Host != b.Addr.String() {
			name = i.Address()
		}
		if i.TLS != (name == "https") {
			name += fmt.Sprintf(" (TLS %t)", i.TLS)
		}
		if i.TLS && i.CertSHA256 != b.Fingerprint {
			t.Errorf("%s: certificate %q, want %q", i, i.CertSHA256, b.Fingerprint)
		}
		all = append(all, string(i.Kind)+" "+name)
	}
	slices.Sort(all)
	return all
}
