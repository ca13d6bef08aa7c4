package lan

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
)

// faceRig starts a recorder of this face with the account admin.
func faceRig(t *testing.T, face recorder.Face) (*rig, login) {
	t.Helper()
	who := login{"admin", faceWords(face)[0]}
	return newRigOf(t, recorder.Config{Face: face, AdminPassword: rekey.NewSecret(who.password), Cameras: []recorder.Camera{{Address: "192.0.2.101"}, {Address: "192.0.2.102"}}}), who
}

// faceWords are passwords that fit the face's rule.
func faceWords(face recorder.Face) []string {
	if face == recorder.FaceLNR400 || face == recorder.FaceBasic2014 {
		return []string{"abc123", "next77", "wrong1"}
	}
	return []string{adminPassword, "Next-Passw0rd", "Wrong-Passw0rd"}
}

func hexOf(sum []byte) string { return hex.EncodeToString(sum) }

// answerTo makes the Authorization header that a challenge asks for, as the RFCs
// have it and without the code under test.
func answerTo(challenge string, who login, method, uri string) string {
	if strings.HasPrefix(challenge, "Basic ") {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(who.account+":"+who.password))
	}
	hash := func(s string) string { sum := md5.Sum([]byte(s)); return hexOf(sum[:]) }
	algorithm := ""
	if strings.Contains(challenge, "algorithm=SHA-256") {
		hash = func(s string) string { sum := sha256.Sum256([]byte(s)); return hexOf(sum[:]) }
		algorithm = ", algorithm=SHA-256"
	}
	realm, nonce := between(challenge, `realm="`, `"`), between(challenge, `nonce="`, `"`)
	ha1, ha2 := hash(who.account+":"+realm+":"+who.password), hash(method+":"+uri)
	head := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s"%s, `, who.account, realm, nonce, uri, algorithm)
	if strings.Contains(challenge, `qop="auth"`) {
		return head + fmt.Sprintf(`qop=auth, nc=00000001, cnonce="c0ffee", response="%s"`, hash(ha1+":"+nonce+":00000001:c0ffee:auth:"+ha2))
	}
	return head + fmt.Sprintf(`response="%s"`, hash(ha1+":"+nonce+":"+ha2))
}

// query asks CGI in whatever way it wants to be logged in.
func (g *rig) query(who login, base, uri string) answer {
	g.t.Helper()
	uri = "/cgi-bin/" + uri
	c := g.fetch(http.MethodGet, base+uri, "", "")
	if c.status != http.StatusUnauthorized {
		g.t.Fatalf("%s without a login: %d %q", uri, c.status, c.body)
	}
	return g.fetch(http.MethodGet, base+uri, answerTo(c.header.Get("WWW-Authenticate"), who, http.MethodGet, uri), "")
}

// rpcPeer is an RPC2 client that takes sessions as they come.
type rpcPeer struct {
	g       *rig
	session json.RawMessage
	cookie  string
}

// dialRPC logs in; a refusal is in the answer.
func (g *rig) dialRPC(who login) (*rpcPeer, rpcAnswer) {
	g.t.Helper()
	ask := func(session, password, encryption string) (rpcAnswer, string) {
		a := g.fetch(http.MethodPost, g.url("/RPC2_Login"), "", fmt.Sprintf(
			`{"method":"global.login","params":{"userName":%q,"password":%q,"clientType":"Web3.0","loginType":"Direct","authorityType":%q},"id":1,"session":%s}`,
			who.account, password, encryption, session))
		var r rpcAnswer
		must(g.t, json.Unmarshal([]byte(a.body), &r))
		return r, a.header.Get("Set-Cookie")
	}
	c, _ := ask("0", "", "")
	if c.Error.Code != 268632079 {
		return nil, c
	}
	hash := func(s string) string { sum := md5.Sum([]byte(s)); return strings.ToUpper(hexOf(sum[:])) }
	if c.text("encryption") == "DigestSHA256" {
		hash = func(s string) string { sum := sha256.Sum256([]byte(s)); return strings.ToUpper(hexOf(sum[:])) }
	}
	password := hash(who.account + ":" + c.text("random") + ":" + hash(who.account+":"+c.text("realm")+":"+who.password))
	r, cookie := ask(string(c.Session), password, c.text("encryption"))
	cookie, _, _ = strings.Cut(cookie, ";")
	return &rpcPeer{g, r.Session, cookie}, r
}

