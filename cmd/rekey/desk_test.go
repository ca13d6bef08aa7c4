package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/client"
	"rekey/internal/desk/passkey"
	"rekey/recovery"
)

// testPassphrase protects the passkeys of the tests' agents.
const testPassphrase = "seven quiet tables in a row"

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
	if strings.Contains(out.String()+talk.String()+fmt.Sprint(err), testPassphrase) {
		t.Error("a passphrase was printed")
	}
	return out.String(), err
}

// deskFolder is a desk with the agents ann and carol, whose telephone is the owner's.
type deskFolder struct {
	t        *testing.T
	dir      string
	home     string // of files beside the desk
	phone    *demoPhone
	url      string // once it is served
	listen   string // where it listens; where there is a proxy, that asks there
	passkeys map[string]*passkey.Key
}

func newDeskFolder(t *testing.T) *deskFolder {
	t.Helper()
	home := t.TempDir()
	d := &deskFolder{t: t, home: home, dir: filepath.Join(home, "desk"), passkeys: map[string]*passkey.Key{}}
	d.must("init", "--link-file", d.file("link-administrator", ""))
	d.must("agent", "add", "ann", "--link-file", d.file("link-ann", ""))
	d.must("agent", "add", "carol", "--role", "approver", "--link-file", d.file("link-carol", ""))
	return d
}

// run runs a verb of the operator.
func (d *deskFolder) run(args ...string) (string, error) {
	d.t.Helper()
	return runDesk(d.t.Context(), d.t, append(args, "--dir", d.dir)...)
}

func (d *deskFolder) must(args ...string) string {
	d.t.Helper()
	out, err := d.run(args...)
	if err != nil {
		d.t.Fatalf("desk %v: %v", args, err)
	}
	return out
}

// file is a file beside the desk; with text it is written.
func (d *deskFolder) file(name, text string) string {
	d.t.Helper()
	path := filepath.Join(d.home, name)
	if text != "" {
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
	return path
}

// serve serves the desk until the test ends, with the owner's telephone in reach.
func (d *deskFolder) serve(more ...string) {
	t := d.t
	t.Helper()
	var err error
	if d.phone, err = openDemoPhone(t.Context()); err != nil {
		t.Fatal(err)
	}
	ready := d.file("ready.json", "")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := runDesk(ctx, t, append(more, "serve", "--dir", d.dir, "--listen", "127.0.0.1:0", "--ready-file", ready,
			"--sms-url", d.phone.url+"/sms", "--sms-key-file", d.file("sms-key", d.phone.key.Reveal()))...)
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
		if err := d.phone.close(); err != nil {
			t.Error(err)
		}
	})
	for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
		data, err := os.ReadFile(ready)
		if errors.Is(err, os.ErrNotExist) && len(done) == 0 {
			continue
		}
		var told struct{ URL, Listen string }
		if err != nil || json.Unmarshal(data, &told) != nil || told.URL == "" || told.Listen == "" {
			t.Fatalf("no ready file: %v", err)
		}
		d.url, d.listen = told.URL, told.Listen
		return
	}
}

// client is an agent in a session, after joining by the link where that is due.
func (d *deskFolder) client(name string) *client.Client {
	d.t.Helper()
	c, err := client.New(d.url)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(http.DefaultClient.CloseIdleConnections)
	if d.passkeys[name] == nil {
		link, err := readSecretFile(d.file("link-"+name, ""))
		if err != nil {
			d.t.Fatal(err)
		}
		_, token, _ := strings.Cut(link.Reveal(), "#") // it was made before the port was known
		if d.passkeys[name], _, err = c.Join(d.t.Context(), rekey.NewSecret(token), "test"); err != nil {
			d.t.Fatalf("%s joins: %v", name, err)
		}
	}
	if _, err := c.LogIn(d.t.Context(), d.passkeys[name]); err != nil {
		d.t.Fatalf("%s logs in: %v", name, err)
	}
	return c
}

// enrol takes a new recorder into the registry, whose owner has the telephone.
func (d *deskFolder) enrol() (recovery.DeviceID, *recovery.Keys) {
	d.t.Helper()
	id, keys, file := sealedRecorder(d.t, d.dir)
	var enrolled desk.Enrolled
	out := d.must("enroll", file, "--json", "--owner-name", "Petra Example", "--owner-address", "tel:+49 30 1234567", "--owner-since", "2025-01-01")
	if err := json.Unmarshal([]byte(out), &enrolled); err != nil || enrolled.DeviceID != id {
		d.t.Fatalf("enroll: %v: %s", err, out)
	}
	return id, keys
}

