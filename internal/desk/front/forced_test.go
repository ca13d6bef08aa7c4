package front_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/front"
	"rekey/internal/desk/passkey"
	"rekey/internal/desk/staff"
	"rekey/seclog"
)

// program speaks to the pages without a browser, as whoever forges requests.
type program struct {
	t    *testing.T
	base string
	http *http.Client
	name string // of who is logged in
}

func newProgram(h *house) *program {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return &program{t: h.t, base: h.base, http: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (p *program) send(method, path, kind, body string, header ...string) (status int, text string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := p.http.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// logIn registers a passkey for the agent and logs in with it.
func (p *program) logIn(h *house, name string) {
	p.t.Helper()
	p.name = name
	link, _, err := h.desk.Invite(p.t.Context(), desk.Operator(), name, false, desk.StepUp{})
	if err != nil {
		p.t.Fatal(err)
	}
	_, text, _ := strings.Cut(link.Reveal(), "#")
	token, here := rekey.NewSecret(text), netip.MustParseAddr("127.0.0.1")
	c, _, err := h.desk.Staff().BeginPasskey(p.t.Context(), token, here)
	if err != nil {
		p.t.Fatal(err)
	}
	key, credential, err := passkey.Create(h.base, c.Options, rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := h.desk.Staff().FinishPasskey(p.t.Context(), token, here, c.ID, credential, "test"); err != nil {
		p.t.Fatal(err)
	}
	status, body := p.send("POST", "/api/v1/login/begin", "application/json", "{}")
	if status != http.StatusOK || json.Unmarshal([]byte(body), &c) != nil {
		p.t.Fatalf("begin the log-in: %d", status)
	}
	assertion, err := key.Get(h.base, c.Options)
	if err != nil {
		p.t.Fatal(err)
	}
	proof, err := json.Marshal(desk.StepUp{ID: c.ID, Assertion: assertion})
	if err != nil {
		p.t.Fatal(err)
	}
	if status, _ := p.send("POST", "/api/v1/login", "application/json", string(proof)); status >= http.StatusMultipleChoices {
		p.t.Fatalf("log in: %d", status)
	}
}

// refused are the records of refusals of one agent, by what they were refused, with
// the number of the case.
func (h *house) refused(name string) (all []string) {
	h.t.Helper()
	for rec, err := range seclog.Records(os.DirFS(filepath.Join(h.dir, desk.LogDir))) {
		if err != nil {
			h.t.Fatal(err)
		}
		if rec.Actor == name && rec.Result == "refused" {
			all = append(all, strings.TrimSpace(rec.Event+" "+rec.Object+" "+rec.Case))
		}
	}
	return all
}

// acts say what each page does at the desk, so that a role that may not do it
// must be refused.
func acts() map[string]desk.Act {
	return map[string]desk.Act{
		"GET /cases": desk.ActCaseList, "GET /cases/{number}/{form}": desk.ActCaseRead, "POST /cases": desk.ActCaseOpen, "GET /cases/{number}": desk.ActCaseRead,
		"POST /cases/{number}/evidence": desk.ActEvidenceAdd, "POST /cases/{number}/code": desk.ActCodeSend,
		"POST /cases/{number}/address": desk.ActAddressShow, "POST /cases/{number}/send-to": desk.ActSendTo,
		"POST /cases/{number}/approval": desk.ActCaseApprove, "POST /cases/{number}/challenge": desk.ActReveal,
		"POST /cases/{number}/notes": desk.ActCaseNote, "POST /cases/{number}/handover": desk.ActCaseHandOver,
		"POST /cases/{number}/pause": desk.ActCasePause, "POST /cases/{number}/resume": desk.ActCaseResume,
		"POST /cases/{number}/freeze": desk.ActCaseFreeze, "POST /cases/{number}/thaw": desk.ActCaseThaw,
		"POST /cases/{number}/close": desk.ActCaseClose,
		"GET /recorders":             desk.ActRecorderList, "GET /recorders/{id}": desk.ActRecorderRead,
		"GET /{$}": "", "GET /account": desk.ActSessionList, "POST /account/sessions/{id}/end": desk.ActSessionEnd,
		"POST /scan": "", "POST /marks": "", "POST /logout": desk.ActLogOut,
	}
}

// TestAgentPagesByForce asks for every page as nobody, from another site, and as
// every role, whether or not a link leads there. Nothing happens to the case, and
// each page that was refused to an agent is on record, once.
func TestAgentPagesByForce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.enrol(petra())
	opened, err := h.desk.OpenCase(t.Context(), desk.Agent{Name: "ann", Role: staff.RoleAgent, Browser: "hers"}, desk.NewCase{DeviceID: b.id, Account: "admin", Caller: "+493012345"})
	if err != nil {
		t.Fatal(err)
	}
	people := map[staff.Role]*program{}
	for role, name := range map[staff.Role]string{staff.RoleAgent: "bob", staff.RoleApprover: "carol", staff.RoleSupervisor: "sue", staff.RoleAuditor: "otto", staff.RoleAdministrator: "root"} {
		people[role] = newProgram(h)
		people[role].logIn(h, name)
	}
	nobody := newProgram(h)
	const form = "application/x-www-form-urlencoded"
	all, forced := acts(), map[staff.Role][]string{}
	for _, pattern := range front.AgentPatterns() {
		act, known := all[pattern]
		if !known {
			t.Errorf("%s: say in this test what it does", pattern)
			continue
		}
		method, path, _ := strings.Cut(pattern, " ")
		path = strings.NewReplacer("{$}", "", "{number}", "1", "{id}", b.id.String()).Replace(path)
		body := url.Values{"device_id": {b.id.String()}, "account": {"admin"}, "caller": {"+493012346"}, "kind": {"E4"}, "note": {"a forged note"}, "target": {"0"},
			"decision": {"approve"}, "text": {"forged"}, "to": {"bob"}, "why": {"forged"}, "outcome": {"solved"}, "password_set": {"yes"}, "caller_in": {"yes"},
			"challenge": {"400R-0YG6-V5GS-YMWC-QV05"}}.Encode()
		want := map[string]int{"GET": http.StatusSeeOther, "POST": http.StatusUnauthorized}[method]
		if status, _ := nobody.send(method, path, form, body); status != want {
			t.Errorf("%s as nobody: %d, want %d", pattern, status, want)
		}
		for role, p := range people {
			if method == "POST" {
				if status, _ := p.send(method, path, form, body, "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
					t.Errorf("%s from another site as %s: %d", pattern, role, status)
				}
			}
			if act == "" || act == desk.ActLogOut || desk.May(desk.Agent{Role: role}, act) {
				continue
			}
			for _, sent := range []string{body, "%zz"} { // a form that cannot be read is no way around
				if status, _ := p.send(method, path, form, sent); status != http.StatusForbidden {
					t.Errorf("%s as %s: %d, want 403", pattern, role, status)
				}
				number := ""
				if strings.Contains(pattern, "{number}") {
					number = " 1"
				}
				forced[role] = append(forced[role], string(act)+" "+method+" "+path+number)
			}
		}
	}
	for role := range people {
		if got := h.refused(people[role].name); !slices.Equal(got, forced[role]) {
			t.Errorf("refusals of %s on record are %q, want %q", role, got, forced[role])
		}
	}
	after, err := h.desk.Case(t.Context(), desk.Agent{Name: "ann", Role: staff.RoleAgent, Browser: "hers"}, opened.Number)
	if err != nil {
		t.Fatal(err)
	}
	if after.Stage != opened.Stage || len(after.Evidence) != 0 || len(after.Notes) != 0 || after.WorkedBy != "ann" {
		t.Errorf("the case has changed: %+v", after)
	}
}

// TestPagesHeaders: no page may be framed, kept or sniffed, and only those that
// scan may use the camera.
func TestPagesHeaders(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := newProgram(h)
	ann.logIn(h, "ann")
	for path, camera := range map[string]bool{"/": true, "/cases": false, "/account": false, "/login": false} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", h.base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := ann.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if got := strings.Contains(res.Header.Get("Permissions-Policy"), "camera=(self)"); got != camera {
			t.Errorf("%s: camera %v, want %v", path, got, camera)
		}
		if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'self'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: Content-Security-Policy %q", path, csp)
		}
		if got := res.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
	}
	for _, to := range []string{"//evil.example", "https://evil.example", "/\\evil.example", "evil"} {
		if _, page := newProgram(h).send("GET", "/login?to="+url.QueryEscape(to), "", ""); strings.Contains(page, "evil") {
			t.Errorf("the log-in leads to %q", to)
		}
	}
	if status, _ := ann.send("POST", "/scan", "image/png", string(bytes.Repeat([]byte("x"), 2<<20))); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a picture of 2 MiB: %d", status)
	}
}