func (p *rpcPeer) callAt(url, method, params string, header ...string) rpcAnswer {
	p.g.t.Helper()
	a := p.g.fetch(http.MethodPost, url, "", fmt.Sprintf(`{"method":%q,"params":%s,"id":7,"session":%s}`, method, params, p.session), header...)
	var r rpcAnswer
	must(p.g.t, json.Unmarshal([]byte(a.body), &r))
	return r
}

func (p *rpcPeer) call(method, params string) rpcAnswer {
	return p.callAt(p.g.url("/RPC2"), method, params, "Cookie", p.cookie)
}

// sealed makes the envelope of a payload.
func (p *rpcPeer) sealed(payload string) string {
	p.g.t.Helper()
	pub := publicKey(p.g.t, p.call("Security.getEncryptInfo", "null").text("pub"))
	body, err := json.Marshal(wrap(p.g.t, pub, "RPAC-256", key32, payload))
	must(p.g.t, err)
	return string(body)
}

// The table of what each face answers, written from the facts and not from the
// table of the faces.
func TestDoorsOfEachFace(t *testing.T) {
	t.Parallel()
	for face, want := range map[recorder.Face]struct {
		challenge string // of CGI
		not       string
		right     int // CGI with the right password
		rpc       bool
		outside   bool // /OutsideCmd
		onvif     bool
		https     bool
		sdk       bool
	}{
		recorder.FaceN841:         {challenge: `qop="auth"`, not: "algorithm", right: 200, rpc: true, outside: true, onvif: true, https: true},
		recorder.FaceLNR400:       {challenge: `Digest realm="Login to `, not: "qop", right: 200, rpc: true},
		recorder.FaceD861:         {challenge: `qop="auth"`, not: "algorithm", right: 200, rpc: true, outside: true, onvif: true, sdk: true},
		recorder.FaceBaseline2:    {challenge: "algorithm=SHA-256", not: "MD5", right: 200, rpc: true, outside: true, onvif: true, https: true, sdk: true},
		recorder.FaceBrokenDigest: {challenge: `qop="auth"`, not: "algorithm", right: 401, rpc: true, outside: true, onvif: true, https: true},
		recorder.FaceBasic2014:    {challenge: `Basic realm="Device_CGI"`, not: "Digest", right: 200},
	} {
		t.Run(string(face), func(t *testing.T) {
			t.Parallel()
			g, who := faceRig(t, face)
			c := g.fetch(http.MethodGet, g.url("/cgi-bin/magicBox.cgi?action=getVendor"), "", "").header.Get("WWW-Authenticate")
			if !strings.Contains(c, want.challenge) || strings.Contains(c, want.not) {
				t.Errorf("challenge %q", c)
			}
			if a := g.query(who, g.url(""), "magicBox.cgi?action=getVendor"); a.status != want.right {
				t.Errorf("CGI with the right password: %d %q", a.status, a.body)
			}
			if a := g.query(login{"admin", faceWords(face)[2]}, g.url(""), "magicBox.cgi?action=getVendor"); a.status != 401 || a.body != "Invalid Authority!\r\n" {
				t.Errorf("CGI with a wrong password: %d %q", a.status, a.body)
			}
			for path, there := range map[string]bool{"/RPC2_Login": want.rpc, "/RPC2": want.rpc, "/OutsideCmd": want.outside, ONVIFPath: want.onvif} {
				if a := g.fetch(http.MethodPost, g.url(path), "", "{}"); (a.status != 404) != there {
					t.Errorf("%s: %d", path, a.status)
				}
			}
			if (g.l.HTTPS != nil) != want.https || (g.l.SDK != nil) != want.sdk {
				t.Errorf("HTTPS %v, SDK %v", g.l.HTTPS, g.l.SDK)
			}
			if a := g.dialRTSP().describe(who); a.status != 200 {
				t.Errorf("RTSP: %d", a.status)
			}
			version := g.query(who, g.url(""), "IntervideoManager.cgi?action=getVersion&Name=Onvif")
			if !g.box.Traits().CGI.Broken && (version.status == 200) != want.onvif {
				t.Errorf("asked for ONVIF: %d %q", version.status, version.body)
			}
			reply, err := (&lan{box: g.box, traits: g.box.Traits()}).announcement()
			must(t, err)
			if old := strings.Contains(string(reply), `"Init":0,`); old == want.outside {
				t.Errorf("discovery: %s", reply)
			}
		})
	}
}

