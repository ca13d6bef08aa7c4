package dahua

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"rekey"
)

// TestLoginForms: each form of the second step goes out as it is wanted, and one
// that shows the password only where that was accepted by name. What is refused
// is refused before a try is booked.
func TestLoginForms(t *testing.T) {
	t.Parallel()
	const password = "pä <&>\"ss'1"
	sha := func(s string) string {
		x := sha256.Sum256([]byte(s))
		return strings.ToUpper(hex.EncodeToString(x[:]))
	}
	own := []Option{AcceptBasic()}
	clear := []Option{AcceptBasic(), AcceptClearPassword()}
	basic := base64.StdEncoding.EncodeToString([]byte("admin:" + password))
	for name, tc := range map[string]struct {
		form      string
		tls       bool
		options   []Option
		want      string
		loginType string
		kind      error
	}{
		"Default":                 {form: "Default", want: upperMD5("admin:1:" + upperMD5("admin:r:"+password))},
		"SHA-256":                 {form: "DigestSHA256", want: sha("admin:1:" + sha("admin:r:"+password))},
		"Basic":                   {form: "Basic", tls: true, kind: rekey.ErrRisk},
		"Basic, named, HTTP":      {form: "Basic", options: own, want: basic},
		"Basic, named, HTTPS":     {form: "Basic", tls: true, options: own, want: basic},
		"Basic, clear accepted":   {form: "Basic", options: clear, want: basic},
		"Basic, risk alone":       {form: "Basic", options: []Option{AcceptClearPassword()}, kind: rekey.ErrRisk},
		"WatchNet":                {form: "WatchNet", tls: true, kind: rekey.ErrRisk},
		"WatchNet, named, HTTPS":  {form: "WatchNet", tls: true, options: own, want: password, loginType: "WatchNet"},
		"OldDigest":               {form: "OldDigest", tls: true, options: clear, kind: rekey.ErrUnsupported},
		"no form":                 {form: "", tls: true, options: clear, kind: rekey.ErrUnsupported},
		"a form nobody knows yet": {form: "Plain2", tls: true, options: clear, kind: rekey.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told struct{ Password, AuthorityType, LoginType string }
			p := &peer{rpc: map[string]func(call) string{
				"first": says(strings.Replace(firstStep, "Default", tc.form, 1)),
				"second": func(c call) string {
					_ = json.Unmarshal(c.Params, &told)
					return `{"id":$ID,"result":true,"session":"second","params":{"keepAliveInterval":60}}`
				},
			}}
			at, _ := p.start(t, tc.tls).Interface(rekey.InterfaceRPC2)
			b := &book{}
			err := driver(tc.options...).Check(t.Context(), at, login(password), b)
			sent := map[bool]int{true: 1}[tc.kind == nil]
			if logins, signed := p.spent(); !errors.Is(err, tc.kind) || logins != sent || signed != 0 || b.spent != sent || b.given != sent {
				t.Fatalf("%d logins, %d signed, %+v: %v", logins, signed, b, err)
			}
			if tc.loginType == "" {
				tc.loginType = "Direct"
			}
			if tc.kind == nil && (told.Password != tc.want || told.AuthorityType != tc.form || told.LoginType != tc.loginType) {
				t.Errorf("%+v", told)
			}
			if tc.kind != nil && (err == nil || strings.Contains(err.Error(), password) || !strings.Contains(err.Error(), "password") && !strings.Contains(err.Error(), "hash")) {
				t.Errorf("the reason: %v", err)
			}
		})
	}
}

// Some firmware says 401, within its answer or as the HTTP status, where other
// firmware has a code for the challenge.
func TestChallengeAs401(t *testing.T) {
	t.Parallel()
	p := &peer{rpc: map[string]func(call) string{"first": says(fmt.Sprintf(
		`{"error":{"code":401,"message":"Unauthorized"},"id":$ID,"params":{"encryption":"Default","random":1172275829,"realm":"%s"},"result":false,"session":12}`, testRealm))}}
	s, b := opened(t, p, false)
	if s.rpc == nil || b.spent != 1 || b.given != 1 || string(p.calls[1].Session) != "12" {
		t.Errorf("%+v, session %s", b, p.calls[1].Session)
	}
}

