package cloud_test

import (
	"encoding/base32"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"rekey/internal/recorder/cloud"
	"rekey/internal/rekeytest/mailbox"
)

var (
	linkForm   = regexp.MustCompile(`http://127\.0\.0\.1:\d+(/notme\?t=\S+)`)
	hiddenForm = regexp.MustCompile(`name="key" value="([^"]+)"`)
)

// authenticator is the owner's telephone.
type authenticator struct {
	p   *place
	key string
}

// code is the code of now, and lets its step pass.
func (a authenticator) code() string {
	a.p.t.Helper()
	code, err := totp.GenerateCode(a.key, a.p.now())
	if err != nil {
		a.p.t.Fatal(err)
	}
	return code
}

// guard switches the second factor on and gives the telephone and the sheet.
func (p *place) guard(owner person) (authenticator, []string) {
	p.t.Helper()
	offered := owner.post("/security/offer")
	key := hiddenForm.FindStringSubmatch(offered.body)
	if offered.status != 200 || key == nil {
		p.t.Fatalf("no key was offered: status %d", offered.status)
	}
	a := authenticator{p, key[1]}
	mailed := p.code(ownerAddress)
	sheet := owner.post("/security/on", "key", a.key, "code", a.code(), "mailed", mailed, "password", ownerPassword)
	codes := codeForm.FindAllString(sheet.body, -1)
	if sheet.status != 200 || len(codes) != 8 {
		p.t.Fatalf("status %d, %d codes on the sheet", sheet.status, len(codes))
	}
	p.later(time.Minute)
	return a, codes
}

// wrong is a code that does not fit now.
func (a authenticator) wrong() string {
	a.p.t.Helper()
	for _, code := range []string{"000000", "111111", "222222", "333333"} {
		if fits, err := totp.ValidateCustom(code, a.key, a.p.now(), totp.ValidateOpts{Period: 30, Skew: 1, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}); err == nil && !fits {
			return code
		}
	}
	a.p.t.Fatal("four codes in three steps")
	return ""
}

func (w person) login(password, code string) int {
	w.t.Helper()
	return w.post("/login", "address", ownerAddress, "password", password, "code", code).status
}

// TestSecondFactor: password and code, once each code; the sheet when the phone
// is gone; a new password by e-mail takes it not away.
func TestSecondFactor(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	owner, elsewhere := p.account(ownerAddress), p.person()
	if got := elsewhere.login(ownerPassword, ""); got != 200 {
		t.Fatalf("without a second factor: status %d", got)
	}
	phone, sheet := p.guard(owner)
	if got := elsewhere.get("/security"); got.path != "/login" {
		t.Errorf("another session goes on at %s", got.path)
	}
	if got := owner.get("/security"); got.status != 200 || !strings.Contains(got.body, "8 codes of your sheet are left") {
		t.Errorf("the owner's own session: status %d at %s", got.status, got.path)
	}
	code := phone.code()
	for name, c := range map[string][2]string{
		"no code": {ownerPassword, ""}, "wrong code": {ownerPassword, phone.wrong()}, "wrong password": {"something else entirely", code},
	} {
		if got := p.person().login(c[0], c[1]); got != 403 {
			t.Errorf("%s: status %d", name, got)
		}
	}
	if got := p.person().login(ownerPassword, code[:3]+" "+code[3:]); got != 200 {
		t.Errorf("both: status %d", got)
	}
	if got := p.person().login(ownerPassword, code); got != 403 {
		t.Errorf("the same code again: status %d", got)
	}
	if got := p.person().login(ownerPassword, strings.ToLower(sheet[0])); got != 200 {
		t.Errorf("a code of the sheet: status %d", got)
	}
	if got := p.person().login(ownerPassword, sheet[0]); got != 403 {
		t.Errorf("and again: status %d", got)
	}
	p.later(time.Hour)
	forgetful := p.person()
	const next = "another password by e-mail"
	id := hiddenID.FindStringSubmatch(forgetful.post("/account", "address", ownerAddress, "password", next).body)[1]
	got := forgetful.post("/account/confirm", "id", id, "code", p.code(ownerAddress))
	if got.status != 200 || forgetful.get("/").path != "/login" {
		t.Errorf("a new password by e-mail logs in without a code: status %d", got.status)
	}
	if forgetful.login(next, "") != 403 || forgetful.login(next, phone.code()) != 200 {
		t.Error("after it: a code is not asked for, or does not fit")
	}
	if got := forgetful.post("/security/off", "password", next, "code", phone.wrong()); got.status != 403 {
		t.Errorf("off with a wrong code: status %d", got.status)
	}
	p.later(time.Minute)
	if got := forgetful.post("/security/off", "password", next, "code", phone.code()); got.status != 200 || !strings.Contains(got.body, "Off. With it") {
		t.Errorf("off: status %d", got.status)
	}
	if got := p.person().login(next, ""); got != 200 {
		t.Errorf("without it: status %d", got)
	}
	if n := len(records(t, filepath.Join(p.dir, cloud.LogDir), "second.on")); n != 1 {
		t.Errorf("%d records, want 1", n)
	}
	key, err := base32.StdEncoding.DecodeString(phone.key)
	if err != nil {
		t.Fatal(err)
	}
	secretNowhere(t, p.dir, phone.key)
	secretNowhere(t, p.dir, string(key))
	secretNowhere(t, p.dir, sheet[1])
}

