package front_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"rekey/internal/desk"
	"rekey/internal/desk/staff"
	"rekey/seclog"
)

// TestAdministrator goes through all that an administrator keeps, by the pages.
func TestAdministrator(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	root := h.person("root")
	root.Wants("Agents", "ann", "carol", "none yet")
	root.look("agents")

	root.Type("#name", "dora")
	root.Pick("#role", "agent")
	root.Press("Add agent")
	root.Wants("Agent dora", "works cases", "One-time link")
	root.look("agent")
	root.Press("Draw a one-time link")
	root.Wants("This is shown once", "It registers one passkey, once, until")
	link := root.Value("#told-once")
	if !strings.HasPrefix(link, h.base+"/join#") {
		t.Errorf("the link is %q", link)
	}
	root.look("agent-link")
	dora := h.stranger()
	dora.Open(link)
	dora.Tick("#join button")
	dora.Await("#joined")

	root.Press("Done: it is kept safe")
	root.Pick("#role", "approver")
	root.Press("Change role")
	root.Wants("approver: approves other people's cases")
	root.Type("#sso", "dora@example.org")
	root.Press("Save address")
	root.Wants("dora@example.org")
	root.Press("Disable dora")
	root.Wants("Disabled since")
	root.Press("Enable dora")
	root.wantsNot("Disabled since")

	root.Open(h.base + "/agents")
	root.Type("#name", "dora")
	root.Press("Add agent")
	root.Wants("dora")
	if root.Path() != "/agents" || root.Value("#name") != "dora" {
		t.Error("the form with the name that is taken is not shown again")
	}
	root.picture("agents-wrong")

	root.Open(h.base + "/keys")
	root.Type("#name", "line-3")
	root.Tick(`input[value="recorders.enrol"]`)
	root.Tick(`input[value="recorders.read"]`)
	root.picture("keys-form")
	root.Press("Make key")
	root.Wants("API key line-3", "enrol recorders (a production line); read recorders", "Authorization: Bearer")
	key := root.Value("#told-once")
	if res, _ := h.send(http.MethodGet, "/api/v1/recorders", nil, "Authorization", "Bearer "+key); res.StatusCode != http.StatusOK {
		t.Errorf("the key reads recorders: status %d", res.StatusCode)
	}
	root.picture("key-once")
	root.Press("Done: it is kept safe")
	root.wantsNot(key)
	root.look("keys")
	root.Press("Revoke")
	root.Wants("revoked")
	if res, _ := h.send(http.MethodGet, "/api/v1/recorders", nil, "Authorization", "Bearer "+key); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("the revoked key reads recorders: status %d", res.StatusCode)
	}

	root.Open(h.base + "/hooks")
	root.Type("#url", "http://localhost:1/rekey")
	root.Type("#events", "case.opened, case.notme")
	root.Press("Add hook")
	root.Wants("Secret of the hook", "hmac_sha256")
	root.picture("hook-once")
	root.Press("Done: it is kept safe")
	root.Wants("http://localhost:1/rekey", "case.opened, case.notme")
	root.look("hooks")
	root.Press("Remove")
	root.Wants("There is no hook")

	root.Open(h.base + "/dealers")
	root.Type("#name", "alarm-smith")
	root.Type("#company", "Alarm Smith Ltd")
	root.Type("#phone", "+49 30 7654321")
	root.Eval(`document.getElementById("until").value = "2031-01-01"`)
	root.Press("Save dealer")
	root.Wants("alarm-smith", "Alarm Smith Ltd")
	root.look("dealers")
	root.Press("End")
	root.Wants("ended")

	root.Open(h.base + "/enrol")
	root.look("enrol")
}

