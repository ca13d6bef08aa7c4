package lan

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/recorder"
)

func TestCGIReads(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	i := g.box.Info()
	for uri, want := range map[string][]string{
		"magicBox.cgi?action=getSystemInfo":                            {"deviceType=31", "processor=ST7108", "serialNumber=" + i.Serial, "updateSerial=" + i.Model},
		"magicBox.cgi?action=getSoftwareVersion":                       {"version=" + i.Firmware + ",build:" + i.BuildDate},
		"magicBox.cgi?action=getSerialNo":                              {"sn=" + i.Serial},
		"magicBox.cgi?action=getVendor":                                {"vendor=" + i.Vendor},
		"magicBox.cgi?action=getMachineName":                           {"name=" + i.Name},
		"magicBox.cgi?action=getDeviceClass":                           {"class=NVR"},
		"magicBox.cgi?action=getDeviceType":                            {"type=" + i.Model},
		"magicBox.cgi?action=getProductDefinition&name=MaxExtraStream": {"table.MaxExtraStream=1"},
		"global.cgi?action=getCurrentTime":                             {"result=20"},
		"userManager.cgi?action=getUserInfoAll":                        {"users[0].Name=admin", "users[0].Memo=admin 's account", "users[0].Password=******", "users[0].Reserved=true"},
		"userManager.cgi?action=getActiveUserInfoAll":                  {".ClientAddress=127.0.0.1", ".ClientType=CGI", ".Name=admin"},
		"userManager.cgi?action=getGroupInfoAll":                       {"group[0].Name=admin", "group[1].Name=user"},
		"configManager.cgi?action=getConfig&name=General":              {"table.General.LockLoginTimes=5", "table.General.LoginFailLockTime=1800"},
		"configManager.cgi?action=getConfig&name=UPnP":                 {"table.UPnP.Enable=true", "table.UPnP.MapTable[0].Protocol=TCP"},
		"storageDevice.cgi?action=getDeviceAllInfo":                    {"list.info[0].State=Success", "list.info[0].Detail[0].TotalBytes=2000398934016.000000", ".UsedBytes="},
		"netApp.cgi?action=getInterfaces":                              {"netInterface[0].Name=eth0"},
	} {
		a := g.get(uri)
		if a.status != http.StatusOK {
			t.Errorf("%s: %d %q", uri, a.status, a.body)
		}
		for _, part := range want {
			if !strings.Contains(a.body, part) {
				t.Errorf("%s: no %q in %q", uri, part, a.body)
			}
		}
		if strings.Count(a.body, "\n") != strings.Count(a.body, "\r\n") || !strings.HasSuffix(a.body, "\r\n") {
			t.Errorf("%s: lines do not end with CRLF: %q", uri, a.body)
		}
	}
}

