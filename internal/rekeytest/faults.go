package rekeytest

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
)

// Fault is what becomes of one exchange with a recorder.
type Fault string

// The faults. After all but DropBefore the recorder has done what it was asked.
const (
	DropBefore Fault = "drop before" // the request is lost, the line breaks
	DropAfter  Fault = "drop after"  // the answer is lost, the line breaks
	Truncate   Fault = "truncate"    // half of the answer comes
	Twice      Fault = "twice"       // the request arrives twice; the second answer comes
	WrongType  Fault = "wrong type"  // a web page comes in place of the answer
	Garbage    Fault = "garbage"     // the answer begins as JSON and is none
	Huge       Fault = "huge"        // an answer without an end
	Stall      Fault = "stall"       // no answer, and the line stays open
	PowerCut   Fault = "power cut"   // the power goes before the answer, and comes back: see Broken.Power
	Reboot     Fault = "old state"   // answered, and then the recorder is as it was before: see Broken.Power
)

// Broken is a recorder's web port behind a line that breaks when told so.
type Broken struct {
	*httptest.Server
	Safe *httptest.Server // the same line by HTTPS; nil: none
	line http.Transport

	// Power is what becomes of the recorder at PowerCut and Reboot. It tells the
	// line where it is then, by Point.
	Power func(Fault)
	// Stalls, where it is not nil, hears of each Stall when it begins.
	Stalls chan struct{}

	mu    sync.Mutex
	to    map[string]*url.URL // by scheme
	asked []string            // what was asked since Break, in order
	at    int
	fault Fault
	says  map[call]Says
}

// call is the nth call of a method since Break.
type call struct {
	method string
	nth    int
}

// Says is an answer that a recorder might have given.
type Says struct {
	Status int
	Body   string
}

// NewBroken stands before the web port at base, an http URL, and passes on all
// that comes until Break. It is gone when the test ends.
func NewBroken(t *testing.T, base string) *Broken {
	t.Helper()
	b := &Broken{says: map[call]Says{}, to: map[string]*url.URL{}, line: http.Transport{
		DisableKeepAlives: true, DisableCompression: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // #nosec G402 -- a recorder's own certificate
	}}
	b.Point(t, base)
	b.Server = httptest.NewServer(b)
	t.Cleanup(b.Close)
	return b
}

// Secure puts it before the HTTPS port at base, too, with a certificate of its own.
func (b *Broken) Secure(t *testing.T, base string) {
	t.Helper()
	b.Point(t, base)
	b.Safe = httptest.NewUnstartedServer(b)
	b.Safe.Config.ErrorLog = log.New(io.Discard, "", 0)
	b.Safe.StartTLS()
	t.Cleanup(b.Safe.Close)
}

// Point tells where the recorder is from now on, by the scheme of base.
func (b *Broken) Point(t *testing.T, base string) {
	t.Helper()
	to, err := url.Parse(base)
	if err != nil {
		t.Error(err)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.to[to.Scheme] = to
}

// Break counts requests from 1 again and breaks the exchange numbered at; 0 breaks none.
func (b *Broken) Break(at int, f Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked, b.at, b.fault = nil, at, f
}

// Answer gives this answer to the nth call of that method from now on. The
// recorder does not see the call.
func (b *Broken) Answer(method string, nth int, s Says) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.says[call{method, nth}] = s
}

// Asked are the requests since Break: the RPC's method, else the path.
func (b *Broken) Asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.asked...)
}

// ServeHTTP passes a request on, or breaks it.
func (b *Broken) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	f, own := b.next(r, body)
	if err != nil || f == DropBefore {
		panic(http.ErrAbortHandler) // closes the connection
	}
	if own.Status != 0 {
		http.Error(w, own.Body, own.Status)
		return
	}
	if f == Twice {
		b.pass(r, body)
	}
	status, header, answer := b.pass(r, body)
	if f == PowerCut || f == Reboot {
		b.Power(f)
	}
	switch f {
	case DropAfter, PowerCut:
		panic(http.ErrAbortHandler)
	case Stall:
		if b.Stalls != nil {
			b.Stalls <- struct{}{}
		}
		<-r.Context().Done()
		return
	case Truncate:
		header.Set("Content-Length", strconv.Itoa(len(answer)+1))
		answer = answer[:len(answer)/2]
	case WrongType:
		header = http.Header{"Content-Type": {"text/html"}}
		answer = []byte("<html><title>Welcome</title><p>It works!")
	case Garbage:
		answer = []byte(`{"result":tru`)
	}
	for name, values := range header {
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	_, err = w.Write(answer)
	for f == Huge && err == nil {
		_, err = w.Write(bytes.Repeat([]byte("recorder"), 8<<10))
	}
}

// next counts the request and says what becomes of it.
func (b *Broken) next(r *http.Request, body []byte) (Fault, Says) {
	var rpc struct{ Method string }
	name := r.URL.Path
	if json.Unmarshal(body, &rpc) == nil && rpc.Method != "" {
		name = rpc.Method
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, name)
	nth := 0
	for _, asked := range b.asked {
		if asked == name {
			nth++
		}
	}
	if len(b.asked) == b.at {
		return b.fault, Says{}
	}
	return "", b.says[call{name, nth}]
}

// pass sends the request on, with the very path and query that digest signs.
func (b *Broken) pass(r *http.Request, body []byte) (int, http.Header, []byte) {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	b.mu.Lock()
	to := b.to[scheme]
	b.mu.Unlock()
	out := r.Clone(r.Context())
	out.RequestURI, out.URL.Scheme, out.URL.Host, out.Host = "", to.Scheme, to.Host, to.Host
	out.Body = io.NopCloser(bytes.NewReader(body))
	res, err := b.line.RoundTrip(out)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	res.Header.Del("Content-Length")
	return res.StatusCode, res.Header, answer
}
