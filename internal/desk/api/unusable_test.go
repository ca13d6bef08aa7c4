package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rekey/internal/desk"
)

// TestBadInputOfWhoMayNot: who may not do an act tries it with a request that
// cannot be read. They hear that they may not, and it is recorded, with the case;
// who may do it hears what was wrong, and that is no record.
func TestBadInputOfWhoMayNot(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	number := p.openCase(p.as("ann"), p.enrol(), "withheld")
	evidence := fmt.Sprintf("/cases/%d/evidence", number)
	ann, bob, otto, root := p.browse("ann"), p.browse("bob"), p.browse("otto"), p.browse("root")
	for name, try := range map[string]struct {
		may, not   *browse
		path, body string
		headers    []string
	}{
		"no JSON":         {ann, otto, evidence, `{`, nil},
		"another's case":  {ann, bob, evidence, `{"kind":"E1"}`, nil},
		"an unknown kind": {ann, otto, evidence, `{"kind":"E9"}`, nil},
		"unknown field":   {ann, otto, evidence, `{"kind":"E6","note":"called","x":1}`, nil},
		"no JSON at all":  {ann, otto, evidence, `kind=E6`, []string{"Content-Type", "text/plain"}},
		"a bad key":       {ann, otto, evidence, `{"kind":"E6"}`, []string{"Idempotency-Key", "two words"}},
		"no Device ID":    {ann, otto, "/cases", `{"device_id":"x","account":"admin","caller":"withheld"}`, nil},
		"a bad role":      {root, ann, "/agents", `{"name":"eve","role":"operator"}`, nil},
	} {
		before := p.records()
		if status, text := try.may.send("POST", try.path, try.body, try.headers...); status != http.StatusBadRequest || p.records() != before {
			t.Errorf("%s, of who may: %d %s, %d records", name, status, text, p.records()-before)
		}
		if status, text := try.not.send("POST", try.path, try.body, try.headers...); status != http.StatusForbidden || p.records() != before+1 {
			t.Errorf("%s, of who may not: %d %s, %d records", name, status, text, p.records()-before)
		}
	}
}

// TestRepeatAfterTheRight: the answer to a request is kept for a repeat, and told
// to whoever may still do the act.
func TestRepeatAfterTheRight(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	number := p.openCase(p.as("ann"), p.enrol(), "withheld")
	ann := p.browse("ann")
	pause := func() (int, string) {
		return ann.send("POST", fmt.Sprintf("/cases/%d/pause", number), `{"why":"drives to the recorder"}`, "Idempotency-Key", "once")
	}
	for range 2 {
		if status, text := pause(); status != http.StatusOK || !strings.Contains(text, "drives to the recorder") {
			t.Fatalf("%d %s", status, text)
		}
	}
	if _, err := p.desk.HandOver(t.Context(), desk.Agent{Name: "sue", Role: "supervisor"}, number, "bob"); err != nil {
		t.Fatal(err)
	}
	if status, text := pause(); status != http.StatusForbidden || strings.Contains(text, "drives") {
		t.Errorf("after the case was given away: %d %s", status, text)
	}
}

// TestNewsAreNoUse: an agent leaves their desk with the page open, and its browser
// asks for news again whenever the stream breaks. After a quarter of an hour the
// session is over all the same.
func TestNewsAreNoUse(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	var later atomic.Int64
	p := newPlaceAt(t, func() time.Time { return begun.Add(time.Duration(later.Load())) })
	ann, bob := p.browse("ann"), p.browse("bob")
	later.Store(int64(14 * time.Minute))
	if status, text := ann.send("GET", "/news", ""); status != http.StatusOK {
		t.Fatalf("news: %d %s", status, text)
	}
	if status, text := bob.send("GET", "/session", ""); status != http.StatusOK {
		t.Fatalf("session: %d %s", status, text)
	}
	later.Store(int64(16 * time.Minute))
	if status, _ := ann.send("GET", "/session", ""); status != http.StatusUnauthorized {
		t.Errorf("who only had news: %d", status)
	}
	if status, _ := bob.send("GET", "/session", ""); status != http.StatusOK {
		t.Errorf("who did something: %d", status)
	}
}
