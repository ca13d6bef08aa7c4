package lan

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"rekey"
	"rekey/internal/recorder"
)

// basicRealm is the realm of the firmware that knows no digest.
const basicRealm = "Device_CGI"

// httpDoor is how one interface logs in by the Authorization header.
type httpDoor struct {
	basic  bool
	scheme scheme // of the digest
	broken bool   // every digest is refused, and counts
}

func (l *lan) cgiDoor() httpDoor {
	t := l.traits.CGI
	return httpDoor{basic: t.Basic, scheme: scheme{algorithm: t.Algorithm, qop: !t.NoQOP}, broken: t.Broken}
}

// refusal is the answer to a request that was not let in.
type refusal struct {
	status int
	header string // WWW-Authenticate; empty = none
	body   string // as CGI has it
	login  *rekey.LoginError
}

// enter lets in who proves to know the password of an account, and otherwise
// gives the answer. A proof is held against the account once for each request;
// what is malformed, signed for another URI or made with an old nonce is refused
// before that, so it costs no try and tells nothing.
func (l *lan) enter(r *http.Request, d httpDoor, from recorder.Client) (account string, no *refusal) {
	switch {
	case !l.initialised():
		return "", &refusal{status: http.StatusUnauthorized, body: "Invalid Authority!\r\n"}
	case l.trouble.is(BannedAddress):
		return "", &refusal{status: http.StatusForbidden}
	case l.trouble.is(ConnectionLimit), r.Header.Get("Authorization") == "":
		return "", l.asks(d, false, "")
	case d.basic:
		return l.enterBasic(r, d, from)
	}
	return l.enterDigest(r, d, from)
}

// asks is the challenge.
func (l *lan) asks(d httpDoor, stale bool, body string) *refusal {
	no := &refusal{status: http.StatusUnauthorized, body: body}
	if d.basic {
		no.header = fmt.Sprintf(`Basic realm="%s"`, basicRealm)
		return no
	}
	no.header = fmt.Sprintf(`Digest realm="%s",`, l.box.Realm())
	if d.scheme.qop {
		no.header += `qop="auth",`
	}
	no.header += fmt.Sprintf(`nonce="%s", opaque="", stale="%t"`, l.nonces.issue(), stale)
	if d.scheme.algorithm != "" {
		no.header += ", algorithm=" + d.scheme.algorithm
	}
	return no
}

// enterBasic: the password itself stands in every request.
func (l *lan) enterBasic(r *http.Request, d httpDoor, from recorder.Client) (string, *refusal) {
	account, password, ok := parseBasic(r.Header.Get("Authorization"))
	if !ok {
		return "", l.asks(d, false, "")
	}
	err := l.holdPassword(account, from, func(pw string) bool { return same(pw, password) })
	if err != nil {
		return "", l.refused(d, err)
	}
	return account, nil
}

// holdPassword holds a proof that is made from the password against the account.
func (l *lan) holdPassword(account string, from recorder.Client, proof func(password string) bool) error {
	hold := l.box.ProvePassword
	who := visitor{account, from}
	if l.visits.has(who) {
		hold = l.box.ProvePasswordAgain
	}
	if _, err := hold(account, from, proof); err != nil {
		return err
	}
	l.visits.keep(who, func() func() {
		_, closed := l.box.SessionOpened(account, from)
		return closed
	})
	return nil
}

// parseBasic reads an Authorization header of the scheme Basic.
func parseBasic(header string) (account, password string, ok bool) {
	kind, rest, _ := strings.Cut(header, " ")
	if !strings.EqualFold(kind, "Basic") || len(header) > maxAuthorization {
		return "", "", false
	}
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
	if err != nil {
		return "", "", false
	}
	account, password, ok = strings.Cut(string(text), ":")
	return account, password, ok && plausible(account)
}

func (l *lan) enterDigest(r *http.Request, d httpDoor, from recorder.Client) (string, *refusal) {
	header := r.Header.Get("Authorization")
	if account, _, ok := parseBasic(header); ok {
		l.mistake(account, "a password was sent by Basic to a door that asks for a digest", from)
	}
	c, err := parseDigest(header)
	if err != nil || c.realm != l.box.Realm() || !c.uses(d.scheme) || c.uri != r.RequestURI {
		return "", l.asks(d, false, "")
	}
	proved, inOrder := l.nonces.use(c.nonce, c.count(), d.scheme.qop)
	if !inOrder || !l.nonces.fresh(c.nonce) {
		return "", l.asks(d, true, "")
	}
	if err := l.hold(c, d, proved, r.Method, from); err != nil {
		return "", l.refused(d, err)
	}
	return c.username, nil
}

// hold holds a digest against the account.
func (l *lan) hold(c credentials, d httpDoor, proved, method string, from recorder.Client) error {
	again := proved == visitorName(c.username, from)
	if err := l.holdDigest(c, d, again, method, from); err != nil || again {
		return err
	}
	_, closed := l.box.SessionOpened(c.username, from)
	l.nonces.keep(c.nonce, visitorName(c.username, from), c.count(), closed)
	return nil
}

// visitorName keeps what was proved on one interface from serving on another.
func visitorName(account string, from recorder.Client) string {
	return string(from.Via) + " " + account
}

func (l *lan) holdDigest(c credentials, d httpDoor, again bool, method string, from recorder.Client) error {
	fits := func(ha1 string) bool { return !d.broken && c.proves(d.scheme, ha1, method) }
	if d.scheme.sha256() {
		hold := l.box.ProvePassword
		if again {
			hold = l.box.ProvePasswordAgain
		}
		_, err := hold(c.username, from, func(pw string) bool {
			return fits(sha256Hex(c.username + ":" + c.realm + ":" + pw))
		})
		return err
	}
	hold := l.box.Prove
	if again {
		hold = l.box.ProveAgain
	}
	_, err := hold(c.username, from, fits)
	return err
}

// refused is the answer to a proof that did not fit.
func (l *lan) refused(d httpDoor, err error) *refusal {
	var login *rekey.LoginError
	if !errors.As(err, &login) {
		l.log.Error("hold a login against the box", "error", err)
		return &refusal{status: http.StatusInternalServerError, body: "Error\r\nInternal Error!\r\n"}
	}
	no := l.asks(d, false, "Invalid Authority!\r\n")
	if errors.Is(login.Kind, rekey.ErrLocked) {
		e := lockedError(login)
		no = &refusal{status: e.status, body: e.body}
	}
	no.login = login
	return no
}
