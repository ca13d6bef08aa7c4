package dahua

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey"
)

// The vector is published with a client of the family; recomputed by hand.
func TestLoginHash(t *testing.T) {
	t.Parallel()
	got := loginHash(rekey.Login{Account: "admin", Password: rekey.NewSecret("123")}, "Login to a0c50bcd05b2f03d067e530d9bf069af", "1172275829", upperMD5)
	if got != "2E9AD6D2DB08E0882F376A622BC76B9A" {
		t.Errorf("hash %s", got)
	}
}

func TestOpenByRPC(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{"hex session": `"2f1ce20f10a732a3e8b49027804dd6ab"`, "integer session": `2147483643`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{session: first, rpc: map[string]func(call) string{
				"global.getCurrentTime": says(`{"id":$ID,"result":true,"params":{"time":"2026-09-09 06:24:26"},"session":"second"}`)}}
			b := &book{}
			s, err := driver().Open(t.Context(), p.start(t, false), login(testPassword), b)
			if err != nil {
				t.Fatal(err)
			}
			if now, err := s.(rekey.ClockReader).Clock(t.Context()); err != nil || now.Format(stampForm) != "2026-09-09 06:24:26" {
				t.Errorf("clock %v: %v", now, err)
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if err := s.Close(t.Context()); err != nil {
				t.Errorf("second close: %v", err)
			}
			if string(p.calls[1].Session) != first {
				t.Errorf("second step with session %s, want %s", p.calls[1].Session, first)
			}
			if c := p.calls[2]; string(c.Session) != `"second"` || !strings.Contains(c.cookie, "WebClientHttpSessionID=kept") {
				t.Errorf("after the login: session %s, cookie %q", c.Session, c.cookie)
			}
			if m := p.methods(); m[len(m)-1] != "global.logout" || slices.Index(m, "global.logout") != len(m)-1 {
				t.Errorf("calls %v: the last must be the one logout", m)
			}
			if logins, signed := p.spent(); logins != 1 || signed != 0 || b.spent != 1 || b.given != 1 {
				t.Errorf("%d logins, %d signed, book %+v", logins, signed, b)
			}
		})
	}
}

func TestKeepAliveStopsAtClose(t *testing.T) {
	t.Parallel()
	beat := make(chan struct{}, 8)
	p := &peer{rpc: map[string]func(call) string{"global.keepAlive": func(call) string {
		beat <- struct{}{}
		return `{"result":true,"id":$ID}`
	}}}
	s, err := driver().Open(t.Context(), p.start(t, false), login(testPassword), &book{})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-beat:
	case <-time.After(time.Minute):
		t.Error("no keep-alive within sixty intervals")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ctx); err != nil { // logs out even though the caller was stopped
		t.Error(err)
	}
}

const firstStep = `{"error":{"code":268632079,"message":"x"},"id":$ID,"params":{"encryption":"Default","random":"1","realm":"r"},"result":false,"session":7}`