// code is the number that was sent to the owner's telephone.
func (d *deskFolder) code() string {
	d.t.Helper()
	code, err := d.phone.read(d.t.Context(), codeOnPhone)
	if err != nil {
		d.t.Fatal(err)
	}
	return code
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

// TestDeskAgentRights: ann's rights are taken away and given back, her role is
// changed, and she gets another passkey, from the command line while the desk serves her.
func TestDeskAgentRights(t *testing.T) {
	t.Parallel()
	d := newDeskFolder(t)
	d.serve()
	before := d.client("ann")
	for _, step := range []struct {
		args     []string
		disabled bool
	}{
		{[]string{"disable", "ann"}, true},
		{[]string{"enable", "ann"}, false},
		{[]string{"role", "ann", "supervisor"}, false},
		{[]string{"role", "ann", "agent"}, false},
		{[]string{"sso", "ann", "ann@example.org"}, false},
	} {
		out := d.must(append([]string{"agent", "--json"}, step.args...)...)
		var told struct {
			Type     string    `json:"message_type"`
			Name     string    `json:"name"`
			Disabled time.Time `json:"disabled_at"`
		}
		if json.Unmarshal([]byte(out), &told) != nil || told.Type != "agent" || told.Name != "ann" || told.Disabled.IsZero() == step.disabled {
			t.Fatalf("agent %v: %s", step.args, out)
		}
		if _, err := before.Who(t.Context()); !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("after agent %v her old session says %v", step.args, err)
		}
		if list := d.must("agent", "list"); strings.Contains(list, "disabled") != step.disabled {
			t.Errorf("agent list: %s", list)
		}
		now, err := client.New(d.url)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := now.LogIn(t.Context(), d.passkeys["ann"]); (err == nil) == step.disabled {
			t.Errorf("after agent %v a log-in says %v", step.args, err)
		}
		before = now
	}
	lost := d.passkeys["ann"]
	d.must("agent", "invite", "ann", "--fresh", "--link-file", d.file("link-ann", ""))
	d.passkeys["ann"] = nil
	d.client("ann")
	c, err := client.New(d.url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.LogIn(t.Context(), lost); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("the passkey that was lost says %v", err)
	}
}

