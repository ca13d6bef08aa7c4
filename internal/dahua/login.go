package dahua

import (
	"context"
	"crypto/md5" // #nosec G501 -- the family's login hash is MD5
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
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
	defer func() {
		if err != nil {
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
	if err := tries.Spend(l.Account); err != nil {
		return nil, err
	}
	refusal, err := r.answer(ctx, c, l)
	if err != nil {
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
	case c.Encryption != "Default":
		return c, fmt.Errorf("%w: %s wants the login form %q, which rekey does not send", rekey.ErrUnsupported, host, clean(c.Encryption))
	}
	r.session = answer.Session
	return c, nil
}

// refusedEarly reads an HTTP refusal before the password was sent: a lock, or
// something that has nothing to do with the account.
func refusedEarly(host, what, account string, res transport.Response) error {
	said := heard(string(res.Body))
	if res.Status == http.StatusForbidden {
		if e := lockState(account, res.Body, said); errors.Is(e, rekey.ErrLocked) {
			e.Interface = rekey.InterfaceRPC2
			return e
		}
	}
	return &refusedError{kind: rekey.ErrUnreachable, host: host, what: what, said: said}
}

// answer is the second step. A *LoginError is a refusal by the recorder; any
// other error means that it is not known how the try ended.
func (r *rpc) answer(ctx context.Context, c challenge, l rekey.Login) (*rekey.LoginError, error) {
	params := map[string]any{
		"userName": l.Account, "password": loginHash(l, c.Realm, string(c.Random)), "clientType": "Web3.0",
		"loginType": "Direct", "authorityType": c.Encryption, "passwordType": c.Encryption,
	}
	const what = "the login"
	answer, res, err := r.ask(ctx, question{path: pathLogin, method: "global.login", params: params, once: true})
	var refused *refusedError
	if errors.As(err, &refused) { // HTTP 401 or 403 in place of an RPC answer
		e := &rekey.LoginError{Kind: rekey.ErrDenied, TriesLeft: -1, Said: heard(string(res.Body))}
		if res.Status == http.StatusForbidden {
			e = lockState(l.Account, res.Body, e.Said)
		}
		e.Interface, e.Account = rekey.InterfaceRPC2, l.Account
		return e, nil
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

// loginHash is the "Default" form: upper-case hex MD5 of
// account:random:A, A being upper-case hex MD5 of account:realm:password.
func loginHash(l rekey.Login, realm, random string) string {
	a := upperMD5(l.Account + ":" + realm + ":" + l.Password.Reveal())
	return upperMD5(l.Account + ":" + random + ":" + a)
}

func upperMD5(s string) string {
	sum := md5.Sum([]byte(s)) // #nosec G401 -- see the import
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// leave logs out, even when ctx has ended, and drops the connection. A session
// that has ended already is logged out.
func (r *rpc) leave(ctx context.Context) error {
	defer r.http.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, err := r.call(ctx, "global.logout", nil)
	if errors.Is(err, rekey.ErrConflict) {
		return nil
	}
	return err
}
