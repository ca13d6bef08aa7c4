package desk_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite" // an insider edits the database

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/desk"
	"rekey/internal/desk/courier"
	"rekey/internal/desk/passkey"
	"rekey/internal/desk/staff"
	"rekey/internal/rekeytest/office"
	"rekey/recovery"
)

const (
	rightNote = "number of the invoice matches the registry"
	qrDesk    = "desk.example.org"
	deskURL   = "http://localhost:8080"
)

// clock is a wall clock that a test moves, and the time since boot beside it.
type clock struct {
	mu   sync.Mutex
	now  time.Time
	boot time.Duration
}

func newClock() *clock {
	return &clock{now: office.Opened(), boot: time.Hour}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Boot() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.boot
}

// Add lets time go by.
func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.boot = c.now.Add(d), c.boot+d
}

// Jump sets the wall clock alone, as somebody who meddles with it would.
func (c *clock) Jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// place is a desk with agents, a clock, mail, and recorders that can be made.
type place struct {
	t         *testing.T
	dir       string
	clock     *clock
	mail, sms *office.Bag
	keys      map[string]*passkey.Key // of the agents who needed one so far
	desk      *desk.Desk
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, dir: filepath.Join(t.TempDir(), "desk"), clock: newClock(), mail: new(office.Bag), sms: new(office.Bag)}
	var err error
	if p.keys, err = office.Copy(p.dir); err != nil {
		t.Fatal(err)
	}
	p.open()
	return p
}

func (p *place) options() desk.Options {
	return desk.Options{URL: deskURL, Mail: p.mail, SMS: p.sms, Argon: argon.Cheap(), Now: p.clock.Now, Boot: p.clock.Boot}
}

func (p *place) open() {
	p.t.Helper()
	d, err := desk.Open(p.t.Context(), p.dir, p.options())
	if err != nil {
		p.t.Fatal(err)
	}
	p.desk = d
	p.t.Cleanup(func() { _ = d.Close() })
}

// person is somebody at a browser of their own.
func person(name string, role staff.Role) desk.Agent {
	return desk.Agent{Name: name, Role: role, Browser: "the browser of " + name}
}

func ann() desk.Agent   { return person("ann", staff.RoleAgent) }
func bob() desk.Agent   { return person("bob", staff.RoleAgent) }
func carol() desk.Agent { return person("carol", staff.RoleApprover) }
func sue() desk.Agent   { return person("sue", staff.RoleSupervisor) }
func otto() desk.Agent  { return person("otto", staff.RoleAuditor) }
func root() desk.Agent  { return person("root", staff.RoleAdministrator) }

// proof proves who's presence for one act, with their passkey; object is what
// the act's method says.
func (p *place) proof(who desk.Agent, act desk.Act, number int64, object string) desk.StepUp {
	p.t.Helper()
	return p.proofAt(p.desk, who, act, number, object)
}

// proofAt is a proof at another process of the desk.
func (p *place) proofAt(d *desk.Desk, who desk.Agent, act desk.Act, number int64, object string) desk.StepUp {
	p.t.Helper()
	key := p.key(who)
	c, err := d.BeginStepUp(p.t.Context(), who, act, number, object)
	if err != nil {
		return desk.StepUp{} // the act itself says why
	}
	assertion, err := key.Get(deskURL, c.Options)
	if err != nil {
		p.t.Fatal(err)
	}
	return desk.StepUp{ID: c.ID, Assertion: assertion}
}

// key is who's passkey; the first time it is registered by a one-time link.
func (p *place) key(who desk.Agent) *passkey.Key {
	p.t.Helper()
	if p.keys[who.Name] == nil {
		k, err := office.Register(p.t.Context(), p.desk, who.Name, deskURL)
		if err != nil {
			p.t.Fatal(err)
		}
		p.keys[who.Name] = k
	}
	return p.keys[who.Name]
}

// box is a recorder as the desk knows it: its Device ID, key and counter.
type box struct {
	id      recovery.DeviceID
	kDev    []byte
	keys    *recovery.Keys
	counter uint64
}

