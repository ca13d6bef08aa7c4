package appliance

import (
	"context"
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/recorder"
	"rekey/internal/recorder/clips"
	"rekey/internal/recorder/lan"
	"rekey/internal/rekeytest/loopback"
)

const password = "first-Pass-1"

var (
	cheap = argon.Cheap()
	small = clips.Spec{Channels: 1, Days: 1, ClipSeconds: 2, Now: time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)}
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func made(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := Make(dir, recorder.Config{AdminPassword: rekey.NewSecret(password), Argon: &cheap}, small); err != nil {
		t.Fatal(err)
	}
	return dir
}

func start(t *testing.T, dir string, o Options) *Running {
	t.Helper()
	o.Box.Argon = &cheap
	if o.Listen == (Addresses{}) { // its ports must be free when it is switched on again
		at := netip.AddrPortFrom(loopback.Own(), 0).String()
		o.Listen = Addresses{HTTP: at, HTTPS: at, RTSP: at, SDK: at, Discovery: at, Seat: at}
	}
	r, err := Start(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func status(t *testing.T, url string) int {
	t.Helper()
	c := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// What a face does not have is not served, whatever the addresses say.
func TestDoorsOfEachFace(t *testing.T) {
	t.Parallel()
	for face, want := range map[recorder.Face]struct{ https, onvif, sdk bool }{
		recorder.FaceN841:         {https: true, onvif: true},
		recorder.FaceLNR400:       {},
		recorder.FaceD861:         {onvif: true, sdk: true},
		recorder.FaceBaseline2:    {https: true, onvif: true, sdk: true},
		recorder.FaceBrokenDigest: {https: true, onvif: true},
		recorder.FaceBasic2014:    {},
	} {
		t.Run(string(face), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if _, err := Make(dir, recorder.Config{Face: face, Argon: &cheap}, small); err != nil {
				t.Fatal(err)
			}
			ready := start(t, dir, Options{Listen: Addresses{HTTPS: "127.0.0.1:0", SDK: "127.0.0.1:0"}}).Ready()
			if ready.Face != face || ready.HTTP == "" || ready.RTSP == "" || ready.Discovery == "" {
				t.Errorf("%+v", ready.Face)
			}
			if (ready.HTTPS != "") != want.https || (ready.ONVIF != "") != want.onvif || (ready.SDK != "") != want.sdk {
				t.Errorf("HTTPS %q, ONVIF %q, SDK %q", ready.HTTPS, ready.ONVIF, ready.SDK)
			}
			if want.onvif && ready.ONVIF != ready.HTTP+"/onvif/device_service" {
				t.Errorf("ONVIF at %q", ready.ONVIF)
			}
		})
	}
	r := start(t, made(t), Options{Listen: Addresses{HTTP: Off}})
	if ready := r.Ready(); ready.ONVIF != "" {
		t.Errorf("ONVIF without HTTP at %q", ready.ONVIF)
	}
}

func TestTroubleOfARunningRecorder(t *testing.T) {
	t.Parallel()
	trouble := &lan.Trouble{}
	r := start(t, made(t), Options{Trouble: trouble})
	const uri = "/cgi-bin/magicBox.cgi?action=getVendor"
	if got := status(t, r.Ready().HTTP+uri); got != http.StatusUnauthorized {
		t.Errorf("well: %d", got)
	}
	trouble.Set(lan.BannedAddress)
	if got := status(t, r.Ready().HTTP+uri); got != http.StatusForbidden {
		t.Errorf("banned: %d", got)
	}
}

func TestStartAnswersOnEveryDoorAndStops(t *testing.T) {
	t.Parallel()
	dir := made(t)
	r := start(t, dir, Options{})
	ready := r.Ready()
	if ready.DeviceID != r.Info.DeviceID || ready.Model != "N841" || ready.SeatToken == "" {
		t.Errorf("ready: %+v", ready.DeviceID)
	}
	if got := status(t, ready.HTTP+"/"); got != http.StatusOK {
		t.Errorf("web page: %d", got)
	}
	if got := status(t, ready.Seat+"/enter"); got != http.StatusOK {
		t.Errorf("seat: %d", got)
	}
	if got := status(t, ready.HTTP+"/recovery"); got == http.StatusOK {
		t.Error("the challenge page is on the LAN")
	}
	for _, at := range []string{ready.RTSP, ready.HTTPS} {
		conn, err := net.Dial("tcp", at[strings.Index(at, "//")+2:])
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	if strings.Contains(ready.Seat, ready.SeatToken) {
		t.Error("the seat token is in the URL")
	}
	fi, err := os.Stat(ready.Control)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("control socket: %v, %v", fi, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if _, err := net.Dial("tcp", ready.HTTP[len("http://"):]); err == nil {
		t.Error("it listens after Close")
	}
	if _, err := os.Stat(ready.Control); err == nil {
		t.Error("the control socket is left behind")
	}
	start(t, dir, Options{}) // switched on again
}

func TestEndOfContextSwitchesOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Start(ctx, made(t), Options{Box: recorder.Options{Argon: &cheap}})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := r.Wait(); err != nil {
		t.Error(err)
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	dir := made(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct {
		dir    string
		listen Addresses
		want   error
	}{
		"no recorder":       {t.TempDir(), Addresses{}, rekey.ErrNotFound},
		"a name":            {dir, Addresses{HTTP: "localhost:0"}, rekey.ErrInput},
		"no port":           {dir, Addresses{RTSP: "127.0.0.1"}, rekey.ErrInput},
		"seat on the LAN":   {dir, Addresses{Seat: "0.0.0.0:0"}, rekey.ErrInput},
		"seat off":          {dir, Addresses{Seat: Off}, rekey.ErrInput},
		"port in use":       {dir, Addresses{HTTPS: taken.Addr().String()}, rekey.ErrConflict},
		"discovery garbled": {dir, Addresses{Discovery: "::::"}, rekey.ErrInput},
	} {
		if _, err := Start(t.Context(), c.dir, Options{Listen: c.listen, Box: recorder.Options{Argon: &cheap}}); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	start(t, dir, Options{Listen: Addresses{Discovery: Off, HTTPS: Off, RTSP: Off}})
	if _, err := Start(t.Context(), dir, Options{}); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("twice: got %v, want ErrConflict", err)
	}
}

func TestPress(t *testing.T) {
	t.Parallel()
	dir := made(t)
	ctx := t.Context()
	if _, err := Press(ctx, dir, 12*time.Second); !errors.Is(err, rekey.ErrNotFound) {
		t.Errorf("switched off: %v", err)
	}
	if _, err := Press(ctx, t.TempDir(), 12*time.Second); !errors.Is(err, rekey.ErrNotFound) {
		t.Errorf("no recorder: %v", err)
	}
	r := start(t, dir, Options{})
	for _, held := range []time.Duration{0, -1, 2 * time.Hour} {
		if _, err := Press(ctx, dir, held); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%s: %v", held, err)
		}
	}
	for held, want := range map[time.Duration]recorder.LED{time.Second: recorder.LEDNothing, 7 * time.Second: recorder.LEDWarning, 20 * time.Second: recorder.LEDCancelled} {
		if led, err := Press(ctx, dir, held); err != nil || led != want || !r.Box().Initialised() {
			t.Errorf("%s: %s, %v", held, led, err)
		}
	}
	if led, err := Press(ctx, dir, 12*time.Second); err != nil || led != recorder.LEDConfirm || !r.Box().Initialised() {
		t.Errorf("12s: %s, %v", led, err)
	}
	if led, err := Press(ctx, dir, time.Second); err != nil || led != recorder.LEDReset || r.Box().Initialised() {
		t.Errorf("once more: %s, %v", led, err)
	}
}

func TestEnrolWhileRunning(t *testing.T) {
	t.Parallel()
	desk, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	dir := made(t)
	r := start(t, dir, Options{})
	e, err := Enrol(t.Context(), dir, desk.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Open(desk); err != nil || e.DeviceID != r.Box().DeviceID() {
		t.Errorf("enrolment of %s: %v", e.DeviceID, err)
	}
}

func TestControlSocketTakesAnything(t *testing.T) {
	t.Parallel()
	dir := made(t)
	r := start(t, dir, Options{})
	for _, sent := range []string{"\n", "{}\n", "null\n", `{"press_ms":-9223372036854775808}` + "\n", `{"desk_key":"00"}` + "\n", strings.Repeat("x", maxControl+1), "\x00\xff\n"} {
		conn, err := net.Dial("unix", ControlSocket(dir))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprint(conn, sent); err != nil && len(sent) < maxControl {
			t.Error(err)
		}
		var reply controlReply
		if err := json.NewDecoder(conn).Decode(&reply); err == nil && !reply.BadInput {
			t.Errorf("%.20q was obeyed: %+v", sent, reply)
		}
		_ = conn.Close()
	}
	if !r.Box().Initialised() {
		t.Error("garbage reset the recorder")
	}
}

func TestMakeRefusesBadInputAndMakesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config recorder.Config
		spec   clips.Spec
	}{
		"model":    {recorder.Config{Model: "n 841"}, small},
		"password": {recorder.Config{AdminPassword: rekey.NewSecret("weak")}, small},
		"days":     {recorder.Config{}, clips.Spec{Channels: 1, Days: -1, ClipSeconds: 2, Now: small.Now}},
		"channels": {recorder.Config{}, clips.Spec{Channels: 1000, Days: 1, ClipSeconds: 2, Now: small.Now}},
	} {
		dir := t.TempDir()
		if _, err := Make(dir, c.config, c.spec); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%s: got %v, want ErrInput", name, err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: %d files were made, %v", name, len(left), err)
		}
	}
}
