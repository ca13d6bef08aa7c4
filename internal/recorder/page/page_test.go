package page

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"rekey/internal/recorder"
)

func TestLogIn(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.stranger(t)
	p.get("/login").want(200, "login")
	p.post("/login", "account", "admin", "password", "").want(400, "login")
	p.post("/login", "account", "admin", "password", "Wrong-One-1").want(403, "login").says("4 tries left")
	p.post("/login", "account", "admin", "password", adminPassword).want(200, "live")
	active := n.box.Active()
	if len(active) != 1 || active[0].Client != "Web" || active[0].Account != "admin" || active[0].Address != "127.0.0.1" {
		t.Errorf("active users: %+v", active)
	}
	p.get("/login").want(200, "live")
	p.get("/settings/info").want(200, "info").says(n.box.Info().DeviceID, n.box.Info().Serial, "cert_sha256")
	p.post("/logout").want(200, "login").says("logged out")
	if len(n.box.Active()) != 0 {
		t.Error("the session is still listed")
	}
	p.get("/settings").want(401, "no_session")
}

func TestLockIsTold(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.stranger(t)
	for range 4 {
		p.post("/login", "account", "admin", "password", "Wrong-One-1").want(403, "login")
	}
	p.post("/login", "account", "admin", "password", "Wrong-One-1").says("now locked for")
	p.post("/login", "account", "admin", "password", adminPassword).want(429, "login").says("locked for", "after a restart")
	if read[LoginView](p).Account != "admin" {
		t.Error("the name is not kept")
	}
}

func TestIdleSessionEnds(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.admin(t)
	n.pass(9 * time.Minute)
	p.get("/settings").want(200, "settings")
	n.pass(9 * time.Minute)
	p.get("/settings").want(200, "settings")
	n.pass(11 * time.Minute)
	p.get("/settings").want(401, "no_session")
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	n := owned(t)
	a, sheet := n.switchOn(t, n.admin(t), adminPassword)
	n.pass(30 * time.Second)
	p := n.stranger(t)
	p.post("/login", "account", "admin", "password", adminPassword).want(200, "code")
	p.get("/settings").want(401, "no_session") // half a log-in opens nothing
	p.post("/login/code", "code", "12").want(400, "code").says("Nothing was spent")
	code := a.code(t, 0)
	p.post("/login/code", "code", code).want(200, "live")

	again := n.stranger(t)
	again.post("/login", "account", "admin", "password", adminPassword).want(200, "code")
	again.post("/login/code", "code", code).want(403, "code").says("used already")
	again.post("/login/code", "code", sheet[0]).want(200, "live")
	if left := n.box.SecondFactor("admin").SheetLeft; left != 7 {
		t.Errorf("%d codes left on the sheet", left)
	}
	n.pass(30 * time.Second)
	p.post("/settings/security/off", "password", adminPassword, "code", a.code(t, 0)).want(200, "security")
	if n.box.SecondFactor("admin").On {
		t.Error("the second factor is still on")
	}
}

// TestPhoneStaysLoggedIn: the phone comes back by its token, under a session id
// of its own each time, until it is taken off the list, logs out, or the
// password changes.
func TestPhoneStaysLoggedIn(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *bench, *person){
		"unpaired elsewhere": func(t *testing.T, n *bench, _ *person) {
			n.admin(t).post("/settings/security/phones", "id", n.box.Phones("admin")[0].ID).want(200, "security")
		},
		"new password": func(t *testing.T, n *bench, _ *person) {
			n.admin(t).post("/settings/password", "old", adminPassword, "new", freshPassword, "confirm", freshPassword).want(200, "login")
		},
		"logged out": func(_ *testing.T, _ *bench, p *person) { p.post("/logout").want(200, "login") },
		"too long":   func(_ *testing.T, n *bench, _ *person) { n.pass(31 * 24 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := owned(t)
			p := n.stranger(t)
			p.send("POST", "/login", formOf("account", "admin", "password", adminPassword, "keep", "on"), "User-Agent", "Mozilla (iPhone) <b>").want(200, "live")
			phones := n.box.Phones("admin")
			if len(phones) != 1 || phones[0].Name != "iPhone" {
				t.Fatalf("phones: %+v", phones)
			}
			for range 2 {
				n.pass(time.Hour)
				p.get("/settings").want(200, "settings")
			}
			p.get("/settings/security").says(`"this":true`)
			end(t, n, p)
			p.get("/settings").want(401, "no_session")
			if left := n.box.Phones("admin"); len(left) != 0 {
				t.Errorf("still paired: %+v", left)
			}
		})
	}
}

