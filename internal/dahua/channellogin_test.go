package dahua

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"rekey"
)

const camPassword = `c4m-&"=%é x`

// camBox keeps two cameras, at channels 1 and 3.
type camBox struct {
	envelope, deaf bool
	byCGI          bool
	list           string // getCameraAll
	accounts       [2]string
	wrote          string // the table or the query that set something, opened
	how            string // by which call
}

func (b *camBox) table() string {
	return fmt.Sprintf(`{"uuid:System_CONFIG_NETCAMERA_INFO_0":{"Address":"10.0.0.1","Port":80,"UserName":"%s","Password":"******","Enable":true},`+
		`"uuid:System_CONFIG_NETCAMERA_INFO_2":{"Address":"10.0.0.3","UserName":"%s","VideoInputs":[{"Name":"Gate"}]}}`, b.accounts[0], b.accounts[1])
}

// set takes a table that was written.
func (b *camBox) set(how string, raw []byte) {
	b.how, b.wrote = how, string(raw)
	var told map[string]struct{ UserName, Password string }
	if json.Unmarshal(raw, &told) == nil && !b.deaf {
		b.accounts = [2]string{told["uuid:System_CONFIG_NETCAMERA_INFO_0"].UserName, told["uuid:System_CONFIG_NETCAMERA_INFO_2"].UserName}
	}
}

func (b *camBox) peer(t *testing.T) *peer {
	if b.accounts[0] == "" {
		b.accounts = [2]string{"admin", "admin"}
	}
	if b.byCGI {
		return &peer{noRPC: true, cgi: map[string]func(*http.Request) (int, string){"getConfig": b.read, "setConfig": b.write}}
	}
	p := &peer{rpc: map[string]func(call) string{
		"configManager.getConfig": func(c call) string {
			if !strings.Contains(string(c.Params), tableCameras) {
				return noRight
			}
			return `{"id":$ID,"result":true,"params":{"table":` + b.table() + `}}`
		},
		"configManager.setConfig": func(c call) string {
			var q struct{ Table json.RawMessage }
			_ = json.Unmarshal(c.Params, &q)
			b.set("plain", q.Table)
			return `{"id":$ID,"result":true}`
		},
		"LogicDeviceManager.getCameraAll": func(call) string {
			if b.list == "" {
				return noRight
			}
			return b.list
		},
	}}
	if b.envelope {
		p.rpc["Security.getEncryptInfo"] = says(encryptInfoAnswer(recorderKey(), `"RPAC-256"`))
		p.rpc["Security.setConfig"] = func(c call) string {
			plain, _ := unseal(t, recorderKey(), c.Params)
			var q struct{ Table json.RawMessage }
			_ = json.Unmarshal([]byte(plain), &q)
			b.set("envelope", q.Table)
			return `{"id":$ID,"result":true}`
		}
	}
	return p
}

const noRight = `{"id":$ID,"result":false,"error":{"code":285278249,"message":"Authority:check failure."}}`

func (b *camBox) read(r *http.Request) (int, string) {
	if r.URL.Query().Get("name") != tableCameras {
		return 400, "Error\r\nBad Request!\r\n"
	}
	const at = "table.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_"
	return 200, at + "0.Address=10.0.0.1\r\n" + at + "0.UserName=" + b.accounts[0] + "\r\n" + at + "2.Address=10.0.0.3\r\n" + at + "2.UserName=" + b.accounts[1] + "\r\n"
}

func (b *camBox) write(r *http.Request) (int, string) {
	b.how, b.wrote = "CGI", r.URL.RawQuery
	if now := r.URL.Query().Get("RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_2.UserName"); now != "" && !b.deaf {
		b.accounts[1] = now
	}
	return 200, "OK\r\n"
}

