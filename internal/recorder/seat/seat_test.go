package seat

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/say"
	"rekey/recovery"
)

// TestOwnerGetsBackIn is the vendor's procedure, from the locked screen to the
// log-in with the new password.
func TestOwnerGetsBackIn(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)

	p.get("/info").want(200, "info")
	if v := read[InfoView](p); v.DeviceID != n.box.Info().DeviceID || v.Info.Serial == v.DeviceID || v.Addresses[0] != "192.0.2.10" {
		t.Errorf("info: %+v", v)
	}
	p.get("/recovery").want(200, "forgot")
	if v := read[ForgotView](p); v.Open || v.Challenge != "" || v.SupportPhone != phone {
		t.Errorf("before the challenge: %+v", v)
	}
	p.post("/recovery").want(200, "forgot")
	v := read[ForgotView](p)
	c, err := recovery.ParseChallenge(v.Challenge)
	if err != nil || !v.Open || v.Account != "admin" || len(v.Groups) != 5 || len(v.Spelling) != 5 || len(v.Spelling[0]) != 4 || v.SecondsLeft < 590 || v.SecondsLeft > 600 || v.AttemptsLeft != 5 {
		t.Errorf("challenge: %v %+v", err, v)
	}
	q, err := recovery.ParseQR(v.QR)
	if err != nil || n.keys.VerifyQR(q) != nil || q.Challenge != c || q.DeviceID != n.box.DeviceID() {
		t.Errorf("QR text %q: %v", v.QR, err)
	}

	code := n.rightAnswer(t)
	p.post("/recovery/answer", "answer", strings.ToLower(code)).want(200, "users")
	if v := read[UsersView](p); !v.OneDoor || len(v.Accounts) != 1 || strings.Join(v.Path, " > ") != "Main Menu > Settings > System > Account > User" {
		t.Errorf("users: %+v", v)
	}
	p.get(userPath+"/admin").want(200, "edit")
	p.post(userPath+"/admin", "modify", "on", "old", code, "new", freshPassword, "confirm", freshPassword).want(200, "locked")
	if v := read[LockedView](p); !strings.Contains(v.Notice, "new password is set") {
		t.Errorf("notice %q", v.Notice)
	}
	p.get("/menu").want(200, "login")
	p.post("/login", "account", "admin", "password", lostPassword).want(403, "login")
	p.post("/login", "account", "admin", "password", freshPassword).want(200, "menu")
	p.get("/menu/log").want(200, "log")
	seen := read[LogView](p)
	for _, want := range []string{"challenge.shown", "answer.ok", "password.set", "sessions.revoked", "login"} {
		if !slices.ContainsFunc(seen.Records, func(e say.LogEntry) bool { return e.Event == want }) {
			t.Errorf("the security log does not show %s", want)
		}
	}
	for _, e := range seen.Records {
		if strings.HasPrefix(e.Text, e.Event) {
			t.Errorf("the event %s has no words", e.Event)
		}
	}
	p.post("/logout").want(200, "locked")
	p.get("/menu").want(200, "login")
	n.noSecretIn(t, "the log", n.log.String(), code)
}

// TestTemporaryPasswordAtTheLogin: makers' procedures type it where the
// password goes.
func TestTemporaryPasswordAtTheLogin(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	p.post("/recovery").want(200, "forgot")
	code := n.rightAnswer(t)
	p.post("/login", "account", "admin", "password", mistype(code)).want(400, "login")
	if v := read[LoginView](p); !v.ChallengeOpen || !slices.Equal(v.WrongGroups, []int{2}) || v.AttemptsLeft != 5 {
		t.Errorf("mistyped: %+v", v)
	}
	p.post("/login", "account", "admin", "password", code).want(200, "users")
	if events := n.events(t); events["login.refused"] != 0 || events["answer.wrong"] != 0 || events["answer.ok"] != 1 {
		t.Errorf("events: %v", events)
	}
}

// mistype swaps the first two symbols of group 2, or changes one where they are alike.
func mistype(code string) string {
	b := []byte(code)
	if b[5] != b[6] {
		b[5], b[6] = b[6], b[5]
		return string(b)
	}
	b[5] = '0'
	if code[5] == '0' {
		b[5] = '1'
	}
	return string(b)
}

