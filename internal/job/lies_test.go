package job

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"rekey"
	"rekey/internal/harden"
)

// A refusal is a wrong try, whatever the recorder says is left.
func TestARefusalAlwaysCounts(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := testBudget(t, t.TempDir(), &now)
	for _, left := range []int{9, 1 << 30} { // more than the three that are assumed
		if err := errors.Join(b.Spend("admin"), b.Settle("admin", refused(left))); err != nil {
			t.Fatal(err)
		}
		if wrong, err := b.standing("admin"); err != nil || wrong < 1 {
			t.Errorf("%d left, and %d wrong tries stand: %v", left, wrong, err)
		}
	}
}

// What a recorder tells of its limit and of its lock is believed within what was
// seen of recorders.
func TestBudgetBelievesNoNonsense(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := testBudget(t, t.TempDir(), &now)
	if err := b.limit("admin", 1<<30); err != nil {
		t.Fatal(err)
	}
	if room, err := b.room("admin"); err != nil || room != mostTries-keptBack {
		t.Errorf("room for %d tries, %v", room, err)
	}
	locked := &rekey.LoginError{Kind: rekey.ErrLocked, TriesLeft: -1, LockedFor: 1 << 62}
	if err := errors.Join(b.Spend("admin"), b.Settle("admin", locked)); err != nil {
		t.Fatal(err)
	}
	if err := b.Spend("admin"); !errors.Is(err, rekey.ErrLocked) {
		t.Errorf("while it is locked: %v", err)
	}
	before := now
	now = now.Add(25 * time.Hour)
	if err := b.Spend("admin"); err != nil {
		t.Errorf("no lock lasts for years: %v", err)
	}
	now = now.Add(365 * 24 * time.Hour)
	if err := errors.Join(b.Spend("admin"), b.Settle("admin", locked)); err != nil {
		t.Fatal(err)
	}
	now = before
	if err := b.Spend("admin"); err != nil {
		t.Errorf("the clock was a year ahead when the lock was booked: %v", err)
	}
}

// The lock policy is one for all accounts, and so is a lower limit.
func TestLimitIsOfAllAccounts(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := testBudget(t, t.TempDir(), &now)
	if err := errors.Join(b.limit("second", 10), b.limit("admin", 4)); err != nil {
		t.Fatal(err)
	}
	for _, account := range []string{"admin", "second", " Admin ", "SECOND"} {
		if room, err := b.room(account); err != nil || room != 3 {
			t.Errorf("%q: room for %d, %v", account, room, err)
		}
	}
	if err := b.Spend("ADMIN "); err != nil {
		t.Fatal(err)
	}
	if room, err := b.room("admin"); err != nil || room != 2 {
		t.Errorf("another spelling has tries of its own: room for %d, %v", room, err)
	}
}

// The last try, accepted by name, is one: refused, it is not had again.
func TestTheLastTryIsOne(t *testing.T) {
	t.Parallel()
	now := time.Now()
	u := &run{proved: true, tries: testBudget(t, t.TempDir(), &now)}
	u.tries.accepted, u.tries.last = true, true
	if err := u.tries.limit("admin", 1); err != nil {
		t.Fatal(err)
	}
	login := func() error { return errors.Join(u.tries.Spend("admin"), u.tries.Settle("admin", refused(-1))) }
	if err := u.proven(login); errors.Is(err, rekey.ErrBudget) {
		t.Fatal(err)
	}
	if err := u.tries.Spend("admin"); !errors.Is(err, rekey.ErrBudget) {
		t.Errorf("a second last try: %v", err)
	}
}

