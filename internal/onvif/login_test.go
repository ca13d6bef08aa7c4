package onvif

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
)

// TestDigestOfTheToken is the example of ONVIF's Application Programmer's Guide.
func TestDigestOfTheToken(t *testing.T) {
	t.Parallel()
	nonce, err := base64.StdEncoding.DecodeString("LKqI6G/AikKCQrN0zqZFlg==")
	if err != nil {
		t.Fatal(err)
	}
	if got := digestOf(nonce, "2010-09-16T07:50:45Z", rekey.NewSecret("userpassword")); got != "tuOSpGlFlIXsozq4HFNeeGeFLEI=" {
		t.Error(got)
	}
}

// faces are the ways in which devices ask for a login.
func faces() map[string]func() *peer {
	return map[string]func() *peer{
		"token":            func() *peer { return &peer{} },
		"token, HTTP 200":  func() *peer { return &peer{status: 200, prefix: "soapenv_1.x"} },
		"token, HTTP 500":  func() *peer { return &peer{status: 500} },
		"token, HTTP 401":  func() *peer { return &peer{status: 401, html: true} },
		"token, HTTP 403":  func() *peer { return &peer{status: 403} },
		"digest offered":   func() *peer { return &peer{challenge: true} },
		"clock behind":     func() *peer { return &peer{offset: -26 * 365 * 24 * time.Hour} },
		"clock ahead":      func() *peer { return &peer{offset: 90 * time.Minute, prefix: "q"} },
		"digest":           func() *peer { return &peer{wantDigest: true} },
		"digest, no SOAP":  func() *peer { return &peer{wantDigest: true, html: true} },
		"both":             func() *peer { return &peer{wantDigest: true, wantToken: true, offset: -time.Hour} },
		"clock with login": func() *peer { return &peer{open: []string{"-GetSystemDateAndTime", "-GetServices"}, wantDigest: true} },
		"open information": func() *peer { return &peer{open: []string{"GetDeviceInformation", "GetNetworkProtocols"}} },
		"no information": func() *peer {
			p := &peer{open: []string{"GetDeviceInformation"}}
			p.answers = map[string]http.HandlerFunc{"GetDeviceInformation": func(w http.ResponseWriter, _ *http.Request) {
				p.fault(w, 500, "no", "Receiver", "ActionNotSupported")
			}, "GetNetworkProtocols": p.says("GetNetworkProtocols", "")}
			return p
		},
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	for name, face := range faces() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := face()
			s, b := opened(t, p, strings.Contains(name, "digest"))
			if tries, wrong := p.counts(); tries != 1 || wrong != 0 || b.spent != 1 || b.given != 1 {
				t.Errorf("%d tries, %d wrong, %+v", tries, wrong, b)
			}
			accounts, err := s.Accounts(t.Context())
			if err != nil || !slices.Equal(accounts, []rekey.Account{{Name: "admin", Group: "admin"}, {Name: "guard", Group: "operator"}}) {
				t.Errorf("%v: %v", accounts, err)
			}
			if _, wrong := p.counts(); wrong != 0 || b.spent != 1 {
				t.Errorf("%d wrong, %+v", wrong, b)
			}
			check := &book{}
			if err := driver().Check(t.Context(), s.main.http.At(), loginOf("guard", "Guards-Pass-2"), check); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWrongPasswordIsTriedOnce(t *testing.T) {
	t.Parallel()
	for name, face := range faces() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := face()
			b := &book{}
			id := p.start(t, true)
			err := driver().Check(t.Context(), id.Interfaces[0], loginOf("admin", "wrong-Pass1"), b)
			var refused *rekey.LoginError
			if !errors.As(err, &refused) || !errors.Is(err, rekey.ErrDenied) || refused.TriesLeft != -1 || refused.Interface != rekey.InterfaceONVIF || refused.Account != "admin" {
				t.Fatalf("%v", err)
			}
			if tries, wrong := p.counts(); tries != 1 || wrong != 1 || b.spent != 1 || b.given != 0 || len(b.refused) != 1 {
				t.Errorf("%d tries, %d wrong, %+v; %v", tries, wrong, b, p.operations())
			}
			if p.open != nil && p.open[0] == "-GetSystemDateAndTime" && !strings.Contains(err.Error(), "clock") {
				t.Errorf("no word of the clock: %v", err)
			}
		})
	}
}

