package hikvision

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rekey"
)

// Resources of cameras.
const (
	pathProxies = "/ISAPI/ContentMgmt/InputProxy/channels"
	pathProxied = "/ISAPI/ContentMgmt/InputProxy/channels/status"
	pathInputs  = "/ISAPI/System/Video/inputs/channels"
)

// Bounds of what is believed.
const (
	mostChannel  = 9999 // the highest number
	mostChannels = 1024 // the largest recorders have 256
)

// Channels tells the state of the cameras: those on the network, and on a DVR
// those on its own sockets. An NVR has no sockets, a small DVR no network ones.
func (s *session) Channels(ctx context.Context) ([]rekey.Channel, error) {
	proxied, proxyErr := s.proxied(ctx)
	if proxyErr != nil && !absent(proxyErr) {
		return nil, proxyErr
	}
	wired, wiredErr := s.wired(ctx)
	if wiredErr != nil && !absent(wiredErr) {
		return nil, wiredErr
	}
	if proxyErr != nil && wiredErr != nil {
		return nil, fmt.Errorf("%w: %s tells no cameras: %w", rekey.ErrUnsupported, s.at.Address(), proxyErr)
	}
	all := merge(proxied, wired)
	if len(all) > mostChannels {
		return nil, s.odd(pathProxies, fmt.Sprintf("it lists more than %d cameras", mostChannels))
	}
	return all, nil
}

// merge puts both in the order of their numbers; of one number the first counts.
func merge(proxied []camera, wired []rekey.Channel) []rekey.Channel {
	var both, all []rekey.Channel
	for _, c := range proxied {
		both = append(both, c.Channel)
	}
	seen := map[int]bool{}
	for _, c := range append(both, wired...) {
		if !seen[c.Number] {
			all = append(all, c)
		}
		seen[c.Number] = true
	}
	slices.SortFunc(all, func(a, b rekey.Channel) int { return a.Number - b.Number })
	return all
}

// proxied are the cameras on the network.
func (s *session) proxied(ctx context.Context) ([]camera, error) {
	list, err := s.get(ctx, pathProxies, "InputProxyChannelList")
	if err != nil {
		return nil, err
	}
	states, err := s.get(ctx, pathProxied, "InputProxyChannelStatusList")
	if err != nil && !absent(err) {
		return nil, err
	}
	if err != nil {
		states = &node{}
	}
	return readProxied(list, states), nil
}

// camera is one on the network: its own number at the recorder is not always the
// one on the screen.
type camera struct {
	rekey.Channel
	id int
}

// readProxied puts both lists together by their id.
func readProxied(list, states *node) []camera {
	told := map[string]*node{}
	for _, state := range states.all("InputProxyChannelStatus") {
		told[state.exact("id")] = state
	}
	var cameras []camera
	for _, n := range list.all("InputProxyChannel") {
		id, ok := n.number(mostChannel, "id")
		if !ok || id == 0 {
			continue
		}
		const source = "sourceInputPortDescriptor"
		c := rekey.Channel{Number: id, Name: n.value("name"), Address: n.value(source, "ipAddress"), Account: n.value(source, "userName")}
		c.Why = "its state is not told"
		if state := told[n.exact("id")]; state != nil {
			readState(&c, state)
		}
		cameras = append(cameras, camera{c, id})
	}
	return cameras
}

// readState takes a status. On a recorder with sockets of its own the cameras on
// the network count on behind them, which the numbers of their streams tell.
func readState(c *rekey.Channel, state *node) {
	on, told := state.on("online")
	if told {
		c.Online, c.Why = on, ""
	}
	if told && !on {
		c.Why = why(state.value("chanDetectResult"))
	}
	stream, ok := state.number(mostChannel*100, "streamingProxyChannelIdList", "streamingProxyChannelId")
	if ok && stream > 100 {
		c.Number = stream / 100
	}
}

// why explains the recorder's word for a camera that is not online. Firmwares
// have words of their own, and none of them is documented.
func why(said string) string {
	lower := strings.ToLower(said)
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(lower, p) })
	}
	switch {
	case said == "":
		return "the recorder does not say why"
	case has("lock"):
		return said + ": the camera has locked the recorder out; wait 30 minutes, then set its login here"
	case has("password", "pwd", "userpw", "account", "loginfail", "auth"):
		return said + ": the camera refuses the login that the recorder has for it; set its login here"
	case has("activ"):
		return said + ": the camera has no password yet; give it one, then set its login here"
	case has("unreach", "offline", "timeout", "disconnect", "notconnect", "networkerror", "noresponse"):
		return said + ": the camera does not answer; look at its cable and power"
	case has("bandwidth", "streamlimit", "maxconnect"):
		return said + ": the recorder or the camera has no room for another stream"
	}
	return said
}

// wired are the cameras on the recorder's own sockets.
func (s *session) wired(ctx context.Context) ([]rekey.Channel, error) {
	list, err := s.get(ctx, pathInputs, "VideoInputChannelList")
	if err != nil {
		return nil, err
	}
	var channels []rekey.Channel
	for _, n := range list.all("VideoInputChannel") {
		id, ok := n.number(mostChannel, "id")
		if !ok || id == 0 {
			continue
		}
		c := rekey.Channel{Number: id, Name: n.value("name"), Online: true}
		if picture := n.value("resDesc"); strings.EqualFold(picture, "NO VIDEO") {
			c.Online, c.Why = false, picture
		}
		channels = append(channels, c)
	}
	return channels, nil
}

var _ rekey.ChannelLister = (*session)(nil)
