package cloud

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"
)

// nonces for the signatures of recorders. One is handed to anybody and costs no
// memory: it holds its time and is sealed by a key. It is remembered only once a
// good signature has used it, and only for as long as it would still count. The
// key is drawn anew at each start, since what was used is forgotten by then.
type nonces struct {
	key  []byte
	now  func() time.Time
	mu   sync.Mutex
	used map[string]time.Time
}

const (
	nonceLife = 2 * time.Minute
	nonceLen  = 8 + 16
)

func newNonces(now func() time.Time) *nonces {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return &nonces{key: key, now: now, used: map[string]time.Time{}}
}

func (n *nonces) draw() string {
	b := binary.BigEndian.AppendUint64(nil, uint64(n.now().Unix())) //nolint:gosec // a time after 1970
	b = append(b, make([]byte, nonceLen-len(b))...)
	_, _ = rand.Read(b[8:]) // never fails
	return base64.RawURLEncoding.EncodeToString(n.seal(b))
}

func (n *nonces) seal(b []byte) []byte {
	mac := hmac.New(sha256.New, n.key)
	mac.Write(b)
	return append(b, mac.Sum(nil)[:16]...)
}

// fresh tells whether the cloud drew the nonce within its life.
func (n *nonces) fresh(text string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != nonceLen+16 || !hmac.Equal(n.seal(b[:nonceLen:nonceLen]), b) {
		return false
	}
	age := n.now().Unix() - int64(binary.BigEndian.Uint64(b)) //nolint:gosec // drawn above
	return age >= 0 && age <= int64(nonceLife/time.Second)
}

// use spends a nonce, once its signature is known to be good.
func (n *nonces) use(text string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	for old, at := range n.used {
		if now.Sub(at) > nonceLife+time.Second {
			delete(n.used, old)
		}
	}
	if _, again := n.used[text]; again || !n.fresh(text) {
		return false
	}
	n.used[text] = now
	return true
}
