package dahua

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"rekey"
)

// recorderKey is the RSA key of the scripted recorders.
var recorderKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	return key
})

func encryptInfoAnswer(key *rsa.PrivateKey, ciphers string) string {
	return fmt.Sprintf(`{"id":$ID,"result":true,"params":{"AESPadding":["ZERO","PKCS7"],"asymmetric":"RSA","cipher":[%s],"pub":"N:%X,E:010001","suggestedAsymmetric":"RSA"}}`, ciphers, key.N)
}

// unseal is the recorder's half of the envelope.
func unseal(t *testing.T, key *rsa.PrivateKey, raw json.RawMessage) (plain, name string) {
	t.Helper()
	var e struct{ Salt, Cipher, Content string }
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	salt, err := hex.DecodeString(e.Salt)
	if err != nil || strings.ToLower(e.Salt) != e.Salt {
		t.Fatalf("salt %q: %v", e.Salt, err)
	}
	k, err := rsa.DecryptPKCS1v15(nil, key, salt) //nolint:staticcheck // the protocol's form
	if err != nil || k[0] == '0' || strings.Trim(string(k), "0123456789") != "" {
		t.Fatalf("one-time key: %v", err)
	}
	content, err := base64.StdEncoding.DecodeString(e.Content)
	if err != nil || len(content)%16 != 0 {
		t.Fatalf("content of %d bytes: %v", len(content), err)
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		t.Fatal(err)
	}
	if e.Cipher == "RPAC-256" {
		cipher.NewCBCDecrypter(block, []byte("0000000000000000")).CryptBlocks(content, content)
	} else {
		for i := 0; i < len(content); i += 16 {
			block.Decrypt(content[i:], content[i:])
		}
	}
	return string(bytes.TrimRight(content, "\x00")), e.Cipher
}

const newPassword = `n3w-<"&p@ss`

func TestSetPasswordByEnvelope(t *testing.T) {
	t.Parallel()
	for offered, want := range map[string]string{
		`"AES","RPAC"`: "RPAC-256", `"AES-128","RPAC-256"`: "RPAC-256", `"AES-128"`: "AES-128", `"AES"`: "AES-128",
	} {
		key := recorderKey()
		var plain, used string
		p := &peer{rpc: map[string]func(call) string{
			"Security.getEncryptInfo": says(encryptInfoAnswer(key, offered)),
			"Security.modifyPasswordPlain": func(c call) string {
				plain, used = unseal(t, key, c.Params)
				return `{"id":$ID,"result":true,"params":null}`
			},
		}}
		s, b := opened(t, p, false)
		if err := s.SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret(newPassword)); err != nil {
			t.Fatal(err)
		}
		if plain != `{"name":"admin","pwd":"n3w-<\"&p@ss","pwdOld":"`+testPassword+`"}` || used != want {
			t.Errorf("%s: %s under %s", offered, plain, used)
		}
		if _, signed := p.spent(); signed != 0 || b.spent != 1 || b.given != 1 {
			t.Errorf("%d signed, %+v", signed, b)
		}
	}
}