func TestWhatARefusalTells(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		said string
		kind error
		left int
		lock time.Duration
	}{
		"attempts":        {"Sender not Authorized. Invalid username or password! You still have 24 attempt(s).", rekey.ErrDenied, 24, 0},
		"last attempt":    {"You still have 0 attempt(s)", rekey.ErrLocked, 0, 0},
		"locked":          {"The account is locked for 30 minutes", rekey.ErrLocked, -1, 30 * time.Minute},
		"locked, seconds": {"user locked, 90 seconds", rekey.ErrLocked, -1, 90 * time.Second},
		"clock":           {"Sender clock is off", rekey.ErrDenied, -1, 0},
		"hash":            {"digest 0123456789abcdef0123456789abcdef does not match", rekey.ErrDenied, -1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{}
			p.refuse = func(w http.ResponseWriter, r *http.Request) {
				said := "Sender not authorized"
				if reads(t, r).Token != nil {
					said = tc.said
				}
				p.fault(w, 400, said, "Sender", "NotAuthorized")
			}
			b := &book{}
			_, err := driver().Open(t.Context(), p.start(t, false), loginOf("admin", "wrong-Pass1"), b)
			var refused *rekey.LoginError
			if !errors.As(err, &refused) || !errors.Is(err, tc.kind) || refused.TriesLeft != tc.left || refused.LockedFor != tc.lock || strings.Contains(err.Error(), "0123456789abcdef") {
				t.Errorf("%v", err)
			}
			if tries, _ := p.counts(); tries != 1 || len(b.refused) != 1 {
				t.Errorf("%d tries, %+v", tries, b)
			}
		})
	}
}

