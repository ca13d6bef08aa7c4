package lan

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"rekey"
	"rekey/internal/recorder"
)

// ONVIFPath is where the device service of ONVIF is.
const ONVIFPath = "/onvif/device_service"

// onvifDoor is its HTTP digest. Assumed: MD5 with qop, whatever CGI does.
var onvifDoor = httpDoor{scheme: scheme{qop: true}}

// onvifCall is one request to the device service. account is empty where nobody
// logged in.
type onvifCall struct {
	*lan
	r       *http.Request
	from    recorder.Client
	account string
	ask     *element
}

// access is who may do an operation.
type access int

const (
	anybody     access = iota // before a login
	anyUser                   // who has logged in
	adminReads                // an admin, or anybody while the settings ask for no login
	adminWrites               // an admin
)

// operation is one operation of the device service: the inside of its response.
type operation struct {
	who access
	do  func(*onvifCall) (string, error)
}

// serveONVIF answers one request. A fault of the sender is 400, one of the
// recorder 500; what HTTP digest refuses is 401.
func (l *lan) serveONVIF(w http.ResponseWriter, r *http.Request) {
	l.tidy()
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	document, err := io.ReadAll(io.LimitReader(r.Body, maxSOAP+1))
	if err != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	req, err := parseSOAP(document)
	if err != nil {
		writeSOAP(w, http.StatusBadRequest, senderFault("Well-formed error", "WellFormed").body())
		return
	}
	c := &onvifCall{lan: l, r: r, from: client(r, recorder.Client{Via: rekey.InterfaceONVIF, Type: "ONVIF"}), ask: req.operation}
	op, known := onvifOperations[req.operation.name.Local]
	if !known || req.operation.name.Space != nsDevice {
		c.answer(w, "", receiverFault("Optional Action Not Implemented", "ActionNotSupported"))
		return
	}
	if no := c.login(op.who, req.token); no != nil {
		c.refuse(w, no)
		return
	}
	body, err := op.do(c)
	c.answer(w, body, err)
}

func (c *onvifCall) answer(w http.ResponseWriter, body string, err error) {
	if err == nil {
		writeSOAP(w, http.StatusOK, nest("tds:"+c.ask.name.Local+"Response", body))
		return
	}
	f := onvifFaultOf(err)
	status := http.StatusBadRequest
	if f.code == "Receiver" {
		status = http.StatusInternalServerError
	}
	if errors.Is(err, rekey.ErrStorage) {
		c.log.Error("ONVIF request failed", "operation", c.ask.name.Local, "error", err)
	}
	writeSOAP(w, status, f.body())
}

// writeSOAP sends an answer.
func writeSOAP(w http.ResponseWriter, status int, body string) {
	h := w.Header()
	h.Set("Content-Type", "application/soap+xml; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, soapEnvelope(body)) // a client that went away is no concern
}

// refuse answers who was not let in: by HTTP digest with a challenge, by a token
// with a fault alone.
func (c *onvifCall) refuse(w http.ResponseWriter, no *refusal) {
	if no.header != "" {
		w.Header().Set("WWW-Authenticate", no.header)
	}
	f := senderFault(no.words(), "NotAuthorized")
	if no.status == http.StatusInternalServerError {
		f = receiverFault("Action Failed", "Action")
	}
	writeSOAP(w, no.status, f.body())
}

// words are what the device says. One real device counts aloud; assumed: so do
// these, and that they say of a locked account that it is.
func (no *refusal) words() string {
	switch {
	case no.login == nil:
		return "Sender not Authorized"
	case errors.Is(no.login.Kind, rekey.ErrLocked):
		return fmt.Sprintf("Sender not Authorized. The account is locked! Try again in %d second(s).", wholeSeconds(no.login.LockedFor))
	case no.login.TriesLeft < 0:
		return "Sender not Authorized. Invalid username or password!"
	}
	return fmt.Sprintf("Sender not Authorized. Invalid username or password! You still have %d attempt(s).", no.login.TriesLeft)
}

// login lets in who may do the operation. The token goes before HTTP digest.
func (c *onvifCall) login(who access, token *element) *refusal {
	if who == anybody {
		return nil
	}
	if no := c.outOfOrder(); no != nil {
		return no
	}
	var no *refusal
	switch t, _ := c.box.Table("UserGlobal"); {
	case token != nil:
		no = c.loginByToken(token)
	case c.r.Header.Get("Authorization") == "" && t["OnvifLoginCheck"] == "false" && who != adminWrites:
		return nil // assumed: what is read, not what is changed
	default:
		c.account, no = c.enter(c.r, onvifDoor, c.from)
		if no != nil && no.login != nil {
			no.status = http.StatusUnauthorized // a locked account, too
		}
	}
	if no == nil && who >= adminReads && !c.isONVIFAdmin() {
		return &refusal{status: http.StatusBadRequest}
	}
	return no
}

// outOfOrder is the trouble that a test has put in the way. Assumed: the statuses.
func (c *onvifCall) outOfOrder() *refusal {
	switch {
	case !c.initialised():
		return &refusal{status: http.StatusBadRequest}
	case c.trouble.is(BannedAddress):
		return &refusal{status: http.StatusForbidden}
	case c.trouble.is(ConnectionLimit):
		return &refusal{status: http.StatusServiceUnavailable}
	}
	return nil
}

// loginByToken holds a UsernameToken against the account. One that is malformed,
// of another time or used before is refused in the same words and costs no try.
func (c *onvifCall) loginByToken(e *element) *refusal {
	t, err := parseToken(e)
	if t.readable {
		c.mistake(t.username, "a password was sent readable in a UsernameToken", c.from)
	}
	if err != nil || !c.tokens.timely(t) || c.tokens.used(t) {
		return &refusal{status: http.StatusBadRequest}
	}
	if err := c.holdPassword(t.username, c.from, t.proves); err != nil {
		no := c.refused(onvifDoor, err)
		if no.login != nil {
			no.status, no.header = http.StatusBadRequest, ""
		}
		return no
	}
	c.tokens.keep(t)
	c.account = t.username
	return nil
}

func (c *onvifCall) isONVIFAdmin() bool {
	for _, a := range c.box.ONVIFAccounts() {
		if a.Name == c.account {
			return a.Group == recorder.GroupAdmin
		}
	}
	return false
}

// onvifFaultOf turns an error of the box into a fault.
func onvifFaultOf(err error) *soapFault {
	var f *soapFault
	var policy *recorder.PolicyError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &policy):
		return senderFault("The password is not acceptable", "OperationProhibited", "PasswordTooWeak")
	case errors.Is(err, rekey.ErrDenied):
		return senderFault("Sender not Authorized", "NotAuthorized")
	case errors.Is(err, rekey.ErrNotFound):
		return senderFault("Username not recognized", "InvalidArgVal", "UsernameMissing")
	case errors.Is(err, rekey.ErrInput):
		return senderFault("Argument Value Invalid", "InvalidArgVal")
	}
	return receiverFault("Action Failed", "Action")
}
