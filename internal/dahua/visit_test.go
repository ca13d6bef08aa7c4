package dahua

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey"
)

// site is a web port by what it answers to "path" or to "RPC method"; 404 to
// all else. It counts, and fails the test when something like a login comes.
type site struct {
	t       *testing.T
	answers map[string]http.HandlerFunc
	server  string

	mu    sync.Mutex
	asked []string
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	name := r.URL.Path
	if action := r.URL.Query().Get("action"); action != "" {
		name = action
	}
	if _, method, is := strings.Cut(string(body), `"method":"`); is {
		method, _, _ = strings.Cut(method, `"`)
		name = method + " at " + r.URL.Path
	}
	all := strings.ToLower(r.URL.String() + string(body))
	if r.Header.Get("Authorization") != "" || strings.Contains(all, "login") || strings.Contains(all, "admin") || strings.Contains(all, "user") {
		s.t.Errorf("like a login: %s %s", r.URL, body)
	}
	s.mu.Lock()
	s.asked = append(s.asked, name)
	s.mu.Unlock()
	if s.server != "" {
		w.Header().Set("Server", s.server)
	}
	answer := s.answers[name]
	if answer == nil {
		answer = http.NotFound
	}
	answer(w, r)
}

func (s *site) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// What the family says of itself, in the shape of recorders.
const (
	digestOf   = `Digest realm="Login to 0ae5e3a55d6b36d0d35a0f5c751f450a",qop="auth",nonce="n", opaque="", stale="false"`
	lockedBody = `{"ErrorCode":268632081,"Result":false,"RmLock":1800,"RmLogin":0}`
	noMethod   = `{"id":1,"result":false,"error":{"code":268894210,"message":"method not found"}}`
	encryptOf  = `{"id":2,"params":{"AESPadding":["ZERO","PKCS7"],"asymmetric":"RSA","cipher":["AES","RPAC"],"pub":"N:C0FFEE,E:010001","suggestedAsymmetric":"RSA"},"result":true,"session":0}`
	noSession  = `{"id":2,"result":false,"error":{"code":287637505,"message":"Invalid session"}}`
	atInit     = "DevInit.getStatus at /OutsideCmd"
	atEncrypt  = "Security.getEncryptInfo at /OutsideCmd"
	atTime     = "global.getCurrentTime at /RPC2"
)

func statusOf(params string) string {
	return `{"id":1,"params":{` + params + `},"result":true,"session":0}`
}

func sayStatus(code int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}
}

// visited looks at one web port on its own.
func visited(t *testing.T, s *site) (rekey.Identity, error) {
	t.Helper()
	s.t = t
	web := httptest.NewServer(s)
	defer web.Close()
	return driver().Identify(t.Context(), target(t, web, false))
}

