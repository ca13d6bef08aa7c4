package seat

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
)

const annPassword = "Ann-Was-Here-1"

// withAnn adds a user.
func (n *bench) withAnn(t *testing.T, group string) {
	t.Helper()
	if err := n.box.AddAccount("admin", rekey.Account{Name: "ann", Group: group}, rekey.NewSecret(annPassword), recorder.AtSeat()); err != nil {
		t.Fatal(err)
	}
}

// TestAnotherAdminHelps: an activation code lets one in who forgot the password,
// once, to set a new one.
func TestAnotherAdminHelps(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	n.withAnn(t, recorder.GroupUser)
	admin, ann := n.admin(t, lostPassword), n.owner(t)
	ann.post("/login", "account", "ann", "password", annPassword).want(200, "menu")

	admin.get(userPath+"/ann/code").want(200, "help")
	admin.post(userPath+"/ann/code", "password", "Not-The-One-1").want(403, "help")
	if v := read[HelpView](admin); !strings.Contains(v.Errors["password"], "4 tries left") {
		t.Errorf("a wrong password of the admin: %+v", v.Errors)
	}
	admin.post(userPath+"/ann/code", "password", lostPassword).want(200, "given")
	given := read[CodeGivenView](admin)
	if len(given.Groups) != 4 || len(given.Spelling) != 4 || len(given.Spelling[0]) != 4 || given.Until == "" {
		t.Errorf("the code as shown: %d groups, %d spelled, until %q", len(given.Groups), len(given.Spelling), given.Until)
	}
	admin.get(userPath).want(200, "users")
	lines := read[UsersView](admin).Accounts
	if at := slices.IndexFunc(lines, func(l UserLine) bool { return l.Name == "ann" }); lines[at].CodeUntil != given.Until {
		t.Errorf("on the list: %+v", lines[at])
	}
	n.noSecretIn(t, "the list of users", admin.got.body, given.Code)
	ann.get("/menu").want(200, "menu") // the password and its sessions go on

	p := n.owner(t)
	p.post("/login", "account", "ann", "password", mistype(given.Code)).want(400, "login")
	if v := read[LoginView](p); !strings.Contains(v.Error, "Group 2 is mistyped. Nothing was spent") || !slices.Equal(v.WrongGroups, []int{2}) {
		t.Errorf("a mistyped code: %+v", v)
	}
	wrong := n.wrongAnswersOf(t, 1)[0]
	p.post("/login", "account", "ann", "password", wrong).want(403, "login")
	if v := read[LoginView](p); !strings.Contains(v.Error, "not the activation code") {
		t.Errorf("a wrong code: %+v", v)
	}
	p.post("/login", "account", "ann", "password", strings.ToLower(given.Code)).want(200, "users")
	if v := read[UsersView](p); !v.OneDoor || v.Door != activationCode || len(v.Accounts) != 1 {
		t.Errorf("after the log-in: %+v", v)
	}
	edit := userPath + "/ann"
	for _, c := range []struct {
		old, new, field, words string
		status                 int
	}{
		{annPassword, freshPassword, "old", "The activation code has 4 groups", 400},
		{mistype(given.Code), freshPassword, "old", "mistyped", 400},
		{wrong, freshPassword, "old", "not the activation code that you logged in with", 400},
		{given.Code, "short", "new", "8 to 32 characters", 400},
		{given.Code, given.Code, "new", "must not be the activation code", 400},
	} {
		p.post(edit, "modify", "on", "old", c.old, "new", c.new, "confirm", c.new).want(c.status, "edit")
		if v := read[EditView](p); !strings.Contains(v.Errors[c.field], c.words) {
			t.Errorf("%+v, want %s: %q", v.Errors, c.field, c.words)
		}
	}
	p.post(edit, "modify", "on", "old", given.Code, "new", freshPassword, "confirm", freshPassword).want(200, "locked")
	ann.get("/menu").want(200, "login")
	p.post("/login", "account", "ann", "password", annPassword).want(403, "login")
	p.post("/login", "account", "ann", "password", given.Code).want(403, "login")
	if v := read[LoginView](p); !strings.Contains(v.Error, "it was used, or it is over") {
		t.Errorf("a used code: %+v", v)
	}
	p.post("/login", "account", "ann", "password", freshPassword).want(200, "menu")
	notices := read[MenuView](p).Notices
	if len(notices) == 0 || !strings.Contains(fmt.Sprint(notices), `By "admin"`) {
		t.Errorf("ann is told %+v", notices)
	}
	p.get("/menu").want(200, "menu") // looking is not having read
	if len(read[MenuView](p).Notices) != len(notices) {
		t.Error("a notice went by itself")
	}
	p.post("/menu/notices").want(400, "input") // read up to where?
	p.post("/menu/notices", "seen", fmt.Sprint(notices[len(notices)-1].Number)).want(200, "menu")
	if v := read[MenuView](p); v.Notices != nil {
		t.Errorf("told again: %+v", v.Notices)
	}
	n.noSecretIn(t, "the log", n.log.String(), given.Code)
}

