package dahua

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rekey"
)

// SetChannelLogin sets what the recorder logs in with at one camera: the entry of
// the camera in RemoteDevice. By RPC2 the whole table goes back in the form that
// was read, by CGI the two keys alone. It goes out encrypted: over TLS or in the
// envelope. The account is read back; the password never comes back.
func (s *session) SetChannelLogin(ctx context.Context, channel int, l rekey.Login) error {
	if channel < 1 || channel > mostChannels {
		return fmt.Errorf("%w: a channel number is 1 to %d", rekey.ErrInput, mostChannels)
	}
	if err := usable(l); err != nil {
		return err
	}
	t, key, err := s.cameraEntry(ctx, channel)
	if err != nil {
		return unsent(err)
	}
	before := t.flat[t.member(key, keyAccount)]
	if err := s.writeLogin(ctx, t, key, l); err != nil {
		return s.leftOpen(channel, err)
	}
	back, err := s.table(ctx, tableCameras)
	if err != nil {
		return fmt.Errorf("%w: the login of channel %d was accepted, but what %s keeps for it cannot be read back: %v; look whether the camera comes back", rekey.ErrUnknown, channel, s.at.Address(), err)
	}
	switch now, told := back.flat[back.member(key, keyAccount)]; {
	case len(entries(back)) < len(entries(t)):
		return fmt.Errorf("%w: %s accepted the login of channel %d and lists fewer cameras than before; look at its list of cameras", rekey.ErrUnknown, s.at.Address(), channel)
	case told && now == l.Account:
		return nil
	case told && now == before:
		return &refusedError{kind: rekey.ErrDenied, host: s.at.Address(), what: fmt.Sprintf("the login of channel %d", channel), said: "it accepted it and kept the old account", advice: adviceCamera}
	}
	return fmt.Errorf("%w: %s accepted the login of channel %d and does not tell that account for it now; look whether the camera comes back, or %s", rekey.ErrUnknown, s.at.Address(), channel, adviceCamera)
}

// Keys of a camera's login in RemoteDevice.
const (
	keyAccount  = "UserName"
	keyPassword = "Password"
)

const adviceCamera = "set it at the recorder's own screen, at Main Menu > Camera > Camera List"

// cameraEntry is the table of the cameras and the path of that one's entry.
func (s *session) cameraEntry(ctx context.Context, channel int) (*table, string, error) {
	names, err := s.channelNames(ctx)
	if err != nil {
		return nil, "", err
	}
	cameras, err := s.cameras(ctx, len(names))
	if err != nil && !absent(err) {
		return nil, "", err
	}
	t, err := s.table(ctx, tableCameras)
	if absent(err) {
		return nil, "", fmt.Errorf("%w: %s tells this account no cameras in its settings; %s", rekey.ErrUnsupported, s.at.Address(), adviceCamera)
	}
	if err != nil {
		return nil, "", err
	}
	key, err := s.entryOf(t, cameras, channel, len(names))
	return t, key, err
}

// entryOf finds the entry by the name that the list of cameras gives it, else by
// its number; the address must be the same where both tell one.
func (s *session) entryOf(t *table, cameras []camera, channel, titles int) (string, error) {
	none := fmt.Errorf("%w: there is no camera at channel %d of %s", rekey.ErrNotFound, channel, s.at.Address())
	kept := listed(t, titles)
	at := slices.IndexFunc(cameras, func(c camera) bool { return c.Number == channel })
	if at < 0 && len(cameras) > 0 {
		return "", none
	}
	found := -1
	if at >= 0 && cameras[at].key != "" {
		found = slices.IndexFunc(kept, func(k camera) bool {
			return strings.HasSuffix(strings.ToLower(k.key), strings.ToLower(cameras[at].key))
		})
	}
	if found < 0 {
		found = slices.IndexFunc(kept, func(k camera) bool { return k.Number == channel })
	}
	if found < 0 {
		return "", none
	}
	k := kept[found]
	if at >= 0 && cameras[at].Address != "" && cameras[at].Address != k.Address {
		return "", fmt.Errorf("%w: %s tells two cameras for channel %d, at %s and at %s; %s", rekey.ErrUnsupported, s.at.Address(), channel, cameras[at].Address, k.Address, adviceCamera)
	}
	return k.key, nil
}

