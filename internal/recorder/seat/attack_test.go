package seat

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
)

// everyPath is every screen and every deed of the seat.
var everyPath = map[string][]string{
	"GET": {"/", "/info", "/setup", "/login", "/recovery", "/live.jpg", "/label", "/label.svg", "/label.pdf", "/menu", "/menu/log", userPath, userPath + "/admin", "/nowhere",
		"/login/code", securityPath, securityPath + "/on", securityPath + "/off", securityPath + "/sheet",
		supportPath, backupPath, progressPath, recordingsPath, unsealPath, erasePath, activatePath, releasePath,
		servicesPath, firmwarePath, reviewPath, userPath + "/+add", userPath + "/admin/code", userPath + "/admin/second", userPath + "/admin/delete"},
	"POST": {"/setup", "/login", "/logout", "/recovery", "/recovery/answer", "/recovery/check", "/menu/support", "/menu/review", userPath + "/admin", "/nowhere",
		"/login/code", securityPath + "/on", securityPath + "/confirm", securityPath + "/off", securityPath + "/sheet", supportPath, backupPath, backupPath + "/cancel",
		recordingsPath + "/password", recordingsPath + "/sheet", unsealPath, unsealPath + "/answer", erasePath, activatePath + "/sheet", releasePath, releasePath + "/answer",
		"/menu/notices", servicesPath, servicesPath + "/lock", firmwarePath, userPath + "/+add", userPath + "/admin/rights", userPath + "/admin/phones", userPath + "/admin/code", userPath + "/admin/second", userPath + "/admin/delete"},
}

func TestNothingWithoutTheSeatToken(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.stranger(t)
	for _, path := range everyPath["GET"] {
		p.get(path).want(200, "enter")
	}
	for _, path := range everyPath["POST"] {
		p.post(path, "account", "admin", "password", lostPassword, "answer", "x").want(403, "denied")
	}
	if n.events(t)["challenge.shown"] != 0 || n.events(t)["login"] != 0 {
		t.Error("a stranger did something")
	}
}

func TestSeatTokenCannotBeGuessed(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.stranger(t)
	for i, token := range []string{"", "-", "AAAA-BBBB-CCCC-DDDD", n.token.Reveal()[:18], n.token.Reveal() + "A", n.token.Reveal()[5:], "%s", "0", "\x00", "x"} {
		if i < triesPerMinute {
			p.post("/enter", "token", token).want(403, "enter")
		}
	}
	p.post("/enter", "token", n.token.Reveal()).want(429, "enter") // the eleventh, though right
	if p.got.header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After %q", p.got.header.Get("Retry-After"))
	}
	if got := n.events(t)["seat.refused"]; got != triesPerMinute {
		t.Errorf("%d refusals on record, want %d", got, triesPerMinute)
	}
	n.pass(time.Minute)
	p.post("/enter", "token", n.token.Reveal()).want(200, "locked")
}

// TestOneDoor: a session from a temporary password reaches one page.
func TestOneDoor(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	p.post("/recovery").want(200, "forgot")
	code := n.rightAnswer(t)
	p.post("/recovery/answer", "answer", code).want(200, "users")
	allowed := map[string]string{userPath + "/admin": "edit"}
	for _, path := range append(everyPath["GET"], userPath+"/ann", userPath+"/", userPath+"/admin/x", "/menu/../menu/log", "//menu/log") {
		page := "users"
		if allowed[path] != "" {
			page = allowed[path]
		}
		p.get(path).want(200, page)
	}
	refused := 0
	for _, path := range append(everyPath["POST"], userPath+"/ann") {
		if path == "/logout" || path == userPath+"/admin" {
			continue
		}
		p.post(path, "account", "admin", "password", lostPassword, "modify", "on", "old", code, "new", freshPassword, "confirm", freshPassword).want(403, "denied")
		refused++
	}
	if got := n.events(t)["access.refused"]; got != refused {
		t.Errorf("%d refusals on record, want %d", got, refused)
	}
	if _, err := n.box.Password("admin", secretOf(lostPassword), recorder.AtSeat()); err != nil {
		t.Errorf("the password changed on the way: %v", err)
	}

	// Another browser at the same seat has no share in it, and the code is used up.
	other := n.owner(t)
	other.get(userPath).want(200, "login")
	other.post("/recovery/answer", "answer", code).want(409, "forgot")
	other.post("/login", "account", "admin", "password", code).want(403, "login")

	p.post("/logout").want(200, "locked")
	p.get(userPath).want(200, "login")
}

// TestRebinding: a name that resolves to the seat's address is not its address.
func TestRebinding(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	u, err := url.Parse(n.base)
	if err != nil {
		t.Fatal(err)
	}
	p := n.owner(t)
	for host, ok := range map[string]bool{
		u.Host: true, "localhost:" + u.Port(): true, "LOCALHOST:" + u.Port(): true,
		"evil.example:" + u.Port(): false, "evil.example": false, "127.0.0.1": false, "127.0.0.2:" + u.Port(): false,
		"localhost.evil.example:" + u.Port(): false, "127.0.0.1.nip.io:" + u.Port(): false, "[::1]:" + u.Port(): false, "localhost": false,
	} {
		p.send("GET", "/", nil, "Host", host)
		if ok != (p.got.status == 200) {
			t.Errorf("Host %s: status %d", host, p.got.status)
		}
		if !ok && strings.Contains(p.got.body, n.box.Info().DeviceID) {
			t.Errorf("Host %s is told the Device ID", host)
		}
	}
}

