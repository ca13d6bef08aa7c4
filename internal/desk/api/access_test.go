package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/api"
	"rekey/internal/desk/staff"
	"rekey/internal/rekeytest/office"
	"rekey/seclog"
)

// browse is somebody over plain HTTP.
type browse struct {
	t    *testing.T
	base string
	http *http.Client
	key  string // of a program
	from string // what a proxy tells in X-Forwarded-For; empty = there is none
}

func (p *place) browse(name string) *browse {
	p.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	b := &browse{t: p.t, base: p.url, http: &http.Client{Jar: jar, Transport: &http.Transport{}}}
	p.t.Cleanup(b.http.CloseIdleConnections)
	if name != "" {
		b.logIn(p, name)
	}
	return b
}

func (b *browse) logIn(p *place, name string) {
	b.t.Helper()
	if p.keys[name] == nil {
		if err := p.as(name).LogOut(b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
	}
	_, body := b.send("POST", "/login/begin", "")
	var begun staff.Ceremony
	if err := json.Unmarshal([]byte(body), &begun); err != nil {
		b.t.Fatalf("%s: %v", body, err)
	}
	assertion, err := p.keys[name].Get(p.url, begun.Options)
	if err != nil {
		b.t.Fatal(err)
	}
	if status, body := b.send("POST", "/login", fmt.Sprintf(`{"id":%q,"assertion":%s}`, begun.ID, assertion)); status != http.StatusCreated {
		b.t.Fatalf("log in: %d %s", status, body)
	}
}

func (b *browse) send(method, path, body string, headers ...string) (int, string) {
	b.t.Helper()
	status, _, text := b.ask(method, path, body, headers...)
	return status, text
}

// ask sends a request; headers are pairs. Of a stream that goes on it reads nothing.
func (b *browse) ask(method, path, body string, headers ...string) (int, http.Header, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.base+api.Path+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	if b.key != "" {
		req.Header.Set("Authorization", "Bearer "+b.key)
	}
	if b.from != "" {
		req.Header.Set(forwardedFor, b.from)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return res.StatusCode, res.Header, ""
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(text)
}

// operation is what the document says of one.
type operation struct {
	method, path string
	ID           string                `json:"operationId"`
	Security     []map[string][]string `json:"security"`
	Parameters   []struct {
		Name, In string
		Required bool
		Schema   map[string]any
	} `json:"parameters"`
	RequestBody struct {
		Content map[string]struct {
			Schema map[string]any `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
	Act *struct {
		Act    desk.Act      `json:"act"`
		Roles  []staff.Role  `json:"roles"`
		Scopes []staff.Scope `json:"scopes"`
		StepUp bool          `json:"step_up"`
	} `json:"x-rekey-act"`
}

type document struct {
	OpenAPI    string                                `json:"openapi"`
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components struct {
		Schemas map[string]map[string]any `json:"schemas"`
	} `json:"components"`
	operations []operation
}

func readDocument(t *testing.T) document {
	t.Helper()
	text, err := api.Document()
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	for path, methods := range d.Paths {
		for method, raw := range methods {
			op := operation{method: strings.ToUpper(method), path: path}
			if err := json.Unmarshal(raw, &op); err != nil {
				t.Fatal(err)
			}
			d.operations = append(d.operations, op)
		}
	}
	slices.SortFunc(d.operations, func(a, b operation) int { return strings.Compare(a.ID, b.ID) })
	return d
}

// sample is a value that fits a schema, with as little as it asks for.
func (d document) sample(schema map[string]any) any {
	if ref, ok := schema["$ref"].(string); ok {
		return d.sample(d.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")])
	}
	if examples, ok := schema["examples"].([]any); ok {
		return examples[0]
	}
	if enum, ok := schema["enum"].([]any); ok {
		return enum[0]
	}
	kind, _ := schema["type"].(string)
	switch kind {
	case "object":
		out := map[string]any{}
		required, _ := schema["required"].([]any)
		for _, name := range required {
			properties, _ := schema["properties"].(map[string]any)
			of, _ := properties[name.(string)].(map[string]any)
			out[name.(string)] = d.sample(of)
		}
		return out
	case "array":
		items, _ := schema["items"].(map[string]any)
		return []any{d.sample(items)}
	case "integer", "number":
		return 1
	case "boolean":
		return true
	case "string":
		return "something"
	}
	return map[string]any{}
}

// request is a request that fits the operation, about fields of fill.
func (d document) request(t *testing.T, op operation, fill map[string]string) (path, body string) {
	t.Helper()
	path = op.path
	query := []string{}
	for _, p := range op.Parameters {
		value, ok := fill[p.Name]
		if !ok {
			value = fmt.Sprint(d.sample(p.Schema))
		}
		switch {
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", value)
		case p.In == "query" && (p.Required || ok):
			query = append(query, p.Name+"="+value)
		}
	}
	if len(query) > 0 {
		path += "?" + strings.Join(query, "&")
	}
	if body, ok := fill["body of "+op.ID]; ok {
		return path, body
	}
	content, ok := op.RequestBody.Content["application/json"]
	if !ok {
		return path, ""
	}
	b, err := json.Marshal(d.sample(content.Schema))
	if err != nil {
		t.Fatal(err)
	}
	return path, string(b)
}

// fillOf are the values of path and query for one operation of somebody's.
func fillOf(op operation, who, enrolment string) map[string]string {
	fill := map[string]string{"number": "1", "body of addEvidence": `{"kind":"E6","note":"called the registered number"}`, "body of setStolen": `{"stolen":false}`,
		"body of enrolRecorder": `{"enrolment":` + enrolment + `}`, "agent": who, "of": who, "name": "nobody-there",
		"since": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "until": time.Now().UTC().Format(time.RFC3339)}
	if strings.HasPrefix(op.path, "/hooks") || strings.HasPrefix(op.path, "/alarms") {
		fill["id"] = "4711"
	}
	return fill
}

// TestEveryOperationForEveryRole holds each operation against each role: what
// the document says, which is made of the grants, is what happens.
func TestEveryOperationForEveryRole(t *testing.T) {
	t.Parallel()
	d, p := readDocument(t), newPlace(t)
	p.openCase(p.as("ann"), p.enrol(), "withheld")
	for name, role := range office.People() {
		who, enrolment := p.browse(name), string(p.enrolment(newBox(t)))
		t.Run("as "+name, func(t *testing.T) {
			t.Parallel()
			who := &browse{t: t, base: who.base, http: who.http}
			for _, op := range d.operations {
				if op.Act == nil || op.ID == "logOut" {
					continue
				}
				who.holds(d, op, fillOf(op, name, enrolment), slices.Contains(op.Act.Roles, role))
			}
			if status, body := who.send("DELETE", "/session", ""); status != http.StatusNoContent {
				t.Errorf("log out: %d %s", status, body)
			}
		})
	}
}

// holds sends a request and looks at whether it was refused for the role.
func (b *browse) holds(d document, op operation, fill map[string]string, may bool) {
	b.t.Helper()
	path, body := d.request(b.t, op, fill)
	status, text := b.send(op.method, path, body)
	refused := status == http.StatusForbidden && strings.Contains(text, "may not do this")
	if refused == may || status == http.StatusUnauthorized || status == http.StatusTooManyRequests || status >= http.StatusInternalServerError {
		b.t.Errorf("%s %s %s: %d %s, allowed: %v", op.ID, path, body, status, text, may)
	}
	if may && op.Act.StepUp && b.key == "" && status != http.StatusForbidden {
		b.t.Errorf("%s without a step-up: %d %s", op.ID, status, text)
	}
}

// TestEveryOperationForEveryScope does the same for API keys.
func TestEveryOperationForEveryScope(t *testing.T) {
	t.Parallel()
	d := readDocument(t)
	p := newPlace(t)
	p.openCase(p.as("ann"), p.enrol(), "withheld")
	enrolment := string(p.enrolment(newBox(t)))
	for _, scope := range staff.Scopes() {
		key, err := p.desk.MakeKey(t.Context(), desk.Operator(), "only-"+strings.ReplaceAll(string(scope), ".", "-"), []staff.Scope{scope}, time.Now().Add(time.Hour), desk.StepUp{})
		if err != nil {
			t.Fatal(err)
		}
		t.Run(string(scope), func(t *testing.T) {
			t.Parallel()
			program := p.browse("")
			program.t, program.key = t, key.Reveal()
			for _, op := range d.operations {
				if op.Act == nil {
					continue
				}
				may := slices.Contains(op.Act.Scopes, scope)
				if documented := slices.ContainsFunc(op.Security, func(s map[string][]string) bool { _, ok := s["key"]; return ok }); may && !documented {
					t.Errorf("%s: the document asks for a session", op.ID)
				}
				program.holds(d, op, fillOf(op, "ann", enrolment), may)
			}
		})
	}
}

// TestNothingWithoutASession: every operation but the log-in's own is refused
// with 401, and nothing of it is recorded.
func TestNothingWithoutASession(t *testing.T) {
	t.Parallel()
	d := readDocument(t)
	p := newPlace(t)
	number := p.openCase(p.as("ann"), p.enrol(), "withheld")
	before := p.records()
	nobody, asked := p.browse(""), 0
	for _, op := range d.operations {
		if len(op.Security) == 1 && len(op.Security[0]) == 0 {
			continue
		}
		path, body := d.request(t, op, fillOf(op, "ann", "{}"))
		status, header, text := nobody.ask(op.method, path, body)
		switch asked++; {
		case status == http.StatusTooManyRequests && asked > 50:
		case status != http.StatusUnauthorized || !strings.Contains(text, `"code":"no_session"`) || header.Get("WWW-Authenticate") == "":
			t.Errorf("%s: %d %s", op.ID, status, text)
		}
	}
	if after := p.records(); after != before {
		t.Errorf("%d records before, %d after", before, after)
	}
	if c, err := p.desk.Case(t.Context(), desk.Agent{Name: "ann", Role: staff.RoleAgent}, number); err != nil || len(c.Notes) != 0 || c.Stage != desk.StageEvidence {
		t.Errorf("%+v: %v", c, err)
	}
}

// records counts the records of the security log, but for those of what the desk
// does in the background.
func (p *place) records() (n int) {
	p.t.Helper()
	for r, err := range seclog.Records(os.DirFS(filepath.Join(p.dir, desk.LogDir))) {
		if err != nil {
			p.t.Fatal(err)
		}
		if r.Actor != "desk" {
			n++
		}
	}
	return n
}

// TestOtherSites: a page of another site cannot act with an agent's cookie,
// neither with a form nor with JSON, and nobody reads anything from there.
func TestOtherSites(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	number := p.openCase(p.as("ann"), p.enrol(), "withheld")
	ann := p.browse("ann")
	path, note := fmt.Sprintf("/cases/%d/notes", number), `{"text":"not from here"}`
	for name, headers := range map[string][]string{
		"origin":          {"Origin", "https://evil.example"},
		"fetch metadata":  {"Sec-Fetch-Site", "cross-site"},
		"same site":       {"Sec-Fetch-Site", "same-site"},
		"plain text":      {"Content-Type", "text/plain"},
		"form":            {"Content-Type", "application/x-www-form-urlencoded"},
		"no content type": {"Content-Type", ""},
		"another charset": {"Content-Type", "application/json, text/plain"},
	} {
		if status, text := ann.send("POST", path, note, headers...); status != http.StatusForbidden && status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	status, header, text := ann.ask("POST", path, `{"text":"from here"}`, "Origin", p.url, "Sec-Fetch-Site", "same-origin")
	if status != http.StatusOK || strings.Contains(text, "not from here") || strings.Count(text, "from here") != 1 {
		t.Errorf("from here: %d %s", status, text)
	}
	for name, want := range map[string]string{"Access-Control-Allow-Origin": "", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
		if got := header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestSessionOfAnotherBrowser: a stolen cookie is worth nothing at another browser.
func TestSessionOfAnotherBrowser(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	ann := p.browse("ann")
	if status, text := ann.send("GET", "/session", "", "User-Agent", "another"); status != http.StatusUnauthorized {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := ann.send("GET", "/session", ""); status != http.StatusUnauthorized {
		t.Errorf("the session lives after somebody tried it elsewhere: %d", status)
	}
}

// TestRegistrationTakesAStepUp: without a proof, with one that was begun for other
// values, and with one that was used, an administrator's session changes nothing of a
// recorder but the mark as stolen, and that only to set it.
func TestRegistrationTakesAStepUp(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol()
	root, path := p.browse("root"), "/recorders/"+b.id.String()
	send := func(what, to, body, proof string, want int) {
		t.Helper()
		if status, text := root.send("POST", path+to, fmt.Sprintf(`{%s,"step_up":%s}`, body, proof)); status != want {
			t.Errorf("%s: %d %s, want %d", what, status, text, want)
		}
	}
	const none = `{"id":"","assertion":null}`
	seen := desk.Owner{Name: "Paul Example", Addresses: []string{"mailto:paul@example.org", "tel:+49 30 7654321"}}
	const owner = `"name":"Paul Example","addresses":["mailto:paul@example.org","tel:+49 30 7654321"]`
	const swapped = `"name":"Paul Example","addresses":["mailto:crook@example.net","tel:+49 30 7654321"]`
	touch := func(object string) string { return root.proof(p, "root", desk.ActRecorderUpdate, 0, object) }
	send("owner without a proof", "/owner", owner, none, http.StatusForbidden)
	send("other addresses", "/owner", swapped, touch(desk.OwnerProof(b.id, seen)), http.StatusForbidden)
	proof := touch(desk.OwnerProof(b.id, seen))
	send("owner", "/owner", owner, proof, http.StatusNoContent)
	send("the same proof again", "/owner", owner, proof, http.StatusForbidden)
	send("phrases without a proof", "/phrases", `"support":"seven quiet tables"`, none, http.StatusForbidden)
	send("report it stolen", "/stolen", `"stolen":true`, none, http.StatusNoContent)
	send("found without a proof", "/stolen", `"stolen":false`, none, http.StatusForbidden)
	if r, err := p.desk.Recorder(t.Context(), desk.Operator(), b.id); err != nil || r.Owner != "Paul Example" || !r.Stolen || !slices.Contains(r.Addresses, "mailto:p***@example.org") {
		t.Errorf("%+v: %v", r, err)
	}
}

// TestStepUpIsForOneThing: a proof for one act is worth nothing for another.
func TestStepUpIsForOneThing(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	root := p.browse("root")
	_, body := root.send("POST", "/step-up", `{"act":"agent.add","object":"dora\nagent"}`)
	var begun staff.Ceremony
	if err := json.Unmarshal([]byte(body), &begun); err != nil {
		t.Fatal(err, body)
	}
	assertion, err := p.keys["root"].Get(p.url, begun.Options)
	if err != nil {
		t.Fatal(err)
	}
	add := func(name string) (int, string) {
		return root.send("POST", "/agents", fmt.Sprintf(`{"name":%q,"role":"agent","step_up":{"id":%q,"assertion":%s}}`, name, begun.ID, assertion))
	}
	if status, text := add("mallory"); status != http.StatusForbidden {
		t.Errorf("for another name: %d %s", status, text)
	}
	if status, text := add("dora"); status == http.StatusCreated {
		t.Errorf("after it was tried for another: %d %s", status, text)
	}
	_, err = p.desk.Staff().Agent(t.Context(), "mallory")
	wantKind(t, err, rekey.ErrNotFound)
}
