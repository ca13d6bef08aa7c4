package lan

import (
	"sync"
	"time"

	"rekey/internal/recorder"
)

const (
	keepAliveInterval = 60 // seconds; told to clients
	sessionIdle       = 2 * keepAliveInterval * time.Second
	maxSessions       = 32
	challengeLife     = time.Minute
	maxChallenges     = 256
	sessionCookie     = "WebClientHttpSessionID"
)

// session is one login on /RPC2.
type session struct {
	id      string
	account string
	epoch   uint64
	from    recorder.Client
	used    time.Time
	closed  func()
}

// loginRequest is a challenge that was sent and waits for its answer, once.
type loginRequest struct {
	account, random string
	born            time.Time
}

// sessions are the logins on /RPC2 and the challenges that may become one.
type sessions struct {
	now   func() time.Time
	epoch func(account string) uint64

	mu         sync.Mutex
	open       map[string]*session
	challenges map[string]loginRequest
}

func newSessions(now func() time.Time, epoch func(string) uint64) *sessions {
	return &sessions{now: now, epoch: epoch, open: map[string]*session{}, challenges: map[string]loginRequest{}}
}

// challenge makes a challenge; where too many wait, the oldest goes.
func (s *sessions) challenge(id, account, random string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.challenges) >= maxChallenges {
		s.dropOldest()
	}
	s.challenges[id] = loginRequest{account: account, random: random, born: s.now()}
	return id
}

func (s *sessions) dropOldest() {
	var oldest string
	for id, c := range s.challenges {
		if oldest == "" || c.born.Before(s.challenges[oldest].born) {
			oldest = id
		}
	}
	delete(s.challenges, oldest)
}

// take gives a challenge out, once.
func (s *sessions) take(id, account string) (random string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.challenges[id]
	delete(s.challenges, id)
	if !ok || c.account != account || s.now().Sub(c.born) > challengeLife {
		return "", false
	}
	return c.random, true
}

// full tells that no more logins are taken just now.
func (s *sessions) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open) >= maxSessions
}

// begin opens a session.
func (s *sessions) begin(id, account string, epoch uint64, from recorder.Client, closed func()) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := &session{id: id, account: account, epoch: epoch, from: from, used: s.now(), closed: closed}
	s.open[one.id] = one
	return one
}

// get finds a live session and notes that it is used. A session is dead once
// its account's password has changed or nothing was heard of it for too long.
func (s *sessions) get(id string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.open[id]
	if !ok {
		return nil
	}
	if s.dead(one) {
		s.drop(one)
		return nil
	}
	one.used = s.now()
	return one
}

func (s *sessions) dead(one *session) bool {
	return s.epoch(one.account) != one.epoch || s.now().Sub(one.used) > sessionIdle
}

func (s *sessions) drop(one *session) {
	delete(s.open, one.id)
	one.closed()
}

// touch notes that a session was in use until now.
func (s *sessions) touch(id string) { _ = s.get(id) }

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one, ok := s.open[id]; ok {
		s.drop(one)
	}
}

// tidy ends the sessions that are dead and forgets old challenges.
func (s *sessions) tidy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.open {
		if s.dead(one) {
			s.drop(one)
		}
	}
	for id, c := range s.challenges {
		if s.now().Sub(c.born) > challengeLife {
			delete(s.challenges, id)
		}
	}
}

func (s *sessions) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.open {
		s.drop(one)
	}
}
