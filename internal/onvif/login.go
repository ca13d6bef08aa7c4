package onvif

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"rekey"
	"rekey/internal/transport"
)

// nonceAge is how long a digest challenge is used again. An older one is fetched
// anew without a login, so that no request goes out half signed.
const nonceAge = 10 * time.Second

// entrance is one door of a recorder, with the login that goes into every
// request. One request is made at a time.
type entrance struct {
	service
	tries rekey.Tries

	mu      sync.Mutex
	login   rekey.Login
	offset  time.Duration // the device's clock less ours
	noClock bool          // it does not tell it: ours is taken
	signs   bool          // it asks for HTTP digest too
	digest  *transport.Digest
	fresh   time.Time // when the challenge came or was last used
	signed  int       // how often the request under way went out signed
	gate    question  // an operation that is refused without a login

	granted int   // the rank of what the login was accepted for; 0: it never was
	proved  bool  // and nothing since makes one doubt it
	over    error // why nothing more is sent

	last []byte // the last answer to a request with the login, as it came
}

// enter logs in at a door, once. Of the doors that are known, the certificates
// are held where it is sent on to one of them.
func (d *Driver) enter(ctx context.Context, at rekey.Interface, known []rekey.Interface, l rekey.Login, tries rekey.Tries) (_ *entrance, err error) {
	if err := usable(l); err != nil {
		return nil, err
	}
	// Sent on to HTTPS it goes there, as no password has been sent yet.
	e, _, err := transport.Follow(at, func(at rekey.Interface) (*entrance, error) {
		e := &entrance{service: service{http: transport.New(pinned(at, known), d.log, d.limits)}, login: l, tries: tries}
		if err := e.readOffset(ctx); err != nil {
			e.close()
			return nil, err
		}
		return e, nil
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if err := e.findGate(ctx); err != nil {
		return nil, err
	}
	_, err = e.ask(ctx, e.gate)
	if err != nil {
		return nil, e.clockDoubt(err)
	}
	return e, nil
}

// clockDoubt adds to a refusal what the device's clock may have to do with it. The
// login goes by that clock; some firmware goes by another one than it tells.
func (e *entrance) clockDoubt(err error) error {
	switch {
	case !errors.Is(err, rekey.ErrDenied):
		return err
	case e.noClock:
		return fmt.Errorf("%w; it does not tell its clock, and where that is wrong it refuses the right password too: set its clock right at its own screen, then check again", err)
	case e.offset.Abs() > clockMatters:
		return fmt.Errorf("%w; its %s, and some firmware refuses the right password then: set its clock right at its own screen, then check again", err, clockWords(e.offset))
	}
	return err
}

func (e *entrance) close() { e.http.Close() }

func (e *entrance) host() string { return e.http.At().Address() }

// readOffset asks for the device's clock, which needs no login.
func (e *entrance) readOffset(ctx context.Context) error {
	began := time.Now()
	told, err := e.service.ask(ctx, "GetSystemDateAndTime", "")
	var refused *fault
	switch {
	case errors.As(err, &refused):
		e.noClock = true
		return e.early(refused)
	case err != nil:
		return e.odd("GetSystemDateAndTime", err)
	}
	now := began.Add(time.Since(began) / 2)
	clock, ok := clockOf(told)
	if e.noClock = !ok; ok {
		e.offset = clock.Sub(now)
	}
	return nil
}

// gates are operations that need a login, those of the least rights first, so
// that any account may prove itself.
func gates() []question {
	return []question{ofDevice("GetDeviceInformation", ""), ofDevice("GetNetworkProtocols", ""), ofDevice("GetUsers", "")}
}

// findGate asks without a login for what needs one, to learn what is asked for,
// and because an operation that is open to anybody proves no password.
func (e *entrance) findGate(ctx context.Context) error {
	open := false
	for _, q := range gates() {
		res, err := e.post(ctx, q, "", nil)
		if err != nil {
			return err
		}
		_, err = q.answer(res)
		var refused *fault
		switch {
		case err == nil:
			open = true
		case errors.As(err, &refused) && refused.denied():
			e.gate = q
			if err := e.early(refused); err != nil {
				return err
			}
			return e.readChallenge(res, refused)
		case errors.As(err, &refused):
			if err := e.early(refused); err != nil {
				return err
			}
		default:
			return e.odd(q.operation, err)
		}
	}
	if open {
		return fmt.Errorf("%w: %s answers ONVIF without a login, so no password can be checked there; demand a login for ONVIF in its settings", rekey.ErrVerify, e.host())
	}
	return fmt.Errorf("%w: %s has no ONVIF operation at which a password can be tried", rekey.ErrUnsupported, e.host())
}

// early reads a refusal before any password was sent. What it tells of a lock is
// told to the budget, so that nobody tries against it.
func (e *entrance) early(f *fault) error {
	refusal := f.login(e.login.Account)
	switch {
	case f.full():
		return f
	case f.lock().Locked:
		return settle(e.tries, refusal)
	case f.status == http.StatusForbidden && !f.has("NotAuthorized"):
		return fmt.Errorf("%w: %s refuses even a question without a login (HTTP 403): the account or this computer's address may be locked or banned; wait 30 minutes without any login, then look again", rekey.ErrLocked, e.host())
	case refusal.TriesLeft >= 0:
		return e.tries.Settle(refusal.Account, refusal) // Spend decides what that leaves
	}
	return nil
}

// readChallenge takes what a 401 asks for. Without a challenge the UsernameToken
// is asked for.
func (e *entrance) readChallenge(res transport.Response, refused *fault) error {
	asked := transport.Challenges(res.Header.Values("WWW-Authenticate"))
	e.signs = slices.ContainsFunc(asked, func(c transport.Challenge) bool { return c.Scheme == "digest" })
	if !e.signs && len(asked) > 0 && !refused.soap {
		return fmt.Errorf("%w: %s asks for the password in the clear (HTTP Basic), which rekey does not send", rekey.ErrUnsupported, e.host())
	}
	return nil
}

// errChallenged ends a request that only fetches a challenge.
var errChallenged = errors.New("the challenge is there")

// ready has a fresh challenge at hand, so that the next request is signed and
// carries the token at once: one without its signature would be a try of its own.
func (e *entrance) ready(ctx context.Context) error {
	if !e.signs || (e.digest != nil && time.Since(e.fresh) < nonceAge) {
		return nil
	}
	fetching := true
	d := &transport.Digest{Login: e.login}
	d.Spend = func() error {
		if fetching {
			return errChallenged
		}
		// prepare has booked the first; another one follows where the nonce ran out on the way.
		if e.signed++; e.signed == 1 || e.proved {
			return nil
		}
		return e.tries.Spend(e.login.Account)
	}
	res, err := e.post(ctx, e.gate, "", d)
	fetching = false
	switch {
	case errors.Is(err, errChallenged):
		e.digest, e.fresh = d, time.Now()
		return nil
	case err != nil:
		return err
	case res.Status == http.StatusUnauthorized:
		return fmt.Errorf("%w: %s wants a digest login that rekey does not know", rekey.ErrUnsupported, e.host())
	}
	return e.odd(e.gate.operation, fmt.Errorf("it asked for a digest before and does not now (HTTP status %d)", res.Status))
}

// ask sends one request with the login and returns <operation>Response. A
// refusal is a *fault or a *rekey.LoginError; nothing is sent again.
func (e *entrance) ask(ctx context.Context, q question) (*element, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.prepare(ctx); err != nil {
		return nil, err
	}
	return e.send(ctx, q)
}

// prepare does all that goes before a request with the login; e.mu is held.
func (e *entrance) prepare(ctx context.Context) error {
	if e.over != nil {
		return e.over
	}
	if err := e.ready(ctx); err != nil {
		return err
	}
	if e.proved {
		return nil
	}
	return e.tries.Spend(e.login.Account)
}

// send sends what prepare made ready; e.mu is held.
func (e *entrance) send(ctx context.Context, q question) (*element, error) {
	e.signed = 0
	res, err := e.post(ctx, q, token(e.login, time.Now().Add(e.offset)), e.digest)
	e.fresh, e.last = time.Now(), res.Body
	if err != nil {
		return nil, err
	}
	told, err := q.answer(res)
	var refused *fault
	switch {
	case err == nil:
		return told, e.accepted(q)
	case errors.As(err, &refused) && refused.denied():
		return nil, e.refused(refused)
	case errors.As(err, &refused):
		return nil, refused // of the password it says nothing: a try that was booked stays so
	}
	return nil, e.odd(q.operation, err)
}

// accepted gives the try back.
func (e *entrance) accepted(q question) error {
	e.granted = max(e.granted, rank(q.operation))
	if e.proved {
		return nil
	}
	e.proved = true
	for range max(1, e.signed) { // as many as were booked
		if err := e.tries.Settle(e.login.Account, nil); err != nil {
			return err
		}
	}
	return nil
}

// rank orders operations by the rights that they ask for (Core Specification,
// "access classes"): what anybody with a login may read, recordings, and what is
// for administrators.
func rank(operation string) int {
	switch operation {
	case "GetDeviceInformation", "GetNetworkProtocols", "GetSystemDateAndTime", "GetServices", "GetCapabilities", "GetServiceCapabilities", "GetScopes", "GetHostname", "GetDNS", "GetNTP", "GetNetworkInterfaces", "GetNetworkDefaultGateway":
		return 1
	case "FindRecordings", "GetRecordingSearchResults", "EndSearch", "GetReplayUri":
		return 2
	}
	return 3
}

// refused reads a refusal of the login. Where the account was accepted for as
// much before, somebody has changed the password since: that is a refused login,
// after which nothing is sent. Else the account may as well lack the right: that
// is booked, because the device may have counted it, and so is the next request,
// until one is accepted.
func (e *entrance) refused(f *fault) error {
	refusal := f.login(e.login.Account)
	told := refusal.TriesLeft >= 0 || errors.Is(refusal.Kind, rekey.ErrLocked) || (!f.soap && f.status == http.StatusUnauthorized)
	wasProved := e.proved
	e.proved = false
	if e.granted > 0 && wasProved {
		if err := e.count(); err != nil {
			return errors.Join(f, err)
		}
	}
	if !told && e.granted > 0 && rank(f.operation) > e.granted {
		return f
	}
	e.over = refusal
	return settle(e.tries, refusal)
}

// count books a try that was made before anybody could book it. That the budget
// would not have given it changes nothing.
func (e *entrance) count() error {
	err := e.tries.Spend(e.login.Account)
	if errors.Is(err, rekey.ErrBudget) || errors.Is(err, rekey.ErrLocked) {
		return nil
	}
	return err
}

// anybody asks what needs no login on most devices, and with the login where it
// does.
func (e *entrance) anybody(ctx context.Context, q question) (*element, error) {
	res, err := e.post(ctx, q, "", nil)
	if err != nil {
		return nil, err
	}
	told, err := q.answer(res)
	var refused *fault
	switch {
	case errors.As(err, &refused) && refused.denied():
		return e.ask(ctx, q)
	case err == nil, errors.As(err, &refused):
		return told, err
	}
	return nil, e.odd(q.operation, err)
}

// odd is an answer that cannot be understood; errors of the transport stay as they are.
func (e *entrance) odd(operation string, err error) error {
	var exchange *transport.Error
	if errors.As(err, &exchange) || (!errors.Is(err, errNotSOAP) && errors.Is(err, rekey.ErrUnreachable)) {
		return err
	}
	return &oddAnswer{host: e.host(), what: operation, why: err}
}

// oddAnswer is an answer that cannot be understood. What was asked for may have
// been done. It wraps rekey.ErrUnreachable.
type oddAnswer struct {
	host, what string
	why        error
}

// Error says what was odd.
func (e *oddAnswer) Error() string {
	return fmt.Sprintf("%v: %s gave no usable answer to ONVIF %s: %v", rekey.ErrUnreachable, e.host, e.what, e.why)
}

// Unwrap returns rekey.ErrUnreachable.
func (e *oddAnswer) Unwrap() error { return rekey.ErrUnreachable }
