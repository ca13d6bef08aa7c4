package rekeytest

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/dahua"
	"rekey/internal/hikvision"
	"rekey/internal/onvif"
	"rekey/internal/rekeytest/faces"
)

// A box that is full of connections has not refused the password.
func TestHikvisionAtItsLimit(t *testing.T) {
	t.Parallel()
	b, keys := hikvisionBox(t, &faces.HikvisionBox{Busy: true})
	d := hikvision.New(quiet())
	id := look(t, d, b.HTTP)
	for name, login := range logins(t, d, id, b.Admin) {
		err := login(t.Context(), &Book{})
		if err == nil || errors.Is(err, rekey.ErrDenied) || errors.Is(err, rekey.ErrLocked) {
			t.Errorf("%s: %v", name, err)
		} else if !strings.Contains(strings.ToLower(err.Error()), "busy") {
			t.Errorf("%s: it does not tell why: %v", name, err)
		}
	}
	if n := len(keys.Wrong()); n != 0 {
		t.Errorf("%d wrong tries", n)
	}
}

// A box that was never activated has no password yet: it is told so, and none is sent.
func TestHikvisionNotActivated(t *testing.T) {
	t.Parallel()
	b, keys := hikvisionBox(t, &faces.HikvisionBox{New: true})
	d := hikvision.New(quiet())
	id, err := d.Identify(t.Context(), b.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	if id.Init != rekey.InitFactory {
		t.Errorf("taken for %s", id.Init)
	}
	book := &Book{}
	_, err = d.Open(t.Context(), id, b.Admin, book)
	if err == nil || errors.Is(err, rekey.ErrDenied) || book.Spent != book.Given {
		t.Errorf("book %d/%d: %v", book.Spent, book.Given, err)
	} else if low := strings.ToLower(err.Error()); !strings.Contains(low, "activat") && !strings.Contains(low, "set-up") && !strings.Contains(low, "set up") {
		t.Errorf("it does not tell what to do: %v", err)
	}
	if n := len(keys.Wrong()); n != 0 {
		t.Errorf("%d passwords were sent for nothing", n)
	}
}

// A box that sends its clients to another host gets no login, nor does the other.
func TestHikvisionSendsElsewhere(t *testing.T) {
	t.Parallel()
	_, trap := atBox(t, (&faces.HikvisionBox{Keys: twoKeys()}).Face())
	there := "https://" + netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(trap.Ports.HTTPS)).String() // #nosec G115 -- a port
	h := &faces.HikvisionBox{Redirect: func(*faces.Box) string { return there }}
	h.Keys = twoKeys()
	on := plug(t, h.Face(), faces.Ports{})
	at := rekey.Target{Host: on.Addr.String(), Port: on.Ports.HTTP}
	d := hikvision.New(quiet())
	id, err := d.Identify(t.Context(), at)
	t.Logf("identify: %v", err)
	if err != nil {
		id = rekey.Identity{Family: d.Family(), Interfaces: []rekey.Interface{{Kind: rekey.InterfaceISAPI, Host: at.Host, Port: at.Port}}}
	}
	for name, login := range logins(t, d, id, rekey.Login{Account: "admin", Password: rekey.NewSecret("Old-Pass1")}) {
		book := &Book{}
		if err := login(t.Context(), book); err == nil || errors.Is(err, rekey.ErrDenied) || book.Spent != book.Given {
			t.Errorf("%s: book %d/%d: %v", name, book.Spent, book.Given, err)
		}
	}
	for _, box := range []*faces.Box{on, trap} {
		if all := box.Logins(); len(all) != 0 {
			t.Errorf("%s was sent a login: %s", box.Addr, all)
		}
	}
}

