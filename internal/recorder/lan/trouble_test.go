package lan

import (
	"net/http"
	"strings"
	"testing"

	"rekey/internal/recorder"
)

// What a trouble answers, and that none of it counts.
func TestTroubles(t *testing.T) {
	t.Parallel()
	const uri = "magicBox.cgi?action=getVendor"
	for kind, want := range map[TroubleKind]struct {
		cgi, onvif, rtsp, rpc int
		body                  string
	}{
		ConnectionLimit: {401, 503, 503, 268632075, ""},
		BannedAddress:   {403, 403, 403, 268632073, ""},
		Uninitialised:   {401, 400, 401, 268632086, "Invalid Authority!\r\n"},
	} {
		g, who := faceRig(t, recorder.FaceN841)
		challenge := g.fetch(http.MethodGet, g.url("/cgi-bin/"+uri), "", "").header.Get("WWW-Authenticate")
		g.l.Trouble.Set(kind)
		for range 6 {
			a := g.fetch(http.MethodGet, g.url("/cgi-bin/"+uri), answerTo(challenge, who, http.MethodGet, "/cgi-bin/"+uri), "")
			if a.status != want.cgi || a.body != want.body {
				t.Errorf("%d, CGI: %d %q", kind, a.status, a.body)
			}
		}
		if a := g.onvif("<tds:GetUsers/>", who); a.status != want.onvif {
			t.Errorf("%d, ONVIF: %d", kind, a.status)
		}
		if _, r := g.dialRPC(who); r.Error.Code != want.rpc {
			t.Errorf("%d, RPC2: %+v", kind, r)
		}
		if a := g.dialRTSP().send("DESCRIBE", g.dialRTSP().live(), "Digest x"); a.status != want.rtsp {
			t.Errorf("%d, RTSP: %d", kind, a.status)
		}
		g.l.Trouble.Set(NoTrouble)
		if a := g.query(who, g.url(""), uri); a.status != 200 || g.logged("login.refused") != 0 {
			t.Errorf("%d, after it: %d, %d refused", kind, a.status, g.logged("login.refused"))
		}
	}
}

func TestRedirectToHTTPS(t *testing.T) {
	t.Parallel()
	g, who := faceRig(t, recorder.FaceN841)
	g.l.Trouble.Set(RedirectToHTTPS)
	g.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, path := range []string{"/cgi-bin/magicBox.cgi?action=getVendor", "/RPC2_Login", ONVIFPath, "//cgi-bin/%5B1%5D"} {
		a := g.fetch(http.MethodGet, g.url(path), "", "")
		if a.status != http.StatusFound || a.header.Get("Location") != g.urls(path) {
			t.Errorf("%s: %d to %q, want %q", path, a.status, a.header.Get("Location"), g.urls(path))
		}
	}
	if a := g.query(who, g.urls(""), "magicBox.cgi?action=getVendor"); a.status != 200 {
		t.Errorf("HTTPS: %d", a.status)
	}
}

// A recorder that says OK and does nothing.
func TestChangesNothing(t *testing.T) {
	t.Parallel()
	g, who := faceRig(t, recorder.FaceBaseline2)
	g.l.Trouble.Set(ChangesNothing)
	p, _ := g.dialRPC(who)
	change := `{"name":"admin","pwd":"Next-Passw0rd","pwdOld":"` + who.password + `"}`
	for _, method := range []string{"Security.modifyPasswordPlain", "userManager.onvifmodifyPassword"} {
		if r := p.call(method, p.sealed(change)); string(r.Result) != "true" {
			t.Errorf("%s: %+v", method, r)
		}
	}
	set := "<tds:SetUser><tds:User><tt:Username>admin</tt:Username><tt:Password>Next-Passw0rd</tt:Password><tt:UserLevel>Administrator</tt:UserLevel></tds:User></tds:SetUser>"
	if a := g.onvif(set, who); a.status != 200 {
		t.Errorf("SetUser: %d %s", a.status, a.body)
	}
	if _, r := g.dialRPC(who); string(r.Result) != "true" {
		t.Errorf("the old password: %+v", r)
	}
	if a := g.onvif("<tds:GetUsers/>", who); a.status != 200 || g.logged("password.set")+g.logged("onvif.password.set") != 0 {
		t.Errorf("ONVIF with the old password: %d", a.status)
	}
}

