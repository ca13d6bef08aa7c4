// Package hikvision is the driver for Hikvision and other names on the same
// firmware: ISAPI over HTTP with digest, and the SADP discovery over UDP.
//
// Sources: the maker's ISAPI guides, published answers of real devices, public
// client code, and vendor manuals; SADP has no public description of its maker's.
// Namespaces differ between brands (hikvision.com, isapi.org, std-cgi.com), so
// elements are known by their local names, and some firmware answers in JSON.
//
// What it leaves alone: ISAPI knows two factory resets, "basic", which keeps the
// network settings and the users, and "full", which keeps nothing and needs an
// activation with a new password. Both want an administrator's login, so they
// bring nobody back in who has none; this driver never asks for either.
package hikvision

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"

	"rekey"
	"rekey/internal/rtsp"
	"rekey/internal/transport"
)

// family is Driver.Family and Identity.Family.
const family = "hikvision"

// streamPath is the live picture of the first channel, small stream.
const streamPath = "/Streaming/Channels/102"

// Driver speaks to recorders of the Hikvision family. It holds no state of any recorder.
type Driver struct {
	log           *slog.Logger
	limits        transport.Limits
	https         int // where HTTPS is looked for beside a usual web port
	clearPassword bool
	basic         transport.Basic
}

// Option changes how a Driver behaves.
type Option func(*Driver)

// AcceptClearPassword lets passwords be set over plain HTTP where the recorder
// offers nothing better: the risk rekey.RiskClearPassword, accepted by name.
func AcceptClearPassword() Option { return func(d *Driver) { d.clearPassword = true } }

// AcceptBasic lets the driver log in where old firmware takes nothing but the
// password itself (HTTP Basic): the risk rekey.RiskBasicLogin, accepted by name.
func AcceptBasic() Option { return func(d *Driver) { d.basic = transport.BasicInClear } }

// New returns the driver. The log gets one line for each request at debug level.
func New(log *slog.Logger, options ...Option) *Driver {
	d := &Driver{log: log, https: 443}
	for _, o := range options {
		o(d)
	}
	return d
}

var _ rekey.Driver = (*Driver)(nil)

// Family is "hikvision".
func (d *Driver) Family() string { return family }

// Open logs in once by HTTP digest, at the encrypted door where there is one.
func (d *Driver) Open(ctx context.Context, id rekey.Identity, l rekey.Login, tries rekey.Tries) (rekey.Session, error) {
	if err := usable(l); err != nil {
		return nil, err
	}
	at, has := door(id)
	if !has {
		return nil, fmt.Errorf("%w: no ISAPI was found on this recorder", rekey.ErrUnsupported)
	}
	s := d.newSession(id, at, l, tries)
	w, err := s.web(ctx)
	if err != nil {
		s.release()
		return nil, err
	}
	if now := w.http.At(); now.TLS != at.TLS {
		s.at = now // it was sent on to HTTPS
	}
	return s, nil
}

// Check tries a login at one door by a fresh connection. Digest leaves no
// session behind.
func (d *Driver) Check(ctx context.Context, at rekey.Interface, l rekey.Login, tries rekey.Tries) error {
	if err := usable(l); err != nil {
		return err
	}
	switch at.Kind {
	case rekey.InterfaceISAPI:
		w := d.newWeb(at, l, tries)
		defer w.close()
		return w.login(ctx)
	case rekey.InterfaceRTSP:
		return rtsp.Checker{Basic: d.basic}.Check(ctx, at, streamPath, l, tries)
	}
	return fmt.Errorf("%w: a password cannot be tried on %q by this driver", rekey.ErrUnsupported, at.Kind)
}

// usable refuses what can be no login, before anything is sent.
func usable(l rekey.Login) error {
	if l.Account == "" {
		return fmt.Errorf("%w: the account name is empty", rekey.ErrInput)
	}
	if strings.ContainsFunc(l.Account, unicode.IsControl) || !utf8.ValidString(l.Account) {
		return fmt.Errorf("%w: the account name holds control characters or bytes that are no text", rekey.ErrInput)
	}
	if l.Password.IsZero() {
		return fmt.Errorf("%w: the password of account %q is empty", rekey.ErrInput, l.Account)
	}
	return nil
}

// door is the encrypted ISAPI, else the plain one.
func door(id rekey.Identity) (rekey.Interface, bool) {
	for _, i := range id.Interfaces {
		if i.Kind == rekey.InterfaceISAPI && i.TLS {
			return i, true
		}
	}
	return id.Interface(rekey.InterfaceISAPI)
}
