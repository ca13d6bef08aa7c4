package onvif

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"rekey"
)

func secret(s string) rekey.Secret { return rekey.NewSecret(s) }

func TestSetPassword(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*peer{"token": {}, "digest": {wantDigest: true}, "both": {wantDigest: true, wantToken: true, offset: time.Hour}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, b := opened(t, p, true)
			if err := s.SetPassword(t.Context(), secret(testPassword), secret(newPassword)); err != nil {
				t.Fatal(err)
			}
			if p.users[0] != (peerUser{"admin", newPassword, "Administrator"}) || p.times("SetUser") != 1 || b.spent != 1 {
				t.Errorf("not set, or %d times; %+v", p.times("SetUser"), b)
			}
			// The session goes on with the new password, which is booked as a try of its own.
			if _, err := s.Accounts(t.Context()); err != nil || b.spent != 2 || b.given != 2 {
				t.Errorf("%v %+v", err, b)
			}
			if err := driver().Check(t.Context(), s.main.http.At(), loginOf("admin", newPassword), b); err != nil {
				t.Error(err)
			}
			var refused *rekey.LoginError
			if err := driver().Check(t.Context(), s.main.http.At(), loginOf("admin", testPassword), b); !errors.As(err, &refused) {
				t.Errorf("the old one: %v", err)
			}
		})
	}
}

func TestResetPasswordKeepsTheLevel(t *testing.T) {
	t.Parallel()
	p := &peer{}
	s, b := opened(t, p, true)
	if err := s.ResetPassword(t.Context(), "Guard", secret(newPassword)); err != nil {
		t.Fatal(err)
	}
	if p.users[1] != (peerUser{"guard", newPassword, "Operator"}) || p.users[0].password != testPassword || b.spent != 1 {
		t.Errorf("%+v", b)
	}
	if err := s.SetOwnPassword(t.Context(), rekey.InterfaceONVIF, "guard", rekey.Secret{}, secret(newPassword+"2")); err != nil || p.users[1].password != newPassword+"2" {
		t.Error(err)
	}
	if err := s.SetOwnPassword(t.Context(), rekey.InterfaceCGI, "guard", rekey.Secret{}, secret(newPassword)); !errors.Is(err, rekey.ErrUnsupported) {
		t.Error(err)
	}
}

