package lan

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"rekey/internal/recorder"
)

// The disk by CGI, in both forms, well, broken and taken out.
func TestStorageByCGI(t *testing.T) {
	t.Parallel()
	const uri = "storageDevice.cgi?action=getDeviceAllInfo"
	for face, list := range map[recorder.Face]string{recorder.FaceN841: "list.info", recorder.FaceBasic2014: "list"} {
		g, who := faceRig(t, face)
		told := func(kind TroubleKind, state string, broken bool) string {
			g.l.Trouble.Set(kind)
			at := "\r\n" + list + "[0]."
			return fmt.Sprintf(strings.TrimPrefix(at, "\r\n")+"Name=/dev/sda"+at+"State=%s"+at+"HealthDataFlag=0"+at+"Detail[0].Path=/mnt/dvr"+
				at+"Detail[0].Type=ReadWrite"+at+"Detail[0].IsError=%t"+at+"Detail[0].TotalBytes=2000398934016.000000"+at+"Detail[0].UsedBytes=%d.000000\r\n",
				state, broken, g.clips.Used())
		}
		if want, a := told(NoTrouble, "Success", false), g.query(who, g.url(""), uri); a.status != http.StatusOK || a.body != want {
			t.Errorf("%s: %d %q, want %q", face, a.status, a.body, want)
		}
		if want, a := told(DiskError, "Error", true), g.query(who, g.url(""), uri); a.body != want {
			t.Errorf("%s, broken: %q, want %q", face, a.body, want)
		}
		g.l.Trouble.Set(NoDisk)
		if a := g.query(who, g.url(""), uri); a.status != http.StatusOK || a.body != list+"=0\r\n" {
			t.Errorf("%s, no disk: %d %q", face, a.status, a.body)
		}
	}
}

func TestStorageByRPC(t *testing.T) {
	t.Parallel()
	g, who := faceRig(t, recorder.FaceBrokenDigest) // where there is no other way
	p, _ := g.dialRPC(who)
	made := p.call("storage.factory.instance", "null")
	on := func(object, method, params string) rpcAnswer {
		return p.call(method, params+`,"object":`+object)
	}
	want := fmt.Sprintf(`[{"Name":"/dev/sda","State":"Success","HealthDataFlag":0,"Detail":[{"Path":"/mnt/dvr","Type":"ReadWrite","IsError":false,"TotalBytes":2000398934016.000000,"UsedBytes":%d.000000}]}]`, g.clips.Used())
	for _, method := range []string{"storage.getDeviceInfo", "storage.getDeviceAllInfo"} {
		if r := on(string(made.Result), method, "null"); string(r.Result) != "true" || string(r.Params["info"]) != want {
			t.Errorf("%s: %+v %s", method, r.Error, r.Params["info"])
		}
		if r := p.call(method, "null"); r.Error.Code != 268894209 {
			t.Errorf("%s without an object: %+v", method, r)
		}
	}
	g.l.Trouble.Set(DiskError)
	if r := on(string(made.Result), "storage.getDeviceInfo", "null"); !strings.Contains(string(r.Params["info"]), `"IsError":true`) {
		t.Errorf("broken: %s", r.Params["info"])
	}
	g.l.Trouble.Set(NoDisk)
	if r := on(string(made.Result), "storage.getDeviceInfo", "null"); string(r.Result) != "true" || string(r.Params["info"]) != "null" {
		t.Errorf("no disk: %+v", r)
	}
	if r := p.call("storage.getDeviceNames", "null"); string(r.Params["list"]) != "[]" {
		t.Errorf("no disk: %+v", r)
	}
}

func TestUpgradeState(t *testing.T) {
	t.Parallel()
	g, who := faceRig(t, recorder.FaceN841)
	p, _ := g.dialRPC(who)
	object := string(p.call("upgrader.factory.instance", "null").Result)
	for kind, want := range map[TroubleKind][2]string{NoTrouble: {"Idle", "0"}, Upgrading: {"Upgrading", "42"}} {
		g.l.Trouble.Set(kind)
		if a := g.query(who, g.url(""), "upgrader.cgi?action=getState"); a.status != http.StatusOK || a.body != "State="+want[0]+"\r\nProgress="+want[1]+"\r\n" {
			t.Errorf("CGI: %d %q", a.status, a.body)
		}
		for _, params := range []string{"null", `null,"object":` + object} {
			if r := p.call("upgrader.getState", params); r.text("State") != want[0] || string(r.Params["Progress"]) != want[1] {
				t.Errorf("RPC2: %+v", r)
			}
		}
	}
}

// Nothing on the LAN formats a disk, writes firmware or makes trouble.
func TestNothingFormatsOrUpgrades(t *testing.T) {
	t.Parallel()
	g, who := faceRig(t, recorder.FaceN841)
	p, _ := g.dialRPC(who)
	for _, uri := range []string{
		"storageDevice.cgi?action=setDevice&type=FormatPatition&path=/mnt/dvr", "upgrader.cgi?action=cancel",
		"upgrader.cgi?action=uploadFirmware", "upgrader.cgi?action=updateFirmwareByUrl&Url=http://192.0.2.1/&checkType=0&checkSum=",
	} {
		if a := g.query(who, g.url(""), uri); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %q", uri, a.status, a.body)
		}
	}
	for _, method := range []string{"upgrader.start", "upgrader.check", "upgrader.cancel", "storage.format", "trouble.set"} {
		if r := p.call(method, "null"); r.Error.Code != 268894210 {
			t.Errorf("%s: %+v", method, r)
		}
	}
	if a := g.query(who, g.url(""), "upgrader.cgi?action=getState"); a.body != "State=Idle\r\nProgress=0\r\n" {
		t.Errorf("after all that: %q", a.body)
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	g, who := faceRig(t, recorder.FaceN841)
	p, _ := g.dialRPC(who)
	for name, want := range map[string]string{
		"admin": "group.Name=admin\r\ngroup.Id=1\r\ngroup.Memo=administrator group\r\ngroup.AuthorityList[0]=AuthUserMag\r\n",
		"user":  "group.Name=user\r\ngroup.Id=2\r\ngroup.Memo=user group\r\ngroup.AuthorityList[0]=Monitor_01\r\ngroup.AuthorityList[1]=Replay_01\r\n",
	} {
		if a := g.query(who, g.url(""), "userManager.cgi?action=getGroupInfo&name="+name); a.status != http.StatusOK || !strings.HasPrefix(a.body, want) {
			t.Errorf("%s: %d %q", name, a.status, a.body)
		}
		r := p.call("userManager.getGroupInfo", `{"name":"`+name+`"}`)
		if one := string(r.Params["group"]); !strings.Contains(one, `"Name":"`+name+`"`) || strings.Contains(one, "AuthUserMag") != (name == "admin") {
			t.Errorf("%s: %+v %s", name, r.Error, one)
		}
	}
	if a := g.query(who, g.url(""), "userManager.cgi?action=getGroupInfo&name=nobody"); a.status != http.StatusBadRequest {
		t.Errorf("no such group: %d %q", a.status, a.body)
	}
	if r := p.call("userManager.getGroupInfo", `{"name":"nobody"}`); r.Error.Code != 268894211 {
		t.Errorf("no such group: %+v", r)
	}
}