func TestSetChannelLogin(t *testing.T) {
	t.Parallel()
	whole := `{"uuid:System_CONFIG_NETCAMERA_INFO_0":{"Address":"10.0.0.1","Enable":true,"Password":"******","Port":80,"UserName":"admin"},` +
		`"uuid:System_CONFIG_NETCAMERA_INFO_2":{"Address":"10.0.0.3","Password":"c4m-&\"=%é x","UserName":"keeper","VideoInputs":[{"Name":"Gate"}]}}`
	query := "action=setConfig&RemoteDevice.uuid%3ASystem_CONFIG_NETCAMERA_INFO_2.Password=c4m-%26%22%3D%25%C3%A9%20x&RemoteDevice.uuid%3ASystem_CONFIG_NETCAMERA_INFO_2.UserName=keeper"
	listed := func(id, address string) string {
		return `{"id":$ID,"result":true,"params":{"camera":[{"UniqueChannel":6,"DeviceID":"` + id + `","Type":"Remote","DeviceInfo":{"Address":"` + address + `"}}]}}`
	}
	for name, tc := range map[string]struct {
		box     camBox
		tls     bool
		options []Option
		channel int
		kind    error
		wrote   string
		how     string
	}{
		"RPC2 by TLS":        {box: camBox{}, tls: true, channel: 3, wrote: whole, how: "plain"},
		"envelope":           {box: camBox{envelope: true}, channel: 3, wrote: whole, how: "envelope"},
		"clear":              {box: camBox{}, channel: 3, kind: rekey.ErrRisk},
		"clear, accepted":    {box: camBox{}, options: []Option{AcceptClearPassword()}, channel: 3, wrote: whole, how: "plain"},
		"CGI by TLS":         {box: camBox{byCGI: true}, tls: true, channel: 3, wrote: query, how: "CGI"},
		"CGI":                {box: camBox{byCGI: true}, channel: 3, kind: rekey.ErrRisk},
		"CGI, accepted":      {box: camBox{byCGI: true}, options: []Option{AcceptClearPassword()}, channel: 3, wrote: query, how: "CGI"},
		"no camera there":    {box: camBox{}, tls: true, channel: 2, kind: rekey.ErrNotFound},
		"no such channel":    {box: camBox{}, tls: true, channel: 0, kind: rekey.ErrInput},
		"did nothing":        {box: camBox{deaf: true}, tls: true, channel: 3, kind: rekey.ErrDenied, wrote: whole, how: "plain"},
		"CGI, did nothing":   {box: camBox{deaf: true, byCGI: true}, tls: true, channel: 3, kind: rekey.ErrDenied, wrote: query, how: "CGI"},
		"by its entry":       {box: camBox{list: listed("system_config_netcamera_info_2", "10.0.0.3")}, tls: true, channel: 7, wrote: whole, how: "plain"},
		"two cameras at one": {box: camBox{list: listed("System_CONFIG_NETCAMERA_INFO_2", "10.0.0.9")}, tls: true, channel: 7, kind: rekey.ErrUnsupported},
		"not in the list":    {box: camBox{list: listed("", "10.0.0.3")}, tls: true, channel: 3, kind: rekey.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, b := opened(t, tc.box.peer(t), tc.tls, tc.options...)
			err := s.SetChannelLogin(t.Context(), tc.channel, rekey.Login{Account: "keeper", Password: rekey.NewSecret(camPassword)})
			if !errors.Is(err, tc.kind) || (tc.kind != nil && errors.Is(err, rekey.ErrUnknown)) || tc.box.wrote != tc.wrote || tc.box.how != tc.how {
				t.Errorf("by %q: %s: %v", tc.box.how, tc.box.wrote, err)
			}
			if b.spent != 1 || len(b.refused) != 0 || (err != nil && strings.Contains(err.Error(), camPassword)) {
				t.Errorf("%+v: %v", b, err)
			}
		})
	}
}

// What comes in place of an answer leaves it open, and tells no password.
func TestSetChannelLoginOutcomes(t *testing.T) {
	t.Parallel()
	for answer, kind := range map[string]error{
		`{"id":$ID,"result":false,"error":{"code":268894211,"message":"` + newPassword[:3] + `"}}`: rekey.ErrInput,
		noRight: rekey.ErrDenied,
		`{"id":$ID,"result":false,"error":{"code":268632085}}`: rekey.ErrDenied,
		`{"id":$ID,"result":false,"error":{"code":268632075}}`: rekey.ErrUnknown,
		`{"id":$ID,"resu`: rekey.ErrUnknown,
		`{"id":$ID,"result":false,"error":{"code":1,"message":"` + newPassword + `"}}`: rekey.ErrUnknown,
	} {
		p := (&camBox{}).peer(t)
		p.rpc["configManager.setConfig"] = says(answer)
		s, b := opened(t, p, true)
		err := s.SetChannelLogin(t.Context(), 1, login(newPassword))
		if !errors.Is(err, kind) || strings.Contains(err.Error(), newPassword[:3]) || b.spent != 1 || len(b.refused) != 0 {
			t.Errorf("%s: %+v: %v", answer, b, err)
		}
	}
}