// TestRegistration: an administrator changes a recorder's registration by the page,
// with a touch of the passkey for what the form shows. Whoever sits at the open browser
// without the passkey, and whoever sends the form past the page, changes nothing.
func TestRegistration(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.enrol(petra())
	path := "/recorders/" + b.id.String()
	root := h.person("root")
	root.Open(h.base + path)
	root.Press("Registration: owner, addresses, phrases, stolen")
	root.Type("#owner", "  Paul Example ")
	root.Eval(`document.getElementById("since").value = "2026-01-02"`)
	root.Eval(`document.getElementById("addresses").value = " mailto:paul@example.org\n\ntel:+49307654321  MAILTO:pat@example.org\n"`)
	root.look("registration")
	root.passkey.Verify(false)
	root.Tick(`form[action$="/owner"] button`)
	root.AwaitText("The passkey was not used. Nothing was done")
	for _, form := range []string{"/owner", "/phrases"} {
		if got := root.status("POST", path+form); got != "403" {
			t.Errorf("%s without a touch: status %s", form, got)
		}
	}
	if r, err := h.desk.Recorder(t.Context(), desk.Operator(), b.id); err != nil || r.Owner != "Petra Example" || len(r.Addresses) != 2 {
		t.Errorf("the recorder was changed: %+v, %v", r, err)
	}
	root.passkey.Verify(true)
	root.Press("Save")
	root.Wants("Paul Example, since 2026-01-02", "mailto:p***@example.org, mailto:p***@example.org, tel:***321")

	root.Type("#owner", "Pat Example") // and nothing else
	root.Press("Save")
	root.Wants("Pat Example", "tel:***321")
	root.Type("#support", "blue heron at noon")
	root.Type("#duress", "grey heron at noon")
	root.Press("Save phrases")
	root.Wants("Mark as reported stolen")
	root.passkey.Verify(false)
	root.Press("Mark as reported stolen") // takes no touch
	root.Wants("While the mark stands there is no answer")
	root.picture("registration-stolen")
	root.Tick(`form[action$="/stolen"] button`)
	root.AwaitText("The passkey was not used. Nothing was done")
	root.passkey.Verify(true)
	root.Press("Found again: take the mark away")
	root.Wants("Mark as reported stolen")
	root.Type("#addresses", "paul@example.org")
	root.Press("Save")
	root.Wants("expected mailto:NAME@HOST")

	if got, want := h.refused("root"), "recorder.update "+b.id.String(); !slices.Equal(got, []string{want, want}) {
		t.Errorf("refused on record: %q", got)
	}
	report, err := h.desk.VerifyLog(t.Context(), desk.Operator())
	if err != nil || !slices.ContainsFunc(report.Last, func(r seclog.Record) bool { return r.Detail["what"] == "phrases" && r.Result == "allowed" }) {
		t.Errorf("no phrases on record: %v, %+v", err, report.Last)
	}
}

// TestEnrolUpload takes an enrolment file in a form, and refuses what is none.
func TestEnrolUpload(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	root := h.person("root")
	root.Open(h.base + "/enrol")
	b, file := h.newBox()
	root.attach("#enrolment", "not an enrolment")
	root.Press("Enrol this recorder")
	root.Wants("not an enrolment file")
	root.attach("#enrolment", string(file))
	root.Type("#addresses", "mailto:petra@example.org")
	root.Press("Enrol this recorder")
	root.Wants("Enrolled: "+b.id.String(), "Test challenge")
	root.look("enrolled")
	root.Press("To the recorder")
	root.Wants("p***@example.org")
}

