package api_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestTooManyRequests: whoever has no session waits soon, and who has one is
// not held up by them, but bounded, too.
func TestTooManyRequests(t *testing.T) {
	t.Parallel()
	now := time.Now() // it stands still, so that a slow desk gets nobody a token more
	p := newPlaceAt(t, func() time.Time { return now })
	ann := p.browse("ann")
	nobody := p.browse("")
	refused := func(b *browse, most int) bool {
		for range most {
			status, header, text := b.ask("GET", "/session", "")
			if status != http.StatusTooManyRequests {
				continue
			}
			if wait, err := strconv.Atoi(header.Get("Retry-After")); err != nil || wait < 1 || !strings.Contains(text, `"code":"locked"`) {
				t.Errorf("Retry-After %q: %s", header.Get("Retry-After"), text)
			}
			return true
		}
		return false
	}
	if !refused(nobody, 100) {
		t.Error("a hundred requests without a session, and none was refused")
	}
	if status, text := ann.send("GET", "/session", ""); status != http.StatusOK {
		t.Errorf("who is logged in at the same address: %d %s", status, text)
	}
	if !refused(ann, 200) {
		t.Error("two hundred requests of one session, and none was refused")
	}
}
