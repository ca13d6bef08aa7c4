package rtsp

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"regexp"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/transport"
)

var parameter = regexp.MustCompile(`(\w+)="?([^",]*)"?`)

// right recomputes the response by hand from what was sent.
func right(authorization, method, password string) bool {
	p := map[string]string{}
	for _, m := range parameter.FindAllStringSubmatch(authorization, -1) {
		p[m[1]] = m[2]
	}
	h := func(s string) string { x := md5.Sum([]byte(s)); return hex.EncodeToString(x[:]) }
	if strings.HasPrefix(p["algorithm"], "SHA-256") {
		h = func(s string) string { x := sha256.Sum256([]byte(s)); return hex.EncodeToString(x[:]) }
	}
	a1 := h("admin:" + p["realm"] + ":" + password)
	if strings.HasSuffix(p["algorithm"], "-sess") {
		a1 = h(a1 + ":" + p["nonce"] + ":" + p["cnonce"])
	}
	middle := ":"
	if p["qop"] != "" {
		middle = ":" + p["nc"] + ":" + p["cnonce"] + ":" + p["qop"] + ":"
	}
	return p["response"] == h(a1+":"+p["nonce"]+middle+h(method+":"+p["uri"]))
}

// digests is a port that wants what is given, answer by answer, and knows the password.
type digests struct {
	password string
	asks     []string // the challenges of each 401 in their order; the last one stays
	signed   []string
	asked    int
}

func (d *digests) answer(line, authorization string) string {
	if authorization != "" {
		d.signed = append(d.signed, authorization)
		f := strings.Fields(line)
		basic := authorization == "Basic "+base64.StdEncoding.EncodeToString([]byte("admin:"+d.password))
		stale := d.asked < len(d.asks)
		if !stale && (basic || (strings.Contains(authorization, `uri="`+f[1]+`"`) && right(authorization, f[0], d.password))) {
			return described
		}
	}
	ask := d.asks[min(d.asked, len(d.asks)-1)]
	d.asked++
	return "RTSP/1.0 401 Unauthorized\r\nCSeq: $SEQ\r\n" + ask + "\r\n"
}

func TestVariants(t *testing.T) {
	t.Parallel()
	const head = "WWW-Authenticate: "
	for name, tc := range map[string]struct {
		asks   []string
		basic  transport.Basic
		kind   error
		signed int
	}{
		"no qop":         {asks: []string{head + `Digest realm="Login to X",nonce="n"` + "\r\n"}, signed: 1},
		"qop":            {asks: []string{head + `Digest realm="Login to X", qop="auth,auth-int", nonce="n", opaque=""` + "\r\n"}, signed: 1},
		"strongest":      {asks: []string{head + `Digest realm="X", nonce="n"` + "\r\n" + head + `Digest realm="X", nonce="m", algorithm=SHA-256, qop="auth"` + "\r\n"}, signed: 1},
		"session":        {asks: []string{head + `Digest realm="X", nonce="m", algorithm=SHA-256-sess, qop="auth"` + "\r\n"}, signed: 1},
		"Basic first":    {asks: []string{head + `Basic realm="X"` + "\r\n" + head + `Digest realm="X", nonce="m"` + "\r\n"}, basic: transport.BasicInClear, signed: 1},
		"old nonce":      {asks: []string{head + `Digest realm="X", nonce="n"` + "\r\n", head + `Digest realm="X", nonce="m", stale=true` + "\r\n"}, signed: 2},
		"always old":     {asks: []string{head + `Digest realm="X", nonce="1"` + "\r\n", head + `Digest realm="X", nonce="2", stale=true` + "\r\n", head + `Digest realm="X", nonce="3", stale=true` + "\r\n"}, kind: rekey.ErrDenied, signed: 2},
		"same nonce":     {asks: []string{head + `Digest realm="X", nonce="1"` + "\r\n", head + `Digest realm="X", nonce="1", stale=true` + "\r\n"}, kind: rekey.ErrDenied, signed: 1},
		"Basic alone":    {asks: []string{head + `Basic realm="X"` + "\r\n"}, kind: rekey.ErrRisk},
		"Basic accepted": {asks: []string{head + `Basic realm="X"` + "\r\n"}, basic: transport.BasicInClear, signed: 1},
		"unknown":        {asks: []string{head + `Digest realm="X", nonce="1", algorithm=TWO-KEYS` + "\r\n"}, kind: rekey.ErrUnsupported},
	} {
		for _, password := range []string{"right", ` p"\:;&'ä ß€+%=<>/?#[]@|`, strings.Repeat("Aä1!", 16)} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				d := &digests{password: password, asks: tc.asks}
				p := &peer{says: d.answer}
				b := &book{}
				err := Checker{Basic: tc.basic}.Check(t.Context(), p.start(t), path, rekey.Login{Account: "admin", Password: rekey.NewSecret(password)}, b)
				p.mu.Lock()
				defer p.mu.Unlock()
				if !errors.Is(err, tc.kind) || len(d.signed) != tc.signed || b.spent != tc.signed || b.given+b.refused < min(tc.signed, 1) || (err == nil && b.given != b.spent) {
					t.Errorf("%d signed, %+v: %v", len(d.signed), b, err)
				}
			})
		}
	}
}

// TestSpecialAccounts: a name goes out as it is, or not at all.
func TestSpecialAccounts(t *testing.T) {
	t.Parallel()
	for account, want := range map[string]string{`O'Neil & Söhne`: `username="O'Neil & Söhne"`, `a"b\c`: `username="a\"b\\c"`, "ad\nmin": "", "ad\xffmin": "", "ad\u202emin": ""} {
		d := &digests{password: "right", asks: []string{"WWW-Authenticate: Digest realm=\"X\", nonce=\"n\"\r\n"}}
		p, b := &peer{says: d.answer}, &book{}
		err := Check(t.Context(), p.start(t), path, rekey.Login{Account: account, Password: rekey.NewSecret("right")}, b)
		p.mu.Lock()
		switch {
		case want == "" && (!errors.Is(err, rekey.ErrInput) || len(d.signed) != 0 || b.spent != 0):
			t.Errorf("%q: %v", account, err)
		case want != "" && (len(d.signed) != 1 || !strings.Contains(d.signed[0], want)):
			t.Errorf("%q: %q", account, d.signed)
		}
		p.mu.Unlock()
	}
}