func ownerOfAll() desk.Owner {
	return desk.Owner{Name: "Petra Example", Since: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC),
		Addresses: []string{"mailto:petra@example.org", "tel:+49 30 1234567"}}
}

// The owner's addresses as Case.Targets has them.
const (
	byMail = 0
	bySMS  = 1
)

// enrol makes a recorder and enrols it.
func (p *place) enrol(owner desk.Owner) *box {
	p.t.Helper()
	r := office.NewRecorder(p.t)
	b := &box{id: r.ID, kDev: r.KDev, keys: r.Keys}
	done, err := p.desk.Enrol(p.t.Context(), desk.Operator(), p.enrolment(b, 0), owner)
	if err != nil {
		p.t.Fatal(err)
	}
	ch, err := recovery.ParseChallenge(done.TestChallenge)
	if err != nil {
		p.t.Fatal(err)
	}
	if want, err := b.keys.Answer(b.id, done.TestAccount, ch); err != nil || want.Reveal() != done.TestAnswer {
		p.t.Fatalf("the test answer does not fit: %v", err)
	}
	return b
}

func (b *box) recorder() office.Recorder {
	return office.Recorder{ID: b.id, KDev: b.kDev, Keys: b.keys}
}

func (p *place) enrolment(b *box, epoch uint8) []byte {
	p.t.Helper()
	return b.recorder().Enrolment(p.t, p.dir, epoch)
}