// member is the path of a key below an entry, as it is written there.
func (t *table) member(entry, key string) string {
	wanted := entry + "." + key
	for path := range t.flat {
		if strings.EqualFold(path, wanted) {
			return path
		}
	}
	return wanted
}

// writeLogin sends the login encrypted: by RPC2 over TLS or in the envelope, else
// by CGI over HTTPS. Only where that risk was accepted it goes out in the clear.
func (s *session) writeLogin(ctx context.Context, t *table, entry string, l rekey.Login) error {
	changes := map[string]string{t.member(entry, keyAccount): l.Account, t.member(entry, keyPassword): l.Password.Reveal()}
	if t.tree != nil {
		tree, whole := place(edit(t.tree, "", nil), "", changes)
		if !whole {
			return unsent(fmt.Errorf("%w: the settings of the cameras at %s have an unknown form; %s", rekey.ErrUnsupported, s.at.Address(), adviceCamera))
		}
		err := s.sendTable(ctx, map[string]any{"name": t.name, "table": tree, "options": []string{}})
		if !errors.Is(err, errInClear) {
			return err
		}
	}
	c, err := s.safely(ctx)
	if err != nil {
		return unsent(err)
	}
	pairs := []string{"action", "setConfig"}
	for _, path := range slices.Sorted(maps.Keys(changes)) {
		pairs = append(pairs, t.named(path), changes[path])
	}
	return c.change(ctx, configModule, pairs...)
}

// place sets texts at paths of a tree, whose last part may be missing there.
// false: there is no such place for one of them.
func place(node any, path string, changes map[string]string) (any, bool) {
	placed := 0
	var walk func(node any, path string)
	walk = func(node any, path string) {
		object, is := node.(map[string]any)
		if !is {
			return
		}
		for key, child := range object {
			walk(child, member(path, key))
		}
		for wanted, value := range changes {
			if key, here := strings.CutPrefix(wanted, path+"."); here && (key == keyAccount || key == keyPassword || object[key] != nil) {
				object[key] = value
				placed++
			}
		}
	}
	walk(node, path)
	return node, placed == len(changes)
}

// errInClear: nothing but the clear is left for it by RPC2.
var errInClear = fmt.Errorf("%w: no encrypted call for it", rekey.ErrRisk)

// sendTable writes a table that holds a password: over TLS as it is, else in the
// envelope, and as it is over plain HTTP only where that risk was accepted and
// the recorder has no HTTPS.
func (s *session) sendTable(ctx context.Context, params map[string]any) error {
	const method = "configManager.setConfig"
	c := &change{account: s.account(), tries: s.tries}
	if s.at.TLS {
		return s.deliver(ctx, method, params, c)
	}
	info, err := s.rpc.encryptInfo(ctx)
	switch {
	case err == nil:
		sealed, err := info.seal(params, rand.Reader)
		if err != nil {
			return unsent(err)
		}
		if err = s.deliver(ctx, "Security.setConfig", sealed, c); !lacks(err) {
			return err
		}
	case !lacks(err):
		return unsent(err)
	}
	_, safe, err := s.secureDoor(ctx)
	switch {
	case err != nil:
		return unsent(err)
	case safe || !s.driver.clearPassword:
		return errInClear
	}
	return s.deliver(ctx, method, params, c)
}

func (s *session) account() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.login.Account
}

// leftOpen lets an error be that leaves no doubt.
func (s *session) leftOpen(channel int, err error) error {
	if sure(err) || errors.Is(err, rekey.ErrUnknown) {
		return err
	}
	return fmt.Errorf("%w: the login of channel %d at %s may or may not have been set: %v; look whether the camera comes back", rekey.ErrUnknown, channel, s.at.Address(), err)
}

var _ rekey.ChannelLoginSetter = (*session)(nil)
