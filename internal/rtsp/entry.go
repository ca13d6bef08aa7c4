package rtsp

import (
	"context"
	"errors"
	"fmt"

	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"rekey"
	"rekey/internal/transport"
)

const challengeHeader = "WWW-Authenticate"

// entry is one login on one connection. Each request is signed anew, as RTSP has
// it; what is booked is each one until the first that is accepted, and none
// follows a refusal.
type entry struct {
	checker Checker
	who     rekey.Login
	tries   rekey.Tries

	asked  []string // the challenges of the last 401
	known  bool     // there was one
	booked int      // tries that are spent and not settled
	proved bool     // the password was accepted
	over   error    // why nothing more is sent
}

// challenged takes what a 401 asks for.
func (e *entry) challenged(res *base.Response) {
	e.asked, e.known = res.Header[challengeHeader], true
}

// ask sends a request, with the login where one is asked for, and returns the
// answer of a request that was accepted.
func (e *entry) ask(ctx context.Context, c *conn, q request) (*base.Response, error) {
	for renewed := false; ; {
		signed := e.known
		if err := e.signAgain(&q, c.at, renewed); err != nil {
			return nil, err
		}
		res, err := c.ask(ctx, q)
		if err != nil {
			return nil, err
		}
		switch {
		case res.StatusCode != base.StatusUnauthorized:
			return res, e.judge(c, res)
		case signed && (renewed || !transport.Stale(e.asked, res.Header[challengeHeader])):
			return nil, e.refused(res)
		}
		renewed = signed
		e.challenged(res)
	}
}

// sign answers the challenge at hand, if there is one, and books the try.
func (e *entry) sign(q *request, at rekey.Interface) error { return e.signAgain(q, at, false) }

// signAgain books another try where the nonce was old: it may have been counted.
func (e *entry) signAgain(q *request, at rekey.Interface, again bool) error {
	if e.over != nil || !e.known {
		return e.over
	}
	authorization, err := transport.Answer(e.asked, string(q.method), q.url, e.who, e.checker.Basic, at.TLS)
	if err != nil {
		return fmt.Errorf("rtsp at %s: %w", at.Address(), err)
	}
	if !e.proved && (e.booked == 0 || again) {
		if err := e.tries.Spend(e.who.Account); err != nil {
			return err
		}
		e.booked++
	}
	q.authorization = authorization
	return nil
}

// judge reads an answer that is no 401.
func (e *entry) judge(c *conn, res *base.Response) error {
	switch res.StatusCode {
	case base.StatusOK:
		return e.accepted()
	case base.StatusForbidden:
		if e.booked > 0 { // some firmware says 403 while the account or the address is locked
			return e.refused(res)
		}
		return c.shut(res, "this computer's address may be banned, or the account may not look at this; wait 30 minutes without any login, then look again")
	case base.StatusNotEnoughBandwidth, base.StatusServiceUnavailable:
		return c.shut(res, "too many streams are open, which says nothing of the password; stop other clients and try again")
	}
	return c.odd(res)
}

// accepted gives the try back.
func (e *entry) accepted() error {
	if !e.known || e.proved {
		return nil
	}
	for range e.booked {
		if err := e.tries.Settle(e.who.Account, nil); err != nil {
			return err
		}
	}
	e.proved, e.booked = true, 0
	return nil
}

// refused reads a refusal of the login, after which nothing more is sent. One of
// a password that was accepted before was counted by the recorder all the same.
func (e *entry) refused(res *base.Response) error {
	refusal := &rekey.LoginError{Kind: rekey.ErrDenied, Interface: rekey.InterfaceRTSP, Account: e.who.Account, TriesLeft: -1, Said: transport.Printable(res.StatusMessage)}
	if res.StatusCode == base.StatusForbidden {
		refusal.Kind = rekey.ErrLocked
	}
	e.over = refusal
	if e.booked == 0 {
		if err := e.tries.Spend(e.who.Account); err != nil && !errors.Is(err, rekey.ErrBudget) && !errors.Is(err, rekey.ErrLocked) {
			return errors.Join(refusal, err)
		}
	}
	e.booked = 0
	if err := e.tries.Settle(e.who.Account, refusal); err != nil {
		return errors.Join(refusal, err)
	}
	return refusal
}
