package dahua

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rekey"
)

// basicBox is firmware of 2014: CGI with the password itself, no RPC2.
type basicBox struct {
	digests bool // it offers a digest, too, which it does not take
	seen    []string
	set     string
}

func (b *basicBox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/cgi-bin/") {
		http.NotFound(w, r)
		return
	}
	a := r.Header.Get("Authorization")
	if a != "" {
		b.seen = append(b.seen, strings.Fields(a)[0])
	}
	if a != "Basic "+base64.StdEncoding.EncodeToString([]byte("admin:"+testPassword)) {
		if b.digests {
			w.Header().Add("WWW-Authenticate", `Digest realm="`+testRealm+`", qop="auth", nonce="abc"`)
		}
		w.Header().Add("WWW-Authenticate", `Basic realm="Device_CGI"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.URL.Query().Get("action") == "modifyPassword" {
		b.set = r.URL.Query().Get("pwd")
		_, _ = w.Write([]byte("OK\r\n"))
		return
	}
	_, _ = w.Write([]byte("result=2026-9-9 6:24:26\r\n"))
}

func TestBasicOnly(t *testing.T) {
	t.Parallel()
	both := []Option{AcceptBasic(), AcceptClearPassword()}
	for name, tc := range map[string]struct {
		box     basicBox
		options []Option
		open    error
		risk    rekey.Risk // of the refusal
		change  error
		signed  string
	}{
		"not accepted":        {open: rekey.ErrRisk, risk: rekey.RiskBasicLogin},
		"clear alone":         {options: []Option{AcceptClearPassword()}, open: rekey.ErrRisk, risk: rekey.RiskBasicLogin},
		"accepted":            {options: []Option{AcceptBasic()}, change: rekey.ErrRisk, risk: rekey.RiskClearPassword, signed: "Basic"},
		"accepted, and clear": {options: both, signed: "Basic"},
		"a digest is offered": {box: basicBox{digests: true}, options: both, open: rekey.ErrDenied, signed: "Digest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(&tc.box)
			t.Cleanup(server.Close)
			b := &book{}
			s, err := driver(tc.options...).Open(t.Context(), identityAt(t, server.Listener.Addr().String(), false), login(testPassword), b)
			if !errors.Is(err, tc.open) {
				t.Fatal(err)
			}
			if err == nil {
				_, failed := s.(rekey.ClockReader).Clock(t.Context())
				err = s.(rekey.PasswordSetter).SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret(newPassword))
				if failed = errors.Join(failed, s.Close(t.Context())); failed != nil || !errors.Is(err, tc.change) {
					t.Fatalf("%v; %v", failed, err)
				}
			}
			if tc.risk != "" && !strings.Contains(err.Error(), string(tc.risk)) {
				t.Errorf("it names no risk: %v", err)
			}
			if (tc.box.set == newPassword) != (err == nil) || b.spent != btoi(tc.signed != "") {
				t.Errorf("set %t, %+v: %v", tc.box.set != "", b, err)
			}
			for _, scheme := range tc.box.seen {
				if scheme != tc.signed {
					t.Errorf("sent %q", tc.box.seen)
				}
			}
		})
	}
}