func TestNothingIsSet(t *testing.T) {
	t.Parallel()
	p := &peer{users: []peerUser{{"admin", testPassword, "Administrator"}, {"Guard", "a", "User"}, {"gUARD", "a", "User"}, {"special", "a", "Extended"}}}
	p.answers = map[string]http.HandlerFunc{
		"GetServiceCapabilities":             p.says("GetServiceCapabilities", `<odd:Capabilities><odd:Security MaxPasswordLength="20" SecurityPolicies="ModifyPassword PasswordComplexity"/></odd:Capabilities>`),
		"GetPasswordComplexityConfiguration": p.says("GetPasswordComplexityConfiguration", `<odd:MinLen>8</odd:MinLen><odd:Uppercase>1</odd:Uppercase><odd:Number>2</odd:Number><odd:SpecialChars>1</odd:SpecialChars><odd:BlockUsernameOccurrence>true</odd:BlockUsernameOccurrence>`),
	}
	s, _ := opened(t, p, true)
	old := secret(testPassword)
	for name, err := range map[string]error{
		"empty old":      s.SetPassword(t.Context(), rekey.Secret{}, secret(newPassword)),
		"empty new":      s.SetPassword(t.Context(), old, rekey.Secret{}),
		"same":           s.SetPassword(t.Context(), old, old),
		"another old":    s.SetPassword(t.Context(), secret("other"), secret(newPassword)),
		"not ASCII":      s.SetPassword(t.Context(), old, secret("Pässwort-11")),
		"control":        s.SetPassword(t.Context(), old, secret("Pass\twort-11")),
		"blank at end":   s.SetPassword(t.Context(), old, secret("Password-11 ")),
		"short":          s.SetPassword(t.Context(), old, secret("Pw-11")),
		"long":           s.SetPassword(t.Context(), old, secret("Password-11"+strings.Repeat("x", 20))),
		"no capital":     s.SetPassword(t.Context(), old, secret("password-11")),
		"one digit":      s.SetPassword(t.Context(), old, secret("Password-1")),
		"no special":     s.SetPassword(t.Context(), old, secret("Password11")),
		"name in it":     s.SetPassword(t.Context(), old, secret("xADMIN-11")),
		"no account":     s.ResetPassword(t.Context(), "", secret(newPassword)),
		"own account":    s.ResetPassword(t.Context(), "ADMIN", secret(newPassword)),
		"empty reset":    s.ResetPassword(t.Context(), "Guard", rekey.Secret{}),
		"two of a name":  s.ResetPassword(t.Context(), "guard", secret("Password-11")),
		"unknown":        s.ResetPassword(t.Context(), "nobody", secret("Password-11")),
		"extended level": s.ResetPassword(t.Context(), "special", secret("Password-11")),
	} {
		want := rekey.ErrInput
		if name == "extended level" {
			want = rekey.ErrUnsupported
		}
		if !errors.Is(err, want) || errors.Is(err, rekey.ErrUnknown) || regexp.MustCompile(`[SWwt]or[dt]-?1|ADMIN-1|Pw-1`).MatchString(err.Error()) {
			t.Errorf("%s: %v", name, err)
		}
		if (name == "unknown" || name == "two of a name") != errors.Is(err, rekey.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p.times("SetUser") != 0 {
		t.Error("SetUser was sent")
	}
	rule, err := s.PasswordRule(t.Context())
	if err != nil || rule != (rekey.PasswordRule{Min: 8, Max: 20, Classes: 4}) {
		t.Errorf("%+v: %v", rule, err)
	}
}

// TestSetPasswordOutcomes: changed, unchanged or unknown; one request, and no
// further one with a login where nobody knows.
func TestSetPasswordOutcomes(t *testing.T) {
	t.Parallel()
	faults := func(status int, said string, codes ...string) func(p *peer) http.HandlerFunc {
		return func(p *peer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { p.fault(w, status, said, codes...) }
		}
	}
	raw := func(status int, body string) func(p *peer) http.HandlerFunc {
		return func(*peer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); fmt.Fprint(w, body) }
		}
	}
	for name, tc := range map[string]struct {
		by    func(p *peer) http.HandlerFunc
		kind  error
		words string
		after bool // the password was set all the same
	}{
		"too weak":          {by: faults(400, "Password is too weak: "+newPassword, "Sender", "OperationProhibited", "PasswordTooWeak"), kind: rekey.ErrInput, words: "capital"},
		"too weak, old way": {by: faults(200, "weak", "Sender", "OperationProhibited", "Password"), kind: rekey.ErrInput, words: "too weak"},
		"too long":          {by: faults(500, "long", "Sender", "OperationProhibited", "PasswordTooLong"), kind: rekey.ErrInput, words: "shorter"},
		"fixed":             {by: faults(400, "fixed", "Sender", "InvalidArgVal", "FixedUser"), kind: rekey.ErrUnsupported, words: "own screen"},
		"missing":           {by: faults(400, "missing", "Sender", "InvalidArgVal", "UsernameMissing"), kind: rekey.ErrInput, words: "no such account"},
		"anonymous":         {by: faults(400, "x", "Sender", "OperationProhibited", "AnonymousNotAllowed"), kind: rekey.ErrUnsupported},
		"no room":           {by: faults(400, "Too many clients "+newPassword, "Receiver", "Action"), kind: rekey.ErrUnknown, words: "arrives twice"},
		"token too old":     {by: faults(400, "x", "Sender", "MessageExpired"), kind: rekey.ErrUnknown},
		"prohibited":        {by: faults(400, "x", "Sender", "OperationProhibited"), kind: rekey.ErrDenied},
		"sender alone":      {by: faults(400, "x", "Sender"), kind: rekey.ErrDenied},
		"no right":          {by: faults(400, "Sender not authorized", "Sender", "NotAuthorized"), kind: rekey.ErrUnknown, words: "arrives twice"},
		"locked":            {by: faults(400, "locked for 5 minutes "+newPassword, "Sender", "NotAuthorized"), kind: rekey.ErrUnknown},
		"by HTTP":           {by: raw(401, "no"), kind: rekey.ErrUnknown},
		"not there":         {by: faults(500, "x", "Receiver", "ActionNotSupported"), kind: rekey.ErrUnsupported},
		"old SOAP":          {by: raw(500, `<E:Envelope><E:Body><E:Fault><faultcode>E:Client</faultcode><faultstring>no</faultstring></E:Fault></E:Body></E:Envelope>`), kind: rekey.ErrDenied},
		"receiver":          {by: faults(500, "Action failed, "+newPassword, "Receiver", "Action"), kind: rekey.ErrUnknown, words: "failed"},
		"no code":           {by: faults(500, "x"), kind: rekey.ErrUnknown},
		"no response in it": {by: raw(200, `<e:Envelope><e:Body/></e:Envelope>`), kind: rekey.ErrUnknown},
		"page":              {by: raw(200, "<html>"+newPassword), kind: rekey.ErrUnknown},
		"gone":              {by: raw(503, ""), kind: rekey.ErrUnknown},
		"half":              {by: raw(200, `<e:Envelope><e:Bo`), kind: rekey.ErrUnknown},
		"huge":              {by: raw(200, strings.Repeat(" ", 9<<20)), kind: rekey.ErrUnknown},
		"redirect": {by: func(*peer) http.HandlerFunc {
			return http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect).ServeHTTP
		}, kind: rekey.ErrUnknown},
		"cut before": {by: func(*peer) http.HandlerFunc { return cut }, kind: rekey.ErrUnknown},
		"cut after": {by: func(p *peer) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { p.serve(devNull{}, reads(p.t, r)); cut(w, r) }
		}, kind: rekey.ErrUnknown, after: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{}
			p.answers = map[string]http.HandlerFunc{"SetUser": tc.by(p)}
			s, _ := opened(t, p, true)
			err := s.SetPassword(t.Context(), secret(testPassword), secret(newPassword))
			if !errors.Is(err, tc.kind) || errors.Is(err, rekey.ErrUnknown) != errors.Is(tc.kind, rekey.ErrUnknown) || !strings.Contains(err.Error(), tc.words) {
				t.Fatalf("%v, want %v", err, tc.kind)
			}
			for _, password := range []string{testPassword, newPassword, `N3w`, `]]>`} {
				if strings.Contains(err.Error(), password) {
					t.Error("a password is in the error")
				}
			}
			if tries, _ := p.counts(); p.times("SetUser") != 1 || (p.users[0].password == newPassword) != tc.after {
				t.Errorf("SetUser %d times of %d", p.times("SetUser"), tries)
			}
			if tc.kind != rekey.ErrUnknown {
				return
			}
			before, _ := p.counts()
			if _, err := s.Accounts(t.Context()); !errors.Is(err, rekey.ErrUnknown) {
				t.Errorf("goes on: %v", err)
			}
			if after, _ := p.counts(); after != before {
				t.Error("a login was sent although nobody knows which password is in force")
			}
		})
	}
}

