package dahua

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"rekey"
)

// failingBook cannot write down that a password was right.
type failingBook struct{ book }

func (b *failingBook) Settle(account string, result error) error {
	return errors.Join(b.book.Settle(account, result), rekey.ErrStorage)
}

// TestLogoutAfterAFailedLogin: a recorder that may have let somebody in is logged
// out, whatever went wrong after that.
func TestLogoutAfterAFailedLogin(t *testing.T) {
	t.Parallel()
	abort := func(call) string { panic(http.ErrAbortHandler) }
	for name, tc := range map[string]struct {
		second func(call) string
		tries  rekey.Tries
		kind   error
		out    bool
	}{
		"answer lost":         {second: abort, tries: &book{}, kind: rekey.ErrUnreachable, out: true},
		"answer cut off":      {second: says(`{"id":2,"result":tr`), tries: &book{}, kind: rekey.ErrUnreachable, out: true},
		"budget not written":  {tries: &failingBook{}, kind: rekey.ErrStorage, out: true},
		"refused":             {second: says(`{"error":{"code":268632085},"result":false}`), tries: &book{}, kind: rekey.ErrDenied},
		"busy":                {second: says(`{"error":{"code":268632075},"result":false}`), tries: &book{}, kind: rekey.ErrConflict},
		"no budget to log in": {tries: &book{empty: true}, kind: rekey.ErrBudget},
	} {
		p := &peer{rpc: map[string]func(call) string{}}
		if tc.second != nil {
			p.rpc["second"] = tc.second
		}
		_, err := driver().Open(t.Context(), p.start(t, false), login(testPassword), tc.tries)
		if !errors.Is(err, tc.kind) || slices.Contains(p.methods(), "global.logout") != tc.out {
			t.Errorf("%s: %v: %v", name, p.methods(), err)
		}
		if logins, signed := p.spent(); logins > 1 || signed != 0 {
			t.Errorf("%s: %d logins, %d signed", name, logins, signed)
		}
	}
}

func TestStoppedWhileLoggingIn(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	p := &peer{rpc: map[string]func(call) string{"second": func(call) string { stop(); return `{"id":2,"result":true,"session":"second"}` }}}
	b := &book{}
	s, err := driver().Open(ctx, p.start(t, false), login(testPassword), b)
	if err == nil { // the answer came first
		err = s.Close(ctx)
	} else if !errors.Is(err, context.Canceled) {
		t.Error(err)
	} else {
		err = nil
	}
	if err != nil || !slices.Contains(p.methods(), "global.logout") || b.spent != 1 {
		t.Errorf("%v, %+v: %v", p.methods(), b, err)
	}
}

// TestRPCGoneAfterThePassword: a login page that is gone when the password comes
// is no reason to try the password by CGI.
func TestRPCGoneAfterThePassword(t *testing.T) {
	t.Parallel()
	for _, code := range []int{404, 405, 501} {
		p := &peer{raw: map[string]http.HandlerFunc{"second": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }}}
		b := &book{}
		_, err := driver().Open(t.Context(), p.start(t, false), login(testPassword), b)
		if logins, signed := p.spent(); !errors.Is(err, rekey.ErrUnreachable) || logins != 1 || signed != 0 || b.spent != 1 || b.given != 0 {
			t.Errorf("%d: %d logins, %d signed, %+v: %v", code, logins, signed, b, err)
		}
	}
}

