package cloud_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/cloud"
	"rekey/internal/recorder/cloud/wire"
	"rekey/internal/rekeytest/mailbox"
	"rekey/recovery"
)

// TestSharedUser sees the recorder and gets nothing else.
func TestSharedUser(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	owner, guest, stranger := p.account(ownerAddress), p.account(guestAddress), p.account("mallory@example.org")
	b := newBox(t, "Shop")
	page := p.link(b, owner)
	if got := owner.post(page+"/share", "address", "Gast@Example.org"); got.status != 200 {
		t.Fatalf("share: status %d", got.status)
	}
	if got := guest.get(page); got.status != 200 || strings.Contains(got.body, ownerAddress) || strings.Contains(got.body, page+"/password") {
		t.Errorf("the guest's page: status %d", got.status)
	}
	letters := len(p.mail.To(guestAddress))
	for path, fields := range map[string][]string{
		"/password": {"account", "admin", "challenge", b.challenge()},
		"/share":    {"address", "mallory@example.org"},
		"/unshare":  {"address", guestAddress},
		"/unlink":   nil,
	} {
		if got := guest.post(page+path, fields...); got.status != 403 {
			t.Errorf("guest at %s: status %d, want 403", path, got.status)
		}
		if got := stranger.post(page+path, fields...); got.status != 404 {
			t.Errorf("stranger at %s: status %d, want 404", path, got.status)
		}
		if got := p.person().post(page+path, fields...); got.status != 401 {
			t.Errorf("nobody at %s: status %d, want 401", path, got.status)
		}
	}
	p.mail.Until("shared with somebody who asked")
	if slices.ContainsFunc(p.mail.All(), func(l mailbox.Letter) bool { return answerForm.MatchString(l.Body) }) {
		t.Error("a temporary password was sent to somebody")
	}
	if len(p.mail.To(guestAddress)) != letters {
		t.Error("the guest got a message")
	}
	if r := records(t, filepath.Join(p.dir, cloud.LogDir), "code.refused"); len(r) != 1 || !strings.Contains(r[0].Result, "only the owner") {
		t.Errorf("the log: %v", r)
	}
	if got := owner.post(page+"/unshare", "address", guestAddress); got.status != 200 {
		t.Errorf("unshare: status %d", got.status)
	}
	if got := guest.get(page); got.status != 404 {
		t.Errorf("after unsharing: status %d", got.status)
	}
}

// TestCrossSite: no other site's form and no link does anything.
func TestCrossSite(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	owner := p.account(ownerAddress)
	b := newBox(t, "Shop")
	page := p.link(b, owner)
	for _, path := range []string{page + "/password", page + "/share", page + "/unshare", page + "/unlink", "/recorders", "/logout", "/account", "/account/confirm", "/login"} {
		for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.base+path, strings.NewReader("address=evil%40example.org"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set(header, value)
			if got := owner.do(r); got.status != 403 {
				t.Errorf("%s with %s: status %d", path, header, got.status)
			}
		}
	}
	for _, path := range []string{page + "/unlink", page + "/password", page + "/share", page + "/unshare", "/recorders", "/logout"} {
		owner.get(path)
	}
	if got := owner.get(page); got.status != 200 || strings.Contains(got.body, "evil") {
		t.Errorf("after all that: status %d", got.status)
	}
}

// rawBox speaks to the cloud as a recorder does, with any key.
type rawBox struct {
	t    *testing.T
	base string
	key  ed25519.PrivateKey
}

func (p *place) rawBox(key ed25519.PrivateKey) rawBox { return rawBox{p.t, p.base, key} }

func (r rawBox) about() (c wire.Cloud) {
	r.t.Helper()
	answer, err := http.Get(r.base + wire.PathCloud) //nolint:noctx // a test
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&c); err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r rawBox) post(path, header string, body []byte) (int, wire.Status) {
	r.t.Helper()
	q, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.base+path, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	q.Header.Set(wire.Header, header)
	q.Header.Set("Accept", "application/json")
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	var s wire.Status
	_ = json.NewDecoder(answer.Body).Decode(&s)
	return answer.StatusCode, s
}

