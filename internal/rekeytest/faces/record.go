package faces

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Asked is one thing that a box was asked.
type Asked struct {
	Door   string // http, https, rtsp, sdk, dhip, ws-discovery, sadp
	Method string // of HTTP or RTSP; connection; datagram
	Path   string // with its query, as sent
	Call   string // the RPC's method, or the first element of a SOAP or SADP body
	// Signs are signs of a login: what kind, never what it holds.
	Signs []string
}

// String is like "http POST /OutsideCmd DevInit.getStatus".
func (a Asked) String() string {
	words := []string{a.Door, a.Method, a.Path, a.Call}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

type record struct {
	mu  sync.Mutex
	all []Asked
}

func (r *record) add(a Asked) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, a)
}

// Asked is all that the box was asked at the named doors, or at any, in order.
func (r *record) Asked(doors ...string) []Asked {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.all), func(a Asked) bool { return len(doors) > 0 && !slices.Contains(doors, a.Door) })
}

// Logins are those questions that had any sign of a login.
func (r *record) Logins() []Asked {
	return slices.DeleteFunc(r.Asked(), func(a Asked) bool { return len(a.Signs) == 0 })
}

// request puts an HTTP request on record and has it answered.
func (r *record) request(door string, w http.ResponseWriter, q *http.Request, h http.Handler) {
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, 1<<20))
	if err != nil {
		return
	}
	r.add(Asked{Door: door, Method: q.Method, Path: q.RequestURI, Call: callOf(body), Signs: signs(q, body)})
	q.Body = io.NopCloser(bytes.NewReader(body))
	h.ServeHTTP(w, q)
}

// signs finds what belongs to a login: in the header, in the address, in the body.
func signs(q *http.Request, body []byte) []string {
	var all []string
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		if q.Header.Get(name) != "" {
			all = append(all, "header "+name)
		}
	}
	if q.URL.User != nil {
		all = append(all, "account in the address")
	}
	for name, values := range q.URL.Query() {
		if inQuery[strings.ToLower(name)] || slices.Contains(values, "admin") {
			all = append(all, "query "+name)
		}
	}
	if strings.Contains(strings.ToLower(q.URL.Path), "login") {
		all = append(all, "path of a login")
	}
	return append(all, signsIn(body)...)
}

var inQuery = map[string]bool{
	"user": true, "username": true, "account": true, "loginuse": true, "loginpas": true,
	"password": true, "passwd": true, "pass": true, "pwd": true, "pwdold": true, "auth": true, "token": true,
}

// words that no question of an identification has, in JSON, XML or a form.
var words = []string{"usernametoken", "username", "<user>", `"user"`, "user=", "password", "passwd", "pwd", "global.login", "admin", "wsse"}

func signsIn(body []byte) []string {
	var all []string
	low := strings.ToLower(string(body))
	for _, w := range words {
		if strings.Contains(low, w) {
			all = append(all, "body "+w)
		}
	}
	return all
}

// callOf is what a body asks for: the method of an RPC, what a SOAP body holds,
// or the type of a SADP question.
func callOf(body []byte) string {
	if n := bytes.IndexByte(body, '{'); n >= 0 {
		var rpc struct{ Method string }
		if json.NewDecoder(bytes.NewReader(body[n:])).Decode(&rpc) == nil {
			return rpc.Method
		}
	}
	var soap struct {
		Body struct {
			Inner []element `xml:",any"`
		}
		Types string // SADP
	}
	if xml.Unmarshal(body, &soap) != nil {
		return ""
	}
	if len(soap.Body.Inner) > 0 {
		return soap.Body.Inner[0].XMLName.Local
	}
	return soap.Types
}

type element struct{ XMLName xml.Name }