func TestSetPasswordOutcomes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer string
		kind   error
	}{
		"old is wrong":   {`{"result":false,"error":{"code":268632085,"message":"x"},"params":{"remainLoginTimes":3}}`, rekey.ErrUnknown},
		"locked":         {`{"result":false,"error":{"code":268632081,"message":"x"}}`, rekey.ErrUnknown},
		"policy":         {`{"result":false,"error":{"code":268894211,"message":"weak"}}`, rekey.ErrInput},
		"no right":       {`{"result":false,"error":{"code":285278249,"message":"Authority:check failure."}}`, rekey.ErrDenied},
		"session ended":  {`{"result":false,"error":{"code":287637505,"message":"x"}}`, rekey.ErrUnknown},
		"internal error": {`{"result":false,"error":{"code":268894212,"message":"x"}}`, rekey.ErrUnknown},
		"cut off":        {`{"result":tr`, rekey.ErrUnknown},
		"empty":          {` `, rekey.ErrUnknown},
		"only notified":  {`{ "NotifyMethod" : "1.2" }`, rekey.ErrUnknown},
		"huge":           {strings.Repeat(" ", 80<<10), rekey.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := recorderKey()
			p := &peer{rpc: map[string]func(call) string{
				"Security.getEncryptInfo": says(encryptInfoAnswer(key, `"RPAC-256"`)), "Security.modifyPasswordPlain": says(tc.answer)}}
			s, _ := opened(t, p, false)
			err := s.SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret(newPassword))
			if !errors.Is(err, tc.kind) || (tc.kind != rekey.ErrUnknown && errors.Is(err, rekey.ErrUnknown)) {
				t.Fatalf("%v, want %v", err, tc.kind)
			}
			if strings.Contains(err.Error(), newPassword) || strings.Contains(err.Error(), testPassword) {
				t.Error("a password is in the error")
			}
			changes := 0
			for _, m := range p.methods() {
				if m == "Security.modifyPasswordPlain" {
					changes++
				}
			}
			if changes != 1 {
				t.Errorf("asked for the change %d times", changes)
			}
			if tc.kind != rekey.ErrUnknown {
				return
			}
			// Which password is in force is open: no further login by this session.
			if _, err := s.web(t.Context()); !errors.Is(err, rekey.ErrUnknown) {
				t.Errorf("afterwards: %v", err)
			}
			if _, signed := p.spent(); signed != 0 {
				t.Errorf("%d signed requests", signed)
			}
		})
	}
}

func TestSetPasswordWithAnUnprovedOldOneIsBooked(t *testing.T) {
	t.Parallel()
	key := recorderKey()
	p := &peer{rpc: map[string]func(call) string{
		"Security.getEncryptInfo":      says(encryptInfoAnswer(key, `"RPAC-256"`)),
		"Security.modifyPasswordPlain": says(`{"result":false,"error":{"code":268632085,"message":"x"},"params":{"remainLoginTimes":3}}`)}}
	s, b := opened(t, p, false)
	err := s.SetPassword(t.Context(), rekey.NewSecret("guessed"), rekey.NewSecret(newPassword))
	if !errors.Is(err, rekey.ErrDenied) || b.spent != 2 || len(b.refused) != 1 || b.refused[0].TriesLeft != 3 {
		t.Fatalf("%+v: %v", b, err)
	}
}

func TestSetPasswordWithoutEnvelope(t *testing.T) {
	t.Parallel()
	const want = "userManager.cgi?action=modifyPassword&name=admin&pwd=n3w-%3C%22%26p%40ss&pwdOld=" + testPassword
	for name, tc := range map[string]struct {
		tls     bool
		options []Option
		answer  func(*http.Request) (int, string)
		kind    error
		sent    bool
	}{
		"HTTPS":             {tls: true, answer: body("OK\r\n"), sent: true},
		"HTTP":              {answer: body("OK\r\n"), kind: rekey.ErrRisk},
		"HTTP, accepted":    {options: []Option{AcceptClearPassword()}, answer: body("OK\r\n"), sent: true},
		"old is wrong":      {tls: true, answer: status(400, "Error\r\nBad Request!\r\n"), kind: rekey.ErrInput, sent: true},
		"200 Error":         {tls: true, answer: body("Error\r\n"), kind: rekey.ErrInput, sent: true},
		"weak":              {tls: true, answer: status(400, "Error\r\nPassword Too Weak!\r\n"), kind: rekey.ErrInput, sent: true},
		"a page":            {tls: true, answer: body("<html></html>"), kind: rekey.ErrUnknown, sent: true},
		"server error":      {tls: true, answer: status(500, ""), kind: rekey.ErrUnknown, sent: true},
		"broken off":        {tls: true, answer: func(*http.Request) (int, string) { panic(http.ErrAbortHandler) }, kind: rekey.ErrUnknown, sent: true},
		"refused with 401":  {tls: true, answer: status(401, ""), kind: rekey.ErrUnknown, sent: true},
		"no login, it says": {tls: true, answer: status(400, "Error\r\nInvalid Authority!\r\n"), kind: rekey.ErrDenied, sent: true},
		"too many":          {tls: true, answer: status(403, `{"ErrorCode":268632075}`), kind: rekey.ErrUnknown, sent: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{cgi: map[string]func(*http.Request) (int, string){"modifyPassword": tc.answer}}
			s, b := opened(t, p, tc.tls, tc.options...)
			err := s.SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret(newPassword))
			if !errors.Is(err, tc.kind) {
				t.Fatalf("%v, want %v", err, tc.kind)
			}
			if tc.kind == rekey.ErrRisk && !strings.Contains(err.Error(), string(rekey.RiskClearPassword)) {
				t.Errorf("the risk is not named: %v", err)
			}
			sent := 0
			for _, q := range p.asked {
				if q == want {
					sent++
				}
			}
			if sent != map[bool]int{true: 1}[tc.sent] {
				t.Errorf("sent %d times: %q", sent, p.asked)
			}
			if counted := map[bool]int{true: 1}[name == "refused with 401"]; len(b.refused) != counted || b.spent != b.given+counted {
				t.Errorf("book %+v", b)
			}
		})
	}
}

