package hikvision

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/transport"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	for name, ns := range map[string]string{"hikvision.com": hikvisionNS, "isapi.org": isapiNS, "std-cgi.com": standardNS, "none": ""} {
		for _, tls := range []bool{false, true} {
			p := newPeer()
			p.ns = ns
			s, b := opened(t, p, tls)
			list, err := s.Accounts(t.Context())
			if err != nil || len(list) != 2 || list[0] != (rekey.Account{Name: "admin", Group: "admin", Reserved: true}) || list[1].Group != "Operator" {
				t.Errorf("%s: %+v: %v", name, list, err)
			}
			if p.logins() != 2 || b.spent != 1 || b.given != 1 {
				t.Errorf("%s: %d signed requests, book %+v", name, p.logins(), b)
			}
			if err := errors.Join(s.Close(t.Context()), s.Close(t.Context())); err != nil {
				t.Errorf("%s: close: %v", name, err)
			}
			if _, err := s.Clock(t.Context()); !errors.Is(err, rekey.ErrConflict) || p.logins() != 2 {
				t.Errorf("%s: after the close: %v", name, err)
			}
		}
	}
}

const lockWords = "<lockStatus>lock</lockStatus><unlockTime>1700</unlockTime><retryLoginTime>0</retryLoginTime>"

