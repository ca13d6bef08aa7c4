package front_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/staff"
)

// fill sends a form and gives the page that follows.
func (p *program) fill(path string, pairs ...string) (status int, page string) {
	p.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return p.send(http.MethodPost, path, "application/x-www-form-urlencoded", form.Encode())
}

// get is a page.
func (p *program) get(path string) string {
	p.t.Helper()
	status, page := p.send(http.MethodGet, path, "", "")
	if status != http.StatusOK {
		p.t.Fatalf("%s: status %d", path, status)
	}
	return page
}

// TestTakeUp: nobody goes on with a case that a program opened until somebody
// takes it.
func TestTakeUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	crm := desk.Agent{Name: "key:crm", Role: staff.RoleProgram, Scopes: []staff.Scope{staff.ScopeOpenCases}, Browser: "a key"}
	h.caseFor(crm, h.enrol(petra()))
	ann := h.person("ann")
	ann.Wants("nobody yet")
	ann.Press("Case 1")
	ann.Wants("nobody works it yet", "Nobody gathers the evidence")
	ann.wantsNot("Send a number", "Hand over")
	ann.picture("take-up")
	ann.Go() // the button has the keyboard
	ann.Wants("Worked by ann", "Send a number to p***@example.org")
	ann.wantsNot("Take this case")
	if c, err := h.desk.Case(t.Context(), agent("ann", staff.RoleAgent), 1); err != nil || c.WorkedBy != "ann" {
		t.Errorf("the case is worked by %q, %v", c.WorkedBy, err)
	}
}

// TestPhraseAndHold: a wrong phrase is refused and never shown again; the duress
// word looks like the phrase, and the case waits for a day after the approval.
func TestPhraseAndHold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.enrol(petra())
	phrases := desk.Phrases{Support: rekey.NewSecret("blue heron at noon"), Duress: rekey.NewSecret("grey heron at noon")}
	if err := h.desk.SetPhrases(t.Context(), desk.Operator(), b.id, phrases, desk.StepUp{}); err != nil {
		t.Fatal(err)
	}
	c := h.caseFor(agent("ann", staff.RoleAgent), b)
	ann := newProgram(h)
	ann.logIn(h, "ann")
	if status, page := ann.fill("/cases/1/evidence", "kind", "E3", "phrase", "red heron at noon"); status/100 != 4 || strings.Contains(page, "heron") || !strings.Contains(page, "Now: ") {
		t.Errorf("a wrong phrase: status %d", status)
	}
	if status, page := ann.send(http.MethodGet, "/cases/1/evidence", "", ""); status != http.StatusSeeOther {
		t.Errorf("the address that the refused form left: %d %.80s", status, page)
	}
	ann.fill("/cases/1/code", "target", "0")
	for _, given := range [][]string{{"kind", "E2", "code", h.codeRead()}, {"kind", "E3", "phrase", "Grey heron at noon"}} {
		if status, _ := ann.fill("/cases/1/evidence", given...); status != http.StatusSeeOther {
			t.Fatalf("%s: status %d", given[1], status)
		}
	}
	page := ann.get("/cases/1")
	if !strings.Contains(page, "E3 Saved sheet or support phrase") || strings.Contains(strings.ToLower(page), "duress") || strings.Contains(page, "heron") {
		t.Error("the duress word is not taken as the phrase is")
	}
	for _, kind := range []string{"E4", "E5"} { // a case of high care takes documents
		if status, _ := ann.fill("/cases/1/evidence", "kind", kind, "note", "seen by the camera: it fits"); status != http.StatusSeeOther {
			t.Fatalf("%s: status %d", kind, status)
		}
	}

	carol := h.person("carol")
	carol.Open(h.base + "/cases/1")
	carol.Press("Approve")
	eventually(t, "the case is on hold", func() bool { return strings.Contains(ann.get("/cases/1"), "Nobody can shorten it") })
	if page := ann.get("/cases/1"); !strings.Contains(page, "Please call again after") || strings.Contains(page, "Show the answer") {
		t.Error("the agent is not told to have the caller call again")
	}
	h.ahead(25 * time.Hour)
	eventually(t, "the hold is over", func() bool {
		c, err := h.desk.Case(t.Context(), agent("ann", staff.RoleAgent), c.Number)
		return err == nil && c.Stage == desk.StageChallenge
	})
}

// TestDealer: a vetted dealer's case asks the owner as well; of anybody else who
// says to be one the agent reads the words of every refusal.
func TestDealer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	dealer := desk.Dealer{Name: "alarm-smith", Company: "Alarm Smith Ltd", Phone: "+49307654321", Until: time.Now().AddDate(1, 0, 0)}
	if err := h.desk.AddDealer(t.Context(), desk.Operator(), dealer, desk.StepUp{}); err != nil {
		t.Fatal(err)
	}
	b := h.enrol(petra())
	ann := newProgram(h)
	ann.logIn(h, "ann")
	form := []string{"device_id", b.id.String(), "account", "admin", "purpose", "password", "caller", "+49307654321", "dealer"}
	if status, _ := ann.fill("/cases", append(form, "alarm-smith")...); status != http.StatusSeeOther {
		t.Fatalf("a vetted dealer: status %d", status)
	}
	if page := ann.get("/cases/1"); !strings.Contains(page, "the dealer alarm-smith") || !strings.Contains(page, "Control of a registered address") {
		t.Error("the page does not tell of the dealer, or the owner need not confirm")
	}
	status, page := ann.fill("/cases", append(form, "mallory")...)
	if status == http.StatusSeeOther {
		page = ann.get("/cases/2")
	}
	if strings.Contains(page, "Send a number") {
		t.Errorf("somebody who is no dealer is served: status %d", status)
	}
}

// TestLogInOfAnOrganisation: the way by the identity provider is there where the
// desk has one, and nowhere else.
func TestLogInOfAnOrganisation(t *testing.T) {
	t.Parallel()
	with := newHouse(t, func(o *desk.Options) { o.SSO = &staff.SSO{Issuer: "https://idp.example.org", ClientID: "desk"} })
	for h, want := range map[*house]bool{with: true, newHouse(t): false} {
		if page := newProgram(h).get("/login"); strings.Contains(page, `href="/sso"`) != want {
			t.Errorf("the log-in with the organisation is offered: %v, want %v", !want, want)
		}
	}
}
