package main

import (
	"bytes"
	"context"
	"crypto/hpke"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/icholy/digest"

	"rekey"
	"rekey/internal/dahua"
	"rekey/internal/footage"
	"rekey/internal/recorder/appliance"
	"rekey/internal/vault"
	"rekey/seclog"
)

// The promise of the main job, under kill -9: rekey, and the recorder, are
// killed at every point between two effects of a run. After 'rekey resume' the
// vault's password opens the recorder on every interface, the old one on none,
// the security logs verify, and no footage is missing.

// points are all of job.Runner.At, in order.
var points = []string{
	"begun", "kept", "proposed", "intended", "changing", "set", "proved", "confirmed", "changed",
	"proved rpc2", "proved cgi", "proved rtsp", "verified", "hardened", "recorded",
}

const (
	killAt  = "REKEY_TEST_KILL_AT"  // the process kills itself at this point
	pauseAt = "REKEY_TEST_PAUSE_AT" // the process waits at this point, until the file in pauseIn is gone
	pauseIn = "REKEY_TEST_PAUSE_IN"
)

// crashPoint is what the program calls at each point when a crash test runs it.
func crashPoint() func(string) {
	kill, pause, file := os.Getenv(killAt), os.Getenv(pauseAt), os.Getenv(pauseIn)
	return func(point string) {
		if point == kill {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		if point == pause {
			pause = "" // an interface is proved over HTTP and again over HTTPS
			_ = os.WriteFile(file, nil, 0o600)
			for _, err := os.Stat(file); err == nil; _, err = os.Stat(file) {
				time.Sleep(5 * time.Millisecond)
			}
		}
	}
}

func TestKilledRekeyResumes(t *testing.T) {
	t.Parallel()
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			if err := s.rekey(append(s.reset(), killAt+"="+point)...); !killed(err) {
				t.Fatalf("reset was not killed at %q: %v", point, err)
			}
			s.must("resume")
			s.checkPromise()
		})
	}
}

func TestKilledTwiceRekeyResumes(t *testing.T) {
	t.Parallel()
	for _, two := range [][2]string{{"changing", "changing"}, {"set", "set"}, {"set", "proved cgi"}, {"proved", "confirmed"}, {"intended", "set"}} {
		t.Run(two[0]+" and "+two[1], func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			for _, args := range [][]string{append(s.reset(), killAt+"="+two[0]), {"resume", killAt + "=" + two[1]}} {
				// "set" is not passed again where the change is settled by trying
				if err := s.rekey(args...); err != nil && !killed(err) {
					t.Fatal(err)
				}
			}
			s.must("resume")
			s.checkPromise()
		})
	}
}

func TestKilledRecorderComesBack(t *testing.T) {
	t.Parallel()
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			wait := filepath.Join(t.TempDir(), "paused")
			done := make(chan error, 1)
			go func() { done <- s.rekey(append(s.reset(), pauseAt+"="+point, pauseIn+"="+wait)...) }()
			if err := await(wait); err != nil {
				t.Fatal(err)
			}
			s.killRecorder()
			s.startRecorder()
			if err := os.Remove(wait); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil { // the run stopped: it stays open, or is closed unchanged
				s.must("resume")
			}
			if _, ok := s.current(); !ok {
				s.must(s.reset()...)
			}
			s.checkPromise()
		})
	}
}

// The recorder's disk may lose its last writes: it comes back as it was before
// the change, after it said that it was changed.
func TestRecorderFallsBackToItsOldState(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"set", "changed", "verified", "hardened", "recorded"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			state := filepath.Join(s.box, "state.json")
			before, err := os.ReadFile(state)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.rekey(append(s.reset(), killAt+"="+point)...); !killed(err) {
				t.Fatalf("reset was not killed at %q: %v", point, err)
			}
			s.killRecorder()
			if err := os.WriteFile(state, before, 0o600); err != nil {
				t.Fatal(err)
			}
			s.startRecorder()
			if err := s.rekey("resume"); err != nil && exitOf(err) != 10 { // it notices; the next one takes the old password
				t.Fatal(err)
			}
			s.must("resume")
			s.checkPromise()
		})
	}
}

// Another administrator sets the password: the same promise.
func TestAnotherAdminKilledRekeyResumes(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"begun", "intended", "changing", "set", "proved", "changed", "verified"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.addAdmin("boss", "Second-and-boss-7")
			if err := s.rekey(append(s.byBoss(), killAt+"="+point)...); !killed(err) {
				t.Fatalf("reset was not killed at %q: %v", point, err)
			}
			s.must("resume")
			s.checkPromise()
		})
	}
}