func TestRPCLoginRefused(t *testing.T) {
	t.Parallel()
	type want struct {
		kind           error
		login          bool // a *LoginError
		left, locked   int
		logins, signed int // passwords sent
		settled        int // refusals told to the budget
	}
	for name, tc := range map[string]struct {
		first, second string
		want          want
	}{
		"wrong password":         {second: `{"error":{"code":268632085,"message":"no"},"id":3,"params":{"remainLockSecond":0,"remainLoginTimes":2},"result":false,"session":1}`, want: want{rekey.ErrDenied, true, 2, 0, 1, 0, 1}},
		"the try that locks":     {second: `{"error":{"code":268632085,"message":"no"},"params":{"remainLockSecond":1800,"remainLoginTimes":0},"result":false}`, want: want{rekey.ErrLocked, true, 0, 1800, 1, 0, 1}},
		"old firmware":           {second: `{"error":{"code":268632071,"message":""},"params":{"error":"PasswordNotValid"},"result":false}`, want: want{rekey.ErrDenied, true, -1, 0, 1, 0, 1}},
		"locked at first step":   {first: `{"error":{"code":268632081,"message":"locked"},"id":1,"params":{"remainLockSecond":900},"result":false,"session":0}`, want: want{rekey.ErrLocked, true, -1, 900, 0, 0, 1}},
		"black list":             {first: `{"error":{"code":268632073,"message":"InBlackList"},"result":false}`, want: want{kind: rekey.ErrLocked}},
		"black list, second":     {second: `{"error":{"code":268632073,"message":"InBlackList"},"result":false}`, want: want{kind: rekey.ErrLocked, logins: 1}},
		"maintenance":            {second: `{"error":{"code":268632090,"message":"maintenance"},"result":false}`, want: want{kind: rekey.ErrUnreachable, logins: 1}},
		"maintenance at first":   {first: `{"error":{"code":268632090,"message":"maintenance"},"result":false}`, want: want{kind: rekey.ErrUnreachable}},
		"too many sessions":      {second: `{"error":{"code":486,"message":"x"},"result":false}`, want: want{kind: rekey.ErrConflict, logins: 1}},
		"no right to log in":     {second: `{"error":{"code":285278249,"message":"Authority:check failure."},"result":false}`, want: want{kind: rekey.ErrDenied, logins: 1}},
		"no reason":              {second: `{"result":false}`, want: want{kind: rekey.ErrUnreachable, logins: 1}},
		"not initialised":        {first: `{"error":{"code":268632086,"message":"x"},"result":false}`, want: want{kind: rekey.ErrConflict}},
		"busy":                   {second: `{"error":{"code":268632075,"message":"x"},"result":false}`, want: want{kind: rekey.ErrConflict, logins: 1}},
		"unknown hash":           {first: strings.Replace(firstStep, "Default", "OldDigest", 1), want: want{kind: rekey.ErrUnsupported}},
		"plain password":         {first: strings.Replace(firstStep, "Default", "WatchNet", 1), want: want{kind: rekey.ErrRisk}},
		"no realm":               {first: strings.Replace(firstStep, "realm", "rlm", 1), want: want{kind: rekey.ErrUnreachable}},
		"no session":             {first: strings.Replace(firstStep, `"session":7`, `"session":null`, 1), want: want{kind: rekey.ErrUnreachable}},
		"session an object":      {first: strings.Replace(firstStep, `"session":7`, `"session":{}`, 1), want: want{kind: rekey.ErrUnreachable}},
		"lets everybody in":      {first: `{"id":1,"result":true,"session":"s"}`, want: want{kind: rekey.ErrVerify}},
		"cut off":                {first: firstStep[:40], want: want{kind: rekey.ErrUnreachable}},
		"params a list":          {first: strings.Replace(firstStep, `{"encryption":"Default","random":"1","realm":"r"}`, `[1]`, 1), want: want{kind: rekey.ErrUnreachable}},
		"code a text":            {first: strings.Replace(firstStep, `268632079`, `{"a":1}`, 1), want: want{kind: rekey.ErrUnreachable}},
		"not an object":          {first: `["result"]`, want: want{kind: rekey.ErrUnreachable}},
		"empty":                  {first: ` `, want: want{kind: rekey.ErrUnreachable}},
		"huge":                   {first: `{"x":"` + strings.Repeat("x", 80<<10) + `"}`, want: want{kind: rekey.ErrUnreachable}},
		"only notifications":     {first: `{ "NotifyMethod" : "1.2" }`, want: want{kind: rekey.ErrUnreachable}},
		"second cut off":         {second: `{"id":3,"resu`, want: want{kind: rekey.ErrUnreachable, logins: 1}},
		"second without session": {second: `{"id":3,"result":true,"params":null}`, want: want{kind: rekey.ErrUnreachable, logins: 1}},
		"second only notified":   {second: `{ "NotifyMethod" : "1.2" }`, want: want{kind: rekey.ErrUnreachable, logins: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{rpc: map[string]func(call) string{}}
			if tc.first != "" {
				p.rpc["first"] = says(tc.first)
			}
			if tc.second != "" {
				p.rpc["second"] = says(tc.second)
			}
			b := &book{}
			s, err := driver().Open(t.Context(), p.start(t, false), login(testPassword), b)
			if s != nil || !errors.Is(err, tc.want.kind) {
				t.Fatalf("%v, want %v", err, tc.want.kind)
			}
			var e *rekey.LoginError
			if errors.As(err, &e) != tc.want.login {
				t.Fatalf("a LoginError: %t; %v", !tc.want.login, err)
			}
			if !tc.want.login && tc.want.kind != rekey.ErrDenied && errors.Is(err, rekey.ErrDenied) {
				t.Errorf("it looks like a wrong password: %v", err)
			}
			if e != nil && (e.TriesLeft != tc.want.left || e.LockedFor != time.Duration(tc.want.locked)*time.Second || e.Interface != rekey.InterfaceRPC2 || e.Account != "admin") {
				t.Errorf("%+v", e)
			}
			logins, signed := p.spent()
			if logins != tc.want.logins || signed != tc.want.signed || b.spent != logins || len(b.refused) != tc.want.settled || b.given != 0 {
				t.Errorf("%d logins, %d signed, book: spent %d, refused %d, given %d", logins, signed, b.spent, len(b.refused), b.given)
			}
			if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), testPassword) {
				t.Errorf("the error is not one clear line: %q", err)
			}
		})
	}
}

func TestNotificationBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	asked := 0
	p := &peer{rpc: map[string]func(call) string{
		"first":  says("{ \"NotifyMethod\" : \"1.2\" }\n" + strings.ReplaceAll(firstStep, `"r"`, `"`+testRealm+`"`)),
		"second": says(`{"NotifyMethod":"1.2"}{"id":3,"params":{"keepAliveInterval":60},"result":true,"session":"second"}`),
		"global.getCurrentTime": func(call) string {
			if asked++; asked == 1 {
				return `{ "NotifyMethod" : "1.2" }`
			}
			return `{"id":$ID,"result":"2026-1-2 3:4:5 AM","params":null}` + "\n\x00"
		},
	}}
	s, b := opened(t, p, false)
	if now, err := s.Clock(t.Context()); err != nil || now.Format(stampForm) != "2026-01-02 03:04:05" {
		t.Errorf("clock %v: %v", now, err)
	}
	if asked != 2 || b.spent != 1 || b.given != 1 {
		t.Errorf("asked %d times; %+v", asked, b)
	}
}

// A recorder that closes after the password was sent leaves the try spent.
func TestNoAnswerToThePassword(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	var mu sync.Mutex
	passwords := 0
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				buf := make([]byte, 16<<10)
				for {
					n, err := conn.Read(buf)
					if err != nil {
						return
					}
					if strings.Contains(string(buf[:n]), "authorityType") {
						mu.Lock()
						passwords++
						mu.Unlock()
						return
					}
					if strings.Contains(string(buf[:n]), "global.logout") {
						fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"result\":true}")
					}
					if strings.Contains(string(buf[:n]), "global.login") {
						answer := strings.Replace(firstStep, "$ID", "1", 1)
						fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
					}
				}
			})
		}
	})
	b := &book{}
	_, err = driver().Open(t.Context(), identityAt(t, l.Addr().String(), false), login("p"), b)
	mu.Lock()
	defer mu.Unlock()
	if !errors.Is(err, rekey.ErrUnreachable) || passwords != 1 || b.spent != 1 || b.given+len(b.refused) != 0 {
		t.Fatalf("%d passwords sent, %+v: %v", passwords, b, err)
	}
}