func (r rawBox) send(path string, message any) (int, wire.Status) {
	r.t.Helper()
	body, err := json.Marshal(message)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.post(path, wire.Sign(r.key, path, r.about().Nonce, body), body)
}

// TestStolenLinkKey: a key copied out of the box before its reset learns that it
// is over, and can neither end nor follow the new link.
func TestStolenLinkKey(t *testing.T) {
	t.Parallel()
	defer http.DefaultClient.CloseIdleConnections()
	p := newPlace(t)
	owner := p.account(ownerAddress)
	b := newBox(t, "Shop")
	old := p.link(b, owner)
	thief := p.rawBox(b.key())
	if status, s := thief.send(wire.PathPoll, wire.Poll{Known: wire.Pending}); status != 200 || s.State != wire.Linked {
		t.Fatalf("before the reset: %d %v", status, s)
	}
	b.reset()
	c, err := b.challengeFor(recovery.PurposeRelease)
	if err != nil {
		t.Fatal(err)
	}
	if got := owner.post(old+"/password", "challenge", c); got.status != 200 {
		t.Fatalf("release: status %d", got.status)
	}
	b.release(p.answer(ownerAddress))
	if err := b.FirstSetup(recorder.AdminAccount, rekey.NewSecret("another-Pass-2"), recorder.AtSeat()); err != nil {
		t.Fatal(err)
	}
	b.admin.Password = rekey.NewSecret("another-Pass-2")
	page := p.link(b, owner)
	if status, s := thief.send(wire.PathPoll, wire.Poll{Known: wire.Linked}); status != 200 || s.State != wire.Ended || s.Owner != "" {
		t.Errorf("after it: %d %v", status, s)
	}
	if status, _ := thief.send(wire.PathUnlink, wire.Unlink{Why: "mine"}); status != 204 {
		t.Errorf("a second farewell: %d", status)
	}
	if got := owner.get(page); got.status != 200 {
		t.Errorf("the new link: status %d", got.status)
	}
}

// TestForgedMessages: a signature counts once, for one path and body, by the
// key of the link, with a nonce of the cloud.
func TestForgedMessages(t *testing.T) {
	t.Parallel()
	defer http.DefaultClient.CloseIdleConnections()
	p := newPlace(t)
	owner := p.account(ownerAddress)
	b := newBox(t, "Shop")
	page := p.link(b, owner)
	box := p.rawBox(b.key())
	body := []byte(`{"known":"pending"}`)
	good := wire.Sign(box.key, wire.PathPoll, box.about().Nonce, body)
	if status, _ := box.post(wire.PathPoll, good, body); status != 200 {
		t.Fatalf("status %d", status)
	}
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Fields(good)[0]
	forged := wire.Sign(other, wire.PathUnlink, box.about().Nonce, body)
	old := box.about().Nonce
	p.later(3 * time.Minute)
	for name, c := range map[string]struct{ path, header string }{
		"again":         {wire.PathPoll, good},
		"other path":    {wire.PathUnlink, wire.Sign(box.key, wire.PathPoll, box.about().Nonce, body)},
		"other body":    {wire.PathUnlink, wire.Sign(box.key, wire.PathUnlink, box.about().Nonce, []byte("{}"))},
		"other key":     {wire.PathUnlink, id + forged[len(id):]},
		"unknown key":   {wire.PathUnlink, forged},
		"old nonce":     {wire.PathUnlink, wire.Sign(box.key, wire.PathUnlink, old, body)},
		"made-up nonce": {wire.PathUnlink, wire.Sign(box.key, wire.PathUnlink, "AAAA", body)},
		"nothing":       {wire.PathUnlink, ""},
	} {
		if status, _ := box.post(c.path, c.header, body); status != 403 {
			t.Errorf("%s: status %d, want 403", name, status)
		}
	}
	if got := owner.get(page); got.status != 200 {
		t.Errorf("the link is gone: status %d", got.status)
	}
}

