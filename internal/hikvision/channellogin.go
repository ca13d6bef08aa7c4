package hikvision

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"rekey"
)

// SetChannelLogin writes the login that the recorder has for one camera on the
// network: what the recorder tells of the camera is read and written back with
// the account and the password in it. The account is read back; the password is
// never told, and whether it is right shows when the camera comes online.
func (s *session) SetChannelLogin(ctx context.Context, channel int, l rekey.Login) error {
	if err := usable(l); err != nil {
		return err
	}
	if err := carried(l.Password); err != nil {
		return err
	}
	w, err := s.safely(ctx)
	if err != nil {
		return unsent(err)
	}
	path, err := s.cameraPath(ctx, channel)
	if err != nil {
		return unsent(err)
	}
	doc, err := w.getExactly(ctx, path, "InputProxyChannel")
	if err != nil {
		return unsent(err)
	}
	body, err := withLogin(doc, l)
	if err != nil {
		return unsent(fmt.Errorf("%w: camera %d at %s: %w", rekey.ErrUnsupported, channel, w.host(), err))
	}
	if err := w.put(ctx, path, body); err != nil && !sure(err) {
		return fmt.Errorf("%w: the login of camera %d at %s may or may not have been set: %v; look at its state, and set it again if it stays offline", rekey.ErrUnknown, channel, w.host(), err)
	} else if err != nil {
		return err
	}
	return w.taken(ctx, path, channel, l.Account)
}

// cameraPath is the resource of a camera.
func (s *session) cameraPath(ctx context.Context, channel int) (string, error) {
	cameras, err := s.proxied(ctx)
	if err != nil && !absent(err) {
		return "", err
	}
	for _, c := range cameras {
		if c.Number == channel {
			return pathProxies + "/" + strconv.Itoa(c.id), nil
		}
	}
	wired, err := s.wired(ctx)
	if err != nil && !absent(err) {
		return "", err
	}
	for _, c := range wired {
		if c.Number == channel {
			return "", fmt.Errorf("%w: camera %d is on a socket of the recorder %s and has no login", rekey.ErrUnsupported, channel, s.at.Address())
		}
	}
	return "", fmt.Errorf("%w: %s lists no camera %d", rekey.ErrNotFound, s.at.Address(), channel)
}

// errNoLogin: the recorder tells no place for a login.
var errNoLogin = errors.New("the recorder tells no account for it, so there is none to set")

// withLogin is the camera as the recorder tells it, with another login.
func withLogin(doc document, l rekey.Login) ([]byte, error) {
	in := doc.root.find("sourceInputPortDescriptor")
	account := in.find("userName")
	if account == nil {
		return nil, errNoLogin
	}
	name := doc.set(account, l.Account)
	if password := in.find("password"); password != nil {
		return doc.apply(name, doc.set(password, l.Password.Reveal())), nil
	}
	return doc.apply(name, doc.behind(account, "password", l.Password.Reveal())), nil
}

// taken makes sure that a change which was accepted has happened, as far as the
// recorder tells.
func (w *web) taken(ctx context.Context, path string, channel int, account string) error {
	now, err := w.get(ctx, path, "InputProxyChannel")
	if err != nil {
		return fmt.Errorf("%w: %s took the login of camera %d, and could not be asked for it again: %v", rekey.ErrUnknown, w.host(), channel, err)
	}
	if told := now.exact("sourceInputPortDescriptor", "userName"); told != account {
		return fmt.Errorf("%w: %s took the login of camera %d, and still tells the account %q for it; set it at the recorder's own screen", rekey.ErrUnknown, w.host(), channel, now.value("sourceInputPortDescriptor", "userName"))
	}
	return nil
}

var _ rekey.ChannelLoginSetter = (*session)(nil)