// TestNoPasswordIsSent: what is known before a password goes out.
func TestNoPasswordIsSent(t *testing.T) {
	t.Parallel()
	by := func(status int, header, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if header != "" {
				w.Header().Set("WWW-Authenticate", header)
			}
			http.Error(w, body, status)
		}
	}
	locked := &peer{said: "User locked, try again in 20 minutes"}
	for name, tc := range map[string]struct {
		p       *peer
		kind    error
		settled int
		room    int
	}{
		"locked":       {p: locked, kind: rekey.ErrLocked, settled: 1},
		"locked clock": {p: &peer{said: "account locked", open: []string{"-GetSystemDateAndTime"}}, kind: rekey.ErrLocked, settled: 1},
		"banned":       {p: &peer{refuse: by(403, "", "no")}, kind: rekey.ErrLocked},
		"one try left": {p: &peer{said: "You still have 1 attempt(s)."}, kind: rekey.ErrBudget, settled: 1, room: -1},
		"no budget":    {p: &peer{wantDigest: true}, kind: rekey.ErrBudget, room: -1},
		"basic":        {p: &peer{refuse: by(401, `Basic realm="x"`, "no")}, kind: rekey.ErrUnsupported},
		"odd digest":   {p: &peer{refuse: by(401, `Digest realm="x", nonce="1", algorithm=FOO`, "no")}, kind: rekey.ErrUnsupported},
		"open to all":  {p: &peer{open: []string{"GetDeviceInformation", "GetNetworkProtocols", "GetUsers"}}, kind: rekey.ErrVerify},
		"a page":       {p: &peer{refuse: by(200, "", "<html>hello</html>")}, kind: rekey.ErrUnreachable},
		"huge":         {p: &peer{refuse: by(400, "", strings.Repeat("x", 2<<20))}, kind: rekey.ErrUnreachable},
		"cut":          {p: &peer{refuse: cut}, kind: rekey.ErrUnreachable},
		"redirect":     {p: &peer{refuse: http.RedirectHandler("https://192.0.2.1/onvif", http.StatusFound).ServeHTTP}, kind: rekey.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &book{room: tc.room}
			s, err := driver().Open(t.Context(), tc.p.start(t, false), loginOf("admin", testPassword), b)
			if !errors.Is(err, tc.kind) || s != nil {
				t.Errorf("%v", err)
			}
			if tries, _ := tc.p.counts(); tries != 0 || b.spent != 0 || len(b.refused) != tc.settled {
				t.Errorf("%d tries, %+v, %v", tries, b, tc.p.operations())
			}
		})
	}
	for name, l := range map[string]rekey.Login{"no account": loginOf("", "x"), "no password": loginOf("admin", ""), "control": loginOf("ad\x00min", "x")} {
		p := &peer{}
		if _, err := driver().Open(t.Context(), p.start(t, false), l, &book{}); !errors.Is(err, rekey.ErrInput) || len(p.operations()) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := driver().Check(t.Context(), rekey.Interface{Kind: rekey.InterfaceRTSP}, loginOf("a", "b"), &book{}); !errors.Is(err, rekey.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := driver().Open(t.Context(), rekey.Identity{}, loginOf("a", "b"), &book{}); !errors.Is(err, rekey.ErrUnsupported) {
		t.Error(err)
	}
}

// cut ends the connection in place of an answer.
func cut(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// TestLostTry: without an answer the try stays spent, and there is no second one.
func TestLostTry(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]http.HandlerFunc{
		"cut":  cut,
		"page": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"huge": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat(" ", 2<<20)) },
	} {
		for _, digest := range []bool{false, true} {
			p := &peer{wantDigest: digest, answers: map[string]http.HandlerFunc{"GetDeviceInformation": lose}}
			b := &book{}
			_, err := driver().Open(t.Context(), p.start(t, false), loginOf("admin", testPassword), b)
			if tries, _ := p.counts(); !errors.Is(err, rekey.ErrUnreachable) || tries != 1 || b.spent != 1 || b.given != 0 || b.refused != nil {
				t.Errorf("%s: %v, %d tries, %+v", name, err, tries, b)
			}
		}
	}
}

// TestBareForbidden: a 403 without a word, on the right question, is a lock.
func TestBareForbidden(t *testing.T) {
	t.Parallel()
	p := &peer{answers: map[string]http.HandlerFunc{"GetDeviceInformation": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }}}
	b := &book{}
	_, err := driver().Open(t.Context(), p.start(t, false), loginOf("admin", testPassword), b)
	var refused *rekey.LoginError
	if !errors.As(err, &refused) || !errors.Is(err, rekey.ErrLocked) || b.spent != 1 || len(b.refused) != 1 {
		t.Errorf("%v %+v", err, b)
	}
}

func TestClockWentElsewhere(t *testing.T) {
	t.Parallel()
	p := &peer{}
	p.answers = map[string]http.HandlerFunc{"GetDeviceInformation": func(w http.ResponseWriter, _ *http.Request) {
		p.fault(w, 400, "expired", "Sender", "MessageExpired")
	}}
	b := &book{}
	_, err := driver().Open(t.Context(), p.start(t, false), loginOf("admin", testPassword), b)
	if !errors.Is(err, rekey.ErrConflict) || errors.Is(err, rekey.ErrDenied) || !strings.Contains(err.Error(), "clock") || b.spent != 1 || b.given != 0 {
		t.Errorf("%v %+v", err, b)
	}
}

// TestRightsAndPasswordsThatEnd: a refusal within a session is booked, as it may
// be a password that somebody has changed since; one that is accepted clears it.
func TestRightsAndPasswordsThatEnd(t *testing.T) {
	t.Parallel()
	p := &peer{}
	p.answers = map[string]http.HandlerFunc{"GetUsers": func(w http.ResponseWriter, _ *http.Request) {
		p.fault(w, 400, "Sender not authorized", "Sender", "NotAuthorized")
	}}
	s, b := opened(t, p, false)
	_, err := s.Accounts(t.Context())
	var login *rekey.LoginError
	if !errors.Is(err, rekey.ErrDenied) || errors.As(err, &login) || b.spent != 2 || b.given != 1 {
		t.Errorf("%v %+v", err, b)
	}
	if _, _, err := s.Firmware(t.Context()); err != nil || b.spent != 3 || b.given != 2 {
		t.Errorf("%v %+v", err, b)
	}
	b.room = b.spent + 2
	for range 5 {
		_, err = s.Accounts(t.Context())
	}
	if !errors.Is(err, rekey.ErrBudget) || p.times("GetUsers") != 3 {
		t.Errorf("%v, asked %d times", err, p.times("GetUsers"))
	}
}

