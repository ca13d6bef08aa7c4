package desk_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/desk"
	"rekey/recovery"
)

// browse is one person's session over plain HTTP.
type browse struct {
	t    *testing.T
	base string
	http *http.Client
}

func newBrowse(t *testing.T, base, name string) *browse {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browse{t, base, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if name != "" {
		if status, body := b.api("POST", "/session", fmt.Sprintf(`{"name":%q,"password":%q}`, name, passwordOfAll)); status != http.StatusCreated {
			t.Fatalf("log in as %s: %d %s", name, status, body)
		}
	}
	return b
}

func (b *browse) api(method, path, body string) (int, string) {
	b.t.Helper()
	return b.send(method, "/api/v1"+path, "application/json", body)
}

func (b *browse) send(method, path, kind, body string) (int, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if method == "POST" {
		req.Header.Set("Content-Type", kind)
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// TestEveryCallForEveryRole holds each call of the API against each role, and
// against nobody. Each call is about a case of ann's where it could succeed.
func TestEveryCallForEveryRole(t *testing.T) {
	t.Parallel()
	const yes, no = true, false
	type allowed struct{ ann, bob, carol, sue, otto, root bool }
	calls := []struct {
		method, path, body string
		allowed            allowed
	}{
		{"GET", "/session", "", allowed{yes, yes, yes, yes, yes, yes}},
		{"GET", "/recorders", "", allowed{yes, yes, yes, yes, yes, yes}},
		{"GET", "/recorders/{id}", "", allowed{yes, yes, yes, yes, yes, yes}},
		{"POST", "/cases", `{"device_id":"{id}","account":"admin","purpose":"","caller":"+49301"}`, allowed{yes, yes, no, yes, no, no}},
		{"GET", "/cases", "", allowed{yes, yes, yes, yes, yes, no}},
		{"GET", "/cases/{gather}", "", allowed{yes, yes, yes, yes, yes, no}},
		{"POST", "/cases/{gather}/evidence", `{"kind":"E3","note":"matched the registry","qr":""}`, allowed{yes, no, no, no, no, no}},
		{"POST", "/cases/{approve}/approval", `{"decision":"approve"}`, allowed{no, no, yes, yes, no, no}},
		{"POST", "/cases/{ready}/challenge", `{"challenge":"{challenge}"}`, allowed{yes, no, no, no, no, no}},
		{"POST", "/cases/{gather}/close", `{"outcome":"given up"}`, allowed{yes, no, no, yes, no, no}},
		{"GET", "/log", "", allowed{no, no, no, yes, yes, yes}},
		{"DELETE", "/session", "", allowed{yes, yes, yes, yes, yes, yes}},
	}
	people := []string{"ann", "bob", "carol", "sue", "otto", "root", ""}
	for _, name := range people {
		t.Run("as "+orNobody(name), func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			b := p.enrol(ownerOfAll())
			gather := p.openCase(ann(), b, "+49301").Number
			approve := p.openCase(ann(), b, "+49301").Number
			p.add(ann(), approve, desk.EvidenceAddress, desk.EvidencePhrase)
			fill := strings.NewReplacer("{id}", b.id.String(), "{gather}", fmt.Sprint(gather), "{approve}", fmt.Sprint(approve),
				"{ready}", fmt.Sprint(p.ready(b, "+49301").Number), "{challenge}", b.challenge(t, recovery.PurposePassword).String())
			who := newBrowse(t, p.serve(), name)
			for _, c := range calls {
				may := map[string]bool{"ann": c.allowed.ann, "bob": c.allowed.bob, "carol": c.allowed.carol,
					"sue": c.allowed.sue, "otto": c.allowed.otto, "root": c.allowed.root}[name]
				status, body := who.api(c.method, fill.Replace(c.path), fill.Replace(c.body))
				refused := http.StatusForbidden
				if name == "" {
					refused = http.StatusUnauthorized
				}
				if may && status >= 300 || !may && status != refused {
					t.Errorf("%s %s: %d %s, allowed: %v", c.method, c.path, status, body, may)
				}
			}
		})
	}
}

func orNobody(name string) string {
	if name == "" {
		return "nobody"
	}
	return name
}

// TestPagesNeedASession also shows that refused pages tell nothing.
func TestPagesNeedASession(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49301")
	nobody := newBrowse(t, p.serve(), "")
	for _, path := range []string{"/", "/recorders", "/recorders/" + b.id.String(), fmt.Sprintf("/cases/%d", c.Number), "/log", "/find?device_id=x"} {
		if status, body := nobody.send("GET", path, "", ""); status != http.StatusSeeOther || strings.Contains(body, "Petra") {
			t.Errorf("GET %s: %d %s", path, status, body)
		}
	}
	if status, _ := nobody.send("POST", fmt.Sprintf("/cases/%d/challenge", c.Number), "application/x-www-form-urlencoded", "challenge="+b.challenge(t, 0).String()); status != http.StatusSeeOther {
		t.Errorf("POST challenge: %d", status)
	}
}

// TestBadBodies are refused with one clear line, and cost nothing.
func TestBadBodies(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49301")
	good := b.challenge(t, recovery.PurposePassword).String()
	agent := newBrowse(t, p.serve(), "ann")
	path := fmt.Sprintf("/cases/%d/challenge", c.Number)
	mistyped := []byte(good)
	mistyped[6] ^= 1
	for name, body := range map[string]string{
		"empty": "", "not an object": "[1]", "unknown field": `{"challenge":"x","force":true}`,
		"wrong type": `{"challenge":7}`, "two values": `{"challenge":"x"}{}`, "no challenge": `{}`,
		"mistyped": fmt.Sprintf(`{"challenge":%q}`, mistyped), "an answer": `{"challenge":"05D8-4WAY-9MWG-ZXD1"}`,
	} {
		if status, got := agent.api("POST", path, body); status != http.StatusBadRequest || !strings.Contains(got, `"code":"input"`) {
			t.Errorf("%s: %d %s", name, status, got)
		}
	}
	if status, got := agent.api("POST", path, `{"challenge":"`+strings.Repeat("x", 2<<20)+`"}`); status != http.StatusRequestEntityTooLarge {
		t.Errorf("2 MiB: %d %s", status, got)
	}
	if _, got := agent.api("POST", path, fmt.Sprintf(`{"challenge":%q}`, mistyped)); !strings.Contains(got, "group 2 of the challenge mistyped") {
		t.Errorf("the wrong group is not named: %s", got)
	}
	if status, got := agent.send("POST", "/api/v1"+path, "text/plain", fmt.Sprintf(`{"challenge":%q}`, good)); status != http.StatusBadRequest {
		t.Errorf("text/plain: %d %s", status, got)
	}
	if status, got := agent.api("POST", path, fmt.Sprintf(`{"challenge":%q}`, good)); status != http.StatusOK {
		t.Errorf("after all that, the right one: %d %s", status, got)
	}
}

// TestCrossOrigin shows that another site's page cannot act with an agent's cookie.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	c := p.ready(b, "+49301")
	agent := newBrowse(t, p.serve(), "ann")
	req, err := http.NewRequestWithContext(t.Context(), "POST", agent.base+fmt.Sprintf("/cases/%d/challenge", c.Number),
		strings.NewReader("challenge="+b.challenge(t, 0).String()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "https://evil.example")
	res, err := agent.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("status %d, want 403", res.StatusCode)
	}
	if got, err := p.desk.Case(t.Context(), ann(), c.Number); err != nil || got.Stage != desk.StageChallenge {
		t.Errorf("stage %q after the attack: %v", got.Stage, err)
	}
}

// TestOperatorIsNoAgent: the role of whoever runs rekey on the machine is not to be had.
func TestOperatorIsNoAgent(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	err := p.desk.AddAgent(t.Context(), desk.Operator(), "operator", desk.RoleAdministrator, rekey.NewSecret(passwordOfAll))
	wantKind(t, err, rekey.ErrInput)
	err = p.desk.AddAgent(t.Context(), desk.Operator(), "mallory", desk.RoleOperator, rekey.NewSecret(passwordOfAll))
	wantKind(t, err, rekey.ErrInput)
	err = p.desk.AddAgent(t.Context(), ann(), "mallory", desk.RoleAgent, rekey.NewSecret(passwordOfAll))
	wantKind(t, err, rekey.ErrDenied)
}