// wrongAnswersOf are codes that no one gave out.
func (n *bench) wrongAnswersOf(t *testing.T, count int) []string {
	t.Helper()
	if _, err := n.box.NewChallenge("admin"); err != nil {
		t.Fatal(err)
	}
	return n.wrongAnswers(t, count)
}

func TestCodesOfOneWhoForgot(t *testing.T) {
	t.Parallel()
	t.Run("expired", func(t *testing.T) {
		t.Parallel()
		n := newBench(t, lostPassword)
		n.withAnn(t, recorder.GroupUser)
		p := n.admin(t, lostPassword)
		p.post(userPath+"/ann/code", "password", lostPassword).want(200, "given")
		code := read[CodeGivenView](p).Code
		n.pass(24 * time.Hour)
		p.post("/enter", "token", n.token.Reveal()).want(200, "locked")
		p.post("/login", "account", "ann", "password", code).want(403, "login")
		if v := read[LoginView](p); !strings.Contains(v.Error, "it was used, or it is over") {
			t.Errorf("an expired code: %+v", v)
		}
	})
	t.Run("guessed", func(t *testing.T) {
		t.Parallel()
		n := newBench(t, lostPassword)
		n.withAnn(t, recorder.GroupUser)
		p := n.admin(t, lostPassword)
		p.post(userPath+"/ann/code", "password", lostPassword).want(200, "given")
		code := read[CodeGivenView](p).Code
		p.post("/logout").want(200, "locked")
		for _, wrong := range n.wrongAnswersOf(t, 5) {
			p.post("/login", "account", "ann", "password", wrong).want(403, "login")
		}
		p.post("/login", "account", "ann", "password", code).want(403, "login")
		if e := n.events(t); e["user.code.used"] != 0 || e["user.code.refused"] != 5 || e["answer.wrong"] != 0 {
			t.Errorf("events %v", e)
		}
	})
	t.Run("one door in time", func(t *testing.T) {
		t.Parallel()
		n := newBench(t, lostPassword)
		n.withAnn(t, recorder.GroupUser)
		p := n.admin(t, lostPassword)
		p.post(userPath+"/ann/code", "password", lostPassword).want(200, "given")
		code := read[CodeGivenView](p).Code
		p.post("/login", "account", "ann", "password", code).want(200, "users")
		n.pass(10*time.Minute + time.Second)
		p.get(userPath).want(200, "login")
		p.post(userPath+"/ann", "modify", "on", "old", code, "new", freshPassword, "confirm", freshPassword).want(403, "denied")
	})
	t.Run("both kinds wait", func(t *testing.T) {
		t.Parallel()
		n := newBench(t, lostPassword)
		n.withAnn(t, recorder.GroupAdmin)
		p := n.admin(t, lostPassword)
		p.post(userPath+"/ann/code", "password", lostPassword).want(200, "given")
		p.post("/logout").want(200, "locked")
		p.post("/recovery", "account", "ann").want(200, "forgot")
		p.post("/login", "account", "ann", "password", n.rightAnswer(t)).want(200, "users")
		if v := read[UsersView](p); v.Door != temporaryPassword {
			t.Errorf("through %q", v.Door)
		}
	})
	t.Run("of another", func(t *testing.T) {
		t.Parallel()
		n := newBench(t, lostPassword)
		n.withAnn(t, recorder.GroupUser)
		p := n.admin(t, lostPassword)
		p.post(userPath+"/ann/code", "password", lostPassword).want(200, "given")
		p.post("/login", "account", "admin", "password", read[CodeGivenView](p).Code).want(403, "login")
	})
}

