package hikvision

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"rekey"
	"rekey/internal/transport"
)

// xmlType is the content type of requests.
const xmlType = "application/xml"

// web is ISAPI at one door with a digest login.
type web struct {
	driver *Driver
	http   *transport.Client
	digest *transport.Digest
	who    rekey.Login
	tries  rekey.Tries
	seen   func(port int) string // the certificate that was met there before; nil: none was

	mu      sync.Mutex
	booked  int // tries that are spent and not settled
	refused error
}

func (d *Driver) newWeb(at rekey.Interface, l rekey.Login, tries rekey.Tries) *web {
	w := &web{driver: d, http: d.client(at), who: l, tries: tries}
	w.digest = &transport.Digest{Login: l, Spend: w.spend, Basic: d.basic}
	return w
}

func (d *Driver) client(at rekey.Interface) *transport.Client {
	return transport.New(at, d.log, d.limits)
}

func (w *web) close() { w.http.Close() }

func (w *web) host() string { return w.http.At().Address() }

func (w *web) spend() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.tries.Spend(w.who.Account); err != nil {
		return err
	}
	w.booked++
	return nil
}

// stopped is why nothing is sent any more.
func (w *web) stopped() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused
}

// stop keeps the reason why this login is not used any more: it is tried once.
func (w *web) stop(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refused == nil {
		w.refused = err
	}
}

// do sends a request and settles the try that it cost.
func (w *web) do(ctx context.Context, r transport.Request) (transport.Response, error) {
	if err := w.stopped(); err != nil {
		return transport.Response{}, err
	}
	r.Digest, r.Once = w.digest, true
	res, err := w.http.Do(ctx, r)
	if err != nil {
		return res, err
	}
	return res, w.judge(res.Status, res.Signed, res.Body)
}

// judge reads whether the login was refused. After a refusal nothing is sent any more.
func (w *web) judge(status int, signed bool, body []byte) error {
	if !signed {
		return nil
	}
	if v, told := verdictOf(body); told && v.full() {
		return &fullError{host: w.host(), said: v.said}
	}
	refusal := w.loginRefusal(status, body)
	w.mu.Lock()
	defer w.mu.Unlock()
	booked := w.booked
	if refusal != nil {
		w.booked, w.refused = 0, refusal
		if booked == 0 {
			// It worked before and was changed since by somebody: the recorder has
			// counted this, so the budget must.
			if err := counted(w.tries, w.who.Account); err != nil {
				return errors.Join(refusal, err)
			}
		}
		return settle(w.tries, w.who.Account, refusal)
	}
	// Of other answers nobody knows whether the password was looked at: the try stays spent.
	if admits(status, body) {
		w.booked = 0
		return given(w.tries, w.who.Account, booked)
	}
	return w.refused
}

// admits reports whether an answer to a request that carried the password is one
// that nobody gets whose password is wrong.
func admits(status int, body []byte) bool {
	v, told := verdictOf(body)
	return status == http.StatusOK || (told && v.behindLogin() && (status == http.StatusBadRequest || status == http.StatusForbidden))
}

// loginRefusal reads the answer to a request that carried the password; nil when
// the login was not refused. A missing right or node is told to those only whose
// password was right; a 403 that says nothing is what some firmware answers
// while the account or the address is locked.
func (w *web) loginRefusal(status int, body []byte) *rekey.LoginError {
	switch v, told := verdictOf(body); {
	case status == http.StatusUnauthorized:
	case status == http.StatusForbidden && (!told || v.locked()):
	default:
		return nil
	}
	e := w.lockState(body)
	if status == http.StatusForbidden {
		e.Kind = rekey.ErrLocked
	}
	return e
}

