package transport

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/icholy/digest"

	"rekey"
)

// Vectors of RFC 7616 section 3.9.1, RFC 2617 section 3.5 and RFC 2069 section
// 2.4 with its erratum 749.
func TestDigestVectors(t *testing.T) {
	t.Parallel()
	const of7616 = `realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`
	const cnonce7616 = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
	const of2617 = `Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`
	for name, tc := range map[string]struct {
		challenge, cnonce, password, response string
	}{
		"MD5":     {"Digest " + of7616 + ", algorithm=MD5", cnonce7616, "Circle of Life", "8ca523f5e9506fed4657c9700eebdbec"},
		"SHA-256": {"Digest " + of7616 + ", algorithm=SHA-256", cnonce7616, "Circle of Life", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
		"2617":    {of2617 + `, qop="auth,auth-int"`, "0a4f113b", "Circle Of Life", "6629fae49393a05397450978507c4ef1"},
		"2069":    {of2617, "", "CircleOfLife", "1949323746fe6a43ef61f9606e7febea"},
	} {
		c, _, err := choose([]string{tc.challenge})
		if err != nil || c == nil {
			t.Fatalf("%s: %v", name, err)
		}
		a := asked{challenge: c}
		got, err := a.answer(rekey.Login{Account: "Mufasa", Password: rekey.NewSecret(tc.password)}, digest.Options{Method: "GET", URI: "/dir/index.html", Cnonce: tc.cnonce})
		if p := params(got); err != nil || p["response"] != tc.response || p["opaque"] != c.Opaque || p["uri"] != "/dir/index.html" {
			t.Errorf("%s: %s: %v", name, got, err)
		}
	}
}

func hex5(s string) string   { x := md5.Sum([]byte(s)); return hex.EncodeToString(x[:]) }
func hex256(s string) string { x := sha256.Sum256([]byte(s)); return hex.EncodeToString(x[:]) }

// right recomputes a response by hand from what was sent; the account and
// password are the server's.
func right(method, authorization, password string) bool {
	p := params(authorization)
	h := hex5
	if strings.HasPrefix(strings.ToUpper(p["algorithm"]), "SHA-256") {
		h = hex256
	}
	a1 := h("admin:" + p["realm"] + ":" + password)
	if strings.HasSuffix(strings.ToLower(p["algorithm"]), "-sess") {
		a1 = h(a1 + ":" + p["nonce"] + ":" + p["cnonce"])
	}
	a2 := h(method + ":" + p["uri"])
	if p["qop"] == "" {
		return p["nc"] == "" && p["cnonce"] == "" && p["response"] == h(a1+":"+p["nonce"]+":"+a2)
	}
	return p["qop"] == "auth" && p["response"] == h(a1+":"+p["nonce"]+":"+p["nc"]+":"+p["cnonce"]+":auth:"+a2)
}

// script answers request by request: what is sent signed is written down.
type script struct {
	ask func(n int) []string // the challenges of the nth 401, from 0
	ok  func(n int, authorization string, r *http.Request) bool

	mu       sync.Mutex
	signed   []string
	refusals int
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := r.Header.Get("Authorization")
	if a != "" {
		s.signed = append(s.signed, a)
		if s.ok(len(s.signed), a, r) {
			fmt.Fprint(w, "OK")
			return
		}
	}
	for _, c := range s.ask(s.refusals) {
		w.Header().Add("WWW-Authenticate", c)
	}
	s.refusals++
	w.WriteHeader(http.StatusUnauthorized)
}

// TestDigestVariants: whichever a recorder wants, it is answered once, right at
// the first, over the very text of the request line, and again with its nonce.
func TestDigestVariants(t *testing.T) {
	t.Parallel()
	const hashed = `realm="Login to 0ae5e3a55d6b36d0d35a0f5c751f450a"`
	for name, tc := range map[string]struct {
		asked     []string
		algorithm string
		qop       string
	}{
		"Dahua, no blanks":       {asked: []string{`Digest ` + hashed + `,qop="auth",nonce="xLD0t71u/NU96Y5o4OfW61qcO", opaque="", stale="false"`}, qop: "auth"},
		"no qop":                 {asked: []string{`Digest ` + hashed + `, nonce="c5cdebfb"`}},
		"no opaque, unquoted":    {asked: []string{`digest realm=abc , NONCE = n1 ,qop=auth`}, qop: "auth"},
		"SHA-256":                {asked: []string{`Digest ` + hashed + `,algorithm=SHA-256,qop="auth",nonce="n"`}, algorithm: "SHA-256", qop: "auth"},
		"quoted algorithm":       {asked: []string{`Digest ` + hashed + `,algorithm="SHA-256",qop="auth",nonce="n"`}, algorithm: "SHA-256", qop: "auth"},
		"lower case":             {asked: []string{`Digest ` + hashed + `,algorithm=sha-256,qop="AUTH",nonce="n"`}, algorithm: "sha-256", qop: "auth"},
		"MD5-sess":               {asked: []string{`Digest ` + hashed + `,algorithm=MD5-sess,qop="auth",nonce="n"`}, algorithm: "MD5-sess", qop: "auth"},
		"SHA-256-sess":           {asked: []string{`Digest ` + hashed + `,algorithm=SHA-256-sess,qop="auth,auth-int",nonce="n"`}, algorithm: "SHA-256-sess", qop: "auth"},
		"auth and auth-int":      {asked: []string{`Digest ` + hashed + `,qop="auth-int, auth",nonce="n"`}, qop: "auth"},
		"strongest of two lines": {asked: []string{`Digest ` + hashed + `,qop="auth",nonce="a",algorithm=MD5`, `Digest ` + hashed + `,qop="auth",nonce="b",algorithm=SHA-256`}, algorithm: "SHA-256", qop: "auth"},
		"strongest of one line":  {asked: []string{`Basic realm="Device_CGI", Digest ` + hashed + `,qop="auth",nonce="a", Digest ` + hashed + `,qop="auth",nonce="b",algorithm=SHA-256`}, algorithm: "SHA-256", qop: "auth"},
		"one that is known":      {asked: []string{`Digest ` + hashed + `,qop="auth",nonce="a",algorithm=TWO-KEYS`, `Negotiate abc=`, `Digest ` + hashed + `,qop="auth",nonce="b",algorithm=MD5`}, algorithm: "MD5", qop: "auth"},
		"quoted marks":           {asked: []string{`Digest realm="a \"b\", c\\d",qop="auth",nonce="n=,"`}, qop: "auth"},
		"Basic first":            {asked: []string{`Basic realm="x"`, `Digest ` + hashed + `,nonce="n"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const password = "p ä\"\\:+%ß"
			s := &script{ask: func(int) []string { return tc.asked }, ok: func(_ int, a string, r *http.Request) bool {
				p := params(a)
				if name == "quoted marks" { // read as it should be
					x := md5.Sum([]byte(`admin:a "b", c\d:` + password))
					h := hex.EncodeToString(x[:])
					return strings.Contains(a, `response="`+hex5(h+":n=,:"+between(a, "nc=", ",")+":"+between(a, `cnonce="`, `"`)+":auth:"+hex5("GET:"+r.RequestURI))+`"`)
				}
				return p["uri"] == r.RequestURI && right(r.Method, a, password)
			}}
			c := client(t, serve(t, s), Limits{})
			spent := 0
			d := admin(password, func() error { spent++; return nil })
			for range 2 {
				res, err := c.Do(t.Context(), Request{Path: EscapePath("/cgi-bin/x//mnt/[M]"), Query: Query("a[3]", "b c+d%"), Digest: d})
				if err != nil || res.Status != 200 {
					t.Fatalf("status %d: %v", res.Status, err)
				}
			}
			p := params(s.signed[0])
			if p["algorithm"] != tc.algorithm || p["qop"] != tc.qop || len(s.signed) != 2 || s.refusals != 1 || spent != 1 {
				t.Errorf("%d signed, %d challenges, %d spent: %s", len(s.signed), s.refusals, spent, s.signed[0])
			}
			if tc.algorithm == "MD5-sess" && params(s.signed[1])["cnonce"] != p["cnonce"] {
				t.Error("the session key changed within one nonce")
			}
		})
	}
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

// TestStale: a password is sent again for a nonce that was old, and booked again
// while it is not accepted; a recorder that says so of every password, or brings
// the same nonce again, gets no further one.
func TestStale(t *testing.T) {
	t.Parallel()
	with := func(nonce string, stale bool) []string {
		return []string{fmt.Sprintf(`Digest realm="r",qop="auth",nonce="%s",stale="%t"`, nonce, stale)}
	}
	for name, tc := range map[string]struct {
		ask    func(int) []string
		okAt   int // the signed request that is accepted; 0: none
		status int
		signed int
	}{
		"old once":     {func(n int) []string { return with(fmt.Sprint("n", n), n > 0) }, 2, 200, 2},
		"always old":   {func(n int) []string { return with(fmt.Sprint("n", n), n > 0) }, 0, 401, 2},
		"same nonce":   {func(n int) []string { return with("n", n > 0) }, 0, 401, 1},
		"a refusal":    {func(n int) []string { return with(fmt.Sprint("n", n), false) }, 0, 401, 1},
		"then no word": {func(n int) []string { return with(fmt.Sprint("n", n), n > 0)[:max(0, 1-n)] }, 0, 401, 1},
	} {
		s := &script{ask: tc.ask, ok: func(n int, _ string, _ *http.Request) bool { return n == tc.okAt }}
		spent := 0
		res, err := client(t, serve(t, s), Limits{}).Do(t.Context(), Request{Path: "/x", Digest: admin("p", func() error { spent++; return nil })})
		if err != nil || res.Status != tc.status || !res.Signed || len(s.signed) != tc.signed || spent != tc.signed {
			t.Errorf("%s: status %d, %d signed, %d spent: %v", name, res.Status, len(s.signed), spent, err)
		}
	}
}

// TestUnknownChallenges cost nothing: no password goes out and no try is booked.
func TestUnknownChallenges(t *testing.T) {
	t.Parallel()
	for name, asked := range map[string]string{
		"algorithm":           `Digest realm="r",nonce="n",qop="auth",algorithm=TWO-KEYS`,
		"protection":          `Digest realm="r",nonce="n",qop="auth-conf"`,
		"no nonce":            `Digest realm="r",qop="auth"`,
		"session without qop": `Digest realm="r",nonce="n",algorithm=MD5-sess`,
		"bytes of no text":    "Digest realm=\"r\xe9\",nonce=\"n\"",
		"digest and Basic":    `Digest realm="r",nonce="n",algorithm=TWO-KEYS, Basic realm="r"`,
	} {
		s := &script{ask: func(int) []string { return []string{asked} }}
		spent := 0
		d := admin("p", func() error { spent++; return nil })
		d.Basic = BasicInClear
		_, err := client(t, serve(t, s), Limits{}).Do(t.Context(), Request{Path: "/x", Digest: d})
		if !errors.Is(err, rekey.ErrUnsupported) || len(s.signed) != 0 || spent != 0 {
			t.Errorf("%s: %d signed, %d spent: %v", name, len(s.signed), spent, err)
		}
	}
}

// TestBasic is answered only where it was asked for by name, and in the clear
// only where that risk was accepted.
func TestBasic(t *testing.T) {
	t.Parallel()
	const password = "pä ss:w\"ord"
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:"+password))
	for name, tc := range map[string]struct {
		accepted Basic
		tls      bool
		kind     error
	}{
		"not asked for":      {BasicNever, true, rekey.ErrRisk},
		"in the clear":       {BasicNever, false, rekey.ErrRisk},
		"by TLS":             {BasicInClear, true, nil},
		"clear and accepted": {BasicInClear, false, nil},
	} {
		s := &script{ask: func(int) []string { return []string{`Basic realm="Device_CGI"`} }, ok: func(_ int, a string, _ *http.Request) bool { return a == want }}
		server := httptest.NewUnstartedServer(s)
		if tc.tls {
			server.StartTLS()
		} else {
			server.Start()
		}
		t.Cleanup(server.Close)
		i := at(t, server.Listener.Addr().String())
		i.TLS = tc.tls
		spent := 0
		d := admin(password, func() error { spent++; return nil })
		d.Basic = tc.accepted
		c := client(t, i, Limits{})
		for range 2 {
			res, err := c.Do(t.Context(), Request{Path: "/x", Digest: d})
			if !errors.Is(err, tc.kind) || (tc.kind == nil && res.Status != 200) {
				t.Errorf("%s: status %d: %v", name, res.Status, err)
			}
			if tc.kind != nil && (err == nil || strings.Contains(err.Error(), password)) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if sent := map[bool]int{true: 2}[tc.kind == nil]; len(s.signed) != sent || spent != sent/2 {
			t.Errorf("%s: %d signed, %d spent", name, len(s.signed), spent)
		}
	}
	var asked atomic.Int32
	i := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(401)
	}))
	d := admin("wrong", nil)
	d.Basic = BasicInClear
	if res, err := client(t, i, Limits{}).Do(t.Context(), Request{Path: "/x", Digest: d}); err != nil || res.Status != 401 || !res.Signed || asked.Load() != 2 {
		t.Errorf("a wrong one: status %d, %d requests: %v", res.Status, asked.Load(), err)
	}
	d.Login.Account = "a:b"
	if _, err := client(t, i, Limits{}).Do(t.Context(), Request{Path: "/x", Digest: d}); !errors.Is(err, rekey.ErrInput) || asked.Load() != 3 {
		t.Errorf("a colon in the name: %d requests: %v", asked.Load(), err)
	}
}

func TestChallengesTellWhoAsks(t *testing.T) {
	t.Parallel()
	got := fmt.Sprint(Challenges([]string{`Basic realm="Device_CGI", Digest realm="Login to X",nonce="n"`, `Digest realm="` + strings.Repeat("x", 300) + `"`, `NTLM`, `Digest realm=IP`}))
	if got != "[{basic Device_CGI} {digest Login to X} {digest IP}]" {
		t.Error(got)
	}
}

func FuzzChallenge(f *testing.F) {
	f.Add(`Digest realm="Login to 00",qop="auth",nonce="n", opaque="", stale="false"`)
	f.Add(`Digest realm="Login to XX00TEST", nonce="c5cd"`)
	f.Add(`Digest algorithm=SHA-256-sess, qop="auth,auth-int", nonce="a\"b", Basic realm=x`)
	f.Add(`Basic realm="Device_CGI"`)
	f.Add(`Digest "`)
	f.Add(strings.Repeat("Digest ,", 100))
	f.Fuzz(func(t *testing.T, header string) {
		d := admin("secret of the test", nil)
		_, ok, err := d.learn(http.Header{"Www-Authenticate": {header}}, true)
		if err != nil && !errors.Is(err, rekey.ErrUnsupported) && !errors.Is(err, rekey.ErrRisk) {
			t.Errorf("an error of no kind: %v", err)
		}
		_ = Challenges([]string{header})
		if !ok {
			return
		}
		req := httptest.NewRequest(http.MethodGet, "http://h/x?y", nil)
		a, err := d.sign(req, time.Now())
		if err != nil {
			t.Errorf("a challenge that was taken cannot be answered: %v", err)
		}
		if strings.Contains(a, "secret of the test") || strings.ContainsAny(a, "\r\n") {
			t.Error("the password itself, or a line end, is in the header")
		}
		if _, err := io.WriteString(io.Discard, a); err != nil {
			t.Error(err)
		}
	})
}