// TestOneDoorOfAnActivationCode: like a temporary password it opens one page.
func TestOneDoorOfAnActivationCode(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	n.withAnn(t, recorder.GroupAdmin)
	admin := n.admin(t, lostPassword)
	admin.post(userPath+"/ann/code", "password", lostPassword).want(200, "given")
	code := read[CodeGivenView](admin).Code
	p := n.owner(t)
	p.post("/login", "account", "ann", "password", code).want(200, "users")
	for _, path := range append(everyPath["GET"], userPath+"/", userPath+"/ann/x", "/menu/../menu/log", "//menu/log") {
		p.get(path).want(200, "users")
	}
	refused := 0
	for _, path := range everyPath["POST"] {
		if path == "/logout" {
			continue
		}
		p.post(path, "account", "admin", "password", annPassword, "service", "Telnet", "enable", "true", "sure", "on", "group", "user", "name", "eve").want(403, "denied")
		refused++
	}
	if got := n.events(t)["access.refused"]; got != refused {
		t.Errorf("%d refusals on record, want %d", got, refused)
	}
	p.get(userPath+"/ann").want(200, "edit")
	if v := read[EditView](p); v.Line != nil || v.Admin || v.Phones != nil {
		t.Errorf("the one door shows %+v", v)
	}
}

func TestInvite(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.admin(t, lostPassword)
	p.get(userPath+"/+add").want(200, "add")
	form := func(name, group, memo, password string) []string {
		return []string{"name", name, "group", group, "memo", memo, "right", "live", "right", "playback", "password", password}
	}
	for _, c := range []struct{ name, group, memo, password, field string }{
		{"", "user", "", lostPassword, "name"},
		{"..", "user", "", lostPassword, "name"},
		{"bob\x1b[31m", "user", "", lostPassword, "name"},
		{"<script>", "user", "", lostPassword, "name"},
		{"+add", "user", "", lostPassword, "name"},
		{"admin", "user", "", lostPassword, "name"},
		{strings.Repeat("b", 32), "user", "", lostPassword, "name"},
		{"bob", "root", "", lostPassword, "group"},
		{"bob", "", "", lostPassword, "group"},
		{"bob", "user", "line\nbreak", lostPassword, "memo"},
		{"bob", "user", strings.Repeat("m", 300), lostPassword, "memo"},
	} {
		p.post(userPath+"/+add", form(c.name, c.group, c.memo, c.password)...).want(400, "add")
		if v := read[InviteView](p); v.Errors[c.field] == "" || len(v.Errors) != 1 {
			t.Errorf("%+v: %v", c, v.Errors)
		}
	}
	p.post(userPath+"/+add", form("bob", "user", "the neighbour", "Not-The-One-1")...).want(403, "add")
	if len(n.box.Accounts()) != 1 {
		t.Fatal("somebody was added")
	}
	p.post(userPath+"/+add", form("bob", "user", "the neighbour", lostPassword)...).want(200, "given")
	code := read[CodeGivenView](p).Code
	if got := fmt.Sprint(n.box.RightsOf("bob")); got != "[live playback]" {
		t.Errorf("rights %s", got)
	}
	p.get(userPath).want(200, "users")
	if v := read[UsersView](p).Accounts[1]; !v.New || v.Memo != "the neighbour" || v.CodeUntil == "" {
		t.Errorf("on the list: %+v", v)
	}
	bob := n.owner(t)
	bob.post("/login", "account", "bob", "password", code).want(200, "users")
	bob.post(userPath+"/bob", "modify", "on", "old", code, "new", freshPassword, "confirm", freshPassword).want(200, "locked")
	bob.post("/login", "account", "bob", "password", freshPassword).want(200, "menu")
	if v := read[MenuView](bob); v.Admin || strings.Contains(fmt.Sprint(v.Sections), servicesPath) || strings.Contains(fmt.Sprint(v.Sections), logPath) {
		t.Errorf("bob's menu: %+v", v)
	}
}