// A lock policy that a run mends counts in the login budget from then on, and one
// that makes no sense does not.
func TestMendedPolicyCounts(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	b.policy = &rekey.LockPolicy{Enabled: true, Tries: 30, LockFor: time.Minute}
	r, _ := b.runner(t)
	req := b.request()
	req.Fix = true
	rep, err := r.Reset(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	if booked, err := r.Booked(b.id, b.target(), "admin"); err != nil || booked.Limit != harden.FixTries {
		t.Errorf("mended to %d tries, and booked are %d: %v; %v", b.policy.Tries, booked.Limit, err, rep.Findings)
	}
	b.policy = &rekey.LockPolicy{Enabled: true}
	req = b.request()
	req.Login.Password, req.New = rekey.NewSecret(labNew), rekey.NewSecret("Yet-another-53")
	if p, err := r.Plan(context.Background(), req); err != nil || strings.Contains(strings.Join(p.Notes, "\n"), "after 0 wrong tries") {
		t.Errorf("a limit of no tries: %v, %v", p.Notes, err)
	}
}

// A change that could not be proved is not sent.
func TestNoRoomToProve(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	b.limit = 3
	r, _ := b.runner(t)
	guess := b.request()
	guess.Login.Password = rekey.NewSecret("Wrong-guess-99")
	for range 2 {
		if _, err := r.Plan(context.Background(), guess); !errors.Is(err, rekey.ErrDenied) {
			t.Fatal(err)
		}
	}
	req := b.request()
	req.Login = rekey.Login{Account: "second", Password: rekey.NewSecret("Second-one-88")}
	if rep, err := r.Reset(context.Background(), req); rep.Outcome != rekey.Unchanged || !errors.Is(err, rekey.ErrBudget) || b.sets != 0 {
		t.Fatalf("%s after %d changes: %v", rep.Outcome, b.sets, err)
	}
	req.Accept = append(req.Accept, rekey.RiskLockAccount)
	b.wrong = 0 // of the second account's login
	if rep, err := r.Reset(context.Background(), req); err != nil || rep.Outcome != rekey.Changed {
		t.Errorf("accepted by name: %s, %v", rep.Outcome, err)
	}
}

// Whatever a recorder tells, and however much: the run ends, nothing of it moves a
// terminal's cursor, and the journal stays readable.
func TestHostileWords(t *testing.T) {
	t.Parallel()
	evil := "\x1b[2J\u202e\n" + strings.Repeat("<\x07", 3000)
	b := newLab(t)
	for n := range 3000 {
		b.users = append(b.users, rekey.ActiveUser{Account: evil, Address: fmt.Sprint(n), Client: evil})
		b.channels = append(b.channels, rekey.Channel{Number: n + 1, Name: evil, Why: evil, Online: n%2 == 0})
	}
	b.onLook = func(int) {
		for n := range mostRecords + 50 {
			b.log = append(b.log, rekey.LoginRecord{Time: b.wall.Add(time.Duration(n+5) * time.Second), Account: "admin", Address: fmt.Sprint(n%300) + evil, Client: evil})
		}
		b.log = append(b.log, rekey.LoginRecord{Time: time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC), Account: "admin"})
	}
	r, told := b.runner(t)
	r.At = func(point string) {
		if point == "set" {
			b.set(func() { b.channels[0].Online = false })
		}
	}
	rep, err := r.Reset(context.Background(), b.request())
	if err != nil || rep.Outcome != rekey.Changed || rep.Ended.IsZero() {
		t.Fatalf("%s, ended %v: %v", rep.Outcome, rep.Ended, err)
	}
	if len(rep.Stale) > mostClients || len(rep.Channels) != 1 || len(rep.Notes) == 0 {
		t.Errorf("%d clients, %d cameras, %d notes", len(rep.Stale), len(rep.Channels), len(rep.Notes))
	}
	words := append(rep.Notes, rep.Channels[0].Name, rep.Channels[0].Why, rep.Stale[0].Address, rep.Stale[0].Client)
	for _, e := range *told {
		words = append(words, e.Message)
		for _, v := range e.Fields {
			words = append(words, v)
		}
	}
	for _, w := range words {
		if strings.ContainsFunc(w, func(r rune) bool { return !unicode.IsPrint(r) }) || len([]rune(w)) > longest {
			t.Fatalf("%d long: %.80q", len(w), w)
		}
	}
	if raw, err := readJournal(r.runsDir(), rep.Run); err != nil || len(raw.Begun.Plan.Channels) > mostChannels || len(raw.Begun.Plan.LoggedIn) > mostUsers {
		t.Errorf("the journal: %v", err)
	}
}

// A refusal in words without end is recorded all the same, and closes the run.
func TestHostileRefusal(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	b.ignore, b.onSet = true, fmt.Errorf("%w: %s", rekey.ErrDenied, strings.Repeat("\x1bno ", 1<<16))
	r, _ := b.runner(t)
	rep, err := r.Reset(context.Background(), b.request())
	if rep.Outcome != rekey.Unchanged || rep.Ended.IsZero() || errors.Is(err, rekey.ErrStorage) {
		t.Errorf("%s, ended %v, storage %v", rep.Outcome, rep.Ended, errors.Is(err, rekey.ErrStorage))
	}
}

// A flood of tries is not silence.
func TestAFloodIsNotSilence(t *testing.T) {
	t.Parallel()
	b := newLab(t)
	b.onLook = func(look int) {
		for n := range mostRecords {
			b.stranger("192.0.2.9", time.Duration(look*mostRecords+n)*time.Second)
		}
	}
	r, told := b.runner(t)
	req := b.request()
	req.Watch = 900 * time.Millisecond
	rep, err := r.Reset(context.Background(), req)
	if err != nil || len(rep.Stale) != 1 || rep.Stale[0].Silent || count(*told, "has fallen silent") != 0 {
		t.Errorf("%+v, %v", rep.Stale, err)
	}
}