// TestPasswordStillWorksDuringRecovery: to open a challenge locks nobody out.
func TestPasswordStillWorksDuringRecovery(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	p.post("/recovery").want(200, "forgot")
	p.post("/login", "account", "admin", "password", lostPassword).want(200, "menu")
}

// TestScreens: on each generation the way to the accounts is the maker's, and
// the address follows it.
func TestScreens(t *testing.T) {
	t.Parallel()
	for face, want := range map[recorder.Face]struct{ path, address string }{
		recorder.FaceN841:      {"Main Menu > Settings > System > Account > User", userPath},
		recorder.FaceBaseline2: {"Main Menu > ACCOUNT > User", "/account/user"},
		recorder.FaceNewScreen: {"Main Menu > Users > User", "/users/user"},
		recorder.FaceLNR400:    {"Main Menu > Setting > Account", "/setting/account"},
	} {
		t.Run(string(face), func(t *testing.T) {
			t.Parallel()
			lost, fresh := lostPassword, freshPassword
			if face == recorder.FaceLNR400 {
				lost, fresh = "lost77", "new-42"
			}
			n := benchOf(t, recorder.Config{Face: face, AdminPassword: secretOf(lost)})
			p := n.owner(t)
			p.post("/recovery").want(200, "forgot")
			code := n.rightAnswer(t)
			p.post("/login", "account", "admin", "password", code).want(200, "users")
			if v := read[UsersView](p); p.got.path != want.address || strings.Join(v.Path, " > ") != want.path {
				t.Errorf("at %s: %v", p.got.path, v.Path)
			}
			p.get("/menu").want(200, "users")
			p.get("/live.jpg").want(200, "users")
			p.post(want.address+"/admin", "old", code, "new", fresh, "confirm", fresh).want(400, "edit")
			if v := read[EditView](p); strings.Join(v.Path, " > ") != want.path || v.Errors["modify"] == "" {
				t.Errorf("edit: %+v", v)
			}
			p.post(want.address+"/admin", "modify", "on", "old", code, "new", fresh, "confirm", fresh).want(200, "locked")
			p.post("/login", "account", "admin", "password", fresh).want(200, "menu")
			for _, other := range []string{userPath, "/account/user", "/users/user", "/setting/account"} {
				if p.get(other); (other == want.address) != (p.got.status == 200) {
					t.Errorf("%s: status %d", other, p.got.status)
				}
			}
		})
	}
}

func TestWrongPasswords(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	p.post("/login", "account", "admin", "password", "").want(400, "login")
	for left := 4; left >= 0; left-- {
		p.post("/login", "account", "admin", "password", "Not-The-One-1").want(403, "login")
		v := read[LoginView](p)
		if v.TriesLeft != left || (left > 0) != (v.LockedSeconds == 0) || !strings.Contains(v.Error, "Wrong user name or password") {
			t.Errorf("with %d left: %+v", left, v)
		}
	}
	p.post("/login", "account", "admin", "password", lostPassword).want(429, "login")
	if v := read[LoginView](p); v.LockedSeconds < 1790 || !strings.Contains(v.Error, "locked for") {
		t.Errorf("locked: %+v", v)
	}
	n.pass(31 * time.Minute)
	p.post("/login", "account", "admin", "password", lostPassword).want(200, "menu")
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	p.post("/recovery/answer", "answer", "05D8-4WAY-9MWG-ZXD1").want(409, "forgot")
	p.post("/recovery").want(200, "forgot")
	p.post("/recovery").want(429, "forgot") // within 30 s
	if v := read[ForgotView](p); !v.Open || v.WaitSeconds < 25 || v.PenaltySeconds != 0 || !strings.Contains(v.Error, "A challenge was shown a moment ago") {
		t.Errorf("asked again at once: %+v", v)
	}
	code := n.rightAnswer(t)
	for typed, want := range map[string]string{
		mistype(code):                    "Group 2 is mistyped. Nothing was spent",
		code[:9]:                         "8 symbols were typed",
		"":                               "0 symbols were typed",
		read[ForgotView](p).Challenge:    "20 symbols were typed",
		strings.Repeat("<script>", 1000): "symbols were typed",
	} {
		p.post("/recovery/answer", "answer", typed).want(400, "forgot")
		if v := read[ForgotView](p); v.AttemptsLeft != 5 || !strings.Contains(v.Error, want) {
			t.Errorf("a mistyped answer: attempts left %d, error %q, want %q", v.AttemptsLeft, v.Error, want)
		}
	}
	wrong := n.wrongAnswers(t, 5)
	for i, a := range wrong[:4] {
		p.post("/recovery/answer", "answer", a).want(403, "forgot")
		if v := read[ForgotView](p); v.AttemptsLeft != 4-i {
			t.Errorf("wrong answer %d: %d attempts left", i+1, v.AttemptsLeft)
		}
		p.post("/recovery/answer", "answer", a).want(400, "forgot") // the same again
	}
	p.post("/recovery/answer", "answer", wrong[4]).want(403, "forgot")
	if v := read[ForgotView](p); v.Open || v.PenaltySeconds != 60 || !strings.Contains(v.Error, "last attempt") {
		t.Errorf("burned: %+v", v)
	}
	p.post("/recovery/answer", "answer", code).want(429, "forgot")
	p.post("/recovery").want(429, "forgot")
	n.pass(61 * time.Second)
	p.post("/recovery/answer", "answer", code).want(409, "forgot")
	p.post("/recovery").want(200, "forgot")
	n.pass(601 * time.Second)
	p.post("/recovery/answer", "answer", code).want(409, "forgot")
	if v := read[ForgotView](p); !strings.Contains(v.Error, "older than 10 minutes") {
		t.Errorf("expired: %+v", v)
	}
}