// A camera with the recorder's own password goes dark when that is changed, and
// comes back when the recorder is told the camera's.
func TestCamerasGoDark(t *testing.T) {
	t.Parallel()
	for _, face := range []recorder.Face{recorder.FaceN841, recorder.FaceBaseline2} {
		g, who := faceRig(t, face)
		p, _ := g.dialRPC(who)
		states := func() string {
			t.Helper()
			return string(p.call("LogicDeviceManager.getCameraState", `{"uniqueChannels":[-1]}`).Params["states"])
		}
		const lit, dark = `{"channel":%,"connectionState":"Connected"}`, `{"channel":%,"connectionState":"Unconnect"}`
		list := func(one, two string) string {
			return "[" + strings.Replace(one, "%", "0", 1) + "," + strings.Replace(two, "%", "1", 1) + "]"
		}
		if got := states(); got != list(lit, lit) {
			t.Errorf("%s, before: %s", face, got)
		}
		if r := p.call("Security.modifyPasswordPlain", p.sealed(`{"name":"admin","pwd":"Next-Passw0rd","pwdOld":"`+who.password+`"}`)); string(r.Result) != "true" {
			t.Fatalf("%+v", r)
		}
		next := login{"admin", "Next-Passw0rd"}
		p, _ = g.dialRPC(next)
		if got := states(); got != list(dark, dark) {
			t.Errorf("%s, after the change: %s", face, got)
		}
		table := string(p.call("configManager.getConfig", `{"name":"RemoteDevice"}`).Params["table"])
		const shown = `"Password":"******"`
		if strings.Count(table, shown) != 2 || !strings.Contains(table, `"Address":"192.0.2.101"`) || strings.Contains(table, who.password) {
			t.Fatalf("%s, RemoteDevice: %s", face, table)
		}
		first := strings.Replace(table, shown, `"Password":"`+who.password+`"`, 1)
		params := `{"name":"RemoteDevice","table":` + first + `,"options":[]}`
		if r := p.call("configManager.setConfig", params); (r.Error.Code == 611) != (face == recorder.FaceBaseline2) {
			t.Errorf("%s, readable: %+v", face, r)
		}
		if r := p.call("Security.setConfig", p.sealed(params)); string(r.Result) != "true" {
			t.Errorf("%s, in the envelope: %+v", face, r)
		}
		if got := states(); got != list(lit, dark) {
			t.Errorf("%s, after the first was set: %s", face, got)
		}
		if r := p.call("configManager.setConfig", `{"name":"RemoteDevice","table":`+table+`}`); string(r.Result) != "true" {
			t.Errorf("%s, written back as read: %+v", face, r)
		}
		if got := states(); got != list(lit, dark) {
			t.Errorf("%s, after it was written back as read: %s", face, got)
		}
		second := g.query(next, g.urls(""), "configManager.cgi?action=setConfig&RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_1.Password="+who.password)
		if want := map[recorder.Face]int{recorder.FaceN841: 200, recorder.FaceBaseline2: 403}[face]; second.status != want {
			t.Errorf("%s, by CGI: %d %q", face, second.status, second.body)
		}
		if face == recorder.FaceN841 && states() != list(lit, lit) {
			t.Errorf("%s, after the second was set: %s", face, states())
		}
		read := g.query(next, g.url(""), "configManager.cgi?action=getConfig&name=RemoteDevice").body
		if !strings.Contains(read, "table.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_0.Password=******\r\n") || strings.Contains(read, who.password) {
			t.Errorf("%s: %s", face, read)
		}
		const api = "/cgi-bin/api/LogicDeviceManager/getCameraState"
		challenge := g.fetch(http.MethodPost, g.url(api), "", "").header.Get("WWW-Authenticate")
		a := g.fetch(http.MethodPost, g.url(api), answerTo(challenge, next, http.MethodPost, api), `{"uniqueChannels":[0]}`)
		if a.status != 200 || a.body != `{"states":[{"channel":0,"connectionState":"Connected"}]}`+"\r\n" {
			t.Errorf("%s, newer CGI: %d %q", face, a.status, a.body)
		}
		g.keepsSecrets(faceWords(face)...)
	}
}
