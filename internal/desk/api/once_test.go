package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey/internal/desk"
	"rekey/internal/desk/staff"
)

// notes counts the notes of a case.
func (p *place) notes(number int64) int {
	p.t.Helper()
	c, err := p.desk.Case(p.t.Context(), desk.Agent{Name: "sue", Role: staff.RoleSupervisor}, number)
	if err != nil {
		p.t.Fatal(err)
	}
	return len(c.Notes)
}

const keyHeader = "Idempotency-Key"

// TestRepeat: the same request with the same key acts once, and is answered in
// the same way, also after a restart.
func TestRepeat(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	number := p.openCase(p.as("ann"), p.enrol(), "withheld")
	ann, path := p.browse("ann"), fmt.Sprintf("/cases/%d/notes", number)
	note, other := `{"text":"first of all"}`, `{"text":"something else"}`
	_, first := ann.send("POST", path, note, keyHeader, "key-1")
	status, header, again := ann.ask("POST", path, note, keyHeader, `"key-1"`)
	if status != http.StatusOK || again != first || header.Get("Idempotent-Replayed") != "true" || header.Get("Content-Type") != "application/json" {
		t.Errorf("repeat: %d %v %s, first %s", status, header, again, first)
	}
	if status, text := ann.send("POST", path, other, keyHeader, "key-1"); status != http.StatusUnprocessableEntity || !strings.Contains(text, `"code":"verify"`) {
		t.Errorf("another body: %d %s", status, text)
	}
	if status, text := ann.send("POST", fmt.Sprintf("/cases/%d/pause", number), `{"why":"x"}`, keyHeader, "key-1"); status != http.StatusUnprocessableEntity {
		t.Errorf("another operation: %d %s", status, text)
	}
	for _, bad := range []string{"two words", strings.Repeat("x", 201), `"half`, `""`, "ä"} {
		if status, text := ann.send("POST", path, note, keyHeader, bad); status != http.StatusBadRequest {
			t.Errorf("key %q: %d %s", bad, status, text)
		}
	}
	bob := p.browse("bob")
	if status, text := bob.send("POST", path, other, keyHeader, "key-1"); status != http.StatusOK {
		t.Errorf("the key of somebody else: %d %s", status, text)
	}
	if n := p.notes(number); n != 2 {
		t.Errorf("%d notes, want 2", n)
	}
	p.restart()
	ann = p.browse("ann")
	if status, again := ann.send("POST", path, note, keyHeader, "key-1"); status != http.StatusOK || again != first {
		t.Errorf("after a restart: %d %s", status, again)
	}
	if n := p.notes(number); n != 2 {
		t.Errorf("%d notes after a restart, want 2", n)
	}
}

// TestRepeatsAtOnce: fifty at a time act once; the others get the same answer,
// or hear that the first is under way.
func TestRepeatsAtOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	number := p.openCase(p.as("ann"), p.enrol(), "withheld")
	ann, path := p.browse("ann"), fmt.Sprintf("/cases/%d/notes", number)
	const many = 50
	var all sync.WaitGroup
	var statuses [many]int
	var texts [many]string
	for i := range many {
		all.Go(func() { statuses[i], texts[i] = ann.send("POST", path, `{"text":"all at once"}`, keyHeader, "one") })
	}
	all.Wait()
	answer := ""
	for i, status := range statuses {
		switch {
		case status == http.StatusOK && (answer == "" || texts[i] == answer):
			answer = texts[i]
		case status != http.StatusConflict:
			t.Errorf("%d %s", status, texts[i])
		}
	}
	if n := p.notes(number); n != 1 || answer == "" {
		t.Errorf("%d notes, want 1", n)
	}
}

// TestRefusalsRepeat: what was refused is refused again in the same words, and
// recorded once.
func TestRefusalsRepeat(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	otto := p.browse("otto")
	_, first := otto.send("POST", "/cases/1/notes", `{"text":"I may not"}`, keyHeader, "k")
	before := p.records()
	status, again := otto.send("POST", "/cases/1/notes", `{"text":"I may not"}`, keyHeader, "k")
	if status != http.StatusForbidden || again != first {
		t.Errorf("%d %s, first %s", status, again, first)
	}
	if after := p.records(); after != before {
		t.Errorf("%d records before, %d after", before, after)
	}
}

// proof proves presence for one act of the session.
func (b *browse) proof(p *place, name string, act desk.Act, number int64, object string) string {
	b.t.Helper()
	_, body := b.send("POST", "/step-up", fmt.Sprintf(`{"act":%q,"case":%d,"object":%q}`, act, number, object))
	var begun staff.Ceremony
	if err := json.Unmarshal([]byte(body), &begun); err != nil || begun.ID == "" {
		b.t.Fatalf("%s: %v", body, err)
	}
	assertion, err := p.keys[name].Get(p.url, begun.Options)
	if err != nil {
		b.t.Fatal(err)
	}
	return fmt.Sprintf(`{"id":%q,"assertion":%s}`, begun.ID, assertion)
}

// TestToldOnce: what is told once is kept nowhere, and a repeat says so.
func TestToldOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	root := p.browse("root")
	end := time.Now().Add(time.Hour).UTC()
	until, key := end.Format(time.RFC3339), desk.KeyProof("line", []staff.Scope{staff.ScopeRecorders}, end)
	for _, ask := range []struct{ path, secret, body string }{
		{"/agents/ann/invite", "link", `{"step_up":` + root.proof(p, "root", desk.ActAgentInvite, 0, "ann") + `}`},
		{"/keys", "key", `{"name":"line","scopes":["recorders.read"],"until":"` + until + `","step_up":` + root.proof(p, "root", desk.ActKeyMake, 0, key) + `}`},
		{"/hooks", "secret", `{"url":"https://crm.example.com/","step_up":` + root.proof(p, "root", desk.ActHookAdd, 0, "https://crm.example.com/") + `}`},
	} {
		status, text := root.send("POST", ask.path, ask.body, keyHeader, "once"+ask.secret)
		var told map[string]any
		if err := json.Unmarshal([]byte(text), &told); err != nil || status != http.StatusCreated {
			t.Fatalf("%s: %d %v", ask.path, status, err)
		}
		if status, text := root.send("POST", ask.path, ask.body, keyHeader, "once"+ask.secret); status != http.StatusConflict || strings.Contains(text, fmt.Sprint(told[ask.secret])) {
			t.Errorf("%s again: %d %s", ask.path, status, text)
		}
		p.nowhere(fmt.Sprint(told[ask.secret]))
	}
}

// nowhere looks for a text in the desk's whole folder.
func (p *place) nowhere(secret string) {
	p.t.Helper()
	if i := strings.IndexByte(secret, '#'); i >= 0 {
		secret = secret[i+1:]
	}
	if found := filesWith(p.t, p.dir, secret); len(found) > 0 {
		p.t.Errorf("what is told once is in %s", strings.Join(slices.Compact(found), ", "))
	}
}
