package lan

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"
)

const (
	nonceLife = 5 * time.Minute
	maxProved = 256
)

// nonces of HTTP digest. One that was only handed out takes no memory: it
// carries its time and a MAC of its own. One that a client has proved itself
// with is remembered, with the counts (nc) it was used with, until it is too old.
type nonces struct {
	key [sha256.Size]byte
	now func() time.Time

	mu     sync.Mutex
	proved map[string]*provedNonce
}

type provedNonce struct {
	account string
	highest uint64
	window  uint64 // bit i: highest-i was used
	born    time.Time
	closed  func() // ends the entry in the list of active users
}

func newNonces(now func() time.Time) *nonces {
	n := &nonces{now: now, proved: map[string]*provedNonce{}}
	_, _ = rand.Read(n.key[:]) // never fails, says crypto/rand
	return n
}

// issue makes a nonce: 8 bytes of time, 8 random ones, 16 of MAC.
func (n *nonces) issue() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(n.now().UnixMilli())) //nolint:gosec // after 1970
	_, _ = rand.Read(b[8:])
	return base64.RawURLEncoding.EncodeToString(append(b[:], n.mac(b[:])...))
}

func (n *nonces) mac(b []byte) []byte {
	m := hmac.New(sha256.New, n.key[:])
	m.Write(b)
	return m.Sum(nil)[:16]
}

// fresh tells whether the nonce is one of ours and young enough.
func (n *nonces) fresh(nonce string) bool {
	b, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(b) != 32 || !hmac.Equal(n.mac(b[:16]), b[16:]) {
		return false
	}
	age := n.now().Sub(time.UnixMilli(int64(binary.BigEndian.Uint64(b[:8])))) //nolint:gosec // made by issue
	return age >= 0 && age < nonceLife
}

// use books the count nc of a nonce. ok is false when that count was used
// before or has fallen out of the window; proved names the account that has
// proved itself with the nonce, if one has.
// Without counted, as in RFC 2069, a nonce may be used any number of times.
func (n *nonces) use(nonce string, nc uint64, counted bool) (proved string, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p, known := n.proved[nonce]
	if !known {
		return "", nc > 0 || !counted
	}
	if !counted {
		return p.account, true
	}
	return p.account, p.book(nc)
}

func (p *provedNonce) book(nc uint64) bool {
	switch {
	case nc == 0:
		return false
	case nc > p.highest:
		p.window = p.window<<(nc-p.highest) | 1
		p.highest = nc
		return true
	case p.highest-nc >= 64 || p.window>>(p.highest-nc)&1 == 1:
		return false
	}
	p.window |= 1 << (p.highest - nc)
	return true
}

// keep remembers a nonce that an account has just proved itself with. Where
// there are too many, the oldest goes and its client logs in again.
func (n *nonces) keep(nonce, account string, nc uint64, closed func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sweep()
	if p, known := n.proved[nonce]; known {
		p.account = account
		closed()
		return
	}
	if len(n.proved) >= maxProved {
		n.drop(n.oldest())
	}
	n.proved[nonce] = &provedNonce{account: account, highest: nc, window: 1, born: n.now(), closed: closed}
}

func (n *nonces) oldest() (nonce string) {
	var born time.Time
	for k, p := range n.proved {
		if nonce == "" || p.born.Before(born) {
			nonce, born = k, p.born
		}
	}
	return nonce
}

func (n *nonces) drop(nonce string) {
	if p, known := n.proved[nonce]; known {
		delete(n.proved, nonce)
		p.closed()
	}
}

// sweep forgets what fresh refuses by now. The caller holds mu.
func (n *nonces) sweep() {
	for nonce, p := range n.proved {
		if n.now().Sub(p.born) > nonceLife {
			n.drop(nonce)
		}
	}
}

// tidy is sweep for those who do not hold mu.
func (n *nonces) tidy() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sweep()
}

func (n *nonces) clear() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for nonce := range n.proved {
		n.drop(nonce)
	}
}
