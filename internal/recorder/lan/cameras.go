package lan

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"rekey/internal/recorder"
)

// cameraState is one camera behind the recorder; channels count from 0 here, as
// everywhere on RPC2. Assumed: the words of ConnectionState beside Connected.
type cameraState struct {
	Channel         int    `json:"channel"`
	ConnectionState string `json:"connectionState"`
}

// cameraStates are those of the named channels; -1 names all.
func (l *lan) cameraStates(channels []int) []cameraState {
	states := []cameraState{}
	for i, c := range l.box.Cameras() {
		if !slices.Contains(channels, -1) && !slices.Contains(channels, i) {
			continue
		}
		word := "Unconnect"
		if c.Online {
			word = "Connected"
		}
		states = append(states, cameraState{Channel: i, ConnectionState: word})
	}
	return states
}

type cameraQuestion struct {
	UniqueChannels []int `json:"uniqueChannels"`
}

// rpcCameraState is LogicDeviceManager.getCameraState{uniqueChannels:[-1]}.
func rpcCameraState(c *rpcCall) (any, any, error) {
	var p cameraQuestion
	if err := c.params(&p); err != nil {
		return nil, nil, err
	}
	return true, map[string]any{"states": c.cameraStates(p.UniqueChannels)}, nil
}

// rpcCameraAll is LogicDeviceManager.getCameraAll: what is connected where.
func rpcCameraAll(c *rpcCall) (any, any, error) {
	type device struct{ Address, UserName, DeviceType string }
	type camera struct {
		UniqueChannel int
		Enable        bool
		DeviceInfo    device
	}
	all := []camera{}
	for i, one := range c.box.Cameras() {
		all = append(all, camera{UniqueChannel: i, Enable: true, DeviceInfo: device{one.Address, one.Account, "IP Camera"}})
	}
	return true, map[string]any{"camera": all}, nil
}

// serveAPI is the newer style of CGI: a POST with a body of JSON. One question
// of it is answered, api/LogicDeviceManager/getCameraState.
func (l *lan) serveAPI(w http.ResponseWriter, r *http.Request, name string, from recorder.Client) {
	account, no := l.enter(r, l.cgiDoor(), from)
	switch {
	case no != nil:
		refuseCGI(w, no)
		return
	case name != "LogicDeviceManager/getCameraState" || r.Method != http.MethodPost:
		writeCGI(w, http.StatusNotImplemented, "Error\r\nNot Implemented!\r\n")
		return
	case !l.isAdmin(account):
		writeCGI(w, errAuthority.status, errAuthority.body)
		return
	}
	var p cameraQuestion
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &p) != nil {
		writeCGI(w, errBadRequest.status, errBadRequest.body)
		return
	}
	answer, err := json.Marshal(map[string]any{"states": l.cameraStates(p.UniqueChannels)})
	if err != nil {
		writeCGI(w, http.StatusInternalServerError, "Error\r\nInternal Error!\r\n")
		return
	}
	writeCGI(w, http.StatusOK, string(answer)+"\r\n")
}
