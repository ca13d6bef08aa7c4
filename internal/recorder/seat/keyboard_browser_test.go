package seat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/rekeytest/browser"
)

// TestByMouseAlone is the owner's way back in without a keyboard, as at a
// recorder: every letter is a click on the screen.
func TestByMouseAlone(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	tab := chromium.Tab(t)

	tab.Open(n.base + "/")
	tab.OpenKeyboard("#token")
	show(t, tab, "keyboard-token")
	tab.TypeByMouse("#token", strings.ReplaceAll(n.token.Reveal(), "-", "")) // the dashes come by themselves
	if got := tab.Value("#token"); got != n.token.Reveal() {
		t.Errorf("the token was typed as one of %d characters", len(got))
	}
	tab.Press("Enter")
	tab.Wants("Live view")

	tab.RightClick(".monitor")
	tab.Choose("Main Menu")
	tab.OpenKeyboard("#password")
	show(t, tab, "keyboard-password")
	tab.StrikeKey("signs")
	show(t, tab, "keyboard-signs")
	tab.TypeByMouse("#password", "Not-The One_1\"\\~")
	if got := tab.Value("#password"); got != "Not-The One_1\"\\~" {
		t.Errorf("typed as %q", got)
	}
	tab.Press("Log in")
	tab.Wants("4 tries left")

	tab.Press("Forgot password")
	tab.Press("Get a challenge")
	code := n.rightAnswer(t)
	tab.TypeByMouse("#answer", strings.ReplaceAll(mistype(code), "-", ""))
	tab.Await(".marks .mistyped")
	tab.AwaitText("Group 4 ✓ right")
	tab.Wants("Group 2 is mistyped. Nothing was spent.")
	show(t, tab, "marks-mistyped")
	tab.OpenKeyboard("#answer")
	show(t, tab, "keyboard-answer")
	tab.TypeByMouse("#answer", code)
	tab.AwaitText("All groups are typed right.")
	if got := n.events(t); got["answer.wrong"] != 0 || got["answer.refused"] != 0 {
		t.Errorf("marking costs tries: %v", got)
	}
	tab.Press("OK")

	tab.Press("Edit admin")
	tab.Tick("#modify")
	tab.TypeByMouse("#old", code)
	tab.TypeByMouse("#new", "admin1234")
	tab.AwaitText("The user name is in it.")
	show(t, tab, "advice")
	tab.Tick(".draw")
	tab.Await(".drawn:not([hidden])")
	words := tab.Text(".drawn .words")
	show(t, tab, "passphrase")
	tab.Tick(".take")
	if tab.Value("#new") != words || tab.Value("#confirm") != words {
		t.Error("the passphrase that was taken does not stand in both fields")
	}
	tab.Press("OK")
	tab.Wants("The new password is set")

	tab.RightClick(".monitor")
	tab.Choose("Main Menu")
	tab.TypeByMouse("#password", words)
	tab.Press("Log in")
	tab.Wants("Logged in as admin")
	n.noSecretIn(t, "the log", n.log.String(), code, words)
}