// TestTooManyLogins is no wrong password, and is not tried again.
func TestTooManyLogins(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"ErrorCode":268632075,"Result":false}`, `{"error":{"code":486,"message":"x"},"result":false}`, "Too many users!\r\n", "Connection limit reached\r\n"} {
		for _, code := range []int{401, 403} {
			p := &peer{cgi: map[string]func(*http.Request) (int, string){"getCurrentTime": status(code, text)}}
			p.raw = map[string]http.HandlerFunc{"second": func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(code)
				fmt.Fprint(w, text)
			}}
			for _, i := range p.start(t, false).Interfaces {
				b := &book{}
				err := driver().Check(t.Context(), i, login(testPassword), b)
				var e *rekey.LoginError
				if err == nil || errors.As(err, &e) || errors.Is(err, rekey.ErrDenied) || !strings.Contains(err.Error(), "log out other users") && !errors.Is(err, rekey.ErrUnreachable) || b.spent != 1 || b.given+len(b.refused) != 0 {
					t.Errorf("%d %s at %s: %+v: %v", code, text, i.Kind, b, err)
				}
			}
		}
	}
}

// TestBrokenCGI: where RPC2 has taken the password, a CGI that refuses it has a
// fault of its own. It gets the password once, at one door, and what only the CGI
// tells is left out.
func TestBrokenCGI(t *testing.T) {
	t.Parallel()
	safe := &peer{broken: true}
	door, _ := safe.start(t, true).Interface(rekey.InterfaceCGI)
	tb := &tables{read: map[string]string{"General": `{"LockLoginEnable":true,"LockLoginTimes":5,"LoginFailLockTime":300}`, "Https": fmt.Sprintf(`{"Enable":true,"Port":%d}`, door.Port)}}
	p := &peer{broken: true, rpc: tb.rpc()}
	s, b := opened(t, p, false)
	for range 2 {
		_, err := s.Accounts(t.Context())
		var e *rekey.LoginError
		if !errors.Is(err, rekey.ErrUnsupported) || errors.As(err, &e) || errors.Is(err, rekey.ErrDenied) {
			t.Errorf("accounts: %v", err)
		}
	}
	if list, err := s.Settings(t.Context()); err != nil || len(list) == 0 {
		t.Errorf("settings: %d, %v", len(list), err)
	}
	if err := s.ResetPassword(t.Context(), "guard", rekey.NewSecret("x")); !errors.Is(err, rekey.ErrUnsupported) || errors.Is(err, rekey.ErrUnknown) {
		t.Errorf("reset: %v", err)
	}
	_, signed := p.spent()
	if _, other := safe.spent(); signed+other != 1 || b.spent != 2 || b.given != 1 || len(b.refused) != 1 {
		t.Errorf("%d and %d signed, %+v", signed, other, b)
	}
}

// Where the login by RPC2 has ended, too, the password may have been changed.
func TestRefusedCGIOfADeadSession(t *testing.T) {
	t.Parallel()
	p := &peer{broken: true, rpc: map[string]func(call) string{"global.keepAlive": says(`{"id":$ID,"result":false,"error":{"code":287637505}}`)}}
	s, b := opened(t, p, false)
	for range 2 {
		_, err := s.Accounts(t.Context())
		var e *rekey.LoginError
		if !errors.As(err, &e) || !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("%v", err)
		}
	}
	if _, signed := p.spent(); signed != 1 || b.spent != 2 || len(b.refused) != 1 {
		t.Errorf("%d signed, %+v", signed, b)
	}
}

// TestLateAnswers: an answer that came twice is not taken for the next one, and a
// recorder that numbers its answers in its own way is understood all the same.
func TestLateAnswers(t *testing.T) {
	t.Parallel()
	n := 0
	late := &peer{rpc: map[string]func(call) string{"global.getCurrentTime": func(call) string {
		if n++; n == 1 {
			return `{"id":1,"result":true,"params":{"time":"2000-01-01 00:00:00"}}`
		}
		return `{"id":$ID,"result":true,"params":{"time":"2026-01-02 03:04:05"}}`
	}}}
	own := &peer{rpc: map[string]func(call) string{"global.getCurrentTime": says(`{"id":1,"result":true,"params":{"time":"2026-01-02 03:04:05"}}`)}}
	for _, p := range []*peer{late, own} {
		s, _ := opened(t, p, false)
		for range 2 {
			if now, err := s.Clock(t.Context()); err != nil || now.Format(stampForm) != "2026-01-02 03:04:05" {
				t.Errorf("%v: %v", now, err)
			}
		}
	}
	if own.next() != 3 || n != 3 {
		t.Errorf("asked %d and %d times", own.next(), n)
	}
}

// next counts the calls for the clock.
func (p *peer) next() (n int) {
	for _, m := range p.methods() {
		if m == "global.getCurrentTime" {
			n++
		}
	}
	return n
}
