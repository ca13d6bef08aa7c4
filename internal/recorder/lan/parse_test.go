package lan

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseQuery(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]query{
		"":                            {},
		"action=a&b=c=d&e":            {"action": "a", "b": "c=d", "e": ""},
		"x%5B0%5D=%20y+z&&":           {"x[0]": " y z"},
		"a;b=1":                       {"a;b": "1"},
		"a=1&a=2":                     nil,
		"a=%4":                        nil,
		"=1":                          nil,
		strings.Repeat("&a=1", 2)[1:]: nil,
	} {
		got, err := parseQuery(raw)
		if (want == nil) != (err != nil) || (want != nil && !maps.Equal(got, want)) {
			t.Errorf("%q: %v, %v", raw, got, err)
		}
	}
}

// The published example of RFC 2617 section 3.5.
func TestDigestVector(t *testing.T) {
	t.Parallel()
	c, err := parseDigest(`Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",` +
		` uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"`)
	must(t, err)
	ha1 := md5Hex("Mufasa:testrealm@host.com:Circle Of Life")
	s := scheme{qop: true}
	if !c.uses(s) || !c.proves(s, ha1, "GET") || c.proves(s, ha1, "POST") || c.proves(s, md5Hex("x"), "GET") || c.count() != 1 {
		t.Errorf("%+v", c)
	}
}