// TestKeyboardForEverybody: it leaves alone who has a keyboard, and is good for
// who uses it by keys or with a screen reader.
func TestKeyboardForEverybody(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	tab := n.sitDown(t)
	tab.Open(n.base + "/login")
	tab.Eval(`document.querySelector("#account").focus(); ""`)
	tab.Key(browser.TabKey, false)
	if tab.Shown("#keyboard") {
		t.Error("it opens for somebody who goes from field to field by Tab")
	}
	if got := tab.Attribute("", "aria-label"); got != "On-screen keyboard for User name" {
		t.Errorf("after the field comes %q", got)
	}
	tab.Key(browser.Enter, false)
	if !tab.Shown("#keyboard") || tab.Focused() != "1" {
		t.Errorf("the small button does not open it; the keys are at %q", tab.Focused())
	}
	for _, step := range []struct{ key, at string }{
		{browser.Down, "q"}, {browser.Right, "w"}, {browser.Left, "q"}, {browser.Left, "p"}, {browser.Up, "⌫"}, {browser.Left, "0"}, {browser.End, "⌫"}, {browser.Home, "1"}, {browser.Up, "?#&"},
	} {
		if tab.Key(step.key, false); tab.Focused() != step.at {
			t.Errorf("the keys are at %q, not %q", tab.Focused(), step.at)
		}
	}
	tab.Key(browser.Enter, false)
	if got := tab.Focused(); got != "abc" {
		t.Errorf("after the signs were turned up the keys are at %q", got)
	}
	tab.Key(browser.Escape, false)
	if tab.Shown("#keyboard") || tab.Attribute("", "id") != "account" {
		t.Error("Escape does not lead back to the field")
	}

	tab.OpenKeyboard("#password")
	tab.Type("#password", "x")
	if tab.Shown("#keyboard") {
		t.Error("it stays over the page of somebody who types on a real keyboard")
	}
	tab.OpenKeyboard("#password")
	tab.Tick("h1")
	if tab.Shown("#keyboard") {
		t.Error("a click beside it does not close it")
	}

	const finger = `(() => {
		const f = document.querySelector("#account");
		f.setAttribute("inputmode", "email");
		f.dispatchEvent(new PointerEvent("pointerdown", {pointerType: "touch", bubbles: true}));
		f.focus();
		f.click();
		return f.getAttribute("inputmode");
	})()`
	if got := tab.Eval(finger); got != "none" || !tab.Shown("#keyboard") {
		t.Errorf("a finger gets two keyboards: inputmode %q", got)
	}
	if tab.CloseKeyboard(); tab.Attribute("#account", "inputmode") != "email" {
		t.Error("the field does not get its inputmode back")
	}
}

// TestKeyboardKeepsSecrets: a shown password is hidden again, and what is typed
// stands in no attribute and no name.
func TestKeyboardKeepsSecrets(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	tab := n.sitDown(t)
	tab.Open(n.base + "/login")
	tab.TypeByMouse("#password", lostPassword)
	tab.OpenKeyboard("#password")
	tab.Tick(".kb-show")
	if got := tab.Attribute("#password", "type"); got != "text" {
		t.Errorf("Show leaves a field of type %s", got)
	}
	if strings.Contains(tab.Eval("document.documentElement.outerHTML"), lostPassword) {
		t.Error("the password stands in the page")
	}
	if got := tab.Eval("String(sessionStorage.length + localStorage.length)"); got != "0" {
		t.Errorf("%s things are stored", got)
	}
	tab.CloseKeyboard()
	if got := tab.Attribute("#password", "type"); got != "password" {
		t.Errorf("after Done the password stays shown: type %s", got)
	}
	tab.OpenKeyboard("#password")
	tab.Tick(".kb-show")
	tab.EnterByMouse() // as on a keyboard
	tab.Wants("Logged in as admin")
}

// TestKeyboardHoldsLimits: length, caret, erasing, and what the page's scripts hear.
func TestKeyboardHoldsLimits(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	tab := n.sitDown(t)
	tab.Open(n.base + "/login")
	const field = "#account"
	tab.Eval(`document.querySelector("#account").maxLength = 6; window.heard = []; for (const e of ["input", "change"]) document.addEventListener(e, (x) => heard.push(e)); ""`)
	tab.TypeByMouse(field, "abcdefgh")
	if got := tab.Value(field); got != "abcdef" {
		t.Errorf("in a field of 6 stands %q", got)
	}
	tab.OpenKeyboard(field)
	tab.Eval(`document.querySelector("#account").setSelectionRange(6, 6); ""`)
	for _, key := range []string{"back", "left", "left", "x", "right", "back"} {
		tab.StrikeKey(key)
	}
	if got := tab.Value(field); got != "abcxe" {
		t.Errorf("after moving and erasing stands %q", got)
	}
	tab.CloseKeyboard()
	// Clear, six letters, done; back, x, back, done.
	if got := tab.Eval(`heard.join(" ")`); got != strings.TrimSpace(strings.Repeat("input ", 7)+"change "+strings.Repeat("input ", 3)+"change") {
		t.Errorf("the page heard %s", got)
	}
}