func TestCrossOriginPost(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	for _, header := range [][]string{{"Origin", "http://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "null"}} {
		for _, path := range everyPath["POST"] {
			p.send("POST", path, url.Values{"account": {"admin"}, "password": {lostPassword}}, header...).want(403, "cross_origin")
		}
	}
	if e := n.events(t); e["challenge.shown"] != 0 || e["login"] != 0 {
		t.Errorf("a page from elsewhere did something: %v", e)
	}
}

// TestGetDoesNothing: a link, a preview or a reload changes nothing.
func TestGetDoesNothing(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	before := n.events(t)
	for _, paths := range everyPath {
		for _, path := range paths {
			p.get(path + "?account=admin&password=" + url.QueryEscape(lostPassword) + "&answer=05D8-4WAY-9MWG-ZXD1&modify=on&token=" + n.token.Reveal())
			if p.got.status != 200 && p.got.status != 404 && p.got.status != 405 {
				t.Errorf("GET %s: status %d", path, p.got.status)
			}
		}
	}
	// A password in the address of a POST is not looked at either.
	p.post("/login?account=admin&password="+url.QueryEscape(lostPassword)).want(400, "login")
	if after := n.events(t); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("events before %v, after %v", before, after)
	}
	n.noSecretIn(t, "the log", n.log.String())
}

// TestThousandAnswersAtOnce: at most five are compared, whoever sends them.
func TestThousandAnswersAtOnce(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	p.post("/recovery").want(200, "forgot")
	answers := n.wrongAnswers(t, 1000)
	var wg sync.WaitGroup
	for _, a := range answers {
		wg.Go(func() {
			got, err := p.try("POST", "/recovery/answer", url.Values{"answer": {a}})
			if err != nil || (got.status != 403 && got.status != 429) {
				t.Errorf("status %d, %v: %.300s", got.status, err, got.body)
			}
		})
	}
	wg.Wait()
	if got := n.events(t); got["answer.wrong"] != 5 || got["answer.ok"] != 0 || got["challenge.burned"] != 1 {
		t.Errorf("events %v; want 5 answers compared", got)
	}
}

// TestHundredWrongAnswers switch temporary passwords off until an admin allows
// them again; the right one no longer helps.
func TestHundredWrongAnswers(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	if err := n.box.AddAccount("admin", rekey.Account{Name: "ann", Group: recorder.GroupUser}, rekey.NewSecret("Ann-Was-Here-1"), recorder.AtSeat()); err != nil {
		t.Fatal(err)
	}
	p := n.owner(t)
	code := ""
	for range 20 {
		n.pass(25 * time.Hour) // longer than any penalty, and than the seat session
		p.post("/enter", "token", n.token.Reveal()).want(200, "locked")
		p.post("/recovery").want(200, "forgot")
		code = n.rightAnswer(t)
		for _, a := range n.wrongAnswers(t, 5) {
			p.post("/recovery/answer", "answer", a)
		}
	}
	p.want(429, "forgot")
	if v := read[ForgotView](p); !v.Disabled || !strings.Contains(v.Error, "switched off") {
		t.Errorf("after 100: %+v", v)
	}
	p.post("/recovery/answer", "answer", code).want(429, "forgot")
	p.post("/recovery").want(429, "forgot")

	p.post("/menu/support").want(403, "denied")
	p.post("/login", "account", "ann", "password", "Ann-Was-Here-1").want(200, "menu")
	p.post("/menu/support").want(403, "denied")
	p.post("/login", "account", "admin", "password", lostPassword).want(200, "menu")
	if v := read[MenuView](p); !v.SupportDisabled {
		t.Error("the admin is not told")
	}
	p.post("/menu/support").want(200, "menu")
	p.post("/logout").want(200, "locked")
	n.pass(31 * time.Second)
	p.post("/recovery").want(200, "forgot")
}

// TestPagesTellNoSecret goes through all pages as pages, with everything that
// was typed.
func TestPagesTellNoSecret(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	p.post("/recovery")
	code := n.rightAnswer(t)
	for _, asJSON := range []bool{true, false} {
		p.json = asJSON
		var all strings.Builder
		look := func() { all.WriteString(p.got.body + p.got.path) }
		p.post("/enter", "token", n.token.Reveal()+"X")
		look()
		p.post("/login", "account", "admin", "password", freshPassword)
		look()
		p.post("/recovery/answer", "answer", mistype(code))
		look()
		for _, path := range everyPath["GET"] {
			p.get(path)
			look()
		}
		if got := all.String(); strings.Contains(got, mistype(code)) {
			t.Error("a mistyped temporary password is sent back")
		}
		n.noSecretIn(t, "a page", all.String(), code)
	}
	p.json = true
	p.post("/recovery/answer", "answer", code).want(200, "users")
	p.json = false
	var all strings.Builder
	for _, fields := range [][]string{
		{"modify", "on", "old", code, "new", freshPassword, "confirm", "other"},
		{"modify", "on", "old", mistype(code), "new", freshPassword, "confirm", freshPassword},
		{"modify", "", "old", code, "new", freshPassword, "confirm", freshPassword},
	} {
		p.post(userPath+"/admin", fields...)
		all.WriteString(p.got.body)
	}
	n.noSecretIn(t, "the edit page", all.String(), code, mistype(code))
	n.noSecretIn(t, "the log", n.log.String(), code, mistype(code))
}