// TestSecondArrivalOfAChange: the request arrives twice at a recorder that judges
// both before it changes anything, and only says that it does not like the second.
func TestSecondArrivalOfAChange(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]func(*http.Request) (int, string){
		"bad request": status(400, "Error\r\nBad Request!\r\n"), "bare error": body("Error\r\n"), "no words": status(400, ""),
		"no login": status(400, "Error\r\nInvalid Authority!\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{}
			p.cgi = map[string]func(*http.Request) (int, string){"modifyPassword": func(r *http.Request) (int, string) {
				p.mu.Lock()
				p.password = newPassword
				p.mu.Unlock()
				return second(r)
			}}
			s, b := opened(t, p, true)
			err := s.SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret(newPassword))
			if !errors.Is(err, rekey.ErrUnknown) || len(b.refused) != 1 || b.spent != b.given+1 {
				t.Errorf("book %+v: %v", b, err)
			}
		})
	}
}

func TestSetPasswordImpossible(t *testing.T) {
	t.Parallel()
	p := &peer{}
	s, _ := opened(t, p, true)
	before := len(p.methods())
	for _, pair := range [][2]string{{"", "x"}, {"x", ""}, {"same", "same"}} {
		if err := s.SetPassword(t.Context(), rekey.NewSecret(pair[0]), rekey.NewSecret(pair[1])); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%v", err)
		}
	}
	if err := s.ResetPassword(t.Context(), "Admin", rekey.NewSecret("x")); !errors.Is(err, rekey.ErrInput) {
		t.Errorf("own account: %v", err)
	}
	if len(p.methods()) != before || len(p.asked) != 0 {
		t.Error("something was sent")
	}
}

func TestResetPasswordSpellings(t *testing.T) {
	t.Parallel()
	first := "name=guard&pwd=x%20y&managerName=admin&managerPwd=" + testPassword
	second := "userName=guard&pwd=x%20y&managerName=admin&managerPwd=" + testPassword + "&accountType=0"
	bad := "Error\r\nBad Request!\r\n"
	for name, tc := range map[string]struct {
		first, second func(*http.Request) (int, string)
		kind          error
		want          []string
	}{
		"document form":        {first: body("OK\r\n"), want: []string{first}},
		"live form":            {first: status(400, bad), second: body("OK\r\n"), want: []string{first, second}},
		"neither":              {first: status(400, bad), second: status(400, bad), kind: rekey.ErrInput, want: []string{first, second}},
		"bare Error":           {first: body("Error\r\n"), kind: rekey.ErrInput, want: []string{first}},
		"unknown action":       {first: status(400, "Error\r\nErrorID=2, Detail=Invalid Request!\r\n"), kind: rekey.ErrUnsupported, want: []string{first}},
		"about the authority":  {first: status(400, "Error\r\nAuthorization Failed!\r\n"), kind: rekey.ErrDenied, want: []string{first}},
		"too weak":             {first: status(400, "Error\r\nPassword Too Weak!\r\n"), kind: rekey.ErrInput, want: []string{first}},
		"no right":             {first: status(403, "Authority:check failure.\r\n"), kind: rekey.ErrDenied, want: []string{first}},
		"locked":               {first: status(403, `{"ErrorCode":268632081,"RmLock":60,"RmLogin":0}`), kind: rekey.ErrUnknown, want: []string{first}},
		"manager is refused":   {first: status(401, ""), kind: rekey.ErrUnknown, want: []string{first}},
		"no answer":            {first: func(*http.Request) (int, string) { panic(http.ErrAbortHandler) }, kind: rekey.ErrUnknown, want: []string{first}},
		"not in this firmware": {first: status(501, ""), kind: rekey.ErrUnsupported, want: []string{first}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{cgi: map[string]func(*http.Request) (int, string){"modifyPasswordByManager": func(r *http.Request) (int, string) {
				if r.URL.Query().Has("userName") {
					return tc.second(r)
				}
				return tc.first(r)
			}}}
			s, _ := opened(t, p, true)
			if err := s.ResetPassword(t.Context(), "guard", rekey.NewSecret("x y")); !errors.Is(err, tc.kind) {
				t.Fatalf("%v, want %v", err, tc.kind)
			}
			var got []string
			for _, q := range p.asked {
				if rest, is := strings.CutPrefix(q, "userManager.cgi?action=modifyPasswordByManager&"); is {
					got = append(got, rest)
				}
			}
			if strings.Join(got, "\n") != strings.Join(tc.want, "\n") {
				t.Errorf("sent %q, want %q", got, tc.want)
			}
		})
	}
}

