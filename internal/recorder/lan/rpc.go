package lan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"rekey"
	"rekey/internal/recorder"
)

// Error codes of RPC2, as the family uses them.
const (
	codeUserOrPassword = 268632085
	codeLocked         = 268632081
	codeNotInitialised = 268632086
	codeChallenge      = 268632079
	codeBusy           = 268632075
	codeBanned         = 268632073
	// codeOldPassword is what old firmware answers to a wrong login. The other one
	// it has, for a name that is no account, is never sent to a stranger: it tells
	// which names there are.
	codeOldPassword    = 268632071
	codeUser           = 268632070
	codeNoSession      = 287637505
	codeParse          = 268894208
	codeInvalidRequest = 268894209
	codeNoMethod       = 268894210
	codeParameter      = 268894211
	codeInternal       = 268894212
	codeUnset          = 268959743
	codeAuthority      = 285278249
	// codeEnvelope is what this recorder answers to a password outside of the
	// encrypted envelope. Others of the family refuse readable passwords by the
	// same number.
	codeEnvelope = 611
)

// rpcEndpoint is where a call came in: what it may ask for depends on it.
type rpcEndpoint int

const (
	rpcLogin   rpcEndpoint = iota // /RPC2_Login: the login only
	rpcSession                    // /RPC2: everything that needs a login
	rpcOutside                    // /OutsideCmd: what is asked before a login
)

// rpcRequest is the envelope of a call. Session is a string of 32 hex digits, on
// old firmware a number, or 0 or missing where there is none.
type rpcRequest struct {
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	ID      int64           `json:"id"`
	Session json.RawMessage `json:"session"`
	Object  int             `json:"object"`
}

type rpcResponse struct {
	ID      int64     `json:"id"`
	Params  any       `json:"params,omitempty"`
	Result  any       `json:"result"`
	Session any       `json:"session"`
	Error   *rpcFault `json:"error,omitempty"`
}

// rpcFault is the error of an answer; Params go beside it.
type rpcFault struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Params  any    `json:"-"`
}

func (e *rpcFault) Error() string { return fmt.Sprintf("%d: %s", e.Code, e.Message) }

// fault makes an error of the family's wording.
func fault(code int, text string) *rpcFault {
	return &rpcFault{Code: code, Message: text}
}

// The faults that are the same everywhere.
var (
	errParse       = fault(codeParse, "Parse error!")
	errNoMethod    = fault(codeNoMethod, "Method not found!")
	errParameter   = fault(codeParameter, "Invalid parameter!")
	errNoObject    = fault(codeInvalidRequest, "Invalid request: no such object!")
	errNoSession   = fault(codeNoSession, "Invalid session in request data!")
	errNoRight     = fault(codeAuthority, "Authority:check failure.")
	errManyObjects = fault(codeBusy, "Component error: busy!")
)

// rpcCall is one call, with the session where the endpoint needs one.
type rpcCall struct {
	*lan
	w       http.ResponseWriter
	r       *http.Request
	req     rpcRequest
	from    recorder.Client
	session *session
	reply   any // session id that goes into the answer
}

// account is who calls.
func (c *rpcCall) account() string { return c.session.account }

// params reads the parameters into v.
func (c *rpcCall) params(v any) error {
	d := json.NewDecoder(bytes.NewReader(c.req.Params))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return errParameter
	}
	return nil
}

// method is one RPC2 method: result and params of its answer, or a fault.
type method struct {
	admin bool                       // only for accounts of the group admin
	right recorder.Right             // that an account of the group user must have; empty = none
	on    func(recorder.Traits) bool // the recorders that have it; nil = all
	do    func(*rpcCall) (result, params any, err error)
}

// parseRPC reads one call.
func parseRPC(body []byte) (rpcRequest, error) {
	var req rpcRequest
	if err := json.Unmarshal(body, &req); err != nil || req.Method == "" || len(req.Method) > 128 {
		return rpcRequest{}, errParse
	}
	return req, nil
}

// sessionID is the session of a call, text or number; empty for none.
func (r rpcRequest) sessionID() string {
	var id string
	var number json.Number
	switch {
	case json.Unmarshal(r.Session, &id) == nil:
		return id
	case json.Unmarshal(r.Session, &number) == nil && number != "0":
		return number.String()
	}
	return ""
}

