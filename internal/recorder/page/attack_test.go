package page

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"rekey/internal/recorder"
)

// pages are all pages that need a log-in: what they need beside it.
var pages = []struct {
	method, path string
	admin        bool
	right        recorder.Right
}{
	{"GET", "/notices", false, ""},
	{"POST", "/notices", false, ""},
	{"GET", "/live", false, recorder.RightLive},
	{"GET", "/live/stream", false, recorder.RightLive},
	{"GET", "/live/still", false, recorder.RightLive},
	{"GET", "/recordings", false, recorder.RightPlayback},
	{"GET", "/recordings/play?name=x", false, recorder.RightPlayback},
	{"GET", "/recordings/file?name=x", false, recorder.RightPlayback},
	{"GET", "/recordings/download?name=x", false, recorder.RightBackup},
	{"GET", "/recordings/zip?camera=0&from=2026-09-01T00:00&to=2026-09-30T00:00", false, recorder.RightBackup},
	{"GET", "/settings", false, ""},
	{"GET", "/settings/info", false, ""},
	{"GET", "/settings/password", false, ""},
	{"POST", "/settings/password", false, ""},
	{"GET", "/settings/security", false, ""},
	{"POST", "/settings/security/phones", false, ""},
	{"GET", "/settings/security/on", false, ""},
	{"POST", "/settings/security/on", false, ""},
	{"POST", "/settings/security/confirm", false, ""},
	{"GET", "/settings/security/off", false, ""},
	{"POST", "/settings/security/off", false, ""},
	{"GET", "/settings/users", true, ""},
	{"GET", "/settings/users/invite", true, ""},
	{"POST", "/settings/users/invite", true, ""},
	{"GET", "/settings/users/admin/help", true, ""},
	{"POST", "/settings/users/admin/help", true, ""},
	{"GET", "/settings/users/admin/delete", true, ""},
	{"POST", "/settings/users/admin/delete", true, ""},
	{"GET", "/settings/services", true, ""},
	{"GET", "/settings/services/UPnP", true, ""},
	{"POST", "/settings/services/UPnP", true, ""},
	{"GET", "/settings/log", true, ""},
}

func bodyOf(method string) url.Values {
	if method == "POST" {
		return formOf("password", adminPassword)
	}
	return nil
}

// TestForcedBrowsing: without a log-in nothing, a user nothing of an admin's, and
// without a right nothing that needs it.
func TestForcedBrowsing(t *testing.T) {
	t.Parallel()
	n := owned(t)
	n.addUser(t, "ann", annPassword)
	stranger, ann := n.stranger(t), n.user(t, "ann", annPassword)
	person := n.stranger(t).stays()
	person.json = false
	for _, one := range pages {
		stranger.send(one.method, one.path, bodyOf(one.method)).want(401, "no_session")
		person.send(one.method, one.path, bodyOf(one.method))
		if one.method == "GET" && (person.got.status != 303 || person.got.header.Get("Location") != "/login") || one.method == "POST" && person.got.status != 401 {
			t.Errorf("%s %s by a person: %d to %q", one.method, one.path, person.got.status, person.got.header.Get("Location"))
		}
		if one.admin || one.right != "" {
			ann.send(one.method, one.path, bodyOf(one.method)).want(403, "denied")
		}
	}
	if _, open := n.box.ActivationCode("admin"); open {
		t.Error("a user made a code for the admin")
	}
	for right, path := range map[recorder.Right]string{recorder.RightLive: "/live/still", recorder.RightPlayback: "/recordings"} {
		must(t, n.box.ModifyAccount("admin", "ann", recorder.GroupUser, "", []recorder.Right{right}, recorder.Client{}))
		ann = n.user(t, "ann", annPassword)
		if ann.get(path); ann.got.status != 200 {
			t.Errorf("with the right %s: %d", right, ann.got.status)
		}
		ann.get("/recordings/download?name=x").want(403, "denied")
	}
	must(t, n.box.ModifyAccount("admin", "ann", recorder.GroupUser, "", []recorder.Right{recorder.RightBackup}, recorder.Client{}))
	ann = n.user(t, "ann", annPassword)
	ann.get("/recordings/download?name=x").want(403, "denied") // who may not see it may not take it away
}

