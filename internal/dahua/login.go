package dahua

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"rekey"
	"rekey/internal/transport"
)

// challenge is the answer to the first login step.
type challenge struct {
	Realm      string `json:"realm"`
	Random     text   `json:"random"`
	Encryption string `json:"encryption"`
}

// text is a JSON text, or a number that some firmware writes in its place.
type text string

// UnmarshalJSON takes a text or a number.
func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	if err := json.Unmarshal(raw, &s); err == nil {
		*t = text(s)
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(raw, &n); err != nil {
		return err
	}
	*t = text(n)
	return nil
}

// loginRPC makes the two steps of an RPC2 login. Only the second carries the
// password, hashed, and only it is booked as a try.
func (d *Driver) loginRPC(ctx context.Context, at rekey.Interface, l rekey.Login, tries rekey.Tries) (_ *rpc, err error) {
	r := &rpc{http: transport.New(at, d.log, d.limits)}
	let := false // it has let us in, or may have
	defer func() {
		switch {
		case err != nil && let:
			if failed := r.leave(ctx); failed != nil {
				d.log.DebugContext(ctx, "no logout after a failed login", slog.String("host", at.Address()), slog.Any("error", failed))
			}
		case err != nil:
			r.http.Close()
		}
	}()
	c, err := r.challenge(ctx, l.Account)
	var early *rekey.LoginError
	if errors.As(err, &early) {
		return nil, settle(tries, l.Account, early)
	}
	if err != nil {
		return nil, err
	}
	p, err := d.proof(c, l, r.http.At())
	if err != nil {
		return nil, err
	}
	if err := tries.Spend(l.Account); err != nil {
		return nil, err
	}
	refusal, err := r.answer(ctx, p, l)
	if let = refusal == nil && (err == nil || afterSend(err)); err != nil {
		return nil, err
	}
	if err := settle(tries, l.Account, refusal); err != nil {
		return nil, err
	}
	return r, nil
}

// challenge is the first step: no password. A lock may be told here already.
func (r *rpc) challenge(ctx context.Context, account string) (challenge, error) {
	var c challenge
	const what = "the first step of the login"
	params := map[string]any{"userName": account, "password": "", "clientType": "Web3.0", "loginType": "Direct"}
	host := r.http.At().Address()
	answer, res, err := r.ask(ctx, question{path: pathLogin, method: "global.login", params: params})
	var refused *refusedError
	if errors.As(err, &refused) { // HTTP 401 or 403 in place of an RPC answer
		return c, refusedEarly(host, what, account, res)
	}
	if err != nil {
		return c, err
	}
	if answer.ok() {
		return c, fmt.Errorf("%w: %s lets account %q in without a password; no password can be checked there", rekey.ErrVerify, host, account)
	}
	err = r.read(what, answer, &c)
	if answer.Code != codeChallenge && (c.Realm == "" || c.Random == "") {
		if e := answer.loginRefusal(account); e != nil {
			return c, e
		}
		return c, answer.noLogin(host, what)
	}
	switch {
	case err != nil:
		return c, err
	case c.Realm == "" || c.Random == "" || answer.Session == nil:
		return c, &oddAnswer{host: host, what: what, why: "the challenge lacks realm, random or session"}
	}
	r.session = answer.Session
	return c, nil
}

// refusedEarly reads an HTTP refusal before the password was sent: a lock, or
// something that has nothing to do with the account.
func refusedEarly(host, what, account string, res transport.Response) error {
	said := heard(string(res.Body))
	switch {
	case full(res.Status, res.Body):
		return &refusedError{kind: rekey.ErrConflict, host: host, what: what, said: said, advice: adviceFull}
	case toldCode(res.Body) == codeBlackList:
		return &refusedError{kind: rekey.ErrLocked, host: host, what: what, said: said, code: codeBlackList}
	case res.Status == http.StatusForbidden && tellsLock(res.Body):
		e := lockState(account, res.Body, said)
		e.Interface = rekey.InterfaceRPC2
		return e
	case res.Status == http.StatusForbidden && toldCode(res.Body) == 0:
		return shutOut(host, what, said)
	}
	return &refusedError{kind: rekey.ErrUnreachable, host: host, what: what, said: said}
}

// answer is the second step. A *LoginError is a refusal by the recorder; any
// other error means that it is not known how the try ended.
func (r *rpc) answer(ctx context.Context, p proof, l rekey.Login) (*rekey.LoginError, error) {
	params := map[string]any{
		"userName": l.Account, "password": p.password, "clientType": "Web3.0",
		"loginType": p.loginType, "authorityType": p.form, "passwordType": p.form,
	}
	const what = "the login"
	answer, res, err := r.ask(ctx, question{path: pathLogin, method: "global.login", params: params, once: true})
	var refused *refusedError
	if errors.As(err, &refused) { // HTTP 401 or 403 in place of an RPC answer
		return r.refusedByHTTP(what, l.Account, res)
	}
	if errors.Is(err, errNoRPC) { // not before the password: the CGI must not be tried with it, too
		return nil, &oddAnswer{host: r.http.At().Address(), what: what, why: fmt.Sprintf("HTTP status %d", res.Status)}
	}
	if err != nil {
		return nil, err
	}
	if !answer.ok() {
		if e := answer.loginRefusal(l.Account); e != nil {
			return e, nil
		}
		return nil, answer.noLogin(r.http.At().Address(), what)
	}
	if answer.Session == nil {
		return nil, &oddAnswer{host: r.http.At().Address(), what: what, why: "it accepted the login without a session"}
	}
	r.session = answer.Session // differs from the first one on some recorders
	r.cookies = cookiesOf(res.Header)
	r.alive = r.interval(answer)
	return nil, nil
}

// refusedByHTTP reads HTTP 401 or 403 in place of an RPC answer to the password.
func (r *rpc) refusedByHTTP(what, account string, res transport.Response) (*rekey.LoginError, error) {
	said := heard(string(res.Body))
	if full(res.Status, res.Body) {
		return nil, &refusedError{kind: rekey.ErrConflict, host: r.http.At().Address(), what: what, said: said, advice: adviceFull}
	}
	e := lockState(account, res.Body, said)
	if res.Status == http.StatusUnauthorized {
		e = signedRefusal(account, res.Status, res.Body, said)
	}
	e.Interface = rekey.InterfaceRPC2
	return e, nil
}

// interval is how often the recorder wants to hear of the session.
func (r *rpc) interval(a reply) time.Duration {
	var told struct {
		Interval *json.Number `json:"keepAliveInterval"`
	}
	const usual = 30
	seconds := usual
	if r.read("the login", a, &told) == nil {
		seconds = number(told.Interval, usual)
	}
	return time.Duration(max(seconds, 2)) * time.Second
}

func cookiesOf(h http.Header) []*http.Cookie {
	var kept []*http.Cookie
	for _, c := range (&http.Response{Header: h}).Cookies() {
		if c.Value != "" {
			kept = append(kept, &http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
	return kept
}

// leave logs out, even when ctx has ended, and drops the connection. A session
// that has ended already is logged out.
func (r *rpc) leave(ctx context.Context) error {
	defer r.http.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, err := r.call(ctx, "global.logout", nil)
	if sessionOver(err) {
		return nil
	}
	return err
}
