package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http/httptrace"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/desk"
	"rekey/internal/desk/client"
	"rekey/internal/desk/passkey"
	"rekey/internal/desk/staff"
	"rekey/internal/rekeytest/mailbox"
	"rekey/internal/rekeytest/office"
	"rekey/recovery"
	"rekey/seclog"
)

// A stage for the desk's crash tests: a case that waits for its challenge, and
// the desk as a process of its own, which can be held at each step and killed.

const (
	ownersMail  = "petra@example.org"
	ownersPhone = "+49301234567"
)

func annAtDesk() desk.Agent {
	return desk.Agent{Name: "ann", Role: staff.RoleAgent, Browser: "the browser of ann"}
}

// called is one caller's recorder and case.
type called struct {
	box    office.Recorder
	number int64
	qr     bool // the challenge comes as a QR code, and needs no approval
}

// deskBefore is a desk with two cases of ann's, each before its answer: one by
// voice, which carol has approved, and one by QR code.
type deskBefore struct {
	folder    office.Folder
	keys      map[string]*passkey.Key
	voice, qr called
}

// newDeskBefore makes it by the real clock, which goes on in its copies.
func newDeskBefore(t *testing.T) (b deskBefore) {
	t.Helper()
	ctx, dir, mail := t.Context(), filepath.Join(t.TempDir(), "desk"), new(office.Bag)
	b.keys = map[string]*passkey.Key{}
	o := desk.Options{URL: office.At, Mail: mail, SMS: new(office.Bag), Argon: argon.Cheap()}
	_, err := desk.Init(ctx, dir, "root", o)
	fine(t, err)
	d, err := desk.Open(ctx, dir, o)
	fine(t, err)
	for name, role := range map[string]staff.Role{"ann": staff.RoleAgent, "carol": staff.RoleApprover} {
		fine(t, d.AddAgent(ctx, desk.Operator(), name, role, desk.StepUp{}))
		b.keys[name], err = office.Register(ctx, d, name, office.At)
		fine(t, err)
	}
	b.voice, b.qr = takeCall(t, d, mail), takeCall(t, d, mail)
	b.qr.qr = true
	carol := desk.Agent{Name: "carol", Role: staff.RoleApprover, Browser: "the browser of carol"}
	proof, err := proveAt(ctx, d, b.keys["carol"], carol, desk.ActCaseApprove, b.voice.number, "approve")
	fine(t, err)
	_, err = d.Approve(ctx, carol, b.voice.number, true, proof)
	fine(t, err)
	letTell(t, d, func() bool { return allTold(t, d, b.voice.number) && allTold(t, d, b.qr.number) })
	fine(t, d.Close())
	b.folder, err = office.Take(dir)
	fine(t, err)
	return b
}

// takeCall enrols a recorder and opens a case for it, with all the evidence.
func takeCall(t *testing.T, d *desk.Desk, mail *office.Bag) called {
	t.Helper()
	ctx, box := t.Context(), office.NewRecorder(t)
	_, err := d.Enrol(ctx, desk.Operator(), box.Enrolment(t, d.Dir(), 0), desk.Owner{Name: "Petra Example",
		Since: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), Addresses: []string{"mailto:" + ownersMail, "tel:" + ownersPhone}})
	fine(t, err)
	c, err := d.OpenCase(ctx, annAtDesk(), desk.NewCase{DeviceID: box.ID, Account: "admin", Caller: "+49 171 5550123"})
	fine(t, err)
	_, err = d.SendCode(ctx, annAtDesk(), c.Number, 0)
	fine(t, err)
	codes := mail.Of("code")
	code := regexp.MustCompile(`\d{4} \d{4}`).FindString(codes[len(codes)-1].Text)
	_, err = d.AddEvidence(ctx, annAtDesk(), c.Number, desk.Given{Kind: desk.EvidenceAddress, Code: rekey.NewSecret(code)})
	fine(t, err)
	_, err = d.AddEvidence(ctx, annAtDesk(), c.Number, desk.Given{Kind: desk.EvidenceCallback, Note: "called back at half past two"})
	fine(t, err)
	return called{box: box, number: c.Number}
}

func allTold(t *testing.T, d *desk.Desk, number int64) bool {
	t.Helper()
	c, err := d.Case(t.Context(), annAtDesk(), number)
	fine(t, err)
	return !slices.ContainsFunc(c.Told, func(of desk.Telling) bool { return of.Over == 0 || of.Waiting > 0 })
}

