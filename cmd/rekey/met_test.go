package main

import (
	"net/netip"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/appliance"
	"rekey/internal/recorder/clips"
	"rekey/internal/rekeytest/faces"
)

// met is a recorder of any face as its owner has it before them, with an
// operator who meets it for the first time. It runs in the process of the test.
type met struct {
	*stage
	second     rekey.Secret                                     // of the administrator second
	alone      bool                                             // one administrator cannot set another's password: that is done by CGI alone
	deaf       rekey.InterfaceKind                              // a door that refuses every password
	risks      []string                                         // what the face wants accepted
	opens      func(account string, password rekey.Secret) bool // the recorder's own word
	sets       func(password rekey.Secret)                      // of admin, at its own screen
	press      func(first func() rekey.Secret)                  // its button, then the first set-up; nil: it has none
	locksAfter func(tries int)                                  // sets a reference recorder's lock
	off        func()                                           // switches a box off
}

// meet is everybody whom the program must get into.
var meet = map[string]func(*testing.T) *met{
	"n841":           func(t *testing.T) *met { return meetFace(t, recorder.FaceN841) },
	"lnr400":         func(t *testing.T) *met { return meetFace(t, recorder.FaceLNR400) },
	"d861":           func(t *testing.T) *met { return meetFace(t, recorder.FaceD861) },
	"baseline-2":     func(t *testing.T) *met { return meetFace(t, recorder.FaceBaseline2) },
	"broken-digest":  func(t *testing.T) *met { return meetFace(t, recorder.FaceBrokenDigest) },
	"basic-2014":     func(t *testing.T) *met { return meetFace(t, recorder.FaceBasic2014) },
	"hikvision":      func(t *testing.T) *met { return meetHikvision(t, &faces.HikvisionBox{Tells: true}) },
	"hikvision, old": func(t *testing.T) *met { return meetHikvision(t, &faces.HikvisionBox{Plain: true, Optional: true}) },
	"onvif by token": func(t *testing.T) *met {
		return meetONVIF(t, &faces.ONVIFBox{Login: faces.ByToken, Ahead: 7 * time.Hour})
	},
	"onvif by digest": func(t *testing.T) *met { return meetONVIF(t, &faces.ONVIFBox{Login: faces.ByDigest}) },
}

// firstMet is the operator's side of it.
func firstMet(t *testing.T, old, second string) *met {
	t.Helper()
	dir := t.TempDir()
	m := &met{stage: &stage{t: t, dir: dir, state: filepath.Join(dir, "state"), old: rekey.NewSecret(old), discovery: "9"}, second: rekey.NewSecret(second)}
	m.passwordFile = m.secret("old", old)
	m.secret("second", second)
	return m
}

