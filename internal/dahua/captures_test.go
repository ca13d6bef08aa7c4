package dahua

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/transport"
)

// captures are what real devices answered, below the folder that REKEY_CAPTURES
// names; none where it names none. They are not part of this project.
func captures(t *testing.T, pattern string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	root := os.Getenv("REKEY_CAPTURES")
	if root == "" {
		return files
	}
	names, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: nothing there (%v)", pattern, err)
	}
	for _, name := range names {
		if files[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestCapturedDiscovery(t *testing.T) {
	t.Parallel()
	wants := map[string]string{
		"dahua_vto2000a.json": "VTO2000A, , VTO, 3.120.0000.0.R, oem-name, 37777",
		"lorex_w461asc.json":  "W461ASC, Lorex, IPC, 2.800.030000000.3.R, , 35000",
	}
	for name, packet := range captures(t, "discovery/*.json") {
		id, err := Prober{}.Parse(packet, netip.MustParseAddrPort("192.168.86.81:37810"))
		sdk, _ := id.Interface(rekey.InterfaceSDK)
		_, port, _ := strings.Cut(sdk.Address(), "86.81:")
		got := strings.Join([]string{id.Model, id.Vendor, id.Class, id.Firmware, oddIDs(id), port}, ", ")
		if err != nil || id.Init != rekey.InitDone || len(id.Resets) != 3 || (wants[name] != "" && got != wants[name]) {
			t.Errorf("%s: %q %+v: %v", name, got, id, err)
		}
	}
	for name, text := range captures(t, "discovery/dhip_probe.hex") {
		if strings.TrimSpace(string(text)) != hex.EncodeToString(Prober{}.Frame()) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestCapturedCGI(t *testing.T) {
	t.Parallel()
	models := map[string]string{
		"nvr2x-4ks3_getSystemInfo.txt": "NVR2X-4KS3", "nvr5232-ei_getSystemInfo.txt": "DH-NVR5232-4KS3/I",
		"ipc-hdw5831r-ze_getSystemInfo.txt": "IPC-HDW5831R-ZE", "vto2311r-wp_getSystemInfo.txt": "DHI-VTO2311R-WP",
	}
	for name, body := range captures(t, "cgi/*_getSystemInfo.txt") {
		var id rekey.Identity
		l, err := parseLines(body)
		readModel(&id, "capture", l["deviceType"], l["updateSerial"])
		if err != nil || id.Model == "" || l["serialNumber"] == "" || (models[name] != "" && id.Model != models[name]) {
			t.Errorf("%s: %+v: %v", name, id, err)
		}
	}
	for name, body := range captures(t, "cgi/*_getSoftwareVersion.txt") {
		l, err := parseLines(body)
		if version, built := readVersion(l["version"], l["build"]); err != nil || version == "" || built.IsZero() {
			t.Errorf("%s: %v: %v", name, l, err)
		}
	}
	for name, head := range captures(t, "cgi/auth_challenge_*.txt") {
		var id rekey.Identity
		_, value, _ := strings.Cut(strings.TrimSpace(string(head)), ": ")
		if !readRealm(&id, transport.Response{Status: 401, Header: http.Header{"Www-Authenticate": {value}}}) || (oddIDs(id) == "basic-only") != strings.Contains(name, "basic") {
			t.Errorf("%s: %+v", name, id)
		}
	}
	for name, body := range captures(t, "cgi/error_invalid_authority_*.txt") {
		var id rekey.Identity
		if !readRealm(&id, transport.Response{Status: 401, Body: body}) || id.Init != rekey.InitFactory {
			t.Errorf("%s: %+v", name, id)
		}
	}
}

func TestCapturedRPC(t *testing.T) {
	t.Parallel()
	for name, body := range captures(t, "rpc2/devinit_getStatus_*.json") {
		answer, err := parseReply(body)
		v := &visit{}
		v.readStatus(&rpc{http: transport.New(rekey.Interface{}, nil, transport.Limits{})}, answer)
		if err != nil || (v.id.Init == rekey.InitFactory) != strings.Contains(name, "factory") || len(v.id.Resets) != 2 {
			t.Errorf("%s: %+v: %v", name, v.id, err)
		}
	}
	for name, body := range captures(t, "rpc2/security_getEncryptInfo_*.json") {
		var info encryptInfo
		if err := json.Unmarshal(body, &info); err != nil || info.Pub == "" || info.choice() == "" {
			t.Errorf("%s: %+v: %v", name, info, err)
		}
	}
	for name, body := range captures(t, "rpc2/*_getSoftwareVersion_params.json") {
		var told struct {
			Version struct{ Version, BuildDate string }
		}
		err := json.Unmarshal(body, &told)
		if version, built := readVersion(told.Version.Version, told.Version.BuildDate); err != nil || version == "" || built.IsZero() {
			t.Errorf("%s: %+v: %v", name, told, err)
		}
	}
}

func TestCapturedRTSP(t *testing.T) {
	t.Parallel()
	for name, head := range captures(t, "rtsp/*.txt") {
		s := streams{answers: true}
		for line := range strings.Lines(string(head)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			if textproto.CanonicalMIMEHeaderKey(key) == "Www-Authenticate" {
				for _, c := range transport.Challenges([]string{value}) {
					s.realms = append(s.realms, c.Realm)
				}
			}
		}
		if id, err := s.alone(); err != nil || id.Serial == "" {
			t.Errorf("%s: %+v: %v", name, id, err)
		}
	}
}

func TestCapturedLogins(t *testing.T) {
	t.Parallel()
	for name, body := range captures(t, "rpc2/login_*.json") {
		if strings.Contains(name, "vector") {
			continue // no answer of a recorder
		}
		answer, err := parseReply(body)
		e := answer.loginRefusal("admin")
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case strings.Contains(name, "_ok"):
			if !answer.ok() || answer.Session == nil {
				t.Errorf("%s: %+v", name, answer)
			}
		case strings.Contains(name, "challenge"):
			if answer.Code != codeChallenge || e != nil {
				t.Errorf("%s: %+v", name, answer)
			}
		case e == nil || !errors.Is(e, rekey.ErrDenied) || (strings.Contains(name, "2left") && e.TriesLeft != 2):
			t.Errorf("%s: %+v", name, e)
		}
	}
	for name, body := range captures(t, "rpc2/authority_*.json") {
		answer, err := parseReply(body)
		if err != nil || answer.loginRefusal("admin") != nil || !errors.Is(answer.refusal("h", "m"), rekey.ErrDenied) {
			t.Errorf("%s: %+v: %v", name, answer, err)
		}
	}
}

func TestCapturedErrors(t *testing.T) {
	t.Parallel()
	statuses := map[string]int{"error_bad_request_http400.txt": 400, "error_invalid_authority_http401.txt": 401}
	for name, body := range captures(t, "cgi/*error*.txt") {
		status := statuses[name]
		if status == 0 {
			status = 200
		}
		if err := cgiRefusal("h", "w", status, body); full(status, body) || tellsLock(body) || errors.Is(err, rekey.ErrUnreachable) || len(err.Error()) > 200 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCapturedONVIF(t *testing.T) {
	t.Parallel()
	for name, body := range captures(t, "onvif/*Time*.xml") {
		if !isONVIF(body) {
			t.Errorf("%s is not taken for ONVIF", name)
		}
	}
	for name, body := range captures(t, "hikvision/*.xml") {
		if isONVIF(body) {
			t.Errorf("%s is taken for ONVIF", name)
		}
	}
}
