// Package dahua is the driver for the Dahua family: Lorex, Dahua, Amcrest and
// other names on the same firmware. It speaks the JSON RPC of the recorder's web
// page (RPC2), the HTTP CGI with digest, and the DHIP discovery frame.
//
// Sources: public client code and captures of real recorders; what is sent and
// understood is told at each place. Where firmwares differ, the recorder is
// asked at run time.
package dahua

import (
	"context"
	"errors"
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
const family = "dahua"

// streamPath is the live picture of the first channel, small stream.
const streamPath = "/cam/realmonitor?channel=1&subtype=1"

// Driver speaks to recorders of the Dahua family. It holds no state of any recorder.
type Driver struct {
	log           *slog.Logger
	limits        transport.Limits
	ports         ports
	clearPassword bool
	ownPassword   bool // logins that send the password itself were asked for by name
}

// Option changes how a Driver behaves.
type Option func(*Driver)

// AcceptClearPassword lets passwords be set over plain HTTP where the recorder
// offers nothing better: the risk rekey.RiskClearPassword, accepted by name.
func AcceptClearPassword() Option { return func(d *Driver) { d.clearPassword = true } }

// AcceptBasic lets the driver log in where old firmware takes nothing but the
// password itself: HTTP Basic at CGI and RTSP, "Basic" and "WatchNet" at RPC2: the
// risk rekey.RiskBasicLogin, accepted by name. A change of a password over plain
// HTTP needs AcceptClearPassword beside it.
func AcceptBasic() Option { return func(d *Driver) { d.ownPassword = true } }

// New returns the driver. The log gets one line for each request at debug level.
func New(log *slog.Logger, options ...Option) *Driver {
	d := &Driver{log: log, ports: usualPorts()}
	for _, o := range options {
		o(d)
	}
	return d
}

var _ rekey.Driver = (*Driver)(nil)

// Family is "dahua".
func (d *Driver) Family() string { return family }

// Open logs in once: by RPC2 where the recorder has it, else by HTTP digest. A
// refused RPC2 login is never tried again by CGI.
func (d *Driver) Open(ctx context.Context, id rekey.Identity, l rekey.Login, tries rekey.Tries) (rekey.Session, error) {
	if err := usable(l); err != nil {
		return nil, err
	}
	rpcDoor, hasRPC := door(id, rekey.InterfaceRPC2)
	cgiDoor, hasCGI := door(id, rekey.InterfaceCGI)
	if hasRPC {
		s, err := d.openRPC(ctx, id, rpcDoor, l, tries)
		if !errors.Is(err, errNoRPC) {
			return s, err
		}
		if !hasCGI {
			cgiDoor, hasCGI = rpcDoor, true
			cgiDoor.Kind = rekey.InterfaceCGI
		}
	}
	if !hasCGI {
		return nil, fmt.Errorf("%w: neither RPC2 nor CGI was found on this recorder", rekey.ErrUnsupported)
	}
	return d.openCGI(ctx, id, cgiDoor, l, tries)
}

// basic is where the password itself may be sent.
func (d *Driver) basic() transport.Basic {
	if d.ownPassword {
		return transport.BasicInClear
	}
	return transport.BasicNever
}

func (d *Driver) openRPC(ctx context.Context, id rekey.Identity, at rekey.Interface, l rekey.Login, tries rekey.Tries) (rekey.Session, error) {
	r, err := d.loginRPC(ctx, at, l, tries)
	if err != nil {
		return nil, err
	}
	s := d.newSession(id, r.http.At(), l, tries)
	s.rpc, s.taken = r, true
	s.keepAlive()
	return s, nil
}

func (d *Driver) openCGI(ctx context.Context, id rekey.Identity, at rekey.Interface, l rekey.Login, tries rekey.Tries) (rekey.Session, error) {
	s := d.newSession(id, at, l, tries)
	c, err := s.web(ctx)
	if err != nil {
		s.release()
		return nil, err
	}
	s.at = c.http.At()
	return s, nil
}

// Check tries a login at one door by a fresh connection and logs out again.
func (d *Driver) Check(ctx context.Context, at rekey.Interface, l rekey.Login, tries rekey.Tries) error {
	if err := usable(l); err != nil {
		return err
	}
	switch at.Kind {
	case rekey.InterfaceRPC2:
		r, err := d.loginRPC(ctx, at, l, tries)
		if err != nil {
			return err
		}
		if err := r.leave(ctx); err != nil {
			// The password was accepted; that the session lingers changes nothing of it.
			d.log.WarnContext(ctx, "no logout after a check", slog.String("host", at.Address()), slog.Any("error", err))
		}
		return nil
	case rekey.InterfaceCGI:
		c := d.newCGI(at, l, tries)
		defer c.http.Close()
		return c.prove(ctx)
	case rekey.InterfaceRTSP:
		return rtsp.Checker{Basic: d.basic()}.Check(ctx, at, streamPath, l, tries)
	}
	return fmt.Errorf("%w: a password cannot be tried on %q by this driver", rekey.ErrUnsupported, at.Kind)
}

// usable refuses what can be no login, before anything is sent.
func usable(l rekey.Login) error {
	if l.Account == "" {
		return fmt.Errorf("%w: the account name is empty", rekey.ErrInput)
	}
	if l.Password.IsZero() {
		return fmt.Errorf("%w: the password of account %q is empty", rekey.ErrInput, l.Account)
	}
	if err := carried("account name", l.Account); err != nil {
		return err
	}
	return carried("password", l.Password.Reveal())
}

// longestText is in bytes. The longest password of the family has 32 characters.
const longestText = 128

// carried refuses a name or password that would not arrive as it is, before
// anything is sent. Everything else is carried as UTF-8 by every door.
func carried(what, text string) error {
	switch {
	case len(text) > longestText:
		return fmt.Errorf("%w: the %s is longer than %d bytes, which no recorder of this family takes", rekey.ErrInput, what, longestText)
	case !utf8.ValidString(text):
		return fmt.Errorf("%w: the %s is no UTF-8 text, so it would arrive as another one", rekey.ErrInput, what)
	case strings.ContainsFunc(text, unicode.IsControl):
		return fmt.Errorf("%w: the %s holds a control character, such as a tab or a line end, which recorders do not take", rekey.ErrInput, what)
	}
	return nil
}

// door is the encrypted interface of that kind, else the plain one.
func door(id rekey.Identity, kind rekey.InterfaceKind) (rekey.Interface, bool) {
	for _, i := range id.Interfaces {
		if i.Kind == kind && i.TLS {
			return i, true
		}
	}
	return id.Interface(kind)
}

// settle tells the budget how a try ended and returns the refusal, if it was one.
func settle(tries rekey.Tries, account string, refusal *rekey.LoginError) error {
	if refusal == nil {
		return tries.Settle(account, nil)
	}
	if err := tries.Settle(account, refusal); err != nil {
		return errors.Join(refusal, err)
	}
	return refusal
}

// given gives so many tries back, after a login that was accepted.
func given(tries rekey.Tries, account string, booked int) error {
	for range booked {
		if err := tries.Settle(account, nil); err != nil {
			return err
		}
	}
	return nil
}

// counted books a try that was made before anybody could book it, as the recorder
// has counted it. That the budget would not have given it changes nothing.
func counted(tries rekey.Tries, account string) error {
	err := tries.Spend(account)
	if errors.Is(err, rekey.ErrBudget) || errors.Is(err, rekey.ErrLocked) {
		return nil
	}
	return err
}