// devNull takes an answer that is lost.
type devNull struct{}

func (devNull) Header() http.Header         { return http.Header{} }
func (devNull) Write(b []byte) (int, error) { return len(b), nil }
func (devNull) WriteHeader(int)             {}

func TestSlowSetUserIsUnknown(t *testing.T) {
	t.Parallel()
	p := &peer{}
	release := make(chan struct{})
	p.answers = map[string]http.HandlerFunc{"SetUser": func(http.ResponseWriter, *http.Request) { <-release }}
	s, _ := opened(t, p, true, func(d *Driver) { d.limits.Header = 10 * time.Second }) // for the other answers, too, on a busy machine
	err := s.SetPassword(t.Context(), secret(testPassword), secret(newPassword))
	close(release)
	if !errors.Is(err, rekey.ErrUnknown) {
		t.Error(err)
	}
}

// TestUnsentIsUnchanged: the recorder goes away just before.
func TestUnsentIsUnchanged(t *testing.T) {
	t.Parallel()
	p := &peer{}
	s, _ := opened(t, p, true)
	gone := p.listen.Listener
	p.answers = map[string]http.HandlerFunc{"GetUsers": func(w http.ResponseWriter, r *http.Request) {
		_ = gone.Close()
		p.serve(w, reads(t, r))
	}}
	err := s.SetPassword(t.Context(), secret(testPassword), secret(newPassword))
	if !errors.Is(err, rekey.ErrUnreachable) || errors.Is(err, rekey.ErrUnknown) || !strings.Contains(err.Error(), "nothing was changed") {
		t.Error(err)
	}
}

func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		p := &peer{}
		s, _ := opened(t, p, false)
		err := s.SetPassword(t.Context(), secret(testPassword), secret(newPassword))
		if !errors.Is(err, rekey.ErrRisk) || !strings.Contains(err.Error(), string(rekey.RiskClearPassword)) || p.times("SetUser") != 0 || p.users[0].password != testPassword {
			t.Error(err)
		}
	})
	t.Run("accepted", func(t *testing.T) {
		t.Parallel()
		p := &peer{clearOK: true}
		s, _ := opened(t, p, false, AcceptClearPassword())
		if err := s.SetPassword(t.Context(), secret(testPassword), secret(newPassword)); err != nil || p.users[0].password != newPassword {
			t.Error(err)
		}
	})
	t.Run("HTTPS beside it", func(t *testing.T) {
		t.Parallel()
		safe, p := &peer{}, &peer{}
		door := safe.start(t, true).Interfaces[0]
		p.answers = map[string]http.HandlerFunc{"GetNetworkProtocols": p.says("GetNetworkProtocols",
			fmt.Sprintf(`<odd:NetworkProtocols><sch:Name>HTTPS</sch:Name><sch:Enabled>true</sch:Enabled><sch:Port>%d</sch:Port></odd:NetworkProtocols>`, door.Port))}
		s, b := opened(t, p, false, AcceptClearPassword())
		if err := s.SetPassword(t.Context(), secret(testPassword), secret(newPassword)); err != nil || safe.users[0].password != newPassword || p.times("SetUser") != 0 {
			t.Error(err)
		}
		if b.spent != 2 || b.given != 2 {
			t.Errorf("%+v", b)
		}
	})
}

// TestWithout: what may be repeated of an answer to a request with a password.
func TestWithout(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"The new password is too short, (sorry).": "The new ... is too short, (sorry).",
		"bad value Correct-Horse9 given":          "bad value ... given",
		"correct HORSE":                           "",
		"":                                        "",
		"Q29ycmVjdC1Ib3JzZTkgcGFzc3dvcmQ=":        "",
	} {
		f := &fault{said: said, codes: []string{"Sender", "Correct-Horse9"}}
		f.without(secret("Correct-Horse9 password"))
		if f.said != want || len(f.codes) != 1 {
			t.Errorf("%q: %q %v", said, f.said, f.codes)
		}
	}
}
