package dahua

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"rekey"
)

const cameraList = `{"id":$ID,"result":true,"params":{"camera":[
{"UniqueChannel":2,"Enable":true,"Type":"Remote","DeviceInfo":{"Address":"192.168.1.12","UserName":"admin","Password":"cam-secret","Enable":true,"VideoInputs":[{"Name":"Yard"}]}},
{"UniqueChannel":0,"Enable":true,"Type":"Remote","DeviceInfo":{"Address":"192.168.1.10","UserName":"admin","Password":"******","VideoInputs":[{"Name":""}]}},
{"UniqueChannel":1,"Enable":false,"Type":"Remote","DeviceInfo":{"Address":"192.168.1.11"}},
{"UniqueChannel":3,"Enable":true,"Type":"Remote","DeviceInfo":{"Address":""}},
{"UniqueChannel":4,"Enable":true,"Type":"Local"}]}}`

const cameraStates = `{"id":$ID,"result":true,"params":{"states":[{"channel":0,"connectionState":"Connected"},{"channel":1,"connectionState":"Unconnect"},{"uniqueChannel":2,"connectionState":"Unconnect"}]}}`

func told(list []rekey.Channel) string {
	var b strings.Builder
	for _, c := range list {
		fmt.Fprintf(&b, "%d %s %s %s %t %.10s; ", c.Number, c.Name, c.Address, c.Account, c.Online, c.Why)
	}
	return strings.TrimSuffix(b.String(), "; ")
}

func TestChannels(t *testing.T) {
	t.Parallel()
	titles := &tables{read: map[string]string{"ChannelTitle": `[{"Name":"Door"},{"Name":"Hall"}]`}}
	settings := &tables{read: map[string]string{"RemoteDevice": `{"uuid:System_CONFIG_NETCAMERA_INFO_0":{"Address":"10.0.0.1","UserName":"admin","Password":"cam-secret","Enable":true,"VideoInputs":[{"Name":"Gate"}]},"uuid:System_CONFIG_NETCAMERA_INFO_1":{"Address":"","Enable":false}}`}}
	both := titles.rpc()
	both["LogicDeviceManager.getCameraAll"], both["LogicDeviceManager.getCameraState"] = says(cameraList), says(cameraStates)
	stateless := titles.rpc()
	stateless["LogicDeviceManager.getCameraAll"] = says(cameraList)
	byCGI := map[string]func(*http.Request) (int, string){
		"getCameraAll":   body("camera[1].UniqueChannel=1\r\ncamera[1].Enable=true\r\ncamera[1].DeviceInfo.Address=10.0.0.2\r\ncamera[0].Enable=true\r\ncamera[0].DeviceInfo.Address=10.0.0.1\r\ncamera[0].DeviceInfo.UserName=admin\r\ncamera[0].DeviceInfo.Password=cam-secret\r\ncamera[0].DeviceInfo.VideoInputs[0].Name=Front = back\r\n"),
		"getCameraState": body("states[0].channel=0\r\nstates[0].connectionState=Connected\r\nstates[1].channel=1\r\nstates[1].connectionState=Unconnect\r\n"),
	}
	older := map[string]func(*http.Request) (int, string){"getConfig": func(r *http.Request) (int, string) {
		if r.URL.Query().Get("name") == "RemoteDevice" {
			return 200, "table.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_3.Address=10.0.0.4\r\ntable.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_3.UserName=admin\r\ntable.RemoteDevice.uuid:System_CONFIG_NETCAMERA_INFO_3.Password=******\r\n"
		}
		return 400, "Error\r\nBad Request!\r\n"
	}}
	for name, tc := range map[string]struct {
		peer *peer
		want string
	}{
		"RPC2":             {&peer{rpc: both}, "1 Door 192.168.1.10 admin true ; 2 Hall 192.168.1.11  false switched o; 3 Yard 192.168.1.12 admin false Unconnect:; 5    false the record"},
		"RPC2, no states":  {&peer{rpc: stateless}, "1 Door 192.168.1.10 admin false the record; 2 Hall 192.168.1.11  false switched o; 3 Yard 192.168.1.12 admin false the record; 5    false the record"},
		"RPC2, settings":   {&peer{rpc: settings.rpc()}, "1 Gate 10.0.0.1 admin false the record"},
		"CGI":              {&peer{noRPC: true, cgi: byCGI}, "1 Front = back 10.0.0.1 admin true ; 2  10.0.0.2  false Unconnect:"},
		"CGI, settings":    {&peer{noRPC: true, cgi: older}, "4  10.0.0.4 admin false the record"},
		"RPC2 without any": {&peer{}, "none"},
	} {
		s, _ := opened(t, tc.peer, false)
		list, err := s.Channels(t.Context())
		if tc.want == "none" {
			if !errors.Is(err, rekey.ErrUnsupported) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || told(list) != tc.want {
			t.Errorf("%s:\n%s\n%s: %v", name, told(list), tc.want, err)
		}
		if text := fmt.Sprintf("%+v", list); strings.Contains(text, "cam-secret") || strings.Contains(text, "****") {
			t.Errorf("%s tells a password", name)
		}
	}
}

func TestChannelsOddAnswers(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		`{"id":$ID,"result":true,"params":{"camera":{}}}`, `{"id":$ID,"result":true,"params":[1]}`, `{"id":$ID,"result":true}`, `{"id":$ID,"result":tr`, ``,
		`{"id":$ID,"result":true,"params":{"camera":[{"` + strings.Repeat("x", longestPath+1) + `":1}]}}`,
	} {
		s, _ := opened(t, &peer{rpc: map[string]func(call) string{"LogicDeviceManager.getCameraAll": says(answer)}}, false)
		if list, err := s.Channels(t.Context()); !errors.Is(err, rekey.ErrUnreachable) {
			t.Errorf("%.60s: %v, %v", answer, list, err)
		}
	}
}
