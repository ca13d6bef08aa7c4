package courier_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk/courier"
	"rekey/internal/rekeytest/mailbox"
)

// receiver is a program that wants events.
type receiver struct {
	mu     sync.Mutex
	url    string
	secret string
	status int
	got    []string // kind and delivery id
	bodies []map[string]any
	bad    int // deliveries whose signature does not fit
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{status: http.StatusOK}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	r.url = s.URL + "/events"
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, err := io.ReadAll(q.Body)
	var m map[string]any
	if err != nil || json.Unmarshal(body, &m) != nil || !mailbox.Signed(q.Header, r.secret, body) {
		r.bad++
	}
	r.got = append(r.got, q.Header.Get("Rekey-Event")+" "+q.Header.Get("Rekey-Delivery"))
	r.bodies = append(r.bodies, m)
	w.WriteHeader(r.status)
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (p *place) hook(r *receiver, events ...string) courier.Hook {
	p.t.Helper()
	h, secret, err := p.AddHook(p.t.Context(), r.url, events)
	if err != nil {
		p.t.Fatal(err)
	}
	r.secret = secret.Reveal()
	return h
}

func opened(number int64) courier.Event {
	return courier.Event{Kind: "case.opened", At: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), Case: number, Data: []byte(`{"device_id":"X"}`)}
}

// TestHooks get signed events of the kinds that they want, with a delivery id
// that stays the same when it is tried again.
func TestHooks(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	all, some := newReceiver(t), newReceiver(t)
	h := p.hook(all)
	p.hook(some, "case.answered")
	p.wantNowhere(all.secret, some.secret)
	all.answer(http.StatusServiceUnavailable)
	p.tell(opened(7))
	p.flush()
	if hooks, err := p.Hooks(t.Context()); err != nil || len(hooks) != 2 || !strings.Contains(hooks[0].Failed, "503") || hooks[1].Failed != "" {
		t.Fatalf("%+v %v", hooks, err)
	}
	all.answer(http.StatusNoContent)
	p.later(10 * time.Second)
	p.flush()
	if len(all.got) != 2 || all.got[0] != all.got[1] || all.bad != 0 || len(some.got) != 0 {
		t.Fatalf("%v, %d bad, %v", all.got, all.bad, some.got)
	}
	body := all.bodies[1]
	if body["kind"] != "case.opened" || body["case"] != 7.0 || "case.opened "+body["id"].(string) != all.got[0] || body["data"].(map[string]any)["device_id"] != "X" {
		t.Errorf("body %v", body)
	}
	if hooks, err := p.Hooks(t.Context()); err != nil || hooks[0].Failed != "" {
		t.Errorf("%+v %v", hooks, err)
	}
	p.tell(opened(8))
	if err := p.RemoveHook(t.Context(), h.ID); err != nil {
		t.Fatal(err)
	}
	p.flush()
	if len(all.got) != 2 {
		t.Error("a hook that was removed was told")
	}
	if err := p.RemoveHook(t.Context(), h.ID); !errors.Is(err, rekey.ErrNotFound) {
		t.Error(err)
	}
	p.wantTold("case.opened", "0/0/0") // hooks are not the owner
}

// TestHookGivenUp after a day is recorded.
func TestHookGivenUp(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	r := newReceiver(t)
	p.hook(r)
	r.answer(http.StatusInternalServerError)
	p.tell(opened(7))
	for range 30 {
		p.flush()
		p.later(time.Hour)
	}
	if got := p.noted("desk notify.given up hook failed case=7 hook=1 kind=case.opened"); len(got) != 1 {
		t.Errorf("records: %v", p.noted(""))
	}
}

// TestHookAddresses: nothing inside can be registered.
func TestHookAddresses(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for _, url := range []string{
		"http://example.com/", "https://10.1.2.3/", "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data", "https://[fe80::1]/", "https://[fd00::1]/",
		"https://[::ffff:10.0.0.1]/", "https://0.0.0.0/", "https://100.64.0.1/", "https://[64:ff9b::a00:1]/", "https://user@example.com/", "file:///etc/passwd", "https://" + strings.Repeat("a", 3000), "https://224.0.0.1/",
	} {
		if _, _, err := p.AddHook(t.Context(), url, nil); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%.40s: %v", url, err)
		}
	}
	for _, event := range []string{"", "Case", "case opened", "a,b", strings.Repeat("a", 50)} {
		if _, _, err := p.AddHook(t.Context(), "https://example.com/", []string{event}); !errors.Is(err, rekey.ErrInput) {
			t.Errorf("event %q: %v", event, err)
		}
	}
	for range 20 {
		if _, _, err := p.AddHook(t.Context(), "https://example.com/", nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := p.AddHook(t.Context(), "https://example.com/", nil); !errors.Is(err, rekey.ErrConflict) {
		t.Errorf("a hook too many: %v", err)
	}
}

// TestNameThatLeadsInside: what a name resolves to is looked at when an event is
// delivered. A hook that was registered under a name of the Internet does not
// reach this machine, nor one of this machine the Internet.
func TestNameThatLeadsInside(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	if err := courier.PostTo(t.Context(), r.url, "https://example.com/"); !errors.Is(err, rekey.ErrUnreachable) {
		t.Errorf("this machine was reached: %v", err)
	}
	if err := courier.PostTo(t.Context(), "http://192.0.2.1/", r.url); err == nil || !strings.Contains(err.Error(), "not allowed") {
		t.Errorf("another machine was asked: %v", err)
	}
	if len(r.got) != 0 {
		t.Error("an event arrived")
	}
	if err := courier.PostTo(t.Context(), r.url, "http://localhost/"); err != nil {
		t.Errorf("this machine was not reached: %v", err)
	}
}

func TestIsPublic(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1::1": true, "::ffff:93.184.216.34": true,
		"127.0.0.1": false, "::1": false, "10.0.0.1": false, "172.16.0.1": false, "192.168.0.1": false, "169.254.1.1": false, "100.100.0.1": false,
		"0.0.0.0": false, "255.255.255.255": false, "224.0.0.1": false, "fe80::1": false, "fc00::1": false, "ff02::1": false, "::": false,
		"::ffff:127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "::7f00:1": false, "2001::1": false, "2001:db8::1": false, "fec0::1": false, "fe80::1%eth0": false,
	} {
		if got := courier.IsPublic(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}
