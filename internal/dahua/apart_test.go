package dahua

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rekey"
	"rekey/internal/transport"
)

// A recorder that calls each nonce of its own an old one says nothing against the
// password: no refusal, but what was sent stays spent and nothing follows.
func TestEveryNonceIsOld(t *testing.T) {
	t.Parallel()
	signed := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			signed++
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Digest realm="%s", qop="auth", nonce="n%d", stale=true`, testRealm, signed))
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer s.Close()
	at, _ := identityAt(t, s.Listener.Addr().String(), false).Interface(rekey.InterfaceCGI)
	b := &book{}
	err := driver().Check(t.Context(), at, login(testPassword), b)
	var refused *rekey.LoginError
	if !errors.Is(err, rekey.ErrConflict) || errors.As(err, &refused) || !strings.Contains(err.Error(), adviceNonce) || b.spent != signed || b.given != 0 || len(b.refused) != 0 || signed > 2 {
		t.Errorf("%d signed, %+v: %v", signed, b, err)
	}
}

// TestChangedCertificate: the certificate that was met before is wanted at every
// door, and no password is sent to another one.
func TestChangedCertificate(t *testing.T) {
	t.Parallel()
	p := &peer{}
	id := p.start(t, true)
	const before = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	for i := range id.Interfaces {
		id.Interfaces[i].CertSHA256 = before
	}
	b := &book{}
	_, err := driver().Open(t.Context(), id, login(testPassword), b)
	for _, at := range id.Interfaces {
		err = errors.Join(err, driver().Check(t.Context(), at, login(testPassword), b))
	}
	var changed *transport.CertificateError
	if !errors.Is(err, rekey.ErrVerify) || !errors.As(err, &changed) || changed.Held != before || len(changed.Shown) != 64 || b.spent != 0 || len(p.calls)+len(p.asked) != 0 {
		t.Fatalf("%+v, %+v: %v", changed, b, err)
	}
	for _, w := range []string{before, changed.Shown, string(rekey.RiskNewCertificate), "no password was sent"} {
		if n := strings.Count(err.Error(), w); n != 3 {
			t.Errorf("%q stands %d times in %v", w, n, err)
		}
	}
}

// A certificate that changes in the middle ends it, before a password is sent at
// the CGI or after a change of the password.
func TestCertificateChangesInMidSession(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, noRPC := range []bool{false, true} {
		var shown atomic.Pointer[tls.Certificate]
		renew := func() {
			c := box{from: now.AddDate(-1, 0, 0), until: now.AddDate(1, 0, 0)}.certificate(t)
			shown.Store(&c)
		}
		renew()
		p := &peer{t: t, noRPC: noRPC, password: testPassword}
		server := httptest.NewUnstartedServer(p)
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return &tls.Config{Certificates: []tls.Certificate{*shown.Load()}, MinVersion: tls.VersionTLS12}, nil
		}}
		server.StartTLS()
		t.Cleanup(server.Close)
		b := &book{}
		opened, err := driver().Open(t.Context(), identityAt(t, server.Listener.Addr().String(), true), login(testPassword), b)
		if err != nil {
			t.Fatal(err)
		}
		s := opened.(*session)
		renew()
		_, before := p.spent()
		s.changedTo(rekey.NewSecret(newPassword)) // the next login at the CGI is a fresh one
		_, err = s.web(t.Context())
		var changed *transport.CertificateError
		if _, after := p.spent(); !errors.As(err, &changed) || !errors.Is(err, rekey.ErrVerify) || after != before || b.spent != 1 {
			t.Errorf("%t: %d signed, %+v: %v", noRPC, after-before, b, err)
		}
		s.release()
		if s.rpc != nil {
			s.rpc.http.Close()
		}
	}
}

// What is refused in mid-session says what to do, and is no refusal of a login.
func TestRefusedInMidSession(t *testing.T) {
	t.Parallel()
	for code, tc := range map[int]struct {
		kind  error
		words string
	}{
		codeBusy: {rekey.ErrConflict, adviceFull}, codeSessionLimit: {rekey.ErrConflict, adviceFull}, codeBlackList: {rekey.ErrLocked, "black list"},
		codeNotInitialised: {rekey.ErrConflict, adviceSetup}, codeNoSession: {rekey.ErrConflict, "log in again"}, codeLocked: {rekey.ErrLocked, ""},
	} {
		s, b := opened(t, &peer{rpc: map[string]func(call) string{"global.getCurrentTime": says(fmt.Sprintf(`{"id":$ID,"result":false,"error":{"code":%d}}`, code))}}, false)
		_, err := s.Clock(t.Context())
		if !errors.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.words) || b.spent != 1 || len(b.refused) != 0 {
			t.Errorf("%d: %+v: %v", code, b, err)
		}
	}
	away := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+strings.Split(r.Host, ":")[0]+"/", http.StatusFound)
	}
	s, _ := opened(t, &peer{raw: map[string]http.HandlerFunc{"global.getCurrentTime": away}}, false)
	if _, err := s.Clock(t.Context()); !errors.Is(err, rekey.ErrUnreachable) || !strings.Contains(err.Error(), "run again with that address") {
		t.Error(err)
	}
}
