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
func merge(proxied, wired []rekey.Channel) []rekey.Channel {
	seen := map[int]bool{}
	var all []rekey.Channel
	for _, c := range slices.Concat(proxied, wired) {
		if !seen[c.Number] {
			all = append(all, c)
		}
		seen[c.Number] = true
	}
	slices.SortFunc(all, func(a, b rekey.Channel) int { return a.Number - b.Number })
	return all
}

// proxied are the cameras on the network.
func (s *session) proxied(ctx context.Context) ([]rekey.Channel, error) {
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

// readProxied puts both lists together by their id.
func readProxied(list, states *node) []rekey.Channel {
	told := map[string]*node{}
	for _, state := range states.all("InputProxyChannelStatus") {
		told[state.exact("id")] = state
	}
	var channels []rekey.Channel
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
		channels = append(channels, c)
	}
	return channels
}

// readState takes a status. On a recorder with sockets of its own the cameras on
// the network count on behind them, which the numbers of their streams tell.
func readState(c *rekey.Channel, state *node) {
	on, told := state.on("online")
	if told {
		c.Online, c.Why = on, ""
	}
	if told && !on {
		c.Why = state.value("chanDetectResult")
	}
	stream, ok := state.number(mostChannel*100, "streamingProxyChannelIdList", "streamingProxyChannelId")
	if ok && stream > 100 {
		c.Number = stream / 100
	}
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