func TestRPCLoginOfEachFace(t *testing.T) {
	t.Parallel()
	for _, face := range recorder.Faces() {
		if face == recorder.FaceBasic2014 {
			continue
		}
		t.Run(string(face), func(t *testing.T) {
			t.Parallel()
			g, who := faceRig(t, face)
			wrong := who
			wrong.password = faceWords(face)[2]
			_, refused := g.dialRPC(wrong)
			want := 268632085
			if face == recorder.FaceLNR400 {
				want = 268632071
			}
			if refused.Error.Code != want {
				t.Errorf("wrong password: %+v", refused)
			}
			ask := g.call("/RPC2_Login", `{"method":"global.login","params":{"userName":"admin","password":""},"id":1}`)
			if word := ask.text("encryption"); word != map[bool]string{true: "DigestSHA256", false: "Default"}[face == recorder.FaceBaseline2] {
				t.Errorf("encryption %q", word)
			}
			p, in := g.dialRPC(who)
			if string(in.Result) != "true" {
				t.Fatalf("right password: %+v", in)
			}
			if number := p.session[0] != '"'; number != (face == recorder.FaceLNR400) {
				t.Errorf("session %s", p.session)
			}
			if r := p.call("magicBox.getVendor", "null"); r.text("Vendor") != g.box.Info().Vendor || !bytes.Equal(r.Session, p.session) {
				t.Errorf("%+v", r)
			}
			bare := p.callAt(g.url("/RPC2"), "magicBox.getVendor", "null")
			if needs := bare.Error.Code == 287637505; needs != (face == recorder.FaceBaseline2) {
				t.Errorf("without the cookie: %+v", bare)
			}
			if r := p.call("global.logout", "null"); string(r.Result) != "true" {
				t.Errorf("logout: %+v", r)
			}
			if r := p.call("magicBox.getVendor", "null"); r.Error.Code != 287637505 {
				t.Errorf("after the logout: %+v", r)
			}
		})
	}
}

