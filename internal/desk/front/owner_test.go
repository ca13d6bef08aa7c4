package front_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rekey/internal/desk"
	"rekey/internal/desk/courier"
	"rekey/internal/desk/staff"
	"rekey/internal/rekeytest/browser"
	"rekey/recovery"
)

// atDesk is an agent who acts without the pages.
func atDesk(name string, role staff.Role) desk.Agent {
	return desk.Agent{Name: name, Role: role, Browser: "browser of " + name}
}

// openCase opens a case of a recorder for ann.
func (h *house) openCase(b *box, caller string) desk.Case {
	h.t.Helper()
	c, err := h.desk.OpenCase(h.t.Context(), atDesk("ann", staff.RoleAgent), desk.NewCase{DeviceID: b.id, Account: "admin", Purpose: recovery.PurposePassword, Caller: caller})
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

var ownerLink = regexp.MustCompile(`http://localhost:\d+/o/[0-9A-Za-z_-]+`)

// link is the owner's link in the newest message of a kind, once it is carried.
func (h *house) link(kind string) string {
	h.t.Helper()
	h.carried(kind)
	link := ownerLink.FindString(h.mail.newest(h.t, kind).Text)
	if link == "" {
		h.t.Fatalf("there is no link in the message %q", kind)
	}
	return link
}

// carried waits until a message of a kind is carried by mail.
func (h *house) carried(kind string) {
	h.t.Helper()
	eventually(h.t, "a message "+kind, func() bool {
		return slices.ContainsFunc(h.mail.Of(kind), func(m courier.Message) bool { return strings.HasPrefix(m.To, "mailto:") })
	})
}

// TestOwnerFollowsTheCall is the owner's page on a telephone through a whole
// call, beside the agent's browser.
func TestOwnerFollowsTheCall(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.enrol(desk.Owner{Name: "Petra Example", Since: petra().Since, Addresses: []string{"mailto:petra@example.org"}})
	ann := h.person("ann")
	ann.strike(b.id.String())
	ann.enter()
	ann.strike("+493012345")
	ann.enter()

	owner := h.telephone()
	link := h.link("notice.open")
	owner.Open(link)
	owner.Wants("Your recorder N841", "to set a new password for the user admin", "The agent is checking that the caller is really you", "p***@example.org",
		"That was not me", "What to do at the recorder, step by step")
	owner.wantsNot("confirm this address", "See my half")
	owner.look("owner-open")
	owner.readsPictures()

	ann.enter() // sends the number
	ann.Wants("Please read it to me")
	owner.Press("Look again")
	owner.Wants("Is it you on the telephone?")
	owner.look("owner-confirm")
	owner.Press("Yes, it is me: confirm this address")
	owner.Wants("This address is confirmed")
	ch := b.challenge(t)
	ann.Open(h.base + "/cases/1")
	ann.Await("#qr")
	ann.Type("#qr", b.qr(t, h, ch))
	ann.enter()
	ann.AwaitText("All groups check")
	owner.Press("Look again")
	owner.Wants("The agent may ask you now to press Forgot password", "Main Menu > Settings > System > Account > User", "Tick Password")
	ann.enter()
	answer := b.answer(t, ch)
	ann.Wants(answer[0], answer[1])

	owner.Press("Look again")
	owner.Wants("The second half is here")
	owner.wantsNot(answer[2], answer[3])
	owner.look("owner-half-waits")
	owner.Press("See my half")
	owner.Wants("Group 3", answer[2], "Group 4", answer[3], "for about", "Tell these groups to nobody")
	owner.Wants(strings.Join(recovery.Spell(answer[2]), ", "))
	owner.wantsNot(answer[0], answer[1])
	owner.look("owner-half")
	owner.Press("Back to the case")

	ann.Open(h.base + "/cases/1")
	ann.Pick("#password_set", "yes")
	ann.Pick("#caller_in", "yes")
	ann.Press("Close case")
	owner.Press("Look again")
	owner.Wants("The case is closed")
	owner.wantsNot("See my half")
	owner.look("owner-closed")
}

// telephone is somebody with a small screen and no passkey.
func (h *house) telephone() *person {
	p := &person{Tab: chromium.Tab(h.t), t: h.t, h: h}
	p.Look(browser.Phone)
	return p
}

func (p *person) wantsNot(texts ...string) {
	p.t.Helper()
	got := p.Text("main")
	for _, text := range texts {
		if strings.Contains(got, text) {
			p.t.Errorf("the page %s shows %q", p.Path(), text)
		}
	}
}

// readsPictures checks that each drawing says in words what it shows.
func (p *person) readsPictures() {
	p.t.Helper()
	body := p.fetch(p.Path())
	for _, alt := range []string{"Marked: Forgot password", "Drawing of the screen Settings. Marked: System.", "Marked: User", "Marked: Edit admin", "Password, ticked; the field Old Password with the temporary one"} {
		if !strings.Contains(body, alt) {
			p.t.Errorf("no drawing says %q", alt)
		}
	}
}

// fetch is a page as a program sees it.
func (p *person) fetch(path string) string {
	p.t.Helper()
	res, body := p.h.send(http.MethodGet, path, nil)
	if res.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: status %d", path, res.StatusCode)
	}
	return body
}

