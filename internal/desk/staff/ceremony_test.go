package staff_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"rekey"
	"rekey/internal/desk/staff"
)

// TestLinks: a link counts once, for a day, until there is another one, for an
// agent who is enabled; the reason why one does not count is told to nobody.
func TestLinks(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for _, name := range []string{"used", "old", "replaced", "disabled"} {
		p.add(name, staff.RoleAgent)
	}
	tokens := map[string]rekey.Secret{"": {}, "nonsense": rekey.NewSecret("nonsense")}
	for _, name := range []string{"used", "replaced", "disabled"} {
		tokens[name] = p.invite(name, false)
	}
	if _, err := p.join(tokens["used"]); err != nil {
		t.Fatal(err)
	}
	fresh := p.invite("replaced", false)
	if _, err := p.staff.Disable(t.Context(), "disabled"); err != nil {
		t.Fatal(err)
	}
	_, _, err := p.staff.Invite(t.Context(), "disabled", false)
	wantKind(t, err, rekey.ErrConflict)
	if _, err := p.staff.Enable(t.Context(), "disabled"); err != nil { // the link is gone all the same
		t.Fatal(err)
	}
	tokens["old"] = p.invite("old", false)
	p.clock.Add(staff.LinkLife)
	tokens["too late"] = fresh
	words := map[string]bool{}
	for name, token := range tokens {
		_, _, err := p.staff.BeginPasskey(t.Context(), token, home)
		wantKind(t, err, rekey.ErrDenied)
		_, finish := p.staff.FinishPasskey(t.Context(), token, home, "", nil, "")
		wantKind(t, finish, rekey.ErrDenied)
		if err != nil && finish != nil {
			words[err.Error()], words[finish.Error()] = true, true
		}
		if a, err := p.staff.Agent(t.Context(), name); err == nil && a.Passkeys > 1 {
			t.Errorf("%s has %d passkeys", name, a.Passkeys)
		}
	}
	if len(words) != 1 {
		t.Errorf("%d different answers", len(words))
	}
}

// TestLinkRace: of many who use one link at once, one registers a passkey.
func TestLinkRace(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.add("ann", staff.RoleAgent)
	token := p.invite("ann", false)
	var mu sync.Mutex
	var wg sync.WaitGroup
	won := 0
	answers := map[string]json.RawMessage{}
	for range 8 {
		c, _, err := p.staff.BeginPasskey(t.Context(), token, home)
		if err != nil {
			t.Fatal(err)
		}
		if answers[c.ID], err = newDevice(t).create(p.origin, c.Options); err != nil {
			t.Fatal(err)
		}
	}
	for id, credential := range answers {
		wg.Go(func() {
			_, err := p.staff.FinishPasskey(t.Context(), token, home, id, credential, "")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			}
		})
	}
	wg.Wait()
	if a, err := p.staff.Agent(t.Context(), "ann"); won != 1 || err != nil || a.Passkeys != 1 {
		t.Errorf("%d registered, %d kept: %v", won, a.Passkeys, err)
	}
}

// TestFreshLink: what the agent had before is gone when the link is used, and
// not before.
func TestFreshLink(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	old := p.agent("ann", staff.RoleAgent)
	token := p.invite("ann", true)
	if got := p.browse().logIn(old); got != http.StatusOK {
		t.Errorf("before: %d", got)
	}
	k, err := p.join(token)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := p.browse().logIn(old), p.browse().logIn(k); a != http.StatusForbidden || b != http.StatusOK {
		t.Errorf("old %d, new %d", a, b)
	}
	keys, err := p.staff.PasskeysOf(t.Context(), "ann")
	if err != nil || len(keys) != 1 || keys[0].Label != "test" || !keys[0].UsedAt.Equal(p.clock.Now()) {
		t.Errorf("%+v: %v", keys, err)
	}
}