func TestParseDigest(t *testing.T) {
	t.Parallel()
	const r = `response="6629fae49393a05397450978507c4ef1"`
	c, err := parseDigest(`digest  username="a \"b\" \\c",nonce=n , uri="/x,y" ,` + r + `,algorithm="md5", unknown=1`)
	if err != nil || c.username != `a "b" \c` || c.nonce != "n" || c.uri != "/x,y" {
		t.Errorf("%+v %v", c, err)
	}
	for _, bad := range []string{
		"", "Digest", "Digest ", "Basic x", `Digest username="a"`, `Digest username="a, nonce=n, uri="/", ` + r,
		`Digest username="a" nonce="n", uri="/", ` + r, `Digest username="a", nonce="n", uri="/", response="00"`,
		`Digest username="a", username="b", nonce="n", uri="/", ` + r, `Digest username="a\`,
		`Digest username="a", nonce="n", uri="/", ` + r + strings.Repeat(" ", maxAuthorization),
	} {
		if c, err := parseDigest(bad); err == nil {
			t.Errorf("%q gave %+v", bad, c)
		}
	}
}

func TestNonces(t *testing.T) {
	t.Parallel()
	now, closed := time.Unix(1, 0), 0
	n := newNonces(func() time.Time { return now })
	a := n.issue()
	if !n.fresh(a) || n.fresh(a[:len(a)-1]) || n.fresh("") || newNonces(n.now).fresh(a) {
		t.Error("fresh takes what it must not, or refuses its own")
	}
	n.keep(a, "admin", 1, func() { closed++ })
	if who, ok := n.use(a, 2, true); !ok || who != "admin" {
		t.Errorf("%q %v", who, ok)
	}
	for range maxProved {
		n.keep(n.issue(), "admin", 1, func() { closed++ })
	}
	if closed != 1 || len(n.proved) != maxProved {
		t.Errorf("%d closed, %d kept", closed, len(n.proved))
	}
	now = now.Add(nonceLife)
	if n.fresh(a) {
		t.Error("an old nonce is fresh")
	}
	now = now.Add(1)
	n.tidy()
	if closed != 1+maxProved || len(n.proved) != 0 {
		t.Errorf("%d closed, %d kept", closed, len(n.proved))
	}
}

// A count is taken once, in whatever order the counts come in.
func TestCountsAreTakenOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := &provedNonce{highest: 1, window: 1}
		taken := map[uint64]bool{1: true}
		for _, nc := range rapid.SliceOf(rapid.Uint64Range(0, 200)).Draw(t, "counts") {
			tooOld := p.highest >= 64 && nc <= p.highest-64
			want := nc > 0 && !taken[nc] && !tooOld
			if p.book(nc) != want {
				t.Fatalf("count %d: not %v", nc, want)
			}
			taken[nc] = true
		}
	})
}

func TestTree(t *testing.T) {
	t.Parallel()
	flat := map[string]string{"Enable": "true", "a.b": "007", "a.c": "7", "l[1].x": "-1.5", "l[0].x": "", "m[0]": "1", "m[1]": "false"}
	tree, err := treeOf(flat)
	must(t, err)
	text, err := json.Marshal(tree)
	must(t, err)
	if string(text) != `{"Enable":true,"a":{"b":"007","c":7},"l":[{"x":""},{"x":-1.5}],"m":[1,false]}` {
		t.Errorf("%s", text)
	}
	back, err := flatten(tree)
	if err != nil || !reflect.DeepEqual(back, flat) {
		t.Errorf("%v %v", back, err)
	}
	for _, bad := range []map[string]string{{"a": "1", "a.b": "2"}, {"a[0]": "1", "a.b": "2"}, {"a[x]": "1"}, {"a[99999]": "1"}, {"a..b": "1"}, {"": "1"}, {strings.Repeat("a.", 20) + "b": "1"}} {
		if tree, err := treeOf(bad); !errors.Is(err, errTree) {
			t.Errorf("%v became %v", bad, tree)
		}
	}
}

func TestWantsChallenge(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Recovery.getChallenge", "recovery.cgi", "SupportCode.submit", "userManager.resetPassword", "/answer"} {
		if !wantsChallenge(name) {
			t.Errorf("%s is not noticed", name)
		}
	}
	for _, methods := range []map[string]method{sessionMethods, outsideMethods, loginMethods} {
		for name := range methods {
			if wantsChallenge(name) {
				t.Errorf("%s is answered and counted as an attack", name)
			}
		}
	}
	for module, actions := range cgiModules {
		for name := range actions {
			if wantsChallenge(module + "?" + name) {
				t.Errorf("%s %s is answered and counted as an attack", module, name)
			}
		}
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("action=findFile&condition.Channel=1&condition.StartTime=2026-9-8%200:0:0&condition.EndTime=2026-09-10%2000:00:00&condition.Types%5B0%5D=dav")
	f.Add("a=%zz&b[=1")
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseQuery(raw)
		if err != nil {
			return
		}
		if len(q) > maxParameters {
			t.Fatalf("%d parameters", len(q))
		}
		if c, err := cgiCondition(q); err == nil && c.channel < 1 {
			t.Fatalf("channel %d", c.channel)
		}
	})
}

func FuzzDigest(f *testing.F) {
	f.Add(`Digest username="a", realm="Login to x", nonce="n", uri="/", qop=auth, nc=00000001, cnonce="c", response="6629fae49393a05397450978507c4ef1"`)
	f.Add(`Digest username="a\"`)
	f.Fuzz(func(t *testing.T, header string) {
		if c, err := parseDigest(header); err == nil && (c.username == "" || len(c.response) != 32) {
			t.Fatalf("%+v", c)
		}
	})
}

func FuzzRPC(f *testing.F) {
	f.Add([]byte(`{"method":"global.login","params":{"userName":"admin"},"id":1,"session":"0"}`))
	f.Add([]byte(`{"method":"mediaFileFind.findFile","params":{"condition":{"Channel":0,"StartTime":"2026-09-08 00:00:00","EndTime":"2026-09-10 00:00:00"}},"object":1}`))
	f.Add([]byte(`{"method":"x","params":null,"session":17}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := parseRPC(body)
		if err != nil {
			return
		}
		if req.Method == "" {
			t.Fatal("no method")
		}
		_ = req.sessionID()
		if c, err := rpcCondition(req.Params); err == nil && c.channel < 1 {
			t.Fatalf("channel %d", c.channel)
		}
		var table any
		if (&rpcCall{req: req}).params(&table) == nil {
			_, _ = flatten(table)
		}
	})
}

// What is flattened comes back as the same tree, or not at all.
func FuzzTree(f *testing.F) {
	f.Add("a.b[0].c", "1", "a.b[1].c", "x")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		tree, err := treeOf(map[string]string{k1: v1, k2: v2})
		if err != nil {
			return
		}
		if _, err := flatten(tree); err != nil {
			t.Fatalf("%v does not flatten: %v", tree, err)
		}
	})
}