// TestKeyboardCoversNothing: on a small screen, too, the field is above it, and
// every key is big enough for a finger.
func TestKeyboardCoversNothing(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	p.post("/recovery").want(200, "forgot")
	tab := n.sitDown(t)
	for _, look := range []browser.Look{browser.Desktop, browser.Phone, {Width: 1024, Height: 600}, {Width: 844, Height: 390}} {
		tab.Look(look)
		for path, field := range map[string]string{"/login": "#password", "/recovery": "#answer"} {
			tab.Open(n.base + path)
			tab.OpenKeyboard(field)
			if got := tab.Eval(fmt.Sprintf(`(() => {
				const field = document.querySelector(%q).getBoundingClientRect();
				const box = document.querySelector("#keyboard").getBoundingClientRect();
				const small = [...document.querySelectorAll("#keyboard button, .kb-open")].filter((k) => k.checkVisibility() && (k.offsetWidth < 44 || k.offsetHeight < 44));
				return [field.top >= 0 && field.bottom <= box.top, box.left >= 0 && box.right <= innerWidth, small.map((k) => k.dataset.key + " " + k.offsetWidth)].join();
			})()`, field)); got != "true,true," {
				t.Errorf("%s at %d wide: above, inside, too small: %s", path, look.Width, got)
			}
			tab.CloseKeyboard()
		}
	}
}

// TestKeypad: a field of digits gets digits only; dates, times and lists have
// pickers of the browser, which open by a click anywhere in them.
func TestKeypad(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	tab := n.sitDown(t)
	tab.Open(n.base + "/login")
	tab.TypeByMouse("#password", lostPassword)
	tab.Press("Log in")
	tab.Open(n.base + securityPath)
	tab.TypeByMouse("#password", lostPassword)
	tab.Press("Switch on")
	tab.OpenKeyboard("#code")
	if got := tab.Text(".kb-keys"); strings.Join(strings.Fields(got), "") != "123⌫456←789→0EnterDone" {
		t.Errorf("the keys are %q", got)
	}
	show(t, tab, "keyboard-digits")
	tab.CloseKeyboard()
	tab.TypeByMouse("#code", "012345")
	if got := tab.Value("#code"); got != "012345" {
		t.Errorf("typed as %q", got)
	}
	for _, html := range []string{"<input type=datetime-local>", "<input type=date>", "<input type=time>", "<select><option>a<option>b</select>"} {
		tab.Eval(fmt.Sprintf(`document.querySelector("main").insertAdjacentHTML("afterbegin", %q); document.querySelector("main").firstChild.id = "probe"; ""`, html))
		tab.Tick("#probe")
		tab.Until(`document.querySelector("#probe").matches(":open")`)
		tab.Eval(`document.querySelector("#probe").remove(); ""`)
	}
}