// pairing is one made up by somebody who claims a Device ID.
func (r rawBox) pairing(id recovery.DeviceID, name, code string) wire.Pair {
	r.t.Helper()
	desk, err := recovery.ParseDeskKey([]byte(r.about().PublicKey))
	if err != nil {
		r.t.Fatal(err)
	}
	enc, sealed, err := recovery.SealEnrolment(desk, id, 0, make([]byte, recovery.KeySize))
	if err != nil {
		r.t.Fatal(err)
	}
	hash, _ := wire.HashCode(code)
	return wire.Pair{Key: r.key.Public().(ed25519.PublicKey), CodeHash: hash, Name: name, Enrolment: recovery.Enrolment{
		Format: recovery.EnrolmentFormat, DeviceID: id, Model: "N841", Enc: enc, Sealed: sealed,
	}}
}

// TestClaimedDeviceID: whoever makes up a recorder of the same Device ID in an
// account of their own neither ends the true link nor gets an answer that fits.
func TestClaimedDeviceID(t *testing.T) {
	t.Parallel()
	defer http.DefaultClient.CloseIdleConnections()
	p := newPlace(t)
	owner, mallory := p.account(ownerAddress), p.account("mallory@example.org")
	b := newBox(t, "Shop")
	page := p.link(b, owner)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	fake, code := p.rawBox(key), wire.NewCode()
	if status, _ := fake.send(wire.PathPair, fake.pairing(b.DeviceID(), "x", code)); status != 204 {
		t.Fatalf("status %d", status)
	}
	claimed := mallory.post("/recorders", "code", code)
	if claimed.status != 200 {
		t.Fatalf("status %d", claimed.status)
	}
	if got := owner.get(page); got.status != 200 {
		t.Errorf("the true link is gone: status %d", got.status)
	}
	if got := mallory.post(claimed.path+"/password", "account", "admin", "challenge", b.challenge()); got.status != 200 {
		t.Fatalf("status %d", got.status)
	}
	answer := p.answer("mallory@example.org")
	if _, err := b.SubmitAnswer(recorder.AdminAccount, answer); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("the answer of a made-up link: %v", err)
	}
}

// TestPairingCode counts once and for ten minutes, and cannot be guessed.
func TestPairingCode(t *testing.T) {
	t.Parallel()
	defer http.DefaultClient.CloseIdleConnections()
	p := newPlace(t)
	owner := p.account(ownerAddress)
	b := newBox(t, "Shop")
	code, err := b.client.Pair(t.Context(), recorder.AdminAccount, p.base, atBox, recorder.AtSeat())
	if err != nil {
		t.Fatal(err)
	}
	p.later(wire.CodeLife + time.Second)
	if got := owner.post("/recorders", "code", code.Reveal()); got.status != 403 {
		t.Errorf("too late: status %d", got.status)
	}
	p.link(b, owner) // which replaces the pairing
	if got := owner.post("/recorders", "code", code.Reveal()); got.status != 403 {
		t.Errorf("again: status %d", got.status)
	}
	status := 0
	for range 12 {
		status = owner.post("/recorders", "code", wire.NewCode()).status
	}
	if status != 429 {
		t.Errorf("guessing: status %d, want 429", status)
	}
}