// TestStepUpWithACode: where the admin has a second factor, help wants a code.
func TestStepUpWithACode(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	n.withAnn(t, recorder.GroupUser)
	p := n.owner(t)
	a, sheet := n.switchOn(t, p)
	p.get(userPath+"/ann/code").want(200, "help")
	if v := read[HelpView](p); !v.Second {
		t.Error("no code is asked for")
	}
	p.post(userPath+"/ann/code", "password", lostPassword).want(400, "help")
	if v := read[HelpView](p); v.Errors["code"] == "" {
		t.Errorf("without a code: %v", v.Errors)
	}
	p.post(userPath+"/ann/code", "password", lostPassword, "code", a.wrong(t)).want(403, "help")
	if v := read[HelpView](p); !strings.Contains(v.Errors["code"], "Wrong code") {
		t.Errorf("with a wrong code: %v", v.Errors)
	}
	p.post(userPath+"/ann/code", "password", lostPassword, "code", sheet[0]).want(200, "given")
	p.post(userPath+"/ann/code", "password", lostPassword, "code", sheet[0]).want(403, "help")
}

func TestRemoveSecondOfAnother(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	n.withAnn(t, recorder.GroupUser)
	ann := n.owner(t)
	n.switchOnOf(t, ann, "ann", annPassword)
	p := n.admin(t, lostPassword)
	path := userPath + "/ann/second"
	p.get(userPath+"/ann").want(200, "edit")
	if v := read[EditView](p); v.Own || !v.Line.Second {
		t.Errorf("ann: %+v", v.Line)
	}
	p.post(path, "reason", " ", "password", lostPassword).want(400, "remove")
	p.post(path, "reason", "telephone lost", "password", "Not-The-One-1").want(403, "remove")
	if !n.box.SecondFactor("ann").On {
		t.Fatal("the second factor is gone")
	}
	p.post(path, "reason", "telephone lost", "password", lostPassword).want(200, "edit")
	if n.box.SecondFactor("ann").On {
		t.Error("the second factor is still there")
	}
	ann.post("/login", "account", "ann", "password", annPassword).want(200, "menu")
	if got := read[MenuView](ann).Notices; len(got) != 1 || !strings.Contains(got[0].Text, "second factor") {
		t.Errorf("ann is told %+v", got)
	}
}

func TestGroupAndRights(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	n.withAnn(t, recorder.GroupUser)
	p, ann := n.admin(t, lostPassword), n.owner(t)
	ann.post("/login", "account", "ann", "password", annPassword).want(200, "menu")
	p.post(userPath+"/ann/rights", "group", "user", "memo", "night shift", "right", "live").want(200, "edit")
	if got := fmt.Sprint(n.box.RightsOf("ann")); got != "[live]" {
		t.Errorf("rights %s", got)
	}
	for _, fields := range [][]string{
		{"group", "root"}, {"group", ""}, {"group", "user", "right", "everything"}, {"group", "user", "memo", "a\x00b"},
	} {
		p.post(userPath+"/ann/rights", fields...).want(400, "edit")
	}
	p.post(userPath+"/nobody/rights", "group", "user").want(404, "not_found")

	// The last admin stays one, whoever tries.
	p.post(userPath+"/admin/rights", "group", "user").want(409, "edit")
	if v := read[EditView](p); !strings.Contains(v.Errors["group"], "last admin") {
		t.Errorf("the last admin: %v", v.Errors)
	}
	p.post(userPath+"/ann/rights", "group", "admin").want(200, "edit")
	ann.post("/login", "account", "ann", "password", annPassword).want(200, "menu")
	ann.post(userPath+"/admin/rights", "group", "user", "right", "live").want(200, "edit")
	p.post(userPath+"/ann/rights", "group", "user").want(403, "denied") // who was an admin a moment ago
	ann.post(userPath+"/ann/rights", "group", "user").want(409, "edit")
	ann.post(userPath+"/admin/delete", "sure", "on").want(409, "delete")
	if v := read[HelpView](ann); !strings.Contains(v.Errors["sure"], "belongs to the recorder") {
		t.Errorf("a reserved user: %v", v.Errors)
	}
}