// challenge is the next challenge of the recorder.
func (b *box) challenge(t *testing.T, purpose recovery.Purpose) recovery.Challenge {
	t.Helper()
	b.counter++
	ch, err := b.keys.NewChallenge(purpose, 0, b.counter, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// qr is the QR text of a challenge.
func (b *box) qr(t *testing.T, ch recovery.Challenge) string {
	t.Helper()
	return b.recorder().QR(t, qrDesk, ch)
}

// answer is what the recorder itself works out.
func (b *box) answer(t *testing.T, account string, ch recovery.Challenge) string {
	t.Helper()
	a, err := b.keys.Answer(b.id, account, ch)
	if err != nil {
		t.Fatal(err)
	}
	return a.Reveal()
}

// whole puts together what the agent got and what lies in the owner's mail.
func (p *place) whole(number int64, got desk.Revealed) string {
	p.t.Helper()
	var all []string
	for _, g := range got.Groups {
		all = append(all, g.Text)
	}
	if !got.Split {
		return strings.Join(all, "-")
	}
	for _, m := range append(p.mail.Of("half"), p.sms.Of("half")...) {
		if half := regexp.MustCompile(`(?m)^\s*([0-9A-Z]{4}-[0-9A-Z]{4})\b`).FindStringSubmatch(m.Text); m.Case == number && half != nil {
			return strings.Join(append(all, half[1]), "-")
		}
	}
	p.t.Fatalf("nobody was sent the other half of case %d", number)
	return ""
}

func (p *place) openCase(who desk.Agent, b *box, caller string) desk.Case {
	p.t.Helper()
	c, err := p.desk.OpenCase(p.t.Context(), who, desk.NewCase{DeviceID: b.id, Account: "admin", Caller: caller})
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// flush carries what waits to be sent.
func (p *place) flush() {
	p.t.Helper()
	if err := p.desk.Flush(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

// seen is the case as who sees it.
func (p *place) seen(who desk.Agent, number int64) desk.Case {
	p.t.Helper()
	c, err := p.desk.Case(p.t.Context(), who, number)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// add adds evidence: E2 by a number that is sent and read out, the others by a note.
func (p *place) add(who desk.Agent, number int64, kinds ...desk.Evidence) desk.Case {
	p.t.Helper()
	var c desk.Case
	for _, kind := range kinds {
		given := desk.Given{Kind: kind, Note: rightNote}
		if kind == desk.EvidenceAddress {
			given = desk.Given{Kind: kind, Code: p.code(who, number, byMail)}
		}
		var err error
		if c, err = p.desk.AddEvidence(p.t.Context(), who, number, given); err != nil {
			p.t.Fatalf("%s: %v", kind, err)
		}
	}
	return c
}

// code has a number sent to a registered address, and reads it there.
func (p *place) code(who desk.Agent, number int64, target int) rekey.Secret {
	p.t.Helper()
	if _, err := p.desk.SendCode(p.t.Context(), who, number, target); err != nil {
		p.t.Fatal(err)
	}
	p.flush()
	bag := p.mail
	if target == bySMS {
		bag = p.sms
	}
	sent := slices.DeleteFunc(bag.Of("code"), func(m courier.Message) bool { return m.Case != number })
	return digitsOf(p.t, sent)
}

func digitsOf(t *testing.T, sent []courier.Message) rekey.Secret {
	t.Helper()
	if len(sent) == 0 {
		t.Fatal("no number was sent")
	}
	digits := regexp.MustCompile(`\b\d{4}[ -]?\d{4}\b`).FindString(sent[len(sent)-1].Text)
	if digits == "" {
		t.Fatal("the message holds no number")
	}
	return rekey.NewSecret(digits)
}

func (p *place) approve(who desk.Agent, number int64) (desk.Case, error) {
	p.t.Helper()
	return p.desk.Approve(p.t.Context(), who, number, true, p.proof(who, desk.ActCaseApprove, number, "approve"))
}

// reveal asks for the answer, after the mail had its time.
func (p *place) reveal(who desk.Agent, number int64, challenge string) (desk.Revealed, error) {
	p.t.Helper()
	p.flush()
	return p.desk.Reveal(p.t.Context(), who, number, challenge, p.proof(who, desk.ActReveal, number, challenge))
}

// ready is a case of ann's at the stage challenge, by voice and approval.
func (p *place) ready(b *box, caller string) desk.Case {
	p.t.Helper()
	c := p.openCase(ann(), b, caller)
	p.add(ann(), c.Number, desk.EvidenceAddress, desk.EvidenceCallback)
	if _, err := p.approve(carol(), c.Number); err != nil {
		p.t.Fatal(err)
	}
	until(p.t, "the owner is told", func() bool { // Run may have a message in hand, which flush does not wait for
		p.flush()
		c = p.seen(ann(), c.Number)
		return c.Stage != desk.StageTelling
	})
	if c.Stage != desk.StageChallenge {
		p.t.Fatalf("stage %q, want challenge", c.Stage)
	}
	return c
}

func wantKind(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("got %v, want %v", err, kind)
	}
}

// wantAny wants one of the kinds.
func wantAny(t *testing.T, err error, kinds ...error) {
	t.Helper()
	if !slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) }) {
		t.Errorf("got %v, want one of %v", err, kinds)
	}
}

// count asks the database behind the desk's back.
func (p *place) count(query string, args ...any) (n int) {
	p.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(p.dir, "desk.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(p.t.Context(), query, args...).Scan(&n); err != nil {
		p.t.Fatal(err)
	}
	return n
}

// edit changes the database behind the desk's back.
func (p *place) edit(query string, args ...any) error {
	p.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(p.dir, "desk.db")+"?_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)")
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	_, err = db.ExecContext(p.t.Context(), query, args...)
	return err
}

// events are the records of the security log, newest first, as "actor event result".
func (p *place) events() []string {
	p.t.Helper()
	report, err := p.desk.VerifyLog(p.t.Context(), otto())
	if err != nil || report.Problem != "" {
		p.t.Fatalf("log: %v %s", err, report.Problem)
	}
	var all []string
	for _, r := range report.Last {
		all = append(all, strings.TrimSpace(r.Actor+" "+r.Event+" "+r.Result))
	}
	return all
}

func (p *place) wantEvent(want string) {
	p.t.Helper()
	if all := p.events(); !slices.Contains(all, want) {
		p.t.Errorf("the security log has no %q, only\n%s", want, strings.Join(all, "\n"))
	}
}