// TestWhatCannotBeCarried is refused before anything is sent.
func TestWhatCannotBeCarried(t *testing.T) {
	t.Parallel()
	p := &peer{}
	id := p.start(t, true)
	for _, bad := range []string{"a\x00b", "a\nb", "tab\tin", "\xff\xfe", "del\x7f", strings.Repeat("x", longestText+1)} {
		for _, i := range append(id.Interfaces, rekey.Interface{Kind: rekey.InterfaceRTSP, Host: "127.0.0.1", Port: 1}) {
			for _, l := range []rekey.Login{login(bad), {Account: bad, Password: rekey.NewSecret("x")}} {
				if err := driver().Check(t.Context(), i, l, &book{}); !errors.Is(err, rekey.ErrInput) || strings.Contains(err.Error(), bad) {
					t.Errorf("%q at %s: %v", bad, i.Kind, err)
				}
			}
		}
	}
	if n := len(p.calls) + len(p.asked); n != 0 {
		t.Errorf("%d requests", n)
	}
	s, _ := opened(t, &peer{}, true)
	for _, err := range []error{
		s.SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret("a\x00b")), s.ResetPassword(t.Context(), "guard", rekey.NewSecret("a\nb")),
		s.SetOwnPassword(t.Context(), rekey.InterfaceONVIF, "admin", rekey.Secret{}, rekey.NewSecret("\xff")),
	} {
		if !errors.Is(err, rekey.ErrInput) {
			t.Error(err)
		}
	}
}

// hardPasswords are what is hard on one wire or another.
func hardPasswords() []string {
	return []string{
		` leading and trailing `, `"quotes'and\back`, `a&b=c;d:e+f%41#g?h/i`, `<tag>&amp;`, "Pässwörd-ß-€-密码-🔑", `{"pwd":"x"}`, strings.Repeat("Aä9!", 8),
	}
}

// TestPasswordsRoundTrip: what a recorder gets is what was meant, on each door
// and on each way on which a new password goes out.
func TestPasswordsRoundTrip(t *testing.T) {
	t.Parallel()
	for _, password := range hardPasswords() {
		p := &peer{password: password, cgi: map[string]func(*http.Request) (int, string){}}
		var set []string
		p.cgi["modifyPassword"] = func(r *http.Request) (int, string) {
			set = append(set, r.URL.Query().Get("pwd"))
			return 200, "OK\r\n"
		}
		p.cgi["modifyPasswordByManager"] = p.cgi["modifyPassword"]
		id := p.start(t, true)
		for _, i := range id.Interfaces {
			b := &book{}
			if err := driver().Check(t.Context(), i, login(password), b); err != nil || b.spent != 1 || b.given != 1 {
				t.Errorf("%q at %s: %+v: %v", password, i.Kind, b, err)
			}
		}
		s, err := driver().Open(t.Context(), id, login(password), &book{})
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(s.(rekey.PasswordResetter).ResetPassword(t.Context(), "guard", rekey.NewSecret(password)),
			s.(rekey.PasswordSetter).SetPassword(t.Context(), rekey.NewSecret(password), rekey.NewSecret(password+"2")), s.Close(t.Context()))
		if err != nil || strings.Join(set, "\n") != password+"\n"+password+"2" {
			t.Errorf("%q was set as %q: %v", password, set, err)
		}
	}
}

// The envelope carries them, too.
func TestPasswordsInTheEnvelope(t *testing.T) {
	t.Parallel()
	for _, password := range hardPasswords() {
		key := recorderKey()
		var told struct{ Name, Pwd, PwdOld string }
		p := &peer{rpc: map[string]func(call) string{
			"Security.getEncryptInfo": says(encryptInfoAnswer(key, `"RPAC-256"`)),
			"Security.modifyPasswordPlain": func(c call) string {
				plain, _ := unseal(t, key, c.Params)
				_ = json.Unmarshal([]byte(plain), &told)
				return `{"id":$ID,"result":true}`
			},
		}}
		s, _ := opened(t, p, false)
		if err := s.SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret(password)); err != nil || told.Pwd != password || told.PwdOld != testPassword {
			t.Errorf("%q arrived as %q: %v", password, told.Pwd, err)
		}
	}
}
