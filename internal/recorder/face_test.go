package recorder

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
)

// faceBox makes a recorder of this face and switches it on.
func faceBox(t *testing.T, c Config) *Box {
	t.Helper()
	dir := t.TempDir()
	c.Argon = &cheap
	if _, err := Init(dir, c); err != nil {
		t.Fatal(err)
	}
	return boot(t, dir, &clock{})
}

// reboot switches it off and on again.
func (b *Box) reboot(t *testing.T) *Box {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return boot(t, b.dir, &clock{})
}

func TestFacesAreComplete(t *testing.T) {
	t.Parallel()
	if got := Faces(); !slices.Equal(got, []Face{"baseline-2", "basic-2014", "broken-digest", "d861", "lnr400", "n841", "new-screen"}) {
		t.Fatalf("%v", got)
	}
	for _, f := range Faces() {
		tr, err := f.traits()
		if err != nil {
			t.Fatal(err)
		}
		if !modelName.MatchString(tr.Model) || tr.Vendor == "" || tr.Firmware == "" || tr.Rule.Max == 0 || !tr.Lock.Enabled || tr.Lock.Tries == 0 || tr.SDKPort == 0 || tr.MaxConnections == 0 {
			t.Errorf("%s: %+v", f, tr)
		}
		if _, err := time.Parse(time.DateOnly, tr.BuildDate); err != nil {
			t.Errorf("%s: %v", f, err)
		}
		if tr.CGI.Passwords == PasswordsByHTTPS && !tr.HTTPS {
			t.Errorf("%s takes passwords by a door that it has not", f)
		}
	}
}

func TestFaceIsForLife(t *testing.T) {
	t.Parallel()
	for face, want := range map[Face]struct {
		model, good, bad string
		tries            int
		seconds          string
	}{
		"":               {"N841", "first-Pass-1", "abc123", 5, "1800"},
		FaceLNR400:       {"LNR400", "abc123", "first-Pass-1", 3, "1800"},
		FaceD861:         {"D861A8B", "first-Pass-1", "abc123", 10, "1800"},
		FaceBaseline2:    {"DHI-NVR5232-EI", "first-Pass-1", "abc123", 5, "1800"},
		FaceBrokenDigest: {"N842", "first-Pass-1", "abc123", 5, "1800"},
		FaceBasic2014:    {"LHV2008", "abc123", "abc1234", 5, "1800"},
	} {
		t.Run(string(face), func(t *testing.T) {
			t.Parallel()
			var e *PolicyError
			if err := CheckInit(t.TempDir(), Config{Face: face, AdminPassword: secret(want.bad)}); !errors.As(err, &e) || e.Rule != "length" {
				t.Errorf("%q: %v", want.bad, err)
			}
			b := faceBox(t, Config{Face: face, AdminPassword: secret(want.good)})
			if err := b.CheckPassword("x", secret(want.bad)); !errors.As(err, &e) {
				t.Errorf("CheckPassword: %v", err)
			}
			if err := b.pressTwice(); err != nil {
				t.Fatal(err)
			}
			b = b.reboot(t)
			if i := b.Info(); i.Model != want.model || b.LockPolicy().Tries != want.tries || b.state().Tables["General"]["LoginFailLockTime"] != want.seconds {
				t.Errorf("%+v, lock %+v", i, b.LockPolicy())
			}
			if face != "" && b.Face() != face || face == "" && b.Face() != FaceN841 {
				t.Errorf("face %s", b.Face())
			}
			if err := b.FirstSetup(AdminAccount, secret(want.bad), AtSeat()); !errors.As(err, &e) {
				t.Errorf("set up with %q: %v", want.bad, err)
			}
			if err := b.FirstSetup(AdminAccount, secret(want.good), AtSeat()); err != nil {
				t.Error(err)
			}
			if n := len(b.Accounts()); n != 1+len(b.Traits().Preset) {
				t.Errorf("%d accounts", n)
			}
		})
	}
}

func TestUnknownFaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := Init(dir, Config{Face: "n999"})
	if !errors.Is(err, rekey.ErrInput) || !strings.Contains(err.Error(), "baseline-2, basic-2014, broken-digest, d861, lnr400, n841") {
		t.Errorf("%v", err)
	}
	if _, err := Init(dir, Config{Face: FaceLNR400, Model: "D841"}); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("another model's name: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Error("bad input left something")
	}
	if i, err := Init(dir, Config{Face: FaceN841, Model: "D841", Argon: &cheap}); err != nil || i.Model != "D841" || i.Class != "DVR" {
		t.Errorf("%+v %v", i, err)
	}
	rewrite(t, filepath.Join(dir, identityFile), func(m map[string]any) { m["face"] = "n999" })
	if _, err := Open(dir, Options{}); !errors.Is(err, rekey.ErrStorage) {
		t.Errorf("an identity with a face of later: %v", err)
	}
	rewrite(t, filepath.Join(dir, identityFile), func(m map[string]any) { delete(m, "face") })
	if b := boot(t, dir, &clock{}); b.Face() != FaceN841 {
		t.Errorf("an identity without a face is %s", b.Face())
	}
}

// rewrite changes a file of JSON.
func rewrite(t *testing.T, name string, change func(map[string]any)) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	if data, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPresetAccount(t *testing.T) {
	t.Parallel()
	b := faceBox(t, Config{Face: FaceLNR400, AdminPassword: secret("abc123")})
	if all := b.Accounts(); len(all) != 2 || all[1].Name != "default" || !all[1].Reserved || all[1].Group != GroupUser {
		t.Errorf("%+v", all)
	}
	if err := b.DeleteAccount(AdminAccount, "default", web); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("deleted: %v", err)
	}
	for _, pw := range []string{"", "default", "000000", "abc123"} {
		if _, err := b.Password("default", secret(pw), web); err == nil {
			t.Errorf("%q lets in", pw)
		}
	}
}

var onvifClient = Client{Via: rekey.InterfaceONVIF, Address: "192.0.2.9", Type: "ONVIF"}

func TestOwnONVIFListIsDurable(t *testing.T) {
	t.Parallel()
	b := faceBox(t, Config{Face: FaceBaseline2, AdminPassword: secret(firstPassword)})
	const next, third = "next-Pass-2", "third-Pass-3"
	if err := b.SetPassword(AdminAccount, AdminAccount, secret(firstPassword), secret(next), web); err != nil {
		t.Fatal(err)
	}
	if err := b.ChangeONVIFPassword(AdminAccount, AdminAccount, secret(next), secret(third), web); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("with the recorder's password as the old one: %v", err)
	}
	if err := b.ChangeONVIFPassword(AdminAccount, "nobody", secret(firstPassword), secret(third), web); !errors.Is(err, rekey.ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
	if err := b.ChangeONVIFPassword("nobody", AdminAccount, secret(firstPassword), secret(third), web); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("by nobody: %v", err)
	}
	if err := b.ChangeONVIFPassword(AdminAccount, AdminAccount, secret(firstPassword), secret(third), web); err != nil {
		t.Fatal(err)
	}
	b = b.reboot(t)
	is := func(pw string) func(string) bool { return func(have string) bool { return have == pw } }
	if _, err := b.ProvePassword(AdminAccount, onvifClient, is(third)); err != nil {
		t.Errorf("ONVIF after a reboot: %v", err)
	}
	if _, err := b.ProvePassword(AdminAccount, web, is(next)); err != nil {
		t.Errorf("RPC2 after a reboot: %v", err)
	}
	var e *rekey.LoginError
	if _, err := b.ProvePassword(AdminAccount, onvifClient, is(next)); !errors.As(err, &e) || e.TriesLeft != 4 {
		t.Errorf("ONVIF with the recorder's: %v", err)
	}
	if _, err := b.ProvePassword(AdminAccount, web, is(third)); !errors.As(err, &e) || e.TriesLeft != 3 {
		t.Errorf("one counter: %v", err)
	}
	if err := b.ResetONVIFPassword("nobody", AdminAccount, secret("fourth-Pass-4"), onvifClient); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("by nobody: %v", err)
	}
	if err := b.ResetONVIFPassword(AdminAccount, AdminAccount, secret("fourth-Pass-4"), onvifClient); err != nil {
		t.Error(err)
	}
	if err := b.pressTwice(); err != nil || len(b.ONVIFAccounts()) != 0 {
		t.Errorf("after the button: %v, %v", b.ONVIFAccounts(), err)
	}
}

func TestSharedONVIFListIsTheRecorders(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	if err := b.ChangeONVIFPassword(AdminAccount, AdminAccount, secret(firstPassword), secret("next-Pass-2"), web); !errors.Is(err, rekey.ErrUnsupported) {
		t.Errorf("no list of its own: %v", err)
	}
	if err := b.ResetONVIFPassword(AdminAccount, AdminAccount, secret("next-Pass-2"), onvifClient); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Password(AdminAccount, secret("next-Pass-2"), web); err != nil {
		t.Errorf("the recorder's own password: %v", err)
	}
	if len(b.state().ONVIF) != 0 {
		t.Error("there is a second list")
	}
}