func TestNoBudgetNoLogin(t *testing.T) {
	t.Parallel()
	p := &peer{}
	id := p.start(t, false)
	for _, i := range id.Interfaces {
		if err := driver().Check(t.Context(), i, login(testPassword), &book{empty: true}); !errors.Is(err, rekey.ErrBudget) {
			t.Errorf("%s: %v", i.Kind, err)
		}
	}
	if logins, signed := p.spent(); logins+signed != 0 {
		t.Errorf("%d passwords sent", logins+signed)
	}
}

func TestEmptyLoginCostsNothing(t *testing.T) {
	t.Parallel()
	p := &peer{}
	id := p.start(t, false)
	for _, l := range []rekey.Login{{}, {Account: "admin"}, {Password: rekey.NewSecret("x")}} {
		if _, err := driver().Open(t.Context(), id, l, &book{}); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%v", err)
		}
	}
	if len(p.calls) != 0 {
		t.Errorf("%d requests", len(p.calls))
	}
}

func TestOpenByCGIWhereThereIsNoRPC(t *testing.T) {
	t.Parallel()
	p := &peer{noRPC: true}
	s, b := opened(t, p, false)
	now, err := s.Clock(t.Context())
	if err != nil || now.Format(stampForm) != "2026-09-09 06:24:26" {
		t.Errorf("clock %v: %v", now, err)
	}
	if _, signed := p.spent(); signed != 2 || b.spent != 1 || b.given != 1 {
		t.Errorf("%d signed, %+v", signed, b)
	}
}

func TestRefusedRPCIsNotTriedByCGI(t *testing.T) {
	t.Parallel()
	p := &peer{}
	b := &book{}
	_, err := driver().Open(t.Context(), p.start(t, false), login("wrong"), b)
	if logins, signed := p.spent(); !errors.Is(err, rekey.ErrDenied) || logins != 1 || signed != 0 || b.spent != 1 {
		t.Fatalf("%d logins, %d signed: %v", logins, signed, err)
	}
}

func TestCheckByCGI(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		password string
		answer   func(*http.Request) (int, string)
		kind     error
		left     int
		locked   time.Duration
		given    int
	}{
		"right":        {password: testPassword, given: 1},
		"wrong":        {password: "wrong", kind: rekey.ErrDenied, left: -1},
		"locked":       {password: testPassword, answer: status(403, `{"ErrorCode":268632081,"Result":false,"RmLock":1800,"RmLogin":0}`), kind: rekey.ErrLocked, locked: 30 * time.Minute},
		"plain 403":    {password: testPassword, answer: status(403, "Forbidden"), kind: rekey.ErrLocked, left: -1},
		"no right":     {password: testPassword, answer: status(403, "Authority:check failure.\r\n"), given: 1},
		"server error": {password: testPassword, answer: status(500, "oops"), kind: rekey.ErrUnreachable},
		// None of these is an accepted login, which would give all tries back.
		"refused by 403": {password: testPassword, answer: status(403, "Error\r\nInvalid Authority!\r\n"), kind: rekey.ErrLocked, left: -1},
		"refused by 200": {password: testPassword, answer: status(200, "Error\r\nInvalid Authority!\r\n"), kind: rekey.ErrDenied},
		"not by the CGI": {password: testPassword, answer: status(400, "Bad Request"), kind: rekey.ErrInput},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{cgi: map[string]func(*http.Request) (int, string){}}
			if tc.answer != nil {
				p.cgi["getCurrentTime"] = tc.answer
			}
			at, _ := p.start(t, false).Interface(rekey.InterfaceCGI)
			b := &book{}
			err := driver().Check(t.Context(), at, login(tc.password), b)
			if !errors.Is(err, tc.kind) {
				t.Fatalf("%v, want %v", err, tc.kind)
			}
			var e *rekey.LoginError
			if errors.As(err, &e) && (e.TriesLeft != tc.left || e.LockedFor != tc.locked || len(b.refused) != 1) {
				t.Errorf("%+v, book %+v", e, b)
			}
			if _, signed := p.spent(); signed != 1 || b.spent != 1 || b.given != tc.given {
				t.Errorf("%d signed, %+v", signed, b)
			}
		})
	}
}