// How a password may be changed is what the faces differ in most.
func TestPasswordChangeOfEachFace(t *testing.T) {
	t.Parallel()
	const tls, plain = true, false
	for face, want := range map[recorder.Face]struct {
		cgi      map[bool]int // over TLS or not; 0 = cannot be tried
		live     bool         // modifyPasswordByManager in the live form
		manager  int          // and what it gets
		clear    int          // error of userManager.modifyPassword
		envelope bool
	}{
		recorder.FaceN841:         {cgi: map[bool]int{plain: 400, tls: 200}, manager: 200, clear: 611, envelope: true},
		recorder.FaceLNR400:       {cgi: map[bool]int{plain: 200}, manager: 200, clear: 268894210},
		recorder.FaceD861:         {cgi: map[bool]int{plain: 200}, live: true, manager: 200, clear: 611, envelope: true},
		recorder.FaceBaseline2:    {cgi: map[bool]int{plain: 400, tls: 400}, manager: 400, clear: 611, envelope: true},
		recorder.FaceBrokenDigest: {cgi: map[bool]int{}, clear: 611, envelope: true},
		recorder.FaceBasic2014:    {cgi: map[bool]int{plain: 200}, manager: 200},
	} {
		t.Run(string(face), func(t *testing.T) {
			t.Parallel()
			g, who := faceRig(t, face)
			words := faceWords(face)
			must(t, g.box.AddAccount("admin", rekey.Account{Name: "guest", Group: recorder.GroupUser}, rekey.NewSecret(words[0]), recorder.Client{}))
			now := who
			swap := func() { now.password = words[1-slices.Index(words, now.password)] }
			for secure, status := range want.cgi {
				base := g.url("")
				if secure {
					base = g.urls("")
				}
				next := words[1-slices.Index(words, now.password)]
				if a := g.query(now, base, "userManager.cgi?action=modifyPassword&name=admin&pwd="+next+"&pwdOld="+now.password); a.status != status {
					t.Errorf("CGI, TLS %v: %d %q", secure, a.status, a.body)
				}
				if status == 200 {
					swap()
				}
			}
			if want.manager != 0 {
				base := g.url("")
				if g.l.HTTPS != nil {
					base = g.urls("")
				}
				forms := map[bool]string{false: "name=guest", true: "accountType=0&userName=guest"}
				rest := "&pwd=" + words[1] + "&managerName=admin&managerPwd=" + now.password
				if a := g.query(now, base, "userManager.cgi?action=modifyPasswordByManager&"+forms[!want.live]+rest); a.status != 400 {
					t.Errorf("the other spelling: %d %q", a.status, a.body)
				}
				if a := g.query(now, base, "userManager.cgi?action=modifyPasswordByManager&"+forms[want.live]+rest); a.status != want.manager {
					t.Errorf("by a manager: %d %q", a.status, a.body)
				}
			}
			if want.clear == 0 {
				return
			}
			p, _ := g.dialRPC(now)
			if r := p.call("userManager.modifyPassword", `{"name":"admin","pwd":"`+words[1]+`","pwdOld":"`+now.password+`"}`); r.Error.Code != want.clear {
				t.Errorf("readable on RPC2: %+v", r)
			}
			if !want.envelope {
				if r := p.call("Security.getEncryptInfo", "null"); r.Error.Code != 268894210 {
					t.Errorf("an envelope: %+v", r)
				}
				return
			}
			old := now
			swap()
			if r := p.call("Security.modifyPasswordPlain", p.sealed(`{"name":"admin","pwd":"`+now.password+`","pwdOld":"`+old.password+`"}`)); string(r.Result) != "true" {
				t.Errorf("in the envelope: %+v", r)
			}
			if _, r := g.dialRPC(now); string(r.Result) != "true" {
				t.Errorf("the new password: %+v", r)
			}
			if _, r := g.dialRPC(old); r.Error.Code != 268632085 {
				t.Errorf("the old password: %+v", r)
			}
		})
	}
}

// A refused digest of the broken CGI counts, though the password was right.
func TestBrokenDigestCounts(t *testing.T) {
	t.Parallel()
	g, who := faceRig(t, recorder.FaceBrokenDigest)
	for range 4 {
		if a := g.query(who, g.url(""), "magicBox.cgi?action=getVendor"); a.status != 401 {
			t.Fatalf("%d %q", a.status, a.body)
		}
	}
	wrong := who
	wrong.password = "Wrong-Passw0rd"
	if _, r := g.dialRPC(wrong); string(r.Params["remainLoginTimes"]) != "0" {
		t.Errorf("the fifth: %+v", r)
	}
	if _, r := g.dialRPC(who); r.Error.Code != 268632081 {
		t.Errorf("locked: %+v", r)
	}
}

