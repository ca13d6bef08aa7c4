// Package onvif is the driver for what every ONVIF device speaks, whoever made
// it: WS-Discovery over UDP, and over SOAP the device service with its list of
// users, and the search for recordings and their replay (Profile G).
//
// A login is a UsernameToken with a password digest, signed with HTTP digest
// too where the device asks for that. It is in every request and there is no
// session at the device.
//
// What it leaves alone: ONVIF knows two resets to factory state, "Soft", which
// keeps the network settings, and "Hard", which keeps nothing and removes the
// users. Both want an administrator's login, so they bring nobody back in who has
// none; this driver asks for neither, nor for a restart.
//
// Sources: ONVIF Core Specification and devicemgmt.wsdl (26.06), Profile Q,
// WS-Discovery of April 2005, Web Services Security UsernameToken Profile 1.0,
// and published answers of real devices. Devices choose their own prefixes, so
// elements are known by their local names.
package onvif

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"rekey"
	"rekey/internal/transport"
)

// family is Driver.Family and Identity.Family.
const family = "onvif"

// servicePath is where every ONVIF device has its device service (Core
// Specification, "device service entry point").
const servicePath = "/onvif/device_service"

// Driver speaks to ONVIF devices. It holds no state of any recorder.
type Driver struct {
	log           *slog.Logger
	limits        transport.Limits
	clearPassword bool
	pause         time.Duration // between two answers of a search without news
}

// Option changes how a Driver behaves.
type Option func(*Driver)

// AcceptClearPassword lets passwords be set over plain HTTP where the recorder
// offers no HTTPS: the risk rekey.RiskClearPassword, accepted by name.
func AcceptClearPassword() Option { return func(d *Driver) { d.clearPassword = true } }

// New returns the driver. The log gets one line for each request at debug level.
func New(log *slog.Logger, options ...Option) *Driver {
	d := &Driver{log: log, pause: idlePause}
	for _, o := range options {
		o(d)
	}
	return d
}

var _ rekey.Driver = (*Driver)(nil)

// Family is "onvif".
func (d *Driver) Family() string { return family }

// Open logs in once, at the encrypted door where there is one. Up to four
// requests without a login go before: the device's clock, and what it asks of
// somebody who has none.
func (d *Driver) Open(ctx context.Context, id rekey.Identity, l rekey.Login, tries rekey.Tries) (rekey.Session, error) {
	at, found := door(id)
	if !found {
		return nil, fmt.Errorf("%w: no ONVIF was found on this recorder", rekey.ErrUnsupported)
	}
	e, err := d.enter(ctx, at, id.Interfaces, l, tries)
	if err != nil {
		return nil, err
	}
	return &session{driver: d, id: id, main: e}, nil
}

// Check tries a login at the ONVIF door by a fresh connection. ONVIF has no
// sessions, so nothing is left behind.
func (d *Driver) Check(ctx context.Context, at rekey.Interface, l rekey.Login, tries rekey.Tries) error {
	if at.Kind != rekey.InterfaceONVIF {
		return fmt.Errorf("%w: a password cannot be tried on %q by this driver", rekey.ErrUnsupported, at.Kind)
	}
	e, err := d.enter(ctx, at, nil, l, tries)
	if err != nil {
		return err
	}
	e.close()
	return nil
}

// usable refuses what can be no login, before anything is sent.
func usable(l rekey.Login) error {
	switch {
	case l.Account == "":
		return fmt.Errorf("%w: the account name is empty", rekey.ErrInput)
	case strings.ContainsFunc(l.Account, unicode.IsControl) || !utf8.ValidString(l.Account):
		return fmt.Errorf("%w: the account name holds control characters or bytes that are no text, which XML cannot carry", rekey.ErrInput)
	case l.Password.IsZero():
		return fmt.Errorf("%w: the password of account %q is empty", rekey.ErrInput, l.Account)
	}
	return nil
}

// door is the encrypted ONVIF door, else the plain one.
func door(id rekey.Identity) (rekey.Interface, bool) {
	for _, i := range id.Interfaces {
		if i.Kind == rekey.InterfaceONVIF && i.TLS {
			return i, true
		}
	}
	return id.Interface(rekey.InterfaceONVIF)
}

// settle tells the budget how a try ended and returns the refusal.
func settle(tries rekey.Tries, refusal *rekey.LoginError) error {
	if err := tries.Settle(refusal.Account, refusal); err != nil {
		return fmt.Errorf("%w; %w", refusal, err)
	}
	return refusal
}
