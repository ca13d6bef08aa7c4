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
	booked  bool // a try is spent and not settled
	refused error
}

func (d *Driver) newCGI(at rekey.Interface, l rekey.Login, tries rekey.Tries) *cgi {
	c := &cgi{http: transport.New(at, d.log, d.limits), login: l, tries: tries}
	c.digest = &transport.Digest{Login: l, Spend: c.spend}
	return c
}

func (c *cgi) spend() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.tries.Spend(c.login.Account); err != nil {
		return err
	}
	c.booked = true
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
		return c.unsigned(res)
	}
	// A right that is missing is told to those only whose password was right.
	if res.Status == http.StatusOK || strings.Contains(string(res.Body), "Authority") {
		return nil
	}
	return cgiRefusal(c.host(), "getCurrentTime", res.Status, res.Body)
}

// unsigned is an answer before any password was sent.
func (c *cgi) unsigned(res transport.Response) error {
	switch res.Status {
	case http.StatusUnauthorized:
		return fmt.Errorf("%w: %s refuses every request without asking for a login, as recorders do before their first set-up", rekey.ErrConflict, c.host())
	case http.StatusForbidden:
		return lockState(c.login.Account, res.Body)
	}
	return cgiRefusal(c.host(), "the CGI", res.Status, res.Body)
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
	return res, c.judge(res.Status, res.Signed, res.Body)
}

// judge reads whether the login was refused. After a refusal nothing is sent any more.
func (c *cgi) judge(status int, signed bool, body []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !signed {
		return nil
	}
	var refusal *rekey.LoginError
	switch {
	case status == http.StatusUnauthorized:
		refusal = &rekey.LoginError{Kind: rekey.ErrDenied, Interface: rekey.InterfaceCGI, Account: c.login.Account, TriesLeft: -1, Said: clean(string(body))}
	case status == http.StatusForbidden && !strings.Contains(string(body), "Authority"):
		refusal = lockState(c.login.Account, body)
	}
	booked := c.booked
	c.booked = false
	if refusal != nil {
		c.refused = refusal
		if !booked {
			// It worked before and was changed since by somebody: the recorder has
			// counted this, so the budget must.
			if err := c.tries.Spend(c.login.Account); err != nil {
				return errors.Join(refusal, err)
			}
			booked = true
		}
	}
	// Of other statuses nobody knows whether the password was looked at: the try stays spent.
	known := refusal != nil || status == http.StatusOK || status == http.StatusBadRequest || status == http.StatusForbidden
	if booked && known {
		return settle(c.tries, c.login.Account, refusal)
	}
	return c.refused
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
		return nil, c.unsigned(res)
	}
	if res.Status != http.StatusOK || strings.HasPrefix(string(res.Body), "Error") {
		return nil, cgiRefusal(c.host(), action(pairs), res.Status, res.Body)
	}
	return res.Body, nil
}

// action names a request in errors without its values, which may be passwords.
func action(pairs []string) string {
	if len(pairs) > 1 {
		return pairs[1]
	}
	return "the request"
}