func TestRecordings(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.admin(t)
	p.get("/recordings?camera=2").want(200, "recordings")
	v := read[RecordingsView](p)
	if len(v.Days) < 2 || len(v.Clips) == 0 || v.Clips[0].Channel != 2 || v.Day != v.Days[0] {
		t.Fatalf("%+v", v)
	}
	p.get("/recordings?camera=2&day="+v.Days[1]).want(200, "recordings")
	if other := read[RecordingsView](p); other.Day != v.Days[1] || len(other.Clips) == 0 {
		t.Errorf("the other day: %+v", other)
	}
	p.get("/recordings?camera=99&day=x%00").want(200, "recordings")
	one := v.Clips[0]
	p.get(one.Play).want(200, "play")
	play := read[PlayView](p)
	p.get(one.Download)
	sum := sha256.Sum256([]byte(p.got.body))
	if p.got.status != 200 || hex.EncodeToString(sum[:]) != play.SHA256 || int64(len(p.got.body)) != one.Size || !strings.HasPrefix(p.got.header.Get("Content-Disposition"), `attachment; filename="camera02-`) {
		t.Errorf("download: %d, %d bytes, %v", p.got.status, len(p.got.body), p.got.header)
	}
	whole := p.got.body
	p.get(play.File, "Range", "bytes=5-9")
	if p.got.status != 206 || p.got.body != whole[5:10] || p.got.header.Get("Content-Type") != "video/mp4" {
		t.Errorf("a part: %d %q", p.got.status, p.got.body)
	}
	for _, bad := range []string{"", "../../../etc/passwd", "/mnt/dvr/../../identity.json", strings.TrimPrefix(one.Path, "/"), one.Path + "\x00", "index.json"} {
		if p.get("/recordings/file?name=" + url.QueryEscape(bad)); p.got.status != 404 {
			t.Errorf("%q: %d", bad, p.got.status)
		}
	}
	if n.events(t)["recordings.taken"] != 1 {
		t.Errorf("records: %v", n.events(t))
	}
}

func TestZip(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.admin(t)
	p.get("/recordings/zip?camera=0&from=2026-09-01T00:00&to=2026-09-30T00:00")
	if p.got.status != 200 || p.got.header.Get("Content-Type") != "application/zip" {
		t.Fatalf("%d %s", p.got.status, p.got.body)
	}
	z, err := zip.NewReader(bytes.NewReader([]byte(p.got.body)), int64(len(p.got.body)))
	must(t, err)
	sums := ""
	for _, f := range z.File[:len(z.File)-1] {
		sums += fmt.Sprintf("%x  %s\n", sha256.Sum256(unzip(t, f)), f.Name)
	}
	if last := z.File[len(z.File)-1]; len(z.File) != 2*2*3+1 || last.Name != "SHA256SUMS" || string(unzip(t, last)) != sums {
		t.Errorf("%d files, the last is %s", len(z.File), last.Name)
	}
	for query, text := range map[string]string{
		"camera=0&from=2026-09-01T00:00":                       "when the stretch ends",
		"camera=3&from=2026-09-01T00:00&to=2026-09-30T00:00":   "Choose a camera",
		"camera=1&from=2026-09-30T00:00&to=2026-09-01T00:00":   "ends before it begins",
		"camera=1&from=2020-09-01T00:00&to=2020-09-02T00:00":   "no recording",
		"camera=1&from=2026-09-01T00:00:00Z&to=2020-09-02T0:0": "begins",
	} {
		p.get("/recordings/zip?"+query).want(400, "recordings").says(text)
	}
}

func unzip(t *testing.T, f *zip.File) []byte {
	t.Helper()
	r, err := f.Open()
	must(t, err)
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(r)
	must(t, err)
	return data
}

// TestUsers: an admin invites, helps and deletes; whoever is let in by a code has
// one door, and nobody learns a password of another.
func TestUsers(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.admin(t)
	p.post("/settings/users/invite", "name", "ann", "group", "user", "right", "live", "password", "Wrong-One-1").want(403, "invite").says("4 tries left")
	p.post("/settings/users/invite", "name", "ann", "group", "user", "right", "live", "password", adminPassword).want(200, "code_shown")
	code := read[CodeShownView](p).Code
	p.get("/settings/users").want(200, "users").says(`"name":"ann"`, "code_until")

	ann := n.stranger(t)
	ann.post("/login", "account", "ann", "password", mistype(code)).want(403, "login").says("group 2 is mistyped")
	ann.post("/login", "account", "ann", "password", code).want(200, "newpassword")
	for _, path := range []string{"/settings", "/live", "/settings/password"} {
		ann.get(path).want(401, "no_session")
	}
	ann.post("/newpassword", "new", "short", "confirm", "short").want(400, "newpassword").says("must have 8")
	ann.post("/newpassword", "new", annPassword, "confirm", annPassword+"x").want(400, "newpassword").says("not the same")
	ann.post("/newpassword", "new", annPassword, "confirm", annPassword).want(200, "login").says("new password is set")
	ann.get("/newpassword").want(401, "no_session")
	ann.post("/login", "account", "ann", "password", code).want(403, "login")
	ann.post("/login", "account", "ann", "password", annPassword)
	ann.get("/live").want(200, "live")

	p.post("/settings/users/ann/help", "password", adminPassword).want(200, "code_shown")
	p.get("/settings/users/admin/help").want(409, "conflict")
	p.get("/settings/users/nobody/help").want(404, "not_found")
	p.post("/settings/users/ann/delete", "password", "Wrong-One-1").want(403, "act")
	p.post("/settings/users/ann/delete", "password", adminPassword).want(200, "users")
	ann.get("/live").want(401, "no_session")
	p.post("/settings/users/admin/delete", "password", adminPassword).want(409, "act")
}

