package dahua

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"rekey"
	"rekey/internal/transport"
)

// Paths of the JSON RPC.
const (
	pathLogin   = "/RPC2_Login"
	pathRPC     = "/RPC2"
	pathOutside = "/OutsideCmd" // calls that need no session
)

// errNoRPC: this recorder has no RPC2 at all, so that CGI may be used.
var errNoRPC = fmt.Errorf("%w: it offers no RPC2", rekey.ErrUnsupported)

// rpc is a JSON RPC connection, logged in or not.
type rpc struct {
	http    *transport.Client
	session json.RawMessage // integer or hex text by firmware; sent back as it came
	cookies []*http.Cookie
	alive   time.Duration // the longest silence the recorder bears
	next    atomic.Int64
	loads   atomic.Bool // it has given a recording to this session
	unruly  atomic.Bool // its answers do not bear the number of the question
}

// question is one RPC call.
type question struct {
	path   string
	method string
	params any
	object json.RawMessage
	once   bool // a change: never repeated, on a connection of its own
}

// reply is the recorder's answer.
type reply struct {
	Result  json.RawMessage
	Params  json.RawMessage
	Session json.RawMessage
	Code    int64
	Message string

	ID       int64 // of the question; 0: not told
	Notified bool  // a notification came before it
}

// call runs a method within the session and wants it done.
func (r *rpc) call(ctx context.Context, method string, params any) (reply, error) {
	return r.do(ctx, question{path: pathRPC, method: method, params: params})
}

// do asks and turns a refusal into a *refusedError.
func (r *rpc) do(ctx context.Context, q question) (reply, error) {
	answer, _, err := r.ask(ctx, q)
	if err == nil && !answer.ok() {
		err = answer.refusal(r.http.At().Address(), q.method)
	}
	return answer, err
}

// ask sends one question. Recorders may answer with a notification instead;
// what only reads is then asked again.
func (r *rpc) ask(ctx context.Context, q question) (reply, transport.Response, error) {
	const most = 3
	notified, late := false, false
	for try := 1; ; try++ {
		number := r.next.Add(1)
		res, err := r.post(ctx, q, number)
		if err != nil {
			return reply{}, res, err
		}
		answer, err := parseReply(res.Body)
		if errors.Is(err, errOnlyNotify) && !q.once && try < most {
			notified = true
			continue
		}
		answer.Notified = answer.Notified || notified
		if err != nil {
			return reply{}, res, r.unreadable(q.method, res, err)
		}
		if r.late(q, answer.ID, number) {
			if !late {
				late = true
				r.http.Close() // what else comes on that connection is late, too
				continue
			}
			r.unruly.Store(true)
		}
		return answer, res, nil
	}
}

// late reports whether an answer is that to an earlier question, as comes when
// an answer arrived twice. A recorder that never repeats the number of the
// question is found out by asking again on a fresh connection. A change has a
// connection of its own, where nothing can be late.
func (r *rpc) late(q question, id, number int64) bool {
	return q.path == pathRPC && !q.once && id > 0 && id < number && !r.unruly.Load()
}

func (r *rpc) post(ctx context.Context, q question, number int64) (transport.Response, error) {
	body, err := encode(map[string]any{"method": q.method, "params": q.params, "id": number}, r.session, q.object)
	if err != nil {
		return transport.Response{}, err
	}
	return r.http.Do(ctx, transport.Request{
		Method: http.MethodPost, Path: q.path, Type: "application/json", Body: body, Cookie: r.cookies, Once: q.once,
	})
}

// encode writes JSON without HTML escapes, which old firmware does not read.
func encode(call map[string]any, session, object json.RawMessage) ([]byte, error) {
	if session != nil {
		call["session"] = session
	}
	if object != nil {
		call["object"] = object
	}
	return plainJSON(call)
}

func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode a request: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// unreadable tells apart a door that is not there and an answer that is no answer.
func (r *rpc) unreadable(method string, res transport.Response, err error) error {
	host := r.http.At().Address()
	if full(res.Status, res.Body) {
		return &refusedError{kind: rekey.ErrConflict, host: host, what: method, said: heard(string(res.Body)), advice: adviceFull}
	}
	switch res.Status {
	case http.StatusNotFound, http.StatusNotImplemented, http.StatusMethodNotAllowed:
		return fmt.Errorf("%s: %w", host, errNoRPC)
	case http.StatusOK:
		return &oddAnswer{host: host, what: method, why: err.Error()}
	case http.StatusUnauthorized, http.StatusForbidden:
		return cgiRefusal(host, method, res.Status, res.Body)
	}
	return &oddAnswer{host: host, what: method, why: fmt.Sprintf("HTTP status %d", res.Status)}
}

var errOnlyNotify = errors.New("only a notification came, no answer")

// parseReply reads the first answer in a body, past notifications, trailing NULs
// and blanks.
func parseReply(body []byte) (reply, error) {
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimRight(body, "\x00\r\n\t ")))
	notified := false
	for {
		var raw map[string]json.RawMessage
		err := decoder.Decode(&raw)
		switch {
		case errors.Is(err, io.EOF) && notified:
			return reply{}, errOnlyNotify
		case errors.Is(err, io.EOF):
			return reply{}, errors.New("the answer is empty")
		case err != nil:
			return reply{}, fmt.Errorf("the answer is not whole JSON (%s)", jsonFault(err))
		}
		if _, is := raw["NotifyMethod"]; is {
			notified = true
			continue
		}
		answer, err := readReply(raw)
		answer.Notified = notified
		return answer, err
	}
}

func readReply(raw map[string]json.RawMessage) (reply, error) {
	answer := reply{Result: raw["result"], Params: raw["params"], Session: raw["session"]}
	_ = json.Unmarshal(raw["id"], &answer.ID) // what is no number is not told
	if e, is := raw["error"]; is && string(e) != "null" {
		var told struct {
			Code    json.Number `json:"code"`
			Message string      `json:"message"`
		}
		if err := json.Unmarshal(e, &told); err != nil {
			return reply{}, errors.New(`the "error" of the answer has an unknown form`)
		}
		answer.Code, _ = told.Code.Int64()
		answer.Message = told.Message
	}
	if answer.Result == nil && raw["error"] == nil {
		return reply{}, errors.New(`the answer has neither "result" nor "error"`)
	}
	switch string(answer.Session) {
	case "null", `""`:
		answer.Session = nil
	}
	if s := answer.Session; s != nil && (s[0] == '{' || s[0] == '[') {
		return reply{}, errors.New(`the "session" of the answer is neither a number nor a text`)
	}
	return answer, nil
}

// jsonFault keeps the recorder's own bytes out of errors.
func jsonFault(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("syntax at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		value, _, _ := strings.Cut(kind.Value, " ") // a number would follow
		return fmt.Sprintf("a %s where another type belongs", value)
	}
	return "cut off"
}

// ok: true, an object number that is not 0, or a text.
func (a reply) ok() bool {
	switch s := strings.TrimSpace(string(a.Result)); s {
	case "", "false", "null", "0":
		return false
	default:
		return s[0] != '{' && s[0] != '['
	}
}

// read decodes the params of an answer.
func (r *rpc) read(method string, a reply, into any) error {
	if a.Params == nil || string(a.Params) == "null" {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(a.Params))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return &oddAnswer{host: r.http.At().Address(), what: method, why: "its params have an unknown form: " + jsonFault(err)}
	}
	return nil
}

// get calls a method and decodes its params.
func (r *rpc) get(ctx context.Context, method string, params, into any) error {
	answer, err := r.call(ctx, method, params)
	if err != nil {
		return err
	}
	return r.read(method, answer, into)
}
