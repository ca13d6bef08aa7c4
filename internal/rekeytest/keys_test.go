package rekeytest

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/hikvision"
	"rekey/internal/onvif"
	"rekey/internal/recorder/clips"
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
	b.Longest = "Aa1" + strings.Repeat("x", 13)
	b.Rule = rekey.PasswordRule{Min: 8, Max: 16}
	b.Changes = h.Keys.Attempts
	b.Lacks = map[string]string{
		"logins log":           "the names of logins in ContentMgmt/logSearch are in no source that we have",
		"own accounts":         "no interface of the family is known to have a list of its own",
		"recovery description": "the family's reset is at the box's own screen or by SADP, and is not told over ISAPI",
		"upgrading":            "the box has no upgradeStatus",
		"groups":               "ISAPI tells the level of an account, and has no groups",
	}
	if !h.Tells {
		b.Lacks["who is logged in"] = "ISAPI's list of who is logged in is not in this box, as in older firmware"
		b.Lacks["lock policy"] = "the box has no node for it; it tells its lock in userCheck alone"
	}
	if h.Footage == nil {
		b.Lacks["recordings"] = "the box refuses ContentMgmt/search with notSupport"
	} else {
		b.inFootage()
	}
	if h.OwnCamera {
		b.Camera = Camera{Channel: 3, Login: b.Admin}
	}
	b.NoClient = true
	return b, h.Keys
}

// recorded is what a box of two channels has recorded.
func recorded(t *testing.T) *clips.Store {
	t.Helper()
	dir := t.TempDir()
	key := clips.Key(make([]byte, clips.KeySize))
	if err := clips.Make(dir, clips.Spec{Channels: 2, Days: 1, ClipSeconds: 2, Now: time.Now().UTC()}, key); err != nil {
		t.Fatal(err)
	}
	s, err := clips.Open(dir, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// inFootage is what the suite may expect of footage.
func (b *Box) inFootage() {
	b.Clips, b.From, b.To = 2*1*3, time.Now().UTC().AddDate(0, 0, -9), time.Now().UTC().AddDate(0, 0, 2)
}

func TestHikvisionOnABox(t *testing.T) {
	t.Parallel()
	for name, box := range map[string]func(t *testing.T) *faces.HikvisionBox{
		"new firmware": func(t *testing.T) *faces.HikvisionBox {
			return &faces.HikvisionBox{Tells: true, OwnCamera: true, Footage: recorded(t)}
		},
		"between":              func(*testing.T) *faces.HikvisionBox { return &faces.HikvisionBox{} },
		"old firmware":         func(*testing.T) *faces.HikvisionBox { return &faces.HikvisionBox{Plain: true, Optional: true} },
		"refuses with HTTP OK": func(*testing.T) *faces.HikvisionBox { return &faces.HikvisionBox{RiskStatus: 200} },
		"HTTP sends to HTTPS": func(*testing.T) *faces.HikvisionBox {
			return &faces.HikvisionBox{Redirect: func(b *faces.Box) string { return fmt.Sprintf("https://%s:%d", b.Addr, b.Ports.HTTPS) }}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			RunDriver(t, matrix, name, hikvision.New(quiet()), func(t *testing.T) Box {
				b, keys := hikvisionBox(t, box(t))
				blameless(t, keys)
				return b
			})
		})
	}
}

// onvifLacks is what ONVIF has no way for, whatever the box.
var onvifLacks = map[string]string{
	"who is logged in":     "ONVIF has no sessions",
	"lock policy":          "the standard's GetAuthFailureWarningConfiguration warns and does not lock",
	"channels":             "ONVIF tells sources of video, and not whether a camera behind the recorder is there",
	"logins log":           "GetSystemLog is free text of the maker's own",
	"recovery description": "ONVIF has none",
	"storage":              "ONVIF tells recordings, and not the disks that they are on",
	"upgrading":            "ONVIF does not tell whether firmware is being written",
	"groups":               "ONVIF tells the level of an account, and has no groups",
	"stream door":          onvifStreams,
}

const onvifStreams = "the path of a stream is told by the media service, which the box has not"

func onvifBox(t *testing.T, o *faces.ONVIFBox) (Box, *faces.Keys) {
	o.Keys = twoKeys()
	b, _ := atBox(t, o.Face())
	b.Lock = LockUntimed
	if o.Login == faces.ByDigest || o.Mute {
		b.Lock = LockUnsaid // a 401 has no words
	}
	b.Lacks = maps.Clone(onvifLacks)
	b.OwnList = rekey.InterfaceONVIF
	b.Longest, b.Changes = "Aa1"+strings.Repeat("x", 25), o.Keys.Attempts
	if o.Footage == nil {
		b.Lacks["recordings"] = "the box has no Profile G"
	} else {
		b.inFootage()
		t.Cleanup(func() {
			if n := o.Searches(); n > 0 {
				t.Errorf("%d searches were begun and not ended", n)
			}
		})
	}
	b.Rule = rekey.PasswordRule{Max: 28}
	if o.Complexity != nil { // capitals and figures by name: four kinds are sure to hold both
		b.Rule = rekey.PasswordRule{Min: o.Complexity.MinLen, Max: 28, Classes: 4}
	}
	b.Untried = map[rekey.InterfaceKind]string{rekey.InterfaceRTSP: onvifStreams}
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
		"policies": func() *faces.ONVIFBox {
			return &faces.ONVIFBox{Login: faces.ByBoth, Complexity: &faces.Complexity{MinLen: 10, Uppercase: 1, Number: 1}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			RunDriver(t, matrix, name, onvif.New(quiet()), func(t *testing.T) Box {
				b, keys := onvifBox(t, box())
				blameless(t, keys)
				return b
			})
		})
	}
	t.Run("Profile G", func(t *testing.T) {
		t.Parallel()
		RunDriver(t, matrix, "Profile G", onvif.New(quiet()), func(t *testing.T) Box {
			b, keys := onvifBox(t, &faces.ONVIFBox{Login: faces.ByDigest, Footage: recorded(t)})
			blameless(t, keys)
			return b
		})
	})
}