// wrongAnswers are well formed and do not fit.
func (n *bench) wrongAnswers(t *testing.T, count int) []string {
	t.Helper()
	state, err := n.box.GuardState()
	if err != nil || !state.Open {
		t.Fatalf("no open challenge: %v", err)
	}
	list := make([]string, count)
	for i := range list {
		a, err := n.keys.Answer(n.box.DeviceID(), fmt.Sprintf("somebody%d", i), state.Challenge)
		if err != nil {
			t.Fatal(err)
		}
		list[i] = a.Reveal()
	}
	return list
}

func TestEditErrorsCostNothing(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	p.post("/recovery").want(200, "forgot")
	code := n.rightAnswer(t)
	p.post("/recovery/answer", "answer", code).want(200, "users")
	const path = userPath + "/admin"
	for _, c := range []struct{ name, modify, old, new, confirm, field, text string }{
		{"not ticked", "", code, freshPassword, freshPassword, "modify", "Tick"},
		{"no old one", "on", "", freshPassword, freshPassword, "old", "Type"},
		{"mistyped old one", "on", mistype(code), freshPassword, freshPassword, "old", "Group 2"},
		{"the lost password as old one", "on", lostPassword, freshPassword, freshPassword, "old", "symbols"},
		{"another code", "on", "05D8-4WAY-9MWG-ZXD1", freshPassword, freshPassword, "old", "not the temporary password"},
		{"no new one", "on", code, "", "", "new", "Type"},
		{"different twice", "on", code, freshPassword, freshPassword + "x", "confirm", "not the same"},
		{"short", "on", code, "Ab1", "Ab1", "new", "8 to 32"},
		{"one class", "on", code, "abcdefgh", "abcdefgh", "new", "two of"},
		{"forbidden", "on", code, "Abcd;1234", "Abcd;1234", "new", "must not hold"},
		{"well known", "on", code, "admin1234", "admin1234", "new", "tries first"},
		{"the code", "on", code, code, code, "new", "temporary password"},
	} {
		p.post(path, "modify", c.modify, "old", c.old, "new", c.new, "confirm", c.confirm).want(400, "edit")
		v := read[EditView](p)
		if len(v.Errors) != 1 || !strings.Contains(v.Errors[c.field], c.text) || v.SecondsLeft < 590 {
			t.Errorf("%s: %+v", c.name, v.Errors)
		}
	}
	p.post(path, "modify", "on", "old", code, "new", freshPassword, "confirm", freshPassword).want(200, "locked")
}

