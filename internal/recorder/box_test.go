package recorder

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/durable"
	"rekey/recovery"
	"rekey/seclog"
)

const firstPassword = "first-Pass-1"

var (
	cheap = argon.Cheap()
	web   = Client{Via: rekey.InterfaceRPC2, Address: "192.0.2.9", Type: "Web3.0"}
)

func secret(s string) rekey.Secret { return rekey.NewSecret(s) }

// clock is a boot-time clock that the test turns.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Duration      { return time.Duration(c.at.Load()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// newBox makes a recorder whose admin has firstPassword and switches it on.
func newBox(t *testing.T) (*Box, *clock) {
	t.Helper()
	dir := t.TempDir()
	if _, err := Init(dir, Config{AdminPassword: secret(firstPassword), Argon: &cheap}); err != nil {
		t.Fatal(err)
	}
	c := &clock{}
	return boot(t, dir, c), c
}

func boot(t *testing.T, dir string, c *clock) *Box {
	t.Helper()
	b, err := open(dir, Options{Argon: &cheap, Clock: c.now}, durable.WriteFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// cutPower ends the box as a power cut does: nothing more is written.
func (b *Box) cutPower() { _ = b.journal.Close() }

func (b *Box) right(pw string) error {
	_, err := b.Prove(AdminAccount, web, func(ha1 string) bool { return ha1 == HA1(AdminAccount, b.Realm(), pw) })
	return err
}

func loginError(t *testing.T, err error) *rekey.LoginError {
	t.Helper()
	var e *rekey.LoginError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *rekey.LoginError", err)
	}
	return e
}

func events(t *testing.T, dir string) []seclog.Record {
	t.Helper()
	var all []seclog.Record
	for r, err := range seclog.Records(os.DirFS(filepath.Join(dir, logDir))) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func count(records []seclog.Record, event string) int {
	n := 0
	for _, r := range records {
		if r.Event == event {
			n++
		}
	}
	return n
}

func TestInitMakesARecorder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "box")
	info, err := Init(dir, Config{Argon: &cheap})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := recovery.ParseDeviceID(info.DeviceID); err != nil {
		t.Errorf("Device ID %q: %v", info.DeviceID, err)
	}
	if info.Serial == "" || strings.Contains(info.DeviceID, info.Serial) || info.Model != "N841" || info.Class != "NVR" {
		t.Errorf("identity is not whole: %+v", info)
	}
	b := boot(t, dir, &clock{})
	if b.Info() != info {
		t.Errorf("Init told %+v, the box says %+v", info, b.Info())
	}
	if b.Initialised() {
		t.Error("a recorder in factory state has an account")
	}
	if mac := b.Info().MAC; len(mac) != 17 || mac[1]&2 == 0 && !strings.ContainsAny(mac[1:2], "2367abef") {
		t.Errorf("MAC %s is not locally administered", mac)
	}
	if !strings.HasPrefix(b.Realm(), "Login to ") || len(b.Realm()) != len("Login to ")+32 {
		t.Errorf("realm %q", b.Realm())
	}
	if _, err := x509.ParseCertificate(b.Certificate().Certificate[0]); err != nil {
		t.Error(err)
	}
	if _, err := Init(dir, Config{Argon: &cheap}); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("second Init: got %v, want ErrConflict", err)
	}
}

func TestInitRefusesBadInput(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"model":         {Model: "../x"},
		"channels":      {Channels: 65},
		"weak password": {AdminPassword: secret("admin123")},
		"name":          {Name: "a\nb"},
	} {
		dir := filepath.Join(t.TempDir(), "box")
		if _, err := Init(dir, c); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%s: got %v, want ErrInput", name, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: a folder was made", name)
		}
	}
}

func TestInitAfterOneThatWasCutShort(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Init(dir, Config{AdminPassword: secret(firstPassword), Argon: &cheap}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, identityFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, rekey.ErrNotFound) {
		t.Errorf("half a recorder opened: %v", err)
	}
	if _, err := Init(dir, Config{Argon: &cheap}); err != nil {
		t.Fatal(err)
	}
	if boot(t, dir, &clock{}).Initialised() {
		t.Error("the account of the Init that was cut short is there")
	}
}

func TestInitWantsAFolderOfItsOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mine := filepath.Join(dir, "log", "diary.txt")
	if err := errors.Join(os.Mkdir(filepath.Dir(mine), 0o700), os.WriteFile(mine, []byte("dear"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := Init(dir, Config{Argon: &cheap}); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("got %v, want ErrConflict", err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
}

func TestOneBoxAtATime(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	if _, err := Open(b.Dir(), Options{}); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("second Open: got %v, want ErrConflict", err)
	}
}

func TestOpenRefusesAReadableStorageKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Init(dir, Config{Argon: &cheap}); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, storageKeyFile), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, rekey.ErrStorage) {
		t.Errorf("got %v, want ErrStorage", err)
	}
}

func TestFirstSetupOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Init(dir, Config{Argon: &cheap}); err != nil {
		t.Fatal(err)
	}
	b := boot(t, dir, &clock{})
	for _, guess := range []string{"", "admin", "admin123", firstPassword} {
		if _, err := b.Password(AdminAccount, secret(guess), web); !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("in factory state %q opens: %v", guess, err)
		}
	}
	if err := b.FirstSetup(AdminAccount, secret("admin123"), web); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("weak first password: %v", err)
	}
	if err := b.FirstSetup(AdminAccount, secret(firstPassword), web); err != nil {
		t.Fatal(err)
	}
	if err := b.FirstSetup("other", secret("Second-Pass-2"), web); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("second set-up: %v", err)
	}
	if err := b.right(firstPassword); err != nil {
		t.Error(err)
	}
}

// No secret may lie in the folder in the clear, whoever copies it; the storage
// key alone is there to be read, by its owner.
func TestFolderHoldsNoSecretInTheClear(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	const second = "second-Pass-2"
	if err := b.SetPassword(AdminAccount, AdminAccount, secret(firstPassword), secret(second), web); err != nil {
		t.Fatal(err)
	}
	_ = b.right("wrong-Guess-9")
	if _, err := b.NewChallenge(AdminAccount); err != nil {
		t.Fatal(err)
	}
	kdev, err := b.deviceKey()
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(b.cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	desk, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	e, err := b.Enrol(desk.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteEnrolment(EnrolmentFile(b.Dir()), e); err != nil {
		t.Fatal(err)
	}
	var secrets [][]byte
	for _, s := range []string{firstPassword, second, "wrong-Guess-9", HA1(AdminAccount, b.Realm(), second), HA1(AdminAccount, b.Realm(), firstPassword)} {
		secrets = append(secrets, []byte(s), []byte(strings.ToUpper(s)))
	}
	for _, raw := range [][]byte{kdev, pkcs8[len(pkcs8)-64:]} {
		secrets = append(secrets, raw, []byte(hex.EncodeToString(raw)), []byte(base64.StdEncoding.EncodeToString(raw)), []byte(base64.RawStdEncoding.EncodeToString(raw)))
	}
	files := 0
	err = filepath.WalkDir(b.Dir(), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(name)
		for i, s := range secrets {
			if bytes.Contains(data, s) {
				t.Errorf("%s holds secret number %d", filepath.Base(name), i)
			}
		}
		if fi, e := d.Info(); e == nil && fi.Mode().Perm()&0o077 != 0 && filepath.Base(name) != enrolmentFile && !strings.Contains(name, "/log/") {
			t.Errorf("%s has mode %v", filepath.Base(name), fi.Mode().Perm())
		}
		return err
	})
	if err != nil || files < 10 {
		t.Fatalf("%d files read: %v", files, err)
	}
}

func TestEnrolmentOpensAtTheDesk(t *testing.T) {
	t.Parallel()
	desk, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := Init(dir, Config{Argon: &cheap, DeskKey: desk.PublicKey()}); err != nil {
		t.Fatal(err)
	}
	b := boot(t, dir, &clock{})
	data, err := os.ReadFile(EnrolmentFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	e, err := recovery.ParseEnrolment(data)
	if err != nil {
		t.Fatal(err)
	}
	kdev, err := e.Open(desk)
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := b.deviceKey(); !bytes.Equal(kdev, want) || e.DeviceID != b.DeviceID() || e.Serial != b.Info().Serial {
		t.Error("the enrolment is of another recorder")
	}
	if count(events(t, dir), "provision") != 1 {
		t.Error("the enrolment is not on record")
	}
}

func TestLogVerifies(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	_ = b.right("wrong-Guess-9")
	if err := b.right(firstPassword); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := seclog.Verify(t.Context(), os.DirFS(filepath.Join(b.Dir(), logDir)), b.journal.Key(), nil); err != nil {
		t.Error(err)
	}
	all := events(t, b.Dir())
	for event, want := range map[string]int{"recorder.made": 1, "setup.done": 1, "boot": 1, "login": 1, "login.refused": 1, "shutdown": 1} {
		if got := count(all, event); got != want {
			t.Errorf("%d records of %s, want %d", got, event, want)
		}
	}
}

// A source of randomness may give less than it is asked for; keys are whole all
// the same.
func TestKeysAreDrawnWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Init(dir, Config{Argon: &cheap, Rand: iotest.OneByteReader(rand.Reader)}); err != nil {
		t.Fatal(err)
	}
	storage, err := readStorageKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	kdev, err := boot(t, dir, &clock{}).deviceKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string][]byte{"storage key": storage, "K_dev": kdev} {
		if bytes.HasSuffix(key, make([]byte, 16)) {
			t.Errorf("the %s ends in zeros", name)
		}
	}
}
