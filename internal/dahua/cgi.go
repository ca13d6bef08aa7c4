package dahua

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"rekey"
	"rekey/internal/transport"
)

// cgi is the HTTP CGI with a digest login.
type cgi struct {
	http   *transport.Client
	digest *transport.Digest
	login  rekey.Login
	tries  rekey.Tries

	mu      sync.Mutex
	booked  int // tries that are spent and not settled
	refused error
}

func (d *Driver) newCGI(at rekey.Interface, l rekey.Login, tries rekey.Tries) *cgi {
	c := &cgi{http: transport.New(at, d.log, d.limits), login: l, tries: tries}
	c.digest = &transport.Digest{Login: l, Spend: c.spend, Basic: d.basic()}
	return c
}

func (c *cgi) spend() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.tries.Spend(c.login.Account); err != nil {
		return err
	}
	c.booked++
	return nil
}

// prove logs in by the most harmless request there is.
func (c *cgi) prove(ctx context.Context) error {
	res, err := c.request(ctx, "global.cgi", transport.Query("action", "getCurrentTime"))
	if err != nil {
		return err
	}
	if !res.Signed && res.Status == http.StatusOK {
		return fmt.Errorf("%w: %s answers without a password, so none can be checked there", rekey.ErrVerify, c.host())
	}
	if !res.Signed {
		return c.unsigned(res, heard(string(res.Body)))
	}
	if res.Status != http.StatusBadRequest && admits(res.Status, res.Body) {
		return nil
	}
	return cgiRefusal(c.host(), "getCurrentTime", res.Status, res.Body)
}

// unsigned is an answer before any password was sent. A lock is told to the
// budget, so that nobody tries against it.
func (c *cgi) unsigned(res transport.Response, said string) error {
	if full(res.Status, res.Body) {
		return c.full(said)
	}
	switch res.Status {
	case http.StatusUnauthorized:
		return &refusedError{kind: rekey.ErrConflict, host: c.host(), what: "every request", said: "it asks for no login, as recorders do before their first set-up", advice: adviceSetup}
	case http.StatusForbidden:
		switch {
		case tellsLock(res.Body):
			return settle(c.tries, c.login.Account, lockState(c.login.Account, res.Body, said))
		case toldCode(res.Body) == codeBlackList:
			return &refusedError{kind: rekey.ErrLocked, host: c.host(), what: "every request", said: said, code: codeBlackList}
		case toldCode(res.Body) == 0 && !strings.Contains(said, "Authori"):
			return shutOut(c.host(), "every request", said)
		}
	}
	return refusalSaying(c.host(), "the CGI", res.Status, said)
}

func (c *cgi) host() string { return c.http.At().Address() }

// request sends one GET below /cgi-bin/ and settles the try that it cost.
func (c *cgi) request(ctx context.Context, module, query string) (transport.Response, error) {
	if err := c.stopped(); err != nil {
		return transport.Response{}, err
	}
	res, err := c.http.Do(ctx, transport.Request{Path: "/cgi-bin/" + module, Query: query, Digest: c.digest, Once: true})
	if err != nil {
		return res, err
	}
	return res, c.judge(res)
}

// judge reads whether the login was refused.
func (c *cgi) judge(res transport.Response) error {
	return c.verdict(res, heard(string(res.Body)))
}

// verdict is judge with the words that may be repeated of the answer. After a
// refusal nothing is sent any more.
func (c *cgi) verdict(res transport.Response, said string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !res.Signed {
		return nil
	}
	booked := c.booked
	c.booked = 0
	// Nobody knows whether the password was looked at: the try stays spent.
	switch {
	case full(res.Status, res.Body):
		c.refused = c.full(said)
		return c.refused
	case res.Status == http.StatusUnauthorized && transport.SaysStale(res.Header):
		c.refused = &refusedError{kind: rekey.ErrConflict, host: c.host(), what: "the login", said: "it calls its own new nonce an old one", advice: adviceNonce}
		return c.refused
	}
	refusal := signedRefusal(c.login.Account, res.Status, res.Body, said)
	if refusal != nil {
		c.refused = refusal
		if booked == 0 {
			// It worked before and was changed since by somebody: the recorder has
			// counted this, so the budget must.
			if err := counted(c.tries, c.login.Account); err != nil {
				return errors.Join(refusal, err)
			}
		}
		return settle(c.tries, c.login.Account, refusal)
	}
	if admits(res.Status, res.Body) {
		return given(c.tries, c.login.Account, booked)
	}
	return c.refused
}