func TestCGIHeaders(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	a := g.get("magicBox.cgi?action=getVendor")
	for name, want := range map[string]string{
		"X-Frame-Options": "SAMEORIGIN", "Content-Type": "text/plain;charset=utf-8",
		"Strict-Transport-Security": "max-age=604800; includeSubDomains", "Set-Cookie": "secure; HttpOnly",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	challenge := g.fetch(http.MethodGet, g.url("/cgi-bin/magicBox.cgi?action=getVendor"), "", "").header.Get("WWW-Authenticate")
	if !strings.HasPrefix(challenge, `Digest realm="Login to `) || !strings.Contains(challenge, `qop="auth"`) || !strings.Contains(challenge, `stale="false"`) {
		t.Errorf("challenge is %q", challenge)
	}
}

func TestCGIErrors(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	viewer := g.addUser("viewer", "View-0nly-Pass")
	for _, c := range []struct {
		who    login
		uri    string
		status int
		body   string
	}{
		{admin(), "magicBox.cgi?action=getNothing", 400, "Error\r\nErrorID=2, Detail=Invalid Request!\r\n"},
		{admin(), "magicBox.cgi", 400, "Error\r\nErrorID=2, Detail=Invalid Request!\r\n"},
		{admin(), "nothing.cgi?action=getVendor", 404, "Error\r\nNot Found!\r\n"},
		{admin(), "configManager.cgi?action=getConfig&name=Nothing", 403, `{"error":{"code":403,"message":"Authority:check failure."},"result":false}` + "\r\n"},
		{admin(), "configManager.cgi?action=setConfig&Nothing.Enable=true", 403, `{"error":{"code":403,"message":"Authority:check failure."},"result":false}` + "\r\n"},
		{admin(), "configManager.cgi?action=setConfig", 400, "Error\r\nBad Request!\r\n"},
		{admin(), "configManager.cgi?action=setConfig&UPnP.Enable=maybe", 400, "Error\r\nBad Request!\r\n"},
		{admin(), "magicBox.cgi?action=getVendor&x=%zz", 400, "Error\r\nBad Request!\r\n"},
		{admin(), "magicBox.cgi?action=getVendor&action=reboot", 400, "Error\r\nBad Request!\r\n"},
		{viewer, "userManager.cgi?action=getUserInfoAll", 403, `{"error":{"code":403,"message":"Authority:check failure."},"result":false}` + "\r\n"},
		{viewer, "configManager.cgi?action=getConfig&name=General", 403, `{"error":{"code":403,"message":"Authority:check failure."},"result":false}` + "\r\n"},
		{viewer, "Config.backup?action=All", 403, `{"error":{"code":403,"message":"Authority:check failure."},"result":false}` + "\r\n"},
		{viewer, "magicBox.cgi?action=getVendor", 200, "vendor=Lorex\r\n"},
	} {
		if a := g.cgi(c.who, g.url(""), "/cgi-bin/"+c.uri); a.status != c.status || a.body != c.body {
			t.Errorf("%s as %s: %d %q, want %d %q", c.uri, c.who.account, a.status, a.body, c.status, c.body)
		}
	}
}

func TestUninitialised(t *testing.T) {
	t.Parallel()
	g := newRig(t, "")
	a := g.fetch(http.MethodGet, g.url("/cgi-bin/magicBox.cgi?action=getVendor"), "", "")
	if a.status != http.StatusUnauthorized || a.body != "Invalid Authority!\r\n" || a.header.Get("WWW-Authenticate") != "" {
		t.Errorf("CGI in factory state: %d %q", a.status, a.body)
	}
	r := g.call("/RPC2_Login", `{"method":"global.login","params":{"userName":"admin","password":""},"id":1}`)
	if r.Error.Code != 268632086 {
		t.Errorf("RPC2 in factory state: %+v", r)
	}
	if r := g.call("/OutsideCmd", `{"method":"DevInit.getStatus","params":null,"id":1,"session":0}`); string(r.Params["Init"]) != "1" {
		t.Errorf("DevInit in factory state: %+v", r)
	}
	if page := g.fetch(http.MethodGet, g.url("/"), "", ""); !strings.Contains(page.body, "not been set up") {
		t.Errorf("page in factory state: %q", page.body)
	}
}

func TestSetConfig(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	a := g.get("configManager.cgi?action=setConfig&UPnP.Enable=false&UPnP.MapTable%5B1%5D.Enable=false&T2UServer.Enable=false&UPnP.enable=true")
	if a.status != http.StatusOK || a.body != "OK\r\n" {
		t.Fatalf("%d %q", a.status, a.body)
	}
	a = g.get("configManager.cgi?action=getConfig&name=UPnP")
	for _, want := range []string{"table.UPnP.Enable=false\r\n", "table.UPnP.MapTable[0].Enable=true\r\n", "table.UPnP.MapTable[1].Enable=false\r\n"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("no %q in %q", want, a.body)
		}
	}
}

func TestPasswordsNeedHTTPS(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	for _, action := range []string{
		"modifyPassword&name=admin&pwd=Next-Passw0rd&pwdOld=" + adminPassword,
		"modifyPasswordByManager&name=admin&pwd=Next-Passw0rd&managerName=admin&managerPwd=" + adminPassword,
		"addUser&user.Name=x&user.Password=Next-Passw0rd&user.Group=user",
	} {
		if a := g.get("userManager.cgi?action=" + action); a.status != 400 || a.body != "Error\r\nHTTPS only\r\n" {
			t.Errorf("%s over HTTP: %d %q", strings.SplitN(action, "&", 2)[0], a.status, a.body)
		}
	}
	if g.logged("password.set") != 0 {
		t.Error("a password was set over HTTP")
	}
}

