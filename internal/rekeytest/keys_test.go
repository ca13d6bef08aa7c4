package rekeytest

import (
	"net/netip"
	"testing"
	"time"

	"rekey"
	"rekey/internal/hikvision"
	"rekey/internal/onvif"
	"rekey/internal/rekeytest/faces"
)

// atBox is a box with accounts, as the suite needs to know it.
func atBox(t *testing.T, f faces.Face) (Box, *faces.Box) {
	t.Helper()
	on, err := faces.Start(netip.MustParseAddr("127.0.0.1"), faces.Ports{}, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(on.Close)
	b := Box{
		HTTP:   rekey.Target{Host: on.Addr.String(), Port: on.Ports.HTTP},
		Admin:  rekey.Login{Account: "admin", Password: rekey.NewSecret("Old-Pass1")},
		Second: rekey.Login{Account: "second", Password: rekey.NewSecret("Second-Pass2")},
		Tries:  5, Channels: 2, Switch: "rtsp", From: time.Now().AddDate(0, 0, -1), To: time.Now(),
	}
	if on.Ports.HTTPS != 0 {
		b.HTTPS = rekey.Target{Host: on.Addr.String(), Port: on.Ports.HTTPS, TLS: true}
	}
	return b, on
}

// twoKeys are two administrators, and a lock after five wrong tries.
func twoKeys() *faces.Keys {
	return faces.NewKeys(5, faces.Account{Name: "admin", Password: "Old-Pass1", Level: "Administrator"},
		faces.Account{Name: "second", Password: "Second-Pass2", Level: "Administrator"})
}

// blameless fails, at the end of the test, where the driver did what no client should.
func blameless(t *testing.T, k *faces.Keys) {
	t.Cleanup(func() {
		for _, f := range k.Faults() {
			t.Errorf("the client's fault: %s", f)
		}
	})
}

func hikvisionBox(t *testing.T, h *faces.HikvisionBox) (Box, *faces.Keys) {
	h.Keys = twoKeys()
	b, _ := atBox(t, h.Face())
	b.Password = `N3w-P_%+=<>/?#&\` // 16 characters, the most that it takes
	if h.Plain {
		b.Lock = LockUnsaid
	}
	b.Lacks = map[string]string{
		"who is logged in": "ISAPI's list of who is logged in is not in this box, as in older firmware",
		"lock policy":      "the box has no node for it; it tells its lock in userCheck alone",
		"recordings":       "the box refuses ContentMgmt/search with notSupport",
	}
	return b, h.Keys
}

func TestHikvisionOnABox(t *testing.T) {
	t.Parallel()
	for name, box := range map[string]func() *faces.HikvisionBox{
		"new firmware":         func() *faces.HikvisionBox { return &faces.HikvisionBox{} },
		"old firmware":         func() *faces.HikvisionBox { return &faces.HikvisionBox{Plain: true, Optional: true} },
		"refuses with HTTP OK": func() *faces.HikvisionBox { return &faces.HikvisionBox{RiskStatus: 200} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			RunDriver(t, hikvision.New(quiet()), func(t *testing.T) Box {
				b, keys := hikvisionBox(t, box())
				blameless(t, keys)
				return b
			})
		})
	}
}

func onvifBox(t *testing.T, o *faces.ONVIFBox) (Box, *faces.Keys) {
	o.Keys = twoKeys()
	b, _ := atBox(t, o.Face())
	b.Lock = LockUntimed
	if o.Login == faces.ByDigest || o.Mute {
		b.Lock = LockUnsaid // a 401 has no words
	}
	b.Lacks = map[string]string{
		"who is logged in": "ONVIF has no sessions",
		"lock policy":      "the standard's GetAuthFailureWarningConfiguration warns and does not lock",
		"settings":         "GetSystemBackup is deprecated and its form is the maker's own",
		"recordings":       "the box has no Profile G",
	}
	b.Untried = map[rekey.InterfaceKind]string{rekey.InterfaceRTSP: "the path of a stream is told by the media service, which the box has not"}
	return b, o.Keys
}

func TestONVIFOnABox(t *testing.T) {
	t.Parallel()
	for name, box := range map[string]func() *faces.ONVIFBox{
		"token": func() *faces.ONVIFBox {
			return &faces.ONVIFBox{Login: faces.ByToken, Ahead: 7*time.Hour + 13*time.Minute}
		},
		"digest":                    func() *faces.ONVIFBox { return &faces.ONVIFBox{Login: faces.ByDigest, Ahead: -9 * time.Hour} },
		"both":                      func() *faces.ONVIFBox { return &faces.ONVIFBox{Login: faces.ByBoth, Ahead: -31 * time.Hour} },
		"token refused by HTTP OK":  func() *faces.ONVIFBox { return &faces.ONVIFBox{Login: faces.ByToken, Status: 200} },
		"token refused by HTTP 401": func() *faces.ONVIFBox { return &faces.ONVIFBox{Login: faces.ByToken, Status: 401} },
		"token refused by HTTP 500": func() *faces.ONVIFBox { return &faces.ONVIFBox{Login: faces.ByToken, Status: 500} },
		"token without a number":    func() *faces.ONVIFBox { return &faces.ONVIFBox{Login: faces.ByToken, Mute: true} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			RunDriver(t, onvif.New(quiet()), func(t *testing.T) Box {
				b, keys := onvifBox(t, box())
				blameless(t, keys)
				return b
			})
		})
	}
}
