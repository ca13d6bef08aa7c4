package seat

import (
	"encoding/base32"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/hotp"

	"rekey"
	"rekey/internal/recorder"
)

// authenticator is the owner's telephone: it got the key by its camera.
type authenticator struct {
	key string
	box *recorder.Box
}

// newAuthenticator reads the URL of a QR code, as an app does.
func newAuthenticator(t *testing.T, n *bench, text string) *authenticator {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || !strings.HasSuffix(u.Path, "@"+n.box.Info().DeviceID) {
		t.Fatal("the QR code is not that of an authenticator's key")
	}
	q := u.Query()
	if _, err := base32.StdEncoding.DecodeString(q.Get("secret")); err != nil || q.Get("digits") != "6" || q.Get("period") != "30" || q.Get("algorithm") != "SHA1" || q.Get("issuer") == "" {
		t.Fatalf("the key's terms: digits %s, period %s, algorithm %s", q.Get("digits"), q.Get("period"), q.Get("algorithm"))
	}
	return &authenticator{q.Get("secret"), n.box}
}

// code is the one shown so many steps from now.
func (a *authenticator) code(t *testing.T, steps int64) string {
	t.Helper()
	code, err := hotp.GenerateCode(a.key, uint64(a.box.Now().Unix()/30+steps))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// wrong fits none of the steps around now.
func (a *authenticator) wrong(t *testing.T) string {
	t.Helper()
	near := []string{a.code(t, -2), a.code(t, -1), a.code(t, 0), a.code(t, 1), a.code(t, 2)}
	for _, c := range []string{"000000", "111111", "222222", "333333", "444444", "555555"} {
		if !slices.Contains(near, c) {
			return c
		}
	}
	t.Fatal("no wrong code")
	return ""
}

// switchOn gives admin a second factor by way of the pages.
func (n *bench) switchOn(t *testing.T, p *person) (*authenticator, []string) {
	t.Helper()
	return n.switchOnOf(t, p, "admin", lostPassword)
}

func (n *bench) switchOnOf(t *testing.T, p *person, account, password string) (*authenticator, []string) {
	t.Helper()
	p.post("/login", "account", account, "password", password).want(200, "menu")
	p.get(securityPath).want(200, "security")
	p.post(securityPath+"/on", "password", password).want(200, "offer")
	a := newAuthenticator(t, n, read[OfferView](p).URL)
	p.post(securityPath+"/confirm", "code", a.code(t, 0)).want(200, "sheet")
	sheet := read[SheetView](p).Codes
	n.pass(31 * time.Second)
	return a, sheet
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	p := n.owner(t)
	other := n.owner(t)
	other.post("/login", "account", "admin", "password", lostPassword).want(200, "menu")
	p.get(securityPath).want(200, "login")
	p.post("/login", "account", "admin", "password", lostPassword).want(200, "menu")
	p.get(securityPath+"/on").want(200, "security")
	p.post(securityPath+"/confirm", "code", "123456").want(409, "conflict")
	p.post(securityPath+"/on", "password", "Not-The-One-1").want(403, "security")
	p.post(securityPath+"/on", "password", lostPassword).want(200, "offer")
	v := read[OfferView](p)
	a := newAuthenticator(t, n, v.URL)
	if strings.ReplaceAll(v.Key, " ", "") != a.key {
		t.Error("the key as text is another one than in the picture")
	}
	p.post(securityPath+"/confirm", "code", "12345").want(400, "offer")
	p.post(securityPath+"/confirm", "code", a.wrong(t)).want(403, "offer")
	if read[OfferView](p).URL != v.URL || n.box.SecondFactor("admin").On {
		t.Error("a wrong first code did something")
	}
	other.post(securityPath+"/confirm", "code", a.code(t, 0)).want(409, "conflict") // it was not offered this one
	p.post(securityPath+"/confirm", "code", a.code(t, 0)).want(200, "sheet")
	sheet := read[SheetView](p)
	if len(sheet.Codes) != 8 || sheet.DeviceID != n.box.Info().DeviceID || sheet.Account != "admin" {
		t.Errorf("sheet: %d codes", len(sheet.Codes))
	}
	p.get(securityPath).want(200, "security")
	if v := read[SecurityView](p); !v.On || v.SheetLeft != 8 {
		t.Errorf("%+v", v)
	}
	other.get("/menu").want(200, "login") // it had come in by the password alone
	if _, err := n.box.Password("admin", secretOf(lostPassword), recorder.Client{Via: rekey.InterfaceCGI}); err != nil {
		t.Errorf("a program on the LAN: %v", err)
	}
	p.post("/logout").want(200, "locked")

	p.post("/login", "account", "admin", "password", lostPassword).want(200, "code")
	p.post("/login/code", "code", "12 34").want(400, "code")
	p.post("/login/code", "code", a.code(t, 0)).want(403, "code") // it switched the second factor on
	if v := read[CodeView](p); v.TriesLeft != 4 || !strings.Contains(v.Error, "used already") {
		t.Errorf("%+v", v)
	}
	n.pass(31 * time.Second)
	p.post("/login/code", "code", a.code(t, 0)).want(200, "menu")
	p.post("/logout").want(200, "locked")
	p.post("/login", "account", "admin", "password", lostPassword).want(200, "code")
	p.post("/login/code", "code", strings.ToLower(sheet.Codes[0])).want(200, "menu")
	p.get(securityPath+"/sheet").want(200, "newsheet")
	p.post(securityPath+"/sheet", "password", lostPassword, "code", sheet.Codes[0]).want(403, "newsheet")
	if v := read[BothView](p); v.Errors["code"] == "" {
		t.Errorf("%+v", v)
	}
	p.post(securityPath+"/sheet", "password", lostPassword, "code", sheet.Codes[1]).want(200, "sheet")
	second := read[SheetView](p)
	p.get(securityPath+"/off").want(200, "off")
	p.post(securityPath+"/off", "password", "Not-The-One-1", "code", second.Codes[0]).want(403, "off")
	if v := read[BothView](p); v.Errors["password"] == "" {
		t.Errorf("%+v", v)
	}
	p.post(securityPath+"/off", "password", lostPassword, "code", sheet.Codes[2]).want(403, "off")
	p.post(securityPath+"/off", "password", lostPassword, "code", second.Codes[0]).want(200, "security")
	p.get(securityPath+"/off").want(200, "security")
	p.post("/logout").want(200, "locked")
	p.post("/login", "account", "admin", "password", lostPassword).want(200, "menu")

	p.get("/menu/log").want(200, "log")
	if all := p.got.body; !strings.Contains(all, "without a code, as cgi cannot give a code.") {
		t.Error("the log does not tell of a program that gave no code")
	}
	for _, e := range read[LogView](p).Records {
		if strings.HasPrefix(e.Text, e.Event) {
			t.Errorf("the event %s has no words", e.Event)
		}
	}
	n.noSecretIn(t, "the log", n.log.String(), append(append(sheet.Codes, second.Codes...), a.key)...)
}

// TestNothingBetweenTheTwoSteps: half a log-in reaches the page of the code and
// what everybody reaches, and nothing else.
func TestNothingBetweenTheTwoSteps(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	n.switchOn(t, n.owner(t))
	p := n.owner(t)
	p.post("/login", "account", "admin", "password", lostPassword).want(200, "code")
	for _, path := range []string{"/menu", "/menu/log", securityPath, securityPath + "/on", securityPath + "/off", securityPath + "/sheet"} {
		p.get(path).want(200, "login")
	}
	for _, path := range []string{"/menu/support", "/menu/review", securityPath + "/on", securityPath + "/off", securityPath + "/sheet", securityPath + "/confirm", securityPath + "/support"} {
		p.post(path, "password", lostPassword, "code", "123456", "enable", "false").want(403, "denied")
	}
	p.get("/login/code").want(200, "code")
	p.post("/logout").want(200, "locked")
	p.get("/login/code").want(200, "login")
}

// TestSessionFixationBetweenTheSteps: no id from before a step is worth anything
// after it, and neither cookie stands for the other.
func TestSessionFixationBetweenTheSteps(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	if err := n.box.AddAccount("admin", rekey.Account{Name: "ann", Group: recorder.GroupUser}, rekey.NewSecret("Ann-Was-Here-1"), recorder.AtSeat()); err != nil {
		t.Fatal(err)
	}
	a, _ := n.switchOn(t, n.owner(t))
	at, err := url.Parse(n.base)
	if err != nil {
		t.Fatal(err)
	}
	cookie := func(p *person, name string) *http.Cookie {
		for _, c := range p.http.Jar.Cookies(at) {
			if c.Name == name {
				return &http.Cookie{Name: c.Name, Value: c.Value, Path: "/"}
			}
		}
		return nil
	}
	const half, whole = "rekey_seat_half", "rekey_seat_login"
	planted := &http.Cookie{Name: half, Value: strings.Repeat("A", 43), Path: "/"}
	p := n.owner(t)
	p.http.Jar.SetCookies(at, []*http.Cookie{planted, {Name: whole, Value: planted.Value, Path: "/"}})
	p.post("/login", "account", "admin", "password", lostPassword).want(200, "code")
	first := cookie(p, half)
	if first.Value == planted.Value {
		t.Fatal("the first step keeps an id that was planted")
	}
	if c := cookie(p, whole); c != nil && c.Value != planted.Value {
		t.Fatal("the first step gives the id of a log-in")
	}
	// The half as a whole: no.
	thief := n.owner(t)
	thief.http.Jar.SetCookies(at, []*http.Cookie{{Name: whole, Value: first.Value, Path: "/"}})
	thief.get("/menu").want(200, "login")
	// ann's log-in beside admin's half: the code finishes admin's, whoever is named.
	both := n.owner(t)
	both.post("/login", "account", "ann", "password", "Ann-Was-Here-1").want(200, "menu")
	both.http.Jar.SetCookies(at, []*http.Cookie{first})
	both.post("/login/code", "code", a.wrong(t), "account", "ann").want(403, "code")
	if v := read[CodeView](both); v.Account != "admin" {
		t.Errorf("the code is asked of %s", v.Account)
	}
	both.get(securityPath).want(200, "security")
	if v := read[SecurityView](both); v.Account != "ann" {
		t.Errorf("half a log-in of admin changed ann's into %s", v.Account)
	}
	// The owner finishes; what the thief copied between the steps is dead.
	p.post("/login/code", "code", a.code(t, 0)).want(200, "menu")
	if c := cookie(p, whole); c == nil || c.Value == first.Value || c.Value == planted.Value {
		t.Error("the whole log-in has an id from before")
	}
	if cookie(p, half) != nil {
		t.Error("the cookie of the first step was not taken back")
	}
	thief.http.Jar.SetCookies(at, []*http.Cookie{first})
	thief.get("/login/code").want(200, "login")
	n.pass(31 * time.Second)
	thief.post("/login/code", "code", a.code(t, 0)).want(409, "conflict")
	thief.get("/menu").want(200, "login")
}

// TestCodesCannotBeTried: whoever knows the password gets five codes, in however
// many sessions and at once; then the account is locked, also for the right one.
func TestCodesCannotBeTried(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	a, sheet := n.switchOn(t, n.owner(t))
	var people []*person
	for range 8 {
		p := n.owner(t)
		p.post("/login", "account", "admin", "password", lostPassword).want(200, "code")
		people = append(people, p)
	}
	var refused, locked atomic.Int64
	var group sync.WaitGroup
	wrong := a.wrong(t)
	for _, p := range people {
		for range 4 {
			group.Go(func() {
				got, err := p.try("POST", "/login/code", url.Values{"code": {wrong}})
				switch {
				case err != nil:
					t.Error(err)
				case got.status == 403:
					refused.Add(1)
				default:
					locked.Add(1)
				}
			})
		}
	}
	group.Wait()
	if n := n.events(t)["2fa.refused"]; n != 5 {
		t.Errorf("%d codes were compared, want 5 (%d refused, %d locked)", n, refused.Load(), locked.Load())
	}
	if n.events(t)["account.locked"] != 1 {
		t.Error("the lock is not on record")
	}
	p := people[0]
	for _, code := range []string{a.code(t, 0), sheet[0]} {
		p.post("/login", "account", "admin", "password", lostPassword).want(429, "login")
		p.post("/login/code", "code", code)
		if p.got.status == 200 {
			t.Error("a locked account was opened")
		}
	}
	n.pass(31 * time.Minute)
	p.post("/login", "account", "admin", "password", lostPassword).want(200, "code")
	p.post("/login/code", "code", sheet[0]).want(200, "menu")
}

// TestTemporaryPasswordKeepsTheSecondFactor: support alone never takes it off.
func TestTemporaryPasswordKeepsTheSecondFactor(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	_, sheet := n.switchOn(t, n.owner(t))
	p := n.owner(t)
	p.post("/recovery").want(200, "forgot")
	code := n.rightAnswer(t)
	p.post("/recovery/answer", "answer", code).want(200, "users")
	for _, path := range []string{securityPath, securityPath + "/off", securityPath + "/on", "/login/code"} {
		p.get(path).want(200, "users")
	}
	p.post(securityPath+"/off", "password", lostPassword, "code", sheet[0]).want(403, "denied")
	p.post(userPath+"/admin", "modify", "on", "old", code, "new", freshPassword, "confirm", freshPassword).want(200, "locked")
	p.post("/login", "account", "admin", "password", freshPassword).want(200, "code")
	p.post("/login/code", "code", sheet[0]).want(200, "menu")
	if v := read[MenuView](p); len(v.Review) == 0 {
		t.Error("nothing to look through after a temporary password")
	}
}