// A recorder that counts from 1 says so by a channel that could not be otherwise.
func TestChannelsCountedFromOne(t *testing.T) {
	t.Parallel()
	titles := &tables{read: map[string]string{"ChannelTitle": `[{"Name":"Door"},{"Name":"Hall"},{"Name":"Yard"}]`}}
	for _, tc := range []struct{ first, second, want string }{
		{"1", "3", "1 Door, 3 Yard,"}, {"0", "2", "1 Door, 3 Yard,"}, {"1", "2", "2 Hall, 3 Yard,"},
	} {
		methods := titles.rpc()
		methods["LogicDeviceManager.getCameraAll"] = says(`{"id":$ID,"result":true,"params":{"camera":[{"UniqueChannel":` + tc.first + `,"Type":"Remote","DeviceInfo":{"Address":"10.0.0.1","UserName":"a"}},{"UniqueChannel":` + tc.second + `,"Type":"Remote","DeviceInfo":{"Address":"10.0.0.3","UserName":"a"}}]}}`)
		methods["LogicDeviceManager.getCameraState"] = says(`{"id":$ID,"result":true,"params":{"states":[{"channel":` + tc.first + `,"connectionState":"Connected"},{"channel":` + tc.second + `,"connectionState":"Connected"}]}}`)
		s, _ := opened(t, &peer{rpc: methods}, false)
		list, err := s.Channels(t.Context())
		got := ""
		for _, c := range list {
			got += fmt.Sprintf("%d %s, ", c.Number, c.Name)
			if !c.Online {
				t.Errorf("%s %s: channel %d is dark", tc.first, tc.second, c.Number)
			}
		}
		if err != nil || strings.TrimSpace(got) != tc.want {
			t.Errorf("%s, %s: %q: %v", tc.first, tc.second, got, err)
		}
	}
}

// Why a camera is dark is told apart where the recorder tells it, and the account
// comes from the settings where the list lacks it.
func TestWhyChannelsAreDark(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]string{
		`"connectionState":"Unconnect"`:                            "line or the login",
		`"connectionState":"Unconnect","reason":"PasswordError"`:   "refuses the account or the password",
		`"connectionState":"Unauthorized"`:                         "refuses the account or the password",
		`"connectionState":"Unconnect","errorCode":0`:              "line or the login",
		`"connectionState":"Unconnect","errorMessage":"Timed out"`: "line or the login",
		`"connectionState":"Empty"`:                                "Empty",
		`"x":1`:                                                    "does not tell",
	} {
		box := camBox{list: `{"id":$ID,"result":true,"params":{"camera":[{"UniqueChannel":0,"Type":"Remote","DeviceInfo":{"Address":"10.0.0.1"}}]}}`, accounts: [2]string{"keeper", "x"}}
		p := box.peer(t)
		p.rpc["LogicDeviceManager.getCameraState"] = says(`{"id":$ID,"result":true,"params":{"states":[{"channel":0,` + state + `}]}}`)
		s, _ := opened(t, p, false)
		list, err := s.Channels(t.Context())
		if err != nil || len(list) != 1 || list[0].Online || list[0].Account != "keeper" || !strings.Contains(list[0].Why, want) {
			t.Errorf("%s: %+v: %v", state, list, err)
		}
	}
}

func FuzzCameras(f *testing.F) {
	f.Add(`{"uuid:System_CONFIG_NETCAMERA_INFO_0":{"Address":"10.0.0.1","UserName":"a","UniqueChannel":9}}`, "Unconnect", 3)
	f.Add(`{"System_CONFIG_NETCAMERA_INFO_9999":{"address":"x"},"a":[{"System_CONFIG_NETCAMERA_INFO_1":{"Address":"y"}}]}`, "", 0)
	f.Add(`{"System_CONFIG_NETCAMERA_INFO_0":{"Address":"x"}}`, " ", 0)
	f.Add(`[]`, "\u202e", -1)
	f.Fuzz(func(t *testing.T, raw, state string, titles int) {
		var tree any
		if json.Unmarshal([]byte(raw), &tree) != nil {
			return
		}
		tb := &table{name: tableCameras, tree: tree, flat: map[string]string{}}
		if flatten(tree, "", tb.flat) != nil {
			return
		}
		for _, c := range listed(tb, titles) {
			if c.Number < 0 || c.Number > mostChannels+1 || c.Address == "" {
				t.Errorf("%+v", c)
			}
			c.state(map[int]string{c.Number: state})
			if c.Online == (c.Why != "") || strings.ContainsFunc(c.Why, unprintable) {
				t.Errorf("%+v", c)
			}
			if _, whole := place(edit(tree, "", nil), "", map[string]string{tb.member(c.key, keyAccount): "x"}); !whole && !strings.Contains(c.key, "[") {
				t.Errorf("no place for %q", c.key)
			}
		}
	})
}
