// Package lan is the reference recorder as the network sees it: the web page,
// the JSON RPC and CGI interfaces of the Dahua family with their kinds of digest,
// downloads of footage, the DHIP discovery reply, RTSP and the device service of
// ONVIF. It is written from public facts about the protocols alone and shares no
// code with the drivers that speak to it, so that the two check each other. Which
// of these doors there are, and how they speak, is the recorder's face.
//
// Nothing here leads to a challenge or takes an answer: those exist at the local
// seat only. Who asks for them here gets the ordinary error for an unknown
// method and leaves a record in the security log.
//
// Passwords and digests are never logged, nor are query strings, which hold
// passwords in this protocol family.
package lan

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"rekey/internal/recorder"
	"rekey/internal/recorder/clips"
	webpage "rekey/internal/recorder/page"
)

// Listeners are where the recorder is reached. Those that are nil are not served.
// Serve closes all of them.
type Listeners struct {
	HTTP      net.Listener
	HTTPS     net.Listener // TCP; Serve puts the box's certificate on it
	RTSP      net.Listener
	SDK       net.Listener // accepts and closes: nothing is spoken there
	Discovery net.PacketConn
	Log       *slog.Logger // what the doors do; nil = nowhere. Holds no secrets
	Trouble   *Trouble     // for tests; nil = none

	// EnvelopeKey is for tests that switch a recorder on very often; nil = a new key
	// for this boot, see NewEnvelopeKey.
	EnvelopeKey *rsa.PrivateKey
}

// lan is one boot of the doors. All of them count on the same box.
type lan struct {
	box       *recorder.Box
	traits    recorder.Traits
	trouble   *Trouble
	footage   *clips.Store
	log       *slog.Logger
	now       func() time.Time
	ports     recorder.Ports
	nonces    *nonces
	visits    *visits
	tokens    *tokens
	sessions  *sessions
	finders   *finders
	searches  *searches
	envelopes *envelopes
	warned    *refusals
	mistakes  *refusals
	page      http.Handler
	downloads chan struct{} // one slot for each download that is allowed at a time
}

func newLAN(box *recorder.Box, footage *clips.Store, log *slog.Logger) *lan {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l := &lan{box: box, traits: box.Traits(), footage: footage, log: log, now: time.Now, downloads: make(chan struct{}, maxDownloads)}
	clock := func() time.Time { return l.now() }
	l.nonces = newNonces(clock)
	l.visits = newVisits(clock)
	l.tokens = newTokens(box.Now)
	l.sessions = newSessions(clock, box.Epoch)
	l.finders = newFinders(clock)
	l.searches = newSearches(clock)
	l.envelopes = newEnvelopes()
	l.warned, l.mistakes = newRefusals(), newRefusals()
	return l
}

// Serve answers on all listeners until ctx ends, and returns when everything it
// started has stopped. It returns nil when ctx ended it.
func Serve(ctx context.Context, box *recorder.Box, footage *clips.Store, l Listeners) error {
	s := newLAN(box, footage, l.Log)
	s.trouble = l.Trouble
	if l.EnvelopeKey != nil {
		s.envelopes.key = func() (*rsa.PrivateKey, error) { return l.EnvelopeKey, nil }
	}
	s.ports = recorder.Ports{HTTP: tcpPort(l.HTTP), HTTPS: tcpPort(l.HTTPS), RTSP: tcpPort(l.RTSP), SDK: tcpPort(l.SDK), Host: hostOf(l.HTTP)}
	box.Serving(s.ports)
	g, ctx := errgroup.WithContext(ctx)
	s.page = webpage.Handler(box, webpage.Options{Footage: footage, HTTPS: s.ports.HTTPS, Off: ctx.Done(), Log: s.log})
	if l.HTTP != nil {
		g.Go(func() error { return s.serveHTTP(ctx, l.HTTP) })
	}
	if l.HTTPS != nil {
		g.Go(func() error { return s.serveHTTPS(ctx, l.HTTPS) })
	}
	if l.RTSP != nil {
		g.Go(func() error { return s.serveRTSP(ctx, l.RTSP) })
	}
	if l.SDK != nil {
		g.Go(func() error { return serveSDK(ctx, l.SDK) })
	}
	if l.Discovery != nil {
		g.Go(func() error { return s.serveDiscovery(ctx, l.Discovery) })
	}
	err := g.Wait()
	s.nonces.clear()
	s.visits.clear()
	s.sessions.clear()
	if err != nil {
		return fmt.Errorf("serve the LAN: %w", err)
	}
	return nil
}

func tcpPort(l net.Listener) int {
	if l == nil {
		return 0
	}
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// hostOf is the address that the listener is bound to; empty when it is bound to all.
func hostOf(l net.Listener) string {
	if l == nil {
		return ""
	}
	if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsUnspecified() {
		return a.IP.String()
	}
	return ""
}

// client tells the box where an HTTP request comes from.
func client(r *http.Request, via recorder.Client) recorder.Client {
	via.Address = r.RemoteAddr
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		via.Address = host
	}
	return via
}

// newID makes an identifier that cannot be guessed: 32 lower-case hex digits.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, says crypto/rand
	return fmt.Sprintf("%x", b)
}