// TestRefusedBeforeThePassword: a lock that is told before anything was tried is
// told to the budget, so that nobody tries against it; other words are no refusal
// of a password that was never sent, and each says what to do.
func TestRefusedBeforeThePassword(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		body   string
		kind   error
		locked time.Duration
		words  string
	}{
		"locked":       {403, `{"ErrorCode":268632081,"Result":false,"RmLock":1800,"RmLogin":0}`, rekey.ErrLocked, 30 * time.Minute, "wait"},
		"banned":       {403, "Forbidden", rekey.ErrLocked, 0, "from another address"},
		"black list":   {403, `{"ErrorCode":268632073}`, rekey.ErrLocked, 0, "take it off there"},
		"too many":     {503, "Too many connections", rekey.ErrConflict, 0, "log out other users"},
		"tries left":   {403, `{"ErrorCode":268632085,"RmLock":0,"RmLogin":3}`, nil, 0, ""},
		"server error": {500, "", rekey.ErrUnreachable, 0, ""},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tc.status)
			fmt.Fprint(w, tc.body)
		}))
		t.Cleanup(s.Close)
		for _, i := range identityAt(t, s.Listener.Addr().String(), false).Interfaces {
			b := &book{}
			err := driver().Check(t.Context(), i, login(testPassword), b)
			var e *rekey.LoginError
			refused := errors.As(err, &e)
			if err == nil || (tc.kind != nil && !errors.Is(err, tc.kind)) || b.spent != 0 || refused != (tc.locked > 0) || !strings.Contains(err.Error(), tc.words) {
				t.Errorf("%s, %s: %+v: %v", name, i.Kind, b, err)
				continue
			}
			if refused && (len(b.refused) != 1 || b.refused[0] != e || e.LockedFor != tc.locked || e.Interface != i.Kind || e.Said == "") {
				t.Errorf("%s, %s: %+v, book %+v", name, i.Kind, e, b)
			}
		}
	}
}

func status(code int, text string) func(*http.Request) (int, string) {
	return func(*http.Request) (int, string) { return code, text }
}

func TestCheckByRPCLogsOut(t *testing.T) {
	t.Parallel()
	p := &peer{}
	at, _ := p.start(t, false).Interface(rekey.InterfaceRPC2)
	if err := driver().Check(t.Context(), at, login(testPassword), &book{}); err != nil {
		t.Fatal(err)
	}
	if m := p.methods(); m[len(m)-1] != "global.logout" {
		t.Errorf("calls %v", m)
	}
	if err := driver().Check(t.Context(), rekey.Interface{Kind: rekey.InterfaceSeat}, login("x"), &book{}); !errors.Is(err, rekey.ErrUnsupported) {
		t.Errorf("local seat: %v", err)
	}
}

// What counts is that the password was accepted, not how the logout went.
func TestCheckWithoutLogout(t *testing.T) {
	t.Parallel()
	p := &peer{rpc: map[string]func(call) string{"global.logout": says(`{"resu`)}}
	at, _ := p.start(t, false).Interface(rekey.InterfaceRPC2)
	if err := driver().Check(t.Context(), at, login(testPassword), &book{}); err != nil {
		t.Error(err)
	}
}

func TestUninitialisedByCGI(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\nInvalid Authority!")
			_ = conn.Close()
		}
	})
	at, _ := identityAt(t, l.Addr().String(), false).Interface(rekey.InterfaceCGI)
	b := &book{}
	if err := driver().Check(t.Context(), at, login("p"), b); !errors.Is(err, rekey.ErrConflict) || b.spent != 0 {
		t.Fatalf("%+v: %v", b, err)
	}
}