func TestVisits(t *testing.T) {
	t.Parallel()
	initialised := says200(statusOf(`"Find":"AB","Init":2,"Status":0`))
	type answers = map[string]http.HandlerFunc
	for name, tc := range map[string]struct {
		answers    answers
		odd        string // besides no-encryption
		init       rekey.InitState
		generation string
		model      string
		requests   int
	}{
		"of today":            {answers: answers{"getDeviceType": challenged(digestOf, ""), atInit: initialised, atEncrypt: says200(encryptOf)}, init: rekey.InitDone, generation: withEnvelope, requests: 4},
		"no envelope":         {answers: answers{"getDeviceType": challenged(digestOf, ""), atInit: initialised, atEncrypt: says200(noMethod)}, init: rekey.InitDone, generation: withoutEnvelope, requests: 4},
		"envelope not said":   {answers: answers{"getDeviceType": challenged(digestOf, ""), atInit: initialised, atEncrypt: sayStatus(500, "")}, init: rekey.InitDone, requests: 4},
		"envelope, no key":    {answers: answers{"getDeviceType": challenged(digestOf, ""), atInit: initialised, atEncrypt: says200(statusOf(`"cipher":[]`))}, init: rekey.InitDone, requests: 4},
		"no first set-up":     {answers: answers{"getDeviceType": challenged(digestOf, ""), atInit: says200(noMethod)}, generation: withoutSetup, requests: 3},
		"no calls outside":    {answers: answers{"getDeviceType": challenged(digestOf, ""), atTime: says200(noSession)}, generation: withoutSetup, requests: 4},
		"outside fails":       {answers: answers{"getDeviceType": challenged(digestOf, ""), atInit: sayStatus(500, ""), atTime: says200(noSession)}, requests: 4},
		"CGI alone":           {answers: answers{"getDeviceType": challenged(digestOf, "")}, requests: 4},
		"Basic alone":         {answers: answers{"getDeviceType": challenged(`Basic realm="Device_CGI"`, "")}, odd: "basic-only", requests: 4},
		"factory":             {answers: answers{"getDeviceType": challenged("", "Invalid Authority!\r\n"), atInit: says200(statusOf(`"Init":1`)), atEncrypt: says200(encryptOf)}, odd: "factory-state", init: rekey.InitFactory, generation: withEnvelope, requests: 4},
		"factory by CGI":      {answers: answers{"getDeviceType": challenged("", "Invalid Authority!\r\n")}, odd: "factory-state", init: rekey.InitFactory, requests: 4},
		"not factory, though": {answers: answers{"getDeviceType": challenged("", "Invalid Authority!\r\n"), atInit: initialised}, init: rekey.InitDone, generation: withoutEnvelope, requests: 4},
		"notified first": {answers: answers{"getDeviceType": challenged(digestOf, ""), atInit: says200(`{ "NotifyMethod" : "1.2" }` + "\n" + statusOf(`"Init":2`)), atEncrypt: says200(encryptOf)},
			odd: "unsolicited-body", init: rekey.InitDone, generation: withEnvelope, requests: 4},
		"notified alone": {answers: answers{"getDeviceType": challenged(digestOf, ""), atInit: notifiedOnce(statusOf(`"Init":2`)), atEncrypt: says200(encryptOf)},
			odd: "unsolicited-body", init: rekey.InitDone, generation: withEnvelope, requests: 5},
		"open CGI": {answers: answers{"getDeviceType": says200("type=31\r\n"), "getSystemInfo": says200("deviceType=31\r\nserialNumber=XX00TEST\r\nupdateSerial=NVR2X-4KS3\r\n"), "getSoftwareVersion": says200("version=4.001.0000005.0,build:2020-11-17\r\n"), atInit: initialised, atEncrypt: says200(encryptOf)},
			odd: "numeric-type model-in-update-serial", init: rekey.InitDone, generation: withEnvelope, model: "NVR2X-4KS3 XX00TEST 4.001.0000005.0 2020-11-17", requests: 6},
		"open CGI of an XVR": {answers: answers{"getDeviceType": says200("type=DH-XVR5108C-X\r\n"), "getSystemInfo": says200("serialNumber=XX00TEST\r\n"), "getSoftwareVersion": says200("version=4.0\r\nbuild=2021-2-3\r\n")}, model: "DH-XVR5108C-X XX00TEST 4.0 2021-02-03", requests: 6},
		"open by half":       {answers: answers{"getDeviceType": says200("type=31\r\n"), "getSystemInfo": challenged(digestOf, ""), "getSoftwareVersion": says200("<html>")}, odd: "numeric-type", requests: 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &site{answers: tc.answers}
			id, err := visited(t, s)
			if err != nil {
				t.Fatal(err)
			}
			if tc.init == "" {
				tc.init = rekey.InitUnknown
			}
			model := id.Model
			if id.Firmware != "" {
				model += " " + id.Serial + " " + id.Firmware + " " + id.Built.Format("2006-01-02")
			}
			if got := oddIDs(id); got != strings.TrimSpace(tc.odd+" no-encryption") || id.Init != tc.init || id.Generation != tc.generation || model != tc.model || id.Lock != nil || id.Family != family {
				t.Errorf("%q %q %+v", got, model, id)
			}
			if (id.Generation != "") != slices.ContainsFunc(id.Learnt, func(f rekey.Fact) bool {
				return f.What == "security generation" && strings.HasSuffix(f.From, "(inferred)")
			}) {
				t.Errorf("learnt %v", id.Learnt)
			}
			if got := s.requests(); len(got) != tc.requests {
				t.Errorf("%d requests: %q", len(got), got)
			}
		})
	}
}

// notifiedOnce answers the first question with a notification alone.
func notifiedOnce(then string) http.HandlerFunc {
	var once sync.Once
	return func(w http.ResponseWriter, _ *http.Request) {
		answer := then
		once.Do(func() { answer = `{ "NotifyMethod" : "1.2" }` })
		_, _ = io.WriteString(w, answer)
	}
}