// TestFlood: one owner who asks again and again gets one request at a time and
// a few a month, is told how long to wait, and is not drowned in notices.
func TestFlood(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	owner := p.account(ownerAddress)
	b := newBox(t, "Shop")
	page := p.link(b, owner)
	ask := func() int {
		return owner.post(page+"/password", "account", "admin", "challenge", b.challenge()).status
	}
	if got := ask(); got != 200 {
		t.Fatalf("first: status %d", got)
	}
	for range 20 {
		if got := ask(); got != 429 {
			t.Fatalf("while one is open: status %d", got)
		}
	}
	p.later(11 * time.Minute)
	second := ask()
	p.later(11 * time.Minute)
	third := ask()
	p.later(11 * time.Minute)
	if fourth := ask(); second != 200 || third != 200 || fourth != 429 {
		t.Errorf("in a day: %d %d %d", second, third, fourth)
	}
	sent := 3
	for range 10 {
		p.later(25 * time.Hour)
		owner.post("/login", "address", ownerAddress, "password", ownerPassword)
		if ask() == 200 {
			sent++
		}
	}
	if sent != 5 {
		t.Errorf("%d in a month, want 5", sent)
	}
	answers, notices := 0, 0
	for _, l := range p.mail.To(ownerAddress) {
		if answerForm.MatchString(l.Body) {
			answers++
		} else {
			notices++
		}
	}
	if answers != 5 || notices > 20 {
		t.Errorf("%d answers and %d other messages", answers, notices)
	}
}

// TestUniform: nothing tells whether an address has an account.
func TestUniform(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.account(ownerAddress)
	same := func(what, path string, known, unknown []string) {
		t.Helper()
		a, b := p.person().post(path, known...), p.person().post(path, unknown...)
		strip := func(r reply) string {
			r.body = hiddenID.ReplaceAllString(r.body, "")
			return strings.ReplaceAll(strings.ReplaceAll(r.body, ownerAddress, "X"), "nobody@example.org", "X")
		}
		if a.status != b.status || strip(a) != strip(b) {
			t.Errorf("%s: %d and %d, or other words", what, a.status, b.status)
		}
	}
	same("log-in", "/login", []string{"address", ownerAddress, "password", "wrong"}, []string{"address", "nobody@example.org", "password", "wrong"})
	same("account", "/account", []string{"address", ownerAddress, "password", ownerPassword}, []string{"address", "nobody@example.org", "password", ownerPassword})
	w := p.person()
	status := 0
	for range 7 {
		status = w.post("/login", "address", ownerAddress, "password", "wrong").status
	}
	if status != 429 {
		t.Errorf("guessing: status %d, want 429", status)
	}
	for range 7 { // more than the limit of the address: still the same page
		if got := p.person().post("/account", "address", "nobody@example.org", "password", ownerPassword); got.status != 200 {
			t.Errorf("codes to one address: status %d", got.status)
		}
	}
	if n := len(p.mail.To("nobody@example.org")); n != 5 {
		t.Errorf("%d codes went to one address, want 5", n)
	}
}

// TestPlantedConfirmation: a code counts only in the browser that asked, so
// whoever asks for the victim's address gets no account by the victim's typing.
func TestPlantedConfirmation(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	victim, mallory := p.person(), p.person()
	mine := hiddenID.FindStringSubmatch(victim.post("/account", "address", ownerAddress, "password", ownerPassword).body)[1]
	p.code(ownerAddress)
	hers := hiddenID.FindStringSubmatch(mallory.post("/account", "address", ownerAddress, "password", "the password of mallory").body)[1]
	code := p.code(ownerAddress) // mallory's
	if got := victim.post("/account/confirm", "id", mine, "code", code); got.status != 403 {
		t.Errorf("status %d", got.status)
	}
	status := 0
	for range 6 {
		status = mallory.post("/account/confirm", "id", hers, "code", wire.NewCode()).status
	}
	if got := mallory.post("/account/confirm", "id", hers, "code", code); status != 403 || got.status != 403 {
		t.Errorf("after five wrong codes the right one counts: status %d", got.status)
	}
}

