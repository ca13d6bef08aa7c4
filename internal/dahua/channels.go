package dahua

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"rekey"
	"rekey/internal/transport"
)

// Channels tells the cameras behind the recorder and whether they are connected:
// by LogicDeviceManager, or by the settings where the firmware lacks that, which
// tell no state. The passwords that the recorder keeps are not read.
func (s *session) Channels(ctx context.Context) ([]rekey.Channel, error) {
	channels, err := s.cameras(ctx)
	if absent(err) {
		if channels, err = s.remoteDevices(ctx); absent(err) {
			return nil, fmt.Errorf("%w: %s tells this account nothing of cameras behind it", rekey.ErrUnsupported, s.at.Address())
		}
	}
	if err != nil {
		return nil, err
	}
	states, err := s.cameraStates(ctx)
	if err != nil && !absent(err) {
		return nil, err
	}
	names, err := s.channelNames(ctx)
	if err != nil {
		return nil, err
	}
	for i := range channels {
		c := &channels[i]
		c.state(states)
		if c.Name == "" {
			c.Name = names[c.Number]
		}
	}
	list := make([]rekey.Channel, len(channels))
	for i, c := range channels {
		list[i] = c.Channel
	}
	slices.SortStableFunc(list, func(a, b rekey.Channel) int { return a.Number - b.Number })
	return list, nil
}

// camera is a channel while it is read.
type camera struct {
	rekey.Channel
	off bool
}

// state takes whether it is connected out of what the recorder tells of all.
func (c *camera) state(states map[int]string) {
	said, told := states[c.Number]
	switch {
	case c.off:
		c.Why = "switched off in the recorder's settings"
	case !told:
		c.Why = "the recorder does not tell whether it is connected"
	case strings.EqualFold(said, "Connected"):
		c.Online = true
	default:
		c.Why = transport.Printable(said)
	}
}

const logicDevices = "LogicDeviceManager"

// cameras reads LogicDeviceManager.getCameraAll: a row for each channel.
func (s *session) cameras(ctx context.Context) ([]camera, error) {
	rows, err := s.rows(ctx, logicDevices, "getCameraAll", nil, "camera")
	if err != nil {
		return nil, err
	}
	var all []camera
	for i, row := range rows {
		c := readCamera(row, "deviceinfo.")
		c.Number = channelOf(row, i)
		if c.Address == "" && (c.off || strings.EqualFold(row["type"], "remote")) {
			continue // a free channel
		}
		all = append(all, c)
	}
	return all, nil
}

// readCamera reads a row whose keys are in lower case.
func readCamera(row map[string]string, at string) camera {
	return camera{
		Channel: rekey.Channel{
			Name:    transport.Printable(firstOf(row, at+"videoinputs[0].name", at+"name", "devicename")),
			Address: transport.Printable(firstOf(row, at+"address", "address", "ipaddress")),
			Account: transport.Printable(firstOf(row, at+"username", "username")),
		},
		off: firstOf(row, at+"enable", "enable") == "false",
	}
}

func firstOf(row map[string]string, keys ...string) string {
	for _, key := range keys {
		if v := row[key]; v != "" {
			return v
		}
	}
	return ""
}

// channelOf is the number on the screen: firmware counts from 0.
func channelOf(row map[string]string, place int) int {
	if n, ok := whole(firstOf(row, "uniquechannel", "channel")); ok && n >= 0 && n < mostChannels {
		return int(n) + 1
	}
	return place + 1
}

// mostChannels is above what any recorder has.
const mostChannels = 1 << 12

// cameraStates are the states by channel, as the recorder says them.
func (s *session) cameraStates(ctx context.Context) (map[int]string, error) {
	rows, err := s.rows(ctx, logicDevices, "getCameraState", map[string]any{"uniqueChannels": []int{-1}}, "states", "uniqueChannels", "-1")
	if err != nil {
		return nil, err
	}
	states := map[int]string{}
	for i, row := range rows {
		states[channelOf(row, i)] = row["connectionstate"]
	}
	return states, nil
}

// rows reads a list that a method tells, by RPC2 or CGI: each row by its paths
// in lower case, because firmwares differ in that.
func (s *session) rows(ctx context.Context, object, method string, params any, name string, pairs ...string) ([]map[string]string, error) {
	var rows []map[string]string
	err := s.either(ctx,
		func(r *rpc) error {
			var told map[string]any
			if err := r.get(ctx, object+"."+method, params, &told); err != nil {
				return err
			}
			list, is := told[name].([]any)
			if !is {
				return &oddAnswer{host: s.at.Address(), what: method, why: "no list in it"}
			}
			for _, item := range list[:min(len(list), mostChannels)] {
				row := map[string]string{}
				if err := flatten(item, "", row); err != nil {
					return &oddAnswer{host: s.at.Address(), what: method, why: err.Error()}
				}
				rows = append(rows, lowerKeys(row))
			}
			return nil
		},
		func(c *cgi) error {
			l, err := c.get(ctx, object+".cgi", append([]string{"action", method}, pairs...)...)
			if err != nil {
				return err
			}
			for _, row := range l.rows(name) {
				rows = append(rows, lowerKeys(row))
			}
			return nil
		})
	return rows, err
}

func lowerKeys(row map[string]string) map[string]string {
	lower := make(map[string]string, len(row))
	for key, value := range row {
		lower[strings.ToLower(key)] = value
	}
	return lower
}

// remoteDevice is a camera in the settings; the number counts from 0.
var remoteDevice = regexp.MustCompile(`(?i)System_CONFIG_NETCAMERA_INFO_(\d{1,4})\.(.+)$`)

// remoteDevices reads the cameras out of the settings.
func (s *session) remoteDevices(ctx context.Context) ([]camera, error) {
	t, err := s.table(ctx, "RemoteDevice")
	if err != nil {
		return nil, err
	}
	byNumber := map[int]map[string]string{}
	for path, value := range t.flat {
		m := remoteDevice.FindStringSubmatch(path)
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		if byNumber[n] == nil {
			byNumber[n] = map[string]string{}
		}
		byNumber[n][strings.ToLower(m[2])] = value
	}
	var all []camera
	for n, row := range byNumber {
		c := readCamera(row, "")
		c.Number = n + 1
		if c.Address != "" {
			all = append(all, c)
		}
	}
	return all, nil
}

// channelNames are the titles of the channels; none where they are not told.
func (s *session) channelNames(ctx context.Context) (map[int]string, error) {
	t, err := s.table(ctx, "ChannelTitle")
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := map[int]string{}
	for n := range mostChannels {
		name, is := t.flat[element("", n)+".Name"]
		if !is {
			break
		}
		names[n+1] = transport.Printable(name)
	}
	return names, nil
}

var _ rekey.ChannelLister = (*session)(nil)