// TestStolenCookie: a session that was copied is worth nothing after a change of
// the password, a log-out, or the user's deletion; nor are pictures under way.
func TestStolenCookie(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *bench, *person){
		"new password": func(t *testing.T, n *bench, _ *person) {
			must(t, n.box.SetPassword("ann", "ann", secretOf(annPassword), secretOf(freshPassword), recorder.AtSeat()))
		},
		"log out": func(_ *testing.T, _ *bench, p *person) { p.post("/logout") },
		"deleted": func(t *testing.T, n *bench, _ *person) {
			must(t, n.box.DeleteAccount("admin", "ann", recorder.AtSeat()))
		},
		"second factor": func(t *testing.T, n *bench, p *person) { n.switchOn(t, p, annPassword) },
		"right": func(t *testing.T, n *bench, _ *person) {
			must(t, n.box.ModifyAccount("admin", "ann", recorder.GroupUser, "", nil, recorder.Client{}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := owned(t)
			n.addUser(t, "ann", annPassword, recorder.RightLive)
			p := n.user(t, "ann", annPassword)
			thief := n.stranger(t)
			u, err := url.Parse(n.https)
			must(t, err)
			thief.http.Jar.SetCookies(u, secured(p.cookies()))
			thief.get("/live").want(200, "live")
			stream := thief.stream("/live/stream")
			end(t, n, p)
			if _, err := io.Copy(io.Discard, stream); err != nil {
				t.Errorf("the pictures do not end: %v", err)
			}
			if thief.get("/live"); thief.got.status != 401 && thief.got.status != 403 {
				t.Errorf("the thief still gets %d", thief.got.status)
			}
		})
	}
}

func secured(cookies []*http.Cookie) []*http.Cookie {
	for _, c := range cookies {
		c.Secure, c.Path = true, "/"
	}
	return cookies
}

// stream opens the moving pictures and reads the first one.
func (p *person) stream(path string) io.Reader {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 5*time.Minute)
	p.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", p.base+path, nil)
	must(p.t, err)
	res, err := p.http.Do(req)
	must(p.t, err)
	p.t.Cleanup(func() { _ = res.Body.Close() })
	in := bufio.NewReader(res.Body)
	for {
		line, err := in.ReadBytes('\n')
		must(p.t, err)
		if bytes.HasPrefix(line, []byte("Content-Type: image/jpeg")) {
			return in
		}
	}
}

// TestTooManyViewers: moving pictures are bounded, and given back.
func TestTooManyViewers(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.admin(t)
	for range maxViewers {
		p.stream("/live/stream?view=1")
	}
	p.get("/live/stream").want(429, "budget").says("stand still")
	if p.get("/live/still"); p.got.status != 200 {
		t.Errorf("a picture that stands still: %d", p.got.status)
	}
	n.off() // the recorder is switched off: all end
}

// TestCrossSite: no page answers a POST that another site's page sends.
func TestCrossSite(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.admin(t)
	for _, header := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
		{"Origin", "https://evil.example"},
		{"Origin", "null"},
		{"Origin", strings.Replace(n.https, "127.0.0.1", "127.0.0.2", 1)},
		{"Origin", "https://evil.example", "X-Forwarded-Host", "evil.example"},
	} {
		for _, one := range pages {
			if one.method == "POST" {
				p.send("POST", one.path, bodyOf("POST"), header...).want(403, "cross_origin")
			}
		}
		p.send("POST", "/login", formOf("account", "admin", "password", "Wrong-One-1"), header...).want(403, "cross_origin")
		p.send("POST", "/logout", formOf(), header...).want(403, "cross_origin")
	}
	if count := n.events(t); count["login.refused"] != 0 || count["service.off"] != 0 {
		t.Errorf("records: %v", count)
	}
	p.get("/settings").want(200, "settings")
	// Whoever follows a link from elsewhere brings no cookie (SameSite=Strict), and
	// nothing changes by GET: an override of the method is not heard.
	p.get("/logout", "X-HTTP-Method-Override", "POST").want(404, "not_found")
	p.send("GET", "/settings/services/UPnP?_method=POST&password="+adminPassword, nil, "X-HTTP-Method", "POST").want(200, "act")
	if table, _ := n.box.Table("UPnP"); table["Enable"] != "true" {
		t.Error("a GET switched a service")
	}
}