// meetFace meets the reference recorder.
func meetFace(t *testing.T, face recorder.Face) *met {
	t.Helper()
	old, second := "Lost-and-found-7", "Second-and-boss-7"
	if face == recorder.FaceLNR400 || face == recorder.FaceBasic2014 { // six characters
		old, second = "Lost-7", "Boss-7"
	}
	m := firstMet(t, old, second)
	m.box = filepath.Join(m.dir, "box")
	// Its camera has the password of its admin, as those on PoE ports have.
	config := recorder.Config{Face: face, AdminPassword: m.old, Argon: cheap(), Cameras: []recorder.Camera{{Address: "192.0.2.101"}}}
	if _, err := appliance.Make(m.box, config, clips.Spec{Channels: 1, Days: 1, ClipSeconds: 1, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	on, err := appliance.Start(t.Context(), m.box, appliance.Options{Box: recorder.Options{Argon: cheap()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := on.Close(); err != nil {
			t.Error(err)
		}
	})
	m.listen = on.Ready()
	m.target, m.discovery = hostOf(m.listen.HTTP), portOf(m.listen.Discovery)
	box, seat := on.Box(), recorder.Client{Via: rekey.InterfaceSeat, Address: "local", Type: "GUI"}
	if err := box.AddAccount("admin", rekey.Account{Name: "second", Group: "admin"}, m.second, seat); err != nil {
		t.Fatal(err)
	}
	switch face {
	case recorder.FaceBasic2014:
		m.risks = []string{"--accept-risk", "basic-login", "--accept-risk", "clear-password"}
	case recorder.FaceLNR400, recorder.FaceD861: // no HTTPS, and one administrator sets another's only in the clear
		m.risks = []string{"--accept-risk", "clear-password"}
	case recorder.FaceBrokenDigest:
		m.deaf, m.alone = rekey.InterfaceCGI, true
	case recorder.FaceBaseline2:
		m.alone = true
	}
	m.opens = func(account string, password rekey.Secret) bool {
		_, err := box.Password(account, password, seat)
		return err == nil
	}
	m.locksAfter = func(tries int) {
		t.Helper()
		if err := box.SetLockPolicy("admin", rekey.LockPolicy{Enabled: true, Tries: tries, LockFor: 30 * time.Minute}, seat); err != nil {
			t.Fatal(err)
		}
	}
	m.sets = func(password rekey.Secret) {
		t.Helper()
		if err := box.ResetPassword("second", "admin", password, seat); err != nil {
			t.Fatal(err)
		}
	}
	m.press = func(first func() rekey.Secret) {
		t.Helper()
		for _, held := range []time.Duration{12 * time.Second, time.Second} {
			if _, err := box.Press(held); err != nil {
				t.Fatal(err)
			}
		}
		if err := box.FirstSetup("admin", first(), recorder.AtSeat()); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func twoAdmins() *faces.Keys {
	return faces.NewKeys(5, faces.Account{Name: "admin", Password: "Lost-and-7", Level: "Administrator"},
		faces.Account{Name: "second", Password: "Second-and-7", Level: "Administrator"})
}

// meetBox meets a box that somebody wrote who had not read the drivers.
func meetBox(t *testing.T, f faces.Face, keys *faces.Keys, at faces.Ports) *met {
	t.Helper()
	on, err := faces.Start(netip.MustParseAddr("127.0.0.1"), at, f)
	if err != nil {
		t.Fatal(err)
	}
	off := sync.OnceFunc(on.Close)
	t.Cleanup(off)
	t.Cleanup(func() {
		for _, f := range keys.Faults() {
			t.Errorf("the client's fault: %s", f)
		}
	})
	m := firstMet(t, "Lost-and-7", "Second-and-7")
	m.off = off
	m.target = "http://127.0.0.1:" + strconv.Itoa(on.Ports.HTTP)
	if on.Ports.HTTPS != 0 {
		m.target = "https://127.0.0.1:" + strconv.Itoa(on.Ports.HTTPS)
	}
	m.opens = func(account string, password rekey.Secret) bool { return keys.Is(account, password.Reveal()) }
	m.sets = func(password rekey.Secret) { keys.Set("admin", password.Reveal()) }
	return m
}

func meetHikvision(t *testing.T, h *faces.HikvisionBox) *met {
	t.Helper()
	h.Keys, h.Footage = twoAdmins(), someFootage(t)
	return meetBox(t, h.Face(), h.Keys, faces.Ports{})
}

func meetONVIF(t *testing.T, o *faces.ONVIFBox) *met {
	t.Helper()
	o.Keys = twoAdmins()
	m := meetBox(t, o.Face(), o.Keys, faces.Ports{})
	m.risks = []string{"--no-footage", "--accept-risk", "skip-footage"} // ONVIF has no settings to save
	return m
}

func someFootage(t *testing.T) *clips.Store {
	t.Helper()
	dir, key := filepath.Join(t.TempDir(), "footage"), clips.Key(make([]byte, clips.KeySize))
	if err := clips.Make(dir, clips.Spec{Channels: 2, Days: 1, ClipSeconds: 1, Now: time.Now()}, key); err != nil {
		t.Fatal(err)
	}
	s, err := clips.Open(dir, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