func TestModifyPassword(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	change := func(who login, params string) answer {
		return g.cgi(who, g.urls(""), "/cgi-bin/userManager.cgi?action=modifyPassword&"+params)
	}
	if a := change(admin(), "name=admin&pwd=short&pwdOld="+adminPassword); a.status != 400 || !strings.Contains(a.body, "Password Too Weak!") {
		t.Errorf("weak: %d %q", a.status, a.body)
	}
	if a := change(admin(), "name=admin&pwd=Next-Passw0rd&pwdOld=Wrong-Passw0rd"); a.status != 400 || !strings.HasPrefix(a.body, "Error") {
		t.Errorf("wrong old one: %d %q", a.status, a.body)
	}
	d := g.handshake(admin(), g.urls("/cgi-bin/global.cgi?action=getCurrentTime"))
	if a := g.fetch(http.MethodGet, g.urls("/cgi-bin/global.cgi?action=getCurrentTime"), d.sign("GET", "/cgi-bin/global.cgi?action=getCurrentTime"), ""); a.status != 200 {
		t.Fatalf("before: %d", a.status)
	}
	next := url.QueryEscape("Next-Passw0rd+%")
	if a := change(admin(), "name=admin&pwd="+next+"&pwdOld="+adminPassword); a.status != 200 || a.body != "OK\r\n" {
		t.Fatalf("change: %d %q", a.status, a.body)
	}
	uri := "/cgi-bin/global.cgi?action=getCurrentTime"
	if a := g.fetch(http.MethodGet, g.urls(uri), d.sign("GET", uri), ""); a.status != 401 || a.body != "Invalid Authority!\r\n" {
		t.Errorf("the old login goes on: %d %q", a.status, a.body)
	}
	if a := g.cgi(login{"admin", "Next-Passw0rd+%"}, g.url(""), uri); a.status != 200 {
		t.Errorf("the new password: %d %q", a.status, a.body)
	}
}

func TestModifyPasswordByManager(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	viewer := g.addUser("viewer", "View-0nly-Pass")
	uri := "/cgi-bin/userManager.cgi?action=modifyPasswordByManager&name=viewer&pwd=Next-Passw0rd&managerName="
	if a := g.cgi(viewer, g.urls(""), uri+"viewer&managerPwd="+viewer.password); a.status != 403 {
		t.Errorf("a viewer as manager: %d %q", a.status, a.body)
	}
	if a := g.cgi(admin(), g.urls(""), uri+"admin&managerPwd=Wrong-Passw0rd"); a.status != 400 {
		t.Errorf("wrong manager password: %d %q", a.status, a.body)
	}
	if a := g.cgi(admin(), g.urls(""), uri+"viewer&managerPwd="+viewer.password); a.status != 403 {
		t.Errorf("a viewer named as manager: %d %q", a.status, a.body)
	}
	refused := g.logged("login.refused")
	weak := strings.Replace(uri, "Next-Passw0rd", "weak", 1)
	if a := g.cgi(admin(), g.urls(""), weak+"admin&managerPwd=Wrong-Passw0rd"); a.status != 400 || !strings.Contains(a.body, "Too Weak") || g.logged("login.refused") != refused {
		t.Errorf("weak, with a wrong manager password: %d %q, %d tries", a.status, a.body, g.logged("login.refused")-refused)
	}
	if a := g.cgi(admin(), g.urls(""), uri+"admin&managerPwd="+adminPassword); a.body != "OK\r\n" {
		t.Errorf("change: %d %q", a.status, a.body)
	}
	if a := g.cgi(login{"viewer", "Next-Passw0rd"}, g.url(""), "/cgi-bin/magicBox.cgi?action=getVendor"); a.status != 200 {
		t.Errorf("the new password: %d %q", a.status, a.body)
	}
}

func TestAddAndDeleteUser(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	add := "/cgi-bin/userManager.cgi?action=addUser&user.Group=user&user.Name=guest&user.Password="
	for _, c := range []struct {
		uri, body string
	}{
		{add + "weak", "Error\r\nPassword Too Weak!\r\n"},
		{add + "G00d-enough", "OK\r\n"},
		{add + "G00d-enough", "Error\r\nBad Request!\r\n"},
		{"/cgi-bin/userManager.cgi?action=deleteUser&name=admin", "Error\r\nBad Request!\r\n"},
		{"/cgi-bin/userManager.cgi?action=deleteUser&name=guest", "OK\r\n"},
		{"/cgi-bin/userManager.cgi?action=deleteUser&name=guest", "Error\r\nBad Request!\r\n"},
	} {
		if a := g.cgi(admin(), g.urls(""), c.uri); a.body != c.body {
			t.Errorf("%s: %d %q, want %q", c.uri, a.status, a.body, c.body)
		}
	}
}