// TestSecondFactorNeedsTheMailbox: who only knows the password cannot lock its
// owner out by an authenticator of their own.
func TestSecondFactorNeedsTheMailbox(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	thief := p.account(ownerAddress)
	offered := hiddenForm.FindStringSubmatch(thief.post("/security/offer").body)[1]
	mailed := p.code(ownerAddress)
	mine := "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	for name, c := range map[string]struct {
		key, mailed, password string
		want                  int
	}{
		"no code from the mailbox": {offered, "0000-0000-0000", ownerPassword, 403},
		"of another key":           {mine, mailed, ownerPassword, 403},
		"no key":                   {"GEZDGNBV", mailed, ownerPassword, 400},
		"no password":              {offered, mailed, "something else entirely", 403},
	} {
		got := thief.post("/security/on", "key", c.key, "code", authenticator{p, mine}.code(), "mailed", c.mailed, "password", c.password)
		if c.key == offered {
			got = thief.post("/security/on", "key", c.key, "code", authenticator{p, offered}.code(), "mailed", c.mailed, "password", c.password)
		}
		if got.status != c.want || strings.Contains(got.body, "Recovery sheet") {
			t.Errorf("%s: status %d, want %d", name, got.status, c.want)
		}
	}
	p.later(61 * time.Minute)
	if got := thief.login(ownerPassword, ""); got != 200 {
		t.Fatalf("status %d", got)
	}
	if got := thief.post("/security/on", "key", offered, "code", authenticator{p, offered}.code(), "mailed", mailed, "password", ownerPassword); got.status != 403 {
		t.Errorf("too late: status %d", got.status)
	}
}

// TestGuessingCodes: whoever knows the password gets five tries, and its owner hears of them.
func TestGuessingCodes(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	phone, _ := p.guard(p.account(ownerAddress))
	thief, status := p.person(), 0
	for range 6 {
		status = thief.login(ownerPassword, phone.wrong())
	}
	if status != 429 {
		t.Errorf("the sixth: status %d", status)
	}
	if got := thief.login(ownerPassword, phone.code()); got != 429 {
		t.Errorf("the right one then: status %d", got)
	}
	p.mail.Until("somebody typed its password, and a wrong code after it")
	p.later(20 * time.Minute)
	if got := thief.login(ownerPassword, phone.code()); got != 200 {
		t.Errorf("later: status %d", got)
	}
}

// notMe is the link of the newest message to the owner.
func (p *place) notMe(l mailbox.Letter) string {
	p.t.Helper()
	found := linkForm.FindStringSubmatch(l.Body)
	if found == nil {
		p.t.Fatal("the message holds no link")
	}
	return found[1]
}

// TestNotMe: the link of a message freezes the account, by its button alone,
// until a new password is set by e-mail; then the link is over.
func TestNotMe(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	thief := p.account(ownerAddress) // knows the password
	b := newBox(t, "Shop")
	page := p.link(b, thief)
	challenge := b.challenge()
	if got := thief.post(page+"/password", "account", "admin", "challenge", challenge); got.status != 200 {
		t.Fatalf("status %d", got.status)
	}
	asked, _ := p.mail.Take(ownerAddress, answerForm)
	path := p.notMe(asked)
	owner := p.person()
	if got := owner.get(path); got.status != 200 || !strings.Contains(got.body, "It was not me") {
		t.Fatalf("the link: status %d", got.status)
	}
	if got := thief.get(page); got.status != 200 {
		t.Errorf("a look at the link froze the account: status %d", got.status)
	}
	token := strings.TrimPrefix(path, "/notme?t=")
	for _, forged := range []string{"", "x", token[:len(token)-1], "o-AAAAAAAAAAAA" + token[14:], strings.Replace(token, ".1.", ".2.", 1), token + "0"} {
		if got := p.person().post("/notme", "t", forged); got.status != 404 {
			t.Errorf("a forged link: status %d", got.status)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.base+"/notme", strings.NewReader("t="+token))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if got := owner.do(r); got.status != 403 {
		t.Errorf("another site's form: status %d", got.status)
	}
	if got := thief.get(page); got.status != 200 {
		t.Fatalf("frozen already: status %d", got.status)
	}
	for range 2 {
		if got := owner.post("/notme", "t", token); got.status != 200 || !strings.Contains(got.body, "Account frozen") {
			t.Errorf("status %d", got.status)
		}
	}
	p.later(11 * time.Minute)
	if got := thief.post(page+"/password", "account", "admin", "challenge", b.challenge()); got.status != 401 {
		t.Errorf("the thief's session asks still: status %d", got.status)
	}
	if got := thief.post("/login", "address", ownerAddress, "password", ownerPassword); got.status != 403 || !strings.Contains(got.body, "frozen") {
		t.Errorf("the thief logs in again: status %d", got.status)
	}
	if got := thief.post("/login", "address", ownerAddress, "password", "something else entirely"); got.status != 403 || strings.Contains(got.body, "frozen") {
		t.Errorf("who knows no password learns that it is frozen: status %d", got.status)
	}
	const next = "another password by e-mail"
	id := hiddenID.FindStringSubmatch(owner.post("/account", "address", ownerAddress, "password", next).body)[1]
	if got := owner.post("/account/confirm", "id", id, "code", p.code(ownerAddress)); got.status != 200 || got.path != "/" {
		t.Fatalf("a new password: status %d at %s", got.status, got.path)
	}
	if got := owner.get(page); got.status != 200 {
		t.Errorf("the recorder after it: status %d", got.status)
	}
	if got := p.person().post("/notme", "t", token); got.status != 404 {
		t.Errorf("the old link: status %d", got.status)
	}
	if n := len(records(t, filepath.Join(p.dir, cloud.LogDir), "account.freeze")); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
}