// TestHeaderInjection: neither addresses nor names write headers, and a name
// from outside is text on the page.
func TestHeaderInjection(t *testing.T) {
	t.Parallel()
	defer http.DefaultClient.CloseIdleConnections()
	p := newPlace(t)
	owner := p.account(ownerAddress)
	for _, a := range []string{"a@example.org\r\nBcc: x@example.org", "a@example.org\nSubject: x", "a b@example.org", "<a@example.org>", "a@example.org>,<x@example.org", `"a\r\n"@example.org`, "a@example.org ,x@example.org", "a@", "@b", "ä@example.org", strings.Repeat("a", 300) + "@example.org"} {
		if got := p.person().post("/account", "address", a, "password", ownerPassword); got.status != 400 {
			t.Errorf("%q: status %d, want 400", a, got.status)
		}
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := recovery.NewDeviceID(nil)
	if err != nil {
		t.Fatal(err)
	}
	fake, code := p.rawBox(key), wire.NewCode()
	name := "Shop\r\nBcc: x@example.org\r\n.\r\nMAIL FROM:<x@example.org>\x1b[2J<script>alert(1)</script>\u202e"
	if status, _ := fake.send(wire.PathPair, fake.pairing(id, name, code)); status != 204 {
		t.Fatalf("status %d", status)
	}
	page := owner.post("/recorders", "code", code)
	if page.status != 200 || strings.Contains(page.body, "<script") || strings.ContainsAny(page.body, "\x1b\u202e") {
		t.Errorf("the page: status %d", page.status)
	}
	for _, l := range p.mail.To(ownerAddress) {
		if l.Header.Get("Bcc") != "" || len(l.Envelope) != 2 || len(l.Header["Subject"]) != 1 || strings.ContainsAny(l.Body, "\x1b") {
			t.Errorf("a message has envelope %v and headers %v", l.Envelope, l.Header)
		}
	}
	if got := owner.post(page.path+"/password", "account", "admin\r\nBcc: x@example.org", "challenge", "400R-0YG6-V5GS-YMWC-QV05"); got.status != 400 {
		t.Errorf("account: status %d", got.status)
	}
}

// TestReleaseIsTheOwnersAlone: a thief with the recorder, an account and what
// its label says gets nowhere.
func TestReleaseIsTheOwnersAlone(t *testing.T) {
	t.Parallel()
	defer http.DefaultClient.CloseIdleConnections()
	p := newPlace(t)
	owner, thief := p.account(ownerAddress), p.account("mallory@example.org")
	b := newBox(t, "Shop")
	page := p.link(b, owner)
	b.reset()
	if err := b.FirstSetup(recorder.AdminAccount, rekey.NewSecret("another-Pass-2"), recorder.AtSeat()); !errors.Is(err, rekey.ErrLocked) {
		t.Errorf("a first set-up: %v", err)
	}
	if _, err := b.client.Pair(t.Context(), recorder.AdminAccount, p.base, atBox, recorder.AtSeat()); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("pairing the locked recorder: %v", err)
	}
	c, err := b.challengeFor(recovery.PurposeRelease)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{page: 404, page + "/password": 404, page + "/unlink": 404} {
		if got := thief.get(path); got.status != want {
			t.Errorf("%s: status %d", path, got.status)
		}
		if got := thief.post(path, "challenge", c); got.status != want && got.status != 405 {
			t.Errorf("post %s: status %d", path, got.status)
		}
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	fake, code := p.rawBox(key), wire.NewCode()
	if status, _ := fake.send(wire.PathPair, fake.pairing(b.DeviceID(), "x", code)); status != 204 {
		t.Fatalf("status %d", status)
	}
	claimed := thief.post("/recorders", "code", code)
	if got := thief.post(claimed.path+"/password", "challenge", c); got.status != 200 {
		t.Fatalf("status %d", got.status)
	}
	if _, err := b.SubmitAnswer(recorder.AdminAccount, p.answer("mallory@example.org")); !errors.Is(err, rekey.ErrDenied) {
		t.Errorf("the answer of a made-up link: %v", err)
	}
	if got := owner.post(page+"/password", "challenge", c); got.status != 200 {
		t.Fatalf("the owner, after all that: status %d", got.status)
	}
	b.release(p.answer(ownerAddress))
}

// TestReleaseOpensNothingElse: of a reset recorder the cloud answers one purpose,
// within the limits of temporary passwords.
func TestReleaseOpensNothingElse(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	owner := p.account(ownerAddress)
	b := newBox(t, "Shop")
	page := p.link(b, owner)
	b.reset()
	p.mail.Until("says that it was reset by its button")
	letters := len(p.mail.To(ownerAddress))
	for name, purpose := range map[string]recovery.Purpose{"password": recovery.PurposePassword, "recordings": recovery.PurposeUnseal} {
		c := recovery.Challenge{Suite: recovery.SuiteOCRA, Purpose: purpose, Counter: 9, Random: 12345}
		if got := owner.post(page+"/password", "account", "admin", "challenge", c.String()); got.status != 400 {
			t.Errorf("%s: status %d", name, got.status)
		}
	}
	if n := len(p.mail.To(ownerAddress)); n != letters {
		t.Errorf("%d messages were sent", n-letters)
	}
	ask := func() int {
		c, err := b.challengeFor(recovery.PurposeRelease)
		if err != nil {
			t.Fatal(err)
		}
		return owner.post(page+"/password", "challenge", c).status
	}
	if first, second := ask(), ask(); first != 200 || second != 429 {
		t.Errorf("asked twice: %d and %d", first, second)
	}
	for range 2 {
		p.later(11 * time.Minute)
		ask()
	}
	p.later(11 * time.Minute)
	if got := ask(); got != 429 {
		t.Errorf("the fourth in a day: %d", got)
	}
}

// TestStolenKeyTellsOfAReset: whoever copied the link key can say that the
// recorder was reset. That ends the link, as the key always could; it opens
// nothing, and the owner hears of it.
func TestStolenKeyTellsOfAReset(t *testing.T) {
	t.Parallel()
	defer http.DefaultClient.CloseIdleConnections()
	p := newPlace(t)
	b := newBox(t, "Shop")
	page := p.link(b, p.account(ownerAddress))
	thief := p.rawBox(b.key())
	if status, _ := thief.send(wire.PathUnlink, wire.Unlink{Reset: true}); status != 204 {
		t.Fatalf("status %d", status)
	}
	p.mail.Until("says that it was reset by its button")
	b.until("unlinked", func(_ recorder.CloudLink, ok bool) bool { return !ok })
	p.mail.Until("says that it is no longer linked")
	if got := p.person().get(page); got.path != "/login" {
		t.Errorf("status %d", got.status)
	}
	if !b.Initialised() || b.Activation().Locked {
		t.Error("the recorder believes it")
	}
}

// TestUnlinkForgets: what is left of a link that ended names nobody.
func TestUnlinkForgets(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	owner := p.account(ownerAddress)
	b := newBox(t, "Petra's shop")
	page := p.link(b, owner)
	owner.post(page+"/share", "address", guestAddress)
	owner.post(page+"/password", "account", "admin", "challenge", b.challenge())
	if got := owner.post(page + "/unlink"); got.status != 200 {
		t.Fatalf("status %d", got.status)
	}
	db, err := sql.Open("sqlite", filepath.Join(p.dir, "cloud.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var left string
	err = db.QueryRowContext(t.Context(), `SELECT device_id || model || name || owner || address || enc || sealed || code FROM links`).Scan(&left)
	if err != nil || left != "" {
		t.Errorf("of the link: %q, %v", left, err)
	}
	for _, table := range []string{"shares", "requests"} {
		n := -1
		if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil || n != 0 { //nolint:gosec // two names
			t.Errorf("%d %s, %v", n, table, err)
		}
	}
}
