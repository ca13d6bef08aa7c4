package hikvision

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"rekey"
	"rekey/internal/transport"
)

// session is one login. Digest has no session on the recorder: each request
// carries the login, and there is nothing to log out of.
type session struct {
	driver *Driver
	id     rekey.Identity
	at     rekey.Interface // the door that the login was made at
	tries  rekey.Tries

	mu     sync.Mutex
	login  rekey.Login
	door   *web           // made when first needed
	safe   *web           // the same over HTTPS, where the session came in by HTTP
	prints map[int]string // certificates seen, by port; held for the session
	over   error          // why nothing is sent any more: closed, or nobody knows which password is in force
}

func (d *Driver) newSession(id rekey.Identity, at rekey.Interface, l rekey.Login, tries rekey.Tries) *session {
	return &session{driver: d, id: id, at: at, tries: tries, login: l, prints: map[int]string{}}
}

// Close drops the connections. Nothing is sent after it.
func (s *session) Close(context.Context) error {
	s.release()
	return nil
}

func (s *session) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	s.over = fmt.Errorf("%w: the session at %s is closed; log in again", rekey.ErrConflict, s.at.Address())
}

// forget drops the logins; s.mu is held.
func (s *session) forget() {
	for _, w := range []*web{s.door, s.safe} {
		if w != nil {
			w.close()
		}
	}
	s.door, s.safe = nil, nil
}

// web returns ISAPI at the session's door, logged in.
func (s *session) web(ctx context.Context) (*web, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proved(ctx, &s.door, s.at)
}

// proved returns the login kept at slot; its first use is a login of its own,
// and booked as one. s.mu is held.
func (s *session) proved(ctx context.Context, slot **web, at rekey.Interface) (*web, error) {
	if s.over != nil {
		return nil, s.over
	}
	if *slot == nil {
		if at.TLS && at.CertSHA256 == "" {
			at.CertSHA256 = s.seen(at.Port)
		}
		w := s.driver.newWeb(at, s.login, s.tries)
		w.seen = s.seen
		*slot = w
		err := w.login(ctx)
		if now := w.http.At(); now.TLS { // it may have been sent on to there
			s.prints[now.Port] = now.CertSHA256
		}
		if err != nil {
			w.stop(err)
			return nil, err
		}
	}
	return *slot, (*slot).stopped()
}

// get reads one resource at the session's door.
func (s *session) get(ctx context.Context, path, name string) (*node, error) {
	w, err := s.web(ctx)
	if err != nil {
		return nil, err
	}
	return w.get(ctx, path, name)
}

// Interfaces tells the doors with the ports of the recorder's own settings. The
// door in use is told as it was reached: a router may show it at another port.
// The SDK's port is a service: this driver has no way to try a password there.
func (s *session) Interfaces(ctx context.Context) ([]rekey.Interface, error) {
	list, err := s.protocols(ctx)
	if err != nil {
		return nil, err
	}
	doors := []rekey.Interface{s.pinned(ctx, s.at)}
	for _, p := range list {
		if !p.enabled || p.port == 0 {
			continue
		}
		at := rekey.Interface{Kind: rekey.InterfaceISAPI, Host: s.at.Host, Port: p.port}
		switch strings.ToUpper(p.protocol) {
		case "HTTPS":
			at.TLS = true
		case "HTTP":
		case "RTSP":
			at.Kind = rekey.InterfaceRTSP
		default:
			continue
		}
		if at.Kind == rekey.InterfaceISAPI && at.TLS == s.at.TLS {
			continue
		}
		doors = append(doors, s.pinned(ctx, at))
	}
	return doors, nil
}

// pinned adds the certificate at that port: the one seen before, or the one that
// a handshake shows now. It stays without when nobody answers there.
func (s *session) pinned(ctx context.Context, at rekey.Interface) rekey.Interface {
	if at.CertSHA256 != "" || !at.TLS {
		return at
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if at.CertSHA256 = s.seen(at.Port); at.CertSHA256 != "" {
		return at
	}
	c := transport.New(at, s.driver.log, s.driver.limits)
	defer c.Close()
	if err := c.Contact(ctx); err != nil {
		s.driver.log.DebugContext(ctx, "no certificate seen", slog.String("host", at.Address()), slog.Any("error", err))
		return at
	}
	at.CertSHA256 = c.At().CertSHA256
	s.prints[at.Port] = at.CertSHA256
	return at
}

// seen is the certificate that was met at that port; s.mu is held.
func (s *session) seen(port int) string {
	for _, i := range s.id.Interfaces {
		if i.TLS && i.Port == port && i.CertSHA256 != "" {
			return i.CertSHA256
		}
	}
	return s.prints[port]
}

var (
	_ rekey.Session         = (*session)(nil)
	_ rekey.InterfaceLister = (*session)(nil)
)