// A box of an earlier rekey keeps no password: digests go on, what needs the
// password itself is refused until it is set again.
func TestAccountOfAnEarlierRekey(t *testing.T) {
	t.Parallel()
	b, _ := newBox(t)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	rewrite(t, filepath.Join(b.dir, stateFile), func(m map[string]any) {
		accounts, _ := m["accounts"].(map[string]any)
		admin, _ := accounts["admin"].(map[string]any)
		delete(admin, "sealed")
	})
	b = boot(t, b.dir, &clock{})
	ha1 := HA1(AdminAccount, b.Realm(), firstPassword)
	if _, err := b.Prove(AdminAccount, web, func(have string) bool { return have == ha1 }); err != nil {
		t.Errorf("digest: %v", err)
	}
	if _, err := b.ProvePassword(AdminAccount, web, func(string) bool { return true }); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("password: %v", err)
	}
}

func TestCamerasKeepTheirOwnPasswords(t *testing.T) {
	t.Parallel()
	b := faceBox(t, Config{AdminPassword: secret(firstPassword), Cameras: []Camera{
		{Address: "192.0.2.101"}, {Address: "192.0.2.102", Account: "viewer", Password: secret("camera-Pass-1")},
	}})
	online := func() []bool {
		var all []bool
		for _, c := range b.Cameras() {
			all = append(all, c.Online)
		}
		return all
	}
	expect := func(when string, want ...bool) {
		t.Helper()
		if got := online(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	expect("at first", true, true)
	if err := b.SetPassword(AdminAccount, AdminAccount, secret(firstPassword), secret("next-Pass-2"), web); err != nil {
		t.Fatal(err)
	}
	expect("after the change", false, true)
	const key = "uuid:System_CONFIG_NETCAMERA_INFO_"
	set := func(changed map[string]string) error { return b.SetTable(AdminAccount, "RemoteDevice", changed, web) }
	if err := set(map[string]string{key + "1.UserName": "other", key + "7.Password": "x", key + "x.Password": "x", "nothing": "y", key + "0.Port": "1"}); err != nil {
		t.Error(err)
	}
	expect("with another account", false, false)
	if err := set(map[string]string{key + "1.UserName": "viewer", key + "0.Password": firstPassword}); err != nil {
		t.Error(err)
	}
	b = b.reboot(t)
	expect("when set, and rebooted", true, true)
	if err := b.SetTable("nobody", "RemoteDevice", map[string]string{key + "0.Password": "x"}, web); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("by nobody: %v", err)
	}
	if err := set(map[string]string{key + "0.Password": "line\nbreak"}); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("unprintable: %v", err)
	}
	table, ok := b.Table("RemoteDevice")
	if !ok || !slices.Contains(b.TableNames(), "RemoteDevice") || table[key+"0.Password"] != "******" || table[key+"1.UserName"] != "viewer" {
		t.Errorf("%v", table)
	}
	if err := b.pressTwice(); err != nil {
		t.Fatal(err)
	}
	if err := b.FirstSetup(AdminAccount, secret("third-Pass-3"), AtSeat()); err != nil {
		t.Fatal(err)
	}
	expect("the button does not reset cameras", false, false)
	data, err := os.ReadFile(filepath.Join(b.dir, stateFile))
	if err != nil || strings.Contains(string(data), "camera-Pass-1") || strings.Contains(string(data), firstPassword) {
		t.Error("a password stands readable in the state")
	}
}

func TestCamerasWaitForTheFirstSetUp(t *testing.T) {
	t.Parallel()
	b := faceBox(t, Config{Cameras: []Camera{{Address: "192.0.2.101"}}})
	if b.Cameras()[0].Online {
		t.Error("online in factory state")
	}
	if err := b.FirstSetup(AdminAccount, secret(firstPassword), AtSeat()); err != nil || !b.Cameras()[0].Online {
		t.Errorf("after the set-up: %+v, %v", b.Cameras(), err)
	}
	for name, bad := range map[string]Config{
		"too many":    {Channels: 1, Cameras: []Camera{{Address: "a"}, {Address: "b"}}},
		"no address":  {Cameras: []Camera{{}}},
		"unprintable": {Cameras: []Camera{{Address: "a", Password: secret("x\ny")}}},
	} {
		if err := CheckInit(t.TempDir(), bad); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
