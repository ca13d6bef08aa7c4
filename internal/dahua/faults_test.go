package dahua

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey"
)

// line stands before a peer and breaks at one request.
type line struct {
	peer *peer
	at   int // from 1; 0: never
	how  string

	mu sync.Mutex
	n  int
}

// faults are what may become of one request. After all but the first the peer
// has done what it was asked.
var faults = []string{"lost", "answer lost", "cut off", "asked twice", "answered twice", "a page", "empty", "slow"}

func (l *line) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.n++
	breaks := l.n == l.at
	l.mu.Unlock()
	if !breaks {
		l.peer.ServeHTTP(w, r)
		return
	}
	if l.how == "lost" {
		panic(http.ErrAbortHandler)
	}
	body, _ := io.ReadAll(r.Body) // to its end: else nobody notices that the other side has gone
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	l.peer.ServeHTTP(answer, r)
	text := answer.Body.String()
	switch l.how {
	case "answer lost":
		panic(http.ErrAbortHandler)
	case "cut off":
		copyHead(w, answer)
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		w.WriteHeader(answer.Code)
		fmt.Fprint(w, text[:len(text)/2])
		panic(http.ErrAbortHandler)
	case "asked twice":
		answer, r.Body = httptest.NewRecorder(), io.NopCloser(bytes.NewReader(body))
		l.peer.ServeHTTP(answer, r)
		text = answer.Body.String()
	case "answered twice":
		copyHead(w, answer)
		whole := fmt.Sprintf("HTTP/1.1 %d x\r\nContent-Length: %d\r\n", answer.Code, len(text))
		for name, values := range answer.Header() {
			for _, v := range values {
				whole += name + ": " + v + "\r\n"
			}
		}
		malformed(strings.Repeat(whole+"\r\n"+text, 2))(w, r)
		return
	case "a page":
		fmt.Fprint(w, "<html>welcome</html>")
		return
	case "empty":
		return
	case "slow":
		<-r.Context().Done()
		return
	}
	copyHead(w, answer)
	w.WriteHeader(answer.Code)
	fmt.Fprint(w, text)
}

func copyHead(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
}

// run is one task of the driver, from the login to the logout.
type run struct {
	name   string
	tls    bool
	peer   func(t *testing.T, done func()) *peer // done: the change was made
	do     func(ctx context.Context, s *session) error
	change bool
}

func runs() []run {
	setOwn := func(ctx context.Context, s *session) error {
		return s.SetPassword(ctx, rekey.NewSecret(testPassword), rekey.NewSecret(newPassword))
	}
	reset := func(ctx context.Context, s *session) error {
		return s.ResetPassword(ctx, "guard", rekey.NewSecret(newPassword))
	}
	byCGI := func(_ *testing.T, done func()) *peer {
		ok := func(*http.Request) (int, string) { done(); return 200, "OK\r\n" }
		return &peer{noRPC: true, cgi: map[string]func(*http.Request) (int, string){"modifyPassword": ok, "modifyPasswordByManager": ok}}
	}
	return []run{
		{name: "channels", peer: func(*testing.T, func()) *peer {
			return &peer{rpc: map[string]func(call) string{"LogicDeviceManager.getCameraAll": says(cameraList), "LogicDeviceManager.getCameraState": says(cameraStates)}}
		}, do: func(ctx context.Context, s *session) error { _, err := s.Channels(ctx); return err }},
		{name: "logins", peer: func(*testing.T, func()) *peer {
			methods, _ := logRPC(`{"Time":"2026-09-09 02:00:00","Type":"Login","User":"admin"}`)
			return &peer{rpc: methods}
		}, do: func(ctx context.Context, s *session) error {
			return s.Logins(ctx, night, func(rekey.LoginRecord) error { return nil })
		}},
		{name: "envelope", change: true, peer: func(_ *testing.T, done func()) *peer {
			return &peer{rpc: map[string]func(call) string{
				"Security.getEncryptInfo":      says(encryptInfoAnswer(recorderKey(), `"RPAC-256"`)),
				"Security.modifyPasswordPlain": func(call) string { done(); return `{"id":$ID,"result":true}` },
			}}
		}, do: setOwn},
		{name: "ONVIF", change: true, peer: func(t *testing.T, done func()) *peer {
			box := onvifBox{envelope: true}
			p := box.peer(t)
			set := p.rpc[onvifPassword]
			p.rpc[onvifPassword] = func(c call) string {
				if strings.Contains(string(c.Params), "cipher") {
					done()
				}
				return set(c)
			}
			return p
		}, do: func(ctx context.Context, s *session) error {
			return s.SetOwnPassword(ctx, rekey.InterfaceONVIF, "admin", rekey.NewSecret("before"), rekey.NewSecret(newPassword))
		}},
		{name: "doors", peer: func(*testing.T, func()) *peer {
			return &peer{rpc: (&tables{read: map[string]string{"DVRIP": `{"TCPPort":35000}`}}).rpc(), onvif: says200(onvifClock)}
		}, do: func(ctx context.Context, s *session) error { _, err := s.Interfaces(ctx); return err }},
		{name: "rule", peer: func(*testing.T, func()) *peer {
			return &peer{rpc: map[string]func(call) string{"userManager.getCaps": says(`{"id":$ID,"result":true,"params":{"caps":{"MinLength":8,"MaxLength":9}}}`)}}
		}, do: func(ctx context.Context, s *session) error { _, err := s.PasswordRule(ctx); return err }},
		{name: "channel login", tls: true, change: true, peer: func(t *testing.T, done func()) *peer {
			p := (&camBox{}).peer(t)
			set := p.rpc["configManager.setConfig"]
			p.rpc["configManager.setConfig"] = func(c call) string { done(); return set(c) }
			return p
		}, do: func(ctx context.Context, s *session) error { return s.SetChannelLogin(ctx, 3, login(newPassword)) }},
		{name: "CGI", tls: true, change: true, peer: byCGI, do: setOwn},
		{name: "by a manager", tls: true, change: true, peer: byCGI, do: reset},
	}
}