// addAdmin makes a second administrator, as the recorder's own web page would.
func (s *stage) addAdmin(name, password string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(password), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.asAdmin("userManager.cgi", "action", "addUser", "user.Name", name, "user.Password", password, "user.Group", "admin",
		"user.Sharable", "true", "user.Reserved", "false", "user.Memo", "second")
}

// asAdmin has the recorder do something, by CGI over HTTPS with the old password.
func (s *stage) asAdmin(module string, pairs ...string) {
	s.t.Helper()
	client := http.Client{Transport: &digest.Transport{Username: "admin", Password: s.old.Reveal(), Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}}
	defer client.CloseIdleConnections()
	query := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	res, err := client.Get(s.listen.HTTPS + "/cgi-bin/" + module + "?" + query.Encode())
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || strings.TrimSpace(string(body)) != "OK" {
		s.t.Fatalf("%s: status %d, %q, %v", module, res.StatusCode, body, err)
	}
}

// byBoss are the arguments of the way another-admin.
func (s *stage) byBoss() []string {
	return []string{"reset", s.target, "--discovery-port", s.discovery, "--login", "boss", "--password-file", filepath.Join(s.dir, "boss"), "--old-password-file", s.passwordFile, "--yes"}
}

// stage is one recorder, as a process of its own, and one operator's folder.
type stage struct {
	t                 *testing.T
	dir, box, state   string
	old               rekey.Secret
	listen            appliance.Ready
	process           *exec.Cmd
	target, discovery string
	clips             int
	passwordFile      string
	desk              hpke.PrivateKey // of an enrolled stage
}

func newStage(t *testing.T, init ...string) *stage {
	t.Helper()
	dir := t.TempDir()
	s := &stage{t: t, dir: dir, box: filepath.Join(dir, "box"), state: filepath.Join(dir, "state"), old: rekey.NewSecret("Lost-and-found-7")}
	s.passwordFile = filepath.Join(dir, "old-password")
	if err := os.WriteFile(s.passwordFile, []byte(s.old.Reveal()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.must(append([]string{"recorder", "init", "--dir", s.box, "--admin-password-file", s.passwordFile, "--days", "1", "--channels", "2", "--clip-seconds", "1"}, init...)...)
	s.clips = countClips(t, s.box)
	s.startRecorder()
	t.Cleanup(s.killRecorder)
	return s
}

// countClips counts what the recorder has recorded, on its own disk.
func countClips(t *testing.T, box string) (n int) {
	t.Helper()
	err := filepath.WalkDir(box, func(path string, _ os.DirEntry, err error) error {
		if filepath.Ext(path) == ".mp4" {
			n++
		}
		return err
	})
	if err != nil || n == 0 {
		t.Fatalf("%d recordings in %s: %v", n, box, err)
	}
	return n
}

// startRecorder starts it at the ports that it had before, if it had any.
func (s *stage) startRecorder() {
	s.t.Helper()
	ready := filepath.Join(s.dir, "ready.json")
	if err := os.Remove(ready); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	args := []string{"recorder", "serve", "--dir", s.box, "--ready-file", ready}
	if s.listen.DeviceID != "" {
		args = append(args, "--http", hostOf(s.listen.HTTP), "--https", hostOf(s.listen.HTTPS), "--rtsp", hostOf(s.listen.RTSP), "--discovery", s.listen.Discovery)
	}
	s.process = exec.Command("rekey", args...)
	talk := &bytes.Buffer{}
	s.process.Stderr = talk
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	if err := await(ready); err != nil {
		s.killRecorder()
		s.t.Fatalf("%v\n%s", err, talk)
	}
	raw, err := os.ReadFile(ready)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &s.listen); err != nil {
		s.t.Fatal(err)
	}
	s.target, s.discovery = hostOf(s.listen.HTTP), portOf(s.listen.Discovery)
}

func (s *stage) killRecorder() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Kill()
	_ = s.process.Wait() // "killed" is what was wanted
	s.process = nil
}

// reset are the arguments of the known-password way.
func (s *stage) reset() []string {
	return []string{"reset", s.target, "--discovery-port", s.discovery, "--password-file", s.passwordFile, "--fix", "--yes"}
}

