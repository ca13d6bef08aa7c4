package rekeytest

import (
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/icholy/digest"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/dahua"
	"rekey/internal/onvif"
	"rekey/internal/recorder"
	"rekey/internal/recorder/appliance"
	"rekey/internal/recorder/clips"
	"rekey/internal/recorder/lan"
)

// molds are the folders of reference recorders, made once for each face. The
// recorders of the tests are copies.
var molds struct {
	dir   string
	mu    sync.Mutex
	faces map[recorder.Face]bool
}

const refDays = 2

// envelopeKey is the key of all recorders here: to make one at each of their hundreds
// of boots was a fifth of the work of these tests.
var envelopeKey = sync.OnceValues(lan.NewEnvelopeKey)

var cheap = &argon.Cost{Passes: 1, KiB: 64, Threads: 1}

// accountsOf are the two administrators of a face, and a password that its rule
// allows and that is hard on the wire.
func accountsOf(face recorder.Face) (admin, second rekey.Login, next string) {
	passwords := [3]string{"Old-Pass1", "Second-Pass2", goodPassword}
	if face == recorder.FaceLNR400 || face == recorder.FaceBasic2014 {
		passwords = [3]string{"Old-P1", "Sec-P2", "N%+=/1"}
	}
	return rekey.Login{Account: "admin", Password: rekey.NewSecret(passwords[0])}, rekey.Login{Account: "second", Password: rekey.NewSecret(passwords[1])}, passwords[2]
}