// What is not a proof of knowing a password must neither count nor pass.
func TestDigestRefusalsCostNothing(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	const uri = "/cgi-bin/magicBox.cgi?action=getVendor"
	d := g.handshake(admin(), g.url(uri))
	other := *d
	other.realm = "Login to somewhere else"
	forged := *d
	forged.nonce = strings.Repeat("A", len(d.nonce))
	good := d.signAs("GET", uri, 1)
	for name, header := range map[string]string{
		"none":                "",
		"basic":               "Basic YWRtaW46YWRtaW4=",
		"garbage":             "Digest ,,,=",
		"another URI":         d.signAs("GET", "/cgi-bin/magicBox.cgi?action=getSerialNo", 1),
		"another realm":       other.signAs("GET", uri, 1),
		"a nonce made up":     forged.signAs("GET", uri, 1),
		"no qop":              strings.Replace(good, " qop=auth,", "", 1),
		"nc 0":                d.signAs("GET", uri, 0),
		"a field twice":       good + `, nc=00000001`,
		"SHA-256":             good + `, algorithm=SHA-256`,
		"a name of two lines": strings.Replace(good, `"admin"`, "\"admin\tx\"", 1),
		"an endless name":     strings.Replace(good, `"admin"`, `"`+strings.Repeat("x", 65)+`"`, 1),
		"response too long":   strings.Replace(good, `response="`, `response="0`, 1),
	} {
		if a := g.fetch(http.MethodGet, g.url(uri), header, ""); a.status != 401 || a.header.Get("WWW-Authenticate") == "" || a.body != "" {
			t.Errorf("%s: %d %q", name, a.status, a.body)
		}
	}
	if n := g.logged("login.refused"); n != 0 {
		t.Errorf("%d tries were counted", n)
	}
	if a := g.fetch(http.MethodGet, g.url(uri), good, ""); a.status != 200 {
		t.Errorf("the good one: %d %q", a.status, a.body)
	}
}

func TestNonceReuse(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	const uri = "/cgi-bin/magicBox.cgi?action=getVendor"
	d := g.handshake(admin(), g.url(uri))
	for _, c := range []struct {
		nc, status int
	}{{1, 200}, {2, 200}, {2, 401}, {5, 200}, {4, 200}, {4, 401}, {90, 200}, {6, 401}, {91, 200}} {
		a := g.fetch(http.MethodGet, g.url(uri), d.signAs("GET", uri, c.nc), "")
		if a.status != c.status {
			t.Errorf("count %d: %d %q, want %d", c.nc, a.status, a.body, c.status)
		}
		if a.status == 401 && !strings.Contains(a.header.Get("WWW-Authenticate"), `stale="true"`) {
			t.Errorf("count %d: not called stale", c.nc)
		}
	}
	if n := g.logged("login"); n != 1 {
		t.Errorf("one handshake wrote %d logins to the security log", n)
	}
	if n := g.logged("login.refused"); n != 0 {
		t.Errorf("%d tries were counted", n)
	}
}

func TestLockOnCGI(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	const uri = "/cgi-bin/magicBox.cgi?action=getVendor"
	for i := range 5 {
		a := g.cgi(login{"admin", "Wrong-Passw0rd"}, g.url(""), uri)
		if a.status != 401 || a.body != "Invalid Authority!\r\n" {
			t.Fatalf("wrong try %d: %d %q", i+1, a.status, a.body)
		}
	}
	if n := g.logged("login.refused"); n != 5 {
		t.Errorf("5 wrong tries were counted as %d", n)
	}
	a := g.cgi(admin(), g.url(""), uri)
	if a.status != 403 || !strings.Contains(a.body, `"ErrorCode":268632081,"Result":false,"RmLock":1`) || !strings.HasSuffix(a.body, `"RmLogin":0}`+"\r\n") {
		t.Errorf("locked: %d %q", a.status, a.body)
	}
}

func TestBackup(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	a := g.get("Config.backup?action=All")
	packed, ok := strings.CutPrefix(a.body, backupMagic)
	if a.status != 200 || !ok {
		t.Fatalf("%d %q", a.status, a.body)
	}
	z, err := gzip.NewReader(bytes.NewReader([]byte(packed)))
	must(t, err)
	text, err := io.ReadAll(z)
	must(t, err)
	if !strings.Contains(string(text), `"UPnP"`) || strings.Contains(string(text), adminPassword) {
		t.Error("the backup is not the settings, or holds a password")
	}
}

