package recorder

import (
	"cmp"
	"crypto/rand"
	"slices"
	"sync"

	"rekey"
)

// sessions are who is logged in, for the recorder's own list. Whether a session
// is still good is for its door to ask: see Epoch.
type sessions struct {
	mu   sync.Mutex
	open map[string]session
	next int
}

type session struct {
	order   int
	account string
	from    Client
	epoch   uint64
}

// SessionOpened puts a login on the list of active users and gives it an id
// that is free of secrets. Call closed, once or more often, when it ends.
func (b *Box) SessionOpened(account string, from Client) (id string, closed func()) {
	s := &b.seats
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[string]session{}
	}
	id = rand.Text()
	s.next++
	s.open[id] = session{order: s.next, account: account, from: from, epoch: b.Epoch(account)}
	return id, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, id)
	}
}

// Active lists who is logged in, oldest first. Sessions that a change of the
// password has ended are not on it.
func (b *Box) Active() []rekey.ActiveUser {
	s := &b.seats
	s.mu.Lock()
	defer s.mu.Unlock()
	var alive []session
	for id, one := range s.open {
		if one.epoch != b.Epoch(one.account) {
			delete(s.open, id)
			continue
		}
		alive = append(alive, one)
	}
	slices.SortFunc(alive, func(a, b session) int { return cmp.Compare(a.order, b.order) })
	users := make([]rekey.ActiveUser, len(alive))
	for i, one := range alive {
		users[i] = rekey.ActiveUser{Account: one.account, Address: one.from.Address, Client: one.from.Type}
	}
	return users
}
