package web

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"rekey"
)

// maxSessions bounds the memory that sessions may take.
const maxSessions = 10_000

// SessionOptions says how sessions of one front behave.
type SessionOptions struct {
	Name string           // cookie name; must differ between fronts on one host, as cookies do not tell ports apart
	Idle time.Duration    // ends after so long without a request
	Max  time.Duration    // ends after so long in any case
	TLS  bool             // browsers come over TLS, though the last part of the way may be without
	Now  func() time.Time // nil = time.Now
}

// Sessions keeps who is logged in, in memory: a restart ends all. The cookie
// holds 256 random bits and nothing else; the store holds their SHA-256. Over
// TLS the cookie is Secure and its name has the __Host- prefix.
type Sessions[T any] struct {
	o    SessionOptions
	mu   sync.Mutex
	open map[[sha256.Size]byte]*session[T]
}

type session[T any] struct {
	value      T
	began, use time.Time
}

// NewSessions makes an empty store. Name, Idle and Max must be set.
func NewSessions[T any](o SessionOptions) *Sessions[T] {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Sessions[T]{o: o, open: map[[sha256.Size]byte]*session[T]{}}
}

// Start begins a session under a new id and ends the one that the request
// came with, so that an id from before a log-in is worth nothing after it. Call
// it at every change of rights. T should be treated as immutable.
func (s *Sessions[T]) Start(w http.ResponseWriter, r *http.Request, value T) error {
	id := make([]byte, 32)
	if _, err := rand.Read(id); err != nil {
		return fmt.Errorf("draw session id: %w", err)
	}
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, e := range s.open {
		if s.dead(e, now) {
			delete(s.open, key)
		}
	}
	s.drop(r)
	if len(s.open) >= maxSessions {
		return fmt.Errorf("%w: too many sessions are open; log out elsewhere or wait", rekey.ErrConflict)
	}
	s.open[sha256.Sum256(id)] = &session[T]{value: value, began: now, use: now}
	http.SetCookie(w, s.cookie(r, base64.RawURLEncoding.EncodeToString(id), 0))
	return nil
}

// Open tells whether the request's session is live. It does not count as use:
// it is for answers that go on with nobody there.
func (s *Sessions[T]) Open(r *http.Request) bool {
	_, ok := s.Look(r)
	return ok
}

// Look is Get that does not count as use.
func (s *Sessions[T]) Look(r *http.Request) (T, bool) { return s.find(r, false) }

// Get returns the value of the request's live session and counts as use of it.
func (s *Sessions[T]) Get(r *http.Request) (T, bool) { return s.find(r, true) }

func (s *Sessions[T]) find(r *http.Request, use bool) (T, bool) {
	var none T
	key, ok := s.key(r)
	if !ok {
		return none, false
	}
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.open[key]
	if !ok {
		return none, false
	}
	if s.dead(e, now) {
		delete(s.open, key)
		return none, false
	}
	if use {
		e.use = now
	}
	return e.value, true
}

// Live is one live session. ID names it to the person whose it is; nobody gets
// in with it.
type Live[T any] struct {
	ID          string
	Value       T
	Began, Used time.Time
}

// List is all live sessions, in no order.
func (s *Sessions[T]) List() []Live[T] {
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Live[T], 0, len(s.open))
	for key, e := range s.open {
		if !s.dead(e, now) {
			all = append(all, Live[T]{idOf(key), e.value, e.began, e.use})
		}
	}
	return all
}

// ID is the one of the request's session, live or not, as List tells it.
func (s *Sessions[T]) ID(r *http.Request) (string, bool) {
	key, ok := s.key(r)
	return idOf(key), ok
}

// EndID ends the session of that id, and tells whether there was one.
func (s *Sessions[T]) EndID(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.open {
		if idOf(key) == id {
			delete(s.open, key)
			return true
		}
	}
	return false
}

// idOf is half of the stored hash: enough to tell sessions apart.
func idOf(key [sha256.Size]byte) string { return hex.EncodeToString(key[:sha256.Size/2]) }

// End ends the request's session, if any, and takes the cookie back.
func (s *Sessions[T]) End(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(r)
	http.SetCookie(w, s.cookie(r, "", -1))
}

// EndWhere ends every session for whose value which returns true.
func (s *Sessions[T]) EndWhere(which func(T) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, e := range s.open {
		if which(e.value) {
			delete(s.open, key)
		}
	}
}

func (s *Sessions[T]) dead(e *session[T], now time.Time) bool {
	return now.Sub(e.use) >= s.o.Idle || now.Sub(e.began) >= s.o.Max
}

// drop forgets the request's session; s.mu is held.
func (s *Sessions[T]) drop(r *http.Request) {
	if key, ok := s.key(r); ok {
		delete(s.open, key)
	}
}

func (s *Sessions[T]) key(r *http.Request) ([sha256.Size]byte, bool) {
	c, err := r.Cookie(s.name(r))
	if errors.Is(err, http.ErrNoCookie) {
		return [sha256.Size]byte{}, false
	}
	id, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || len(id) != 32 {
		return [sha256.Size]byte{}, false
	}
	return sha256.Sum256(id), true
}

func (s *Sessions[T]) overTLS(r *http.Request) bool { return s.o.TLS || r.TLS != nil }

func (s *Sessions[T]) name(r *http.Request) string {
	if s.overTLS(r) {
		return "__Host-" + s.o.Name
	}
	return s.o.Name
}

func (s *Sessions[T]) cookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // G124: Secure follows TLS; over plain HTTP a browser would not keep a Secure cookie
		Name: s.name(r), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: s.overTLS(r),
	}
}