func TestLockOfEachFace(t *testing.T) {
	t.Parallel()
	for face, tries := range map[recorder.Face]int{
		recorder.FaceN841: 5, recorder.FaceLNR400: 3, recorder.FaceD861: 10, recorder.FaceBaseline2: 5, recorder.FaceBasic2014: 5,
	} {
		t.Run(string(face), func(t *testing.T) {
			t.Parallel()
			g, who := faceRig(t, face)
			wrong := login{"admin", faceWords(face)[2]}
			for n := range tries {
				if a := g.query(wrong, g.url(""), "magicBox.cgi?action=getVendor"); a.status != 401 {
					t.Fatalf("try %d: %d %q", n+1, a.status, a.body)
				}
			}
			a := g.query(who, g.url(""), "magicBox.cgi?action=getVendor")
			if a.status != 403 || !strings.Contains(a.body, `"ErrorCode":268632081`) || !strings.Contains(a.body, `"RmLogin":0`) {
				t.Errorf("the right password after %d wrong ones: %d %q", tries, a.status, a.body)
			}
		})
	}
}

// Every login is in the recorder's own log, right or wrong, by every door, with
// address and kind of client, and both searches find it.
func TestEveryLoginIsInTheLog(t *testing.T) {
	t.Parallel()
	for _, face := range recorder.Faces() {
		t.Run(string(face), func(t *testing.T) {
			t.Parallel()
			g, who := faceRig(t, face)
			wrong := login{"admin", faceWords(face)[2]}
			want := map[string]bool{}
			note := func(client string, right bool) {
				kind := map[bool]string{true: "Login", false: "login.refused"}[right]
				want[kind+" "+client] = true
			}
			good := !g.box.Traits().CGI.Broken
			if g.query(wrong, g.url(""), "magicBox.cgi?action=getVendor"); true {
				note("CGI", false)
			}
			if g.query(who, g.url(""), "magicBox.cgi?action=getVendor"); good {
				note("CGI", true)
			}
			g.dialRTSP().describe(who)
			note("RTSP", true)
			g.dialRTSP().describe(wrong)
			note("RTSP", false)
			if g.box.Traits().ONVIF != recorder.ONVIFNone {
				g.onvif("<tds:GetUsers/>", who)
				g.onvif("<tds:GetUsers/>", wrong)
				note("ONVIF", true)
				note("ONVIF", false)
			}
			var peer *rpcPeer
			if g.box.Traits().RPC2.Offered {
				peer, _ = g.dialRPC(who)
				note("Web3.0", true)
			}
			const span = `StartTime":"2000-01-01 00:00:00","EndTime":"2099-01-01 00:00:00"`
			if peer != nil {
				r := peer.call("log.startFind", `{"condition":{"`+span+`,"Types":["Account"]}}`)
				items := peer.call("log.doSeekFind", fmt.Sprintf(`{"token":%s,"offset":0,"count":100}`, r.Params["token"]))
				found := string(items.Params["items"])
				for line := range want {
					kind, client, _ := strings.Cut(line, " ")
					if !strings.Contains(found, `"Type":"`+kind+`","User":"admin","Level":"Info","Detail":{"Address":"127.0.0.1","Type":"`+client+`"}`) {
						t.Errorf("RPC2 search: no %q in %s", line, found)
					}
				}
			}
			if !good {
				return
			}
			a := g.query(who, g.url(""), "log.cgi?action=startFind&condition.StartTime=2000-01-01%2000:00:00&condition.EndTime=2099-01-01%2000:00:00&condition.Type=Account")
			a = g.query(who, g.url(""), "log.cgi?action=doFind&count=100&token="+between(a.body, "token=", "\r"))
			for line := range want {
				kind, client, _ := strings.Cut(line, " ")
				if !strings.Contains(a.body, ".Type="+kind+"\r\n") || !strings.Contains(a.body, ".Detail.Type="+client+"\r\n") {
					t.Errorf("CGI search: no %q in %s", line, a.body)
				}
			}
		})
	}
}

