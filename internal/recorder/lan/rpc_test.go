package lan

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"rekey/internal/recorder"
)

// rpcAnswer is an answer of RPC2 as a client sees it.
type rpcAnswer struct {
	ID      int
	Result  json.RawMessage
	Params  map[string]json.RawMessage
	Session json.RawMessage
	Error   struct {
		Code    int
		Message string
	}
}

func (a rpcAnswer) text(key string) string {
	var s string
	_ = json.Unmarshal(a.Params[key], &s)
	return s
}

func (a rpcAnswer) session() string {
	var s string
	_ = json.Unmarshal(a.Session, &s)
	return s
}

func (g *rig) call(at, body string) rpcAnswer { return g.callURL(g.url(at), body) }

func (g *rig) callURL(url, body string) rpcAnswer {
	g.t.Helper()
	a := g.fetch(http.MethodPost, url, "", body)
	var r rpcAnswer
	if a.status != http.StatusOK || json.Unmarshal([]byte(a.body), &r) != nil {
		g.t.Fatalf("%d %q", a.status, a.body)
	}
	return r
}

// upper MD5, as the facts have it; written without the code under test.
func upperMD5(s string) string { return strings.ToUpper(md5Hex(s)) }

func loginHash(user, realm, random, password string) string {
	return upperMD5(user + ":" + random + ":" + upperMD5(user+":"+realm+":"+password))
}

// firstStep asks for a challenge.
func (g *rig) firstStep(account string) rpcAnswer {
	g.t.Helper()
	r := g.call("/RPC2_Login", fmt.Sprintf(`{"method":"global.login","params":{"userName":%q,"password":"","clientType":"Web3.0","loginType":"Direct"},"id":1}`, account))
	if r.Error.Code != 268632079 || string(r.Result) != "false" || r.text("encryption") != "Default" || len(r.session()) != 32 {
		g.t.Fatalf("first step: %+v", r)
	}
	return r
}

func (g *rig) secondStep(c rpcAnswer, who login) rpcAnswer {
	g.t.Helper()
	return g.call("/RPC2_Login", fmt.Sprintf(
		`{"method":"global.login","params":{"userName":%q,"password":%q,"clientType":"Web3.0","loginType":"Direct","authorityType":"Default","passwordType":"Default"},"id":2,"session":%q}`,
		who.account, loginHash(who.account, c.text("realm"), c.text("random"), who.password), c.session()))
}

func (g *rig) rpcLogin(who login) (session string) {
	g.t.Helper()
	r := g.secondStep(g.firstStep(who.account), who)
	if string(r.Result) != "true" {
		g.t.Fatalf("second step: %+v", r)
	}
	return r.session()
}

func (g *rig) rpc(session, method, params string) rpcAnswer {
	g.t.Helper()
	return g.call("/RPC2", fmt.Sprintf(`{"method":%q,"params":%s,"id":7,"session":%q}`, method, params, session))
}