// TestAdvice: what is weak about a new password is said while it is typed,
// without asking anybody.
func TestAdvice(t *testing.T) {
	t.Parallel()
	n := newBench(t, "")
	tab := chromium.Tab(t)
	tab.Open(n.base + "/")
	tab.Type("#token", n.token.Reveal())
	tab.Press("Enter")
	for _, c := range []struct{ typed, want, not string }{
		{"Ab1", "Still wanted: 5 more characters.", "tried first"},
		{"abcxyzuvw", "Still wanted: an upper-case letter or a digit or a sign.", "Short of"},
		{"xk-defg-93w!", "Neighbours of the alphabet", "Short."},
		{"q-aaa-mwt-pkd7", "Something in it is repeated.", "Neighbours"},
		{"wk7Xwk7X", "Something in it is repeated.", "Neighbours"},
		{"P@$$w0rd-of-ours", "A word that everybody takes is in it.", "Short."},
		{"Gate-1987-rose", "A year is in it.", "everybody takes"},
		{"Helga42!", "A word with a number behind it", "everybody takes"},
		{"the-Admin-of-it", "The user name is in it.", "Still wanted"},
		{"goat;river;lamp", "This recorder does not take ;", "Short."},
		{"goat river lamp 7", "without blanks", "Short."},
		{strings.Repeat("Gx4-", 9), "Too long: this recorder takes 32 characters at most.", "Still wanted"},
		{"goat-Liver-lamp-91", "Nothing that is tried first was seen in it.", "Short."},
	} {
		tab.Eval(fmt.Sprintf(`(() => { const f = document.querySelector("#new"); f.value = %q; f.dispatchEvent(new Event("input", {bubbles: true})); return ""; })()`, c.typed))
		tab.AwaitText(c.want)
		if got := tab.Text(".advice"); strings.Contains(got, c.not) {
			t.Errorf("of %q it says %q", c.typed, got)
		}
	}
	tab.Eval(`(() => { const f = document.querySelector("#confirm"); f.value = "goat-Liver-Lamp"; f.dispatchEvent(new Event("input", {bubbles: true})); return ""; })()`)
	tab.AwaitText("The two are not the same.")
	show(t, tab, "setup-advice")
	if got := tab.Eval(`String(performance.getEntriesByType("resource").filter((e) => e.initiatorType === "fetch").length)`); got != "0" {
		t.Errorf("%s requests were made while the password was typed", got)
	}

	// Without script there is a page for it.
	tab.Open(n.base + "/passphrase")
	tab.Press("Draw a passphrase")
	tab.Wants("shown this once")
	show(t, tab, "passphrase-page")
}

// TestChallengeRunsOutOnScreen: the countdown goes on, and at its end the page
// says so and offers a new challenge.
func TestChallengeRunsOutOnScreen(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	p.post("/recovery").want(200, "forgot")
	tab := n.sitDown(t)
	tab.Open(n.base + "/recovery")
	tab.Wants("Valid for")
	n.pass(10 * time.Minute)
	tab.Eval(`(() => { const now = performance.now.bind(performance); performance.now = () => now() + 600_000; return ""; })()`)
	tab.Await("#challenge-over:not([hidden])")
	tab.Wants("are over", "nothing was spent", "Get a new challenge")
	if tab.Shown("#open-challenge") {
		t.Error("the old challenge is still shown")
	}
	show(t, tab, "challenge-over")
	n.pass(30 * time.Second)
	tab.Press("Get a new challenge")
	tab.Wants("Valid for")
}

// TestLockedOnScreen: a locked user is told for how long, and the time goes on.
func TestLockedOnScreen(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	tab := n.sitDown(t)
	tab.Open(n.base + "/login")
	for range 5 {
		tab.Type("#password", "Not-The-One-1")
		tab.Press("Log in")
	}
	tab.Wants("now locked for 30 min", "You can try again in", "Forgot password")
	show(t, tab, "login-locked")
	before := tab.Text(".countdown")
	tab.Until(fmt.Sprintf(`document.querySelector(".countdown").textContent !== %q`, before))
}

// TestPassphraseOfSix: where the rule is six characters, that is what is drawn,
// and the page says what that is worth.
func TestPassphraseOfSix(t *testing.T) {
	t.Parallel()
	n := benchOf(t, recorder.Config{Face: recorder.FaceLNR400, AdminPassword: rekey.NewSecret("lost77")})
	tab := n.sitDown(t)
	tab.Open(n.base + "/login")
	tab.TypeByMouse("#password", "lost77")
	tab.Press("Log in")
	tab.Open(n.base + "/setting/account/admin")
	tab.Tick(".draw")
	tab.Await(".drawn:not([hidden])")
	if got := tab.Text(".drawn .words"); len(got) != 6 {
		t.Errorf("a passphrase of %d characters", len(got))
	}
	tab.Wants("6 characters at most")
	show(t, tab, "passphrase-six")
}