// serveRPC answers one call. The status is 200 whatever becomes of it, as in
// the family; errors are in the body.
func (l *lan) serveRPC(w http.ResponseWriter, r *http.Request, at rpcEndpoint) {
	l.tidy()
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		status := http.StatusBadRequest
		if tooBig := new(http.MaxBytesError); errors.As(err, &tooBig) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, http.StatusText(status), status)
		return
	}
	c := &rpcCall{lan: l, w: w, r: r, from: client(r, recorder.Client{Via: rekey.InterfaceRPC2, Type: "Web3.0"}), reply: 0}
	var result, params any
	if c.req, err = parseRPC(body); err == nil {
		result, params, err = c.run(at)
	}
	c.answer(result, params, err)
}

// run finds the method and the right to it.
func (c *rpcCall) run(at rpcEndpoint) (result, params any, err error) {
	if wantsChallenge(c.req.Method) {
		c.refuseChallenge(c.r.Context(), c.req.Method, c.from)
	}
	var m method
	var known bool
	switch at {
	case rpcLogin:
		m, known = loginMethods[c.req.Method]
	case rpcOutside:
		m, known = outsideMethods[c.req.Method]
	default:
		if c.session = c.sessions.get(c.req.sessionID()); c.session == nil || !c.hasCookie(c.session.id) {
			return nil, nil, errNoSession
		}
		c.reply = c.told(c.session.id)
		c.from = c.session.from
		m, known = sessionMethods[c.req.Method]
	}
	if !known || m.on != nil && !m.on(c.traits) {
		return nil, nil, errNoMethod
	}
	if m.admin && !c.isAdmin(c.account()) || m.right != "" && !c.may(c.account(), m.right) {
		return nil, nil, errNoRight
	}
	return m.do(c)
}

// told is a session id as it stands in answers.
func (l *lan) told(id string) any {
	if l.traits.RPC2.Integers {
		return json.Number(id)
	}
	return id
}

// hasCookie tells whether the cookie of the login came along, where it must.
func (c *rpcCall) hasCookie(id string) bool {
	cookie, err := c.r.Cookie(sessionCookie)
	return !c.traits.RPC2.Cookie || err == nil && cookie.Value == id
}

func (c *rpcCall) answer(result, params any, err error) {
	res := rpcResponse{ID: c.req.ID, Result: result, Params: params, Session: c.reply}
	if err != nil {
		f := c.faultOf(err)
		if f.Code == codeInternal {
			c.log.ErrorContext(c.r.Context(), "RPC call failed", "method", c.req.Method, "error", err)
		}
		res.Error, res.Params, res.Result = f, f.Params, false
	}
	body, err := json.Marshal(res)
	if err != nil {
		c.log.ErrorContext(c.r.Context(), "write an RPC answer", "method", c.req.Method, "error", err)
		http.Error(c.w, "internal error", http.StatusInternalServerError)
		return
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/json;charset=utf-8")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	_, _ = c.w.Write(append(body, '\n')) // a client that went away is no concern
}

// faultOf turns an error of the box into what goes over the wire.
func (l *lan) faultOf(err error) *rpcFault {
	var f *rpcFault
	var login *rekey.LoginError
	var policy *recorder.PolicyError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &login):
		return l.loginFault(login)
	case errors.As(err, &policy):
		return fault(codeParameter, "Component error: password too weak!")
	case errors.Is(err, rekey.ErrDenied):
		return errNoRight
	case errors.Is(err, rekey.ErrStorage):
		return fault(codeInternal, "Internal error!")
	case errors.Is(err, rekey.ErrConflict), errors.Is(err, rekey.ErrNotFound):
		return fault(codeUnset, "Component error: error code not set!")
	case errors.Is(err, rekey.ErrInput), errors.Is(err, errQuery), errors.Is(err, errTree):
		return errParameter
	}
	return fault(codeInternal, "Internal error!")
}

// loginFault tells how a login ended, and what is left.
func (l *lan) loginFault(e *rekey.LoginError) *rpcFault {
	f := fault(codeUserOrPassword, "Component error: User or password not valid!")
	switch {
	case errors.Is(e.Kind, rekey.ErrLocked):
		f = fault(codeLocked, "Component error: user has been locked!")
	case l.traits.RPC2.Integers:
		// Assumed: old firmware tells no tries left.
		f = fault(codeOldPassword, "Component error: password not valid!")
		f.Params = map[string]string{"error": "PasswordNotValid"}
		return f
	}
	f.Params = map[string]int{"remainLoginTimes": max(0, e.TriesLeft), "remainLockSecond": wholeSeconds(e.LockedFor)}
	return f
}