func TestResetPasswordNeedsHTTPS(t *testing.T) {
	t.Parallel()
	off := &tables{read: map[string]string{"Https": `{"Enable":false,"Port":443}`}}
	p := &peer{rpc: off.rpc()}
	s, _ := opened(t, p, false)
	if err := s.ResetPassword(t.Context(), "guard", rekey.NewSecret("x")); !errors.Is(err, rekey.ErrRisk) || len(p.asked) != 0 {
		t.Fatalf("%q: %v", p.asked, err)
	}
}

func TestSetPasswordBrokenOff(t *testing.T) {
	t.Parallel()
	abort := func(call) string { panic(http.ErrAbortHandler) }
	info := says(encryptInfoAnswer(recorderKey(), `"RPAC-256"`))
	for name, tc := range map[string]struct {
		info, change func(call) string
		kind         error
	}{
		"before the change": {abort, says(`{"result":true}`), rekey.ErrUnreachable},
		"in the change":     {info, abort, rekey.ErrUnknown},
	} {
		p := &peer{rpc: map[string]func(call) string{"Security.getEncryptInfo": tc.info, "Security.modifyPasswordPlain": tc.change}}
		s, _ := opened(t, p, false)
		err := s.SetPassword(t.Context(), rekey.NewSecret(testPassword), rekey.NewSecret(newPassword))
		if !errors.Is(err, tc.kind) || errors.Is(err, rekey.ErrUnknown) != (tc.kind == rekey.ErrUnknown) {
			t.Errorf("%s: %v, want %v", name, err, tc.kind)
		}
	}
}

// A session that came in by HTTP goes to the HTTPS door that the settings name.
func TestResetPasswordFindsHTTPS(t *testing.T) {
	t.Parallel()
	safe := &peer{cgi: map[string]func(*http.Request) (int, string){"modifyPasswordByManager": body("OK\r\n")}}
	door, _ := safe.start(t, true).Interface(rekey.InterfaceCGI)
	on := &tables{read: map[string]string{"Https": fmt.Sprintf(`{"Enable":true,"Port":%d}`, door.Port)}}
	p := &peer{rpc: on.rpc()}
	s, b := opened(t, p, false)
	if err := s.ResetPassword(t.Context(), "guard", rekey.NewSecret("x")); err != nil {
		t.Fatal(err)
	}
	if len(p.asked) != 0 || len(safe.asked) != 3 || b.spent != 2 || b.given != 2 {
		t.Errorf("plain %q, encrypted %q, %+v", p.asked, safe.asked, b)
	}
}

func FuzzEncryptInfo(f *testing.F) {
	f.Add("N:00C5,E:010001", "RPAC-256")
	f.Add("N:"+strings.Repeat("f", 256)+",E:010001", "AES")
	f.Add("E:1,N:2", "")
	f.Fuzz(func(t *testing.T, pub, name string) {
		e, err := encryptInfo{Pub: pub, Cipher: []string{name}}.seal(map[string]string{"pwd": "fuzzed secret"}, rand.Reader)
		if err != nil {
			if !errors.Is(err, rekey.ErrUnsupported) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		if strings.Contains(e.Content+e.Salt, "fuzzed secret") {
			t.Error("not encrypted")
		}
	})
}