func TestGrantRunsOut(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	p.post("/recovery").want(200, "forgot")
	code := n.rightAnswer(t)
	p.post("/recovery/answer", "answer", code).want(200, "users")
	for range 3 {
		n.pass(199 * time.Second)
		p.get(userPath).want(200, "users") // in use, so that the session is not idle
	}
	n.pass(4 * time.Second)
	p.post(userPath+"/admin", "modify", "on", "old", code, "new", freshPassword, "confirm", freshPassword).want(403, "denied")
	p.get(userPath).want(200, "login")
	p.post("/login", "account", "admin", "password", lostPassword).want(200, "menu")
}

func TestOwnPassword(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	if err := n.box.AddAccount("admin", rekey.Account{Name: "ann", Group: recorder.GroupUser}, rekey.NewSecret("Ann-Was-Here-1"), recorder.AtSeat()); err != nil {
		t.Fatal(err)
	}
	ann, admin := n.owner(t), n.owner(t)
	admin.post("/login", "account", "admin", "password", lostPassword).want(200, "menu")
	admin.get(userPath).want(200, "users")
	if v := read[UsersView](admin); len(v.Accounts) != 2 || v.OneDoor {
		t.Errorf("an admin sees %+v", v)
	}
	ann.post("/login", "account", "ann", "password", "Ann-Was-Here-1").want(200, "menu")
	ann.get(userPath).want(200, "users")
	if v := read[UsersView](ann); len(v.Accounts) != 1 || v.Accounts[0].Name != "ann" {
		t.Errorf("a user sees %+v", v)
	}
	ann.get("/menu/log").want(403, "denied")
	ann.get(userPath+"/admin").want(403, "denied")
	ann.post(userPath+"/admin", "modify", "on", "old", "x", "new", freshPassword, "confirm", freshPassword).want(403, "denied")

	if got := n.box.Active(); len(got) != 2 || got[0].Client != "GUI" {
		t.Errorf("active: %+v", got)
	}
	again := n.owner(t)
	again.post("/login", "account", "ann", "password", "Ann-Was-Here-1").want(200, "menu")
	ann.post(userPath+"/ann", "modify", "on", "old", "Wrong-Old-1", "new", "Ann-Is-Back-2", "confirm", "Ann-Is-Back-2").want(403, "edit")
	if v := read[EditView](ann); !strings.Contains(v.Errors["old"], "4 tries left") {
		t.Errorf("wrong old password: %+v", v.Errors)
	}
	ann.post(userPath+"/ann", "modify", "on", "old", "Ann-Was-Here-1", "new", "Ann-Is-Back-2", "confirm", "Ann-Is-Back-2").want(200, "locked")
	again.get("/menu").want(200, "login") // every session of the account is over
	admin.get("/menu").want(200, "menu")  // and no other
	admin.post("/logout").want(200, "locked")
	if got := n.box.Active(); len(got) != 0 {
		t.Errorf("active after all: %+v", got)
	}
}

func TestLoginRunsOut(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	p.post("/login", "account", "admin", "password", lostPassword).want(200, "menu")
	n.pass(9 * time.Minute)
	p.get("/menu").want(200, "menu")
	n.pass(11 * time.Minute)
	p.get("/menu").want(200, "login")
	n.pass(seatMax)
	p.get("/").want(200, "enter")
}

func TestFirstSetup(t *testing.T) {
	t.Parallel()
	n := newBench(t, "")
	p := n.stranger(t)
	p.post("/enter", "token", strings.ToLower(strings.ReplaceAll(n.token.Reveal(), "-", " "))).want(200, "setup")
	p.get("/menu").want(200, "setup")
	p.get("/info").want(200, "info")
	for _, password := range []string{"", "admin", "12345678", "admin1234"} {
		p.post("/setup", "new", password, "confirm", password).want(400, "setup")
	}
	p.post("/login", "account", "admin", "password", "admin").want(409, "conflict")
	p.post("/recovery").want(409, "conflict")
	p.post("/setup", "new", freshPassword, "confirm", freshPassword).want(200, "locked")
	p.post("/setup", "new", lostPassword, "confirm", lostPassword).want(409, "conflict")
	p.get("/setup").want(200, "locked")
	p.post("/login", "account", "admin", "password", freshPassword).want(200, "menu")
}