// TestTwoAdminsAtOnce: each takes the other's group away at the same moment. One
// admin is left, always.
func TestTwoAdminsAtOnce(t *testing.T) {
	t.Parallel()
	for range 5 {
		n := newBench(t, lostPassword)
		n.withAnn(t, recorder.GroupAdmin)
		p, ann := n.admin(t, lostPassword), n.owner(t)
		ann.post("/login", "account", "ann", "password", annPassword).want(200, "menu")
		done := make(chan reply, 2)
		for _, one := range []struct {
			who   *person
			other string
		}{{p, "ann"}, {ann, "admin"}} {
			go func() {
				got, err := one.who.try("POST", userPath+"/"+one.other+"/rights", map[string][]string{"group": {"user"}})
				if err != nil {
					t.Error(err)
				}
				done <- got
			}()
		}
		<-done
		<-done
		admins := 0
		for _, a := range n.box.Accounts() {
			if a.Group == recorder.GroupAdmin {
				admins++
			}
		}
		if admins != 1 {
			t.Fatalf("%d admins are left", admins)
		}
	}
}

func TestDeleteUser(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	n.withAnn(t, recorder.GroupUser)
	p, ann := n.admin(t, lostPassword), n.owner(t)
	ann.post("/login", "account", "ann", "password", annPassword).want(200, "menu")
	p.post(userPath+"/ann/delete").want(400, "delete")
	p.post(userPath+"/admin/delete", "sure", "on").want(409, "conflict") // nobody deletes himself
	p.post(userPath+"/ann/delete", "sure", "on").want(200, "users")
	if v := read[UsersView](p); len(v.Accounts) != 1 {
		t.Errorf("left: %+v", v.Accounts)
	}
	ann.get("/menu").want(200, "login")
	p.post(userPath+"/ann/delete", "sure", "on").want(404, "not_found")
}

func TestPhonesOfAUser(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	n.withAnn(t, recorder.GroupUser)
	for _, name := range []string{"Ann's phone", "<b>old</b>"} {
		if _, err := n.box.Pair("ann", n.box.Epoch("ann"), name, recorder.Client{Via: rekey.InterfaceWeb, Address: "192.0.2.20"}); err != nil {
			t.Fatal(err)
		}
	}
	p, ann := n.admin(t, lostPassword), n.owner(t)
	ann.post("/login", "account", "ann", "password", annPassword).want(200, "menu")
	ann.get(userPath+"/ann").want(200, "edit")
	phones := read[EditView](ann).Phones
	if len(phones) != 2 {
		t.Fatalf("phones: %+v", phones)
	}
	ann.post(userPath+"/ann/phones", "id", phones[0].ID).want(200, "edit")
	ann.post(userPath+"/admin/phones", "id", phones[1].ID).want(403, "denied")
	ann.post(userPath+"/ann/phones", "id", "no such").want(404, "not_found")
	p.json = false
	p.get(userPath + "/ann")
	if strings.Contains(p.got.body, "<b>old") || !strings.Contains(p.got.body, "&lt;b&gt;old") {
		t.Error("the name of a phone is not shown harmlessly")
	}
	p.json = true
	p.post(userPath+"/ann/phones", "id", phones[1].ID).want(200, "edit")
	if len(n.box.Phones("ann")) != 0 {
		t.Error("a phone is left")
	}
}