// A client that sends its password with every request is one login.
func TestBasicIsOneLogin(t *testing.T) {
	t.Parallel()
	g, who := faceRig(t, recorder.FaceBasic2014)
	for range 5 {
		if a := g.query(who, g.url(""), "userManager.cgi?action=getActiveUserInfoAll"); strings.Count(a.body, ".ClientType=CGI") != 1 {
			t.Errorf("%d %q", a.status, a.body)
		}
	}
	if n := g.logged("login"); n != 1 {
		t.Errorf("%d logins in the log", n)
	}
	wrong := login{"admin", "wrong1"}
	if a := g.query(wrong, g.url(""), "magicBox.cgi?action=getVendor"); a.status != 401 || g.logged("login.refused") != 1 {
		t.Errorf("%d, %d refused", a.status, g.logged("login.refused"))
	}
}

func TestSDKPortIsOpenAndSilent(t *testing.T) {
	t.Parallel()
	g, _ := faceRig(t, recorder.FaceD861)
	table := g.query(login{"admin", adminPassword}, g.url(""), "configManager.cgi?action=getConfig&name=DVRIP").body
	_, port, _ := strings.Cut(g.l.SDK.Addr().String(), ":")
	if !strings.Contains(table, "TCPPort="+port+"\r\n") || !strings.Contains(table, "MaxConnections=20\r\n") {
		t.Errorf("%s, port %s", table, port)
	}
	c := &http.Client{Timeout: time.Minute}
	if res, err := c.Get("http://" + g.l.SDK.Addr().String()); err == nil {
		_ = res.Body.Close()
		t.Error("the SDK port speaks HTTP")
	}
}

// Mistakes of clients that the answer does not tell are in the security log.
func TestMistakesAreRecorded(t *testing.T) {
	t.Parallel()
	g, who := faceRig(t, recorder.FaceD861)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:"+who.password))
	if a := g.fetch(http.MethodGet, g.url("/cgi-bin/magicBox.cgi?action=getVendor"), basic, ""); a.status != 401 {
		t.Errorf("Basic to a digest door: %d", a.status)
	}
	g.query(who, g.url(""), "userManager.cgi?action=modifyPassword&name=admin&pwd=Next-Passw0rd&pwdOld="+who.password)
	if n := g.logged(EventMistake); n != 2 {
		t.Errorf("%d mistakes", n)
	}
	if n := g.logged("login.refused"); n != 0 {
		t.Errorf("%d refused logins", n)
	}
	g.keepsSecrets(faceWords(recorder.FaceD861)...)
}

// The published example of RFC 7616 section 3.9.1, in both algorithms, and the
// form of -sess beside it.
func TestDigestVectorsOfRFC7616(t *testing.T) {
	t.Parallel()
	for algorithm, response := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		c, err := parseDigest(`Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=` + algorithm +
			`, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="` +
			response + `", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`)
		must(t, err)
		s := scheme{algorithm: algorithm, qop: true}
		ha1 := s.hash("Mufasa:http-auth@example.org:Circle of Life")
		if !c.uses(s) || !c.proves(s, ha1, "GET") || c.proves(s, ha1, "PUT") {
			t.Errorf("%s does not fit", algorithm)
		}
		sess := scheme{algorithm: algorithm + "-sess", qop: true}
		if c.uses(sess) || c.proves(sess, ha1, "GET") {
			t.Errorf("%s fits its -sess form", algorithm)
		}
		c.algorithm = sess.algorithm
		c.response = s.hash(s.hash(ha1+":"+c.nonce+":"+c.cnonce) + ":" + c.nonce + ":" + c.nc + ":" + c.cnonce + ":auth:" + s.hash("GET:"+c.uri))
		if !c.uses(sess) || !c.proves(sess, ha1, "GET") {
			t.Errorf("%s does not fit", c.algorithm)
		}
	}
}