// TestChangedUnderneath: somebody else changes the password while a session is
// open. What the account was allowed before is then a refused login: booked,
// settled once, and nothing more is sent.
func TestChangedUnderneath(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*peer{"token": {}, "digest": {wantDigest: true}, "HTTP 200": {status: 200}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, b := opened(t, p, true)
			if _, err := s.Accounts(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.mu.Lock()
			p.users[0].password = "changed-by-Somebody1"
			p.mu.Unlock()
			for range 3 {
				_, err := s.Accounts(t.Context())
				err = errors.Join(err, s.SetPassword(t.Context(), secret(testPassword), secret(newPassword)))
				var refused *rekey.LoginError
				if !errors.As(err, &refused) || !errors.Is(err, rekey.ErrDenied) || errors.Is(err, rekey.ErrUnknown) {
					t.Errorf("%v", err)
				}
			}
			if tries, wrong := p.counts(); tries != 3 || wrong != 1 || b.spent != 2 || b.given != 1 || len(b.refused) != 1 {
				t.Errorf("%d tries, %d wrong, %+v", tries, wrong, b)
			}
		})
	}
}

// TestNoRoom: a limit of clients says nothing of the password.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(p *peer, w http.ResponseWriter){
		"in words": func(p *peer, w http.ResponseWriter) {
			p.fault(w, 400, "Maximum number of users reached", "Sender", "NotAuthorized")
		},
		"by HTTP":     func(_ *peer, w http.ResponseWriter) { http.Error(w, "busy", http.StatusServiceUnavailable) },
		"by its code": func(p *peer, w http.ResponseWriter) { p.fault(w, 500, "x", "Receiver", "OutofMemory") },
	} {
		before, after := &peer{}, &peer{}
		before.refuse = func(w http.ResponseWriter, _ *http.Request) { refuse(before, w) }
		after.answers = map[string]http.HandlerFunc{"GetDeviceInformation": func(w http.ResponseWriter, _ *http.Request) { refuse(after, w) }}
		for spent, p := range []*peer{before, after} {
			b := &book{}
			_, err := driver().Open(t.Context(), p.start(t, false), loginOf("admin", testPassword), b)
			var login *rekey.LoginError
			if !errors.Is(err, rekey.ErrConflict) || errors.As(err, &login) || !strings.Contains(err.Error(), "no room") || b.spent != spent || b.given+len(b.refused) != 0 {
				t.Errorf("%s: %v, %+v", name, err, b)
			}
		}
	}
}

// TestCheckOfADoor: nothing is known of the recorder but where the door is.
func TestCheckOfADoor(t *testing.T) {
	t.Parallel()
	p := &peer{offset: -3 * time.Hour}
	at := p.start(t, false).Interfaces[0]
	b := &book{}
	if err := driver().Check(t.Context(), rekey.Interface{Kind: at.Kind, Host: at.Host, Port: at.Port}, loginOf("admin", testPassword), b); err != nil || b.spent != 1 || b.given != 1 {
		t.Errorf("%v %+v", err, b)
	}
	err := driver().Check(t.Context(), at, loginOf("admin", "wrong-Pass1"), b)
	var refused *rekey.LoginError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "its clock 3h0m") || !strings.Contains(err.Error(), "set its clock right") || b.spent != 2 {
		t.Errorf("%v %+v", err, b)
	}
	if tries, wrong := p.counts(); tries != 2 || wrong != 1 {
		t.Errorf("%d tries, %d wrong", tries, wrong)
	}
}

