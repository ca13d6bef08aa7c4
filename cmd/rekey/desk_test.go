package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/client"
	"rekey/recovery"
)

const deskPassword = "seven quiet tables in a row"

// runDesk runs `rekey desk args...` to its end.
func runDesk(ctx context.Context, t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	var out, talk bytes.Buffer
	cmd := newDeskCommand()
	checkUsage(cmd)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&talk)
	err = cmd.ExecuteContext(ctx)
	if strings.Contains(out.String()+talk.String(), deskPassword) {
		t.Error("a password was printed")
	}
	return out.String(), err
}

// newDeskFolder is a desk with the agents ann and carol.
func newDeskFolder(t *testing.T) (dir, passwordFile string) {
	t.Helper()
	home := t.TempDir()
	dir, passwordFile = filepath.Join(home, "desk"), filepath.Join(home, "password")
	if err := os.WriteFile(passwordFile, []byte(deskPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "--dir", dir, "--admin-password-file", passwordFile},
		{"agent", "add", "ann", "--dir", dir, "--password-file", passwordFile},
		{"agent", "add", "carol", "--role", "approver", "--dir", dir, "--password-file", passwordFile},
	} {
		if _, err := runDesk(t.Context(), t, args...); err != nil {
			t.Fatalf("desk %v: %v", args, err)
		}
	}
	return dir, passwordFile
}

// sealedRecorder is an enrolment file of a new recorder for the desk in dir.
func sealedRecorder(t *testing.T, dir string) (id recovery.DeviceID, keys *recovery.Keys, file string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, desk.PublicKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	key, err := recovery.ParseDeskKey(text)
	if err != nil {
		t.Fatal(err)
	}
	if id, err = recovery.NewDeviceID(nil); err != nil {
		t.Fatal(err)
	}
	kDev := make([]byte, recovery.KeySize)
	_, _ = rand.Read(kDev)
	if keys, err = recovery.NewKeys(kDev); err != nil {
		t.Fatal(err)
	}
	enc, sealed, err := recovery.SealEnrolment(key, id, 0, kDev)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(recovery.Enrolment{Format: recovery.EnrolmentFormat, DeviceID: id, Model: "N841", Enc: enc, Sealed: sealed})
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "enrolment.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return id, keys, file
}

// serveDesk runs `rekey desk serve` until the test ends, and returns its URL.
func serveDesk(t *testing.T, dir string) string {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready.json")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := runDesk(ctx, t, "serve", "--dir", dir, "--ready-file", ready)
		done <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("desk serve ended with %v", err)
		}
		if _, err := os.Stat(ready); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the ready file is still there: %v", err)
		}
	})
	for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
		data, err := os.ReadFile(ready)
		if errors.Is(err, os.ErrNotExist) && len(done) == 0 {
			continue
		}
		var told struct{ URL string }
		if err != nil || json.Unmarshal(data, &told) != nil || told.URL == "" {
			t.Fatalf("no ready file: %v", err)
		}
		return told.URL
	}
}