// TestLogin: each way in which a login ends, what it costs, and that it is never
// made twice.
func TestLogin(t *testing.T) {
	t.Parallel()
	check := "GET " + pathUserCheck
	for name, tc := range map[string]struct {
		open, script http.HandlerFunc
		password     string
		empty        bool
		kind         error
		login        bool // a *LoginError
		signed       int
		spent, given int
		left         int
		locked       time.Duration
	}{
		"right":                       {signed: 1, spent: 1, given: 1},
		"wrong":                       {password: "wrong-Pass1", kind: rekey.ErrDenied, login: true, signed: 1, spent: 1, left: 4},
		"no budget":                   {empty: true, kind: rekey.ErrBudget},
		"locked before":               {open: says(401, userCheck(lockWords)), kind: rekey.ErrLocked, login: true, locked: 1700 * time.Second},
		"locked before, JSON":         {open: says(401, `{"userCheck":{"statusValue":401,"lockStatus":"lock","unlockTime":60,"retryLoginTime":0}}`), kind: rekey.ErrLocked, login: true, locked: time.Minute},
		"locked at the login":         {script: says(401, userCheck(lockWords)), kind: rekey.ErrLocked, login: true, signed: 1, spent: 1, locked: 1700 * time.Second},
		"401 in a 200":                {script: says(200, userCheck("")), kind: rekey.ErrDenied, login: true, signed: 1, spent: 1, left: -1},
		"403 without a word":          {script: says(403, ""), kind: rekey.ErrLocked, login: true, signed: 1, spent: 1, left: -1},
		"403 of a lock":               {script: says(403, status("userLocked")), kind: rekey.ErrLocked, login: true, signed: 1, spent: 1, left: -1},
		"403 of a missing node":       {script: says(403, status("notSupport")), signed: 1, spent: 1, given: 1},
		"403 of a missing right":      {script: says(403, `{"statusCode":4,"statusString":"Invalid Operation","subStatusCode":"lowPrivilege","errorCode":1073741825}`), signed: 1, spent: 1, given: 1},
		"403 of another word":         {script: says(403, status("passwordError")), kind: rekey.ErrDenied, signed: 1, spent: 1},
		"400 without a word":          {script: says(400, ""), kind: rekey.ErrInput, signed: 1, spent: 1},
		"OK in JSON":                  {script: says(200, `{"statusCode":1,"statusString":"OK","subStatusCode":"ok"}`), signed: 1, spent: 1, given: 1},
		"a page":                      {script: says(200, "<html><body>hello</body></html>"), kind: rekey.ErrUnreachable, signed: 1, spent: 1},
		"server error":                {script: says(503, ""), kind: rekey.ErrUnreachable, signed: 1, spent: 1},
		"too large":                   {script: says(200, strings.Repeat("x", 2<<20)), kind: rekey.ErrUnreachable, signed: 1, spent: 1},
		"cut":                         {script: cut, kind: rekey.ErrUnreachable, signed: 1, spent: 1},
		"cut before":                  {open: cut, kind: rekey.ErrUnreachable},
		"no password asked":           {open: says(200, userCheck("")), kind: rekey.ErrVerify},
		"not activated":               {open: says(401, userCheck("<isActivated>false</isActivated>")), kind: rekey.ErrConflict},
		"not activated, 403":          {open: says(403, status("notActivated")), kind: rekey.ErrConflict},
		"no such node":                {open: says(404, ""), kind: rekey.ErrUnsupported},
		"redirect":                    {open: http.RedirectHandler("https://127.0.0.1:1/", http.StatusFound).ServeHTTP, kind: rekey.ErrUnreachable},
		"a 401 that asks for nothing": {open: says(401, ""), kind: rekey.ErrUnsupported},
		"Basic alone": {open: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="DVR"`)
			w.WriteHeader(401)
		}, kind: rekey.ErrRisk},
		"no room":         {script: says(403, status("maxSessionUserLink")), kind: rekey.ErrConflict, signed: 1, spent: 1},
		"no room, 401":    {script: says(401, status("userConnectionLimit")), kind: rekey.ErrConflict, signed: 1, spent: 1},
		"no room, before": {open: says(403, status("maxSessionUserLink")), kind: rekey.ErrConflict},
		"banned":          {script: says(403, status("ipAddressBanned")), kind: rekey.ErrLocked, login: true, signed: 1, spent: 1, left: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer()
			p.locks = 5
			if tc.open != nil {
				p.open[pathUserCheck] = tc.open
			}
			if tc.script != nil {
				p.scripts[check] = tc.script
			}
			if tc.password == "" {
				tc.password = testPassword
			}
			b := &book{empty: tc.empty}
			s, err := driver().Open(t.Context(), p.start(t, false), login(tc.password), b)
			if !errors.Is(err, tc.kind) || (s == nil) != (err != nil) {
				t.Fatalf("%v, want %v", err, tc.kind)
			}
			if p.logins() != tc.signed || b.spent != tc.spent || b.given != tc.given {
				t.Errorf("%d signed requests, book %+v: %v", p.logins(), b, err)
			}
			var refused *rekey.LoginError
			if errors.As(err, &refused) != tc.login || (tc.login && len(b.refused) != 1) {
				t.Fatalf("%v, book %+v", err, b)
			}
			if tc.login && (refused.TriesLeft != tc.left || refused.LockedFor != tc.locked || refused.Interface != rekey.InterfaceISAPI || refused.Account != "admin") {
				t.Errorf("%+v", refused)
			}
			if s != nil {
				_ = s.Close(t.Context())
			}
		})
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	p := newPeer()
	p.locks = 5
	at := p.start(t, true).Interfaces[0]
	b := &book{}
	if err := driver().Check(t.Context(), at, login(testPassword), b); err != nil || b.given != 1 {
		t.Errorf("book %+v: %v", b, err)
	}
	var refused *rekey.LoginError
	if err := driver().Check(t.Context(), at, login("wrong-Pass1"), b); !errors.As(err, &refused) || refused.TriesLeft != 4 || b.spent != 2 || p.logins() != 2 {
		t.Errorf("book %+v, %d logins: %v", b, p.logins(), err)
	}
	for _, kind := range []rekey.InterfaceKind{rekey.InterfaceSDK, rekey.InterfaceRPC2} {
		if err := driver().Check(t.Context(), rekey.Interface{Kind: kind, Host: at.Host, Port: at.Port}, login(testPassword), b); !errors.Is(err, rekey.ErrUnsupported) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for _, l := range []rekey.Login{{Account: "admin"}, {Password: rekey.NewSecret("x")}} {
		if err := driver().Check(t.Context(), at, l, b); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%v", err)
		}
		if _, err := driver().Open(t.Context(), rekey.Identity{Interfaces: []rekey.Interface{at}}, l, b); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%v", err)
		}
	}
	if _, err := driver().Open(t.Context(), rekey.Identity{}, login(testPassword), b); !errors.Is(err, rekey.ErrUnsupported) {
		t.Errorf("no door: %v", err)
	}
	if b.spent != 2 {
		t.Errorf("book %+v", b)
	}
}

// TestSlow: an answer that does not come ends in time, and the try stays spent.
func TestSlow(t *testing.T) {
	t.Parallel()
	p := newPeer()
	p.scripts["GET "+pathUserCheck] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	b := &book{}
	d := driver(func(d *Driver) { d.limits.Header = 10 * time.Second }) // for the other answers, too, on a busy machine
	if _, err := d.Open(t.Context(), p.start(t, false), login(testPassword), b); !errors.Is(err, rekey.ErrUnreachable) || b.spent != 1 || b.given+len(b.refused) != 0 {
		t.Errorf("book %+v: %v", b, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Open(ctx, p.start(t, false), login(testPassword), b); !errors.Is(err, rekey.ErrUnreachable) || b.spent != 1 {
		t.Errorf("book %+v: %v", b, err)
	}
}

// TestChangedUnderneath: somebody else changes the password while a session is
// open. That is one wrong try, booked, and no second one.
func TestChangedUnderneath(t *testing.T) {
	t.Parallel()
	p := newPeer()
	s, b := opened(t, p, false)
	p.mu.Lock()
	p.users[0].password = "other-Pass1"
	p.mu.Unlock()
	for range 3 {
		if _, err := s.Accounts(t.Context()); !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("%v", err)
		}
		if err := s.SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret("next-Pass1")); !errors.Is(err, rekey.ErrDenied) && !errors.Is(err, rekey.ErrRisk) || errors.Is(err, rekey.ErrUnknown) {
			t.Errorf("%v", err)
		}
	}
	if p.logins() != 2 || b.spent != 2 || len(b.refused) != 1 {
		t.Errorf("%d signed requests, book %+v", p.logins(), b)
	}
}

// TestChangedCertificate: another box in the place of the recorder gets nothing.
func TestChangedCertificate(t *testing.T) {
	t.Parallel()
	p := newPeer()
	s, b := opened(t, p, true)
	s.at.CertSHA256 = strings.Repeat("ab", 32)
	s.forget()
	if _, err := s.Clock(t.Context()); !errors.Is(err, rekey.ErrVerify) || b.spent != 1 {
		t.Errorf("book %+v: %v", b, err)
	}
	err := s.SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret(newPassword))
	if !errors.Is(err, rekey.ErrVerify) || errors.Is(err, rekey.ErrUnknown) || p.passwordOf("admin") != testPassword {
		t.Errorf("%v", err)
	}
}

// TestCertificateHeld: what was seen at the login is held when the session
// makes its connections anew.
func TestCertificateHeld(t *testing.T) {
	t.Parallel()
	p := newPeer()
	s, _ := opened(t, p, true)
	s.forget()
	if s.seen(s.at.Port) == "" {
		t.Fatal("no certificate held")
	}
	s.prints[s.at.Port] = strings.Repeat("cd", 32)
	if _, err := s.Accounts(t.Context()); !errors.Is(err, rekey.ErrVerify) {
		t.Errorf("%v", err)
	}
}

// TestSentOnToHTTPS: a door that only sends on to HTTPS at the same host is
// followed before any password is sent, and the session counts as encrypted.
func TestSentOnToHTTPS(t *testing.T) {
	t.Parallel()
	p := newPeer()
	secure := p.start(t, true).Interfaces[0]
	plain := httptest.NewServer(http.RedirectHandler("https://"+secure.Address()+"/", http.StatusMovedPermanently))
	t.Cleanup(plain.Close)
	at := targetOf(t, plain, false)
	door := rekey.Interface{Kind: rekey.InterfaceISAPI, Host: at.Host, Port: at.Port}
	b := &book{}
	if err := driver().Check(t.Context(), door, login(testPassword), b); err != nil || b.spent != 1 || b.given != 1 {
		t.Errorf("%v %+v", err, b)
	}
	s, err := driver().Open(t.Context(), rekey.Identity{Interfaces: []rekey.Interface{door}}, login(testPassword), b)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.(*session).SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret(newPassword)); err != nil || p.passwordOf("admin") != newPassword {
		t.Error(err)
	}
	if err := s.Close(t.Context()); err != nil || p.logins() == 0 {
		t.Error(err)
	}
	// Where that port was met before, its certificate is held.
	known := rekey.Interface{Kind: rekey.InterfaceWeb, Host: secure.Host, Port: secure.Port, TLS: true, CertSHA256: strings.Repeat("ab", 32)}
	before := p.logins()
	if _, err := driver().Open(t.Context(), rekey.Identity{Interfaces: []rekey.Interface{door, known}}, login(newPassword), b); !errors.Is(err, rekey.ErrVerify) || p.logins() != before {
		t.Error(err)
	}
}

func FuzzRefusal(f *testing.F) {
	f.Add(401, []byte(userCheck(lockWords)))
	f.Add(403, []byte(status("notSupport")))
	f.Add(400, []byte(`{"statusCode":6,"statusString":"Invalid Content","subStatusCode":"badJsonContent","errorMsg":"loginPassword"}`))
	f.Add(200, []byte("<a>"+strings.Repeat("<b>", 40)))
	f.Fuzz(func(t *testing.T, code int, body []byte) {
		w := (&Driver{}).newWeb(rekey.Interface{Host: "127.0.0.1", Port: 80}, rekey.Login{Account: "admin"}, &book{})
		if e := w.loginRefusal(code, body); e != nil {
			if e.TriesLeft < -1 || e.LockedFor < 0 || transport.Printable(e.Said) != e.Said || (code != 401 && code != 403) {
				t.Errorf("%+v", e)
			}
		}
		if err := refusal("h", "w", code, body); err == nil || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%q", err)
		}
		res := transport.Response{Status: code, Body: body}
		if n := checked(res); n != code && (code != 200 || (n != 0 && n != 401)) {
			t.Errorf("%d", n)
		}
		inactive(body)
	})
}

// TestDoorByTLSFirst: the encrypted door is taken where there are both.
func TestDoorByTLSFirst(t *testing.T) {
	t.Parallel()
	p := newPeer()
	id := p.start(t, true)
	gone := httptest.NewServer(http.NotFoundHandler())
	plain := targetOf(t, gone, false)
	gone.Close()
	id.Interfaces = append([]rekey.Interface{{Kind: rekey.InterfaceISAPI, Host: plain.Host, Port: plain.Port}}, id.Interfaces...)
	s, err := driver().Open(t.Context(), id, login(testPassword), &book{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
