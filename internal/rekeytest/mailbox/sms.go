package mailbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Text is one text message as it arrived at the provider.
type Text struct {
	To   string `json:"to"`
	Text string `json:"text"`
}

// Provider is an SMS provider that keeps what it is given. Whatever comes with
// another key, or is signed wrongly, fails the test.
type Provider struct {
	URL string
	Key string

	tb     testing.TB
	mu     sync.Mutex
	texts  []Text
	posts  int
	answer http.HandlerFunc
}

// ServeSMS starts a provider. It ends with the test.
func ServeSMS(tb testing.TB) *Provider {
	tb.Helper()
	p := &Provider{Key: "the desk's key at the provider", tb: tb}
	s := httptest.NewServer(p)
	tb.Cleanup(s.Close)
	p.URL = s.URL + "/send"
	return p
}

// Answer makes the provider answer so, and keep nothing; nil = take messages again.
func (p *Provider) Answer(with http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = with
}

// ServeHTTP takes one message.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.posts++
	answer := p.answer
	p.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer "+p.Key || !Signed(r.Header, p.Key, body) {
		p.tb.Errorf("a text message came in a way that no provider takes: %s %v", r.Method, err)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var t Text
	if err := json.Unmarshal(body, &t); err != nil {
		p.tb.Errorf("a text message cannot be read: %v", err)
	}
	p.mu.Lock()
	p.texts = append(p.texts, t)
	p.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}

// Posts counts the requests that came.
func (p *Provider) Posts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.posts
}

// To are the messages that went to a number, oldest first.
func (p *Provider) To(number string) []Text {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.texts), func(t Text) bool { return t.To != number })
}

// Signed checks a Rekey-Signature, as the receiver of a hook would:
// t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">.
func Signed(h http.Header, key string, body []byte) bool {
	at, sum, ok := strings.Cut(h.Get("Rekey-Signature"), ",v1=")
	at, isTime := strings.CutPrefix(at, "t=")
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(at + "." + string(body)))
	return ok && isTime && hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(sum))
}