// TestDeskFromInitToAnswer enrols a recorder while the desk serves, and takes a
// case of it to the answer.
func TestDeskFromInitToAnswer(t *testing.T) {
	t.Parallel()
	dir, _ := newDeskFolder(t)
	url := serveDesk(t, dir)
	id, keys, file := sealedRecorder(t, dir)
	out, err := runDesk(t.Context(), t, "enroll", file, "--dir", dir, "--json", "--owner-name", "Petra Example",
		"--owner-address", "mailto:petra@example.org", "--owner-address", "tel:+49 30 1234567", "--owner-since", "2025-01-01")
	var enrolled desk.Enrolled
	if err != nil || json.Unmarshal([]byte(out), &enrolled) != nil || enrolled.DeviceID != id {
		t.Fatalf("enroll: %v: %s", err, out)
	}
	agent, approver := deskClient(t, url, "ann"), deskClient(t, url, "carol")
	c, err := agent.OpenCase(t.Context(), desk.OpenCaseRequest{DeviceID: id.String(), Account: "admin", Caller: "+49 30 1234567"})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"E2", "E6"} {
		if _, err := agent.AddEvidence(t.Context(), c.Number, desk.EvidenceRequest{Kind: kind, Note: "checked against the registry"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := approver.Decide(t.Context(), c.Number, "approve"); err != nil {
		t.Fatal(err)
	}
	ch, err := keys.NewChallenge(recovery.PurposePassword, 0, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := agent.Answer(t.Context(), c.Number, ch.String())
	if err != nil {
		t.Fatal(err)
	}
	if want, err := keys.Answer(id, "admin", ch); err != nil || got.Reveal() != want.Reveal() {
		t.Errorf("the answer does not fit: %v", err)
	}
	if out, err := runDesk(t.Context(), t, "recorder", id.String(), "--dir", dir, "--stolen"); err != nil || !strings.Contains(out, "1 answers issued, reported stolen") {
		t.Errorf("recorder: %v: %s", err, out)
	}
	if out, err := runDesk(t.Context(), t, "verify", "--dir", dir); err != nil || !strings.Contains(out, "are whole") {
		t.Errorf("verify: %v: %s", err, out)
	}
}

// TestDeskAgentRights: ann's rights are taken away, given back, and her password
// is changed, from the command line while the desk serves her.
func TestDeskAgentRights(t *testing.T) {
	t.Parallel()
	dir, password := newDeskFolder(t)
	url := serveDesk(t, dir)
	fresh := filepath.Join(t.TempDir(), "password")
	const freshPassword = "eight loud chairs in a ring"
	if err := os.WriteFile(fresh, []byte(freshPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	id := recovery.DeviceID{}
	for _, step := range []struct {
		args     []string
		disabled bool
		password string // with which she can log in afterwards
	}{
		{[]string{"disable", "ann"}, true, ""},
		{[]string{"enable", "ann"}, false, deskPassword},
		{[]string{"password", "ann", "--password-file", fresh}, false, freshPassword},
		{[]string{"password", "ann", "--password-file", password}, false, deskPassword},
	} {
		before, _ := client.New(url)
		for _, p := range []string{deskPassword, freshPassword} {
			if _, err := before.LogIn(t.Context(), "ann", rekey.NewSecret(p)); err == nil {
				break
			}
		}
		out, err := runDesk(t.Context(), t, append([]string{"agent", "--dir", dir, "--json"}, step.args...)...)
		var told struct {
			Type     string    `json:"message_type"`
			Name     string    `json:"name"`
			Role     desk.Role `json:"role"`
			Disabled time.Time `json:"disabled_at"`
		}
		if err != nil || json.Unmarshal([]byte(out), &told) != nil || told.Type != "agent" || told.Name != "ann" || told.Role != desk.RoleAgent || told.Disabled.IsZero() == step.disabled {
			t.Fatalf("agent %v: %v: %s", step.args, err, out)
		}
		if _, err := before.Recorder(t.Context(), id); !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("after agent %v her old session says %v", step.args, err)
		}
		list, err := runDesk(t.Context(), t, "agent", "list", "--dir", dir)
		if err != nil || strings.Contains(list, "disabled") != step.disabled {
			t.Errorf("agent list: %v: %s", err, list)
		}
		now, _ := client.New(url)
		for _, p := range []string{deskPassword, freshPassword} {
			if _, err := now.LogIn(t.Context(), "ann", rekey.NewSecret(p)); (err == nil) != (p == step.password) {
				t.Errorf("after agent %v a log-in says %v", step.args, err)
			}
		}
	}
}

func deskClient(t *testing.T, url, name string) *client.Client {
	t.Helper()
	c, err := client.New(url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.LogIn(t.Context(), name, rekey.NewSecret(deskPassword)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return c
}

// TestDeskVerbsRefuse: one clear line, the documented kind, nothing changed.
func TestDeskVerbsRefuse(t *testing.T) {
	t.Parallel()
	dir, password := newDeskFolder(t)
	empty := t.TempDir()
	for name, c := range map[string]struct {
		args []string
		want error
	}{
		"no folder":         {[]string{"agent", "list"}, rekey.ErrInput},
		"no desk":           {[]string{"agent", "list", "--dir", empty}, rekey.ErrNotFound},
		"init twice":        {[]string{"init", "--dir", dir, "--admin-password-file", password}, rekey.ErrConflict},
		"missing file":      {[]string{"agent", "add", "x", "--dir", dir, "--password-file", filepath.Join(empty, "no")}, rekey.ErrInput},
		"the same agent":    {[]string{"agent", "add", "ann", "--dir", dir, "--password-file", password}, rekey.ErrConflict},
		"disable nobody":    {[]string{"agent", "disable", "zoe", "--dir", dir}, rekey.ErrNotFound},
		"disable no name":   {[]string{"agent", "disable", "--dir", dir}, rekey.ErrInput},
		"nobody's password": {[]string{"agent", "password", "zoe", "--dir", dir, "--password-file", password}, rekey.ErrNotFound},
		"an unknown role":   {[]string{"agent", "add", "x", "--role", "king", "--dir", dir, "--password-file", password}, rekey.ErrInput},
		"no enrolment":      {[]string{"enroll", password, "--dir", dir}, rekey.ErrInput},
		"no such recorder":  {[]string{"recorder", "V7KX-4YBM-0P97", "--dir", dir}, rekey.ErrNotFound},
		"mistyped recorder": {[]string{"recorder", "V7KX-4YBM-0P98", "--dir", dir}, rekey.ErrInput},
		"bad date":          {[]string{"recorder", "V7KX-4YBM-0P97", "--dir", dir, "--owner-since", "yesterday"}, rekey.ErrInput},
		"beyond loopback":   {[]string{"serve", "--dir", dir, "--listen", "0.0.0.0:0"}, rekey.ErrInput},
		"half of TLS":       {[]string{"serve", "--dir", dir, "--cert", password}, rekey.ErrInput},
		"not an address":    {[]string{"serve", "--dir", dir, "--listen", "everywhere"}, rekey.ErrInput},
	} {
		if _, err := runDesk(t.Context(), t, c.args...); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}
