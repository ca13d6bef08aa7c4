package lan

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
)

// wrap makes an envelope as the facts describe it, without the code under test.
func wrap(t testing.TB, pub *rsa.PublicKey, name, key, payload string) envelope {
	t.Helper()
	//nolint:staticcheck // the protocol's padding
	salt, err := rsa.EncryptPKCS1v15(rand.Reader, pub, []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	b := []byte(payload)
	for len(b)%16 != 0 {
		b = append(b, 0)
	}
	if name == "RPAC-256" {
		cipher.NewCBCEncrypter(block, []byte("0000000000000000")).CryptBlocks(b, b)
	} else {
		for i := 0; i < len(b); i += 16 {
			block.Encrypt(b[i:], b[i:])
		}
	}
	return envelope{Salt: hex.EncodeToString(salt), Cipher: name, Content: base64.StdEncoding.EncodeToString(b)}
}

// publicKey reads the form N:<hex>,E:<hex>.
func publicKey(t *testing.T, pub string) *rsa.PublicKey {
	t.Helper()
	n, ok := new(big.Int).SetString(between(pub, "N:", ","), 16)
	e, ok2 := new(big.Int).SetString(between(pub, ",E:", ","), 16)
	if !ok || !ok2 || n.BitLen() != 2048 || e.Int64() != 65537 {
		t.Fatalf("public key %q", pub)
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}
}

var (
	key32 = "12345678901234567890123456789012"
	key16 = "9876543210987654"
)

func TestEncryptInfo(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	outside := g.call("/OutsideCmd", `{"method":"Security.getEncryptInfo","params":null,"id":1}`)
	inside := g.rpc(g.rpcLogin(admin()), "Security.getEncryptInfo", "null")
	if outside.text("pub") == "" || outside.text("pub") != inside.text("pub") || inside.text("asymmetric") != "RSA" ||
		!strings.HasSuffix(inside.text("pub"), ",E:010001") || string(inside.Params["cipher"]) != `["AES-128","RPAC-256"]` {
		t.Errorf("%+v", inside)
	}
}

func TestModifyPasswordPlain(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"RPAC-256": key32, "AES-128": key16} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, adminPassword)
			s := g.rpcLogin(admin())
			pub := publicKey(t, g.rpc(s, "Security.getEncryptInfo", "null").text("pub"))
			change := func(session, pwd, old string) rpcAnswer {
				body, err := json.Marshal(wrap(t, pub, name, key, fmt.Sprintf(`{"name":"admin","pwd":%q,"pwdOld":%q}`, pwd, old)))
				must(t, err)
				return g.rpc(session, "Security.modifyPasswordPlain", string(body))
			}
			if r := change(s, "short", adminPassword); r.Error.Code != 268894211 {
				t.Errorf("weak: %+v", r)
			}
			if r := change(s, "Next-Passw0rd", "Wrong-Passw0rd"); r.Error.Code != 268632085 || string(r.Params["remainLoginTimes"]) != "4" {
				t.Errorf("wrong old one: %+v", r)
			}
			r := change(s, "Next-Passw0rd", adminPassword)
			if string(r.Result) != "true" {
				t.Fatalf("change: %+v", r)
			}
			content, err := base64.StdEncoding.DecodeString(r.text("content"))
			must(t, err)
			if got := string(crypt(name, []byte(key), content, false)); strings.TrimRight(got, "\x00") != "{}" {
				t.Errorf("answer under the client's key: %q", got)
			}
			if r := change(s, "Third-Passw0rd", "Next-Passw0rd"); r.Error.Code != 287637505 {
				t.Errorf("the old session goes on: %+v", r)
			}
			g.rpcLogin(login{"admin", "Next-Passw0rd"})
		})
	}
}

func TestAddUserPlain(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	s := g.rpcLogin(admin())
	pub := publicKey(t, g.rpc(s, "Security.getEncryptInfo", "null").text("pub"))
	body, err := json.Marshal(wrap(t, pub, "RPAC-256", key32, `{"user":{"Name":"guest","Password":"Guest-Passw0rd","Group":"user","Memo":"for a visit"}}`))
	must(t, err)
	if r := g.rpc(s, "Security.addUserPlain", string(body)); string(r.Result) != "true" {
		t.Fatalf("%+v", r)
	}
	g.rpcLogin(login{"guest", "Guest-Passw0rd"})
}

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func TestBadEnvelopes(t *testing.T) {
	t.Parallel()
	key := testKey()
	good := wrap(t, &key.PublicKey, "RPAC-256", key32, `{"a":1}`)
	if payload, session, err := good.open(key); err != nil || string(payload) != `{"a":1}` || string(session) != key32 {
		t.Fatalf("the good one: %q %v", payload, err)
	}
	for name, change := range map[string]func(*envelope){
		"cipher":           func(e *envelope) { e.Cipher = "AES-256" },
		"other cipher":     func(e *envelope) { e.Cipher = "AES-128" },
		"salt no hex":      func(e *envelope) { e.Salt = "xyz" },
		"salt short":       func(e *envelope) { e.Salt = e.Salt[:len(e.Salt)-2] }, // of the end: its first byte may be zero
		"salt of zeros":    func(e *envelope) { e.Salt = strings.Repeat("0", len(e.Salt)) },
		"salt changed":     func(e *envelope) { e.Salt = another(e.Salt[:2]) + e.Salt[2:] },
		"content no text":  func(e *envelope) { e.Content = "!" },
		"content empty":    func(e *envelope) { e.Content = "" },
		"half a block":     func(e *envelope) { e.Content = base64.StdEncoding.EncodeToString([]byte("12345678")) },
		"content changed":  func(e *envelope) { e.Content = base64.StdEncoding.EncodeToString(make([]byte, 32)) },
		"key of 31 digits": func(e *envelope) { *e = wrapShort(t, &key.PublicKey) },
	} {
		e := good
		change(&e)
		if _, _, err := e.open(key); !errors.Is(err, errEnvelope) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// another is a byte in hex that is not this one.
func another(hexByte string) string {
	if hexByte == "00" {
		return "01"
	}
	return "00"
}

// wrapShort sends a key that is too short for the cipher.
func wrapShort(t *testing.T, pub *rsa.PublicKey) envelope {
	t.Helper()
	//nolint:staticcheck // the protocol's padding
	salt, err := rsa.EncryptPKCS1v15(rand.Reader, pub, []byte(key32[1:]))
	must(t, err)
	return envelope{Salt: hex.EncodeToString(salt), Cipher: "RPAC-256", Content: base64.StdEncoding.EncodeToString(make([]byte, 16))}
}

func FuzzEnvelope(f *testing.F) {
	key := testKey()
	good := wrap(f, &key.PublicKey, "RPAC-256", key32, `{"a":1}`)
	f.Add(good.Salt, good.Cipher, good.Content)
	f.Add("00", "AES-128", "AAAAAAAAAAAAAAAAAAAAAA==")
	f.Fuzz(func(t *testing.T, salt, name, content string) {
		payload, session, err := envelope{Salt: salt, Cipher: name, Content: content}.open(key)
		if err == nil && (!json.Valid(payload) || (len(session) != 16 && len(session) != 32)) {
			t.Fatalf("opened to %q under %d bytes", payload, len(session))
		}
	})
}