// mold makes the recorder of that face where it is not made yet.
func mold(t *testing.T, face recorder.Face) string {
	t.Helper()
	molds.mu.Lock()
	defer molds.mu.Unlock()
	dir := filepath.Join(molds.dir, string(face))
	if molds.faces[face] {
		return dir
	}
	admin, second, _ := accountsOf(face)
	c := recorder.Config{
		Face: face, AdminPassword: admin.Password, Channels: 2, Argon: cheap,
		Cameras: []recorder.Camera{{Address: "192.0.2.101"}, {Address: "192.0.2.102", Password: rekey.NewSecret("Cam-Pass1")}},
	}
	if _, err := appliance.Make(dir, c, clips.Spec{Channels: 2, Days: refDays, ClipSeconds: 2, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	b, err := recorder.Open(dir, recorder.Options{Argon: cheap})
	if err != nil {
		t.Fatal(err)
	}
	seat := recorder.AtSeat()
	if err := b.AddAccount("admin", rekey.Account{Name: second.Account, Group: "admin"}, second.Password, seat); err != nil {
		t.Fatal(err)
	}
	if b.Traits().ONVIF == recorder.ONVIFOwn {
		if err := b.AddONVIFAccount("admin", rekey.Account{Name: second.Account, Group: "admin"}, second.Password, seat); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if molds.faces == nil {
		molds.faces = map[recorder.Face]bool{}
	}
	molds.faces[face] = true
	return dir
}

// referenceBox is a reference recorder that is switched on.
type referenceBox struct {
	*appliance.Running
	face recorder.Face
	dir  string
	line *Broken // that the suite goes by, where there is one

	trouble lan.Trouble
}

// reference switches a reference recorder of that face on, until the test ends.
func reference(t *testing.T, face recorder.Face) *referenceBox {
	t.Helper()
	r := &referenceBox{face: face, dir: t.TempDir()}
	copyOf(t, r.dir, mold(t, face))
	r.on(t)
	t.Cleanup(func() { r.off(t) })
	return r
}

// copyOf copies a recorder as it is at this moment, modes and all. Its footage, which
// nobody writes, is linked.
func copyOf(t *testing.T, to, from string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at, info := filepath.Join(to, strings.TrimPrefix(path, from)), fs.FileInfo(nil)
		if info, err = e.Info(); err != nil {
			return err
		}
		switch {
		case e.IsDir():
			return os.MkdirAll(at, info.Mode())
		case !info.Mode().IsRegular(): // the socket of one that is on
			return nil
		case strings.HasPrefix(path, recorder.FootageDir(from)):
			return os.Link(path, at)
		}
		data, err := os.ReadFile(path) // #nosec G304,G122 -- of a test
		if err == nil {
			err = os.WriteFile(at, data, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (r *referenceBox) on(t *testing.T) {
	t.Helper()
	key, err := envelopeKey()
	if err != nil {
		t.Fatal(err)
	}
	running, err := appliance.Start(t.Context(), r.dir, appliance.Options{Log: quiet(), Box: recorder.Options{Argon: cheap}, Trouble: &r.trouble, EnvelopeKey: key})
	if err != nil {
		t.Fatal(err)
	}
	r.Running = running
}

func (r *referenceBox) off(t *testing.T) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Errorf("switch off: %v", err)
	}
}

// box is what every suite needs to know of it.
func (r *referenceBox) box(t *testing.T) Box {
	t.Helper()
	var b Box
	b.Admin, b.Second, b.Password = accountsOf(r.face)
	now := time.Now()
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	b.Tries, b.Channels, b.Clips, b.From, b.To = r.Box().LockPolicy().Tries, 2, 2*refDays*3, today.AddDate(0, 0, -9), today.AddDate(0, 0, 2)
	b.HTTP = target(t, r.Ready().HTTP)
	if r.Ready().HTTPS != "" {
		b.HTTPS = target(t, r.Ready().HTTPS)
	}
	b.Longest = "Aa1" + strings.Repeat("x", r.Box().Policy().Max-3)
	return b
}

const camerasUntold = "the cameras are told and their login is set; how they are is not told"

// dahuaBox is it as the suite of the family needs to know it.
func (r *referenceBox) dahuaBox(t *testing.T) Box {
	b, traits := r.box(t), r.Box().Traits()
	line := NewBroken(t, r.Ready().HTTP)
	b.HTTP, b.Asked = target(t, line.URL), line.Asked
	b.Changes = func() int { return passwordCalls(line.Asked()) }
	b.Switch = "upnp"
	b.Upgrade, b.BreakDisk = func() { r.trouble.Set(lan.Upgrading) }, func() { r.trouble.Set(lan.DiskError) }
	b.Camera = Camera{Channel: 1, Login: b.Admin}
	b.Knock = func(t *testing.T, from netip.Addr, l rekey.Login) {
		knock(t, r.Ready().HTTP, from, l, traits.CGI.Basic)
	}
	b.Remarks = map[string]string{}
	b.Lacks = map[string]string{"password rule": "the fields of userManager.getCaps are not known"}
	b.Untried = map[rekey.InterfaceKind]string{rekey.InterfaceONVIF: "the driver of ONVIF tries it", rekey.InterfaceSDK: "nothing is known of its protocol"}
	if traits.CGI.Broken {
		b.Refusing = map[rekey.InterfaceKind]string{rekey.InterfaceCGI: "its digest is broken"}
		b.Remarks["set password"] = "CGI is left out, which refuses the right password"
	}
	if !traits.RPC2.Envelope {
		b.Lacks["recovery description"] = "firmware of its days has no PasswdFind"
	}
	b.Recovery = rekey.Recovery{Enabled: true} // and no contact is left
	if b.Camera.Untold = !traits.RPC2.CameraState; b.Camera.Untold {
		b.Remarks["channels"] = camerasUntold
	}
	if r.face == recorder.FaceBaseline2 {
		b.Lacks["reset password"] = "CGI takes no passwords, and the call of RPC2 by which an administrator sets another's is not known"
	}
	if traits.CGI.Broken {
		b.Lacks["reset password"] = "another's password is set by CGI alone, whose digest is broken; one try is spent to see it"
	}
	b.Lacks["own accounts"] = "ONVIF logs in the recorder's own accounts"
	if traits.ONVIF == recorder.ONVIFOwn {
		delete(b.Lacks, "own accounts")
		b.OwnList = rekey.InterfaceONVIF
		b.TryOwn = func(l rekey.Login) error {
			at := target(t, r.Ready().HTTPS)
			return onvif.New(quiet()).Check(t.Context(), rekey.Interface{Kind: rekey.InterfaceONVIF, Host: at.Host, Port: at.Port, TLS: true}, l, &Book{})
		}
	}
	return b
}

// passwordCalls are those that would set a password.
func passwordCalls(asked []string) (n int) {
	for _, a := range asked {
		if strings.Contains(strings.ToLower(a), "modifypassword") || strings.Contains(a, "modifyPwd") || strings.Contains(a, "/userManager.cgi") {
			n++
		}
	}
	return n
}

// knock tries a login at CGI once, from another address of this machine.
func knock(t *testing.T, base string, from netip.Addr, l rekey.Login, basic bool) {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	line := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(base, "/")+"/cgi-bin/magicBox.cgi?action=getSystemInfo", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	var by http.RoundTripper = line
	if basic {
		q.SetBasicAuth(l.Account, l.Password.Reveal())
	} else {
		by = &digest.Transport{Username: l.Account, Password: l.Password.Reveal(), Transport: line}
	}
	res, err := by.RoundTrip(q)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized && res.StatusCode != http.StatusForbidden {
		t.Fatalf("a wrong password: HTTP %d", res.StatusCode)
	}
}

// dahuaOn is the family's driver with the risks that a face asks for.
func dahuaOn(face recorder.Face) rekey.Driver {
	switch face {
	case recorder.FaceLNR400, recorder.FaceD861: // where another's password is set by CGI alone
		return dahua.New(quiet(), dahua.AcceptClearPassword())
	case recorder.FaceBasic2014:
		return dahua.New(quiet(), dahua.AcceptClearPassword(), dahua.AcceptBasic())
	}
	return dahua.New(quiet())
}

func TestDahuaOnTheReferenceRecorder(t *testing.T) {
	t.Parallel()
	for _, face := range recorder.Faces() {
		t.Run(string(face), func(t *testing.T) {
			t.Parallel()
			RunDriver(t, matrix, string(face), dahuaOn(face), func(t *testing.T) Box { return reference(t, face).dahuaBox(t) })
		})
	}
}

// ONVIF on the faces that speak it. That of baseline 2 has accounts of its own.
func TestONVIFOnTheReferenceRecorder(t *testing.T) {
	t.Parallel()
	for face, d := range map[recorder.Face]rekey.Driver{
		recorder.FaceN841: onvif.New(quiet()), recorder.FaceBaseline2: onvif.New(quiet()), recorder.FaceBrokenDigest: onvif.New(quiet()),
		recorder.FaceD861: onvif.New(quiet(), onvif.AcceptClearPassword()),
	} {
		t.Run(string(face), func(t *testing.T) {
			t.Parallel()
			RunDriver(t, matrix, string(face), d, func(t *testing.T) Box { return reference(t, face).onvifBox(t) })
		})
	}
}

func (r *referenceBox) onvifBox(t *testing.T) Box {
	b := r.box(t)
	b.Lacks = map[string]string{
		"recordings":    "the box has no Profile G",
		"services":      "the box has no SetNetworkProtocols",
		"password rule": "the box tells no rule by ONVIF",
	}
	for ability, why := range onvifLacks {
		b.Lacks[ability] = why
	}
	b.Lock, b.OwnList = LockUntimed, rekey.InterfaceONVIF
	b.Untried = map[rekey.InterfaceKind]string{rekey.InterfaceRTSP: onvifStreams}
	return b
}