// TestSentOnToHTTPS: a door that only sends on to HTTPS at the same host is
// followed before any password is sent, and no other redirect is.
func TestSentOnToHTTPS(t *testing.T) {
	t.Parallel()
	p := &peer{}
	secure := p.start(t, true).Interfaces[0]
	plain := httptest.NewServer(http.RedirectHandler("https://"+secure.Address()+servicePath, http.StatusMovedPermanently))
	t.Cleanup(plain.Close)
	at := targetOf(t, plain, false)
	b := &book{}
	id := rekey.Identity{Interfaces: []rekey.Interface{{Kind: rekey.InterfaceONVIF, Host: at.Host, Port: at.Port}}}
	s, err := driver().Open(t.Context(), id, loginOf("admin", testPassword), b)
	if err != nil {
		t.Fatal(err)
	}
	if here := s.(*session).main.http.At(); !here.TLS || here.Port != secure.Port || b.spent != 1 {
		t.Errorf("%+v %+v", here, b)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	// Where that port was met before, its certificate is held.
	id.Interfaces = append(id.Interfaces, rekey.Interface{Kind: rekey.InterfaceWeb, Host: secure.Host, Port: secure.Port, TLS: true, CertSHA256: strings.Repeat("ab", 32)})
	if _, err := driver().Open(t.Context(), id, loginOf("admin", testPassword), b); !errors.Is(err, rekey.ErrVerify) || b.spent != 1 {
		t.Errorf("%+v: %v", b, err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	p := &peer{}
	p.answers = map[string]http.HandlerFunc{
		"GetDNS": p.says("GetDNS", "<odd:DNS/>"), "GetHostname": p.says("GetHostname", `<odd:Name>n</odd:Name><x:wifiPassword a="1">loose</x:wifiPassword>`),
	}
	s, b := opened(t, p, false)
	blocks, err := s.Settings(t.Context())
	var names []string
	for _, block := range blocks {
		names = append(names, block.Name)
		if !strings.HasPrefix(string(block.Data), "<?xml") || strings.Contains(string(block.Data), "loose") {
			t.Errorf("%s: %s", block.Name, block.Data)
		}
	}
	if err != nil || fmt.Sprint(names) != "[GetDeviceInformation GetSystemDateAndTime GetHostname GetDNS GetUsers]" || b.spent != 1 {
		t.Errorf("%v: %v %+v", names, err, b)
	}
	p.mu.Lock()
	p.users[0].password = "changed-by-Somebody1"
	p.mu.Unlock()
	if _, err := s.Settings(t.Context()); !errors.Is(err, rekey.ErrDenied) || b.spent != 2 || len(b.refused) != 1 {
		t.Errorf("%v %+v", err, b)
	}
}

func TestRefusedByHTTPWithinASession(t *testing.T) {
	t.Parallel()
	p := &peer{wantDigest: true, html: true}
	s, b := opened(t, p, false)
	p.mu.Lock()
	p.users[0].password = "changed-by-Somebody1"
	p.mu.Unlock()
	for range 3 {
		_, err := s.Accounts(t.Context())
		var login *rekey.LoginError
		if !errors.As(err, &login) {
			t.Error(err)
		}
	}
	if tries, wrong := p.counts(); tries != 2 || wrong != 1 || b.spent != 2 || len(b.refused) != 1 {
		t.Errorf("%d tries, %d wrong, %+v", tries, wrong, b)
	}
}

// TestOldChallenge: an old nonce is fetched anew without a login; no request
// goes out half signed.
func TestOldChallenge(t *testing.T) {
	t.Parallel()
	p := &peer{wantDigest: true, wantToken: true}
	s, _ := opened(t, p, false)
	before := len(p.operations())
	s.main.fresh = time.Now().Add(-time.Hour)
	if _, err := s.Accounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := p.operations()[before:]; !slices.Equal(got, []string{"GetDeviceInformation", "GetUsers*"}) {
		t.Error(got)
	}
}
