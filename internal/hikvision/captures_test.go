package hikvision

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rekey"
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

func TestCapturedAdministration(t *testing.T) {
	t.Parallel()
	wants := map[string]string{
		"DS-7608NXI-I2_admin.json":   "DS-7608NXI-I2/8P/S V4.62.210 2023-06-19 NVR: http 80 rtsp 10554 https 443 sdk 8000 sdk-over-tls 8443",
		"DS-7616NI-Q2_admin.json":    "DS-7616NI-Q2/16P V4.30.097 2024-04-01 NVR: http 80 rtsp 554 https 443 sdk 8000",
		"iDS-7204HUHI-M1_admin.json": "iDS-7204HUHI-M1/E V4.75.011 2024-06-25 DVR: http 80 rtsp 554 sdk 8000 websocket 7681",
	}
	for name, data := range captures(t, "hikvision/*_admin.json") {
		var calls map[string]struct{ Response json.RawMessage }
		if err := json.Unmarshal(data, &calls); err != nil {
			t.Fatal(err)
		}
		var id rekey.Identity
		device, err := parse(calls["System/deviceInfo"].Response)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		version, built := splitFirmware(device.root.value("firmwareReleasedDate"))
		readBrand(&id, device.root.value("manufacturer"))
		got := fmt.Sprintf("%s %s%s %s %s:", device.root.value("model"), device.root.value("firmwareVersion"), version, built.Format("2006-01-02"), classOf(device.root.value("deviceType")))
		list, err := parse(calls["Security/adminAccesses"].Response)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, p := range readProtocols(list.root) {
			if p.enabled {
				got += fmt.Sprintf(" %s %d", p.name(), p.port)
			}
		}
		if want := wants[name]; want != "" && got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestCapturedAnswers(t *testing.T) {
	t.Parallel()
	for name, data := range captures(t, "hikvision/*.xml") {
		doc, err := parseExactly(data)
		if err != nil || string(doc.apply()) != string(data) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		v, is := verdictOf(data)
		if is != doc.root.is("ResponseStatus") || (is && (v.code == 0 || v.sub == "" || v.ok())) {
			t.Errorf("%s: %+v", name, v)
		}
		if hidden, err := hide(data); err != nil || strings.Contains(string(hidden), masked) {
			t.Errorf("%s: %v", name, err)
		}
		if strings.HasPrefix(name, "userCheck_401") {
			e := (&Driver{}).newWeb(rekey.Interface{}, rekey.Login{}, nil).loginRefusal(http.StatusUnauthorized, data)
			if e == nil || e.Said != "Unauthorized" || e.TriesLeft != -1 {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
}
