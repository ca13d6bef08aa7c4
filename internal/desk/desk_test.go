package desk_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/desk"
	"rekey/internal/desk/client"
	"rekey/recovery"
)

const (
	passwordOfAll = "seven quiet tables in a row"
	rightNote     = "number sent to the address was read back"
	qrDesk        = "desk.example.org"
)

// clock is a wall clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// place is a desk with agents, a clock, and recorders that can be made.
type place struct {
	t     *testing.T
	dir   string
	clock *clock
	desk  *desk.Desk
}

func agents() map[string]desk.Role {
	return map[string]desk.Role{
		"ann": desk.RoleAgent, "bob": desk.RoleAgent, "carol": desk.RoleApprover,
		"sue": desk.RoleSupervisor, "otto": desk.RoleAuditor,
	}
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, dir: filepath.Join(t.TempDir(), "desk"), clock: newClock()}
	if err := desk.Init(t.Context(), p.dir, "root", rekey.NewSecret(passwordOfAll), p.options()); err != nil {
		t.Fatal(err)
	}
	p.open()
	for name, role := range agents() {
		if err := p.desk.AddAgent(t.Context(), desk.Operator(), name, role, rekey.NewSecret(passwordOfAll)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p *place) options() desk.Options { return desk.Options{Argon: argon.Cheap(), Now: p.clock.Now} }

func (p *place) open() {
	p.t.Helper()
	d, err := desk.Open(p.t.Context(), p.dir, p.options())
	if err != nil {
		p.t.Fatal(err)
	}
	p.desk = d
	p.t.Cleanup(func() { _ = d.Close() })
}

func ann() desk.Agent   { return desk.Agent{Name: "ann", Role: desk.RoleAgent} }
func bob() desk.Agent   { return desk.Agent{Name: "bob", Role: desk.RoleAgent} }
func carol() desk.Agent { return desk.Agent{Name: "carol", Role: desk.RoleApprover} }
func sue() desk.Agent   { return desk.Agent{Name: "sue", Role: desk.RoleSupervisor} }

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

// enrol makes a recorder and enrols it.
func (p *place) enrol(owner desk.Owner) *box {
	p.t.Helper()
	b := &box{kDev: make([]byte, recovery.KeySize)}
	_, _ = rand.Read(b.kDev)
	var err error
	if b.id, err = recovery.NewDeviceID(nil); err != nil {
		p.t.Fatal(err)
	}
	if b.keys, err = recovery.NewKeys(b.kDev); err != nil {
		p.t.Fatal(err)
	}
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

func (p *place) enrolment(b *box, epoch uint8) []byte {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, desk.PublicKeyFile))
	if err != nil {
		p.t.Fatal(err)
	}
	key, err := recovery.ParseDeskKey(text)
	if err != nil {
		p.t.Fatal(err)
	}
	enc, sealed, err := recovery.SealEnrolment(key, b.id, epoch, b.kDev)
	if err != nil {
		p.t.Fatal(err)
	}
	file, err := json.Marshal(recovery.Enrolment{Format: recovery.EnrolmentFormat, DeviceID: b.id, Model: "N841", Serial: "ND000000000001", Epoch: epoch, Enc: enc, Sealed: sealed})
	if err != nil {
		p.t.Fatal(err)
	}
	return file
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
	q, err := b.keys.SignQR(recovery.QR{Desk: qrDesk, DeviceID: b.id, Challenge: ch})
	if err != nil {
		t.Fatal(err)
	}
	text, err := q.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (p *place) openCase(who desk.Agent, b *box, caller string) desk.Case {
	p.t.Helper()
	c, err := p.desk.OpenCase(p.t.Context(), who, desk.NewCase{DeviceID: b.id, Account: "admin", Caller: caller})
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// add adds evidence that the agent vouches for.
func (p *place) add(who desk.Agent, number int64, kinds ...desk.Evidence) desk.Case {
	p.t.Helper()
	var c desk.Case
	for _, kind := range kinds {
		var err error
		if c, err = p.desk.AddEvidence(p.t.Context(), who, number, kind, rightNote, ""); err != nil {
			p.t.Fatal(err)
		}
	}
	return c
}

// ready is a case of ann at the stage challenge, through voice and approval.
func (p *place) ready(b *box, caller string) desk.Case {
	p.t.Helper()
	c := p.openCase(ann(), b, caller)
	p.add(ann(), c.Number, desk.EvidenceAddress, desk.EvidencePhrase)
	c, err := p.desk.Approve(p.t.Context(), carol(), c.Number, true)
	if err != nil {
		p.t.Fatal(err)
	}
	if c.Stage != desk.StageChallenge {
		p.t.Fatalf("stage %q, want challenge", c.Stage)
	}
	return c
}

func (p *place) serve() string {
	p.t.Helper()
	s := httptest.NewServer(p.desk.Handler())
	p.t.Cleanup(s.Close)
	return s.URL
}

func (p *place) client(url, name string) *client.Client {
	p.t.Helper()
	c, err := client.New(url)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := c.LogIn(p.t.Context(), name, rekey.NewSecret(passwordOfAll)); err != nil {
		p.t.Fatal(err)
	}
	return c
}

// TestCallFromDeviceIDToAnswer is the call itself, over the API: the owner
// reads the QR code to the agent, who alone can issue the answer.
func TestCallFromDeviceIDToAnswer(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	b := p.enrol(ownerOfAll())
	ctx := t.Context()
	agent := p.client(p.serve(), "ann")

	if r, err := agent.Recorder(ctx, b.id); err != nil || r.Model != "N841" || r.Addresses[0] != "mailto:p***@example.org" {
		t.Fatalf("recorder %+v: %v", r, err)
	}
	c, err := agent.OpenCase(ctx, desk.OpenCaseRequest{DeviceID: b.id.String(), Account: "admin", Caller: "+49 30 1234567"})
	if err != nil || c.Stage != desk.StageEvidence {
		t.Fatalf("case %+v: %v", c, err)
	}
	ch := b.challenge(t, recovery.PurposePassword)
	if c, err = agent.AddEvidence(ctx, c.Number, desk.EvidenceRequest{Kind: "E1", QR: b.qr(t, ch)}); err != nil {
		t.Fatal(err)
	}
	if c, err = agent.AddEvidence(ctx, c.Number, desk.EvidenceRequest{Kind: "E2", Note: rightNote}); err != nil || c.Stage != desk.StageChallenge || c.TwoPeople {
		t.Fatalf("case %+v: %v", c, err)
	}
	got, err := agent.Answer(ctx, c.Number, c.QRChallenge)
	if err != nil {
		t.Fatal(err)
	}
	want, err := b.keys.Answer(b.id, "admin", ch)
	if err != nil || got.Reveal() != want.Reveal() {
		t.Fatalf("the answer does not fit the recorder: %v", err)
	}
	if c, err = agent.Case(ctx, c.Number); err != nil || c.Stage != desk.StageAnswered {
		t.Fatalf("case %+v: %v", c, err)
	}
	if c, err = agent.Close(ctx, c.Number, "solved"); err != nil || c.Stage != desk.StageClosed {
		t.Fatalf("case %+v: %v", c, err)
	}
	if err := agent.LogOut(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := agent.Case(ctx, c.Number); err == nil {
		t.Fatal("the session lives after the log-out")
	}
	report, err := p.desk.VerifyLog(ctx, desk.Agent{Name: "otto", Role: desk.RoleAuditor})
	if err != nil || report.Problem != "" {
		t.Fatalf("log: %v %s", err, report.Problem)
	}
}
