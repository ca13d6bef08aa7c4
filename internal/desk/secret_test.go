package desk_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"rekey"
	"rekey/internal/desk"
	"rekey/recovery"
)

// lines is a writer for a log that several goroutines write.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// TestNoSecretIsStored runs a whole call, wrong tries included, and then looks
// for each secret in every file of the desk and in its log.
func TestNoSecretIsStored(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	var log lines
	o := p.options()
	o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if err := p.desk.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.desk, err = desk.Open(t.Context(), p.dir, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.desk.Close() })
	b := p.enrol(ownerOfAll())
	url := p.serve()
	agent := p.client(url, "ann")
	const number, mistaken = "+49 171 5550123", "my password typed as a name"
	if _, err := p.desk.LogIn(t.Context(), mistaken, rekey.NewSecret("wrong"), from("192.0.2.1")); err == nil {
		t.Fatal("logged in")
	}
	c, err := agent.OpenCase(t.Context(), desk.OpenCaseRequest{DeviceID: b.id.String(), Account: "admin", Caller: number})
	if err != nil {
		t.Fatal(err)
	}
	p.add(ann(), c.Number, desk.EvidenceAddress, desk.EvidencePhrase)
	if _, err := p.client(url, "carol").Decide(t.Context(), c.Number, "approve"); err != nil {
		t.Fatal(err)
	}
	ch := b.challenge(t, recovery.PurposePassword)
	answer, err := agent.Answer(t.Context(), c.Number, ch.String())
	if err != nil {
		t.Fatal(err)
	}
	wantNowhere(t, p.dir, log.b.String(), map[string]string{
		"K_dev":              string(b.kDev),
		"K_dev in hex":       hex.EncodeToString(b.kDev),
		"K_dev in base64":    base64.StdEncoding.EncodeToString(b.kDev),
		"the password":       passwordOfAll,
		"the mistaken name":  mistaken,
		"the answer":         answer.Reveal(),
		"the answer's data":  strings.ReplaceAll(answer.Reveal(), "-", ""),
		"the challenge":      ch.String(),
		"the challenge data": ch.Data(),
		"the caller":         strings.ReplaceAll(number, " ", ""),
		"the caller's end":   "5550123",
	})
}

func wantNowhere(t *testing.T, dir, log string, secrets map[string]string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for what, secret := range secrets {
			if bytes.Contains(bytes.ToLower(data), []byte(strings.ToLower(secret))) {
				t.Errorf("%s is in %s", what, name)
			}
		}
		return nil
	})
	if err != nil || files < 8 {
		t.Fatalf("%d files: %v", files, err)
	}
	for what, secret := range secrets {
		if strings.Contains(log, secret) {
			t.Errorf("%s is in the log", what)
		}
	}
}

// TestFilesOfTheDesk: key files that others could read are refused, and
// public is what must be.
func TestFilesOfTheDesk(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for name, mode := range map[string]fs.FileMode{"kek": 0o600, "enrol.key": 0o600, "desk.db": 0o600, "desk.pub": 0o644} {
		info, err := os.Stat(filepath.Join(p.dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v, want %v", name, info.Mode(), err, mode)
		}
	}
	if err := os.Chmod(filepath.Join(p.dir, "kek"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := desk.Open(t.Context(), p.dir, p.options())
	wantKind(t, err, rekey.ErrStorage)
	err = desk.Init(t.Context(), p.dir, "root", rekey.NewSecret(passwordOfAll), p.options())
	wantKind(t, err, rekey.ErrConflict)
	_, err = desk.Open(t.Context(), t.TempDir(), p.options())
	wantKind(t, err, rekey.ErrNotFound)
}