// TestRegistrationRefusals: what is no proof of a verified user at this desk
// registers nothing and does not use the link up.
func TestRegistrationRefusals(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	n := 0
	for name, spoil := range map[string]func(*device){
		"nobody verified": func(d *device) { d.flags = present },
		"nobody there":    func(d *device) { d.flags = verified },
		"another desk":    func(d *device) { d.rpID = "desk.example.com" },
		"another origin":  func(d *device) { d.origin = "https://localhost.example.com" },
		"another port":    func(d *device) { d.origin = "http://localhost:1" },
		"https":           func(d *device) { d.origin = "https://localhost" },
		"in a frame":      func(d *device) { d.crossOrigin = true },
		"a log-in":        func(d *device) { d.kind = "webauthn.get" },
	} {
		n++
		agent := fmt.Sprintf("ann%d", n)
		p.add(agent, staff.RoleAgent)
		token, d := p.invite(agent, false), newDevice(t)
		spoil(d)
		if _, err := p.register(d, token); !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
		p.wantRecord(" passkey.add " + agent + " refused")
		if a, err := p.staff.Agent(t.Context(), agent); err != nil || a.Passkeys != 0 {
			t.Errorf("%s: %+v: %v", name, a, err)
		}
		if _, err := p.join(token); err != nil {
			t.Errorf("%s: the link afterwards: %v", name, err)
		}
	}
}

// TestRegistrationCeremony: it belongs to its link, counts five minutes and once.
func TestRegistrationCeremony(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.add("ann", staff.RoleAgent)
	p.add("bob", staff.RoleAgent)
	anns, bobs := p.invite("ann", false), p.invite("bob", false)
	begin := func(token rekey.Secret) (string, json.RawMessage) {
		c, _, err := p.staff.BeginPasskey(t.Context(), token, home)
		if err != nil {
			t.Fatal(err)
		}
		credential, err := newDevice(t).create(p.origin, c.Options)
		if err != nil {
			t.Fatal(err)
		}
		return c.ID, credential
	}
	id, credential := begin(anns)
	_, err := p.staff.FinishPasskey(t.Context(), bobs, home, id, credential, "")
	wantKind(t, err, rekey.ErrDenied)
	_, err = p.staff.FinishPasskey(t.Context(), anns, home, id, credential, "")
	wantKind(t, err, rekey.ErrDenied) // used up by the other's try
	id, credential = begin(anns)
	p.clock.Add(5 * time.Minute)
	_, err = p.staff.FinishPasskey(t.Context(), anns, home, id, credential, "")
	wantKind(t, err, rekey.ErrDenied)
	id, credential = begin(anns)
	_, err = p.staff.FinishPasskey(t.Context(), anns, home, id, credential, "a\x1b[2J")
	wantKind(t, err, rekey.ErrInput)
	if _, err = p.staff.FinishPasskey(t.Context(), anns, home, id, credential, strings.Repeat("k", 60)); err != nil {
		t.Error(err)
	}
}

