package hikvision

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"rekey"
	"rekey/internal/transport"
)

// login looks first, without a password, whether the recorder says that it is
// locked: newer firmware tells so to anybody, and a try would only prolong it.
// Then it logs in, once.
func (w *web) login(ctx context.Context) error {
	res, err := w.look(ctx)
	if err != nil {
		return err
	}
	// Whatever else it says, the login itself finds out.
	if e := w.lockState(res.Body); errors.Is(e, rekey.ErrLocked) {
		return settle(w.tries, w.who.Account, e)
	}
	if res.Status != http.StatusUnauthorized || inactive(res.Body) {
		return w.unsigned(res, pathUserCheck)
	}
	return w.prove(ctx)
}

// look asks without a login. Sent on to HTTPS it goes there, and stays there.
func (w *web) look(ctx context.Context) (transport.Response, error) {
	res, _, err := transport.Follow(w.http.At(), func(at rekey.Interface) (transport.Response, error) {
		if at.Address() != w.http.At().Address() {
			if w.seen != nil {
				at.CertSHA256 = w.seen(at.Port)
			}
			w.http.Close()
			w.http = w.driver.client(at)
		}
		return w.http.Do(ctx, transport.Request{Path: pathUserCheck, Limit: mostAnswer})
	})
	return res, err
}

// prove sends the password by the most harmless request there is.
func (w *web) prove(ctx context.Context) error {
	if err := w.stopped(); err != nil {
		return err
	}
	res, err := w.http.Do(ctx, transport.Request{Path: pathUserCheck, Limit: mostAnswer, Digest: w.digest, Once: true})
	if err != nil {
		return err
	}
	if !res.Signed {
		return w.unsigned(res, pathUserCheck)
	}
	status := checked(res)
	if err := w.judge(status, true, res.Body); err != nil {
		return err
	}
	switch {
	case status != http.StatusBadRequest && admits(status, res.Body): // a right may be missing
		return nil
	case status == 0:
		return &oddAnswer{host: w.host(), what: pathUserCheck, why: "it does not say whether the login was right"}
	}
	return refusal(w.host(), pathUserCheck, res.Status, res.Body)
}

// checked is the status of an answer to userCheck: that of HTTP, or the one
// that stands in the body of a 200. 0: it does not tell.
func checked(res transport.Response) int {
	if res.Status != http.StatusOK {
		return res.Status
	}
	if v, is := verdictOf(res.Body); is && v.ok() {
		return http.StatusOK
	}
	doc, err := parse(res.Body)
	if err != nil || !doc.root.is("userCheck") {
		return 0
	}
	switch n, _ := doc.root.number(999, "statusValue"); n {
	case http.StatusOK, http.StatusUnauthorized:
		return n
	}
	return 0
}

// lockState reads a refusal. Newer firmware tells lockStatus ("lock" or
// "unlock"), unlockTime in seconds and retryLoginTime, the tries left.
func (w *web) lockState(body []byte) *rekey.LoginError {
	e := &rekey.LoginError{Kind: rekey.ErrDenied, Interface: rekey.InterfaceISAPI, Account: w.who.Account, TriesLeft: -1}
	doc, err := parse(body)
	if err != nil {
		return e
	}
	r := doc.root
	if v, is := verdictOf(body); is {
		e.Said = v.said
		if v.locked() {
			e.Kind = rekey.ErrLocked
		}
	} else if r.is("userCheck") {
		e.Said = heard(r.value("statusString"))
	}
	if n, ok := r.number(1000, "retryLoginTime"); ok {
		e.TriesLeft = n
	}
	if strings.HasPrefix(strings.ToLower(r.exact("lockStatus")), "lock") {
		e.Kind = rekey.ErrLocked
	}
	if n, ok := r.number(7*24*3600, "unlockTime"); ok && errors.Is(e, rekey.ErrLocked) {
		e.LockedFor = time.Duration(n) * time.Second
	}
	return e
}

// inactive: no password was ever set.
func inactive(body []byte) bool {
	doc, err := parse(body)
	if err != nil {
		return false
	}
	activated, told := doc.root.on("isActivated")
	return (told && !activated) || strings.EqualFold(doc.root.exact("subStatusCode"), "notActivated")
}