// The published vector of the login hash.
func TestLoginHashVector(t *testing.T) {
	t.Parallel()
	ha1 := md5Hex("admin:Login to a0c50bcd05b2f03d067e530d9bf069af:123")
	if got := rpcDigest(md5Hex, "admin", "1172275829", ha1); got != "2E9AD6D2DB08E0882F376A622BC76B9A" {
		t.Errorf("got %s", got)
	}
	if got := loginHash("admin", "Login to a0c50bcd05b2f03d067e530d9bf069af", "1172275829", "123"); got != "2E9AD6D2DB08E0882F376A622BC76B9A" {
		t.Errorf("the test's own: %s", got)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	c := g.firstStep("admin")
	if c.text("realm") != g.box.Realm() {
		t.Errorf("realm %q", c.text("realm"))
	}
	r := g.secondStep(c, admin())
	if string(r.Result) != "true" || string(r.Params["keepAliveInterval"]) != "60" || len(r.session()) != 32 || r.session() == c.session() {
		t.Fatalf("%+v", r)
	}
	if again := g.secondStep(c, admin()); again.Error.Code != 287637505 {
		t.Errorf("a challenge worked twice: %+v", again)
	}
	if r := g.rpc(c.session(), "magicBox.getVendor", "null"); r.Error.Code != 287637505 {
		t.Errorf("the challenge's session works: %+v", r)
	}
	s := r.session()
	if k := g.rpc(s, "global.keepAlive", `{"timeout":300,"active":true}`); string(k.Result) != "true" || string(k.Params["timeout"]) != "60" || k.ID != 7 || k.session() != s {
		t.Errorf("keepAlive: %+v", k)
	}
	if o := g.rpc(s, "global.logout", "null"); string(o.Result) != "true" {
		t.Errorf("logout: %+v", o)
	}
	if k := g.rpc(s, "global.keepAlive", "{}"); k.Error.Code != 287637505 {
		t.Errorf("after logout: %+v", k)
	}
	if g.logged("login") != 1 || g.logged("login.refused") != 0 {
		t.Errorf("%d logins, %d refusals in the log", g.logged("login"), g.logged("login.refused"))
	}
}

func TestWrongLoginsCountOnce(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	wrong := login{"admin", "Wrong-Passw0rd"}
	for left := 4; left >= 0; left-- {
		r := g.secondStep(g.firstStep("admin"), wrong)
		if r.Error.Code != 268632085 || string(r.Params["remainLoginTimes"]) != strconv.Itoa(left) {
			t.Fatalf("with %d left: %+v", left, r)
		}
	}
	r := g.secondStep(g.firstStep("admin"), admin())
	if lock, _ := strconv.Atoi(string(r.Params["remainLockSecond"])); r.Error.Code != 268632081 || lock < 1700 || lock > 1800 {
		t.Errorf("locked: %+v", r)
	}
}

// One counter for all doors: a wrong try at each costs exactly one.
func TestOneCounter(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	wrong := login{"admin", "Wrong-Passw0rd"}
	g.cgi(wrong, g.url(""), "/cgi-bin/magicBox.cgi?action=getVendor")
	g.cgi(wrong, g.urls(""), "/cgi-bin/magicBox.cgi?action=getVendor")
	g.dialRTSP().describe(wrong)
	if r := g.secondStep(g.firstStep("admin"), wrong); string(r.Params["remainLoginTimes"]) != "1" {
		t.Errorf("after one wrong try at each of four doors: %+v", r)
	}
	if n := g.logged("login.refused"); n != 4 {
		t.Errorf("%d refusals in the log", n)
	}
}

func TestLoginRefusalsCostNothing(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	hash := strings.Repeat("0", 32)
	c := g.firstStep("admin")
	for name, x := range map[string]struct {
		body string
		code int
	}{
		"no such challenge": {`{"method":"global.login","params":{"userName":"admin","password":"` + hash + `"},"id":2,"session":"` + hash + `"}`, 287637505},
		"no session":        {`{"method":"global.login","params":{"userName":"admin","password":"` + hash + `"},"id":2}`, 287637505},
		"other account":     {`{"method":"global.login","params":{"userName":"guest","password":"` + hash + `"},"id":2,"session":"` + c.session() + `"}`, 287637505},
		"plain password":    {`{"method":"global.login","params":{"userName":"admin","password":"x","authorityType":"WatchNet"},"id":2}`, 268894211},
		"no params":         {`{"method":"global.login","id":2}`, 268894211},
		"no account":        {`{"method":"global.login","params":{"userName":""},"id":2}`, 268894211},
		"two lines":         {`{"method":"global.login","params":{"userName":"x\r\nitems[0].Type=FORGED"},"id":2}`, 268894211},
		"two lines, proof":  {`{"method":"global.login","params":{"userName":"x\r\nitems[0].Type=FORGED","password":"` + hash + `"},"id":2}`, 268894211},
		"unprintable":       {`{"method":"global.login","params":{"userName":"x\u0000"},"id":2}`, 268894211},
		"endless name":      {`{"method":"global.login","params":{"userName":"` + strings.Repeat("x", 65) + `"},"id":2}`, 268894211},
		"another method":    {`{"method":"magicBox.getVendor","params":null,"id":2}`, 268894210},
		"no JSON":           {`{"method":`, 268894208},
		"no method":         {`{}`, 268894208},
		"a list":            {`[]`, 268894208},
		"nothing":           {``, 268894208},
	} {
		if r := g.call("/RPC2_Login", x.body); r.Error.Code != x.code {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if n := g.logged("login.refused"); n != 0 {
		t.Errorf("%d tries were counted", n)
	}
}

func TestRPCReads(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	i, s := g.box.Info(), g.rpcLogin(admin())
	for _, c := range []struct{ method, params, key, want string }{
		{"magicBox.getDeviceType", "null", "type", i.Model},
		{"magicBox.getDeviceClass", "null", "type", "NVR"},
		{"magicBox.getSerialNo", "null", "sn", i.Serial},
		{"magicBox.getVendor", "null", "Vendor", "Lorex"},
		{"magicBox.getMachineName", "null", "name", i.Name},
		{"magicBox.getSystemInfo", "null", "info", `"deviceType":"31"`},
		{"magicBox.getSystemInfo", "null", "info", `"updateSerial":"` + i.Model},
		{"magicBox.getSoftwareVersion", "null", "version", `"SecurityBaseLineVersion":"` + i.Baseline},
		{"magicBox.getProductDefinition", `{"name":"MaxExtraStream"}`, "definition", "1"},
		{"global.getCurrentTime", "null", "time", "20"},
		{"userManager.getUserInfoAll", "null", "users", `"Name":"admin","Password":"******"`},
		{"userManager.getActiveUserInfoAll", "null", "users", `"ClientType":"Web3.0"`},
		{"userManager.getGroupInfoAll", "null", "group", `"Name":"admin"`},
		{"configManager.getConfig", `{"name":"General"}`, "table", `"LockLoginTimes":5`},
		{"configManager.getConfig", `{"name":"UPnP"}`, "table", `"MapTable":[{`},
		{"storage.getDeviceNames", "null", "list", "/dev/sda"},
	} {
		r := g.rpc(s, c.method, c.params)
		if string(r.Result) != "true" || !strings.Contains(string(r.Params[c.key]), c.want) {
			t.Errorf("%s: %+v %s", c.method, r.Error, r.Params[c.key])
		}
	}
	for method, want := range map[string]int{"magicBox.reboot": 268894210, "nothing": 268894210} {
		if r := g.rpc(s, method, "null"); r.Error.Code != want {
			t.Errorf("%s: %+v", method, r.Error)
		}
	}
	if r := g.rpc(s, "configManager.getConfig", `{"name":"Nothing"}`); r.Error.Code != 285278249 || r.Error.Message != "Authority:check failure." {
		t.Errorf("unknown table: %+v", r)
	}
}

func TestRPCRights(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	s := g.rpcLogin(g.addUser("viewer", "View-0nly-Pass"))
	for name, m := range sessionMethods {
		if m.on != nil && !m.on(g.box.Traits()) {
			if r := g.rpc(s, name, "null"); r.Error.Code != 268894210 {
				t.Errorf("%s, which this face has not: %+v", name, r.Error)
			}
			continue
		}
		r := g.rpc(s, name, "null")
		if refused := r.Error.Code == 285278249; refused != m.admin {
			t.Errorf("%s for a viewer: %+v", name, r.Error)
		}
		if name == "global.logout" {
			s = g.rpcLogin(login{"viewer", "View-0nly-Pass"})
		}
	}
}

// The whole table goes back, with one value changed, and nothing else changes.
func TestRPCSetConfig(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	s := g.rpcLogin(admin())
	before, _ := g.box.Table("UPnP")
	table := string(g.rpc(s, "configManager.getConfig", `{"name":"UPnP"}`).Params["table"])
	changed := strings.Replace(table, `"Enable":true,"MapTable"`, `"Enable":false,"MapTable"`, 1)
	if changed == table {
		t.Fatalf("no Enable in %s", table)
	}
	if r := g.rpc(s, "configManager.setConfig", `{"name":"UPnP","table":`+changed+`,"options":[]}`); string(r.Result) != "true" {
		t.Fatalf("%+v", r)
	}
	after, _ := g.box.Table("UPnP")
	before["Enable"] = "false"
	for key, want := range before {
		if after[key] != want {
			t.Errorf("%s is %q, want %q", key, after[key], want)
		}
	}
	for _, bad := range []string{`{"name":"UPnP","table":{"Enable":"maybe"}}`, `{"name":"UPnP"}`, `{"name":"UPnP","table":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`} {
		if r := g.rpc(s, "configManager.setConfig", bad); r.Error.Code != 268894211 {
			t.Errorf("%.40s: %+v", bad, r)
		}
	}
}

func TestUsersOverRPC(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	g.addUser("guest", "Guest-Passw0rd")
	s := g.rpcLogin(admin())
	if r := g.rpc(s, "userManager.modifyPassword", `{"name":"admin","pwd":"X","pwdOld":"Y"}`); r.Error.Code != 611 {
		t.Errorf("modifyPassword outside of the envelope: %+v", r)
	}
	if r := g.rpc(s, "userManager.addUser", `{"user":{"Name":"x"}}`); r.Error.Code != 611 {
		t.Errorf("addUser outside of the envelope: %+v", r)
	}
	if r := g.rpc(s, "userManager.deleteUser", `{"name":"admin"}`); r.Error.Code != 268959743 {
		t.Errorf("delete admin: %+v", r)
	}
	if r := g.rpc(s, "userManager.deleteUser", `{"name":"guest"}`); string(r.Result) != "true" {
		t.Errorf("delete guest: %+v", r)
	}
	if n := len(g.box.Accounts()); n != 1 {
		t.Errorf("%d accounts left", n)
	}
}

func TestLogSearch(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	s := g.rpcLogin(admin())
	span := `{"condition":{"StartTime":"2000-1-1 0:0:0","EndTime":"2099-12-31 23:59:59"}}`
	token := string(g.rpc(s, "log.startFind", span).Params["token"])
	count, _ := strconv.Atoi(string(g.rpc(s, "log.getCount", `{"token":`+token+`}`).Params["count"]))
	if count < 2 {
		t.Errorf("%d records", count)
	}
	r := g.rpc(s, "log.doSeekFind", `{"token":`+token+`,"offset":1,"count":100}`)
	if string(r.Params["found"]) != strconv.Itoa(count-1) || !strings.Contains(string(r.Params["items"]), `"Type":"Login"`) {
		t.Errorf("%+v", r)
	}
	if r := g.rpc(s, "log.stopFind", `{"token":`+token+`}`); string(r.Result) != "true" {
		t.Errorf("%+v", r)
	}
	if r := g.rpc(s, "log.getCount", `{"token":`+token+`}`); r.Error.Code != 268894209 {
		t.Errorf("after stopFind: %+v", r)
	}
	a := g.get("log.cgi?action=startFind&condition.StartTime=2000-01-01%2000:00:00&condition.EndTime=2099-01-01%2000:00:00&condition.Type=Login")
	token = between(a.body, "token=", "\r")
	a = g.get("log.cgi?action=doFind&count=100&token=" + token)
	if !strings.HasPrefix(a.body, "found=") || strings.HasPrefix(a.body, "found=0") || !strings.Contains(a.body, "items[0].User=admin\r\n") {
		t.Errorf("doFind: %q", a.body)
	}
	if a = g.get("log.cgi?action=doFind&count=100&token=" + token); a.body != "found=0\r\n" {
		t.Errorf("the end: %q", a.body)
	}
	if a = g.get("log.cgi?action=stopFind&token=" + token); a.body != "OK\r\n" {
		t.Errorf("stopFind: %q", a.body)
	}
}

func TestOutside(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	if r := g.call("/OutsideCmd", `{"method":"DevInit.getStatus","params":null,"id":1,"session":0}`); string(r.Params["Init"]) != "2" || string(r.Params["Status"]) != "0" || string(r.Session) != "0" {
		t.Errorf("%+v", r)
	}
	r := g.call("/OutsideCmd", `{"method":"PasswdFind.getDescript","params":{"name":"admin"},"id":1}`)
	if !strings.Contains(r.text("desc"), "at the recorder itself") || r.text("contactEmail") != "" {
		t.Errorf("%+v", r)
	}
	if r := g.call("/OutsideCmd", `{"method":"magicBox.getVendor","params":null,"id":1}`); r.Error.Code != 268894210 {
		t.Errorf("%+v", r)
	}
}

func TestRPCLimits(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	if a := g.fetch(http.MethodPost, g.url("/RPC2"), "", strings.Repeat(" ", maxBody+1)); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body of more than 1 MiB: %d", a.status)
	}
	if a := g.fetch(http.MethodGet, g.url("/RPC2"), "", ""); a.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", a.status)
	}
}

// Sessions end when nothing is heard of them, when the account's password
// changes, and never grow beyond their limit.
func TestSessions(t *testing.T) {
	t.Parallel()
	now, epoch, closed := time.Unix(0, 0), uint64(1), 0
	s := newSessions(func() time.Time { return now }, func(string) uint64 { return epoch })
	begin := func() *session {
		return s.begin(newID(), "admin", epoch, recorder.Client{}, func() { closed++ })
	}
	one := begin()
	now = now.Add(sessionIdle)
	if s.get(one.id) == nil {
		t.Error("ended too early")
	}
	now = now.Add(sessionIdle + 1)
	if s.get(one.id) != nil || closed != 1 {
		t.Error("did not end by itself")
	}
	two := begin()
	epoch++
	if s.get(two.id) != nil || closed != 2 {
		t.Error("outlived its password")
	}
	for range maxSessions {
		begin()
	}
	if !s.full() {
		t.Error("not full")
	}
	epoch++
	s.tidy()
	if s.full() || closed != 2+maxSessions {
		t.Error("not emptied")
	}
	id := s.challenge(newID(), "admin", "1")
	if _, ok := s.take(id, "guest"); ok {
		t.Error("another account took the challenge")
	}
	if _, ok := s.take(id, "admin"); ok {
		t.Error("a challenge was left after it was taken")
	}
	id = s.challenge(newID(), "admin", "1")
	now = now.Add(challengeLife + 1)
	if _, ok := s.take(id, "admin"); ok {
		t.Error("an old challenge was taken")
	}
	first := s.challenge(newID(), "admin", "1")
	now = now.Add(1)
	for range maxChallenges {
		s.challenge(newID(), "admin", "1")
	}
	if _, ok := s.take(first, "admin"); ok || len(s.challenges) != maxChallenges {
		t.Error("challenges without end")
	}
}