// TestLogInRefusals: every reason reads the same, is recorded, and leaves no session.
func TestLogInRefusals(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	d, bob := p.withDevice("ann"), p.withDevice("bob")
	again := p.browse().begin(d)
	if status, _ := p.browse().finish(again); status != http.StatusOK {
		t.Fatalf("the right one: %d", status)
	}
	spoilt := func(spoil func(*device)) staff.StepUp {
		copied := *d
		spoil(&copied)
		return p.browse().begin(&copied)
	}
	late := p.browse().begin(d)
	p.clock.Add(5 * time.Minute)
	elsewhere, err := p.another().BeginLogIn(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	assertion, err := d.Get(p.origin, elsewhere.Options)
	if err != nil {
		t.Fatal(err)
	}
	right := p.browse().begin(d)
	tries := map[string]staff.StepUp{
		"replayed":             again,
		"late":                 late,
		"of another process":   {ID: elsewhere.ID, Assertion: assertion},
		"nobody verified":      spoilt(func(d *device) { d.flags = present }),
		"nobody there":         spoilt(func(d *device) { d.flags = verified }),
		"another desk":         spoilt(func(d *device) { d.rpID = "desk.example.com" }),
		"another origin":       spoilt(func(d *device) { d.origin = "https://evil.example.com" }),
		"another port":         spoilt(func(d *device) { d.origin = "http://localhost:1" }),
		"in a frame":           spoilt(func(d *device) { d.crossOrigin = true }),
		"a registration":       spoilt(func(d *device) { d.kind = "webauthn.create" }),
		"another key":          spoilt(func(d *device) { d.secret = newDevice(t).secret }),
		"no user":              spoilt(func(d *device) { d.handle = "" }),
		"another user":         spoilt(func(d *device) { d.handle = bob.handle }),
		"unknown":              spoilt(func(d *device) { d.id = newDevice(t).id }),
		"another challenge":    {ID: right.ID, Assertion: p.browse().begin(d).Assertion},
		"no id":                {Assertion: p.browse().begin(d).Assertion},
		"an id of one's own":   {ID: strings.Repeat("A", 32), Assertion: p.browse().begin(d).Assertion},
		"no JSON":              {ID: right.ID, Assertion: json.RawMessage(`"x"`)},
		"empty":                {ID: right.ID, Assertion: json.RawMessage(`{}`)},
		"too long":             {ID: right.ID, Assertion: json.RawMessage(`"` + strings.Repeat("x", 70_000) + `"`)},
		"used up by the wrong": right,
	}
	b := p.browse()
	words := map[string]bool{}
	n := 0
	try := func(name string) {
		b.from = "2001:db8:" + string("0123456789abcdef"[n%16]) + string("0123456789abcdef"[n/16]) + "::1" // none waits
		n++
		status, body := b.finish(tries[name])
		words[body] = true
		if status != http.StatusForbidden || b.who() != "401" {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	try("another challenge") // it must come before the one that it uses up
	for name := range tries {
		if name != "another challenge" {
			try(name)
		}
	}
	if len(words) != 1 {
		t.Errorf("different answers: %v", words)
	}
	if got := p.log.count(" agent.login"); got != len(tries) {
		t.Errorf("%d records of %d", got, len(tries))
	}
	p.wantRecord(" agent.login ann refused")
}

// TestDisabledLogIn: nothing tells that somebody is disabled.
func TestDisabledLogIn(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	k, gone := p.agent("ann", staff.RoleAgent), p.agent("bob", staff.RoleAgent)
	begun := p.browse().begin(k)
	if _, err := p.staff.Disable(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.join(p.invite("bob", true)); err != nil {
		t.Fatal(err)
	}
	disabled, one := p.browse().finish(begun)
	unknown, two := p.browse().finish(p.browse().begin(gone))
	if disabled != http.StatusForbidden || unknown != disabled || one != two {
		t.Errorf("%d %s, %d %s", disabled, one, unknown, two)
	}
	if _, err := p.staff.Enable(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	if status, _ := p.browse().finish(begun); status != http.StatusForbidden {
		t.Errorf("what was begun then counts now: %d", status)
	}
	if got := p.browse().logIn(k); got != http.StatusOK {
		t.Errorf("enabled: %d", got)
	}
}

// TestCopiedPasskey: a passkey that counts is refused, and the copy shows in the
// log, when its count does not rise: at a log-in, at a step-up, and after a
// restart. One that does not count is taken.
func TestCopiedPasskey(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	d := p.withDevice("ann")
	for range 3 { // it does not count
		if got := p.browse().logIn(d); got != http.StatusOK {
			t.Fatalf("status %d", got)
		}
	}
	logIn := func(count uint32, want int) {
		t.Helper()
		d.count = count
		if got := p.browse().logIn(d); got != want {
			t.Errorf("count %d: status %d", count, got)
		}
	}
	logIn(7, http.StatusOK)
	logIn(9, http.StatusOK)
	logIn(8, http.StatusForbidden)
	p.wantRecord("ann passkey.copied ann refused")
	logIn(9, http.StatusForbidden)
	logIn(0, http.StatusForbidden)
	p.staff = p.another()
	logIn(9, http.StatusForbidden)
	d.count = 8
	wantKind(t, p.stepUp(d, ann(), "x", ann(), "x"), rekey.ErrDenied)
	if got := p.log.count("ann passkey.copied"); got != 5 {
		t.Errorf("%d records", got)
	}
	d.count = 10
	if err := p.stepUp(d, ann(), "x", ann(), "x"); err != nil {
		t.Error(err)
	}
}

func ann() staff.Agent { return staff.Agent{Name: "ann", Role: staff.RoleAgent, Browser: "one"} }

// stepUp begins a proof for one and finishes it for another.
func (p *place) stepUp(k authenticator, begins staff.Agent, of string, ends staff.Agent, forWhat string) error {
	p.t.Helper()
	return p.staff.FinishStepUp(p.t.Context(), ends, forWhat, p.beginStepUp(k, begins, of))
}

func (p *place) beginStepUp(k authenticator, who staff.Agent, subject string) staff.StepUp {
	p.t.Helper()
	c, err := p.staff.BeginStepUp(p.t.Context(), who, subject)
	if err != nil {
		p.t.Fatal(err)
	}
	assertion, err := k.Get(p.origin, c.Options)
	if err != nil {
		p.t.Fatal(err)
	}
	return staff.StepUp{ID: c.ID, Assertion: assertion}
}

// TestStepUp: a proof counts for its agent, subject and browser, once, for two
// minutes, by one of the agent's own passkeys.
func TestStepUp(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	d, bobs := p.withDevice("ann"), p.withDevice("bob")
	bob := staff.Agent{Name: "bob", Role: staff.RoleAgent, Browser: "one"}
	away := ann()
	away.Browser = "two"
	if err := p.stepUp(d, ann(), "reveal case 7", ann(), "reveal case 7"); err != nil {
		t.Fatal(err)
	}
	unverified := *d
	unverified.flags = present
	asBob := *bobs
	asBob.handle = d.handle
	for name, err := range map[string]error{
		"another subject":          p.stepUp(d, ann(), "reveal case 7", ann(), "reveal case 8"),
		"another browser":          p.stepUp(d, ann(), "x", away, "x"),
		"another agent":            p.stepUp(d, ann(), "x", bob, "x"),
		"another's passkey":        p.stepUp(bobs, ann(), "x", ann(), "x"),
		"another's, as one's own":  p.stepUp(&asBob, ann(), "x", ann(), "x"),
		"nobody verified":          p.stepUp(&unverified, ann(), "x", ann(), "x"),
		"parts put together anew":  p.stepUp(d, staff.Agent{Name: "ann", Browser: "one2:x"}, "x", ann(), "x2:x"),
		"none":                     p.staff.FinishStepUp(t.Context(), ann(), "x", staff.StepUp{}),
		"the proof of a log-in":    p.staff.FinishStepUp(t.Context(), ann(), "x", p.browse().begin(d)),
		"a log-in's id and answer": p.staff.FinishStepUp(t.Context(), ann(), "", p.browse().begin(d)),
	} {
		if !errors.Is(err, rekey.ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	late := p.beginStepUp(d, ann(), "x")
	p.clock.Add(staff.StepUpLife)
	wantKind(t, p.staff.FinishStepUp(t.Context(), ann(), "x", late), rekey.ErrDenied)
	early := p.beginStepUp(d, ann(), "x")
	p.clock.Add(-time.Hour) // a clock set back lengthens no proof
	wantKind(t, p.staff.FinishStepUp(t.Context(), ann(), "x", early), rekey.ErrDenied)
	if status, _ := p.browse().finish(p.beginStepUp(d, ann(), "x")); status != http.StatusForbidden {
		t.Errorf("a step-up logs in: %d", status)
	}
	wrong := p.beginStepUp(d, ann(), "x")
	wantKind(t, p.staff.FinishStepUp(t.Context(), ann(), "y", wrong), rekey.ErrDenied)
	wantKind(t, p.staff.FinishStepUp(t.Context(), ann(), "x", wrong), rekey.ErrDenied) // used up when it failed
}

// TestStepUpNeedsAPasskey: somebody who came by the identity provider, and a
// program, have none.
func TestStepUpNeedsAPasskey(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.add("ann", staff.RoleAgent)
	for _, name := range []string{"ann", "key:erp", "operator"} {
		_, err := p.staff.BeginStepUp(t.Context(), staff.Agent{Name: name}, "x")
		wantKind(t, err, rekey.ErrDenied)
		wantKind(t, p.staff.FinishStepUp(t.Context(), staff.Agent{Name: name}, "x", staff.StepUp{ID: "x"}), rekey.ErrDenied)
	}
}

// TestOneProofOnce: of many that use one proof at once, one gets through.
func TestOneProofOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	d := p.withDevice("ann")
	proof := p.beginStepUp(d, ann(), "x")
	var wg sync.WaitGroup
	var mu sync.Mutex
	through := 0
	for range 8 {
		wg.Go(func() {
			err := p.staff.FinishStepUp(t.Context(), ann(), "x", proof)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				through++
			}
		})
	}
	wg.Wait()
	if through != 1 {
		t.Errorf("%d got through", through)
	}
}

// TestFloodOfLogIns: who begins many log-ins, or fails many, locks nobody out.
func TestFloodOfLogIns(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	d := p.withDevice("ann")
	begun := p.browse().begin(d)
	for range 20_000 {
		if _, err := p.staff.BeginLogIn(t.Context(), home); err != nil {
			t.Fatal(err)
		}
	}
	forged := *d
	forged.secret = newDevice(t).secret
	bad := p.browse()
	for range 60 {
		bad.logIn(&forged)
	}
	if got := p.log.count(" agent.login ann refused"); got != 20 {
		t.Errorf("%d records of one address", got)
	}
	if status, text := p.browse().finish(begun); status != http.StatusOK {
		t.Errorf("a real one: %d %s", status, text)
	}
}

// TestLogDown: nothing is done without a record of it.
func TestLogDown(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	d := p.withDevice("ann")
	token := p.invite("ann", false)
	p.log.setDown(true)
	b := p.browse()
	if got := b.logIn(d); got != http.StatusInsufficientStorage || b.who() != "401" {
		t.Errorf("log-in: %d", got)
	}
	_, err := p.join(token)
	wantKind(t, err, rekey.ErrStorage)
	if a, err := p.staff.Agent(t.Context(), "ann"); err != nil || a.Passkeys != 1 {
		t.Errorf("%+v: %v", a, err)
	}
}

// TestOptions: what browsers are asked for.
func TestOptions(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	d := p.withDevice("ann")
	always := []string{`"residentKey":"required"`, `"requireResidentKey":true`, `"userVerification":"required"`, `"attestation":"none"`, `"id":"localhost"`}
	for fresh, excluded := range map[bool]bool{false: true, true: false} {
		c, who, err := p.staff.BeginPasskey(t.Context(), p.invite("ann", fresh), home)
		if err != nil || who.Name != "ann" {
			t.Fatal(err)
		}
		wantOptions(t, c, always...)
		if got := strings.Contains(string(c.Options), `"excludeCredentials":[{"type":"public-key","id":"`+b64(d.id)+`"`); got != excluded {
			t.Errorf("fresh %v: %s", fresh, c.Options)
		}
	}
	logIn, err := p.staff.BeginLogIn(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	wantOptions(t, logIn, `"rpId":"localhost"`, `"userVerification":"required"`)
	if strings.Contains(string(logIn.Options), "allowCredentials") {
		t.Errorf("a log-in names passkeys: %s", logIn.Options)
	}
	stepUp, err := p.staff.BeginStepUp(t.Context(), ann(), "x")
	if err != nil {
		t.Fatal(err)
	}
	wantOptions(t, stepUp, `"rpId":"localhost"`, `"userVerification":"required"`, `"id":"`+b64(d.id)+`"`)
	if logIn.ID == stepUp.ID || len(logIn.ID) != 32 {
		t.Errorf("ids %s and %s", logIn.ID, stepUp.ID)
	}
}

func wantOptions(t *testing.T, c staff.Ceremony, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(string(c.Options), part) {
			t.Errorf("no %s in %s", part, c.Options)
		}
	}
}