// TestDeskVerbsRefuse: one clear line, the documented kind, nothing changed.
func TestDeskVerbsRefuse(t *testing.T) {
	t.Parallel()
	d := newDeskFolder(t)
	dir, text, empty := d.dir, d.file("text", testPassphrase), t.TempDir()
	none := filepath.Join(empty, "no")
	for name, c := range map[string]struct {
		args []string
		want error
	}{
		"no folder":         {[]string{"agent", "list"}, rekey.ErrInput},
		"no desk":           {[]string{"agent", "list", "--dir", empty}, rekey.ErrNotFound},
		"init twice":        {[]string{"init", "--dir", dir}, rekey.ErrConflict},
		"the same agent":    {[]string{"agent", "add", "ann", "--dir", dir}, rekey.ErrConflict},
		"disable nobody":    {[]string{"agent", "disable", "zoe", "--dir", dir}, rekey.ErrNotFound},
		"disable no name":   {[]string{"agent", "disable", "--dir", dir}, rekey.ErrInput},
		"invite nobody":     {[]string{"agent", "invite", "zoe", "--dir", dir}, rekey.ErrNotFound},
		"an unknown role":   {[]string{"agent", "add", "x", "--role", "king", "--dir", dir}, rekey.ErrInput},
		"an unknown scope":  {[]string{"key", "add", "x", "--scope", "reveal", "--dir", dir}, rekey.ErrInput},
		"no scope":          {[]string{"key", "add", "x", "--dir", dir}, rekey.ErrInput},
		"revoke nothing":    {[]string{"key", "revoke", "x", "--dir", dir}, rekey.ErrNotFound},
		"hook in clear":     {[]string{"hook", "add", "http://hooks.example.com/x", "--dir", dir}, rekey.ErrInput},
		"remove no hook":    {[]string{"hook", "remove", "7", "--dir", dir}, rekey.ErrNotFound},
		"dealer unvetted":   {[]string{"dealer", "add", "smith", "--dir", dir}, rekey.ErrInput},
		"end no dealer":     {[]string{"dealer", "end", "smith", "--dir", dir}, rekey.ErrNotFound},
		"no enrolment":      {[]string{"enroll", text, "--dir", dir}, rekey.ErrInput},
		"no such recorder":  {[]string{"recorder", "V7KX-4YBM-0P97", "--dir", dir}, rekey.ErrNotFound},
		"mistyped recorder": {[]string{"recorder", "V7KX-4YBM-0P98", "--dir", dir}, rekey.ErrInput},
		"bad date":          {[]string{"recorder", "V7KX-4YBM-0P97", "--dir", dir, "--owner-since", "yesterday"}, rekey.ErrInput},
		"duress alone":      {[]string{"recorder", "V7KX-4YBM-0P97", "--dir", dir, "--duress-file", text}, rekey.ErrInput},
		"a span backwards":  {[]string{"figures", "--dir", dir, "--since", "2026-05-03", "--until", "2026-05-02"}, rekey.ErrInput},
		"no such format":    {[]string{"export", "--dir", dir, "--format", "xls"}, rekey.ErrInput},
		"beyond loopback":   {[]string{"serve", "--dir", dir, "--listen", "0.0.0.0:0"}, rekey.ErrInput},
		"half of TLS":       {[]string{"serve", "--dir", dir, "--cert", text}, rekey.ErrInput},
		"not an address":    {[]string{"serve", "--dir", dir, "--listen", "everywhere"}, rekey.ErrInput},
		"half of the mail":  {[]string{"serve", "--dir", dir, "--smtp-server", "127.0.0.1:25"}, rekey.ErrInput},
		"a URL in clear":    {[]string{"serve", "--dir", dir, "--url", "http://desk.example.com"}, rekey.ErrInput},
		"a URL by address":  {[]string{"serve", "--dir", dir, "--url", "https://192.0.2.1"}, rekey.ErrInput},
		"a URL of no TLS":   {[]string{"serve", "--dir", dir, "--listen", "127.0.0.1:0", "--url", "https://desk.example.com"}, rekey.ErrInput},
		"TLS ended afar":    {[]string{"serve", "--dir", dir, "--listen", "127.0.0.1:0", "--url", "https://desk.example.com", "--trusted-proxies", "192.0.2.1"}, rekey.ErrInput},
		"a proxy by name":   {[]string{"serve", "--dir", dir, "--listen", "127.0.0.1:0", "--trusted-proxies", "proxy.example.com"}, rekey.ErrInput},
		"everybody a proxy": {[]string{"serve", "--dir", dir, "--listen", "127.0.0.1:0", "--trusted-proxies", "127.0.0.1, 0.0.0.0/0"}, rekey.ErrInput},
		"no settings":       {[]string{"serve", "--dir", dir, "--config", none}, rekey.ErrInput},
		"no link":           {[]string{"join", "--link-file", text}, rekey.ErrInput},
		"no passkey":        {[]string{"case", "show", "1", "--desk", "http://localhost:1", "--passkey", none}, rekey.ErrInput},
		"a case's name":     {[]string{"case", "show", "petra", "--desk", "http://localhost:1"}, rekey.ErrInput},
		"evidence E7":       {[]string{"case", "evidence", "1", "E7", "--desk", "http://localhost:1"}, rekey.ErrInput},
		"E4 without a note": {[]string{"case", "evidence", "1", "E4", "--desk", "http://localhost:1"}, rekey.ErrInput},
		"no caller":         {[]string{"case", "open", "V7KX-4YBM-0P97", "--desk", "http://localhost:1"}, rekey.ErrInput},
		"no desk to call":   {[]string{"case", "show", "1", "--api-key-file", text, "--desk", "http://localhost:1"}, rekey.ErrUnreachable},
		"group 2 mistyped":  {[]string{"reveal", "1", "--challenge", "400R-0YG7-V5GS-YMWC-QV05", "--desk", "http://localhost:1"}, rekey.ErrInput},
		"half a challenge":  {[]string{"reveal", "1", "--challenge", "400R-0YG6-V5GS", "--desk", "http://localhost:1"}, rekey.ErrInput},
		"nobody's trust":    {[]string{"case", "show", "1", "--desk", "https://localhost:1", "--ca", text}, rekey.ErrInput},
	} {
		if _, err := runDesk(t.Context(), t, c.args...); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}
