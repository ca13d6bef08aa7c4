package main

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/appliance"
	"rekey/internal/recorder/clips"
	"rekey/recovery"
)

// recorderRun runs one verb of the recorder in this process.
func recorderRun(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := newRecorderCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&bytes.Buffer{})
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestRecorderIsEnrolledByFile(t *testing.T) {
	t.Parallel()
	desk, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key, box, later := filepath.Join(dir, "desk.pub"), filepath.Join(dir, "box"), filepath.Join(dir, "later.json")
	if err := os.WriteFile(key, recovery.DeskKeyText(desk.PublicKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	small := []string{"--days", "1", "--channels", "1", "--clip-seconds", "2"}
	if _, err := recorderRun(t, append([]string{"init", "--dir", box, "--desk-key", key}, small...)...); err != nil {
		t.Fatal(err)
	}
	if _, err := recorderRun(t, "enrol", "--dir", box, "--desk-key", key, "--out", later); err != nil {
		t.Fatal(err)
	}
	var keys [][]byte
	for _, name := range []string{filepath.Join(box, "enrolment.json"), later} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		e, err := recovery.ParseEnrolment(data)
		if err != nil {
			t.Fatal(err)
		}
		kDev, err := e.Open(desk)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, kDev)
	}
	if !bytes.Equal(keys[0], keys[1]) {
		t.Error("the two enrolments hold different keys")
	}
}

func TestRecorderVerbsRefuse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	notAKey := filepath.Join(dir, "not-a-key")
	if err := os.WriteFile(notAKey, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	for name, c := range map[string]struct {
		args []string
		want error
	}{
		"password file missing": {[]string{"init", "--dir", empty, "--admin-password-file", filepath.Join(dir, "none")}, rekey.ErrInput},
		"no desk key":           {[]string{"init", "--dir", empty, "--desk-key", notAKey}, rekey.ErrInput},
		"days":                  {[]string{"init", "--dir", empty, "--days", "-1"}, rekey.ErrInput},
		"model":                 {[]string{"init", "--dir", empty, "--model", "../N841"}, rekey.ErrInput},
		"label of nothing":      {[]string{"label", "--dir", empty}, rekey.ErrNotFound},
		"enrol nothing":         {[]string{"enrol", "--dir", empty, "--desk-key", notAKey}, rekey.ErrInput},
		"press nonsense":        {[]string{"press", "--dir", empty, "--hold", "0s"}, rekey.ErrInput},
		"press nothing":         {[]string{"press", "--dir", empty, "--hold", "12s"}, rekey.ErrNotFound},
		"serve a name":          {[]string{"serve", "--dir", empty, "--http", "localhost:80"}, rekey.ErrInput},
	} {
		if _, err := recorderRun(t, c.args...); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if _, err := os.Stat(empty); err == nil {
		t.Error("a refused verb made a folder")
	}
}

// One press only asks for the second; --confirm gives it.
func TestPressIsConfirmed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "box")
	spec := clips.Spec{Channels: 1, Days: 1, ClipSeconds: 1, Now: time.Now()}
	if _, err := appliance.Make(dir, recorder.Config{AdminPassword: rekey.NewSecret("First-Pass-1"), Argon: cheap()}, spec); err != nil {
		t.Fatal(err)
	}
	still := func() time.Duration { return time.Hour } // the button waits 10 seconds for the next press
	on, err := appliance.Start(t.Context(), dir, appliance.Options{Box: recorder.Options{Argon: cheap(), Clock: still}})
	if err != nil {
		t.Fatal(err)
	}
	defer on.Close()
	for _, c := range []struct {
		args []string
		said string
		done bool
	}{
		{[]string{"--hold", "12s"}, "armed", false},
		{[]string{"--hold", "6s"}, "cancelled", false},
		{[]string{"--hold", "6s", "--confirm"}, "warning", false},
		{[]string{"--hold", "12s", "--confirm"}, "recordings are kept and sealed", true},
	} {
		out, err := recorderRun(t, append([]string{"press", "--dir", dir}, c.args...)...)
		if err != nil || !strings.Contains(out, c.said) || on.Box().Initialised() == c.done {
			t.Errorf("%v: %v, set up %v: %s", c.args, err, on.Box().Initialised(), out)
		}
	}
	if !on.Box().Kept().Sealed {
		t.Error("the recordings are open")
	}
}