// outcome is what came of a run.
type outcome struct {
	err                  error // of the task
	open                 bool
	requests, changes    int
	logins, signed, paid int
	methods              []string
}

func (r run) with(t *testing.T, at int, how string) outcome {
	t.Helper()
	var mu sync.Mutex
	changes := 0
	p := r.peer(t, func() { mu.Lock(); changes++; mu.Unlock() })
	p.t, p.password = t, testPassword
	l := &line{peer: p, at: at, how: how}
	s := httptest.NewUnstartedServer(l)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if r.tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	defer s.Close()
	d := driver()
	if how == "slow" {
		d.limits.Header = 2 * time.Second // for all the others, too, on a busy machine
	}
	b := &book{}
	var o outcome
	session, err := d.Open(t.Context(), identityAt(t, s.Listener.Addr().String(), r.tls), login(testPassword), b)
	if o.err = err; err == nil {
		o.open = true
		o.err = r.do(t.Context(), asSession(session))
		_ = session.Close(t.Context()) // it may be broken: the last request may be the logout
	}
	o.logins, o.signed = p.spent()
	o.methods = p.methods()
	l.mu.Lock()
	defer l.mu.Unlock()
	mu.Lock()
	defer mu.Unlock()
	o.requests, o.changes, o.paid = l.n, changes, b.spent
	return o
}

func asSession(s rekey.Session) *session { return s.(*session) }

// TestFaultsAtEachRequest: whatever becomes of whichever request, a password is
// sent once to log in and once to change, what is told of a change is true, and
// a search in the log is ended.
func TestFaultsAtEachRequest(t *testing.T) {
	t.Parallel()
	for _, r := range runs() {
		clean := r.with(t, 0, "")
		if clean.err != nil || (r.change && clean.changes != 1) {
			t.Fatalf("%s: %+v", r.name, clean)
		}
		for at := 1; at <= clean.requests; at++ {
			for _, how := range faults {
				t.Run(fmt.Sprintf("%s/%d %s", r.name, at, how), func(t *testing.T) {
					t.Parallel()
					o := r.with(t, at, how)
					r.judge(t, o, clean, how)
				})
			}
		}
	}
}

func (r run) judge(t *testing.T, o, clean outcome, how string) {
	t.Helper()
	twice := 0
	if how == "asked twice" {
		twice = 1
	}
	if o.logins > 1+twice || o.signed > clean.signed+twice || o.paid > clean.paid+1 || (!o.open && o.paid > 1) {
		t.Errorf("passwords were sent too often: %+v", o)
	}
	if o.err != nil && !knownKind(o.err) {
		t.Errorf("an error of no kind: %v", o.err)
	}
	if o.err != nil && strings.Contains(o.err.Error(), testPassword) {
		t.Errorf("a password is in the error")
	}
	unknown := errors.Is(o.err, rekey.ErrUnknown)
	switch {
	case o.changes > 1+twice:
		t.Errorf("changed %d times", o.changes)
	case r.change && o.err == nil && o.changes == 0:
		t.Error("told as changed, and it was not")
	case r.change && o.err != nil && !unknown && o.changes > 0:
		t.Errorf("told as unchanged, and it was changed: %v", o.err)
	case unknown && !r.change:
		t.Errorf("nothing was to be changed: %v", o.err)
	}
	if begun := slices.Contains(o.methods, "log.doSeekFind"); begun && !slices.Contains(o.methods, "log.stopFind") && how != "lost" {
		t.Errorf("the search was left open: %v", o.methods)
	}
}

func knownKind(err error) bool {
	return slices.ContainsFunc([]error{
		rekey.ErrUnreachable, rekey.ErrDenied, rekey.ErrLocked, rekey.ErrUnsupported, rekey.ErrUnknown, rekey.ErrVerify, rekey.ErrConflict, rekey.ErrInput, rekey.ErrRisk,
	}, func(kind error) bool { return errors.Is(err, kind) })
}