// send is a request without cookies; header gives names and values in turn.
func (h *house) send(method, path string, form url.Values, header ...string) (*http.Response, string) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.base+strings.TrimPrefix(path, h.base), strings.NewReader(form.Encode()))
	if err != nil {
		h.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	stay := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := stay.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res, string(body)
}

// TestNotMe: a GET shows a button, the POST behind it freezes case and recorder,
// and what to do then is told.
func TestNotMe(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.enrol(petra())
	h.openCase(b, "+493012345")
	link := h.link("notice.open")
	owner := h.telephone()
	owner.Open(link)
	owner.Press("That was not me")
	owner.Wants("Was this not you?", b.id.String(), "Your recorder goes on recording")
	owner.look("owner-not-me")
	ann := atDesk("ann", staff.RoleAgent)
	if c, err := h.desk.Case(t.Context(), ann, 1); err != nil || c.Stage == desk.StageFrozen {
		t.Fatalf("the page alone froze the case: %s, %v", c.Stage, err)
	}
	owner.Press("That was not me: stop everything")
	owner.Wants("Everything is stopped", "Hang up", "never at one that a caller gave you", "case number 1", "No temporary password was given out")
	owner.look("owner-stopped")
	if c, err := h.desk.Case(t.Context(), ann, 1); err != nil || c.Stage != desk.StageFrozen {
		t.Errorf("the case stands at %s, %v", c.Stage, err)
	}
	owner.Press("See the case")
	owner.Wants("This case is stopped")
	owner.wantsNot("You did not call?", "Yes, it is me")
	owner.look("owner-frozen")
}