// mistype changes a symbol of the second group.
func mistype(code string) string {
	i := strings.Index(code, "-") + 1
	other := byte('2')
	if code[i] == other {
		other = '3'
	}
	return code[:i] + string(other) + code[i+1:]
}

func TestServices(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.admin(t)
	p.get("/settings/services").want(200, "services").says("UPnP")
	p.get("/settings/services/UPnP").want(200, "act").says("Switch off")
	p.post("/settings/services/UPnP", "to", "off", "password", "Wrong-One-1").want(403, "act")
	if table, _ := n.box.Table("UPnP"); table["Enable"] != "true" {
		t.Error("switched off without the password")
	}
	p.post("/settings/services/UPnP", "password", adminPassword).want(400, "act")
	for range 2 { // who presses twice does not switch it on again
		p.post("/settings/services/UPnP", "to", "off", "password", adminPassword).want(200, "services")
		if table, _ := n.box.Table("UPnP"); table["Enable"] != "false" {
			t.Error("UPnP is on")
		}
	}
	p.get("/settings/services/General").want(404, "not_found")
	p.get("/settings/services/PwdReset").want(404, "not_found")
	p.get("/settings/log").want(200, "log").says("was switched off")
}

// TestNotices: what an admin did to a user is told at the user's next log-in.
func TestNotices(t *testing.T) {
	t.Parallel()
	n := owned(t)
	n.addUser(t, "ann", annPassword, recorder.RightLive)
	p := n.admin(t)
	p.post("/settings/users/ann/help", "password", adminPassword).want(200, "code_shown")
	ann := n.stranger(t)
	ann.post("/login", "account", "ann", "password", annPassword).want(200, "notices").says("admin")
	first := read[NoticesView](ann).Notices[0].Number
	ann.post("/notices").want(400, "input") // read up to where?
	p.post("/settings/users/ann/help", "password", adminPassword).want(200, "code_shown")
	ann.post("/notices", "seen", fmt.Sprint(first)).want(200, "notices") // the second one came after
	ann.post("/notices", "seen", fmt.Sprint(read[NoticesView](ann).Notices[0].Number)).want(200, "live")
}

// TestStates: what the front page says before the first set-up, and that there
// is no log-in then.
func TestStates(t *testing.T) {
	t.Parallel()
	n := newBench(t, recorder.Config{})
	p := n.stranger(t)
	p.json = false
	p.get("/").says("<title>WEB SERVICE", "made at the recorder itself")
	if strings.Contains(p.got.body, "/login") || strings.Contains(p.got.body, n.box.Info().DeviceID) || strings.Contains(p.got.body, n.box.Info().Serial) {
		t.Error("the front page of the factory state tells too much")
	}
	p.get("/login").says("WEB SERVICE")
	p.get("/forgot").says("Device ID", "Forgot password")
	p.json = true
	p.post("/login", "account", "admin", "password", "admin").want(403, "login")
}

func TestPlainHTTPWhereThereIsNothingElse(t *testing.T) {
	t.Parallel()
	n := newBench(t, recorder.Config{Face: recorder.FaceD861, AdminPassword: secretOf(adminPassword)})
	p := n.stranger(t)
	p.json = false
	p.get("/").says("can be read by others")
	p.get("/login").says("can be read by others")
	if strings.Contains(p.got.body, "keep") {
		t.Error("a token for a month is offered where it can be read")
	}
	p.json = true
	p.post("/login", "account", "admin", "password", adminPassword, "keep", "on").want(200, "live")
	if len(n.box.Phones("admin")) != 0 {
		t.Error("a phone stays logged in by plain HTTP")
	}
	for _, c := range p.cookies() {
		if strings.HasPrefix(c.Name, "__Host-") {
			t.Errorf("cookie %s", c.Name)
		}
	}
	p.post("/settings/security/on", "password", adminPassword).want(403, "denied").says("at the recorder itself")
	p.get("/settings/info").want(200, "info")
}