func fine(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// letTell lets the desk do its work in the background until enough is told.
func letTell(t *testing.T, d *desk.Desk, enough func() bool) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	waitUntil(t, "the owner is told", enough)
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// waitUntil looks again and again, for a minute at most.
func waitUntil(t *testing.T, what string, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for over := time.Now().Add(time.Minute); !happened(); <-tick.C {
		if time.Now().After(over) {
			t.Fatalf("it did not come so far that %s", what)
		}
	}
}

// proveAt is a proof of presence at a desk in this process.
func proveAt(ctx context.Context, d *desk.Desk, k *passkey.Key, who desk.Agent, act desk.Act, number int64, object string) (proof desk.StepUp, err error) {
	begun, err := d.BeginStepUp(ctx, who, act, number, object)
	if err != nil {
		return proof, err
	}
	proof.ID = begun.ID
	proof.Assertion, err = k.Get(office.At, begun.Options)
	return proof, err
}

// deskCrash is one copy of it, with a mail server and an SMS provider, and the
// process that serves it.
type deskCrash struct {
	called
	t       *testing.T
	dir     string
	keys    map[string]*passkey.Key
	mail    *mailbox.Server
	sms     *mailbox.Provider
	ann     *client.Client
	process *deskProcess
	counter uint64 // of the recorder's challenges
	shown   int    // answers that ann has got
	asked   []recovery.Challenge

	ch      recovery.Challenge // of the reveal that is cut off
	before  []string           // events of the log when it began
	replied chan struct{}      // closed when the desk has replied, or is gone
	reply   desk.Revealed
	failed  error
	free    []func() // locks that the test holds
}

func newDeskCrash(t *testing.T, before deskBefore, of called) *deskCrash {
	t.Helper()
	s := &deskCrash{called: of, t: t, dir: filepath.Join(t.TempDir(), "desk"), keys: before.keys, mail: mailbox.Serve(t), sms: mailbox.ServeSMS(t)}
	fine(t, before.folder.Put(s.dir))
	s.serve()
	return s
}

// serve starts the desk, as after a crash, and logs ann in.
func (s *deskCrash) serve() {
	t := s.t
	t.Helper()
	ready, key := filepath.Join(t.TempDir(), "ready.json"), filepath.Join(t.TempDir(), "sms-key")
	fine(t, os.WriteFile(key, []byte(s.sms.Key), 0o600))
	var talk bytes.Buffer
	process := &deskProcess{exec.Command("rekey", "desk", "serve", "--dir", s.dir, "--listen", "127.0.0.1:0", "--ready-file", ready,
		"--smtp-server", s.mail.Addr, "--smtp-from", "desk@example.net", "--sms-url", s.sms.URL, "--sms-key-file", key), make(chan struct{})}
	process.cmd.Stderr = &talk
	fine(t, process.cmd.Start())
	go func() {
		_ = process.cmd.Wait() // "killed" is what is wanted
		close(process.dead)
	}()
	s.process = process
	t.Cleanup(process.kill)
	if err := await(ready); err != nil {
		process.kill()
		t.Fatalf("%v\n%s", err, talk.String())
	}
	data, err := os.ReadFile(ready)
	var told struct{ URL string }
	if err != nil || json.Unmarshal(data, &told) != nil {
		t.Fatalf("ready file: %v", err)
	}
	s.ann, err = client.New(told.URL)
	fine(t, err)
	t.Cleanup(s.ann.HangUp)
	if _, err := s.ann.LogIn(t.Context(), s.keys["ann"]); err != nil {
		t.Fatalf("ann logs in: %v", err)
	}
}

// deskProcess is one process that serves the desk.
type deskProcess struct {
	cmd  *exec.Cmd
	dead chan struct{} // closed when it has ended
}

// kill is kill -9. It returns when the process is gone.
func (p *deskProcess) kill() {
	_ = p.cmd.Process.Kill() // it may be gone
	<-p.dead
}

// challenge is the next one that the recorder shows.
func (s *deskCrash) challenge() recovery.Challenge {
	s.t.Helper()
	s.counter++
	ch, err := s.box.Keys.NewChallenge(recovery.PurposePassword, 0, s.counter, nil)
	fine(s.t, err)
	s.asked = append(s.asked, ch)
	return ch
}

// halves are the two halves of the recorder's own answer.
func (s *deskCrash) halves(ch recovery.Challenge) (spoken, sent string) {
	s.t.Helper()
	answer, err := s.box.Keys.Answer(s.box.ID, "admin", ch)
	fine(s.t, err)
	return answer.Halves()
}

// said is a challenge as ann gives it to the desk.
func (s *deskCrash) said(ch recovery.Challenge) string {
	s.t.Helper()
	if s.qr {
		return s.box.QR(s.t, "desk.example.org", ch)
	}
	return ch.String()
}

// ask begins the reveal that is to be cut off.
func (s *deskCrash) ask() { s.askAfter(func() {}) }

// askAfter has between done when the desk has begun the proof of ann's presence,
// and before she gives it.
func (s *deskCrash) askAfter(between func()) {
	s.ch, s.before, s.replied = s.challenge(), s.events(), make(chan struct{})
	said := s.said(s.ch)
	between = sync.OnceFunc(between)
	ctx := httptrace.WithClientTrace(s.t.Context(), &httptrace.ClientTrace{GotFirstResponseByte: between})
	go func() {
		defer close(s.replied)
		s.reply, s.failed = s.ann.Reveal(ctx, s.number, said)
	}()
}

// until waits for an event of the reveal, or for its end.
func (s *deskCrash) until(what string, happened func() bool) {
	s.t.Helper()
	waitUntil(s.t, what, func() bool {
		select {
		case <-s.replied:
			return true
		case <-s.process.dead:
			return true
		default:
			return happened()
		}
	})
}

// events are the records of the security log, oldest first. The process may be
// writing the last one.
func (s *deskCrash) events() (all []string) {
	for rec, err := range seclog.Records(os.DirFS(filepath.Join(s.dir, desk.LogDir))) {
		if err == nil {
			all = append(all, rec.Event)
		}
	}
	return all
}

// noted waits for a record of the reveal; recorded also until it is whole, and a
// signed checkpoint covers it.
func (s *deskCrash) noted(event string) {
	s.t.Helper()
	s.until(event+" is recorded", func() bool { return slices.Contains(s.events()[len(s.before):], event) })
}

func (s *deskCrash) recorded(event string) {
	s.t.Helper()
	s.noted(event)
	s.holdLog()()
}

// row is what the database holds of a challenge: nothing, or pending, yes or no.
func (s *deskCrash) row(ch recovery.Challenge) (delivered string) {
	s.t.Helper()
	err := s.look(&delivered, `SELECT delivered FROM reveals WHERE challenge = $1`, hashOf(ch))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		s.t.Fatal(err)
	}
	return delivered
}