// TestOwnerLinks: what is no link, or is over, is one page; nothing tells of
// others, nothing is kept or leaked, and a look changes nothing.
func TestOwnerLinks(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.openCase(h.enrol(petra()), "+493012345")
	good := h.link("notice.open")

	var gone string
	for _, token := range []string{"x", strings.Repeat("A", 26), strings.Repeat("z", 2000), "%00", "..%2f..%2fcases", good[strings.LastIndex(good, "/")+1:][1:]} {
		for _, what := range []struct{ method, path string }{{"GET", ""}, {"GET", "/not-me"}, {"POST", "/confirm"}, {"POST", "/half"}, {"POST", "/not-me"}} {
			res, body := h.send(what.method, "/o/"+token+what.path, url.Values{})
			if gone == "" {
				gone = body
			}
			if res.StatusCode != http.StatusNotFound || body != gone {
				t.Errorf("%s %q%s: status %d, and the page is the same: %v", what.method, token, what.path, res.StatusCode, body == gone)
			}
		}
	}
	if !strings.Contains(gone, "This link is over") {
		t.Error("the page does not say that the link is over")
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, path := range []string{"", "/not-me"} {
			res, body := h.send(method, good+path, nil)
			if res.StatusCode != http.StatusOK || res.Header.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(res.Header.Get("X-Robots-Tag"), "noindex") ||
				res.Header.Get("Cache-Control") != "no-store" || len(res.Cookies()) != 0 {
				t.Errorf("%s %s: status %d, headers %v", method, path, res.StatusCode, res.Header)
			}
			shown := strings.ReplaceAll(body, strings.TrimPrefix(good, h.base+"/o/"), "") // one token in a thousand holds "ann"
			for _, secret := range []string{"petra@example.org", "1234567", "Petra", "ann", "<script", "href=\"http"} {
				if strings.Contains(shown, secret) {
					t.Errorf("%s %s shows %q", method, path, secret)
				}
			}
		}
		for _, path := range []string{"/confirm", "/half"} {
			if res, _ := h.send(method, good+path, nil); res.StatusCode/100 == 2 {
				t.Errorf("%s %s: status %d", method, path, res.StatusCode)
			}
		}
	}
	for _, path := range []string{"/confirm", "/half"} {
		if res, body := h.send(http.MethodPost, good+path, url.Values{}); res.StatusCode != http.StatusConflict || !strings.Contains(body, "Your recorder N841") {
			t.Errorf("POST %s while nobody asks: status %d", path, res.StatusCode)
		}
	}
	for _, origin := range []string{"https://evil.example", "http://localhost:1"} {
		if res, _ := h.send(http.MethodPost, good+"/not-me", url.Values{}, "Origin", origin); res.StatusCode != http.StatusForbidden {
			t.Errorf("a POST from %s: status %d", origin, res.StatusCode)
		}
	}
	if res, _ := h.send(http.MethodPost, good+"/not-me", url.Values{}, "Origin", "null", "Sec-Fetch-Site", "cross-site"); res.StatusCode != http.StatusForbidden {
		t.Errorf("a POST from another site's frame: status %d", res.StatusCode)
	}
	if c, err := h.desk.Case(t.Context(), atDesk("ann", staff.RoleAgent), 1); err != nil || c.Stage == desk.StageFrozen || len(c.Evidence) != 0 {
		t.Errorf("the case changed: %s, %d pieces of evidence, %v", c.Stage, len(c.Evidence), err)
	}
}

// TestOldTelephone: a browser that knows no Sec-Fetch-Site says, on a page that
// sends no referrer, that its form comes from nowhere; "not me" works all the same.
func TestOldTelephone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.openCase(h.enrol(petra()), "+493012345")
	if res, body := h.send(http.MethodPost, h.link("notice.open")+"/not-me", url.Values{}, "Origin", "null"); res.StatusCode != http.StatusOK || !strings.Contains(body, "Everything is stopped") {
		t.Errorf("not me: status %d", res.StatusCode)
	}
	if res, _ := h.send(http.MethodPost, "/logout", url.Values{}, "Origin", "null"); res.StatusCode != http.StatusForbidden {
		t.Errorf("an agent's form from nowhere: status %d", res.StatusCode)
	}
}

// TestForeignLink: the link to one address confirms no other.
func TestForeignLink(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.openCase(h.enrol(petra()), "+493012345")
	mail := h.link("notice.open")
	ann := atDesk("ann", staff.RoleAgent)
	c, err := h.desk.Case(t.Context(), ann, 1)
	if err != nil {
		t.Fatal(err)
	}
	tel := -1
	for _, target := range c.Targets {
		if target.Kind == "sms" {
			tel = target.Index
		}
	}
	if _, err := h.desk.SendCode(t.Context(), ann, 1, tel); err != nil {
		t.Fatal(err)
	}
	if res, _ := h.send(http.MethodPost, mail+"/confirm", url.Values{}); res.StatusCode != http.StatusConflict {
		t.Errorf("the link sent by mail answers for the telephone: status %d", res.StatusCode)
	}
	if _, body := h.send(http.MethodGet, mail, nil); strings.Contains(body, "Is it you on the telephone") {
		t.Error("the link sent by mail asks about the telephone's number")
	}
}