// unsigned is an answer before any password was sent.
func (w *web) unsigned(res transport.Response, what string) error {
	switch res.Status {
	case http.StatusOK:
		return fmt.Errorf("%w: %s answers without a password, so none can be checked there", rekey.ErrVerify, w.host())
	case http.StatusUnauthorized, http.StatusForbidden:
		if e := w.lockState(res.Body); errors.Is(e, rekey.ErrLocked) {
			return settle(w.tries, w.who.Account, e)
		}
		if v, told := verdictOf(res.Body); told && v.full() {
			return &fullError{host: w.host(), said: v.said}
		}
		if inactive(res.Body) {
			return &refusedError{kind: rekey.ErrConflict, host: w.host(), what: what, said: "notActivated"}
		}
		if res.Status == http.StatusUnauthorized {
			return &refusedError{kind: rekey.ErrUnsupported, host: w.host(), what: what, said: "it asks for no login that rekey knows"}
		}
	}
	return refusal(w.host(), what, res.Status, res.Body)
}

// fetch reads one resource as it came.
func (w *web) fetch(ctx context.Context, path string, limit int64) ([]byte, error) {
	res, err := w.do(ctx, transport.Request{Path: path, Limit: limit})
	switch {
	case err != nil:
		return nil, err
	case !res.Signed:
		return nil, w.unsigned(res, path)
	case res.Status != http.StatusOK:
		return nil, refusal(w.host(), path, res.Status, res.Body)
	}
	if v, is := verdictOf(res.Body); is && !v.ok() { // declined, although the status says otherwise
		return nil, refusal(w.host(), path, res.Status, res.Body)
	}
	return res.Body, nil
}

// get reads one resource whose outermost element has that name.
func (w *web) get(ctx context.Context, path, name string) (*node, error) {
	body, err := w.fetch(ctx, path, 0)
	if err != nil {
		return nil, err
	}
	return w.named(path, name, body)
}

func (w *web) named(what, name string, body []byte) (*node, error) {
	doc, err := parse(body)
	if err != nil {
		return nil, &oddAnswer{host: w.host(), what: what, why: err.Error()}
	}
	if !doc.root.is(name) {
		return nil, &oddAnswer{host: w.host(), what: what, why: fmt.Sprintf("it is a %q", transport.Printable(doc.root.name))}
	}
	return doc.root, nil
}

// getExactly reads one resource that is written back.
func (w *web) getExactly(ctx context.Context, path, name string) (document, error) {
	body, err := w.fetch(ctx, path, 0)
	if err != nil {
		return document{}, err
	}
	doc, err := parseExactly(body)
	if err != nil || !doc.root.is(name) {
		return document{}, fmt.Errorf("%w: what %s tells at %s cannot be written back without loss, so it is left alone: it is no whole %s in XML", rekey.ErrUnsupported, w.host(), path, name)
	}
	return doc, nil
}

// put sends a change, once. Its errors hold nothing of the answer but known
// words; one that is not sure leaves the change in doubt.
func (w *web) put(ctx context.Context, path string, body []byte) error {
	if err := w.stopped(); err != nil {
		return unsent(err)
	}
	res, err := w.http.Do(ctx, transport.Request{Method: http.MethodPut, Path: path, Type: xmlType, Body: body, Digest: w.digest, Once: true})
	if err != nil {
		return lost(w.host(), path, err)
	}
	v, told := verdictOf(res.Body)
	if err := w.judge(res.Status, res.Signed, res.Body); err != nil {
		return silenced(err, v)
	}
	switch {
	case !res.Signed && res.Status != http.StatusOK:
		return unsent(&refusedError{kind: rekey.ErrDenied, host: w.host(), what: path, said: fmt.Sprintf("HTTP status %d before a login", res.Status)})
	case res.Status == http.StatusOK && told && v.ok():
		return nil
	case res.Status == http.StatusOK && told && v.reboot():
		return &rebootError{host: w.host(), what: path}
	case res.Status == http.StatusOK && !told:
		return &oddAnswer{host: w.host(), what: path, why: "neither OK nor an error"}
	}
	kind := kindOf(res.Status, v)
	said := phrase(v)
	if said == "" {
		said = fmt.Sprintf("HTTP status %d", res.Status)
	}
	if kind == nil {
		return &oddAnswer{host: w.host(), what: path, why: said}
	}
	return &refusedError{kind: kind, host: w.host(), what: path, said: said, wantsLogin: v.wantsLogin}
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