// rekey runs the program. Arguments NAME=VALUE in capitals go to its environment.
func (s *stage) rekey(args ...string) error {
	cmd := exec.Command("rekey")
	cmd.Env = append(os.Environ(), "REKEY_STATE="+s.state)
	for _, a := range args {
		if strings.HasPrefix(a, "REKEY_TEST_") {
			cmd.Env = append(cmd.Env, a)
			continue
		}
		if a == "resume" {
			cmd.Args = append(cmd.Args, a, "--discovery-port", s.discovery)
			continue
		}
		cmd.Args = append(cmd.Args, a)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal: nothing is asked
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("rekey %s: %w\n%s", strings.Join(cmd.Args[1:], " "), err, out)
	}
	return nil
}

func (s *stage) must(args ...string) {
	s.t.Helper()
	if err := s.rekey(args...); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) checkPromise() {
	s.t.Helper()
	ctx := context.Background()
	password, ok := s.current()
	if !ok {
		s.t.Fatal("the vault has no current password for the recorder")
	}
	driver := dahua.New(slog.New(slog.DiscardHandler))
	for _, i := range s.interfaces() {
		if err := driver.Check(ctx, i, rekey.Login{Account: "admin", Password: s.old}, freeTries{}); !errors.Is(err, rekey.ErrDenied) {
			s.t.Errorf("%s: the old password is not refused: %v", i.Kind, err)
		}
		if err := driver.Check(ctx, i, rekey.Login{Account: "admin", Password: password}, freeTries{}); err != nil {
			s.t.Errorf("%s: the vault's password is refused: %v", i.Kind, err)
		}
	}
	for _, dir := range []string{filepath.Join(s.state, "log"), filepath.Join(s.box, "log")} {
		key, err := seclog.ReadKey(os.DirFS(dir))
		if err == nil {
			_, err = seclog.Verify(ctx, os.DirFS(dir), key, nil)
		}
		if err != nil {
			s.t.Errorf("security log: %v", err)
		}
	}
	dir := filepath.Join(s.state, "footage", s.listen.DeviceID)
	if _, err := footage.Verify(ctx, dir); err != nil {
		s.t.Errorf("footage: %v", err)
	}
	if m, err := footage.ReadManifest(dir); err != nil || len(m.Files) != s.clips {
		s.t.Errorf("footage: %d recordings, want %d; %v", len(m.Files), s.clips, err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.state, "runs", "*", "sealed.json")); len(left) != 0 {
		s.t.Errorf("sealed secrets of closed runs are left: %v", left)
	}
}

// current is the vault's password that is in force, if there is one.
func (s *stage) current() (rekey.Secret, bool) {
	s.t.Helper()
	return s.vaulted(vault.Current)
}

// vaulted is the one password of the vault in that state.
func (s *stage) vaulted(state vault.State) (password rekey.Secret, ok bool) {
	s.t.Helper()
	ctx := context.Background()
	key, err := vault.KeyFile(filepath.Join(s.state, "vault.key"))
	if err != nil {
		s.t.Fatal(err)
	}
	v, err := vault.Open(filepath.Join(s.state, "vault"), key)
	if err != nil {
		s.t.Fatal(err)
	}
	all, err := v.List(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range all {
		if e.State != state {
			continue
		}
		if ok {
			s.t.Fatalf("two passwords in the vault are %s", state)
		}
		if password, err = v.Reveal(ctx, e.ID); err != nil {
			s.t.Fatal(err)
		}
		ok = true
	}
	return password, ok
}

// interfaces are all that the recorder offers, as it was started.
func (s *stage) interfaces() []rekey.Interface {
	s.t.Helper()
	var all []rekey.Interface
	for _, x := range []struct {
		url  string
		kind rekey.InterfaceKind
	}{
		{s.listen.HTTP, rekey.InterfaceRPC2}, {s.listen.HTTP, rekey.InterfaceCGI},
		{s.listen.HTTPS, rekey.InterfaceRPC2}, {s.listen.HTTPS, rekey.InterfaceCGI}, {s.listen.RTSP, rekey.InterfaceRTSP},
	} {
		if x.url == "off" {
			continue
		}
		t, err := rekey.ParseTarget(hostOf(x.url))
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, rekey.Interface{Kind: x.kind, Host: t.Host, Port: t.Port, TLS: strings.HasPrefix(x.url, "https:")})
	}
	return all
}

// freeTries is a budget without a limit, for looking at the recorder from outside.
type freeTries struct{}

func (freeTries) Spend(string) error         { return nil }
func (freeTries) Settle(string, error) error { return nil }

func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return address
}

func killed(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}