// full is a refusal because of too many logins.
func (c *cgi) full(said string) error {
	return &refusedError{kind: rekey.ErrConflict, host: c.host(), what: "the login", said: said, advice: adviceFull}
}

func (c *cgi) stopped() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}

// get sends a request and wants its lines.
func (c *cgi) get(ctx context.Context, module string, pairs ...string) (lines, error) {
	body, err := c.body(ctx, module, pairs...)
	if err != nil {
		return nil, err
	}
	l, err := parseLines(body)
	if err != nil {
		return nil, &oddAnswer{host: c.host(), what: action(pairs), why: err.Error()}
	}
	return l, nil
}

// put sends a change and wants "OK"; HTTP 200 alone does not say so.
func (c *cgi) put(ctx context.Context, module string, pairs ...string) error {
	body, err := c.body(ctx, module, pairs...)
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(body)) != "OK" {
		return &oddAnswer{host: c.host(), what: action(pairs), why: "neither OK nor an error"}
	}
	return nil
}

// body sends a request and takes any answer but a refusal.
func (c *cgi) body(ctx context.Context, module string, pairs ...string) ([]byte, error) {
	res, err := c.request(ctx, module, transport.Query(pairs...))
	if err != nil {
		return nil, err
	}
	if !res.Signed && res.Status != http.StatusOK {
		return nil, c.unsigned(res, heard(string(res.Body)))
	}
	if res.Status != http.StatusOK || strings.HasPrefix(string(res.Body), "Error") {
		return nil, cgiRefusal(c.host(), action(pairs), res.Status, res.Body)
	}
	return res.Body, nil
}

// holds books a try and makes sure that the password of this login is still in force.
func (c *cgi) holds(ctx context.Context) bool {
	return c.stopped() == nil && c.spend() == nil && c.prove(ctx) == nil
}

// change sends a request that carries passwords, once. Its errors hold nothing
// of the answer but known words; one that is not sure leaves the change in doubt.
func (c *cgi) change(ctx context.Context, module string, pairs ...string) error {
	what := action(pairs)
	if err := c.stopped(); err != nil {
		return unsent(err)
	}
	res, err := c.http.Do(ctx, transport.Request{Path: "/cgi-bin/" + module, Query: transport.Query(pairs...), Digest: c.digest, Once: true})
	if err != nil {
		return lost(c.host(), what, err)
	}
	said := phrase(res.Body)
	if err := c.verdict(res, said); err != nil {
		return &doubtError{err}
	}
	text := strings.TrimSpace(string(res.Body))
	first, _, _ := strings.Cut(text, "\n")
	switch res.Status {
	case http.StatusOK:
		switch {
		case text == "OK":
			return nil
		case strings.TrimSpace(first) == "Error": // declined, although the status says otherwise
			return refusalSaying(c.host(), what, res.Status, said)
		}
		return &oddAnswer{host: c.host(), what: what, why: "neither OK nor an error"}
	case http.StatusUnauthorized, http.StatusForbidden:
		if !res.Signed {
			return c.unsigned(res, said)
		}
		return refusalSaying(c.host(), what, res.Status, said)
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return refusalSaying(c.host(), what, res.Status, said)
	}
	return &oddAnswer{host: c.host(), what: what, why: fmt.Sprintf("HTTP status %d", res.Status)}
}

// action names a request in errors without its values, which may be passwords.
func action(pairs []string) string {
	if len(pairs) > 1 {
		return pairs[1]
	}
	return "the request"
}