// TestUserAmongAdminsPages: who is no admin sees none of their pages and does
// none of their deeds, and each try is on record.
func TestUserAmongAdminsPages(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	n.withAnn(t, recorder.GroupUser)
	ann := n.owner(t)
	ann.post("/login", "account", "ann", "password", annPassword).want(200, "menu")
	for _, path := range []string{"/menu/log", servicesPath, firmwarePath, reviewPath, userPath + "/+add", userPath + "/admin", userPath + "/nobody", userPath + "/ann/code", userPath + "/ann/second", userPath + "/ann/delete", userPath + "/admin/code"} {
		ann.get(path).want(403, "denied")
	}
	tried := 0
	for _, path := range []string{"/menu/support", reviewPath, servicesPath, servicesPath + "/lock", firmwarePath, userPath + "/+add", userPath + "/ann/rights", userPath + "/admin/rights", userPath + "/admin/code", userPath + "/admin/second", userPath + "/admin/delete", userPath + "/ann/delete"} {
		ann.post(path, "group", "admin", "password", annPassword, "service", "Telnet", "enable", "true", "sure", "on", "reason", "x", "name", "eve", "tries", "30", "minutes", "1", "item", "users", "mark", "done").want(403, "denied")
		tried++
	}
	if got := n.events(t)["right.refused"]; got != tried {
		t.Errorf("%d tries on record, want %d", got, tried)
	}
	if got := n.box.Accounts(); len(got) != 2 || got[1].Group != recorder.GroupUser {
		t.Errorf("accounts %+v", got)
	}
}

// TestNamesInThePath: an address names one user and nothing else.
func TestNamesInThePath(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.admin(t, lostPassword)
	for _, name := range []string{"%2e%2e", "..%2fadmin", "admin%2frights", "%00", "admin%00", "ADMIN", "%3Cscript%3E", "admin%0d%0aX-Evil:1", "admin;x", strings.Repeat("a", 5000)} {
		p.get(userPath + "/" + name)
		if p.got.status == 200 && !strings.HasSuffix(p.got.path, "/menu") || p.got.header.Get("X-Evil") != "" {
			t.Errorf("%.40s: status %d at %.60s", name, p.got.status, p.got.path)
		}
		p.post(userPath+"/"+name+"/delete", "sure", "on")
		if p.got.status == 200 {
			t.Errorf("delete %.40s: status 200 at %.60s", name, p.got.path)
		}
	}
	if len(n.box.Accounts()) != 1 {
		t.Error("an account is gone")
	}
}

// TestReviewAfterTheButton: who sets a recorder up after a reset goes through the
// whole list.
func TestReviewAfterTheButton(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	n.resetByButton(t)
	p.post("/setup", "new", freshPassword, "confirm", freshPassword).want(200, "locked")
	p.post("/login", "account", "admin", "password", freshPassword).want(200, "menu")
	if v := read[MenuView](p); len(v.Review) != len(recorder.ReviewNames()) {
		t.Errorf("to look at: %v", v.Review)
	}
	p.get("/menu/log?kind=recovery").want(200, "log")
	if !strings.Contains(p.got.body, "because it was reset by the button") {
		t.Error("the log does not say why")
	}
}

// TestLogPages: the log is read page by page and by kind, and odd addresses give
// the nearest page.
func TestLogPages(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	for i := range 250 {
		if err := n.box.Record("client.mistake", "ann", "ann", fmt.Sprintf("number %d", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	p := n.admin(t, lostPassword)
	for query, want := range map[string]struct{ number, pages, records int }{
		"?kind=refused": {1, 3, 100}, "?kind=refused&page=2": {2, 3, 100}, "?kind=refused&page=3": {3, 3, 50}, "?kind=refused&page=99": {3, 3, 50},
		"?kind=refused&page=-1": {1, 3, 100}, "?kind=refused&page=x": {1, 3, 100}, "?kind=logins": {1, 1, 1}, "?kind=refused&page=99999999999999999999": {3, 3, 50},
	} {
		p.get("/menu/log"+query).want(200, "log")
		if v := read[LogView](p); v.Number != want.number || v.Pages != want.pages || len(v.Records) != want.records {
			t.Errorf("%s: page %d of %d with %d records, want %+v", query, v.Number, v.Pages, len(v.Records), want)
		}
	}
	p.get("/menu/log?kind=refused&page=3").want(200, "log")
	oldest := read[LogView](p).Records
	if got := oldest[len(oldest)-1].Result; got != "number 0" {
		t.Errorf("the oldest is %q", got)
	}
	p.get("/menu/log?kind=evil'\"><script>").want(200, "log")
	if v := read[LogView](p); v.Kind != "" || v.Total < 250 {
		t.Errorf("of a kind that there is not: %q, %d records", v.Kind, v.Total)
	}
}