// Who accepts a change and does nothing is found out by who checks.
func TestChangeThatDoesNothing(t *testing.T) {
	t.Parallel()
	for _, k := range keyedBoxes() {
		for _, own := range []bool{true, false} {
			b, keys := k.ready(t)
			keys.Idle()
			s := open(t, k.d, b.HTTP, b.Admin)
			list := tried(t, k.d, b, doors(t, s))
			who := b.Second
			if own {
				who = b.Admin
			}
			if err := alter(t.Context(), s, b, own); err != nil && !errors.Is(err, rekey.ErrUnknown) && !errors.Is(err, rekey.ErrVerify) {
				t.Errorf("%s, own %t: %v", k.name, own, err)
			}
			if wrong := len(keys.Wrong()); wrong > 1 {
				t.Errorf("%s, own %t: %d wrong tries", k.name, own, wrong)
			}
			if err := k.d.Check(t.Context(), list[0], with(who, b.Password), &Book{}); !errors.Is(err, rekey.ErrDenied) {
				t.Errorf("%s, own %t: the password that is not there: %v", k.name, own, err)
			}
			if err := k.d.Check(t.Context(), list[0], who, &Book{}); err != nil {
				t.Errorf("%s, own %t: the password that is still there: %v", k.name, own, err)
			}
		}
	}
}

// A box that tells nobody its clock, which is wrong, refuses the right password: that
// costs one try, and the clock is named as what may be at fault.
func TestWrongClockThatIsNotTold(t *testing.T) {
	t.Parallel()
	b, keys := onvifBox(t, &faces.ONVIFBox{Login: faces.ByToken, Ahead: 26 * time.Hour, NoClock: true})
	d := onvif.New(quiet())
	at := rekey.Interface{Kind: rekey.InterfaceONVIF, Host: b.HTTP.Host, Port: b.HTTP.Port}
	err := d.Check(t.Context(), at, b.Admin, &Book{})
	if err == nil && len(keys.Wrong()) == 0 {
		return // by the clock of HTTP
	}
	if err == nil || len(keys.Wrong()) > 1 {
		t.Errorf("%d wrong tries: %v", len(keys.Wrong()), err)
	} else if !strings.Contains(err.Error(), "clock") {
		t.Errorf("the clock is not named: %v", err)
	}
}

// Basic is answered by nobody who was not told to, at no door: the password would
// cross the network readable.
func TestBasicOnlyByName(t *testing.T) {
	t.Parallel()
	for _, d := range []rekey.Driver{dahua.New(quiet()), hikvision.New(quiet()), onvif.New(quiet())} {
		t.Run(d.Family(), func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() { matrix.note(cell{d.Family(), "any box", "Basic only by name"}, "", "", t.Failed()) })
			refuses := func(*faces.Box) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header()["WWW-Authenticate"] = []string{`Basic realm="Device_CGI"`}
					w.WriteHeader(http.StatusUnauthorized)
				})
			}
			on := plug(t, faces.Face{Name: "Basic at every door", HTTP: refuses, HTTPS: refuses, RTSP: refuses}, faces.Ports{})
			l := rekey.Login{Account: "admin", Password: rekey.NewSecret("Old-Pass1")}
			kinds := map[string][]rekey.InterfaceKind{
				"dahua": {rekey.InterfaceCGI, rekey.InterfaceRTSP}, "hikvision": {rekey.InterfaceISAPI, rekey.InterfaceRTSP}, "onvif": {rekey.InterfaceONVIF},
			}
			for _, kind := range kinds[d.Family()] {
				doors := map[int]bool{on.Ports.HTTP: false, on.Ports.HTTPS: true}
				if kind == rekey.InterfaceRTSP {
					doors = map[int]bool{on.Ports.RTSP: false}
				}
				for port, safe := range doors {
					i, book := rekey.Interface{Kind: kind, Host: on.Addr.String(), Port: port, TLS: safe}, &Book{}
					err := d.Check(t.Context(), i, l, book)
					if err == nil || errors.Is(err, rekey.ErrDenied) || book.Spent != book.Given {
						t.Errorf("%s: book %d/%d: %v", i, book.Spent, book.Given, err)
					}
					if d.Family() == "dahua" && !errors.Is(err, rekey.ErrRisk) {
						t.Errorf("%s: a risk that could be accepted is not named: %v", i, err)
					}
				}
			}
			if all := on.Logins(); len(all) != 0 {
				t.Errorf("it was sent a login: %s", all)
			}
		})
	}
}