func TestChallengesAreNotOfferedOnTheLAN(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	s := g.rpcLogin(admin())
	for _, name := range []string{"Recovery.getChallenge", "Recovery.submitAnswer", "PasswdFind.resetPassword", "PasswdFind.checkAuthCode", "userManager.temporaryPassword"} {
		for _, at := range []string{"/RPC2", "/OutsideCmd", "/RPC2_Login"} {
			r := g.call(at, `{"method":"`+name+`","params":{},"id":1,"session":"`+s+`"}`)
			if r.Error.Code != 268894210 {
				t.Errorf("%s at %s: %+v", name, at, r.Error)
			}
		}
	}
	if a := g.get("recovery.cgi?action=getChallenge"); a.status != 404 {
		t.Errorf("CGI: %d %q", a.status, a.body)
	}
	if a := g.fetch(http.MethodGet, g.url("/challenge"), "", ""); a.status != 404 {
		t.Errorf("page: %d", a.status)
	}
	if n := g.logged("challenge.refused"); n < 16 {
		t.Errorf("%d records of refused challenges", n)
	}
}

func TestFrontPage(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	for _, base := range []string{g.url(""), g.urls("")} {
		a := g.fetch(http.MethodGet, base+"/", "", "")
		if a.status != 200 || !strings.Contains(a.body, "<title>WEB SERVICE") || !strings.Contains(a.body, "at the recorder itself") {
			t.Errorf("%d %q", a.status, a.body)
		}
		if strings.Contains(a.body, g.box.Info().DeviceID) || strings.Contains(a.body, g.box.Info().Serial) {
			t.Error("the page tells more than it must")
		}
		if css := g.fetch(http.MethodGet, base+"/static/rekey.css", "", ""); css.status != 200 {
			t.Errorf("style: %d", css.status)
		}
	}
	if a := g.fetch(http.MethodPost, g.url("/"), "", "x"); a.status != 405 {
		t.Errorf("POST: %d", a.status)
	}
}

func TestEpochEndsEverything(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	s := g.rpcLogin(admin())
	if r := g.call("/RPC2", `{"method":"magicBox.getVendor","params":null,"id":1,"session":"`+s+`"}`); string(r.Params["Vendor"]) != `"Lorex"` {
		t.Fatalf("before: %+v", r)
	}
	must(t, g.box.SetPassword("admin", "admin", rekey.NewSecret(adminPassword), rekey.NewSecret("Next-Passw0rd"), recorder.Client{}))
	if r := g.call("/RPC2", `{"method":"magicBox.getVendor","params":null,"id":1,"session":"`+s+`"}`); r.Error.Code != 287637505 {
		t.Errorf("after: %+v", r)
	}
	if n := len(g.box.Active()); n != 0 {
		t.Errorf("%d users are still listed", n)
	}
}

// What strangers had recorded cannot pass for lines of an answer.
func TestRecordedNamesForgeNoLines(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	must(t, g.box.Record("login.refused", "x\r\nitems[0].Type=FORGED", "x", "wrong", map[string]string{"address": "1\nfound=9", "client": "a\u2028b\x00"}))
	a := g.get("log.cgi?action=startFind&condition.StartTime=2000-01-01%2000:00:00&condition.EndTime=2099-01-01%2000:00:00&condition.Type=login.refused")
	a = g.get("log.cgi?action=doFind&count=100&token=" + between(a.body, "token=", "\r"))
	want := "found=1\r\nitems[0].Detail.Address=1?found=9\r\nitems[0].Detail.Type=a?b?\r\nitems[0].Level=Info\r\n"
	if !strings.HasPrefix(a.body, want) || !strings.HasSuffix(a.body, "\r\nitems[0].User=x??items[0].Type=FORGED\r\n") || strings.Count(a.body, "\n") != 7 {
		t.Errorf("%q", a.body)
	}
}

// A page of another site cannot write by the login that a browser remembers.
func TestCrossSiteCGI(t *testing.T) {
	t.Parallel()
	g := newRig(t, adminPassword)
	const uri = "/cgi-bin/configManager.cgi?action=setConfig&UPnP.Enable=false"
	d := g.handshake(admin(), g.url(uri))
	for _, site := range []string{"cross-site", "same-site", "anything"} {
		if a := g.fetch(http.MethodGet, g.url(uri), d.sign("GET", uri), "", "Sec-Fetch-Site", site); a.status != 403 || a.header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %d %q", site, a.status, a.body)
		}
	}
	if table, _ := g.box.Table("UPnP"); table["Enable"] != "true" || g.logged("login") != 0 {
		t.Errorf("UPnP %s, %d logins", table["Enable"], g.logged("login"))
	}
	for _, header := range [][]string{{"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}, nil} {
		if a := g.fetch(http.MethodGet, g.url(uri), d.sign("GET", uri), "", header...); a.status != 200 {
			t.Errorf("%v: %d %q", header, a.status, a.body)
		}
	}
}