func hashOf(ch recovery.Challenge) string {
	sum := ch.Hash()
	return hex.EncodeToString(sum[:])
}

// proved is when ann's passkey last proved her presence.
func (s *deskCrash) proved() (at int64) {
	s.t.Helper()
	fine(s.t, s.look(&at, `SELECT used_at FROM passkeys WHERE agent = 'ann'`))
	return at
}

// look asks the database behind the desk's back.
func (s *deskCrash) look(into any, query string, args ...any) error {
	db, err := s.database("")
	if err != nil {
		return err
	}
	defer db.Close()
	return db.QueryRow(query, args...).Scan(into)
}

func (s *deskCrash) database(more string) (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(s.dir, "desk.db"))+"?_pragma=busy_timeout(60000)"+more)
}

// holdDatabase keeps the desk from writing to its database.
func (s *deskCrash) holdDatabase() (release func()) {
	s.t.Helper()
	db, err := s.database("&_txlock=immediate")
	fine(s.t, err)
	tx, err := db.Begin()
	fine(s.t, err)
	return s.held(func() error { return errors.Join(tx.Rollback(), db.Close()) })
}

// holdLog keeps the desk from writing to its security log.
func (s *deskCrash) holdLog() (release func()) {
	s.t.Helper()
	f, err := os.OpenFile(filepath.Join(s.dir, desk.LogDir, "lock"), os.O_RDWR, 0)
	fine(s.t, err)
	for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
	}
	fine(s.t, err)
	return s.held(f.Close)
}

// held makes sure that what the test holds is let go of, once.
func (s *deskCrash) held(free func() error) func() {
	release := sync.OnceFunc(func() {
		if err := free(); err != nil {
			s.t.Error(err)
		}
	})
	s.free = append(s.free, release)
	return release
}

func (s *deskCrash) letGo() {
	for _, release := range s.free {
		release()
	}
	s.free = nil
}