// TestHost: a name that is not the recorder's (DNS rebinding) gets nothing.
func TestHost(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.admin(t)
	port := n.https[strings.LastIndex(n.https, ":"):]
	for _, host := range []string{"evil.example" + port, "evil.example", "127.0.0.1.evil.example" + port, "localhost.evil.example", "nvr.evil.example", "com", "127.1" + port, "[::1].evil.example", " ", "a b"} {
		p.get("/settings", "Host", host)
		if p.got.status != 403 && p.got.status != 400 {
			t.Errorf("Host %q: %d", host, p.got.status)
		}
	}
	for _, host := range []string{"127.0.0.1" + port, "localhost" + port, "192.0.2.10", "[2001:db8::1]" + port, "NVR", "nvr.local" + port} {
		if p.get("/forgot", "Host", host); p.got.status != 200 {
			t.Errorf("Host %q: %d", host, p.got.status)
		}
	}
	p.get("/forgot", "Host", "127.0.0.1"+port, "X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example").want(200, "forgot")
}

// TestForwardedHeadersAreNotBelieved: an address is that of the connection, in
// the records and where tries are counted; and no header makes HTTP encrypted.
func TestForwardedHeadersAreNotBelieved(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.stranger(t)
	refused := 0
	for i := range triesAtOnce + 5 {
		p.send("POST", "/login", formOf("account", fmt.Sprintf("nobody%d", i), "password", "Wrong-One-1"), "X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i), "X-Real-IP", "198.51.100.1", "Forwarded", "for=198.51.100.1")
		if p.got.status == http.StatusTooManyRequests {
			refused++
			p.says("from your address")
		}
	}
	if refused < 4 {
		t.Errorf("%d of the tries were too many", refused)
	}
	n.pass(time.Minute)
	q := n.admin(t)
	if a := n.box.Active(); len(a) != 1 || a[0].Address != "127.0.0.1" {
		t.Errorf("active: %+v", a)
	}
	q.base = n.http
	if q.stays().get("/settings", "X-Forwarded-Proto", "https"); q.got.status != 302 {
		t.Errorf("plain HTTP: %d", q.got.status)
	}
}

// TestCookies: what was set before a log-in is worth nothing after it, and no
// cookie is worth what another one is.
func TestCookies(t *testing.T) {
	t.Parallel()
	n := owned(t)
	a, _ := n.switchOn(t, n.admin(t), adminPassword)
	n.pass(30 * time.Second)
	u, err := url.Parse(n.https)
	must(t, err)

	p := n.stranger(t)
	const planted = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	set := func(p *person, name, value string) {
		p.http.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}})
	}
	set(p, "__Host-rekey_page", planted)
	set(p, "__Host-rekey_page_half", planted)
	p.post("/login", "account", "admin", "password", adminPassword).want(200, "code")
	half := p.cookie("__Host-rekey_page_half")
	other := n.stranger(t)
	for _, name := range []string{"__Host-rekey_page", "__Host-rekey_page_door", "__Host-rekey_phone", "rekey_page", "__Host-rekey_seat", "rekey_seat_login"} {
		set(other, name, half)
		other.get("/settings").want(401, "no_session")
	}
	p.post("/login/code", "code", a.code(t, 0)).want(200, "live")
	session := p.cookie("__Host-rekey_page")
	if session == planted || session == half || session == "" {
		t.Error("an id from before the log-in was kept")
	}
	for _, name := range []string{"rekey_page", "__Host-rekey_page_half", "rekey_seat", "__Host-rekey_seat_login"} {
		set(other, name, session)
	}
	other.get("/settings").want(401, "no_session")
	other.post("/login/code", "code", a.code(t, 1)).want(409, "login")
	for _, junk := range []string{"", ".", "..", strings.Repeat("A", 4000), "a.b", "00.00", "%00", half + ".x"} {
		set(other, "__Host-rekey_phone", junk)
		other.get("/settings").want(401, "no_session")
	}
	res := p.got.header
	if strings.Contains(fmt.Sprint(res), "Strict-Transport-Security") {
		t.Error("HSTS over a certificate that nobody vouches for")
	}
}

