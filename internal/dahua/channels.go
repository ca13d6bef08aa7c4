package dahua

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"rekey"
	"rekey/internal/transport"
)

// Channels tells the cameras behind the recorder and whether they are connected:
// by LogicDeviceManager, or by the settings where the firmware lacks that, which
// tell no state. The passwords that the recorder keeps are not read.
func (s *session) Channels(ctx context.Context) ([]rekey.Channel, error) {
	names, err := s.channelNames(ctx)
	if err != nil {
		return nil, err
	}
	channels, err := s.allCameras(ctx, len(names))
	if err != nil {
		return nil, err
	}
	states, err := s.cameraStates(ctx, len(names))
	if err != nil && !absent(err) {
		return nil, err
	}
	list := make([]rekey.Channel, len(channels))
	for i, c := range channels {
		c.state(states)
		if c.Name == "" {
			c.Name = names[c.Number]
		}
		list[i] = c.Channel
	}
	slices.SortStableFunc(list, func(a, b rekey.Channel) int { return a.Number - b.Number })
	return list, nil
}

// allCameras reads the list of the cameras, and the settings where that is not
// told or lacks the account of one.
func (s *session) allCameras(ctx context.Context, titles int) ([]camera, error) {
	all, err := s.cameras(ctx, titles)
	told := err == nil
	if err != nil && !absent(err) {
		return nil, err
	}
	if told && !slices.ContainsFunc(all, func(c camera) bool { return c.Account == "" && c.Address != "" }) {
		return all, nil
	}
	kept, err := s.remoteDevices(ctx, titles)
	switch {
	case absent(err) && told:
		return all, nil
	case absent(err):
		return nil, fmt.Errorf("%w: %s tells this account nothing of cameras behind it", rekey.ErrUnsupported, s.at.Address())
	case err != nil:
		return nil, err
	case !told:
		return kept, nil
	}
	for i := range all {
		c := &all[i]
		at := slices.IndexFunc(kept, func(k camera) bool { return k.Number == c.Number && k.Address == c.Address })
		if at >= 0 && c.Account == "" {
			c.Account = kept[at].Account
		}
	}
	return all, nil
}

// camera is a channel while it is read.
type camera struct {
	rekey.Channel
	off bool
	key string // of its entry in RemoteDevice, where told
}

// state takes whether it is connected out of what the recorder tells of all.
func (c *camera) state(states map[int]string) {
	said := transport.Printable(states[c.Number])
	switch {
	case c.off:
		c.Why = "switched off in the recorder's settings"
	case said == "":
		c.Why = "the recorder does not tell whether it is connected"
	case strings.EqualFold(said, "Connected"), strings.EqualFold(said, "Online"):
		c.Online = true
	default:
		c.Why = whyDark(said)
	}
}

var (
	darkByLogin = regexp.MustCompile(`(?i)passw|pwd|auth|account|login|user|locked|denied`)
	darkByLine  = regexp.MustCompile(`(?i)un-?connect|dis-?connect|offline|unreach|time-?out|network|host|connecting|lost`)
)

// whyDark puts what to do behind a state: the words of firmwares differ.
func whyDark(said string) string {
	switch {
	case darkByLogin.MatchString(said):
		return fmt.Sprintf("%s: the camera refuses the account or the password that the recorder keeps for it; set its login at the recorder", said)
	case darkByLine.MatchString(said):
		return fmt.Sprintf("%s: the recorder does not say whether the line or the login is at fault; if it was connected before, set its login at the recorder, else look at its cable", said)
	}
	return said
}

const logicDevices = "LogicDeviceManager"

// cameras reads LogicDeviceManager.getCameraAll: a row for each channel.
func (s *session) cameras(ctx context.Context, titles int) ([]camera, error) {
	rows, err := s.rows(ctx, logicDevices, "getCameraAll", nil, "camera")
	if err != nil {
		return nil, err
	}
	first := countsFrom(rows, titles)
	var all []camera
	for i, row := range rows {
		c := readCamera(row, "deviceinfo.")
		c.Number, c.key = channelOf(row, i, first), row["deviceid"]
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

// channelOf is the number on the screen, of firmware that counts from first.
func channelOf(row map[string]string, place, first int) int {
	if n, ok := ownNumber(row); ok {
		return n - first + 1
	}
	return place + 1
}

func ownNumber(row map[string]string) (int, bool) {
	n, ok := whole(firstOf(row, "uniquechannel", "channel"))
	return int(n), ok && n >= 0 && n < mostChannels
}

// countsFrom is 0, as known firmware counts on these calls, or 1 where the rows
// themselves say so: of 8 titles of channels, none is number 8 when counted from 0.
func countsFrom(rows []map[string]string, titles int) int {
	lowest, highest := mostChannels, -1
	for _, row := range rows {
		if n, ok := ownNumber(row); ok {
			lowest, highest = min(lowest, n), max(highest, n)
		}
	}
	if lowest >= 1 && highest == titles {
		return 1
	}
	return 0
}

// mostChannels is above what any recorder has.
const mostChannels = 1 << 12

// cameraStates are the states by channel, as the recorder says them; a reason
// beside the state is put behind it.
func (s *session) cameraStates(ctx context.Context, titles int) (map[int]string, error) {
	rows, err := s.rows(ctx, logicDevices, "getCameraState", map[string]any{"uniqueChannels": []int{-1}}, "states", "uniqueChannels", "-1")
	if err != nil {
		return nil, err
	}
	first := countsFrom(rows, titles)
	states := map[int]string{}
	for i, row := range rows {
		said := firstOf(row, "connectionstate", "state")
		if reason := firstOf(row, "reason", "errormessage", "errormsg", "error", "errorcode", "detail"); reason != "" && reason != "0" && !strings.EqualFold(said, "Connected") {
			said = strings.TrimSpace(said + ", " + reason)
		}
		states[channelOf(row, i, first)] = said
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

// remoteDevice is a camera in the settings: the path of its entry, its number and
// what is told of it.
var remoteDevice = regexp.MustCompile(`(?i)^(.*System_CONFIG_NETCAMERA_INFO_(\d{1,4}))\.(.+)$`)

// entries are the cameras of RemoteDevice by their paths.
func entries(t *table) map[string]map[string]string {
	all := map[string]map[string]string{}
	for path, value := range t.flat {
		m := remoteDevice.FindStringSubmatch(path)
		if m == nil {
			continue
		}
		if all[m[1]] == nil {
			all[m[1]] = map[string]string{}
		}
		all[m[1]][strings.ToLower(m[3])] = value
		all[m[1]]["uniquechannel"] = m[2]
	}
	return all
}

// remoteDevices reads the cameras out of the settings.
func (s *session) remoteDevices(ctx context.Context, titles int) ([]camera, error) {
	t, err := s.table(ctx, tableCameras)
	if err != nil {
		return nil, err
	}
	return listed(t, titles), nil
}

const tableCameras = "RemoteDevice"

// listed are the cameras of the table that have an address.
func listed(t *table, titles int) []camera {
	byKey := entries(t)
	first := countsFrom(slices.Collect(maps.Values(byKey)), titles)
	var all []camera
	for key, row := range byKey {
		c := readCamera(row, "")
		c.Number, c.key = channelOf(row, 0, first), key
		if c.Address != "" {
			all = append(all, c)
		}
	}
	return all
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