// TestForcedBrowsing: nobody sees or does what their role does not allow, by
// whatever address, and without a session nothing at all. Each page that was
// refused is on record, once.
func TestForcedBrowsing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.enrol(petra())
	h.openCase(b, "+493012345")
	id := "/recorders/" + b.id.String()
	const (
		agent, approver, supervisor, auditor, administrator = "ann", "carol", "sue", "otto", "root"
	)
	pages := map[string][]string{ // who may see it
		"/approvals":      {approver, supervisor},
		"/team":           {supervisor, administrator},
		"/figures":        {supervisor, auditor, administrator},
		"/alarms":         {supervisor, auditor, administrator},
		"/log":            {supervisor, auditor, administrator},
		"/log/records":    {supervisor, auditor, administrator},
		"/log/checkpoint": {supervisor, auditor, administrator},
		"/rights":         {supervisor, auditor, administrator},
		"/reconcile":      {supervisor, auditor, administrator},
		"/agents":         {administrator},
		"/agents/ann":     {administrator},
		"/keys":           {auditor, administrator},
		"/hooks":          {auditor, administrator},
		"/dealers":        {agent, approver, supervisor, auditor, administrator},
		"/enrol":          {administrator},
		id + "/owner":     {administrator},
	}
	acts := map[string][]string{ // who is not refused for the role; what else is wrong with the form does not matter
		"/approvals/1":        {approver, supervisor},
		"/alarms/1":           {supervisor},
		"/frozen/1":           {supervisor},
		"/team/1":             {agent, supervisor},
		"/agents":             {administrator},
		"/agents/bob/invite":  {administrator},
		"/agents/bob/role":    {administrator},
		"/agents/bob/sso":     {administrator},
		"/agents/bob/disable": {administrator},
		"/agents/bob/enable":  {administrator},
		"/keys":               {administrator},
		"/keys/x/revoke":      {administrator},
		"/hooks":              {administrator},
		"/hooks/1/remove":     {administrator},
		"/dealers":            {administrator},
		"/dealers/x/end":      {administrator},
		"/enrol":              {administrator},
		id + "/owner":         {administrator},
		id + "/stolen":        {administrator},
		id + "/phrases":       {administrator},
		id + "/thaw":          {supervisor},
	}
	for path := range pages {
		if res, _ := h.send(http.MethodGet, path, nil); res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(res.Header.Get("Location"), "/login") {
			t.Errorf("GET %s without a session: status %d", path, res.StatusCode)
		}
	}
	for _, name := range []string{agent, approver, supervisor, auditor, administrator} {
		p, forced := h.person(name), 0
		for path, who := range pages {
			if !contains(who, name) {
				forced += 2
			}
			want := map[bool]string{true: "200", false: "403"}[contains(who, name)]
			if got := p.status("GET", path); got != want {
				t.Errorf("%s opens %s: status %s, want %s", name, path, got, want)
			}
			if got := p.status("HEAD", path); got != want {
				t.Errorf("%s asks for the head of %s: status %s, want %s", name, path, got, want)
			}
		}
		for path, who := range acts {
			if contains(who, name) {
				continue
			}
			forced++
			if got := p.status("POST", path); got != "403" {
				t.Errorf("%s posts to %s: status %s", name, path, got)
			}
		}
		if got := h.refused(name); len(got) != forced {
			t.Errorf("%d pages were refused to %s, on record are %d: %q", forced, name, len(got), got)
		}
	}
	agents, err := h.desk.Agents(t.Context(), desk.Operator())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range agents {
		if !a.DisabledAt.IsZero() || a.Name == "bob" && a.Role != staff.RoleAgent {
			t.Errorf("%s was changed: %+v", a.Name, a)
		}
	}
	if r, err := h.desk.Recorder(t.Context(), desk.Operator(), b.id); err != nil || r.Stolen || r.Owner != "Petra Example" {
		t.Errorf("the recorder was changed: %v, %v", r, err)
	}
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

// status is how the desk answers a request from this person's browser. What is
// sent would do something, if it were allowed.
func (p *person) status(method, path string) string {
	p.t.Helper()
	return p.Eval(fmt.Sprintf(`(() => {
		const body = %q === "POST" ? new URLSearchParams({decision: "approve", note: "looked at it", why: "looked at it", to: "bob", name: "mallory", role: "administrator", sso: "m@example.org",
			days: "1", scope: "log.read", url: "http://localhost:1/", company: "x", phone: "+4930123", until: "2031-01-01", owner: "Mallory", stolen: "yes", support: "some words here", duress: "other words here"}) : null;
		const call = new XMLHttpRequest();
		call.open(%q, %q, false);
		call.send(body);
		return String(call.status);
	})()`, method, method, path))
}

// attach chooses a file with this text.
func (p *person) attach(css, text string) {
	p.t.Helper()
	p.Eval(fmt.Sprintf(`(() => {
		const chosen = new DataTransfer();
		chosen.items.add(new File([%q], "chosen.txt"));
		document.querySelector(%q).files = chosen.files;
		return "";
	})()`, text, css))
}
