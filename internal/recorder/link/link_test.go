package link

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/cloud/wire"
)

// refuses is a cloud that is there and answers nothing useful.
func refuses(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

// TestOffline: no answer, however it fails, makes or ends a link; once the cloud
// is back the box hears what happened meanwhile.
func TestOffline(t *testing.T) {
	t.Parallel()
	p, b := newPlace(t, nil), newBox(t)
	id := p.link(b, nil)
	for name, way := range map[string]http.HandlerFunc{
		"out of order": refuses(http.StatusBadGateway),
		"not found":    refuses(http.StatusNotFound),
		"hangs up":     func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"no JSON": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<html>log in to the hotel's network</html>")
		},
		"other JSON": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"state":"gone"}`) },
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(bytes.Repeat([]byte(" "), 4*wire.MaxBody))
		},
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusTemporaryRedirect)
		},
	} {
		p.bend(way)
		p.http.CloseClientConnections()
		before := p.calls.Load()
		soon(t, name+": the box asks again", func() bool { return p.calls.Load() > before+1 })
		if !b.linked() {
			t.Fatalf("%s: the link is gone", name)
		}
	}
	if err := p.cloud.Unlink(t.Context(), p.owner, id); err != nil {
		t.Fatal(err)
	}
	p.straight()
	b.until("unlinked", false)
}

// TestNothingIsCalledUnlinked: a box without a link calls nobody, and pairing with
// a cloud that fails leaves nothing.
func TestNothingIsCalledUnlinked(t *testing.T) {
	t.Parallel()
	p, b := newPlace(t, nil), newBox(t)
	if n := p.calls.Load(); n != 0 {
		t.Errorf("%d calls before anybody linked it", n)
	}
	half := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == wire.PathPair {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		(*p.front.Load()).ServeHTTP(w, r)
	}
	for name, way := range map[string]http.HandlerFunc{"at once": refuses(http.StatusBadGateway), "half-way": half} {
		p.bend(way)
		if _, err := b.client.Pair(t.Context(), recorder.AdminAccount, p.http.URL, atBox, recorder.AtSeat()); !errors.Is(err, rekey.ErrUnreachable) {
			t.Errorf("fails %s: %v", name, err)
		}
		if _, is, err := b.CloudLink(); is || err != nil {
			t.Errorf("fails %s: a link is left, %v", name, err)
		}
	}
}

// TestSlow: a cloud that never answers holds nobody who pairs, unlinks or
// switches the box off.
func TestSlow(t *testing.T) {
	t.Parallel()
	p, b := newPlace(t, nil), newBox(t)
	p.link(b, nil)
	var waits atomic.Int64
	p.bend(func(_ http.ResponseWriter, r *http.Request) {
		waits.Add(1)
		_, _ = io.Copy(io.Discard, r.Body) // the server sees the connection end only once the body is read
		<-r.Context().Done()
	})
	p.http.CloseClientConnections()
	soon(t, "a poll waits", func() bool { return waits.Load() > 0 })
	done := make(chan error, 1)
	go func() { done <- b.UnlinkCloud(recorder.AdminAccount, recorder.AtSeat()) }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("unlinking waits for the cloud")
	}
	ctx, cancel := context.WithCancel(t.Context())
	before := waits.Load()
	go func() {
		_, err := b.client.Pair(ctx, recorder.AdminAccount, p.http.URL, atBox, recorder.AtSeat())
		done <- err
	}()
	soon(t, "pairing waits", func() bool { return waits.Load() > before })
	cancel()
	if err := <-done; !errors.Is(err, rekey.ErrUnreachable) {
		t.Errorf("pairing that was given up: %v", err)
	}
	if _, is, _ := b.CloudLink(); is {
		t.Error("and it left a link")
	}
	b.stop()
}

// TestCertificates: the system's authorities, or exactly those of the file. Who
// comes with another certificate gets no call to answer, before the link or after.
func TestCertificates(t *testing.T) {
	t.Parallel()
	right, ca := selfSigned(t)
	wrong, otherCA := selfSigned(t)
	var shown atomic.Pointer[tls.Certificate]
	var hellos atomic.Int64
	shown.Store(&right)
	p := newPlace(t, &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		hellos.Add(1)
		return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*shown.Load()}}, nil
	}})
	b := newBox(t)
	for name, c := range map[string]struct {
		ca   []byte
		want error
	}{"the system's": {nil, rekey.ErrUnreachable}, "another file": {otherCA, rekey.ErrUnreachable}, "no certificate": {[]byte("x"), rekey.ErrInput}, "too much": {make([]byte, maxCA+1), rekey.ErrInput}} {
		_, err := b.client.PairAt(t.Context(), recorder.AdminAccount, recorder.CloudAddress{URL: p.http.URL, CA: c.ca}, atBox, recorder.AtSeat())
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := p.calls.Load(); n != 0 {
		t.Fatalf("%d calls were made", n)
	}
	p.link(b, ca)
	shown.Store(&wrong)
	p.http.CloseClientConnections()
	var met atomic.Int64
	p.bend(func(w http.ResponseWriter, _ *http.Request) { met.Add(1); w.WriteHeader(http.StatusTeapot) })
	before := hellos.Load()
	soon(t, "the box has looked at the wrong certificate", func() bool { return hellos.Load() > before+2 })
	if met.Load() != 0 || !b.linked() {
		t.Errorf("the wrong server met %d calls, linked %v", met.Load(), b.linked())
	}
	shown.Store(&right)
	p.straight()
	if err := p.cloud.Unlink(t.Context(), p.owner, p.only()); err != nil {
		t.Fatal(err)
	}
	b.until("unlinked", false)
}

func (p *place) only() string {
	p.t.Helper()
	all, err := p.cloud.Links(p.t.Context(), p.owner)
	if err != nil || len(all) != 1 {
		p.t.Fatalf("%d links, %v", len(all), err)
	}
	return all[0].ID
}

// kept is what went over the wire, to be said again.
type kept struct {
	path, signature string
	body            []byte
}

// answered notes how a call was answered.
type answered struct {
	http.ResponseWriter
	status int
}

func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *answered) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// TestReplays: neither old answers to the box nor old messages of the box do
// anything again, also not after the cloud was restarted.
func TestReplays(t *testing.T) {
	t.Parallel()
	p, b := newPlace(t, nil), newBox(t)
	var mu sync.Mutex
	var said []kept
	p.bend(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := &answered{ResponseWriter: w}
		(*p.front.Load()).ServeHTTP(answer, r)
		if answer.status/100 != 2 || r.Context().Err() != nil {
			return // it may not have counted
		}
		mu.Lock()
		said = append(said, kept{r.URL.Path, r.Header.Get(wire.Header), body})
		mu.Unlock()
	})
	p.link(b, nil)
	again := func() {
		t.Helper()
		mu.Lock()
		old := said
		mu.Unlock()
		if !slices.ContainsFunc(old, func(k kept) bool { return k.path == wire.PathPair }) || !slices.ContainsFunc(old, func(k kept) bool { return k.path == wire.PathPoll }) {
			t.Fatalf("of %d messages that were kept one kind is missing", len(old))
		}
		for _, k := range old {
			if k.signature == "" {
				continue
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.http.URL+k.path, bytes.NewReader(k.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set(wire.Header, k.signature)
			r.Header.Set("Accept", "application/json")
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusForbidden {
				t.Errorf("%s again: status %d", k.path, answer.StatusCode)
			}
		}
	}
	defer http.DefaultClient.CloseIdleConnections()
	p.straight()
	again()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.http.URL+wire.PathCloud, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	about, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil || !strings.Contains(string(about), "nonce") {
		t.Fatalf("%s, %v", about, err)
	}
	p.stop()
	p.open() // the cloud has forgotten which nonces were used
	again()
	// An old nonce, served again and again: the box's messages are refused, and
	// its link stays.
	var polls atomic.Int64
	p.bend(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == wire.PathCloud {
			_, _ = w.Write(about)
			return
		}
		polls.Add(1)
		(*p.front.Load()).ServeHTTP(w, r)
	})
	soon(t, "the box has asked with an old nonce", func() bool {
		p.http.CloseClientConnections() // a poll that began before may be held
		return polls.Load() > 2
	})
	if !b.linked() {
		t.Error("the link is gone")
	}
	p.straight()
	if err := p.cloud.Unlink(t.Context(), p.owner, p.only()); err != nil {
		t.Fatal(err)
	}
	b.until("unlinked", false)
}

// TestCloudRestarts: the link stands through it, and while it is away.
func TestCloudRestarts(t *testing.T) {
	t.Parallel()
	p, b := newPlace(t, nil), newBox(t)
	id := p.link(b, nil)
	for range 3 {
		p.stop()
		before := p.calls.Load()
		soon(t, "the box asks a cloud that is away", func() bool { return p.calls.Load() > before+1 })
		p.open()
	}
	if l, _, err := p.cloud.Link(t.Context(), p.owner, id); err != nil || !l.Mine || !b.linked() {
		t.Errorf("after three restarts: %v, linked %v", err, b.linked())
	}
	if err := p.cloud.Unlink(t.Context(), p.owner, id); err != nil {
		t.Fatal(err)
	}
	b.until("unlinked", false)
}

// TestUnlinkWhilePolling: the poll that the cloud holds is let go at once, and
// the cloud hears that it is over.
func TestUnlinkWhilePolling(t *testing.T) {
	t.Parallel()
	p, b := newPlace(t, nil), newBox(t)
	id := p.link(b, nil)
	if err := b.UnlinkCloud(recorder.AdminAccount, recorder.AtSeat()); err != nil {
		t.Fatal(err)
	}
	p.mail.tells(t, "no longer linked: unlinked at the recorder")
	if _, _, err := p.cloud.Link(t.Context(), p.owner, id); !errors.Is(err, rekey.ErrNotFound) {
		t.Errorf("the cloud's link: %v", err)
	}
	calls := p.calls.Load()
	if p.link(b, nil) == id {
		t.Error("the new link is the old one")
	}
	if p.calls.Load() == calls {
		t.Error("linked anew without a call")
	}
}

// TestUnlinkBetweenTwoTurns is the story of a farewell that was lost: the link was
// made and forgotten again while the client was between hearing of the one and
// looking for the next, so that it never saw that there had been anything to end.
func TestUnlinkBetweenTwoTurns(t *testing.T) {
	t.Parallel()
	p, b := newPlace(t, nil), newBox(t)
	p.link(b, nil)
	l, _, err := b.CloudLink()
	if err != nil {
		t.Fatal(err)
	}
	b.rest()
	if err := b.UnlinkCloud(recorder.AdminAccount, recorder.AtSeat()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var turn sync.WaitGroup
	turn.Go(func() {
		if left := b.client.turn(ctx, &l); left != nil {
			t.Error("it would say farewell once more")
		}
	})
	p.mail.tells(t, "no longer linked: unlinked at the recorder")
	cancel()
	turn.Wait()
}

// TestFarewellIsHeardWhole: who says farewell and goes away before the answer is
// heard all the same, and the owner is told once.
func TestFarewellIsHeardWhole(t *testing.T) {
	t.Parallel()
	p, b := newPlace(t, nil), newBox(t)
	p.link(b, nil)
	p.bend(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == wire.PathUnlink {
			gone, cancel := context.WithCancel(r.Context())
			cancel()
			r = r.WithContext(gone)
		}
		(*p.front.Load()).ServeHTTP(w, r)
	})
	if err := b.UnlinkCloud(recorder.AdminAccount, recorder.AtSeat()); err != nil {
		t.Fatal(err)
	}
	p.mail.tells(t, "no longer linked: unlinked at the recorder")
}

// TestResetIsToldWhenItCanBe: the reset happens while the cloud is away; the
// box says it as soon as it is back, and goes on asking, until the lock is released.
func TestResetIsToldWhenItCanBe(t *testing.T) {
	t.Parallel()
	p, b := newPlace(t, nil), newBox(t)
	p.link(b, nil)
	p.stop()
	_, armed := b.Press(12 * time.Second)
	if _, err := b.Press(time.Second); armed != nil || err != nil {
		t.Fatal(armed, err)
	}
	if _, is, err := b.FormerCloud(); !is || err != nil || b.linked() {
		t.Fatalf("the former link: %v %v", is, err)
	}
	before := p.calls.Load()
	soon(t, "the box asks a cloud that is away", func() bool { return p.calls.Load() > before+1 })
	p.open()
	p.mail.tells(t, "says that it was reset by its button")
	id := p.only()
	if err := p.cloud.Unlink(t.Context(), p.owner, id); err != nil {
		t.Fatal(err)
	}
	soon(t, "the box has lost the right", func() bool { _, is, _ := b.FormerCloud(); return !is })
	if !b.Activation().Locked {
		t.Error("the lock went with it")
	}
}

// TestCheckURL: what may be a cloud's address.
func TestCheckURL(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"https://Cloud.example.net":    "https://cloud.example.net",
		" https://cloud.example.net/ ": "https://cloud.example.net",
		"https://cloud.example:8443":   "https://cloud.example:8443",
		"http://127.0.0.1:80":          "http://127.0.0.1:80",
		"http://[::1]:80":              "http://[::1]:80",
		"http://cloud.example.net":     "", "http://localhost": "", "https://": "", "ftp://x": "", "https://a/b": "", "https://u:p@x": "", "https://x?a=b": "", "https://x#y": "", "\x00": "",
		"https://" + strings.Repeat("a", 200): "",
	} {
		got, err := CheckURL(typed)
		if got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, rekey.ErrInput) {
			t.Errorf("%q: %q, %v", typed, got, err)
		}
	}
}
