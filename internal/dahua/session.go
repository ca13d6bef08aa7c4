package dahua

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"rekey"
	"rekey/internal/transport"
)

// session is one login. RPC2 is used where it is there; CGI for what RPC2 lacks.
type session struct {
	driver *Driver
	log    *slog.Logger
	id     rekey.Identity
	at     rekey.Interface // the door that the login was made at, with the certificate that was met there
	tries  rekey.Tries
	rpc    *rpc // nil: the recorder has none

	mu     sync.Mutex
	login  rekey.Login
	cgi    *cgi           // made when first needed
	safe   *cgi           // the same over HTTPS, where the session came in by HTTP
	prints map[int]string // certificates seen, by port; held for the session
	over   error          // set when it is not known which password is in force
	taken  bool           // RPC2 has accepted the password of login
	shut   error          // a CGI login was refused: no door of the CGI is tried again

	stop   context.CancelFunc
	beat   sync.WaitGroup
	closed sync.Once
}

func (d *Driver) newSession(id rekey.Identity, at rekey.Interface, l rekey.Login, tries rekey.Tries) *session {
	return &session{driver: d, log: d.log, id: id, at: at, tries: tries, login: l, stop: func() {}, prints: map[int]string{}}
}

// Close stops the keep-alive and logs out, even when ctx has ended.
func (s *session) Close(ctx context.Context) (err error) {
	s.closed.Do(func() {
		s.release()
		if s.rpc != nil {
			err = s.rpc.leave(ctx)
		}
	})
	return err
}

func (s *session) release() {
	s.stop()
	s.beat.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
}

// forget drops the CGI logins; s.mu is held.
func (s *session) forget() {
	for _, c := range []*cgi{s.cgi, s.safe} {
		if c != nil {
			c.http.Close()
		}
	}
	s.cgi, s.safe = nil, nil
}

// keepAlive tells the recorder twice an interval that the session is in use.
func (s *session) keepAlive() {
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.beat.Go(func() {
		tick := time.NewTicker(s.rpc.alive / 2)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			err := s.rpc.beat(ctx)
			if sessionOver(err) {
				return // the session has ended; the next call says so
			}
			if err != nil && ctx.Err() == nil {
				s.log.DebugContext(ctx, "keep-alive failed", slog.String("host", s.at.Address()), slog.Any("error", err))
			}
		}
	})
}

// beat tells the recorder that the session is in use.
func (r *rpc) beat(ctx context.Context) error {
	_, err := r.call(ctx, "global.keepAlive", map[string]any{"timeout": 300, "active": true})
	return err
}

// web returns the CGI at the session's door. Its first use is a login of its
// own with the password of the session, and booked as one.
func (s *session) web(ctx context.Context) (*cgi, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.at
	at.Kind = rekey.InterfaceCGI
	return s.proved(ctx, &s.cgi, at)
}

// proved returns the CGI kept at slot, logged in; s.mu is held.
func (s *session) proved(ctx context.Context, slot **cgi, at rekey.Interface) (*cgi, error) {
	if s.over != nil {
		return nil, s.over
	}
	if s.shut != nil {
		return nil, s.shut
	}
	if *slot == nil {
		c := s.driver.newCGI(at, s.login, s.tries)
		*slot = c
		if err := c.prove(ctx); err != nil {
			err = s.doubt(ctx, err)
			c.mark(err)
			return nil, err
		}
	}
	return *slot, (*slot).stopped()
}

// doubt looks at a refused CGI login. Where the login by RPC2 with the same
// password holds, the password is not what is wrong, as on firmware whose digest
// is broken. Either way the CGI gets no password a second time; s.mu is held.
func (s *session) doubt(ctx context.Context, err error) error {
	var refused *rekey.LoginError
	if !errors.As(err, &refused) {
		return err
	}
	s.shut = err
	if s.taken && s.rpc != nil && errors.Is(refused, rekey.ErrDenied) && s.rpc.beat(ctx) == nil {
		s.shut = &refusedError{kind: rekey.ErrUnsupported, host: s.at.Address(), what: "the login at its CGI",
			said: "its RPC2 took the same password, so the CGI has a fault or too many are logged in; it is not tried again"}
	}
	return s.shut
}

// mark keeps the reason why the CGI is not used any more: it is tried once.
func (c *cgi) mark(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused == nil {
		c.refused = err
	}
}

// either asks by RPC2 and, where that is not there or lacks the method, by CGI.
func (s *session) either(ctx context.Context, byRPC func(*rpc) error, byCGI func(*cgi) error) error {
	var err error
	if s.rpc != nil {
		if err = byRPC(s.rpc); !lacks(err) {
			return err
		}
	}
	c, failed := s.web(ctx)
	if failed != nil {
		if err != nil {
			return fmt.Errorf("%w; by CGI: %w", err, failed)
		}
		return failed
	}
	return byCGI(c)
}

// pinned adds the certificate at that port: the one seen before, or the one that
// a handshake shows now. It stays without when nobody answers there.
func (s *session) pinned(ctx context.Context, at rekey.Interface) rekey.Interface {
	if at.CertSHA256 != "" || !at.TLS {
		return at
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at.CertSHA256 = s.prints[at.Port]
	for _, i := range s.id.Interfaces {
		if i.TLS && i.Port == at.Port && i.CertSHA256 != "" {
			at.CertSHA256 = i.CertSHA256
		}
	}
	if at.CertSHA256 == "" {
		c := transport.New(at, s.log, s.driver.limits)
		defer c.Close()
		if err := c.Contact(ctx); err != nil {
			s.log.DebugContext(ctx, "no certificate seen", slog.String("host", at.Address()), slog.Any("error", err))
			return at
		}
		at.CertSHA256 = c.At().CertSHA256
		s.prints[at.Port] = at.CertSHA256
	}
	return at
}

var _ rekey.Session = (*session)(nil)