func (p *person) cookie(name string) string {
	for _, c := range p.cookies() {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// TestSetCookies: how they are set.
func TestSetCookies(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.stranger(t).stays()
	p.post("/login", "account", "admin", "password", adminPassword, "keep", "on")
	set := p.got.header.Values("Set-Cookie")
	if p.got.status != 303 || len(set) != 2 {
		t.Fatalf("%d, %d cookies", p.got.status, len(set))
	}
	for _, c := range set {
		for _, part := range []string{"__Host-", "; Path=/", "HttpOnly", "Secure", "SameSite=Strict"} {
			if !strings.Contains(c, part) {
				t.Errorf("a cookie without %s", part)
			}
		}
		if strings.Contains(c, "Domain") {
			t.Error("a cookie for a domain")
		}
	}
}

// TestPaths: no spelling of a path leads past the log-in.
func TestPaths(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.stranger(t).stays()
	for _, path := range []string{
		"//settings", "/./settings", "/login/../settings", "/static/../settings", "/settings/", "/settings/users/..%2f..%2fsettings", "/%73ettings", "/settings%2f", "/settings%00", "/settings;x=1",
		"/SETTINGS", "/live/%2e%2e/settings/log", "/static/page.css/../../settings", "/static/../../identity.json", "/recordings//file", "/settings/users//help", "/settings/users/%2e%2e/help", "/login/../live/still",
	} {
		p.get(path)
		switch at := p.got.header.Get("Location"); {
		case p.got.status == 401 || p.got.status == 404 || p.got.status == 400:
		case p.got.status >= 301 && p.got.status <= 308 && strings.HasPrefix(at, "/"): // to the clean path, which asks for the log-in
		default:
			t.Errorf("%s: %d to %q: %.80s", path, p.got.status, at, p.got.body)
		}
	}
	for _, path := range []string{"/recovery", "/challenge", "/setup", "/enter", "/menu", "/info", "/label.pdf", "/panel", "/press", "/login/recovery", "/settings/challenge"} {
		p.get(path).want(404, "not_found")
		p.post(path, "account", "admin").want(404, "not_found")
	}
}

// TestHostileInput: what is typed as a name comes back harmless, and forges no
// line of the log.
func TestHostileInput(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.stranger(t)
	p.json = false
	for _, name := range []string{`<script>alert(1)</script>`, "admin\r\n2026-01-01 login ok", `"><img src=x onerror=alert(1)>`, "\u202enimda", "admin\x00", strings.Repeat("x", 5000), "../../admin"} {
		p.post("/login", "account", name, "password", "Wrong-One-1")
		if p.got.status != 403 {
			t.Errorf("%.20q: %d", name, p.got.status)
		}
		if strings.Contains(p.got.body, "<script>alert") || strings.Contains(p.got.body, "<img src=x") {
			t.Errorf("%.20q comes back as it is", name)
		}
	}
	n.pass(time.Minute)
	admin := n.admin(t)
	admin.json = false
	admin.get("/settings/log")
	for _, bad := range []string{"<script>alert", "<img src=x", "\r\n2026", "\u202e"} {
		if strings.Contains(admin.got.body, bad) {
			t.Errorf("the log page holds %q", bad)
		}
	}
	admin.says(`\r\n2026-01-01 login ok`)
	admin.json = true
	admin.post("/settings/users/invite", "name", `<b>"x"`, "group", "user", "password", adminPassword).want(400, "invite")
	admin.post("/settings/users/invite", "name", "bob", "group", "root", "password", adminPassword).want(400, "invite")
}

// TestHugeForms: a form is small. How long a body may take is for the server, which lan sets up.
func TestHugeForms(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.stranger(t)
	p.post("/login", "account", "admin", "password", strings.Repeat("x", maxForm)).want(413, "too_large")
	form := formOf()
	for i := range 3000 {
		form.Set(fmt.Sprintf("f%d", i), "")
	}
	form.Set("account", "admin")
	form.Set("password", adminPassword)
	if p.send("POST", "/login", form); p.got.status != 200 {
		t.Errorf("many fields: %d", p.got.status)
	}
}

// TestLimitsStayBounded: addresses without number take no memory without number.
func TestLimitsStayBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	l := newLimits(func() time.Time { return now })
	for i := range 3 * maxAddresses {
		l.allow(fmt.Sprintf("192.0.%d.%d", i/256, i%256))
	}
	if len(l.by) > maxAddresses {
		t.Errorf("%d addresses are kept", len(l.by))
	}
	now = now.Add(time.Minute)
	if !l.allow("198.51.100.1") {
		t.Error("a new address is refused although the others are long gone")
	}
	for range triesAtOnce {
		l.allow("2001:db8::1")
	}
	if l.allow("2001:db8::ffff:2") {
		t.Error("another address of the same network has tries of its own")
	}
	if !l.allow("2001:db8:0:1::1") {
		t.Error("another network has none")
	}
}
