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
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/icholy/digest"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/dahua"
	"rekey/internal/durable"
	"rekey/internal/footage"
	"rekey/internal/onvif"
	"rekey/internal/recorder"
	"rekey/internal/recorder/appliance"
	"rekey/internal/recorder/clips"
	"rekey/internal/vault"
	"rekey/seclog"
)

// A stage for the tests of the program: one recorder, as a process of its own
// that can be killed, and one operator.

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
	return []string{"reset", s.target, "--discovery-port", s.discovery, "--login", "boss", "--password-file", filepath.Join(s.dir, "boss"), "--old-password-file", s.passwordFile, "--yes", "--watch", "0"}
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

// newStage makes a recorder and switches it on. Its passwords are hashed cheaply:
// how hard that is, the package recorder tests.
func newStage(t *testing.T, with ...func(*recorder.Config)) *stage {
	t.Helper()
	dir := t.TempDir()
	s := &stage{t: t, dir: dir, box: filepath.Join(dir, "box"), state: filepath.Join(dir, "state"), old: rekey.NewSecret("Lost-and-found-7")}
	s.passwordFile = filepath.Join(dir, "old-password")
	if err := os.WriteFile(s.passwordFile, []byte(s.old.Reveal()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := recorder.Config{AdminPassword: s.old, Argon: cheap()}
	for _, w := range with {
		w(&c)
	}
	if _, err := appliance.Make(s.box, c, clips.Spec{Days: 1, Channels: 2, ClipSeconds: 1, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	s.clips = countClips(t, s.box)
	s.startRecorder()
	t.Cleanup(s.killRecorder)
	return s
}

func cheap() *argon.Cost {
	c := argon.Cheap()
	return &c
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
	at := appliance.Addresses{HTTP: hostOf(s.listen.HTTP), HTTPS: hostOf(s.listen.HTTPS), RTSP: hostOf(s.listen.RTSP), Discovery: s.listen.Discovery}
	if s.listen.DeviceID == "" {
		at = appliance.Addresses{HTTP: keptPort(s.t), HTTPS: keptPort(s.t), RTSP: keptPort(s.t)}
	}
	listen, err := json.Marshal(at)
	if err != nil {
		s.t.Fatal(err)
	}
	s.process = exec.Command(boxProgram, s.box, ready, string(listen))
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

// keptPort is a port of this machine that nobody is given by chance until the
// test ends, even while nobody listens there. Who names it may listen, as
// net.Listen shares what is bound and not listened at.
func keptPort(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	err = errors.Join(syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1),
		syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	if err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(at.(*syscall.SockaddrInet4).Port))
}

// boxProgram is the name by which the test binary is a recorder alone.
const boxProgram = "rekey-box"

// serveBox is 'rekey recorder serve' with passwords that are hashed cheaply:
// folder, ready file, addresses as JSON.
func serveBox(dir, ready, listen string) error {
	o := appliance.Options{Box: recorder.Options{Argon: cheap()}}
	if err := json.Unmarshal([]byte(listen), &o.Listen); err != nil {
		return err
	}
	r, err := appliance.Start(context.Background(), dir, o)
	for end := time.Now().Add(time.Minute); errors.Is(err, syscall.EADDRINUSE) && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond) // its old UDP port went to somebody who asks something, and will come free
		r, err = appliance.Start(context.Background(), dir, o)
	}
	if err != nil {
		return err
	}
	line, err := json.Marshal(r.Ready())
	if err != nil {
		return err
	}
	if err := durable.WriteFile(ready, line, 0o600); err != nil {
		return err
	}
	return r.Wait()
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
	return []string{"reset", s.target, "--discovery-port", s.discovery, "--password-file", s.passwordFile, "--fix", "--yes", "--watch", "0"}
}

// rekey runs the program. Arguments NAME=VALUE in capitals go to its environment.
// resume runs in the process of the test where nothing kills it and nobody is
// asked: a program that starts costs more than what it does.
func (s *stage) rekey(args ...string) error {
	asks := s.desk != nil && !slices.Contains(args, "--done") && !slices.Contains(args, "--abandon")
	if args[0] == "resume" && !asks && !slices.ContainsFunc(args, isForTests) {
		e := runHere(s.t.Context(), append(args, "--state", s.state, "--discovery-port", s.discovery)...)
		if e.code != 0 {
			return failed{e}
		}
		return nil
	}
	cmd := exec.Command("rekey")
	cmd.Env = append(os.Environ(), "REKEY_STATE="+s.state)
	for _, a := range args {
		if isForTests(a) {
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

func isForTests(arg string) bool { return strings.HasPrefix(arg, "REKEY_TEST_") }

// failed is how a program ended in the process of the test, not well.
type failed struct{ ended }

func (f failed) Error() string { return fmt.Sprintf("exit code %d\n%s%s", f.code, f.out, f.talk) }

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
	for _, i := range s.interfaces() {
		if err := check(ctx, i, rekey.Login{Account: "admin", Password: s.old}); !errors.Is(err, rekey.ErrDenied) {
			s.t.Errorf("%s: the old password is not refused: %v", i.Kind, err)
		}
		if err := check(ctx, i, rekey.Login{Account: "admin", Password: password}); err != nil {
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
		{s.listen.HTTP, rekey.InterfaceONVIF},
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

// check tries a login at one door, from outside and without a budget.
func check(ctx context.Context, i rekey.Interface, l rekey.Login) error {
	var d rekey.Driver = dahua.New(slog.New(slog.DiscardHandler))
	if i.Kind == rekey.InterfaceONVIF {
		d = onvif.New(slog.New(slog.DiscardHandler))
	}
	return d.Check(ctx, i, l, freeTries{})
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