// A recorder that is locked, or has banned this address, is still one.
func TestVisitsOfTheLocked(t *testing.T) {
	t.Parallel()
	initialised := says200(statusOf(`"Init":2`))
	type answers = map[string]http.HandlerFunc
	for name, tc := range map[string]struct {
		answers answers
		server  string
		kind    error
		lock    *rekey.LockState // From is not looked at
		shut    bool             // a 403 that says nothing more: no lock is learnt of it
		doors   string
		words   string
	}{
		"told":                   {answers: answers{"getDeviceType": sayStatus(403, lockedBody)}, lock: &rekey.LockState{Locked: true, For: 30 * time.Minute}, doors: "cgi", words: "30m0s"},
		"told, with an RPC":      {answers: answers{"getDeviceType": sayStatus(403, lockedBody), atInit: initialised}, lock: &rekey.LockState{Locked: true, For: 30 * time.Minute}, doors: "rpc2 cgi", words: "30m0s"},
		"told with tries left":   {answers: answers{"getDeviceType": sayStatus(403, `{"ErrorCode":268632085,"RmLock":0,"RmLogin":3}`)}, lock: &rekey.LockState{TriesLeft: 3}, doors: "cgi"},
		"not told, with an RPC":  {answers: answers{"getDeviceType": sayStatus(403, "Forbidden"), atInit: initialised}, shut: true, doors: "rpc2 cgi", words: "30 minutes"},
		"not told, alike":        {answers: answers{"getDeviceType": sayStatus(403, ""), "/": says200("<title>WEB SERVICE</title>")}, shut: true, doors: "cgi", words: "30 minutes"},
		"told by the RPC":        {answers: answers{atInit: says200(`{"result":false,"error":{"code":268632081,"message":"locked"},"params":{"remainLockSecond":60,"remainLoginTimes":0}}`)}, lock: &rekey.LockState{Locked: true, For: time.Minute}, doors: "rpc2", words: "1m0s"},
		"on the black list":      {answers: answers{atInit: says200(`{"result":false,"error":{"code":268632073,"message":"In the black list!"}}`)}, lock: &rekey.LockState{Locked: true, TriesLeft: -1}, doors: "rpc2"},
		"told outside of RPC":    {answers: answers{"getDeviceType": challenged(digestOf, ""), atInit: sayStatus(403, lockedBody)}, lock: &rekey.LockState{Locked: true, For: 30 * time.Minute}, doors: "cgi"},
		"a right is missing":     {answers: answers{"getDeviceType": sayStatus(403, `{"error":{"code":403,"message":"Authority:check failure."},"result":false}`)}, doors: "cgi"},
		"RPC forbidden, CGI not": {answers: answers{"getDeviceType": challenged(digestOf, ""), atInit: sayStatus(403, "Forbidden"), atTime: sayStatus(403, "Forbidden")}, doors: "cgi"},
		"another forbids":        {answers: answers{"getDeviceType": sayStatus(403, "Forbidden"), "/": says200("<title>shop</title>")}, server: "nginx", kind: rekey.ErrNotRecorder, words: "look again in 30 minutes"},
		"another, alike":         {answers: answers{"getDeviceType": sayStatus(403, ""), "/": says200("<title>WEB SERVICE</title>")}, server: "nginx", kind: rekey.ErrNotRecorder},
		"alike alone":            {answers: answers{"/": says200("<title>WEB SERVICE</title>")}, kind: rekey.ErrNotRecorder, words: "says little"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, err := visited(t, &site{answers: tc.answers, server: tc.server})
			if !errors.Is(err, tc.kind) {
				t.Fatalf("%v, want %v", err, tc.kind)
			}
			if err != nil {
				if !strings.Contains(err.Error(), tc.words) {
					t.Error(err)
				}
				return
			}
			var doors, words []string
			for _, i := range id.Interfaces {
				doors = append(doors, string(i.Kind))
			}
			for _, o := range id.Oddities {
				if o.ID == "banned-or-locked" {
					words = append(words, o.Words)
				}
			}
			if strings.Join(doors, " ") != tc.doors || id.Family != family || len(words) != btoi(tc.lock != nil || tc.shut) || !strings.Contains(strings.Join(words, ""), tc.words) {
				t.Errorf("%q %q %+v", doors, words, id)
			}
			if id.Lock != nil {
				if id.Lock.From == "" {
					t.Error("it does not say which answer told it")
				}
				id.Lock.From = ""
			}
			if (id.Lock == nil) != (tc.lock == nil) || (id.Lock != nil && *id.Lock != *tc.lock) {
				t.Errorf("lock %+v", id.Lock)
			}
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Something that is no recorder is told in its own words, as far as they are plain.
func TestNoRecorderInWords(t *testing.T) {
	t.Parallel()
	rude := "<title>My\u202e \u001b[31mshop " + strings.Repeat("x", 400) + "</title>"
	rude2 := "<title>My\u202e \u001b[31mshop " + strings.Repeat("x", 150) + "</title>"
	for name, tc := range map[string]struct {
		server, page string
		words        []string
	}{
		"a web server": {"nginx/1.18.0", "<html><head><title>Welcome to nginx!</title>", []string{`"nginx/1.18.0"`, `"Welcome to nginx!"`}},
		"no title":     {"lighttpd", "hello", []string{`"lighttpd"`}},
		"rude":         {"a" + strings.Repeat("y", 5000), rude2, []string{"shop"}},
		"too long":     {"", rude, nil},
	} {
		_, err := visited(t, &site{server: tc.server, answers: map[string]http.HandlerFunc{"/": says200(tc.page)}})
		if !errors.Is(err, rekey.ErrNotRecorder) {
			t.Fatalf("%s: %v", name, err)
		}
		text := err.Error()
		if len(text) > 700 || strings.ContainsFunc(text, unprintable) {
			t.Errorf("%s: %q", name, text)
		}
		for _, w := range tc.words {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q lacks %q", name, text, w)
			}
		}
	}
	// A page that sends everybody on within itself is no recorder that has moved.
	here := map[string]http.HandlerFunc{"getDeviceType": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login.html", http.StatusFound) }, "/": says200("<title>Router</title>")}
	if _, err := visited(t, &site{answers: here}); !errors.Is(err, rekey.ErrNotRecorder) || !strings.Contains(err.Error(), `"Router"`) {
		t.Error(err)
	}
	round := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }
	if _, err := visited(t, &site{answers: map[string]http.HandlerFunc{"getDeviceType": round, "/": round}}); !errors.Is(err, rekey.ErrUnreachable) {
		t.Errorf("in a circle: %v", err)
	}
}
