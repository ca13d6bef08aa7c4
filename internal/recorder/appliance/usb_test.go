package appliance

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/footage"
	"rekey/internal/recorder"
	"rekey/internal/recorder/backup"
	"rekey/internal/recorder/clips"
	"rekey/internal/recorder/seat"
)

// TestBackupOfARunningRecorder: the folder of --usb is the drive, plugged in as
// long as it is there, and what lands on it is a whole export.
func TestBackupOfARunningRecorder(t *testing.T) {
	t.Parallel()
	const password = "Plugged-In-42"
	dir, usb := filepath.Join(t.TempDir(), "box"), filepath.Join(t.TempDir(), "usb")
	if _, err := Make(dir, recorder.Config{AdminPassword: rekey.NewSecret(password), Argon: &cheap}, clips.Spec{Channels: 2, Days: 1, ClipSeconds: 1, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	r := start(t, dir, Options{USB: usb})
	p := sitDown(t, r)
	p.post("/login", url.Values{"account": {"admin"}, "password": {password}})

	var v seat.BackupView
	if p.get("/menu/backup", &v); v.Plugged || v.Files != 6 {
		t.Fatalf("without a drive: %+v", v)
	}
	if err := os.Mkdir(usb, 0o700); err != nil {
		t.Fatal(err)
	}
	if p.get("/menu/backup", &v); !v.Plugged {
		t.Fatalf("with a drive: %+v", v)
	}
	p.post("/menu/backup", url.Values{"channel": {"1", "2"}, "from_day": {v.FromDay}, "from_time": {v.FromTime}, "to_day": {v.ToDay}, "to_time": {v.ToTime}})
	var s seat.ProgressView
	for end := time.Now().Add(time.Minute); s.Phase != backup.Done && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		p.get("/menu/backup/progress", &s)
	}
	if s.FilesDone != 6 {
		t.Fatalf("%+v", s)
	}
	if got, err := footage.Verify(t.Context(), filepath.Join(usb, filepath.FromSlash(s.Folder))); err != nil || got.Files != 6 {
		t.Errorf("%+v: %v", got, err)
	}
}

// sitter is somebody at the local seat.
type sitter struct {
	t    *testing.T
	base string
	http http.Client
}

func sitDown(t *testing.T, r *Running) *sitter {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	p := &sitter{t: t, base: r.Ready().Seat, http: http.Client{Jar: jar, Transport: tr}}
	p.post("/enter", url.Values{"token": {r.SeatToken().Reveal()}})
	return p
}

func (p *sitter) get(path string, into any) { p.do("GET", path, nil, into) }

func (p *sitter) post(path string, form url.Values) { p.do("POST", path, form, nil) }

func (p *sitter) do(method, path string, form url.Values, into any) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := p.http.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK {
		p.t.Fatalf("%s %s: %d %v", method, path, res.StatusCode, err)
	}
	if into != nil {
		if err := json.Unmarshal(body, into); err != nil {
			p.t.Fatalf("%s: %v", path, err)
		}
	}
}