func (n *bench) noSecretIn(t *testing.T, where, text string, more ...string) {
	t.Helper()
	for _, s := range append(more, lostPassword, freshPassword, n.token.Reveal()) {
		if strings.Contains(text, s) {
			t.Errorf("%s holds a secret of %d characters", where, len(s))
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0 seconds", time.Millisecond: "1 second", 119 * time.Second: "119 seconds",
		2 * time.Minute: "2 min 00 s", 1799500 * time.Millisecond: "30 min 00 s", 24 * time.Hour: "24 h 00 min",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v) = %q, want %q", d, got, want)
		}
	}
	e := &recovery.MistypedError{Form: recovery.FormAnswer, Groups: []int{1, 2, 4}, Symbols: 16}
	if got := mistypedWords(e); !strings.HasPrefix(got, "Groups 1, 2 and 4 are mistyped.") {
		t.Error(got)
	}
}

// TestForgotPasswordOfNobody: what is told does not tell which users there are,
// and the answer opens nothing.
func TestForgotPasswordOfNobody(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	told := map[string][]string{}
	for _, account := range []string{"admin", "nobody"} {
		n.pass(10 * time.Minute)
		note := func() {
			v := read[ForgotView](p)
			told[account] = append(told[account], fmt.Sprint(p.got.status, v.Open, v.AttemptsLeft > 0, v.Account == account, v.WaitSeconds > 0, strings.ReplaceAll(v.Error, fmt.Sprint(v.AttemptsLeft), "N")))
		}
		p.post("/recovery", "account", account)
		note()
		p.post("/recovery/answer", "answer", n.wrongAnswers(t, 1)[0])
		note()
	}
	if !slices.Equal(told["admin"], told["nobody"]) {
		t.Errorf("admin is told %q, nobody %q", told["admin"], told["nobody"])
	}
	p.post("/recovery/answer", "answer", n.rightAnswer(t)).want(404, "forgot")
	p.get(userPath).want(200, "login")
	p.get(userPath+"/nobody").want(200, "login")
}

// TestReviewAfterATemporaryPassword: the menu asks for it until an admin has
// marked every item.
func TestReviewAfterATemporaryPassword(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	if err := n.box.AddAccount("admin", rekey.Account{Name: "ann", Group: recorder.GroupUser}, rekey.NewSecret("Ann-Was-Here-1"), recorder.AtSeat()); err != nil {
		t.Fatal(err)
	}
	p, ann := n.owner(t), n.owner(t)
	p.post("/login", "account", "admin", "password", lostPassword).want(200, "menu")
	if v := read[MenuView](p); v.Review != nil {
		t.Errorf("before: %v", v.Review)
	}
	p.post("/logout").want(200, "locked")
	p.post("/recovery").want(200, "forgot")
	code := n.rightAnswer(t)
	p.post("/recovery/answer", "answer", code).want(200, "users")
	p.post(userPath+"/admin", "modify", "on", "old", code, "new", freshPassword, "confirm", freshPassword).want(200, "locked")
	ann.post("/login", "account", "ann", "password", "Ann-Was-Here-1").want(200, "menu")
	if v := read[MenuView](ann); v.Review != nil {
		t.Errorf("a user is asked: %v", v.Review)
	}
	ann.post("/menu/review").want(403, "denied")
	p.post("/login", "account", "admin", "password", freshPassword).want(200, "menu")
	if v := read[MenuView](p); len(v.Review) == 0 {
		t.Error("nothing is asked")
	}
	p.get(reviewPath).want(200, "review")
	for i, one := range read[ReviewView](p).Items {
		if one.Mark != recorder.ReviewOpen || one.Title == one.Name || one.Text == "" {
			t.Errorf("item %+v", one)
		}
		mark := recorder.ReviewDone
		if i%2 == 1 {
			mark = recorder.ReviewSkipped
		}
		p.post(reviewPath, "item", one.Name, "mark", string(mark)).want(200, "review")
	}
	p.get("/menu").want(200, "menu")
	if v := read[MenuView](p); v.Review != nil || n.events(t)["review.done"] != 1 || n.events(t)["review.item"] != len(recorder.ReviewNames()) {
		t.Errorf("after: %v, %v", v.Review, n.events(t))
	}
	p.post(reviewPath, "item", "everything", "mark", "done").want(400, "input")
	p.post(reviewPath, "item", recorder.ReviewUsers, "mark", "").want(400, "input")
}
